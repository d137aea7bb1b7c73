package failoverplan

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

const (
	pvg, sha = "pvg.example.test", "sha.example.test"
	v4a, v4b = "192.0.2.10", "198.51.100.20"
	v6a, v6b = "2001:db8:a::10", "2001:db8:b::20"
)

func rrset(name, typ string, values ...string) RecordSet {
	return RecordSet{Name: name, Type: typ, TTL: 60, Values: values}
}

// moveTo is a request to move the only name pvg from primary to standby, with its live sets.
func moveTo(types []string, sets ...RecordSet) Request {
	topo := testTopology()
	topo.Domains = topo.Domains[:1]
	topo.Domains[0].Types = types
	s := testWorld(topo, "primary", "primary")
	s.setPlatform("primary", Business, Down)
	r := request(topo, s, Failover)
	r.Live = map[string][]RecordSet{"example.test": sets}
	return r
}

func changesOf(p *Plan) []string {
	var out []string
	for _, z := range p.DNS {
		for _, c := range z.Changes {
			if !slices.Equal(c.Before.Values, c.After.Values) {
				out = append(out, fmt.Sprintf("%s %s -> %s", c.After.Type, orAbsent(c.Before.Values), orAbsent(c.After.Values)))
			}
		}
	}
	return out
}

var both = []string{"A", "AAAA"}

func TestEveryGuardOfANameStopsIt(t *testing.T) {
	a, aaaa := rrset(pvg, "A", v4a), rrset(pvg, "AAAA", v6a)
	https := func(v string) RecordSet { return rrset(pvg, "HTTPS", v) }
	for _, c := range []struct {
		name  string
		types []string
		sets  []RecordSet
		edit  func(*Request)
		gate  string
		says  string
	}{
		{"a stranger's address", both, []RecordSet{rrset(pvg, "A", "203.0.113.99"), aaaa}, nil, "known-values", "203.0.113.99"},
		{"a stranger beside ours", both, []RecordSet{rrset(pvg, "A", "203.0.113.99", v4a), aaaa}, nil, "known-values", "203.0.113.99"},
		{"a stranger's AAAA", both, []RecordSet{a, rrset(pvg, "AAAA", "2001:db8::bad")}, nil, "known-values", "2001:db8::bad"},
		{"no record at all", both, nil, nil, "inventory-counts", "does not make them"},
		{"AAAA is missing", both, []RecordSet{a}, nil, "inventory-counts", "has no AAAA record"},
		{"A is missing", both, []RecordSet{aaaa}, nil, "inventory-counts", "has no A record"},
		{"AAAA is not expected", []string{"A"}, []RecordSet{a, aaaa}, nil, "inventory-counts", "does not expect"},
		{"a stranger's hint", both, []RecordSet{a, aaaa, https("1 . ipv4hint=203.0.113.99")}, nil, "https-hints", "203.0.113.99"},
		{"HTTPS for elsewhere", both, []RecordSet{a, aaaa, https("1 cdn.example.net. alpn=h2")}, nil, "https-hints", "cdn.example.net"},
		{"HTTPS alias", both, []RecordSet{a, aaaa, https("0 cdn.example.net.")}, nil, "https-hints", "cdn.example.net"},
		{"HTTPS that is not understood", both, []RecordSet{a, aaaa, https(`1 . ipv4hint="192.0.2\.10"`)}, nil, "https-hints", "cannot be understood"},
		{"a mandatory hint that would go", []string{"A"}, []RecordSet{a, https("1 . mandatory=ipv6hint ipv6hint=" + v6a)}, func(r *Request) { r.Topology.Sites[1].GatewayV6 = nil }, "https-hints", "mandatory"},
		{"the target has no such address", []string{"AAAA"}, []RecordSet{aaaa}, func(r *Request) { r.Topology.Sites[1].GatewayV6 = nil }, "never-empty", "would be empty"},
		{"CNAME to the outside", both, []RecordSet{rrset(pvg, "CNAME", "x.example.net")}, nil, "alias-target", "in none of our zones"},
		{"CNAME within the zone, not in the inventory", both, []RecordSet{rrset(pvg, "CNAME", "gw.example.test")}, nil, "alias-target", "not in the inventory"},
		{"CNAME to itself", both, []RecordSet{rrset(pvg, "CNAME", pvg)}, nil, "alias-target", "no name of the inventory"},
		{"CNAME to a gateway where addresses are expected", both, []RecordSet{rrset(pvg, "CNAME", "gw-a.example.net")}, func(r *Request) { r.Topology.Sites[0].GatewayName = "gw-a.example.net" }, "inventory-counts", "the gateway of primary"},
		{"addresses where a CNAME is expected", []string{"CNAME"}, []RecordSet{a}, nil, "inventory-counts", "0 CNAME"},
		{"the target's gateway has no name", []string{"CNAME"}, []RecordSet{rrset(pvg, "CNAME", "gw-a.example.net")}, func(r *Request) { r.Topology.Sites[0].GatewayName = "gw-a.example.net" }, "never-empty", "no gateway name"},
	} {
		r := moveTo(c.types, c.sets...)
		if c.edit != nil {
			c.edit(&r)
		}
		r.Force = true // no force passes a hard gate
		p := mustPlan(t, r)
		if got := blockedGates(p); !slices.Equal(got, []string{c.gate}) {
			t.Errorf("%s: blocked by %v, want %s even with --forced", c.name, got, c.gate)
			continue
		}
		if p.Records() != 0 {
			t.Errorf("%s: the plan still changes %d record sets", c.name, p.Records())
		}
		if len(p.Stops) != 1 || p.Stops[0].Name != pvg || p.Stops[0].Gate != c.gate || !strings.Contains(p.Stops[0].Evidence, c.says) || p.Stops[0].ClearsWhen == "" {
			t.Errorf("%s: stops %+v, want one that says %q", c.name, p.Stops, c.says)
		}

		r.LeaveOut = []LeftOut{{pvg, "ticket 7"}}
		p = mustPlan(t, r)
		if len(p.Blocked()) != 0 || p.Records() != 0 || p.Stops[0].LeftOut != "ticket 7" {
			t.Errorf("%s, left out: blocked by %v, %d record sets, stops %+v", c.name, blockedGates(p), p.Records(), p.Stops)
		}
	}
}

