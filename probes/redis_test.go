package probes

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/alicebob/miniredis/v2"
)

// fakeRedis answers INFO sections from a table; PING and AUTH as told.
func fakeRedis(t testing.TB, info map[string]string, special map[string]string) string {
	t.Helper()
	return listen(t, func(c net.Conn) {
		r := bufio.NewReader(c)
		for {
			args, err := readCommand(r)
			if err != nil {
				return
			}
			name := strings.ToUpper(strings.Join(args, " "))
			out := "-ERR unknown command\r\n"
			if s, ok := special[strings.ToUpper(args[0])]; ok {
				out = s
			} else if s, ok := special["CONFIG "+args[len(args)-1]]; ok && strings.EqualFold(args[0], "config") {
				out = s
			} else if args[0] == "ping" || args[0] == "PING" {
				out = "+PONG\r\n"
			} else if strings.HasPrefix(name, "INFO ") {
				s := strings.ReplaceAll(info[strings.ToLower(args[1])], "\n", "\r\n")
				out = fmt.Sprintf("$%d\r\n%s\r\n", len(s), s)
			}
			if _, err := io.WriteString(c, out); err != nil {
				return
			}
		}
	})
}

func readCommand(r *bufio.Reader) ([]string, error) {
	line, err := r.ReadString('\n')
	if err != nil {
		return nil, err
	}
	n, _ := strconv.Atoi(strings.TrimSpace(line[1:]))
	var args []string
	for range n {
		l, err := r.ReadString('\n')
		if err != nil {
			return nil, err
		}
		k, _ := strconv.Atoi(strings.TrimSpace(l[1:]))
		b := make([]byte, k+2)
		if _, err := io.ReadFull(r, b); err != nil {
			return nil, err
		}
		args = append(args, string(b[:k]))
	}
	return args, nil
}

