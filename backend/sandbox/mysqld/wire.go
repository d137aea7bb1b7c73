package mysqld

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
)

// Commands and capability flags of the client/server protocol (MariaDB knowledge
// base, "Clients & Utilities / Server Client Interfaces").
const (
	comQuit        = 0x01
	comInitDB      = 0x02
	comQuery       = 0x03
	comFieldList   = 0x04
	comStatistics  = 0x09
	comPing        = 0x0e
	comChangeUser  = 0x11
	comBinlogDump  = 0x12
	comStmtPrepare = 0x16
	comStmtExecute = 0x17
	comStmtLong    = 0x18
	comStmtClose   = 0x19
	comStmtReset   = 0x1a
	comSetOption   = 0x1b
	comResetConn   = 0x1f

	capLongPassword    = 1 << 0
	capFoundRows       = 1 << 1
	capLongFlag        = 1 << 2
	capConnectWithDB   = 1 << 3
	capLocalFiles      = 1 << 7
	capIgnoreSpace     = 1 << 8
	capProtocol41      = 1 << 9
	capInteractive     = 1 << 10
	capSSL             = 1 << 11
	capTransactions    = 1 << 13
	capSecureConn      = 1 << 15
	capMultiStatements = 1 << 16
	capMultiResults    = 1 << 17
	capPSMultiResults  = 1 << 18
	capPluginAuth      = 1 << 19
	capConnectAttrs    = 1 << 20
	capPluginAuthLen   = 1 << 21

	serverCaps = capLongPassword | capFoundRows | capLongFlag | capConnectWithDB | capIgnoreSpace | capProtocol41 | capInteractive |
		capTransactions | capSecureConn | capMultiStatements | capMultiResults | capPSMultiResults | capPluginAuth | capConnectAttrs | capPluginAuthLen

	statusInTrans    = 1 << 0
	statusAutocommit = 1 << 1
	statusMore       = 1 << 3

	maxPacket = 1<<24 - 1
	// maxMessage bounds what a client may send in one piece (max_allowed_packet).
	maxMessage = 16 << 20
)

// errGone: the connection is finished; there is nobody to answer.
var errGone = errors.New("mysqld: connection gone")

// wire reads and writes protocol packets. Reading and writing may be done by two
// goroutines, each by one only.
type wire struct {
	conn net.Conn
	r    *bufio.Reader

	mu  sync.Mutex
	w   *bufio.Writer
	seq byte
}

func newWire(c net.Conn) *wire {
	return &wire{conn: c, r: bufio.NewReaderSize(c, 2<<10), w: bufio.NewWriterSize(c, 2<<10)}
}

// read gives the next message; the answer to it continues its numbering.
func (w *wire) read() ([]byte, error) {
	var out []byte
	for {
		var head [4]byte
		if _, err := io.ReadFull(w.r, head[:]); err != nil {
			return nil, fmt.Errorf("read packet: %w", err)
		}
		n := int(head[0]) | int(head[1])<<8 | int(head[2])<<16
		if len(out)+n > maxMessage {
			return nil, errorf(1153, "08S01", "Got a packet bigger than 'max_allowed_packet' bytes")
		}
		begin := len(out)
		out = append(out, make([]byte, n)...)
		if _, err := io.ReadFull(w.r, out[begin:]); err != nil {
			return nil, fmt.Errorf("read packet: %w", err)
		}
		w.mu.Lock()
		w.seq = head[3] + 1
		w.mu.Unlock()
		if n < maxPacket {
			return out, nil
		}
	}
}

// write queues one message; flush sends.
func (w *wire) write(p []byte) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	for {
		n := min(len(p), maxPacket)
		head := [4]byte{byte(n), byte(n >> 8), byte(n >> 16), w.seq}
		w.seq++
		if _, err := w.w.Write(head[:]); err != nil {
			return fmt.Errorf("write packet: %w", err)
		}
		if _, err := w.w.Write(p[:n]); err != nil {
			return fmt.Errorf("write packet: %w", err)
		}
		p = p[n:]
		if n < maxPacket {
			return nil
		}
	}
}

func (w *wire) flush() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.w.Flush(); err != nil {
		return fmt.Errorf("write packet: %w", err)
	}
	return nil
}

// restart begins a new numbering, before a command.
func (w *wire) restart() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.seq = 0
}

// appendLen appends a length-encoded integer.
func appendLen(b []byte, n uint64) []byte {
	switch {
	case n < 251:
		return append(b, byte(n))
	case n < 1<<16:
		return binary.LittleEndian.AppendUint16(append(b, 0xfc), uint16(n))
	case n < 1<<24:
		return append(b, 0xfd, byte(n), byte(n>>8), byte(n>>16))
	default:
		return binary.LittleEndian.AppendUint64(append(b, 0xfe), n)
	}
}

// appendStr appends a length-encoded string.
func appendStr(b []byte, s string) []byte { return append(appendLen(b, uint64(len(s))), s...) }

// parser reads protocol fields; past the end it gives zeros and sets bad.
type parser struct {
	b   []byte
	bad bool
}

func (p *parser) take(n int) []byte {
	if n < 0 || n > len(p.b) {
		p.bad, p.b = true, nil
		return nil
	}
	out := p.b[:n]
	p.b = p.b[n:]
	return out
}

func (p *parser) num(n int) uint64 {
	var v uint64
	for i, c := range p.take(n) {
		v |= uint64(c) << (8 * i)
	}
	return v
}

func (p *parser) lenNum() uint64 {
	switch c := p.num(1); c {
	case 0xfc:
		return p.num(2)
	case 0xfd:
		return p.num(3)
	case 0xfe:
		return p.num(8)
	default:
		return c
	}
}

func (p *parser) lenStr() string {
	n := p.lenNum()
	if n > uint64(len(p.b)) {
		p.bad = true
		return ""
	}
	return string(p.take(int(n))) //nolint:gosec // not longer than the packet
}

// nul reads a text that ends with a zero byte or the packet.
func (p *parser) nul() string {
	for i, c := range p.b {
		if c == 0 {
			s := string(p.b[:i])
			p.b = p.b[i+1:]
			return s
		}
	}
	s := string(p.b)
	p.b = nil
	return s
}
