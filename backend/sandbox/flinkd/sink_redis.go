package flinkd

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/dutyops/dutyops/backend/sandbox/feedd"
)

// RedisPrefix begins every key of the Redis sink; the flight's id follows.
const RedisPrefix = "flight:"

// RedisOptions say how to reach a site's Redis.
type RedisOptions struct{ Addr, User, Password string }

// RedisSink keeps the newest message of every flight. It is best effort and safe
// for concurrent use.
type RedisSink struct{ cl *redis.Client }

// NewRedisSink makes the sink; it does not connect yet.
func NewRedisSink(o RedisOptions) *RedisSink {
	return &RedisSink{cl: redis.NewClient(&redis.Options{
		Addr: o.Addr, Username: o.User, Password: o.Password, Protocol: 2, DisableIdentity: true,
		PoolSize: 1, MaxRetries: -1, DialTimeout: time.Second, ReadTimeout: 2 * time.Second, WriteTimeout: 2 * time.Second,
	})}
}

// Name is "redis".
func (s *RedisSink) Name() string { return "redis" }

// Required is false: the cache fills again.
func (s *RedisSink) Required() bool { return false }

// Write sets one key per flight of the batch.
func (s *RedisSink) Write(ctx context.Context, batch []feedd.Message) error {
	newest := map[string]feedd.Message{}
	for _, m := range batch {
		if m.Version >= newest[m.Flight].Version {
			newest[m.Flight] = m
		}
	}
	pairs := make([]any, 0, 2*len(newest))
	for flight, m := range newest {
		b, err := json.Marshal(m)
		if err != nil {
			return fmt.Errorf("redis: message %s: %w", m.ID, err)
		}
		pairs = append(pairs, RedisPrefix+flight, b)
	}
	if len(pairs) == 0 {
		return nil
	}
	if err := s.cl.MSet(ctx, pairs...).Err(); err != nil {
		return fmt.Errorf("redis: set %d flights: %w", len(newest), err)
	}
	return nil
}

// Close closes the connection.
func (s *RedisSink) Close() error { return s.cl.Close() }
