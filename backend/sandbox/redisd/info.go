package redisd

import (
	"fmt"
	"net"
	"path"
	"sort"
	"strconv"
	"strings"
	"time"

	"github.com/alicebob/miniredis/v2/server"
)

// info is INFO with the sections that clients and probes read.
func (s *Server) info() string {
	host, port, _ := net.SplitHostPort(s.Addr())
	s.wmu.Lock()
	offset, replid, former, formerEnd, first := s.offset, s.replid, s.former, s.formerEnd, s.logStart+1
	s.wmu.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	var b strings.Builder
	p := func(k string, v any) { fmt.Fprintf(&b, "%s:%v\r\n", k, v) }
	b.WriteString("# Server\r\n")
	p("redis_version", "7.0.15")
	p("redis_mode", "standalone")
	p("run_id", s.runID)
	p("tcp_port", port)
	p("bind", host)
	p("server_name", s.opts.Name)
	b.WriteString("\r\n# Clients\r\n")
	p("connected_clients", s.srv.ClientsLen())
	b.WriteString("\r\n# Memory\r\n")
	p("used_memory", usedMemory)
	p("maxmemory", s.config["maxmemory"])
	p("maxmemory_policy", "noeviction")
	p("mem_not_counted_for_evict", 0)
	b.WriteString("\r\n# Persistence\r\n")
	p("loading", 0)
	p("rdb_last_bgsave_status", "ok")
	b.WriteString("\r\n# Replication\r\n")
	if src := s.source; src != nil {
		mhost, mport, _ := net.SplitHostPort(src.addr)
		p("role", "slave")
		p("master_host", mhost)
		p("master_port", mport)
		p("master_link_status", map[bool]string{true: "up", false: "down"}[src.up])
		last := -1
		if !src.seen.IsZero() {
			last = int(time.Since(src.seen).Seconds())
		}
		p("master_last_io_seconds_ago", last)
		p("master_sync_in_progress", 0)
		p("slave_read_repl_offset", max(src.got, offset))
		p("slave_repl_offset", offset)
		if !src.up {
			p("master_link_down_since_seconds", int(time.Since(src.downAt).Seconds()))
		}
		p("slave_priority", 100)
		p("slave_read_only", map[bool]int{true: 0, false: 1}[s.config["replica-read-only"] == "no"])
	} else {
		p("role", "master")
	}
	p("connected_slaves", s.replicas)
	if s.minReplicas() > 0 && s.config["min-replicas-max-lag"] != "0" {
		p("min_slaves_good_slaves", s.replicas)
	}
	p("master_replid", replid)
	p("master_replid2", former)
	p("master_repl_offset", offset)
	p("second_repl_offset", formerEnd)
	p("repl_backlog_active", 1)
	p("repl_backlog_first_byte_offset", first)
	p("repl_backlog_histlen", offset-first+1)
	b.WriteString("\r\n# Keyspace\r\n")
	if n := len(s.m.Keys()); n > 0 {
		fmt.Fprintf(&b, "db0:keys=%d,expires=0,avg_ttl=0\r\n", n)
	}
	return b.String()
}

// sections keeps the parts of INFO that were asked for: all of them without names.
func sections(text string, names []string) string {
	var out []string
	for part := range strings.SplitSeq(text, "\r\n\r\n") {
		title, _, _ := strings.Cut(strings.TrimPrefix(part, "# "), "\r\n")
		for _, n := range names {
			if strings.EqualFold(n, title) || strings.EqualFold(n, "all") || strings.EqualFold(n, "everything") || strings.EqualFold(n, "default") {
				out = append(out, strings.TrimSuffix(part, "\r\n"))
				break
			}
		}
	}
	if len(names) == 0 {
		return text
	}
	if len(out) == 0 {
		return ""
	}
	return strings.Join(out, "\r\n\r\n") + "\r\n"
}

func (s *Server) role(c *server.Peer) {
	s.wmu.Lock()
	offset := s.offset
	s.wmu.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	if src := s.source; src != nil {
		host, port, _ := net.SplitHostPort(src.addr)
		c.WriteLen(5)
		c.WriteBulk("slave")
		c.WriteBulk(host)
		c.WriteInt(atoi(port))
		c.WriteBulk(map[bool]string{true: "connected", false: "connect"}[src.up])
		c.WriteInt(int(offset))
		return
	}
	c.WriteLen(3)
	c.WriteBulk("master")
	c.WriteInt(int(offset))
	c.WriteLen(0)
}

// configure is CONFIG GET pattern, CONFIG SET key value, CONFIG REWRITE.
func (s *Server) configure(c *server.Peer, args []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case len(args) >= 2 && strings.EqualFold(args[0], "GET"):
		var out []string
		for k, v := range s.config {
			if k == "min-replicas-to-write" {
				v = strconv.Itoa(s.minReplicas())
			}
			for _, pattern := range args[1:] {
				if ok, err := path.Match(strings.ToLower(pattern), k); err == nil && ok {
					out = append(out, k+"\x00"+v)
					break
				}
			}
		}
		sort.Strings(out)
		c.WriteMapLen(len(out))
		for _, kv := range out {
			k, v, _ := strings.Cut(kv, "\x00")
			c.WriteBulk(k)
			c.WriteBulk(v)
		}
	case len(args) == 3 && strings.EqualFold(args[0], "SET"):
		k := strings.ToLower(args[1])
		if _, known := s.config[k]; !known {
			c.WriteError("ERR Unknown option or number of arguments for CONFIG SET - '" + args[1] + "'")
			return
		}
		s.config[k] = args[2]
		c.WriteOK()
	case len(args) == 1 && strings.EqualFold(args[0], "REWRITE"):
		c.WriteOK()
	default:
		c.WriteError("ERR unknown subcommand or wrong number of arguments for CONFIG")
	}
}
