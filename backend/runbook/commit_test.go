package runbook

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/dutyops/dutyops/failoverplan"
)

// probation is a plan of one step and, after the commit, another.
func probation() *failoverplan.Plan {
	p := toyPlan("one", "late")
	p.Steps[1].Phase = failoverplan.PhaseCommit
	return p
}

func TestCommitDoesWhatWaitsForItAndEndsTheProbation(t *testing.T) {
	w := newToy()
	x := executor(t, w)
	r, err := x.Run(t.Context(), "r1", Opening{Plan: probation()}, nil)
	if err != nil || states(r) != "one=done late=pending" || !r.Committed.IsZero() {
		t.Fatalf("%s, committed %v, %v", states(r), r.Committed, err)
	}
	r, err = x.Commit(t.Context(), "r1", "me", "it holds", nil)
	if err != nil || r.State != RunDone || states(r) != "one=done late=done" || r.Committed.IsZero() || r.CommittedBy != "me" {
		t.Fatalf("%s: %s, committed %v by %q, %v", r.State, states(r), r.Committed, r.CommittedBy, err)
	}
	if back, err := Get(t.Context(), x.Journal, "r1"); err != nil || !back.Committed.Equal(r.Committed) || back.CommittedBy != "me" {
		t.Errorf("read back: committed %v by %q, %v", back.Committed, back.CommittedBy, err)
	}
	if _, err := x.Rollback(t.Context(), "r1", "me", "", nil); !errors.Is(err, ErrRefused) || !strings.Contains(err.Error(), "dutyops failback") || !w.on["one"] {
		t.Errorf("a committed run was rolled back: %v", err)
	}
	if _, err := x.Commit(t.Context(), "r1", "me", "", nil); !errors.Is(err, ErrRefused) {
		t.Errorf("committed twice: %v", err)
	}
}

func TestOnlyADoneRunIsCommitted(t *testing.T) {
	for name, set := range map[string]func(*Executor, *toy, *failoverplan.Plan){
		"parked":      func(_ *Executor, w *toy, _ *failoverplan.Plan) { w.fail["two"] = errors.New("no") },
		"refused":     func(_ *Executor, w *toy, _ *failoverplan.Plan) { w.fail["one"] = ErrRefused },
		"a sync run":  func(_ *Executor, _ *toy, p *failoverplan.Plan) { p.Kind = failoverplan.SyncRun },
		"rolled back": nil,
	} {
		w := newToy()
		x := executor(t, w)
		p := toyPlan("one", "two")
		if set != nil {
			set(x, w, p)
		}
		_, _ = x.Run(t.Context(), "r1", Opening{Plan: p}, nil)
		if set == nil {
			if _, err := x.Rollback(t.Context(), "r1", "me", "", nil); err != nil {
				t.Fatal(err)
			}
		}
		before := len(w.log)
		if r, err := x.Commit(t.Context(), "r1", "me", "", nil); !errors.Is(err, ErrRefused) || !r.Committed.IsZero() || len(w.log) != before {
			t.Errorf("%s: committed %v, %v", name, r.Committed, err)
		}
	}
}

func TestACommitThatStopsPartWayGoesOnOrBack(t *testing.T) {
	for _, way := range []string{"resume", "rollback"} {
		w := newToy()
		x := executor(t, w)
		if _, err := x.Run(t.Context(), "r1", Opening{Plan: probation()}, nil); err != nil {
			t.Fatal(err)
		}
		w.fail["late"] = errors.New("no answer")
		r, err := x.Commit(t.Context(), "r1", "me", "", nil)
		if !errors.Is(err, ErrParked) || r.State != RunParked || !r.Committed.IsZero() {
			t.Fatalf("%s, committed %v, %v", r.State, r.Committed, err)
		}
		delete(w.fail, "late")
		if way == "resume" {
			r, err = x.Resume(t.Context(), "r1", "you", nil)
			if err != nil || r.Committed.IsZero() || !w.on["late"] {
				t.Errorf("resumed: committed %v, %v", r.Committed, err)
			}
			continue
		}
		if r, err = x.Rollback(t.Context(), "r1", "you", "", nil); err != nil || r.State != RunRolledBack || w.on["one"] || w.on["late"] {
			t.Errorf("rolled back: %s, world %v, %v", r.State, w.on, err)
		}
	}
}

// waiting is a plan that waits between two steps.
func waiting(t *testing.T, w *toy, until time.Time, begun chan<- time.Time) (*Executor, *failoverplan.Plan) {
	x := executor(t, w)
	p := toyPlan("one", "wait", "two")
	p.Steps[1].Action, p.Steps[1].Risk, p.Steps[1].WaitS = failoverplan.ActWaitTTL, failoverplan.R0, 3600
	x.Actions[failoverplan.ActWaitTTL] = Action{Stoppable: true, Verified: true, Do: func(ctx context.Context, sc *Scene, s failoverplan.Step) (Result, error) {
		at, err := sc.WaitUntil(ctx, s, until)
		if err != nil {
			return Result{}, err
		}
		until = until.Add(time.Hour) // a second attempt would want to wait longer
		begun <- at
		if w.on["one"] && at.Before(time.Now()) {
			return Result{}, nil
		}
		<-ctx.Done()
		return Result{}, ctx.Err()
	}}
	return x, p
}

