package failoverplan

import (
	"fmt"
	"slices"
	"strings"
)

// addressTypes are changed together with their name.
var addressTypes = [...]string{"A", "AAAA"}

// judge works out the changes of one name, or why it cannot be switched. Neither: it
// points at the target already, or is an alias of another name of the inventory.
func (w *dnsWork) judge(i int) ([]RecordChange, *Stop) {
	d := w.r.Topology.Domains[i]
	live := w.live[d.Name]
	if live.of("CNAME").Values != nil || slices.Contains(d.Types, "CNAME") {
		return w.judgeAlias(d, live)
	}
	if stop := w.known(d, live); stop != nil {
		return nil, stop
	}
	if stop := w.counted(d, live); stop != nil {
		return nil, stop
	}
	var cs []RecordChange
	moves, ends := false, false
	for _, typ := range addressTypes {
		if !slices.Contains(d.Types, typ) {
			continue
		}
		c := w.change(d, live, typ, w.target.Gateway(typ))
		if typ == "A" && len(c.Before.Values) > 0 && len(c.After.Values) == 0 {
			return nil, &Stop{
				Gate: "never-empty", Evidence: fmt.Sprintf("would lose its A record: %s has no IPv4 address", w.target.Name),
				ClearsWhen: "the gateway of " + w.target.Name + " has an IPv4 address in the configuration, or another site is chosen",
			}
		}
		ends = ends || len(c.After.Values) > 0
		moves = moves || !slices.Equal(c.Before.Values, c.After.Values)
		if len(c.Before.Values)+len(c.After.Values) > 0 {
			cs = append(cs, c)
		}
	}
	if !ends {
		return nil, &Stop{
			Gate: "never-empty", Evidence: fmt.Sprintf("%s has no address of its types %s: the name would be empty", w.target.Name, strings.Join(d.Types, ", ")),
			ClearsWhen: "the gateway of " + w.target.Name + " has an address of the type in the configuration, or another site is chosen",
		}
	}
	if !moves {
		cs = nil
	}
	https, stop := w.judgeHTTPS(d, live)
	if stop != nil {
		return nil, stop
	}
	if https != nil {
		cs = append(cs, *https)
	}
	if len(cs) == 0 {
		w.there++
	}
	return cs, nil
}

// change is one set's way from what it is to values.
func (w *dnsWork) change(d Domain, live liveSets, typ string, values []string) RecordChange {
	before := live.of(typ)
	before.Name, before.Type = d.Name, typ
	after := RecordSet{Name: d.Name, Type: typ}
	if len(values) > 0 {
		// One that the provider takes, or all of several: a write that it refuses moves nobody.
		after.TTL, after.Values = max(d.TTL, w.floor[d.Zone]), sorted(values)
	}
	return RecordChange{Station: d.Station, Before: before, After: after}
}

// known asks that every live address is one of a gateway of ours.
func (w *dnsWork) known(d Domain, live liveSets) *Stop {
	for _, typ := range addressTypes {
		for _, v := range live.of(typ).Values {
			if _, ok := w.r.Topology.GatewaySite(v); !ok {
				return &Stop{
					Gate: "known-values", Evidence: fmt.Sprintf("holds %s %s, which is no gateway of ours", typ, v),
					ClearsWhen: "the record is put right at the provider, or the configuration learns the address",
				}
			}
		}
	}
	return nil
}

// counted asks for exactly the sets that the inventory expects: of every type of the name
// that a site which it points at has addresses of, and of no other.
func (w *dnsWork) counted(d Domain, live liveSets) *Stop {
	stop := func(clears, format string, args ...any) *Stop {
		return &Stop{Gate: "inventory-counts", Evidence: fmt.Sprintf(format, args...), ClearsWhen: clears}
	}
	at := map[string]bool{}
	for _, typ := range addressTypes {
		for _, v := range live.of(typ).Values {
			s, _ := w.r.Topology.GatewaySite(v)
			at[s] = true
		}
	}
	if len(at) == 0 {
		return stop("its record exists at the provider, or the name is taken out of the configuration", "has no address records: a switch re-points names, it does not make them")
	}
	for _, typ := range addressTypes {
		expected := ""
		for _, s := range w.r.Topology.Sites {
			if at[s.Name] && len(s.Gateway(typ)) > 0 && slices.Contains(d.Types, typ) {
				expected = s.Name
			}
		}
		switch exists := len(live.of(typ).Values) > 0; {
		case exists && expected == "":
			return stop("the configuration lists "+typ+" in its types, or the record is removed at the provider", "has an %s record that the inventory does not expect (its types are %s)", typ, strings.Join(d.Types, ", "))
		case !exists && expected != "":
			return stop("the record is put back at the provider, or the configuration leaves "+typ+" out of its types", "has no %s record, and the inventory expects one while it points at %s", typ, expected)
		}
	}
	return nil
}

