//go:build integration

package contract_test

import (
	"context"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/dutyops/dutyops/backend/sandbox/link"
	"github.com/dutyops/dutyops/probes"
	"github.com/dutyops/dutyops/test/contract"
	"github.com/dutyops/dutyops/test/lab"
)

// The same promises, on the servers that operations run. What cannot be had here is
// pinned with its reason, so that no case falls out of the suite unseen.
func TestRealServers(t *testing.T) {
	r := startReal(t)
	prove(t, r, "mysql", probes.RoleSource)
	prove(t, r, "redis", probes.RoleSource)
	cannot := append(contract.Run(t, r, "mysql", "redis"), contract.RunReplaced(t, r, "mysql", "redis")...)
	cannot = append(cannot, contract.RunRotated(t, r, "mysql", "redis")...)
	cannot = append(cannot, contract.RunRestarted(t, r, "mysql")...)
	cannot = append(cannot, contract.RunDataLost(t, r, "mysql")...) // at the end: it stays empty
	if want := []string{}; !slices.Equal(cannot, want) && len(cannot)+len(want) > 0 {
		t.Errorf("the real servers cannot do %q, expected %q", cannot, want)
	}
}

// labDir is a folder for servers that are used alone, and the time that they may take.
func labDir(t *testing.T) (context.Context, string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 12*time.Minute)
	t.Cleanup(cancel)
	dir, err := lab.NewDir("")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return ctx, dir
}

// real makes components of servers that were started once: a case heals what it broke,
// and the next one begins with a look that all is well.
type real struct {
	ctx    context.Context
	stores *lab.Stores
	// what the standby's stores follow the primary's through
	maria, redis *link.Link
}

// startReal starts the servers that all cases share.
func startReal(t *testing.T) *real {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 12*time.Minute)
	t.Cleanup(cancel)
	began := time.Now()
	stores, err := lab.StartStores(ctx, "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stores.Close)
	r := &real{ctx: ctx, stores: stores}
	for target, l := range map[string]**link.Link{stores.Primary.Maria.Address: &r.maria, stores.Primary.Redis.Address: &r.redis} {
		if *l, err = link.New(target); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = (*l).Close() })
	}
	if err := r.followThroughLinks(); err != nil {
		t.Fatal(err)
	}
	t.Logf("real servers ready in %s", time.Since(began).Round(time.Millisecond))
	return r
}

func (r *real) Start(t *testing.T, kind string, role probes.Role) (contract.Component, error) {
	t.Helper()
	c := &component{own: map[contract.Fault]func(bool) error{}}
	switch kind {
	case "mysql":
		return c, r.mysql(t, c, role)
	case "redis":
		return c, r.redisServer(t, c, role)
	default:
		return nil, contract.ErrCannot
	}
}

// site is whose server plays the role.
func (r *real) site(role probes.Role) *lab.Site {
	if role == probes.RoleReplica {
		return r.stores.Standby
	}
	return r.stores.Primary
}

// prove holds the list of what was proven, and so the documentation, to the version
// that the server tells.
func prove(t *testing.T, r contract.Backend, kind string, role probes.Role) {
	t.Helper()
	t.Run(kind+"/version", func(t *testing.T) { // what it starts is cleaned up before the cases
		c, err := r.Start(t, kind, role)
		if err != nil {
			t.Fatal(err)
		}
		target := c.Target(contract.Killed)
		target.Name, target.Kind = "site/data/"+kind, kind
		a := open(t, target).Probe(t.Context())
		if _, ok := contract.ProvenOn(kind, a.Facts.Version); !ok {
			t.Errorf("%s says that it is version %q (%s), which contract.Proven does not list", kind, a.Facts.Version, a.Detail)
		}
	})
}

// process breaks the server itself. back makes it what it was after it came up again.
func (c *component) process(freeze, thaw func() error, kill func(), back func() error) {
	direct := c.target
	direct.Address = c.line.Target()
	c.direct = &direct
	c.own[contract.Frozen] = func(on bool) error {
		if on {
			return freeze()
		}
		return thaw()
	}
	c.own[contract.Killed] = func(on bool) error {
		if on {
			kill()
			return nil
		}
		return back()
	}
}
