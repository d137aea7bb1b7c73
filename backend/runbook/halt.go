package runbook

import (
	"context"
	"errors"
	"fmt"

	"github.com/dutyops/dutyops/backend/journal"
	"github.com/dutyops/dutyops/failoverplan"
)

func halted(ctx context.Context, stop <-chan struct{}) bool {
	select {
	case <-stop:
		return true
	case <-ctx.Done():
		return true
	default:
		return false
	}
}

// halt closes a run that did not reach its end. Nothing touched: cancelled, refused or
// world changed. Something touched: parked, with the ways on.
func (x *Executor) halt(ctx context.Context, r *record, id, problem string, cause error) (Run, error) {
	touched := x.touched(r)
	c := runClosed{Problem: problem}
	var kind error
	switch {
	case touched:
		c.State, kind = RunParked, ErrParked
		c.Next = fmt.Sprintf("`dutyops runs resume %s --yes` goes on, `dutyops runs rollback %s --yes` takes back what was done", id, id)
	case errors.Is(cause, ErrCancelled):
		c.State, kind = RunCancelled, ErrCancelled
		c.Next = "nothing was changed"
	case errors.Is(cause, ErrWorldChanged):
		c.State, kind = RunRefused, ErrWorldChanged
		c.Next = "nothing was changed; plan again and look at the difference"
	default:
		c.State, kind = RunRefused, ErrRefused
		c.Next = "nothing was changed; mend the cause and start again"
	}
	if err := x.write(ctx, r, id, journal.RunClosed, c); err != nil {
		// Its end is not on disk, so it will be found as interrupted.
		return r.snapshot(), fmt.Errorf("%w: %s; nor could that be journaled (%w); %s", kind, problem, err, c.Next)
	}
	if errors.Is(cause, kind) {
		return r.snapshot(), fmt.Errorf("%w; %s", cause, c.Next)
	}
	return r.snapshot(), fmt.Errorf("%w: %s; %s", kind, problem, c.Next)
}

// touched tells whether any step may have changed the world: done, or begun and
// ended without the certainty that nothing happened.
func (x *Executor) touched(r *record) bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	for i, s := range r.run.Steps {
		if r.opening.Plan.Steps[i].Risk == failoverplan.R0 {
			continue
		}
		halfway := s.State == StepFailed || s.State == StepSkipped && r.opening.Plan.Steps[i].AnyOf != ""
		if s.State == StepDone || s.State == StepRunning || halfway && !s.Untouched {
			return true
		}
	}
	return false
}
