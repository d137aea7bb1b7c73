package monitor

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/dutyops/dutyops/failoverplan"
	"github.com/dutyops/dutyops/probes"
)

// Target is one thing to watch. ID is unique ("site/platform/component").
type Target struct {
	ID     string
	Prober probes.Prober
}

// Options of a Monitor; the zero value of each field is its default.
type Options struct {
	Interval time.Duration // between probes of one target; 1s
	Timeout  time.Duration // of one probe; 800ms

	// The detectors' thresholds (mission B5). Defaults 3, 2, 50 within 5m.
	DownAfter      int
	UpAfter        int
	WindowFailures int
	WindowPer      time.Duration

	// StaleAfter is the age at which the newest answer no longer counts; 10s.
	StaleAfter time.Duration
	// History is the number of answers kept per target; 120.
	History int
	// Coalesce is the least time between two publications; 50ms.
	Coalesce time.Duration

	// Now is the clock; time.Now.
	Now func() time.Time
	// Jitter returns a number in [0,1); random.
	Jitter func() float64
	// OnTransition is told every change of a target's published state, one at a time
	// and in order. It must return soon; it may call Snapshot and History.
	OnTransition func(Transition)
}

func (o Options) withDefaults() Options {
	def := func(d *time.Duration, v time.Duration) {
		if *d <= 0 {
			*d = v
		}
	}
	num := func(n *int, v int) {
		if *n <= 0 {
			*n = v
		}
	}
	def(&o.Interval, time.Second)
	def(&o.Timeout, 800*time.Millisecond)
	def(&o.WindowPer, 5*time.Minute)
	def(&o.StaleAfter, 10*time.Second)
	def(&o.Coalesce, 50*time.Millisecond)
	num(&o.DownAfter, 3)
	num(&o.UpAfter, 2)
	num(&o.WindowFailures, 50)
	num(&o.History, 120)
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Jitter == nil {
		o.Jitter = rand.Float64
	}
	return o
}

// Transition is a change of a target's published state.
type Transition struct {
	ID       string
	From, To failoverplan.State
	// At is when it was judged, Since when the new state began.
	At, Since time.Time
	Detail    string
	// First marks the first judgement of a target that nothing was remembered of.
	First bool
}

// Remembered is a state from an earlier process.
type Remembered struct {
	State failoverplan.State
	Since time.Time
}

// Monitor watches targets. All methods are safe for concurrent use.
type Monitor struct {
	opt   Options
	order []*entry
	ids   []string       // of order
	place map[string]int // of an ID in order

	snap    atomic.Pointer[Snapshot]
	running atomic.Bool

	pub publisher
	tr  transitions
}

// New makes a monitor of the targets; it asks nothing until Run or Settle. Targets
// with the same ID are a programming error and make it panic.
func New(targets []Target, opt Options) *Monitor {
	m := &Monitor{opt: opt.withDefaults(), place: make(map[string]int, len(targets))}
	m.pub.changed = make(chan struct{})
	m.tr.fn = m.opt.OnTransition
	for i, t := range targets {
		if _, dup := m.place[t.ID]; dup {
			panic("monitor: two targets are called " + t.ID)
		}
		e := newEntry(t, m.opt)
		e.place = i
		m.order, m.ids, m.place[t.ID] = append(m.order, e), append(m.ids, t.ID), i
	}
	n := len(targets)
	m.pub.answered, m.pub.seen, m.pub.unseen = make([]time.Time, n), make([]bool, n), n
	m.snap.Store(&Snapshot{states: make([]*TargetState, n)})
	m.publishAll()
	return m
}

// publishAll makes a picture in which every target is read anew.
func (m *Monitor) publishAll() {
	m.pub.mu.Lock()
	m.pub.changes = slices.Clone(m.order)
	for _, e := range m.order {
		e.queued = true
	}
	m.pub.mu.Unlock()
	m.publish()
}

// Restore sets states that an earlier process remembered, so that "since" survives.
// Each holds until the detector settles otherwise. Call it before Run and Settle.
// Unknown IDs are ignored; stale is remembered as unknown.
func (m *Monitor) Restore(states map[string]Remembered) {
	for id, r := range states {
		if i, ok := m.place[id]; ok {
			m.order[i].restore(r)
		}
	}
	m.publishAll()
}

// Run probes every target on its own schedule until ctx is done; then it returns
// nil. Only one Run at a time.
func (m *Monitor) Run(ctx context.Context) error {
	if m.running.Swap(true) {
		return errors.New("monitor: already running")
	}
	defer m.running.Store(false)
	// The last answers are seen when Run has returned, also while a picture is being made.
	defer m.publish()
	var wg sync.WaitGroup
	for _, e := range m.order {
		wg.Go(func() { m.watch(ctx, e) })
	}
	wg.Go(func() { m.watchAge(ctx) })
	wg.Wait()
	return nil
}

