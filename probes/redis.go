package probes

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/logging"
	"github.com/redis/go-redis/v9/maintnotifications"

	"github.com/dutyops/dutyops/probes/guard"
)

// redisAsker reads INFO: role, replication link, offsets.
type redisAsker struct {
	t    Target
	pass password
	conn kept[*redis.Client]
}

// The client logs failed dials to stderr, which would tear the dashboard; it has
// only a process-wide switch for it.
var quietRedis = sync.OnceFunc(logging.Disable)

func newRedis(t Target) (asker, error) {
	if _, _, err := net.SplitHostPort(t.Address); err != nil {
		return nil, errNeedsAddress
	}
	quietRedis()
	a := &redisAsker{t: t, pass: password{read: t.Password}}
	a.conn = kept[*redis.Client]{open: a.open, shut: func(r *redis.Client) { _ = r.Close() }, renew: renewAfter}
	return a, nil
}

// open connects and logs in, reading the password again when it is refused.
func (a *redisAsker) open(ctx context.Context, c *conv) (*redis.Client, error) {
	pw, err := a.pass.get(ctx, c)
	if err != nil {
		return nil, err
	}
	r, err := a.connect(ctx, c, pw)
	if err == nil || Classify(err) != ClassAuth {
		return r, err
	}
	pw, changed, rerr := a.pass.reread(ctx, c, pw)
	if rerr != nil || !changed {
		return nil, err
	}
	c.note("  the password changed, trying the new one")
	return a.connect(ctx, c, pw)
}

func (a *redisAsker) connect(ctx context.Context, c *conv, pw string) (*redis.Client, error) {
	raw, err := a.t.dial(ctx, "tcp", a.t.Address)
	if err != nil {
		return nil, err
	}
	// The connection is made here, so that its failure is ours to see, and given to
	// a pool of one that can never make another behind our back.
	var once sync.Once
	guarded := guard.NewRESP(raw)
	r := redis.NewClient(&redis.Options{
		Addr: a.t.Address, Username: a.t.User, Password: pw,
		Protocol: 2, DisableIdentity: true,
		MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
		MaxRetries:               -1, DialerRetries: 1, PoolSize: 1, PipelinePoolSize: -1,
		ReadBufferSize: 4 << 10, WriteBufferSize: 4 << 10, // not 32 KiB for each of thousands
		ContextTimeoutEnabled: true, ReadTimeout: time.Minute, WriteTimeout: time.Minute,
		ConnMaxIdleTime: -1, ConnMaxLifetime: -1,
		Dialer: func(context.Context, string, string) (net.Conn, error) {
			var conn net.Conn
			once.Do(func() { conn = guarded })
			if conn == nil {
				return nil, net.ErrClosed
			}
			return conn, nil
		},
	})
	c.asked("PING")
	pong, err := r.Ping(ctx).Result()
	if err != nil && !serverSaid(err) || Classify(err) == ClassAuth {
		_ = r.Close()
		_ = raw.Close()
		if err != nil && guarded.Full() {
			return nil, joinErr(errRedisFull, err)
		}
		if err != nil && Classify(err) == ClassAuth {
			c.answered()
		}
		return nil, err
	}
	if err != nil {
		pong = err.Error()
	}
	c.got("%s", pong)
	return r, nil
}

// errRedisFull: all connections are taken (maxclients).
var errRedisFull = errors.New("max number of clients reached")

// failed adds the server's own refusal to the common ones.
func (a *redisAsker) failed(ctx context.Context, c *conv, err error) answer {
	if errors.Is(err, errRedisFull) {
		c.note("! %s", c.raw(err))
		return down("refuses: max number of clients reached")
	}
	return c.failed(ctx, a.t.Address, err)
}

// serverSaid tells an error reply from a broken connection.
func serverSaid(err error) bool {
	var re redis.Error
	return errors.As(err, &re)
}

func (a *redisAsker) close() error {
	a.conn.close()
	return nil
}

func (a *redisAsker) ask(ctx context.Context, c *conv) answer {
	var info map[string]string
	var refusal error
	var noTime string
	newcomer, err := a.conn.with(ctx, c, func(r *redis.Client) error {
		info, refusal, noTime = map[string]string{}, nil, ""
		asked := time.Now()
		var clock *redis.TimeCmd
		cmds, err := r.Pipelined(ctx, func(p redis.Pipeliner) error {
			c.asked("TIME, INFO replication, server, persistence, memory")
			clock = p.Time(ctx)
			for _, section := range []string{"replication", "server", "persistence", "memory"} {
				p.Info(ctx, section)
			}
			return nil
		})
		if err != nil && !serverSaid(err) {
			return err
		}
		if at, err := clock.Result(); err == nil {
			c.told(at, time.Microsecond, asked, time.Now())
		} else if strings.HasPrefix(err.Error(), "NOPERM") {
			noTime = "not visible (grant +time)"
		}
		for _, cmd := range cmds {
			s, ok := cmd.(*redis.StringCmd)
			if !ok {
				continue
			}
			if cmd.Err() != nil {
				c.got("%s", cmd.Err())
				if refusal == nil && len(info) == 0 {
					refusal = cmd.Err()
				}
				continue
			}
			for k, v := range parseInfo(s.Val()) {
				info[k] = v
			}
		}
		c.got("%s", showInfo(info))
		if err := askMode(ctx, c, r, info); err != nil {
			return err
		}
		return askSettings(ctx, c, r, info)
	})
	if err != nil {
		return a.failed(ctx, c, err)
	}
	c.extra("clock", noTime)
	v := a.judge(ctx, c, info, refusal)
	if newcomer != nil {
		f := a.failed(ctx, c, newcomer)
		f.detail += " (a connection made earlier still works)"
		if badness(f.status) > badness(v.status) {
			return f
		}
	}
	return v
}

