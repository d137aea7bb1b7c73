package replication_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/dutyops/dutyops/backend/replication"
)

// A store that was a source follows the one that was promoted after it when nothing of its
// own is lost by that. What it has beyond the other is looked at, not measured: two pings are
// as long as a short write.
func TestRedisFollowsWhenNothingIsLost(t *testing.T) {
	set := func(ctx context.Context, c *redis.Client, key, value string) error {
		return c.Set(ctx, key, value, 0).Err()
	}
	type act func(ctx context.Context, a, b *redis.Client) error
	for name, c := range map[string]struct {
		does act
		want string // of the evidence
		err  string // of the refusal
	}{
		"nothing since":                     {nil, "nothing here beyond what standby has", ""},
		"the other went on":                 {func(ctx context.Context, _, b *redis.Client) error { return set(ctx, b, "new", "1") }, "nothing here beyond what standby has", ""},
		"a write as long as two idle pings": {func(ctx context.Context, a, _ *redis.Client) error { return set(ctx, a, "ab", "1") }, "", "28 bytes of commands after offset 58 that standby never received: writes: 1, deleted keys: 0"},
		"it deleted what the other has":     {func(ctx context.Context, a, _ *redis.Client) error { return a.Del(ctx, "k").Err() }, "", "deleted keys: 1, of which standby still has some"},
		"both deleted it": {func(ctx context.Context, a, b *redis.Client) error {
			return errors.Join(a.Del(ctx, "k").Err(), b.Del(ctx, "k").Err())
		}, "idle pings: 0, deletions of keys that it has not either: 1", ""},
		"it deleted, and wrote": {func(ctx context.Context, a, b *redis.Client) error {
			return errors.Join(a.Del(ctx, "k").Err(), b.Del(ctx, "k").Err(), set(ctx, a, "ab", "1"))
		}, "", "writes: 1, deleted keys: 1"},
		"more than is looked at": {func(ctx context.Context, a, _ *redis.Client) error {
			return set(ctx, a, "big", strings.Repeat("x", 1<<20))
		}, "", "what they are cannot be read: they are more than 1048576 bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			ea, _, ca := redisSite(t, "primary")
			eb, _, cb := redisSite(t, "standby")
			a, b := open(t, ea), open(t, eb)
			if err := errors.Join(set(t.Context(), ca, "k", "1"), set(t.Context(), ca, "stays", "1")); err != nil {
				t.Fatal(err)
			}
			ev, err := b.Follow(t.Context(), ea)
			did(t, "standby follows", ev, err)
			level(t, b, ea)
			ev, err = b.Promote(t.Context())
			did(t, "promote standby", ev, err)
			if c.does != nil {
				if err := c.does(t.Context(), ca, cb); err != nil {
					t.Fatal(err)
				}
			}
			ev, err = a.Follow(t.Context(), eb)
			if c.err != "" {
				if !errors.Is(err, replication.ErrDiverged) || !strings.Contains(err.Error(), c.err) {
					t.Fatalf("%v, %v, want %q", ev, err, c.err)
				}
				source(t, a, true)
				return
			}
			if err != nil || !strings.Contains(strings.Join(ev, "\n"), c.want) {
				t.Fatalf("%v, %v, want %q", ev, err, c.want)
			}
			level(t, a, eb)
		})
	}
}
