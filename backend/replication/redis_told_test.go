package replication

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/dutyops/dutyops/backend/config"
)

// toldRedis is a server that says of itself what it is told to, and takes every setting.
type toldRedis struct {
	info   string
	config map[string]string

	mu  sync.Mutex
	did []string
}

func (r *toldRedis) serve(c net.Conn) {
	in := bufio.NewReader(c)
	bulk := func(s string) string { return fmt.Sprintf("$%d\r\n%s\r\n", len(s), s) }
	line := func() (string, int) {
		s, err := in.ReadString('\n')
		if err != nil || len(s) < 3 {
			return "", -1
		}
		n, err := strconv.Atoi(strings.TrimSpace(s[1:]))
		if err != nil {
			return "", -1
		}
		return s[:1], n
	}
	for {
		kind, n := line()
		if kind != "*" || n < 1 {
			return
		}
		var args []string
		for range n {
			_, k := line()
			b := make([]byte, max(k, 0)+2)
			if _, err := io.ReadFull(in, b); err != nil {
				return
			}
			args = append(args, string(b[:len(b)-2]))
		}
		r.mu.Lock()
		answer := "+OK\r\n"
		switch what := strings.ToUpper(args[0]); {
		case what == "HELLO" || what == "CLIENT":
			answer = "-ERR unknown command\r\n"
		case what == "INFO":
			answer = bulk(r.info)
		case what == "CONFIG" && strings.EqualFold(args[1], "get"):
			answer = "*2\r\n" + bulk(args[2]) + bulk(r.config[args[2]])
		case what == "CONFIG":
			r.config[args[2]] = args[3]
			r.did = append(r.did, args[2]+" "+args[3])
		case what == "REPLICAOF":
			r.did = append(r.did, strings.Join(args, " "))
		}
		r.mu.Unlock()
		if _, err := io.WriteString(c, answer); err != nil {
			return
		}
	}
}

func openTold(t *testing.T, r *toldRedis) *redisStore {
	t.Helper()
	s, err := newRedis(Endpoint{Site: "standby", Platform: "data", Name: "redis", Config: config.Component{Address: serving(t, r.serve)}}, Options{Timeout: 20 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

const redisReplica = "role:slave\r\nmaster_host:a\r\nmaster_port:1\r\nmaster_link_status:up\r\nslave_repl_offset:100\r\nslave_read_repl_offset:100\r\nslave_read_only:1\r\nmaster_replid:h\r\n"

// A replica whose first copy is under way holds a part only: it is neither promoted, nor has it
// applied anything, nor is it level, whatever its offset says.
func TestRedisPartIsNoStore(t *testing.T) {
	r := &toldRedis{info: redisReplica + "master_sync_in_progress:1\r\n", config: map[string]string{"min-replicas-to-write": "0"}}
	s := openTold(t, r)
	if _, err := s.Promote(t.Context()); !errors.Is(err, ErrBroken) || len(r.did) != 0 {
		t.Errorf("Promote: %v, did %q", err, r.did)
	}
	if ok, seen, err := s.Applied(t.Context()); err != nil || ok {
		t.Errorf("Applied = %v (%s), %v", ok, seen, err)
	}
	source := openTold(t, &toldRedis{info: "role:master\r\nmaster_repl_offset:90\r\nmaster_replid:h\r\n"})
	if ok, seen, err := s.CaughtUp(t.Context(), source.e); err != nil || ok {
		t.Errorf("CaughtUp = %v (%s), %v", ok, seen, err)
	}
}

// What has been read from the source and waits to be applied is missing.
func TestRedisReadIsNotApplied(t *testing.T) {
	s := openTold(t, &toldRedis{info: strings.Replace(redisReplica, "read_repl_offset:100", "read_repl_offset:114", 1)})
	if ok, seen, err := s.Applied(t.Context()); err != nil || ok || seen != "received up to 114, applied up to 100" {
		t.Errorf("Applied = %v (%s), %v", ok, seen, err)
	}
	s = openTold(t, &toldRedis{info: redisReplica})
	if ok, seen, err := s.Applied(t.Context()); err != nil || !ok {
		t.Errorf("Applied = %v (%s), %v", ok, seen, err)
	}
}

// Fenced is who refuses writes by himself, and Demote makes it so.
func TestRedisFenced(t *testing.T) {
	const primary = "role:master\r\nmaster_repl_offset:100\r\nmaster_replid:h\r\n"
	for name, c := range map[string]struct {
		info, wants, lag string
		fenced           bool
		does             string
	}{
		"a primary":                       {primary, "0", "10", false, "min-replicas-to-write 1000000"},
		"a primary that wants one":        {primary, "1", "10", false, "min-replicas-to-write 1000001"},
		"a primary without a lag to keep": {primary, "0", "0", false, "min-replicas-max-lag 10|min-replicas-to-write 1000000"},
		"a fenced primary":                {primary, "1000001", "10", true, ""},
		"a replica":                       {redisReplica, "0", "10", true, ""},
		"a replica that takes writes":     {strings.Replace(redisReplica, "read_only:1", "read_only:0", 1), "0", "10", false, "replica-read-only yes"},
	} {
		r := &toldRedis{info: c.info, config: map[string]string{"min-replicas-to-write": c.wants, "min-replicas-max-lag": c.lag}}
		s := openTold(t, r)
		if ok, seen, err := s.Fenced(t.Context()); err != nil || ok != c.fenced {
			t.Errorf("%s: Fenced = %v (%s), %v", name, ok, seen, err)
		}
		if ev, err := s.Demote(t.Context()); err != nil || strings.Join(r.did, "|") != c.does {
			t.Errorf("%s: Demote did %q (%q), %v; want %q", name, r.did, ev, err, c.does)
		}
	}
}