func TestWhatMoves(t *testing.T) {
	a, aaaa := rrset(pvg, "A", v4a), rrset(pvg, "AAAA", v6a)
	named := func(r *Request) {
		r.Topology.Sites[0].GatewayName, r.Topology.Sites[1].GatewayName = "gw-a.example.net", "gw-b.example.net"
	}
	noSix := func(r *Request) { r.Topology.Sites[1].GatewayV6 = nil }
	for _, c := range []struct {
		name  string
		types []string
		sets  []RecordSet
		edit  func(*Request)
		want  []string
	}{
		{"both families", both, []RecordSet{a, aaaa}, nil, []string{"A " + v4a + " -> " + v4b, "AAAA " + v6a + " -> " + v6b}},
		{"a target without IPv6", both, []RecordSet{a, aaaa}, noSix, []string{"A " + v4a + " -> " + v4b, "AAAA " + v6a + " -> absent"}},
		{
			"hints follow", both,
			[]RecordSet{a, aaaa, rrset(pvg, "HTTPS", `1 . alpn="h2,h3" ipv4hint="192.0.2.10" ech="AEX+DQBB" ipv6hint="2001:db8:a::10"`)},
			nil,
			[]string{"A " + v4a + " -> " + v4b, "AAAA " + v6a + " -> " + v6b, `HTTPS 1 . alpn="h2,h3" ipv4hint="192.0.2.10" ech="AEX+DQBB" ipv6hint="2001:db8:a::10" -> 1 . alpn="h2,h3" ipv4hint="198.51.100.20" ech="AEX+DQBB" ipv6hint="2001:db8:b::20"`},
		},
		{
			"a hint of a family that the target lacks goes", both,
			[]RecordSet{a, aaaa, rrset(pvg, "HTTPS", `1 . ipv4hint="192.0.2.10" ipv6hint="2001:db8:a::10"`)},
			noSix,
			[]string{"A " + v4a + " -> " + v4b, "AAAA " + v6a + " -> absent", `HTTPS 1 . ipv4hint="192.0.2.10" ipv6hint="2001:db8:a::10" -> 1 . ipv4hint="198.51.100.20"`},
		},
		{"HTTPS without hints stays", both, []RecordSet{a, aaaa, rrset(pvg, "HTTPS", `1 . alpn="h2"`)}, nil, []string{"A " + v4a + " -> " + v4b, "AAAA " + v6a + " -> " + v6b}},
		{"half moved before", both, []RecordSet{rrset(pvg, "A", v4b), aaaa}, nil, []string{"AAAA " + v6a + " -> " + v6b}},
		{"at both sites", []string{"A"}, []RecordSet{rrset(pvg, "A", v4b, v4a)}, nil, []string{"A " + v4a + " " + v4b + " -> " + v4b}},
		{"there already", both, []RecordSet{rrset(pvg, "A", v4b), rrset(pvg, "AAAA", v6b)}, nil, nil},
		{"a hint that was left behind", []string{"A"}, []RecordSet{rrset(pvg, "A", v4b), rrset(pvg, "HTTPS", "1 . ipv4hint=192.0.2.10")}, nil, []string{"HTTPS 1 . ipv4hint=192.0.2.10 -> 1 . ipv4hint=198.51.100.20"}},
		{"a gateway's name", []string{"CNAME"}, []RecordSet{rrset(pvg, "CNAME", "gw-a.example.net")}, named, []string{"CNAME gw-a.example.net -> gw-b.example.net"}},
		{"a gateway's name, there already", []string{"CNAME"}, []RecordSet{rrset(pvg, "CNAME", "gw-b.example.net")}, named, nil},
	} {
		r := moveTo(c.types, c.sets...)
		if c.edit != nil {
			c.edit(&r)
		}
		p := mustPlan(t, r)
		if len(p.Blocked()) > 0 {
			t.Errorf("%s: blocked: %+v", c.name, p.Blocked())
		}
		if got := changesOf(p); !slices.Equal(got, c.want) {
			t.Errorf("%s:\n got %q\nwant %q", c.name, got, c.want)
		}
	}
}

