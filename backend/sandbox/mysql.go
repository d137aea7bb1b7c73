package sandbox

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/go-sql-driver/mysql"
	"golang.org/x/sync/errgroup"

	"github.com/dutyops/dutyops/backend/sandbox/mysqld"
)

// wiringTime bounds the statements that make tables and start replication.
const wiringTime = 5 * time.Second

func (st *site) startMySQL(c componentSpec, id uint32) error {
	srv, err := mysqld.Start(mysqld.Options{
		ServerID: id, Domain: uint32(st.number), Name: st.name + "-" + c.name,
		ReadOnly: st.name != siteSpecs[0].name,
		Users: map[string]mysqld.Account{
			st.app.user:     {Password: st.app.password},
			st.probe.user:   {Password: st.probe.password, ReadOnly: true},
			st.control.user: {Password: st.control.password, ReadOnlyAdmin: true},
			st.repl.user:    {Password: st.repl.password},
		},
	})
	if err != nil {
		return err
	}
	st.s.onClose(srv.Close)
	l, err := st.door(c.key(), srv.Addr())
	if err != nil {
		return err
	}
	st.s.mu.Lock()
	st.mysql[c.key()] = srv
	st.s.mu.Unlock()
	st.reach(c.key(), access{
		FileComponent: FileComponent{Kind: c.kind, Address: l.Addr(), User: st.probe.user, PasswordFile: st.probe.file},
		probe:         st.probe, control: st.control, repl: st.repl,
	})
	return nil
}

// dsn is how this package reaches a server itself: past the links.
func dsn(srv *mysqld.Server, a account) *mysql.Config {
	cfg := mysql.NewConfig()
	cfg.Net, cfg.Addr, cfg.User, cfg.Passwd = "tcp", srv.Addr(), a.user, a.password
	cfg.Timeout, cfg.InterpolateParams, cfg.Logger = time.Second, true, &mysql.NopLogger{}
	return cfg
}

func (st *site) truthConfig() *mysql.Config { return dsn(st.mysql[data+"/mysql"], st.probe) }

// admin runs f on a connection of its own.
func (st *site) admin(ctx context.Context, key string, f func(context.Context, *sql.Conn) error) (err error) {
	c, err := mysql.NewConnector(dsn(st.mysql[key], st.control))
	if err != nil {
		return fmt.Errorf("%s: %w", st.target(key), err)
	}
	db := sql.OpenDB(c)
	defer func() { err = errors.Join(err, db.Close()) }()
	conn, err := db.Conn(ctx)
	if err != nil {
		return fmt.Errorf("%s: %w", st.target(key), err)
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	if err := f(ctx, conn); err != nil {
		return fmt.Errorf("%s: %w", st.target(key), err)
	}
	return nil
}

// exec runs statements one after the other.
func exec(statements ...string) func(context.Context, *sql.Conn) error {
	return func(ctx context.Context, c *sql.Conn) error {
		for _, q := range statements {
			if _, err := c.ExecContext(ctx, q); err != nil {
				verb, _, _ := strings.Cut(q, " ") // the rest may hold a password
				return fmt.Errorf("%s ...: %w", verb, err)
			}
		}
		return nil
	}
}

// startReplication makes the tables at the primary, and lets every other site's
// MySQL follow it.
func (s *Sandbox) startReplication(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, wiringTime)
	defer cancel()
	var g errgroup.Group
	first := s.sites[0]
	for key := range first.mysql {
		g.Go(func() error {
			return first.admin(ctx, key, exec(append([]string{"CREATE DATABASE IF NOT EXISTS ops"}, schemas[key]...)...))
		})
	}
	for _, st := range s.sites[1:] {
		for key := range st.mysql {
			g.Go(func() error { return st.admin(ctx, key, follow(first.peers[st.name][key], first.repl)) })
		}
	}
	return g.Wait()
}

