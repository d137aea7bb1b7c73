package link

import (
	"context"
	"fmt"
	"net"
)

// probe finds out which address listen stands for (port 0 becomes a real port) by
// listening for a moment. The port is not kept.
func probe(listen string) (addr string, free func(), err error) {
	var lc net.ListenConfig
	ln, err := lc.Listen(context.Background(), "tcp", listen)
	if err != nil {
		return "", nil, fmt.Errorf("listen on %s: %w", listen, err)
	}
	addr = ln.Addr().String()
	if err := ln.Close(); err != nil {
		return "", nil, fmt.Errorf("close %s: %w", addr, err)
	}
	return addr, func() {}, nil
}
