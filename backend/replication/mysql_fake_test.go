package replication

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"

	"github.com/dutyops/dutyops/backend/config"
	"github.com/dutyops/dutyops/failoverplan"
)

// fakeMySQL is a server reduced to what replication control touches, in the dialect of
// its version. It is a database/sql connector. Safe for concurrent use.
type fakeMySQL struct {
	mu       sync.Mutex
	version  string
	readOnly bool
	untold   bool   // read_only is NULL
	channels bool   // it follows over two of them
	super    bool   // super_read_only
	pos      string // what it holds
	slavePos string // gtid_slave_pos
	link     map[string]string
	ssl      bool // of the source that was named last
	// log is every statement that changes something, in order.
	log []string
	// failAt makes the n-th of them fail (1 = the first); 0 = none.
	failAt int
	// lacks is the beginning of a statement that the account has no right to.
	lacks string
	// onStart is what the threads become after START; default running.
	onStart func(f *fakeMySQL)
	// onStopIO is what happens while the receiving thread ends.
	onStopIO func(f *fakeMySQL)
	down     bool
}

func (f *fakeMySQL) maria() bool { return strings.Contains(f.version, "MariaDB") }
func (f *fakeMySQL) newNames() bool {
	return !f.maria() && strings.HasPrefix(f.version, "8.")
}

// row is the replica status under the names of the version.
func (f *fakeMySQL) status(key string) string {
	if f.newNames() {
		key = strings.NewReplacer("Slave_", "Replica_", "Master_", "Source_", "Gtid_IO_Pos", "Retrieved_Gtid_Set", "Using_Gtid", "Auto_Position").Replace(key)
	}
	return key
}

func (f *fakeMySQL) Connect(context.Context) (driver.Conn, error) {
	if f.down {
		return nil, &netError{}
	}
	return &fakeConn{f}, nil
}
func (f *fakeMySQL) Driver() driver.Driver { return nil }

type netError struct{}

func (*netError) Error() string   { return "connection refused" }
func (*netError) Timeout() bool   { return false }
func (*netError) Temporary() bool { return false }

type fakeConn struct{ f *fakeMySQL }

func (c *fakeConn) Prepare(string) (driver.Stmt, error) { return nil, errors.New("not used") }
func (c *fakeConn) Close() error                        { return nil }
func (c *fakeConn) Begin() (driver.Tx, error)           { return nil, errors.New("not used") }

func (c *fakeConn) QueryContext(_ context.Context, q string, _ []driver.NamedValue) (driver.Rows, error) {
	f := c.f
	f.mu.Lock()
	defer f.mu.Unlock()
	one := func(vals ...string) (driver.Rows, error) {
		r := &fakeRows{cols: make([]string, len(vals))}
		row := make([]driver.Value, len(vals))
		for i, v := range vals {
			r.cols[i], row[i] = fmt.Sprint("c", i), v
		}
		r.rows = [][]driver.Value{row}
		return r, nil
	}
	switch {
	case q == "SELECT @@version":
		return one(f.version)
	case q == "SELECT @@global.read_only" && f.untold:
		return one("")
	case q == "SELECT @@global.read_only":
		if f.readOnly {
			return one("1")
		}
		return one("0")
	case q == "SELECT @@global.super_read_only" && f.super:
		return one("1")
	case q == "SELECT @@global.super_read_only" && !f.maria():
		return one("0")
	case q == "SELECT @@session.sql_mode":
		return one("STRICT_TRANS_TABLES")
	case strings.Contains(q, "gtid_binlog_state"):
		return nil, &mysql.MySQLError{Number: 1193, Message: "Unknown system variable"}
	case strings.Contains(q, "gtid_slave_pos") && f.maria():
		return one(f.slavePos, f.pos, f.pos)
	case q == "SELECT @@global.gtid_executed" && !f.maria():
		return one(f.pos)
	case strings.HasSuffix(q, " STATUS"):
		word := "SHOW SLAVE STATUS"
		if f.maria() || f.newNames() {
			word = "SHOW REPLICA STATUS"
		}
		if q != word {
			return nil, &mysql.MySQLError{Number: 1064, Message: "You have an error in your SQL syntax near " + q}
		}
		r := &fakeRows{}
		if f.link != nil {
			row := []driver.Value{}
			for k, v := range f.link {
				r.cols = append(r.cols, f.status(k))
				row = append(row, v)
			}
			r.rows = append(r.rows, row)
			if f.channels {
				r.rows = append(r.rows, row)
			}
		}
		return r, nil
	}
	return nil, &mysql.MySQLError{Number: 1064, Message: "You have an error in your SQL syntax near " + q}
}

