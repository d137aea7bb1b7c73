package probes

import (
	"fmt"
	"net"
	"strconv"
	"strings"
)

// RedisHistory is the key in Facts.Extra of the replication id: offsets of two servers
// can be compared only while both have the same one.
const RedisHistory = "replid"

// redisFormer is the key of the history that the present one goes on from.
const redisFormer = "replid2"

type redisRole struct {
	replica       bool
	of            string
	state         string
	since         string
	position      string
	replicas      int
	refusesWrites string
}

// redisFacts reads INFO's keys (https://redis.io/docs/latest/commands/info/).
func redisFacts(c *conv, info map[string]string) redisRole {
	f := &c.facts
	f.Version = info["redis_version"]
	r := redisRole{replica: info["role"] == "slave" || info["role"] == "replica"}
	r.replicas, _ = strconv.Atoi(info["connected_slaves"])
	c.extra(RedisHistory, info["master_replid"])
	c.extra("run_id", info["run_id"])
	if former := info["master_replid2"]; strings.Trim(former, "0") != "" {
		c.extra(redisFormer, former)
	}
	if !r.replica {
		f.Role, f.ReadOnly = "primary", ptr(false)
		f.Position = info["master_repl_offset"]
		c.extra("replicas", strconv.Itoa(r.replicas))
		r.refusesWrites = redisRefusesWrites(info)
		if info["min_slaves_good_slaves"] != "" && info[redisWants] == "" {
			c.extra("min-replicas-to-write", "set, how high is not visible (grant +config|get)")
		}
		if r.refusesWrites != "" {
			f.ReadOnly = ptr(true)
		}
		return r
	}
	f.Role = "replica"
	if v := info["slave_read_only"]; v != "" {
		f.ReadOnly = ptr(v != "0")
	}
	if info["master_host"] != "" {
		r.of = net.JoinHostPort(info["master_host"], info["master_port"])
	}
	f.ReplicaOf = r.of
	f.Position = info["slave_repl_offset"]
	f.SourcePosition = info["slave_read_repl_offset"]
	r.position = f.Position
	switch {
	case info["master_link_status"] == "up":
		r.state = replicaStreaming
	case info["master_sync_in_progress"] == "1":
		r.state, r.since = replicaConnecting, ", copying everything"
	default:
		r.state = replicaConnecting
	}
	f.ReplicaState = r.state
	if s, ok := number(info["master_link_down_since_seconds"]); ok && s >= 0 && r.state != replicaStreaming {
		f.LagSeconds = ptr(s)
		r.since = fmt.Sprintf(", link down for %s", seconds(s))
	}
	c.extra("last_io_s", info["master_last_io_seconds_ago"])
	return r
}

func (r redisRole) describe() string {
	if !r.replica {
		if r.replicas == 1 {
			return "primary, 1 replica"
		}
		return fmt.Sprintf("primary, %d replicas", r.replicas)
	}
	if r.state == replicaStreaming {
		return "replica of " + orNobody(r.of) + ", link up"
	}
	return fmt.Sprintf("replica of %s, %s%s", orNobody(r.of), r.state, r.since)
}

// parseInfo reads "key:value" lines; everything else is skipped.
func parseInfo(s string) map[string]string {
	out := map[string]string{}
	for line := range strings.SplitSeq(s, "\n") {
		line = strings.TrimRight(line, "\r")
		if line == "" || line[0] == '#' {
			continue
		}
		k, v, ok := strings.Cut(line, ":")
		if !ok || len(out) >= 1024 {
			continue
		}
		out[k] = v
	}
	return out
}

func showInfo(info map[string]string) string {
	var b strings.Builder
	for _, k := range []string{
		"role", "master_host", "master_port", "master_link_status", "slave_repl_offset", "master_repl_offset",
		"connected_slaves", "loading", "rdb_last_bgsave_status", "aof_last_write_status",
	} {
		if v, ok := info[k]; ok {
			fmt.Fprintf(&b, "%s=%s ", k, clean(v, 60))
		}
	}
	return strings.TrimSpace(b.String())
}
