//go:build integration

package lab

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/dutyops/dutyops/backend/sandbox/feedd"
)

// alone is a folder and a time limit for launchers that are used by themselves.
func alone(t *testing.T) (context.Context, string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	t.Cleanup(cancel)
	dir, err := NewDir("")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return ctx, dir
}

type launcher interface {
	Start(ctx context.Context) error
	Stop()
	Kill()
	Freeze() error
	Thaw() error
	Log() string
}

func up[L launcher](ctx context.Context, t *testing.T, l L, err error) L {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	if err := l.Start(ctx); err != nil {
		t.Fatal(err)
	}
	t.Logf("up in %s", time.Since(began).Round(time.Millisecond))
	t.Cleanup(l.Stop)
	return l
}

// comesBack kills a server, starts it again and freezes and thaws it.
func comesBack(ctx context.Context, t *testing.T, l launcher) {
	t.Helper()
	l.Kill()
	if err := l.Start(ctx); err != nil {
		t.Fatalf("after a kill: %v", err)
	}
	if err := l.Freeze(); err != nil {
		t.Fatal(err)
	}
	if err := l.Thaw(); err != nil {
		t.Fatal(err)
	}
}

func produce(ctx context.Context, t *testing.T, k *Kafka, topic string, n int) {
	t.Helper()
	c, err := kgo.NewClient(kgo.SeedBrokers(k.Address), kgo.DefaultProduceTopic(topic))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	var batch []*kgo.Record
	for i := range n {
		batch = append(batch, kgo.StringRecord(fmt.Sprint("record ", i)))
	}
	if err := c.ProduceSync(ctx, batch...).FirstErr(); err != nil {
		t.Fatal(err)
	}
}

