package monitor

import (
	"fmt"
	"iter"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/dutyops/dutyops/failoverplan"
	"github.com/dutyops/dutyops/probes"
)

// Snapshot is one published picture of every target. Immutable; safe to share.
type Snapshot struct {
	At time.Time
	// Warming is true until every target has answered once or missed its time.
	Warming bool

	ids    []string       // in the order the targets were given, shared by all pictures
	place  map[string]int // of an ID in ids, shared likewise
	states []*TargetState // in the same order, shared with the picture before where nothing changed
}

// NewSnapshot makes a picture of states that nobody watched, for tests of what reads one.
func NewSnapshot(at time.Time, states map[string]TargetState) *Snapshot {
	s := &Snapshot{At: at, ids: slices.Sorted(maps.Keys(states)), place: make(map[string]int, len(states))}
	for i, id := range s.ids {
		s.place[id] = i
		ts := states[id]
		s.states = append(s.states, &ts)
	}
	return s
}

// Target returns the state of one target; false for an ID that is not watched.
func (s *Snapshot) Target(id string) (TargetState, bool) {
	i, ok := s.place[id]
	if !ok {
		return TargetState{}, false
	}
	return *s.states[i], true
}

// All goes through the targets in the order in which they were given.
func (s *Snapshot) All() iter.Seq2[string, TargetState] {
	return func(yield func(string, TargetState) bool) {
		for i, id := range s.ids {
			if !yield(id, *s.states[i]) {
				return
			}
		}
	}
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

// state is the entry as it is published at now. seen is whether it has answered once or
// missed its time, and stays true.
func (e *entry) state(now time.Time, staleAfter, timeout time.Duration) (ts *TargetState, seen bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	v := e.verdict
	ts = &TargetState{
		State: planState(v.State), Since: v.Since, Rule: v.Rule, Last: e.last, LastGood: e.lastGood,
		Samples: e.samples, Late: e.late, Settled: v.Settled, Flapping: v.Flapping,
	}
	if e.last == nil {
		switch {
		case e.missed:
			ts.Detail = fmt.Sprintf("the probe is stuck: not back after %s", probes.Human(timeout))
			if e.restored && v.State != probes.StatusUnknown {
				// what another process saw, who knows when, is no state of now
				ts.State, ts.Since, ts.Settled = failoverplan.Stale, time.Time{}, false
				ts.Rule = fmt.Sprintf("no answer since the start; remembered from before: %s", v.State)
			}
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
	// What follows is guarded by building. A picture costs what has changed in it.
	answered []time.Time // of each target the newest answer that is in the picture
	seen     []bool
	unseen   int

	mu      sync.Mutex
	changes []*entry // whose entries have changed since the last picture was begun
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

// queue says that an entry has changed: it is read anew for the next picture.
func (m *Monitor) queue(e *entry) {
	m.pub.mu.Lock()
	defer m.pub.mu.Unlock()
	if !e.queued {
		e.queued = true
		m.pub.changes = append(m.pub.changes, e)
	}
}

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
	changes := p.changes
	p.changes = nil
	for _, e := range changes {
		e.queued = false
	}
	p.mu.Unlock()
	now := m.opt.Now()
	s := &Snapshot{At: now, ids: m.ids, place: m.place, states: slices.Clone(m.snap.Load().states)}
	for _, e := range changes {
		m.renew(s, e)
	}
	// An answer grows old without a change, and its age is in the words.
	for i, at := range p.answered {
		if !at.IsZero() && now.Sub(at) > m.opt.StaleAfter {
			m.renew(s, m.order[i])
		}
	}
	s.Warming = p.unseen > 0
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

// renew puts the entry as it is now into the picture, which is not published yet. The
// caller holds publisher.building.
func (m *Monitor) renew(s *Snapshot, e *entry) {
	ts, seen := e.state(s.At, m.opt.StaleAfter, m.opt.Timeout)
	s.states[e.place] = ts
	if ts.Last != nil {
		m.pub.answered[e.place] = ts.Last.At
	}
	if seen && !m.pub.seen[e.place] {
		m.pub.seen[e.place] = true
		m.pub.unseen--
	}
	m.tr.note(e, ts, s.At, seen)
}

// agedSince tells whether a target of the picture has become stale since.
func (m *Monitor) agedSince(s *Snapshot) bool {
	now := m.opt.Now()
	for _, ts := range s.states {
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
func (t *transitions) note(e *entry, ts *TargetState, now time.Time, seen bool) {
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
