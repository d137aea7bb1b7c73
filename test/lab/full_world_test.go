//go:build integration

package lab

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// startFull brings the whole stack up for one test.
func startFull(t *testing.T) (context.Context, *Full) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 12*time.Minute)
	t.Cleanup(cancel)
	f, err := StartFull(ctx, FullOptions{Rate: 5, Progress: func(s Started) { t.Log(s); tell(s.String()) }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(f.Close)
	total := int64(0)
	for _, u := range f.Memory() {
		total += u.Bytes
	}
	t.Logf("up in %s, %d MB", f.Took.Round(100*time.Millisecond), total>>20)
	return ctx, f
}

// sent are the ids of all messages that the feeds have sent so far.
func (f *Full) sent() []string {
	var ids []string
	for _, feed := range f.Feeds {
		for _, m := range feed.Sent() {
			ids = append(ids, m.ID)
		}
	}
	return ids
}

// inKafka counts each message in a site's topic.
func (d *Data) inKafka(ctx context.Context) (map[string]int, error) {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	c, err := kgo.NewClient(kgo.SeedBrokers(d.Kafka.Address), kgo.ConsumeTopics(Topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.MetadataMinAge(100*time.Millisecond), kgo.DisableClientMetrics())
	if err != nil {
		return nil, err
	}
	defer c.Close()
	ends, err := kadm.NewClient(c).ListEndOffsets(ctx, Topic)
	if err != nil {
		return nil, err
	}
	left := int64(0)
	ends.Each(func(o kadm.ListedOffset) { left += o.Offset })
	out := map[string]int{}
	for left > 0 {
		got := c.PollFetches(ctx)
		if ctx.Err() != nil {
			return nil, fmt.Errorf("%d records of %s at %s could not be read", left, Topic, d.Site)
		}
		var bad error
		got.EachRecord(func(r *kgo.Record) {
			left--
			var m struct{ ID string }
			if err := json.Unmarshal(r.Value, &m); err != nil {
				bad = err
			}
			out[m.ID]++
		})
		if bad != nil {
			return nil, bad
		}
	}
	return out, nil
}

// inMySQL are the messages in a site's data/mysql.
func (d *Data) inMySQL(ctx context.Context) (map[string]int, error) {
	rows, err := d.MySQL.root.QueryContext(ctx, "SELECT id FROM ops.messages")
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	out := map[string]int{}
	for rows.Next() {
		var id string
		if err := rows.Scan(&id); err != nil {
			return nil, err
		}
		out[id]++
	}
	return out, rows.Err()
}

// inSearch are the messages in a site's index.
func (d *Data) inSearch(ctx context.Context) (map[string]int, error) {
	return inIndex(ctx, d.Search, Index)
}

// inIndex are the ids in an index, up to the 10,000 that one answer may hold.
func inIndex(ctx context.Context, s *Search, index string) (map[string]int, error) {
	if err := postJSON(ctx, s.URL+"/"+index+"/_refresh", nil, nil); err != nil {
		return nil, err
	}
	var found struct {
		Hits struct {
			Hits []struct {
				ID string `json:"_id"`
			} `json:"hits"`
		} `json:"hits"`
	}
	if err := postJSON(ctx, s.URL+"/"+index+"/_search", map[string]any{"size": 10000, "_source": false}, &found); err != nil {
		return nil, err
	}
	out := map[string]int{}
	for _, h := range found.Hits.Hits {
		out[h.ID]++
	}
	return out, nil
}

// arrives waits until every message that was sent until now is in each of a site's stores.
func (f *Full) arrives(ctx context.Context, t *testing.T, site string) {
	t.Helper()
	ids, d := f.sent(), f.Data[site]
	for name, read := range map[string]func(context.Context) (map[string]int, error){
		"Kafka": d.inKafka, "MySQL": d.inMySQL, "OpenSearch": d.inSearch,
	} {
		if err := Await(ctx, time.Minute, fmt.Sprintf("all %d messages are in %s of %s", len(ids), name, site), func(ctx context.Context) string {
			have, err := read(ctx)
			if err != nil {
				return err.Error()
			}
			var missing []string
			for _, id := range ids {
				if have[id] == 0 {
					missing = append(missing, id)
				}
			}
			if len(missing) > 0 {
				return fmt.Sprintf("%d are missing, the first %s", len(missing), missing[0])
			}
			return ""
		}); err != nil {
			t.Fatalf("%v\nFlink: %s", err, d.Flink.Log())
		}
	}
	t.Logf("all %d messages are in Kafka, MySQL and OpenSearch of %s", len(ids), site)
}

// handsOver checks that the shovel moves what is put into a queue of the primary.
func (f *Full) handsOver(ctx context.Context, t *testing.T) {
	t.Helper()
	a, b := f.Data["primary"].Rabbit, f.Data["standby"].Rabbit
	say := map[string]any{"properties": map[string]any{}, "routing_key": Handover, "payload": "hello", "payload_encoding": "string"}
	if err := a.manage(ctx, http.MethodPost, "/api/exchanges/%2F/amq.default/publish", say, nil); err != nil {
		t.Fatal(err)
	}
	take := map[string]any{"count": 1, "ackmode": "ack_requeue_false", "encoding": "auto"}
	if err := Await(ctx, time.Minute, "the shovel moves the message", func(ctx context.Context) string {
		var got []struct{ Payload string }
		err := b.manage(ctx, http.MethodPost, "/api/queues/%2F/"+Handover+"/get", take, &got)
		if err != nil || len(got) != 1 || got[0].Payload != "hello" {
			return fmt.Sprint(got, err)
		}
		return ""
	}); err != nil {
		t.Fatal(err)
	}
}

// archive puts a document into each site's archive; archived checks that each still has
// its own and nothing else.
func (f *Full) archive(ctx context.Context, t *testing.T) {
	t.Helper()
	for site, a := range f.Archives {
		if err := sendJSON(ctx, http.MethodPut, a.URL+"/"+Archive+"/_doc/"+site, map[string]any{"of": site}, nil); err != nil {
			t.Fatal(err)
		}
	}
}

func (f *Full) archived(ctx context.Context, t *testing.T) {
	t.Helper()
	for site, a := range f.Archives {
		if ids, err := inIndex(ctx, a, Archive); err != nil || len(ids) != 1 || ids[site] != 1 {
			t.Errorf("the archive of %s holds %v, %v", site, ids, err)
		}
	}
}

// feedsAt checks where the feeds send, by asking them.
func (f *Full) feedsAt(t *testing.T, site string) {
	t.Helper()
	for _, feed := range f.Feeds {
		if at := feed.Attached(); at != site {
			t.Errorf("feed %s is attached to %q, want %q", feed.Name(), at, site)
		}
	}
}

// mirrors waits until only one direction copies, by asking both workers: a checkpoint
// connector whose source was dead stops when it has given up.
func (f *Full) mirrors(ctx context.Context, t *testing.T, from, to string) {
	t.Helper()
	for site, want := range map[string]string{to: "RUNNING", from: "STOPPED"} {
		other := map[string]string{from: to, to: from}[site]
		for _, name := range MirrorNames(other) {
			if err := Await(ctx, 2*time.Minute, fmt.Sprintf("connector %s at %s is %s", name, site, want), func(ctx context.Context) string {
				var st struct {
					Connector struct{ State string } `json:"connector"`
				}
				err := sendJSON(ctx, http.MethodGet, f.Data[site].Mirror.URL+"/connectors/"+name+"/status", nil, &st)
				if err != nil || st.Connector.State != want {
					return fmt.Sprint(st.Connector.State, err)
				}
				return ""
			}); err != nil {
				t.Error(err)
			}
		}
	}
}

// writer checks that a site's data/mysql takes writes, or refuses them, by asking it.
func (d *Data) writer(ctx context.Context, t *testing.T, want bool) {
	t.Helper()
	ro, err := d.MySQL.Query(ctx, "SELECT @@read_only")
	if err != nil || (ro == "0") != want {
		t.Errorf("MySQL of %s: read_only=%s (%v), want writable=%v", d.Site, ro, err, want)
	}
}

// allWell waits until status exits with 0, and returns it.
func (c *console) allWell(ctx context.Context, t *testing.T, serving string) {
	t.Helper()
	if err := Await(ctx, time.Minute, "all well, served by "+serving, func(ctx context.Context) string {
		code, out, errs, err := c.run(ctx, "status", "-o", "json")
		var st statusDoc
		if err != nil || json.Unmarshal([]byte(out), &st) != nil || st.ServingSite != serving || code != 0 {
			return fmt.Sprintf("exit %d, %v\n%s\n%s", code, err, out, errs)
		}
		return ""
	}); err != nil {
		t.Fatal(err)
	}
}

// ready waits until doctor finds nothing that stands in the way of a failover.
func (c *console) ready(ctx context.Context, t *testing.T) {
	t.Helper()
	if err := Await(ctx, time.Minute, "ready for a failover", func(ctx context.Context) string {
		code, out, errs, err := c.run(ctx, "doctor")
		if err != nil || code != 0 {
			return fmt.Sprintf("exit %d, %v\n%s\n%s", code, err, out, errs)
		}
		return ""
	}); err != nil {
		t.Fatal(err)
	}
}

// mayRun waits until a plan passes every gate.
func (c *console) mayRun(ctx context.Context, t *testing.T, verb, to string) {
	t.Helper()
	if err := Await(ctx, 2*time.Minute, "nothing stands in the way of a "+verb, func(ctx context.Context) string {
		code, out, errs, err := c.run(ctx, "plan", verb, "--to", to)
		if err != nil || code != 0 {
			return fmt.Sprintf("exit %d, %v\n%s\n%s", code, err, out, errs)
		}
		return ""
	}); err != nil {
		t.Fatal(err)
	}
}

// turnAllRound runs `sync run` until no step of it is passed over, which its exit code
// says: a server that has just come up may not be ready for it.
func (c *console) turnAllRound(ctx context.Context, t *testing.T) {
	t.Helper()
	if err := Await(ctx, 2*time.Minute, "everything is turned round", func(ctx context.Context) string {
		code, out, errs, err := c.run(ctx, "sync", "run", "--yes", "--reason", "turn replication round", "-o", "json")
		var run runDoc
		if err == nil && json.Unmarshal([]byte(out), &run) == nil {
			run.log(t)
		}
		if err != nil || code != 0 {
			return fmt.Sprintf("exit %d, %v\n%s\n%s", code, err, out, errs)
		}
		return ""
	}); err != nil {
		t.Fatal(err)
	}
}

// evidence is everything that a run's steps of a title have to say.
func (r runDoc) evidence(title string) string {
	var all []string
	for _, s := range r.Steps {
		if strings.Contains(s.Title, title) {
			all = append(all, s.Evidence...)
		}
	}
	return strings.Join(all, "\n")
}
