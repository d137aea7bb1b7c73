package failoverplan

import (
	"fmt"
	"slices"
)

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

// MakeRenew plans a sync run after the password of a replication account was changed: each
// standing link is given the account as it is configured now. A server does not tell which
// password a link was made with, so all of them are.
func MakeRenew(t *Topology, s *Situation) *Plan {
	p := MakeSync(t, s)
	p.Because = append(p.Because, "the links get the replication accounts that are configured now")
	p.Steps = slices.DeleteFunc(p.Steps, func(x Step) bool {
		c, ok := t.Counterpart(x.Site, x.Platform, x.Component)
		return !ok || c.Kind != MySQL && c.Kind != Redis // nothing else has a link with an account of its own
	})
	for i := range p.Steps {
		x := &p.Steps[i]
		x.Action, x.Risk = ActRenewLink, R2
		x.Title = fmt.Sprintf("Renew the account of the link: %s/%s/%s follows %s", x.Site, x.Platform, x.Component, x.Peer)
	}
	p.Hash = hash(p)
	return p
}
