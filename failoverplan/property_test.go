package failoverplan

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

// randomWorld is an inventory of names over a few zones and stations with live zones that
// hold ours, strangers', half of it, aliases and HTTPS records, all by chance.
func randomWorld(rng *rand.Rand) Request {
	topo := testTopology()
	topo.Domains = nil
	switch rng.IntN(5) {
	case 0, 1:
		topo.Sites[1].GatewayV6 = nil
	case 2:
		topo.Sites[1].GatewayV4 = nil
	}
	if rng.IntN(2) == 0 {
		topo.Sites[0].GatewayV4 = append(topo.Sites[0].GatewayV4, "192.0.2.11")
	}
	topo.Sites[0].GatewayName, topo.Sites[1].GatewayName = "gw-a.example.net", "gw-b.example.net"
	pick := func(of ...string) string { return of[rng.IntN(len(of))] }
	live := map[string][]RecordSet{}
	n := 1 + rng.IntN(12)
	for i := range n {
		zone := pick("one.test", "two.test")
		d := Domain{
			Name: fmt.Sprintf("n%d.%s", i, zone), Station: pick("PVG", "SHA", "NKG"), Zone: zone, Provider: "main",
			Types: [][]string{{"A"}, {"A", "AAAA"}, {"AAAA"}, {"CNAME"}}[rng.IntN(4)], TTL: uint32(5 + rng.IntN(60)),
		}
		topo.Domains = append(topo.Domains, d)
		add := func(typ string, values ...string) {
			live[zone] = append(live[zone], RecordSet{Name: d.Name, Type: typ, TTL: uint32(1 + rng.IntN(4000)), Values: values})
		}
		switch rng.IntN(8) {
		case 0:
			add("CNAME", pick("gw-a.example.net", "gw-b.example.net", "n0.one.test", "n1.two.test", "elsewhere.test", d.Name))
		case 1:
			add("A", pick(v4a, v4b, "203.0.113.5"))
		default:
			s := topo.Sites[rng.IntN(2)]
			if d.Types[0] == "CNAME" {
				add("CNAME", s.GatewayName)
				continue
			}
			for _, typ := range d.Types {
				if len(s.Gateway(typ)) > 0 {
					add(typ, s.Gateway(typ)...)
				}
			}
			if rng.IntN(3) == 0 {
				add("HTTPS", pick(`1 . alpn="h2" ipv4hint="192.0.2.10"`, `1 . ipv4hint="198.51.100.20" ipv6hint="2001:db8:a::10"`, `1 . alpn="h3"`, `1 x.net.`, `1 . ipv4hint="203.0.113.5"`))
			}
		}
	}
	r := request(topo, testWorld(topo, "primary", "primary"), Failover)
	r.To, r.Live, r.GracefulTTL, r.MinTTL = "standby", live, rng.IntN(2) == 0, map[string]uint32{"main": uint32(rng.IntN(80))}
	if all := topo.Stations(); rng.IntN(2) == 0 {
		r.Stations = []string{all[rng.IntN(len(all))]}
	}
	if d := topo.Domains[rng.IntN(n)]; rng.IntN(3) == 0 && (r.Stations == nil || r.Stations[0] == d.Station) {
		r.LeaveOut = []LeftOut{{d.Name, "by chance"}}
	}
	return r
}

// apply makes a change on a zone, and fails when a Before does not hold: as a provider does.
func apply(t *testing.T, live map[string][]RecordSet, zs []ZoneChange) map[string][]RecordSet {
	t.Helper()
	out := map[string][]RecordSet{}
	for zone, sets := range live {
		out[zone] = slices.Clone(sets)
	}
	for _, z := range zs {
		for _, c := range z.Changes {
			i := slices.IndexFunc(out[z.Zone], func(s RecordSet) bool { return s.Name == c.Before.Name && s.Type == c.Before.Type })
			if i < 0 != (len(c.Before.Values) == 0) || i >= 0 && !same(sortedSet(out[z.Zone][i]), c.Before) {
				t.Fatalf("%s %s: the plan expects %+v, the zone is %+v", c.Before.Name, c.Before.Type, c.Before, out[z.Zone])
			}
			switch {
			case i < 0:
				out[z.Zone] = append(out[z.Zone], c.After)
			case len(c.After.Values) == 0:
				out[z.Zone] = slices.Delete(out[z.Zone], i, i+1)
			default:
				out[z.Zone][i] = c.After
			}
		}
	}
	return out
}

func sortedSet(s RecordSet) RecordSet {
	s.Values = sorted(s.Values)
	return s
}

func invert(zs []ZoneChange) []ZoneChange {
	var out []ZoneChange
	for _, z := range zs {
		i := ZoneChange{Zone: z.Zone, Provider: z.Provider}
		for _, c := range z.Changes {
			i.Changes = append(i.Changes, RecordChange{Station: c.Station, Before: c.After, After: c.Before})
		}
		out = append(out, i)
	}
	return out
}

func flat(live map[string][]RecordSet) []string {
	var out []string
	for zone, sets := range live {
		for _, s := range sets {
			out = append(out, fmt.Sprint(zone, " ", sortedSet(s)))
		}
	}
	slices.Sort(out)
	return out
}

