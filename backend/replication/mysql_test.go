package replication

import (
	"errors"
	"strings"
	"testing"
)

const (
	maria  = "10.11.19-MariaDB-0+deb12u1-log"
	mysql8 = "8.4.3"
	mysql5 = "5.6.14-log"
	uuidA  = "3e11fa47-71ca-11e1-9e33-c80aa9429562"
	uuidB  = "4e11fa47-71ca-11e1-9e33-c80aa9429562"
)

func TestMySQLFollowSpeaksEachDialect(t *testing.T) {
	for _, c := range []struct {
		version, pos, more string
		want               []string
	}{
		{maria, "1-1-100", "1-1-100,2-2-7", []string{
			"SET GLOBAL read_only=1",
			"SET GLOBAL gtid_slave_pos='1-1-100'",
			`CHANGE MASTER TO MASTER_HOST='10.2.0.1', MASTER_PORT=3306, MASTER_USER='repl', MASTER_PASSWORD='o''ne\\two', MASTER_CONNECT_RETRY=1, MASTER_HEARTBEAT_PERIOD=1, MASTER_USE_GTID=slave_pos, MASTER_SSL=0, MASTER_SSL_VERIFY_SERVER_CERT=0, MASTER_SSL_CA='', MASTER_SSL_CERT='', MASTER_SSL_KEY=''`,
			"START REPLICA",
		}},
		{mysql8, uuidA + ":1-100", uuidA + ":1-100," + uuidB + ":1-7", []string{
			"SET GLOBAL read_only=1", "SET GLOBAL super_read_only=1",
			`CHANGE REPLICATION SOURCE TO SOURCE_HOST='10.2.0.1', SOURCE_PORT=3306, SOURCE_USER='repl', SOURCE_PASSWORD='o''ne\\two', SOURCE_CONNECT_RETRY=1, SOURCE_HEARTBEAT_PERIOD=1, SOURCE_AUTO_POSITION=1, GET_SOURCE_PUBLIC_KEY=1, SOURCE_SSL=0, SOURCE_SSL_VERIFY_SERVER_CERT=0, SOURCE_SSL_CA='', SOURCE_SSL_CERT='', SOURCE_SSL_KEY=''`,
			"START REPLICA",
		}},
		{mysql5, uuidA + ":1-100", uuidA + ":1-100," + uuidB + ":1-7", []string{
			"SET GLOBAL read_only=1",
			`CHANGE MASTER TO MASTER_HOST='10.2.0.1', MASTER_PORT=3306, MASTER_USER='repl', MASTER_PASSWORD='o''ne\\two', MASTER_CONNECT_RETRY=1, MASTER_HEARTBEAT_PERIOD=1, MASTER_AUTO_POSITION=1, MASTER_SSL=0, MASTER_SSL_VERIFY_SERVER_CERT=0, MASTER_SSL_CA='', MASTER_SSL_CERT='', MASTER_SSL_KEY=''`,
			"START SLAVE",
		}},
	} {
		t.Run(c.version, func(t *testing.T) {
			p := &fakeMySQL{version: c.version, pos: c.pos}
			s := &fakeMySQL{version: c.version, pos: c.more}
			a, _, _, eb := pairOf(t, p, s)
			ev, err := a.Follow(t.Context(), eb)
			if err != nil {
				t.Fatal(err)
			}
			if got := strings.Join(p.log, "\n"); got != strings.Join(c.want, "\n") {
				t.Errorf("statements:\n%s\nwant:\n%s", got, strings.Join(c.want, "\n"))
			}
			if text := strings.Join(ev, "\n"); strings.Contains(text, "two") {
				t.Errorf("the evidence shows the password: %s", text)
			}
			if len(s.log) != 0 {
				t.Errorf("the source was changed: %v", s.log)
			}
			n := len(p.log)
			if _, err := a.Follow(t.Context(), eb); err != nil || len(p.log) != n {
				t.Errorf("again: %v, %v; want nothing done", err, p.log[n:])
			}
			if ok, seen, err := a.Follows(t.Context(), eb); err != nil || !ok {
				t.Errorf("Follows = %v (%s), %v", ok, seen, err)
			}
		})
	}
}

