package runbook

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/dutyops/dutyops/backend/journal"
	"github.com/dutyops/dutyops/failoverplan"
)

// toy is a world of named switches that steps turn on.
type toy struct {
	mu    sync.Mutex
	on    map[string]bool
	log   []string
	fail  map[string]error
	after map[string]func() // called when a Do of that component has had its effect
}

func newToy() *toy {
	return &toy{on: map[string]bool{}, fail: map[string]error{}, after: map[string]func(){}}
}

func (w *toy) act() Action {
	return Action{
		Check: func(_ context.Context, _ *Scene, s failoverplan.Step) (Result, error) {
			w.mu.Lock()
			defer w.mu.Unlock()
			return Result{Done: w.on[s.Component], Evidence: []string{"looked"}}, nil
		},
		Do: func(_ context.Context, _ *Scene, s failoverplan.Step) (Result, error) {
			w.mu.Lock()
			defer w.mu.Unlock()
			if err := w.fail[s.Component]; err != nil {
				return Result{}, err
			}
			w.on[s.Component] = true
			w.log = append(w.log, "do "+s.Component)
			if f := w.after[s.Component]; f != nil {
				f()
			}
			return Result{Evidence: []string{"did"}}, nil
		},
		Undo: func(_ context.Context, _ *Scene, s failoverplan.Step) (Result, error) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.on[s.Component] = false
			w.log = append(w.log, "undo "+s.Component)
			return Result{}, nil
		},
	}
}

func toyPlan(names ...string) *failoverplan.Plan {
	p := &failoverplan.Plan{Kind: failoverplan.Failover, Mode: failoverplan.Forced, From: "a", To: "b", Hash: "h"}
	for i, n := range names {
		p.Steps = append(p.Steps, failoverplan.Step{ID: n, Action: failoverplan.ActPromote, Component: n, Risk: failoverplan.R3, Group: i + 1, Phase: failoverplan.PhaseSwitch, Title: n})
	}
	return p
}

func openJournal(t *testing.T, dir string) *journal.Journal {
	t.Helper()
	j, err := journal.Open(t.Context(), dir, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = j.Close() })
	return j
}

func executor(t *testing.T, w *toy) *Executor {
	t.Helper()
	return &Executor{Now: time.Now, Journal: openJournal(t, t.TempDir()), Actions: map[failoverplan.StepAction]Action{failoverplan.ActPromote: w.act()}}
}

func states(r Run) string {
	var out []string
	for _, s := range r.Steps {
		out = append(out, s.ID+"="+s.State)
	}
	return strings.Join(out, " ")
}

func TestRunDoesEveryStepOnceAndInOrder(t *testing.T) {
	w := newToy()
	x := executor(t, w)
	r, err := x.Run(t.Context(), "r1", Opening{Plan: toyPlan("one", "two", "three")}, nil)
	if err != nil || r.State != RunDone {
		t.Fatalf("%s, %v", r.State, err)
	}
	if !slices.Equal(w.log, []string{"do one", "do two", "do three"}) {
		t.Fatalf("did %v", w.log)
	}
	got, err := Get(t.Context(), x.Journal, "r1")
	if err != nil || states(got) != states(r) || got.State != RunDone {
		t.Fatalf("read back %s (%s), %v", got.State, states(got), err)
	}
}

func TestWhatIsSoAlreadyIsNotDone(t *testing.T) {
	w := newToy()
	w.on["two"] = true
	r, err := executor(t, w).Run(t.Context(), "r1", Opening{Plan: toyPlan("one", "two")}, nil)
	if err != nil || states(r) != "one=done two=already" || len(w.log) != 1 {
		t.Fatalf("%s, did %v, %v", states(r), w.log, err)
	}
}

func TestFailureBeforeAnythingIsRefused(t *testing.T) {
	w := newToy()
	w.fail["one"] = ErrRefused
	r, err := executor(t, w).Run(t.Context(), "r1", Opening{Plan: toyPlan("one", "two")}, nil)
	if !errors.Is(err, ErrRefused) || r.State != RunRefused || len(w.log) != 0 {
		t.Fatalf("%s, did %v, %v", r.State, w.log, err)
	}
}

func TestFailurePartWayParksAndResumeFinishes(t *testing.T) {
	w := newToy()
	w.fail["two"] = errors.New("server is away")
	x := executor(t, w)
	r, err := x.Run(t.Context(), "r1", Opening{Plan: toyPlan("one", "two", "three")}, nil)
	if !errors.Is(err, ErrParked) || r.State != RunParked || states(r) != "one=done two=failed three=pending" {
		t.Fatalf("%s %s, %v", r.State, states(r), err)
	}
	if !strings.Contains(r.Problem, "server is away") || !strings.Contains(r.Next, "resume r1") {
		t.Fatalf("problem %q next %q", r.Problem, r.Next)
	}
	delete(w.fail, "two")
	r, err = x.Resume(t.Context(), "r1", "someone", nil)
	if err != nil || r.State != RunDone || !slices.Equal(w.log, []string{"do one", "do two", "do three"}) {
		t.Fatalf("%s, did %v, %v", r.State, w.log, err)
	}
}

func TestBestEffortIsSkippedWithItsEvidence(t *testing.T) {
	w := newToy()
	w.fail["one"] = errors.New("dead")
	p := toyPlan("one", "two")
	p.Steps[0].BestEffort = true
	r, err := executor(t, w).Run(t.Context(), "r1", Opening{Plan: p}, nil)
	if err != nil || r.Skipped != 1 || r.LeftUndone() || states(r) != "one=skipped two=done" || r.Steps[0].Error != "dead" {
		t.Fatalf("%s, %v", states(r), err)
	}
}

