package contract_test

import (
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/dutyops/dutyops/backend/sandbox/link"
	"github.com/dutyops/dutyops/backend/sandbox/redisd"
	"github.com/dutyops/dutyops/probes"
	"github.com/dutyops/dutyops/test/contract"
)

// redis makes a server, as a replica one that follows a source of its own.
func (c *component) redis(t *testing.T, role probes.Role) error {
	pw := secret()
	o := redisd.Options{Name: "r", Password: pw, MasterAuth: pw}
	var source *link.Link
	if role == probes.RoleReplica {
		src, err := redisd.Start(redisd.Options{Name: "source", Password: pw})
		if err != nil {
			return err
		}
		t.Cleanup(func() { _ = src.Close() })
		if source, err = link.New(src.Addr()); err != nil {
			return err
		}
		t.Cleanup(func() { _ = source.Close() })
		o.ReplicaOf = source.Addr()
	}
	s, err := redisd.Start(o)
	if err != nil {
		return err
	}
	t.Cleanup(func() { _ = s.Close() })
	c.target.Password = func() (string, error) { return pw, nil }
	c.rotate = func(password string) error { s.SetPassword(password); return nil }
	c.own[contract.ReadOnly] = func(on bool) error { s.SetReadOnly(on); return nil }
	admin := redis.NewClient(&redis.Options{Addr: s.Addr(), Password: pw, Protocol: 2, DisableIdentity: true, PoolSize: 1})
	t.Cleanup(func() { _ = admin.Close() })
	config := func(key, broken, healed string) func(bool) error {
		return func(on bool) error {
			return admin.ConfigSet(t.Context(), key, map[bool]string{true: broken, false: healed}[on]).Err()
		}
	}
	c.own[contract.MemoryFull] = config("maxmemory", "1", "0")
	c.own[contract.Crowded] = config("maxclients", "1", "10000")
	if source != nil {
		c.own[contract.ReplicaRefused] = func(on bool) error {
			err := config("masterauth", secret(), pw)(on)
			source.Set(link.Down)
			source.Set(link.Pass)
			return err
		}
		c.own[contract.SourceGone] = func(on bool) error {
			source.Set(map[bool]link.Mode{true: link.Down, false: link.Pass}[on])
			return nil
		}
		c.own[contract.ReplicaStopped] = func(on bool) error {
			host, port := "NO", "ONE"
			if !on {
				host, port = splitAddr(source.Addr())
			}
			return admin.Do(t.Context(), "REPLICAOF", host, port).Err()
		}
	}
	if err := c.behind(t, "tcp://"+s.Addr()); err != nil {
		return err
	}
	other, err := redisd.Start(redisd.Options{Name: "r", Password: pw})
	if err != nil {
		return err
	}
	t.Cleanup(func() { _ = other.Close() })
	c.replacedWith(other.Addr())
	return nil
}