func TestRedis(t *testing.T) {
	master := "# Replication\nrole:master\nconnected_slaves:1\nslave0:ip=127.0.0.1,port=1,state=online,offset=14,lag=0\nmaster_repl_offset:14\n"
	slave := "role:slave\nmaster_host:127.0.0.1\nmaster_port:16379\nmaster_link_status:up\nmaster_last_io_seconds_ago:0\nmaster_sync_in_progress:0\nslave_read_repl_offset:15\nslave_repl_offset:14\nslave_read_only:1\nmaster_repl_offset:14\n"
	broken := strings.Replace(slave, "link_status:up", "link_status:down\nmaster_link_down_since_seconds:12", 1)
	server := "redis_version:7.0.15\n"
	config := func(pairs ...string) map[string]string { // CONFIG GET answers with those that were asked for
		m := map[string]string{}
		for i := 0; i < len(pairs); i += 2 {
			m["CONFIG "+pairs[i]] = fmt.Sprintf("*2\r\n$%d\r\n%s\r\n$%d\r\n%s\r\n", len(pairs[i]), pairs[i], len(pairs[i+1]), pairs[i+1])
		}
		return m
	}
	isReadOnly := func(t *testing.T, f Facts) {
		if f.ReadOnly == nil || !*f.ReadOnly {
			t.Errorf("refuses writes, and read-only is %v", f.ReadOnly)
		}
	}
	for _, tc := range []struct {
		name    string
		repl    string
		persist string
		special map[string]string
		role    Role
		status  Status
		detail  string
		check   func(*testing.T, Facts)
	}{
		{"source", master, "loading:0\n", nil, RoleSource, StatusUp, "primary, 1 replica", func(t *testing.T, f Facts) {
			if f.Role != "primary" || *f.ReadOnly || f.Position != "14" || f.Version != "7.0.15" {
				t.Errorf("facts %+v", f)
			}
		}},
		{"replica", slave, "", nil, RoleReplica, StatusUp, "replica of 127.0.0.1:16379, link up", func(t *testing.T, f Facts) {
			if f.Role != "replica" || !*f.ReadOnly || f.ReplicaState != "streaming" || f.ReplicaOf != "127.0.0.1:16379" || f.Position != "14" || f.SourcePosition != "15" || f.LagSeconds != nil {
				t.Errorf("facts %+v", f)
			}
		}},
		{"replica without its source", broken, "", nil, RoleReplica, StatusDegraded, "replication of 127.0.0.1:16379 is connecting, link down for 12 s", func(t *testing.T, f Facts) {
			if f.LagSeconds == nil || *f.LagSeconds != 12 || f.ReplicaState != "connecting" {
				t.Errorf("facts %+v", f)
			}
		}},
		{"replica whose link was down", strings.Replace(slave, "link_status:up", "link_status:up\nmaster_link_down_since_seconds:12", 1), "", nil, RoleReplica, StatusUp, "link up", func(t *testing.T, f Facts) {
			if f.LagSeconds != nil {
				t.Errorf("a link that is up, and %v s of lag", *f.LagSeconds)
			}
		}},
		{"a history without a former one", master + "master_replid:a\nmaster_replid2:" + strings.Repeat("0", 40) + "\n", "", nil, RoleSource, StatusUp, "primary", func(t *testing.T, f Facts) {
			if f.Extra[RedisHistory] != "a" || f.Extra[redisFormer] != "" {
				t.Errorf("facts %v", f.Extra)
			}
		}},
		{"first copy", strings.Replace(strings.Replace(slave, "link_status:up", "link_status:down", 1), "in_progress:0", "in_progress:1", 1), "", nil, RoleReplica, StatusDegraded, "copying everything", nil},
		{"a source that is a replica", slave, "", nil, RoleSource, StatusDown, "is a replica of 127.0.0.1:16379 and refuses writes", nil},
		{"a replica that follows nobody", master, "", nil, RoleReplica, StatusDegraded, "should be a replica, but follows nobody", nil},
		{"a source short of replicas", master + "min_slaves_good_slaves:1\n", "", map[string]string{"CONFIG": "*2\r\n$21\r\nmin-replicas-to-write\r\n$1\r\n2\r\n"}, RoleSource, StatusDown, "refuses writes: 1 good replicas, it wants 2", nil},
		{"a source short of replicas, CONFIG not allowed", master + "min_slaves_good_slaves:0\n", "", map[string]string{"CONFIG": "-NOPERM no\r\n"}, RoleSource, StatusDown, "refuses writes: no good replica, and it wants some", nil},
		{"a source with a replica, CONFIG not allowed", master + "min_slaves_good_slaves:1\n", "", map[string]string{"CONFIG": "-NOPERM no\r\n"}, RoleSource, StatusUp, "primary, 1 replica", func(t *testing.T, f Facts) {
			if !strings.Contains(f.Extra["min-replicas-to-write"], "+config|get") {
				t.Errorf("the missing right is not told: %v", f.Extra)
			}
		}},
		{"a source whose memory is full", master, "maxmemory:100\nmaxmemory_policy:noeviction\nused_memory:150\nmem_not_counted_for_evict:10\n", nil, RoleSource, StatusDown, "refuses writes: its memory is full", nil},
		{"a source whose memory is full of what does not count", master, "maxmemory:100\nmaxmemory_policy:noeviction\nused_memory:105\nmem_not_counted_for_evict:10\n", nil, RoleSource, StatusUp, "primary", nil},
		{"a source that evicts", master, "maxmemory:100\nmaxmemory_policy:allkeys-lru\nused_memory:150\n", nil, RoleSource, StatusUp, "primary", nil},
		{"failed save", master, "rdb_last_bgsave_status:err\n", nil, RoleAny, StatusDegraded, "its last save to disk failed", nil},
		{"a source whose save failed, and that stops for it", master, "rdb_last_bgsave_status:err\n", config("stop-writes-on-bgsave-error", "yes", "save", "3600 1"), RoleSource, StatusDown, "refuses writes: its last save to disk failed (MISCONF", isReadOnly},
		{"a source whose save failed, and that goes on", master, "rdb_last_bgsave_status:err\n", config("stop-writes-on-bgsave-error", "no", "save", "3600 1"), RoleSource, StatusDegraded, "its last save to disk failed", nil},
		{"a source that saves no more", master, "rdb_last_bgsave_status:err\n", config("stop-writes-on-bgsave-error", "yes", "save", ""), RoleSource, StatusDegraded, "its last save to disk failed", nil},
		{"a source whose save failed, CONFIG not allowed", master, "rdb_last_bgsave_status:err\n", map[string]string{"CONFIG": "-NOPERM no\r\n"}, RoleSource, StatusDegraded, "whether it refuses writes for that is not visible (grant +config|get)", nil},
		{"a source that cannot write its log", master, "aof_enabled:1\naof_last_write_status:err\n", nil, RoleSource, StatusDown, "refuses writes: it cannot write its append-only file", isReadOnly},
		{"a source without that log", master, "aof_enabled:0\naof_last_write_status:err\n", nil, RoleSource, StatusUp, "primary, 1 replica", nil},
		{"a replica that takes writes", strings.Replace(slave, "read_only:1", "read_only:0", 1), "", nil, RoleReplica, StatusDegraded, "takes writes (replica-read-only is off)", nil},
		{"a replica that does not say", strings.Replace(slave, "slave_read_only:1\n", "", 1), "", nil, RoleReplica, StatusUp, "link up", func(t *testing.T, f Facts) {
			if f.ReadOnly != nil {
				t.Errorf("read-only %v, which nobody said", *f.ReadOnly)
			}
		}},
		{"no role", "master_repl_offset:14\n", "loading:0\n", nil, RoleSource, StatusDegraded, "does not tell its role", func(t *testing.T, f Facts) {
			if f.Role != "" || f.ReadOnly != nil || f.Position != "" {
				t.Errorf("facts of nowhere: %+v", f)
			}
		}},
		{"no role, and a word of its own", "role:sentinel\n", "", nil, RoleReplica, StatusDegraded, "does not tell its role", nil},
		{"loading", master, "loading:1\n", nil, RoleAny, StatusDown, "is loading its data set", nil},
		{"loading, and says only that", "", "", map[string]string{"INFO": "-LOADING Redis is loading the dataset in memory\r\n"}, RoleAny, StatusDown, "is loading its data set", nil},
		{"asks for a password", "", "", map[string]string{"PING": "-NOAUTH Authentication required.\r\n", "INFO": "-NOAUTH Authentication required.\r\n"}, RoleAny, StatusUnknown, "wants a user and password", nil},
		{"may not INFO nor TIME", "", "", map[string]string{"INFO": "-NOPERM this user has no permissions\r\n", "TIME": "-NOPERM no\r\n"}, RoleAny, StatusUnknown, "may not run INFO", nil},
		{"may not INFO", "", "", map[string]string{"INFO": "-NOPERM this user has no permissions\r\n"}, RoleAny, StatusUnknown, "may not run INFO", nil},
		{"a bulk that is too long", "", "", map[string]string{"INFO": "$2000000000\r\n"}, RoleAny, StatusDown, "answers, but not as redis: unreadable answer: the reply announces too much", nil},
		{"an array that is too long", "", "", map[string]string{"INFO": "*99999999\r\n"}, RoleAny, StatusDown, "announces too much", nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			addr := fakeRedis(t, map[string]string{"replication": tc.repl, "server": server, "persistence": tc.persist}, tc.special)
			r := once(t, Target{Kind: "redis", Address: addr, Role: asRole(tc.role)})
			wantAnswer(t, r, tc.status, tc.detail)
			if tc.check != nil {
				tc.check(t, r.Facts)
			}
		})
	}
}

