package runbook

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/dutyops/dutyops/backend/journal"
	"github.com/dutyops/dutyops/failoverplan"
)

// How a run can end other than done. Test with errors.Is. An Action's Do that fails
// with ErrRefused says that it is certain nothing was changed.
var (
	ErrRefused      = errors.New("refused")
	ErrParked       = errors.New("stopped part-way")
	ErrCancelled    = errors.New("cancelled")
	ErrWorldChanged = errors.New("the world changed since the plan was approved")
)

// Result is what a look or a deed found out.
type Result struct {
	// Done, from Check: the world is as the step wants it.
	Done     bool
	Evidence []string
	// Changed and APICalls count DNS record sets and requests.
	Changed, APICalls int
}

// Action is what one kind of step means in the world. Check must look and never
// touch; Do must be safe to repeat; Undo may be nil when there is nothing to undo.
// After Do, Check is asked again: that is the verification.
type Action struct {
	Check func(ctx context.Context, s *Scene, step failoverplan.Step) (Result, error)
	Do    func(ctx context.Context, s *Scene, step failoverplan.Step) (Result, error)
	Undo  func(ctx context.Context, s *Scene, step failoverplan.Step) (Result, error)
	// Verified: Do proves its own effect, Check is not asked again.
	Verified bool
	// Stoppable: Do waits, and a stop of the run ends it at once; the step is then failed
	// and taken up by a resume.
	Stoppable bool
	// Looks: Do looks before it acts and says so with Changed = 0 when the world is as
	// planned already. Check is then asked only where an earlier attempt of the run may
	// have had its effect, and in a rehearsal.
	Looks bool
	// Timeout bounds each of the three; 0 = one minute.
	Timeout func(step failoverplan.Step) time.Duration
}

// Scene is the stage of one run: the plan, and facts that later steps or a resumed
// process need (a savepoint's path, where a mirror was cut).
type Scene struct {
	Plan *failoverplan.Plan
	x    *Executor
	id   string
	r    *record
	stop <-chan struct{}
}

// Fact returns a fact of this run, "" when there is none.
func (s *Scene) Fact(key string) string {
	s.x.mu.Lock()
	defer s.x.mu.Unlock()
	return s.r.facts[key]
}

// StateOf is where a step of this run stands.
func (s *Scene) StateOf(step string) string { return s.x.state(s.r, step) }

// SetFact journals a fact; it is on disk when SetFact returns.
func (s *Scene) SetFact(ctx context.Context, key, value string) error {
	return s.x.write(ctx, s.r, s.id, journal.RunFact, runFact{Key: key, Value: value})
}

// Executor runs plans. One run at a time; the caller holds the lease.
type Executor struct {
	Journal *journal.Journal
	Actions map[failoverplan.StepAction]Action
	// OnChange is called with a copy after every entry. It must not block.
	OnChange func(Run)
	// Now is the clock of a dry run, which no journal entry dates.
	Now func() time.Time
	mu  sync.Mutex
}

func (x *Executor) write(ctx context.Context, r *record, id string, kind journal.Kind, body any) error {
	e, err := x.Journal.Append(context.WithoutCancel(ctx), id, kind, body)
	if err != nil {
		return err
	}
	x.mu.Lock()
	err = r.apply(e)
	snap := r.snapshot()
	x.mu.Unlock()
	if err == nil && x.OnChange != nil {
		x.OnChange(snap)
	}
	return err
}

// Run opens a run and executes it to its end. stop, when closed, makes it halt at the
// next step boundary. The error is nil when done, else wraps one of the Err values;
// the Run is complete in every case.
func (x *Executor) Run(ctx context.Context, id string, o Opening, stop <-chan struct{}) (Run, error) {
	r := newRecord()
	if o.DryRun {
		return x.rehearse(ctx, id, o)
	}
	if err := x.write(ctx, r, id, journal.RunOpened, o); err != nil {
		return Run{}, fmt.Errorf("%w: the journal cannot be written, so nothing is done: %w", ErrRefused, err)
	}
	return x.proceed(ctx, r, id, stop)
}

