package plain

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"time"

	"github.com/dutyops/dutyops/backend"
	"github.com/dutyops/dutyops/failoverplan"
	"github.com/dutyops/dutyops/tui/kit"
)

// plan shows a plan and, when the person confirms, starts exactly that one.
func (s *session) plan(ctx context.Context, kind failoverplan.PlanKind) error {
	req := backend.PlanRequest{Kind: kind}
	st := s.face.Status()
	if st != nil && kind == failoverplan.Failover {
		var names, titles []string
		for _, x := range st.Sites {
			if x.Name != st.ServingSite {
				names = append(names, x.Name)
				titles = append(titles, x.Name+" "+s.word("state", string(x.State)))
			}
		}
		i, err := s.choose(ctx, s.tr.T("Which site will serve?"), titles)
		if err != nil || i < 0 {
			return err
		}
		req.To = names[i]
	}
	p, err := s.face.Plan(ctx, req)
	if err != nil {
		return err
	}
	s.showPlan(p)
	for len(p.Blocked()) > 0 {
		s.say("Gates that refuse: %d. Nothing can start.", len(p.Blocked()))
		if p, err = s.leaveOut(ctx, &req, p); err != nil || p == nil {
			return err
		}
		s.showPlan(p)
	}
	return s.confirm(ctx, req, p)
}

// leaveOut offers to leave a stopped name out and plans again; nil when nobody does.
func (s *session) leaveOut(ctx context.Context, req *backend.PlanRequest, p *failoverplan.Plan) (*failoverplan.Plan, error) {
	var names, titles []string
	for _, x := range p.Stops {
		if x.LeftOut == "" {
			names = append(names, x.Name)
			titles = append(titles, x.Name+": "+s.told(x.Evidence))
		}
	}
	if len(names) == 0 {
		return nil, nil
	}
	i, err := s.choose(ctx, s.tr.T("Leave a name out"), titles)
	if err != nil || i < 0 {
		return nil, err
	}
	why, err := s.ask(ctx, s.tr.T("reason"))
	if err != nil || why == "" {
		return nil, err
	}
	req.LeaveOut = append(req.LeaveOut, failoverplan.LeftOut{Name: names[i], Reason: why})
	return s.face.Plan(ctx, *req)
}

func (s *session) showPlan(p *failoverplan.Plan) {
	s.say("%s from %s to %s", s.word("kind", string(p.Kind)), p.From, p.To)
	for _, b := range p.Because {
		s.print("  - " + s.told(b))
	}
	for _, g := range p.Gates {
		s.gate(g)
	}
	if n := len(p.LeaveOut); n > 0 {
		s.say("Left out: %d", n)
	}
	for _, x := range p.LeaveOut {
		s.print("  " + x.Name + ": " + kit.Clean(x.Reason))
	}
	for _, x := range p.Follows {
		s.print("  " + x.Name + " -> " + x.Target)
	}
	for _, x := range p.Away {
		s.print("  " + s.tr.T("%s does not tell the records of %s: the other provider goes on, and a resume makes them equal", x.Provider, x.Zone))
	}
	for _, z := range p.DNS {
		s.say("Records of %s (%s)", z.Zone, z.Provider)
		for _, c := range z.Changes {
			s.print(fmt.Sprintf("  %s %s: %s -> %s TTL %d", c.After.Name, c.After.Type, strings.Join(c.Before.Values, " "), strings.Join(c.After.Values, " "), c.After.TTL))
		}
	}
	for _, c := range p.Cards {
		s.print("  " + c.Provider + " (" + c.Kind + "): " + c.Terms(s.tr.T))
	}
	for i, st := range p.Steps {
		line := fmt.Sprintf("  %d. %s %s: %s", i+1, st.Risk, s.word("phase", string(st.Phase)), s.told(st.Title))
		if st.Undo != "" {
			line += "; " + s.tr.T("way back: %s", s.told(st.Undo))
		}
		s.print(line)
	}
}

