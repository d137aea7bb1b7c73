//go:build integration

package contract_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/dutyops/dutyops/backend/sandbox/link"
	"github.com/dutyops/dutyops/probes"
	"github.com/dutyops/dutyops/test/contract"
	"github.com/dutyops/dutyops/test/lab"
)

// database is what the launchers of MariaDB and MySQL have in common.
type database interface {
	Start(ctx context.Context) error
	Kill()
	Freeze() error
	Thaw() error
	Empty(ctx context.Context) error
	Exec(ctx context.Context, statements ...string) error
	Locally(ctx context.Context, statements ...string) error
}

// sqlServer breaks a server, or a replica that follows its source over a line. The words
// are the old ones, which MariaDB and MySQL up to 8.3 know.
type sqlServer struct {
	ctx          context.Context
	db, source   database
	line         *link.Link // what the replica reaches its source over
	address      string
	passwords    map[string]string
	replPassword string
}

func (s sqlServer) faults(t *testing.T, c *component, role probes.Role) error {
	m := s.db
	c.target.User, c.target.Password = "probe", func() (string, error) { return s.passwords["probe"], nil }
	if err := c.behind(t, "tcp://"+s.address); err != nil {
		return err
	}
	do := func(on bool, broken, healed []string) error {
		if on {
			return m.Exec(s.ctx, broken...)
		}
		return m.Exec(s.ctx, healed...)
	}
	c.process(m.Freeze, m.Thaw, m.Kill, func() error {
		if err := m.Start(s.ctx); err != nil || role == probes.RoleReplica {
			return errors.Join(err, m.Exec(s.ctx, "START SLAVE"))
		}
		return m.Exec(s.ctx, "SET GLOBAL read_only=0")
	})
	c.own[contract.Restarted] = func(on bool) error {
		if on {
			m.Kill()
			return c.own[contract.Killed](false)
		}
		return nil
	}
	c.own[contract.DataLost] = func(on bool) error {
		if !on {
			return nil
		}
		return m.Empty(s.ctx)
	}
	c.rotate = func(password string) error {
		return m.Locally(s.ctx, "SET PASSWORD FOR 'probe'@'127.0.0.1' = PASSWORD('"+password+"')")
	}
	c.own[contract.ReadOnly] = func(on bool) error {
		return do(on, []string{"SET GLOBAL read_only=1"}, []string{"SET GLOBAL read_only=0"})
	}
	if role != probes.RoleReplica {
		c.own[contract.Crowded] = crowd(t, s.address, "app", s.passwords["app"], func(most int) error {
			return m.Exec(s.ctx, fmt.Sprintf("SET GLOBAL max_connections=%d", most))
		})
		return nil
	}
	c.own[contract.ReplicaWrites] = func(on bool) error {
		return do(on, []string{"SET GLOBAL read_only=0"}, []string{"SET GLOBAL read_only=1"})
	}
	c.own[contract.ReplicaRefused] = func(on bool) error {
		password := map[bool]string{true: secret(), false: s.replPassword}[on]
		return m.Exec(s.ctx, "STOP SLAVE", "CHANGE MASTER TO MASTER_PASSWORD='"+password+"'", "START SLAVE")
	}
	c.own[contract.ReplicaBroken] = func(on bool) error {
		const row = "INSERT INTO ops.flights VALUES ('TWICE', 1, '{}', NOW(3))"
		if on {
			return errors.Join(m.Locally(s.ctx, row), s.source.Exec(s.ctx, row))
		}
		return errors.Join(m.Locally(s.ctx, "DELETE FROM ops.flights WHERE flight='TWICE'"), m.Exec(s.ctx, "STOP SLAVE", "START SLAVE"),
			s.source.Exec(s.ctx, "DELETE FROM ops.flights WHERE flight='TWICE'"))
	}
	c.own[contract.ReplicaStopped] = func(on bool) error { return do(on, []string{"STOP SLAVE"}, []string{"START SLAVE"}) }
	c.own[contract.SourceGone] = func(on bool) error {
		s.line.Set(map[bool]link.Mode{true: link.Down, false: link.Pass}[on])
		return nil
	}
	c.own[contract.Lagging] = func(on bool) error {
		if err := do(on, []string{"STOP SLAVE", "CHANGE MASTER TO MASTER_DELAY=60", "START SLAVE"},
			[]string{"STOP SLAVE", "CHANGE MASTER TO MASTER_DELAY=0", "START SLAVE"}); err != nil || !on {
			return err
		}
		return s.source.Exec(s.ctx, "REPLACE INTO ops.flights VALUES ('LAG', 1, '{}', NOW(3))")
	}
	return nil
}

