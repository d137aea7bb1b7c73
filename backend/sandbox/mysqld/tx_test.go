package mysqld_test

import (
	"bytes"
	"database/sql"
	"testing"
)

func begin(t *testing.T, db *sql.DB) *sql.Tx {
	t.Helper()
	tx, err := db.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = tx.Rollback() })
	return tx
}

func TestTransactionsAreIsolated(t *testing.T) {
	s := startSite(t, 1, false)
	exec(t, s.app, "CREATE DATABASE ops", flights, "INSERT INTO ops.flights (flight, version) VALUES ('A', 1)")
	count := "SELECT COUNT(*) FROM ops.flights"

	a, b := begin(t, s.app), begin(t, s.app)
	exec(t, a, "INSERT INTO ops.flights (flight) VALUES ('B')")
	exec(t, b, "INSERT INTO ops.flights (flight) VALUES ('C')", "INSERT INTO ops.flights (flight) VALUES ('D')")
	if got := one(t, a, count); got != "2" {
		t.Errorf("a sees %s rows, want its own", got)
	}
	if got := one(t, b, count); got != "3" {
		t.Errorf("b sees %s rows, want its own", got)
	}
	if got := one(t, s.app, count); got != "1" {
		t.Errorf("others see %s rows, want 1", got)
	}
	before := one(t, s.app, "SELECT @@gtid_binlog_pos")
	if err := b.Rollback(); err != nil {
		t.Fatal(err)
	}
	if got := one(t, s.app, "SELECT @@gtid_binlog_pos"); got != before {
		t.Errorf("rolling back moved the position from %s to %s", before, got)
	}
	if err := a.Commit(); err != nil {
		t.Fatal(err)
	}
	if got := one(t, s.app, "SELECT GROUP_CONCAT(flight ORDER BY flight) FROM ops.flights"); got != "A,B" {
		t.Errorf("rows are %s, want A,B", got)
	}
	if got := one(t, s.app, "SELECT @@gtid_binlog_pos"); got != "1-1-4" {
		t.Errorf("one transaction is one GTID; position is %s, want 1-1-4", got)
	}
}

func TestMeetingTransactionsConflict(t *testing.T) {
	s := startSite(t, 1, false)
	exec(t, s.app, "CREATE DATABASE ops", flights, "INSERT INTO ops.flights (flight, version) VALUES ('A', 1)")

	// A locking read that would now give something else: no lost update.
	a := begin(t, s.app)
	if got := one(t, a, "SELECT version FROM ops.flights WHERE flight = 'A' FOR UPDATE"); got != "1" {
		t.Fatal(got)
	}
	exec(t, s.app, "UPDATE ops.flights SET version = 5")
	_, err := a.ExecContext(t.Context(), "UPDATE ops.flights SET version = 2")
	wantCode(t, err, 1213)

	// A statement whose result was told and no longer holds.
	b := begin(t, s.app)
	exec(t, b, "INSERT INTO ops.flights (flight) VALUES ('B')")
	exec(t, s.app, "INSERT INTO ops.flights (flight) VALUES ('B')")
	wantCode(t, b.Commit(), 1213)
	if got := one(t, s.app, "SELECT version FROM ops.flights WHERE flight = 'A'"); got != "5" {
		t.Errorf("version is %s, want 5", got)
	}
}

func TestFailedStatementLeavesTheTransaction(t *testing.T) {
	s := startSite(t, 1, false)
	exec(t, s.app, "CREATE DATABASE ops", flights)
	tx := begin(t, s.app)
	exec(t, tx, "INSERT INTO ops.flights (flight) VALUES ('A')")
	_, err := tx.ExecContext(t.Context(), "INSERT INTO ops.flights (flight) VALUES ('B'), ('A')")
	wantCode(t, err, 1062)
	exec(t, tx, "SAVEPOINT here", "INSERT INTO ops.flights (flight) VALUES ('C')", "ROLLBACK TO SAVEPOINT here", "INSERT INTO ops.flights (flight) VALUES ('D')")
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
	if got := one(t, s.app, "SELECT GROUP_CONCAT(flight ORDER BY flight) FROM ops.flights"); got != "A,D" {
		t.Errorf("rows are %s, want A,D", got)
	}
}

