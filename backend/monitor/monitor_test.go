package monitor

import (
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/dutyops/dutyops/failoverplan"
	"github.com/dutyops/dutyops/probes"
)

func TestScheduleWithJitter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		jitters := []float64{0.4, 0, 0.5, 0.9}
		i := 0
		f := good()
		m := New([]Target{{"a", f}}, Options{Interval: time.Second, Jitter: func() float64 {
			i++
			return jitters[min(i-1, len(jitters)-1)]
		}})
		stop := run(t, m)
		time.Sleep(3500 * time.Millisecond)
		stop()
		// first after 0.4 x 250 ms, then 0.9, 1.0 and 1.08 intervals apart
		want := []time.Duration{100 * time.Millisecond, 1000 * time.Millisecond, 2000 * time.Millisecond, 3080 * time.Millisecond}
		if len(f.at) != len(want) {
			t.Fatalf("%d probes, want %d", len(f.at), len(want))
		}
		for k, at := range f.at {
			if at.Sub(start) != want[k] {
				t.Errorf("probe %d at %s, want %s", k, at.Sub(start), want[k])
			}
		}
	})
}

func TestStreakSinceAndTransitions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var seen []Transition
		f := good()
		m := New([]Target{{"a", f}}, Options{Jitter: half, OnTransition: func(x Transition) { seen = append(seen, x) }})
		if !m.Snapshot().Warming || state(m, "a").State != failoverplan.Unknown {
			t.Errorf("before the first answer: %+v", m.Snapshot())
		}
		stop := run(t, m)
		time.Sleep(500 * time.Millisecond)
		if s := m.Snapshot(); s.Warming || at(s, "a").State != failoverplan.Up || at(s, "a").Detail != "fine" {
			t.Errorf("after the first answer: %+v", s)
		}
		f.set(probes.StatusDown)
		time.Sleep(2 * time.Second) // two failures
		if s := state(m, "a"); s.State != failoverplan.Up || s.Settled {
			t.Errorf("after two failures: %+v", s)
		}
		time.Sleep(time.Second)
		firstBad := f.asked(1)
		s := state(m, "a")
		if s.State != failoverplan.Down || !s.Since.Equal(firstBad) || s.Rule != "3 failures in a row (threshold 3)" || !s.LastGood.Equal(f.asked(0)) || s.Samples != 4 {
			t.Errorf("after three failures: %+v", s)
		}
		f.set(probes.StatusUp)
		time.Sleep(2 * time.Second)
		if s := state(m, "a"); s.State != failoverplan.Up || !s.Since.Equal(f.asked(4)) {
			t.Errorf("after two successes: %+v", s)
		}
		stop()
		if len(seen) != 3 {
			t.Fatalf("transitions %+v", seen)
		}
		for i, want := range []Transition{
			{ID: "a", From: failoverplan.Unknown, To: failoverplan.Up, First: true},
			{ID: "a", From: failoverplan.Up, To: failoverplan.Down, Since: firstBad},
			{ID: "a", From: failoverplan.Down, To: failoverplan.Up, Since: f.asked(4)},
		} {
			g := seen[i]
			if g.ID != want.ID || g.From != want.From || g.To != want.To || g.First != want.First || (!want.Since.IsZero() && !g.Since.Equal(want.Since)) || g.At.Before(g.Since) {
				t.Errorf("transition %d: %+v, want %+v", i, g, want)
			}
		}
	})
}