// A name that moves has all its address sets in the change, so that the writer sees the
// name whole: also one that is at the target already.
func TestANameMovesWhole(t *testing.T) {
	p := mustPlan(t, moveTo(both, rrset(pvg, "A", v4b), rrset(pvg, "AAAA", v6a)))
	if p.Records() != 2 || p.Names() != 1 {
		t.Errorf("%d record sets of %d names, want A and AAAA of one", p.Records(), p.Names())
	}
}

// aliases is a world in which the names www and app are aliases of pvg.
func aliases(stations ...string) Request {
	topo := testTopology()
	topo.Domains = topo.Domains[:1]
	s := map[string][]RecordSet{"example.test": {rrset(pvg, "A", v4a), rrset(pvg, "AAAA", v6a)}}
	for i, station := range stations {
		name := fmt.Sprintf("n%d.example.test", i)
		topo.Domains = append(topo.Domains, Domain{Name: name, Station: station, Zone: "example.test", Provider: "main", Types: []string{"A"}, TTL: 30})
		s["example.test"] = append(s["example.test"], rrset(name, "CNAME", pvg))
	}
	r := request(topo, testWorld(topo, "primary", "primary"), Failover)
	r.To, r.Live = "standby", s
	return r
}

func TestASharedTargetIsOneChange(t *testing.T) {
	p := mustPlan(t, aliases("PVG", "SHA", "SHA"))
	if len(p.Blocked()) > 0 || p.Records() != 2 || len(p.Follows) != 3 || p.Follows[0] != (Follower{"n0.example.test", "PVG", pvg}) {
		t.Fatalf("blocked %v, %d record sets, follows %+v", blockedGates(p), p.Records(), p.Follows)
	}
	if !strings.Contains(evidence(p, "only-what-was-asked"), "3 follow one of them") {
		t.Error(evidence(p, "only-what-was-asked"))
	}

	r := aliases("PVG", "SHA")
	r.Stations = []string{"PVG"}
	p = mustPlan(t, r)
	if got := blockedGates(p); !slices.Equal(got, []string{"only-what-was-asked"}) || p.Records() != 0 {
		t.Errorf("a name of another station follows: blocked by %v, %d record sets", got, p.Records())
	}
	r.Stations = []string{"SHA"}
	p = mustPlan(t, r)
	if got := blockedGates(p); !slices.Equal(got, []string{"alias-target"}) {
		t.Errorf("the target's station is not asked for: blocked by %v", got)
	}
	r = aliases("SHA")
	r.LeaveOut = []LeftOut{{pvg, "in use"}}
	p = mustPlan(t, r)
	if got := blockedGates(p); !slices.Equal(got, []string{"alias-target"}) {
		t.Errorf("the target is left out, its alias is not: blocked by %v", got)
	}
	r.LeaveOut = append(r.LeaveOut, LeftOut{"n0.example.test", "in use"})
	if p = mustPlan(t, r); len(p.Blocked()) > 0 || len(p.Follows) > 0 {
		t.Errorf("both are left out: blocked by %v, follows %v", blockedGates(p), p.Follows)
	}
}

