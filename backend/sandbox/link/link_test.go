package link_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/dutyops/dutyops/backend/sandbox/link"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is how long a test waits for what must happen; quiet is how long it
// watches for what must not.
const (
	patience = 10 * time.Second
	quiet    = 60 * time.Millisecond
)

// echo answers every line with "re: line" and counts the connections it saw.
type echo struct {
	ln net.Listener
	wg sync.WaitGroup

	mu    sync.Mutex
	lines []string
	seen  int
	conns map[net.Conn]struct{}
}

func newEcho(t *testing.T) *echo {
	t.Helper()
	var lc net.ListenConfig
	ln, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	e := &echo{ln: ln, conns: map[net.Conn]struct{}{}}
	e.wg.Go(func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			e.mu.Lock()
			e.seen++
			e.conns[c] = struct{}{}
			e.mu.Unlock()
			e.wg.Go(func() { e.serve(c) })
		}
	})
	t.Cleanup(func() {
		_ = ln.Close()
		e.mu.Lock()
		for c := range e.conns {
			_ = c.Close()
		}
		e.mu.Unlock()
		e.wg.Wait()
	})
	return e
}

func (e *echo) serve(c net.Conn) {
	defer func() { _ = c.Close() }()
	r := bufio.NewReader(c)
	for {
		s, err := r.ReadString('\n')
		if err != nil {
			return
		}
		e.mu.Lock()
		e.lines = append(e.lines, strings.TrimSpace(s))
		e.mu.Unlock()
		if _, err := fmt.Fprintf(c, "re: %s", s); err != nil {
			return
		}
	}
}

func (e *echo) got() (lines []string, conns int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return append([]string(nil), e.lines...), e.seen
}

func newLink(t *testing.T, target string) *link.Link {
	t.Helper()
	l, err := link.New(target)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	return l
}

func tryDial(t *testing.T, addr string) (net.Conn, error) {
	t.Helper()
	d := net.Dialer{Timeout: patience}
	return d.DialContext(t.Context(), "tcp", addr)
}

func dial(t *testing.T, addr string) net.Conn {
	t.Helper()
	c, err := tryDial(t, addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func say(t *testing.T, c net.Conn, line string) {
	t.Helper()
	if _, err := fmt.Fprintln(c, line); err != nil {
		t.Fatal(err)
	}
}

// hear reads n bytes at most, waiting at most d.
func hear(c net.Conn, d time.Duration) (string, error) {
	_ = c.SetReadDeadline(time.Now().Add(d))
	buf := make([]byte, 4096)
	n, err := c.Read(buf)
	return string(buf[:n]), err
}

func expect(t *testing.T, c net.Conn, want string) {
	t.Helper()
	_ = c.SetReadDeadline(time.Now().Add(patience))
	buf := make([]byte, len(want))
	if _, err := io.ReadFull(c, buf); err != nil || string(buf) != want {
		t.Fatalf("got %q, %v; want %q", buf, err, want)
	}
}

func expectNothing(t *testing.T, c net.Conn) {
	t.Helper()
	if s, err := hear(c, quiet); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("got %q, %v; want nothing", s, err)
	}
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("never happened: %s", what)
		}
	}
}

func TestPassAndSetTarget(t *testing.T) {
	one, two := newEcho(t), newEcho(t)
	l := newLink(t, one.ln.Addr().String())
	c := dial(t, l.Addr())
	say(t, c, "a")
	expect(t, c, "re: a\n")

	l.SetTarget(two.ln.Addr().String())
	if l.Target() != two.ln.Addr().String() {
		t.Fatalf("target is %s", l.Target())
	}
	d := dial(t, l.Addr())
	say(t, d, "b")
	expect(t, d, "re: b\n")
	say(t, c, "c") // the old connection stays where it was
	expect(t, c, "re: c\n")
	if lines, _ := one.got(); len(lines) != 2 {
		t.Fatalf("first target got %v", lines)
	}
	if lines, _ := two.got(); len(lines) != 1 {
		t.Fatalf("second target got %v", lines)
	}
}

