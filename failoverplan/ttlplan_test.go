package failoverplan

import (
	"slices"
	"strings"
	"testing"
)

// planned is a switch of a healthy world with lowered TTLs.
func planned() Request {
	topo := testTopology()
	r := request(topo, testWorld(topo, "primary", "primary"), Failover)
	r.To, r.GracefulTTL = "standby", true
	r.Live["example.test"][0].TTL = 3600 // A of pvg
	return r
}

func TestPlannedSwitchLowersWaitsSwitchesRestores(t *testing.T) {
	p := mustPlan(t, planned())
	got := actions(p)
	if !strings.HasPrefix(got, "preflight lower-ttl wait-ttl ") || !strings.HasSuffix(got, " restore-ttl") {
		t.Fatalf("steps %s", got)
	}
	if p.Wait() != 3600 {
		t.Errorf("it waits %d s, want the longest old TTL", p.Wait())
	}
	for _, s := range p.Steps {
		if c, ok := p.Change(s); ok != (s.Zone != "") || ok && len(c.Changes) == 0 {
			t.Errorf("step %s: change %+v", s.ID, c)
		}
	}
	if len(p.Lower[0].Changes) != 4 || len(p.DNS[0].Changes) != 4 || len(p.Restore[0].Changes) != 4 {
		t.Fatalf("%d lowered, %d switched, %d restored", len(p.Lower[0].Changes), len(p.DNS[0].Changes), len(p.Restore[0].Changes))
	}
	for i, low := range p.Lower[0].Changes {
		sw, back := p.DNS[0].Changes[i], p.Restore[0].Changes[i]
		if !slices.Equal(low.Before.Values, low.After.Values) || low.After.TTL != DefaultSwitchTTL || !same(low.After, sw.Before) || !same(sw.After, back.Before) {
			t.Errorf("the three changes of a set do not follow one another:\n%+v\n%+v\n%+v", low, sw, back)
		}
		if sw.After.TTL != DefaultSwitchTTL || back.After.TTL != low.Before.TTL || !slices.Equal(back.After.Values, sw.After.Values) {
			t.Errorf("after the switch %+v, after the commit %+v", sw.After, back.After)
		}
	}
}

func same(a, b RecordSet) bool {
	return a.Name == b.Name && a.Type == b.Type && a.TTL == b.TTL && slices.Equal(a.Values, b.Values)
}

func TestChoreographyOfSingleSets(t *testing.T) {
	for _, c := range []struct {
		name                 string
		edit                 func(*Request)
		wait                 uint32
		lowered, after, back uint32 // TTLs of the A of pvg; 0 = no such change
	}{
		{"the domain's own switch TTL", func(r *Request) { r.Topology.Domains[0].SwitchTTL = 10 }, 3600, 10, 10, 3600},
		{"not below the provider's floor", func(r *Request) { r.MinTTL = map[string]uint32{"main": 60} }, 3600, 60, 60, 3600},
		{"short already", func(r *Request) {
			for i := range r.Live["example.test"] {
				r.Live["example.test"][i].TTL = 4
			}
		}, 0, 0, 4, 0},
		{"automatic counts as 300 s", func(r *Request) {
			r.MinTTL = map[string]uint32{"main": 60}
			for i := range r.Live["example.test"] {
				r.Live["example.test"][i].TTL = 1
			}
		}, 300, 60, 60, 1},
		{"what an earlier run owes", func(r *Request) {
			for i := range r.Live["example.test"] {
				r.Live["example.test"][i].TTL = 5
			}
			r.OwedTTL = map[SetKey]uint32{{pvg, "A", "main"}: 1800}
		}, 0, 0, 5, 1800},
		{"owed in an emergency", func(r *Request) {
			r.GracefulTTL = false
			r.OwedTTL = map[SetKey]uint32{{pvg, "A", "main"}: 1800}
		}, 0, 0, 30, 1800},
		{"never in a forced switch", func(r *Request) { r.Force = true }, 0, 0, 30, 0},
		{"never when something is down", func(r *Request) { r.Situation.setPlatform("primary", Business, Down) }, 0, 0, 30, 0},
		{"by the rules", func(r *Request) { r.GracefulTTL, r.Limits.TTLChoreography = false, true }, 3600, 5, 5, 3600},
		{"not asked for", func(r *Request) { r.GracefulTTL = false }, 0, 0, 30, 0},
	} {
		r := planned()
		c.edit(&r)
		p := mustPlan(t, r)
		if got := [4]uint32{p.Wait(), ttlOf(p.Lower), ttlOf(p.DNS), ttlOf(p.Restore)}; got != [4]uint32{c.wait, c.lowered, c.after, c.back} {
			t.Errorf("%s: wait, lowered, after, restored %v, want %v", c.name, got, [4]uint32{c.wait, c.lowered, c.after, c.back})
		}
		if has := strings.Contains(actions(p), "wait-ttl"); has != (c.wait > 0) {
			t.Errorf("%s: steps %s", c.name, actions(p))
		}
	}
}

func ttlOf(zs []ZoneChange) uint32 {
	for _, z := range zs {
		for _, c := range z.Changes {
			if c.After.Name == pvg && c.After.Type == "A" {
				return c.After.TTL
			}
		}
	}
	return 0
}

func TestAFailbackCanBeChoreographed(t *testing.T) {
	topo := testTopology()
	r := request(topo, testWorld(topo, "standby", "standby"), Failback)
	r.GracefulTTL = true
	if got := actions(mustPlan(t, r)); !strings.HasPrefix(got, "preflight lower-ttl wait-ttl re-protect") || !strings.HasSuffix(got, "re-protect restore-ttl") {
		t.Errorf("steps %s", got)
	}
}

func TestTTLsAreInTheHash(t *testing.T) {
	r := planned()
	a := mustPlan(t, r)
	r.OwedTTL = map[SetKey]uint32{{pvg, "A", "main"}: 1800}
	if b := mustPlan(t, r); a.Hash == b.Hash {
		t.Error("another TTL after the commit is another approval")
	}
	r.OwedTTL, r.GracefulTTL = nil, false
	if b := mustPlan(t, r); a.Hash == b.Hash {
		t.Error("no choreography is another approval")
	}
}
