package demo

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/dutyops/dutyops/backend"
	"github.com/dutyops/dutyops/failoverplan"
)

// Plan implements backend.Face.
func (w *World) Plan(_ context.Context, req backend.PlanRequest) (*failoverplan.Plan, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.plan(req)
}

func (w *World) plan(req backend.PlanRequest) (*failoverplan.Plan, error) {
	if w.PlanErr != nil {
		return nil, w.PlanErr
	}
	to := req.To
	if to == "" {
		to = "standby"
		if w.serving != "primary" {
			to = "primary"
		}
	}
	if to == w.serving {
		return nil, fmt.Errorf("%w: %s serves already; choose another site", backend.ErrRefused, to)
	}
	p := &failoverplan.Plan{Kind: req.Kind, Mode: failoverplan.Graceful, From: w.serving, To: to}
	if req.Forced {
		p.Mode = failoverplan.Forced
	}
	st := w.status()
	p.Case, p.Because = st.Case, st.Advice.Because
	p.DNS = w.changes(to, req.Stations)
	for _, z := range p.DNS {
		for _, c := range z.Changes {
			if len(p.Stations) == 0 || p.Stations[len(p.Stations)-1] != c.Station {
				p.Stations = append(p.Stations, c.Station)
			}
		}
	}
	p.Cards = []failoverplan.Card{{Provider: p.DNS[0].Provider, Kind: "cloudflare", Atomic: true, MaxBatch: 200, Rate: 4, MinTTL: 60}}
	p.Gates = w.gates(to)
	p.LeaveOut = req.LeaveOut
	w.leaveOut(p)
	p.Steps = w.steps(p)
	if req.GracefulTTL && p.Mode == failoverplan.Graceful {
		p.Steps = choreographed(p.Steps)
	}
	p.Hash = fmt.Sprintf("%s-%s-%s-%s-%d", p.Kind, p.Mode, p.From, p.To, len(p.Steps)*131+len(p.Stations)+17*len(p.LeaveOut))
	return p, nil
}

// leaveOut stops the first name of the plan when BadName is set, and takes out what is left out.
func (w *World) leaveOut(p *failoverplan.Plan) {
	left := map[string]string{}
	for _, l := range p.LeaveOut {
		left[l.Name] = l.Reason
	}
	z := &p.DNS[0]
	first := z.Changes[0].After.Name
	if w.BadName {
		p.Stops = append(p.Stops, failoverplan.Stop{
			Name: first, Station: z.Changes[0].Station, Zone: z.Zone, Gate: "known-values", LeftOut: left[first],
			Evidence: "holds A 203.0.113.9, which is no gateway of ours", ClearsWhen: "the record is put right at the provider, or the configuration learns the address",
		})
		g := failoverplan.Gate{Gate: "known-values", Passed: left[first] != "", Evidence: first + " holds A 203.0.113.9, which is no gateway of ours", ClearsWhen: "the record is put right at the provider"}
		p.Gates = append(p.Gates, g)
	}
	z.Changes = slices.DeleteFunc(z.Changes, func(c failoverplan.RecordChange) bool {
		_, out := left[c.After.Name]
		return out || w.BadName && c.After.Name == first
	})
}

// choreographed puts lowered TTLs before a plan's steps, and their end after its commit.
func choreographed(steps []failoverplan.Step) []failoverplan.Step {
	out := slices.Insert(slices.Clone(steps), 1,
		failoverplan.Step{ID: "p01", Phase: failoverplan.PhasePrepare, Action: failoverplan.ActLowerTTL, Title: "Lower the TTL of 6 record sets of gss.example.test", Risk: failoverplan.R2, Zone: "gss.example.test", Undo: "write the exact previous TTLs"},
		failoverplan.Step{ID: "p02", Phase: failoverplan.PhasePrepare, Action: failoverplan.ActWaitTTL, Title: "Wait 90 s until the old TTLs have run out", Risk: failoverplan.R0, WaitS: 90, Why: "what was looked up before the TTL was lowered is still remembered"})
	return append(out, failoverplan.Step{ID: "p03", Phase: failoverplan.PhaseCommit, Action: failoverplan.ActRestoreTTL, Title: "Restore the TTL of 6 record sets of gss.example.test", Risk: failoverplan.R2, Zone: "gss.example.test", Undo: "write the short TTLs again", Why: "once the run is committed"})
}

func (w *World) changes(to string, only []string) []failoverplan.ZoneChange {
	zone := failoverplan.ZoneChange{Zone: "gss.example.test", Provider: "cloudflare"}
	for _, s := range stations() {
		if len(only) > 0 && !strings.Contains(strings.Join(only, ","), s.code) {
			continue
		}
		for i, typ := range []string{"A", "AAAA"} {
			a4, a6 := addresses(w.serving)
			b4, b6 := addresses(to)
			before, after := []string{a4, a6}[i], []string{b4, b6}[i]
			zone.Changes = append(zone.Changes, failoverplan.RecordChange{
				Station: s.code,
				Before:  failoverplan.RecordSet{Name: s.domain, Type: typ, TTL: 2, Values: []string{before}},
				After:   failoverplan.RecordSet{Name: s.domain, Type: typ, TTL: 2, Values: []string{after}},
			})
		}
	}
	return []failoverplan.ZoneChange{zone}
}

