package sandbox

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/dutyops/dutyops/backend/sandbox/feedd"
	"github.com/dutyops/dutyops/backend/sandbox/kafkad"
	"github.com/dutyops/dutyops/backend/sandbox/mysqld"
)

// books is a ledger over a Kafka and a MySQL of its own.
func books(t *testing.T) (*ledger, func(seq int)) {
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
		"CREATE DATABASE ops", schemas[data+"/mysql"][0], schemas[data+"/mysql"][1],
		"INSERT INTO ops.messages VALUES ('x-1', 'x', 1, 'stands', 'MU1', 1, '{}', '2026-01-01 00:00:00')",
		"INSERT INTO ops.messages VALUES ('x-2', 'x', 2, 'baggage', 'MU2', 1, '{}', '2026-01-01 00:00:00')",
	} {
		_, err := l.db.ExecContext(t.Context(), q)
		must(t, err)
	}
	cl, err := kgo.NewClient(kgo.SeedBrokers(k.Brokers()...), kgo.DefaultProduceTopic(topicMessages))
	must(t, err)
	t.Cleanup(cl.Close)
	return l, func(seq int) {
		must(t, cl.ProduceSync(context.Background(), kgo.StringRecord(fmt.Sprintf(`{"feed":"x","seq":%d}`, seq))).FirstErr())
	}
}

func TestTruthIsCountedPerMessage(t *testing.T) {
	l, produce := books(t)
	for _, seq := range []int{1, 1, 1, 3, 99} { // 99 was not sent yet when the books were asked for
		produce(seq)
	}
	sent := []feedd.Log{{
		Feed: "x", Kinds: []string{"stands", "baggage"}, Flights: []string{"MU1", "MU2", "MU3"},
		Entries: []feedd.Entry{
			{Kind: 0, Flight: 0},
			{Kind: 1, Flight: 1},
			{Kind: 0, Flight: 0}, // in Kafka only
			{Kind: 0, Flight: 2}, // nowhere
		},
	}}
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
	produce(1)
	_, err := l.db.ExecContext(t.Context(), "INSERT INTO ops.messages VALUES ('x-3', 'x', 3, 'stands', 'MU1', 2, '{}', '2026-01-01 00:00:00')")
	must(t, err)
	check(SiteTruth{Present: 2, Missing: 2, Stale: 1, Duplicated: 3, Kafka: 2, MySQL: 3})
	// What the retention took out of the table has been there all the same.
	for _, q := range []string{"DELETE FROM ops.messages WHERE seq IN (1, 3)", "INSERT INTO ops.expired VALUES ('x', 1, 1), ('x', 3, 3)"} {
		_, err := l.db.ExecContext(t.Context(), q)
		must(t, err)
	}
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
	produce(1)
	eventually(t, "the record is counted", func() bool {
		l.mu.Lock()
		defer l.mu.Unlock()
		return len(l.copies["x"]) == 1 && l.copies["x"][0] == 1
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
