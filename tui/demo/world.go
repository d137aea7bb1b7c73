package demo

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/dutyops/dutyops/backend"
	"github.com/dutyops/dutyops/failoverplan"
)

// Options shape the world.
type Options struct {
	Environment failoverplan.Environment
	// Emergency adds the third site.
	Emergency bool
	// Now is the world's clock.
	Now func() time.Time
	// Cold starts before any probe has answered.
	Cold bool
	// Titles names sites and feeds in Chinese, for width tests.
	Chinese bool
}

// World is the scripted engine. Safe for concurrent use.
type World struct {
	opt Options

	mu      sync.Mutex
	changed chan struct{}
	jitter  int
	warm    bool
	serving string
	data    string
	faults  []backend.Fault
	broken  map[string]brokenPart // target -> how
	lagging map[string]uint32     // domain -> resolvers that still say the old site
	events  []backend.Event
	runs    []*run
	pause   []backend.Override
	start   time.Time

	starts    int
	lastStart backend.StartRequest
	// FailStep makes the step with that id fail in the next run.
	FailStep string
	// PlanErr, when set, is what Plan returns.
	PlanErr error
	// ReadyErr, when set, is what Readiness returns; Drift is a set that its reading lacks.
	ReadyErr          error
	Drift             string
	armedAt, probedAt time.Time
	// APIDown: the DNS provider does not answer, and what was held ready is printed.
	APIDown bool
	// Blocked adds a failed gate to every plan.
	Blocked bool
	// BadName stops the first name of every plan by a value of a stranger.
	BadName bool
	// NoSandbox hides the sandbox controls, as in production.
	NoSandbox bool
}

type brokenPart struct {
	state  failoverplan.State
	detail string
	since  time.Time
}

// New builds the world: everything up, primary serving.
func New(o Options) *World {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Environment == "" {
		o.Environment = failoverplan.Sandbox
	}
	w := &World{
		opt: o, changed: make(chan struct{}), warm: !o.Cold, serving: "primary", data: "primary",
		broken: map[string]brokenPart{}, lagging: map[string]uint32{}, start: o.Now().Add(-23 * time.Minute),
	}
	w.NoSandbox = o.Environment == failoverplan.Production
	w.event("health", "good", "", "all targets answered; primary serves")
	return w
}

// Starts counts the calls of Start.
func (w *World) Starts() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.starts
}

// LastStart is what the newest call of Start asked for.
func (w *World) LastStart() backend.StartRequest {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.lastStart
}

// Changed implements backend.Face.
func (w *World) Changed() <-chan struct{} {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.changed
}

// publish wakes everybody who waits; w.mu is held.
func (w *World) publish() {
	close(w.changed)
	w.changed = make(chan struct{})
}

func (w *World) event(kind, level, target, text string) {
	w.events = append(w.events, backend.Event{At: w.opt.Now(), Kind: kind, Level: level, Target: target, Text: text})
}

// Tick changes every number a little and publishes, as a round of probes does.
func (w *World) Tick() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.jitter++
	w.publish()
}

// Warm ends the warming of a cold start.
func (w *World) Warm() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.warm = true
	w.publish()
}

// Break puts a target (site, site/platform, site/platform/name) into a state.
func (w *World) Break(target string, st failoverplan.State, detail string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.broken[target] = brokenPart{st, detail, w.opt.Now()}
	level := "bad"
	if st != failoverplan.Down {
		level = "warn"
	}
	w.event("health", level, target, fmt.Sprintf("%s is %s: %s", target, st, detail))
	w.publish()
}

// Mend ends what Break did to a target; "" mends all.
func (w *World) Mend(target string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.mend(target)
	w.publish()
}

func (w *World) mend(target string) {
	for k := range w.broken {
		if target == "" || k == target {
			delete(w.broken, k)
			w.event("health", "good", k, k+" is up again")
		}
	}
}

// Lag makes n resolvers go on answering the old site for a domain.
func (w *World) Lag(domain string, n uint32) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.lagging[domain] = n
	w.publish()
}

// Events implements backend.Face.
func (w *World) Events(n int) []backend.Event {
	w.mu.Lock()
	defer w.mu.Unlock()
	ev := w.events
	if len(ev) > n {
		ev = ev[len(ev)-n:]
	}
	return append([]backend.Event(nil), ev...)
}

// Refresh implements backend.Face.
func (w *World) Refresh(context.Context) (*backend.Status, error) {
	w.Tick()
	return w.Status(), nil
}

// CheckDNS implements backend.Face.
func (w *World) CheckDNS(context.Context) ([]backend.DomainStatus, error) {
	return w.Status().Domains, nil
}

// how returns what is wrong with a target, looking at its parents too.
func (w *World) how(target string) (brokenPart, bool) {
	for t := target; t != ""; {
		if b, ok := w.broken[t]; ok {
			if t != target && b.detail == "" {
				b.detail = "no answer"
			}
			return b, true
		}
		i := strings.LastIndexByte(t, '/')
		if i < 0 {
			break
		}
		t = t[:i]
	}
	return brokenPart{}, false
}

// Pause implements backend.Face.
func (w *World) Pause(_ context.Context, o backend.Override) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.pause = append(w.pause, o)
	w.event("operator", "warn", "", o.Owner+" paused all actions: "+o.Reason)
	w.publish()
	return nil
}

// Unpause implements backend.Face.
func (w *World) Unpause(_ context.Context, operator, reason string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.pause = nil
	w.event("operator", "info", "", operator+" ended the pause: "+reason)
	w.publish()
	return nil
}

// Doctor implements backend.Face.
func (w *World) Doctor(context.Context) ([]backend.Check, error) {
	return []backend.Check{
		{Name: "state directory", State: "ok", Detail: "writable, 41 GB free"},
		{Name: "dns provider cloudflare", State: "ok", Detail: "token can edit zone gss.example.test; 12 ms"},
		{Name: "standby gateway", State: "ok", Detail: "198.51.100.20 answers 200 for all three domains"},
		{Name: "armed plan", State: "warn", Detail: "made 14 minutes ago", Fix: "dutyops dns arm"},
	}, nil
}

// Sandbox implements backend.Face.
func (w *World) Sandbox() backend.SandboxControl {
	if w.NoSandbox {
		return nil
	}
	return sandbox{w}
}