// confirm takes the site's name, a reason and a pause in which any line stops it.
func (s *session) confirm(ctx context.Context, req backend.PlanRequest, p *failoverplan.Plan) error {
	t := s.tr
	s.say("%s. Type the name of the site that will serve to go on; an empty line cancels.", s.environment())
	name, err := s.ask(ctx, t.T("site"))
	if err != nil {
		return err
	}
	if name != p.To {
		if name != "" {
			s.say("That is not the name of the target site.")
		}
		s.say("Cancelled. Nothing was changed.")
		return nil
	}
	s.say("Why? One line for the journal:")
	why, err := s.ask(ctx, t.T("reason"))
	if err != nil {
		return err
	}
	if why == "" {
		s.say("Cancelled. Nothing was changed.")
		return nil
	}
	s.say("Starting in %d s", int(s.opt.Arming.Round(time.Second).Seconds()))
	s.say("An empty line stops it.")
	timer := time.NewTimer(s.opt.Arming)
	defer timer.Stop()
	select {
	case <-timer.C:
	case _, ok := <-s.lines:
		s.say("Cancelled. Nothing was changed.")
		if !ok {
			return errLeave
		}
		return nil
	case <-ctx.Done():
		return errLeave
	}
	req.To = p.To
	r, err := s.face.Start(ctx, backend.StartRequest{PlanRequest: req, PlanHash: p.Hash, Reason: why, Operator: s.opt.Operator})
	if err != nil {
		return err
	}
	return s.watch(ctx, r.ID)
}

// watch announces every step of a run until it ends; a line of "stop" asks it to stop.
func (s *session) watch(ctx context.Context, id string) error {
	s.say("Run %s. Type stop to stop it at the next step boundary.", id)
	said := map[string]string{}
	for {
		changed := s.face.Changed()
		r, err := s.face.Run(ctx, id)
		if err != nil {
			return err
		}
		for _, st := range r.Steps {
			if st.State != said[st.ID] && st.State != "pending" {
				said[st.ID] = st.State
				s.print(fmt.Sprintf("  %s: %s%s", s.word("step", st.State), s.told(st.Title), suffix(s.told(st.Error))))
			}
		}
		if r.State != backend.RunRunning && r.State != backend.RunWaiting {
			return s.ended(ctx, r)
		}
		select {
		case <-changed:
		case line, ok := <-s.lines:
			if !ok {
				return errLeave
			}
			if line == "stop" {
				if err := s.face.Cancel(id); err != nil {
					return err
				}
				s.say("It stops after the step in progress.")
			}
		case <-ctx.Done():
			return errLeave
		}
	}
}

func suffix(text string) string {
	if text == "" {
		return ""
	}
	return ": " + kit.Clean(text)
}

// ended says how a run ended and offers what can be done about it.
func (s *session) ended(ctx context.Context, r backend.Run) error {
	s.say("Run %s is %s.", r.ID, s.word("run", string(r.State)))
	if r.RTO.TotalMS > 0 {
		s.say("Recovery clock: %s", kit.Millis(r.RTO.TotalMS))
	}
	if r.Problem != "" {
		s.print(s.told(r.Problem))
	}
	if r.Next != "" {
		s.say("Next: %s", kit.Clean(r.Next))
	}
	forward := s.tr.T("resume")
	switch {
	case r.State == backend.RunDone && r.Committed.IsZero() && !r.DryRun && r.Kind != string(failoverplan.SyncRun):
		forward = s.tr.T("commit")
	case r.State != backend.RunParked && r.State != backend.RunInterrupted:
		return nil
	}
	i, err := s.choose(ctx, s.tr.T("What now?"), []string{forward, s.tr.T("roll back")})
	if err != nil || i < 0 {
		return err
	}
	if i == 0 && r.State == backend.RunDone {
		why, err := s.ask(ctx, s.tr.T("reason"))
		if err != nil || why == "" {
			return err
		}
		if r, err = s.face.Commit(ctx, r.ID, s.opt.Operator, why); err != nil {
			return err
		}
		return s.watch(ctx, r.ID)
	}
	if i == 0 {
		if _, err := s.face.Resume(ctx, r.ID, s.opt.Operator); err != nil {
			return err
		}
		return s.watch(ctx, r.ID)
	}
	if s.face.Status().GatewayDown(r.From) {
		s.print(s.tr.T("The gateway of %s is down: users would reach nobody there.", r.From))
	}
	why, err := s.ask(ctx, s.tr.T("reason"))
	if err != nil || why == "" {
		return err
	}
	if _, err := s.face.Rollback(ctx, r.ID, s.opt.Operator, why); err != nil {
		return err
	}
	return s.watch(ctx, r.ID)
}

