package replication

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

	"github.com/dutyops/dutyops/backend/secure"
	"github.com/dutyops/dutyops/probes/guard"
	"github.com/dutyops/dutyops/probes/trust"
)

// mysqlStore drives MariaDB (10.5 and later; older words are used below that) and
// MySQL (5.6 and later) with GTID replication on the default channel.
//
// The control account needs, on MariaDB: READ ONLY ADMIN, REPLICATION SLAVE ADMIN,
// REPLICA MONITOR, BINLOG MONITOR, RELOAD; on MySQL: SYSTEM_VARIABLES_ADMIN,
// REPLICATION_SLAVE_ADMIN, REPLICATION CLIENT, RELOAD. The replication account
// needs REPLICATION SLAVE.
type mysqlStore struct {
	e    Endpoint
	opts Options
	db   *sql.DB
	// said is the dialect, found at the first statement.
	said  *dialect
	vault vault
	tls   *trust.Client // nil = without TLS
	// heard is why a connection broke, which the driver only logs.
	heard trust.Overheard
	// meter bounds what one statement brings in.
	meter guard.Meter
}

// maxMySQLAnswer bounds what one statement brings in, in bytes: its answer is a row, at most
// with a list of GTIDs.
const maxMySQLAnswer = 8 << 20

func openMySQL(e Endpoint, opts Options) (Store, error) {
	return newMySQL(e, opts)
}

func newMySQL(e Endpoint, opts Options) (*mysqlStore, error) {
	if e.Config.Address == "" {
		return nil, fmt.Errorf("%s: address is empty: %w", e.Target(), ErrConfig)
	}
	s := &mysqlStore{e: e, opts: opts.withDefaults()}
	if opts.openDB != nil {
		s.db = opts.openDB(e)
		return s, nil
	}
	user, password := e.account()
	cfg := mysql.NewConfig()
	cfg.User = user
	cfg.Net, cfg.Addr = "tcp", e.Config.Address
	cfg.Timeout, cfg.ReadTimeout, cfg.WriteTimeout = s.opts.Timeout, s.opts.Timeout, s.opts.Timeout
	cfg.Logger = &s.heard // nothing is written to stderr; what it has to say comes as errors
	s.tls = secure.Client(e.Config.TLS)
	s.heard.Also = []error{guard.ErrWantsPassword, guard.ErrTooMuch}
	cfg.DialFunc = func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := (&net.Dialer{KeepAlive: 15 * time.Second}).DialContext(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		if conn = s.meter.Conn(conn); s.tls != nil {
			return trust.Heed(conn), nil
		}
		return guard.MySQL(conn, &s.meter), nil
	}
	// The secret is read at each connection, so that a rotated one is seen.
	err := cfg.Apply(mysql.BeforeConnect(func(_ context.Context, c *mysql.Config) error {
		s.heard.Forget()
		p, err := resolve(password)
		if err != nil {
			return err
		}
		s.vault.add(p)
		c.Passwd = p
		if s.tls != nil { // the driver does not log in to a server that offers none then
			c.TLS, err = s.tls.Config(e.Config.Address)
		}
		return err
	}))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", e.Target(), err)
	}
	connector, err := mysql.NewConnector(cfg)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", e.Target(), err)
	}
	s.db = sql.OpenDB(guard.Connector(connector))
	s.db.SetMaxOpenConns(1)
	s.db.SetConnMaxIdleTime(time.Minute)
	return s, nil
}

func (s *mysqlStore) Close() error { return s.db.Close() }

// dialect is how the server wants to be spoken to.
type dialect struct {
	maria   bool
	version [3]int
	text    string
}

func (d *dialect) atLeast(major, minor, patch int) bool {
	for i, want := range [3]int{major, minor, patch} {
		if d.version[i] != want {
			return d.version[i] > want
		}
	}
	return true
}

// replica is the word for REPLICA or SLAVE in SHOW, START, STOP and RESET.
func (d *dialect) replica() string {
	if d.maria && d.atLeast(10, 5, 1) || !d.maria && d.atLeast(8, 0, 22) {
		return "REPLICA"
	}
	return "SLAVE"
}

// source is the word for SOURCE or MASTER in what names one.
func (d *dialect) source() string {
	if !d.maria && d.atLeast(8, 0, 23) {
		return "SOURCE"
	}
	return "MASTER"
}

// change begins the statement that names a source.
func (d *dialect) change() string {
	if d.source() == "SOURCE" {
		return "CHANGE REPLICATION SOURCE TO "
	}
	return "CHANGE MASTER TO "
}

func parseDialect(version string) *dialect {
	d := &dialect{maria: strings.Contains(strings.ToLower(version), "mariadb"), text: version}
	// Old MariaDB servers put "5.5.5-" in front for old clients.
	v := version
	if d.maria {
		v = strings.TrimPrefix(v, "5.5.5-")
	}
	num, _, _ := strings.Cut(v, "-")
	for i, f := range strings.SplitN(num, ".", 3) {
		n, err := strconv.Atoi(f)
		if err != nil {
			break
		}
		d.version[i] = n
	}
	return d
}

func (s *mysqlStore) dialect(ctx context.Context) (*dialect, error) {
	if s.said != nil {
		return s.said, nil
	}
	version, err := s.text(ctx, "ask for the version", "SELECT @@version")
	if err != nil {
		return nil, err
	}
	s.said = parseDialect(version)
	return s.said, nil
}