func (c *fakeConn) ExecContext(_ context.Context, q string, _ []driver.NamedValue) (driver.Result, error) {
	f := c.f
	f.mu.Lock()
	defer f.mu.Unlock()
	if strings.HasPrefix(q, "SET SESSION") {
		return driver.ResultNoRows, nil
	}
	f.log = append(f.log, q)
	if f.failAt == len(f.log) {
		return nil, &mysql.MySQLError{Number: 1105, Message: "it broke near " + q}
	}
	if f.lacks != "" && strings.HasPrefix(q, f.lacks) {
		return nil, &mysql.MySQLError{Number: 1227, Message: "Access denied; you need (at least one of) the NAMELESS privilege(s) for this operation"}
	}
	thread := func(s string) string { return s }
	switch {
	case q == "SET GLOBAL read_only=1":
		f.readOnly = true
	case q == "SET GLOBAL read_only=0":
		f.readOnly, f.super = false, false
	case q == "SET GLOBAL super_read_only=1" && !f.maria():
		f.super = true
	case strings.HasPrefix(q, "SET GLOBAL gtid_slave_pos=") && f.maria():
		f.slavePos = strings.Trim(strings.TrimPrefix(q, "SET GLOBAL gtid_slave_pos="), "'")
	case strings.HasPrefix(q, "STOP ") && strings.HasSuffix(q, "IO_THREAD"):
		f.link["Slave_IO_Running"] = thread("No")
		if f.onStopIO != nil {
			f.onStopIO(f)
		}
	case strings.HasPrefix(q, "START ") && strings.HasSuffix(q, "SQL_THREAD"):
		f.link["Slave_SQL_Running"] = thread("Yes")
		if f.link["Slave_IO_Running"] != "No" || !f.maria() { // both stopped: MariaDB drops the relay log
			f.slavePos, f.pos = f.link["Gtid_IO_Pos"], f.link["Gtid_IO_Pos"]
		}
	case strings.HasPrefix(q, "STOP "):
		f.link["Slave_IO_Running"], f.link["Slave_SQL_Running"] = thread("No"), thread("No")
	case strings.HasPrefix(q, "RESET "):
		f.link = nil
	case strings.HasPrefix(q, "CHANGE ") && !strings.Contains(q, "_HOST="): // the account alone
		if f.link["Slave_IO_Running"] != "No" || f.link["Slave_SQL_Running"] != "No" {
			return nil, &mysql.MySQLError{Number: 1198, Message: "This operation cannot be performed as you have a running slave"}
		}
	case strings.HasPrefix(q, "CHANGE "):
		f.link = newLink(between(q, "_HOST='", "'"), between(q, "_PORT=", ","))
		yes := map[bool]string{true: "Yes", false: "No"}
		if strings.Contains(q, "_SSL=") { // else MariaDB does as it was told last, through any RESET
			f.ssl = strings.Contains(q, "_SSL=1")
		}
		f.link["Master_SSL_Allowed"] = yes[f.ssl]
		f.link["Master_SSL_Verify_Server_Cert"] = yes[strings.Contains(q, "_SSL_VERIFY_SERVER_CERT=1")]
	case strings.HasPrefix(q, "START "):
		f.link["Slave_IO_Running"], f.link["Slave_SQL_Running"] = thread("Yes"), thread("Yes")
		if f.onStart != nil {
			f.onStart(f)
		}
	default:
		return nil, &mysql.MySQLError{Number: 1064, Message: "You have an error in your SQL syntax near " + q}
	}
	return driver.ResultNoRows, nil
}

func between(s, from, to string) string {
	_, s, _ = strings.Cut(s, from)
	s, _, _ = strings.Cut(s, to)
	return s
}

func newLink(host, port string) map[string]string {
	return map[string]string{
		"Master_Host": host, "Master_Port": port, "Slave_IO_Running": "No", "Slave_SQL_Running": "No",
		"Last_IO_Errno": "0", "Last_IO_Error": "", "Last_SQL_Errno": "0", "Last_SQL_Error": "", "Using_Gtid": "Slave_Pos", "Gtid_IO_Pos": "",
	}
}

// streaming is a working link to the primary that has received up to pos.
func streaming(pos string) map[string]string {
	l := newLink("10.1.0.1", "3306")
	l["Slave_IO_Running"], l["Slave_SQL_Running"], l["Gtid_IO_Pos"] = "Yes", "Yes", pos
	return l
}

type fakeRows struct {
	cols []string
	rows [][]driver.Value
}

func (r *fakeRows) Columns() []string { return r.cols }
func (r *fakeRows) Close() error      { return nil }
func (r *fakeRows) Next(dest []driver.Value) error {
	if len(r.rows) == 0 {
		return io.EOF
	}
	copy(dest, r.rows[0])
	r.rows = r.rows[1:]
	return nil
}

// pairOf opens the standby's store and gives the primary's endpoint; both answer from fakes.
func pairOf(t *testing.T, primary, standby *fakeMySQL) (a, b *mysqlStore, ea, eb Endpoint) {
	t.Helper()
	t.Setenv("REPL_PW", `o'ne\two`)
	end := func(site, addr string) Endpoint {
		return Endpoint{Site: site, Platform: failoverplan.Business, Name: "monitoring-mysql", Kind: failoverplan.MySQL, Config: config.Component{
			Address: addr, Replication: config.Replication{Address: addr, User: "repl", Password: "env:REPL_PW"},
		}}
	}
	ea, eb = end("primary", "10.1.0.1:3306"), end("standby", "10.2.0.1:3306")
	opts := Options{Poll: time.Millisecond, Wait: 200 * time.Millisecond, openDB: func(e Endpoint) *sql.DB {
		if e.Site == "primary" {
			return sql.OpenDB(primary)
		}
		return sql.OpenDB(standby)
	}}
	open := func(e Endpoint) *mysqlStore {
		s, err := newMySQL(e, opts)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = s.Close() })
		return s
	}
	return open(ea), open(eb), ea, eb
}