// A link that the source does not let in gets the password of now; one that it lets in is
// started and not named again.
func TestMySQLFollowAfterARotatedPassword(t *testing.T) {
	for _, version := range []string{maria, mysql8, mysql5} {
		pos := "1-1-100"
		if version != maria {
			pos = uuidA + ":1-100"
		}
		p := &fakeMySQL{version: version, pos: pos}
		a, _, _, eb := pairOf(t, p, &fakeMySQL{version: version, pos: pos})
		if _, err := a.Follow(t.Context(), eb); err != nil {
			t.Fatal(err)
		}
		p.link["Slave_SQL_Running"], p.log = "No", nil
		if _, err := a.Follow(t.Context(), eb); err != nil || len(p.log) != 1 || !strings.HasPrefix(p.log[0], "START ") {
			t.Errorf("%s, the applier stopped: %v, %v; want it started only", version, p.log, err)
		}
		p.link["Slave_IO_Running"], p.link["Last_IO_Errno"], p.link["Last_IO_Error"], p.log = "Connecting", "1045", "Access denied for user 'repl'", nil
		t.Setenv("REPL_PW", "the-new-one")
		ev, err := a.Follow(t.Context(), eb)
		if all := strings.Join(p.log, "\n"); err != nil || !strings.Contains(all, "_PASSWORD='the-new-one'") || !strings.HasPrefix(p.log[len(p.log)-1], "START ") || p.link["Slave_IO_Running"] != "Yes" {
			t.Errorf("%s: %v\n%s", version, err, all)
		}
		if strings.Contains(strings.Join(ev, "\n"), "the-new-one") {
			t.Errorf("%s: the evidence shows the password", version)
		}
	}
}

// A link that stands gets the password of now when it is asked for: stopped, told, started,
// and never without a source. One that does not stand is named as by a follow.
func TestMySQLRenewsTheAccountOfAStandingLink(t *testing.T) {
	for version, want := range map[string]string{
		maria:  "STOP REPLICA|CHANGE MASTER TO MASTER_USER='repl', MASTER_PASSWORD='the-new-one'|START REPLICA",
		mysql8: "STOP REPLICA|CHANGE REPLICATION SOURCE TO SOURCE_USER='repl', SOURCE_PASSWORD='the-new-one'|START REPLICA",
		mysql5: "STOP SLAVE|CHANGE MASTER TO MASTER_USER='repl', MASTER_PASSWORD='the-new-one'|START SLAVE",
	} {
		pos := "1-1-100"
		if version != maria {
			pos = uuidA + ":1-100"
		}
		p := &fakeMySQL{version: version, pos: pos}
		a, _, _, eb := pairOf(t, p, &fakeMySQL{version: version, pos: pos})
		if _, err := a.Renew(t.Context(), eb); err != nil || p.link["Slave_IO_Running"] != "Yes" {
			t.Fatalf("%s, without a link: %v, %v", version, p.log, err)
		}
		t.Setenv("REPL_PW", "the-new-one")
		p.log = nil
		ev, err := a.Renew(t.Context(), eb)
		if got := strings.Join(p.log, "|"); err != nil || got != want || p.link["Slave_IO_Running"] != "Yes" {
			t.Errorf("%s: %v\n%s\nwant %s", version, err, got, want)
		}
		if strings.Contains(strings.Join(ev, "\n"), "the-new-one") {
			t.Errorf("%s: the evidence shows the password", version)
		}
		p.onStart = func(f *fakeMySQL) {
			f.link["Slave_IO_Running"], f.link["Last_IO_Errno"], f.link["Last_IO_Error"] = "Connecting", "1045", "Access denied for user 'repl'"
		}
		if _, err := a.Renew(t.Context(), eb); err == nil || !strings.Contains(err.Error(), "check replication.user and replication.password of standby") {
			t.Errorf("%s, a password that the source refuses: %v", version, err)
		}
	}
}

func TestMySQLPromoteDrainsFirst(t *testing.T) {
	s := &fakeMySQL{version: maria, readOnly: true, pos: "1-1-98", slavePos: "1-1-98", link: streaming("1-1-100")}
	s.link["Slave_SQL_Running"] = "No"
	_, b, _, _ := pairOf(t, &fakeMySQL{version: maria}, s)
	if ok, seen, err := b.Applied(t.Context()); err != nil || ok || !strings.Contains(seen, "1-1-99..100") {
		t.Fatalf("Applied = %v (%s), %v", ok, seen, err)
	}
	if _, err := b.Promote(t.Context()); err != nil {
		t.Fatal(err)
	}
	want := "SET GLOBAL read_only=1|START REPLICA SQL_THREAD|STOP REPLICA IO_THREAD|STOP REPLICA|RESET REPLICA ALL|SET GLOBAL read_only=0"
	if got := strings.Join(s.log, "|"); got != want {
		t.Errorf("statements %s\nwant       %s", got, want)
	}
	if _, err := b.Promote(t.Context()); err != nil || len(s.log) != 6 {
		t.Errorf("again: %v, %v; want nothing done", err, s.log)
	}
}

