package runbook

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/dutyops/dutyops/backend/journal"
	"github.com/dutyops/dutyops/failoverplan"
)

// Rollback undoes, in reverse order, every step of the run that changed the world.
// A step that cannot be undone parks the run again, with the rest listed; a best
// effort step that cannot is recorded and passed over. A step that was given up may
// have had its effect nevertheless, so it is undone, too.
func (x *Executor) Rollback(ctx context.Context, id, operator, reason string, stop <-chan struct{}) (Run, error) {
	r, err := x.load(ctx, id)
	if err != nil {
		return Run{}, err
	}
	if r.run.State == RunRolledBack || r.run.State == RunCancelled || r.run.State == RunRefused {
		return r.snapshot(), fmt.Errorf("%w: run %s is %s: there is nothing to take back", ErrRefused, id, r.run.State)
	}
	if !r.run.Committed.IsZero() {
		return r.snapshot(), r.committedError()
	}
	if err := x.write(ctx, r, id, journal.RunResumed, runResumed{Operator: operator, Reason: reason, How: howRollback}); err != nil {
		return r.snapshot(), err
	}
	sc := &Scene{Plan: r.opening.Plan, x: x, id: id, r: r}
	var left []string // of several, each of which is taken back for itself
	for _, s := range slices.Backward(r.opening.Plan.Steps) {
		state := x.state(r, s.ID)
		a := x.Actions[s.Action]
		if a.Undo == nil || !mayHaveActed(state) || s.AnyOf != "" && !x.mayHaveActed(r, s.ID) {
			continue
		}
		if halted(ctx, stop) {
			return x.parkRollback(ctx, r, id, "stopped by the operator before undoing: "+s.Title)
		}
		switch err := x.undo(ctx, sc, s, a); {
		case err != nil && s.AnyOf != "":
			left = append(left, fmt.Sprintf("undo %s: %v", s.Title, err))
		case err != nil:
			return x.parkRollback(ctx, r, id, fmt.Sprintf("undo %s: %v", s.Title, err))
		}
	}
	if len(left) > 0 {
		return x.parkRollback(ctx, r, id, "everything else is taken back: "+strings.Join(left, "; "))
	}
	if err := x.write(ctx, r, id, journal.RunClosed, runClosed{State: RunRolledBack, Next: "`dutyops status` shows where things stand"}); err != nil {
		return r.snapshot(), err
	}
	return r.snapshot(), nil
}

// undoTimeout is the least that an undo gets.
const undoTimeout = 30 * time.Second

// mayHaveActed: the step was begun in this run and not found done before it began.
func mayHaveActed(state string) bool {
	return state == StepDone || state == StepRunning || state == StepFailed || state == StepSkipped
}

func (x *Executor) parkRollback(ctx context.Context, r *record, id, problem string) (Run, error) {
	return x.park(ctx, r, id, problem, fmt.Sprintf("`dutyops runs rollback %s --yes` goes on undoing", id))
}

// park ends a run part-way, with the way on.
func (x *Executor) park(ctx context.Context, r *record, id, problem, next string) (Run, error) {
	if err := x.write(ctx, r, id, journal.RunClosed, runClosed{State: RunParked, Problem: problem, Next: next}); err != nil {
		return r.snapshot(), err
	}
	return r.snapshot(), fmt.Errorf("%w: %s; %s", ErrParked, problem, next)
}

func (x *Executor) undo(ctx context.Context, sc *Scene, s failoverplan.Step, a Action) error {
	if err := x.write(ctx, sc.r, sc.id, journal.StepIntent, stepIntent{Step: s.ID, Undo: true}); err != nil {
		return err
	}
	// A best effort step is given up early because users wait; its undo is not.
	limit := max(defaultTimeout(a, s), undoTimeout)
	tctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	res, err := a.Undo(tctx, sc, s)
	out := stepOutcome{Step: s.ID, State: StepUndone, Evidence: res.Evidence, Changed: res.Changed, APICalls: res.APICalls}
	if err != nil {
		out.State, out.Error = StepFailed, err.Error()
		if s.BestEffort {
			out.State = StepSkipped
		}
	}
	if werr := x.write(ctx, sc.r, sc.id, journal.StepOutcome, out); werr != nil {
		return werr
	}
	if err != nil && !s.BestEffort {
		return err
	}
	return nil
}