func TestLostConnectionRollsBack(t *testing.T) {
	s := startSite(t, 1, false)
	exec(t, s.app, "CREATE DATABASE ops", flights)
	conn, err := s.app.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	id := one(t, conn, "SELECT CONNECTION_ID()")
	exec(t, conn, "SET autocommit=0", "INSERT INTO ops.flights (flight) VALUES ('A')")
	exec(t, s.admin, "KILL "+id)
	if _, err := conn.ExecContext(t.Context(), "COMMIT"); err == nil {
		t.Fatal("a killed connection committed")
	}
	_ = conn.Close()
	if got := one(t, s.app, "SELECT COUNT(*) FROM ops.flights"); got != "0" {
		t.Errorf("%s rows, want none", got)
	}
}

func TestReadOnly(t *testing.T) {
	s := startSite(t, 1, false)
	exec(t, s.app, "CREATE DATABASE ops", flights)
	tx := begin(t, s.app)
	exec(t, tx, "INSERT INTO ops.flights (flight) VALUES ('A')")
	exec(t, s.admin, "SET GLOBAL read_only = 1")

	wantCode(t, tx.Commit(), 1290) // begun before, committed after
	_, err := s.app.ExecContext(t.Context(), "INSERT INTO ops.flights (flight) VALUES ('B')")
	wantCode(t, err, 1290)
	_, err = s.app.ExecContext(t.Context(), "CREATE DATABASE more")
	wantCode(t, err, 1290)
	exec(t, s.admin, "INSERT INTO ops.flights (flight) VALUES ('C')")

	// The fault is on top of the variable.
	exec(t, s.admin, "SET GLOBAL read_only = OFF")
	s.SetReadOnly(true)
	if got := one(t, s.ro, "SELECT @@global.read_only"); got != "1" {
		t.Errorf("read_only is %s under the fault", got)
	}
	_, err = s.app.ExecContext(t.Context(), "DELETE FROM ops.flights")
	wantCode(t, err, 1290)
	s.SetReadOnly(false)
	exec(t, s.app, "INSERT INTO ops.flights (flight) VALUES ('D')")
	if got := one(t, s.ro, "SELECT GROUP_CONCAT(flight ORDER BY flight) FROM ops.flights"); got != "C,D" {
		t.Errorf("rows are %s, want C,D", got)
	}
}

func TestGlobalReadLock(t *testing.T) {
	s := startSite(t, 1, false)
	exec(t, s.app, "CREATE DATABASE ops", flights)
	holder, err := s.admin.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	exec(t, holder, "FLUSH TABLES WITH READ LOCK")
	_, err = holder.ExecContext(t.Context(), "INSERT INTO ops.flights (flight) VALUES ('A')")
	wantCode(t, err, 1223)

	waiting, err := s.app.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = waiting.Close() }()
	exec(t, waiting, "SET SESSION lock_wait_timeout = 0")
	_, err = waiting.ExecContext(t.Context(), "INSERT INTO ops.flights (flight) VALUES ('B')")
	wantCode(t, err, 1205)
	exec(t, waiting, "SET SESSION lock_wait_timeout = 60")

	done := make(chan error, 1)
	go func() {
		_, err := waiting.ExecContext(t.Context(), "INSERT INTO ops.flights (flight) VALUES ('C')")
		done <- err
	}()
	eventually(t, "the writer waits", func() bool {
		rows, err := s.ro.QueryContext(t.Context(), "SHOW PROCESSLIST")
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = rows.Close() }()
		var all []byte
		for rows.Next() {
			cols := make([]sql.RawBytes, 9)
			ptrs := make([]any, len(cols))
			for i := range cols {
				ptrs[i] = &cols[i]
			}
			if err := rows.Scan(ptrs...); err != nil {
				t.Fatal(err)
			}
			all = append(all, cols[4]...)
		}
		if err := rows.Err(); err != nil {
			t.Fatal(err)
		}
		return bytes.Contains(all, []byte("Waiting for backup lock"))
	})
	// The lock ends with the connection of its holder too.
	exec(t, holder, "SET autocommit = 1")
	_ = holder.Raw(func(any) error { return sql.ErrConnDone })
	_ = holder.Close()
	s.admin.SetMaxIdleConns(0)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}