// Resume takes up a run that was interrupted or parked, in the direction it had: what
// has an outcome stands, everything else is looked at and done. The look at the world
// that a run begins with is taken again.
func (x *Executor) Resume(ctx context.Context, id, operator string, stop <-chan struct{}) (Run, error) {
	r, err := x.load(ctx, id)
	if err != nil {
		return Run{}, err
	}
	switch {
	case r.undoing && r.run.State != RunRolledBack:
		return x.Rollback(ctx, id, operator, "the roll-back is taken up again", stop)
	case r.committing && r.run.State != RunDone:
		return x.Commit(ctx, id, operator, "the commit is taken up again", stop)
	case r.run.State == RunDone || r.run.State == RunRolledBack || r.run.State == RunCancelled || r.run.State == RunRefused:
		return r.snapshot(), fmt.Errorf("%w: run %s is %s: there is nothing to take up", ErrRefused, id, r.run.State)
	}
	if err := x.write(ctx, r, id, journal.RunResumed, runResumed{Operator: operator, How: howResume}); err != nil {
		return r.snapshot(), err
	}
	return x.proceed(ctx, r, id, stop)
}

func (x *Executor) load(ctx context.Context, id string) (*record, error) {
	es, err := x.Journal.Entries(ctx, id)
	if err != nil {
		return nil, err
	}
	if len(es) == 0 {
		return nil, fmt.Errorf("%w: there is no run %q; `dutyops runs list` shows them", failoverplan.ErrBadRequest, id)
	}
	r := newRecord()
	for _, e := range es {
		if err := r.apply(e); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// proceed does what is left of the steps up to the commit.
func (x *Executor) proceed(ctx context.Context, r *record, id string, stop <-chan struct{}) (Run, error) {
	return x.through(ctx, r, id, stop, stepsOf(r.opening.Plan, false), runClosed{State: RunDone, Next: nextAfterDone(r.opening.Plan, id)})
}

// through does what is left of some steps, and closes the run.
func (x *Executor) through(ctx context.Context, r *record, id string, stop <-chan struct{}, steps []failoverplan.Step, end runClosed) (Run, error) {
	sc := &Scene{Plan: r.opening.Plan, x: x, id: id, r: r, stop: stop}
	for _, group := range groups(steps) {
		var todo []failoverplan.Step
		for _, s := range group {
			if !settled(s, x.state(r, s.ID)) || s.Action == failoverplan.ActPreflight {
				todo = append(todo, s)
			}
		}
		if len(todo) == 0 {
			continue
		}
		if halted(ctx, stop) {
			return x.halt(ctx, r, id, "stopped by the operator before: "+todo[0].Title, ErrCancelled)
		}
		if err := x.group(ctx, sc, todo, group); err != nil {
			return x.failed(ctx, sc, group, err)
		}
	}
	if behind := x.behind(r, steps); behind != "" {
		next := fmt.Sprintf("`dutyops runs resume %s --yes` makes them equal as soon as it answers, `dutyops runs rollback %s --yes` takes everything back", id, id)
		return x.park(ctx, r, id, behind, next)
	}
	if soFar := r.snapshot(); end.State == RunDone && soFar.Kind == string(failoverplan.SyncRun) && soFar.Skipped > 0 {
		end.Next = "not everything follows: when what was skipped answers again, `dutyops sync run` once more; `dutyops sync status` shows who follows whom"
	}
	if err := x.write(ctx, r, id, journal.RunClosed, end); err != nil {
		return r.snapshot(), fmt.Errorf("%w: every step is done, but the end could not be journaled: %w", ErrParked, err)
	}
	return r.snapshot(), nil
}

func nextAfterDone(p *failoverplan.Plan, id string) string {
	commit := fmt.Sprintf("`dutyops runs commit %s --yes` keeps it", id)
	if len(p.Restore) > 0 {
		commit += " and restores the TTLs"
	}
	commit += "; until then it can be rolled back"
	switch p.Kind {
	case failoverplan.SyncRun:
		return "`dutyops sync status` shows who follows whom"
	case failoverplan.Failback:
	case failoverplan.Failover:
		return fmt.Sprintf("%s serves. When %s has recovered: `dutyops sync run`, then `dutyops failback`. %s", p.To, p.From, commit)
	}
	return p.To + " serves again. " + commit
}

// stepsOf are the plan's steps after its commit, or those before.
func stepsOf(p *failoverplan.Plan, committed bool) []failoverplan.Step {
	return slices.DeleteFunc(slices.Clone(p.Steps), func(s failoverplan.Step) bool {
		return (s.Phase == failoverplan.PhaseCommit) != committed
	})
}

// settled steps are not looked at again on resume; a failed one is, and one of several
// of which another was enough.
func settled(s failoverplan.Step, state string) bool {
	if s.AnyOf != "" && state == StepSkipped {
		return false
	}
	return state == StepDone || state == StepAlready || state == StepSkipped
}

func (x *Executor) state(r *record, id string) string {
	x.mu.Lock()
	defer x.mu.Unlock()
	return r.step(id).State
}

func (x *Executor) attempts(r *record, id string) int {
	x.mu.Lock()
	defer x.mu.Unlock()
	return r.step(id).Attempts
}

// groups cuts the steps into runs of equal group number.
func groups(steps []failoverplan.Step) [][]failoverplan.Step {
	var out [][]failoverplan.Step
	for i, s := range steps {
		if i == 0 || s.Group != steps[i-1].Group {
			out = append(out, nil)
		}
		out[len(out)-1] = append(out[len(out)-1], s)
	}
	return out
}

func (x *Executor) step(ctx context.Context, sc *Scene, s failoverplan.Step) error {
	a, ok := x.Actions[s.Action]
	if !ok {
		return fmt.Errorf("step %s: this version does not know the action %q", s.ID, s.Action)
	}
	if err := x.write(ctx, sc.r, sc.id, journal.StepIntent, stepIntent{Step: s.ID}); err != nil {
		return fmt.Errorf("step %s is not begun, its intent cannot be journaled: %w", s.ID, err)
	}
	out := stepOutcome{Step: s.ID, again: x.attempts(sc.r, s.ID) > 1}
	err := x.attempt(ctx, sc, s, a, &out)
	switch {
	case err == nil:
	case s.BestEffort || s.AnyOf != "":
		out.State, out.Error = StepSkipped, err.Error()
		out.Untouched = s.AnyOf != "" && (errors.Is(err, ErrRefused) || errors.Is(err, ErrWorldChanged))
	default:
		out.State, out.Error = StepFailed, err.Error()
		out.Untouched = errors.Is(err, ErrRefused)
	}
	if werr := x.write(ctx, sc.r, sc.id, journal.StepOutcome, out); werr != nil {
		return fmt.Errorf("step %s: its outcome (%s) cannot be journaled: %w", s.ID, out.State, werr)
	}
	if out.State == StepFailed {
		return fmt.Errorf("%s: %w", s.Title, err)
	}
	return nil
}

// attempt is check, do, verify. It fills in the outcome.
func (x *Executor) attempt(ctx context.Context, sc *Scene, s failoverplan.Step, a Action, out *stepOutcome) error {
	tctx, cancel := context.WithTimeout(ctx, defaultTimeout(a, s))
	defer cancel()
	if a.Check != nil && (!a.Looks || out.again) {
		r, err := a.Check(tctx, sc, s)
		if err != nil && a.Do == nil {
			out.Evidence = r.Evidence
			return err
		}
		if err == nil && r.Done {
			out.State, out.Evidence = StepAlready, r.Evidence
			if s.Risk == failoverplan.R0 {
				out.State = StepDone // looking is all the step is for
			}
			if out.again {
				// An earlier attempt of this run had its effect: it is this run's to undo.
				out.State, out.Changed = StepDone, r.Changed
			}
			return nil
		}
		if a.Do == nil {
			out.Evidence = r.Evidence
			return errors.New("it is not so")
		}
	}
	r, err := x.do(tctx, sc, s, a)
	out.Evidence, out.Changed, out.APICalls = r.Evidence, r.Changed, r.APICalls
	if err != nil {
		return err
	}
	if a.Check != nil && !a.Verified {
		v, err := a.Check(tctx, sc, s)
		if err != nil {
			return fmt.Errorf("done, but it cannot be verified: %w", err)
		}
		out.Evidence = append(out.Evidence, v.Evidence...)
		if !v.Done {
			return errors.New("done, but the world does not show it")
		}
	}
	out.State = StepDone
	if a.Looks && r.Changed == 0 && !out.again {
		out.State = StepAlready // nothing of it is this run's to undo
	}
	return nil
}

// do runs Do; one that waits is ended by a stop of the run.
func (x *Executor) do(ctx context.Context, sc *Scene, s failoverplan.Step, a Action) (Result, error) {
	if !a.Stoppable {
		return a.Do(ctx, sc, s)
	}
	wctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		select {
		case <-sc.stop:
			cancel()
		case <-wctx.Done():
		}
	}()
	r, err := a.Do(wctx, sc, s)
	if err != nil && halted(context.Background(), sc.stop) {
		return r, fmt.Errorf("%w: stopped by the operator while it waited", ErrCancelled)
	}
	return r, err
}

func defaultTimeout(a Action, s failoverplan.Step) time.Duration {
	if a.Timeout != nil {
		return a.Timeout(s)
	}
	return time.Minute
}