func TestDownResetsAndHealsOnTheSamePort(t *testing.T) {
	e := newEcho(t)
	l := newLink(t, e.ln.Addr().String())
	addr := l.Addr()
	for range 20 {
		c := dial(t, addr)
		say(t, c, "a")
		expect(t, c, "re: a\n")
		l.Set(link.Down)
		if _, err := hear(c, patience); !errors.Is(err, syscall.ECONNRESET) {
			t.Fatalf("existing connection: %v, want a reset", err)
		}
		if _, err := tryDial(t, addr); !errors.Is(err, syscall.ECONNREFUSED) {
			t.Fatalf("new connection: %v, want refused", err)
		}
		l.Set(link.Pass)
	}
	if l.Addr() != addr {
		t.Fatalf("address changed from %s to %s", addr, l.Addr())
	}
	c := dial(t, addr)
	say(t, c, "b")
	expect(t, c, "re: b\n")
}

func TestRefuseKeepsExisting(t *testing.T) {
	e := newEcho(t)
	l := newLink(t, e.ln.Addr().String())
	c := dial(t, l.Addr())
	say(t, c, "a")
	expect(t, c, "re: a\n")
	l.Set(link.Refuse)
	if _, err := tryDial(t, l.Addr()); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Fatalf("new connection: %v, want refused", err)
	}
	say(t, c, "b")
	expect(t, c, "re: b\n")
}

func TestBlackholeHoldsAndReleases(t *testing.T) {
	e := newEcho(t)
	l := newLink(t, e.ln.Addr().String())
	old := dial(t, l.Addr())
	say(t, old, "before")
	expect(t, old, "re: before\n")

	l.Set(link.Blackhole)
	say(t, old, "held")
	fresh := dial(t, l.Addr())
	say(t, fresh, "fresh")
	gone := dial(t, l.Addr())
	say(t, gone, "gone")
	_ = gone.Close()
	expectNothing(t, old)
	expectNothing(t, fresh)
	if lines, conns := e.got(); len(lines) != 1 || conns != 1 {
		t.Fatalf("the target got %v on %d connections through a blackhole", lines, conns)
	}

	l.Set(link.Pass)
	expect(t, old, "re: held\n")
	expect(t, fresh, "re: fresh\n")
	if lines, conns := e.got(); len(lines) != 3 || conns != 2 {
		t.Fatalf("after heal the target got %v on %d connections", lines, conns)
	}
}

func TestBlackholeHoldsTheEndOfAConnection(t *testing.T) {
	e := newEcho(t)
	l := newLink(t, e.ln.Addr().String())
	c := dial(t, l.Addr())
	say(t, c, "a")
	expect(t, c, "re: a\n")
	l.Set(link.Blackhole)
	e.mu.Lock()
	for s := range e.conns {
		_ = s.Close()
	}
	e.mu.Unlock()
	expectNothing(t, c)
	l.Set(link.Pass)
	if _, err := hear(c, patience); !errors.Is(err, io.EOF) {
		t.Fatalf("after heal: %v, want EOF", err)
	}
}

func TestBlackholeLosesWhatACrashedSenderHadOnTheWay(t *testing.T) {
	e := newEcho(t)
	l := newLink(t, e.ln.Addr().String())
	l.Set(link.OneWay)
	c := dial(t, l.Addr())
	say(t, c, "a")
	eventually(t, "the question arrives", func() bool { lines, _ := e.got(); return len(lines) == 1 })
	l.Set(link.Blackhole)
	expectNothing(t, c) // by now the answer waits in the link
	e.mu.Lock()
	for s := range e.conns {
		if tcp, ok := s.(*net.TCPConn); ok {
			_ = tcp.SetLinger(0)
		}
		_ = s.Close()
	}
	e.mu.Unlock()
	expectNothing(t, c)
	l.Set(link.Pass)
	if s, err := hear(c, patience); !errors.Is(err, syscall.ECONNRESET) {
		t.Fatalf("got %q, %v; want a reset and nothing else", s, err)
	}
}

func TestOneWayHoldsAnswers(t *testing.T) {
	e := newEcho(t)
	l := newLink(t, e.ln.Addr().String())
	l.Set(link.OneWay)
	c := dial(t, l.Addr())
	say(t, c, "a")
	eventually(t, "the question arrives", func() bool { lines, _ := e.got(); return len(lines) == 1 })
	expectNothing(t, c)
	l.Set(link.Pass)
	expect(t, c, "re: a\n")
}