// judgeAlias is judge for a name that is, or should be, a CNAME.
func (w *dnsWork) judgeAlias(d Domain, live liveSets) ([]RecordChange, *Stop) {
	alias := live.of("CNAME").Values
	named := slices.Contains(d.Types, "CNAME")
	stop := func(gate, clears, format string, args ...any) ([]RecordChange, *Stop) {
		return nil, &Stop{Gate: gate, Evidence: fmt.Sprintf(format, args...), ClearsWhen: clears}
	}
	if len(alias) != 1 {
		return stop("inventory-counts", "its CNAME exists at the provider, or the configuration lists other types", "has %d CNAME values, and the inventory expects one", len(alias))
	}
	to := alias[0]
	site, gateway := w.r.Topology.GatewaySite(to)
	switch {
	case gateway && !named:
		return stop("inventory-counts", "the configuration says types: [CNAME] for it", "is a CNAME to %s, the gateway of %s, and the inventory expects %s", to, site, strings.Join(d.Types, ", "))
	case gateway && w.target.GatewayName == "":
		return stop("never-empty", "the gateway of "+w.target.Name+" gets a name in the configuration", "%s has no gateway name that a CNAME could point at", w.target.Name)
	case gateway && to == w.target.GatewayName:
		w.there++
		return nil, nil
	case gateway:
		return []RecordChange{w.change(d, live, "CNAME", w.target.Gateway("CNAME"))}, nil
	}
	if _, ours := w.domain[to]; ours {
		if _, ok := w.endOf(to); ok {
			return nil, nil // follow has a look at it
		}
		return stop("alias-target", "the alias ends at a name of the inventory", "is an alias of %s, whose own aliases end at no name of the inventory", to)
	}
	if zone := w.zoneOf(to); zone != "" {
		return stop("alias-target", fmt.Sprintf("%s is a domain of the configuration: one change of it then moves every name that points at it", to),
			"is an alias of %s, which is in our zone %s and not in the inventory", to, zone)
	}
	return stop("alias-target", "it points at a name of ours, or whoever holds "+to+" switches that name; then it is left out", "is an alias of %s, which is in none of our zones", to)
}

// zoneOf is the zone of the inventory that holds the name, "" when none does.
func (w *dnsWork) zoneOf(name string) string {
	for at := name; ; {
		if w.zones[at] {
			return at
		}
		i := strings.IndexByte(at, '.')
		if i < 0 {
			return ""
		}
		at = at[i+1:]
	}
}

// judgeHTTPS works out the change of a name's HTTPS record: hints at our gateways follow
// the name (RFC 9460 section 7.3: browsers may use them before they know the addresses).
// nil, nil: there is none, or nothing in it points anywhere else.
func (w *dnsWork) judgeHTTPS(d Domain, live liveSets) (*RecordChange, *Stop) {
	have := live.of("HTTPS")
	if len(have.Values) == 0 {
		return nil, nil
	}
	stop := func(clears, format string, args ...any) (*RecordChange, *Stop) {
		return nil, &Stop{Gate: "https-hints", Evidence: fmt.Sprintf(format, args...), ClearsWhen: clears}
	}
	var values []string
	for _, v := range have.Values {
		h, err := readHTTPS(v)
		if err != nil {
			return stop("the record is written plainly at the provider, or removed", "has an HTTPS record %q that cannot be understood: %v", clip(v), err)
		}
		if h.target != "" && h.target != d.Name {
			return stop("its HTTPS record names no other target, or the name is left out", "has an HTTPS record that sends browsers to %s, which does not move with it", h.target)
		}
		for _, a := range h.hints {
			if _, ok := w.r.Topology.GatewaySite(a.String()); !ok {
				return stop("the hint is put right at the provider, or the configuration learns the address", "has an HTTPS record with the hint %s, which is no gateway of ours", a)
			}
		}
		moved, err := h.move(sorted(w.target.GatewayV4), sorted(w.target.GatewayV6))
		if err != nil {
			return stop("the record no longer makes it mandatory, or the gateway of "+w.target.Name+" has such an address", "has an HTTPS record that cannot follow: %v", err)
		}
		values = append(values, moved)
	}
	c := w.change(d, live, "HTTPS", slices.Compact(sorted(values)))
	if slices.Equal(c.Before.Values, c.After.Values) {
		return nil, nil
	}
	return &c, nil
}
