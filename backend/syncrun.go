package backend

import (
	"context"

	"github.com/dutyops/dutyops/backend/runbook"
	"github.com/dutyops/dutyops/failoverplan"
)

// SyncRun makes every synced store follow the site that writes it (mission A6).
func (e *Engine) SyncRun(ctx context.Context, operator, reason string) (Run, error) {
	return e.sync(ctx, operator, reason, failoverplan.MakeSync)
}

// RenewLinks gives every standing link the replication account that is configured now.
func (e *Engine) RenewLinks(ctx context.Context, operator, reason string) (Run, error) {
	return e.sync(ctx, operator, reason, failoverplan.MakeRenew)
}

func (e *Engine) sync(ctx context.Context, operator, reason string, plan func(*failoverplan.Topology, *failoverplan.Situation) *failoverplan.Plan) (Run, error) {
	id := e.runID()
	lease, err := e.lease(id, operator)
	if err != nil {
		return Run{}, err
	}
	if err := e.fresh(ctx); err != nil {
		release(lease)
		return Run{}, err
	}
	e.mu.Lock()
	sit := e.situation
	e.mu.Unlock()
	p := plan(e.topo, sit)
	if blocked := p.Blocked(); len(blocked) > 0 {
		release(lease)
		return Run{}, &RefusedError{Plan: p, Gates: blocked}
	}
	return e.launch(id, lease, func(x *runbook.Executor, bg context.Context, stop <-chan struct{}) (Run, error) {
		return x.Run(bg, id, runbook.Opening{Plan: p, Reason: reason, Operator: operator, Sync: sit.Sync}, stop)
	})
}
