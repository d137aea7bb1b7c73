package failoverplan

import (
	"errors"
	"slices"
	"strings"
	"testing"
)

func mustPlan(t *testing.T, r Request) *Plan {
	t.Helper()
	p, err := Make(r)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func request(topo *Topology, s *Situation, kind PlanKind) Request {
	j := Judge(topo, s)
	return Request{Kind: kind, Topology: topo, Situation: s, Limits: Limits{MaxSyncLag: 10}, Live: live(topo, j.Serving)}
}

func actions(p *Plan) string {
	var out []string
	for _, s := range p.Steps {
		x := string(s.Action)
		if len(out) == 0 || out[len(out)-1] != x {
			out = append(out, x)
		}
	}
	return strings.Join(out, " ")
}

func blockedGates(p *Plan) []string {
	var out []string
	for _, g := range p.Blocked() {
		out = append(out, g.Gate)
	}
	return out
}

func TestBusinessDownLeavesTheFeedsAlone(t *testing.T) {
	topo := testTopology()
	s := testWorld(topo, "primary", "primary")
	s.setPlatform("primary", Business, Down)
	p := mustPlan(t, request(topo, s, Failover))
	want := "preflight demote catch-up promote switch-dns verify-authoritative verify-users verify-resolvers re-protect"
	if got := actions(p); got != want {
		t.Fatalf("steps\n got %s\nwant %s", got, want)
	}
	for _, x := range p.Steps {
		if x.Platform == Data {
			t.Errorf("step %q touches the data platform, which is up (mission A4)", x.Title)
		}
		if x.Component == "scheduling-redis" {
			t.Errorf("step %q touches a component that policy leaves out (mission A6)", x.Title)
		}
	}
	if p.To != "standby" || p.Mode != Forced || len(p.Blocked()) != 0 {
		t.Fatalf("to %s mode %s blocked %v", p.To, p.Mode, blockedGates(p))
	}
}

func TestDataDownMovesTheFeeds(t *testing.T) {
	topo := testTopology()
	s := testWorld(topo, "primary", "primary")
	s.setPlatform("primary", Data, Down)
	p := mustPlan(t, request(topo, s, Failover))
	want := "preflight cut-feed stop-ingest demote catch-up promote switch-dns stop-mirror start-ingest attach-feed verify-authoritative verify-users verify-resolvers re-protect"
	if got := actions(p); got != want {
		t.Fatalf("steps\n got %s\nwant %s", got, want)
	}
	cut, attach := -1, -1
	for i, x := range p.Steps {
		if x.Action == ActCutFeed {
			cut = i
			if x.BestEffort {
				t.Error("cutting a feed must not be optional: two sites would ingest")
			}
		}
		if x.Action == ActAttachFeed && attach < 0 {
			attach = i
		}
	}
	if cut < 0 || attach < cut {
		t.Fatalf("feeds must be cut (last at %d) before one is attached (first at %d)", cut, attach)
	}
}

func TestPlanDNSIsExact(t *testing.T) {
	topo := testTopology()
	topo.Sites[1].GatewayV6 = nil // the standby has no IPv6
	s := testWorld(topo, "primary", "primary")
	s.setPlatform("primary", Business, Down)
	p := mustPlan(t, request(topo, s, Failover))
	if len(p.DNS) != 1 || p.Records() != 4 {
		t.Fatalf("want one zone with 4 record sets, got %+v", p.DNS)
	}
	c := p.DNS[0].Changes[0]
	if c.Before.Name != "pvg.example.test" || c.Before.TTL != 60 || !slices.Equal(c.Before.Values, []string{"192.0.2.10"}) ||
		c.After.TTL != 30 || !slices.Equal(c.After.Values, []string{"198.51.100.20"}) {
		t.Errorf("A: %+v", c)
	}
	if six := p.DNS[0].Changes[1]; six.Before.Type != "AAAA" || len(six.After.Values) != 0 {
		t.Errorf("an AAAA that the target has no address for must go with its A: %+v", six)
	}
}

func TestStationsSubsetMovesNamesOnly(t *testing.T) {
	topo := testTopology()
	s := testWorld(topo, "primary", "primary")
	r := request(topo, s, Failover)
	r.Stations, r.To = []string{"SHA"}, "standby"
	p := mustPlan(t, r)
	if got := actions(p); got != "preflight switch-dns verify-authoritative verify-users verify-resolvers" {
		t.Fatalf("steps %s", got)
	}
	for _, c := range p.DNS[0].Changes {
		if c.Station != "SHA" {
			t.Errorf("record of station %s is in the plan", c.Station)
		}
	}
}

func TestGates(t *testing.T) {
	for _, c := range []struct {
		name  string
		kind  PlanKind
		at    [2]string
		edit  func(*Request)
		block []string
		force []string // still blocked with Force
	}{
		{"paused", Failover, [2]string{"primary", "primary"}, func(r *Request) { r.Situation.Paused = "maintenance" }, []string{"not-paused"}, []string{"not-paused"}},
		{"to the serving site", Failover, [2]string{"primary", "primary"}, func(r *Request) { r.To = "primary" }, []string{"target-not-serving"}, []string{"target-not-serving"}},
		{"target down", Failover, [2]string{"primary", "primary"}, func(r *Request) { r.To = "standby"; r.Situation.setPlatform("standby", Business, Down) }, []string{"target-healthy"}, []string{"target-healthy"}},
		{"target unseen", Failover, [2]string{"primary", "primary"}, func(r *Request) { r.To = "standby"; r.Situation.setPlatform("standby", Data, Unknown) }, []string{"target-seen"}, nil},
		{"lag over the limit", Failover, [2]string{"primary", "primary"}, func(r *Request) { r.Situation.setSync("mysql", func(x *SyncState) { x.Lag = 11 }) }, []string{"target-in-sync"}, nil},
		{"diverged", Failover, [2]string{"primary", "primary"}, func(r *Request) { r.Situation.setSync("mysql", func(x *SyncState) { x.State = Diverged }) }, []string{"target-in-sync"}, nil},
		{"stopped while the source is up", Failover, [2]string{"primary", "primary"}, func(r *Request) { r.Situation.setSync("mysql", func(x *SyncState) { x.State = Stopped; x.Lag = -1 }) }, []string{"target-in-sync"}, nil},
		{"lag unknown while the source is up", Failover, [2]string{"primary", "primary"}, func(r *Request) { r.Situation.setSync("mysql", func(x *SyncState) { x.Lag = -1 }) }, []string{"target-in-sync"}, nil},
		{"provider unreadable", Failover, [2]string{"primary", "primary"}, func(r *Request) { r.LiveProblems = map[string]string{"example.test": "401"} }, []string{"dns-readable"}, []string{"dns-readable"}},
		{"failback from home", Failback, [2]string{"primary", "primary"}, func(*Request) {}, []string{"away-from-home"}, []string{"away-from-home"}},
		{"failback to a sick home", Failback, [2]string{"standby", "standby"}, func(r *Request) { r.Situation.setPlatform("primary", Data, Down) }, []string{"old-primary-healthy"}, []string{"old-primary-healthy"}},
		{"failback before the data is home", Failback, [2]string{"standby", "standby"}, func(r *Request) { r.Situation.setSync("mysql", func(x *SyncState) { x.Lag = 60 }) }, []string{"data-caught-up"}, []string{"data-caught-up"}},
		{"failback over a divergence", Failback, [2]string{"standby", "standby"}, func(r *Request) { r.Situation.setSync("mysql", func(x *SyncState) { x.State = Diverged }) }, []string{"data-caught-up"}, []string{"data-caught-up"}},
		{"failback, not turned round yet", Failback, [2]string{"standby", "standby"}, func(r *Request) { r.Situation.setSync("mysql", func(x *SyncState) { x.State = Stopped; x.Lag = -1 }) }, nil, nil},
		{"nobody sees who serves", Failover, [2]string{"primary", "primary"}, func(r *Request) { r.Situation.setPlatform("primary", Business, Unknown) }, []string{"case-judged"}, nil},
		{"the target's gateway unseen", Failover, [2]string{"primary", "primary"}, func(r *Request) { r.To = "standby"; r.Situation.Sites[1].Gateway = Unknown }, []string{"target-seen"}, nil},
		{"broken while the source is up, level so far", Failover, [2]string{"primary", "primary"}, func(r *Request) { r.Situation.setSync("mysql", func(x *SyncState) { x.State = Broken }) }, []string{"target-in-sync"}, nil},
		{"stopped while the source is up, level so far", Failover, [2]string{"primary", "primary"}, func(r *Request) { r.Situation.setSync("mysql", func(x *SyncState) { x.State = Stopped }) }, []string{"target-in-sync"}, nil},
		{"nothing is known of the copies", Failover, [2]string{"primary", "primary"}, func(r *Request) { r.Situation.Sync = nil }, []string{"target-in-sync"}, nil},
		{"it follows another site", Failover, [2]string{"primary", "primary"}, func(r *Request) {
			r.Situation.setSync("mysql", func(x *SyncState) { x.From = "elsewhere" })
		}, []string{"target-in-sync"}, nil},
		{"the target was never observed", Failover, [2]string{"primary", "primary"}, func(r *Request) {
			r.To = "standby"
			r.Situation.Sites = r.Situation.Sites[:1]
		}, []string{"target-healthy", "target-seen"}, []string{"target-healthy"}},
		{"only the other direction is known", Failover, [2]string{"primary", "primary"}, func(r *Request) {
			r.Situation.setSync("mysql", func(x *SyncState) { x.From, x.To = x.To, x.From })
		}, []string{"target-in-sync"}, nil},
		{"failback over a broken link, level so far", Failback, [2]string{"standby", "standby"}, func(r *Request) { r.Situation.setSync("mysql", func(x *SyncState) { x.State = Broken }) }, []string{"data-caught-up"}, []string{"data-caught-up"}},
		{"failback, the copy's state unknown", Failback, [2]string{"standby", "standby"}, func(r *Request) { r.Situation.setSync("mysql", func(x *SyncState) { x.State = SyncUnknown }) }, []string{"data-caught-up"}, []string{"data-caught-up"}},
		{"failback, the copy's lag unknown", Failback, [2]string{"standby", "standby"}, func(r *Request) { r.Situation.setSync("mysql", func(x *SyncState) { x.Lag = -1 }) }, []string{"data-caught-up"}, []string{"data-caught-up"}},
		{"failback, nothing is known of the copies", Failback, [2]string{"standby", "standby"}, func(r *Request) { r.Situation.Sync = nil }, []string{"data-caught-up"}, []string{"data-caught-up"}},
		{"lag unknown because the source is gone", Failover, [2]string{"primary", "primary"}, func(r *Request) {
			r.Situation.setPlatform("primary", Data, Down)
			for i := range r.Situation.Sites[0].Platforms[1].Components {
				r.Situation.Sites[0].Platforms[1].Components[i].State = Down
			}
			r.Situation.setSync("mysql", func(x *SyncState) { x.State = Broken; x.Lag = -1 })
		}, nil, nil},
	} {
		topo := testTopology()
		r := request(topo, testWorld(topo, c.at[0], c.at[1]), c.kind)
		c.edit(&r)
		p := mustPlan(t, r)
		if got := blockedGates(p); !slices.Equal(got, c.block) {
			t.Errorf("%s: blocked by %v, want %v", c.name, got, c.block)
		}
		for _, g := range p.Blocked() {
			if g.Evidence == "" || g.ClearsWhen == "" {
				t.Errorf("%s: gate %s refuses without evidence or a way out: %+v", c.name, g.Gate, g)
			}
		}
		r.Force = true
		if got := blockedGates(mustPlan(t, r)); !slices.Equal(got, c.force) {
			t.Errorf("%s with --forced: blocked by %v, want %v", c.name, got, c.force)
		}
	}
}

func TestFailbackBringsDataHomeBeforeUsers(t *testing.T) {
	topo := testTopology()
	s := testWorld(topo, "standby", "standby")
	p := mustPlan(t, request(topo, s, Failback))
	want := "preflight re-protect catch-up cut-feed stop-ingest demote catch-up promote switch-dns stop-mirror start-ingest attach-feed verify-authoritative verify-users verify-resolvers re-protect"
	if got := actions(p); got != want {
		t.Fatalf("steps\n got %s\nwant %s", got, want)
	}
	if p.To != "primary" || p.Mode != Graceful {
		t.Fatalf("to %s mode %s", p.To, p.Mode)
	}
	for _, x := range p.Steps {
		if x.BestEffort && x.Phase == PhaseFence {
			t.Errorf("%q may not be skipped in a failback", x.Title)
		}
	}
}

func TestBadRequests(t *testing.T) {
	for name, edit := range map[string]func(*Request){
		"unknown site":      func(r *Request) { r.To = "nowhere" },
		"unknown station":   func(r *Request) { r.Stations = []string{"NOWHERE"} },
		"failback not home": func(r *Request) { r.Kind, r.To = Failback, "standby" },
		"failback in part":  func(r *Request) { r.Kind, r.Stations = Failback, []string{"PVG"} },
	} {
		topo := testTopology()
		r := request(topo, testWorld(topo, "primary", "primary"), Failover)
		edit(&r)
		if _, err := Make(r); !errors.Is(err, ErrBadRequest) {
			t.Errorf("%s: %v, want ErrBadRequest", name, err)
		}
	}
}

func TestHashIsOfWhatWillBeDone(t *testing.T) {
	topo := testTopology()
	s := testWorld(topo, "primary", "primary")
	s.setPlatform("primary", Business, Down)
	a := mustPlan(t, request(topo, s, Failover))
	s.At = t0.Add(3600)
	s.Sites[0].Platforms[0].Because = []string{"worded anew"}
	if b := mustPlan(t, request(topo, s, Failover)); a.Hash != b.Hash {
		t.Error("time and wording must not change the hash")
	}
	r := request(topo, s, Failover)
	r.Live["example.test"][0].TTL = 61
	if b := mustPlan(t, r); a.Hash == b.Hash {
		t.Error("another record set before the change is another plan")
	}
	r = request(topo, s, Failover)
	r.Stations = []string{"PVG"}
	if b := mustPlan(t, r); a.Hash == b.Hash {
		t.Error("other stations are another plan")
	}
}

func TestRenewIsForLinksWithAnAccountOfTheirOwn(t *testing.T) {
	topo := testTopology()
	s := testWorld(topo, "primary", "primary")
	sync, renew := MakeSync(topo, s), MakeRenew(topo, s)
	if got := actions(renew); got != "renew-link" || renew.Hash == sync.Hash || renew.Kind != SyncRun || len(renew.Blocked()) != 0 {
		t.Fatalf("steps %s, kind %s, hash %s and %s", got, renew.Kind, renew.Hash, sync.Hash)
	}
	for _, x := range renew.Steps {
		c, _ := topo.Counterpart(x.Site, x.Platform, x.Component)
		if c.Kind != MySQL && c.Kind != Redis || x.Site == "primary" || x.Peer != "primary" || !x.BestEffort {
			t.Errorf("%q: a %s at %s, from %s", x.Title, c.Kind, x.Site, x.Peer)
		}
	}
	want := 0
	for _, x := range sync.Steps {
		if c, _ := topo.Counterpart(x.Site, x.Platform, x.Component); c.Kind == MySQL || c.Kind == Redis {
			want++
		}
	}
	if len(renew.Steps) != want || want == 0 || want == len(sync.Steps) {
		t.Errorf("%d of %d steps, want %d", len(renew.Steps), len(sync.Steps), want)
	}
}

func TestSyncRunTurnsEveryOtherSiteAndMovesNobody(t *testing.T) {
	topo := testTopology()
	s := testWorld(topo, "standby", "primary") // after a business-down failover
	p := MakeSync(topo, s)
	if got := actions(p); got != "re-protect" || len(p.DNS) != 0 || p.To != "" {
		t.Fatalf("steps %s, dns %v, to %q", got, p.DNS, p.To)
	}
	for _, x := range p.Steps {
		want := "standby"
		if x.Platform == Data {
			want = "primary"
		}
		if x.Peer != want || x.Site == want || !x.BestEffort {
			t.Errorf("%q: %s/%s follows %s, want %s", x.Title, x.Site, x.Platform, x.Peer, want)
		}
	}
}
