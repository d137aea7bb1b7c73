package backend

import (
	"context"
	"fmt"
	"time"

	"github.com/dutyops/dutyops/backend/monitor"
	"github.com/dutyops/dutyops/backend/replication"
	"github.com/dutyops/dutyops/failoverplan"
	"github.com/dutyops/dutyops/probes"
)

// publish judges what is known now and publishes one immutable picture:
// observe -> judge -> decide, one direction (design.md section 1).
func (e *Engine) publish() {
	e.publishing.Lock()
	defer e.publishing.Unlock()
	snap := e.mon.Snapshot()
	e.mu.Lock()
	seen := e.seen
	e.mu.Unlock()

	sit := e.situate(snap, seen)
	j := failoverplan.Judge(e.topo, sit)
	e.rolesFrom(j, sit)
	advice := failoverplan.Advise(e.topo, sit, j, e.limits())
	if !snap.Warming {
		e.recognise(context.Background(), snap, seen.run != nil)
	}
	st := e.picture(snap, seen, sit, j, advice)

	e.mu.Lock()
	before := e.judgement
	e.situation, e.judgement = sit, j
	e.mu.Unlock()
	old := e.status.Swap(st)
	e.tellWarnings(old, st)
	e.wake()
	if old != nil && !old.Warming && !st.Warming && before.Case != j.Case {
		level := "bad"
		if j.Case == failoverplan.CaseNormal {
			level = "good"
		}
		e.event("advice", level, j.Serving, "the case is %s: %s", j.Case, adviceLine(advice))
	}
	if !st.Warming {
		e.remember(context.Background())
	}
}

func adviceLine(a failoverplan.Advice) string {
	if a.To != "" && (a.Action == "failover" || a.Action == "failback") {
		return a.Action + " to " + a.To
	}
	return a.Action
}

func (e *Engine) limits() failoverplan.Limits {
	return failoverplan.Limits{MaxSyncLag: e.cfg.Thresholds.MaxSyncLag.D().Seconds(), MaxDrift: e.cfg.Rules.MaxDrift, TTLChoreography: e.cfg.Rules.TTLChoreography}
}

// rolesFrom keeps who serves and who is fed, but only from what was really seen.
func (e *Engine) rolesFrom(j failoverplan.Judgement, sit *failoverplan.Situation) {
	r := *e.roles.Load()
	for _, d := range sit.Domains {
		if d.Site == j.Serving {
			r.serving = j.Serving
		}
	}
	known := len(e.topo.Feeds) == 0
	for _, f := range sit.Feeds {
		known = known || (f.Known && f.Site == j.DataSite)
	}
	if known {
		r.data = j.DataSite
	}
	e.mu.Lock()
	e.unsaved = e.unsaved || r != *e.roles.Load()
	e.roles.Store(&r)
	e.seen.lastServing, e.seen.lastData = r.serving, r.data
	e.mu.Unlock()
}

// situate turns probes and observations into the situation that failoverplan judges.
func (e *Engine) situate(snap *monitor.Snapshot, seen observed) *failoverplan.Situation {
	s := &failoverplan.Situation{At: e.now(), LastServing: seen.lastServing, LastDataSite: seen.lastData}
	if seen.pause != nil {
		s.Paused = fmt.Sprintf("%s (by %s, until %s)", seen.pause.Reason, seen.pause.Owner, seen.pause.Expires.Local().Format("15:04:05"))
	}
	for _, site := range e.topo.Sites {
		st := failoverplan.SiteState{Name: site.Name, Gateway: stateOf(snap, failoverplan.Target(site.Name, gatewayName)).State}
		for _, p := range site.Platforms {
			ps := failoverplan.PlatformState{Kind: p.Kind}
			for _, x := range p.Subsystems {
				ps.Subsystems = append(ps.Subsystems, part(snap, site.Name, p.Kind, x.Name, x.Critical))
			}
			for _, x := range p.Components {
				ps.Components = append(ps.Components, part(snap, site.Name, p.Kind, x.Name, x.Critical))
			}
			all := append(append([]failoverplan.PartState{}, ps.Subsystems...), ps.Components...)
			ps.State, ps.Since, ps.Because = failoverplan.RollUp(all)
			st.Platforms = append(st.Platforms, ps)
		}
		st.State = failoverplan.SiteRollUp(st.Gateway, st.Platforms)
		s.Sites = append(s.Sites, st)
	}
	s.Domains = domainStates(e.topo, seen.domains)
	for i := range s.Domains {
		_, s.Domains[i].LeftOut = seen.leftOut.Names[s.Domains[i].Name]
	}
	for _, f := range seen.feeds {
		s.Feeds = append(s.Feeds, failoverplan.FeedState{Name: f.Name, Site: f.Attached, Known: f.Known})
	}
	s.Sync = replication.States(e.topo, e.sourceOf, func(target string) (replication.Seen, bool) {
		t, ok := snap.Target(target)
		if !ok || t.Last == nil {
			return replication.Seen{}, false
		}
		return replication.Seen{Facts: t.Last.Facts, State: t.State, At: t.Last.At, Silent: silent(t.Last)}, true
	}, &e.lags)
	return s
}

