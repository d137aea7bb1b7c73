package probes

import (
	"bufio"
	"bytes"
	"crypto/sha1"
	"crypto/tls"
	"encoding/binary"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
)

// fakeMySQL speaks just enough of the protocol: native password, text queries.
// Its answers are a table from the beginning of a statement to a row or an error.
type fakeMySQL struct {
	addr string

	mu       sync.Mutex
	password string
	answers  map[string]myAnswer
	logins   int
	asked    []string
	noLogin  *myAnswer // refuses every login
	hangOn   string    // never answers statements that hold it
	tls      *tls.Config
}

// myAnswer: cols nil and errno 0 is "no row".
type myAnswer struct {
	cols  []string
	vals  []any // string or nil
	errno uint16
	text  string
}

func newFakeMySQL(t testing.TB, password string, answers map[string]myAnswer) *fakeMySQL {
	f := &fakeMySQL{password: password, answers: answers}
	f.addr = listen(t, f.serve)
	return f
}

func (f *fakeMySQL) set(fn func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	fn()
}

func (f *fakeMySQL) serve(c net.Conn) {
	w := &myWire{r: bufio.NewReader(c), w: c}
	salt := []byte("01234567890123456789")
	hello := append([]byte{10}, "10.11.19-MariaDB\x00"...)
	hello = append(hello, 1, 0, 0, 0)
	hello = append(hello, salt[:8]...)
	caps := uint32(0x1 | 0x200 | 0x2000 | 0x8000 | 0x80000) // long password, 4.1, transactions, secure, plugin auth
	capsAt := len(hello) + 1
	hello = append(hello, 0, byte(caps), byte(caps>>8), 33, 2, 0, byte(caps>>16), byte(caps>>24), 21)
	hello = append(hello, make([]byte, 10)...)
	hello = append(hello, salt[8:]...)
	hello = append(hello, 0)
	hello = append(hello, "mysql_native_password\x00"...)
	f.mu.Lock()
	secured := f.tls
	f.mu.Unlock()
	if secured != nil {
		hello[capsAt+1] |= 0x8 // CLIENT_SSL, 0x800
	}
	if w.send(hello) != nil {
		return
	}
	auth, err := w.read()
	if err == nil && secured != nil {
		if len(auth) != 32 { // an SSLRequest is a login that stops before the user
			return
		}
		c = tls.Server(readAhead{c, w.r}, secured)
		w.r, w.w = bufio.NewReader(c), c
		auth, err = w.read()
	}
	if err != nil {
		return
	}
	f.mu.Lock()
	f.logins++
	good := bytes.Contains(auth, nativePassword(f.password, salt))
	refuse := f.noLogin
	f.mu.Unlock()
	switch {
	case refuse != nil:
		_ = w.fail(*refuse)
		return
	case !good:
		_ = w.fail(myAnswer{errno: 1045, text: "Access denied for user 'dutyops_probe'@'localhost' (using password: YES)"})
		return
	}
	_ = w.ok()
	for {
		w.seq = 0
		cmd, err := w.read()
		if err != nil || len(cmd) == 0 || cmd[0] == 1 {
			return
		}
		if cmd[0] != 3 {
			_ = w.ok()
			continue
		}
		q := string(cmd[1:])
		a, hang := f.answer(q)
		if hang {
			_, _ = io.Copy(io.Discard, c)
			return
		}
		if a.errno != 0 {
			err = w.fail(a)
		} else {
			err = w.row(a)
		}
		if err != nil {
			return
		}
	}
}

// readAhead is a connection of which something is read ahead already.
type readAhead struct {
	net.Conn
	r io.Reader
}

func (r readAhead) Read(p []byte) (int, error) { return r.r.Read(p) }

func (f *fakeMySQL) answer(q string) (a myAnswer, hang bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asked = append(f.asked, q)
	if f.hangOn != "" && strings.Contains(q, f.hangOn) {
		return a, true
	}
	for prefix, a := range f.answers {
		if strings.HasPrefix(q, prefix) {
			return a, false
		}
	}
	return myAnswer{errno: 1064, text: "You have an error in your SQL syntax near '" + q + "'"}, false
}

func nativePassword(pw string, salt []byte) []byte {
	h1 := sha1.Sum([]byte(pw))
	h2 := sha1.Sum(h1[:])
	h3 := sha1.Sum(append(append([]byte{}, salt...), h2[:]...))
	out := make([]byte, len(h1))
	for i := range out {
		out[i] = h1[i] ^ h3[i]
	}
	return out
}

type myWire struct {
	r   *bufio.Reader
	w   io.Writer
	seq byte
}

func (w *myWire) read() ([]byte, error) {
	var h [4]byte
	if _, err := io.ReadFull(w.r, h[:]); err != nil {
		return nil, err
	}
	w.seq = h[3] + 1
	b := make([]byte, int(h[0])|int(h[1])<<8|int(h[2])<<16)
	_, err := io.ReadFull(w.r, b)
	return b, err
}

func (w *myWire) send(b []byte) error {
	h := []byte{byte(len(b)), byte(len(b) >> 8), byte(len(b) >> 16), w.seq}
	w.seq++
	_, err := w.w.Write(append(h, b...))
	return err
}

func (w *myWire) ok() error { return w.send([]byte{0, 0, 0, 2, 0, 0, 0}) }

func (w *myWire) fail(a myAnswer) error {
	b := []byte{0xff}
	b = binary.LittleEndian.AppendUint16(b, a.errno)
	b = append(b, "#HY000"...)
	return w.send(append(b, a.text...))
}

func lenenc(s string) []byte {
	if len(s) < 251 {
		return append([]byte{byte(len(s))}, s...)
	}
	return append(binary.LittleEndian.AppendUint16([]byte{0xfc}, uint16(len(s))), s...)
}

func (w *myWire) row(a myAnswer) error {
	if a.cols == nil {
		a.cols = []string{"nothing"}
	}
	_ = w.send([]byte{byte(len(a.cols))})
	for _, c := range a.cols {
		b := lenenc("def")
		for _, s := range []string{"", "", "", c, c} {
			b = append(b, lenenc(s)...)
		}
		b = append(b, 0x0c, 33, 0, 255, 0, 0, 0, 0xfd, 0, 0, 0, 0, 0)
		_ = w.send(b)
	}
	eof := []byte{0xfe, 0, 0, 2, 0}
	_ = w.send(eof)
	if a.vals != nil {
		var b []byte
		for _, v := range a.vals {
			if s, ok := v.(string); ok {
				b = append(b, lenenc(s)...)
			} else {
				b = append(b, 0xfb)
			}
		}
		_ = w.send(b)
	}
	return w.send(eof)
}