func TestSlowDelaysAndHealReleases(t *testing.T) {
	e := newEcho(t)
	l := newLink(t, e.ln.Addr().String())
	c := dial(t, l.Addr())

	const latency = 40 * time.Millisecond
	l.Set(link.Slow(latency))
	begin := time.Now()
	say(t, c, "a")
	expect(t, c, "re: a\n")
	if took := time.Since(begin); took < 2*latency {
		t.Fatalf("answer after %v, want at least %v", took, 2*latency)
	}

	l.Set(link.Slow(time.Hour))
	say(t, c, "b")
	expectNothing(t, c)
	l.Set(link.Pass)
	expect(t, c, "re: b\n")
}

func TestLargeTransferSurvivesModeChanges(t *testing.T) {
	e := newEcho(t)
	l := newLink(t, e.ln.Addr().String())
	c := dial(t, l.Addr())
	line := strings.Repeat("x", 200_000)
	var sent sync.WaitGroup
	sent.Go(func() {
		for range 20 {
			if _, err := fmt.Fprintln(c, line); err != nil {
				t.Error(err)
				return
			}
		}
	})
	_ = c.SetReadDeadline(time.Now().Add(patience))
	r := bufio.NewReader(c)
	modes := []link.Mode{link.Blackhole, link.Pass, link.Slow(time.Millisecond), link.OneWay, link.Pass}
	for i := range 20 {
		l.Set(modes[i%len(modes)])
		l.Set(link.Pass)
		if s, err := r.ReadString('\n'); err != nil || s != "re: "+line+"\n" {
			t.Fatalf("line %d: %d bytes, %v", i, len(s), err)
		}
	}
	sent.Wait()
}

func TestTargetDownResetsTheClient(t *testing.T) {
	e := newEcho(t)
	addr := e.ln.Addr().String()
	_ = e.ln.Close()
	l := newLink(t, addr)
	c, err := tryDial(t, l.Addr()) // the reset may come before connect has returned
	if err == nil {
		defer func() { _ = c.Close() }()
		_, err = hear(c, patience)
	}
	if !errors.Is(err, syscall.ECONNRESET) {
		t.Fatalf("got %v, want a reset", err)
	}
}

func TestHalfClosePasses(t *testing.T) {
	e := newEcho(t)
	l := newLink(t, e.ln.Addr().String())
	c := dial(t, l.Addr())
	say(t, c, "a")
	tcp, ok := c.(*net.TCPConn)
	if !ok {
		t.Fatalf("a %T", c)
	}
	if err := tcp.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	_ = c.SetReadDeadline(time.Now().Add(patience))
	all, err := io.ReadAll(c)
	if err != nil || string(all) != "re: a\n" {
		t.Fatalf("got %q, %v", all, err)
	}
}

func TestCloseEndsEverything(t *testing.T) {
	e := newEcho(t)
	for _, m := range []link.Mode{link.Pass, link.Blackhole, link.Slow(time.Hour), link.OneWay, link.Refuse, link.Down} {
		t.Run(m.String(), func(t *testing.T) {
			l, err := link.New(e.ln.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			c := dial(t, l.Addr())
			l.Set(m)
			_, _ = fmt.Fprintln(c, "a")
			if err := l.Close(); err != nil {
				t.Fatal(err)
			}
			if err := l.Close(); err != nil {
				t.Fatalf("second close: %v", err)
			}
			if _, err := tryDial(t, l.Addr()); err == nil {
				t.Fatal("still accepts after Close")
			}
			l.Set(link.Pass)
			if _, err := tryDial(t, l.Addr()); err == nil {
				t.Fatal("Set opened a closed link")
			}
		})
	}
}

func TestNewOnTakenPort(t *testing.T) {
	e := newEcho(t)
	if l, err := link.NewOn(e.ln.Addr().String(), "127.0.0.1:1"); err == nil {
		_ = l.Close()
		t.Fatal("took a port that is in use")
	}
}

func TestModeStrings(t *testing.T) {
	for m, want := range map[link.Mode]string{
		link.Pass: "pass", link.Down: "down", link.Refuse: "refuse", link.Blackhole: "blackhole",
		link.OneWay: "one-way", link.Slow(600 * time.Millisecond): "slow 600ms", link.Slow(0): "pass",
	} {
		if m.String() != want {
			t.Errorf("%d is %q, want %q", m, m.String(), want)
		}
	}
}
