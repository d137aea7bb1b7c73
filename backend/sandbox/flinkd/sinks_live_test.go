package flinkd_test

import (
	"context"
	"database/sql"
	"encoding/json"
	"testing"
	"time"

	_ "github.com/go-sql-driver/mysql"
	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/dutyops/dutyops/backend/sandbox/amqpd"
	"github.com/dutyops/dutyops/backend/sandbox/feedd"
	"github.com/dutyops/dutyops/backend/sandbox/flinkd"
	"github.com/dutyops/dutyops/backend/sandbox/mysqld"
)

// liveMySQL is a server with the database ops, and a handle on it.
func liveMySQL(t *testing.T) (*mysqld.Server, *sql.DB) {
	t.Helper()
	srv, err := mysqld.Start(mysqld.Options{
		ServerID: 1, Domain: 1, Users: map[string]mysqld.Account{"ingest": {Password: t.Name()}},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = srv.Close() })
	db, err := sql.Open("mysql", "ingest:"+t.Name()+"@tcp("+srv.Addr()+")/")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	if _, err := db.ExecContext(t.Context(), "CREATE DATABASE IF NOT EXISTS ops"); err != nil {
		t.Fatal(err)
	}
	return srv, db
}

func liveSink(t *testing.T, srv *mysqld.Server, keep int64) *flinkd.MySQLSink {
	t.Helper()
	sink, err := flinkd.NewMySQLSink(flinkd.MySQLOptions{Addr: srv.Addr(), User: "ingest", Password: t.Name(), Keep: keep})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = sink.Close() })
	return sink
}

// What the retention takes out is told as ranges, holes included.
func TestMySQLSinkKeepsTheNewest(t *testing.T) {
	srv, db := liveMySQL(t)
	feeds := newFeeds(t, "x")
	feeds[0].Emit(400)
	feeds[1].Emit(20)
	all := feeds[0].Sent()
	write := func(keep int64, batches ...[]feedd.Message) *flinkd.MySQLSink {
		t.Helper()
		sink := liveSink(t, srv, keep)
		for _, b := range batches {
			if err := sink.Write(t.Context(), b); err != nil {
				t.Fatal(err)
			}
		}
		return sink
	}
	list := func(q string) (out string) {
		t.Helper()
		if err := db.QueryRowContext(t.Context(), q).Scan(&out); err != nil {
			t.Fatal(err)
		}
		return out
	}
	check := func(expired, rows string) {
		t.Helper()
		if got := list("SELECT GROUP_CONCAT(CONCAT(feed, ' ', seq_from, '-', seq_to) ORDER BY seq_from SEPARATOR ', ') FROM ops.expired"); got != expired {
			t.Errorf("expired: %s, want %s", got, expired)
		}
		if got := list("SELECT CONCAT(COUNT(*), ': ', MIN(seq), '-', MAX(seq)) FROM ops.messages WHERE feed = 'airline'"); got != rows {
			t.Errorf("rows: %s, want %s", got, rows)
		}
	}
	sink := write(100, feeds[1].Sent(), all[:50], all[60:200]) // 51 to 60 never came
	check("airline 1-50, airline 61-100", "100: 101-200")
	if err := sink.Write(t.Context(), all[200:205]); err != nil { // too little to begin again
		t.Fatal(err)
	}
	check("airline 1-50, airline 61-100", "105: 101-205")
	// A job that begins too early brings old messages again, and what was missing.
	write(100, all[40:300])
	check("airline 1-200", "100: 201-300")
	if got := list("SELECT COUNT(*) FROM ops.messages WHERE feed = 'airport'"); got != "20" {
		t.Errorf("%s rows of the other feed, want 20", got)
	}
	if p, err := sink.ResumePoint(t.Context()); err != nil || p["airline"] != 300 || p["airport"] != 20 {
		t.Errorf("resume point %v %v", p, err)
	}
}

