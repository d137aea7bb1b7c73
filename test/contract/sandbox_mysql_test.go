package contract_test

import (
	"database/sql"
	"errors"
	"fmt"
	"net"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"

	"github.com/dutyops/dutyops/backend/sandbox/link"
	"github.com/dutyops/dutyops/backend/sandbox/mysqld"
	"github.com/dutyops/dutyops/probes"
	"github.com/dutyops/dutyops/test/contract"
)

// mysqlServer starts a server and returns an administrator's connection to it.
func mysqlServer(t *testing.T, id uint32, readOnly bool, pw string) (*mysqld.Server, *sql.DB, error) {
	t.Helper()
	s, err := mysqld.Start(mysqld.Options{ServerID: id, Domain: id, ReadOnly: readOnly, Users: map[string]mysqld.Account{
		"duty": {Password: pw, ReadOnly: true}, "admin": {Password: pw, ReadOnlyAdmin: true}, "app": {Password: pw},
	}})
	if err != nil {
		return nil, nil, err
	}
	t.Cleanup(func() { _ = s.Close() })
	cfg := mysql.NewConfig()
	cfg.Net, cfg.Addr, cfg.User, cfg.Passwd = "tcp", s.Addr(), "admin", pw
	connector, err := mysql.NewConnector(cfg)
	if err != nil {
		return nil, nil, err
	}
	db := sql.OpenDB(connector)
	t.Cleanup(func() { _ = db.Close() })
	return s, db, nil
}

// mysql makes a server, as a replica one that follows a source of its own.
func (c *component) mysql(t *testing.T, role probes.Role) error {
	pw := secret()
	s, db, err := mysqlServer(t, 2, role == probes.RoleReplica, pw)
	if err != nil {
		return err
	}
	c.target.User, c.target.Password = "duty", func() (string, error) { return pw, nil }
	c.rotate = func(password string) error { s.SetPassword("duty", password); return nil }
	c.starttls = s.SetTLS
	exec := func(db *sql.DB, queries ...string) error {
		for _, q := range queries {
			if _, err := db.ExecContext(t.Context(), q); err != nil {
				return fmt.Errorf("%s: %w", q, err)
			}
		}
		return nil
	}
	c.own[contract.ReadOnly] = func(on bool) error {
		return exec(db, map[bool]string{true: "SET GLOBAL read_only=1", false: "SET GLOBAL read_only=0"}[on])
	}
	c.own[contract.Crowded] = crowd(t, s.Addr(), "duty", pw, func(most int) error { return exec(db, fmt.Sprintf("SET GLOBAL max_connections=%d", most)) })
	if role == probes.RoleReplica {
		src, sdb, err := mysqlServer(t, 1, false, pw)
		if err != nil {
			return err
		}
		source, err := link.New(src.Addr())
		if err != nil {
			return err
		}
		t.Cleanup(func() { _ = source.Close() })
		host, port, _ := net.SplitHostPort(source.Addr())
		if err := exec(sdb, "CREATE DATABASE IF NOT EXISTS ops", "CREATE TABLE ops.t (id INT PRIMARY KEY)", "INSERT INTO ops.t VALUES (1)"); err != nil {
			return err
		}
		if err := exec(db, fmt.Sprintf("CHANGE MASTER TO MASTER_HOST='%s', MASTER_PORT=%s, MASTER_USER='admin', MASTER_PASSWORD='%s', "+
			"MASTER_USE_GTID=slave_pos, MASTER_CONNECT_RETRY=1", host, port, pw), "START REPLICA"); err != nil {
			return err
		}
		for end := time.Now().Add(30 * time.Second); ; <-time.After(5 * time.Millisecond) { // what is to be broken has come over
			if err := exec(db, "SELECT id FROM ops.t"); err == nil || time.Now().After(end) {
				break
			}
		}
		c.own[contract.SourceGone] = func(on bool) error {
			source.Set(map[bool]link.Mode{true: link.Down, false: link.Pass}[on])
			return nil
		}
		c.own[contract.ReplicaWrites] = func(on bool) error {
			return exec(db, map[bool]string{true: "SET GLOBAL read_only=0", false: "SET GLOBAL read_only=1"}[on])
		}
		c.own[contract.ReplicaRefused] = func(on bool) error {
			password := map[bool]string{true: secret(), false: pw}[on]
			return exec(db, "STOP REPLICA", "CHANGE MASTER TO MASTER_PASSWORD='"+password+"'", "START REPLICA")
		}
		db.SetMaxOpenConns(1) // what is said of a session holds for the next statement
		c.own[contract.ReplicaBroken] = func(on bool) error {
			if err := exec(db, "SET SESSION sql_log_bin=0"); err != nil {
				return err
			}
			if on {
				return errors.Join(exec(db, "INSERT INTO ops.t VALUES (9)"), exec(sdb, "INSERT INTO ops.t VALUES (9)"))
			}
			return exec(db, "DELETE FROM ops.t WHERE id=9", "STOP REPLICA", "START REPLICA")
		}
		c.own[contract.ReplicaStopped] = func(on bool) error {
			return exec(db, map[bool]string{true: "STOP REPLICA", false: "START REPLICA"}[on])
		}
		c.own[contract.Lagging] = func(on bool) error {
			if !on {
				s.SetLag(0)
				return nil
			}
			s.SetLag(time.Minute)
			return exec(sdb, "INSERT INTO ops.t VALUES (2)")
		}
	}
	if err := c.behind(t, "tcp://"+s.Addr()); err != nil {
		return err
	}
	if role != probes.RoleReplica {
		if err := exec(db, "CREATE DATABASE IF NOT EXISTS ops"); err != nil { // something to lose
			return err
		}
	}
	c.own[contract.DataLost] = func(on bool) error {
		if !on {
			return nil
		}
		empty, _, err := mysqlServer(t, 2, false, pw)
		if err == nil {
			c.line.SetTarget(empty.Addr())
			c.Cut()
		}
		return err
	}
	other, _, err := mysqlServer(t, 3, false, pw)
	if err != nil {
		return err
	}
	c.replacedWith(other.Addr())
	return nil
}

// crowd takes all connections of a server that lets ten in.
func crowd(t *testing.T, address, user, password string, limit func(most int) error) func(bool) error {
	cfg := mysql.NewConfig()
	cfg.Net, cfg.Addr, cfg.User, cfg.Passwd = "tcp", address, user, password
	var taken []*sql.Conn
	return func(on bool) error {
		if !on {
			for _, c := range taken {
				_ = c.Close()
			}
			return limit(151)
		}
		if err := limit(10); err != nil {
			return err
		}
		connector, err := mysql.NewConnector(cfg)
		if err != nil {
			return err
		}
		db := sql.OpenDB(connector)
		db.SetMaxIdleConns(-1)
		t.Cleanup(func() { _ = db.Close() })
		for range 12 {
			c, err := db.Conn(t.Context())
			if err != nil {
				return nil //nolint:nilerr // refused: that many fit
			}
			taken = append(taken, c)
		}
		return errors.New("the limit of ten connections lets twelve in")
	}
}
