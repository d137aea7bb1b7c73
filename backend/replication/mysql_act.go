package replication

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net"
	"strings"
	"time"
)

func (s *mysqlStore) Promote(ctx context.Context) ([]string, error) {
	d, err := s.dialect(ctx)
	if err != nil {
		return nil, err
	}
	l, err := s.link(ctx)
	if err != nil {
		return nil, err
	}
	ro, err := s.readOnly(ctx)
	if err != nil {
		return nil, err
	}
	if ro {
		// What comes last is tried first, where it changes nothing: without the right to it a
		// promotion would stop with a store that follows nobody and takes no writes.
		if err := s.exec(ctx, "see that read_only may be set", "SET GLOBAL read_only=1"); err != nil {
			return nil, err
		}
	}
	var ev []string
	if l.following() {
		// Take nothing more, apply what was taken, and only then forget the source. The
		// server stays read-only until the last statement, whenever we are interrupted.
		if ev, err = s.drain(ctx, d, l); err != nil {
			return ev, err
		}
		more, err := s.forget(ctx, d, l)
		if ev = append(ev, more...); err != nil {
			return ev, err
		}
	}
	if !ro {
		return append(ev, "accepts writes already (read_only=OFF)"), nil
	}
	if err := s.exec(ctx, "SET GLOBAL read_only=0", "SET GLOBAL read_only=0"); err != nil {
		return ev, err
	}
	pos, err := s.Position(ctx)
	if err != nil {
		return ev, err
	}
	return append(ev, "SET GLOBAL read_only=0; position "+pos), nil
}

// forget ends the link and its source's name. Where the server refuses the second, which
// needs another right than the first, a link that was running runs again.
func (s *mysqlStore) forget(ctx context.Context, d *dialect, was link) ([]string, error) {
	stop, reset, start := "STOP "+d.replica(), "RESET "+d.replica()+" ALL", "START "+d.replica()
	if err := s.exec(ctx, stop, stop); err != nil {
		return nil, err
	}
	err := s.exec(ctx, reset, reset)
	if err == nil {
		return []string{stop, reset}, nil
	}
	if !isNumber(err, 1227) || !was.started() {
		return []string{stop}, err
	}
	if again := s.exec(ctx, start, start); again != nil {
		return []string{stop}, errors.Join(err, again)
	}
	return []string{stop, start + " (as it was)"}, err
}

// drain applies everything received, then stops receiving and applies the rest.
//
// The order matters on MariaDB: with GTID it throws the relay log away when a thread is
// started while both are stopped (measured on 10.11), and with a dead source that is the
// only copy. So the SQL thread is started while the IO thread still runs, and the IO
// thread is stopped only when nothing is waiting.
func (s *mysqlStore) drain(ctx context.Context, d *dialect, l link) ([]string, error) {
	var ev []string
	if l.sql == "No" && !l.sqlBroken() {
		done, seen, err := s.drained(ctx, l)
		if err != nil {
			return nil, err
		}
		switch {
		case done:
		case l.io == "No" && d.maria:
			return nil, fmt.Errorf("%s: both replication threads are stopped and %s; MariaDB would throw them away when started: %w "+
				"(when the source is back: START REPLICA; otherwise save them from the relay log with mariadb-binlog, then RESET REPLICA ALL)", s.e.Target(), seen, ErrBroken)
		default:
			stmt := "START " + d.replica() + " SQL_THREAD"
			if err := s.exec(ctx, stmt, stmt); err != nil {
				return nil, err
			}
			ev = append(ev, stmt+" ("+seen+")")
		}
	}
	seen, err := s.awaitDrained(ctx, l.received)
	if err != nil {
		return ev, err
	}
	if l.io != "No" {
		stmt := "STOP " + d.replica() + " IO_THREAD"
		if err := s.exec(ctx, stmt, stmt); err != nil {
			return ev, err
		}
		ev = append(ev, stmt)
		if seen, err = s.awaitDrained(ctx, ""); err != nil {
			return ev, err
		}
	}
	return append(ev, seen), nil
}

// awaitDrained waits until everything received is applied: up to upTo, or, when that is
// empty, up to whatever the server has received.
func (s *mysqlStore) awaitDrained(ctx context.Context, upTo string) (string, error) {
	return s.opts.until(ctx, s.e.Target()+": apply what was received", func(ctx context.Context) (bool, string, error) {
		l, err := s.link(ctx)
		if err != nil {
			return false, "", err
		}
		if upTo != "" {
			l.received = upTo
		}
		done, seen, err := s.drained(ctx, l)
		if done || err != nil {
			return done, seen, err
		}
		if l.sqlBroken() || l.sql == "No" {
			return false, seen, fmt.Errorf("%s: received transactions cannot be applied: %w: %s; %s", s.e.Target(), ErrBroken, l, seen)
		}
		s.opts.Progress(seen)
		return false, seen, nil
	})
}