func TestAWaitShowsItsEndCanBeStoppedAndGoesOnFromTheSameMoment(t *testing.T) {
	w := newToy()
	begun := make(chan time.Time, 2)
	until := time.Now().Add(-time.Second).Round(0)
	x, p := waiting(t, w, until.Add(time.Hour), begun)
	stop := make(chan struct{})
	go func() {
		<-begun
		close(stop)
	}()
	r, err := x.Run(t.Context(), "r1", Opening{Plan: p}, stop)
	if !errors.Is(err, ErrParked) || r.State != RunParked || states(r) != "one=done wait=failed two=pending" {
		t.Fatalf("%s: %s, %v", r.State, states(r), err)
	}
	if !r.Steps[1].Until.Equal(until.Add(time.Hour)) {
		t.Errorf("the step says until %v, want %v", r.Steps[1].Until, until.Add(time.Hour))
	}
	again := make(chan struct{})
	go func() {
		if at := <-begun; !at.Equal(until.Add(time.Hour)) {
			t.Errorf("the resumed run waits until %v, the first had to wait until %v", at, until.Add(time.Hour))
		}
		close(again)
	}()
	if _, err := x.Resume(t.Context(), "r1", "me", again); !errors.Is(err, ErrParked) {
		t.Errorf("%v", err)
	}
}

func TestWaitingBeforehandIsNoOutage(t *testing.T) {
	at := func(s int) time.Time { return time.Unix(100, 0).Add(time.Duration(s) * time.Second) }
	r := newRecord()
	r.run.Started = at(0)
	for _, s := range []struct {
		action failoverplan.StepAction
		phase  failoverplan.Phase
		end    int
	}{
		{failoverplan.ActPreflight, failoverplan.PhaseDecide, 1},
		{failoverplan.ActLowerTTL, failoverplan.PhasePrepare, 2},
		{failoverplan.ActWaitTTL, failoverplan.PhasePrepare, 3600},
		{failoverplan.ActSwitchDNS, failoverplan.PhaseSwitch, 3602},
		{failoverplan.ActVerifyUsers, failoverplan.PhaseVerify, 3603},
		{failoverplan.ActRestoreTTL, failoverplan.PhaseCommit, 9000},
	} {
		r.run.Steps = append(r.run.Steps, RunStep{Action: string(s.action), Phase: string(s.phase), Finished: at(s.end)})
	}
	want := RTO{TotalMS: 4000, DecideMS: 1000, SwitchMS: 2000, VerifyMS: 1000}
	if got := rto(r); got != want {
		t.Errorf("got %+v\nwant %+v", got, want)
	}
}

func TestLoweredTTLsAreNoRePointedRecords(t *testing.T) {
	p := toyPlan("low", "switch")
	p.Steps[0].Action, p.Steps[1].Action = failoverplan.ActLowerTTL, failoverplan.ActSwitchDNS
	p.DNS = []failoverplan.ZoneChange{{Zone: "z", Changes: make([]failoverplan.RecordChange, 3)}}
	x := executor(t, newToy())
	changed := Action{Do: func(context.Context, *Scene, failoverplan.Step) (Result, error) {
		return Result{Changed: 2, APICalls: 1}, nil
	}}
	x.Actions[failoverplan.ActLowerTTL], x.Actions[failoverplan.ActSwitchDNS] = changed, changed
	r, err := x.Run(t.Context(), "r1", Opening{Plan: p}, nil)
	if err != nil || r.DNS.RecordsChanged != 2 || r.DNS.APICalls != 2 {
		t.Errorf("%+v, %v", r.DNS, err)
	}
}

func TestADryRunSaysHowLongItWouldWait(t *testing.T) {
	x, p := waiting(t, newToy(), time.Time{}, nil)
	p.Steps[2].Phase = failoverplan.PhaseCommit
	r, err := x.Run(t.Context(), "r1", Opening{Plan: p, DryRun: true}, nil)
	if err != nil || !strings.Contains(strings.Join(r.Steps[1].Evidence, " "), "1h0m0s") || !strings.Contains(strings.Join(r.Steps[2].Evidence, " "), "committed") {
		t.Errorf("%+v, %v", r.Steps, err)
	}
	if es, _ := x.Journal.Entries(t.Context(), "r1"); len(es) != 0 {
		t.Error("a dry run was journaled")
	}
}
