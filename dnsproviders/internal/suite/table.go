package suite

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/dutyops/dutyops/dnsproviders"
	"github.com/dutyops/dutyops/dnsproviders/dnstest"
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
	// Beside are sets of types that no switch knows; they stay as they are.
	Beside []Set
	// Refused: no provider may do it; nothing changes and the error says why.
	Refused bool
}

// Transitions is the table that every provider must master.
func Transitions() []Transition {
	a := func(ttl uint32, vs ...string) Set { return Set{"A", ttl, vs} }
	aaaa := func(vs ...string) Set { return Set{"AAAA", 60, vs} }
	cname := func(v string) Set { return Set{"CNAME", 60, []string{v}} }
	https := func(v string) Set { return Set{"HTTPS", 60, []string{v}} }
	txt := []Set{{"TXT", 300, []string{`"owner=net-team"`}}}
	row := func(name, owner string, from, to []Set) Transition {
		return Transition{Name: name, Owner: owner, From: from, To: to}
	}
	return []Transition{
		row("re-point", "www", []Set{a(60, OldV4)}, []Set{a(60, NewV4)}),
		row("re-point with ttl", "www", []Set{a(300, OldV4)}, []Set{a(30, NewV4)}),
		row("ttl only", "www", []Set{a(300, OldV4)}, []Set{a(30, OldV4)}),
		row("ttl only, multi", "www", []Set{a(300, OldV4, "192.0.2.11")}, []Set{a(30, OldV4, "192.0.2.11")}),
		row("nothing", "www", []Set{a(60, OldV4)}, []Set{a(60, OldV4)}),
		row("both families", "www", []Set{a(60, OldV4), aaaa(OldV6)}, []Set{a(60, NewV4), aaaa(NewV6)}),
		row("multi to multi", "www", []Set{a(60, "192.0.2.10", "192.0.2.11")}, []Set{a(60, "198.51.100.20", "198.51.100.21")}),
		row("one stays", "www", []Set{a(60, "192.0.2.10", "192.0.2.11")}, []Set{a(60, "192.0.2.11", "198.51.100.20")}),
		row("fewer", "www", []Set{a(60, "192.0.2.10", "192.0.2.11")}, []Set{a(60, NewV4)}),
		row("shrink", "www", []Set{a(60, "192.0.2.10", "192.0.2.11", "192.0.2.12")}, []Set{a(60, "192.0.2.11")}),
		row("more", "www", []Set{a(60, OldV4)}, []Set{a(60, "198.51.100.20", "198.51.100.21")}),
		row("grow", "www", []Set{a(60, OldV4)}, []Set{a(60, OldV4, "192.0.2.11", "192.0.2.12")}),
		row("multi of both families", "www", []Set{a(60, OldV4, "192.0.2.11"), aaaa(OldV6, "2001:db8:a::11")}, []Set{a(60, NewV4), aaaa(NewV6, "2001:db8:b::21")}),
		row("remove", "www", []Set{a(60, OldV4), aaaa(OldV6)}, []Set{a(60, NewV4)}),
		row("create", "www", []Set{a(60, OldV4)}, []Set{a(60, NewV4), aaaa(NewV6)}),
		row("alias", "www", []Set{cname("primary.example.test")}, []Set{cname("standby.example.test")}),
		row("alias ttl only", "www", []Set{{"CNAME", 300, []string{"primary.example.test"}}}, []Set{cname("primary.example.test")}),
		row("alias with ttl", "www", []Set{{"CNAME", 300, []string{"primary.example.test"}}}, []Set{cname("standby.example.test")}),
		row("address to alias", "www", []Set{a(60, OldV4), aaaa(OldV6)}, []Set{cname("standby.example.test")}),
		row("alias to address", "www", []Set{cname("primary.example.test")}, []Set{a(60, NewV4), aaaa(NewV6)}),
		row("addresses to alias", "www", []Set{a(60, OldV4, "192.0.2.11")}, []Set{cname("standby.example.test")}),
		row("hints", "www",
			[]Set{a(60, OldV4), https(`1 . alpn="h2,h3" ipv4hint="192.0.2.10" ipv6hint="2001:db8:a::10"`)},
			[]Set{a(60, NewV4), https(`1 . alpn="h2,h3" ipv4hint="198.51.100.20" ipv6hint="2001:db8:b::20"`)}),
		row("hints of both families", "www",
			[]Set{a(60, OldV4), aaaa(OldV6), https(`1 . alpn="h2" ipv4hint="192.0.2.10,192.0.2.11" ipv6hint="2001:db8:a::10"`)},
			[]Set{a(60, NewV4), aaaa(NewV6), https(`1 . alpn="h2" ipv4hint="198.51.100.20"`)}),
		row("https of many kinds", "www", []Set{https(`1 . alpn="h2" port="8443" ech="AEX+DQ=="`)}, []Set{https(`2 svc.example.test. alpn="h2" no-default-alpn="" ipv4hint="198.51.100.20"`)}),
		row("apex", "", []Set{a(60, OldV4), aaaa(OldV6)}, []Set{a(60, NewV4), aaaa(NewV6)}),
		row("apex with hints", "", []Set{a(60, OldV4), https(`1 . ipv4hint="192.0.2.10"`)}, []Set{a(60, NewV4), https(`1 . ipv4hint="198.51.100.20"`)}),
		row("wildcard", "*", []Set{a(60, OldV4)}, []Set{a(60, NewV4)}),
		row("wildcard alias", "*.apps", []Set{cname("primary.example.test")}, []Set{cname("standby.example.test")}),
		row("underscore", "_svc.www", []Set{cname("primary.example.test")}, []Set{cname("standby.example.test")}),
		{Name: "another type beside", Owner: "www", From: []Set{a(60, OldV4), aaaa(OldV6)}, To: []Set{a(60, NewV4)}, Beside: txt},
		{Name: "another type beside the apex", Owner: "", From: []Set{a(60, OldV4)}, To: []Set{a(60, NewV4)}, Beside: txt},
		{Name: "alias in the place of another type", Owner: "www", From: []Set{a(60, OldV4)}, To: []Set{cname("standby.example.test")}, Beside: txt, Refused: true},
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

// Bed is a provider and the zone's own view of a set of any type, as values.
type Bed struct {
	Provider dnsproviders.Provider
	Look     func(t testing.TB, name, typ string) []string
}

// BedOf is a provider on a fake's zone.
func BedOf(p dnsproviders.Provider, z *dnstest.Zone) Bed {
	return Bed{p, func(_ testing.TB, name, typ string) []string {
		vs, _ := z.Get(name, typ)
		return vs
	}}
}

// Table runs the transitions, there and back, on what begin sets up: a provider and a
// zone that holds the sets of the name. stops are the rows that the provider refuses, with
// words of its reason: a hard stop that is explained, and nothing is changed.
func Table(t *testing.T, begin func(t *testing.T, name string, sets []Set) Bed, stops map[string]string) {
	met := 0
	run := func(x Transition, apply func(testing.TB, dnsproviders.Provider, []dnsproviders.Change) error) func(*testing.T) {
		return func(t *testing.T) {
			changes := x.Changes()
			name := changes[0].Before.Name
			bed := begin(t, name, slices.Concat(x.From, x.Beside))
			why, stop := stops[x.Name]
			if stop {
				met++
			}
			if stop || x.Refused {
				err := apply(t, bed.Provider, changes)
				var e *dnsproviders.Error
				var pe *dnsproviders.PartialError
				if !errors.As(err, &e) || e.Hint == "" || errors.As(err, &pe) || !errors.Is(err, dnsproviders.ErrRejected) && !errors.Is(err, dnsproviders.ErrConflict) ||
					!strings.Contains(err.Error(), why) || !strings.Contains(err.Error(), name) {
					t.Errorf("want a stop that names %s and says %q, got %v", name, why, err)
				}
				holds(t, bed, name, x.From, x.Beside)
				return
			}
			if err := apply(t, bed.Provider, changes); err != nil {
				t.Fatalf("there: %v", err)
			}
			holds(t, bed, name, x.To, x.Beside)
			if err := apply(t, bed.Provider, Invert(changes)); err != nil {
				t.Fatalf("back: %v", err)
			}
			holds(t, bed, name, x.From, x.Beside)
		}
	}
	for _, x := range Transitions() {
		t.Run(x.Name, run(x, func(t testing.TB, p dnsproviders.Provider, changes []dnsproviders.Change) error {
			_, err := p.Apply(t.Context(), Zone, changes)
			return err
		}))
	}
	if met != len(stops) {
		t.Errorf("%d of the %d stops are rows of the table", met, len(stops))
	}
	if _, ok := begin(t, Zone, nil).Provider.(dnsproviders.Armer); !ok {
		return
	}
	for _, x := range Transitions() {
		t.Run("armed: "+x.Name, run(x, armed))
	}
}

func armed(t testing.TB, p dnsproviders.Provider, changes []dnsproviders.Change) error {
	t.Helper()
	armer, _ := p.(dnsproviders.Armer)
	a, err := armer.Arm(t.Context(), Zone, []string{changes[0].Before.Name})
	if err != nil {
		t.Fatal(err)
	}
	_, err = armer.ApplyArmed(t.Context(), a, changes)
	return err
}

func holds(t *testing.T, bed Bed, name string, want, beside []Set) {
	t.Helper()
	for _, s := range beside {
		if got := bed.Look(t, name, s.Type); !slices.Equal(got, s.Values) {
			t.Errorf("%s %s beside is %q, want %q", name, s.Type, got, s.Values)
		}
	}
	live, err := bed.Provider.Read(t.Context(), Zone, []string{name})
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
