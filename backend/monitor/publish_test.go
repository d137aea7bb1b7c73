package monitor

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/dutyops/dutyops/failoverplan"
	"github.com/dutyops/dutyops/probes"
)

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
