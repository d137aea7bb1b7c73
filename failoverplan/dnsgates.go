package failoverplan

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

func (w *dnsWork) readGate(unread map[string]bool) Gate {
	var why []string
	for _, zone := range slices.Sorted(maps.Keys(unread)) {
		why = append(why, zone+": "+w.unread[zone])
	}
	if len(why) == 0 && len(w.out.away) > 0 {
		for _, a := range w.out.away {
			why = append(why, fmt.Sprintf("%s does not tell %s (%s): it is written as far as it answers, on the ground of %s", a.Provider, a.Zone, a.Problem, a.From))
		}
		return Gate{Gate: "dns-readable", Passed: true, Evidence: "one provider of every zone tells the live records; " + some(why)}
	}
	if len(why) == 0 {
		return Gate{Gate: "dns-readable", Passed: true, Evidence: "the live records were read through the provider"}
	}
	return Gate{Gate: "dns-readable", Evidence: some(why), ClearsWhen: "the DNS provider answers with our credential; `dutyops doctor` tests it"}
}

// stopGates turns the stops of single names into one verdict of each gate. A name that a
// person has left out refuses nothing any more, and is named.
func (w *dnsWork) stopGates() []Gate {
	type verdict struct{ bad, clears, left []string }
	of := map[string]*verdict{}
	for _, s := range w.out.stops {
		v := of[s.Gate]
		if v == nil {
			v = &verdict{}
			of[s.Gate] = v
		}
		if s.LeftOut != "" {
			v.left = append(v.left, s.Name+" ("+s.LeftOut+")")
			continue
		}
		v.bad = append(v.bad, s.Name+" "+s.Evidence)
		if len(v.clears) < 3 && !slices.Contains(v.clears, s.ClearsWhen) {
			v.clears = append(v.clears, s.ClearsWhen)
		}
	}
	var out []Gate
	for _, n := range nameGates {
		g := Gate{Gate: n.gate, Soft: n.soft, Passed: true, Evidence: n.passed}
		v := of[n.gate]
		switch {
		case v == nil:
		case len(v.bad) > 0:
			g.Passed, g.Evidence = false, some(v.bad)
			g.ClearsWhen = strings.Join(v.clears, "; ") + "; or --leave-out 'NAME: reason'"
		default:
			g.Evidence = "left out: " + some(v.left)
		}
		if n.gate == "providers-agree" && v == nil && !w.several() {
			continue
		}
		if n.gate == "only-what-was-asked" {
			continue // askedGate says more
		}
		out = append(out, g)
	}
	return out
}

// nameGates are the gates whose verdict is that of single names.
var nameGates = []struct {
	gate   string
	soft   bool
	passed string
}{
	{gate: "known-values", passed: "every name holds gateway addresses of known sites and nothing else"},
	{gate: "inventory-counts", passed: "every name has exactly the record sets that the inventory expects"},
	{gate: "https-hints", passed: "no HTTPS record points at strangers"},
	{gate: "alias-target", passed: "every alias ends at a name of the inventory that moves"},
	{gate: "never-empty", passed: "every name has an address afterwards"},
	{gate: "providers-agree", soft: true, passed: "the providers of a zone hold the same"},
	{gate: "other-owner", soft: true, passed: "no other controller is known to own a name"},
	{gate: "only-what-was-asked"},
}

// onGate asks that a site which is on is at the end of every name: judged on the zone as
// it will be. Names that the plan does not touch and that stay where nobody serves are
// told, they are no worse off than before.
func (w *dnsWork) onGate() Gate {
	off := func(site string) bool {
		st, _ := w.r.Situation.Site(site)
		return seen(st.Gateway) == no
	}
	if off(w.target.Name) {
		return Gate{
			Gate: "some-site-on", Evidence: fmt.Sprintf("every name would end at %s, whose gateway is down", w.target.Name),
			ClearsWhen: "the gateway of " + w.target.Name + " answers, or another site is chosen",
		}
	}
	var stay []string
	for _, s := range w.r.Situation.Domains {
		i, ok := w.domain[s.Name]
		_, out := w.left[s.Name]
		if ok && (out || !w.asked[w.r.Topology.Domains[i].Station]) && off(s.Site) {
			stay = append(stay, s.Name+" stays at "+s.Site+", whose gateway is down")
		}
	}
	g := Gate{Gate: "some-site-on", Passed: true, Evidence: "every name of the plan ends at " + w.target.Name + ", which is not down"}
	if len(stay) > 0 {
		g.Evidence += "; not of the plan: " + some(stay)
	}
	return g
}

// askedGate is the bulk brake. It does not count per cent, since a failover changes
// everything: it asks that the plan touches the names of the stations asked for, all of
// them, and no other, and says the numbers.
func (w *dnsWork) askedGate() Gate {
	g := Gate{Gate: "only-what-was-asked", Passed: true}
	var bad []string
	names, sets := map[string]bool{}, 0
	for _, z := range w.out.zones {
		sets += len(z.Changes)
		for _, c := range z.Changes {
			names[c.After.Name] = true
			i, ours := w.domain[c.After.Name]
			if !ours || w.r.Topology.Domains[i].Zone != z.Zone || !w.asked[w.r.Topology.Domains[i].Station] {
				bad = append(bad, c.After.Name+" is not of the stations asked for")
			}
		}
	}
	stopped, left := map[string]bool{}, len(w.left)
	for _, s := range w.out.stops {
		if s.LeftOut == "" && !s.Soft {
			stopped[s.Name] = true
		}
		if s.Gate == g.Gate && s.LeftOut == "" {
			bad = append(bad, s.Name+": "+s.Evidence)
			g.ClearsWhen = s.ClearsWhen
		}
	}
	g.Evidence = fmt.Sprintf("of %d names asked for %d change (%d record sets), %d are there already, %d follow one of them", w.looked, len(names), sets, w.there, len(w.out.follows))
	if left > 0 {
		g.Evidence += fmt.Sprintf(", %d are left out", left)
	}
	if len(stopped) > 0 {
		g.Evidence += fmt.Sprintf(", %d are stopped", len(stopped))
	}
	if len(bad) > 0 {
		g.Passed = false
		g.Evidence = some(bad)
	}
	return g
}

func orAbsent(values []string) string {
	if len(values) == 0 {
		return "absent"
	}
	return strings.Join(values, " ")
}
