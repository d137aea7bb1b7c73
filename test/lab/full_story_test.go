//go:build integration

package lab

import (
	"context"
	"fmt"
	"net/http"
	"regexp"
	"testing"
	"time"
)

// TestWholeStack goes there and home three times on two sites of the whole stack: planned,
// the ingest job moving with its savepoint; because the primary's whole data platform is
// gone; and because all of the primary is gone. It is one test because starting the stack
// is what takes long.
func TestWholeStack(t *testing.T) {
	ctx, f := startFull(t)
	c := newConsole(t, f.Lab)
	c.allWell(ctx, t, "primary")
	c.ready(ctx, t)
	f.arrives(ctx, t, "primary")
	f.handsOver(ctx, t)
	f.archive(ctx, t)

	data := outage{is: "data-down", strike: f.Data["primary"].Kill, heal: f.Data["primary"].Start}
	site := outage{
		is:     "site-down",
		strike: func() { f.KillSite(f.Primary) },
		heal:   func(ctx context.Context) error { return f.StartSite(ctx, f.Primary) },
	}
	for _, story := range []struct {
		name string
		tell func(*testing.T)
	}{
		{"IngestMovesWithItsSavepoint", func(t *testing.T) { ingestMoves(ctx, t, f, c) }},
		{"DataDown", func(t *testing.T) { data.overAndHome(ctx, t, f, c) }},
		{"SiteDown", func(t *testing.T) { site.overAndHome(ctx, t, f, c) }},
	} {
		if !t.Run(story.name, story.tell) {
			t.FailNow() // the next needs both sites as they were
		}
	}
	f.archived(ctx, t)
	c.want(ctx, t, 0, nil, "runs", "verify")
	c.keepsSecrets(t)
}

// ingestMoves: a planned switch stops the job with a savepoint and starts it from there at
// the other site, so that nothing is lost and nothing is written twice.
func ingestMoves(ctx context.Context, t *testing.T, f *Full, c *console) {
	for _, way := range []struct{ verb, from, to string }{{"failover", "primary", "standby"}, {"failback", "standby", "primary"}} {
		c.mayRun(ctx, t, way.verb, way.to)
		var run runDoc
		c.want(ctx, t, 0, &run, way.verb, "--to", way.to, "--yes", "--reason", "planned")
		run.log(t)
		if run.State != "done" || run.To != way.to {
			t.Fatalf("the run: %+v", run)
		}
		path := regexp.MustCompile(`savepoint (file:\S+)`).FindStringSubmatch(run.evidence("Stop the ingest job of " + way.from))
		if path == nil {
			t.Fatalf("the job of %s was stopped without a savepoint: %q", way.from, run.evidence("Stop the ingest job"))
		}
		if got := f.restoredFrom(ctx, t, way.to); got != path[1] {
			t.Errorf("the job of %s was restored from %q, want the savepoint %s", way.to, got, path[1])
		}
		zoneSays(ctx, t, f.Lab, way.to)
		served(ctx, t, f.Lab, way.to)
		f.feedsAt(t, way.to)
		f.Data[way.to].writer(ctx, t, true)
		f.Data[way.from].writer(ctx, t, false)
		f.mirrors(ctx, t, way.to, way.from)
		f.arrives(ctx, t, way.to)
		f.arrives(ctx, t, way.from) // by replication, mirror and copies
		for _, site := range []string{way.from, way.to} {
			have, err := f.Data[site].inKafka(ctx)
			if err != nil {
				t.Fatal(err)
			}
			for id, n := range have {
				if n != 1 {
					t.Errorf("message %s is %d times in Kafka of %s", id, n, site)
				}
			}
		}
	}
	c.allWell(ctx, t, "primary")
}

