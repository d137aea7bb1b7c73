package failoverplan

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// The canary is switched and proven before the rest; both together are the whole change,
// at every provider of the zone.
func TestCanaryGoesFirst(t *testing.T) {
	for _, also := range [][]string{nil, {"second"}} {
		topo := testTopology()
		for i := range topo.Domains {
			topo.Domains[i].Also = also
		}
		r := request(topo, testWorld(topo, "primary", "primary"), Failover)
		r.To, r.Canary = "standby", []string{sha, "not.of.this.plan"}
		for _, p := range also {
			r.Also = append(r.Also, Held{Place: Place{"example.test", p}, Known: true, Sets: r.Live["example.test"]})
		}
		plain := r
		plain.Canary = nil
		p, places := mustPlan(t, r), 1+len(also)
		if !slices.Equal(p.Canary, []string{sha}) || mustPlan(t, plain).Hash == p.Hash || !slices.ContainsFunc(p.Because, func(s string) bool { return strings.Contains(s, "canary first: "+sha) }) {
			t.Fatalf("canary %v, because %q", p.Canary, p.Because)
		}
		var order []string
		for _, s := range p.Steps {
			if s.Action != ActSwitchDNS && (s.Action != ActVerifyAuthoritative || !s.Canary) {
				continue
			}
			word := string(s.Action)
			if s.Canary {
				word = "canary " + word
			}
			order = append(order, word)
			if z, ok := p.Change(s); s.Action == ActSwitchDNS && (!ok || len(z.Changes) != 2 || (z.Changes[0].After.Name == sha) != s.Canary) {
				t.Errorf("%s: %+v", s.Title, z)
			}
			if s.OnFail != p.OnFailedWrite || (s.AnyOf != "") != (len(also) > 0) {
				t.Errorf("%+v", s)
			}
		}
		var want []string
		for _, word := range []string{"canary switch-dns", "canary verify-authoritative", "switch-dns"} {
			want = append(want, slices.Repeat([]string{word}, places)...)
		}
		if !slices.Equal(order, want) || p.Records() != 4*places {
			t.Errorf("%d records, steps %v, want %v", p.Records(), order, want)
		}
	}
	topo := testTopology()
	r := request(topo, testWorld(topo, "primary", "primary"), Failover)
	r.To, r.Canary = "standby", []string{pvg, sha}
	if a := actions(mustPlan(t, r)); strings.Count(a, "switch-dns") != 1 {
		t.Errorf("a zone of canaries only has no rest: %s", a)
	}
}

// Several providers get one TTL, that of the highest floor, whichever of them is first.
func TestTTLFloorIsThatOfAllProviders(t *testing.T) {
	for first, second := range map[string]string{"main": "second", "second": "main"} {
		topo := testTopology()
		for i := range topo.Domains {
			topo.Domains[i].Provider, topo.Domains[i].Also = first, []string{second}
		}
		r := request(topo, testWorld(topo, "primary", "primary"), Failover)
		r.To, r.MinTTL = "standby", map[string]uint32{"second": 600}
		r.Also = []Held{{Place: Place{"example.test", second}, Known: true, Sets: r.Live["example.test"]}}
		for _, z := range mustPlan(t, r).DNS {
			for _, c := range z.Changes {
				if c.After.TTL != 600 {
					t.Errorf("first %s: %s at %s gets TTL %d", first, c.After.Name, z.Provider, c.After.TTL)
				}
			}
		}
	}
}

// One provider's floor is kept as well, and the plan says so: a TTL that it refuses would stop
// the switch. A record that lives there with a lower one shows that its edition takes that.
func TestTTLFloorOfOneProvider(t *testing.T) {
	for _, c := range []struct {
		live, floor, want uint32
		told              bool
	}{
		{3600, 60, 60, true},
		{60, 60, 60, true},
		{1, 60, 60, true},
		{600, 600, 600, true},
		{45, 60, 45, true},
		{30, 600, 30, false},
		{5, 600, 30, false},
		{60, 0, 30, false},
		{60, 20, 30, false},
	} {
		topo := testTopology()
		r := request(topo, testWorld(topo, "primary", "primary"), Failover)
		r.To, r.MinTTL = "standby", map[string]uint32{"main": c.floor}
		for i := range r.Live["example.test"] {
			r.Live["example.test"][i].TTL = c.live
		}
		p := mustPlan(t, r)
		for _, ch := range p.DNS[0].Changes {
			if ch.After.TTL != c.want || ch.Before.TTL != c.live {
				t.Errorf("%+v: %s gets TTL %d from %d", c, ch.After.Name, ch.After.TTL, ch.Before.TTL)
			}
		}
		want := fmt.Sprintf("example.test: TTL %d s in place of the 30 s of the configuration, because main is not known to take a lower one (write ttl: %ds at its domains)", c.want, c.want)
		if slices.Contains(p.Because, want) != c.told {
			t.Errorf("%+v: %q", c, p.Because)
		}
	}
}
