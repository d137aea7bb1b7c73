package monitor

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/dutyops/dutyops/failoverplan"
	"github.com/dutyops/dutyops/probes"
)

func TestSettleIsRightInOneCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		up, down, unknown, deg := good(), bad(), &fake{status: probes.StatusUnknown}, &fake{status: probes.StatusDegraded}
		blip := &fake{status: probes.StatusUp, script: []probes.Status{probes.StatusDown}}
		hang := good()
		hang.takes = time.Hour
		stuck := good()
		stuck.stuck = make(chan struct{})
		m := New([]Target{{"up", up}, {"down", down}, {"unknown", unknown}, {"degraded", deg}, {"blip", blip}, {"hang", hang}, {"stuck", stuck}}, Options{})
		start := time.Now()
		if err := m.Settle(t.Context()); err != nil {
			t.Fatal(err)
		}
		// three hanging probes of 800 ms, two pauses of 150 ms
		if took := time.Since(start); took != 2700*time.Millisecond {
			t.Errorf("took %s, want 2.7s: the slowest alone decides", took)
		}
		for id, want := range map[string]struct {
			f     *fake
			state failoverplan.State
			calls int
		}{
			"up": {up, failoverplan.Up, 1}, "down": {down, failoverplan.Down, 3}, "unknown": {unknown, failoverplan.Unknown, 1},
			"degraded": {deg, failoverplan.Degraded, 1}, "blip": {blip, failoverplan.Up, 2}, "hang": {hang, failoverplan.Down, 3}, "stuck": {stuck, failoverplan.Unknown, 1},
		} {
			if st := state(m, id); st.State != want.state || want.f.count() != want.calls {
				t.Errorf("%s: %s after %d probes, want %s after %d", id, st.State, want.f.count(), want.state, want.calls)
			}
		}
		if m.Snapshot().Warming {
			t.Error("still warming after Settle")
		}
		close(stuck.stuck)
		synctest.Wait()
	})
}

func TestSettleOverturnsWhatWasRemembered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		since := time.Now().Add(-time.Hour)
		wasDown, stillDown, wasUp := good(), bad(), bad()
		var seen []Transition
		m := New([]Target{{"was-down", wasDown}, {"still-down", stillDown}, {"was-up", wasUp}},
			Options{OnTransition: func(x Transition) { seen = append(seen, x) }})
		m.Restore(map[string]Remembered{
			"was-down": {failoverplan.Down, since}, "still-down": {failoverplan.Down, since}, "was-up": {failoverplan.Up, since}, "stranger": {failoverplan.Up, since},
		})
		if st := state(m, "was-down"); st.State != failoverplan.Down || !st.Since.Equal(since) || st.Last != nil {
			t.Errorf("after Restore: %+v", st)
		}
		start := time.Now()
		if err := m.Settle(t.Context()); err != nil {
			t.Fatal(err)
		}
		if st := state(m, "was-down"); st.State != failoverplan.Up || !st.Since.Equal(start) || wasDown.count() != 2 {
			t.Errorf("was-down: %+v after %d probes", st, wasDown.count())
		}
		if st := state(m, "still-down"); st.State != failoverplan.Down || !st.Since.Equal(since) || stillDown.count() != 1 {
			t.Errorf("still-down: %+v after %d probes", st, stillDown.count())
		}
		if st := state(m, "was-up"); st.State != failoverplan.Down || !st.Since.Equal(start) || wasUp.count() != 3 {
			t.Errorf("was-up: %+v after %d probes", st, wasUp.count())
		}
		for _, x := range seen {
			if x.ID == "still-down" || x.First {
				t.Errorf("transition %+v of something that was remembered", x)
			}
		}
		if len(seen) != 2 {
			t.Errorf("transitions %+v, want the two that changed", seen)
		}
	})
}

func TestSettleBesideRunStartsNothingTwice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := good()
		f.takes = 300 * time.Millisecond
		m := New([]Target{{"a", f}}, Options{Jitter: func() float64 { return 0 }})
		stop := run(t, m)
		time.Sleep(100 * time.Millisecond) // Run's probe is out
		if err := m.Settle(t.Context()); err != nil {
			t.Fatal(err)
		}
		if f.count() != 1 || f.most != 1 || state(m, "a").State != failoverplan.Up {
			t.Errorf("%d probes, %d at once, %+v", f.count(), f.most, state(m, "a"))
		}
		stop()
	})
}

func TestSettleEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := bad()
		m := New([]Target{{"a", f}}, Options{DownAfter: 100})
		ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
		defer cancel()
		if err := m.Settle(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%v, want the context's error", err)
		}
		if n := f.count(); n != 4 {
			t.Errorf("%d probes in 500 ms at 150 ms spacing, want 4", n)
		}
	})
}

func BenchmarkSettle2000(b *testing.B) {
	var targets []Target
	for i := range 2000 {
		targets = append(targets, Target{fmt.Sprint("site/platform/component-", i), good()})
	}
	m := New(targets, Options{})
	b.ReportAllocs()
	for b.Loop() {
		if err := m.Settle(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
}

// A probe that once did not come back in time is asked like any other when it has.
func TestSettleAfterAProbeThatWasStuck(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := good()
		stuck := make(chan struct{})
		f.stuck = stuck
		m := New([]Target{{"a", f}}, Options{})
		if err := m.Settle(t.Context()); err != nil || state(m, "a").Late != 1 {
			t.Fatalf("%+v, %v", state(m, "a"), err)
		}
		close(stuck)
		synctest.Wait()
		f.mu.Lock()
		f.stuck, f.status = nil, probes.StatusDown
		f.mu.Unlock()
		if err := m.Settle(t.Context()); err != nil {
			t.Fatal(err)
		}
		if st := state(m, "a"); st.State != failoverplan.Down || !st.Settled || f.count() != 4 {
			t.Errorf("after %d probes: %+v", f.count(), st)
		}
	})
}
