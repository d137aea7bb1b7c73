package probes

import "context"

// tcpAsker connects and hangs up: proof that something listens, no more.
type tcpAsker struct{ t Target }

func newTCP(t Target) (asker, error) {
	if t.Address == "" {
		return nil, errNeedsAddress
	}
	return &tcpAsker{t}, nil
}

func (a *tcpAsker) ask(ctx context.Context, c *conv) answer {
	conn, err := a.t.plain(ctx, "tcp", a.t.Address)
	if err != nil {
		return c.failed(ctx, a.t.Address, err)
	}
	c.answered()
	_ = conn.Close() // nothing was written
	return up("accepts connections")
}

func (a *tcpAsker) close() error { return nil }
