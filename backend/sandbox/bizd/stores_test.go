package bizd

import (
	"crypto/rand"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/dutyops/dutyops/backend/sandbox/kafkad"
	"github.com/dutyops/dutyops/backend/sandbox/link"
	"github.com/dutyops/dutyops/backend/sandbox/mysqld"
	"github.com/dutyops/dutyops/backend/sandbox/redisd"
	"github.com/dutyops/dutyops/backend/sandbox/searchd"
)

const topic = "flight.messages"

// store is a MySQL server behind a link, with an account that obeys read_only and
// one that does not.
type store struct {
	link  *link.Link
	app   SQL
	admin *sql.DB
}

func newStore(t *testing.T, schema string) *store {
	t.Helper()
	app, admin := rand.Text(), rand.Text()
	srv, err := mysqld.Start(mysqld.Options{ServerID: 1, Domain: 1, Users: map[string]mysqld.Account{
		"app": {Password: app}, "admin": {Password: admin, ReadOnlyAdmin: true},
	}})
	must(t, err)
	t.Cleanup(func() { must(t, srv.Close()) })
	l, err := link.New(srv.Addr())
	must(t, err)
	t.Cleanup(func() { must(t, l.Close()) })
	s := &store{link: l, app: SQL{Address: l.Addr(), User: "app", Password: app}}
	cfg := mysql.NewConfig()
	cfg.Net, cfg.Addr, cfg.User, cfg.Passwd, cfg.InterpolateParams = "tcp", srv.Addr(), "admin", admin, true
	c, err := mysql.NewConnector(cfg)
	must(t, err)
	db := sql.OpenDB(c)
	t.Cleanup(func() { must(t, db.Close()) })
	s.admin = db
	s.must(t, "CREATE DATABASE ops")
	s.must(t, schema)
	return s
}

func (s *store) must(t *testing.T, q string, args ...any) {
	t.Helper()
	_, err := s.admin.ExecContext(t.Context(), q, args...)
	must(t, err)
}

// doc is the stored document of a key, "" when there is none.
func (s *store) doc(t *testing.T, table, key, id string) string {
	t.Helper()
	var d string
	err := s.admin.QueryRowContext(t.Context(), "SELECT doc FROM "+table+" WHERE "+key+" = ?", id).Scan(&d)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		t.Fatal(err)
	}
	return d
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline := time.After(20 * time.Second)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-deadline:
			t.Fatalf("never: %s", what)
		case <-tick.C:
		}
	}
}

// bench is a monitoring subsystem with all its stores.
type bench struct {
	*Monitoring
	mysql *store
	es    *searchd.Server
	door  *link.Link // of es
	kafka *kgo.Client
}

func newBench(t *testing.T, readOnly bool) *bench {
	t.Helper()
	b := &bench{mysql: newStore(t, FlightsSchema)}
	if readOnly {
		b.mysql.must(t, "SET GLOBAL read_only=1")
	}
	password := rand.Text()
	var err error
	b.es, err = searchd.Start(searchd.Options{User: "u", Password: password})
	must(t, err)
	t.Cleanup(func() { must(t, b.es.Close()) })
	b.door, err = link.New(strings.TrimPrefix(b.es.URL(), "http://"))
	must(t, err)
	t.Cleanup(func() { must(t, b.door.Close()) })
	k, err := kafkad.Start(kafkad.Options{Topics: map[string]int32{topic: 2}})
	must(t, err)
	t.Cleanup(func() { must(t, k.Close()) })
	b.kafka, err = kgo.NewClient(kgo.SeedBrokers(k.Brokers()...), kgo.DefaultProduceTopic(topic))
	must(t, err)
	t.Cleanup(b.kafka.Close)
	b.Monitoring, err = StartMonitoring(MonitoringOptions{
		Brokers: k.Brokers(), Topic: topic, MySQL: b.mysql.app, Flush: 10 * time.Millisecond,
		ElasticsearchURL: "http://" + b.door.Addr(), User: "u", Password: password,
	})
	must(t, err)
	t.Cleanup(func() { must(t, b.Monitoring.Close()) })
	return b
}

