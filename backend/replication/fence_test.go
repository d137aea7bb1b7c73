package replication

import (
	"errors"
	"strings"
	"testing"

	"github.com/dutyops/dutyops/backend/config"
)

// A store that follows may take writes all the same: that it is not the source fences nothing.
func TestMySQLFenced(t *testing.T) {
	for name, c := range map[string]struct {
		server *fakeMySQL
		want   bool
		does   string
	}{
		"writable":                             {&fakeMySQL{version: maria, pos: "1-1-1"}, false, "SET GLOBAL read_only=1"},
		"follows and takes writes":             {&fakeMySQL{version: maria, pos: "1-1-1", link: streaming("1-1-1")}, false, "SET GLOBAL read_only=1"},
		"read-only":                            {&fakeMySQL{version: maria, pos: "1-1-1", readOnly: true}, true, ""},
		"MySQL 5.6 has no more":                {&fakeMySQL{version: mysql5, readOnly: true}, true, ""},
		"cut off before the second statement":  {&fakeMySQL{version: mysql8, readOnly: true}, false, "SET GLOBAL super_read_only=1"},
		"MySQL, for administrators as well":    {&fakeMySQL{version: mysql8, readOnly: true, super: true}, true, ""},
		"MySQL, writable":                      {&fakeMySQL{version: mysql8}, false, "SET GLOBAL read_only=1|SET GLOBAL super_read_only=1"},
		"MySQL before there was a switch more": {&fakeMySQL{version: "5.7.7", readOnly: true}, true, ""},
	} {
		f := c.server
		_, b, _, _ := pairOf(t, &fakeMySQL{version: maria}, f)
		if ok, seen, err := b.Fenced(t.Context()); err != nil || ok != c.want || !strings.Contains(seen, "read_only=") {
			t.Errorf("%s: Fenced = %v (%s), %v", name, ok, seen, err)
		}
		if ok, seen, err := b.IsSource(t.Context()); err != nil || ok != (!f.readOnly && f.link == nil) {
			t.Errorf("%s: IsSource = %v (%s), %v", name, ok, seen, err)
		}
		if ev, err := b.Demote(t.Context()); err != nil || strings.Join(f.log, "|") != c.does {
			t.Errorf("%s: Demote did %q (%q), %v", name, f.log, ev, err)
		}
		if ok, seen, err := b.Fenced(t.Context()); err != nil || !ok {
			t.Errorf("%s: demoted, and Fenced = %v (%s), %v", name, ok, seen, err)
		}
	}
}

// Two writes of the replica's own have a higher number than what it has received and cannot
// apply (gtid_strict_mode, 1950): what waits would be thrown away by a promotion.
func TestMySQLOwnWritesHideNothingThatWaits(t *testing.T) {
	l := streaming("0-1-101")
	l["Slave_SQL_Running"], l["Last_SQL_Errno"], l["Last_SQL_Error"] = "No", "1950", "An attempt was made to binlog GTID 0-1-101 which would create an out-of-order sequence number"
	f := &fakeMySQL{version: maria, readOnly: true, pos: "0-2-102", slavePos: "0-1-100", link: l}
	_, b, _, _ := pairOf(t, &fakeMySQL{version: maria}, f)
	if ok, seen, err := b.Applied(t.Context()); ok || !errors.Is(err, ErrBroken) || !strings.Contains(seen, "0-1-101") {
		t.Errorf("Applied = %v (%s), %v", ok, seen, err)
	}
	if ev, err := b.Promote(t.Context()); !errors.Is(err, ErrBroken) || f.link == nil || !f.readOnly {
		t.Errorf("Promote: %q, %v, link %v", ev, err, f.link)
	}
}

func TestMySQLReadOnlyUntold(t *testing.T) {
	f := &fakeMySQL{version: maria, pos: "1-1-1", untold: true}
	_, b, _, _ := pairOf(t, &fakeMySQL{version: maria}, f)
	if ok, seen, err := b.IsSource(t.Context()); err == nil {
		t.Errorf("IsSource = %v (%s) without a word of it", ok, seen)
	}
}

// Of several channels only one would be looked at and ended: what the others bring is not known.
func TestMySQLSeveralChannels(t *testing.T) {
	f := &fakeMySQL{version: mysql8, readOnly: true, pos: uuidA + ":1-5", link: streaming(uuidA + ":1-5"), channels: true}
	_, b, ea, _ := pairOf(t, &fakeMySQL{version: mysql8, pos: uuidA + ":1-5"}, f)
	if ok, _, err := b.Applied(t.Context()); ok || !errors.Is(err, ErrUnsupported) {
		t.Errorf("Applied = %v, %v", ok, err)
	}
	if ok, _, err := b.Follows(t.Context(), ea); ok || !errors.Is(err, ErrUnsupported) {
		t.Errorf("Follows = %v, %v", ok, err)
	}
	if _, err := b.Promote(t.Context()); !errors.Is(err, ErrUnsupported) || len(f.log) != 0 {
		t.Errorf("Promote: %v, did %v", err, f.log)
	}
}

