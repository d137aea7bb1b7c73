package probes

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"net"
	"strings"
	"sync"
	"testing"
	"time"
)

// listen serves every connection with fn until the test ends.
func listen(t testing.TB, fn func(net.Conn)) string {
	t.Helper()
	var lc net.ListenConfig
	ln, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	var mu sync.Mutex
	open := map[net.Conn]bool{}
	wg.Go(func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			open[c] = true
			mu.Unlock()
			wg.Go(func() {
				fn(c)
				_ = c.Close()
				mu.Lock()
				delete(open, c)
				mu.Unlock()
			})
		}
	})
	t.Cleanup(func() {
		_ = ln.Close()
		mu.Lock()
		for c := range open {
			_ = c.Close()
		}
		mu.Unlock()
		wg.Wait()
	})
	return ln.Addr().String()
}

// nobodyListens returns an address that refuses connections.
func nobodyListens(t testing.TB) string {
	t.Helper()
	var lc net.ListenConfig
	ln, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := ln.Addr().String()
	_ = ln.Close()
	return addr
}

func randomSecret() string {
	b := make([]byte, 12)
	_, _ = rand.Read(b)
	return "pw-" + hex.EncodeToString(b)
}

func fixed(s string) Secret { return func() (string, error) { return s, nil } }

func must(t testing.TB, tg Target) Prober {
	t.Helper()
	if tg.Name == "" {
		tg.Name = "primary/data/" + tg.Kind
	}
	p, err := New(tg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Close() })
	return p
}

// once asks a new prober one time, with a budget that only a fault uses up.
func once(t testing.TB, tg Target) Result {
	t.Helper()
	return ask(t, must(t, tg), 5*time.Second)
}

func ask(t testing.TB, p Prober, budget time.Duration) Result {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), budget)
	defer cancel()
	return p.Probe(ctx)
}

// wantAnswer checks status and a piece of the detail, and what every answer owes.
func wantAnswer(t testing.TB, r Result, s Status, detail string) {
	t.Helper()
	if r.Status != s || !strings.Contains(r.Detail, detail) {
		t.Fatalf("got %s %q, want %s with %q\n%s", r.Status, r.Detail, s, detail, strings.Join(r.Transcript, "\n"))
	}
	if r.At.IsZero() || r.Latency <= 0 {
		t.Errorf("an answer without time or latency: %+v", r)
	}
	if (r.Status == StatusUp) != (len(r.Transcript) == 0) {
		t.Errorf("status %s with %d transcript lines", r.Status, len(r.Transcript))
	}
}

func asRole(r Role) func() Role { return func() Role { return r } }
