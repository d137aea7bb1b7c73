package trust

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"syscall"
)

// HandshakeError is a handshake that did not come to an end. Its text is the one line
// for a person; the cause stays wrapped.
type HandshakeError struct {
	Kind Kind
	text string
	err  error
}

func (e *HandshakeError) Error() string { return e.text }
func (e *HandshakeError) Unwrap() error { return e.err }

// Handshake secures conn, which it closes on failure. host is the name that was dialled.
func (c *Client) Handshake(ctx context.Context, conn net.Conn, host string) (net.Conn, error) {
	return c.handshake(ctx, conn, host)
}

func (c *Client) handshake(ctx context.Context, conn net.Conn, host string, protocols ...string) (net.Conn, error) {
	cfg, err := c.Config(host)
	if err != nil {
		_ = conn.Close()
		return nil, err
	}
	cfg.NextProtos = protocols
	t := tls.Client(Heed(conn), cfg)
	if err := t.HandshakeContext(ctx); err != nil {
		_ = conn.Close()
		kind, text := c.explain(err, true)
		if text == "" {
			text = err.Error()
		}
		return nil, &HandshakeError{Kind: kind, text: text, err: err}
	}
	return t, nil
}

// Heed returns conn without the errors of writing to somebody who has hung up: a server
// that refuses a client certificate says so and hangs up, and what it said is still to be
// read. Reading tells the end of the connection, so nobody waits for ever. It is what TLS
// is spoken over.
func Heed(conn net.Conn) net.Conn {
	if s, ok := conn.(syscall.Conn); ok {
		return heedingSocket{heeding{conn}, s}
	}
	return heeding{conn}
}

type heeding struct{ net.Conn }

func (h heeding) Write(p []byte) (int, error) {
	n, err := h.Conn.Write(p)
	if errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE) {
		return len(p), nil
	}
	return n, err
}

// heedingSocket lets a pool look whether the other side has hung up while it was idle.
type heedingSocket struct {
	heeding
	syscall.Conn
}

// Dial is a dialer as the standard library has it.
type Dial func(ctx context.Context, network, addr string) (net.Conn, error)

// Plain dials without TLS, and tells a server that wants it (ErrTLSThere).
func Plain(dial Dial) Dial {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := dial(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		return &sniffed{Conn: conn}, nil
	}
}

// Secure dials with TLS; a nil Client is Plain.
func (c *Client) Secure(dial Dial) Dial { return c.secure(dial) }

func (c *Client) secure(dial Dial, protocols ...string) Dial {
	if c == nil {
		return Plain(dial)
	}
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := dial(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		return c.handshake(ctx, conn, addr, protocols...)
	}
}

// Transport makes tr speak TLS for https through c, over dial for both schemes.
func (c *Client) Transport(tr *http.Transport, dial Dial) {
	tr.DialContext = Plain(dial)
	tr.DialTLSContext = c.secure(dial, "http/1.1")
	tr.ForceAttemptHTTP2 = false
}

// ErrTLSThere: the server answered plain text with a TLS alert.
var ErrTLSThere = errors.New("it speaks TLS there")

// sniffed looks at the first bytes that come: a TLS alert is no answer of any protocol
// that dutyops speaks.
type sniffed struct {
	net.Conn
	looked int
	alert  bool
}

func (s *sniffed) Read(p []byte) (int, error) {
	if s.alert {
		return 0, ErrTLSThere
	}
	n, err := s.Conn.Read(p)
	if s.looked == 0 && n > 0 {
		s.looked = 1
		if s.alert = isAlert(p[:n]); s.alert {
			return 0, ErrTLSThere
		}
	}
	return n, err
}

// isAlert: content type 21, version 3.x, two bytes long (RFC 8446, 5.1 and 6). Seven
// bytes come in one piece.
func isAlert(b []byte) bool {
	return len(b) >= 5 && b[0] == 21 && b[1] == 3 && b[2] <= 4 && b[3] == 0 && b[4] == 2
}