func evidence(p *Plan, gate string) string {
	for _, g := range p.Gates {
		if g.Gate == gate {
			return g.Evidence
		}
	}
	return ""
}

func TestOneBadNameBlocksUntilItIsLeftOut(t *testing.T) {
	topo := testTopology()
	r := request(topo, testWorld(topo, "primary", "primary"), Failover)
	r.To = "standby"
	r.Live["example.test"][0].Values = []string{"203.0.113.9"}
	whole := mustPlan(t, r)
	if len(whole.Blocked()) != 1 || len(whole.Stops) != 1 {
		t.Fatalf("blocked %v, stops %+v", blockedGates(whole), whole.Stops)
	}
	r.LeaveOut = []LeftOut{{pvg, "moved by hand"}}
	part := mustPlan(t, r)
	if len(part.Blocked()) != 0 || part.Names() != 1 || part.Hash == whole.Hash {
		t.Errorf("blocked %v, %d names", blockedGates(part), part.Names())
	}
	if g := evidence(part, "known-values"); !strings.Contains(g, pvg+" (moved by hand)") {
		t.Errorf("the gate says %q, and not who was left out and why", g)
	}
	r.LeaveOut[0].Reason = "another reason"
	if again := mustPlan(t, r); again.Hash == part.Hash {
		t.Error("another reason is another approval")
	}
	for name, l := range map[string][]LeftOut{
		"no reason": {{pvg, " "}}, "unknown name": {{"x.example.test", "y"}}, "twice": {{pvg, "a"}, {pvg, "b"}},
	} {
		r.LeaveOut = l
		if _, err := Make(r); err == nil {
			t.Errorf("%s was accepted", name)
		}
	}
	r.LeaveOut, r.Stations = []LeftOut{{pvg, "why"}}, []string{"SHA"}
	if _, err := Make(r); err == nil {
		t.Error("a name of a station that is not asked for was left out")
	}
}

