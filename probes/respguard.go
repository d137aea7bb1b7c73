package probes

import (
	"bytes"
	"fmt"
	"net"
)

// respGuard reads along with a Redis client and stops a reply that announces more
// than a probe can need: a client allocates what the length line says before it
// has seen a byte of it.
type respGuard struct {
	net.Conn
	line [32]byte
	n    int  // bytes of line seen; over len(line) they are not kept
	skip int  // bytes of a bulk body still to pass
	bad  bool // once bad, for ever
	full bool // the server said that it has no room for another client
}

const (
	maxRESPBulk  = 1 << 20
	maxRESPItems = 4096
)

func (g *respGuard) Read(p []byte) (int, error) {
	if g.bad {
		return 0, fmt.Errorf("%w: the reply announces too much", errGarbage)
	}
	n, err := g.Conn.Read(p)
	if !g.pass(p[:n]) {
		g.bad = true
		return 0, fmt.Errorf("%w: the reply announces too much", errGarbage)
	}
	return n, err
}

// pass follows the protocol through b; false when a length is out of bounds.
func (g *respGuard) pass(b []byte) bool {
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
			if g.n++; g.n > 64<<10 {
				return false // a line without an end
			}
			continue
		}
		line := g.line[:min(g.n, len(g.line))]
		whole := g.n <= len(g.line)
		// said before anything was asked; the client drops it and sees the end only
		g.full = g.full || bytes.HasPrefix(line, []byte("-ERR max number of clients"))
		g.n = 0
		if len(line) == 0 || !g.announced(line, whole) {
			if len(line) != 0 {
				return false
			}
		}
	}
	return true
}

// announced checks a line that announces a length.
func (g *respGuard) announced(line []byte, whole bool) bool {
	var limit int
	switch line[0] {
	case '$', '=', '!':
		limit = maxRESPBulk
	case '*', '%', '~', '>', '|':
		limit = maxRESPItems
	default:
		return true
	}
	if !whole {
		return false
	}
	n := 0
	for _, ch := range line[1:] {
		switch {
		case ch == '\r':
		case ch == '-' && n == 0:
			return true // null
		case ch >= '0' && ch <= '9':
			if n = n*10 + int(ch-'0'); n > limit {
				return false
			}
		default:
			return false
		}
	}
	if limit == maxRESPBulk {
		g.skip = n + 2
	}
	return true
}
