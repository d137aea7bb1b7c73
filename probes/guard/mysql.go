package guard

import (
	"encoding/binary"
	"fmt"
	"net"
	"syscall"
)

// maxColumns is MySQL's own limit of columns in a result.
const maxColumns = 4096

// maxPacket is far above any row that dutyops asks for; the driver allocates what a
// packet's head announces.
const maxPacket = 1 << 20

// MySQL reads along with a client of the MySQL protocol and stops an answer that
// announces more than there can be: the driver makes room for as many columns as the
// server says, a number of eight bytes, before it has seen one of them. It can look only
// into a connection without TLS; there, the certificate speaks for the server. m, which may
// be nil, is told. Reads are for one goroutine at a time.
func MySQL(c net.Conn, m *Meter) net.Conn { return &mysqlGuard{Conn: c, m: m} }

type mysqlGuard struct {
	net.Conn
	m    *Meter
	head [4 + 9]byte // a packet's head, and the longest number there is
	n    int         // bytes of head seen
	left int         // bytes of the packet still to pass
	bad  bool
}

func (g *mysqlGuard) Read(p []byte) (int, error) {
	if !g.bad {
		n, err := g.Conn.Read(p)
		if g.pass(p[:n]) {
			return n, err
		}
		g.bad = true
		g.m.exceed()
		_ = g.Close() // the driver would read on for the rest of the answer
	}
	return 0, fmt.Errorf("unreadable answer: %w", ErrTooMuch)
}

// SyscallConn lets the pool look whether the server has hung up.
func (g *mysqlGuard) SyscallConn() (syscall.RawConn, error) { return rawOf(g.Conn) }

// pass follows the packets through b; false when one is out of bounds.
func (g *mysqlGuard) pass(b []byte) bool {
	for len(b) > 0 {
		if g.n < 4 {
			k := copy(g.head[g.n:4], b)
			g.n, b = g.n+k, b[k:]
			if g.n < 4 {
				return true
			}
			if g.left = g.size(); g.left > maxPacket {
				return false
			}
		}
		k := min(g.left, len(b))
		g.n += copy(g.head[g.n:], b[:k])
		g.left, b = g.left-k, b[k:]
		if !g.columnsFit() {
			return false
		}
		if g.left == 0 {
			g.n = 0
		}
	}
	return true
}

func (g *mysqlGuard) size() int { return int(g.head[0]) | int(g.head[1])<<8 | int(g.head[2])<<16 }

// columnsFit looks at the first packet of an answer (number 1), which says how many
// columns there are. Answers true while too little of it is here.
func (g *mysqlGuard) columnsFit() bool {
	if g.head[3] != 1 || g.n < 5 {
		return true
	}
	b := g.head[4:g.n]
	switch b[0] {
	case 0xfb: // "send me a file of yours"
		return false
	case 0xfc, 0xfd, 0xfe:
		need := map[byte]int{0xfc: 3, 0xfd: 4, 0xfe: 9}[b[0]]
		if len(b) < need {
			return g.left > 0 // the rest of the number is to come, or never
		}
		var num [8]byte
		copy(num[:], b[1:need])
		return binary.LittleEndian.Uint64(num[:]) <= maxColumns
	}
	return true // a small number, OK or an error
}
