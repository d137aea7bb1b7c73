//go:build integration

package contract_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/dutyops/dutyops/backend/sandbox/link"
	"github.com/dutyops/dutyops/probes"
	"github.com/dutyops/dutyops/test/contract"
	"github.com/dutyops/dutyops/test/lab"
)

// followThroughLinks makes the standby's stores reach their source over lines that can
// be broken.
func (r *real) followThroughLinks() error {
	host, port := splitAddr(r.maria.Addr())
	rhost, rport := splitAddr(r.redis.Addr())
	return errors.Join(
		r.stores.Standby.Maria.Exec(r.ctx, "STOP REPLICA", fmt.Sprintf("CHANGE MASTER TO MASTER_HOST='%s', MASTER_PORT=%s", host, port), "START REPLICA",
			"SET GLOBAL slave_net_timeout=2"),
		r.stores.Standby.Redis.Client().Do(r.ctx, "REPLICAOF", rhost, rport).Err(),
	)
}

func (r *real) mysql(t *testing.T, c *component, role probes.Role) error {
	m, source := r.site(role).Maria, r.stores.Primary.Maria
	err := sqlServer{
		ctx: r.ctx, db: m, source: source, line: r.maria, address: m.Address, passwords: m.Passwords, replPassword: source.Passwords["repl"],
	}.faults(t, c, role)
	if err == nil {
		c.replacedBySQL(r.stores.Standby.Maria.Address, r.stores.Standby.Maria.Passwords["probe"])
	}
	return err
}

func (r *real) redisServer(t *testing.T, c *component, role probes.Role) error {
	s := r.site(role).Redis
	c.target.Password = func() (string, error) { return s.Password, nil }
	if err := c.behind(t, "tcp://"+s.Address); err != nil {
		return err
	}
	c.process(s.Freeze, s.Thaw, s.Kill, func() error { return s.Start(r.ctx) })
	c.rotate = r.requirePass(s)
	c.own[contract.Replaced] = func(on bool) error {
		if !on {
			return nil
		}
		s.Kill() // it puts nothing on disk
		return s.Start(r.ctx)
	}
	c.own[contract.ReadOnly] = func(on bool) error {
		return s.Client().ConfigSet(r.ctx, "min-replicas-to-write", map[bool]string{true: "1000000", false: "0"}[on]).Err()
	}
	config := func(key, broken, healed string) func(bool) error {
		return func(on bool) error {
			return s.Client().ConfigSet(r.ctx, key, map[bool]string{true: broken, false: healed}[on]).Err()
		}
	}
	if role != probes.RoleReplica {
		c.own[contract.MemoryFull] = config("maxmemory", "1", "0")
		c.own[contract.Crowded] = config("maxclients", "1", "10000")
		return nil
	}
	c.own[contract.ReplicaRefused] = func(on bool) error {
		err := config("masterauth", secret(), s.Password)(on)
		r.redis.Set(link.Down)
		r.redis.Set(link.Pass)
		return err
	}
	follow := func(host, port string) error { return s.Client().Do(r.ctx, "REPLICAOF", host, port).Err() }
	host, port := splitAddr(r.redis.Addr())
	c.own[contract.SourceGone] = func(on bool) error {
		r.redis.Set(map[bool]link.Mode{true: link.Down, false: link.Pass}[on])
		return nil
	}
	c.own[contract.ReplicaStopped] = func(on bool) error {
		if on {
			return follow("NO", "ONE")
		}
		return follow(host, port)
	}
	return nil
}

// requirePass changes the password of everybody; connections that stand stay.
func (r *real) requirePass(s *lab.Redis) func(password string) error {
	now := s.Password
	return func(password string) error {
		admin := redis.NewClient(&redis.Options{Addr: s.Address, Password: now, Protocol: 2, DisableIdentity: true})
		defer func() { _ = admin.Close() }()
		err := admin.ConfigSet(r.ctx, "requirepass", password).Err()
		if err == nil {
			now = password
		}
		return err
	}
}
