package replication

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/dutyops/dutyops/probes/guard"
)

// maxRedisStream bounds what is read of a replication stream, in bytes. Whoever has more of
// its own has been written to.
const maxRedisStream = 1 << 20

// errStream: the stream cannot be read, so what is in it is not known.
var errStream = errors.New("what they are cannot be read")

// redisBeyond is what a server has in its replication stream after an offset.
type redisBeyond struct {
	pings     int
	writes    int
	deletions []string // keys that are deleted in database 0
}

// beyond reads the commands after the offset after, as a replica would (PSYNC,
// https://redis.io/docs/latest/operate/oss_and_stack/management/replication/). Only where
// the server still keeps them: a copy of everything is never asked for.
func (s *redisStore) beyond(ctx context.Context, mine redisInfo, after int64) (redisBeyond, error) {
	n := mine.offset() - after
	switch first, err := strconv.ParseInt(mine["repl_backlog_first_byte_offset"], 10, 64); {
	case n > maxRedisStream:
		return redisBeyond{}, fmt.Errorf("%w: they are more than %d bytes", errStream, maxRedisStream)
	case err != nil || mine["repl_backlog_active"] != "1" || first > after+1 || after < 0:
		return redisBeyond{}, fmt.Errorf("%w: they are not in its backlog any more", errStream)
	}
	ctx, cancel := context.WithTimeout(ctx, s.opts.Timeout)
	defer cancel()
	s.meter.Refill(n + 64<<10)
	conn, err := s.dial(ctx, "tcp", s.e.Config.Address)
	if err != nil {
		return redisBeyond{}, s.wrap("PSYNC", err)
	}
	defer func() { _ = conn.Close() }()
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	r := bufio.NewReader(conn)
	if err := s.greet(conn, r); err != nil {
		return redisBeyond{}, err
	}
	said, err := redisAsk(conn, r, "PSYNC", mine["master_replid"], strconv.FormatInt(after+1, 10))
	if err != nil {
		return redisBeyond{}, s.wrap("PSYNC", err)
	}
	if strings.HasPrefix(said, "-") {
		return redisBeyond{}, fmt.Errorf("%w: %s%s", errStream, guard.Text(said[1:], maxText), s.missingRight(said[1:]))
	}
	if !strings.HasPrefix(said, "+CONTINUE") {
		return redisBeyond{}, fmt.Errorf("%w: PSYNC is answered %q", errStream, guard.Text(said, maxText))
	}
	raw := make([]byte, n)
	if _, err := io.ReadFull(r, raw); err != nil {
		return redisBeyond{}, s.wrap("PSYNC", err)
	}
	return readRedisStream(string(raw))
}

// greet logs the connection in.
func (s *redisStore) greet(conn net.Conn, r *bufio.Reader) error {
	user, secret := s.e.account()
	password, err := resolve(secret)
	if err != nil {
		return fmt.Errorf("%s: %w", s.e.Target(), err)
	}
	if password == "" {
		return nil
	}
	s.vault.add(password)
	words := []string{"AUTH", user, password}
	if user == "" {
		words = []string{"AUTH", password}
	}
	said, err := redisAsk(conn, r, words...)
	if err == nil && !strings.HasPrefix(said, "+") {
		err = errors.New(said)
	}
	return s.wrap("AUTH", err)
}

// redisAsk sends one command and returns the line that answers it.
func redisAsk(conn net.Conn, r *bufio.Reader, words ...string) (string, error) {
	var b strings.Builder
	fmt.Fprintf(&b, "*%d\r\n", len(words))
	for _, w := range words {
		fmt.Fprintf(&b, "$%d\r\n%s\r\n", len(w), w)
	}
	if _, err := io.WriteString(conn, b.String()); err != nil {
		return "", err
	}
	for {
		line, err := r.ReadSlice('\n') // at most the reader's 4 KiB
		if err != nil {
			return "", err
		}
		if said := strings.TrimSpace(string(line)); said != "" { // a primary sends empty lines while it is busy
			return said, nil
		}
	}
}

// readRedisStream sorts the commands of a replication stream.
func readRedisStream(raw string) (redisBeyond, error) {
	var out redisBeyond
	db := "0"
	for raw != "" {
		words, rest, ok := redisCommand(raw)
		if !ok {
			return redisBeyond{}, fmt.Errorf("%w: they are no commands", errStream)
		}
		raw = rest
		switch cmd := strings.ToUpper(words[0]); {
		case cmd == "PING":
			out.pings++
		case cmd == "SELECT" && len(words) == 2:
			db = words[1]
		case cmd == "MULTI" || cmd == "EXEC" || cmd == "REPLCONF":
		case (cmd == "DEL" || cmd == "UNLINK") && db == "0" && len(words) > 1:
			out.deletions = append(out.deletions, words[1:]...)
		default:
			out.writes++
		}
	}
	return out, nil
}

// redisCommand takes one command, an array of bulk strings, from the front of raw.
func redisCommand(raw string) (words []string, rest string, ok bool) {
	n, rest, ok := redisLength(raw, '*')
	if !ok || n == 0 {
		return nil, "", false
	}
	for range n {
		size, after, ok := redisLength(rest, '$')
		if !ok || len(after) < size+2 || after[size:size+2] != "\r\n" {
			return nil, "", false
		}
		words, rest = append(words, after[:size]), after[size+2:]
	}
	return words, rest, true
}

func redisLength(raw string, mark byte) (n int, rest string, ok bool) {
	line, rest, ok := strings.Cut(raw, "\r\n")
	if !ok || line == "" || line[0] != mark {
		return 0, "", false
	}
	n, err := strconv.Atoi(line[1:])
	return n, rest, err == nil && n >= 0 && n <= len(raw)
}