// values reads a topic until n records have come.
func values(ctx context.Context, t *testing.T, k *Kafka, topic string, n int) [][]byte {
	t.Helper()
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	c, err := kgo.NewClient(kgo.SeedBrokers(k.Address), kgo.ConsumeTopics(topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.MetadataMinAge(100*time.Millisecond))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	var out [][]byte
	for len(out) < n {
		f := c.PollFetches(ctx)
		if ctx.Err() != nil {
			t.Fatalf("%d of %d records of %s arrived at %s", len(out), n, topic, k.Site)
		}
		f.EachRecord(func(r *kgo.Record) { out = append(out, r.Value) })
	}
	return out
}

func TestKafkaAndConnect(t *testing.T) {
	ctx, dir := alone(t)
	a, err := NewKafka(ctx, dir, "primary")
	up(ctx, t, a, err)
	b, err := NewKafka(ctx, dir, "standby")
	up(ctx, t, b, err)
	c, err := NewConnect(ctx, dir, b)
	up(ctx, t, c, err)
	if err := a.CreateTopics(ctx, 2, "flight.messages"); err != nil {
		t.Fatal(err)
	}
	produce(ctx, t, a, "flight.messages", 1000)
	if err := c.Mirror(ctx, a, "flight.messages", "RUNNING"); err != nil {
		t.Fatal(err)
	}
	values(ctx, t, b, "flight.messages", 1000)
	comesBack(ctx, t, a)
	values(ctx, t, a, "flight.messages", 1000)
	comesBack(ctx, t, c)
}

func TestSearchEngines(t *testing.T) {
	ctx, dir := alone(t)
	for _, engine := range []string{OpenSearch2, OpenSearch3, Elasticsearch7} {
		s, err := NewSearch(ctx, dir, "primary", engine)
		up(ctx, t, s, err)
		if err := s.CreateIndex(ctx, "flights", nil); err != nil {
			t.Fatal(err)
		}
		if err := postJSON(ctx, s.URL+"/flights/_doc/1?refresh=true", map[string]any{"a": 1}, nil); err != nil {
			t.Fatal(err)
		}
		comesBack(ctx, t, s)
		if err := Await(ctx, time.Minute, engine+" has its document again", func(ctx context.Context) string {
			var n struct {
				Count int `json:"count"`
			}
			if err := sendJSON(ctx, http.MethodGet, s.URL+"/flights/_count", nil, &n); err != nil || n.Count != 1 {
				return fmt.Sprint(n.Count, err)
			}
			return ""
		}); err != nil {
			t.Error(err)
		}
		s.Stop()
	}
}

func TestFlinkIngest(t *testing.T) {
	ctx, dir := alone(t)
	k, err := NewKafka(ctx, dir, "primary")
	up(ctx, t, k, err)
	if err := k.CreateTopics(ctx, 2, "flight.messages"); err != nil {
		t.Fatal(err)
	}
	f, err := NewFlink(ctx, dir, "primary", filepath.Join(dir, "savepoints"))
	up(ctx, t, f, err)
	feed, err := feedd.Start(feedd.Options{Name: "airline", Kinds: []string{"flight-times"}, Attached: "primary"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = feed.Close() })
	feed.Emit(500)
	comesBack(ctx, t, f)
	var jars struct {
		Files []struct {
			ID string `json:"id"`
		} `json:"files"`
	}
	if err := sendJSON(ctx, http.MethodGet, f.URL+"/jars", nil, &jars); err != nil || len(jars.Files) != 1 {
		t.Fatal(jars, err)
	}
	ask := map[string]any{"entryClass": IngestClass, "programArgsList": Ingest{
		Job: "ingest", Site: "primary", Brokers: k.Address, Topic: "flight.messages", Feeds: map[string]string{"airline": feed.URL()},
	}.Args()}
	if err := postJSON(ctx, f.URL+"/jars/"+jars.Files[0].ID+"/run", ask, nil); err != nil {
		t.Fatal(err, f.Log())
	}
	values(ctx, t, k, "flight.messages", 500)
}

func TestRabbit(t *testing.T) {
	ctx, dir := alone(t)
	a, err := NewRabbit(ctx, dir, "primary", "notifications")
	up(ctx, t, a, err)
	b, err := NewRabbit(ctx, dir, "standby", "notifications")
	up(ctx, t, b, err)
	if err := a.Shovel(ctx, "notifications", b); err != nil {
		t.Fatal(err)
	}
	say := map[string]any{"properties": map[string]any{}, "routing_key": "notifications", "payload": "hello", "payload_encoding": "string"}
	if err := a.manage(ctx, http.MethodPost, "/api/exchanges/%2F/amq.default/publish", say, nil); err != nil {
		t.Fatal(err)
	}
	if err := Await(ctx, time.Minute, "the shovel moves the message", func(ctx context.Context) string {
		var got []map[string]any
		if err := b.manage(ctx, http.MethodPost, "/api/queues/%2F/notifications/get", map[string]any{"count": 1, "ackmode": "ack_requeue_true", "encoding": "auto"}, &got); err != nil || len(got) != 1 {
			return fmt.Sprint(got, err)
		}
		return ""
	}); err != nil {
		t.Error(err)
	}
	comesBack(ctx, t, a)
}

func TestMySQL56(t *testing.T) {
	ctx, dir := alone(t)
	a, err := NewMySQL(ctx, dir, "primary", 1)
	up(ctx, t, a, err)
	b, err := NewMySQL(ctx, dir, "standby", 2)
	up(ctx, t, b, err)
	if err := b.Follow(ctx, a); err != nil {
		t.Fatal(err)
	}
	if err := a.Exec(ctx, "SET GLOBAL read_only=0", "CREATE DATABASE ops", "CREATE TABLE ops.x (a INT PRIMARY KEY)", "INSERT INTO ops.x VALUES (1)"); err != nil {
		t.Fatal(err)
	}
	if err := Await(ctx, time.Minute, "the row arrives", func(ctx context.Context) string {
		n, err := b.Query(ctx, "SELECT COUNT(*) FROM ops.x")
		if err != nil || n != "1" {
			return fmt.Sprint(n, err)
		}
		return ""
	}); err != nil {
		t.Error(err)
	}
	comesBack(ctx, t, a)
}
