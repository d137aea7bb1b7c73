package redisd

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func begin(t *testing.T, o Options) (*Server, *redis.Client) {
	t.Helper()
	s, err := Start(o)
	if err != nil {
		t.Fatal(err)
	}
	c := redis.NewClient(&redis.Options{Addr: s.Addr(), Password: o.Password, MaxRetries: -1})
	t.Cleanup(func() { _ = c.Close(); _ = s.Close() })
	return s, c
}

func until(t *testing.T, what string, look func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	for !look() {
		select {
		case <-ctx.Done():
			t.Fatalf("%s: not in time", what)
		case <-time.After(5 * time.Millisecond):
		}
	}
}

func TestPassword(t *testing.T) {
	s, c := begin(t, Options{Password: "right"})
	if err := c.Set(t.Context(), "k", "v", 0).Err(); err != nil {
		t.Fatal(err)
	}
	for _, pw := range []string{"", "wrong"} {
		x := redis.NewClient(&redis.Options{Addr: s.Addr(), Password: pw, MaxRetries: -1})
		for _, cmd := range []string{"INFO", "ROLE", "DBSIZE"} {
			if err := x.Do(t.Context(), cmd).Err(); err == nil {
				t.Errorf("%s is answered with password %q", cmd, pw)
			}
		}
		_ = x.Close()
	}
}

func TestReplicationThereAndBack(t *testing.T) {
	a, ca := begin(t, Options{Password: "pw"})
	if err := ca.HSet(t.Context(), "h", "f", "before").Err(); err != nil {
		t.Fatal(err)
	}
	b, cb := begin(t, Options{Password: "pw", ReplicaOf: a.Addr(), MasterAuth: "pw"})
	until(t, "the snapshot", func() bool { return cb.HGet(t.Context(), "h", "f").Val() == "before" })
	pipe := ca.TxPipeline()
	for i := range 200 {
		pipe.Set(t.Context(), fmt.Sprintf("k%d", i), i, 0)
	}
	if _, err := pipe.Exec(t.Context()); err != nil {
		t.Fatal(err)
	}
	until(t, "200 keys", func() bool { return cb.Get(t.Context(), "k199").Val() == "199" })
	if err := cb.Set(t.Context(), "k", "v", 0).Err(); err == nil || !strings.HasPrefix(err.Error(), "READONLY") {
		t.Fatalf("a write at the replica: %v", err)
	}
	info := cb.Info(t.Context(), "replication").Val()
	for _, want := range []string{"role:slave", "master_link_status:up", "slave_read_only:1"} {
		if !strings.Contains(info, want) {
			t.Errorf("INFO lacks %s\n%s", want, info)
		}
	}
	if err := cb.Do(t.Context(), "REPLICAOF", "NO", "ONE").Err(); err != nil {
		t.Fatal(err)
	}
	if err := cb.Set(t.Context(), "after", "promoted", 0).Err(); err != nil {
		t.Fatal(err)
	}
	host, port, _ := strings.Cut(b.Addr(), ":")
	if err := ca.ConfigSet(t.Context(), "masterauth", "pw").Err(); err != nil {
		t.Fatal(err)
	}
	if err := ca.Do(t.Context(), "REPLICAOF", host, port).Err(); err != nil {
		t.Fatal(err)
	}
	until(t, "the way back", func() bool { return ca.Get(t.Context(), "after").Val() == "promoted" })
}

func TestLinkDownIsSeen(t *testing.T) {
	_, c := begin(t, Options{ReplicaOf: "127.0.0.1:1"})
	until(t, "link down", func() bool { return strings.Contains(c.Info(t.Context()).Val(), "master_link_status:down") })
}

func TestRefusals(t *testing.T) {
	s, c := begin(t, Options{})
	s.SetReadOnly(true)
	if err := c.Set(t.Context(), "k", "v", 0).Err(); err == nil || !strings.HasPrefix(err.Error(), "NOREPLICAS") {
		t.Fatalf("read only: %v", err)
	}
	s.SetReadOnly(false)
	if err := c.ConfigSet(t.Context(), "min-replicas-to-write", "1").Err(); err != nil {
		t.Fatal(err)
	}
	if err := c.Set(t.Context(), "k", "v", 0).Err(); err == nil || !strings.HasPrefix(err.Error(), "NOREPLICAS") {
		t.Fatalf("fenced: %v", err)
	}
	if v := c.ConfigGet(t.Context(), "min-replicas*").Val(); v["min-replicas-to-write"] != "1" {
		t.Fatalf("CONFIG GET: %v", v)
	}
}

func TestLag(t *testing.T) {
	a, ca := begin(t, Options{})
	b, cb := begin(t, Options{ReplicaOf: a.Addr()})
	if err := ca.Set(t.Context(), "k", "1", 0).Err(); err != nil {
		t.Fatal(err)
	}
	until(t, "first", func() bool { return cb.Get(t.Context(), "k").Val() == "1" })
	b.SetLag(time.Hour)
	if err := ca.Set(t.Context(), "k", "2", 0).Err(); err != nil {
		t.Fatal(err)
	}
	until(t, "received, not applied", func() bool {
		info := cb.Info(t.Context()).Val()
		return strings.Contains(info, "slave_read_repl_offset") && cb.Get(t.Context(), "k").Val() == "1"
	})
}

func TestOneFurtherBehindThanTheLogGetsASnapshot(t *testing.T) {
	a, ca := begin(t, Options{})
	for i := range 40 {
		if err := ca.Set(t.Context(), fmt.Sprintf("k%d", i), i, 0).Err(); err != nil {
			t.Fatal(err)
		}
		for range 1 + keepLog/20/14 { // twice as much as is kept
			a.wmu.Lock()
			a.append([]string{"PING"})
			a.wmu.Unlock()
		}
	}
	a.wmu.Lock()
	kept, began := a.offset-a.logStart, a.logStart
	a.wmu.Unlock()
	if began == 0 || kept > keepLog || kept < keepLog/4 {
		t.Errorf("%d bytes are kept, from offset %d; want at most %d", kept, began, keepLog)
	}
	_, cb := begin(t, Options{ReplicaOf: a.Addr()})
	until(t, "everything", func() bool { return cb.DBSize(t.Context()).Val() == ca.DBSize(t.Context()).Val() })
}

func TestInfoBySection(t *testing.T) {
	_, c := begin(t, Options{})
	one := c.Info(t.Context(), "replication").Val()
	if !strings.HasPrefix(one, "# Replication\r\nrole:master\r\n") || strings.Contains(one, "redis_version") {
		t.Errorf("INFO replication: %q", one)
	}
	if all := c.Info(t.Context()).Val(); !strings.Contains(all, "redis_version:") || !strings.Contains(all, "role:master") {
		t.Errorf("INFO: %q", all)
	}
	if none := c.Info(t.Context(), "nothing").Val(); none != "" {
		t.Errorf("INFO nothing: %q", none)
	}
}

// TestCommandLineClient: redis-cli reads its standard input only after COMMAND DOCS
// was answered with a map or an error, not with the list of COMMAND.
func TestCommandLineClient(t *testing.T) {
	_, c := begin(t, Options{})
	docs, err := c.Do(t.Context(), "COMMAND", "DOCS").Result()
	if m, ok := docs.(map[any]any); err != nil || !ok || len(m) != 0 {
		t.Errorf("COMMAND DOCS: %v, %v", docs, err)
	}
}