func TestMySQLSink(t *testing.T) {
	srv, db := liveMySQL(t)
	sink := liveSink(t, srv, 0)
	if p, err := sink.ResumePoint(t.Context()); err != nil || len(p) != 0 {
		t.Fatalf("resume point without a table: %v %v", p, err)
	}
	feeds := newFeeds(t, "x")
	feeds[0].Emit(300)
	feeds[1].Emit(20)
	for range 2 { // the second time changes nothing
		for _, f := range feeds {
			if err := sink.Write(t.Context(), f.Sent()); err != nil {
				t.Fatal(err)
			}
		}
	}
	if p, err := sink.ResumePoint(t.Context()); err != nil || p["airline"] != 300 || p["airport"] != 20 {
		t.Errorf("resume point %v %v", p, err)
	}
	row := func(id string) (m feedd.Message, payload string) {
		err := db.QueryRowContext(t.Context(), "SELECT id, feed, seq, kind, flight, version, payload FROM ops.messages WHERE id = ?", id).
			Scan(&m.ID, &m.Feed, &m.Seq, &m.Kind, &m.Flight, &m.Version, &payload)
		if err != nil {
			t.Fatal(err)
		}
		return m, payload
	}
	last := feeds[0].Sent()[299]
	got, payload := row(last.ID)
	got.Payload, got.At = last.Payload, last.At
	if a, b := mustJSON(t, got), mustJSON(t, last); a != b || payload != string(last.Payload) {
		t.Errorf("row %s with payload %s, want %s", a, payload, b)
	}
	var n int
	if err := db.QueryRowContext(t.Context(), "SELECT COUNT(*) FROM ops.messages").Scan(&n); err != nil || n != 320 {
		t.Errorf("%d rows %v, want 320", n, err)
	}

	// Never back to an older version, forward to a newer one.
	older, newer := last, last
	older.Version, older.Payload = last.Version-1, json.RawMessage(`{"old":true}`)
	newer.Version, newer.Payload = last.Version+1, json.RawMessage(`{"new":"it's \"quoted\""}`)
	if err := sink.Write(t.Context(), []feedd.Message{older}); err != nil {
		t.Fatal(err)
	}
	if m, p := row(last.ID); m.Version != last.Version || p != string(last.Payload) {
		t.Errorf("an older version won: %d %s", m.Version, p)
	}
	if err := sink.Write(t.Context(), []feedd.Message{newer}); err != nil {
		t.Fatal(err)
	}
	if m, p := row(last.ID); m.Version != newer.Version || p != string(newer.Payload) {
		t.Errorf("a newer version lost: %d %s", m.Version, p)
	}

	srv.SetReadOnly(true)
	if err := sink.Write(t.Context(), []feedd.Message{last}); err == nil {
		t.Error("a write to a read-only server was not reported")
	}
	srv.SetReadOnly(false)
	if err := sink.Write(t.Context(), []feedd.Message{last}); err != nil {
		t.Errorf("after read-only: %v", err)
	}
}

func mustJSON(t *testing.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestRabbitSinkBoundsTheQueue(t *testing.T) {
	srv, err := amqpd.Start(amqpd.Options{Users: map[string]string{"ingest": t.Name()}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = srv.Close() })
	sink := flinkd.NewRabbitSink(flinkd.RabbitOptions{Addr: srv.Addr(), User: "ingest", Password: t.Name(), MaxLength: 50})
	t.Cleanup(func() { _ = sink.Close() })
	feed := newFeeds(t, "x")[0]
	feed.Emit(80)
	if err := sink.Write(t.Context(), feed.Sent()[:40]); err != nil {
		t.Fatal(err)
	}
	if err := sink.Write(t.Context(), feed.Sent()[40:]); err != nil {
		t.Fatal(err)
	}
	conn, err := amqp.Dial("amqp://ingest:" + t.Name() + "@" + srv.Addr() + "/")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	ch, err := conn.Channel()
	if err != nil {
		t.Fatal(err)
	}
	q, err := ch.QueueDeclarePassive("notifications", true, false, false, false, nil)
	if err != nil || q.Messages != 50 {
		t.Fatalf("queue %+v %v, want the newest 50", q, err)
	}
	d, ok, err := ch.Get("notifications", true)
	if err != nil || !ok || d.MessageId != feed.Sent()[30].ID || d.Type != feed.Sent()[30].Kind {
		t.Errorf("oldest kept %+v %v %v, want %s", d.MessageId, ok, err, feed.Sent()[30].ID)
	}

	// A broker that holds publishers is a failure in time, and heals.
	srv.SetDiskAlarm(true)
	failed := make(chan error, 1)
	go func() {
		ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
		defer cancel()
		failed <- sink.Write(ctx, feed.Sent()[:1])
	}()
	select {
	case err := <-failed:
		if err == nil {
			t.Error("a held publish was taken for done")
		}
	case <-time.After(10 * time.Second):
		t.Fatal("the sink hangs with the broker")
	}
	srv.SetDiskAlarm(false)
	if err := sink.Write(t.Context(), feed.Sent()[:1]); err != nil {
		t.Errorf("after the alarm: %v", err)
	}
}