func (b *bench) say(t *testing.T, flight, kind string, version int64) {
	t.Helper()
	v, err := json.Marshal(message{
		ID: fmt.Sprintf("%s-%d", kind, version), Kind: kind, Flight: flight, Version: version,
		Payload: json.RawMessage(fmt.Sprintf(`{"n":%d}`, version)), At: time.Now(),
	})
	must(t, err)
	must(t, b.kafka.ProduceSync(t.Context(), &kgo.Record{Key: []byte(flight), Value: v}).FirstErr())
}

func TestMonitoringServesWhatKafkaSays(t *testing.T) {
	b := newBench(t, false)
	b.say(t, "MU1", "stands", 1)
	b.say(t, "MU2", "baggage", 1)
	b.say(t, "MU1", "flight-times", 2)
	eventually(t, "both flights are served", func() bool {
		_, body := get(t, b.URL()+"/flights", "")
		var out struct{ Flights []flightDoc }
		must(t, json.Unmarshal([]byte(body), &out))
		for _, f := range out.Flights {
			if f.Flight == "MU1" && f.Version == 2 && len(f.Kinds) == 2 {
				return len(out.Flights) == 2
			}
		}
		return false
	})
	eventually(t, "they are indexed", func() bool {
		n := 0
		b.es.Each(FlightsIndex, func(string, int64, json.RawMessage) { n++ })
		return n == 2
	})
	if _, body := get(t, b.URL()+"/flights?limit=1", ""); strings.Count(body, `"flight":`) != 1 {
		t.Errorf("limit=1: %s", body)
	}
}

// asked is what /healthz says.
func asked(t *testing.T, url string) (int, health) {
	t.Helper()
	res, body := get(t, url+"/healthz", "")
	var h health
	must(t, json.Unmarshal([]byte(body), &h))
	return res.StatusCode, h
}

// Monitoring's users need its MySQL; the rest has health of its own, and is told here.
func TestMonitoringIsHealthyWhileItCanServe(t *testing.T) {
	b := newBench(t, false)
	eventually(t, "healthy", func() bool {
		status, h := asked(t, b.URL())
		return status == http.StatusOK && h.Status == "ok" && h.Parts["kafka"] == "ok"
	})
	for _, c := range []struct {
		part, says string
		link       *link.Link
		status     int
	}{
		{"mysql", "unavailable", b.mysql.link, http.StatusServiceUnavailable},
		{"elasticsearch", "degraded", b.door, http.StatusOK},
	} {
		for _, mode := range []link.Mode{link.Down, link.Blackhole} {
			c.link.Set(mode)
			if status, h := asked(t, b.URL()); status != c.status || h.Status != c.says || h.Parts[c.part] == "ok" {
				t.Errorf("%s %s: %d %+v", c.part, mode, status, h)
			}
			c.link.Set(link.Pass)
		}
	}
	b.mysql.link.Set(link.Down)
	if res, _ := get(t, b.URL()+"/flights", ""); res.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("flights without a store: %s", res.Status)
	}
	b.mysql.link.Set(link.Pass)
	eventually(t, "healthy again", func() bool {
		res, _ := get(t, b.URL()+"/healthz", "")
		return res.StatusCode == http.StatusOK
	})
}