func TestPlanGatesOfTheZone(t *testing.T) {
	fresh := func() Request {
		topo := testTopology()
		r := request(topo, testWorld(topo, "primary", "primary"), Failover)
		r.To = "standby"
		return r
	}
	for _, c := range []struct {
		name        string
		edit        func(*Request)
		plain, hard []string // blocked, and still blocked with --forced
	}{
		{"as armed", func(r *Request) {
			r.Armed = armedAs(rrset(pvg, "A", v4a), rrset(pvg, "AAAA", v6a))
		}, nil, nil},
		{"drifted", func(r *Request) { r.Armed = armedAs(rrset(pvg, "A", v4b)) }, []string{"zone-as-armed"}, nil},
		{"drifted within the limit", func(r *Request) {
			r.Armed, r.Limits.MaxDrift = armedAs(rrset(pvg, "A", v4b)), 2
		}, nil, nil},
		{"another owner", func(r *Request) { r.Owners = map[string]Owner{pvg: {"external-dns", "prod", "a-" + pvg}} }, []string{"other-owner"}, nil},
		{"the target's gateway is down", func(r *Request) { r.Situation.Sites[1].Gateway = Down }, []string{"target-healthy", "some-site-on"}, []string{"target-healthy", "some-site-on"}},
		{"a zone of others cannot be read", func(r *Request) {
			r.Topology.Domains[1].Zone, r.Stations = "other.test", []string{"PVG"}
			r.LiveProblems = map[string]string{"other.test": "401"}
		}, nil, nil},
	} {
		r := fresh()
		c.edit(&r)
		if got := blockedGates(mustPlan(t, r)); !slices.Equal(got, c.plain) {
			t.Errorf("%s: blocked by %v, want %v", c.name, got, c.plain)
		}
		r.Force = true
		if got := blockedGates(mustPlan(t, r)); !slices.Equal(got, c.hard) {
			t.Errorf("%s with --forced: blocked by %v, want %v", c.name, got, c.hard)
		}
	}
}

func TestNamesThatStayWhereNobodyServesAreTold(t *testing.T) {
	topo := testTopology()
	s := testWorld(topo, "primary", "primary")
	s.Sites[0].Gateway = Down
	r := request(topo, s, Failover)
	r.Stations, r.To = []string{"PVG"}, "standby"
	if got := evidence(mustPlan(t, r), "some-site-on"); !strings.Contains(got, sha+" stays at primary") {
		t.Errorf("evidence %q", got)
	}
}

func armedAs(sets ...RecordSet) []Armed {
	return []Armed{{Place: Place{"example.test", "main"}, At: t0.Add(-90 * time.Second), Names: []string{pvg}, Sets: sets}}
}

func TestAgeAndDriftAreInThePlan(t *testing.T) {
	topo := testTopology()
	r := request(topo, testWorld(topo, "primary", "primary"), Failover)
	r.To, r.Armed = "standby", armedAs(rrset(pvg, "A", v4b))
	p := mustPlan(t, r)
	if len(p.Armed) != 1 || p.Armed[0].AgeS != 90 || p.Armed[0].Drifted != 2 || !strings.Contains(evidence(p, "zone-as-armed"), "armed 1m30s before") {
		t.Errorf("%+v, %q", p.Armed, evidence(p, "zone-as-armed"))
	}
	r.Armed = nil
	if again := mustPlan(t, r); again.Hash != p.Hash {
		t.Error("the age of what is armed is no part of what is approved")
	}
}

// The bulk brake judges the finished change, whatever made it.
func TestTheBulkBrakeJudgesTheFinishedChange(t *testing.T) {
	topo := testTopology()
	r := request(topo, testWorld(topo, "primary", "primary"), Failover)
	for _, c := range []struct {
		name, zone, domain string
		passed             bool
	}{
		{"asked for", "example.test", "pvg.example.test", true},
		{"of another station", "example.test", "sha.example.test", false},
		{"of no station", "example.test", "www.example.test", false},
		{"of another zone", "other.test", "pvg.example.test", false},
	} {
		w := newDNSWork(r, "standby", []string{"PVG"})
		w.out.zones = []ZoneChange{{Zone: c.zone, Provider: "main", Changes: []RecordChange{{After: RecordSet{Name: c.domain, Type: "A"}}}}}
		if g := w.askedGate(); g.Passed != c.passed || !g.Passed && !strings.Contains(g.Evidence, c.domain) {
			t.Errorf("%s: %+v", c.name, g)
		}
	}
}
