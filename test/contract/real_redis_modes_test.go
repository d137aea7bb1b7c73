//go:build integration

package contract_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/dutyops/dutyops/probes"
	"github.com/dutyops/dutyops/test/contract"
	"github.com/dutyops/dutyops/test/lab"
)

// What a member of a cluster and a sentinel say, from the real ones.
func TestRealRedisModes(t *testing.T) {
	r := startReal(t)
	dir, source := r.stores.Dir, r.stores.Primary.Redis
	member, err1 := lab.NewRedisMember(r.ctx, dir, "primary")
	sentinel, err2 := lab.NewSentinel(r.ctx, dir, "primary", source)
	if err := errors.Join(err1, err2); err != nil {
		t.Fatal(err)
	}
	probe := func(s *lab.Redis, role probes.Role) probes.Prober {
		t.Cleanup(s.Stop)
		if err := s.Start(r.ctx); err != nil {
			t.Fatal(err)
		}
		return open(t, probes.Target{
			Name: "primary/data/redis", Kind: "redis", Address: s.Address, Password: func() (string, error) { return s.Password, nil },
			Role: func() probes.Role { return role },
		})
	}
	until := func(p probes.Prober, status probes.Status, detail string) probes.Result {
		t.Helper()
		var a probes.Result
		waitFor(t, fmt.Sprintf("%s with %q", status, detail), func() bool {
			a = p.Probe(t.Context())
			return a.Status == status && strings.Contains(a.Detail, detail)
		})
		return a
	}

	p := probe(member, probes.RoleSource)
	until(p, probes.StatusDown, "the cluster is in state fail: 0 of 16384 slots are served")
	if err := member.Client().ClusterAddSlotsRange(r.ctx, 0, 16383).Err(); err != nil {
		t.Fatal(err)
	}
	if a := until(p, probes.StatusUp, "primary"); a.Facts.Extra["cluster"] != "ok, 16384 of 16384 slots, 1 nodes" {
		t.Errorf("facts %v", a.Facts.Extra)
	}
	least := contract.RightsOf("redis.md", "probe")
	for _, with := range []bool{false, true} {
		rights, want := least, "not visible (grant +cluster|info)"
		if with {
			rights, want = append(rights, contract.RightsOf("redis.md", "probe, in cluster mode")...), "ok, 16384 of 16384 slots, 1 nodes"
		}
		password := secret()
		redisRule(t, member, "least", password, rights)
		a := open(t, probes.Target{
			Name: "primary/data/redis", Kind: "redis", Address: member.Address, User: "least", Password: func() (string, error) { return password, nil },
		}).Probe(t.Context())
		if a.Status != probes.StatusUp || a.Facts.Extra["cluster"] != want {
			t.Errorf("with %v: %s %q, %v", rights, a.Status, a.Detail, a.Facts.Extra)
		}
	}

	p = probe(sentinel, probes.RoleAny)
	if a := until(p, probes.StatusUp, "sentinel, 1 primaries watched, all well"); a.Facts.Parts["ops"] != "ok" || !strings.HasPrefix(a.Facts.Extra["primary ops"], source.Address) {
		t.Errorf("facts %+v", a.Facts)
	}
	if err := source.Freeze(); err != nil {
		t.Fatal(err)
	}
	until(p, probes.StatusDegraded, "sentinel holds primary ops at")
	if err := source.Thaw(); err != nil {
		t.Fatal(err)
	}
}
