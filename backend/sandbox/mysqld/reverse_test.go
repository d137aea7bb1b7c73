package mysqld_test

import (
	"context"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"
)

// reverse is a proxy that can lose what the client sends: the acknowledgements of
// a replica. New connections pass.
type reverse struct {
	addr string
	hold atomic.Bool
}

func newReverse(t *testing.T, target string) *reverse {
	t.Helper()
	var lc net.ListenConfig
	ln, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &reverse{addr: ln.Addr().String()}
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			var d net.Dialer
			s, err := d.DialContext(ctx, "tcp", target)
			if err != nil {
				_ = c.Close()
				continue
			}
			stop := context.AfterFunc(ctx, func() { _ = c.Close(); _ = s.Close() })
			wg.Go(func() {
				defer stop()
				buf := make([]byte, 4096)
				for {
					n, err := c.Read(buf)
					if n > 0 && !r.hold.Load() {
						_, _ = s.Write(buf[:n])
					}
					if err != nil {
						_ = s.Close()
						return
					}
				}
			})
			wg.Go(func() {
				_, _ = io.Copy(c, s)
				_ = c.Close()
			})
		}
	})
	t.Cleanup(func() {
		cancel()
		_ = ln.Close()
		wg.Wait()
	})
	return r
}
