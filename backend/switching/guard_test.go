package switching

import (
	"errors"
	"testing"

	"github.com/dutyops/dutyops/dnsproviders"
	"github.com/dutyops/dutyops/failoverplan"
)

func TestGuards(t *testing.T) {
	n := "www." + zoneName
	a := func() failoverplan.RecordChange { return change(n, "A", []string{oldV4}, []string{newV4}) }
	v6 := func() failoverplan.RecordChange { return change(n, "AAAA", []string{oldV6}, []string{newV6}) }
	ttl := func(v uint32) failoverplan.RecordChange { c := a(); c.After.TTL = v; return c }
	https := func(to string) failoverplan.RecordChange {
		return change(n, "HTTPS", []string{"1 . ipv4hint=" + oldV4}, []string{to})
	}
	zone := func(cs ...failoverplan.RecordChange) failoverplan.ZoneChange {
		return failoverplan.ZoneChange{Zone: zoneName, Provider: "cloudflare", Changes: cs}
	}
	for _, tc := range []struct {
		name string
		zc   failoverplan.ZoneChange
		live map[string]string // type -> value beside A
		gate string            // "" = passes
	}{
		{"A and AAAA", zone(a(), v6()), map[string]string{"AAAA": oldV6}, ""},
		{"A of a name without AAAA", zone(a()), nil, ""},
		{"AAAA removed beside A", zone(a(), change(n, "AAAA", []string{oldV6}, nil)), map[string]string{"AAAA": oldV6}, ""},
		{"AAAA made beside A", zone(a(), change(n, "AAAA", nil, []string{newV6})), nil, ""},
		{"hints rewritten", zone(a(), https("1 . ipv4hint="+newV4)), map[string]string{"HTTPS": "1 . ipv4hint=" + oldV4}, ""},
		{"hints dropped", zone(a(), https(`1 . alpn="h2"`)), map[string]string{"HTTPS": "1 . ipv4hint=" + oldV4}, ""},
		{"HTTPS without hints stays", zone(a()), map[string]string{"HTTPS": `1 . alpn="h2"`}, ""},
		{"automatic ttl restored", zone(ttl(1)), nil, ""},

		{"AAAA left behind", zone(a()), map[string]string{"AAAA": oldV6}, "together"},
		{"A left behind", zone(v6()), map[string]string{"AAAA": oldV6}, "together"},
		{"hint left behind", zone(a()), map[string]string{"HTTPS": "1 . ipv4hint=" + oldV4}, "together"},
		{"hint of nobody left behind", zone(a()), map[string]string{"HTTPS": "1 . ipv4hint=203.0.113.7"}, "together"},
		{"hint kept in the change", zone(a(), https(`1 . alpn="h2" ipv4hint=`+oldV4)), map[string]string{"HTTPS": "1 . ipv4hint=" + oldV4}, "together"},
		{"empty A", zone(change(n, "A", []string{oldV4}, nil)), nil, "never-empty"},
		{"empty A beside AAAA", zone(change(n, "A", []string{oldV4}, nil), v6()), map[string]string{"AAAA": oldV6}, "never-empty"},
		{"AAAA removed alone", zone(change(n, "AAAA", []string{oldV6}, nil)), map[string]string{"AAAA": oldV6}, "never-empty"},
		{"A made", zone(change(n, "A", nil, []string{newV4})), nil, "never-empty"},
		{"twice", zone(a(), a()), nil, "names"},
		{"outside the zone", zone(change("www.other.test", "A", []string{oldV4}, []string{newV4})), nil, "names"},
		{"no address", zone(change(n, "A", []string{oldV4}, []string{"gateway"})), nil, "names"},
		{"nothing", zone(), nil, "names"},
		{"no ttl", zone(ttl(0)), nil, "ttl"},
		{"a week", zone(ttl(7 * 86400)), nil, "ttl"},
		{"nowhere", zone(change(n, "A", []string{oldV4}, []string{"0.0.0.0"})), nil, "address"},
		{"to a link's own address", zone(change(n, "A", []string{oldV4}, []string{"169.254.1.1"})), nil, "address"},
		{"to a group", zone(change(n, "A", []string{oldV4}, []string{"224.0.0.1"})), nil, "address"},
		{"unknown zone", failoverplan.ZoneChange{Zone: "other.test", Provider: "cloudflare", Changes: []failoverplan.RecordChange{a()}}, nil, "zone"},
		{"unknown provider", failoverplan.ZoneChange{Zone: zoneName, Provider: "route53", Changes: []failoverplan.RecordChange{a()}}, nil, "provider"},
	} {
		for _, provider := range []string{"cloudflare", "rfc2136"} {
			t.Run(tc.name+" "+provider, func(t *testing.T) {
				r := newRig(t, rigOptions{})
				r.zone.Set(n, "A", 60, oldV4)
				for typ, v := range tc.live {
					r.zone.Set(n, typ, 60, v)
				}
				serial := r.zone.Serial()
				zc := tc.zc
				if zc.Provider == "cloudflare" {
					zc.Provider = provider
				}
				_, err := r.s.Apply(t.Context(), zc)
				if tc.gate == "" {
					if err != nil {
						t.Fatal(err)
					}
					if r.zone.Serial() == serial {
						t.Error("nothing was changed")
					}
					return
				}
				var g *GuardError
				if !errors.As(err, &g) || g.Gate != tc.gate || g.Evidence == "" || g.ClearsWhen == "" {
					t.Fatalf("got %v, want the guard %q", err, tc.gate)
				}
				if !errors.Is(err, ErrGuard) || !errors.Is(err, dnsproviders.ErrRejected) {
					t.Error("a refusal must be ErrGuard and ErrRejected")
				}
				if r.zone.Serial() != serial {
					t.Error("the zone was changed")
				}
			})
		}
	}
}

