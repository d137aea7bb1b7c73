package runbook

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/dutyops/dutyops/backend/journal"
	"github.com/dutyops/dutyops/failoverplan"
)

// group runs steps side by side and returns the first failure that counts. all is the
// whole group, of which todo is what is not settled.
func (x *Executor) group(ctx context.Context, sc *Scene, todo, all []failoverplan.Step) error {
	errs := make([]error, len(todo))
	var wg sync.WaitGroup
	for i, s := range todo {
		wg.Go(func() { errs[i] = x.step(ctx, sc, s) })
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return x.anyOf(sc, all)
}

// anyOf says which steps, of which one would have been enough, have all failed.
func (x *Executor) anyOf(sc *Scene, all []failoverplan.Step) error {
	good, why := map[string]bool{}, map[string][]string{}
	var words []string
	for _, s := range all {
		if s.AnyOf == "" {
			continue
		}
		if !slices.Contains(words, s.AnyOf) {
			words = append(words, s.AnyOf)
		}
		x.mu.Lock()
		st := *sc.r.step(s.ID)
		x.mu.Unlock()
		if st.State == StepDone || st.State == StepAlready {
			good[s.AnyOf] = true
		} else if st.Error != "" {
			why[s.AnyOf] = append(why[s.AnyOf], s.Title+": "+st.Error)
		}
	}
	for _, w := range words {
		if !good[w] {
			return fmt.Errorf("%s: not one of its providers is as planned: %s", w, strings.Join(why[w], "; "))
		}
	}
	return nil
}

// failed ends a run whose group failed. Where the plan says so, the steps of its kind
// that may have acted are taken back first, each journaled, so that what is half done is
// none of the names' trouble. A process that is killed meanwhile leaves a run that can be
// taken up in either direction: every step looks at the world.
func (x *Executor) failed(ctx context.Context, sc *Scene, group []failoverplan.Step, cause error) (Run, error) {
	back := slices.IndexFunc(group, func(s failoverplan.Step) bool {
		return s.OnFail == failoverplan.OnFailRollback && x.state(sc.r, s.ID) != StepDone && x.state(sc.r, s.ID) != StepAlready
	})
	if back < 0 || errors.Is(cause, ErrCancelled) {
		return x.halt(ctx, sc.r, sc.id, cause.Error(), cause)
	}
	problem, all := cause.Error(), true
	undone := 0
	for _, s := range slices.Backward(sc.Plan.Steps) {
		a := x.Actions[s.Action]
		if s.OnFail != failoverplan.OnFailRollback || a.Undo == nil || !x.mayHaveActed(sc.r, s.ID) {
			continue
		}
		if err := x.undo(ctx, sc, s, a); err != nil {
			problem += fmt.Sprintf("; taking back %q failed: %v", s.Title, err)
			all = false
			continue
		}
		undone++
	}
	if all && undone > 0 {
		problem += "; what was written is taken back: exact previous values and TTLs"
	}
	if undone > 0 && !x.touched(sc.r) {
		next := fmt.Sprintf("every name is as it was; mend the cause, then `dutyops runs resume %s --yes` or a new plan", sc.id)
		if err := x.write(ctx, sc.r, sc.id, journal.RunClosed, runClosed{State: RunParked, Problem: problem, Next: next}); err != nil {
			return sc.r.snapshot(), fmt.Errorf("%w: %s; and the journal cannot be written: %w", ErrParked, problem, err)
		}
		return sc.r.snapshot(), fmt.Errorf("%w: %s; %s", ErrParked, problem, next)
	}
	return x.halt(ctx, sc.r, sc.id, problem, cause)
}

// mayHaveActed says whether a step of the record may have changed the world.
func (x *Executor) mayHaveActed(r *record, id string) bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	st := r.step(id)
	return mayHaveActed(st.State) && !((st.State == StepFailed || st.State == StepSkipped) && st.Untouched)
}

// behind says what of several, of which one was enough, is not as planned; "" = nothing.
// The run has then done all it could, and is not at its end.
func (x *Executor) behind(r *record, steps []failoverplan.Step) string {
	var out []string
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, s := range steps {
		if st := r.step(s.ID); s.AnyOf != "" && st.State != StepDone && st.State != StepAlready {
			out = append(out, fmt.Sprintf("%s: %s", s.Title, st.Error))
		}
	}
	if len(out) == 0 {
		return ""
	}
	return "everything else is done, but the providers of a zone are not equal: " + strings.Join(out, "; ")
}

// Tell shows what a step in progress waits for. It is not journaled: the outcome has
// what came of it.
func (s *Scene) Tell(step, text string) {
	s.x.mu.Lock()
	st := s.r.step(step)
	if st == nil || st.State != StepRunning {
		s.x.mu.Unlock()
		return
	}
	st.Now = text
	snap := s.r.snapshot()
	s.x.mu.Unlock()
	if s.x.OnChange != nil {
		s.x.OnChange(snap)
	}
}
