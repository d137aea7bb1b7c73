package main

import (
	"fmt"
	"strings"

	"github.com/dutyops/dutyops/failoverplan"
)

// planDoc is the JSON of a plan, with the names that a run has for the same things.
type planDoc struct {
	*failoverplan.Plan
	PlanHash  string              `json:"plan_hash"`
	BlockedBy []failoverplan.Gate `json:"blocked_by"`
}

func (a *app) printPlan(p *failoverplan.Plan) {
	a.printf("%s (%s) %s -> %s   case %s   stations %s\nplan %s\n\n", p.Kind, p.Mode, p.From, p.To, p.Case, strings.Join(p.Stations, ","), p.Hash)
	for _, b := range p.Because {
		a.printf("because %s\n", b)
	}
	a.printf("\ngates\n")
	for _, g := range p.Gates {
		mark := "pass "
		if !g.Passed {
			mark = "BLOCK"
			if g.Soft && p.Force {
				mark = "force"
			}
		}
		a.printf("  %s %-20s %s\n", mark, g.Gate, g.Evidence)
		if !g.Passed && g.ClearsWhen != "" {
			a.printf("        clears when %s\n", g.ClearsWhen)
		}
	}
	a.printNames(p)
	a.printf("\nrecords\n")
	for _, z := range p.DNS {
		if len(z.Also) > 0 {
			a.printf("  %s at %s, kept equal with %s\n", z.Zone, z.Provider, strings.Join(z.Also, ", "))
		}
		for _, c := range z.Changes {
			a.printf("  %-6s %-30s %-4s %s -> %s\n", c.Station, c.After.Name, c.After.Type, set(c.Before), set(c.After))
		}
	}
	for _, x := range p.Away {
		a.printf("  AWAY: %s does not tell the records of %s (%s): shown are %s; the other provider goes on, and `dutyops runs resume` makes them equal\n", x.Provider, x.Zone, x.Problem, x.From)
	}
	for i, c := range p.Cards {
		if i == 0 {
			a.printf("\nproviders\n")
		}
		a.printf("  %s (%s): %s\n", c.Provider, c.Kind, c.Terms(fmt.Sprintf))
		if c.Note != "" {
			a.printf("    %s\n", c.Note)
		}
	}
	if p.OnFailedWrite != "" {
		a.printf("\nwhen a write fails: %s\n", map[failoverplan.OnFail]string{
			failoverplan.OnFailRollback: "the names written so far get their exact previous values and TTLs back",
			failoverplan.OnFailHold:     "everything stays as it is, the run lists which names are old and which are new, and can be resumed",
		}[p.OnFailedWrite])
	}
	if p.WayBack != nil {
		a.printf("roll back: %s\n", wayBack(*p.WayBack))
	}
	a.printf("\nsteps\n")
	for _, s := range p.Steps {
		opt := ""
		switch {
		case s.BestEffort:
			opt = "  (if it answers)"
		case s.Phase == failoverplan.PhaseCommit:
			opt = "  (not before `dutyops runs commit`)"
		}
		a.printf("  %s %-10s %-2s %s%s\n", s.ID[:2], s.Phase, s.Risk, s.Title, opt)
	}
}

// printNames tells of the names that do not simply move.
func (a *app) printNames(p *failoverplan.Plan) {
	if len(p.Stops)+len(p.LeaveOut)+len(p.Follows) == 0 {
		return
	}
	a.printf("\nnames\n")
	for _, l := range p.LeaveOut {
		a.printf("  left out %-30s %s\n", l.Name, l.Reason)
	}
	for _, s := range p.Stops {
		if s.LeftOut == "" {
			a.printf("  STOP     %-30s %s: %s\n", s.Name, s.Gate, s.Evidence)
		}
	}
	for _, f := range p.Follows {
		a.printf("  follows  %-30s %s\n", f.Name, f.Target)
	}
}

func set(s failoverplan.RecordSet) string {
	if len(s.Values) == 0 {
		return "(none)"
	}
	return fmt.Sprintf("%s ttl %d", strings.Join(s.Values, " "), s.TTL)
}