// follow makes a server a replica of the one at addr.
func follow(addr string, a account) func(context.Context, *sql.Conn) error {
	return func(ctx context.Context, c *sql.Conn) error {
		host, port, err := net.SplitHostPort(addr)
		if err != nil {
			return err
		}
		return exec(fmt.Sprintf("CHANGE MASTER TO MASTER_HOST='%s', MASTER_PORT=%s, MASTER_USER='%s', MASTER_PASSWORD='%s', "+
			"MASTER_CONNECT_RETRY=1, MASTER_HEARTBEAT_PERIOD=1, MASTER_USE_GTID=slave_pos", host, port, a.user, a.password),
			"START REPLICA")(ctx, c)
	}
}

// caughtUp waits until every other site's MySQL has what the primary's has now.
func (s *Sandbox) caughtUp(ctx context.Context) error {
	first := s.sites[0]
	var g errgroup.Group
	for key := range first.mysql {
		g.Go(func() error {
			var pos string
			err := first.admin(ctx, key, func(ctx context.Context, c *sql.Conn) error {
				return c.QueryRowContext(ctx, "SELECT @@gtid_current_pos").Scan(&pos)
			})
			if err != nil {
				return err
			}
			for _, st := range s.sites[1:] {
				if st.mysql[key] == nil {
					continue
				}
				err := st.admin(ctx, key, func(ctx context.Context, c *sql.Conn) error {
					var late int
					if err := c.QueryRowContext(ctx, "SELECT MASTER_GTID_WAIT(?, ?)", pos, catchUp.Seconds()).Scan(&late); err != nil {
						return err
					}
					if late != 0 {
						return context.DeadlineExceeded
					}
					return nil
				})
				if err != nil {
					return err
				}
			}
			return nil
		})
	}
	return g.Wait()
}

// mysqlSwitches are a MySQL server's own faults. A diverged server stays so: healing
// takes the fault off the list, mending the pair is the operator's work.
func (st *site) mysqlSwitches(key string) switchable {
	srv := st.mysql[key]
	return switchable{
		KindReadOnly: func(on bool) error { srv.SetReadOnly(on); return nil },
		KindLagging: func(on bool) error {
			srv.SetLag(0)
			if on {
				srv.SetLag(lagBy)
			}
			return nil
		},
		KindDiverge: func(on bool) error {
			if on {
				return srv.Diverge()
			}
			return nil
		},
	}
}

// returnTimeout bounds the questions to servers of this process.
const returnTimeout = 5 * time.Second

// crashes are the link faults that a MySQL source takes as a crash: it loses its
// clients and what nobody has acknowledged, so that a blackout alone does not make
// the pair diverge.
var crashes = []string{KindDown, KindBlackhole, KindOneWay}

// afterCut is told every fault that was put.
func (s *Sandbox) afterCut(f Fault) error {
	if !slices.Contains(crashes, f.Kind) {
		return nil
	}
	var errs []error
	for _, st := range s.sites {
		for key, srv := range st.mysql {
			if within(st.target(key), f.Target) {
				errs = append(errs, srv.Crash())
			}
		}
	}
	return errors.Join(errs...)
}

// beforeReturn is told every fault that ends. A MySQL source that had crashed starts as
// a sound installation starts it: read-only, until it is known that nobody else has
// taken over. Else its own services would write on before anybody could fence it, and
// the pair would diverge in the second in which the site comes back.
func (s *Sandbox) beforeReturn(f Fault) error {
	if !slices.Contains(crashes, f.Kind) {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), returnTimeout)
	defer cancel()
	var errs []error
	for _, st := range s.sites {
		for key := range st.mysql {
			if !within(st.target(key), f.Target) {
				continue
			}
			taken, err := s.takenOver(ctx, st, key)
			if err == nil && taken {
				err = st.admin(ctx, key, exec("SET GLOBAL read_only = 1"))
			}
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// takenOver says whether another site's counterpart takes writes.
func (s *Sandbox) takenOver(ctx context.Context, st *site, key string) (bool, error) {
	for _, other := range s.sites {
		if other == st || other.mysql[key] == nil {
			continue
		}
		var readOnly bool
		if err := other.admin(ctx, key, func(ctx context.Context, c *sql.Conn) error {
			return c.QueryRowContext(ctx, "SELECT @@read_only").Scan(&readOnly)
		}); err != nil {
			return false, err
		}
		if !readOnly {
			return true, nil
		}
	}
	return false, nil
}
