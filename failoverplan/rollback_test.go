package failoverplan

import (
	"slices"
	"strings"
	"testing"
)

// The site that is given back what it had must have what was written since.
func TestRollbackGates(t *testing.T) {
	lag := func(state string, lag float64) func(*Situation) {
		return func(s *Situation) { s.setSync("mysql", func(x *SyncState) { x.State, x.Lag = state, lag }) }
	}
	for _, c := range []struct {
		name           string
		users, writers bool
		edit           func(*Situation)
		block          []string
		says           string
	}{
		{"level", true, true, func(*Situation) {}, nil, ""},
		{"behind", true, true, lag(Streaming, 60), []string{"old-site-in-sync"}, "is 60 s behind"},
		{"nobody knows how far", true, true, lag(Streaming, -1), []string{"old-site-in-sync"}, "its lag is not known"},
		{"follows nobody", true, true, lag(Stopped, -1), []string{"old-site-in-sync"}, "does not follow standby"},
		{"has diverged", false, true, lag(Diverged, -1), []string{"old-site-in-sync"}, "does not follow standby"},
		{"users alone ask for no data", true, false, lag(Stopped, -1), nil, ""},
		{"a sick site takes no users", true, false, func(s *Situation) { s.setPlatform("primary", Business, Down) }, []string{"old-site-healthy"}, ""},
		{"a site that is not seen takes no users", true, false, func(s *Situation) { s.setPlatform("primary", Business, Unknown) }, []string{"target-seen"}, ""},
		{"nothing is known of its copies", false, true, func(s *Situation) { s.Sync = nil }, []string{"old-site-in-sync"}, "nothing is known of it"},
		{"paused", false, false, func(s *Situation) { s.Paused = "maintenance" }, []string{"not-paused"}, ""},
	} {
		topo := testTopology()
		s := testWorld(topo, "standby", "standby")
		c.edit(s)
		var blocked []string
		says := ""
		for _, g := range RollbackGates(topo, s, &Plan{From: "primary", To: "standby"}, request(topo, s, Failover).Limits, c.users, c.writers) {
			if g.Passed {
				continue
			}
			blocked, says = append(blocked, g.Gate), says+g.Evidence
			if g.Evidence == "" || g.ClearsWhen == "" {
				t.Errorf("%s: gate %s refuses without evidence or a way out: %+v", c.name, g.Gate, g)
			}
		}
		if !slices.Equal(blocked, c.block) || !strings.Contains(says, c.says) {
			t.Errorf("%s: blocked by %v (%s), want %v (%s)", c.name, blocked, says, c.block, c.says)
		}
	}
}

// What was promoted elsewhere must have come back, also when names or feeds cannot be seen
// and the site that was left is taken for the one that serves.
func TestRollbackAsksForTheCopiesOfWhatItPromoted(t *testing.T) {
	topo := testTopology()
	p := mustPlan(t, request(topo, testWorld(topo, "primary", "primary"), Failover))
	s := testWorld(topo, "primary", "primary") // as an engine sees it that has forgotten the move
	old := func() Gate {
		gs := RollbackGates(topo, s, p, request(topo, s, Failover).Limits, false, true)
		return gs[len(gs)-1]
	}
	g := old()
	for _, store := range []string{"business/monitoring-mysql", "data/mysql"} {
		if g.Gate != "old-site-in-sync" || g.Passed || !strings.Contains(g.Evidence, store+" of primary does not follow standby: nothing is known of it") {
			t.Errorf("%s: %+v", store, g)
		}
	}
	for i := range s.Sync {
		s.Sync[i].From, s.Sync[i].To = "standby", "primary"
	}
	if g := old(); !g.Passed {
		t.Errorf("everything follows: %+v", g)
	}
}