// watch is the schedule of one target: the first probe soon, the next ones an
// interval apart, 10 % early or late so that targets do not march in step.
func (m *Monitor) watch(ctx context.Context, e *entry) {
	timer := time.NewTimer(time.Duration(m.opt.Jitter() * float64(m.firstSpread())))
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		next := time.Duration((0.9 + 0.2*m.opt.Jitter()) * float64(m.opt.Interval))
		started := time.Now()
		m.probe(ctx, e)
		timer.Reset(max(next-time.Since(started), 0))
	}
}

// firstSpread is the time within which every target is asked for the first time: a
// quarter of a second, or longer for so many that they would only hinder each other.
func (m *Monitor) firstSpread() time.Duration {
	const each = 500 * time.Microsecond
	return min(m.opt.Interval, max(250*time.Millisecond, time.Duration(len(m.order))*each))
}

// watchAge publishes when an answer becomes stale, as nothing else happens then.
func (m *Monitor) watchAge(ctx context.Context) {
	tick := time.NewTicker(max(m.opt.StaleAfter/4, 10*time.Millisecond))
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			if m.agedSince(m.Snapshot()) {
				m.touch()
			}
		}
	}
}

// probe asks once and waits at most the timeout and a grace for the answer. While
// an earlier probe of the target is still out it starts none: it counts it as late.
func (m *Monitor) probe(ctx context.Context, e *entry) {
	done, started := e.begin()
	if started {
		pctx, cancel := context.WithTimeout(ctx, m.opt.Timeout)
		go func() {
			defer cancel()
			e.record(m.ask(pctx, e), ctx.Err() != nil)
			m.queue(e) // before anybody goes on: Run's last picture holds every answer
			e.end()
			m.touch()
		}()
	}
	grace := time.NewTimer(m.opt.Timeout + m.opt.Timeout/4)
	defer grace.Stop()
	select {
	case <-done:
	case <-grace.C:
		e.countLate()
		m.queue(e)
		m.touch()
	case <-ctx.Done():
		// a probe that honours its context is about to return; others are let go
		select {
		case <-done:
		case <-grace.C:
		}
	}
}

func (m *Monitor) ask(ctx context.Context, e *entry) (r probes.Result) {
	defer func() {
		if p := recover(); p != nil {
			r = probes.Result{At: m.opt.Now(), Status: probes.StatusUnknown, Detail: "the probe itself failed", Transcript: []string{fmt.Sprint(p)}}
		}
	}()
	if e.t.Prober == nil {
		return probes.Result{At: m.opt.Now(), Status: probes.StatusUnknown, Detail: "no probe is configured"}
	}
	return e.t.Prober.Probe(ctx)
}

// Settle probes every target now, in parallel, and then again, at short spacing,
// those whose verdict the answers have not settled yet. It returns when all are
// settled, when no more asking can settle the rest (stuck probes, a window rule that
// wants quiet time), or with ctx's error. It may run beside Run.
func (m *Monitor) Settle(ctx context.Context) error {
	spacing := min(150*time.Millisecond, m.opt.Interval)
	// enough to fill any streak from any start, and one to spare
	rounds := m.opt.DownAfter + m.opt.UpAfter + 1
	var wg sync.WaitGroup
	for _, e := range m.order {
		wg.Go(func() {
			for range rounds {
				m.probe(ctx, e)
				if ctx.Err() != nil || e.enough() {
					return
				}
				t := time.NewTimer(spacing)
				select {
				case <-ctx.Done():
					t.Stop()
					return
				case <-t.C:
				}
			}
		})
	}
	wg.Wait()
	m.publish()
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("asking every target: %w", err)
	}
	return nil
}

// Snapshot returns the newest published picture. Never nil.
func (m *Monitor) Snapshot() *Snapshot { return m.snap.Load() }

// History returns the kept answers of a target, oldest first: the newest
// Options.History ones, and before them the first answers of older failures. Those
// first answers are whole, so that a transcript outlives the ring; of the others, facts
// and transcripts are not kept (Snapshot has those of the newest). Nil for an unknown ID.
func (m *Monitor) History(id string) []probes.Result {
	i, ok := m.place[id]
	if !ok {
		return nil
	}
	return m.order[i].history()
}

// Close closes every prober. Call it after Run has returned.
func (m *Monitor) Close() error {
	var errs []error
	for _, e := range m.order {
		if e.t.Prober != nil {
			if err := e.t.Prober.Close(); err != nil {
				errs = append(errs, fmt.Errorf("close probe %s: %w", e.t.ID, err))
			}
		}
	}
	return errors.Join(errs...)
}
