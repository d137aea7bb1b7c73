package backend

import (
	"strings"
	"testing"
	"time"

	"github.com/dutyops/dutyops/backend/monitor"
	"github.com/dutyops/dutyops/probes"
)

// A server that was replaced is noticed by the process that watches and by a later one,
// told once, and stays in the picture for a day.
func TestReplacedServerIsNoticedAcrossProcesses(t *testing.T) {
	dir := t.TempDir()
	e := starter(t, dir)
	id := ""
	for target, kind := range e.kinds {
		if kind == "mysql" {
			id = target
		}
	}
	if id == "" {
		t.Fatal("the starter has no mysql")
	}
	answer := func(server string) *monitor.Snapshot {
		return monitor.NewSnapshot(time.Time{}, map[string]monitor.TargetState{id: {Last: &probes.Result{
			Status: probes.StatusUp, Facts: probes.Facts{Extra: map[string]string{"server_uuid": server}},
		}}})
	}
	e.recognise(t.Context(), answer("old"), false)
	e.recognise(t.Context(), answer("old"), false)
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}

	e = starter(t, dir)
	now := time.Now()
	e.now = func() time.Time { return now }
	for range 2 {
		e.recognise(t.Context(), answer("new"), true)
	}
	var told []Event
	for _, ev := range e.Events(20) {
		if ev.Kind == WarnReplaced {
			told = append(told, ev)
		}
	}
	if len(told) != 1 || told[0].Target != id || told[0].Level != "bad" || !strings.Contains(told[0].Text, "server_uuid was old, is new") {
		t.Fatalf("events %+v", told)
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}

	e = starter(t, dir)
	e.now = func() time.Time { return now.Add(time.Hour) }
	e.publish()
	c, w := find(t, e.Status(), id), e.Status().Warnings
	if len(c.Changed) != 1 || c.Changed[0].Was != "old" || c.Changed[0].Is != "new" || !c.Changed[0].Lost {
		t.Errorf("changed %+v", c.Changed)
	}
	if len(w) != 1 || w[0].Kind != WarnReplaced || w[0].Target != id {
		t.Errorf("warnings %+v", w)
	}
	x, err := e.Explain(id)
	if err != nil || len(x.Facts) == 0 || !strings.Contains(x.Facts[0][1], "another server answers") {
		t.Errorf("%+v, %v", x.Facts, err)
	}
	e.now = func() time.Time { return now.Add(25 * time.Hour) }
	e.publish()
	if c := find(t, e.Status(), id); len(c.Changed) != 0 || len(e.Status().Warnings) != 0 {
		t.Errorf("a day later: %+v, %+v", c.Changed, e.Status().Warnings)
	}
}

// Under another address another server is expected; what was told of the former one is of
// no use there.
func TestServerAtAnotherAddressIsNoNews(t *testing.T) {
	const id = "primary/data/kafka"
	e := starter(t, t.TempDir())
	e.kinds[id] = "kafka"
	say := func(cluster string, brokers ...string) int {
		e.addresses[id] = brokers
		e.recognise(t.Context(), monitor.NewSnapshot(time.Time{}, map[string]monitor.TargetState{id: {Last: &probes.Result{
			Facts: probes.Facts{Extra: map[string]string{"cluster_id": cluster}},
		}}}), false)
		return len(e.changes(id))
	}
	for _, c := range []struct {
		cluster string
		brokers []string
		want    int
	}{
		{"one", []string{"a:1", "b:1"}, 0},
		{"two", []string{"b:1", "c:1"}, 1}, // a broker was added and one taken out: the same cluster is expected
		{"three", []string{"d:1"}, 0},
		{"four", []string{"d:1"}, 1},
	} {
		if got := say(c.cluster, c.brokers...); got != c.want {
			t.Errorf("cluster %s at %v: %d changes, want %d", c.cluster, c.brokers, got, c.want)
		}
	}
}

// Within a run of ours a restart is no news; a loss is.
func TestRestartsWithinARunAreNoNews(t *testing.T) {
	e := starter(t, t.TempDir())
	id := ""
	for target, kind := range e.kinds {
		if kind == "redis" {
			id = target
		}
	}
	if id == "" {
		t.Fatal("the starter has no redis")
	}
	say := func(process string, acting bool) {
		e.recognise(t.Context(), monitor.NewSnapshot(time.Time{}, map[string]monitor.TargetState{id: {Last: &probes.Result{
			Facts: probes.Facts{Extra: map[string]string{"run_id": process}},
		}}}), acting)
	}
	say("a", false)
	say("b", true)
	if n := len(e.changes(id)); n != 0 {
		t.Errorf("%d changes within a run", n)
	}
	e.forgetRuns(t.Context())
	say("b2", false) // started by the run, and looked at only after it
	if n := len(e.changes(id)); n != 0 {
		t.Errorf("%d changes after a run", n)
	}
	say("c", false)
	if n := len(e.changes(id)); n != 1 {
		t.Errorf("%d changes, want the restart that was not ours", n)
	}
}

func find(t *testing.T, st *Status, id string) ComponentStatus {
	t.Helper()
	for _, s := range st.Sites {
		for _, c := range allComponents(s) {
			if c.Target == id {
				return c
			}
		}
	}
	t.Fatalf("no %s in the picture", id)
	return ComponentStatus{}
}
