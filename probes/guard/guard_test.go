package guard

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"encoding/json"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

// script is a connection that reads what was written down beforehand.
type script struct {
	net.Conn
	io.Reader
	closed bool
}

func (s *script) Read(p []byte) (int, error) { return s.Reader.Read(p) }
func (s *script) Close() error               { s.closed = true; return nil }

func says(text string) *script { return &script{Reader: strings.NewReader(text)} }

func TestMeter(t *testing.T) {
	var m Meter
	m.Refill(6)
	a, b := m.Conn(says("hello, world")), m.Conn(says("more"))
	buf := make([]byte, 5)
	if n, err := a.Read(buf); n != 5 || err != nil || m.Exceeded() {
		t.Fatalf("%d %v", n, err)
	}
	if _, err := b.Read(buf[:1]); err != nil {
		t.Fatal(err)
	}
	if _, err := a.Read(buf); !errors.Is(err, ErrTooMuch) || !m.Exceeded() {
		t.Errorf("all that was allowed came in, and still %v", err)
	}
	m.Refill(2)
	if _, err := a.Read(buf); err != nil || m.Exceeded() {
		t.Errorf("after a refill: %v", err)
	}
	var none *Meter
	none.Refill(1)
	if c := says("x"); none.Conn(c) != net.Conn(c) || none.Exceeded() {
		t.Error("no meter bounds something")
	}
}

func TestJSON(t *testing.T) {
	deep := strings.Repeat("[", maxDepth) + strings.Repeat("]", maxDepth)
	wide := "[0" + strings.Repeat(",0", maxValues-2) + "]"
	for name, c := range map[string]struct {
		text string
		ok   bool
	}{
		"as deep as may be": {deep, true},
		"deeper":            {"[" + deep + "]", false},
		"never closed":      {strings.Repeat(`{"a":`, maxDepth+1), false},
		"as wide as may be": {wide, true},
		"wider":             {"[0," + wide[1:], false},
		"only quoted":       {`"` + strings.Repeat(`[\",`, maxValues) + `"`, true},
	} {
		var v any
		err := JSON([]byte(c.text), &v)
		if c.ok && err != nil || !c.ok && (!errors.Is(err, ErrTooMuch) || v != nil) {
			t.Errorf("%s: %v", name, err)
		}
	}
	var syntax *json.SyntaxError
	if err := JSON([]byte("{"), new(any)); !errors.As(err, &syntax) {
		t.Errorf("half a document: %v", err)
	}
}

func TestText(t *testing.T) {
	for in, want := range map[string]string{
		"plain":                "plain",
		"a\nb\tc\r":            "a b c ",
		"\x1b[2J\u009b31m\x7f": ".[2J.31m.",
		"\u202eevil\u200b":     ".evil.",
		"bad\xff":              "bad.",
		"站点 é":                 "站点 é",
		strings.Repeat("é", 9): "ééééé…",
	} {
		if got := Text(in, 12); got != want {
			t.Errorf("%q became %q, want %q", in, got, want)
		}
	}
}

func FuzzText(f *testing.F) {
	f.Add("a\x1b]0;x\a", 8)
	f.Fuzz(func(t *testing.T, s string, limit int) {
		limit = 4 + max(0, limit%300)
		got := Text(s, limit)
		if len(got) > limit+utf8.UTFMax || !utf8.ValidString(got) || strings.ContainsFunc(got, func(r rune) bool { return !unicode.IsPrint(r) }) {
			t.Fatalf("%q at %d became %q", s, limit, got)
		}
	})
}

func TestRESP(t *testing.T) {
	for name, c := range map[string]struct {
		said string
		ok   bool
	}{
		"a bulk and an array":       {"$5\r\nhello\r\n*2\r\n$1\r\na\r\n:1\r\n", true},
		"null":                      {"$-1\r\n*-1\r\n+OK\r\n", true},
		"too long a bulk":           {"$1048577\r\n", false},
		"a number that overflows":   {"$99999999999999999999999\r\n", false},
		"too long an array":         {"*4097\r\n", false},
		"arrays in arrays":          {strings.Repeat("*1\r\n", maxNest), true},
		"without end":               {strings.Repeat("*1\r\n", maxNest+1), false},
		"without end, second place": {strings.Repeat("*2\r\n:1\r\n", maxNest+1), false},
		"one after the other":       {strings.Repeat("*2\r\n:1\r\n*0\r\n", 100), true},
		"a map":                     {"%1\r\n+a\r\n*1\r\n:1\r\n+OK\r\n", true},
		"a line without end":        {strings.Repeat("x", maxLine+1), false},
	} {
		_, err := io.ReadAll(NewRESP(says(c.said)))
		if c.ok != (err == nil) || err != nil && !errors.Is(err, ErrTooMuch) {
			t.Errorf("%s: %v", name, err)
		}
	}
	g := NewRESP(says("-ERR max number of clients reached\r\n"))
	if _, err := io.ReadAll(g); err != nil || !g.Full() {
		t.Errorf("full %v, %v", g.Full(), err)
	}
}

