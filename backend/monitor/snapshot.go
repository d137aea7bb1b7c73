package monitor

import (
	"fmt"
	"sync"
	"time"

	"github.com/dutyops/dutyops/failoverplan"
	"github.com/dutyops/dutyops/probes"
)

// Snapshot is one published picture of every target. Immutable; safe to share.
type Snapshot struct {
	At      time.Time
	Targets map[string]TargetState
	// Warming is true until every target has answered once or missed its time.
	Warming bool
}

// TargetState is one target in a Snapshot.
type TargetState struct {
	State failoverplan.State
	// Since is when the state began: the first answer that led to it.
	Since time.Time
	// Rule says why the state is what it is: "3 failures in a row (threshold 3)".
	Rule string
	// Detail is the newest answer's line for a person.
	Detail  string
	Latency time.Duration
	// Last is the newest answer, nil before the first.
	Last *probes.Result
	// LastGood is when it last answered up or degraded; zero when never.
	LastGood time.Time
	// Samples counts answers, Late the times a probe was not back in time.
	Samples int
	Late    int
	// Settled is false while the newest answer and the state disagree.
	Settled bool
	// Flapping describes a target that keeps changing; "" when it does not.
	Flapping string
}

// state is the entry as it is published at now.
func (e *entry) state(now time.Time, staleAfter, timeout time.Duration) (TargetState, bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	v := e.verdict
	ts := TargetState{
		State: planState(v.State), Since: v.Since, Rule: v.Rule, Last: e.last, LastGood: e.lastGood,
		Samples: e.samples, Late: e.late, Settled: v.Settled, Flapping: v.Flapping,
	}
	if e.last == nil {
		switch {
		case e.missed:
			ts.Detail = fmt.Sprintf("the probe is stuck: not back after %s", probes.Human(timeout))
		case e.restored:
			ts.Detail = "remembered from before, not asked yet"
		default:
			ts.Detail = "not asked yet"
		}
		return ts, e.missed
	}
	ts.Detail, ts.Latency = e.last.Detail, e.last.Latency
	if age := now.Sub(e.last.At); age > staleAfter {
		ts.State, ts.Since = failoverplan.Stale, e.last.At.Add(staleAfter)
		ts.Rule = fmt.Sprintf("no answer newer than %s (limit %s); before: %s", probes.Human(age), probes.Human(staleAfter), v.State)
		ts.Detail = "last known: " + e.last.Detail
		ts.Settled = false
	}
	return ts, true
}

func planState(s probes.Status) failoverplan.State {
	switch s {
	case probes.StatusUp:
		return failoverplan.Up
	case probes.StatusDegraded:
		return failoverplan.Degraded
	case probes.StatusDown:
		return failoverplan.Down
	case probes.StatusUnknown:
		return failoverplan.Unknown
	}
	return failoverplan.Unknown
}

// publisher coalesces: the first change is published at once, those that follow
// within Options.Coalesce together.
type publisher struct {
	building sync.Mutex // one picture at a time

	mu      sync.Mutex
	last    time.Time
	took    time.Duration // the last picture
	pending *time.Timer
	busy    bool // a picture is being made
	dirty   bool // something changed since it was begun

	changedMu sync.Mutex
	changed   chan struct{}
}

// Changed returns a channel that is closed at the next publication.
func (m *Monitor) Changed() <-chan struct{} {
	m.pub.changedMu.Lock()
	defer m.pub.changedMu.Unlock()
	return m.pub.changed
}

// share is the part of the time that publishing may take: one in so many.
const share = 5

// touch says that something changed and sees to its publication. It never waits for one
// that is under way: thousands of answers a second must not queue up behind a picture.
func (m *Monitor) touch() {
	p := &m.pub
	p.mu.Lock()
	if p.pending != nil || p.busy {
		p.dirty = true
		p.mu.Unlock()
		return
	}
	// A picture of very many targets takes its time; it is then made less often.
	if wait := max(m.opt.Coalesce, share*p.took) - time.Since(p.last); !p.last.IsZero() && wait > 0 {
		p.pending = time.AfterFunc(wait, m.publish)
		p.mu.Unlock()
		return
	}
	p.mu.Unlock()
	m.publish()
}

// publish builds the picture and hands it out. A second one waits for its turn.
func (m *Monitor) publish() {
	p := &m.pub
	p.building.Lock()
	p.mu.Lock()
	if p.pending != nil {
		p.pending.Stop()
		p.pending = nil
	}
	began := time.Now()
	p.last, p.busy, p.dirty = began, true, false
	p.mu.Unlock()
	now := m.opt.Now()
	s := &Snapshot{At: now, Targets: make(map[string]TargetState, len(m.order))}
	for _, e := range m.order {
		ts, seen := e.state(now, m.opt.StaleAfter, m.opt.Timeout)
		s.Warming = s.Warming || !seen
		s.Targets[e.t.ID] = ts
		m.tr.note(e, ts, now, seen)
	}
	m.snap.Store(s)
	p.building.Unlock()

	p.mu.Lock()
	p.busy, p.took = false, time.Since(began)
	again := p.dirty
	p.mu.Unlock()

	p.changedMu.Lock()
	close(p.changed)
	p.changed = make(chan struct{})
	p.changedMu.Unlock()
	m.tr.deliver()
	if again { // what changed while the picture was made
		m.touch()
	}
}

// agedSince tells whether a target of the picture has become stale since.
func (m *Monitor) agedSince(s *Snapshot) bool {
	now := m.opt.Now()
	for _, ts := range s.Targets {
		if ts.State != failoverplan.Stale && ts.Last != nil && now.Sub(ts.Last.At) > m.opt.StaleAfter {
			return true
		}
	}
	return false
}

// transitions queues changes of published states and delivers them in order.
type transitions struct {
	fn func(Transition)

	mu    sync.Mutex
	queue []Transition
	busy  bool
}

// note is called with publisher.building held, which also guards entry.published.
func (t *transitions) note(e *entry, ts TargetState, now time.Time, seen bool) {
	if !seen && !e.restored {
		return
	}
	first := !e.publishedFirst && !e.restored
	e.publishedFirst = true
	from := e.published
	e.published = ts.State
	if from == ts.State || t.fn == nil || (e.restored && ts.Last == nil) {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.queue = append(t.queue, Transition{ID: e.t.ID, From: from, To: ts.State, At: now, Since: ts.Since, Detail: ts.Detail, First: first})
}

// deliver calls fn for what is queued, unless another goroutine is at it already.
func (t *transitions) deliver() {
	if t.fn == nil {
		return
	}
	t.mu.Lock()
	if t.busy {
		t.mu.Unlock()
		return
	}
	t.busy = true
	for len(t.queue) > 0 {
		x := t.queue[0]
		t.queue = t.queue[1:]
		t.mu.Unlock()
		t.fn(x)
		t.mu.Lock()
	}
	t.busy = false
	t.mu.Unlock()
}
