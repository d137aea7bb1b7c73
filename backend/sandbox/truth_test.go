package sandbox

import (
	"context"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/dutyops/dutyops/backend/sandbox/feedd"
	"github.com/dutyops/dutyops/backend/sandbox/kafkad"
	"github.com/dutyops/dutyops/backend/sandbox/mysqld"
)

// books is a ledger over a Kafka and a MySQL of its own.
func books(t *testing.T) (*ledger, func(id string)) {
	t.Helper()
	k, err := kafkad.Start(kafkad.Options{Topics: map[string]int32{topicMessages: partitions}})
	must(t, err)
	t.Cleanup(func() { must(t, k.Close()) })
	reach := map[string]string{}
	for i, b := range k.Brokers() {
		reach[b] = k.RealAddrs()[i]
	}
	a := account{user: "u", password: "p"}
	srv, err := mysqld.Start(mysqld.Options{ServerID: 1, Domain: 1, Users: map[string]mysqld.Account{a.user: {Password: a.password}}})
	must(t, err)
	t.Cleanup(func() { must(t, srv.Close()) })
	l, err := newLedger(reach, func() []int64 { return k.EndOffsets(topicMessages) }, dsn(srv, a))
	must(t, err)
	t.Cleanup(func() { must(t, l.close()) })
	for _, q := range []string{
		"CREATE DATABASE ops", schemas[data+"/mysql"],
		"INSERT INTO ops.messages VALUES ('x-1', 'x', 1, 'stands', 'MU1', 1, '{}', '2026-01-01 00:00:00')",
		"INSERT INTO ops.messages VALUES ('x-2', 'x', 2, 'baggage', 'MU2', 1, '{}', '2026-01-01 00:00:00')",
	} {
		_, err := l.db.ExecContext(t.Context(), q)
		must(t, err)
	}
	cl, err := kgo.NewClient(kgo.SeedBrokers(k.Brokers()...), kgo.DefaultProduceTopic(topicMessages))
	must(t, err)
	t.Cleanup(cl.Close)
	return l, func(id string) {
		must(t, cl.ProduceSync(context.Background(), kgo.StringRecord(`{"id":"`+id+`"}`)).FirstErr())
	}
}

func TestTruthIsCountedPerMessage(t *testing.T) {
	l, produce := books(t)
	for _, id := range []string{"x-1", "x-1", "x-1", "x-3"} {
		produce(id)
	}
	sent := []feedd.Message{
		{ID: "x-1", Kind: "stands", Flight: "MU1", Version: 1},
		{ID: "x-2", Kind: "baggage", Flight: "MU2", Version: 1},
		{ID: "x-3", Kind: "stands", Flight: "MU1", Version: 2}, // in Kafka only
		{ID: "x-4", Kind: "stands", Flight: "MU3", Version: 1}, // nowhere
	}
	check := func(want SiteTruth) {
		t.Helper()
		got := l.judge(t.Context(), sent)
		if got.Problem != "" || got.Present != want.Present || got.Missing != want.Missing || got.Stale != want.Stale ||
			got.Duplicated != want.Duplicated || got.Kafka != want.Kafka || got.MySQL != want.MySQL {
			t.Errorf("got  %+v\nwant %+v", got, want)
		}
		if got.ByKind["stands"] != got.Present || got.MissingByKind["baggage"] != 1 {
			t.Errorf("kinds %v, missing %v", got.ByKind, got.MissingByKind)
		}
	}
	check(SiteTruth{Present: 1, Missing: 3, Stale: 2, Duplicated: 2, Kafka: 2, MySQL: 2})
	check(SiteTruth{Present: 1, Missing: 3, Stale: 2, Duplicated: 2, Kafka: 2, MySQL: 2}) // asking changes nothing
	produce("x-1")
	_, err := l.db.ExecContext(t.Context(), "INSERT INTO ops.messages VALUES ('x-3', 'x', 3, 'stands', 'MU1', 2, '{}', '2026-01-01 00:00:00')")
	must(t, err)
	check(SiteTruth{Present: 2, Missing: 2, Stale: 1, Duplicated: 3, Kafka: 2, MySQL: 3})
}

func TestTheBooksAreKeptWhileNobodyAsks(t *testing.T) {
	l, produce := books(t)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		l.keep(ctx, time.Millisecond)
	}()
	defer func() { cancel(); <-done }()
	produce("x-1")
	eventually(t, "the record is counted", func() bool {
		l.mu.Lock()
		defer l.mu.Unlock()
		return l.copies["x-1"] == 1
	})
}

func TestAnUnreadableStoreIsAProblemNotAnAbsence(t *testing.T) {
	l, _ := books(t)
	_, err := l.db.ExecContext(t.Context(), "DROP TABLE ops.messages")
	must(t, err)
	if got := l.judge(t.Context(), nil); got.Problem == "" {
		t.Error("no problem is reported")
	}
}
