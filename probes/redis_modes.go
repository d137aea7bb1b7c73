package probes

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/redis/go-redis/v9"
)

// Modes of a Redis server besides standalone (INFO's redis_mode).
const (
	redisCluster  = "cluster"
	redisSentinel = "sentinel"
)

// redisSlots is how many hash slots a cluster spreads its keys over.
const redisSlots = 16384

// redisClusterHidden notes that CLUSTER INFO was refused.
const redisClusterHidden = "cluster_info_refused"

// askMode asks what only a member of a cluster or a sentinel can tell, and adds it to info.
func askMode(ctx context.Context, c *conv, r *redis.Client, info map[string]string) error {
	var text string
	var err error
	switch info["redis_mode"] {
	case redisCluster:
		c.asked("CLUSTER INFO")
		text, err = r.ClusterInfo(ctx).Result()
	case redisSentinel:
		c.asked("INFO sentinel")
		text, err = r.Info(ctx, "sentinel").Result()
	default:
		return nil
	}
	if err != nil {
		c.got("%s", err)
		if serverSaid(err) {
			info[redisClusterHidden] = "1"
			return nil
		}
		return err
	}
	more := parseInfo(text)
	maps.Copy(info, more)
	c.got("%s", clean(strings.Join(strings.Fields(text), " "), 200))
	return nil
}

// judgeCluster: a cluster that has lost slots refuses their keys, or all of them
// (cluster-require-full-coverage), whatever this member's own state.
func judgeCluster(c *conv, f *findings, info map[string]string, role Role) {
	if info[redisClusterHidden] != "" {
		c.extra("cluster", "not visible (grant +cluster|info)")
		return
	}
	state := info["cluster_state"]
	assigned, _ := strconv.Atoi(info["cluster_slots_assigned"])
	healthy, _ := strconv.Atoi(info["cluster_slots_ok"])
	c.extra("cluster", fmt.Sprintf("%s, %d of %d slots, %s nodes", clean(state, 20), healthy, redisSlots, clean(info["cluster_known_nodes"], 10)))
	switch state {
	case "ok":
	case "":
		c.expected("a cluster state")
		f.add(degraded("is a member of a cluster, and tells nothing of it"))
	default:
		c.expected("cluster_state:ok")
		a := degraded("the cluster is in state %s: %d of %d slots are served, %d assigned", clean(state, 20), healthy, redisSlots, assigned)
		if role == RoleSource {
			a.status = StatusDown
		}
		f.add(a)
	}
}

// judgeSentinel reads the watched primaries: "name=m,status=ok,address=h:p,slaves=1,sentinels=3".
// sdown is this sentinel's own opinion, odown the quorum's.
func judgeSentinel(c *conv, info map[string]string) answer {
	c.facts.Role = redisSentinel
	var f findings
	n := 0
	for _, key := range slices.Sorted(maps.Keys(info)) {
		rest, ok := strings.CutPrefix(key, "master")
		if _, err := strconv.Atoi(rest); !ok || err != nil {
			continue
		}
		n++
		m := map[string]string{}
		for part := range strings.SplitSeq(info[key], ",") {
			k, v, _ := strings.Cut(part, "=")
			m[k] = v
		}
		name := clean(m["name"], 60)
		c.part(name, m["status"])
		c.extra("primary "+name, fmt.Sprintf("%s, %s replicas, %s sentinels", clean(m["address"], 80), clean(m["slaves"], 10), clean(m["sentinels"], 10)))
		if m["status"] != "ok" {
			c.expected("status=ok of %s", name)
			f.add(degraded("sentinel holds primary %s at %s for %s", name, clean(m["address"], 80), clean(m["status"], 20)))
		}
	}
	if info["sentinel_tilt"] == "1" {
		c.expected("sentinel_tilt:0")
		f.add(degraded("sentinel is in TILT mode: it does not act, because its clock or its host stood still"))
	}
	if n == 0 {
		c.expected("a primary that is watched")
		f.add(degraded("sentinel watches no primary"))
	}
	return f.verdict(up("sentinel, %d primaries watched, all well", n))
}
