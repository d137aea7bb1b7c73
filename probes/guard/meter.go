package guard

import (
	"errors"
	"net"
	"sync/atomic"
	"syscall"
)

// ErrTooMuch: the answer is longer, or announces more, than any question can need.
var ErrTooMuch = errors.New("the answer is larger than any can be")

// Meter bounds what the connections of one target bring in between two refills,
// together. Libraries tend to hide the error of a connection: ask Exceeded. A nil Meter
// bounds nothing. Safe for concurrent use.
type Meter struct {
	left     atomic.Int64
	exceeded atomic.Bool
}

// Refill allows n bytes from now on, whatever was left.
func (m *Meter) Refill(n int64) {
	if m == nil {
		return
	}
	m.left.Store(n)
	m.exceeded.Store(false)
}

// Exceeded is true when more came in, or was announced, than is allowed since the last
// refill.
func (m *Meter) Exceeded() bool { return m != nil && m.exceeded.Load() }

func (m *Meter) exceed() {
	if m != nil {
		m.exceeded.Store(true)
	}
}

// Conn counts what is read from c; once the allowance is used up its reads fail with
// ErrTooMuch.
func (m *Meter) Conn(c net.Conn) net.Conn {
	if m == nil {
		return c
	}
	return &metered{Conn: c, m: m}
}

type metered struct {
	net.Conn
	m *Meter
}

func (c *metered) Read(p []byte) (int, error) {
	if c.m.left.Load() <= 0 {
		c.m.exceed()
		return 0, ErrTooMuch
	}
	n, err := c.Conn.Read(p)
	c.m.left.Add(-int64(n))
	return n, err
}

// SyscallConn lets a pool look whether the server has hung up.
func (c *metered) SyscallConn() (syscall.RawConn, error) { return rawOf(c.Conn) }

// errNoRaw: the connection is none of the kernel's.
var errNoRaw = errors.New("not a socket")

func rawOf(c net.Conn) (syscall.RawConn, error) {
	if sc, ok := c.(syscall.Conn); ok {
		return sc.SyscallConn()
	}
	return nil, errNoRaw
}