func (a *redisAsker) judge(ctx context.Context, c *conv, info map[string]string, refusal error) answer {
	if refusal != nil && info["role"] == "" && info["redis_mode"] != redisSentinel {
		return a.refused(ctx, c, refusal)
	}
	if info["redis_mode"] == redisSentinel {
		c.facts.Version = info["redis_version"]
		return judgeSentinel(c, info)
	}
	if role := info["role"]; role != "master" && role != "slave" && role != "replica" {
		c.expected("role:master or role:slave")
		return degraded("answers, but does not tell its role, so it is not known whether it takes writes")
	}
	r := redisFacts(c, info)
	var f findings
	if info["redis_mode"] == redisCluster {
		judgeCluster(c, &f, info, a.t.role())
	}
	if info["loading"] == "1" {
		f.add(down("is loading its data set from disk"))
	}
	switch a.t.role() {
	case RoleSource:
		if r.replica {
			c.expected("role:master, as this is the source")
			f.add(down("is a replica of %s and refuses writes, but should take them", orNobody(r.of)))
		}
		if r.refusesWrites != "" {
			c.expected("a source that takes writes")
			f.add(down("refuses writes: %s", r.refusesWrites))
		}
	case RoleReplica:
		switch {
		case !r.replica:
			c.expected("role:slave, as this is a replica")
			f.add(degraded("should be a replica, but follows nobody"))
		case r.state != replicaStreaming:
			c.expected("master_link_status:up")
			f.add(degraded("replication of %s is %s%s", orNobody(r.of), r.state, r.since))
		}
		if r.replica && c.facts.ReadOnly != nil && !*c.facts.ReadOnly {
			c.expected("slave_read_only:1, as this is a replica")
			f.add(degraded("should be a replica, but takes writes (replica-read-only is off)"))
		}
	case RoleAny:
	}
	if info["rdb_last_bgsave_status"] == "err" {
		text := "its last save to disk failed"
		if !r.replica && info[redisStops] == "" {
			text += ", and whether it refuses writes for that is not visible (grant +config|get)"
		}
		f.add(degraded("%s", text))
	}
	return f.verdict(up("%s", r.describe()))
}

func (a *redisAsker) refused(ctx context.Context, c *conv, err error) answer {
	text := err.Error()
	switch {
	case strings.HasPrefix(text, "LOADING"):
		return down("is loading its data set from disk")
	case strings.HasPrefix(text, "NOPERM"):
		return unknown("cannot ask: %s may not run INFO", nobody(a.t.User))
	case strings.HasPrefix(text, "MASTERDOWN"):
		return down("a replica whose source is gone: %s", clean(text, 80))
	case Classify(err) == ClassAuth:
		return c.failed(ctx, a.t.Address, err)
	}
	return degraded("answers, but tells nothing of itself: %s", clean(text, 100))
}

// askSettings asks for the settings that decide whether a primary takes writes, where INFO
// says that they matter: it tells how many replicas there are, and that only while some are
// wanted, and not how many; and that a save failed, but not whether writes stop for it.
func askSettings(ctx context.Context, c *conv, r *redis.Client, info map[string]string) error {
	var keys []string
	if info["min_slaves_good_slaves"] != "" {
		keys = append(keys, redisWants)
	}
	if info["rdb_last_bgsave_status"] == "err" {
		keys = append(keys, redisStops, redisSaves)
	}
	for _, key := range keys {
		c.asked("CONFIG GET %s", key)
		m, err := r.ConfigGet(ctx, key).Result()
		switch {
		case err == nil:
			info[key] = m[key]
			c.got("%s", info[key])
		case serverSaid(err): // not allowed: what INFO says must do
			c.got("%s", err)
			return nil
		default:
			c.got("%s", err)
			return err
		}
	}
	return nil
}

// Settings that askSettings leaves among INFO's keys: no key of INFO has such a name.
const (
	redisWants = "min-replicas-to-write"
	redisStops = "stop-writes-on-bgsave-error"
	redisSaves = "save"
)

// redisRefusesWrites: a primary that answers every write with an error says so here.
func redisRefusesWrites(info map[string]string) string {
	if limit, ok := number(info["maxmemory"]); ok && limit > 0 && info["maxmemory_policy"] == "noeviction" {
		used, _ := number(info["used_memory"])
		free, _ := number(info["mem_not_counted_for_evict"])
		if used-free > limit {
			return "its memory is full (maxmemory, noeviction)"
		}
	}
	if info["aof_enabled"] == "1" && info["aof_last_write_status"] == "err" {
		return "it cannot write its append-only file (MISCONF)"
	}
	if info["rdb_last_bgsave_status"] == "err" && info[redisStops] == "yes" && info[redisSaves] != "" {
		return "its last save to disk failed (MISCONF, stop-writes-on-bgsave-error)"
	}
	good := info["min_slaves_good_slaves"]
	if good == "" {
		return ""
	}
	have, _ := strconv.Atoi(good)
	want, err := strconv.Atoi(info[redisWants])
	switch {
	case err == nil && have < want:
		return fmt.Sprintf("%d good replicas, it wants %d", have, want)
	case err != nil && have == 0:
		return "no good replica, and it wants some"
	}
	return ""
}
