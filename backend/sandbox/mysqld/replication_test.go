package mysqld_test

import (
	"database/sql"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"

	"github.com/dutyops/dutyops/backend/sandbox/link"
)

// pair is a source and a replica behind a link that can be cut.
func pair(t *testing.T) (a, b *site, l *link.Link) {
	t.Helper()
	a, b = startSite(t, 1, false), startSite(t, 2, true)
	l = newLink(t, a.Addr())
	exec(t, a.app, "CREATE DATABASE ops", flights)
	follow(t, b, l.Addr(), a.secret)
	reached(t, a, b)
	return a, b, l
}

func put(t *testing.T, db *sql.DB, flight string) {
	t.Helper()
	if _, err := db.ExecContext(t.Context(), "INSERT INTO ops.flights (flight, version) VALUES (?, 1) ON DUPLICATE KEY UPDATE version = version + 1", flight); err != nil {
		t.Fatal(err)
	}
}

func state(t *testing.T, s *site, want map[string]string) func() bool {
	return func() bool {
		st := status(t, s.ro)
		for k, v := range want {
			if st[k] != v {
				return false
			}
		}
		return true
	}
}

func TestReplicates1000Rows(t *testing.T) {
	a, b, _ := pair(t)
	for i := range 500 {
		put(t, a.app, fmt.Sprint("F", i))
	}
	tx := begin(t, a.app)
	for i := range 500 {
		exec(t, tx, fmt.Sprintf("INSERT INTO ops.flights (flight, version, fare) VALUES ('T%d', %d, RAND() * 100)", i, i))
	}
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
	exec(t, a.app, "UPDATE ops.flights SET doc = JSON_OBJECT('id', UUID()), updated_at = NOW(6) WHERE version % 2 = 0", "DELETE FROM ops.flights WHERE flight LIKE 'T1%'",
		"CREATE TABLE ops.log (line VARCHAR(20), n DOUBLE)", "INSERT INTO ops.log VALUES ('same', 0.1), ('same', 0.1), (NULL, NULL)", "DELETE FROM ops.log LIMIT 1",
		"ALTER TABLE ops.log ADD COLUMN more VARCHAR(10) NOT NULL DEFAULT 'x', ADD KEY (n)", "UPDATE ops.log SET more = 'y' WHERE line IS NULL")
	reached(t, a, b)
	if got := one(t, b.ro, "SELECT COUNT(*) FROM ops.flights"); got != "889" {
		t.Errorf("the replica has %s rows, want 889", got)
	}
	sameRows(t, a, b, "ops.flights")
	sameRows(t, a, b, "ops.log")
	if pa, pb := one(t, a.ro, "SELECT @@gtid_binlog_pos"), one(t, b.ro, "SELECT @@gtid_slave_pos"); pa != pb || !strings.HasPrefix(pa, "1-1-") {
		t.Errorf("positions differ: %s and %s", pa, pb)
	}
	st := status(t, b.ro)
	if st["Slave_IO_Running"] != "Yes" || st["Slave_SQL_Running"] != "Yes" || st["Seconds_Behind_Master"] != "0" || st["Using_Gtid"] != "Slave_Pos" ||
		st["Gtid_IO_Pos"] != one(t, a.ro, "SELECT @@gtid_binlog_pos") {
		t.Errorf("status: %v", st)
	}
	_, err := b.app.ExecContext(t.Context(), "INSERT INTO ops.flights (flight) VALUES ('X')")
	wantCode(t, err, 1290)
}

// TestPlannedSwitch is the exact list of statements that was tried on real servers.
func TestPlannedSwitch(t *testing.T) {
	a, b, _ := pair(t)
	for i := range 20 {
		put(t, a.app, fmt.Sprint("F", i))
	}
	swap := func(from, to *site, id string) {
		t.Helper()
		conn, err := from.admin.Conn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = conn.Close() }()
		exec(t, conn, "SET GLOBAL read_only=1", "FLUSH TABLES WITH READ LOCK", "UNLOCK TABLES")
		pos := one(t, conn, "SELECT @@gtid_binlog_pos")
		if got := one(t, to.admin, "SELECT MASTER_GTID_WAIT('"+pos+"',5)"); got != "0" {
			t.Fatalf("MASTER_GTID_WAIT: %s, %v", got, status(t, to.ro))
		}
		exec(t, to.admin, "STOP REPLICA", "RESET REPLICA ALL", "SET GLOBAL read_only=0")
		exec(t, conn, "SET GLOBAL gtid_slave_pos='"+pos+"'")
		follow(t, from, to.Addr(), to.secret)
		put(t, to.app, "after "+id)
		reached(t, to, from)
		sameRows(t, from, to, "ops.flights")
		_, err = from.app.ExecContext(t.Context(), "DELETE FROM ops.flights")
		wantCode(t, err, 1290)
	}
	swap(a, b, "first")
	if got := one(t, b.ro, "SELECT @@gtid_current_pos"); got != "1-1-22,2-2-1" {
		t.Errorf("position of the new source is %s", got)
	}
	swap(b, a, "second")
	swap(a, b, "third")
	if got := one(t, b.ro, "SELECT COUNT(*) FROM ops.flights"); got != "23" {
		t.Errorf("%s rows, want 23", got)
	}
	if one(t, a.ro, "SELECT @@gtid_current_pos") != one(t, b.ro, "SELECT @@gtid_current_pos") {
		t.Error("positions differ after three switches")
	}
}

