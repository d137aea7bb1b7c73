package probes

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/go-sql-driver/mysql"

	"github.com/dutyops/dutyops/probes/guard"
	"github.com/dutyops/dutyops/probes/trust"
)

// mysqlAsker asks a MySQL or MariaDB server for its version, whether it is
// read-only, its GTID position and its replica status. It only reads.
type mysqlAsker struct {
	t    Target
	pass password
	db   *sql.DB
	conn kept[*mysqlConn]
	// heard is why a connection broke, which the driver only logs.
	heard trust.Overheard
}

// mysqlConn is a connection, which lives no longer than the server's process.
type mysqlConn struct {
	*sql.Conn
	started string // since when the server runs, by its own clock; "" = not told yet
}

func newMySQL(t Target) (asker, error) {
	if _, _, err := net.SplitHostPort(t.Address); err != nil {
		return nil, errNeedsAddress
	}
	a := &mysqlAsker{t: t, pass: password{read: t.Password}, heard: trust.Overheard{Also: []error{guard.ErrWantsPassword}}}
	cfg := mysql.NewConfig()
	cfg.Net, cfg.Addr, cfg.User = "tcp", t.Address, t.User
	cfg.Logger = &a.heard
	cfg.DialFunc = func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := t.plain(ctx, network, addr)
		switch {
		case err != nil:
			return nil, err
		case t.TLS != nil:
			return trust.Heed(conn), nil
		}
		return guard.MySQL(conn, t.meter), nil
	}
	cfg.MaxAllowedPacket = 1 << 20
	err := cfg.Apply(mysql.BeforeConnect(func(ctx context.Context, cfg *mysql.Config) error {
		c, ok := ctx.Value(convKey{}).(*conv)
		if !ok {
			c = newConv(ctx, t)
		}
		if t.TLS != nil {
			// the driver does not log in to a server that offers none then
			var err error
			if cfg.TLS, err = t.trust.Config(t.Address); err != nil {
				return err
			}
		}
		pw, err := a.pass.get(ctx, c)
		cfg.Passwd = pw
		return err
	}))
	if err != nil {
		return nil, err
	}
	connector, err := mysql.NewConnector(cfg)
	if err != nil {
		return nil, err
	}
	a.db = sql.OpenDB(guard.Connector(connector))
	// no idle ones: the connection kept is held in conn, and a new one is really new
	a.db.SetMaxIdleConns(-1)
	a.db.SetMaxOpenConns(4)
	a.conn = kept[*mysqlConn]{open: a.login, shut: func(sc *mysqlConn) { _ = sc.Close() }, renew: renewAfter}
	return a, nil
}

// login opens a connection, reading the password again when it is refused.
func (a *mysqlAsker) login(ctx context.Context, c *conv) (*mysqlConn, error) {
	used, err := a.pass.get(ctx, c)
	if err != nil {
		return nil, err
	}
	a.heard.Forget()
	sc, err := a.db.Conn(ctx)
	if err == nil {
		c.answered()
		c.note("< logged in as %s", a.t.User)
		return &mysqlConn{Conn: sc}, nil
	}
	if Classify(err) != ClassAuth {
		return nil, err
	}
	c.answered()
	if _, changed, rerr := a.pass.reread(ctx, c, used); rerr != nil || !changed {
		return nil, err
	}
	c.note("  the password changed, trying the new one")
	if sc, err = a.db.Conn(ctx); err != nil {
		return nil, err
	}
	return &mysqlConn{Conn: sc}, nil
}

func (a *mysqlAsker) close() error {
	a.conn.close()
	return a.db.Close()
}

func (a *mysqlAsker) ask(ctx context.Context, c *conv) answer {
	var st mysqlState
	newcomer, err := a.conn.with(ctx, c, func(sc *mysqlConn) error {
		st = mysqlState{}
		return a.read(ctx, c, sc, &st)
	})
	if err != nil {
		return a.failed(ctx, c, err)
	}
	st.facts(c)
	v := st.judge(c, a.t.role())
	if newcomer != nil {
		f := a.failed(ctx, c, newcomer)
		f.detail += " (a connection made earlier still works)"
		if badness(f.status) > badness(v.status) {
			return f
		}
	}
	return v
}

