package contract

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/dutyops/dutyops/backend/replication"
)

// Actions are tried in the same manner as probes: one list of promises, run against the
// sandbox's servers and against real ones.

// SearchPair is two search engines; the second may copy from the first. Both have the
// index, empty.
type SearchPair struct {
	A, B           replication.Endpoint
	User, Password [2]string
	// Direct is where the suite itself writes, "" at the endpoint's own URL.
	Direct [2]string
}

// SearchActions copies an index, keeps what is newer at the target, fences and releases.
func SearchActions(t *testing.T, p SearchPair) {
	t.Helper()
	a, b := store(t, p.A), store(t, p.B)
	if n := p.bulk(t, 0, 0, 1500, 1); n != 1500 {
		t.Fatalf("%d of 1500 documents were taken", n)
	}
	p.bulk(t, 1, 0, 10, 5) // newer here: a copy must keep them
	if ok, seen, err := b.CaughtUp(t.Context(), p.A); err != nil || ok {
		t.Fatalf("CaughtUp before the copy = %v (%s), %v", ok, seen, err)
	}
	done(t, "copy")(b.Follow(t.Context(), p.A))
	eventually(t, "the copy is level", func() string {
		ok, seen, err := b.CaughtUp(t.Context(), p.A)
		if err != nil || !ok {
			return fmt.Sprint(seen, err)
		}
		return ""
	})
	if v := p.version(t, 1, "d3"); v != 5 {
		t.Errorf("a newer document was replaced: version %d, want 5", v)
	}
	if v := p.version(t, 1, "d1400"); v != 1 {
		t.Errorf("a copied document has version %d, want 1", v)
	}
	p.updates(t, func(t *testing.T) {
		t.Helper()
		done(t, "copy again")(b.Follow(t.Context(), p.A))
		eventually(t, "the update is copied", func() string {
			if v := p.version(t, 1, "d20"); v != 2 {
				return fmt.Sprintf("version %d", v)
			}
			return ""
		})
	})
	for range 2 {
		done(t, "demote")(a.Demote(t.Context()))
	}
	isSource(t, a, false)
	if n := p.bulk(t, 0, 5000, 5001, 1); n != 0 {
		t.Error("a fenced index took a document")
	}
	for range 2 {
		done(t, "promote")(a.Promote(t.Context()))
	}
	isSource(t, a, true)
	if n := p.bulk(t, 0, 5000, 5001, 1); n != 1 {
		t.Error("a promoted index refuses a document")
	}
}