func (w *World) gates(to string) []failoverplan.Gate {
	g := []failoverplan.Gate{
		{Gate: "target-healthy", Passed: true, Evidence: to + " answers: gateway, business and data are up"},
		{Gate: "not-paused", Passed: len(w.pause) == 0, Evidence: "no pause is in force", ClearsWhen: "the pause is ended"},
		{Gate: "dns-writable", Passed: true, Evidence: "cloudflare accepted a read of the zone 4 s ago"},
		{Gate: "sync-caught-up", Passed: true, Soft: true, Evidence: "worst lag 0.2 s (limit 5 s)"},
	}
	if len(w.pause) > 0 {
		g[1].Evidence = "paused by " + w.pause[0].Owner + ": " + w.pause[0].Reason
	}
	if w.Blocked {
		g[0].Passed = false
		g[0].Evidence = to + "/data/mysql is down: connection refused"
		g[0].ClearsWhen = to + "/data/mysql is up for 3 probes in a row"
	}
	return g
}

func (w *World) steps(p *failoverplan.Plan) []failoverplan.Step {
	var out []failoverplan.Step
	add := func(s failoverplan.Step) { s.ID = fmt.Sprintf("s%02d", len(out)+1); out = append(out, s) }
	add(failoverplan.Step{Phase: failoverplan.PhaseDecide, Action: failoverplan.ActPreflight, Title: "Look at the world again", Risk: failoverplan.R0, Why: "the plan must still fit"})
	if p.Case == failoverplan.CaseDataDown || p.Case == failoverplan.CaseSiteDown || p.Kind == failoverplan.Failback {
		for _, f := range []string{"airline", "airport"} {
			add(failoverplan.Step{Phase: failoverplan.PhaseFence, Action: failoverplan.ActCutFeed, Title: "Cut feed " + f + " from " + p.From, Risk: failoverplan.R3, Feed: f, Undo: "attach " + f + " to " + p.From, Group: 1})
		}
		for _, c := range []string{"data/mysql", "business/monitoring-mysql"} {
			add(failoverplan.Step{Phase: failoverplan.PhaseSwitch, Action: failoverplan.ActPromote, Title: "Promote " + p.To + "/" + c, Risk: failoverplan.R4, Why: "it has every transaction it received", Undo: "make it follow again", Group: 2})
		}
		add(failoverplan.Step{Phase: failoverplan.PhaseSwitch, Action: failoverplan.ActAttachFeed, Title: "Attach feeds airline, airport to " + p.To, Risk: failoverplan.R3, Undo: "attach to " + p.From})
	}
	add(failoverplan.Step{Phase: failoverplan.PhaseSwitch, Action: failoverplan.ActSwitchDNS, Title: fmt.Sprintf("Write %d record sets in gss.example.test", p.Records()), Risk: failoverplan.R3, Zone: "gss.example.test", Provider: "cloudflare", Why: "users find the gateway of " + p.To, Undo: "write the former values back"})
	add(failoverplan.Step{Phase: failoverplan.PhasePropagate, Action: failoverplan.ActVerifyAuthoritative, Title: "Ask both authoritative servers", Risk: failoverplan.R0})
	add(failoverplan.Step{Phase: failoverplan.PhasePropagate, Action: failoverplan.ActVerifyResolvers, Title: "Ask the resolvers users use", Risk: failoverplan.R0, BestEffort: true})
	add(failoverplan.Step{Phase: failoverplan.PhaseVerify, Action: failoverplan.ActVerifyUsers, Title: "Call the gateway as a user would", Risk: failoverplan.R0})
	add(failoverplan.Step{Phase: failoverplan.PhaseReprotect, Action: failoverplan.ActReprotect, Title: "Let " + p.From + " follow " + p.To + " when it returns", Risk: failoverplan.R2, BestEffort: true, Undo: "stop following"})
	return out
}

// Actions implements backend.Face.
func (w *World) Actions() []backend.Action {
	w.mu.Lock()
	defer w.mu.Unlock()
	st := w.status()
	out := []backend.Action{
		{ID: "failover", Title: "Fail over", Help: "move the users, and where the case asks for it the upstream, to another site", Risk: failoverplan.R3, Command: "dutyops failover --to SITE --yes --reason TEXT"},
		{ID: "failback", Title: "Fail back", Help: "bring users and data home", Risk: failoverplan.R3, Command: "dutyops failback --yes --reason TEXT"},
		{ID: "sync-run", Title: "Run the sync", Help: "make every synced component follow its source", Risk: failoverplan.R2, Command: "dutyops sync run"},
		{ID: "renew-links", Title: "Renew the links' passwords", Help: "give every standing link the replication password that is configured now", Risk: failoverplan.R2, Command: "dutyops sync run --renew-passwords"},
		{ID: "pause", Title: "Pause all actions", Help: "nothing is changed until the pause ends", Risk: failoverplan.R1, Command: "dutyops pause --reason TEXT"},
		{ID: "unpause", Title: "End the pause", Help: "allow actions again", Risk: failoverplan.R1, Command: "dutyops unpause", Disabled: "nothing is paused"},
		{ID: "dns-arm", Title: "Refresh the armed plan", Help: "read the records again, so that a switch needs no reads", Risk: failoverplan.R0, Command: "dutyops dns arm"},
	}
	if st.ServingSite == "primary" {
		out[1].Disabled = "primary serves already: there is nothing to fail back"
	}
	if st.Run != nil {
		out[0].Disabled = "run " + st.Run.ID + " is in progress"
	}
	if len(w.pause) > 0 {
		out[3].Disabled, out[4].Disabled = "paused already", ""
	}
	return out
}
