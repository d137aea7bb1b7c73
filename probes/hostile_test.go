package probes

import (
	"context"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"
	"unicode"
)

// targetAt builds a target of the kind that asks addr, with a password to guard.
func targetAt(kind, addr, secret string) Target {
	return Target{
		Name: "primary/data/x", Kind: kind, Address: addr, URL: "http://" + addr, Brokers: []string{addr},
		User: "dutyops_probe", Password: fixed(secret), Index: "messages", Topics: []string{"flight.messages"},
		Connectors: []string{"mirror"}, Job: "ingest",
	}
}

// streamKinds are all kinds that speak over TCP and wait for an answer. rabbitmq is
// asked over AMQP only, as its management API is plain HTTP.
func streamKinds() []string {
	var out []string
	for _, k := range Kinds() {
		if k != "dns" && k != "tcp" {
			out = append(out, k)
		}
	}
	return out
}

func TestHostileServers(t *testing.T) {
	garbage := strings.Repeat("\x00\xff\x1b[2J$999999999999\r\nHTTP/9.9 hello\r\n", 4)
	servers := map[string]struct {
		serve  func(net.Conn)
		budget time.Duration
		want   map[Status]bool
		detail []string
	}{
		"hangs": {
			serve:  func(c net.Conn) { _, _ = io.Copy(io.Discard, c) },
			budget: 150 * time.Millisecond,
			want:   map[Status]bool{StatusDown: true},
			detail: []string{"no answer within "},
		},
		"closes": {
			serve:  func(c net.Conn) {},
			budget: 3 * time.Second,
			want:   map[Status]bool{StatusDown: true},
			detail: []string{"closed the connection without an answer", "reset by"},
		},
		"resets": {
			serve: func(c net.Conn) {
				_ = c.(*net.TCPConn).SetLinger(0)
				_, _ = c.Read(make([]byte, 1))
			},
			budget: 400 * time.Millisecond, // mysql waits for the server to speak first
			want:   map[Status]bool{StatusDown: true},
			detail: []string{"reset by", "closed the connection", "no answer within "},
		},
		"talks garbage": {
			serve: func(c net.Conn) {
				_, _ = io.WriteString(c, garbage)
				_, _ = io.Copy(io.Discard, c)
			},
			budget: 600 * time.Millisecond,
			want:   map[Status]bool{StatusDown: true, StatusDegraded: true},
			detail: []string{"answers, but not as", "no answer within", "greets, but", "closed the connection", "reset by"},
		},
		"announces too much": {
			serve: func(c net.Conn) {
				// for redis a bulk of 8 EB, for mysql a packet of 16 MB, for http a header without end
				_, _ = io.WriteString(c, "$8999999999999999999\r\n")
				_, _ = io.Copy(io.Discard, c)
			},
			budget: 400 * time.Millisecond,
			want:   map[Status]bool{StatusDown: true, StatusDegraded: true},
			// The AMQP client may say only that it gave the connection up.
			detail: []string{"answers, but not as", "no answer within", "greets, but", "closed the connection"},
		},
	}
	for name, s := range servers {
		for _, kind := range streamKinds() {
			t.Run(name+"/"+kind, func(t *testing.T) {
				t.Parallel()
				secret := randomSecret()
				tg := targetAt(kind, listen(t, s.serve), secret)
				if kind == "rabbitmq" {
					tg.URL = ""
				}
				p := must(t, tg)
				for range 2 { // the second time with whatever is kept
					r := ask(t, p, s.budget)
					if !s.want[r.Status] {
						t.Fatalf("got %s %q, want one of %v\n%s", r.Status, r.Detail, s.want, strings.Join(r.Transcript, "\n"))
					}
					if !containsAny(r.Detail, s.detail) {
						t.Errorf("detail %q holds none of %q", r.Detail, s.detail)
					}
					checkFit(t, r, secret)
				}
			})
		}
	}
}