func TestStuckTargetIsAloneWithItsTrouble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stuck := good()
		stuck.stuck = make(chan struct{})
		ok := good()
		m := New([]Target{{"stuck", stuck}, {"ok", ok}}, Options{Jitter: half, StaleAfter: 5 * time.Second})
		stop := run(t, m)
		time.Sleep(20*time.Second + 300*time.Millisecond)
		if n := ok.count(); n < 20 {
			t.Errorf("the healthy target was asked %d times in 20 s", n)
		}
		if stuck.count() != 1 || stuck.most != 1 {
			t.Errorf("the stuck probe was started %d times", stuck.count())
		}
		s := m.Snapshot()
		if st := at(s, "stuck"); st.State != failoverplan.Unknown || st.Late < 5 || st.Last != nil || st.Detail != "the probe is stuck: not back after 800 ms" {
			t.Errorf("stuck: %+v", st)
		}
		if s.Warming {
			t.Error("a stuck probe keeps the picture warming up for ever")
		}
		close(stuck.stuck)
		time.Sleep(1500 * time.Millisecond)
		if st := state(m, "stuck"); st.State != failoverplan.Up {
			t.Errorf("after it came back: %+v", st)
		}
		stop()
	})
}

// What an earlier process saw is no state of now once the first question has got no answer.
func TestRememberedAndStuckIsStale(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stuck := good()
		stuck.stuck = make(chan struct{})
		m := New([]Target{{"stuck", stuck}}, Options{Jitter: half})
		m.Restore(map[string]Remembered{"stuck": {State: failoverplan.Up, Since: time.Now().Add(-time.Hour)}})
		if st := state(m, "stuck"); st.State != failoverplan.Up || st.Detail != "remembered from before, not asked yet" {
			t.Errorf("before it was asked: %+v", st)
		}
		stop := run(t, m)
		time.Sleep(5 * time.Second)
		if st := state(m, "stuck"); st.State != failoverplan.Stale || st.Settled || st.Rule != "no answer since the start; remembered from before: up" {
			t.Errorf("asked, and no answer: %+v", st)
		}
		close(stuck.stuck)
		time.Sleep(1500 * time.Millisecond)
		if st := state(m, "stuck"); st.State != failoverplan.Up {
			t.Errorf("after it came back: %+v", st)
		}
		stop()
	})
}

func TestSlowTargetHasItsOwnTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := good()
		slow.takes = time.Hour
		m := New([]Target{{"slow", slow}}, Options{Jitter: half, Timeout: 300 * time.Millisecond})
		stop := run(t, m)
		time.Sleep(5 * time.Second)
		if st := state(m, "slow"); st.State != failoverplan.Down || st.Late != 0 {
			t.Errorf("%+v, want down without being late: the probe kept to its time", st)
		}
		stop()
	})
}

func TestStale(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := good()
		var seen []Transition
		m := New([]Target{{"a", f}}, Options{Jitter: half, StaleAfter: 4 * time.Second, OnTransition: func(x Transition) { seen = append(seen, x) }})
		stop := run(t, m)
		time.Sleep(500 * time.Millisecond)
		f.mu.Lock()
		f.stuck = make(chan struct{})
		last := f.at[0]
		f.mu.Unlock()
		time.Sleep(3 * time.Second)
		if st := state(m, "a"); st.State != failoverplan.Up {
			t.Errorf("too early: %+v", st)
		}
		time.Sleep(3 * time.Second)
		st := state(m, "a")
		if st.State != failoverplan.Stale || !st.Since.Equal(last.Add(4*time.Second)) || st.Detail != "last known: fine" || !st.LastGood.Equal(last) {
			t.Errorf("%+v, want stale since the answer's time was up", st)
		}
		close(f.stuck)
		f.mu.Lock()
		f.stuck = nil
		f.mu.Unlock()
		time.Sleep(2 * time.Second)
		if st := state(m, "a"); st.State != failoverplan.Up {
			t.Errorf("%+v, want up again", st)
		}
		stop()
		if n := len(seen); n != 3 || seen[1].To != failoverplan.Stale || seen[2].To != failoverplan.Up {
			t.Errorf("transitions %+v", seen)
		}
	})
}

