package failoverplan

import (
	"strings"
	"testing"
)

// The table of mission A4, with every state a platform can have.
func TestJudgeEveryPair(t *testing.T) {
	want := map[[2]State]Case{}
	all := []State{Up, Degraded, Down, Unknown, Stale}
	for _, b := range all {
		for _, d := range all {
			var c Case
			switch {
			case b == Down && d == Down:
				c = CaseSiteDown
			case d == Down:
				c = CaseDataDown
			case b == Down && (d == Up || d == Degraded):
				c = CaseBusinessDown
			case (b == Up || b == Degraded) && (d == Up || d == Degraded):
				c = CaseNormal
			default:
				c = CaseIsolated
			}
			want[[2]State{b, d}] = c
		}
	}
	for pair, c := range want {
		topo := testTopology()
		s := testWorld(topo, "primary", "primary")
		s.setPlatform("primary", Business, pair[0])
		s.setPlatform("primary", Data, pair[1])
		j := Judge(topo, s)
		if j.Case != c {
			t.Errorf("business %s, data %s: case %s, want %s", pair[0], pair[1], j.Case, c)
		}
		if len(j.Because) == 0 {
			t.Errorf("business %s, data %s: no reasons given", pair[0], pair[1])
		}
	}
}

// A low screen shows the first reason alone.
func TestJudgeTellsWhatIsBrokenFirst(t *testing.T) {
	for _, down := range []PlatformKind{Business, Data} {
		topo := testTopology()
		s := testWorld(topo, "primary", "primary")
		s.setPlatform("primary", down, Down)
		if j := Judge(topo, s); j.Because[0] != "primary/"+string(down)+" is down" {
			t.Errorf("%s: %q", down, j.Because)
		}
	}
}

func TestJudgeGatewayDownIsBusinessDown(t *testing.T) {
	topo := testTopology()
	s := testWorld(topo, "primary", "primary")
	s.Sites[0].Gateway = Down
	if j := Judge(topo, s); j.Case != CaseBusinessDown {
		t.Fatalf("case %s, want business-down: nobody gets in", j.Case)
	}
}

func TestJudgeFollowsRolesAfterFailover(t *testing.T) {
	topo := testTopology()
	s := testWorld(topo, "standby", "primary") // after a business-down failover
	s.setPlatform("primary", Business, Down)
	if j := Judge(topo, s); j.Case != CaseNormal || j.Serving != "standby" || j.DataSite != "primary" {
		t.Fatalf("got %+v: the standby serves and the primary's data platform is up", j)
	}
	s.setPlatform("primary", Data, Down)
	if j := Judge(topo, s); j.Case != CaseDataDown {
		t.Fatalf("case %s, want data-down: the feeding data platform failed", j.Case)
	}
}

func TestEverythingDarkIsIsolatedNotSiteDown(t *testing.T) {
	topo := testTopology()
	s := testWorld(topo, "primary", "primary")
	for i := range s.Sites {
		s.Sites[i].Gateway = Down
		for n := range s.Sites[i].Platforms {
			p := &s.Sites[i].Platforms[n]
			p.State = Down
			for k := range p.Subsystems {
				p.Subsystems[k].State = Down
			}
			for k := range p.Components {
				p.Components[k].State = Unknown
			}
		}
	}
	j := Judge(topo, s)
	if j.Case != CaseIsolated || !strings.Contains(strings.Join(j.Because, "\n"), "our own path") {
		t.Fatalf("got %+v", j)
	}
	if a := Advise(topo, s, j, Limits{}); a.Action != AdviseInvestigate {
		t.Fatalf("advice %s, want investigate", a.Action)
	}
}

func TestServingFallsBackToMemory(t *testing.T) {
	topo := testTopology()
	s := testWorld(topo, "primary", "primary")
	for i := range s.Domains {
		s.Domains[i].Site = ""
	}
	for i := range s.Feeds {
		s.Feeds[i].Known = false
	}
	s.LastServing, s.LastDataSite = "standby", "standby"
	if j := Judge(topo, s); j.Serving != "standby" || j.DataSite != "standby" {
		t.Fatalf("serving %s, data %s; both were the standby when last seen", j.Serving, j.DataSite)
	}
}

