//go:build integration

package lab

import (
	"context"
	"crypto/rand"
	"database/sql"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/go-sql-driver/mysql"
)

// MySQL is one Oracle MySQL 5.6 server with GTIDs of Oracle's form.
type MySQL struct {
	server
	// Address is host:port.
	Address string
	// Passwords by account: repl, probe, control, app.
	Passwords map[string]string

	part Part
	dir  string
	root *sql.DB
}

const mysqlConf = `[mysqld]
basedir=%[1]s/server
lc-messages-dir=%[1]s/server/share
datadir=%[2]s/data
tmpdir=%[2]s
port=%[3]d
bind-address=127.0.0.1
socket=%[2]s/m.sock
pid-file=%[2]s/m.pid
server-id=%[4]d
gtid-mode=ON
enforce-gtid-consistency
log-bin=binlog
log-slave-updates
binlog-format=ROW
relay-log=relay
master-info-repository=TABLE
relay-log-info-repository=TABLE
relay-log-recovery=ON
report-host=127.0.0.1
report-port=%[3]d
read-only=ON
skip-slave-start
skip-name-resolve
performance-schema=OFF
innodb-buffer-pool-size=32M
innodb-log-file-size=8M
innodb-flush-log-at-trx-commit=2
explicit-defaults-for-timestamp
`

// NewMySQL prepares a server in dir; ids of servers that follow one another must differ.
func NewMySQL(ctx context.Context, dir, site string, id int) (*MySQL, error) {
	part, err := Build(ctx, "mysql56")
	if err != nil {
		return nil, err
	}
	ports, err := loopbackPorts(ctx, 1)
	if err != nil {
		return nil, err
	}
	d, err := serverDir(dir, site+"-mysql56")
	if err != nil {
		return nil, err
	}
	conf := filepath.Join(d, "my.cnf")
	if err := serverFile(conf, fmt.Sprintf(mysqlConf, part.Dir, d, ports[0], id)); err != nil {
		return nil, err
	}
	m := &MySQL{Address: local(ports[0]), Passwords: map[string]string{}, part: part, dir: d}
	for _, a := range []string{"repl", "probe", "control", "app"} {
		m.Passwords[a] = secret()
	}
	if m.root, err = openRoot(filepath.Join(d, "m.sock")); err != nil {
		return nil, err
	}
	m.server = server{Site: site, proc: &proc{
		name: "mysqld", dir: d, args: []string{m.mysqld(), "--defaults-file=" + conf},
		ready: func(ctx context.Context) error { return m.root.PingContext(ctx) },
	}}
	return m, nil
}

func (m *MySQL) mysqld() string { return filepath.Join(m.part.Dir, "server", "bin", "mysqld") }

// openRoot is the administrator's connection through a server's socket.
func openRoot(socket string) (*sql.DB, error) {
	cfg := mysql.NewConfig()
	cfg.User, cfg.Net, cfg.Addr, cfg.Logger = "root", "unix", socket, quiet{}
	connector, err := mysql.NewConnector(cfg)
	if err != nil {
		return nil, err
	}
	return sql.OpenDB(connector), nil
}

