package suite

import (
	"fmt"
	"slices"
	"testing"

	"github.com/dutyops/dutyops/dnsproviders"
)

// Set is a set that a transition starts from, and what should be there after it.
type Set struct {
	Type   string
	TTL    uint32
	Values []string
}

// Transition takes one name from some sets to others, in one Apply.
type Transition struct {
	Name     string
	Owner    string // relative to the zone; "" = the apex
	From, To []Set
}

// Transitions is the table that every provider must master.
func Transitions() []Transition {
	a := func(ttl uint32, vs ...string) Set { return Set{"A", ttl, vs} }
	aaaa := func(vs ...string) Set { return Set{"AAAA", 60, vs} }
	cname := func(v string) Set { return Set{"CNAME", 60, []string{v}} }
	https := func(v string) Set { return Set{"HTTPS", 60, []string{v}} }
	return []Transition{
		{"re-point", "www", []Set{a(60, OldV4)}, []Set{a(60, NewV4)}},
		{"re-point with ttl", "www", []Set{a(300, OldV4)}, []Set{a(30, NewV4)}},
		{"ttl only", "www", []Set{a(300, OldV4)}, []Set{a(30, OldV4)}},
		{"nothing", "www", []Set{a(60, OldV4)}, []Set{a(60, OldV4)}},
		{"both families", "www", []Set{a(60, OldV4), aaaa(OldV6)}, []Set{a(60, NewV4), aaaa(NewV6)}},
		{"multi to multi", "www", []Set{a(60, "192.0.2.10", "192.0.2.11")}, []Set{a(60, "198.51.100.20", "198.51.100.21")}},
		{"one stays", "www", []Set{a(60, "192.0.2.10", "192.0.2.11")}, []Set{a(60, "192.0.2.11", "198.51.100.20")}},
		{"fewer", "www", []Set{a(60, "192.0.2.10", "192.0.2.11")}, []Set{a(60, NewV4)}},
		{"more", "www", []Set{a(60, OldV4)}, []Set{a(60, "198.51.100.20", "198.51.100.21")}},
		{"remove", "www", []Set{a(60, OldV4), aaaa(OldV6)}, []Set{a(60, NewV4)}},
		{"create", "www", []Set{a(60, OldV4)}, []Set{a(60, NewV4), aaaa(NewV6)}},
		{"alias", "www", []Set{cname("primary.example.test")}, []Set{cname("standby.example.test")}},
		{"address to alias", "www", []Set{a(60, OldV4), aaaa(OldV6)}, []Set{cname("standby.example.test")}},
		{"alias to address", "www", []Set{cname("primary.example.test")}, []Set{a(60, NewV4), aaaa(NewV6)}},
		{
			"hints", "www",
			[]Set{a(60, OldV4), https(`1 . alpn="h2,h3" ipv4hint="192.0.2.10" ipv6hint="2001:db8:a::10"`)},
			[]Set{a(60, NewV4), https(`1 . alpn="h2,h3" ipv4hint="198.51.100.20" ipv6hint="2001:db8:b::20"`)},
		},
		{"https of many kinds", "www", []Set{https(`1 . alpn="h2" port="8443" ech="AEX+DQ=="`)}, []Set{https(`2 svc.example.test. alpn="h2" no-default-alpn="" ipv4hint="198.51.100.20"`)}},
		{"apex", "", []Set{a(60, OldV4), aaaa(OldV6)}, []Set{a(60, NewV4), aaaa(NewV6)}},
		{"wildcard", "*", []Set{a(60, OldV4)}, []Set{a(60, NewV4)}},
		{"underscore", "_svc.www", []Set{cname("primary.example.test")}, []Set{cname("standby.example.test")}},
	}
}

// Changes of a transition.
func (x Transition) Changes() []dnsproviders.Change {
	name := Zone
	if x.Owner != "" {
		name = x.Owner + "." + Zone
	}
	at := map[string]*dnsproviders.Change{}
	var order []string
	get := func(s Set) *dnsproviders.Change {
		if at[s.Type] == nil {
			c := Change(name, s.Type, s.TTL, nil, nil)
			at[s.Type] = &c
			order = append(order, s.Type)
		}
		return at[s.Type]
	}
	// The new sets come first: whether deletions go before them is the provider's care.
	for _, s := range x.To {
		c := get(s)
		c.After.TTL, c.After.Values = s.TTL, s.Values
	}
	for _, s := range x.From {
		c := get(s)
		c.Before.TTL, c.Before.Values = s.TTL, s.Values
	}
	out := make([]dnsproviders.Change, len(order))
	for i, typ := range order {
		out[i] = *at[typ]
	}
	return out
}

// Table runs the transitions, there and back, on what begin sets up: a provider and a
// zone that holds the From sets of the name.
func Table(t *testing.T, begin func(t *testing.T, name string, from []Set) dnsproviders.Provider) {
	for _, x := range Transitions() {
		t.Run(x.Name, func(t *testing.T) {
			changes := x.Changes()
			name := changes[0].Before.Name
			p := begin(t, name, x.From)
			if _, err := p.Apply(t.Context(), Zone, changes); err != nil {
				t.Fatalf("there: %v", err)
			}
			holds(t, p, name, x.To)
			if _, err := p.Apply(t.Context(), Zone, Invert(changes)); err != nil {
				t.Fatalf("back: %v", err)
			}
			holds(t, p, name, x.From)
		})
	}
}

func holds(t *testing.T, p dnsproviders.Provider, name string, want []Set) {
	t.Helper()
	live, err := p.Read(t.Context(), Zone, []string{name})
	if err != nil {
		t.Fatal(err)
	}
	var got, exp []string
	for _, s := range live {
		got = append(got, fmt.Sprint(s.Type, " ", s.TTL, " ", s.Values))
	}
	for _, s := range want {
		c, err := dnsproviders.RRset{Name: name, Type: s.Type, TTL: s.TTL, Values: s.Values}.Canonical()
		if err != nil {
			t.Fatal(err)
		}
		exp = append(exp, fmt.Sprint(c.Type, " ", c.TTL, " ", c.Values))
	}
	slices.Sort(exp)
	if !slices.Equal(got, exp) {
		t.Errorf("live %q, want %q", got, exp)
	}
}
