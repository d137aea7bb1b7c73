package runbook

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/dutyops/dutyops/backend/journal"
	"github.com/dutyops/dutyops/failoverplan"
)

// rehearse is the dry run: every check looks at the real world, nothing is done and
// nothing is journaled.
func (x *Executor) rehearse(ctx context.Context, id string, o Opening) (Run, error) {
	r := newRecord()
	body, err := json.Marshal(o)
	if err != nil {
		return Run{}, err
	}
	if err := r.apply(journal.Entry{At: x.Now(), Run: id, Kind: journal.RunOpened, Body: body}); err != nil {
		return Run{}, err
	}
	sc := &Scene{Plan: o.Plan, x: x, id: id, r: r}
	for i, s := range o.Plan.Steps {
		st := &r.run.Steps[i]
		a := x.Actions[s.Action]
		st.State = "would-do"
		switch {
		case s.Phase == failoverplan.PhaseCommit:
			st.Evidence = append(st.Evidence, "not before the run is committed")
			continue
		case s.WaitS > 0:
			st.Evidence = append(st.Evidence, fmt.Sprintf("would wait %s", time.Duration(s.WaitS)*time.Second))
			continue
		}
		if a.Check == nil || s.Risk == failoverplan.R0 && s.Action != failoverplan.ActPreflight {
			continue
		}
		tctx, cancel := context.WithTimeout(ctx, 3*time.Second)
		res, err := a.Check(tctx, sc, s)
		cancel()
		st.Evidence = append(st.Evidence, res.Evidence...)
		switch {
		case err != nil && errors.Is(err, ErrWorldChanged):
			return r.snapshot(), err
		case err != nil:
			st.Error = err.Error()
		case res.Done:
			st.State = StepAlready
		}
	}
	r.run.State = RunDone
	return r.snapshot(), nil
}
