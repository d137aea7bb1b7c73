package backend

import (
	"testing"

	"github.com/dutyops/dutyops/backend/journal"
	"github.com/dutyops/dutyops/backend/runbook"
	"github.com/dutyops/dutyops/failoverplan"
)

func TestWhatIsLeftOutIsKnownToEveryConsoleUntilItPointsWhereUsersAre(t *testing.T) {
	e := starter(t, t.TempDir())
	name, serving := e.topo.Domains[0].Name, e.topo.Sites[1].Name
	e.rememberLeftOut(t.Context(), &failoverplan.Plan{LeaveOut: []failoverplan.LeftOut{{Name: name, Reason: "ticket 7"}}}, "me")
	l := e.leftOutNow(t.Context())
	at := func(site string) []failoverplan.DomainState {
		return []failoverplan.DomainState{{Name: name, Site: site}}
	}
	if o := l.overrides(serving, at(e.topo.Home)); len(o) != 1 || o[0].Target != name || o[0].Reason != "ticket 7" || o[0].Owner != "me" || o[0].Kind != OverrideLeftOut {
		t.Errorf("banner: %+v", o)
	}
	if o := l.overrides(serving, at(serving)); len(o) != 0 {
		t.Errorf("it points where users are, and the banner still says %+v", o)
	}
	e.rememberLeftOut(t.Context(), &failoverplan.Plan{}, "me")
	if l := e.leftOutNow(t.Context()); len(l.Names) != 0 {
		t.Errorf("the next move left nothing out, and it is still %+v", l)
	}
}

func TestTTLsAreOwedUntilTheRunIsCommitted(t *testing.T) {
	e := starter(t, t.TempDir())
	key := failoverplan.SetKey{Name: "a.example.test", Type: "A"}
	plan := &failoverplan.Plan{Kind: failoverplan.Failover, Restore: []failoverplan.ZoneChange{{Changes: []failoverplan.RecordChange{
		{After: failoverplan.RecordSet{Name: key.Name, Type: key.Type, TTL: 1800, Values: []string{"192.0.2.1"}}},
	}}}}
	x := &runbook.Executor{Journal: e.journal, Now: e.now}
	if _, err := x.Run(t.Context(), "r1", runbook.Opening{Plan: plan}, nil); err != nil {
		t.Fatal(err)
	}
	if got := e.owedTTLs(t.Context()); got[key] != 1800 {
		t.Errorf("not committed: %v is owed", got)
	}
	// A later run that came to nothing leaves the debt; a commit pays it.
	if _, err := e.journal.Append(t.Context(), "r2", journal.RunOpened, runbook.Opening{Plan: &failoverplan.Plan{Kind: failoverplan.Failback}}); err != nil {
		t.Fatal(err)
	}
	if _, err := e.journal.Append(t.Context(), "r2", journal.RunClosed, map[string]string{"state": string(RunRefused)}); err != nil {
		t.Fatal(err)
	}
	if got := e.owedTTLs(t.Context()); got[key] != 1800 {
		t.Errorf("after a refused run: %v is owed", got)
	}
	if _, err := x.Commit(t.Context(), "r1", "me", "", nil); err != nil {
		t.Fatal(err)
	}
	if got := e.owedTTLs(t.Context()); len(got) != 0 {
		t.Errorf("committed: %v is owed", got)
	}
}
