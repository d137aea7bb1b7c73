package failoverplan

import (
	"fmt"
	"slices"
	"sort"
	"strings"
)

// dnsChanges computes the exact change set: only names of the inventory, only from
// values known as a site's gateway to those of the target; anything else is a gate
// that refuses (promise 4). Zones, names and types come in a stable order.
func dnsChanges(r Request, to string, stations []string) ([]ZoneChange, []Gate) {
	target, _ := r.Topology.Site(to)
	zones := map[string]*ZoneChange{}
	var foreign []string
	var unread []string
	for zone, why := range r.LiveProblems {
		unread = append(unread, zone+": "+why)
	}
	sort.Strings(unread)

	for _, d := range r.Topology.Domains {
		if !slices.Contains(stations, d.Station) {
			continue
		}
		if _, bad := r.LiveProblems[d.Zone]; bad {
			continue
		}
		live := setsOf(r.Live[d.Zone], d.Name)
		if why := untouchable(r.Topology, live); why != "" {
			foreign = append(foreign, d.Name+" "+why)
			continue
		}
		for _, typ := range []string{"A", "AAAA"} {
			if c, ok := change(d, target, typ, live); ok {
				z := zones[d.Zone]
				if z == nil {
					z = &ZoneChange{Zone: d.Zone, Provider: d.Provider}
					zones[d.Zone] = z
				}
				z.Changes = append(z.Changes, c)
			}
		}
	}
	var out []ZoneChange
	for _, z := range zones {
		sort.Slice(z.Changes, func(i, k int) bool {
			a, b := z.Changes[i], z.Changes[k]
			if a.After.Name != b.After.Name {
				return a.After.Name < b.After.Name
			}
			return a.After.Type < b.After.Type
		})
		out = append(out, *z)
	}
	sort.Slice(out, func(i, k int) bool { return out[i].Zone < out[k].Zone })
	return out, []Gate{readGate(unread), foreignGate(foreign)}
}

func readGate(unread []string) Gate {
	if len(unread) == 0 {
		return Gate{Gate: "dns-readable", Passed: true, Evidence: "the live records were read through the provider"}
	}
	return Gate{Gate: "dns-readable", Evidence: strings.Join(unread, "; "), ClearsWhen: "the DNS provider answers with our credential; `dutyops doctor` tests it"}
}

func foreignGate(foreign []string) Gate {
	if len(foreign) == 0 {
		return Gate{Gate: "known-values", Passed: true, Evidence: "every name holds gateway addresses of known sites and nothing else"}
	}
	return Gate{Gate: "known-values", Evidence: strings.Join(foreign, "; "), ClearsWhen: "the records are put right at the provider, or the configuration learns the address"}
}

func setsOf(live []RecordSet, name string) map[string]RecordSet {
	out := map[string]RecordSet{}
	for _, s := range live {
		if s.Name == name {
			out[s.Type] = s
		}
	}
	return out
}

// untouchable says why a name must not be changed; "" when it may.
func untouchable(t *Topology, live map[string]RecordSet) string {
	if c, ok := live["CNAME"]; ok {
		return fmt.Sprintf("is a CNAME to %s: switch that name instead", strings.Join(c.Values, ", "))
	}
	if h, ok := live["HTTPS"]; ok && hasHint(h) {
		return "has an HTTPS record with address hints, which would keep browsers at the old site"
	}
	if len(live["A"].Values) == 0 && len(live["AAAA"].Values) == 0 {
		return "has no address records: it is not created by a switch"
	}
	for _, typ := range []string{"A", "AAAA"} {
		for _, v := range live[typ].Values {
			if _, ok := t.GatewaySite(v); !ok {
				return fmt.Sprintf("holds %s %s, which is no gateway of ours", typ, v)
			}
		}
	}
	return ""
}

func hasHint(s RecordSet) bool {
	for _, v := range s.Values {
		if strings.Contains(v, "ipv4hint") || strings.Contains(v, "ipv6hint") {
			return true
		}
	}
	return false
}

// change is the one type's change for a domain; ok is false when nothing changes.
// An AAAA that the target has no address for is removed, and comes back at failback.
func change(d Domain, target Site, typ string, live map[string]RecordSet) (RecordChange, bool) {
	want := target.GatewayV4
	if typ == "AAAA" {
		want = target.GatewayV6
	}
	have, exists := live[typ]
	if !slices.Contains(d.Types, typ) && !exists {
		return RecordChange{}, false
	}
	if len(want) == 0 && !exists {
		return RecordChange{}, false
	}
	if !exists {
		have = RecordSet{Name: d.Name, Type: typ}
	}
	vals := slices.Clone(want)
	sort.Strings(vals)
	before := slices.Clone(have.Values)
	sort.Strings(before)
	if slices.Equal(vals, before) {
		return RecordChange{}, false
	}
	have.Values = before
	after := RecordSet{Name: d.Name, Type: typ, TTL: d.TTL, Values: vals}
	if len(vals) == 0 {
		after.TTL = 0
		after.Values = nil
	}
	return RecordChange{Station: d.Station, Before: have, After: after}, true
}
