//go:build integration

package contract_test

import (
	"path/filepath"
	"testing"

	"github.com/dutyops/dutyops/backend/config"
	"github.com/dutyops/dutyops/test/contract"
	"github.com/dutyops/dutyops/test/lab"
)

func TestRealIngestActions(t *testing.T) {
	r := startStack(t)
	k, err := r.kafka[0]()
	if err != nil {
		t.Fatal(err)
	}
	if err := k.CreateTopics(r.ctx, 2, ingestTopics[:]...); err != nil {
		t.Fatal(err)
	}
	p := contract.IngestPair{Feed: quietFeed(t), Brokers: []string{k.Address}, Topics: ingestTopics}
	savepoints := filepath.Join(r.dir, "savepoints")
	for i, c := range []*config.Component{&p.A, &p.B} {
		site := []string{"primary", "standby"}[i]
		f, err := started(t, r, "Flink of "+site, func() (*lab.Flink, error) { return lab.NewFlink(r.ctx, r.dir, site, savepoints) })()
		if err != nil {
			t.Fatal(err)
		}
		args := lab.Ingest{Job: "ingest", Site: site, Brokers: k.Address, Topic: ingestTopics[i], Feeds: map[string]string{"airline": p.Feed.URL()}}
		*c = flinkComponent(f.URL, config.Job{
			Name: "ingest", Jar: lab.IngestJar, EntryClass: lab.IngestClass, Args: args.Args(), SavepointDir: "file://" + savepoints,
		})
	}
	contract.IngestActions(t, p)
}
