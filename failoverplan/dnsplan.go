package failoverplan

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// dnsPlan is what a plan does to DNS, and what stands in its way.
type dnsPlan struct {
	zones   []ZoneChange
	follows []Follower
	stops   []Stop
	gates   []Gate
	away    []Away
	armed   []ArmedAge
	evened  int // names that differ between providers and are equal afterwards
}

// dnsWork is the making of a dnsPlan: every name of the inventory is looked at once.
type dnsWork struct {
	r      Request
	target Site
	asked  map[string]bool // stations
	domain map[string]int  // name -> place in the inventory
	zones  map[string]bool // zones of the inventory
	live   map[string]liveSets
	left   map[string]string // name -> reason for leaving it out

	holders map[string][]Held // by zone, its own provider first
	floor   map[string]uint32 // by zone: the lowest TTL in seconds that its providers take
	unread  map[string]string // zone -> why no provider tells its records

	out      dnsPlan
	there    int // names that point at the target already
	looked   int // names that were looked at
	followed map[string][]int
}

// liveTypes are the types that a provider reads, in their order within liveSets.
var liveTypes = [...]string{"A", "AAAA", "CNAME", "HTTPS"}

// liveSets are the live record sets of one name; what does not exist has no values.
type liveSets [len(liveTypes)]RecordSet

func (l liveSets) of(typ string) RecordSet { return l[slices.Index(liveTypes[:], typ)] }

// dnsChanges computes the exact change set (promise 4): only names of the inventory and
// of the stations asked for, only from values known as a site's gateway to those of the
// target. What is anything else is a stop for its name, and refuses the plan unless a
// person has left the name out. Zones, names and types come in a stable order.
func dnsChanges(r Request, to string, stations []string) dnsPlan {
	w := newDNSWork(r, to, stations)
	changes := map[Place]*ZoneChange{}
	unread := map[string]bool{}
	twins := w.twins()
	for i, d := range r.Topology.Domains {
		if !w.asked[d.Station] {
			continue
		}
		if w.unread[d.Zone] != "" {
			unread[d.Zone] = true
			continue
		}
		w.looked++
		there := w.there
		cs, stop := w.judge(i)
		all := [][]RecordChange{cs}
		for n, x := range twins[d.Zone] {
			if stop != nil {
				break
			}
			var more []RecordChange
			more, stop = w.twin(x, w.holders[d.Zone][n+1], i, cs)
			all = append(all, more)
		}
		if stop != nil {
			w.stop(d, *stop)
		}
		if _, out := w.left[d.Name]; out || stop != nil {
			w.there = there
			continue
		}
		for n, cs := range all {
			if n > 0 && len(cs) > 0 {
				w.there = there // not at every provider
			}
			w.add(changes, w.holders[d.Zone][n].Place, cs)
		}
	}
	w.follow(changes)
	w.owners(changes)
	w.out.zones = w.sortedZones(changes)
	w.out.gates = append([]Gate{w.readGate(unread)}, w.stopGates()...)
	w.out.gates = append(w.out.gates, w.onGate(), w.askedGate())
	if len(r.Armed) > 0 {
		w.out.gates = append(w.out.gates, w.driftGate())
	}
	return w.out
}

func newDNSWork(r Request, to string, stations []string) *dnsWork {
	n := len(r.Topology.Domains)
	w := &dnsWork{
		r: r, asked: set(stations), domain: make(map[string]int, n), zones: map[string]bool{}, live: make(map[string]liveSets, n),
		left: map[string]string{}, followed: map[string][]int{},
	}
	w.target, _ = r.Topology.Site(to)
	for i, d := range r.Topology.Domains {
		w.domain[d.Name] = i
		w.zones[d.Zone] = true
	}
	w.hold()
	for zone, hs := range w.holders {
		w.take(zone, hs[0].Sets)
	}
	for _, l := range r.LeaveOut {
		w.left[l.Name] = l.Reason
	}
	return w
}