// failed adds the server's own refusals to the common ones.
func (a *mysqlAsker) failed(ctx context.Context, c *conv, err error) answer {
	var my *mysql.MySQLError
	if Classify(err) == ClassClosed {
		err = a.heard.Join(err)
	}
	switch {
	case errors.Is(err, mysql.ErrNoTLS):
		c.expected("TLS, which the configuration asks for; nothing was said without it")
		return down("TLS: the server does not offer it")
	case errors.As(err, &my):
		switch my.Number {
		case 1040, 1203:
			c.note("! %s", my.Message)
			return down("refuses: too many connections")
		case 1053, 1077, 1079:
			c.note("! %s", my.Message)
			return down("is shutting down")
		}
	}
	return c.failed(ctx, a.t.Address, err)
}

// mysqlState is what one probe read.
type mysqlState struct {
	version  string
	readOnly bool
	// ids: what tells this server from another one under the same address.
	ids      map[string]string
	position string
	// nothingYet: the position was told, and it is empty.
	nothingYet bool
	applied    string // what a replica has applied, when the server keeps it apart
	replica    map[string]string
	// replicaErr says why the replica status could not be read.
	replicaErr string
}

// read asks the questions. It returns an error only when the connection is lost
// before the first answer; later failures leave facts out.
func (a *mysqlAsker) read(ctx context.Context, c *conv, sc *mysqlConn, st *mysqlState) error {
	row, err := a.row(ctx, c, sc, "SELECT @@version AS version, @@global.read_only AS read_only")
	if err != nil {
		return err
	}
	if row == nil {
		return fmt.Errorf("%w: no row for the version", errGarbage)
	}
	if row["version"] == "" || row["read_only"] == "" {
		return fmt.Errorf("%w: no version or no read_only in the answer", errGarbage)
	}
	st.version, st.readOnly = row["version"], truthy(row["read_only"])
	if err := a.readSelf(ctx, c, sc, st); lost(ctx, err) {
		return err
	}
	if err := a.readPosition(ctx, c, sc, st); lost(ctx, err) {
		return err
	}
	if err := a.readReplica(ctx, c, sc, st); lost(ctx, err) {
		return err
	}
	return nil
}

// lost tells a broken connection from a question that the server refused.
func lost(ctx context.Context, err error) bool {
	var my *mysql.MySQLError
	return err != nil && (ctx.Err() != nil || !errors.As(err, &my))
}

func (st *mysqlState) maria() bool { return strings.Contains(strings.ToLower(st.version), "mariadb") }

// readSelf asks what time it is there, and which server it is: MySQL keeps an id with its
// data; MariaDB has none, only the number that its configuration gives it.
func (a *mysqlAsker) readSelf(ctx context.Context, c *conv, sc *mysqlConn, st *mysqlState) error {
	id := "server_uuid"
	if st.maria() {
		id = "server_id"
	}
	asked := time.Now()
	row, err := a.row(ctx, c, sc, "SELECT UTC_TIMESTAMP(6) AS utc, @@global."+id+" AS "+id)
	if err != nil {
		return err
	}
	if at, ok := mysqlTime(row["utc"]); ok {
		c.told(at, time.Microsecond, asked, time.Now())
	}
	st.ids = map[string]string{id: row[id]}
	if at, ok := mysqlTime(row["utc"]); ok && sc.started == "" {
		if err := a.readStart(ctx, c, sc, at); err != nil {
			return err
		}
	}
	if sc.started != "" {
		st.ids[startedAt] = sc.started
	}
	return nil
}

// readStart asks once a connection since when the server runs. now is by the server's clock,
// as is what it reckons with: a step of that clock is no start.
func (a *mysqlAsker) readStart(ctx context.Context, c *conv, sc *mysqlConn, now time.Time) error {
	row, err := a.row(ctx, c, sc, "SHOW GLOBAL STATUS LIKE 'Uptime'")
	if err != nil {
		return err
	}
	if up, ok := number(row["value"]); ok && up >= 0 && up < maxUptime {
		sc.started = now.Add(-time.Duration(up) * time.Second).Format(time.RFC3339)
	}
	return nil
}