// An account that lacks a right for one of the statements of a promotion: the replica goes on
// as it was, and the message is the server's, with whom to grant it to.
func TestMySQLPromotionWithoutARightChangesNothing(t *testing.T) {
	for _, lacks := range []string{"SET GLOBAL read_only", "STOP REPLICA IO_THREAD", "STOP REPLICA", "RESET REPLICA"} {
		s := &fakeMySQL{version: maria, readOnly: true, pos: "1-1-100", slavePos: "1-1-100", link: streaming("1-1-100"), lacks: lacks}
		_, b, _, _ := pairOf(t, &fakeMySQL{version: maria}, s)
		_, err := b.Promote(t.Context())
		if err == nil || !strings.Contains(err.Error(), "NAMELESS privilege(s) for this operation (grant it to") {
			t.Errorf("without the right to %s: %v", lacks, err)
		}
		if !s.readOnly || s.link == nil || s.link["Slave_IO_Running"] != "Yes" || s.link["Slave_SQL_Running"] != "Yes" {
			t.Errorf("without the right to %s: %v, link %v", lacks, s.log, s.link)
		}
	}
}

// Interrupted between any two statements, a store refuses writes, and trying again
// comes to the same end.
func TestMySQLInterruptedAnywhereStaysReadOnly(t *testing.T) {
	for n := 1; n <= 6; n++ {
		s := &fakeMySQL{version: maria, readOnly: true, pos: "1-1-100", slavePos: "1-1-100", link: streaming("1-1-100"), failAt: n}
		_, b, _, _ := pairOf(t, &fakeMySQL{version: maria}, s)
		if _, err := b.Promote(t.Context()); err == nil {
			if n <= 5 {
				t.Fatalf("statement %d of a promotion failed and nobody said so", n)
			}
			continue
		}
		if !s.readOnly {
			t.Errorf("promotion interrupted at statement %d (%v): the store takes writes", n, s.log)
		}
		if _, err := b.Promote(t.Context()); err != nil || s.readOnly || s.link != nil {
			t.Errorf("the second try: %v, read-only %v, link %v", err, s.readOnly, s.link)
		}
	}
	for n := 1; n <= 4; n++ {
		p := &fakeMySQL{version: maria, pos: "1-1-100", failAt: n}
		a, _, _, eb := pairOf(t, p, &fakeMySQL{version: maria, pos: "1-1-100,2-2-7"})
		if _, err := a.Follow(t.Context(), eb); err == nil {
			t.Fatalf("statement %d of a follow failed and nobody said so", n)
		} else if strings.Contains(err.Error(), "two") {
			t.Errorf("the error shows the password: %v", err)
		}
		if n > 1 && !p.readOnly {
			t.Errorf("follow interrupted at statement %d (%v): the store takes writes", n, p.log)
		}
		if _, err := a.Follow(t.Context(), eb); err != nil || !p.readOnly || p.link["Slave_IO_Running"] != "Yes" {
			t.Errorf("the second try: %v, read-only %v, link %v", err, p.readOnly, p.link)
		}
	}
}

func TestMySQLFollowRefusals(t *testing.T) {
	for _, c := range []struct {
		name             string
		primary, standby fakeMySQLConf
		want             error
		text             string
	}{
		{"diverged", fakeMySQLConf{pos: "1-1-105"}, fakeMySQLConf{pos: "1-1-103,2-2-7"}, ErrDiverged, "2 transactions that standby does not have: 1-1-104..105"},
		{"received elsewhere and not applied", fakeMySQLConf{pos: "1-1-100", received: "1-1-100,3-3-4"}, fakeMySQLConf{pos: "1-1-100,2-2-7"}, ErrDiverged, "3-3-1..4"},
		{"the source is down", fakeMySQLConf{pos: "1-1-100"}, fakeMySQLConf{down: true}, ErrUnreachable, "standby"},
		{"a ring", fakeMySQLConf{pos: "1-1-100"}, fakeMySQLConf{pos: "1-1-100", follows: "10.1.0.1"}, ErrLoop, "promote standby first"},
		{"the source refuses the position", fakeMySQLConf{pos: "1-1-100", startError: "1236: requested to start at GTID 1-1-100, which is not in the master's binlog"}, fakeMySQLConf{pos: "1-1-100"}, ErrDiverged, "1236"},
		{"old binary logs are gone", fakeMySQLConf{pos: "1-1-100", startError: "1236: Could not find GTID state requested by slave in any binlog files"}, fakeMySQLConf{pos: "1-1-100"}, ErrBroken, "1236"},
		{"the link does not come up", fakeMySQLConf{pos: "1-1-100", startState: "Connecting"}, fakeMySQLConf{pos: "1-1-100"}, ErrTimeout, "IO Connecting"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := c.primary.server()
			a, _, _, eb := pairOf(t, p, c.standby.server())
			_, err := a.Follow(t.Context(), eb)
			if !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.text) {
				t.Fatalf("Follow = %v, want %v with %q", err, c.want, c.text)
			}
			early := c.primary.startError == "" && c.primary.startState == "" // refused before anything is done
			if early && len(p.log) != 0 {
				t.Errorf("a refusal changed something: %v", p.log)
			}
		})
	}
}

