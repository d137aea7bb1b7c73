package probes

import (
	"fmt"
	"slices"
	"time"
)

// Thresholds say when bad is bad enough (mission B5), and when good is good again.
type Thresholds struct {
	// DownAfter failures in a row are down; values below 1 count as 1.
	DownAfter int
	// UpAfter successes in a row end a down; values below 1 count as 1.
	UpAfter int
	// More than WindowFailures failures within WindowPer (both ends counted) are down;
	// WindowPer 0 turns the rule off.
	WindowFailures int
	WindowPer      time.Duration
}

func (t Thresholds) sane() Thresholds {
	t.DownAfter = max(t.DownAfter, 1)
	t.UpAfter = max(t.UpAfter, 1)
	t.WindowFailures = max(t.WindowFailures, 0)
	return t
}

// Verdict is the judgement over many answers.
type Verdict struct {
	State Status
	// Since is when the state began: the first answer that led to it, not the one
	// that settled it.
	Since time.Time
	// Rule says why, in words: "3 failures in a row (threshold 3)".
	Rule string
	// Settled is true when the newest answer says what the verdict says; false while
	// a streak is building up or a quiet time is being waited for.
	Settled bool
	// Flapping describes a target that keeps changing; "" when it does not.
	Flapping string
}

// flapChanges verdict changes within flapPer are called flapping.
const (
	flapChanges = 4
	flapPer     = 10 * time.Minute
)

// Detector turns single answers into a verdict: a streak rule and a window rule
// towards down, a streak back (hysteresis). It has no clock: times are those of the
// answers. An unknown answer is neither failure nor success: it leaves the streaks
// as they are, and only DownAfter of them in a row make the verdict unknown.
// Not safe for concurrent use.
type Detector struct {
	th Thresholds

	state   Status
	since   time.Time
	rule    string
	started bool // a verdict was reached, or restored
	byWin   bool // down by the window rule: only quiet time ends it

	fails, goods, blanks       int
	slows                      int // slow answers in a row
	failSince, goodSince, blSt time.Time
	window                     []time.Time // newest failures, oldest first
	lastFail                   time.Time
	newest                     time.Time
	changes                    []time.Time
}

// NewDetector starts at unknown.
func NewDetector(th Thresholds) *Detector {
	return &Detector{th: th.sane(), state: StatusUnknown, rule: "not asked yet"}
}

// Restore sets a verdict reached by an earlier process; it holds until the answers
// settle otherwise.
func (d *Detector) Restore(state Status, since time.Time) {
	d.state, d.since, d.started = state, since, true
	d.rule = "remembered from before"
}

// Verdict returns the judgement so far.
func (d *Detector) Verdict() Verdict {
	return Verdict{State: d.state, Since: d.since, Rule: d.text(), Settled: d.settled(), Flapping: d.flapping()}
}

// Feed takes the next answer, in order of time, and returns the verdict. An answer
// that is older than the newest one counts as if it had come with it.
func (d *Detector) Feed(r Result) Verdict {
	at := r.At
	if at.Before(d.newest) {
		at = d.newest
	}
	d.newest = at
	switch r.Status {
	case StatusDown:
		d.failure(at)
	case StatusUp, StatusDegraded:
		d.success(at, d.pace(r))
	case StatusUnknown:
		d.blank(at)
	default:
		d.blank(at)
	}
	return d.Verdict()
}

// pace takes a slow answer for a good one until DownAfter of them have come in a row: a
// busy moment, of ours or theirs, is no state.
func (d *Detector) pace(r Result) Status {
	if !r.Slow {
		d.slows = 0
		return r.Status
	}
	if d.slows++; d.slows < d.th.DownAfter && d.state != StatusDegraded {
		return StatusUp
	}
	return r.Status
}

func (d *Detector) failure(at time.Time) {
	d.goods, d.blanks = 0, 0
	if d.fails++; d.fails == 1 {
		d.failSince = at
	}
	d.lastFail = at
	if d.th.WindowPer > 0 {
		d.window = append(d.window, at)
		// more than N is all that is asked, so N+1 are all that is kept
		if extra := len(d.window) - (d.th.WindowFailures + 1); extra > 0 {
			d.window = slices.Delete(d.window, 0, extra)
		}
	}
	d.expire(at)
	switch {
	case d.fails >= d.th.DownAfter:
		d.byWin = false
		if d.state != StatusDown {
			d.change(StatusDown, d.failSince)
		}
		d.rule = fmt.Sprintf("%s in a row (threshold %d)", plural(d.fails, "failure"), d.th.DownAfter)
	case d.overWindow() && d.state != StatusDown:
		d.change(StatusDown, d.window[0])
		d.byWin = true
		d.rule = fmt.Sprintf("more than %s within %s", plural(d.th.WindowFailures, "failure"), Human(d.th.WindowPer))
	}
}

