package connectd_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/dutyops/dutyops/backend/sandbox/connectd"
	"github.com/dutyops/dutyops/backend/sandbox/kafkad"
	"github.com/dutyops/dutyops/backend/sandbox/link"
)

// cluster is a Kafka behind a fault link.
type cluster struct {
	*kafkad.Cluster
	link *link.Link
}

func newCluster(t *testing.T, topics map[string]int32) cluster {
	t.Helper()
	var c cluster
	var err error
	c.Cluster, err = kafkad.Start(kafkad.Options{Topics: topics, Advertise: func(addr string) (string, error) {
		l, err := link.New(addr)
		if err != nil {
			return "", err
		}
		c.link = l
		return l.Addr(), nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close(); _ = c.link.Close() })
	return c
}

// end is the number of records in the topic.
func (c cluster) end() int {
	n := 0
	for _, e := range c.EndOffsets(topic) {
		n += int(e)
	}
	return n
}

// produce writes records straight to the broker, whatever the link does.
func (c cluster) produce(t *testing.T, from, n int) {
	t.Helper()
	c.produceAt(t, from, n, time.UnixMilli(1_790_000_000_000))
}

// produceAt is produce with the time stamp of record 0.
func (c cluster) produceAt(t *testing.T, from, n int, at time.Time) {
	t.Helper()
	cl := c.client(t, kgo.RecordPartitioner(kgo.ManualPartitioner()))
	defer cl.Close()
	recs := make([]*kgo.Record, n)
	for i := range recs {
		k := from + i
		recs[i] = &kgo.Record{
			Topic: topic, Partition: int32(k % 2), Key: fmt.Appendf(nil, "MU%d", k%97), Value: fmt.Appendf(nil, "message %d", k),
			Headers: []kgo.RecordHeader{{Key: "kind", Value: []byte("stands")}}, Timestamp: at.Add(time.Duration(k) * time.Millisecond),
		}
	}
	if err := cl.ProduceSync(t.Context(), recs...).FirstErr(); err != nil {
		t.Fatal(err)
	}
}

func (c cluster) client(t *testing.T, opts ...kgo.Opt) *kgo.Client {
	t.Helper()
	direct := c.RealAddrs()[0]
	cl, err := kgo.NewClient(append(opts, kgo.SeedBrokers(direct), kgo.ProducerLinger(0),
		kgo.Dialer(func(ctx context.Context, network, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, network, direct)
		}))...)
	if err != nil {
		t.Fatal(err)
	}
	return cl
}

// read gives every record, per partition in order.
func (c cluster) read(t *testing.T) map[int32][]*kgo.Record {
	t.Helper()
	cl := c.client(t, kgo.ConsumeTopics(topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	defer cl.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 15*time.Second)
	defer cancel()
	out, want := map[int32][]*kgo.Record{}, c.end()
	for n := 0; n < want; {
		f := cl.PollFetches(ctx)
		if ctx.Err() != nil {
			t.Fatalf("read %d of %d records", n, want)
		}
		f.EachRecord(func(r *kgo.Record) { out[r.Partition] = append(out[r.Partition], r); n++ })
	}
	return out
}

// sameRecords fails unless b holds exactly what a holds, in order.
func sameRecords(t *testing.T, a, b cluster) {
	t.Helper()
	want, got := a.read(t), b.read(t)
	text := func(r *kgo.Record) string {
		return fmt.Sprint(string(r.Key), string(r.Value), r.Headers, r.Timestamp.UnixMilli())
	}
	for p := range want {
		if len(got[p]) != len(want[p]) {
			t.Errorf("partition %d: %d records, want %d", p, len(got[p]), len(want[p]))
			continue
		}
		for i, r := range want[p] {
			if text(r) != text(got[p][i]) {
				t.Fatalf("partition %d record %d: %s, want %s", p, i, text(got[p][i]), text(r))
			}
		}
	}
}

type rig struct {
	*connectd.Server
	a, b cluster
}

func newRig(t *testing.T, change func(*connectd.Options)) rig {
	t.Helper()
	r := rig{a: newCluster(t, map[string]int32{topic: 2}), b: newCluster(t, nil)}
	o := connectd.Options{Connectors: []connectd.Connector{{
		Name: name, SourceAlias: "primary", SourceBrokers: r.a.Brokers(), TargetAlias: "standby", TargetBrokers: r.b.Brokers(),
		Topics: []string{topic},
	}}}
	if change != nil {
		change(&o)
	}
	var err error
	if r.Server, err = connectd.Start(o); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	return r
}

// rest sends one request; body "" is none.
func (r rig) rest(t *testing.T, method, path, body string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, r.URL()+path, strings.NewReader(body))
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
	return resp.StatusCode, strings.TrimSpace(string(raw))
}

func (r rig) want(t *testing.T, status int, method, path, body string) string {
	t.Helper()
	got, text := r.rest(t, method, path, body)
	if got != status {
		t.Fatalf("%s %s: %d, want %d: %s", method, path, got, status, text)
	}
	return text
}

// states gives "CONNECTOR TASK", the task's part empty when there is none.
func (r rig) states(t *testing.T) (states, trace string) {
	t.Helper()
	var s struct {
		Connector struct{ State string }
		Tasks     []struct{ State, Trace string }
	}
	if err := json.Unmarshal([]byte(r.want(t, 200, "GET", "/connectors/"+name+"/status", "")), &s); err != nil {
		t.Fatal(err)
	}
	states = s.Connector.State + " "
	for _, k := range s.Tasks {
		states += k.State
		trace = k.Trace
	}
	return states, trace
}

func (r rig) until(t *testing.T, states string) {
	t.Helper()
	eventually(t, "states "+states, func() bool { s, _ := r.states(t); return s == states })
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline := time.After(20 * time.Second)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-deadline:
			t.Fatalf("never happened: %s", what)
		case <-tick.C:
		}
	}
}
