package runbook

import (
	"context"
	"fmt"
	"slices"

	"github.com/dutyops/dutyops/backend/journal"
	"github.com/dutyops/dutyops/failoverplan"
)

// List returns every run of the journal, newest first. An open run that no living
// process holds is interrupted.
func List(ctx context.Context, j *journal.Journal) ([]Run, error) {
	es, err := j.Entries(ctx, "")
	if err != nil {
		return nil, err
	}
	records := map[string]*record{}
	var order []string
	for _, e := range es {
		if e.Run == "" {
			continue
		}
		r := records[e.Run]
		if r == nil {
			r = newRecord()
			records[e.Run] = r
			order = append(order, e.Run)
		}
		if err := r.apply(e); err != nil {
			return nil, err
		}
	}
	holder, held := j.LeaseHolder()
	out := make([]Run, 0, len(order))
	for _, id := range slices.Backward(order) {
		r := records[id]
		if r.open && (!held || holder.Run != id) {
			r.run.State = RunInterrupted
			r.run.Problem = "its process ended before the run did"
			r.run.Next = fmt.Sprintf("`dutyops runs resume %s --yes` looks at the world and goes on; `dutyops runs rollback %s --yes` takes back what was done", id, id)
		}
		out = append(out, r.snapshot())
	}
	return out, nil
}

// Get returns one run as List would.
func Get(ctx context.Context, j *journal.Journal, id string) (Run, error) {
	all, err := List(ctx, j)
	if err != nil {
		return Run{}, err
	}
	for _, r := range all {
		if r.ID == id {
			return r, nil
		}
	}
	return Run{}, fmt.Errorf("%w: there is no run %q; `dutyops runs list` shows them", failoverplan.ErrBadRequest, id)
}