func (d *Detector) success(at time.Time, s Status) {
	d.fails, d.blanks = 0, 0
	if d.goods++; d.goods == 1 {
		d.goodSince = at
	}
	d.expire(at)
	switch d.state {
	case StatusDown:
		if d.goods < d.th.UpAfter || at.Sub(d.lastFail) < d.quiet() {
			return
		}
		// an outage that ended does not count towards the next one
		d.window = nil
		d.byWin = false
		d.change(s, d.goodSince)
		d.rule = fmt.Sprintf("%s in a row (threshold %d)", plural(d.goods, "success"), d.th.UpAfter)
	case StatusUnknown:
		d.change(s, at)
		d.rule = "it answers"
	case StatusUp, StatusDegraded:
		if s != d.state {
			d.change(s, at)
		}
		d.rule = "it answers"
		if s == StatusDegraded {
			d.rule = "it answers, not well"
		}
	}
}

func (d *Detector) blank(at time.Time) {
	if d.blanks++; d.blanks == 1 {
		d.blSt = at
	}
	if d.state == StatusUnknown {
		d.rule = "could not be asked"
		if !d.started {
			d.since, d.started = at, true
		}
		return
	}
	if d.blanks >= d.th.DownAfter {
		d.byWin = false
		d.change(StatusUnknown, d.blSt)
		d.rule = fmt.Sprintf("could not be asked %s in a row (threshold %d)", plural(d.blanks, "time"), d.th.DownAfter)
	}
}

// quiet is how long a target that is down by the window rule must be without a
// failure: twice the spacing at which failures reach the threshold.
func (d *Detector) quiet() time.Duration {
	if !d.byWin {
		return 0
	}
	return 2 * d.th.WindowPer / time.Duration(d.th.WindowFailures+1)
}

func (d *Detector) expire(now time.Time) {
	i := 0
	for i < len(d.window) && now.Sub(d.window[i]) > d.th.WindowPer {
		i++
	}
	d.window = d.window[i:]
}

func (d *Detector) overWindow() bool {
	return d.th.WindowPer > 0 && len(d.window) > d.th.WindowFailures
}

func (d *Detector) change(to Status, since time.Time) {
	if d.started && d.state != StatusUnknown && to != StatusUnknown {
		d.changes = append(d.changes, d.newest)
		if len(d.changes) > 64 {
			d.changes = slices.Delete(d.changes, 0, len(d.changes)-64)
		}
	}
	d.state, d.since, d.started = to, since, true
}

func (d *Detector) settled() bool {
	switch d.state {
	case StatusDown:
		return d.goods == 0 && d.blanks == 0 && !d.newest.IsZero()
	case StatusUp, StatusDegraded:
		return d.fails == 0 && d.blanks == 0 && !d.newest.IsZero() && (d.slows == 0 || d.state == StatusDegraded)
	case StatusUnknown:
		return d.blanks > 0
	}
	return false
}

// text adds to the rule what is building up against it.
func (d *Detector) text() string {
	switch {
	case d.state != StatusDown && d.fails > 0 && d.blanks == 0:
		return fmt.Sprintf("%s; %s in a row, down after %d", d.rule, plural(d.fails, "failure"), d.th.DownAfter)
	case d.state == StatusDown && d.goods > 0 && d.byWin:
		return fmt.Sprintf("%s; up after %s without a failure", d.rule, Human(d.quiet()))
	case d.state == StatusDown && d.goods > 0:
		return fmt.Sprintf("%s; %s in a row, up after %d", d.rule, plural(d.goods, "success"), d.th.UpAfter)
	case d.state != StatusUnknown && d.blanks > 0:
		return fmt.Sprintf("%s; could not be asked %s, unknown after %d", d.rule, plural(d.blanks, "time"), d.th.DownAfter)
	}
	return d.rule
}

func (d *Detector) flapping() string {
	n := 0
	for _, at := range d.changes {
		if d.newest.Sub(at) <= flapPer {
			n++
		}
	}
	if n < flapChanges {
		return ""
	}
	return fmt.Sprintf("flapping: %d changes within %s", n, Human(flapPer))
}

func plural(n int, word string) string {
	switch {
	case n == 1:
		return "1 " + word
	case word == "success":
		return fmt.Sprintf("%d successes", n)
	}
	return fmt.Sprintf("%d %ss", n, word)
}