func TestGTIDWaitTimesOut(t *testing.T) {
	_, b, _ := pair(t)
	if got := one(t, b.ro, "SELECT MASTER_GTID_WAIT('1-1-999', 0.01) AS r"); got != "-1" {
		t.Errorf("got %s, want -1", got)
	}
}

func TestDivergedStandby(t *testing.T) {
	a, b, _ := pair(t)
	put(t, a.app, "F")
	reached(t, a, b)
	if err := b.Diverge(); err != nil {
		t.Fatal(err)
	}
	if got := one(t, b.ro, "SELECT @@gtid_current_pos"); got != "1-1-3,2-2-1" {
		t.Errorf("position is %s, want an own transaction in domain 2", got)
	}
	if got := one(t, b.ro, "SELECT COUNT(*) FROM ops.flights"); got != "2" {
		t.Errorf("%s rows, want the stray one too", got)
	}
	// With slave_pos the replica goes on; with current_pos the source refuses it.
	put(t, a.app, "G")
	reached(t, a, b)
	exec(t, b.admin, "STOP REPLICA", "CHANGE MASTER TO MASTER_USE_GTID=current_pos", "START REPLICA")
	eventually(t, "error 1236", state(t, b, map[string]string{"Slave_IO_Running": "No", "Last_IO_Errno": "1236", "Using_Gtid": "Current_Pos", "Seconds_Behind_Master": "NULL"}))
	if st := status(t, b.ro); !strings.Contains(st["Last_IO_Error"], "2-2-1, which is not in the master's binlog") {
		t.Errorf("error is %q", st["Last_IO_Error"])
	}
}

// TestDivergedOldSource: a source that was cut off goes on writing, the standby
// takes over, and the old source must not quietly become its replica.
func TestDivergedOldSource(t *testing.T) {
	a, b, l := pair(t)
	l.Set(link.Down)
	put(t, a.app, "only here")
	exec(t, b.admin, "STOP REPLICA", "RESET REPLICA ALL", "SET GLOBAL read_only=0")
	put(t, b.app, "new source")
	exec(t, a.admin, "SET GLOBAL read_only=1", "SET GLOBAL gtid_slave_pos='"+one(t, a.admin, "SELECT @@gtid_binlog_pos")+"'")
	follow(t, a, b.Addr(), b.secret)
	eventually(t, "error 1236", state(t, a, map[string]string{"Slave_IO_Running": "No", "Last_IO_Errno": "1236"}))
}

func TestDivergeOnASource(t *testing.T) {
	a, b, _ := pair(t)
	if err := a.Diverge(); err != nil { // no rows yet: makes stray.notes
		t.Fatal(err)
	}
	put(t, a.app, "F")
	reached(t, a, b)
	if one(t, a.ro, "SELECT COUNT(*) FROM stray.notes") != "1" {
		t.Error("no stray row at the source")
	}
	_, err := b.ro.ExecContext(t.Context(), "SELECT COUNT(*) FROM stray.notes")
	wantCode(t, err, 1049)
	if err := a.Diverge(); err != nil {
		t.Fatal(err)
	}
	if x, y := one(t, a.ro, "SELECT COUNT(*) FROM ops.flights"), one(t, b.ro, "SELECT COUNT(*) FROM ops.flights"); x != "2" || y != "1" {
		t.Errorf("%s and %s rows, want 2 and 1", x, y)
	}
}

func TestBrokenApplyStopsTheSQLThread(t *testing.T) {
	a, b, _ := pair(t)
	exec(t, b.admin, "INSERT INTO ops.flights (flight) VALUES ('F')")
	put(t, a.app, "F")
	eventually(t, "error 1062", state(t, b, map[string]string{"Slave_IO_Running": "Yes", "Slave_SQL_Running": "No", "Last_SQL_Errno": "1062", "Seconds_Behind_Master": "NULL"}))
	exec(t, b.admin, "SET SESSION sql_log_bin = 0")
	exec(t, b.admin, "DELETE FROM ops.flights WHERE flight = 'F'", "START REPLICA SQL_THREAD")
	reached(t, a, b)
}

