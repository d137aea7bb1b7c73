package runbook

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/dutyops/dutyops/failoverplan"
)

// A step that was begun may have had its effect: stopped before it is taken up, the run is
// not one that has changed nothing.
func TestABegunStepIsNotNothing(t *testing.T) {
	w := newToy()
	x := executor(t, w)
	killed(t, x, w, "r1", false, "one", "two")
	stop := make(chan struct{})
	close(stop)
	r, err := x.Resume(t.Context(), "r1", "me", stop)
	if !errors.Is(err, ErrParked) || r.State != RunParked || len(w.log) != 0 {
		t.Fatalf("%s, did %v, %v", r.State, w.log, err)
	}
}

// To have looked is not to have changed anything.
func TestALookIsNothing(t *testing.T) {
	w := newToy()
	x := executor(t, w)
	p := toyPlan("look", "one")
	p.Steps[0].Risk = failoverplan.R0
	w.fail["one"] = ErrRefused
	r, err := x.Run(t.Context(), "r1", Opening{Plan: p}, nil)
	if !errors.Is(err, ErrRefused) || r.State != RunRefused {
		t.Fatalf("%s, %v", r.State, err)
	}
}

// A resumed run looks at the world once more before it goes on, and stops where that has
// changed.
func TestResumeLooksAtTheWorldAgain(t *testing.T) {
	w := newToy()
	x := executor(t, w)
	looks := 0
	var changed error
	x.Actions[failoverplan.ActPreflight] = Action{Check: func(context.Context, *Scene, failoverplan.Step) (Result, error) {
		looks++
		return Result{Done: changed == nil}, changed
	}}
	p := toyPlan("look", "one", "two")
	p.Steps[0].Action, p.Steps[0].Risk = failoverplan.ActPreflight, failoverplan.R0
	w.fail["two"] = errors.New("no answer")
	if r, err := x.Run(t.Context(), "r1", Opening{Plan: p}, nil); !errors.Is(err, ErrParked) || looks != 1 {
		t.Fatalf("%s after %d looks, %v", r.State, looks, err)
	}
	delete(w.fail, "two")
	changed = ErrWorldChanged
	if r, err := x.Resume(t.Context(), "r1", "me", nil); err == nil || r.State != RunParked || looks != 2 || w.on["two"] {
		t.Fatalf("the target went down meanwhile: %s after %d looks, did %v, %v", r.State, looks, w.log, err)
	}
	changed = nil
	if r, err := x.Resume(t.Context(), "r1", "me", nil); err != nil || r.State != RunDone || looks != 3 {
		t.Fatalf("%s after %d looks, %v", r.State, looks, err)
	}
}

// What a killed attempt did is this run's to undo, also where Do looks by itself: it is
// seen, and not done twice.
func TestWhatLooksByItselfIsCheckedOnceItMayHaveActed(t *testing.T) {
	for _, effect := range []bool{true, false} {
		w := newToy()
		x := executor(t, w)
		a := w.act()
		a.Looks, a.Verified = true, true // its Do says Changed 0
		x.Actions[failoverplan.ActPromote] = a
		killed(t, x, w, "r1", false, "one")
		w.on["one"] = effect
		r, err := x.Resume(t.Context(), "r1", "me", nil)
		if err != nil || states(r) != "one=done" || (len(w.log) == 0) != effect {
			t.Errorf("effect %v: %s, did %v, %v", effect, states(r), w.log, err)
		}
		if r, err = x.Rollback(t.Context(), "r1", "me", "", nil); err != nil || w.on["one"] {
			t.Errorf("effect %v: rolled back: %s, %v", effect, states(r), err)
		}
	}
}

// Without a line in the journal nothing is begun, and nothing is gone on with.
func TestNothingIsDoneThatCannotBeJournaled(t *testing.T) {
	for _, c := range []struct{ when, says string }{
		{"between the steps", "its intent cannot be journaled"},
		{"within a step", "its outcome (done) cannot be journaled"},
	} {
		w := newToy()
		x := executor(t, w)
		lose := func() { _ = x.Journal.Close() }
		if c.when == "within a step" {
			w.after["one"] = lose
		}
		x.OnChange = func(r Run) {
			if c.when == "between the steps" && r.Steps[0].State == StepDone && r.Steps[1].State == StepPending {
				lose()
			}
		}
		r, err := x.Run(t.Context(), "r1", Opening{Plan: toyPlan("one", "two")}, nil)
		if err == nil || !strings.Contains(err.Error(), c.says) || !slices.Equal(w.log, []string{"do one"}) {
			t.Errorf("the journal is lost %s: %s, did %v, %v", c.when, states(r), w.log, err)
		}
	}
}

func TestNothingIsUndoneThatCannotBeJournaled(t *testing.T) {
	w := newToy()
	x := executor(t, w)
	if _, err := x.Run(t.Context(), "r1", Opening{Plan: toyPlan("one")}, nil); err != nil {
		t.Fatal(err)
	}
	x.OnChange = func(r Run) {
		if r.State == RunRunning && r.Steps[0].State == StepDone {
			_ = x.Journal.Close()
		}
	}
	if r, err := x.Rollback(t.Context(), "r1", "me", "", nil); err == nil || !w.on["one"] {
		t.Fatalf("%s, did %v, %v", states(r), w.log, err)
	}
}

// A step that is given up early because users wait is not given up early when it is undone.
func TestAnUndoHasTime(t *testing.T) {
	w := newToy()
	x := executor(t, w)
	a := w.act()
	a.Timeout = func(failoverplan.Step) time.Duration { return 5 * time.Second }
	undo, left := a.Undo, time.Duration(0)
	a.Undo = func(ctx context.Context, sc *Scene, s failoverplan.Step) (Result, error) {
		end, _ := ctx.Deadline()
		left = time.Until(end)
		return undo(ctx, sc, s)
	}
	x.Actions[failoverplan.ActPromote] = a
	if _, err := x.Run(t.Context(), "r1", Opening{Plan: toyPlan("one")}, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := x.Rollback(t.Context(), "r1", "me", "", nil); err != nil || left <= 5*time.Second {
		t.Fatalf("%s to undo, %v", left, err)
	}
}

// Once a roll-back has begun the run is not committed any more, though a commit had begun
// before.
func TestARunOnItsWayBackIsNotCommitted(t *testing.T) {
	w := newToy()
	x := executor(t, w)
	a := w.act()
	a.Undo = func(context.Context, *Scene, failoverplan.Step) (Result, error) {
		return Result{}, errors.New("no answer")
	}
	x.Actions[failoverplan.ActPromote] = a
	if _, err := x.Run(t.Context(), "r1", Opening{Plan: probation()}, nil); err != nil {
		t.Fatal(err)
	}
	w.fail["late"] = errors.New("no answer")
	if _, err := x.Commit(t.Context(), "r1", "me", "", nil); !errors.Is(err, ErrParked) {
		t.Fatal(err)
	}
	if r, err := x.Rollback(t.Context(), "r1", "me", "", nil); !errors.Is(err, ErrParked) {
		t.Fatalf("%s, %v", r.State, err)
	}
	delete(w.fail, "late")
	if r, err := x.Commit(t.Context(), "r1", "me", "", nil); !errors.Is(err, ErrRefused) || w.on["late"] || !r.Committed.IsZero() {
		t.Fatalf("%s, did %v, %v", r.State, w.log, err)
	}
}
