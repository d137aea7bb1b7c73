package demo

import (
	"context"
	"fmt"
	"time"

	"github.com/dutyops/dutyops/backend"
	"github.com/dutyops/dutyops/failoverplan"
)

type run struct {
	backend.Run
	fail string
	stop bool
	done chan struct{}
}

func (r *run) current() int {
	for i, s := range r.Steps {
		if s.Phase == string(failoverplan.PhaseCommit) {
			continue
		}
		if s.State == "pending" || s.State == "running" {
			return i
		}
	}
	return -1
}

func (r *run) phase() string {
	if i := r.current(); i >= 0 {
		return r.Steps[i].Phase
	}
	return ""
}

func (r *run) stepTitle() string {
	if i := r.current(); i >= 0 {
		return r.Steps[i].Title
	}
	return ""
}

func (r *run) copy() backend.Run {
	c := r.Run
	c.Steps = append([]backend.RunStep(nil), r.Steps...)
	return c
}

// Start implements backend.Face.
func (w *World) Start(_ context.Context, req backend.StartRequest) (backend.Run, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.starts++
	w.lastStart = req
	p, err := w.plan(req.PlanRequest)
	if err != nil {
		return backend.Run{}, err
	}
	if req.PlanHash != "" && req.PlanHash != p.Hash {
		return backend.Run{}, fmt.Errorf("%w; review the plan again", backend.ErrWorldChanged)
	}
	if b := p.Blocked(); len(b) > 0 {
		return backend.Run{}, fmt.Errorf("%w by %s: %s; it clears when %s", backend.ErrRefused, b[0].Gate, b[0].Evidence, b[0].ClearsWhen)
	}
	r := w.newRun(string(p.Kind), req.Operator, req.Reason)
	r.Mode, r.Case, r.From, r.To, r.Stations, r.PlanHash, r.Plan, r.DryRun = string(p.Mode), string(p.Case), p.From, p.To, p.Stations, p.Hash, p, req.DryRun
	for _, s := range p.Steps {
		r.Steps = append(r.Steps, backend.RunStep{ID: s.ID, Title: s.Title, Phase: string(s.Phase), Action: string(s.Action), Risk: string(s.Risk), State: "pending"})
	}
	r.DNS = backend.RunDNS{RecordsPlanned: p.Records(), Zones: []string{"gss.example.test"}}
	r.RTO = backend.RTO{DetectMS: 4200, DecideMS: 18400}
	r.fail, w.FailStep = w.FailStep, ""
	w.event("run", "info", r.ID, fmt.Sprintf("%s started %s to %s: %s", req.Operator, r.Kind, r.To, req.Reason))
	w.publish()
	return r.copy(), nil
}

func (w *World) newRun(kind, operator, reason string) *run {
	r := &run{done: make(chan struct{})}
	r.ID = fmt.Sprintf("r-%04d", len(w.runs)+41)
	r.Kind, r.Operator, r.Reason, r.State, r.Started = kind, operator, reason, backend.RunRunning, w.opt.Now()
	w.runs = append(w.runs, r)
	return r
}

// Step moves every running run on by half a step: pending -> running -> done. It
// returns false when nothing runs.
func (w *World) Step() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	moved := false
	for _, r := range w.runs {
		if r.State == backend.RunRunning {
			w.step(r)
			moved = true
		}
	}
	if moved {
		w.publish()
	}
	return moved
}

func (w *World) step(r *run) {
	now := w.opt.Now()
	i := r.current()
	if i < 0 {
		w.finish(r)
		return
	}
	s := &r.Steps[i]
	if s.State == "pending" {
		if r.stop {
			r.State, r.Problem, r.Next = backend.RunParked, "cancelled by the operator after "+fmt.Sprint(i)+" steps", "resume, or roll back"
			if i == 0 {
				r.State, r.Problem, r.Next = backend.RunCancelled, "cancelled before anything was changed", ""
			}
			r.Finished = now
			close(r.done)
			return
		}
		s.State, s.Started, s.Attempts = "running", now, 1
		if s.Action == string(failoverplan.ActWaitTTL) {
			s.Until = now.Add(90 * time.Second)
		}
		return
	}
	s.Finished = now
	if s.ID == r.fail {
		s.State, s.Error = "failed", "cloudflare answered 500 three times"
		s.Evidence = []string{"PUT /zones/…/dns_records/batch: 500 Internal Server Error", "read back: all 6 record sets unchanged"}
		r.State, r.Finished = backend.RunParked, now
		r.Problem = "step " + s.Title + " failed: cloudflare answered 500 three times; nothing of it was applied"
		r.Next = "resume when the provider answers again, or roll back"
		w.event("run", "bad", r.ID, r.Problem)
		close(r.done)
		return
	}
	s.State = "done"
	s.Evidence = []string{"checked after: as intended"}
	ms := now.Sub(s.Started).Milliseconds()
	switch failoverplan.Phase(s.Phase) {
	case failoverplan.PhaseFence:
		r.RTO.FenceMS += ms
	case failoverplan.PhaseSwitch:
		r.RTO.SwitchMS += ms
	case failoverplan.PhasePropagate:
		r.RTO.PropagateMS += ms
	case failoverplan.PhaseVerify:
		r.RTO.VerifyMS += ms
	case failoverplan.PhaseDecide, failoverplan.PhaseReprotect, failoverplan.PhasePrepare, failoverplan.PhaseCommit:
		// Before and after the outage: no part of the recovery time.
	}
	if s.Action == string(failoverplan.ActSwitchDNS) {
		r.DNS.RecordsChanged, r.DNS.APICalls = r.DNS.RecordsPlanned, 3
		s.Evidence = []string{"one batch, 6 of 6 record sets changed, read back equal", "serial 2026112207 -> 2026112208"}
		w.serving = r.To
	}
	if s.Action == string(failoverplan.ActAttachFeed) {
		w.data = r.To
	}
	if i == len(r.Steps)-1 {
		w.finish(r)
	}
}