func TestRollUp(t *testing.T) {
	part := func(s State, critical bool) PartState { return PartState{Name: "x", State: s, Critical: critical} }
	for _, c := range []struct {
		name  string
		parts []PartState
		want  State
	}{
		{"nothing watched", nil, Unknown},
		{"all up", []PartState{part(Up, true), part(Up, false)}, Up},
		{"critical down", []PartState{part(Up, true), part(Down, true)}, Down},
		{"other down", []PartState{part(Up, true), part(Down, false)}, Degraded},
		{"critical unknown", []PartState{part(Unknown, true), part(Up, true)}, Unknown},
		{"critical stale", []PartState{part(Stale, true), part(Up, true)}, Unknown},
		{"down outweighs unknown", []PartState{part(Unknown, true), part(Down, true)}, Down},
		{"other unknown", []PartState{part(Up, true), part(Unknown, false)}, Degraded},
		{"degraded", []PartState{part(Degraded, true), part(Up, true)}, Degraded},
	} {
		got, _, because := RollUp(c.parts)
		if got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
		if got != Up && len(because) == 0 {
			t.Errorf("%s: %s without a reason", c.name, got)
		}
	}
}

func TestBestStandbyTakesTheHeaviestHealthySite(t *testing.T) {
	topo := testTopology()
	third := testSite("third", 95, "203.0.113.30", "")
	emergency := testSite("emergency", 500, "203.0.113.31", "")
	emergency.Emergency = true
	topo.Sites = append(topo.Sites, third, emergency)
	s := testWorld(topo, "primary", "primary")
	j := Judge(topo, s)
	if got, _ := BestStandby(topo, s, j); got != "third" {
		t.Fatalf("got %s, want third: weight 95 beats 90, and an emergency site comes last", got)
	}
	s.setPlatform("third", Data, Down)
	if got, why := BestStandby(topo, s, j); got != "standby" || len(why) < 2 {
		t.Fatalf("got %s (%v), want standby, and why third is passed over", got, why)
	}
	s.setPlatform("standby", Business, Down)
	if got, _ := BestStandby(topo, s, j); got != "emergency" {
		t.Fatalf("got %s, want emergency as the last resort", got)
	}
}

func TestSiteRollUp(t *testing.T) {
	for _, c := range []struct {
		gateway, business, data State
		want                    State
	}{
		{Up, Up, Up, Up},
		{Up, Degraded, Up, Degraded},
		{Up, Up, Degraded, Degraded},
		{Up, Up, Down, Degraded}, // users read, what they read grows old
		{Up, Up, Unknown, Degraded},
		{Up, Down, Up, Down},
		{Down, Up, Up, Down},
		{Down, Unknown, Down, Down},
		{Unknown, Up, Up, Unknown},
		{Up, Stale, Up, Unknown},
		{Degraded, Up, Up, Degraded},
		{Down, Down, Down, Down},
	} {
		got := SiteRollUp(c.gateway, []PlatformState{{Kind: Business, State: c.business}, {Kind: Data, State: c.data}})
		if got != c.want {
			t.Errorf("gateway %s, business %s, data %s: %s, want %s", c.gateway, c.business, c.data, got, c.want)
		}
	}
}

// A name that was left out of the last move has no say in who serves.
func TestALeftOutNameHasNoSay(t *testing.T) {
	topo := testTopology()
	s := testWorld(topo, "standby", "standby")
	s.Domains[0].Site, s.Domains[0].LeftOut = "primary", true
	if j := Judge(topo, s); j.Serving != "standby" {
		t.Fatalf("serving %s, want standby: %v", j.Serving, j.Because)
	}
}

// While only some names are moved the site that served before goes on being the one that
// writes, however many have gone.
func TestAPartialMoveLeavesTheWriter(t *testing.T) {
	topo := testTopology()
	s := testWorld(topo, "primary", "primary")
	s.Domains[0].Site, s.LastServing = "standby", "standby"
	if j := Judge(topo, s); j.Serving != "standby" {
		t.Fatalf("serving %s, want standby, which served before: %v", j.Serving, j.Because)
	}
}
