package replication_test

import (
	"context"
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
	"github.com/redis/go-redis/v9"

	"github.com/dutyops/dutyops/backend/config"
	"github.com/dutyops/dutyops/backend/replication"
	"github.com/dutyops/dutyops/backend/sandbox/mysqld"
	"github.com/dutyops/dutyops/backend/sandbox/redisd"
	"github.com/dutyops/dutyops/backend/sandbox/searchd"
	"github.com/dutyops/dutyops/failoverplan"
)

// secretOf makes a password known under an environment variable.
func secretOf(t *testing.T, name string) (password string, ref config.Secret) {
	t.Helper()
	password = rand.Text()
	t.Setenv(name, password)
	return password, config.Secret("env:" + name)
}

func open(t *testing.T, e replication.Endpoint) replication.Store {
	t.Helper()
	s, err := replication.Open(e, replication.Options{Poll: 5 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// did fails the test on an error.
func did(t *testing.T, what string, ev []string, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("%s: %v (%s)", what, err, strings.Join(ev, "; "))
	}
	if len(ev) == 0 {
		t.Errorf("%s left no evidence", what)
	}
}

// level waits until s has everything of source.
func level(t *testing.T, s replication.Store, source replication.Endpoint) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 15*time.Second)
	defer cancel()
	for {
		ok, seen, err := s.CaughtUp(ctx, source)
		if err != nil {
			t.Fatal(err)
		}
		if ok {
			return
		}
		select {
		case <-ctx.Done():
			t.Fatalf("not level: %s", seen)
		case <-time.After(5 * time.Millisecond):
		}
	}
}

func source(t *testing.T, s replication.Store, want bool) {
	t.Helper()
	ok, seen, err := s.IsSource(t.Context())
	if err != nil || ok != want {
		t.Fatalf("IsSource = %v (%s), %v; want %v", ok, seen, err, want)
	}
}

