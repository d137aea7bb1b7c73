package failoverplan

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Place is a zone at one of the providers that hold it.
type Place struct {
	Zone     string `json:"zone"`
	Provider string `json:"provider"`
}

// Held is what a further provider of a zone tells of its records.
type Held struct {
	Place
	// Known: somebody told. Without it Sets says nothing.
	Known bool
	Sets  []RecordSet
	// Problem is why the provider itself did not tell; Sets are then from its
	// authoritative servers, where these are Known.
	Problem string
}

// Away is a provider of the plan that does not tell its records now. The zone's other
// providers go on; it is written as far as it answers.
type Away struct {
	Place
	Problem string `json:"problem"`
	// From is where the records come from that the plan expects there.
	From string `json:"records_from"`
}

// hold finds the providers of each zone of the inventory, its own first.
func (w *dnsWork) hold() {
	w.holders, w.unread, w.floor = map[string][]Held{}, map[string]string{}, map[string]uint32{}
	for _, d := range w.r.Topology.Domains {
		if w.holders[d.Zone] != nil {
			continue
		}
		sets, told := w.r.Live[d.Zone]
		hs := []Held{{Place: Place{d.Zone, d.Provider}, Known: told || w.r.LiveProblems[d.Zone] == "", Sets: sets, Problem: w.r.LiveProblems[d.Zone]}}
		for _, also := range d.Also {
			h := Held{Place: Place{d.Zone, also}, Problem: "nobody has asked it"}
			if i := slices.IndexFunc(w.r.Also, func(x Held) bool { return x.Place == h.Place }); i >= 0 {
				h = w.r.Also[i]
			}
			hs = append(hs, h)
		}
		w.holders[d.Zone], w.floor[d.Zone] = hs, floor(w.r, d.Zone)
		if len(hs) == 1 {
			w.floor[d.Zone] = shown(w.floor[d.Zone], sets)
		}
		w.fill(d.Zone, hs)
	}
}

// fill gives a provider that is away the records of its servers, or else those of a
// provider that tells: they are kept equal, and compared before the write.
func (w *dnsWork) fill(zone string, hs []Held) {
	told := slices.IndexFunc(hs, func(h Held) bool { return h.Problem == "" })
	if told < 0 {
		var why []string
		for _, h := range hs {
			why = append(why, h.Problem)
		}
		w.unread[zone] = strings.Join(why, "; ")
		return
	}
	for i := range hs {
		h := &hs[i]
		if h.Problem == "" {
			continue
		}
		a := Away{Place: h.Place, Problem: h.Problem, From: "its authoritative servers"}
		if !h.Known {
			h.Sets, a.From = hs[told].Sets, "those of "+hs[told].Provider
		}
		w.out.away = append(w.out.away, a)
	}
}

// at is the same work at a further provider of a zone.
func (w *dnsWork) at(h Held) *dnsWork {
	x := *w
	x.live = maps.Clone(w.live)
	for _, d := range w.r.Topology.Domains {
		if d.Zone == h.Zone {
			delete(x.live, d.Name)
		}
	}
	x.take(h.Zone, h.Sets)
	return &x
}

// twin judges a name at a further provider of its zone. The name is stopped at all of
// them when one stops it. first are its changes at the zone's own provider.
func (w *dnsWork) twin(x *dnsWork, h Held, i int, first []RecordChange) (cs []RecordChange, stop *Stop) {
	d := w.r.Topology.Domains[i]
	x.there = 0
	cs, stop = x.judge(i)
	if stop != nil {
		stop.Evidence = "at " + h.Provider + ": " + stop.Evidence
		return nil, stop
	}
	var diff []string
	for n, typ := range liveTypes {
		if a, b := w.live[d.Name][n].Values, x.live[d.Name][n].Values; !slices.Equal(a, b) {
			diff = append(diff, fmt.Sprintf("has %s %s at %s and %s at %s", typ, orAbsent(a), d.Provider, orAbsent(b), h.Provider))
		}
	}
	switch {
	case len(diff) == 0:
	case len(first) == 0 || len(cs) == 0: // one of them is at the target: afterwards both are
		w.out.evened++
	default:
		w.stop(d, Stop{
			Gate: "providers-agree", Soft: true, Evidence: strings.Join(diff, ", "),
			ClearsWhen: "the record is put right at one of them, or a person who knows why accepts with --forced that both get the new value",
		})
	}
	return cs, nil
}

// twins lists the further providers of the zones, with the work at each.
func (w *dnsWork) twins() map[string][]*dnsWork {
	out := map[string][]*dnsWork{}
	for zone, hs := range w.holders {
		if w.unread[zone] != "" {
			continue
		}
		for _, h := range hs[1:] {
			out[zone] = append(out[zone], w.at(h))
		}
	}
	return out
}

// add puts changes of a domain at one provider into the plan.
func (w *dnsWork) add(changes map[Place]*ZoneChange, p Place, cs []RecordChange) {
	if len(cs) == 0 {
		return
	}
	z := changes[p]
	if z == nil {
		z = &ZoneChange{Zone: p.Zone, Provider: p.Provider}
		for _, h := range w.holders[p.Zone] {
			if h.Provider != p.Provider {
				z.Also = append(z.Also, h.Provider)
			}
		}
		changes[p] = z
	}
	z.Changes = append(z.Changes, cs...)
}

// drop takes a name out of the changes of its zone at every provider; false when it is
// in none.
func (w *dnsWork) drop(changes map[Place]*ZoneChange, zone, name string) bool {
	found := false
	for _, h := range w.holders[zone] {
		if z := changes[h.Place]; z != nil {
			n := len(z.Changes)
			z.Changes = slices.DeleteFunc(z.Changes, func(c RecordChange) bool { return c.After.Name == name })
			found = found || len(z.Changes) < n
		}
	}
	return found
}

// sortedZones are the changes that are not empty: zone by zone, its own provider first.
func (w *dnsWork) sortedZones(m map[Place]*ZoneChange) []ZoneChange {
	rank := func(z ZoneChange) int {
		return slices.IndexFunc(w.holders[z.Zone], func(h Held) bool { return h.Provider == z.Provider })
	}
	out := make([]ZoneChange, 0, len(m))
	for _, z := range m {
		slices.SortFunc(z.Changes, func(a, b RecordChange) int {
			return cmp.Or(strings.Compare(a.After.Name, b.After.Name), strings.Compare(a.After.Type, b.After.Type))
		})
		if len(z.Changes) > 0 {
			out = append(out, *z)
		}
	}
	slices.SortFunc(out, func(a, b ZoneChange) int {
		return cmp.Or(strings.Compare(a.Zone, b.Zone), rank(a)-rank(b))
	})
	return out
}

// floor is the lowest TTL, in seconds, that every provider of the zone takes.
func floor(r Request, zone string) uint32 {
	for _, d := range r.Topology.Domains {
		if d.Zone == zone {
			low := r.MinTTL[d.Provider]
			for _, p := range d.Also {
				low = max(low, r.MinTTL[p])
			}
			return low
		}
	}
	return 0
}

// shown is the floor of a zone that one provider holds, as its live records show it. A card
// tells the floor of the smallest edition; a TTL that is there is one that the zone takes.
func shown(floor uint32, live []RecordSet) uint32 {
	low := floor
	for _, s := range live {
		if len(s.Values) > 0 {
			low = min(low, lives(s.TTL, floor))
		}
	}
	return low
}

// several says whether a zone of the inventory has more than one provider.
func (w *dnsWork) several() bool {
	for _, hs := range w.holders {
		if len(hs) > 1 {
			return true
		}
	}
	return false
}
