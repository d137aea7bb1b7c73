package backend

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/dutyops/dutyops/backend/config"
	"github.com/dutyops/dutyops/backend/journal"
	"github.com/dutyops/dutyops/backend/monitor"
	"github.com/dutyops/dutyops/backend/replication"
	"github.com/dutyops/dutyops/backend/runbook"
	"github.com/dutyops/dutyops/backend/switching"
	"github.com/dutyops/dutyops/backend/upstream"
	"github.com/dutyops/dutyops/failoverplan"
	"github.com/dutyops/dutyops/probes"
)

// Options of an Engine.
type Options struct {
	// StateDir holds the journal. When it cannot be written the engine still shows
	// health; everything that acts is refused with the reason.
	StateDir string
	// Sandbox controls, nil in production.
	Sandbox SandboxControl
	Logger  *slog.Logger
	Now     func() time.Time
}

// Engine watches one configured world and acts on it. Make it with Open; all
// methods are safe for concurrent use. It implements Face.
type Engine struct {
	cfg  *config.Config
	topo *failoverplan.Topology
	opts Options
	log  *slog.Logger
	now  func() time.Time

	journal    *journal.Journal
	journalErr error

	mon       *monitor.Monitor
	probers   map[string]probes.Prober
	kinds     map[string]string   // of targets, as probes names them
	addresses map[string][]string // of targets
	dns       *switching.Switch
	feeds     map[string]*upstream.Feed

	roles atomic.Pointer[roles]
	seen  observed // guarded by mu

	ownersKnown ownersKnown

	status     atomic.Pointer[Status]
	publishing sync.Mutex // one publication at a time: a newer picture is never overwritten by an older
	// Guarded by publishing.
	lags            replication.Lags
	identities      map[string]known // by target
	identitiesMoved bool             // positions that are not put away yet
	identitiesSaved time.Time

	mu        sync.Mutex
	changed   chan struct{}
	events    []Event
	situation *failoverplan.Situation
	judgement failoverplan.Judgement
	memory    map[string]remembered
	unsaved   bool // memory or roles differ from what the journal remembers
	verdicts  map[string]time.Time
	runs      map[string]*liveRun
	refreshed time.Time
	tellers   map[string]func(string) // "zone provider" -> the run's step that writes it

	armNotes   []string // set by Open
	life       context.Context
	end        context.CancelFunc
	background sync.WaitGroup
}

// roles is who is the source of what; probes ask it at every turn.
type roles struct{ serving, data string }

type remembered struct {
	State failoverplan.State `json:"state"`
	Since time.Time          `json:"since"`
	At    time.Time          `json:"at"`
}

// Open builds the engine of a configuration. It starts nothing; nothing is asked yet.
func Open(ctx context.Context, cfg *config.Config, opts Options) (*Engine, error) {
	if opts.Now == nil {
		opts.Now = time.Now
	}
	if opts.Logger == nil {
		opts.Logger = slog.New(slog.DiscardHandler)
	}
	e := &Engine{
		cfg: cfg, topo: cfg.Topology(), opts: opts, log: opts.Logger, now: opts.Now,
		changed: make(chan struct{}), probers: map[string]probes.Prober{}, kinds: map[string]string{}, addresses: map[string][]string{}, identities: map[string]known{}, feeds: map[string]*upstream.Feed{},
		memory: map[string]remembered{}, verdicts: map[string]time.Time{}, runs: map[string]*liveRun{}, tellers: map[string]func(string){},
	}
	e.life, e.end = context.WithCancel(context.WithoutCancel(ctx))
	e.journal, e.journalErr = journal.Open(ctx, opts.StateDir, opts.Now)
	e.recall(ctx)
	if err := e.build(); err != nil {
		_ = e.Close()
		return nil, err
	}
	e.recallArmed()
	e.publish()
	return e, nil
}

// StateDirFor is where a configuration keeps its state below the state root: a
// sandbox gets a folder of its own, so that a rehearsal never mixes with production.
func StateDirFor(cfg *config.Config, root string) string {
	if cfg.Environment != string(failoverplan.Sandbox) {
		return root
	}
	abs, err := filepath.Abs(cfg.Path)
	if err != nil {
		abs = cfg.Path
	}
	return filepath.Join(root, "sandbox-"+shortHash(abs))
}