// MariaDB throws the relay log away when a thread is started while both are stopped (10.11): what
// waits there is left alone. MySQL keeps it, and applies it.
func TestMySQLBothThreadsStopped(t *testing.T) {
	stopped := func(received string) map[string]string {
		l := streaming(received)
		l["Slave_IO_Running"], l["Slave_SQL_Running"] = "No", "No"
		return l
	}
	f := &fakeMySQL{version: maria, readOnly: true, pos: "1-1-100", slavePos: "1-1-100", link: stopped("1-1-105")}
	_, b, _, _ := pairOf(t, &fakeMySQL{version: maria}, f)
	_, err := b.Promote(t.Context())
	if !errors.Is(err, ErrBroken) || !strings.Contains(err.Error(), "MariaDB would throw them away") || strings.Join(f.log, "|") != "SET GLOBAL read_only=1" || f.link == nil {
		t.Errorf("MariaDB: %v, did %q", err, f.log)
	}
	f = &fakeMySQL{version: mysql8, readOnly: true, pos: uuidA + ":1-100", link: stopped(uuidA + ":1-105")}
	_, b, _, _ = pairOf(t, &fakeMySQL{version: mysql8}, f)
	if _, err := b.Promote(t.Context()); err != nil || f.pos != uuidA+":1-105" || f.readOnly {
		t.Errorf("MySQL: %v, did %q, at %s", err, f.log, f.pos)
	}
}

// What comes in while the receiving ends counts, too: it is looked at again after that.
func TestMySQLReceivedAtTheLastMoment(t *testing.T) {
	f := &fakeMySQL{version: maria, readOnly: true, pos: "1-1-100", slavePos: "1-1-100", link: streaming("1-1-100")}
	f.onStopIO = func(f *fakeMySQL) {
		f.link["Gtid_IO_Pos"], f.link["Slave_SQL_Running"], f.link["Last_SQL_Errno"] = "1-1-102", "No", "1062"
	}
	_, b, _, _ := pairOf(t, &fakeMySQL{version: maria}, f)
	if _, err := b.Promote(t.Context()); !errors.Is(err, ErrBroken) || f.link == nil || !f.readOnly {
		t.Errorf("Promote: %v, did %q, link %v", err, f.log, f.link)
	}
}

// After a restart with skip-slave-start MariaDB 10.11 tells neither position nor file of what it
// received, though two transactions wait in its relay log; a link that never worked has none.
func TestMariaDBForgetsWhatItReceived(t *testing.T) {
	restarted := func(applied string) map[string]string {
		l := newLink("10.1.0.1", "3306")
		l["Master_Log_File"], l["Read_Master_Log_Pos"], l["Relay_Master_Log_File"], l["Exec_Master_Log_Pos"] = "", "4", applied, "1367"
		return l
	}
	f := &fakeMySQL{version: maria, readOnly: true, pos: "0-1-7", slavePos: "0-1-7", link: restarted("bin.000001")}
	_, b, _, _ := pairOf(t, &fakeMySQL{version: maria}, f)
	if ok, seen, err := b.Applied(t.Context()); err != nil || ok || !strings.Contains(seen, "is not told") {
		t.Errorf("Applied = %v (%s), %v", ok, seen, err)
	}
	if _, err := b.Promote(t.Context()); !errors.Is(err, ErrBroken) || f.link == nil || !f.readOnly || strings.Join(f.log, "|") != "SET GLOBAL read_only=1" {
		t.Errorf("Promote: %v, did %q", err, f.log)
	}
	f = &fakeMySQL{version: maria, readOnly: true, pos: "0-1-7", slavePos: "0-1-7", link: restarted("")}
	_, b, _, _ = pairOf(t, &fakeMySQL{version: maria}, f)
	if _, err := b.Promote(t.Context()); err != nil || f.readOnly {
		t.Errorf("a link that never worked: %v, did %q", err, f.log)
	}
}

// A link that does not check its source's certificate is not as wanted, unless nobody wants it to.
func TestLinkIsAsWanted(t *testing.T) {
	checked, unchecked := &config.ReplicationTLS{}, &config.ReplicationTLS{InsecureSkipVerify: true}
	for _, c := range []struct {
		link link
		want *config.ReplicationTLS
		as   bool
	}{
		{link{}, nil, true},
		{link{tls: true, checked: true}, nil, true},
		{link{}, checked, false},
		{link{tls: true}, checked, false},
		{link{checked: true}, checked, false},
		{link{tls: true, checked: true}, checked, true},
		{link{}, unchecked, false},
		{link{tls: true}, unchecked, true},
		{link{tls: true, checked: true}, unchecked, true},
	} {
		if got := c.link.as(c.want); got != c.as {
			t.Errorf("tls %v, checked %v, wanted %+v: %v", c.link.tls, c.link.checked, c.want, got)
		}
	}
}
