package failoverplan

import (
	"fmt"
	"slices"
	"strings"
)

// Limits are the settings that gates compare with.
type Limits struct {
	// MaxSyncLag in seconds.
	MaxSyncLag float64
	// MaxDrift is how many record sets may differ from the armed picture.
	MaxDrift int
	// TTLChoreography: every planned switch lowers the TTLs beforehand.
	TTLChoreography bool
}

// gatesFor evaluates every gate that does not need the DNS records.
func gatesFor(kind PlanKind, t *Topology, s *Situation, j Judgement, to string, stations []string, lim Limits) []Gate {
	gs := []Gate{pauseGate(s)}
	if kind == Failback {
		return append(gs, awayGate(s, j, to), healthyGate("old-primary-healthy", s, to), seenGate(s, to), caughtUpGate(t, s, j, to, lim))
	}
	return append(gs, caseGate(j), otherSiteGate(s, j, to, stations), healthyGate("target-healthy", s, to), seenGate(s, to), syncGate(t, s, j, to, lim))
}

func pauseGate(s *Situation) Gate {
	if s.Paused == "" {
		return Gate{Gate: "not-paused", Passed: true, Evidence: "actions are allowed"}
	}
	return Gate{Gate: "not-paused", Evidence: "all actions are paused: " + s.Paused, ClearsWhen: "`dutyops unpause --reason …`, or the pause expires"}
}

func caseGate(j Judgement) Gate {
	g := Gate{Gate: "case-judged", Soft: true, Passed: j.Case != CaseIsolated, Evidence: "the case is " + string(j.Case)}
	if !g.Passed {
		g.Evidence = "the case cannot be judged: " + strings.Join(j.Because, "; ")
		g.ClearsWhen = "we see the sites again, or a person who has other evidence uses --forced"
	}
	return g
}

func otherSiteGate(s *Situation, j Judgement, to string, stations []string) Gate {
	g := Gate{Gate: "target-not-serving", Passed: true, Evidence: fmt.Sprintf("%s serves, %s takes over", j.Serving, to)}
	if away := elsewhere(s, to, stations); to == j.Serving && len(away) > 0 {
		g.Evidence = fmt.Sprintf("%s serves, but not these names: %s", to, some(away))
	} else if to == j.Serving && to == j.DataSite {
		g.Passed = false
		g.Evidence = to + " serves already"
		g.ClearsWhen = "another site is named with --to"
	} else if to == j.Serving && j.Case != CaseDataDown {
		g.Passed = false
		g.Evidence = fmt.Sprintf("%s serves already; its data comes from %s, which is up", to, j.DataSite)
		g.ClearsWhen = "the data platform of " + j.DataSite + " fails, or another site is named with --to"
	}
	return g
}

// elsewhere lists the names of the stations (nil = all) that are known not to point at the site.
func elsewhere(s *Situation, site string, stations []string) []string {
	var out []string
	asked := set(stations)
	for _, d := range s.Domains {
		if d.Site != "" && d.Site != site && (stations == nil || asked[d.Station]) {
			out = append(out, d.Name)
		}
	}
	return out
}

func awayGate(s *Situation, j Judgement, to string) Gate {
	away := elsewhere(s, to, nil)
	if j.Serving == to && j.DataSite == to && len(away) > 0 {
		return Gate{Gate: "away-from-home", Passed: true, Evidence: fmt.Sprintf("%s serves, but not these names: %s", to, some(away))}
	}
	if j.Serving == to && j.DataSite == to {
		return Gate{Gate: "away-from-home", Evidence: to + " serves already: there is nothing to bring home", ClearsWhen: "another site serves"}
	}
	return Gate{Gate: "away-from-home", Passed: true, Evidence: fmt.Sprintf("%s serves, %s takes the feeds", j.Serving, j.DataSite)}
}

func healthyGate(name string, s *Situation, to string) Gate {
	st, ok := s.Site(to)
	if !ok {
		return Gate{Gate: name, Evidence: to + " was not observed", ClearsWhen: to + " is watched"}
	}
	if bad := unfit(st); bad != "" {
		return Gate{Gate: name, Evidence: to + ": " + bad, ClearsWhen: "gateway, business and data platform of " + to + " are up"}
	}
	return Gate{Gate: name, Passed: true, Evidence: fmt.Sprintf("%s: gateway %s, business %s, data %s", to, st.Gateway, st.Platform(Business).State, st.Platform(Data).State)}
}

