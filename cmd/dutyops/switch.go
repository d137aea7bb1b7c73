package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/dutyops/dutyops/backend"
	"github.com/dutyops/dutyops/failoverplan"
)

// moveFlags are those of plan, failover and failback.
type moveFlags struct {
	to       string
	stations []string
	forced   bool
	leaveOut []string
	graceful bool
}

func (m *moveFlags) register(c *cobra.Command) {
	f := c.Flags()
	f.StringVar(&m.to, "to", "", "site to move to (default: the best standby; for a failback home)")
	f.StringSliceVar(&m.stations, "stations", nil, "only these stations, e.g. PVG,SHA (default: all)")
	f.BoolVar(&m.forced, "forced", false, "pass soft gates: accept unknown health or possible data loss")
	f.StringArrayVar(&m.leaveOut, "leave-out", nil, "leave one name out of the plan, with the reason: 'NAME: why' (repeatable)")
	f.BoolVar(&m.graceful, "graceful-ttl", false, "planned switch: lower the TTLs and wait until the old ones have run out; `runs commit` restores them")
}

func (m *moveFlags) request(kind failoverplan.PlanKind) (backend.PlanRequest, error) {
	r := backend.PlanRequest{Kind: kind, To: m.to, Stations: m.stations, Forced: m.forced, GracefulTTL: m.graceful}
	if m.graceful && m.forced {
		return r, &usageError{errors.New("--graceful-ttl waits and --forced does not: leave one of them away")}
	}
	for _, x := range m.leaveOut {
		name, why, ok := strings.Cut(x, ":")
		if name, why = strings.TrimSpace(name), strings.TrimSpace(why); !ok || name == "" || why == "" {
			return r, &usageError{fmt.Errorf("--leave-out %q: expected 'NAME: why', such as --leave-out 'pvg.example.test: moved by hand'", x)}
		}
		r.LeaveOut = append(r.LeaveOut, failoverplan.LeftOut{Name: strings.TrimSuffix(strings.ToLower(name), "."), Reason: why})
	}
	return r, nil
}

func (a *app) planCmd() *cobra.Command {
	var m moveFlags
	var manual, back bool
	var save string
	c := &cobra.Command{
		Use: "plan failover|failback", Short: "Show the plan and its hash; changes nothing (exit 4 when a rule would refuse it)",
		Args: cobra.MatchAll(cobra.ExactArgs(1), cobra.OnlyValidArgs), ValidArgs: []string{"failover", "failback"},
		RunE: func(cmd *cobra.Command, args []string) error {
			req, err := m.request(failoverplan.PlanKind(args[0]))
			if err != nil {
				return err
			}
			e, err := a.engine(cmd.Context())
			if err != nil {
				return err
			}
			defer func() { _ = e.Close() }()
			if _, err := e.Refresh(cmd.Context()); err != nil {
				return err
			}
			if manual || back || save != "" {
				return a.printManual(cmd.Context(), e, req, back, save)
			}
			p, err := e.Plan(cmd.Context(), req)
			if err != nil {
				return err
			}
			if a.json() {
				err = a.printJSON(planDoc{Plan: p, PlanHash: p.Hash, BlockedBy: append([]failoverplan.Gate{}, p.Blocked()...)})
			} else {
				a.printPlan(p)
			}
			if err == nil && len(p.Blocked()) > 0 {
				return &quietError{code: codeRefused, err: &backend.RefusedError{Plan: p, Gates: p.Blocked()}}
			}
			return err
		},
	}
	m.register(c)
	f := c.Flags()
	f.BoolVar(&manual, "manual", false, "print the DNS changes as commands for a person instead: for the providers' APIs (curl or the vendor's tool, no secret in them) and as nsupdate input")
	f.BoolVar(&back, "back", false, "with --manual: the way back of the same changes")
	f.StringVar(&save, "save", "", "write the commands of --manual, there and back, into files in a new folder below this one")
	return c
}

func (a *app) failoverCmd() *cobra.Command {
	return a.moveCmd("failover", "Move users (and feeds, where the case asks for it) to another site", failoverplan.Failover)
}

func (a *app) failbackCmd() *cobra.Command {
	return a.moveCmd("failback", "Bring data and users home; refused while home is not healthy or its data not caught up", failoverplan.Failback)
}