// A standby's store is filled by replication: nothing may be written there until it
// is promoted, and then nothing older than what replication brought.
func TestMonitoringWaitsForPromotion(t *testing.T) {
	b := newBench(t, true)
	b.mysql.must(t, "REPLACE INTO ops.flights (flight, version, doc, updated_at) VALUES ('MU1', 9, '{\"replicated\":true}', '2026-01-01 00:00:00')")
	b.say(t, "MU1", "stands", 3)
	b.say(t, "MU2", "stands", 1)
	eventually(t, "both were read", func() bool {
		b.table.mu.Lock()
		defer b.table.mu.Unlock()
		return len(b.table.rows) == 2
	})
	b.mysql.must(t, "SET GLOBAL read_only=0")
	eventually(t, "the new flight is written", func() bool { return b.mysql.doc(t, "ops.flights", "flight", "MU2") != "" })
	if d := b.mysql.doc(t, "ops.flights", "flight", "MU1"); d != `{"replicated":true}` {
		t.Errorf("an older document was put over a newer one: %s", d)
	}
	b.say(t, "MU1", "stands", 10)
	eventually(t, "a newer one is written", func() bool { return strings.Contains(b.mysql.doc(t, "ops.flights", "flight", "MU1"), `"n":10`) })
}

func TestSchedulingMakesTasksOfMessages(t *testing.T) {
	data := newStore(t, "CREATE TABLE ops.messages (id VARCHAR(64) PRIMARY KEY, feed VARCHAR(32) NOT NULL, seq BIGINT NOT NULL, kind VARCHAR(32) NOT NULL, "+
		"flight VARCHAR(32) NOT NULL, version BIGINT NOT NULL, payload TEXT NOT NULL, at DATETIME(3) NOT NULL)")
	own := newStore(t, TasksSchema)
	password := rand.Text()
	r, err := redisd.Start(redisd.Options{Password: password})
	must(t, err)
	t.Cleanup(func() { must(t, r.Close()) })
	door, err := link.New(r.Addr())
	must(t, err)
	t.Cleanup(func() { must(t, door.Close()) })
	insert := func(feed string, seq int64, kind, flight string, version int64) {
		data.must(t, "INSERT INTO ops.messages VALUES (?, ?, ?, ?, ?, ?, ?, '2026-01-01 00:00:00')",
			fmt.Sprintf("%s-%09d", feed, seq), feed, seq, kind, flight, version, `{"stand":"201"}`)
	}
	insert("airline", 1, "baggage", "MU1", 1)
	insert("airport", 1, "stands", "MU2", 1)
	s, err := StartScheduling(SchedulingOptions{
		Data: data.app, MySQL: own.app, Feeds: []string{"airline", "airport"}, Every: 10 * time.Millisecond,
		Redis: door.Addr(), RedisPassword: password,
	})
	must(t, err)
	t.Cleanup(func() { must(t, s.Close()) })
	task := func(flight string) string { return own.doc(t, "ops.tasks", "id", "T-"+flight) }
	eventually(t, "both have a task", func() bool { return task("MU1") != "" && task("MU2") != "" })
	insert("airport", 2, "milestones", "MU2", 2)
	eventually(t, "the newer message is the task", func() bool {
		_, body := get(t, s.URL()+"/tasks", "")
		return strings.Contains(body, "next milestone") && strings.Contains(body, "unload baggage") && !strings.Contains(body, `"tow"`)
	})
	if status, h := asked(t, s.URL()); status != http.StatusOK || h.Status != "ok" {
		t.Errorf("%d %+v", status, h)
	}
	door.Set(link.Down)
	if status, h := asked(t, s.URL()); status != http.StatusOK || h.Status != "degraded" || h.Parts["redis"] == "ok" {
		t.Errorf("without its redis: %d %+v", status, h)
	}
	// Its own store is one thing, the data platform another: without the latter it serves what it has.
	data.link.Set(link.Down)
	if res, _ := get(t, s.URL()+"/tasks", ""); res.StatusCode != http.StatusOK {
		t.Errorf("without the data platform: %s", res.Status)
	}
	if status, h := asked(t, s.URL()); status != http.StatusOK || h.Parts["data mysql"] == "ok" {
		t.Errorf("without the data platform: %d %+v", status, h)
	}
	own.link.Set(link.Down)
	if status, h := asked(t, s.URL()); status != http.StatusServiceUnavailable || h.Status != "unavailable" {
		t.Errorf("without its mysql: %d %+v", status, h)
	}
}