func (e *Engine) build() error {
	th := e.cfg.Thresholds
	targets, err := e.targets()
	if err != nil {
		return err
	}
	e.mon = monitor.New(targets, monitor.Options{
		Interval: th.Interval.D(), Timeout: th.Timeout.D(), DownAfter: th.DownAfter, UpAfter: th.UpAfter,
		WindowFailures: th.Window.Failures, WindowPer: th.Window.Per.D(), StaleAfter: th.StaleAfter.D(),
		Now: e.now, Jitter: rand.Float64, OnTransition: e.transition,
	})
	restore := map[string]monitor.Remembered{}
	for id, m := range e.memory {
		restore[id] = monitor.Remembered{State: m.State, Since: m.Since}
	}
	e.mon.Restore(restore)
	for _, u := range e.cfg.Upstreams {
		f, err := upstream.NewFeed(u, upstream.Options{Timeout: e.cfg.Thresholds.Timeout.D()})
		if err != nil {
			return fmt.Errorf("upstream %s: %w", u.Name, err)
		}
		e.feeds[u.Name] = f
	}
	e.dns, err = e.openDNS()
	return err
}

// closeWithin bounds how long Close waits for a run to reach its next step boundary.
const closeWithin = 30 * time.Second

// Close asks runs of this process to stop at their next step boundary, waits for that,
// and lets go of everything. A run that this stopped is in the error (ErrParked or
// ErrCancelled); one that does not stop in time is left interrupted.
func (e *Engine) Close() error {
	e.mu.Lock()
	var live []*liveRun
	for _, l := range e.runs {
		live = append(live, l)
	}
	e.mu.Unlock()
	limit := time.NewTimer(closeWithin)
	defer limit.Stop()
	var errs []error
	for _, l := range live {
		errs = append(errs, l.end(limit.C))
	}
	e.end()
	e.background.Wait()
	for _, p := range e.probers {
		errs = append(errs, p.Close())
	}
	if e.journal != nil {
		errs = append(errs, e.journal.Close())
	}
	return errors.Join(errs...)
}

// Topology returns the configured world; do not change it.
func (e *Engine) Topology() *failoverplan.Topology { return e.topo }

// Config returns the configuration; do not change it.
func (e *Engine) Config() *config.Config { return e.cfg }

// Watch keeps the picture fresh until ctx ends: probes on their schedule, DNS and
// feeds every second or interval, whichever is longer. Used by the TUI and by --watch.
func (e *Engine) Watch(ctx context.Context) error {
	var wg sync.WaitGroup
	defer wg.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	e.observe(ctx)
	wg.Go(func() { _ = e.mon.Run(ctx) })
	wg.Go(func() { e.watchArmed(ctx, e.wake) })
	wg.Go(func() { e.every(ctx, max(time.Second, e.cfg.Thresholds.Interval.D()), e.observe) })
	for {
		changed := e.mon.Changed()
		e.publish()
		select {
		case <-ctx.Done():
			return nil
		case <-changed:
		case <-time.After(time.Second): // overrides expire and other consoles' runs move on
		}
	}
}

func (e *Engine) every(ctx context.Context, d time.Duration, f func(context.Context)) {
	t := time.NewTicker(d)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
			f(ctx)
			e.publish()
		}
	}
}

// Status returns the newest published picture.
func (e *Engine) Status() *Status { return e.status.Load() }

// Refresh looks at everything now, until each verdict is settled.
func (e *Engine) Refresh(ctx context.Context) (*Status, error) {
	e.observe(ctx)
	e.publish() // roles are known before the probes ask for them
	if err := e.mon.Settle(ctx); err != nil {
		return nil, fmt.Errorf("probe everything: %w", err)
	}
	e.publish()
	e.mu.Lock()
	e.refreshed = e.now()
	e.mu.Unlock()
	return e.Status(), nil
}

// Changed returns a channel that is closed at the next published picture or event.
func (e *Engine) Changed() <-chan struct{} {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.changed
}

func (e *Engine) wake() {
	e.mu.Lock()
	close(e.changed)
	e.changed = make(chan struct{})
	e.mu.Unlock()
}

const keepEvents = 500