func (a *app) moveCmd(use, short string, kind failoverplan.PlanKind) *cobra.Command {
	var m moveFlags
	var yes, dry bool
	var reason, hash string
	c := &cobra.Command{
		Use: use, Short: short, Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if !dry && reason == "" && !a.interactive() {
				return &usageError{fmt.Errorf("%s without a terminal needs --reason TEXT (and --yes): it is the first thing the next shift asks", use)}
			}
			if !dry && !yes && !a.interactive() {
				return fmt.Errorf("%w: without a terminal a %s needs --yes", backend.ErrCancelled, use)
			}
			plan, err := m.request(kind)
			if err != nil {
				return err
			}
			e, err := a.engine(cmd.Context())
			if err != nil {
				return err
			}
			defer func() { _ = e.Close() }()
			req := backend.StartRequest{PlanRequest: plan, PlanHash: hash, Reason: reason, Operator: a.who(), DryRun: dry}
			if !yes && !dry {
				if err := a.confirm(cmd.Context(), e, &req); err != nil {
					return err
				}
			}
			r, err := e.Start(cmd.Context(), req)
			return a.finish(cmd.Context(), e, r, err)
		},
	}
	m.register(c)
	f := c.Flags()
	f.BoolVar(&yes, "yes", false, "confirmed; required without a terminal")
	f.StringVar(&reason, "reason", "", "why, for the journal; required without a terminal")
	f.StringVar(&hash, "plan-hash", "", "run only the plan with this hash (from `dutyops plan`); exit 8 when the world has changed")
	f.BoolVar(&dry, "dry-run", false, "look at the real world step by step and write nothing")
	return c
}

// confirm shows the plan and asks for the target's name, and a reason if there is none.
func (a *app) confirm(ctx context.Context, e *backend.Engine, req *backend.StartRequest) error {
	if _, err := e.Refresh(ctx); err != nil {
		return err
	}
	p, err := e.Plan(ctx, req.PlanRequest)
	if err != nil {
		return err
	}
	out := a.out
	a.out = a.err // the plan is for the person; stdout keeps the result
	a.printPlan(p)
	a.out = out
	if b := p.Blocked(); len(b) > 0 {
		return &backend.RefusedError{Plan: p, Gates: b}
	}
	if req.PlanHash == "" {
		req.PlanHash = p.Hash
	}
	in := bufio.NewReader(a.in)
	if req.Reason == "" {
		if req.Reason, err = a.ask(in, "reason: "); err != nil || req.Reason == "" {
			return fmt.Errorf("%w: no reason given", backend.ErrCancelled)
		}
	}
	name, err := a.ask(in, fmt.Sprintf("type the name of the site that will serve (%d characters): ", len(p.To)))
	if err != nil || name != p.To {
		return fmt.Errorf("%w: not confirmed", backend.ErrCancelled)
	}
	return nil
}

func (a *app) ask(in *bufio.Reader, prompt string) (string, error) {
	a.notef("%s", prompt)
	s, err := in.ReadString('\n')
	return strings.TrimSpace(s), err
}

// refusal is the JSON of a run that a rule refused before it began: the names of a
// run, with the gates.
type refusal struct {
	backend.Run
	BlockedBy []failoverplan.Gate `json:"blocked_by"`
}

// finish follows a run to its end, telling each step on stderr, and prints the result.
func (a *app) finish(ctx context.Context, e *backend.Engine, r backend.Run, err error) error {
	if err != nil {
		var refused *backend.RefusedError
		if errors.As(err, &refused) && a.json() {
			p := refused.Plan
			doc := refusal{Run: backend.Run{
				Kind: string(p.Kind), Mode: string(p.Mode), Case: string(p.Case), From: p.From, To: p.To, Stations: p.Stations,
				PlanHash: p.Hash, State: backend.RunRefused, Problem: err.Error(), Steps: []backend.RunStep{}, RPO: []backend.RPO{}, DNS: backend.RunDNS{Zones: []string{}},
			}, BlockedBy: refused.Gates}
			if perr := a.printJSON(doc); perr != nil {
				return perr
			}
		}
		return err
	}
	r, err = a.followRun(ctx, e, r.ID)
	if err == nil && r.LeftUndone() {
		err = &quietError{code: codeNotWell}
	}
	if a.json() {
		if perr := a.printJSON(r); perr != nil {
			return perr
		}
		return err
	}
	a.printRun(r)
	return err
}

