package guard

import (
	"bytes"
	"fmt"
	"net"
)

// RESP reads along with a Redis client and stops a reply that announces more than a
// question can need, or nests arrays without end: a client allocates what the length
// line says before it has seen a byte of it, and calls itself for each level. Reads are
// for one goroutine at a time.
type RESP struct {
	net.Conn
	line [32]byte
	n    int   // bytes of line seen; over len(line) they are not kept
	skip int   // bytes of a bulk body still to pass
	open []int // elements still to come of the arrays that are open, outermost first
	bad  bool  // once bad, for ever
	full bool  // the server said that it has no room for another client
}

// Bounds of one reply.
const (
	maxBulk  = 1 << 20
	maxItems = 4096
	maxNest  = 8
	maxLine  = 64 << 10
)

// NewRESP guards c.
func NewRESP(c net.Conn) *RESP { return &RESP{Conn: c} }

// Full is true when the server said, before it was asked, that all connections are taken.
func (g *RESP) Full() bool { return g.full }

// Read is net.Conn's; it fails for ever once a reply was out of bounds.
func (g *RESP) Read(p []byte) (int, error) {
	if !g.bad {
		n, err := g.Conn.Read(p)
		if g.pass(p[:n]) {
			return n, err
		}
		g.bad = true
	}
	return 0, fmt.Errorf("unreadable answer: the reply announces too much: %w", ErrTooMuch)
}

// pass follows the protocol through b; false when it is out of bounds.
func (g *RESP) pass(b []byte) bool {
	for len(b) > 0 {
		if g.skip > 0 {
			k := min(g.skip, len(b))
			g.skip -= k
			b = b[k:]
			continue
		}
		ch := b[0]
		b = b[1:]
		if ch != '\n' {
			if g.n < len(g.line) {
				g.line[g.n] = ch
			}
			if g.n++; g.n > maxLine {
				return false // a line without an end
			}
			continue
		}
		line := g.line[:min(g.n, len(g.line))]
		whole := g.n <= len(g.line)
		// said before anything was asked; the client drops it and sees the end only
		g.full = g.full || bytes.HasPrefix(line, []byte("-ERR max number of clients"))
		g.n = 0
		if len(line) != 0 && !g.element(line, whole) {
			return false
		}
	}
	return true
}

// element takes the line that begins an element: a scalar, a bulk or an array.
func (g *RESP) element(line []byte, whole bool) bool {
	var n int
	ok := true
	switch line[0] {
	case '$', '=', '!':
		if n, ok = announced(line, whole, maxBulk); n >= 0 {
			g.skip = n + 2
		}
	case '*', '%', '~', '>', '|':
		n, ok = announced(line, whole, maxItems)
		if line[0] == '%' || line[0] == '|' {
			n *= 2
		}
		if n > 0 {
			g.open = append(g.open, n)
			return ok && len(g.open) <= maxNest
		}
	}
	g.closed()
	return ok
}

// closed counts one finished element, and the arrays that it was the last of.
func (g *RESP) closed() {
	for i := len(g.open) - 1; i >= 0; i-- {
		if g.open[i]--; g.open[i] > 0 {
			return
		}
		g.open = g.open[:i]
	}
}

// announced reads the number of a length line; -1 is null.
func announced(line []byte, whole bool, limit int) (n int, ok bool) {
	if !whole {
		return 0, false
	}
	for _, ch := range line[1:] {
		switch {
		case ch == '\r':
		case ch == '-' && n == 0:
			return -1, true
		case ch >= '0' && ch <= '9':
			if n = n*10 + int(ch-'0'); n > limit {
				return 0, false
			}
		default:
			return 0, false
		}
	}
	return n, true
}