// sqlError is a server's refusal, with secrets taken out of its text.
type sqlError struct {
	Number uint16
	text   string
}

func (e *sqlError) Error() string { return fmt.Sprintf("server error %d: %s", e.Number, e.text) }

// wrap says where and during what an error happened, and what a person can do.
func (s *mysqlStore) wrap(op string, err error) error {
	if err == nil {
		return nil
	}
	var me *mysql.MySQLError
	if errors.As(err, &me) {
		return fmt.Errorf("%s: %s: %w%s", s.e.Target(), op,
			&sqlError{Number: me.Number, text: s.vault.fit(me.Message)}, s.hint(me.Number))
	}
	if errors.Is(err, mysql.ErrInvalidConn) {
		err = s.heard.Join(err)
	}
	if errors.Is(err, guard.ErrWantsPassword) {
		return fmt.Errorf("%s at %s: %s: %w: %w", s.e.Target(), s.e.Config.Address, op, ErrUnreachable, guard.ErrWantsPassword)
	}
	if errors.Is(err, context.Canceled) {
		return fmt.Errorf("%s: %s: %w", s.e.Target(), op, err)
	}
	if errors.Is(err, mysql.ErrNoTLS) {
		return fmt.Errorf("%s at %s: %s: %w: the server does not offer TLS, which the configuration asks for; nothing was said without it", s.e.Target(), s.e.Config.Address, op, ErrUnreachable)
	}
	if e := secure.Explain(s.tls, err); e != err { //nolint:errorlint // the same value: TLS has no part in it
		return fmt.Errorf("%s at %s: %s: %w: %w", s.e.Target(), s.e.Config.Address, op, ErrUnreachable, e)
	}
	var ne net.Error
	if errors.As(err, &ne) || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, mysql.ErrInvalidConn) || errors.Is(err, guard.ErrBroke) {
		return fmt.Errorf("%s at %s: %s: %w: %w", s.e.Target(), s.e.Config.Address, op, ErrUnreachable, err)
	}
	if text := err.Error(); s.vault.scrub(text) != text {
		return fmt.Errorf("%s: %s: %s", s.e.Target(), op, s.vault.scrub(text))
	}
	return fmt.Errorf("%s: %s: %w", s.e.Target(), op, err)
}

func (s *mysqlStore) hint(number uint16) string {
	switch number {
	case 1044, 1045, 1698:
		if s.tls.Unanswered() {
			return s.e.check() + " (or it wants a client certificate, none is configured: tls.cert, tls.key)"
		}
		return s.e.check()
	case 1227:
		user, _ := s.e.account()
		return " (grant it to " + user + "; docs/components/mysql.md lists all that it needs)"
	case 1205:
		return " (a session holds a table lock; end it, then try again)"
	}
	return ""
}

func isNumber(err error, numbers ...uint16) bool {
	var se *sqlError
	if !errors.As(err, &se) {
		return false
	}
	for _, n := range numbers {
		if se.Number == n {
			return true
		}
	}
	return false
}

// exec runs one statement. op is what the error says instead of the statement, which
// may hold a password.
func (s *mysqlStore) exec(ctx context.Context, op, statement string) error {
	s.meter.Refill(maxMySQLAnswer)
	_, err := s.db.ExecContext(ctx, statement)
	return s.wrap(op, err)
}

// text reads one value; NULL is "".
func (s *mysqlStore) text(ctx context.Context, op, query string) (string, error) {
	var v sql.NullString
	s.meter.Refill(maxMySQLAnswer)
	err := s.db.QueryRowContext(ctx, query).Scan(&v)
	return guard.Text(v.String, maxMySQLAnswer), s.wrap(op, err)
}

func (s *mysqlStore) readOnly(ctx context.Context) (bool, error) {
	v, err := s.text(ctx, "read @@read_only", "SELECT @@global.read_only")
	if err != nil {
		return false, err
	}
	if strings.TrimSpace(v) == "" {
		return false, fmt.Errorf("%s: @@read_only tells nothing: %w", s.e.Target(), ErrUnsupported)
	}
	return isOn(v), nil
}

// isOn reads a switch, of which newer servers have more words than two.
func isOn(v string) bool {
	switch strings.ToUpper(strings.TrimSpace(v)) {
	case "0", "OFF", "FALSE", "":
		return false
	}
	return true
}

// quote writes a string literal for the default SQL mode. Backslashes are doubled
// unless the session treats them as plain characters.
func (s *mysqlStore) quote(ctx context.Context, v string) (string, error) {
	if strings.ContainsRune(v, 0) {
		return "", fmt.Errorf("%s: a value holds a NUL byte: %w", s.e.Target(), ErrConfig)
	}
	if strings.Contains(v, `\`) {
		mode, err := s.text(ctx, "read @@sql_mode", "SELECT @@session.sql_mode")
		if err != nil {
			return "", err
		}
		if !strings.Contains(strings.ToUpper(mode), "NO_BACKSLASH_ESCAPES") {
			v = strings.ReplaceAll(v, `\`, `\\`)
		}
	}
	return "'" + strings.ReplaceAll(v, "'", "''") + "'", nil
}