func TestRedisModes(t *testing.T) {
	member := func(text string) map[string]string {
		return map[string]string{"CLUSTER": fmt.Sprintf("$%d\r\n%s\r\n", len(text), text)}
	}
	const whole = "cluster_state:ok\r\ncluster_slots_assigned:16384\r\ncluster_slots_ok:16384\r\ncluster_known_nodes:6\r\n"
	broken := strings.NewReplacer("state:ok", "state:fail", "slots_ok:16384", "slots_ok:10923").Replace(whole)
	for _, tc := range []struct {
		name    string
		mode    string
		watched string
		special map[string]string
		role    Role
		status  Status
		detail  string
		check   func(Facts) bool
	}{
		{"a member of a whole cluster", "cluster", "", member(whole), RoleSource, StatusUp, "primary", func(f Facts) bool { return f.Extra["cluster"] == "ok, 16384 of 16384 slots, 6 nodes" }},
		{"a member of a cluster that has lost slots", "cluster", "", member(broken), RoleSource, StatusDown, "the cluster is in state fail: 10923 of 16384 slots are served", nil},
		{"the same where nothing is expected", "cluster", "", member(broken), RoleAny, StatusDegraded, "the cluster is in state fail", nil},
		{"a member that may not be asked", "cluster", "", map[string]string{"CLUSTER": "-NOPERM no\r\n"}, RoleSource, StatusUp, "primary", func(f Facts) bool { return f.Extra["cluster"] == "not visible (grant +cluster|info)" }},
		{"a member that says nothing", "cluster", "", member(""), RoleAny, StatusDegraded, "tells nothing of it", nil},
		{
			"a sentinel", "sentinel", "sentinel_tilt:0\nmaster0:name=ops,status=ok,address=192.0.2.1:6379,slaves=1,sentinels=3\n", nil, RoleAny, StatusUp, "sentinel, 1 primaries watched", func(f Facts) bool {
				return f.Role == "sentinel" && f.Parts["ops"] == "ok" && f.Extra["primary ops"] == "192.0.2.1:6379, 1 replicas, 3 sentinels" && f.ReadOnly == nil
			},
		},
		{"a sentinel whose primary is gone", "sentinel", "master0:name=ops,status=odown,address=192.0.2.1:6379,slaves=1,sentinels=3\nmaster1:name=x,status=ok\n", nil, RoleAny, StatusDegraded, "sentinel holds primary ops at 192.0.2.1:6379 for odown", nil},
		{"a sentinel in TILT", "sentinel", "sentinel_tilt:1\nmaster0:name=ops,status=ok\n", nil, RoleAny, StatusDegraded, "TILT", nil},
		{"a sentinel of nobody", "sentinel", "sentinel_masters:0\n", nil, RoleAny, StatusDegraded, "watches no primary", nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			info := map[string]string{"server": "redis_version:7.0.15\nredis_mode:" + tc.mode + "\n", "sentinel": tc.watched}
			if tc.mode == "cluster" {
				info["replication"] = "role:master\nconnected_slaves:0\nmaster_repl_offset:14\n"
			}
			r := once(t, Target{Kind: "redis", Address: fakeRedis(t, info, tc.special), Role: asRole(tc.role)})
			wantAnswer(t, r, tc.status, tc.detail)
			if tc.check != nil && !tc.check(r.Facts) {
				t.Errorf("facts %+v", r.Facts)
			}
		})
	}
}

