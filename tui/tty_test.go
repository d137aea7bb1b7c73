//go:build linux || darwin

package tui

import (
	"bytes"
	"context"
	"io"
	"os/signal"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/creack/pty"
	"golang.org/x/sys/unix"

	"github.com/dutyops/dutyops/tui/demo"
)

// TestOnARealTerminal runs the face on a pseudo-terminal: it draws, uses no tab (which
// would wipe out Chinese characters), leaves at q and puts the terminal back as it was.
func TestOnARealTerminal(t *testing.T) {
	ptmx, tty, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = ptmx.Close(), tty.Close() })
	if err := pty.Setsize(ptmx, &pty.Winsize{Cols: 120, Rows: 40}); err != nil {
		t.Fatal(err)
	}
	before, err := unix.IoctlGetTermios(int(tty.Fd()), termiosGet)
	if err != nil {
		t.Fatal(err)
	}
	seen := &screenLog{more: make(chan struct{}, 1)}
	go func() { _, _ = io.Copy(seen, ptmx) }()
	w := demo.New(demo.Options{Chinese: true})
	w.BusinessDown()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	done := make(chan error, 1)
	go func() {
		done <- Run(ctx, w, Options{Language: "zh", Operator: "m.okafor", Environment: "sandbox", Input: tty, Output: tty, Environ: []string{"TERM=xterm-256color", "LANG=zh_CN.UTF-8"}})
	}()
	seen.wait(ctx, t, "业务平台故障")
	for _, step := range []struct{ key, want string }{{"f", "预期效果"}, {"\r", "请输入将要服务的站点名称"}} {
		if _, err := ptmx.WriteString(step.key); err != nil {
			t.Fatal(err)
		}
		seen.wait(ctx, t, step.want)
	}
	if _, err := ptmx.WriteString("\x03\x03"); err != nil { // closes the question, then leaves
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if strings.Contains(seen.String(), "\t") {
		t.Error("the renderer moves with tabs; Chinese text will be damaged")
	}
	after, err := unix.IoctlGetTermios(int(tty.Fd()), termiosGet)
	if err != nil {
		t.Fatal(err)
	}
	if after.Oflag != before.Oflag || after.Lflag != before.Lflag || after.Iflag != before.Iflag {
		t.Errorf("the terminal was not put back: %+v, was %+v", after, before)
	}
}

// TestASignalEndsItCalmly: the caller turns a signal into the end of ctx. The face ends
// each time, and the terminal leaves the other screen.
func TestASignalEndsItCalmly(t *testing.T) {
	for range 5 {
		ptmx, tty, err := pty.Open()
		if err != nil {
			t.Fatal(err)
		}
		if err := pty.Setsize(ptmx, &pty.Winsize{Cols: 80, Rows: 24}); err != nil {
			t.Fatal(err)
		}
		seen := &screenLog{more: make(chan struct{}, 1)}
		go func() { _, _ = io.Copy(seen, ptmx) }()
		limit, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		ctx, stop := signal.NotifyContext(limit, unix.SIGTERM)
		done := make(chan error, 1)
		go func() {
			done <- Run(ctx, demo.New(demo.Options{}), Options{Environment: "sandbox", Input: tty, Output: tty, Environ: []string{"TERM=xterm-256color"}})
		}()
		seen.wait(limit, t, "SANDBOX")
		if err := unix.Kill(unix.Getpid(), unix.SIGTERM); err != nil {
			t.Fatal(err)
		}
		select {
		case err := <-done:
			if err != nil {
				t.Error(err)
			}
		case <-limit.Done():
			t.Fatal("the face did not end")
		}
		seen.wait(limit, t, "\x1b[?1049l")
		stop()
		cancel()
		_, _ = ptmx.Close(), tty.Close()
	}
}

// screenLog collects what the terminal gets and can wait for a text in it.
type screenLog struct {
	mu   sync.Mutex
	b    bytes.Buffer
	more chan struct{}
}

func (s *screenLog) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.b.Write(p)
	select {
	case s.more <- struct{}{}:
	default:
	}
	return len(p), nil
}

func (s *screenLog) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

func (s *screenLog) wait(ctx context.Context, t *testing.T, text string) {
	t.Helper()
	for !strings.Contains(s.String(), text) {
		select {
		case <-s.more:
		case <-ctx.Done():
			t.Fatalf("never saw %q in %q", text, s.String())
		}
	}
}