// maxUptime in seconds: what is longer is no answer (a hundred years).
const maxUptime = 100 * 366 * 24 * 3600

func (a *mysqlAsker) readPosition(ctx context.Context, c *conv, sc *mysqlConn, st *mysqlState) error {
	if !st.maria() {
		row, err := a.row(ctx, c, sc, "SELECT @@global.gtid_executed AS executed")
		if err == nil {
			executed, told := row["executed"]
			st.position = squeeze(executed)
			st.nothingYet = told && st.position == ""
		}
		return err
	}
	row, err := a.row(ctx, c, sc, "SELECT @@gtid_current_pos AS current_pos, @@gtid_binlog_pos AS binlog_pos, @@gtid_slave_pos AS slave_pos")
	if err != nil {
		return err
	}
	st.position = squeeze(row["current_pos"])
	if st.position == "" {
		st.position = squeeze(row["binlog_pos"])
	}
	_, told := row["binlog_pos"]
	st.nothingYet = told && st.position == ""
	st.applied = squeeze(row["slave_pos"])
	return nil
}

// readReplica reads the replica status by either name of the statement.
func (a *mysqlAsker) readReplica(ctx context.Context, c *conv, sc *mysqlConn, st *mysqlState) error {
	row, err := a.row(ctx, c, sc, "SHOW REPLICA STATUS")
	var my *mysql.MySQLError
	if errors.As(err, &my) && (my.Number == 1064 || my.Number == 1289 || my.Number == 1235) {
		row, err = a.row(ctx, c, sc, "SHOW SLAVE STATUS")
	}
	if errors.As(err, &my) {
		st.replicaErr = "not allowed"
		if my.Number != 1227 && my.Number != 1142 && my.Number != 1044 {
			st.replicaErr = clean(my.Message, 100)
		}
		return nil
	}
	st.replica = row
	return err
}

// row returns the first row with lower-case column names, nil when there is none.
// A NULL is absent from the map.
func (a *mysqlAsker) row(ctx context.Context, c *conv, sc *mysqlConn, query string) (map[string]string, error) {
	c.asked("%s", query)
	rows, err := sc.QueryContext(ctx, query)
	if err != nil {
		c.note("! %s", err)
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	cols, err := rows.Columns()
	if err != nil {
		return nil, err
	}
	if !rows.Next() {
		if rows.Err() == nil {
			c.got("no row")
		}
		return nil, rows.Err()
	}
	raw := make([]sql.RawBytes, len(cols))
	dest := make([]any, len(cols))
	for i := range raw {
		dest[i] = &raw[i]
	}
	if err := rows.Scan(dest...); err != nil {
		return nil, err
	}
	out := make(map[string]string, len(cols))
	var shown []string
	for i, name := range cols {
		if raw[i] == nil {
			shown = append(shown, name+"=NULL")
			continue
		}
		v := string(raw[i][:min(len(raw[i]), maxGTIDText)])
		out[strings.ToLower(name)] = v
		if v != "" && interesting(name) {
			shown = append(shown, name+"="+clean(v, 80))
		}
	}
	c.got("%s", strings.Join(shown, " "))
	return out, nil
}

// interesting keeps a replica status of sixty columns readable in a transcript.
func interesting(col string) bool {
	col = strings.ToLower(col)
	for _, w := range []string{"log_pos", "timestamp", "until", "last_errno", "last_error"} {
		if strings.Contains(col, w) {
			return false
		}
	}
	for _, w := range []string{
		"running", "error", "errno", "behind", "gtid", "master_host", "master_port", "source_host", "source_port",
		"version", "read_only", "server_", "utc", "value", "_pos", "executed", "retrieved",
	} {
		if strings.Contains(col, w) {
			return true
		}
	}
	return false
}

func truthy(s string) bool {
	switch strings.ToUpper(strings.TrimSpace(s)) {
	case "", "0", "OFF", "FALSE":
		return false
	}
	return true
}

// squeeze removes the line breaks that the server puts into long GTID sets.
func squeeze(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '\n' || r == '\r' || r == ' ' {
			return -1
		}
		return r
	}, s)
}

func number(s string) (float64, bool) {
	f, err := strconv.ParseFloat(strings.TrimSpace(s), 64)
	return f, err == nil
}
