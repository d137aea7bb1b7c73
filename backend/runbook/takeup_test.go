package runbook

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/dutyops/dutyops/backend/journal"
	"github.com/dutyops/dutyops/failoverplan"
)

// killed journals a run as a process leaves it that is killed after the step's effect.
func killed(t *testing.T, x *Executor, w *toy, id string, undo bool, steps ...string) {
	t.Helper()
	write := func(k journal.Kind, body any) {
		if _, err := x.Journal.Append(t.Context(), id, k, body); err != nil {
			t.Fatal(err)
		}
	}
	write(journal.RunOpened, Opening{Plan: toyPlan(steps...)})
	write(journal.StepIntent, stepIntent{Step: steps[0]})
	w.on[steps[0]] = true
	if undo {
		write(journal.StepOutcome, stepOutcome{Step: steps[0], State: StepDone})
		write(journal.RunResumed, runResumed{How: howRollback})
		write(journal.StepIntent, stepIntent{Step: steps[0], Undo: true})
	}
}

func TestWhatAKilledProcessDidIsTheRunsToUndo(t *testing.T) {
	w := newToy()
	x := executor(t, w)
	killed(t, x, w, "r1", false, "one", "two")
	r, err := x.Resume(t.Context(), "r1", "me", nil)
	if err != nil || states(r) != "one=done two=done" {
		t.Fatalf("%s, %v", states(r), err)
	}
	if _, err := x.Rollback(t.Context(), "r1", "me", "", nil); err != nil {
		t.Fatal(err)
	}
	if w.on["one"] || w.on["two"] {
		t.Errorf("after the roll-back: %v", w.on)
	}
}

func TestResumeKeepsTheDirection(t *testing.T) {
	w := newToy()
	x := executor(t, w)
	killed(t, x, w, "r1", true, "one", "two")
	r, err := x.Resume(t.Context(), "r1", "me", nil)
	if err != nil || r.State != RunRolledBack {
		t.Fatalf("%s, %v", r.State, err)
	}
	if w.on["one"] || slices.Contains(w.log, "do two") {
		t.Errorf("a roll-back that was taken up again went forward: %v", w.log)
	}
	if _, err := x.Resume(t.Context(), "r1", "me", nil); !errors.Is(err, ErrRefused) {
		t.Errorf("resume of what is rolled back: %v, want ErrRefused", err)
	}
}

func TestPhasesAddUp(t *testing.T) {
	at := func(ms int) time.Time { return time.Unix(100, 0).Add(time.Duration(ms) * time.Millisecond) }
	step := func(a failoverplan.StepAction, p failoverplan.Phase, from, to int) RunStep {
		return RunStep{Action: string(a), Phase: string(p), Started: at(from), Finished: at(to)}
	}
	r := newRecord()
	r.opening.FirstBad, r.opening.Verdict = at(-700), at(-400)
	r.run.Started = at(0)
	r.run.Steps = []RunStep{
		step(failoverplan.ActDemote, failoverplan.PhaseFence, 5, 100),
		step(failoverplan.ActSwitchDNS, failoverplan.PhaseSwitch, 100, 150),
		step(failoverplan.ActVerifyAuthoritative, failoverplan.PhasePropagate, 150, 400),
		step(failoverplan.ActAttachFeed, failoverplan.PhaseSwitch, 150, 300), // beside it
		step(failoverplan.ActVerifyUsers, failoverplan.PhaseVerify, 400, 450),
		step(failoverplan.ActVerifyResolvers, failoverplan.PhasePropagate, 400, 2000),
		step(failoverplan.ActReprotect, failoverplan.PhaseReprotect, 2000, 9000),
	}
	want := RTO{TotalMS: 2700, DetectMS: 300, DecideMS: 400, FenceMS: 100, SwitchMS: 200, PropagateMS: 1650, VerifyMS: 50}
	if got := rto(r); got != want {
		t.Errorf("got %+v\nwant %+v", got, want)
	}
}
