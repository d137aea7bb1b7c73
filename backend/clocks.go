package backend

import (
	"fmt"
	"math"
	"time"

	"github.com/dutyops/dutyops/backend/monitor"
	"github.com/dutyops/dutyops/failoverplan"
	"github.com/dutyops/dutyops/probes"
)

// ClockStatus is a site's clock as this console sees it: that of the component which tells
// it best.
type ClockStatus struct {
	// AheadMS is how far it is ahead of this console's clock, in milliseconds, negative
	// when behind. The truth is within ErrorMS of it (half of the round trip, and half of
	// the unit in which the component tells its time).
	AheadMS float64 `json:"ahead_ms"`
	ErrorMS float64 `json:"error_ms"`
	// Target is the component that told it.
	Target string `json:"target"`
}

// ClockDifference is how far the clocks of two sites are apart.
type ClockDifference struct {
	Between [2]string `json:"between"`
	// DifferenceMS is the second site's clock minus the first one's; the truth is within ErrorMS.
	DifferenceMS float64 `json:"difference_ms"`
	ErrorMS      float64 `json:"error_ms"`
	// Over: it is certainly more than thresholds.max_clock_difference.
	Over bool `json:"over"`
}

// Warning is something a person should know that changes no state and no exit code.
type Warning struct {
	// Kind: clock, replaced.
	Kind string `json:"kind"`
	// Target is a component, a site, two sites ("a, b") or, for this console, empty.
	Target string `json:"target"`
	Text   string `json:"text"`
}

// Kinds of warnings.
const (
	WarnClock    = "clock"
	WarnReplaced = "replaced"
)

// clocks fills in what is known of the sites' clocks. A reading counts while it is fresh.
func (e *Engine) clocks(snap *monitor.Snapshot, st *Status) {
	limit := e.cfg.Thresholds.MaxClockDifference.D()
	st.Clocks, st.Warnings = []ClockDifference{}, []Warning{}
	var sites []int
	for i := range st.Sites {
		s := &st.Sites[i]
		for _, c := range allComponents(*s) {
			k := clockOf(snap, c.Target)
			if k != nil && (s.Clock == nil || ms(k.ErrorS) < s.Clock.ErrorMS) {
				s.Clock = &ClockStatus{AheadMS: ms(k.AheadS), ErrorMS: ms(k.ErrorS), Target: c.Target}
			}
		}
		if s.Clock == nil {
			continue
		}
		for _, n := range sites {
			st.compare(st.Sites[n], *s, limit)
		}
		sites = append(sites, i)
		e.oddClocks(snap, st, *s, limit)
	}
	st.ownClock(sites, limit)
}

// clockOf is what a target said of its clock in its newest answer, nil when it is old.
func clockOf(snap *monitor.Snapshot, id string) *probes.Clock {
	t, ok := snap.Target(id)
	if !ok || t.Last == nil || t.State == failoverplan.Stale {
		return nil
	}
	return t.Last.Facts.Clock
}

// ms rounds to a hundredth of a millisecond.
func ms(seconds float64) float64 { return math.Round(seconds*1e5)/100 + 0 } // + 0: no minus zero

// over says whether two clocks certainly differ by more than the limit.
func over(differenceMS, errorMS float64, limit time.Duration) bool {
	return math.Abs(differenceMS)-errorMS > ms(limit.Seconds())
}

func (s *Status) compare(a, b SiteStatus, limit time.Duration) {
	d := ClockDifference{
		Between: [2]string{a.Name, b.Name}, DifferenceMS: ms((b.Clock.AheadMS - a.Clock.AheadMS) / 1000), ErrorMS: ms((a.Clock.ErrorMS + b.Clock.ErrorMS) / 1000),
	}
	d.Over = over(d.DifferenceMS, d.ErrorMS, limit)
	s.Clocks = append(s.Clocks, d)
	if d.Over {
		s.warn(WarnClock, a.Name+", "+b.Name, "the clock of %s (%s) is %s that of %s (%s), limit %s: times of logs and newest records cannot be compared",
			b.Name, b.Clock.Target, apart(d.DifferenceMS, d.ErrorMS), a.Name, a.Clock.Target, probes.Human(limit))
	}
}

// oddClocks finds hosts whose clocks differ from their own site's.
func (e *Engine) oddClocks(snap *monitor.Snapshot, st *Status, s SiteStatus, limit time.Duration) {
	for _, c := range allComponents(s) {
		k := clockOf(snap, c.Target)
		if k == nil || c.Target == s.Clock.Target {
			continue
		}
		d, err := ms(k.AheadS)-s.Clock.AheadMS, ms(k.ErrorS)+s.Clock.ErrorMS
		if over(d, err, limit) {
			st.warn(WarnClock, c.Target, "the clock of %s is %s that of %s, limit %s", c.Target, apart(d, err), s.Clock.Target, probes.Human(limit))
		}
	}
}

// ownClock suspects this console when every site differs from it and none from another.
func (s *Status) ownClock(sites []int, limit time.Duration) {
	for _, i := range sites {
		if k := s.Sites[i].Clock; !over(k.AheadMS, k.ErrorMS, limit) {
			return
		}
	}
	for _, d := range s.Clocks {
		if d.Over {
			return
		}
	}
	if len(sites) == 0 {
		return
	}
	k := s.Sites[sites[0]].Clock
	s.warn(WarnClock, "", "this console's clock is wrong, or that of every site is: %s is %s ours, limit %s", k.Target, apart(k.AheadMS, k.ErrorMS), probes.Human(limit))
}

// apart writes "3.2 s (within 0.4 ms) ahead of".
func apart(differenceMS, errorMS float64) string {
	d := func(ms float64) string { return probes.Human(time.Duration(math.Abs(ms) * float64(time.Millisecond))) }
	word := "ahead of"
	if differenceMS < 0 {
		word = "behind"
	}
	return fmt.Sprintf("%s (within %s) %s", d(differenceMS), d(errorMS), word)
}

func (s *Status) warn(kind, target, format string, args ...any) {
	s.Warnings = append(s.Warnings, Warning{Kind: kind, Target: target, Text: fmt.Sprintf(format, args...)})
}

// tellWarnings makes an event of each warning that is new, and of each clock that is
// right again.
func (e *Engine) tellWarnings(old, st *Status) {
	known := map[string]bool{}
	if old != nil {
		for _, w := range old.Warnings {
			known[w.Kind+" "+w.Target] = true
		}
	}
	for _, w := range st.Warnings {
		if w.Kind == WarnClock && !known[w.Kind+" "+w.Target] {
			e.event("clock", "warn", w.Target, "%s", w.Text)
		}
		delete(known, w.Kind+" "+w.Target)
	}
	for k := range known {
		if target, ok := cutKind(k, WarnClock); ok {
			e.event("clock", "good", target, "the clock is within the limit again")
		}
	}
}

func cutKind(key, kind string) (target string, ok bool) {
	if len(key) > len(kind) && key[:len(kind)+1] == kind+" " {
		return key[len(kind)+1:], true
	}
	return "", false
}
