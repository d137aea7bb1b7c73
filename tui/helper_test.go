package tui

import (
	"context"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"

	"github.com/dutyops/dutyops/tui/demo"
	"github.com/dutyops/dutyops/tui/kit"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// clock is a hand-driven clock.
type clock struct {
	mu sync.Mutex
	t  time.Time
}

func newClock() *clock { return &clock{t: time.Date(2026, 11, 22, 14, 5, 0, 0, time.UTC)} }

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

func (c *clock) add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(d)
}

// rig drives the model without a program: commands run at once, except those that
// wait (ticks, the next picture), which the test fires itself.
type rig struct {
	t     *testing.T
	a     *app
	w     *demo.World
	clock *clock
	quit  bool
}

func newRig(t *testing.T, width, height int, o Options, d demo.Options) *rig {
	t.Helper()
	c := newClock()
	d.Now = c.now
	o.Now, o.Location, o.Environ = c.now, time.UTC, []string{"TERM=xterm-256color"}
	if o.Operator == "" {
		o.Operator = "m.okafor"
	}
	w := demo.New(d)
	o.Environment = w.Status().Environment
	r := &rig{t: t, w: w, clock: c, a: newApp(context.Background(), w, o.withDefaults())}
	r.a.timer = func(time.Duration, func(time.Time) tea.Msg) tea.Cmd { return nil }
	r.a.Update(tea.WindowSizeMsg{Width: width, Height: height})
	r.refresh()
	r.run(r.a.loadRuns())
	return r
}

// refresh gives the model the world's newest picture.
func (r *rig) refresh() {
	m, _ := r.a.picture().(snapshotMsg)
	m.changed = nil
	r.send(m)
}

func (r *rig) send(m tea.Msg) {
	r.t.Helper()
	_, cmd := r.a.Update(m)
	r.run(cmd)
}

// run executes a command and everything that follows from it. The model's timers are
// disabled; tests fire what they would bring.
func (r *rig) run(cmd tea.Cmd) {
	r.t.Helper()
	if cmd == nil {
		return
	}
	switch m := cmd().(type) {
	case nil:
	case tea.BatchMsg:
		for _, c := range m {
			r.run(c)
		}
	case tea.QuitMsg:
		r.quit = true
	default:
		r.send(m)
	}
}

// press sends keys by name: "enter", "ctrl+p", "f"; "text:abc" types letters.
func (r *rig) press(keys ...string) {
	r.t.Helper()
	for _, k := range keys {
		if s, ok := strings.CutPrefix(k, "text:"); ok {
			for _, c := range s {
				r.send(tea.KeyPressMsg{Code: c, Text: string(c)})
			}
			continue
		}
		r.send(key(k))
	}
}

func key(name string) tea.KeyPressMsg {
	special := map[string]tea.KeyPressMsg{
		"enter": {Code: tea.KeyEnter}, "esc": {Code: tea.KeyEscape}, "tab": {Code: tea.KeyTab}, "up": {Code: tea.KeyUp}, "down": {Code: tea.KeyDown},
		"left": {Code: tea.KeyLeft}, "right": {Code: tea.KeyRight}, "backspace": {Code: tea.KeyBackspace}, "space": {Code: tea.KeySpace, Text: " "},
		"ctrl+c": {Code: 'c', Mod: tea.ModCtrl}, "ctrl+p": {Code: 'p', Mod: tea.ModCtrl}, "shift+tab": {Code: tea.KeyTab, Mod: tea.ModShift},
	}
	if m, ok := special[name]; ok {
		return m
	}
	return tea.KeyPressMsg{Code: []rune(name)[0], Text: name}
}

// screenText is what a person reads, without colour.
func (r *rig) screenText() string { return ansi.Strip(r.a.View().Content) }

func (r *rig) want(parts ...string) {
	r.t.Helper()
	text := r.screenText()
	for _, p := range parts {
		if !strings.Contains(text, p) {
			r.t.Fatalf("the screen does not say %q:\n%s", p, text)
		}
	}
}

func (r *rig) wantNot(parts ...string) {
	r.t.Helper()
	text := r.screenText()
	for _, p := range parts {
		if strings.Contains(text, p) {
			r.t.Fatalf("the screen says %q but must not:\n%s", p, text)
		}
	}
}

// fits fails when the screen is not exactly its size.
func (r *rig) fits() {
	r.t.Helper()
	lines := strings.Split(r.screenText(), "\n")
	if len(lines) != r.a.h {
		r.t.Fatalf("%d lines on a screen of %d", len(lines), r.a.h)
	}
	for i, l := range lines {
		if w := kit.Width(l); w > r.a.w {
			r.t.Fatalf("line %d is %d cells wide on a screen of %d: %q", i, w, r.a.w, l)
		}
	}
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", "golden", name+".txt")
	if *update {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v; run: go test ./tui -update", err)
	}
	if got != string(want) {
		t.Errorf("%s differs from its golden file; got:\n%s\nwant:\n%s", name, got, want)
	}
}
