package kafkad

import (
	"context"
	"fmt"
	"net"
)

// front opens the brokers' listeners and remembers both faces of each. kfake
// calls listen one broker after the other while it starts, so no lock is needed.
type front struct {
	advertise   func(string) (string, error)
	real, given []string
}

// listen is kfake's ListenFn. kfake advertises what the listener's Addr says.
func (f *front) listen(network, address string) (net.Listener, error) {
	var lc net.ListenConfig
	ln, err := lc.Listen(context.Background(), network, address)
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w", address, err)
	}
	realAddr := ln.Addr().String()
	given := realAddr
	if f.advertise != nil {
		a, err := f.advertise(realAddr)
		if err == nil && a != "" {
			_, _, err = net.SplitHostPort(a)
			given = a
		}
		if err != nil {
			_ = ln.Close() // the error above says more
			return nil, fmt.Errorf("advertised address for broker at %s: %w", realAddr, err)
		}
	}
	f.real = append(f.real, realAddr)
	f.given = append(f.given, given)
	return &advertised{Listener: ln, addr: hostport(given)}, nil
}

// advertised is a listener that gives another address as its own.
type advertised struct {
	net.Listener
	addr hostport
}

// Addr is the advertised address.
func (a *advertised) Addr() net.Addr { return a.addr }

// hostport is an address as text.
type hostport string

// Network is always tcp.
func (hostport) Network() string { return "tcp" }

// String is host:port.
func (h hostport) String() string { return string(h) }