func TestRedisWrongPasswordWithoutUser(t *testing.T) {
	m := miniredis.RunT(t)
	m.RequireAuth(randomSecret())
	wantAnswer(t, once(t, Target{Kind: "redis", Address: m.Addr(), Password: fixed(randomSecret())}), StatusUnknown, "wrong password")
	wantAnswer(t, once(t, Target{Kind: "redis", Address: m.Addr()}), StatusUnknown, "wants a user and password")
}

func TestRedisPasswordRotationAndRestart(t *testing.T) {
	old, fresh := randomSecret(), randomSecret()
	m := miniredis.NewMiniRedis()
	m.RequireAuth(old)
	if err := m.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(m.Close)
	var current atomic.Value
	current.Store(old)
	p := must(t, Target{Kind: "redis", Address: m.Addr(), Password: func() (string, error) { return current.Load().(string), nil }, User: "default"})
	first := ask(t, p, defaultBudget)
	if first.Status == StatusDown || first.Status == StatusUnknown {
		t.Fatalf("%s %q with the right password", first.Status, first.Detail)
	}
	// a restart with another password: the kept connection is dead, the old password refused
	addr := m.Addr()
	m.Close()
	wantAnswer(t, ask(t, p, defaultBudget), StatusDown, "refused: nothing listens on "+addr)
	m.RequireAuth(fresh)
	if err := m.Restart(); err != nil {
		t.Fatal(err)
	}
	r := ask(t, p, defaultBudget)
	wantAnswer(t, r, StatusUnknown, "wrong password for default")
	checkFit(t, r, old)
	current.Store(fresh)
	if r = ask(t, p, defaultBudget); r.Status != first.Status {
		t.Errorf("%s %q after the password was put right, want %s", r.Status, r.Detail, first.Status)
	}
}

func FuzzParseInfo(f *testing.F) {
	f.Add("# Replication\r\nrole:master\r\nmaster_repl_offset:12\r\n")
	f.Add("role:slave\nmaster_link_down_since_seconds:-1\nslave_read_only:\nmaster_host:[::1\n")
	f.Fuzz(func(t *testing.T, s string) {
		info := parseInfo(s)
		for k := range info {
			if k != "" && !strings.Contains(s, k+":") {
				t.Fatalf("key %q is not in %q", k, s)
			}
		}
		c := newConv(t.Context(), Target{Kind: "redis"})
		r := redisFacts(c, info)
		if r.describe() == "" || (r.replica && c.facts.Role != "replica") {
			t.Fatalf("%q -> %+v", s, r)
		}
	})
}