func TestNewRefusesWrongOptions(t *testing.T) {
	r := newRig(t, rigOptions{})
	p := r.s.opt.Providers
	for name, o := range map[string]Options{
		"no provider":  {Zones: []Zone{{Name: "a.test", Provider: "x"}}},
		"zone twice":   {Providers: p, Zones: []Zone{{Name: "a.test", Provider: "cloudflare"}, {Name: "A.test.", Provider: "cloudflare"}}},
		"bad server":   {Providers: p, Zones: []Zone{{Name: "a.test", Provider: "cloudflare", Authoritative: []string{"ns1"}}}},
		"bad resolver": {Providers: p, Resolvers: []Resolver{{"r", "127.0.0.1"}}},
	} {
		if _, err := New(o); err == nil {
			t.Errorf("%s was accepted", name)
		}
	}
	if c, ok := r.s.Capabilities("rfc2136"); !ok || !c.CompareAndSet {
		t.Errorf("%+v, %v", c, ok)
	}
}

// What the change itself knows is judged without a look at the zone: plans and the way
// back are checked so.
func TestCheckJudgesTheChangeAlone(t *testing.T) {
	r := newRig(t, rigOptions{})
	move := change("pvg."+zoneName, "A", []string{oldV4}, []string{newV4})
	kept := change("pvg."+zoneName, "HTTPS", []string{"1 . ipv4hint=" + oldV4}, []string{`1 . alpn="h2" ipv4hint=` + oldV4})
	var g *GuardError
	err := r.s.Check(failoverplan.ZoneChange{Zone: zoneName, Provider: "cloudflare", Changes: []failoverplan.RecordChange{move, kept}})
	if !errors.As(err, &g) || g.Gate != "together" {
		t.Errorf("a hint that stays behind: %v", err)
	}
	if err := r.s.Check(failoverplan.ZoneChange{Zone: zoneName, Provider: "cloudflare", Changes: []failoverplan.RecordChange{move}}); err != nil {
		t.Errorf("an address alone: %v", err)
	}
}