// FuzzRESP: how the bytes are cut must not matter, and nothing too long passes.
func FuzzRESP(f *testing.F) {
	f.Add([]byte("$5\r\nhello\r\n*2\r\n$1\r\na\r\n:1\r\n"), 3)
	f.Add([]byte("$1048577\r\n"), 1)
	f.Add([]byte("*1\r\n*1\r\n$-1\r\n*-1\r\n+OK\r\n"), 2)
	f.Fuzz(func(t *testing.T, b []byte, cut int) {
		g := &RESP{}
		inPieces(t, b, cut, (&RESP{}).pass, g.pass)
		if g.skip > maxBulk+2 || len(g.open) > maxNest+1 {
			t.Fatalf("lets %d bytes be announced, %d deep", g.skip, len(g.open))
		}
	})
}

func inPieces(t *testing.T, b []byte, cut int, whole, pieces func([]byte) bool) {
	t.Helper()
	ok := true
	step := 1 + max(0, cut)%7
	for i := 0; i < len(b) && ok; i += step {
		ok = pieces(b[i:min(i+step, len(b))])
	}
	if want := whole(b); want != ok {
		t.Fatalf("%q: whole %v, in pieces %v", b, want, ok)
	}
}

// packet is one of the MySQL protocol.
func packet(seq byte, payload string) string {
	n := len(payload)
	return string([]byte{byte(n), byte(n >> 8), byte(n >> 16), seq}) + payload
}

func TestMySQL(t *testing.T) {
	hello := packet(0, "\x0a10.11\x00")
	for name, c := range map[string]struct {
		said string
		ok   bool
	}{
		"two columns":          {hello + packet(2, "\x00\x00") + packet(1, "\x02") + packet(2, "def"), true},
		"4,096 columns":        {packet(1, "\xfc\x00\x10"), true},
		"more columns":         {packet(1, "\xfc\x01\x10"), false},
		"a number of 3 bytes":  {packet(1, "\xfd\x00\x00\x01"), false},
		"a number of 8 bytes":  {packet(1, "\xfe\x00\x00\x00\x00\x01\x00\x00\x00"), false},
		"half a number":        {packet(1, "\xfe\x00\x00"), false},
		"give me a file":       {packet(1, "\xfb/etc/passwd"), false},
		"an error":             {packet(1, "\xff\x15\x04#28000Access denied"), true},
		"too large a packet":   {"\x01\x00\x10\x00", false},
		"the same, in a row":   {packet(4, "\xfb\xfb"), true},
		"an end, not an error": {packet(5, "\xfe\x00\x00\x02\x00"), true},
	} {
		var m Meter
		s := says(c.said)
		_, err := io.ReadAll(MySQL(s, &m))
		if c.ok != (err == nil) || err != nil && !errors.Is(err, ErrTooMuch) || m.Exceeded() == c.ok || s.closed == c.ok {
			t.Errorf("%s: %v, told %v, closed %v", name, err, m.Exceeded(), s.closed)
		}
	}
}

