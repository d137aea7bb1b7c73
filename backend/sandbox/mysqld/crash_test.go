package mysqld_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/dutyops/dutyops/backend/sandbox/link"
)

// TestCrash: what was acknowledged stays, what was not is gone from log and data.
func TestCrash(t *testing.T) {
	a, b, l := pair(t)
	a.SetAckTimeout(time.Minute) // no commit gives up on a loaded machine
	front := newLink(t, a.Addr())
	old := a.app
	a.connect(t, front.Addr(), "")
	put(t, a.app, "kept")
	reached(t, a, b)
	before := one(t, a.ro, "SELECT @@gtid_binlog_pos")

	l.Set(link.Blackhole)
	failed := make(chan error, 1)
	go func() {
		_, err := a.app.ExecContext(t.Context(), "INSERT INTO ops.flights (flight) VALUES ('lost'), ('lost too')")
		failed <- err
	}()
	eventually(t, "the transaction is in the log", func() bool { return one(t, old, "SELECT @@gtid_binlog_pos") != before })
	if err := a.Crash(); err != nil {
		t.Fatal(err)
	}
	if err := <-failed; err == nil {
		t.Fatal("the client was told that its transaction is done")
	}
	a.connect(t, a.Addr(), "") // the old connections are gone
	if got := one(t, a.ro, "SELECT @@gtid_binlog_pos"); got != before {
		t.Errorf("position after the crash is %s, want %s", got, before)
	}
	if got := one(t, a.ro, "SELECT GROUP_CONCAT(flight) FROM ops.flights"); got != "kept" {
		t.Errorf("rows after the crash: %s, want kept", got)
	}
	l.Set(link.Pass)
	put(t, a.app, "next")
	reached(t, a, b)
	sameRows(t, a, b, "ops.flights")
	if got := one(t, b.ro, "SELECT GROUP_CONCAT(flight ORDER BY flight) FROM ops.flights"); got != "kept,next" {
		t.Errorf("rows at the replica: %s, want kept,next", got)
	}
}

// TestCrashBetweenReceiptAndAck: the replica has what the source took back. It
// goes back too, and the pair does not diverge.
func TestCrashBetweenReceiptAndAck(t *testing.T) {
	a, b, _ := pair(t)
	a.SetAckTimeout(time.Minute) // no commit gives up on a loaded machine
	acks := newReverse(t, a.Addr())
	exec(t, b.admin, "STOP REPLICA")
	follow(t, b, acks.addr, a.secret)
	put(t, a.app, "kept")
	put(t, a.app, "kept too")
	reached(t, a, b)

	acks.hold.Store(true)
	failed := make(chan error, 1)
	go func() {
		_, err := a.app.ExecContext(t.Context(), "INSERT INTO ops.flights (flight) VALUES ('lost')")
		failed <- err
	}()
	eventually(t, "the replica has it", func() bool { return one(t, b.ro, "SELECT COUNT(*) FROM ops.flights") == "3" })
	if err := a.Crash(); err != nil {
		t.Fatal(err)
	}
	if err := <-failed; err == nil {
		t.Fatal("the client was told that its transaction is done")
	}
	acks.hold.Store(false)
	a.connect(t, a.Addr(), "") // the old connections are gone
	put(t, a.app, "lost")      // the client tries again
	reached(t, a, b)
	sameRows(t, a, b, "ops.flights")
	if got := one(t, b.ro, "SELECT version FROM ops.flights WHERE flight = 'lost'"); got != "1" {
		t.Errorf("version is %s, want 1", got)
	}
}

// TestCrashUnderLoad crashes again and again; afterwards every write that was
// answered is at the replica.
func TestCrashUnderLoad(t *testing.T) {
	a, b, l := pair(t)
	a.SetAckTimeout(time.Minute) // no commit gives up on a loaded machine
	front := newLink(t, a.Addr())
	a.connect(t, front.Addr(), "timeout=1s")
	ctx, stop := context.WithCancel(t.Context())
	var mu sync.Mutex
	var done []string
	var writers sync.WaitGroup
	for w := range 3 {
		writers.Go(func() {
			for i := 0; ctx.Err() == nil; i++ {
				id := fmt.Sprintf("W%d-%d", w, i)
				if _, err := a.app.ExecContext(t.Context(), "INSERT INTO ops.flights (flight) VALUES (?)", id); err == nil {
					mu.Lock()
					done = append(done, id)
					mu.Unlock()
				}
			}
		})
	}
	count := func() int { mu.Lock(); defer mu.Unlock(); return len(done) }
	for _, m := range []link.Mode{link.Down, link.Blackhole, link.Down, link.Blackhole} {
		n := count()
		eventually(t, "writes go on", func() bool { return count() > n+20 && state(t, b, map[string]string{"Slave_IO_Running": "Yes"})() })
		front.Set(m)
		l.Set(m)
		if err := a.Crash(); err != nil {
			t.Fatal(err)
		}
		front.Set(link.Pass)
		l.Set(link.Pass)
	}
	n := count()
	eventually(t, "writes go on", func() bool { return count() > n+20 })
	stop()
	writers.Wait()
	a.connect(t, a.Addr(), "")
	reached(t, a, b)
	sameRows(t, a, b, "ops.flights")
	have := map[string]bool{}
	rows, err := b.ro.QueryContext(t.Context(), "SELECT flight FROM ops.flights")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var f string
		if err := rows.Scan(&f); err != nil {
			t.Fatal(err)
		}
		have[f] = true
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	for _, id := range done {
		if !have[id] {
			t.Errorf("%s was answered and is not at the replica", id)
		}
	}
}

func TestCommitDoesNotWaitForeverOrForNobody(t *testing.T) {
	a, b, l := pair(t)
	l.Set(link.Blackhole)
	put(t, a.app, "slow") // gives up waiting after its second
	var name, value string
	q := "SHOW STATUS LIKE 'Rpl_semi_sync_master_status'"
	if err := a.ro.QueryRowContext(t.Context(), q).Scan(&name, &value); err != nil || value != "OFF" {
		t.Errorf("semi-sync is %q, %v; want OFF", value, err)
	}
	l.Set(link.Pass)
	reached(t, a, b)
	put(t, a.app, "F")
	eventually(t, "semi-sync is on again", func() bool { return a.ro.QueryRowContext(t.Context(), q).Scan(&name, &value) == nil && value == "ON" })

	alone := startSite(t, 3, false)
	exec(t, alone.app, "CREATE DATABASE ops", flights)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for i := range 100 { // would be 100 s
		if _, err := alone.app.ExecContext(ctx, "INSERT INTO ops.flights (flight) VALUES (?)", fmt.Sprint(i)); err != nil {
			t.Fatal(err)
		}
	}
}