// followRun waits for the end. The first interrupt asks the run to stop at the next
// step boundary and goes on waiting for it.
func (a *app) followRun(ctx context.Context, e *backend.Engine, id string) (backend.Run, error) {
	told := map[string]string{}
	tell := func(r backend.Run) {
		for _, s := range r.Steps {
			if s.State == "pending" || told[s.ID] == s.State {
				continue
			}
			told[s.ID] = s.State
			if s.State == "running" && s.Risk == "R0" && s.Action != string(failoverplan.ActWaitTTL) {
				continue
			}
			if s.Action == string(failoverplan.ActWaitTTL) && s.State == "running" && s.Until.IsZero() {
				delete(told, s.ID) // it is told once it says until when
				continue
			}
			line := fmt.Sprintf("%s  %-10s %-8s %s", time.Now().Format("15:04:05.000"), s.Phase, s.State, s.Title)
			if s.State == "running" && !s.Until.IsZero() {
				line += "; until " + s.Until.Local().Format("15:04:05") + ", interrupt stops it"
			}
			if s.Error != "" {
				line += ": " + s.Error
			}
			a.notef("%s\n", line)
		}
	}
	for {
		changed := e.Changed()
		if r, err := e.Run(context.WithoutCancel(ctx), id); err == nil {
			tell(r)
		}
		wait, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Millisecond)
		r, err := e.Wait(wait, id)
		ended := !errors.Is(err, context.DeadlineExceeded) || wait.Err() == nil
		cancel()
		if ended {
			tell(r)
			return r, err
		}
		select {
		case <-changed:
		case <-time.After(200 * time.Millisecond):
		case <-ctx.Done():
			a.notef("stopping at the next step boundary ...\n")
			if cerr := e.Cancel(id); cerr == nil {
				r, err := e.Wait(context.WithoutCancel(ctx), id)
				tell(r)
				return r, err
			}
			return r, ctx.Err()
		}
	}
}

func (a *app) printRun(r backend.Run) {
	a.printf("%s %s: %s", r.Kind, r.ID, r.State)
	if r.Skipped > 0 {
		a.printf(", %d of %d steps skipped", r.Skipped, len(r.Steps))
	}
	if r.DryRun {
		a.printf(" (dry run: nothing was written)")
	}
	if r.To == "" {
		a.printf("\n  by %s: %s\n", r.Operator, r.Reason)
	} else {
		a.printf("\n  %s -> %s, case %s, %s, by %s: %s\n", r.From, r.To, r.Case, r.Mode, r.Operator, r.Reason)
	}
	if r.DNS.RecordsPlanned > 0 {
		a.printf("  dns: %d of %d record sets changed, %d requests\n", r.DNS.RecordsChanged, r.DNS.RecordsPlanned, r.DNS.APICalls)
	}
	if !r.Committed.IsZero() {
		a.printf("  committed by %s at %s\n", r.CommittedBy, r.Committed.Local().Format(time.DateTime))
	}
	if r.Plan != nil {
		for _, l := range r.Plan.LeaveOut {
			a.printf("  left out: %s: %s\n", l.Name, l.Reason)
		}
	}
	if r.RTO.TotalMS > 0 {
		a.printf("  rto: %d ms = detect %d + decide %d + fence %d + switch %d + propagate %d + verify %d\n",
			r.RTO.TotalMS, r.RTO.DetectMS, r.RTO.DecideMS, r.RTO.FenceMS, r.RTO.SwitchMS, r.RTO.PropagateMS, r.RTO.VerifyMS)
	}
	for _, x := range r.RPO {
		lag, lost := "not known", "not known"
		if x.LagS >= 0 {
			lag = fmt.Sprintf("%.1f s", x.LagS)
		}
		if x.Lost >= 0 {
			lost = fmt.Sprint(x.Lost)
		}
		a.printf("  rpo: %-30s lag %s, lost %s\n", x.Component, lag, lost)
	}
	for _, s := range r.Steps {
		if s.State == "failed" || s.State == "skipped" {
			a.printf("  %s: %s: %s\n", s.State, s.Title, s.Error)
		}
	}
	if r.Problem != "" {
		a.printf("  problem: %s\n", r.Problem)
	}
	if r.Next != "" {
		a.printf("  next: %s\n", r.Next)
	}
}