// seenGate asks for positive evidence of the target's health: unknown is not down,
// but it is no ground to send users there either.
func seenGate(s *Situation, to string) Gate {
	st, _ := s.Site(to)
	var blind []string
	if seen(st.Gateway) == unseen {
		blind = append(blind, "gateway "+stateWord(st.Gateway))
	}
	for _, k := range []PlatformKind{Business, Data} {
		if p := st.Platform(k); seen(p.State) == unseen {
			blind = append(blind, fmt.Sprintf("%s %s", k, stateWord(p.State)))
		}
	}
	if len(blind) == 0 {
		return Gate{Gate: "target-seen", Soft: true, Passed: true, Evidence: "every part of " + to + " that matters was seen"}
	}
	return Gate{Gate: "target-seen", Soft: true, Evidence: to + ": " + strings.Join(blind, ", "), ClearsWhen: "its probes answer, or a person who has looked uses --forced"}
}

func stateWord(s State) string {
	if s == "" {
		return string(Unknown)
	}
	return string(s)
}

// syncGate asks whether the target has the data. A lag that cannot be known because
// the source is gone does not refuse: it is what a failover is for, and the plan says so.
// One that is not known although the source answers does: the copy may hold nothing.
func syncGate(t *Topology, s *Situation, j Judgement, to string, lim Limits) Gate {
	var bad, notes []string
	for _, x := range moved(t, s, j, to) {
		name := fmt.Sprintf("%s/%s", x.Platform, x.Component)
		sourceUp := sourceSeen(s, x)
		switch {
		case x.State == Diverged:
			bad = append(bad, name+" has diverged: "+x.Detail)
		case x.Lag > lim.MaxSyncLag:
			bad = append(bad, fmt.Sprintf("%s is %.0f s behind (limit %.0f s)", name, x.Lag, lim.MaxSyncLag))
		case (x.State == Broken || x.State == Stopped) && sourceUp:
			bad = append(bad, fmt.Sprintf("%s does not follow %s: %s", name, x.From, orState(x)))
		case x.Lag < 0 && sourceUp:
			bad = append(bad, fmt.Sprintf("%s: its lag is not known: %s", name, orState(x)))
		case x.Lag < 0:
			notes = append(notes, name+": lag not known, its source does not answer")
		}
	}
	g := Gate{Gate: "target-in-sync", Soft: true, Passed: len(bad) == 0}
	if !g.Passed {
		g.Evidence = strings.Join(bad, "; ")
		g.ClearsWhen = "`dutyops sync status` shows the lag below the limit, or a person accepts the loss with --forced"
		return g
	}
	g.Evidence = "every synced store of " + to + " is within the lag limit"
	if len(notes) > 0 {
		g.Evidence = strings.Join(notes, "; ")
	}
	return g
}

// caughtUpGate is failback's: the old primary must have, or be about to get, everything.
func caughtUpGate(t *Topology, s *Situation, j Judgement, to string, lim Limits) Gate {
	var bad, turn []string
	for _, x := range moved(t, s, j, to) {
		name := fmt.Sprintf("%s/%s", x.Platform, x.Component)
		switch {
		case x.State == Diverged:
			bad = append(bad, name+" has diverged: "+x.Detail)
		case x.State == Broken:
			bad = append(bad, name+" cannot follow "+x.From+": "+orState(x))
		case x.State == Stopped:
			turn = append(turn, name)
		case x.State == SyncUnknown || x.Lag < 0:
			bad = append(bad, name+": its position cannot be read: "+orState(x))
		case x.Lag > lim.MaxSyncLag:
			bad = append(bad, fmt.Sprintf("%s is %.0f s behind (limit %.0f s)", name, x.Lag, lim.MaxSyncLag))
		}
	}
	g := Gate{Gate: "data-caught-up", Passed: len(bad) == 0}
	switch {
	case len(bad) > 0:
		g.Evidence = strings.Join(bad, "; ")
		g.ClearsWhen = "`dutyops sync status` shows every store of " + to + " streaming within the lag limit"
	case len(turn) > 0:
		g.Evidence = "first turned round and brought level, while users stay where they are: " + strings.Join(turn, ", ")
	default:
		g.Evidence = "every synced store of " + to + " follows and is within the lag limit"
	}
	return g
}