// silent says that the answer tells nothing of now. A read-only source is down and tells
// where it is all the same.
func silent(r *probes.Result) bool {
	return r.Status != probes.StatusUp && r.Status != probes.StatusDegraded && r.Facts.Version == "" && r.Facts.Position == ""
}

func stateOf(snap *monitor.Snapshot, id string) monitor.TargetState {
	t, ok := snap.Target(id)
	if !ok || t.State == "" {
		t.State = failoverplan.Unknown
	}
	return t
}

func part(snap *monitor.Snapshot, site string, k failoverplan.PlatformKind, name string, critical bool) failoverplan.PartState {
	t := stateOf(snap, failoverplan.Target(site, string(k), name))
	return failoverplan.PartState{Name: name, State: t.State, Critical: critical, Since: t.Since, Detail: t.Detail}
}

// picture lays the situation out as contract.md's status document.
func (e *Engine) picture(snap *monitor.Snapshot, seen observed, sit *failoverplan.Situation, j failoverplan.Judgement, a failoverplan.Advice) *Status {
	st := &Status{
		At: sit.At, Environment: e.topo.Environment, ServingSite: j.Serving, DataSite: j.DataSite, Case: j.Case,
		Advice:  Advice{Action: a.Action, To: a.To, Because: a.Because, BlockedBy: a.BlockedBy},
		Domains: seen.domains, DNS: summarize(seen.domains, seen.board), Feeds: seen.feeds, Run: seen.run, Overrides: []Override{}, Warming: snap.Warming || seen.at.IsZero(),
	}
	if st.Advice.BlockedBy == nil {
		st.Advice.BlockedBy = []failoverplan.Gate{}
	}
	if st.Domains == nil {
		st.Domains = []DomainStatus{}
	}
	if st.Feeds == nil {
		st.Feeds = []FeedStatus{}
	}
	if seen.pause != nil {
		st.Overrides = append(st.Overrides, *seen.pause)
	}
	st.Overrides = append(st.Overrides, seen.leftOut.overrides(j.Serving, sit.Domains)...)
	for i, site := range e.topo.Sites {
		s := sit.Sites[i]
		ss := SiteStatus{
			Name: site.Name, Title: e.cfg.Sites[i].Title, Role: role(site, j.Serving), Weight: site.Weight, State: s.State,
			Gateway: component(stateOf(snap, failoverplan.Target(site.Name, gatewayName)), failoverplan.Target(site.Name, gatewayName), gatewayName, "http", "", true),
		}
		for n, p := range site.Platforms {
			ss.Platforms = append(ss.Platforms, e.platformStatus(snap, sit, site, p, s.Platforms[n]))
		}
		st.Sites = append(st.Sites, ss)
	}
	e.clocks(snap, st)
	e.replacedWarnings(st)
	return st
}

func role(site failoverplan.Site, serving string) string {
	switch {
	case site.Name == serving:
		return "serving"
	case site.Emergency:
		return "emergency"
	}
	return "standby"
}

