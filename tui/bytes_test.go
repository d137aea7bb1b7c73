package tui

import (
	"bytes"
	"context"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/colorprofile"

	"github.com/dutyops/dutyops/tui/demo"
)

// wire counts what the terminal gets.
type wire struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (w *wire) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.b.Write(p)
}

func (w *wire) len() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.b.Len()
}

func (w *wire) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.b.String()
}

// program runs the whole face on virtual time into a buffer.
func program(t *testing.T, lang string, profile colorprofile.Profile, d demo.Options) (*demo.World, *wire, func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	out := &wire{}
	w := demo.New(d)
	o := Options{Language: lang, Operator: "m.okafor", Location: time.UTC, Environ: []string{"TERM=xterm-256color"}, Output: out, Environment: w.Status().Environment}.withDefaults()
	p := tea.NewProgram(newApp(ctx, w, o),
		tea.WithContext(ctx), tea.WithInput(nil), tea.WithOutput(out), tea.WithFPS(30), tea.WithoutSignals(), tea.WithoutSignalHandler(),
		tea.WithWindowSize(120, 40), tea.WithColorProfile(profile), tea.WithEnvironment(o.Environ))
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _ = p.Run() // ends by cancel; its error says only that
	}()
	return w, out, func() {
		p.Quit()
		<-done
		cancel()
		time.Sleep(2 * time.Second) // virtual: lets the program's last tick goroutines end
		synctest.Wait()
	}
}

// TestByteBudget: a live dashboard costs a slow link at most 800 bytes a second, in
// English and Chinese, with the engine publishing four times a second; and nothing
// when nothing changes.
func TestByteBudget(t *testing.T) {
	for _, c := range []struct {
		lang    string
		profile colorprofile.Profile
	}{{"en", colorprofile.ANSI256}, {"zh", colorprofile.ANSI256}, {"en", colorprofile.TrueColor}, {"zh", colorprofile.Ascii}} {
		t.Run(c.lang+"-"+c.profile.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w, out, stop := program(t, c.lang, c.profile, demo.Options{Chinese: c.lang == "zh"})
				time.Sleep(5 * time.Second)
				before := out.len()
				const seconds = 30
				for range seconds * 4 {
					w.Tick()
					time.Sleep(250 * time.Millisecond)
				}
				live := (out.len() - before) / seconds
				t.Logf("live: %d B/s", live)
				if live > 800 {
					t.Errorf("live: %d B/s, the budget is 800", live)
				}
				if live == 0 {
					t.Error("nothing was drawn: the test measures nothing")
				}
				time.Sleep(15 * time.Second) // the "data of" mark appears once
				before = out.len()
				time.Sleep(20 * time.Second)
				if idle := out.len() - before; idle > 2*60 { // at most two minute marks of the clock
					t.Errorf("idle: %d bytes in 20 s, want none but the minute of the clock", idle)
				}
				stop()
			})
		})
	}
}

// TestFirstFrameNeedsNoEngine: the first frame is out although nothing has answered.
func TestFirstFrameNeedsNoEngine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, out, stop := program(t, "en", colorprofile.Ascii, demo.Options{Cold: true})
		time.Sleep(150 * time.Millisecond)
		if !strings.Contains(out.String(), "Warming up") {
			t.Errorf("after 150 ms: %q", out.String())
		}
		stop()
	})
}

// TestAsksForSynchronizedOutput: also over SSH, where the library does not ask.
func TestAsksForSynchronizedOutput(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, out, stop := program(t, "en", colorprofile.Ascii, demo.Options{})
		time.Sleep(time.Second)
		if !strings.Contains(out.String(), "\x1b[?2026$p") {
			t.Error("mode 2026 was not asked for")
		}
		stop()
	})
}

// TestStateChangesAreNotDelayed: numbers may wait for their turn, a state may not.
func TestStateChangesAreNotDelayed(t *testing.T) {
	r := newRig(t, 120, 40, Options{}, demo.Options{})
	r.w.Tick()
	r.w.BusinessDown()
	r.refresh() // no beat in between
	r.want("✖ monitoring", "Business platform down")
}

func TestRealCountdownStartsOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		w := demo.New(demo.Options{})
		out := &wire{}
		o := Options{Language: "en", Environ: []string{"TERM=xterm-256color"}, Output: out}.withDefaults()
		p := tea.NewProgram(newApp(ctx, w, o), tea.WithContext(ctx), tea.WithInput(nil), tea.WithOutput(out), tea.WithoutSignals(), tea.WithoutSignalHandler(), tea.WithWindowSize(120, 40), tea.WithColorProfile(colorprofile.Ascii), tea.WithEnvironment(o.Environ))
		done := make(chan struct{})
		go func() { defer close(done); _, _ = p.Run() }()
		time.Sleep(time.Second)
		for _, k := range strings.Split("f enter s t a n d b y enter s t o r m enter", " ") {
			p.Send(key(k))
			time.Sleep(100 * time.Millisecond)
		}
		time.Sleep(4700 * time.Millisecond)
		if w.Starts() != 0 {
			t.Error("started before five seconds had passed")
		}
		time.Sleep(time.Second)
		if w.Starts() != 1 {
			t.Errorf("started %d times after six seconds, want once", w.Starts())
		}
		p.Quit()
		<-done
		cancel()
		time.Sleep(2 * time.Second)
	})
}