// take takes the records of a zone over, as far as they are of the inventory.
func (w *dnsWork) take(zone string, sets []RecordSet) {
	for _, s := range sets {
		i, ours := w.domain[s.Name]
		t := slices.Index(liveTypes[:], s.Type)
		if !ours || t < 0 || w.r.Topology.Domains[i].Zone != zone {
			continue
		}
		l := w.live[s.Name]
		s.Values = sorted(s.Values)
		l[t] = s
		w.live[s.Name] = l
	}
}

func set(list []string) map[string]bool {
	m := make(map[string]bool, len(list))
	for _, s := range list {
		m[s] = true
	}
	return m
}

func sorted(values []string) []string {
	out := slices.Clone(values)
	slices.Sort(out)
	return out
}

func (w *dnsWork) stop(d Domain, s Stop) {
	s.Name, s.Station, s.Zone = d.Name, d.Station, d.Zone
	s.LeftOut = w.left[d.Name]
	w.out.stops = append(w.out.stops, s)
}

// follow looks at the names that are aliases within the inventory: they move with their
// target, so the target may only move when all of them are asked for, and they may only
// count on a target that moves or is there.
func (w *dnsWork) follow(changes map[Place]*ZoneChange) {
	stopped := map[string]bool{}
	for _, s := range w.out.stops {
		stopped[s.Name] = true
	}
	for i, d := range w.r.Topology.Domains {
		end, ok := w.endOf(d.Name)
		if !ok || end == d.Name {
			continue
		}
		t := w.r.Topology.Domains[w.domain[end]]
		if !w.asked[d.Station] {
			w.followed[end] = append(w.followed[end], i)
			continue
		}
		if w.unread[d.Zone] != "" || stopped[d.Name] {
			continue
		}
		_, tOut := w.left[end]
		_, out := w.left[d.Name]
		switch {
		case !w.asked[t.Station]:
			w.stop(d, Stop{
				Gate: "alias-target", Evidence: fmt.Sprintf("is an alias of %s, which belongs to station %s and is not asked for", end, t.Station),
				ClearsWhen: "station " + t.Station + " is moved, too, or the name is left out",
			})
		case tOut && !out:
			w.stop(d, Stop{
				Gate: "alias-target", Evidence: fmt.Sprintf("is an alias of %s, which is left out", end),
				ClearsWhen: "the name is left out as well, or its target is not",
			})
		case !out:
			w.out.follows = append(w.out.follows, Follower{Name: d.Name, Station: d.Station, Target: end})
		}
	}
	for _, end := range slices.Sorted(maps.Keys(w.followed)) {
		t := w.r.Topology.Domains[w.domain[end]]
		if !w.asked[t.Station] || stopped[end] || !w.drop(changes, t.Zone, end) {
			continue
		}
		var others []string
		for _, i := range w.followed[end] {
			d := w.r.Topology.Domains[i]
			others = append(others, d.Name+" ("+d.Station+")")
		}
		w.stop(t, Stop{
			Gate: "only-what-was-asked", Evidence: "names of other stations are aliases of it and would move, too: " + some(others),
			ClearsWhen: "those stations are asked for as well, or the name is left out",
		})
	}
	order := w.domain
	slices.SortStableFunc(w.out.stops, func(a, b Stop) int { return order[a.Name] - order[b.Name] })
}

// endOf follows a name's aliases within the inventory to the last of its names. ok is
// false for a chain that leaves the inventory, or never ends.
func (w *dnsWork) endOf(name string) (end string, ok bool) {
	for range maxAliases {
		alias := w.live[name].of("CNAME").Values
		if len(alias) == 0 {
			return name, true
		}
		if len(alias) != 1 {
			return "", false
		}
		if _, gw := w.r.Topology.GatewaySite(alias[0]); gw {
			return name, true
		}
		if _, ours := w.domain[alias[0]]; !ours {
			return "", false
		}
		name = alias[0]
	}
	return "", false
}

// maxAliases bounds a chain of aliases, as resolvers do.
const maxAliases = 8

// some names the first of many, for a line that a person reads.
func some(list []string) string {
	const most = 5
	if len(list) <= most {
		return strings.Join(list, "; ")
	}
	return fmt.Sprintf("%s; and %d more", strings.Join(list[:most], "; "), len(list)-most)
}
