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
	t     Target
	place int // in Monitor.order and in every picture

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

	ring  []line
	next  int // where the next answer goes once the ring is full
	size  int
	fails []probes.Result
	wasOK bool

	// published is the state of the last publication; guarded by publisher.building.
	published      failoverplan.State
	publishedFirst bool
	queued         bool // in publisher.changes; guarded by publisher.mu
}

// line is what the ring keeps of an answer: facts and transcripts are of interest while
// they are new, or when they tell of a failure, and they are most of an answer's weight.
type line struct {
	at      time.Time
	latency time.Duration
	status  probes.Status
	slow    bool
	detail  string
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

// begin takes the right to start a probe, which end gives back; started is false while
// one is out.
func (e *entry) begin() (done <-chan struct{}, started bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.out != nil {
		return e.out, false
	}
	e.out = make(chan struct{})
	return e.out, true
}

// end gives the right back and lets go who waits for the answer.
func (e *entry) end() {
	e.mu.Lock()
	defer e.mu.Unlock()
	close(e.out)
	e.out = nil
}

// record keeps the answer. An answer cut short by our own stopping says nothing.
func (e *entry) record(r probes.Result, stopping bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if stopping && r.Status != probes.StatusUp {
		return
	}
	e.missed = false
	e.samples++
	e.verdict = e.det.Feed(r)
	if e.last != nil && e.last.Detail == r.Detail {
		r.Detail = e.last.Detail // a hundred equal texts are one
	}
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
	l := line{at: r.At, latency: r.Latency, status: r.Status, slow: r.Slow, detail: r.Detail}
	if len(e.ring) < e.size {
		e.ring = append(e.ring, l)
		return
	}
	e.ring[e.next] = l
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
	out := make([]probes.Result, 0, len(e.fails)+len(e.ring))
	if len(e.ring) == 0 {
		return out
	}
	// Failures that are kept whole, in the order of time as the ring is.
	fails := e.fails
	for len(fails) > 0 && fails[0].At.Before(e.ring[e.next%len(e.ring)].at) {
		out, fails = append(out, fails[0]), fails[1:]
	}
	for i := range e.ring {
		l := e.ring[(e.next+i)%len(e.ring)]
		if len(fails) > 0 && fails[0].At.Equal(l.at) {
			out, fails = append(out, fails[0]), fails[1:]
			continue
		}
		out = append(out, probes.Result{At: l.at, Latency: l.latency, Status: l.status, Slow: l.slow, Detail: l.detail})
	}
	return out
}