func mysqlSite(t *testing.T, name string, id uint32) (replication.Endpoint, *mysqld.Server, *sql.DB) {
	t.Helper()
	password, ref := secretOf(t, "MYSQL_"+name)
	s, err := mysqld.Start(mysqld.Options{ServerID: id, Domain: id, ReadOnly: id > 1, Users: map[string]mysqld.Account{
		"control": {Password: password, ReadOnlyAdmin: true}, "app": {Password: password}, "repl": {Password: password},
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	cfg := mysql.NewConfig()
	cfg.User, cfg.Passwd, cfg.Net, cfg.Addr, cfg.Logger = "app", password, "tcp", s.Addr(), &mysql.NopLogger{}
	connector, err := mysql.NewConnector(cfg)
	if err != nil {
		t.Fatal(err)
	}
	db := sql.OpenDB(connector)
	t.Cleanup(func() { _ = db.Close() })
	return replication.Endpoint{Site: name, Platform: failoverplan.Data, Name: "mysql", Kind: failoverplan.MySQL, Config: config.Component{
		Address: s.Addr(), Control: config.Account{User: "control", Password: ref},
		Replication: config.Replication{Address: s.Addr(), User: "repl", Password: ref},
	}}, s, db
}

func run(t *testing.T, db *sql.DB, stmts ...string) {
	t.Helper()
	for _, s := range stmts {
		if _, err := db.ExecContext(t.Context(), s); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
}

func TestSandboxMySQLThereAndBack(t *testing.T) {
	ea, _, da := mysqlSite(t, "primary", 1)
	eb, sb, db := mysqlSite(t, "standby", 2)
	a, b := open(t, ea), open(t, eb)
	run(t, da, "CREATE DATABASE ops", "CREATE TABLE ops.t (id INT PRIMARY KEY)", "INSERT INTO ops.t VALUES (1)")

	ev, err := b.Follow(t.Context(), ea)
	did(t, "standby follows", ev, err)
	level(t, b, ea)
	ev, err = a.Demote(t.Context())
	did(t, "demote primary", ev, err)
	source(t, a, false)
	level(t, b, ea)
	ev, err = b.Promote(t.Context())
	did(t, "promote standby", ev, err)
	source(t, b, true)
	run(t, db, "INSERT INTO ops.t VALUES (2)")
	ev, err = a.Follow(t.Context(), eb)
	did(t, "primary follows", ev, err)
	level(t, a, eb)
	if ok, seen, err := a.Follows(t.Context(), eb); err != nil || !ok {
		t.Errorf("Follows = %v (%s), %v", ok, seen, err)
	}
	if _, err := b.Follow(t.Context(), ea); !errors.Is(err, replication.ErrLoop) {
		t.Errorf("a ring: %v", err)
	}

	// Home, with a stray write at the standby: the way back is refused by name.
	ev, err = b.Demote(t.Context())
	did(t, "demote standby", ev, err)
	level(t, a, eb)
	ev, err = a.Promote(t.Context())
	did(t, "promote primary", ev, err)
	if err := sb.Diverge(); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Follow(t.Context(), ea); !errors.Is(err, replication.ErrDiverged) || !strings.Contains(err.Error(), "2-2-") {
		t.Errorf("a stray write: %v, want ErrDiverged naming 2-2-…", err)
	}
}

func redisSite(t *testing.T, name string) (replication.Endpoint, *redisd.Server, *redis.Client) {
	t.Helper()
	password, ref := secretOf(t, "REDIS_"+name)
	s, err := redisd.Start(redisd.Options{Name: name, Password: password})
	if err != nil {
		t.Fatal(err)
	}
	c := redis.NewClient(&redis.Options{Addr: s.Addr(), Password: password, MaxRetries: -1})
	t.Cleanup(func() { _ = c.Close(); _ = s.Close() })
	return replication.Endpoint{Site: name, Platform: failoverplan.Data, Name: "redis", Kind: failoverplan.Redis, Config: config.Component{
		Address: s.Addr(), Password: ref, Replication: config.Replication{Address: s.Addr(), Password: ref},
	}}, s, c
}

// TestSandboxRedisForgetsFormerAccounts: what a replica was told of its account before does
// not stay, unless nothing is configured for a source that asks for a password.
func TestSandboxRedisForgetsFormerAccounts(t *testing.T) {
	closed, _, _ := redisSite(t, "primary")
	srv, err := redisd.Start(redisd.Options{Name: "open"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = srv.Close() })
	open1 := replication.Endpoint{Site: "third", Platform: failoverplan.Data, Name: "redis", Kind: failoverplan.Redis, Config: config.Component{Address: srv.Addr()}}
	own := closed
	own.Config.Replication.Password = ""
	password, err := closed.Config.Password.Resolve()
	if err != nil {
		t.Fatal(err)
	}
	mine, _, c := redisSite(t, "standby")
	b := open(t, mine)
	for name, tc := range map[string]struct {
		source     replication.Endpoint
		user, auth string // told before
		want       [2]string
	}{
		"a password alone is the default user's": {closed, "former", "stale", [2]string{"", password}},
		"a source that asks for none":            {open1, "former", "stale", [2]string{"", ""}},
		"its own configuration has it":           {own, "", password, [2]string{"", password}},
	} {
		t.Run(name, func(t *testing.T) {
			if err := errors.Join(
				c.Do(t.Context(), "REPLICAOF", "NO", "ONE").Err(), c.Do(t.Context(), "FLUSHALL").Err(),
				c.ConfigSet(t.Context(), "masteruser", tc.user).Err(), c.ConfigSet(t.Context(), "masterauth", tc.auth).Err(),
			); err != nil {
				t.Fatal(err)
			}
			ev, err := b.Follow(t.Context(), tc.source)
			did(t, "follow", ev, err)
			got := [2]string{c.ConfigGet(t.Context(), "masteruser").Val()["masteruser"], c.ConfigGet(t.Context(), "masterauth").Val()["masterauth"]}
			if got != tc.want {
				t.Errorf("it was told %q, want %q", got, tc.want)
			}
		})
	}
}

func TestSandboxRedisThereAndBack(t *testing.T) {
	ea, _, ca := redisSite(t, "primary")
	eb, _, cb := redisSite(t, "standby")
	a, b := open(t, ea), open(t, eb)
	if err := ca.Set(t.Context(), "k", "1", 0).Err(); err != nil {
		t.Fatal(err)
	}
	ev, err := b.Follow(t.Context(), ea)
	did(t, "standby follows", ev, err)
	level(t, b, ea)
	ev, err = a.Demote(t.Context())
	did(t, "demote primary", ev, err)
	source(t, a, false)
	if err := ca.Set(t.Context(), "k", "lost?", 0).Err(); err == nil {
		t.Error("a fenced primary took a write")
	}
	level(t, b, ea)
	ev, err = b.Promote(t.Context())
	did(t, "promote standby", ev, err)
	source(t, b, true)
	if err := cb.Set(t.Context(), "k", "2", 0).Err(); err != nil {
		t.Fatal(err)
	}
	ev, err = a.Follow(t.Context(), eb)
	did(t, "primary follows", ev, err)
	level(t, a, eb)
	if v := ca.Get(t.Context(), "k").Val(); v != "2" {
		t.Errorf("the primary has %q", v)
	}
	if _, err := b.Follow(t.Context(), ea); !errors.Is(err, replication.ErrLoop) {
		t.Errorf("a ring: %v, want ErrLoop", err)
	}
}

func searchSite(t *testing.T, name string) (replication.Endpoint, *searchd.Server, string) {
	t.Helper()
	password, ref := secretOf(t, "SEARCH_"+name)
	s, err := searchd.Start(searchd.Options{Name: name, User: "elastic", Password: password, RemoteAllow: []string{"127.0.0.1:*"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return replication.Endpoint{Site: name, Platform: failoverplan.Data, Name: "elasticsearch", Kind: failoverplan.Elasticsearch, Config: config.Component{
		URL: s.URL(), User: "elastic", Password: ref, Index: "messages", TimeField: "at",
		Replication: config.Replication{URL: s.URL(), User: "elastic", Password: ref},
	}}, s, password
}

// index writes documents with external versions.
func index(t *testing.T, s *searchd.Server, password string, from, to int, version int64) int {
	t.Helper()
	var b strings.Builder
	for i := from; i < to; i++ {
		fmt.Fprintf(&b, `{"index":{"_index":"messages","_id":"m%d","version":%d,"version_type":"external"}}`+"\n", i, version)
		at, _ := json.Marshal(time.Unix(1_700_000_000+int64(i), 0).UTC())
		fmt.Fprintf(&b, `{"at":%s,"n":%d}`+"\n", at, version)
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL()+"/_bulk?refresh=true", strings.NewReader(b.String()))
	if err != nil {
		t.Fatal(err)
	}
	req.SetBasicAuth("elastic", password)
	req.Header.Set("Content-Type", "application/x-ndjson")
	a, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = a.Body.Close() }()
	var out struct {
		Items []map[string]struct {
			Status int `json:"status"`
		} `json:"items"`
	}
	if err := json.NewDecoder(a.Body).Decode(&out); err != nil {
		t.Fatal(err)
	}
	ok := 0
	for _, x := range out.Items {
		if x["index"].Status < 300 {
			ok++
		}
	}
	return ok
}

func TestSandboxElasticsearch(t *testing.T) {
	ea, sa, pa := searchSite(t, "primary")
	eb, sb, pb := searchSite(t, "standby")
	a, b := open(t, ea), open(t, eb)
	if n := index(t, sa, pa, 0, 2500, 1); n != 2500 {
		t.Fatalf("%d documents", n)
	}
	index(t, sb, pb, 0, 10, 5) // newer here: a copy must keep them
	if ok, seen, err := b.CaughtUp(t.Context(), ea); err != nil || ok {
		t.Fatalf("CaughtUp = %v (%s), %v", ok, seen, err)
	}
	ev, err := b.Follow(t.Context(), ea)
	did(t, "copy", ev, err)
	level(t, b, ea)
	kept := 0
	sb.Each("messages", func(_ string, version int64, _ json.RawMessage) {
		if version == 5 {
			kept++
		}
	})
	if kept != 10 {
		t.Errorf("%d of 10 newer documents were kept", kept)
	}
	if ok, seen, err := b.Follows(t.Context(), ea); err != nil || !ok {
		t.Errorf("Follows = %v (%s), %v", ok, seen, err)
	}

	for range 2 {
		ev, err = a.Demote(t.Context())
		did(t, "demote", ev, err)
	}
	source(t, a, false)
	if n := index(t, sa, pa, 5000, 5001, 1); n != 0 {
		t.Error("a blocked index took a document")
	}
	if ok, _, err := a.Follows(t.Context(), eb); err != nil || ok {
		t.Errorf("a blocked index is said to follow (%v)", err)
	}
	for range 2 {
		ev, err = a.Promote(t.Context())
		did(t, "promote", ev, err)
	}
	source(t, a, true)
	if n := index(t, sa, pa, 5000, 5001, 1); n != 1 {
		t.Error("a promoted index refuses a document")
	}
}

func TestSandboxElasticsearchFailures(t *testing.T) {
	ea, _, _ := searchSite(t, "primary")
	eb, _, pb := searchSite(t, "standby")
	wrong := eb
	wrong.Config.Password = ea.Config.Password
	_, err := open(t, wrong).Demote(t.Context())
	if err == nil || !strings.Contains(err.Error(), "401") || !strings.Contains(err.Error(), "check user and password of standby") || strings.Contains(err.Error(), pb) {
		t.Errorf("a wrong password: %v", err)
	}
	gone := ea
	gone.Config.URL = "http://127.0.0.1:1"
	if _, err := open(t, eb).Follow(t.Context(), gone); !errors.Is(err, replication.ErrUnreachable) {
		t.Errorf("a source that is gone: %v, want ErrUnreachable", err)
	}
	if _, err := replication.Open(replication.Endpoint{Kind: failoverplan.RabbitMQ}, replication.Options{}); !errors.Is(err, replication.ErrUnsupported) {
		t.Errorf("rabbitmq: %v, want ErrUnsupported", err)
	}
}
