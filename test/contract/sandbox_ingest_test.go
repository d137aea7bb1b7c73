package contract_test

import (
	"testing"

	"github.com/dutyops/dutyops/backend/config"
	"github.com/dutyops/dutyops/backend/sandbox/feedd"
	"github.com/dutyops/dutyops/backend/sandbox/flinkd"
	"github.com/dutyops/dutyops/backend/sandbox/kafkad"
	"github.com/dutyops/dutyops/test/contract"
)

var ingestTopics = [2]string{"primary.messages", "standby.messages"}

func quietFeed(t *testing.T) *feedd.Feed {
	t.Helper()
	f, err := feedd.Start(feedd.Options{Name: "airline", Kinds: []string{"stands"}, Attached: "primary"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	return f
}

func flinkComponent(url string, job config.Job) config.Component {
	return config.Component{Name: "flink", Kind: "flink", URL: url, Job: job}
}

func TestSandboxIngestActions(t *testing.T) {
	k, err := kafkad.Start(kafkad.Options{Topics: map[string]int32{ingestTopics[0]: 2, ingestTopics[1]: 2}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = k.Close() })
	p := contract.IngestPair{Feed: quietFeed(t), Brokers: k.Brokers(), Topics: ingestTopics}
	dir := t.TempDir()
	for i, c := range []*config.Component{&p.A, &p.B} {
		s, err := flinkd.Start(flinkd.Options{
			Site: []string{"primary", "standby"}[i], Feeds: []flinkd.FeedRef{{Name: "airline", URL: p.Feed.URL()}},
			KafkaBrokers: k.Brokers(), Topic: ingestTopics[i], SavepointDir: dir,
		})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = s.Close() })
		*c = flinkComponent(s.URL(), config.Job{Name: "ingest", Jar: "ingest.jar", SavepointDir: dir})
	}
	contract.IngestActions(t, p)
}