func TestWhateverTheWorldThePlanIsSafe(t *testing.T) {
	moved := 0
	for seed := range uint64(4000) {
		rng := rand.New(rand.NewPCG(seed, 7))
		r := randomWorld(rng)
		p := mustPlan(t, r)
		if again := mustPlan(t, r); again.Hash != p.Hash {
			t.Fatalf("seed %d: the plan of one world has two hashes", seed)
		}
		safe(t, seed, r, p)
		moved += p.Names()

		// There, committed, and all the way back: exactly the zone that was.
		forth := [][]ZoneChange{p.Lower, p.DNS, p.Restore}
		zone := r.Live
		for _, zs := range forth {
			zone = apply(t, zone, zs)
			never(t, seed, r, zone)
		}
		if len(p.Blocked()) == 0 {
			arrived(t, seed, r, zone)
		}
		for _, zs := range slices.Backward(forth) {
			zone = apply(t, zone, invert(zs))
		}
		if got, want := flat(zone), flat(r.Live); !slices.Equal(got, want) {
			t.Fatalf("seed %d: the way back leads to\n%v\nwant\n%v", seed, got, want)
		}
		for _, zs := range forth {
			if got, want := fmt.Sprint(invert(invert(zs))), fmt.Sprint(zs); len(zs) > 0 && got != want {
				t.Fatalf("seed %d: the inverse of the inverse is\n%s\nwant\n%s", seed, got, want)
			}
		}
	}
	if moved < 5000 {
		t.Errorf("only %d names moved in all worlds: the test looks at too little", moved)
	}
}

// safe holds what every plan must keep to, whatever the zone is like.
func safe(t *testing.T, seed uint64, r Request, p *Plan) {
	t.Helper()
	for _, g := range p.Gates {
		if i := slices.IndexFunc(GateList(), func(x GateInfo) bool { return x.Gate == g.Gate }); i < 0 || GateList()[i].Soft != g.Soft {
			t.Fatalf("seed %d: gate %s, soft %v, is not in the list like that", seed, g.Gate, g.Soft)
		}
	}
	asked, left := set(p.Stations), map[string]bool{}
	for _, l := range r.LeaveOut {
		left[l.Name] = true
	}
	ours := func(typ string, values []string) bool {
		for _, v := range values {
			if typ == "HTTPS" {
				h, err := readHTTPS(v)
				if err != nil {
					return false
				}
				for _, a := range h.hints {
					if _, ok := r.Topology.GatewaySite(a.String()); !ok {
						return false
					}
				}
			} else if _, ok := r.Topology.GatewaySite(v); !ok {
				return false
			}
		}
		return true
	}
	for _, z := range p.DNS {
		in := map[SetKey]bool{}
		for _, c := range z.Changes {
			in[SetKey{Name: c.After.Name, Type: c.After.Type}] = true
		}
		for _, c := range z.Changes {
			n := c.After.Name
			i := slices.IndexFunc(r.Topology.Domains, func(d Domain) bool { return d.Name == n })
			switch {
			case i < 0 || !asked[r.Topology.Domains[i].Station] || r.Topology.Domains[i].Zone != z.Zone || left[n]:
				t.Fatalf("seed %d: %s is not to be touched", seed, n)
			case !ours(c.Before.Type, c.Before.Values) || !ours(c.After.Type, c.After.Values):
				t.Fatalf("seed %d: a stranger's value in %+v", seed, c)
			case len(c.After.Values) == 0 && c.After.Type != "AAAA":
				t.Fatalf("seed %d: %s %s would be removed", seed, n, c.After.Type)
			}
			for _, s := range r.Live[z.Zone] {
				if s.Name == n && (s.Type == "A" || s.Type == "AAAA") && !in[SetKey{Name: n, Type: s.Type}] && c.After.Type != "HTTPS" {
					t.Fatalf("seed %d: %s %s stays behind", seed, n, s.Type)
				}
			}
		}
	}
}

// never: no name that had an address or an alias is without one.
func never(t *testing.T, seed uint64, r Request, zone map[string][]RecordSet) {
	t.Helper()
	count := func(live map[string][]RecordSet, d Domain) int {
		n := 0
		for _, s := range live[d.Zone] {
			if s.Name == d.Name && s.Type != "HTTPS" {
				n += len(s.Values)
			}
		}
		return n
	}
	for _, d := range r.Topology.Domains {
		if count(r.Live, d) > 0 && count(zone, d) == 0 {
			t.Fatalf("seed %d: %s is empty", seed, d.Name)
		}
	}
}

// arrived: after a plan that no gate refuses every asked name is at the target only.
func arrived(t *testing.T, seed uint64, r Request, zone map[string][]RecordSet) {
	t.Helper()
	end := r
	end.Live, end.GracefulTTL = zone, false
	p := mustPlan(t, end)
	if p.Records() != 0 || len(p.Blocked()) != 0 {
		t.Fatalf("seed %d: after the plan there is still %d to do, blocked by %v", seed, p.Records(), blockedGates(p))
	}
}

func BenchmarkPlan(b *testing.B) {
	for _, n := range []int{100, 1_000, 10_000, 100_000} {
		b.Run(fmt.Sprintf("names=%d", n), func(b *testing.B) {
			r := bigWorld(n)
			b.ReportAllocs()
			for b.Loop() {
				p, err := Make(r)
				if err != nil || p.Names() != n || len(p.Blocked()) > 0 {
					b.Fatal(err, p.Names(), blockedGates(p))
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/name")
		})
	}
}

// bigWorld has n names in ten zones and a station for every ten names.
func bigWorld(n int) Request {
	topo := testTopology()
	topo.Domains = make([]Domain, n)
	for i := range n {
		zone := fmt.Sprintf("z%d.test", i%10)
		topo.Domains[i] = Domain{Name: fmt.Sprintf("n%d.%s", i, zone), Station: fmt.Sprintf("S%d", i/10), Zone: zone, Provider: "main", Types: both, TTL: 30}
	}
	r := request(topo, testWorld(topo, "primary", "primary"), Failover)
	r.To = "standby"
	return r
}
