package failoverplan

import "fmt"

// SyncRun is the plan of a sync run (mission A6): every other site's stores follow
// the site that writes them now. It moves no user and no feed.
const SyncRun PlanKind = "sync"

// MakeSync plans a sync run for the situation. Components that policy leaves out are
// not in it; a store that cannot be reached is skipped with its evidence.
func MakeSync(t *Topology, s *Situation) *Plan {
	j := Judge(t, s)
	p := &Plan{
		Kind: SyncRun, Mode: Graceful, Case: j.Case, From: j.Serving, Stations: []string{},
		Because: []string{fmt.Sprintf("business data is written at %s, the feeds arrive at %s", j.Serving, j.DataSite)},
		DNS:     []ZoneChange{}, Stops: []Stop{}, Gates: []Gate{pauseGate(s)},
	}
	b := &builder{group: 1}
	for _, k := range []PlatformKind{Business, Data} {
		from := j.Serving
		if k == Data {
			from = j.DataSite
		}
		m := move{Topology: t, Situation: s, To: from, BusinessFrom: j.Serving, DataFrom: j.DataSite, Business: k == Business, Data: k == Data, Kind: SyncRun}
		reprotect(b, m)
	}
	p.Steps = b.steps
	p.Hash = hash(p)
	return p
}