func TestDoneButNotSeenIsAFailure(t *testing.T) {
	w := newToy()
	w.after["one"] = func() { w.on["one"] = false } // the effect does not last
	r, err := executor(t, w).Run(t.Context(), "r1", Opening{Plan: toyPlan("one")}, nil)
	if !errors.Is(err, ErrParked) || !strings.Contains(r.Problem, "does not show") {
		t.Fatalf("%s %q, %v", r.State, r.Problem, err)
	}
}

func TestStopBetweenSteps(t *testing.T) {
	for _, c := range []struct {
		before string
		want   RunState
		err    error
	}{{"", RunCancelled, ErrCancelled}, {"one", RunParked, ErrParked}} {
		w := newToy()
		stop := make(chan struct{})
		if c.before == "" {
			close(stop)
		} else {
			w.after[c.before] = func() { close(stop) }
		}
		r, err := executor(t, w).Run(t.Context(), "r1", Opening{Plan: toyPlan("one", "two")}, stop)
		if r.State != c.want || !errors.Is(err, c.err) {
			t.Errorf("stopped after %q: %s, %v; want %s", c.before, r.State, err, c.want)
		}
	}
}

func TestRollbackUndoesInReverse(t *testing.T) {
	w := newToy()
	w.on["two"] = true // was so before: not ours to undo
	x := executor(t, w)
	if _, err := x.Run(t.Context(), "r1", Opening{Plan: toyPlan("one", "two", "three")}, nil); err != nil {
		t.Fatal(err)
	}
	r, err := x.Rollback(t.Context(), "r1", "someone", "changed my mind", nil)
	if err != nil || r.State != RunRolledBack {
		t.Fatalf("%s, %v", r.State, err)
	}
	if !slices.Equal(w.log[2:], []string{"undo three", "undo one"}) || !w.on["two"] {
		t.Fatalf("did %v", w.log)
	}
	if _, err := x.Rollback(t.Context(), "r1", "someone", "again", nil); !errors.Is(err, ErrRefused) {
		t.Fatalf("a second rollback: %v", err)
	}
}

func TestDryRunWritesNothing(t *testing.T) {
	w := newToy()
	w.on["two"] = true
	x := executor(t, w)
	r, err := x.Run(t.Context(), "r1", Opening{Plan: toyPlan("one", "two"), DryRun: true}, nil)
	if err != nil || states(r) != "one=would-do two=already" || len(w.log) != 0 {
		t.Fatalf("%s, did %v, %v", states(r), w.log, err)
	}
	if all, err := List(t.Context(), x.Journal); err != nil || len(all) != 0 {
		t.Fatalf("the journal has %d runs, %v", len(all), err)
	}
}

// A process can die at any entry: for every prefix of the journal, resume brings the
// run to its end, doing nothing twice and skipping nothing (promise 5).
func TestResumeFromEveryPrefixOfTheJournal(t *testing.T) {
	names := []string{"one", "two", "three"}
	whole := newToy()
	x := executor(t, whole)
	if _, err := x.Run(t.Context(), "r1", Opening{Plan: toyPlan(names...)}, nil); err != nil {
		t.Fatal(err)
	}
	entries, err := x.Journal.Entries(t.Context(), "r1")
	if err != nil {
		t.Fatal(err)
	}
	for n := 1; n < len(entries); n++ {
		for _, effectDone := range []bool{false, true} {
			w := newToy()
			y := executor(t, w)
			for _, e := range entries[:n] {
				if _, err := y.Journal.Append(t.Context(), "r1", e.Kind, e.Body); err != nil {
					t.Fatal(err)
				}
				if e.Kind == journal.StepOutcome || (e.Kind == journal.StepIntent && effectDone) {
					for _, name := range names {
						if strings.Contains(string(e.Body), `"`+name+`"`) {
							w.on[name] = true
						}
					}
				}
			}
			before := len(w.on)
			if got, err := Get(t.Context(), y.Journal, "r1"); err != nil || got.State != RunInterrupted {
				t.Fatalf("after %d entries: state %s, %v; want interrupted", n, got.State, err)
			}
			r, err := y.Resume(t.Context(), "r1", "someone", nil)
			if err != nil || r.State != RunDone {
				t.Fatalf("after %d entries (effect of the last intent: %v): %s, %v", n, effectDone, r.State, err)
			}
			if len(w.log) != len(names)-before || !w.on["one"] || !w.on["two"] || !w.on["three"] {
				t.Fatalf("after %d entries (effect: %v): did %v", n, effectDone, w.log)
			}
		}
	}
}

func TestFactsSurviveTheProcess(t *testing.T) {
	w := newToy()
	x := executor(t, w)
	var seen string
	x.Actions[failoverplan.ActPromote] = Action{Verified: true, Do: func(ctx context.Context, s *Scene, step failoverplan.Step) (Result, error) {
		if step.Component == "one" {
			return Result{}, s.SetFact(ctx, "savepoint", "/sp/1")
		}
		if w.fail["two"] != nil {
			return Result{}, w.fail["two"]
		}
		seen = s.Fact("savepoint")
		return Result{}, nil
	}}
	w.fail["two"] = errors.New("away")
	if _, err := x.Run(t.Context(), "r1", Opening{Plan: toyPlan("one", "two")}, nil); !errors.Is(err, ErrParked) {
		t.Fatal(err)
	}
	delete(w.fail, "two")
	if _, err := x.Resume(t.Context(), "r1", "someone", nil); err != nil || seen != "/sp/1" {
		t.Fatalf("fact %q, %v", seen, err)
	}
}