// fakeMySQLConf describes a MariaDB in one line of a table.
type fakeMySQLConf struct {
	pos, received, follows, startError, startState string
	down                                           bool
}

func (c fakeMySQLConf) server() *fakeMySQL {
	f := &fakeMySQL{version: maria, pos: c.pos, down: c.down}
	if c.received != "" {
		f.link = streaming(c.received)
		f.link["Master_Host"] = "10.3.0.1"
	}
	if c.follows != "" {
		f.link = streaming(c.pos)
		f.link["Master_Host"] = c.follows
	}
	f.onStart = func(f *fakeMySQL) {
		if c.startState != "" {
			f.link["Slave_IO_Running"] = c.startState
		}
		if c.startError != "" {
			f.link["Slave_IO_Running"] = "No"
			f.link["Last_IO_Errno"], f.link["Last_IO_Error"], _ = strings.Cut(c.startError, ": ")
		}
	}
	return f
}

func TestMySQLCaughtUpAndSource(t *testing.T) {
	p := &fakeMySQL{version: maria, pos: "1-1-100"}
	s := &fakeMySQL{version: maria, readOnly: true, pos: "1-1-98", slavePos: "1-1-98", link: streaming("1-1-98")}
	a, b, ea, _ := pairOf(t, p, s)
	if ok, seen, err := b.CaughtUp(t.Context(), ea); err != nil || ok || !strings.Contains(seen, "2 transactions of primary are missing here: 1-1-99..100") {
		t.Errorf("CaughtUp = %v (%s), %v", ok, seen, err)
	}
	s.pos = "1-1-100"
	if ok, seen, err := b.CaughtUp(t.Context(), ea); err != nil || !ok {
		t.Errorf("CaughtUp = %v (%s), %v", ok, seen, err)
	}
	// The same number from another writer is another transaction.
	s.pos, s.slavePos = "1-9-100", ""
	if ok, seen, err := b.CaughtUp(t.Context(), ea); err != nil || ok {
		t.Errorf("CaughtUp = %v (%s), %v", ok, seen, err)
	}
	if ok, seen, err := a.IsSource(t.Context()); err != nil || !ok {
		t.Errorf("IsSource(primary) = %v (%s), %v", ok, seen, err)
	}
	if ok, seen, err := b.IsSource(t.Context()); err != nil || ok || !strings.Contains(seen, "follows 10.1.0.1:3306") {
		t.Errorf("IsSource(standby) = %v (%s), %v", ok, seen, err)
	}
	p.down = true
	if _, _, err := b.CaughtUp(t.Context(), ea); !errors.Is(err, ErrUnreachable) {
		t.Errorf("CaughtUp with a dead source = %v, want ErrUnreachable", err)
	}
}

func TestDialects(t *testing.T) {
	for _, c := range []struct {
		version string
		maria   bool
		word    string
	}{
		{maria, true, "REPLICA"},
		{"5.5.5-10.4.2-MariaDB", true, "SLAVE"},
		{"10.5.1-MariaDB", true, "REPLICA"},
		{mysql8, false, "REPLICA"},
		{"8.0.21", false, "SLAVE"},
		{"8.0.22-0ubuntu", false, "REPLICA"},
		{mysql5, false, "SLAVE"},
		{"9.1.0", false, "REPLICA"},
	} {
		d := parseDialect(c.version)
		if d.maria != c.maria || d.replica() != c.word {
			t.Errorf("%s: maria %v, %s", c.version, d.maria, d.replica())
		}
	}
}