func (w *World) finish(r *run) {
	r.State, r.Finished = backend.RunDone, w.opt.Now()
	r.RTO.TotalMS = r.RTO.DetectMS + r.RTO.DecideMS + r.RTO.FenceMS + r.RTO.SwitchMS + r.RTO.PropagateMS + r.RTO.VerifyMS
	r.RPO = []backend.RPO{{Component: "data/mysql", LagS: 0.2, Lost: 0}, {Component: "data/kafka", LagS: 0.4, Lost: -1}}
	r.Next = "fail back when primary has been up for 10 min and has caught up"
	w.event("run", "good", r.ID, fmt.Sprintf("%s to %s done; users are served", r.Kind, r.To))
	close(r.done)
}

// Wait implements backend.Face.
func (w *World) Wait(ctx context.Context, id string) (backend.Run, error) {
	r, err := w.find(id)
	if err != nil {
		return backend.Run{}, err
	}
	select {
	case <-r.done:
		return w.Run(ctx, id)
	case <-ctx.Done():
		return backend.Run{}, ctx.Err()
	}
}

func (w *World) find(id string) (*run, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, r := range w.runs {
		if r.ID == id {
			return r, nil
		}
	}
	return nil, fmt.Errorf("%w: no run %q; `dutyops runs list` shows all", backend.ErrUsage, id)
}

// Cancel implements backend.Face.
func (w *World) Cancel(id string) error {
	r, err := w.find(id)
	if err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	r.stop = true
	return nil
}

// Resume implements backend.Face.
func (w *World) Resume(_ context.Context, id, operator string) (backend.Run, error) {
	r, err := w.find(id)
	if err != nil {
		return backend.Run{}, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	r.State, r.Problem, r.Next, r.stop, r.fail, r.Finished = backend.RunRunning, "", "", false, "", time.Time{}
	r.done = make(chan struct{})
	for i := range r.Steps {
		if r.Steps[i].State == "failed" {
			r.Steps[i].State, r.Steps[i].Error = "pending", ""
		}
	}
	w.event("run", "info", id, operator+" resumed")
	w.publish()
	return r.copy(), nil
}

// Rollback implements backend.Face.
func (w *World) Rollback(_ context.Context, id, operator, reason string) (backend.Run, error) {
	r, err := w.find(id)
	if err != nil {
		return backend.Run{}, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	r.State, r.Finished, r.Problem, r.Next = backend.RunRolledBack, w.opt.Now(), "rolled back by "+operator+": "+reason, ""
	for i := range r.Steps {
		if r.Steps[i].State == "done" {
			r.Steps[i].State = "undone"
		}
	}
	w.serving, w.data = r.From, r.From
	w.publish()
	return r.copy(), nil
}

// Commit implements backend.Face.
func (w *World) Commit(_ context.Context, id, operator, _ string) (backend.Run, error) {
	r, err := w.find(id)
	if err != nil {
		return backend.Run{}, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if r.State != backend.RunDone || !r.Committed.IsZero() {
		return backend.Run{}, fmt.Errorf("%w: run %s is not to be committed", backend.ErrRefused, id)
	}
	r.Committed, r.CommittedBy = w.opt.Now(), operator
	for i := range r.Steps {
		if r.Steps[i].Phase == string(failoverplan.PhaseCommit) {
			r.Steps[i].State = "done"
		}
	}
	w.publish()
	return r.copy(), nil
}

// Runs implements backend.Face.
func (w *World) Runs(context.Context) ([]backend.Run, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	var out []backend.Run
	for _, r := range w.runs {
		out = append(out, r.copy())
	}
	return out, nil
}

// Run implements backend.Face.
func (w *World) Run(_ context.Context, id string) (backend.Run, error) {
	r, err := w.find(id)
	if err != nil {
		return backend.Run{}, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	return r.copy(), nil
}

// Report implements backend.Face.
func (w *World) Report(ctx context.Context, id, format string) (string, error) {
	r, err := w.Run(ctx, id)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("# %s %s (%s)\n\n%s -> %s: %s\n", r.Kind, r.ID, format, r.From, r.To, r.State), nil
}

// SyncRun implements backend.Face.
func (w *World) SyncRun(_ context.Context, operator, reason string) (backend.Run, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	r := w.newRun("sync", operator, reason)
	r.From, r.To = w.data, "standby"
	r.Steps = []backend.RunStep{{ID: "s01", Title: "Follow data/mysql", Phase: "re-protect", Risk: "R2", State: "pending"}}
	w.publish()
	return r.copy(), nil
}

// RenewLinks implements backend.Face.
func (w *World) RenewLinks(ctx context.Context, operator, reason string) (backend.Run, error) {
	return w.SyncRun(ctx, operator, reason)
}

// AddRun puts a finished or interrupted run into the journal.
func (w *World) AddRun(r backend.Run) {
	w.mu.Lock()
	defer w.mu.Unlock()
	x := &run{Run: r, done: make(chan struct{})}
	close(x.done)
	w.runs = append(w.runs, x)
}
