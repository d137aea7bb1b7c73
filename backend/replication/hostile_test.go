package replication

import (
	"context"
	"crypto/rand"
	"errors"
	"io"
	"net"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode"

	"github.com/dutyops/dutyops/backend/config"
	"github.com/dutyops/dutyops/failoverplan"
)

// says is a server that reads something before each turn of what it says but the first, and
// then ends, or goes on with the same for ever.
type says struct {
	turns   []string
	forever string
}

func (s says) serve(c net.Conn) {
	for i, turn := range s.turns {
		if i > 0 {
			if _, err := c.Read(make([]byte, 64<<10)); err != nil {
				return
			}
		}
		if _, err := io.WriteString(c, turn); err != nil {
			return
		}
	}
	for s.forever != "" {
		if _, err := io.WriteString(c, strings.Repeat(s.forever, 1+60_000/len(s.forever))); err != nil {
			return
		}
	}
	_ = c.(*net.TCPConn).CloseWrite()
	_, _ = io.Copy(io.Discard, c) // until the other side hangs up
}

// at lets s serve on loopback until the test ends.
func (s says) at(t testing.TB) string {
	t.Helper()
	return serving(t, s.serve)
}

// serving lets each connection to loopback be served until the test ends.
func serving(t testing.TB, serve func(net.Conn)) string {
	t.Helper()
	var lc net.ListenConfig
	ln, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			wg.Go(func() {
				defer func() { _ = c.Close() }()
				_ = c.SetDeadline(time.Now().Add(time.Minute))
				serve(c)
			})
		}
	})
	t.Cleanup(func() {
		_ = ln.Close()
		wg.Wait()
	})
	return ln.Addr().String()
}

// packet is one of the MySQL protocol.
func packet(seq byte, payload string) string {
	n := len(payload)
	return string([]byte{byte(n), byte(n >> 8), byte(n >> 16), seq}) + payload
}

// mysqlHello and mysqlOK are what lets a client in.
var (
	mysqlHello = packet(0, "\x0a10.11.6-MariaDB\x00\x01\x00\x00\x0012345678\x00\x01\x82\x2d\x02\x00\x08\x00\x15"+strings.Repeat("\x00", 10)+"123456789012\x00mysql_native_password\x00")
	mysqlOK    = packet(2, "\x00\x00\x00\x02\x00\x00\x00")
)

// oneRow is a MySQL answer of one column with one row.
func oneRow(value string) string {
	return packet(1, "\x01") + packet(2, "\x03def\x00\x00\x00\x01a\x01a\x0c\x21\x00\xff\x00\x00\x00\xfd\x00\x00\x00\x00\x00") + packet(3, "\xfe\x00\x00\x02\x00") +
		packet(4, string([]byte{byte(len(value))})+value) + packet(5, "\xfe\x00\x00\x02\x00")
}