// TestMySQLKeepsThePassword: what makes the driver show it, to whoever answers, never
// reaches the driver.
func TestMySQLKeepsThePassword(t *testing.T) {
	hello := packet(0, "\x0a8.4.0\x00")
	for name, c := range map[string]struct {
		said string
		ok   bool
	}{
		"the proof was enough":        {hello + packet(2, "\x01\x03") + packet(3, "\x00\x00\x00\x02\x00\x00\x00"), true},
		"another way of logging in":   {hello + packet(2, "\xfecaching_sha2_password\x00nonce\x00") + packet(4, "\x01\x03"), true},
		"one column, after the login": {hello + packet(2, "\x00\x00\x00\x02\x00\x00\x00") + packet(1, "\x01") + packet(2, "\x01\x04"), true},
		"show it":                     {hello + packet(2, "\x01\x04"), false},
		"show it, after a switch":     {hello + packet(2, "\xfecaching_sha2_password\x00nonce\x00") + packet(4, "\x01\x04"), false},
		"here is a key (sha256)":      {hello + packet(2, "\x01-----BEGIN PUBLIC KEY-----"), false},
		"a key that begins with 3":    {hello + packet(2, "\x01\x03-----BEGIN PUBLIC KEY-----"), false},
		"show it, numbered wrongly":   {packet(7, "\x0a8.4.0\x00") + packet(0, "\x01\x04"), false},
		"half of it":                  {hello + packet(2, "\x01"), false},
	} {
		var m Meter
		s := says(c.said)
		_, err := io.ReadAll(MySQL(s, &m))
		if c.ok != (err == nil) || err != nil && !errors.Is(err, ErrWantsPassword) || s.closed == c.ok || m.Exceeded() {
			t.Errorf("%s: %v, closed %v, too much %v", name, err, s.closed, m.Exceeded())
		}
	}
}

func FuzzMySQL(f *testing.F) {
	f.Add([]byte(packet(0, "\x0a8.4.0\x00")+packet(2, "\x01\x04")), 3)
	f.Add([]byte(packet(0, "\x0a10.11\x00")+packet(1, "\xfc\x01\x10")), 1)
	f.Add([]byte(packet(1, "\xfe\x00\x00")+packet(2, "")), 2)
	f.Fuzz(func(t *testing.T, b []byte, cut int) {
		inPieces(t, b, cut, (&mysqlGuard{}).pass, (&mysqlGuard{}).pass)
	})
}

// panicky is a driver that stumbles wherever it is told to.
type panicky struct{ at string }

func (p panicky) stumble(where string) {
	if p.at == where {
		panic("index out of range")
	}
}

func (p panicky) Driver() driver.Driver { return nil }
func (p panicky) Connect(context.Context) (driver.Conn, error) {
	p.stumble("connect")
	return p, nil
}
func (p panicky) Prepare(string) (driver.Stmt, error) { return nil, errors.ErrUnsupported }
func (p panicky) Begin() (driver.Tx, error)           { return nil, errors.ErrUnsupported }
func (p panicky) Close() error                        { return nil }
func (p panicky) Ping(context.Context) error          { p.stumble("ping"); return nil }
func (p panicky) QueryContext(context.Context, string, []driver.NamedValue) (driver.Rows, error) {
	p.stumble("query")
	return panickyRows{p}, nil
}

func (p panicky) ExecContext(context.Context, string, []driver.NamedValue) (driver.Result, error) {
	p.stumble("exec")
	return driver.ResultNoRows, nil
}

type panickyRows struct{ p panicky }

func (r panickyRows) Columns() []string { return []string{"a"} }
func (r panickyRows) Close() error      { r.p.stumble("close"); return nil }
func (r panickyRows) Next([]driver.Value) error {
	r.p.stumble("next")
	return io.EOF
}

// TestConnectorSurvives: the pool must go on afterwards, with a new connection.
func TestConnectorSurvives(t *testing.T) {
	for _, at := range []string{"connect", "ping", "query", "exec", "next", "close", "nowhere"} {
		db := sql.OpenDB(Connector(panicky{at}))
		db.SetMaxOpenConns(1)
		for range 3 {
			var errs []error
			errs = append(errs, db.PingContext(t.Context()))
			_, err := db.ExecContext(t.Context(), "x")
			errs = append(errs, err)
			rows, err := db.QueryContext(t.Context(), "x")
			errs = append(errs, err)
			if err == nil {
				rows.Next()
				errs = append(errs, rows.Err(), rows.Close()) //nolint:sqlclosecheck // its error is what is tested
			}
			if err := errors.Join(errs...); errors.Is(err, ErrBroke) == (at == "nowhere") {
				t.Errorf("it stumbles at %s: %v", at, err)
			}
		}
		if n := db.Stats().InUse; n != 0 {
			t.Errorf("it stumbles at %s: %d connections are never given back", at, n)
		}
		_ = db.Close()
	}
}
