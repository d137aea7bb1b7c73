package front

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/dutyops/dutyops/probes/trust"
	"github.com/dutyops/dutyops/probes/trust/trusttest"
)

const name = "pvg.gss.example.test"

// serve answers on loopback, with TLS when cfg is given.
func serve(t *testing.T, cfg *tls.Config, h http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewUnstartedServer(h)
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	if cfg != nil {
		s.TLS = cfg
		s.StartTLS()
	} else {
		s.Start()
	}
	t.Cleanup(s.Close)
	return s.Listener.Addr().String()
}

func here(site string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Site", site)
		w.Header().Set("X-Host", r.Host)
		_, _ = io.WriteString(w, "flights")
	}
}

// raw answers every connection with text and keeps it open until the test ends.
func raw(t *testing.T, say func(c net.Conn)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	end := make(chan struct{})
	wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() {
				defer func() { _ = c.Close() }()
				done := make(chan struct{})
				go func() { say(c); close(done) }()
				<-end
				_ = c.Close()
				<-done
			})
		}
	})
	t.Cleanup(func() { close(end); _ = l.Close(); wg.Wait() })
	return l.Addr().String()
}

func TestAskPlain(t *testing.T) {
	ok := serve(t, nil, here("standby"))
	busy := serve(t, nil, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) })
	moved := serve(t, nil, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "http://elsewhere.test/login", http.StatusFound)
	})
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = closed.Close()
	for _, tc := range []struct {
		name string
		addr string
		s    Settings
		want string
	}{
		{"well", ok, Settings{SiteHeader: "X-Site"}, "ok 200 standby <nil>"},
		{"another status is wanted", ok, Settings{ExpectStatus: 204}, "status 200  answers 200 OK"},
		{"unavailable", busy, Settings{}, "status 503  answers 503 Service Unavailable"},
		{"a redirect is an answer, and not followed", moved, Settings{}, "ok 302  <nil>"},
		{"nobody there", closed.Addr().String(), Settings{}, "silent 0  connection refused"},
		{"silence", raw(t, func(net.Conn) {}), Settings{Timeout: 300 * time.Millisecond}, "silent 0  no answer within 300ms"},
		{"no HTTP", raw(t, func(c net.Conn) {
			_, _ = c.Read(make([]byte, 1)) // what is said before it was asked net/http words otherwise
			_, _ = io.WriteString(c, "SSH-2.0-\x1b[31mx\r\n\r\n")
		}), Settings{}, `silent 0  malformed HTTP response "SSH-2.0-\x1b[31mx"`},
		{"a head without an end", raw(t, func(c net.Conn) {
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\n")
			var err error
			for err == nil {
				_, err = io.WriteString(c, "X: "+strings.Repeat("y", 1000)+"\r\n")
			}
		}), Settings{Timeout: 20 * time.Second}, "silent 0  its head is too long or broken"},
		{"no IPv6, or nobody there", "[2001:db8::1]:1", Settings{Timeout: time.Second}, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			a := New(tc.s).Ask(t.Context(), name, tc.addr)
			if got := fmt.Sprintf("%s %d %s %v", a.State, a.Status, a.Site, a.Err); tc.want != "" && got != tc.want {
				t.Errorf("got  %s\nwant %s", got, tc.want)
			}
			if (a.State == OK) != (a.Err == nil) || a.At.IsZero() {
				t.Errorf("%+v", a)
			}
		})
	}
}

// TestAnswerIsBounded: a body without an end costs a bounded piece of it.
func TestAnswerIsBounded(t *testing.T) {
	var sent atomic.Int64
	addr := serve(t, nil, func(w http.ResponseWriter, r *http.Request) {
		for r.Context().Err() == nil {
			n, err := w.Write(make([]byte, 4096))
			sent.Add(int64(n))
			if err != nil {
				return
			}
		}
	})
	a := New(Settings{Timeout: 20 * time.Second}).Ask(t.Context(), name, addr)
	if a.State != OK || a.Took > 10*time.Second {
		t.Errorf("%+v", a)
	}
	if n := sent.Load(); n > 32<<20 {
		t.Errorf("it took %d bytes", n)
	}
}