// TestHostileServers: whatever a server says, the driver comes back with an error of one
// printable line, without the secret, and without having made room for what was announced.
func TestHostileServers(t *testing.T) {
	secret := rand.Text()
	t.Setenv("PW", secret)
	evil := "\x1b[2J\u202e" + secret + strings.Repeat("x", 2000)
	http := func(status, body string) []string { return []string{"", "HTTP/1.1 " + status + "\r\n\r\n" + body} }
	redis := func(more ...string) []string {
		return append([]string{"", "-ERR unknown command 'HELLO'\r\n", "+OK\r\n"}, more...)
	} // AUTH, then what is asked
	for name, c := range map[string]struct {
		kind    failoverplan.ComponentKind
		turns   []string
		forever string
		want    string
	}{
		"mysql/closes":                {failoverplan.MySQL, []string{""}, "", "the server does not answer"},
		"mysql/garbage":               {failoverplan.MySQL, []string{strings.Repeat("\x00\xff\x1b[2J\r\n", 9)}, "", ""},
		"mysql/a packet of 16 MB":     {failoverplan.MySQL, []string{mysqlHello, mysqlOK, "\xff\xff\xff\x01"}, "", "the answer is larger than any can be"},
		"mysql/2^64-1 columns":        {failoverplan.MySQL, []string{mysqlHello, mysqlOK, packet(1, "\xfe\xff\xff\xff\xff\xff\xff\xff\xff")}, "", "the answer is larger than any can be"},
		"mysql/2^31 columns":          {failoverplan.MySQL, []string{mysqlHello, mysqlOK, packet(1, "\xfe\x00\x00\x00\x80\x00\x00\x00\x00")}, "", "the answer is larger than any can be"},
		"mysql/the file":              {failoverplan.MySQL, []string{mysqlHello, mysqlOK, packet(1, "\xfb/etc/passwd")}, "", "the answer is larger than any can be"},
		"mysql/a refusal":             {failoverplan.MySQL, []string{mysqlHello, packet(2, "\xff\x15\x04#28000"+evil)}, "", "server error 1045: .[2J.***"},
		"mysql/a version":             {failoverplan.MySQL, []string{mysqlHello, mysqlOK, oneRow("\x1b[2J10.11"), oneRow("\x1b[2J")}, "", ""},
		"mysql/without end":           {failoverplan.MySQL, []string{mysqlHello, mysqlOK, packet(1, "\x01")}, packet(2, strings.Repeat("a", 60_000)), ""},
		"redis/closes":                {failoverplan.Redis, []string{""}, "", "the server does not answer"},
		"redis/garbage":               {failoverplan.Redis, redis("\x00\xff\x1b[2J\r\n"), "", "the server does not answer"},
		"redis/a bulk of 8 EB":        {failoverplan.Redis, redis("$8999999999999999999\r\n"), "", "the answer is larger than any can be"},
		"redis/arrays without end":    {failoverplan.Redis, redis(""), "*1\r\n", "the answer is larger than any can be"},
		"redis/a refusal":             {failoverplan.Redis, redis("-ERR " + evil + "\r\n"), "", "ERR .[2J.***"},
		"redis/a role":                {failoverplan.Redis, redis("$29\r\nrole:slave\r\nmaster_host:\x1b[2J\r\n"), "", ""},
		"redis/without end":           {failoverplan.Redis, redis("+"), "a", ""},
		"elasticsearch/closes":        {failoverplan.Elasticsearch, []string{""}, "", "the server does not answer"},
		"elasticsearch/garbage":       {failoverplan.Elasticsearch, []string{"", "\x00\xff\x1b[2J\r\n"}, "", "the server does not answer"},
		"elasticsearch/not JSON":      {failoverplan.Elasticsearch, http("200 OK", evil), "", "not the JSON expected"},
		"elasticsearch/a refusal":     {failoverplan.Elasticsearch, http("500 No", evil), "", "HTTP 500: .[2J.***"},
		"elasticsearch/deep":          {failoverplan.Elasticsearch, http("200 OK", strings.Repeat(`{"a":[`, 400_000)), "", "the answer is larger than any can be"},
		"elasticsearch/wide":          {failoverplan.Elasticsearch, http("200 OK", `{"a":[0`+strings.Repeat(",0", 1_200_000)+"]}"), "", "the answer is larger than any can be"},
		"elasticsearch/without end":   {failoverplan.Elasticsearch, http("200 OK", ""), "a", ""},
		"elasticsearch/one long head": {failoverplan.Elasticsearch, []string{"", "HTTP/1.1 200 OK\r\nA: "}, "a", ""},
	} {
		t.Run(name, func(t *testing.T) {
			addr := says{c.turns, c.forever}.at(t)
			s, err := Open(Endpoint{Site: "primary", Platform: failoverplan.Data, Name: "store", Kind: c.kind, Config: config.Component{
				Address: addr, URL: "http://" + addr, User: "control", Password: "env:PW", Index: "messages",
			}}, Options{Timeout: 20 * time.Second})
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = s.Close() }()
			ctx, cancel := context.WithTimeout(t.Context(), 40*time.Second)
			defer cancel()
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			ok, seen, err := s.IsSource(ctx)
			runtime.ReadMemStats(&after)
			if ok || err == nil && c.want != "" || err != nil && !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, %q, %v; want %q", ok, seen, err, c.want)
			}
			if errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("it took all the time there was: %v", err)
			}
			if err != nil {
				seen = err.Error()
			}
			if len(seen) > 2*maxText || strings.ContainsFunc(seen, func(r rune) bool { return !unicode.IsPrint(r) }) || strings.Contains(seen, secret) {
				t.Errorf("not fit to show: %q", seen)
			}
			if got := after.TotalAlloc - before.TotalAlloc; got > 64<<20 {
				t.Errorf("%d MB were made room for", got>>20)
			}
		})
	}
}