// Start brings the server up, read-only; at first it makes the system tables and the accounts.
func (m *MySQL) Start(ctx context.Context) error {
	if _, err := os.Stat(filepath.Join(m.dir, "data")); err == nil {
		return m.server.Start(ctx)
	}
	if err := m.bootstrap(ctx); err != nil {
		return fmt.Errorf("MySQL of %s: system tables: %w", m.Site, err)
	}
	if err := m.server.Start(ctx); err != nil {
		return err
	}
	conn, err := m.root.Conn(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	stmts := []string{"SET SESSION sql_log_bin=0", "DELETE FROM mysql.user WHERE user=''", "FLUSH PRIVILEGES"}
	for user, rights := range map[string]string{
		"repl": "REPLICATION SLAVE ON *.*", "probe": "SELECT, REPLICATION CLIENT ON *.*",
		// 5.6 has no finer right than SUPER for read_only and for CHANGE MASTER.
		"control": "SUPER, REPLICATION CLIENT, RELOAD ON *.*", "app": "SELECT, INSERT, UPDATE, DELETE ON ops.*",
	} {
		stmts = append(stmts, account(user, m.Passwords[user]), "GRANT "+rights+" TO '"+user+"'@'127.0.0.1'")
	}
	for _, s := range append(stmts, "SET SESSION sql_log_bin=1") {
		if _, err := conn.ExecContext(ctx, s); err != nil {
			return fmt.Errorf("MySQL of %s: accounts: %w", m.Site, err)
		}
	}
	return nil
}

// Empty ends the server, throws its data directory away and starts it anew under its address,
// with its accounts and nothing else.
func (m *MySQL) Empty(ctx context.Context) error {
	m.Kill()
	if err := os.RemoveAll(filepath.Join(m.dir, "data")); err != nil {
		return err
	}
	return m.Start(ctx)
}

// bootstrap feeds the server the statements that make its system tables.
func (m *MySQL) bootstrap(ctx context.Context) error {
	text := "use mysql;\n"
	for _, f := range []string{"mysql_system_tables.sql", "mysql_system_tables_data.sql"} {
		b, err := os.ReadFile(filepath.Join(m.part.Dir, "server", "share", f))
		if err != nil {
			return err
		}
		text += string(b)
	}
	if _, err := serverDir(m.dir, "data"); err != nil {
		return err
	}
	if _, err := serverDir(m.dir, "data", "mysql"); err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, m.mysqld(), "--no-defaults", "--bootstrap", "--basedir="+m.part.Dir+"/server", //nolint:gosec // the lab's own command
		"--lc-messages-dir="+m.part.Dir+"/server/share", "--datadir="+m.dir+"/data", "--innodb-log-file-size=8M")
	cmd.Dir, cmd.Env, cmd.Stdin = m.dir, []string{"HOME=" + m.dir, "LC_ALL=C"}, strings.NewReader(text)
	unprivileged(cmd)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%w\n%s", err, out)
	}
	// 5.6 makes its id of the clock: two servers that start in one moment get the same one, and
	// refuse to follow each other.
	return serverFile(filepath.Join(m.dir, "data", "auto.cnf"), "[auto]\nserver-uuid="+newUUID()+"\n")
}

// newUUID is a random one (RFC 9562, version 4).
func newUUID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails (crypto/rand)
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// Exec runs statements as the administrator.
func (m *MySQL) Exec(ctx context.Context, statements ...string) error {
	return execAll(ctx, m.root, "MySQL of "+m.Site, statements)
}

// Locally runs statements as the administrator that do not enter the binary log.
func (m *MySQL) Locally(ctx context.Context, statements ...string) error {
	return execLocally(ctx, m.root, "MySQL of "+m.Site, statements)
}

func execAll(ctx context.Context, db *sql.DB, who string, statements []string) error {
	for _, s := range statements {
		if _, err := db.ExecContext(ctx, s); err != nil {
			return fmt.Errorf("%s: %s: %w", who, s, err)
		}
	}
	return nil
}

// Query reads one value as the administrator.
func (m *MySQL) Query(ctx context.Context, query string) (string, error) {
	var v sql.NullString
	err := m.root.QueryRowContext(ctx, query).Scan(&v)
	return v.String, err
}

// Follow makes m a replica of source.
func (m *MySQL) Follow(ctx context.Context, source *MySQL) error {
	host, port, err := split(source.Address)
	if err != nil {
		return err
	}
	return m.Exec(ctx, fmt.Sprintf("CHANGE MASTER TO MASTER_HOST='%s', MASTER_PORT=%d, MASTER_USER='repl', MASTER_PASSWORD='%s', MASTER_AUTO_POSITION=1, MASTER_CONNECT_RETRY=1, MASTER_HEARTBEAT_PERIOD=1",
		host, port, source.Passwords["repl"]), "START SLAVE")
}
