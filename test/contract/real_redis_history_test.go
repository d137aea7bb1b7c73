//go:build integration

package contract_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/dutyops/dutyops/backend/config"
	"github.com/dutyops/dutyops/backend/replication"
	"github.com/dutyops/dutyops/test/contract"
)

// A fenced Redis deletes what expires. Whoever may read what that was, and whether the other
// has it, lets it follow; without either right it is refused, and nothing is changed.
func TestRealRedisHistories(t *testing.T) {
	r := startReal(t)
	a, b := r.stores.Primary.Redis, r.stores.Standby.Redis
	act := secret()
	mine, from := redisEndpoint(t, "primary", a.Address, a.Password), redisEndpoint(t, "standby", b.Address, b.Password)
	mine.Config.Control = config.Account{User: "actor", Password: secretFile(t, act)}
	from.Config.Control = mine.Config.Control
	st, other := openStore(t, mine, 20*time.Second), openStore(t, from, 20*time.Second)
	always, also := contract.RightsOf("redis.md", "control"), contract.RightsOf("redis.md", "control, also")
	allow := func(also ...string) {
		redisRule(t, a, "actor", act, append(always, also...))
		redisRule(t, b, "actor", act, append(always, also...))
	}
	allow(also...)
	if err := errors.Join(a.Client().Set(t.Context(), "stays", "1", 0).Err(), a.Client().Set(t.Context(), "brief", "1", time.Second).Err()); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "it is copied", func() bool {
		ok, _, err := other.CaughtUp(t.Context(), mine)
		return err == nil && ok
	})
	if _, err := st.Demote(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := other.Promote(t.Context()); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "it is deleted", func() bool { return a.Client().Exists(t.Context(), "brief").Val() == 0 })
	for i, missing := range also {
		allow(without(also, i)...)
		ev, err := st.Follow(t.Context(), from)
		if !errors.Is(err, replication.ErrDiverged) || !strings.Contains(err.Error(), "grant "+missing+" to actor") {
			t.Errorf("without %s: %v, %v", missing, ev, err)
		}
		if ok, seen, err := st.IsSource(t.Context()); ok || err != nil || !strings.Contains(seen, "fenced") {
			t.Errorf("without %s the store is changed: %v, %s, %v", missing, ok, seen, err)
		}
	}
	allow(also...)
	ev, err := st.Follow(t.Context(), from)
	if said := strings.Join(ev, "\n"); err != nil || !strings.Contains(said, "deletions of keys that it has not either: 1") {
		t.Errorf("with all rights: %q, %v", said, err)
	}
}