func TestSessionWithoutLog(t *testing.T) {
	a := startSite(t, 1, false)
	conn, err := a.admin.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	exec(t, conn, "SET SESSION sql_log_bin = 0", "CREATE DATABASE ops", flights, "SET SESSION sql_log_bin = 1", "INSERT INTO ops.flights (flight) VALUES ('A')")
	if got := one(t, conn, "SELECT @@gtid_binlog_pos"); got != "1-1-1" {
		t.Errorf("position is %s, want only the last statement", got)
	}
}

func TestLag(t *testing.T) {
	a, b, _ := pair(t)
	b.SetLag(time.Hour)
	put(t, a.app, "F")
	pos := one(t, a.ro, "SELECT @@gtid_binlog_pos")
	eventually(t, "it was received", state(t, b, map[string]string{"Gtid_IO_Pos": pos, "Slave_SQL_Running": "Yes"}))
	eventually(t, "Seconds_Behind_Master grows", func() bool {
		n, err := strconv.Atoi(status(t, b.ro)["Seconds_Behind_Master"])
		return err == nil && n >= 1
	})
	if got := one(t, b.ro, "SELECT COUNT(*) FROM ops.flights"); got != "0" {
		t.Errorf("%s rows in spite of the lag", got)
	}
	if one(t, b.ro, "SELECT @@gtid_slave_pos") == pos {
		t.Error("gtid_slave_pos is ahead of what was applied")
	}
	b.SetLag(0)
	reached(t, a, b)
	if got := status(t, b.ro)["Seconds_Behind_Master"]; got != "0" {
		t.Errorf("Seconds_Behind_Master is %s", got)
	}
}

func TestLinkFaults(t *testing.T) {
	a, b, l := pair(t)
	l.Set(link.Down)
	eventually(t, "the replica notices", state(t, b, map[string]string{"Slave_IO_Running": "Connecting", "Slave_SQL_Running": "Yes", "Last_IO_Errno": "2003", "Seconds_Behind_Master": "NULL"}))
	put(t, a.app, "F")
	l.Set(link.Pass)
	reached(t, a, b)
	eventually(t, "the error is gone", state(t, b, map[string]string{"Slave_IO_Running": "Yes", "Last_IO_Errno": "0"}))

	// A blackhole does not show in the status: that is why nobody should trust it.
	l.Set(link.Blackhole)
	put(t, a.app, "G")
	if st := status(t, b.ro); st["Slave_IO_Running"] != "Yes" || st["Seconds_Behind_Master"] != "0" {
		t.Errorf("a blackhole shows: %v", st)
	}
	if one(t, b.ro, "SELECT COUNT(*) FROM ops.flights") != "1" {
		t.Error("a row came through a blackhole")
	}
	l.Set(link.Pass)
	reached(t, a, b)

	// Stopping works while the source is silent.
	l.Set(link.Blackhole)
	exec(t, b.admin, "STOP REPLICA", "RESET REPLICA ALL")
}

func TestWrongReplicationPassword(t *testing.T) {
	a, b := startSite(t, 1, false), startSite(t, 2, true)
	follow(t, b, a.Addr(), "wrong"+a.secret)
	eventually(t, "error 1045", state(t, b, map[string]string{"Slave_IO_Running": "Connecting", "Last_IO_Errno": "1045"}))
}

func TestSameServerID(t *testing.T) {
	a, b := startSite(t, 1, false), startSite(t, 1, true)
	follow(t, b, a.Addr(), a.secret)
	eventually(t, "error 1593", state(t, b, map[string]string{"Slave_IO_Running": "No", "Last_IO_Errno": "1593"}))
}

func TestReplicaStatementsRefuse(t *testing.T) {
	a, b, _ := pair(t)
	for _, c := range []struct {
		db    *sql.DB
		query string
		code  uint16
	}{
		{b.admin, "CHANGE MASTER TO MASTER_HOST='127.0.0.1'", 1198},
		{b.admin, "RESET REPLICA ALL", 1198},
		{b.admin, "SET GLOBAL gtid_slave_pos='1-1-1'", 1198},
		{a.admin, "START REPLICA", 1200},
		{a.admin, "SET GLOBAL gtid_slave_pos='1-1-1'", 1947},
		{a.admin, "SET GLOBAL gtid_slave_pos='7-1-1'", 1948},
		{a.admin, "SET GLOBAL gtid_slave_pos='nonsense'", 1941},
		{a.admin, "CHANGE MASTER TO MASTER_FAVOURITE_COLOUR='red'", 1064},
	} {
		_, err := c.db.ExecContext(t.Context(), c.query)
		var me *mysql.MySQLError
		if !errors.As(err, &me) || me.Number != c.code {
			t.Errorf("%s: got %v, want %d", c.query, err, c.code)
		}
	}
}
