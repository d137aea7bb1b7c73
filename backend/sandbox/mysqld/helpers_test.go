package mysqld_test

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
	"go.uber.org/goleak"

	"github.com/dutyops/dutyops/backend/sandbox/link"
	"github.com/dutyops/dutyops/backend/sandbox/mysqld"
)

func TestMain(m *testing.M) {
	if err := mysql.SetLogger(&mysql.NopLogger{}); err != nil { // lost connections are what is tested
		panic(err)
	}
	goleak.VerifyTestMain(m)
}

const patience = 15 * time.Second

// site is one server with an account of each sort and pools for them.
type site struct {
	*mysqld.Server
	addr           string // what clients and replicas use
	secret         string
	admin, app, ro *sql.DB
}

func startSite(t *testing.T, id uint32, readOnly bool) *site {
	t.Helper()
	return startBounded(t, id, readOnly, 0)
}

// startBounded is startSite with a bound for the log.
func startBounded(t *testing.T, id uint32, readOnly bool, logBytes int) *site {
	t.Helper()
	secret := rand.Text()
	s, err := mysqld.Start(mysqld.Options{
		ServerID: id, Domain: id, ReadOnly: readOnly, Name: fmt.Sprintf("db%d", id), LogBytes: logBytes,
		Users: map[string]mysqld.Account{
			"admin": {Password: secret, ReadOnlyAdmin: true},
			"app":   {Password: secret},
			"probe": {Password: secret, ReadOnly: true},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	st := &site{Server: s, addr: s.Addr(), secret: secret}
	st.connect(t, s.Addr(), "")
	return st
}

// connect opens the pools on another address.
func (s *site) connect(t *testing.T, addr, more string) {
	t.Helper()
	s.addr = addr
	s.admin, s.app, s.ro = s.open(t, "admin", more), s.open(t, "app", more), s.open(t, "probe", more)
}

func (s *site) open(t *testing.T, user, more string) *sql.DB {
	t.Helper()
	db, err := sql.Open("mysql", fmt.Sprintf("%s:%s@tcp(%s)/?%s", user, s.secret, s.addr, more))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

func exec(t *testing.T, db interface {
	ExecContext(context.Context, string, ...any) (sql.Result, error)
}, stmts ...string,
) {
	t.Helper()
	for _, s := range stmts {
		if _, err := db.ExecContext(t.Context(), s); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
}

func one(t *testing.T, db interface {
	QueryRowContext(context.Context, string, ...any) *sql.Row
}, query string, args ...any,
) string {
	t.Helper()
	var v sql.NullString
	if err := db.QueryRowContext(t.Context(), query, args...).Scan(&v); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	if !v.Valid {
		return "NULL"
	}
	return v.String
}

func wantCode(t *testing.T, err error, code uint16) {
	t.Helper()
	var me *mysql.MySQLError
	if !errors.As(err, &me) || me.Number != code {
		t.Fatalf("got %v, want error %d", err, code)
	}
}

// status is SHOW REPLICA STATUS as a map; nil without a source.
func status(t *testing.T, db *sql.DB) map[string]string {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), "SHOW REPLICA STATUS")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = rows.Close() }()
	cols, err := rows.Columns()
	if err != nil {
		t.Fatal(err)
	}
	if !rows.Next() {
		if err := rows.Err(); err != nil {
			t.Fatal(err)
		}
		return nil
	}
	vals := make([]sql.NullString, len(cols))
	ptrs := make([]any, len(cols))
	for i := range vals {
		ptrs[i] = &vals[i]
	}
	if err := rows.Scan(ptrs...); err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for i, c := range cols {
		out[c] = "NULL"
		if vals[i].Valid {
			out[c] = vals[i].String
		}
	}
	return out
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("never happened: %s", what)
		}
	}
}

// follow makes replica follow source through addr.
func follow(t *testing.T, replica *site, addr, secret string) {
	t.Helper()
	var port int
	if _, err := fmt.Sscanf(addr, "127.0.0.1:%d", &port); err != nil {
		t.Fatal(err)
	}
	exec(t, replica.admin, fmt.Sprintf("CHANGE MASTER TO MASTER_HOST='127.0.0.1', MASTER_PORT=%d, MASTER_USER='app', MASTER_PASSWORD='%s', "+
		"MASTER_USE_GTID=slave_pos, MASTER_CONNECT_RETRY=0.05, MASTER_HEARTBEAT_PERIOD=1", port, secret), "START REPLICA")
}

func newLink(t *testing.T, target string) *link.Link {
	t.Helper()
	l, err := link.New(target)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l
}

// reached waits until replica has applied everything that source has.
func reached(t *testing.T, source, replica *site) {
	t.Helper()
	pos := one(t, source.ro, "SELECT @@gtid_current_pos")
	if got := one(t, replica.ro, "SELECT MASTER_GTID_WAIT(?, 15)", pos); got != "0" {
		t.Fatalf("MASTER_GTID_WAIT(%s) gave %s; replica: %v", pos, got, status(t, replica.ro))
	}
}

func sameRows(t *testing.T, a, b *site, table string) {
	t.Helper()
	q := "CHECKSUM TABLE " + table
	var name string
	var x, y sql.NullInt64
	if err := a.ro.QueryRowContext(t.Context(), q).Scan(&name, &x); err != nil {
		t.Fatal(err)
	}
	if err := b.ro.QueryRowContext(t.Context(), q).Scan(&name, &y); err != nil {
		t.Fatal(err)
	}
	if !x.Valid || x != y {
		t.Fatalf("%s differs: %v and %v", table, x, y)
	}
}