func TestRefusedAndUnresolvable(t *testing.T) {
	for _, kind := range Kinds() {
		t.Run("refused/"+kind, func(t *testing.T) {
			t.Parallel()
			secret := randomSecret()
			addr := nobodyListens(t)
			tg := targetAt(kind, addr, secret)
			if kind == "rabbitmq" {
				tg.URL = ""
			}
			r := once(t, tg)
			wantAnswer(t, r, StatusDown, "refused: nothing listens on "+addr)
			checkFit(t, r, secret)
		})
		t.Run("no such name/"+kind, func(t *testing.T) {
			t.Parallel()
			secret := randomSecret()
			tg := targetAt(kind, "no-such-host.invalid:1234", secret)
			if kind == "rabbitmq" {
				tg.URL = ""
			}
			r := once(t, tg)
			// unknown: that a name cannot be resolved from here says nothing of the component
			wantAnswer(t, r, StatusUnknown, "cannot ask: the name no-such-host.invalid")
			checkFit(t, r, secret)
		})
	}
}

func TestSecretThatCannotBeReadIsUnknown(t *testing.T) {
	for _, kind := range []string{"http", "mysql", "redis", "kafka", "rabbitmq", "elasticsearch"} {
		t.Run(kind, func(t *testing.T) {
			tg := targetAt(kind, listen(t, func(c net.Conn) { _, _ = io.Copy(io.Discard, c) }), "")
			tg.Password = func() (string, error) { return "", fmt.Errorf("file:/etc/x: permission denied") }
			if kind == "rabbitmq" {
				tg.URL = ""
			}
			wantAnswer(t, once(t, tg), StatusUnknown, "cannot ask: the password could not be read: file:/etc/x: permission denied")
		})
	}
}

func TestClosedProberAndWrongTargets(t *testing.T) {
	p := must(t, Target{Kind: "tcp", Address: "127.0.0.1:1"})
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	wantAnswer(t, ask(t, p, time.Second), StatusUnknown, "was closed")
	for _, tg := range []Target{
		{Kind: "gopher"},
		{Kind: "tcp"},
		{Kind: "mysql", Address: "nohost"},
		{Kind: "redis"},
		{Kind: "http", URL: "ftp://x"},
		{Kind: "http", URL: "://"},
		{Kind: "kafka"},
		{Kind: "rabbitmq"},
		{Kind: "dns"},
		{Kind: "dns", Address: "127.0.0.1:53", QType: "NOPE"},
		{Kind: "flink"},
		{Kind: "kafka-connect"},
		{Kind: "elasticsearch"},
	} {
		if _, err := New(tg); err == nil {
			t.Errorf("New(%+v) made a prober", tg)
		}
	}
}

type brokenAsker struct{}

func (brokenAsker) close() error                          { return nil }
func (brokenAsker) ask(_ context.Context, c *conv) answer { c.asked("x"); panic("boom") }

func TestPanicIsUnknown(t *testing.T) {
	p := &prober{t: Target{Name: "a", Kind: "tcp"}, a: brokenAsker{}}
	wantAnswer(t, ask(t, p, time.Second), StatusUnknown, "the probe itself failed")
}

func containsAny(s string, any []string) bool {
	for _, a := range any {
		if strings.Contains(s, a) {
			return true
		}
	}
	return false
}

// checkFit: what a Result shows is bounded, printable, and holds no secret.
func checkFit(t *testing.T, r Result, secret string) {
	t.Helper()
	all := append([]string{r.Detail}, r.Transcript...)
	for k, v := range r.Facts.Extra {
		all = append(all, k, v)
	}
	if len(r.Transcript) == 0 || len(r.Transcript) > maxLines+3 {
		t.Errorf("%d transcript lines", len(r.Transcript))
	}
	for _, l := range all {
		if secret != "" && strings.Contains(l, secret) {
			t.Errorf("the secret is shown: %q", l)
		}
		if len(l) > maxLine+60 {
			t.Errorf("a line of %d bytes", len(l))
		}
		for _, c := range l {
			if !unicode.IsPrint(c) {
				t.Errorf("unprintable %q in %q", c, l)
			}
		}
	}
}
