package monitor

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/dutyops/dutyops/failoverplan"
	"github.com/dutyops/dutyops/probes"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fake is a prober that answers as told. stuck ignores its context until released.
type fake struct {
	mu      sync.Mutex
	status  probes.Status
	detail  string
	takes   time.Duration
	stuck   chan struct{}
	calls   int
	running int
	most    int // at the same time
	at      []time.Time
	closed  bool
	closeOK error
	script  []probes.Status // used up first
}

func (f *fake) Probe(ctx context.Context) probes.Result {
	f.mu.Lock()
	f.calls++
	f.running++
	f.most = max(f.most, f.running)
	r := probes.Result{At: time.Now(), Status: f.status, Detail: f.detail, Latency: time.Millisecond}
	f.at = append(f.at, r.At)
	if len(f.script) > 0 {
		r.Status, f.script = f.script[0], f.script[1:]
	}
	takes, stuck := f.takes, f.stuck
	f.mu.Unlock()
	if r.Status != probes.StatusUp {
		r.Transcript = []string{"asked", "no good answer"}
	}
	switch {
	case stuck != nil:
		<-stuck
	case takes > 0:
		select {
		case <-time.After(takes):
		case <-ctx.Done():
			r.Status, r.Detail = probes.StatusDown, "no answer"
		}
	}
	f.mu.Lock()
	f.running--
	f.mu.Unlock()
	return r
}

func (f *fake) Close() error {
	f.closed = true
	return f.closeOK
}

func (f *fake) set(s probes.Status) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.status = s
}

// asked returns when the n-th probe was made.
func (f *fake) asked(n int) time.Time {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.at[n]
}

func (f *fake) count() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.calls
}

func good() *fake { return &fake{status: probes.StatusUp, detail: "fine"} }
func bad() *fake  { return &fake{status: probes.StatusDown, detail: "refused"} }

func half() float64 { return 0.5 }

// run starts Run and returns a function that stops it and waits.
func run(t *testing.T, m *Monitor) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- m.Run(ctx) }()
	var once sync.Once
	stop = func() {
		once.Do(func() {
			cancel()
			if err := <-done; err != nil {
				t.Errorf("Run: %v", err)
			}
		})
	}
	t.Cleanup(stop)
	return stop
}

func state(m *Monitor, id string) TargetState { return at(m.Snapshot(), id) }

func at(s *Snapshot, id string) TargetState {
	ts, _ := s.Target(id)
	return ts
}

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

func TestPublicationsAreCoalesced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var targets []Target
		for i := range 200 {
			targets = append(targets, Target{fmt.Sprint(i), good()})
		}
		m := New(targets, Options{Interval: 100 * time.Millisecond})
		var n atomic.Int32
		ctx, cancel := context.WithCancel(t.Context())
		counted := make(chan struct{})
		go func() {
			defer close(counted)
			for {
				ch := m.Changed()
				select {
				case <-ch:
					n.Add(1)
				case <-ctx.Done():
					return
				}
			}
		}()
		stop := run(t, m)
		time.Sleep(2 * time.Second)
		stop()
		cancel()
		<-counted
		// 4000 answers in 2 s; 50 ms apart is 40 publications, and one for the end
		if got := n.Load(); got < 20 || got > 42 {
			t.Errorf("%d publications in 2 s", got)
		}
		for _, tg := range targets {
			if st := state(m, tg.ID); st.Samples != tg.Prober.(*fake).count() {
				t.Fatalf("%s: %d samples published of %d", tg.ID, st.Samples, tg.Prober.(*fake).count())
			}
		}
	})
}

func TestFirstChangeIsPublishedAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := good()
		m := New([]Target{{"a", f}}, Options{Jitter: half})
		ch := m.Changed()
		start := time.Now()
		time.Sleep(time.Second) // the publication of New is long past
		stop := run(t, m)
		<-ch
		if got := time.Since(start); got != time.Second+125*time.Millisecond {
			t.Errorf("published after %s, want with the answer", got)
		}
		old := m.Snapshot()
		f.set(probes.StatusDegraded)
		time.Sleep(2 * time.Second)
		if at(old, "a").State != failoverplan.Up || state(m, "a").State != failoverplan.Degraded {
			t.Error("a published picture changed, or the new one did not come")
		}
		stop()
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

type panics struct{}

func (panics) Probe(context.Context) probes.Result { panic("boom") }
func (panics) Close() error                        { return nil }

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

// A picture costs what has changed in it: the rest is the picture before.
func TestPicturesShareWhatDidNotChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := New([]Target{{"a", good()}, {"b", good()}, {"c", good()}}, Options{})
		if err := m.Settle(t.Context()); err != nil {
			t.Fatal(err)
		}
		before := m.Snapshot()
		b := m.order[m.place["b"]]
		m.probe(t.Context(), b)
		m.publish()
		after := m.Snapshot()
		for i, id := range after.ids {
			if same := before.states[i] == after.states[i]; same != (id != "b") {
				t.Errorf("%s is the same: %v", id, same)
			}
		}
		if at(after, "b").Samples != at(before, "b").Samples+1 {
			t.Errorf("b has %d samples, had %d", at(after, "b").Samples, at(before, "b").Samples)
		}
		// Nothing is asked any more: all grow old, and older.
		time.Sleep(m.opt.StaleAfter + time.Second)
		m.publish()
		old := m.Snapshot()
		time.Sleep(time.Minute)
		m.publish()
		for id, ts := range m.Snapshot().All() {
			if ts.State != failoverplan.Stale || at(old, id).State != failoverplan.Stale || ts.Rule == at(old, id).Rule {
				t.Errorf("%s: %s by %q, a minute before %s by %q", id, ts.State, ts.Rule, at(old, id).State, at(old, id).Rule)
			}
		}
	})
}

// A change in a picture of so many.
func BenchmarkPublishOneOf20000(b *testing.B) {
	var targets []Target
	for i := range 20000 {
		targets = append(targets, Target{fmt.Sprint("site/platform/component-", i), good()})
	}
	m := New(targets, Options{StaleAfter: time.Hour})
	if err := m.Settle(b.Context()); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		m.queue(m.order[7])
		m.publish()
	}
}

func BenchmarkPublish2000(b *testing.B) {
	var targets []Target
	for i := range 2000 {
		targets = append(targets, Target{fmt.Sprint("site/platform/component-", i), good()})
	}
	m := New(targets, Options{})
	if err := m.Settle(b.Context()); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		m.publishAll()
	}
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

// However long a picture takes, an answer that comes meanwhile does not wait for it, and
// is in the next one: thousands of answers that queued up would each make a picture.
func TestAnswersDoNotQueueBehindAPicture(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var hold atomic.Bool
		entered, release := make(chan struct{}), make(chan struct{})
		m := New([]Target{{"a", bad()}}, Options{Now: func() time.Time {
			if hold.CompareAndSwap(true, false) {
				close(entered)
				<-release
			}
			return time.Now()
		}})
		hold.Store(true)
		made := make(chan struct{})
		go func() { m.publish(); close(made) }()
		<-entered
		for range 100 {
			m.touch() // one that waits is a deadlock here
		}
		before := m.Snapshot()
		close(release)
		<-made
		slow := m.Snapshot()
		if slow == before {
			t.Fatal("the picture was not published")
		}
		time.Sleep(10 * m.opt.Coalesce)
		if m.Snapshot() == slow {
			t.Error("what changed meanwhile is in no picture")
		}
	})
}
