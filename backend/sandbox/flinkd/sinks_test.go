package flinkd_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"

	"github.com/dutyops/dutyops/backend/sandbox/feedd"
	"github.com/dutyops/dutyops/backend/sandbox/flinkd"
	"github.com/dutyops/dutyops/backend/sandbox/searchd"
)

func TestRedisSinkKeepsTheNewestPerFlight(t *testing.T) {
	r := miniredis.RunT(t)
	r.RequireAuth(t.Name())
	sink := flinkd.NewRedisSink(flinkd.RedisOptions{Addr: r.Addr(), Password: t.Name()})
	t.Cleanup(func() { _ = sink.Close() })
	feed := newFeeds(t, "x")[0]
	feed.Emit(400)
	if err := sink.Write(t.Context(), feed.Sent()); err != nil {
		t.Fatal(err)
	}
	newest := map[string]feedd.Message{}
	for _, m := range feed.Sent() {
		newest[m.Flight] = m
	}
	for flight, want := range newest {
		raw, err := r.Get(flinkd.RedisPrefix + flight)
		if err != nil {
			t.Fatal(err)
		}
		var got feedd.Message
		if err := json.Unmarshal([]byte(raw), &got); err != nil || got.ID != want.ID {
			t.Fatalf("%s holds %s, want %s", flight, got.ID, want.ID)
		}
	}
	if n := len(r.Keys()); n != len(newest) {
		t.Errorf("%d keys for %d flights", n, len(newest))
	}
	r.SetError("READONLY You can't write against a read only replica.")
	if err := sink.Write(t.Context(), feed.Sent()[:1]); err == nil {
		t.Error("a refused write was not reported")
	}
}

func TestSearchSinkIsIdempotent(t *testing.T) {
	es, err := searchd.Start(searchd.Options{User: "ingest", Password: t.Name(), Replicas: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = es.Close() })
	sink := flinkd.NewSearchSink(flinkd.SearchOptions{URL: es.URL() + "/", User: "ingest", Password: t.Name()})
	t.Cleanup(func() { _ = sink.Close() })
	feed := newFeeds(t, "x")[0]
	feed.Emit(50)
	docs := func() map[string]int64 {
		m := map[string]int64{}
		es.Each("messages", func(id string, v int64, _ json.RawMessage) { m[id] = v })
		return m
	}
	for range 2 {
		if err := sink.Write(t.Context(), feed.Sent()); err != nil {
			t.Fatal(err)
		}
	}
	got := docs()
	for _, m := range feed.Sent() {
		if got[m.ID] != m.Version {
			t.Fatalf("%s has version %d, want %d", m.ID, got[m.ID], m.Version)
		}
	}
	es.SetReadOnly(true)
	feed.Emit(1)
	if err := sink.Write(t.Context(), feed.Sent()[50:]); err == nil {
		t.Error("a refused write was not reported")
	}
	es.SetReadOnly(false)
	if err := sink.Write(t.Context(), feed.Sent()[50:]); err != nil {
		t.Error(err)
	}
	if n := len(docs()); n != 51 {
		t.Errorf("%d documents, want 51", n)
	}
}

func TestUnreachableSinksFailInTime(t *testing.T) {
	feed := newFeeds(t, "x")[0]
	feed.Emit(1)
	my, err := flinkd.NewMySQLSink(flinkd.MySQLOptions{Addr: "127.0.0.1:1", User: "u"})
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []flinkd.Sink{
		my, flinkd.NewRabbitSink(flinkd.RabbitOptions{Addr: "127.0.0.1:1"}),
		flinkd.NewRedisSink(flinkd.RedisOptions{Addr: "127.0.0.1:1"}),
		flinkd.NewSearchSink(flinkd.SearchOptions{URL: "http://127.0.0.1:1"}),
	} {
		done := make(chan error, 1)
		go func() { done <- s.Write(t.Context(), feed.Sent()) }()
		select {
		case err := <-done:
			if err == nil {
				t.Errorf("%s: no error", s.Name())
			}
		case <-time.After(10 * time.Second):
			t.Errorf("%s hangs", s.Name())
		}
	}
	if _, err := my.ResumePoint(t.Context()); err == nil {
		t.Error("resume point of an unreachable server")
	}
}
