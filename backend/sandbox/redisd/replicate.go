package redisd

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/alicebob/miniredis/v2/server"
	"github.com/redis/go-redis/v9"
)

// batch is one answer to DUTYOPS.PULL, a dialect of our own between two of these
// servers: the commands after an offset, or a snapshot when the offset is not ours.
type batch struct {
	ReplID   string     `json:"replid"`
	Snapshot bool       `json:"snapshot,omitempty"`
	Commands [][]string `json:"commands"`
	Ends     []int64    `json:"ends"`
	At       []int64    `json:"at_ms"`
	End      int64      `json:"end"`
}

// pullWait is how long an idle pull is held: it is the link's heartbeat too.
const pullWait = 500 * time.Millisecond

// pull answers DUTYOPS.PULL replid offset.
func (s *Server) pull(c *server.Peer, args []string) {
	if len(args) != 2 {
		c.WriteError("ERR wrong number of arguments")
		return
	}
	s.mu.Lock()
	s.replicas++
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		s.replicas--
		s.mu.Unlock()
	}()
	from, err := strconv.ParseInt(args[1], 10, 64)
	if err != nil {
		c.WriteError("ERR offset is not a number")
		return
	}
	b, grew := s.after(args[0], from)
	if len(b.Commands) == 0 && !b.Snapshot {
		select {
		case <-grew:
			b, _ = s.after(args[0], from)
		case <-s.closing:
		case <-time.After(pullWait):
		}
	}
	out, err := json.Marshal(b)
	if err != nil {
		c.WriteError("ERR " + err.Error())
		return
	}
	c.WriteBulk(string(out))
}

// encode is a command as it stands in the replication stream; offsets count its bytes.
func encode(line []string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "*%d\r\n", len(line))
	for _, a := range line {
		fmt.Fprintf(&b, "$%d\r\n%s\r\n", len(a), a)
	}
	return b.String()
}

// psync answers PSYNC replid offset, offset being that of the first byte that is wanted,
// with what is there now. A real server keeps the connection and goes on; and it sends a
// whole copy where it cannot continue.
func (s *Server) psync(c *server.Peer, args []string) {
	if len(args) != 2 {
		c.WriteError("ERR wrong number of arguments for 'psync' command")
		return
	}
	from, err := strconv.ParseInt(args[1], 10, 64)
	if err != nil {
		c.WriteError("ERR value is not an integer or out of range")
		return
	}
	b, _ := s.after(args[0], from-1)
	if b.Snapshot {
		c.WriteInline(fmt.Sprintf("FULLRESYNC %s %d", b.ReplID, b.End))
		c.Flush()
		c.Close()
		return
	}
	c.WriteInline("CONTINUE " + b.ReplID)
	for _, line := range b.Commands {
		c.WriteRaw(encode(line))
	}
}

// after collects what a replica at the offset lacks, and the channel that tells of more.
func (s *Server) after(replid string, from int64) (batch, <-chan struct{}) {
	s.wmu.Lock()
	defer s.wmu.Unlock()
	b := batch{ReplID: s.replid, End: s.offset}
	known := replid == s.replid && from <= s.offset || replid == s.former && from < s.formerEnd
	if !known || from < s.logStart {
		b.Snapshot, b.Commands = true, s.snapshot()
		return b, s.grew
	}
	for _, e := range s.log {
		if e.end > from {
			b.Commands = append(b.Commands, e.args)
			b.Ends = append(b.Ends, e.end)
			b.At = append(b.At, e.at.UnixMilli())
		}
	}
	return b, s.grew
}

// snapshot is the key space as commands. The caller holds wmu.
func (s *Server) snapshot() [][]string {
	var out [][]string
	for _, k := range s.m.Keys() {
		switch s.m.Type(k) {
		case "string":
			if v, err := s.m.Get(k); err == nil {
				out = append(out, []string{"SET", k, v})
			}
		case "hash":
			fields, err := s.m.HKeys(k)
			for _, f := range fields {
				if err == nil {
					out = append(out, []string{"HSET", k, f, s.m.HGet(k, f)})
				}
			}
		case "list":
			if l, err := s.m.List(k); err == nil {
				out = append(out, append([]string{"RPUSH", k}, l...))
			}
		case "set":
			if l, err := s.m.Members(k); err == nil {
				out = append(out, append([]string{"SADD", k}, l...))
			}
		case "zset":
			if l, err := s.m.SortedSet(k); err == nil {
				for m, score := range l {
					out = append(out, []string{"ZADD", k, strconv.FormatFloat(score, 'g', -1, 64), m})
				}
			}
		}
		if ttl := s.m.TTL(k); ttl > 0 {
			out = append(out, []string{"PEXPIRE", k, strconv.FormatInt(ttl.Milliseconds(), 10)})
		}
	}
	return out
}