func TestHistory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := bad()
		m := New([]Target{{"a", f}}, Options{Jitter: half, History: 5})
		stop := run(t, m)
		time.Sleep(2500 * time.Millisecond) // failures at 0.1, 1.1, 2.1 s
		h := m.History("a")
		if len(h) != 3 || len(h[0].Transcript) == 0 || len(h[1].Transcript) > 0 || h[2].Detail == "" {
			t.Errorf("three failures are kept as %+v, want the first one whole and a line of each other", h)
		}
		f.set(probes.StatusUp)
		time.Sleep(20 * time.Second)
		stop()
		h = m.History("a")
		if len(h) != 6 {
			t.Fatalf("%d answers, want the ring of 5 and the first failure", len(h))
		}
		if h[0].Status != probes.StatusDown || len(h[0].Transcript) == 0 || !h[0].At.Equal(f.asked(0)) {
			t.Errorf("oldest %+v, want the first failure with its transcript", h[0])
		}
		for i := 1; i < len(h); i++ {
			if !h[i].At.After(h[i-1].At) {
				t.Errorf("answer %d is not newer than the one before", i)
			}
		}
		if !h[5].At.Equal(f.at[len(f.at)-1]) {
			t.Error("the newest answer is missing")
		}
		if m.History("stranger") != nil {
			t.Error("a history of nobody")
		}
	})
}

func TestBadProbersDoNoHarm(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := New([]Target{{"panics", panics{}}, {"nil", nil}, {"ok", good()}}, Options{})
		if err := m.Settle(t.Context()); err != nil {
			t.Fatal(err)
		}
		for id, want := range map[string]failoverplan.State{"panics": failoverplan.Unknown, "nil": failoverplan.Unknown, "ok": failoverplan.Up} {
			if st := state(m, id); st.State != want {
				t.Errorf("%s: %+v, want %s", id, st, want)
			}
		}
	})
}

func TestStoppingIsNotAFault(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := good()
		f.takes = 500 * time.Millisecond
		m := New([]Target{{"a", f}}, Options{DownAfter: 1, Jitter: func() float64 { return 0 }})
		stop := run(t, m)
		time.Sleep(600 * time.Millisecond)
		time.Sleep(500 * time.Millisecond) // the second probe is out
		stop()
		if st := state(m, "a"); st.State != failoverplan.Up || st.Samples != 1 {
			t.Errorf("%+v: the probe that we cut short counted", st)
		}
	})
}

func TestRunTwiceCloseAndDuplicates(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := good(), good()
		b.closeOK = errors.New("no")
		m := New([]Target{{"a", a}, {"b", b}}, Options{})
		stop := run(t, m)
		synctest.Wait()
		if err := m.Run(t.Context()); err == nil {
			t.Error("a second Run was allowed")
		}
		stop()
		stop2 := run(t, m) // but one after the other is fine
		stop2()
		if err := m.Close(); err == nil || !a.closed || !b.closed {
			t.Errorf("Close: %v, %v %v", err, a.closed, b.closed)
		}
	})
	defer func() {
		if recover() == nil {
			t.Error("two targets of one name were taken")
		}
	}()
	New([]Target{{"a", nil}, {"a", nil}}, Options{})
}

// TestTransitionCallbackMayAskBack: it is called outside of all locks, in order.
func TestTransitionCallbackMayAskBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{script: []probes.Status{probes.StatusUp, probes.StatusDegraded, probes.StatusUp, probes.StatusDegraded}, status: probes.StatusUp}
		var m *Monitor
		var seen []failoverplan.State
		m = New([]Target{{"a", f}}, Options{Jitter: half, OnTransition: func(x Transition) {
			_ = m.History(x.ID)
			if got := state(m, "a").State; got != x.To {
				t.Errorf("told of %s while %s is published", x.To, got)
			}
			seen = append(seen, x.To)
		}})
		stop := run(t, m)
		time.Sleep(5 * time.Second)
		stop()
		if fmt.Sprint(seen) != "[up degraded up degraded up]" {
			t.Errorf("seen %v", seen)
		}
	})
}
