//go:build integration

package lab

import (
	"errors"
	"strings"
	"testing"

	"github.com/dutyops/dutyops/backend/replication"
)

func TestRedisSwitchAndHome(t *testing.T) {
	ctx, s := stores(t)
	a, b := s.Primary.Redis, s.Standby.Redis
	ea, eb := redisEndpoint(t, a), redisEndpoint(t, b)
	sa, sb := open(t, ea), open(t, eb)
	if err := a.Client().ConfigSet(ctx, "min-replicas-to-write", "1").Err(); err != nil {
		t.Fatal(err)
	}
	if err := a.Client().Set(ctx, "flight:MU5101", "B12", 0).Err(); err != nil {
		t.Fatal(err)
	}
	wantSource(ctx, t, sa, true)
	wantSource(ctx, t, sb, false)

	must(t, "demote primary")(sa.Demote(ctx))
	must(t, "demote primary again")(sa.Demote(ctx))
	wantSource(ctx, t, sa, false)
	if err := a.Client().Set(ctx, "flight:MU5101", "B99", 0).Err(); err == nil || !strings.Contains(err.Error(), "NOREPLICAS") {
		t.Fatalf("write on a fenced primary: %v", err)
	}
	awaitCaughtUp(ctx, t, sb, ea)
	must(t, "promote standby")(sb.Promote(ctx))
	must(t, "promote standby again")(sb.Promote(ctx))
	wantSource(ctx, t, sb, true)
	if err := b.Client().Set(ctx, "flight:MU5102", "B13", 0).Err(); err != nil {
		t.Fatal(err)
	}
	must(t, "primary follows")(sa.Follow(ctx, eb))
	must(t, "primary follows again")(sa.Follow(ctx, eb))
	awaitCaughtUp(ctx, t, sa, eb)
	if v := a.Client().Get(ctx, "flight:MU5102").Val(); v != "B13" {
		t.Fatalf("primary has %q", v)
	}
	if v := a.Client().ConfigGet(ctx, "min-replicas-to-write").Val()["min-replicas-to-write"]; v != "1" {
		t.Errorf("min-replicas-to-write is %q after the fence, was 1 before", v)
	}
	if _, err := sb.Follow(ctx, ea); !errors.Is(err, replication.ErrLoop) {
		t.Errorf("following one's own replica: %v, want ErrLoop", err)
	}
}

func TestRedisDivergedSideIsNotOverwritten(t *testing.T) {
	ctx, s := stores(t)
	a, b := s.Primary.Redis, s.Standby.Redis
	eb := redisEndpoint(t, b)
	sa, sb := open(t, redisEndpoint(t, a)), open(t, eb)
	if err := a.Client().Set(ctx, "flight:MU5101", "B12", 0).Err(); err != nil {
		t.Fatal(err)
	}
	must(t, "promote standby")(sb.Promote(ctx))
	if err := a.Client().Set(ctx, "flight:MU5103", "written after the split", 0).Err(); err != nil {
		t.Fatal(err)
	}
	if _, err := sa.Follow(ctx, eb); !errors.Is(err, replication.ErrDiverged) {
		t.Fatalf("Follow = %v, want ErrDiverged", err)
	}
	if v := a.Client().Get(ctx, "flight:MU5103").Val(); v == "" {
		t.Error("the refused Follow threw the key away")
	}
	// A server that lost everything has nothing to lose.
	a.Kill()
	if err := a.Start(ctx); err != nil {
		t.Fatal(err)
	}
	must(t, "empty primary follows")(sa.Follow(ctx, eb))
}
