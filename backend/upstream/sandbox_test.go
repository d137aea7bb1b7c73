package upstream_test

import (
	"crypto/rand"
	"strings"
	"testing"
	"time"

	"github.com/dutyops/dutyops/backend/config"
	"github.com/dutyops/dutyops/backend/sandbox/feedd"
	"github.com/dutyops/dutyops/backend/sandbox/flinkd"
	"github.com/dutyops/dutyops/backend/sandbox/kafkad"
	"github.com/dutyops/dutyops/backend/upstream"
)

func TestSandboxFeed(t *testing.T) {
	token := rand.Text()
	t.Setenv("FEED_TOKEN", token)
	f, err := feedd.Start(feedd.Options{Name: "airline", Kinds: []string{"stands"}, Token: token, Attached: "primary"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	feed, err := upstream.NewFeed(config.Upstream{Name: "airline", Switch: config.FeedSwitch{URL: f.URL() + "/switch", Token: "env:FEED_TOKEN"}}, upstream.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = feed.Close() })
	for _, site := range []string{"", "standby", "standby"} {
		if _, err := feed.Attach(t.Context(), site); err != nil || f.Attached() != site {
			t.Fatalf("attached to %q (%v), want %q", f.Attached(), err, site)
		}
	}
}

func TestSandboxJobMovesWithItsSavepoint(t *testing.T) {
	k, err := kafkad.Start(kafkad.Options{Topics: map[string]int32{"flight.messages": 2}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = k.Close() })
	f, err := feedd.Start(feedd.Options{Name: "airline", Kinds: []string{"stands"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	dir := t.TempDir()
	job := func(site string, autostart bool) *upstream.Job {
		s, err := flinkd.Start(flinkd.Options{Site: site, Feeds: []flinkd.FeedRef{{Name: "airline", URL: f.URL()}}, KafkaBrokers: k.Brokers(), Topic: "flight.messages", SavepointDir: dir, Autostart: autostart})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = s.Close() })
		j, err := upstream.NewJob(config.Component{Name: "flink", URL: s.URL(), Job: config.Job{Name: "ingest", Jar: "ingest.jar", SavepointDir: dir}},
			upstream.Options{Poll: 5 * time.Millisecond})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = j.Close() })
		return j
	}
	a, b := job("primary", true), job("standby", false)
	if _, err := a.Start(t.Context(), ""); err != nil { // waits for the one that runs
		t.Fatal(err)
	}
	if _, ok, err := b.Running(t.Context()); err != nil || ok {
		t.Fatalf("a job runs at the standby (%v)", err)
	}
	path, err := a.StopWithSavepoint(t.Context())
	if err != nil || !strings.Contains(path, "savepoint") {
		t.Fatalf("StopWithSavepoint = %q, %v", path, err)
	}
	if _, ok, err := a.Running(t.Context()); err != nil || ok {
		t.Fatalf("the job still runs at the primary (%v)", err)
	}
	id, err := b.Start(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	if got, ok, err := b.Running(t.Context()); err != nil || !ok || got != id {
		t.Fatalf("Running = %q, %v, %v; want %q", got, ok, err, id)
	}
	if _, err := b.Cancel(t.Context()); err != nil {
		t.Fatal(err)
	}
}