// replicate pulls from the source until ctx ends, reconnecting twice a second.
func (s *Server) replicate(ctx context.Context, src *source) {
	for ctx.Err() == nil {
		s.mu.Lock()
		user, password := s.config["masteruser"], s.config["masterauth"]
		s.mu.Unlock()
		c := redis.NewClient(&redis.Options{
			Addr: src.addr, Username: user, Password: password, MaxRetries: -1, Protocol: 2, DisableIdentity: true,
			DialTimeout: time.Second, ReadTimeout: 3 * pullWait, PoolSize: 1, ContextTimeoutEnabled: true,
		})
		err := s.pullLoop(ctx, c, src)
		_ = c.Close()
		s.mu.Lock()
		if src.up || src.downAt.IsZero() {
			src.downAt = time.Now()
		}
		src.up = false
		s.mu.Unlock()
		if err == nil || ctx.Err() != nil {
			return
		}
		select {
		case <-ctx.Done():
		case <-time.After(500 * time.Millisecond):
		}
	}
}

func (s *Server) pullLoop(ctx context.Context, c *redis.Client, src *source) error {
	for ctx.Err() == nil {
		s.wmu.Lock()
		id, at := s.replid, s.offset
		s.wmu.Unlock()
		text, err := c.Do(ctx, "DUTYOPS.PULL", id, at).Text()
		if err != nil {
			return err
		}
		var b batch
		if err := json.Unmarshal([]byte(text), &b); err != nil {
			return err
		}
		s.mu.Lock()
		src.up, src.seen, src.got = true, time.Now(), b.End
		s.mu.Unlock()
		if err := s.take(ctx, b); err != nil {
			return err
		}
	}
	return nil
}

// take applies a batch in order, later by the lag that was set.
func (s *Server) take(ctx context.Context, b batch) error {
	if b.Snapshot {
		s.wmu.Lock()
		defer s.wmu.Unlock()
		s.m.FlushAll()
		if err := s.replay(ctx, b.Commands); err != nil {
			return err
		}
		s.log, s.logStart, s.offset, s.replid = nil, b.End, b.End, b.ReplID
		s.former, s.formerEnd = noHistory, -1
		return nil
	}
	s.wmu.Lock()
	if b.ReplID != s.replid { // the source was promoted since
		s.goOn(b.ReplID)
	}
	s.wmu.Unlock()
	for i, line := range b.Commands {
		s.mu.Lock()
		lag := s.lag
		s.mu.Unlock()
		if wait := time.Until(time.UnixMilli(b.At[i]).Add(lag)); lag > 0 && wait > 0 {
			select {
			case <-ctx.Done():
				return nil
			case <-time.After(wait):
			}
		}
		s.wmu.Lock()
		err := s.replay(ctx, [][]string{line})
		s.log = append(s.log, entry{end: b.Ends[i], at: time.Now(), args: line})
		s.offset = b.Ends[i]
		s.wmu.Unlock()
		if err != nil {
			return err
		}
	}
	return nil
}

// replay executes commands over a private connection that the hook lets through.
// What fails here failed at the source too. The caller holds wmu.
func (s *Server) replay(ctx context.Context, lines [][]string) error {
	for _, line := range lines {
		args := make([]any, len(line))
		for i, a := range line {
			args[i] = a
		}
		var refused redis.Error
		if err := s.self.Do(ctx, args...).Err(); err != nil && !errors.As(err, &refused) {
			return err
		}
	}
	return nil
}

// openSelf makes the client that replays: it reaches this server without a socket and
// shows the token that the hook knows.
func (s *Server) openSelf() *redis.Client {
	return redis.NewClient(&redis.Options{
		Addr: "self", MaxRetries: -1, Protocol: 2, DisableIdentity: true, PoolSize: 1,
		CredentialsProvider: func() (string, string) {
			s.mu.Lock()
			defer s.mu.Unlock()
			return "", s.password
		},
		Dialer: func(context.Context, string, string) (net.Conn, error) { return s.m.Dial() },
		OnConnect: func(ctx context.Context, cn *redis.Conn) error {
			return cn.Do(ctx, "DUTYOPS.REPLAY", s.token).Err()
		},
	})
}
