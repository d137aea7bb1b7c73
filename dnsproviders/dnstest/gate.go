package dnstest

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync"
	"time"
)

// Gate is what the HTTP fakes share: a server, a log of requests, latency and faults.
type Gate struct {
	// Latency is added to every answer.
	Latency time.Duration

	srv   *httptest.Server
	mu    sync.Mutex
	log   []string
	seen  int
	fault *Fault
	quit  chan struct{}
	once  sync.Once
}

// reply is one answer before it may be spoiled.
type reply struct {
	status int
	typ    string
	body   []byte
}

func (g *Gate) open(h http.Handler) string {
	g.quit = make(chan struct{})
	g.srv = httptest.NewServer(h)
	return g.srv.URL
}

// Close stops the fake and lets hanging requests go. A second call does nothing.
func (g *Gate) Close() {
	g.once.Do(func() { close(g.quit) })
	g.srv.CloseClientConnections()
	g.srv.Close()
}

// Break sets the fault; nil heals.
func (g *Gate) Break(f *Fault) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.seen, g.fault = 0, f
}

// Log returns the requests seen so far as "METHOD path?query", and forgets them.
func (g *Gate) Log() []string {
	g.mu.Lock()
	defer g.mu.Unlock()
	l := g.log
	g.log = nil
	return l
}

func (g *Gate) note(r *http.Request) *Fault {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.log = append(g.log, r.Method+" "+r.URL.RequestURI())
	g.seen++
	f := g.fault
	if f == nil || g.seen < f.First {
		return nil
	}
	if f.Times >= 0 && g.seen >= max(f.First, 1)+max(f.Times, 1) {
		return nil
	}
	return f
}

// serve answers with do, or spoils the answer. errs gives the fake's own form of
// Unauthorized, Forbidden, RateLimit, ServerError and Reject. secret is what a broken
// proxy would echo.
func (g *Gate) serve(w http.ResponseWriter, r *http.Request, secret string, do func() reply, errs map[string]reply) {
	f := g.note(r)
	if g.Latency > 0 {
		pause(r.Context(), g.Latency)
	}
	if f == nil {
		write(w, do())
		return
	}
	a := reply{status: http.StatusOK, typ: "text/plain", body: []byte("0123456789")}
	if f.Applied || r.Method == http.MethodGet {
		a = do()
	}
	if e, ok := errs[f.Kind]; ok {
		if f.Kind == RateLimit && f.RetryAfter > 0 {
			w.Header().Set("Retry-After", strconv.Itoa(int(f.RetryAfter/time.Second)))
		}
		write(w, e)
		return
	}
	switch f.Kind {
	case Garbage:
		write(w, reply{http.StatusOK, "application/json", fmt.Appendf(nil, "\x00\x01%%%s<<<", secret)})
	case HTML:
		write(w, reply{http.StatusBadGateway, "text/html", fmt.Appendf(nil, "<html>bad gateway %s</html>", secret)})
	case HalfBody:
		if len(a.body) == 0 {
			a.body = []byte("0123456789") // an answer without a body cannot break off; this one does
		}
		w.Header().Set("Content-Length", strconv.Itoa(len(a.body)))
		w.WriteHeader(http.StatusOK)
		_, _ = w.Write(a.body[:len(a.body)/2])
	case Hang:
		select {
		case <-r.Context().Done():
		case <-g.quit:
		}
	case Drop:
		panic(http.ErrAbortHandler)
	default:
		panic("dnstest: unknown fault " + f.Kind)
	}
}

func write(w http.ResponseWriter, a reply) {
	if a.typ != "" {
		w.Header().Set("Content-Type", a.typ)
	}
	w.WriteHeader(a.status)
	if len(a.body) > 0 {
		_, _ = w.Write(a.body)
	}
}
