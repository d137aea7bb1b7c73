package backend

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/dutyops/dutyops/backend/journal"
	"github.com/dutyops/dutyops/backend/runbook"
	"github.com/dutyops/dutyops/failoverplan"
)

// Start plans anew, holds the plan against the approved hash, and runs it in the
// background. Refusals come back at once, with nothing changed.
func (e *Engine) Start(ctx context.Context, req StartRequest) (Run, error) {
	if req.Reason == "" && !req.DryRun {
		return Run{}, fmt.Errorf("%w: a reason is needed: it is the first thing the next shift asks", ErrUsage)
	}
	interrupted := fmt.Errorf("%w: interrupted before anything was begun; nothing was changed", ErrCancelled)
	if ctx.Err() != nil {
		return Run{}, interrupted
	}
	lease := (*journal.Lease)(nil)
	id := e.runID()
	if !req.DryRun {
		var err error
		if lease, err = e.lease(id, req.Operator); err != nil {
			return Run{}, err
		}
	}
	plan, err := e.approved(ctx, req)
	if ctx.Err() != nil {
		release(lease)
		return Run{}, interrupted
	}
	if err != nil {
		if !req.DryRun {
			e.audit(ctx, "refused", req.Operator, req.Reason, err)
		}
		release(lease)
		return Run{}, err
	}
	o := runbook.Opening{Plan: plan, Reason: req.Reason, Operator: req.Operator, DryRun: req.DryRun}
	e.mu.Lock()
	o.Sync = e.situation.Sync
	e.mu.Unlock()
	if req.Kind == failoverplan.Failover {
		o.FirstBad, o.Verdict = e.firstBad()
	}
	return e.launch(id, lease, func(x *runbook.Executor, bg context.Context, stop <-chan struct{}) (Run, error) {
		if !req.DryRun {
			e.rememberLeftOut(bg, plan, req.Operator)
		}
		return x.Run(bg, id, o, stop)
	})
}

// approved refreshes, plans, and checks hash and gates.
func (e *Engine) approved(ctx context.Context, req StartRequest) (*failoverplan.Plan, error) {
	if err := e.fresh(ctx); err != nil {
		return nil, err
	}
	plan, err := e.Plan(ctx, req.PlanRequest)
	if err != nil {
		return nil, err
	}
	if blocked := plan.Blocked(); len(blocked) > 0 {
		return plan, &RefusedError{Plan: plan, Gates: blocked}
	}
	if req.PlanHash != "" && req.PlanHash != plan.Hash {
		return plan, fmt.Errorf("%w: approved was %s, the plan for the world as it is now is %s; look at it with `dutyops plan %s --to %s`",
			ErrWorldChanged, req.PlanHash, plan.Hash, plan.Kind, plan.To)
	}
	return plan, nil
}

// freshFor is how old a settled picture may be when something is done on its ground.
const freshFor = 3 * time.Second

func (e *Engine) fresh(ctx context.Context) error {
	e.mu.Lock()
	at := e.refreshed
	e.mu.Unlock()
	if e.now().Sub(at) < freshFor {
		e.repause(ctx)
		return nil
	}
	_, err := e.Refresh(ctx)
	return err
}

// repause looks again whether another console has paused all actions meanwhile.
func (e *Engine) repause(ctx context.Context) {
	p := e.pauseNow(ctx)
	e.mu.Lock()
	same := (p == nil) == (e.seen.pause == nil)
	e.seen.pause = p
	e.mu.Unlock()
	if !same {
		e.publish()
	}
}

// launch runs f in the background under the lease and keeps its progress.
func (e *Engine) launch(id string, lease *journal.Lease, f func(*runbook.Executor, context.Context, <-chan struct{}) (Run, error)) (Run, error) {
	l := &liveRun{done: make(chan struct{}), stop: make(chan struct{})}
	first := make(chan struct{})
	var once sync.Once
	x := &runbook.Executor{Journal: e.journal, Actions: e.worldActions(), Now: e.now, OnChange: func(r Run) {
		old := l.get()
		l.set(r)
		once.Do(func() { close(first) })
		e.follow(old, r)
	}}
	e.mu.Lock()
	e.runs[id] = l
	e.mu.Unlock()
	go func() {
		defer close(l.done)
		r, err := f(x, context.Background(), l.stop)
		if r.ID != "" {
			l.set(r)
		}
		l.mu.Lock()
		l.err = err
		l.mu.Unlock()
		if r.State == RunRolledBack {
			e.forgetLeftOut(context.Background())
		}
		e.forgetRuns(context.Background())
		release(lease)
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		e.observe(ctx)
		e.publish()
		once.Do(func() { close(first) })
	}()
	<-first
	r := l.get()
	if r.ID == "" { // it did not even open: the journal refused
		<-l.done
		l.mu.Lock()
		defer l.mu.Unlock()
		return l.run, l.err
	}
	return r, nil
}

