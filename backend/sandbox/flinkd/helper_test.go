package flinkd_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/dutyops/dutyops/backend/sandbox/feedd"
	"github.com/dutyops/dutyops/backend/sandbox/flinkd"
	"github.com/dutyops/dutyops/backend/sandbox/kafkad"
)

const topic = "flight.messages"

// store is a sink that remembers and can be made to fail.
type store struct {
	name     string
	optional bool

	mu     sync.Mutex
	broken bool
	got    []feedd.Message
}

func (s *store) Name() string   { return s.name }
func (s *store) Required() bool { return !s.optional }

func (s *store) Write(_ context.Context, batch []feedd.Message) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.broken {
		return errors.New("the store is broken")
	}
	s.got = append(s.got, batch...)
	return nil
}

func (s *store) setBroken(b bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.broken = b
}

func (s *store) messages() []feedd.Message {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]feedd.Message(nil), s.got...)
}

// resume is what the MySQL sink would say.
func (s *store) resume(context.Context) (map[string]int64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.broken {
		return nil, errors.New("the store is broken")
	}
	m := map[string]int64{}
	for _, g := range s.got {
		m[g.Feed] = max(m[g.Feed], g.Seq)
	}
	return m, nil
}

// site is one Flink with its Kafka and its store.
type site struct {
	*flinkd.Server
	kafka *kafkad.Cluster
	mysql *store
}

func newSite(t *testing.T, name, savepoints string, feeds []*feedd.Feed, more ...flinkd.Sink) *site {
	t.Helper()
	k, err := kafkad.Start(kafkad.Options{Topics: map[string]int32{topic: 2}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = k.Close() })
	s := &site{kafka: k, mysql: &store{name: "mysql"}}
	var refs []flinkd.FeedRef
	for _, f := range feeds {
		refs = append(refs, flinkd.FeedRef{Name: f.Name(), URL: f.URL()})
	}
	s.Server, err = flinkd.Start(flinkd.Options{
		Site: name, Feeds: refs, KafkaBrokers: k.Brokers(), Topic: topic, SavepointDir: savepoints,
		Sinks: append([]flinkd.Sink{s.mysql}, more...), ResumePoint: s.mysql.resume,
		Poll: 5 * time.Millisecond, Retry: 20 * time.Millisecond,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func newFeeds(t *testing.T, attached string) []*feedd.Feed {
	t.Helper()
	var feeds []*feedd.Feed
	for _, name := range []string{"airline", "airport"} {
		f, err := feedd.Start(feedd.Options{Name: name, Seed: 3, Kinds: feedd.KnownKinds(), Attached: attached})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = f.Close() })
		feeds = append(feeds, f)
	}
	return feeds
}

func emit(feeds []*feedd.Feed, n int) {
	for _, f := range feeds {
		f.Emit(n)
	}
}

func attach(feeds []*feedd.Feed, site string) {
	for _, f := range feeds {
		f.Attach(site)
	}
}

// rest sends one request to the REST interface.
func (s *site) rest(t *testing.T, method, path, body string) (int, map[string]any) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, s.URL()+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	var m map[string]any
	if err := json.Unmarshal(raw, &m); err != nil {
		t.Fatalf("%s %s: %q: %v", method, path, raw, err)
	}
	return resp.StatusCode, m
}

// runJob starts a job and gives its id.
func (s *site) runJob(t *testing.T, body string) string {
	t.Helper()
	code, m := s.rest(t, "POST", "/jars/ingest.jar/run", body)
	id, _ := m["jobid"].(string)
	if code != 200 || len(id) != 32 {
		t.Fatalf("run: %d %v", code, m)
	}
	return id
}

// stopJob stops with a savepoint and gives the operation's outcome.
func (s *site) stopJob(t *testing.T, id, body string) map[string]any {
	t.Helper()
	code, m := s.rest(t, "POST", "/jobs/"+id+"/stop", body)
	trigger, _ := m["request-id"].(string)
	if code != 202 || trigger == "" {
		t.Fatalf("stop: %d %v", code, m)
	}
	var op map[string]any
	eventually(t, "the savepoint ends", func() bool {
		_, m := s.rest(t, "GET", "/jobs/"+id+"/savepoints/"+trigger, "")
		status, _ := m["status"].(map[string]any)
		op, _ = m["operation"].(map[string]any)
		return status["id"] == "COMPLETED"
	})
	return op
}

// state of a job as REST says it.
func (s *site) state(t *testing.T, id string) string {
	t.Helper()
	_, m := s.rest(t, "GET", "/jobs/"+id, "")
	st, _ := m["state"].(string)
	return st
}

// inKafka reads the whole topic.
func (s *site) inKafka(t *testing.T) []*kgo.Record {
	t.Helper()
	var want int
	for _, n := range s.kafka.EndOffsets(topic) {
		want += int(n)
	}
	cl, err := kgo.NewClient(kgo.SeedBrokers(s.kafka.Brokers()...), kgo.ConsumeTopics(topic),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	var recs []*kgo.Record
	for len(recs) < want {
		f := cl.PollFetches(ctx)
		if err := ctx.Err(); err != nil {
			t.Fatalf("read %d of %d records: %v", len(recs), want, err)
		}
		recs = append(recs, f.Records()...)
	}
	return recs
}

// counted counts messages by id.
func counted(lists ...[]feedd.Message) map[string]int {
	n := map[string]int{}
	for _, l := range lists {
		for _, m := range l {
			n[m.ID]++
		}
	}
	return n
}

// onceEach fails unless every message of the feeds is there exactly once.
func onceEach(t *testing.T, feeds []*feedd.Feed, got map[string]int) {
	t.Helper()
	want := map[string]int{}
	for _, f := range feeds {
		for _, m := range f.Sent() {
			want[m.ID] = 1
		}
	}
	if maps.Equal(got, want) {
		return
	}
	for id, n := range got {
		if n != want[id] {
			t.Errorf("%s is there %d times, want %d", id, n, want[id])
			return
		}
	}
	t.Errorf("%d different messages, want %d", len(got), len(want))
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline := time.After(15 * time.Second)
	tick := time.NewTicker(3 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-deadline:
			t.Fatalf("never happened: %s", what)
		case <-tick.C:
		}
	}
}
