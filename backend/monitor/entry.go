package monitor

import (
	"sync"
	"time"

	"github.com/dutyops/dutyops/failoverplan"
	"github.com/dutyops/dutyops/probes"
)

// keptFailures is how many first answers of failures outlive the ring.
const keptFailures = 16

// entry is the mutable side of one target.
type entry struct {
	t Target

	mu       sync.Mutex
	det      *probes.Detector
	verdict  probes.Verdict
	restored bool
	last     *probes.Result
	lastGood time.Time
	samples  int
	late     int
	missed   bool          // the newest probe did not come back in time
	out      chan struct{} // closed when the probe that is out comes back; nil when none is

	ring  []probes.Result
	next  int // where the next answer goes once the ring is full
	size  int
	fails []probes.Result
	wasOK bool

	// published is the state of the last publication; guarded by publisher.mu.
	published      failoverplan.State
	publishedFirst bool
}

func newEntry(t Target, opt Options) *entry {
	e := &entry{
		t: t, size: opt.History, wasOK: true, published: failoverplan.Unknown,
		det: probes.NewDetector(probes.Thresholds{
			DownAfter: opt.DownAfter, UpAfter: opt.UpAfter,
			WindowFailures: opt.WindowFailures, WindowPer: opt.WindowPer,
		}),
	}
	e.verdict = e.det.Verdict()
	return e
}

func (e *entry) restore(r Remembered) {
	e.mu.Lock()
	defer e.mu.Unlock()
	st := probes.StatusUnknown
	switch r.State {
	case failoverplan.Up:
		st = probes.StatusUp
	case failoverplan.Degraded:
		st = probes.StatusDegraded
	case failoverplan.Down:
		st = probes.StatusDown
	case failoverplan.Unknown, failoverplan.Stale:
	}
	e.det.Restore(st, r.Since)
	e.verdict = e.det.Verdict()
	e.restored = true
}

// begin takes the right to start a probe; started is false while one is out.
func (e *entry) begin() (done <-chan struct{}, started bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.out != nil {
		return e.out, false
	}
	e.out = make(chan struct{})
	return e.out, true
}

// finish records the answer. An answer cut short by our own stopping says nothing.
func (e *entry) finish(r probes.Result, stopping bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	close(e.out)
	e.out = nil
	if stopping && r.Status != probes.StatusUp {
		return
	}
	e.missed = false
	e.samples++
	e.verdict = e.det.Feed(r)
	e.last = &r
	good := r.Status == probes.StatusUp || r.Status == probes.StatusDegraded
	if good {
		e.lastGood = r.At
	}
	if !good && e.wasOK {
		if len(e.fails) >= keptFailures {
			e.fails = append(e.fails[:0:0], e.fails[1:]...)
		}
		e.fails = append(e.fails, r)
	}
	e.wasOK = good
	if len(e.ring) < e.size {
		e.ring = append(e.ring, r)
		return
	}
	e.ring[e.next] = r
	e.next = (e.next + 1) % e.size
}

func (e *entry) countLate() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.late++
	e.missed = true
}

// enough tells Settle to stop asking.
func (e *entry) enough() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.missed || e.verdict.Settled
}

func (e *entry) history() []probes.Result {
	e.mu.Lock()
	defer e.mu.Unlock()
	ring := append(append(make([]probes.Result, 0, len(e.ring)), e.ring[e.next:]...), e.ring[:e.next]...)
	if len(ring) == 0 {
		return ring
	}
	var out []probes.Result
	for _, f := range e.fails {
		if f.At.Before(ring[0].At) {
			out = append(out, f)
		}
	}
	return append(out, ring...)
}