func TestAskTLS(t *testing.T) {
	ca, other := trusttest.NewCA(t, "our authority"), trusttest.NewCA(t, "another one")
	dir := t.TempDir()
	root := trusttest.File(t, dir, "ca.pem", ca.PEM)
	server := func(l trusttest.Leaf, by *trusttest.CA) string {
		return serve(t, &tls.Config{Certificates: []tls.Certificate{by.Issue(t, l).TLS}}, here("primary"))
	}
	until := time.Now().Add(100 * time.Hour).Truncate(time.Second)
	names := []string{name}
	good := server(trusttest.Leaf{Names: names, To: until}, ca)
	for _, tc := range []struct {
		name string
		addr string
		tls  trust.Settings
		want string
	}{
		{"well", good, trust.Settings{CA: root}, "ok  "},
		{"expired", server(trusttest.Leaf{Names: names, From: time.Now().Add(-48 * time.Hour), To: time.Now().Add(-24 * time.Hour)}, ca), trust.Settings{CA: root}, "tls expired has expired on"},
		{"of tomorrow", server(trusttest.Leaf{Names: names, From: time.Now().Add(24 * time.Hour)}, ca), trust.Settings{CA: root}, "tls not-yet-valid is not valid before"},
		{"for another name", server(trusttest.Leaf{Names: []string{"other.example"}}, ca), trust.Settings{CA: root}, "tls wrong-name is for other.example, not for " + name},
		{"of another authority", server(trusttest.Leaf{Names: names}, other), trust.Settings{CA: root}, "tls unknown-ca signed by another one"},
		{"of itself", server(trusttest.Leaf{Names: names, Self: true}, ca), trust.Settings{}, "tls unknown-ca signed by itself"},
		{"not checked", server(trusttest.Leaf{Names: []string{"other.example"}}, other), trust.Settings{Insecure: true}, "ok  "},
		{"plain text there", serve(t, nil, here("x")), trust.Settings{CA: root}, "tls not-tls does not speak TLS"},
		{"our file is not there", good, trust.Settings{CA: dir + "/none.pem"}, "not-asked  tls.ca"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			a := New(Settings{HTTPS: true, Port: 8443, TLS: tc.tls, Timeout: 20 * time.Second}).Ask(t.Context(), name, tc.addr)
			state, rest, _ := strings.Cut(tc.want, " ")
			kind, text, _ := strings.Cut(rest, " ")
			if string(a.State) != state || string(a.TLS) != kind || text != "" && (a.Err == nil || !strings.Contains(a.Err.Error(), text)) {
				t.Errorf("%+v, want %s", a, tc.want)
			}
			if tc.addr == good && a.State == OK && !a.Ends.Equal(until) {
				t.Errorf("ends %s, want %s", a.Ends, until)
			}
		})
	}
	if a := New(Settings{Timeout: 20 * time.Second}).Ask(t.Context(), name, good); a.State != Refused && a.TLS != trust.TLSThere {
		t.Errorf("plain text to a TLS port: %+v", a)
	}
}

// TestNameAndAddress: the connection goes to the address, everything else says the name;
// calls of one name to two addresses at a time are not mixed up.
func TestNameAndAddress(t *testing.T) {
	ca := trusttest.NewCA(t, "our authority")
	root := trusttest.File(t, t.TempDir(), "ca.pem", ca.PEM)
	var sni sync.Map
	cfg := &tls.Config{Certificates: []tls.Certificate{ca.Issue(t, trusttest.Leaf{Names: []string{name}}).TLS}}
	cfg.GetConfigForClient = func(h *tls.ClientHelloInfo) (*tls.Config, error) {
		sni.Store(h.ServerName, true)
		return nil, nil //nolint:nilnil // the configuration stays
	}
	var hosts sync.Map
	site := func(s string) string {
		return serve(t, cfg.Clone(), func(w http.ResponseWriter, r *http.Request) {
			hosts.Store(r.Host+r.URL.Path, true)
			w.Header().Set("X-Site", s)
		})
	}
	a, b := site("primary"), site("standby")
	c := New(Settings{HTTPS: true, Port: 8443, Path: "/check", SiteHeader: "X-Site", TLS: trust.Settings{CA: root}, Timeout: 20 * time.Second})
	var wg sync.WaitGroup
	for range 8 {
		for addr, want := range map[string]string{a: "primary", b: "standby"} {
			wg.Go(func() {
				if got := c.Ask(t.Context(), name, addr); got.Site != want {
					t.Errorf("%s answered for %s: %+v", got.Site, want, got)
				}
			})
		}
	}
	wg.Wait()
	_, asked := hosts.Load(name + ":8443/check")
	_, shown := sni.Load(name)
	if !asked || !shown {
		t.Error("host or server name is not the name")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if got := c.Ask(ctx, name, a); got.State != Silent || errors.Is(got.Err, trust.ErrSettings) {
		t.Errorf("%+v", got)
	}
	if got := New(Settings{HTTPS: true}).URL(name); got != "https://"+name+"/" || New(Settings{HTTPS: true}).Port() != 443 || New(Settings{}).Port() != 80 || New(Settings{Port: 81}).Port() != 81 {
		t.Errorf("%s", got)
	}
}
