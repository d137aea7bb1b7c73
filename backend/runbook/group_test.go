package runbook

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/dutyops/dutyops/failoverplan"
)

// zones is a plan with a fence and then zones that are switched side by side.
func zones(onFail failoverplan.OnFail) *failoverplan.Plan {
	p := toyPlan("fence", "z1", "z2", "z3")
	for i := range p.Steps[1:] {
		p.Steps[i+1].Group, p.Steps[i+1].OnFail = 2, onFail
	}
	return p
}

// A failed write takes the zones back that were written, and nothing else; the run can
// then go on in either direction.
func TestFailedWriteIsTakenBackWhereThePlanSaysSo(t *testing.T) {
	for _, kind := range []error{errors.New("lost"), ErrRefused} {
		w := newToy()
		x := executor(t, w)
		w.fail["z2"] = kind
		r, err := x.Run(t.Context(), "r1", Opening{Plan: zones(failoverplan.OnFailRollback)}, nil)
		if !errors.Is(err, ErrParked) || r.State != RunParked || !strings.Contains(r.Problem, "taken back") {
			t.Fatalf("%v: %+v", err, r)
		}
		if w.on["z1"] || w.on["z3"] || !w.on["fence"] {
			t.Errorf("%v", w.on)
		}
		// z2 may have had its effect unless it is certain that it had none.
		if slices.Contains(w.log, "undo z2") == errors.Is(kind, ErrRefused) {
			t.Errorf("%v: %v", kind, w.log)
		}
		delete(w.fail, "z2")
		if r, err = x.Resume(t.Context(), "r1", "op", nil); err != nil || r.State != RunDone || !w.on["z1"] || !w.on["z2"] || !w.on["z3"] {
			t.Errorf("%v: %s", err, states(r))
		}
	}
}

func TestFailedWriteHoldsWhereThePlanSaysSo(t *testing.T) {
	w := newToy()
	x := executor(t, w)
	w.fail["z2"] = errors.New("lost")
	r, err := x.Run(t.Context(), "r1", Opening{Plan: zones(failoverplan.OnFailHold)}, nil)
	if !errors.Is(err, ErrParked) || !w.on["z1"] || !w.on["z3"] || strings.Contains(r.Problem, "taken back") {
		t.Errorf("%v: %s", err, states(r))
	}
}

// twinPlan has a zone at two providers and a step after it.
func twinPlan() *failoverplan.Plan {
	p := toyPlan("p1", "p2", "later")
	for i := range 2 {
		p.Steps[i].Group, p.Steps[i].AnyOf = 1, "zone a.test"
	}
	return p
}

// Of several steps of which one is enough, one is enough to go on; the run ends part-way
// then, and a resume makes the rest equal and nothing else.
func TestAnyOf(t *testing.T) {
	w := newToy()
	x := executor(t, w)
	w.fail["p1"] = errors.New("away")
	r, err := x.Run(t.Context(), "one", Opening{Plan: twinPlan()}, nil)
	if !errors.Is(err, ErrParked) || r.Skipped != 0 || states(r) != "p1=skipped p2=done later=done" || !strings.Contains(r.Problem, "p1: away") || !strings.Contains(r.Next, "runs resume one --yes") {
		t.Errorf("%v: %s, %q, %q", err, states(r), r.Problem, r.Next)
	}
	if r, err = x.Resume(t.Context(), "one", "op", nil); !errors.Is(err, ErrParked) || r.State != RunParked {
		t.Errorf("still away: %v: %s", err, states(r))
	}
	delete(w.fail, "p1")
	if r, err = x.Resume(t.Context(), "one", "op", nil); err != nil || r.State != RunDone || !slices.Equal(w.log, []string{"do p2", "do later", "do p1"}) {
		t.Errorf("%v: %s, did %v", err, states(r), w.log)
	}
}

// With none the run stops; what is certain is told, and what is not is not called certain.
func TestNotOneOfSeveral(t *testing.T) {
	for _, c := range []struct {
		name string
		fail error
		want error
	}{{"certainly untouched", ErrRefused, ErrRefused}, {"perhaps half done", errors.New("lost"), ErrParked}} {
		w := newToy()
		x := executor(t, w)
		w.fail["p1"], w.fail["p2"] = ErrRefused, c.fail
		r, err := x.Run(t.Context(), "none", Opening{Plan: twinPlan()}, nil)
		if !errors.Is(err, c.want) || w.on["later"] || !strings.Contains(err.Error(), "zone a.test") {
			t.Errorf("%s: %v: %s", c.name, err, states(r))
		}
	}
}

// One of several that cannot be taken back does not keep the others from it; it is named,
// and the roll-back goes on with it. One that was certainly not touched is left alone.
func TestRollBackOfSeveral(t *testing.T) {
	w := newToy()
	x := executor(t, w)
	w.fail["p1"] = errors.New("lost")
	if _, err := x.Run(t.Context(), "r", Opening{Plan: twinPlan()}, nil); !errors.Is(err, ErrParked) {
		t.Fatal(err)
	}
	a := w.act()
	undo, away := a.Undo, true
	a.Undo = func(ctx context.Context, s *Scene, st failoverplan.Step) (Result, error) {
		if st.Component == "p1" && away {
			return Result{}, errors.New("away")
		}
		return undo(ctx, s, st)
	}
	x.Actions[failoverplan.ActPromote] = a
	r, err := x.Rollback(t.Context(), "r", "op", "why", nil)
	if err == nil || r.State != RunParked || w.on["p2"] || w.on["later"] || !strings.Contains(r.Problem, "p1") {
		t.Fatalf("%v: %s, %v", err, states(r), w.on)
	}
	away = false
	if r, err = x.Rollback(t.Context(), "r", "op", "why", nil); err != nil || r.State != RunRolledBack || !slices.Contains(w.log, "undo p1") {
		t.Errorf("%v: %s, %v", err, states(r), w.log)
	}

	w = newToy()
	x = executor(t, w)
	w.fail["p1"] = ErrRefused
	_, _ = x.Run(t.Context(), "r", Opening{Plan: twinPlan()}, nil)
	if r, err = x.Rollback(t.Context(), "r", "op", "why", nil); err != nil || slices.Contains(w.log, "undo p1") {
		t.Errorf("%v: %s, %v", err, states(r), w.log)
	}
}

// What looks by itself is not checked at the first attempt, and is not this run's to
// undo when the world was so already.
func TestLooks(t *testing.T) {
	w := newToy()
	x := executor(t, w)
	a := w.act()
	a.Looks, a.Verified = true, true
	checks := 0
	check := a.Check
	a.Check = func(ctx context.Context, s *Scene, st failoverplan.Step) (Result, error) {
		checks++
		return check(ctx, s, st)
	}
	x.Actions[failoverplan.ActPromote] = a // its Do says Changed 0
	r, err := x.Run(t.Context(), "r1", Opening{Plan: toyPlan("z")}, nil)
	if err != nil || states(r) != "z=already" || checks != 0 {
		t.Errorf("%v: %s, %d checks", err, states(r), checks)
	}
}