// follow turns a run's progress into events.
func (e *Engine) follow(old, r Run) {
	for i, s := range r.Steps {
		was := ""
		if i < len(old.Steps) {
			was = old.Steps[i].State
		}
		if s.State == was {
			continue
		}
		switch s.State {
		case runbook.StepDone, runbook.StepAlready, runbook.StepUndone:
			e.event("step", "good", r.ID, "%s: %s", s.State, s.Title)
		case runbook.StepFailed:
			e.event("step", "bad", r.ID, "failed: %s: %s", s.Title, s.Error)
		case runbook.StepSkipped:
			e.event("step", "warn", r.ID, "skipped: %s: %s", s.Title, s.Error)
		}
	}
	if r.State != old.State {
		level := "info"
		switch r.State {
		case RunDone, RunRolledBack:
			level = "good"
			if r.LeftUndone() {
				level = "warn"
			}
		case RunParked, RunRefused, RunInterrupted:
			level = "bad"
		case RunRunning, RunWaiting, RunCancelled:
		}
		e.event("run", level, r.ID, "%s %s: %s", r.Kind, r.ID, r.State)
	}
	e.mu.Lock()
	e.seen.run = nil
	if r.State == RunRunning {
		e.seen.run = brief(r, r.Operator)
	}
	e.mu.Unlock()
	e.wake()
}

func release(l *journal.Lease) {
	if l != nil {
		l.Release()
	}
}

// Wait returns when a run of this process has ended or ctx is done; a run of another
// process is polled in the journal.
func (e *Engine) Wait(ctx context.Context, id string) (Run, error) {
	e.mu.Lock()
	l := e.runs[id]
	e.mu.Unlock()
	if l != nil {
		select {
		case <-l.done:
			l.mu.Lock()
			defer l.mu.Unlock()
			return l.run, l.err
		case <-ctx.Done():
			return l.get(), ctx.Err()
		}
	}
	t := time.NewTicker(200 * time.Millisecond)
	defer t.Stop()
	for {
		r, err := e.Run(ctx, id)
		if err != nil || (r.State != RunRunning && r.State != RunWaiting) {
			return r, err
		}
		select {
		case <-ctx.Done():
			return r, ctx.Err()
		case <-t.C:
		}
	}
}

// Cancel asks a run of this process to stop at the next step boundary.
func (e *Engine) Cancel(id string) error {
	e.mu.Lock()
	l := e.runs[id]
	e.mu.Unlock()
	if l == nil {
		return fmt.Errorf("%w: run %s does not run in this console", ErrUsage, id)
	}
	l.once.Do(func() { close(l.stop) })
	return nil
}

// Runs lists all runs, newest first.
func (e *Engine) Runs(ctx context.Context) ([]Run, error) {
	if e.journal == nil {
		return nil, e.journalErr
	}
	return runbook.List(ctx, e.journal)
}

// Run returns one run; a live one as it stands this moment.
func (e *Engine) Run(ctx context.Context, id string) (Run, error) {
	e.mu.Lock()
	l := e.runs[id]
	e.mu.Unlock()
	if l != nil {
		select {
		case <-l.done:
		default:
			if r := l.get(); r.ID != "" {
				return r, nil
			}
		}
	}
	if e.journal == nil {
		return Run{}, e.journalErr
	}
	return runbook.Get(ctx, e.journal, id)
}

func (e *Engine) runID() string {
	var b [3]byte
	_, _ = rand.Read(b[:])
	return "r" + e.now().Format("20060102-150405") + "-" + hex.EncodeToString(b[:])
}

// lease takes the right to act, or says who has it.
func (e *Engine) lease(run, operator string) (*journal.Lease, error) {
	j, err := e.acting()
	if err != nil {
		return nil, err
	}
	l, err := j.Acquire(journal.Holder{Operator: operator, Host: hostname(), PID: os.Getpid(), Run: run, Since: e.now()})
	var held *journal.HeldError
	if errors.As(err, &held) {
		return nil, fmt.Errorf("%w: %s; watch it with `dutyops runs watch %s`", ErrLease, held.Holder, held.Holder.Run)
	}
	return l, err
}

// firstBad is the first bad probe behind the present case, and when it was judged.
func (e *Engine) firstBad() (first, verdict time.Time) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.situation == nil || e.judgement.Case == failoverplan.CaseNormal {
		return
	}
	consider := func(site string, k failoverplan.PlatformKind) {
		s, _ := e.situation.Site(site)
		p := s.Platform(k)
		parts := append(append([]failoverplan.PartState{}, p.Subsystems...), p.Components...)
		if k == failoverplan.Business {
			parts = append(parts, failoverplan.PartState{State: s.Gateway, Critical: true, Since: e.memory[failoverplan.Target(site, gatewayName)].Since, Name: ""})
		}
		for _, x := range parts {
			if x.State != failoverplan.Down || !x.Critical || x.Since.IsZero() {
				continue
			}
			if first.IsZero() || x.Since.Before(first) {
				first = x.Since
				id := failoverplan.Target(site, string(k), x.Name)
				if x.Name == "" {
					id = failoverplan.Target(site, gatewayName)
				}
				verdict = e.verdicts[id]
			}
		}
	}
	consider(e.judgement.Serving, failoverplan.Business)
	consider(e.judgement.DataSite, failoverplan.Data)
	return first, verdict
}

// audit journals what an operator tried that is no run.
func (e *Engine) audit(ctx context.Context, what, operator, reason string, detail any) {
	if e.journal == nil {
		return
	}
	text := fmt.Sprint(detail)
	if _, err := e.journal.Append(ctx, "", journal.Operator, map[string]string{"what": what, "operator": operator, "reason": reason, "detail": text}); err != nil {
		e.event("operator", "warn", "", "cannot journal %q: %v", what, err)
	}
}