func (p SearchPair) ask(t *testing.T, i int, method, path, body string) []byte {
	t.Helper()
	e := [2]replication.Endpoint{p.A, p.B}[i]
	req, err := http.NewRequestWithContext(t.Context(), method, cmp.Or(p.Direct[i], e.Config.URL)+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-ndjson")
	if p.User[i] != "" {
		req.SetBasicAuth(p.User[i], p.Password[i])
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	b, err := io.ReadAll(io.LimitReader(resp.Body, 4<<20))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// bulk writes documents d<from> to d<to-1> and returns how many were taken.
func (p SearchPair) bulk(t *testing.T, i, from, to, version int) int {
	t.Helper()
	e := [2]replication.Endpoint{p.A, p.B}[i]
	var b bytes.Buffer
	for n := from; n < to; n++ {
		fmt.Fprintf(&b, `{"index":{"_index":%q,"_id":"d%d","version":%d,"version_type":"external"}}`+"\n"+`{"at":%q,"n":%d}`+"\n",
			e.Config.Index, n, version, time.Now().UTC().Format(time.RFC3339Nano), n)
	}
	var doc struct {
		Items []map[string]struct{ Status int }
	}
	answer := p.ask(t, i, http.MethodPost, "/_bulk?refresh=true", b.String())
	if err := json.Unmarshal(answer, &doc); err != nil {
		t.Fatalf("bulk: %v: %.200s", err, answer)
	}
	taken := 0
	for _, it := range doc.Items {
		if s := it["index"].Status; s == http.StatusCreated || s == http.StatusOK {
			taken++
		}
	}
	return taken
}

func (p SearchPair) version(t *testing.T, i int, id string) int64 {
	t.Helper()
	e := [2]replication.Endpoint{p.A, p.B}[i]
	var doc struct {
		Version int64 `json:"_version"`
	}
	answer := p.ask(t, i, http.MethodGet, "/"+e.Config.Index+"/_doc/"+id, "")
	if err := json.Unmarshal(answer, &doc); err != nil {
		t.Fatalf("%s: %v: %.200s", id, err, answer)
	}
	return doc.Version
}

// MirrorPair is a running mirror between two Kafkas.
type MirrorPair struct {
	Connect        replication.Endpoint
	Connector      string
	Topic          string // copied under the same name
	Source, Target []string
}

// MirrorActions sees a mirror level under a steady flow, stops it, moves its beginning to the end of the source, and lets it
// go on: what was written in between is not copied, what comes after it is.
func MirrorActions(t *testing.T, p MirrorPair) {
	t.Helper()
	m, err := replication.OpenMirror(p.Connect, replication.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = m.Close() })
	names := []string{p.Connector}
	ends := func(ctx context.Context) (map[string]int64, error) { return endOffsets(ctx, p.Source, p.Topic) }
	lag := func() (int64, string) {
		by, err := m.Lag(t.Context(), names, ends)
		sum := int64(0)
		for _, n := range by {
			sum += n
		}
		if err != nil {
			return -1, err.Error()
		}
		return sum, fmt.Sprint(by)
	}
	state := func(want string) {
		t.Helper()
		if st, err := m.States(t.Context(), names); err != nil || st[p.Connector] != want {
			t.Errorf("States = %v, %v, want %s", st, err, want)
		}
	}
	level := func(what string) {
		t.Helper()
		eventually(t, what, func() string {
			if n, seen := lag(); n != 0 {
				return seen
			}
			return ""
		})
	}
	// Connect answers 201 to a new connector a moment before it has a status.
	eventually(t, "the mirror runs", func() string {
		if st, err := m.States(t.Context(), names); err != nil || st[p.Connector] != "RUNNING" {
			return fmt.Sprint(st, err)
		}
		return ""
	})
	produce(t, p.Source, p.Topic, 5)
	level("the first records are copied")
	flow(t, p.Source, p.Topic, func() {
		look, err := m.Level(t.Context(), names, ends)
		if err != nil {
			t.Fatal(err)
		}
		eventually(t, "what was there is copied, while more comes", func() string {
			ok, seen, err := look(t.Context())
			if err != nil || !ok {
				return fmt.Sprint(seen, err)
			}
			return ""
		})
	})
	level("the flow is copied to its end")
	for range 2 {
		done(t, "stop")(m.Stop(t.Context(), names))
	}
	state("STOPPED")
	before := total(t, p.Target, p.Topic)
	produce(t, p.Source, p.Topic, 10)
	if n, seen := lag(); n != 10 {
		t.Errorf("lag of a stopped mirror is %d, want 10 (%s)", n, seen)
	}
	done(t, "anchor")(m.Anchor(t.Context(), names, ends))
	for range 2 {
		done(t, "resume")(m.Resume(t.Context(), names))
	}
	state("RUNNING")
	produce(t, p.Source, p.Topic, 3)
	level("what came after the cut is copied")
	if n := total(t, p.Target, p.Topic) - before; n != 3 {
		t.Errorf("%d records were copied, want the 3 after the cut", n)
	}
}

func produce(t *testing.T, brokers []string, topic string, n int) {
	t.Helper()
	c, err := kgo.NewClient(kgo.SeedBrokers(brokers...), kgo.DefaultProduceTopic(topic), kgo.DisableClientMetrics())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for range n {
		if err := c.ProduceSync(t.Context(), kgo.StringRecord("x")).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
}

// flow writes records one after the other until during returns.
func flow(t *testing.T, brokers []string, topic string, during func()) {
	t.Helper()
	c, err := kgo.NewClient(kgo.SeedBrokers(brokers...), kgo.DefaultProduceTopic(topic), kgo.DisableClientMetrics())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	ctx, cancel := context.WithCancel(t.Context())
	done, flows := make(chan error, 1), make(chan struct{})
	go func() {
		for n := 0; ; n++ {
			if err := c.ProduceSync(ctx, kgo.StringRecord("flow")).FirstErr(); err != nil {
				done <- err
				return
			}
			if n == 10 {
				close(flows)
			}
		}
	}()
	select {
	case <-flows:
	case err := <-done:
		cancel()
		t.Fatal(err)
	}
	defer func() {
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Errorf("write into %s: %v", topic, err)
		}
	}()
	during()
}

func endOffsets(ctx context.Context, brokers []string, topic string) (map[string]int64, error) {
	c, err := kgo.NewClient(kgo.SeedBrokers(brokers...), kgo.DisableClientMetrics())
	if err != nil {
		return nil, err
	}
	defer c.Close()
	ends, err := kadm.NewClient(c).ListEndOffsets(ctx, topic)
	if err != nil {
		return nil, err
	}
	out := map[string]int64{}
	ends.Each(func(o kadm.ListedOffset) { out[fmt.Sprintf("%s/%d", o.Topic, o.Partition)] = o.Offset })
	return out, ends.Error()
}

func total(t *testing.T, brokers []string, topic string) int64 {
	t.Helper()
	by, err := endOffsets(t.Context(), brokers, topic)
	if err != nil {
		t.Fatal(err)
	}
	sum := int64(0)
	for _, n := range by {
		sum += n
	}
	return sum
}

func store(t *testing.T, e replication.Endpoint) replication.Store {
	t.Helper()
	s, err := replication.Open(e, replication.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// done fails the test on an error and keeps the evidence for its reader.
func done(t *testing.T, what string) func([]string, error) {
	return func(evidence []string, err error) {
		t.Helper()
		t.Logf("%s: %s", what, strings.Join(evidence, "; "))
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
	}
}

func isSource(t *testing.T, s replication.Store, want bool) {
	t.Helper()
	if ok, seen, err := s.IsSource(t.Context()); err != nil || ok != want {
		t.Fatalf("IsSource = %v (%s), %v, want %v", ok, seen, err, want)
	}
}

func eventually(t *testing.T, what string, look func() string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		said := look()
		if said == "" {
			return
		}
		select {
		case <-ctx.Done():
			t.Fatalf("%s: %s", what, said)
		case <-tick.C:
		}
	}
}
