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

// Of several steps of which one is enough, one is enough; with none the run stops, and
// a resume tries all again.
func TestAnyOf(t *testing.T) {
	p := toyPlan("p1", "p2", "later")
	for i := range 2 {
		p.Steps[i].Group, p.Steps[i].AnyOf = 1, "zone a.test"
	}
	w := newToy()
	x := executor(t, w)
	w.fail["p1"] = errors.New("away")
	if r, err := x.Run(t.Context(), "one", Opening{Plan: p}, nil); err != nil || states(r) != "p1=skipped p2=done later=done" {
		t.Errorf("%v: %s", err, states(r))
	}
	w = newToy()
	x = executor(t, w)
	w.fail["p1"], w.fail["p2"] = errors.New("away"), errors.New("away")
	r, err := x.Run(t.Context(), "none", Opening{Plan: p}, nil)
	if err == nil || w.on["later"] || !strings.Contains(err.Error(), "zone a.test") {
		t.Errorf("%v: %s", err, states(r))
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
