package backend

import (
	"context"
	"fmt"
	"slices"

	"github.com/dutyops/dutyops/backend/runbook"
	"github.com/dutyops/dutyops/failoverplan"
)

// Resume takes up an interrupted or parked run in the direction it had.
func (e *Engine) Resume(ctx context.Context, id, operator string) (Run, error) {
	return e.takeUp(ctx, id, operator, nil, func(x *runbook.Executor, bg context.Context, stop <-chan struct{}) (Run, error) {
		return x.Resume(bg, id, operator, stop)
	})
}

// Commit ends the probation of a done run: what waits for it is done (TTLs are restored),
// and from then on the run is not rolled back any more.
func (e *Engine) Commit(ctx context.Context, id, operator, reason string) (Run, error) {
	return e.takeUp(ctx, id, operator, nil, func(x *runbook.Executor, bg context.Context, stop <-chan struct{}) (Run, error) {
		return x.Commit(bg, id, operator, reason, stop)
	})
}

// Rollback takes back what a run did, in reverse order. It is refused where that would
// lead users to a site that cannot serve, or to one that lacks what was written since.
func (e *Engine) Rollback(ctx context.Context, id, operator, reason string) (Run, error) {
	return e.takeUp(ctx, id, operator, e.rollbackGates, func(x *runbook.Executor, bg context.Context, stop <-chan struct{}) (Run, error) {
		return x.Rollback(bg, id, operator, reason, stop)
	})
}

func (e *Engine) takeUp(ctx context.Context, id, operator string, gates func(Run) []failoverplan.Gate, f func(*runbook.Executor, context.Context, <-chan struct{}) (Run, error)) (Run, error) {
	if _, err := e.Run(ctx, id); err != nil {
		return Run{}, err
	}
	lease, err := e.lease(id, operator)
	if err != nil {
		return Run{}, err
	}
	refuse := func(err error) (Run, error) {
		e.audit(ctx, "refused", operator, "", err)
		release(lease)
		return Run{}, err
	}
	if p := e.pauseNow(ctx); p != nil {
		return refuse(fmt.Errorf("%w: all actions are paused: %s (by %s); `dutyops unpause --reason …` clears it", ErrRefused, p.Reason, p.Owner))
	}
	r, err := e.latest(ctx, id) // under the lease: nobody changes it any more
	if err != nil {
		return refuse(err)
	}
	if err := e.fresh(ctx); err != nil {
		release(lease)
		return Run{}, err
	}
	if gates != nil {
		bad := slices.DeleteFunc(gates(r), func(g failoverplan.Gate) bool { return g.Passed })
		if len(bad) > 0 {
			return refuse(&RefusedError{Plan: r.Plan, Gates: bad, What: "the roll-back of " + id})
		}
	}
	got, err := e.launch(id, lease, f)
	if got.ID == "" {
		got = r
	}
	return got, err
}

// latest returns the run, unless a later one has moved the world on since.
func (e *Engine) latest(ctx context.Context, id string) (Run, error) {
	rs, err := e.Runs(ctx)
	if err != nil {
		return Run{}, err
	}
	for _, r := range rs { // newest first
		if r.ID == id {
			return r, nil
		}
		moved := r.State != RunRefused && r.State != RunCancelled && r.State != RunRolledBack && r.Kind != string(failoverplan.SyncRun)
		if moved {
			return Run{}, fmt.Errorf("%w: %s %s (%s) came after run %s, which was planned for a world that is gone; `dutyops status` shows where things stand, `dutyops plan failover` or `dutyops plan failback` what could be done",
				ErrRefused, r.Kind, r.ID, r.State, id)
		}
	}
	return Run{}, fmt.Errorf("%w: there is no run %q; `dutyops runs list` shows them", ErrUsage, id)
}

// rollbackGates ask whether the site that was left can have its users and writers back,
// as far as the run took them away.
func (e *Engine) rollbackGates(r Run) []failoverplan.Gate {
	var users, writers bool
	for _, s := range r.Steps {
		if s.State == runbook.StepPending || s.State == runbook.StepAlready || s.State == runbook.StepUndone {
			continue
		}
		users = users || s.Action == string(failoverplan.ActSwitchDNS)
		writers = writers || s.Action == string(failoverplan.ActPromote)
	}
	e.mu.Lock()
	sit := e.situation
	e.mu.Unlock()
	// A run that stopped part-way has itself fenced the site it goes back to.
	ended := r.State == RunDone
	return failoverplan.RollbackGates(e.topo, sit, r.Plan, e.limits(), users && ended, writers && ended)
}