func (s *mysqlStore) Demote(ctx context.Context) ([]string, error) {
	ro, err := s.readOnly(ctx)
	if err != nil {
		return nil, err
	}
	var ev []string
	if ro {
		ev = append(ev, "refuses writes already (read_only=ON)")
		// Administrators, too: a first try may have ended between the two.
		set, err := s.refuseAdministrators(ctx)
		if err != nil {
			return ev, err
		}
		if set {
			ev = append(ev, "SET GLOBAL super_read_only=1")
		}
	} else {
		if err := s.refuseWrites(ctx); err != nil {
			return nil, err
		}
		ev = append(ev, "SET GLOBAL read_only=1")
	}
	pos, err := s.Position(ctx)
	if err != nil {
		return ev, err
	}
	return append(ev, "position "+pos), nil
}

// refuseWrites sets read_only, which waits for commits in flight. The wait is bounded
// at the server too: a statement left waiting behind a table lock would otherwise set
// read_only long after we gave up, perhaps on a server that serves again.
func (s *mysqlStore) refuseWrites(ctx context.Context) error {
	wait := s.opts.Timeout
	if t, ok := ctx.Deadline(); ok {
		wait = min(wait, time.Until(t))
	}
	limit := fmt.Sprintf("SET SESSION lock_wait_timeout=%d", max(1, int(math.Floor(wait.Seconds()))))
	if err := s.exec(ctx, "bound the wait for locks", limit); err != nil && !isNumber(err, 1193) {
		return err
	}
	if err := s.exec(ctx, "SET GLOBAL read_only=1", "SET GLOBAL read_only=1"); err != nil {
		return err
	}
	_, err := s.refuseAdministrators(ctx)
	return err
}

// refuseAdministrators keeps those from writing, too, whom read_only does not: set is false
// where that is so already, and at MariaDB, which knows no such thing.
func (s *mysqlStore) refuseAdministrators(ctx context.Context) (set bool, err error) {
	on, knows, err := s.superReadOnly(ctx)
	if err != nil || !knows || on {
		return false, err
	}
	return true, s.exec(ctx, "SET GLOBAL super_read_only=1", "SET GLOBAL super_read_only=1")
}

// superReadOnly: knows is false for servers without the setting.
func (s *mysqlStore) superReadOnly(ctx context.Context) (on, knows bool, err error) {
	d, err := s.dialect(ctx)
	if err != nil || d.maria || !d.atLeast(5, 7, 8) {
		return false, false, err
	}
	v, err := s.text(ctx, "read @@super_read_only", "SELECT @@global.super_read_only")
	return isOn(v), true, err
}

// Fenced also wants super_read_only where there is one.
func (s *mysqlStore) Fenced(ctx context.Context) (bool, string, error) {
	ro, err := s.readOnly(ctx)
	if err != nil {
		return false, "", err
	}
	seen := "read_only=" + onOff(ro)
	super, knows, err := s.superReadOnly(ctx)
	if err != nil || !knows {
		return ro && err == nil, seen, err
	}
	return ro && super, seen + ", super_read_only=" + onOff(super), nil
}

func (s *mysqlStore) CaughtUp(ctx context.Context, source Endpoint) (bool, string, error) {
	src, err := newMySQL(source, s.opts)
	if err != nil {
		return false, "", err
	}
	defer func() { _ = src.Close() }()
	// The source is asked first: what it gets afterwards is not part of the question.
	theirs, err := src.history(ctx)
	if err != nil {
		return false, "", err
	}
	want, err := parseGTIDs(theirs.position())
	if err != nil {
		return false, "", err
	}
	mine, err := s.history(ctx)
	if err != nil {
		return false, "", err
	}
	g := lacking(mine.all, want)
	if !g.empty() {
		return false, fmt.Sprintf("%d transactions of %s are missing here: %s", g.count, source.Site, g), nil
	}
	return true, fmt.Sprintf("has everything up to %s's %s", source.Site, want.position()), nil
}

// lacking is what of want the known history does not hold, writer by writer. It is
// stricter than behind: a higher number of another writer does not count.
func lacking(known, want gtids) gap {
	var out gap
	for _, k := range want.streams() {
		out.addMaria(k, known.maria[k], want.maria[k])
	}
	for _, u := range want.uuids() {
		out.addOracle(u, subtract(want.oracle[u], known.oracle[u]))
	}
	return out
}

func (s *mysqlStore) Follows(ctx context.Context, source Endpoint) (bool, string, error) {
	l, err := s.link(ctx)
	if err != nil {
		return false, "", err
	}
	if want := source.Config.LinkTLS(); l.following() && !l.as(want) {
		return false, l.String() + ", not with TLS as configured", nil
	}
	return l.following() && sameAddress(l, source) && l.running(), l.String(), nil
}

func sameAddress(l link, source Endpoint) bool {
	for _, a := range []string{source.sourceAddress(), source.Config.Address} {
		host, port, err := net.SplitHostPort(a)
		if err == nil && strings.EqualFold(host, l.host) && port == l.port {
			return true
		}
	}
	return false
}