func (e *Engine) event(kind, level, target, format string, args ...any) {
	ev := Event{At: e.now(), Kind: kind, Level: level, Target: target, Text: fmt.Sprintf(format, args...)}
	e.mu.Lock()
	e.events = append(e.events, ev)
	if n := len(e.events) - keepEvents; n > 0 {
		e.events = append([]Event{}, e.events[n:]...)
	}
	e.mu.Unlock()
	//nolint:sloglint // an event is a sentence for people; kind and target are for machines
	e.log.Info(ev.Text, slog.String("kind", kind), slog.String("target", target))
	e.wake()
}

// Events returns the newest events, oldest first, at most n.
func (e *Engine) Events(n int) []Event {
	e.mu.Lock()
	defer e.mu.Unlock()
	return append([]Event{}, e.events[max(0, len(e.events)-n):]...)
}

// transition is told of every change of a verdict by the monitor.
func (e *Engine) transition(t monitor.Transition) {
	e.mu.Lock()
	e.memory[t.ID] = remembered{State: t.To, Since: t.Since, At: t.At}
	e.unsaved = true
	if t.To == failoverplan.Down {
		e.verdicts[t.ID] = t.At
	}
	e.mu.Unlock()
	if t.From == t.To || t.From == "" || (t.From == failoverplan.Unknown && t.To == failoverplan.Up) {
		return
	}
	level := map[failoverplan.State]string{failoverplan.Up: "good", failoverplan.Down: "bad"}[t.To]
	if level == "" {
		level = "warn"
	}
	text := fmt.Sprintf("%s is %s", t.ID, t.To)
	if t.To != failoverplan.Up && t.Detail != "" {
		text += ": " + t.Detail
	}
	e.event("health", level, t.ID, "%s", text)
}

// recall brings back what an earlier process knew.
func (e *Engine) recall(ctx context.Context) {
	r := &roles{serving: e.topo.Home, data: e.topo.Home}
	if e.journal != nil {
		var known struct{ Serving, Data string }
		if ok, err := e.journal.Recall(ctx, "roles", &known); err == nil && ok {
			r = &roles{serving: known.Serving, data: known.Data}
			e.seen.lastServing, e.seen.lastData = known.Serving, known.Data
		}
		if _, err := e.journal.Recall(ctx, "health", &e.memory); err != nil {
			e.log.WarnContext(ctx, "what was known of health is unreadable", slog.Any("err", err))
		}
		if _, err := e.journal.Recall(ctx, keyIdentities, &e.identities); err != nil {
			e.log.WarnContext(ctx, "who answered before is unreadable", slog.Any("err", err))
		}
		for id, m := range e.memory {
			if m.State == failoverplan.Down {
				e.verdicts[id] = m.At
			}
		}
	}
	e.roles.Store(r)
}

// remember keeps health and roles for the next process, when they have changed. Losing
// them costs a "since".
func (e *Engine) remember(ctx context.Context) {
	if e.journal == nil {
		return
	}
	e.mu.Lock()
	if !e.unsaved {
		e.mu.Unlock()
		return
	}
	e.unsaved = false
	health := make(map[string]remembered, len(e.memory))
	for k, v := range e.memory {
		health[k] = v
	}
	e.mu.Unlock()
	r := e.roles.Load()
	err := errors.Join(
		e.journal.Remember(ctx, "health", health),
		e.journal.Remember(ctx, "roles", struct{ Serving, Data string }{r.serving, r.data}))
	if err != nil {
		e.log.WarnContext(ctx, "cannot remember health", slog.Any("err", err))
	}
}

// sourceOf is the site that writes a platform's stores now.
func (e *Engine) sourceOf(k failoverplan.PlatformKind) string {
	r := e.roles.Load()
	if k == failoverplan.Data {
		return r.data
	}
	return r.serving
}

// acting returns the journal, or why nothing may be done without one.
func (e *Engine) acting() (*journal.Journal, error) {
	if e.journal == nil {
		return nil, fmt.Errorf("%w: nothing is done without a journal: %w", runbook.ErrRefused, e.journalErr)
	}
	return e.journal, nil
}

func hostname() string {
	h, err := os.Hostname()
	if err != nil {
		return "unknown"
	}
	return h
}