// journal lists the runs, newest first, and opens one.
func (s *session) journal(ctx context.Context) error {
	runs, err := s.face.Runs(ctx)
	if err != nil {
		return err
	}
	sort.SliceStable(runs, func(i, j int) bool { return runs[i].Started.After(runs[j].Started) })
	var titles []string
	for _, r := range runs {
		titles = append(titles, fmt.Sprintf("%s %s %s %s -> %s %s %s", r.Started.In(s.opt.Location).Format("2006-01-02 15:04"), r.ID, s.word("kind", r.Kind), r.From, r.To, s.word("run", string(r.State)), kit.Clean(r.Operator)))
	}
	i, err := s.choose(ctx, s.tr.T("Journal"), titles)
	if err != nil || i < 0 {
		return err
	}
	r := runs[i]
	for _, st := range r.Steps {
		s.print(fmt.Sprintf("  %s: %s%s", s.word("step", st.State), s.told(st.Title), suffix(s.told(st.Error))))
		for _, e := range st.Evidence {
			s.print("      " + s.told(e))
		}
	}
	if err := s.report(ctx, r.ID); err != nil {
		return err
	}
	return s.ended(ctx, r)
}

// report offers to write the run's report to a file.
func (s *session) report(ctx context.Context, id string) error {
	i, err := s.choose(ctx, s.tr.T("Export the report"), []string{"Markdown", "HTML", "JSON"})
	if err != nil || i < 0 {
		return err
	}
	text, err := s.face.Report(ctx, id, []string{"markdown", "html", "json"}[i])
	if err != nil {
		return err
	}
	path, err := filepath.Abs(filepath.Join(s.opt.ReportDir, "dutyops-"+filepath.Base(id)+"."+[]string{"md", "html", "json"}[i]))
	if err != nil {
		return fmt.Errorf("report of %s: %w", id, err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		return fmt.Errorf("report of %s cannot be written: %w; start dutyops in a folder you may write to", id, err)
	}
	s.say("Report written: %s", path)
	return nil
}

// fault breaks a target of the sandbox.
func (s *session) fault(ctx context.Context) error {
	kinds := s.face.Sandbox().Kinds()
	var titles []string
	for _, k := range kinds {
		titles = append(titles, k.Kind+": "+s.told(k.WhatUsersSee))
	}
	i, err := s.choose(ctx, s.tr.T("How does it break?"), titles)
	if err != nil || i < 0 {
		return err
	}
	s.say("Which target? For example primary/business")
	target, err := s.ask(ctx, s.tr.T("target"))
	if err != nil || target == "" {
		return err
	}
	if err := s.face.Sandbox().Inject(ctx, backend.Fault{Target: target, Kind: kinds[i].Kind}); err != nil {
		return err
	}
	s.print(target + ": " + kinds[i].Kind)
	return nil
}

func (s *session) heal(ctx context.Context) error {
	if err := s.face.Sandbox().Heal(ctx, ""); err != nil {
		return err
	}
	s.say("Everything is healed.")
	return nil
}