// RollbackGates ask whether the site that a run has left can take back what it gives
// back: users needs it healthy, writers needs it to have what was written since.
func RollbackGates(t *Topology, s *Situation, p *Plan, lim Limits, users, writers bool) []Gate {
	gs := []Gate{pauseGate(s)}
	if users {
		gs = append(gs, healthyGate("old-site-healthy", s, p.From), seenGate(s, p.From))
	}
	if !writers {
		return gs
	}
	var bad []string
	for _, x := range takenFrom(t, s, p) {
		switch name := fmt.Sprintf("%s/%s", x.Platform, x.Component); {
		case x.State != Streaming:
			bad = append(bad, fmt.Sprintf("%s of %s does not follow %s: %s", name, p.From, x.From, orState(x)))
		case x.Lag < 0:
			bad = append(bad, fmt.Sprintf("%s of %s: its lag is not known: %s", name, p.From, orState(x)))
		case x.Lag > lim.MaxSyncLag:
			bad = append(bad, fmt.Sprintf("%s of %s is %.0f s behind (limit %.0f s)", name, p.From, x.Lag, lim.MaxSyncLag))
		}
	}
	if len(bad) > 0 {
		return append(gs, Gate{
			Gate: "old-site-in-sync", Evidence: strings.Join(bad, "; "),
			ClearsWhen: "`dutyops sync run` has brought it level; `dutyops failback` does that and moves users home",
		})
	}
	return append(gs, Gate{Gate: "old-site-in-sync", Passed: true, Evidence: "every synced store of " + p.From + " follows and is within the lag limit"})
}

func orState(x SyncState) string {
	if x.Detail != "" {
		return x.Detail
	}
	return x.State
}

func sourceSeen(s *Situation, x SyncState) bool {
	st, _ := s.Site(x.From)
	return seen(st.Platform(x.Platform).Part(x.Component).State) == yes
}

// moved lists the sync relations of the stores that a move to the site concerns. One that
// the situation does not have is unknown, not level.
func moved(t *Topology, s *Situation, j Judgement, to string) []SyncState {
	var out []SyncState
	for _, k := range []PlatformKind{Business, Data} {
		from := j.Serving
		if k == Data {
			from = j.DataSite
		}
		site, _ := t.Site(to)
		p, _ := site.Platform(k)
		for _, c := range p.Components {
			if followed(t, from, to, k, c) {
				out = append(out, relation(s, from, to, k, c))
			}
		}
	}
	return out
}

// followed: the store of the site follows that of another one, says the policy.
func followed(t *Topology, from, to string, k PlatformKind, c Component) bool {
	source, ok := t.Counterpart(from, k, c.Name)
	return ok && from != to && c.Sync == Sync && source.Sync == Sync && (promotable(c.Kind) || c.Kind == Kafka || c.Kind == RabbitMQ)
}

func relation(s *Situation, from, to string, k PlatformKind, c Component) SyncState {
	for _, x := range s.Sync {
		if x.Platform == k && x.Component == c.Name && x.From == from && x.To == to {
			return x
		}
	}
	return SyncState{Platform: k, Component: c.Name, Kind: c.Kind, From: from, To: to, State: SyncUnknown, Lag: -1, Detail: "nothing is known of it"}
}

// takenFrom lists the relations by which the site that a run has left is given back what
// was written since. Where the run has promoted stores they count, wherever names or feeds
// seem to point now.
func takenFrom(t *Topology, s *Situation, p *Plan) []SyncState {
	out := moved(t, s, Judge(t, s), p.From)
	for _, step := range p.Steps {
		c, ok := t.Counterpart(p.From, step.Platform, step.Component)
		if step.Action != ActPromote || step.Peer != p.From || !ok || !followed(t, step.Site, p.From, step.Platform, c) {
			continue
		}
		x := relation(s, step.Site, p.From, step.Platform, c)
		if !slices.Contains(out, x) {
			out = append(out, x)
		}
	}
	return out
}
