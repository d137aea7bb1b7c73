package runbook

import (
	"context"
	"fmt"
	"time"

	"github.com/dutyops/dutyops/backend/journal"
	"github.com/dutyops/dutyops/failoverplan"
)

// Commit ends a done run's probation: the steps that wait for it are done (the TTLs are
// restored), and from then on the run is no longer rolled back. A commit that stopped
// part-way parks the run; Resume goes on with it, Rollback still takes everything back.
func (x *Executor) Commit(ctx context.Context, id, operator, reason string, stop <-chan struct{}) (Run, error) {
	r, err := x.load(ctx, id)
	if err != nil {
		return Run{}, err
	}
	if err := r.committable(); err != nil {
		return r.snapshot(), err
	}
	if err := x.write(ctx, r, id, journal.RunResumed, runResumed{Operator: operator, Reason: reason, How: howCommit}); err != nil {
		return r.snapshot(), err
	}
	end := runClosed{State: RunDone, Committed: true, Next: nextAfterCommit(r.opening.Plan)}
	return x.through(ctx, r, id, stop, stepsOf(r.opening.Plan, true), end)
}

// committable says why the run cannot be committed; nil when it can.
func (r *record) committable() error {
	id, state := r.run.ID, r.run.State
	switch {
	case !r.run.Committed.IsZero():
		return fmt.Errorf("%w: run %s was committed by %s at %s already", ErrRefused, id, r.run.CommittedBy, r.run.Committed.Local().Format(time.DateTime))
	case r.opening.Plan.Kind == failoverplan.SyncRun:
		return fmt.Errorf("%w: a sync run has no probation: there is nothing to commit", ErrRefused)
	case state == RunDone, r.committing && !r.undoing:
		return nil
	case state == RunParked, r.open:
		return fmt.Errorf("%w: run %s has not reached its end: `dutyops runs resume %s --yes` brings it there first", ErrRefused, id, id)
	}
	return fmt.Errorf("%w: run %s is %s: there is nothing to commit", ErrRefused, id, state)
}

// committedError refuses to roll back what was committed, and says what to do instead.
func (r *record) committedError() error {
	p := r.opening.Plan
	instead := fmt.Sprintf("`dutyops failback` brings data and users home to %s", p.From)
	if p.Kind == failoverplan.Failback {
		instead = fmt.Sprintf("`dutyops failover --to %s` moves users there again", p.From)
	}
	return fmt.Errorf("%w: run %s was committed by %s at %s and is no longer rolled back; %s",
		ErrRefused, r.run.ID, r.run.CommittedBy, r.run.Committed.Local().Format(time.DateTime), instead)
}

func nextAfterCommit(p *failoverplan.Plan) string {
	if p.Kind == failoverplan.Failback {
		return p.To + " serves again, and the run is committed"
	}
	return fmt.Sprintf("%s serves, and the run is committed. When %s has recovered: `dutyops sync run`, then `dutyops failback`", p.To, p.From)
}

// WaitUntil journals until when a step waits, unless an earlier attempt has: a resumed
// run waits no longer than the first had to. It returns the moment.
func (s *Scene) WaitUntil(ctx context.Context, step failoverplan.Step, until time.Time) (time.Time, error) {
	key := untilKey + step.ID
	if was, err := time.Parse(time.RFC3339Nano, s.Fact(key)); err == nil {
		return was, nil
	}
	return until, s.SetFact(ctx, key, until.Format(time.RFC3339Nano))
}