func (e *Engine) platformStatus(snap *monitor.Snapshot, sit *failoverplan.Situation, site failoverplan.Site, p failoverplan.Platform, s failoverplan.PlatformState) PlatformStatus {
	out := PlatformStatus{
		Name: string(p.Kind), State: s.State, Since: s.Since, Because: s.Because,
		Subsystems: []ComponentStatus{}, Components: []ComponentStatus{},
	}
	for _, x := range p.Subsystems {
		id := failoverplan.Target(site.Name, string(p.Kind), x.Name)
		out.Subsystems = append(out.Subsystems, component(stateOf(snap, id), id, x.Name, "http", "", x.Critical))
	}
	for _, x := range p.Components {
		id := failoverplan.Target(site.Name, string(p.Kind), x.Name)
		c := component(stateOf(snap, id), id, x.Name, string(x.Kind), x.Subsystem, x.Critical)
		c.Sync = e.syncStatus(sit, site.Name, p.Kind, x)
		c.Changed = e.changes(id)
		out.Components = append(out.Components, c)
	}
	return out
}

func component(t monitor.TargetState, id, name, kind, subsystem string, critical bool) ComponentStatus {
	return ComponentStatus{
		Name: name, Target: id, Kind: kind, Subsystem: subsystem, Critical: critical, State: t.State, Since: t.Since,
		LatencyMS: float64(t.Latency.Round(10*time.Microsecond)) / float64(time.Millisecond), Detail: t.Detail,
	}
}

// syncStatus is the sync column: policy, and for synced stores where they stand.
func (e *Engine) syncStatus(sit *failoverplan.Situation, site string, k failoverplan.PlatformKind, c failoverplan.Component) *SyncStatus {
	switch c.Kind {
	case failoverplan.Flink, failoverplan.KafkaConnect, failoverplan.HTTP, failoverplan.TCP, failoverplan.DNS:
		return nil // no data of their own
	case failoverplan.MySQL, failoverplan.Elasticsearch, failoverplan.Kafka, failoverplan.RabbitMQ, failoverplan.Redis:
	}
	s := &SyncStatus{Policy: string(c.Sync)}
	if c.Sync != failoverplan.Sync {
		return s
	}
	if site == e.sourceOf(k) {
		s.State, s.From = "source", site
		for _, x := range sit.Sync {
			if x.Platform == k && x.Component == c.Name && x.From == site && s.To == "" {
				s.To = x.To
			}
		}
		return s
	}
	s.State, s.LagS = failoverplan.SyncUnknown, -1
	for _, x := range sit.Sync {
		if x.Platform == k && x.Component == c.Name && x.To == site {
			s.State, s.From, s.To, s.LagS, s.Note = x.State, x.From, x.To, x.Lag, x.Detail
		}
	}
	return s
}

// Explain answers "why is it red?" for a target.
func (e *Engine) Explain(target string) (Explanation, error) {
	snap := e.mon.Snapshot()
	t, ok := snap.Target(target)
	if !ok {
		return Explanation{}, fmt.Errorf("%w: nothing is watched under %q", ErrUsage, target)
	}
	x := Explanation{Target: target, State: t.State, Since: t.Since, Rule: t.Rule, Transcript: []string{}, Facts: [][2]string{}, History: []Sample{}}
	st := e.Status()
	for _, s := range st.Sites {
		for _, c := range allComponents(s) {
			if c.Target == target {
				x.Kind, x.Sync = c.Kind, c.Sync
				for _, y := range c.Changed {
					x.Facts = append(x.Facts, [2]string{"noticed " + y.At.Local().Format("15:04:05"), fmt.Sprintf("%s (%s was %s, is %s)", y.Means, y.What, shorten(y.Was), shorten(y.Is))})
				}
			}
		}
	}
	if t.Last != nil {
		x.Transcript = append(x.Transcript, t.Last.Transcript...)
		x.Facts = append(x.Facts, factLines(t.Last.Facts)...)
	}
	for _, r := range e.mon.History(target) {
		x.History = append(x.History, Sample{At: r.At, State: failoverplan.State(r.Status), LatencyMS: float64(r.Latency.Microseconds()) / 1000, Detail: r.Detail})
	}
	return x, nil
}

// allComponents lists a site's rows: gateway, subsystems, components.
func allComponents(s SiteStatus) []ComponentStatus {
	out := []ComponentStatus{s.Gateway}
	for _, p := range s.Platforms {
		out = append(append(out, p.Subsystems...), p.Components...)
	}
	return out
}