// oracle is a pair of Oracle's servers: a source and a replica that follows it.
type oracle struct {
	ctx  context.Context
	pair [2]*lab.MySQL
	line *link.Link
}

// startOracle starts both at once; they are made at the first call.
func startOracle(t *testing.T) *oracle {
	t.Helper()
	ctx, dir := labDir(t)
	o := &oracle{ctx: ctx}
	errs := make([]error, 2)
	var wg sync.WaitGroup
	for i, site := range []string{"primary", "standby"} {
		wg.Go(func() {
			if o.pair[i], errs[i] = lab.NewMySQL(ctx, dir, site, i+1); errs[i] == nil {
				errs[i] = o.pair[i].Start(ctx)
			}
		})
	}
	wg.Wait()
	for _, m := range o.pair {
		if m != nil {
			t.Cleanup(m.Stop)
		}
	}
	err := errors.Join(errs...)
	if err != nil {
		t.Fatal(err)
	}
	source, replica := o.pair[0], o.pair[1]
	if o.line, err = link.New(source.Address); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = o.line.Close() })
	host, port := splitAddr(o.line.Addr())
	if err := errors.Join(
		source.Exec(ctx, "SET GLOBAL read_only=0", "CREATE DATABASE ops",
			"CREATE TABLE ops.flights (flight VARCHAR(16) PRIMARY KEY, version BIGINT, body TEXT, updated_at DATETIME(3))"),
		replica.Follow(ctx, source),
		replica.Exec(ctx, "STOP SLAVE", fmt.Sprintf("CHANGE MASTER TO MASTER_HOST='%s', MASTER_PORT=%s", host, port), "START SLAVE", "SET GLOBAL slave_net_timeout=2"),
	); err != nil {
		t.Fatal(err)
	}
	return o
}

func (o *oracle) Start(t *testing.T, kind string, role probes.Role) (contract.Component, error) {
	t.Helper()
	c := &component{own: map[contract.Fault]func(bool) error{}}
	if kind != "mysql" {
		return nil, contract.ErrCannot
	}
	m, source := o.pair[0], o.pair[0]
	if role == probes.RoleReplica {
		m = o.pair[1]
	}
	err := sqlServer{
		ctx: o.ctx, db: m, source: source, line: o.line, address: m.Address, passwords: m.Passwords, replPassword: source.Passwords["repl"],
	}.faults(t, c, role)
	if err == nil {
		c.replacedBySQL(o.pair[1].Address, o.pair[1].Passwords["probe"])
	}
	return c, err
}

// replacedBySQL lets the standby's server answer, which has passwords of its own.
func (c *component) replacedBySQL(address, password string) {
	first := c.target.Password
	c.replacedWith(address)
	c.target.Password = func() (string, error) {
		if c.line.Target() == address {
			return password, nil
		}
		return first()
	}
}

// The promises of kind mysql on Oracle's server: GTID sets of the other form, and words
// that are older than MariaDB's.
func TestRealMySQL56(t *testing.T) {
	o := startOracle(t)
	prove(t, o, "mysql", probes.RoleSource)
	cannot := append(contract.Run(t, o, "mysql"), contract.RunReplaced(t, o, "mysql")...)
	cannot = append(cannot, contract.RunRotated(t, o, "mysql")...)
	cannot = append(cannot, contract.RunRestarted(t, o, "mysql")...)
	cannot = append(cannot, contract.RunDataLost(t, o, "mysql")...) // at the end: it stays empty
	if len(cannot) != 0 {
		t.Errorf("MySQL 5.6 cannot do %q", cannot)
	}
}
