package guard

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"syscall"
)

// maxColumns is MySQL's own limit of columns in a result.
const maxColumns = 4096

// maxPacket is far above any row that dutyops asks for; the driver allocates what a
// packet's head announces.
const maxPacket = 1 << 20

// ErrWantsPassword: a MySQL server asked for the password itself on a connection without
// TLS. The driver would ask it for a public key and encrypt the password for whoever
// answered; somebody in between could answer too.
var ErrWantsPassword = errors.New("it asks for the password itself (caching_sha2_password), which is sent over TLS only: give it tls in the configuration")

// MySQL reads along with a client of the MySQL protocol on a connection without TLS. It
// stops an answer that announces more than there can be: the driver makes room for as many
// columns as the server says, a number of eight bytes, before it has seen one of them. And
// it stops a login in which the server asks for the password itself (ErrWantsPassword).
// Into TLS it could not look; there, the certificate speaks for the server. m, which may be
// nil, is told of too much. Reads are for one goroutine at a time.
func MySQL(c net.Conn, m *Meter) net.Conn { return &mysqlGuard{Conn: c, m: m} }

type mysqlGuard struct {
	net.Conn
	m     *Meter
	head  [4 + 9]byte // a packet's head, and the longest number there is
	n     int         // bytes of head seen
	left  int         // bytes of the packet still to pass
	phase mysqlPhase
	bad   error
}

// mysqlPhase is how far a conversation is.
type mysqlPhase int

const (
	mysqlGreeting mysqlPhase = iota
	mysqlLogin
	mysqlIn
)

func (g *mysqlGuard) Read(p []byte) (int, error) {
	if g.bad == nil {
		n, err := g.Conn.Read(p)
		if g.pass(p[:n]) {
			return n, err
		}
		if errors.Is(g.bad, ErrTooMuch) {
			g.m.exceed()
		}
		_ = g.Close() // the driver would read on for the rest of the answer
	}
	return 0, g.bad
}

// SyscallConn lets the pool look whether the server has hung up.
func (g *mysqlGuard) SyscallConn() (syscall.RawConn, error) { return rawOf(g.Conn) }

// errMySQLTooMuch is ErrTooMuch with where it was found.
var errMySQLTooMuch = fmt.Errorf("unreadable answer: %w", ErrTooMuch)

// pass follows the packets through b; false, with the reason in bad, when one must not.
func (g *mysqlGuard) pass(b []byte) bool {
	for len(b) > 0 {
		if g.n < 4 {
			k := copy(g.head[g.n:4], b)
			g.n, b = g.n+k, b[k:]
			if g.n < 4 {
				return true
			}
			if g.left = g.size(); g.left > maxPacket {
				g.bad = errMySQLTooMuch
				return false
			}
		}
		k := min(g.left, len(b))
		g.n += copy(g.head[g.n:], b[:k])
		g.left, b = g.left-k, b[k:]
		if !g.columnsFit() {
			g.bad = errMySQLTooMuch
			return false
		}
		if !g.secretKept() {
			g.bad = ErrWantsPassword
			return false
		}
		if g.left == 0 {
			g.ended()
		}
	}
	return true
}

// ended counts the packet that has passed.
func (g *mysqlGuard) ended() {
	switch {
	case g.phase == mysqlGreeting:
		g.phase = mysqlLogin
	case g.phase == mysqlLogin && g.n > 4 && g.head[4] == 0:
		g.phase = mysqlIn // OK
	}
	g.n = 0
}

// secretKept looks at what is said of a login (AuthMoreData, 1): that the proof was enough
// (3), or else that the password is wanted, or the key to encrypt it for. Answers true while
// too little of it is here.
func (g *mysqlGuard) secretKept() bool {
	if g.phase != mysqlLogin || g.n < 5 || g.head[4] != 1 {
		return true
	}
	if g.n < 6 {
		return g.left > 0
	}
	return g.head[5] == 3 && g.size() == 2
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