// restoredFrom asks a site's Flink what its running ingest job began with.
func (f *Full) restoredFrom(ctx context.Context, t *testing.T, site string) string {
	t.Helper()
	url := f.Data[site].Flink.URL
	var jobs struct {
		Jobs []struct{ ID, Status string } `json:"jobs"`
	}
	if err := sendJSON(ctx, http.MethodGet, url+"/jobs", nil, &jobs); err != nil {
		t.Fatal(err)
	}
	for _, j := range jobs.Jobs {
		if j.Status != "RUNNING" {
			continue
		}
		var cp struct {
			Latest struct {
				Restored struct {
					Path      string `json:"external_path"`
					Savepoint bool   `json:"is_savepoint"`
				} `json:"restored"`
			} `json:"latest"`
		}
		if err := sendJSON(ctx, http.MethodGet, url+"/jobs/"+j.ID+"/checkpoints", nil, &cp); err != nil {
			t.Fatal(err)
		}
		if !cp.Latest.Restored.Savepoint {
			return ""
		}
		return cp.Latest.Restored.Path
	}
	t.Fatalf("no job runs at %s: %v", site, jobs)
	return ""
}

// outage is something that happens to the primary of the whole stack.
type outage struct {
	// is what status calls it.
	is     string
	strike func()
	heal   func(context.Context) error
}

// overAndHome: the console names the outage; the failover promotes, turns the mirror round
// as soon as it can, moves the feeds and starts the job without a savepoint; what was sent
// is in every store of the standby. Healed, all of it comes home.
func (o outage) overAndHome(ctx context.Context, t *testing.T, f *Full, c *console) {
	a, b := f.Data["primary"], f.Data["standby"]
	// Flink goes first. MySQL 5.6 replicates asynchronously: what it took in the last
	// millisecond would diverge it for good, which is another story (see
	// TestMariaDBDivergedSideIsNotOverwritten).
	a.Flink.Kill()
	hasEverything(ctx, t, b.MySQL, a.MySQL)
	o.strike()
	struck := time.Now()

	var st statusDoc
	c.want(ctx, t, 3, &st, "status")
	if st.Case != o.is || st.Advice.Action != "failover" || st.Advice.To != "standby" {
		t.Fatalf("after the kill: case %s, want %s; advice %+v", st.Case, o.is, st.Advice)
	}
	c.mayRun(ctx, t, "failover", "standby")
	var run runDoc
	c.want(ctx, t, 0, &run, "failover", "--to", "standby", "--yes", "--reason", o.is)
	run.log(t)
	if run.State != "done" || run.DNS.Changed != len(f.Domains) {
		t.Fatalf("the run: %+v", run)
	}
	zoneSays(ctx, t, f.Lab, "standby")
	served(ctx, t, f.Lab, "standby")
	t.Logf("users are served by the standby, and its data platform is fed, %s after the kill; %+v", time.Since(struck).Round(100*time.Millisecond), f.Users.Seen())
	f.feedsAt(t, "standby")
	b.writer(ctx, t, true)
	writer(ctx, t, f.Standby.Maria, f.Standby.Redis, true)
	f.arrives(ctx, t, "standby")
	c.want(ctx, t, 4, nil, "failback", "--yes", "--reason", "too early")

	if err := o.heal(ctx); err != nil {
		t.Fatal(err)
	}
	c.turnAllRound(ctx, t)
	f.mirrors(ctx, t, "standby", "primary")
	f.arrives(ctx, t, "primary")
	home(ctx, t, f.Lab, c)
	f.feedsAt(t, "primary")
	a.writer(ctx, t, true)
	b.writer(ctx, t, false)
	f.mirrors(ctx, t, "primary", "standby")
	f.arrives(ctx, t, "primary")
	f.arrives(ctx, t, "standby")
}

// hasEverything waits until a replica has all the transactions of its source.
func hasEverything(ctx context.Context, t *testing.T, replica, source *MySQL) {
	t.Helper()
	if err := Await(ctx, 30*time.Second, "MySQL of the standby has everything", func(ctx context.Context) string {
		x, err1 := source.Query(ctx, "SELECT @@global.gtid_executed")
		y, err2 := replica.Query(ctx, "SELECT GTID_SUBSET('"+x+"', @@global.gtid_executed)")
		if err1 != nil || err2 != nil || y != "1" {
			return fmt.Sprint(x, y, err1, err2)
		}
		return ""
	}); err != nil {
		t.Fatal(err)
	}
}
