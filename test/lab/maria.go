//go:build integration

package lab

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"

	"github.com/go-sql-driver/mysql"
)

// Maria is one MariaDB server with GTID, semi-synchronous replication and four accounts
// of least privilege. It comes up read-only, so a crashed source does not take writes
// again by itself; and as a replica (init-rpl-role), so that it truncates transactions
// that no replica had acknowledged when it crashed.
type Maria struct {
	Site    string
	Address string
	// Passwords by account: repl, probe, control, app.
	Passwords map[string]string
	// TLS is where its certificates are, of a server that speaks it.
	TLS TLSFiles

	id   int
	dir  string
	proc *proc
	root *sql.DB
}

const mariaConf = `[mariadbd]
datadir=%[1]s/data
tmpdir=%[1]s
port=%[2]d
bind-address=127.0.0.1
socket=%[1]s/m.sock
pid-file=%[1]s/m.pid
server-id=%[3]d
gtid-domain-id=%[3]d
log-bin=binlog
log-slave-updates=ON
binlog-format=ROW
gtid-strict-mode=ON
relay-log=relay
report-host=127.0.0.1
report-port=%[2]d
read-only=ON
skip-slave-start
rpl-semi-sync-master-enabled=ON
rpl-semi-sync-slave-enabled=ON
rpl-semi-sync-master-wait-point=AFTER_SYNC
rpl-semi-sync-master-wait-no-slave=OFF
rpl-semi-sync-master-timeout=5000
init-rpl-role=SLAVE
innodb-buffer-pool-size=32M
innodb-log-file-size=8M
innodb-flush-log-at-trx-commit=2
performance-schema=OFF
skip-name-resolve
`

func newMaria(dir, site string, id, port int) (*Maria, error) {
	d, err := serverDir(dir, site, "mariadb")
	if err != nil {
		return nil, err
	}
	m := &Maria{Site: site, Address: fmt.Sprintf("127.0.0.1:%d", port), Passwords: map[string]string{}, id: id, dir: d}
	for _, a := range []string{"repl", "probe", "control", "app"} {
		m.Passwords[a] = secret()
	}
	if err := serverFile(filepath.Join(d, "my.cnf"), fmt.Sprintf(mariaConf, d, port, id)); err != nil {
		return nil, err
	}
	if m.root, err = openRoot(filepath.Join(d, "m.sock")); err != nil {
		return nil, err
	}
	m.proc = &proc{
		name: "mariadbd", dir: d, args: []string{"mariadbd", "--defaults-file=" + filepath.Join(d, "my.cnf")},
		ready: func(ctx context.Context) error { return m.root.PingContext(ctx) },
	}
	return m, nil
}

type quiet struct{}

func (quiet) Print(...any) {}

// create makes the data directory, starts the server and makes the accounts.
func (m *Maria) create(ctx context.Context) error {
	if err := run(ctx, m.dir, "mariadb-install-db", "--defaults-file="+filepath.Join(m.dir, "my.cnf"),
		"--auth-root-authentication-method=normal", "--skip-test-db"); err != nil {
		return err
	}
	if err := m.proc.start(ctx); err != nil {
		return err
	}
	// Accounts belong to each server: they do not enter the binary log.
	return m.Locally(ctx,
		account("repl", m.Passwords["repl"]), "GRANT REPLICATION SLAVE ON *.* TO 'repl'@'127.0.0.1'",
		account("probe", m.Passwords["probe"]), "GRANT SELECT, BINLOG MONITOR, REPLICA MONITOR ON *.* TO 'probe'@'127.0.0.1'",
		account("control", m.Passwords["control"]),
		"GRANT READ ONLY ADMIN, REPLICATION SLAVE ADMIN, REPLICA MONITOR, BINLOG MONITOR, RELOAD ON *.* TO 'control'@'127.0.0.1'",
		account("app", m.Passwords["app"]), "GRANT SELECT, INSERT, UPDATE, DELETE ON ops.* TO 'app'@'127.0.0.1'",
	)
}

func account(user, password string) string {
	return "CREATE USER '" + user + "'@'127.0.0.1' IDENTIFIED BY '" + password + "'"
}

// Start brings the server up after Kill or Stop. It is read-only then.
func (m *Maria) Start(ctx context.Context) error { return m.proc.start(ctx) }

// Empty ends the server, throws its data directory away and starts it anew under its address,
// with its accounts and nothing else.
func (m *Maria) Empty(ctx context.Context) error {
	m.Kill()
	if err := os.RemoveAll(filepath.Join(m.dir, "data")); err != nil {
		return err
	}
	return m.create(ctx)
}

// Kill ends the server as a power cut of the process would (SIGKILL).
func (m *Maria) Kill() { m.proc.stop(syscall.SIGKILL) }

// Restart brings the server up unless it runs.
func (m *Maria) Restart(ctx context.Context) error {
	if m.root.PingContext(ctx) == nil {
		return nil
	}
	m.Kill()
	return m.Start(ctx)
}

// Freeze holds the server: connections stay, nothing is answered. Thaw lets it go on.
func (m *Maria) Freeze() error { return m.proc.freeze() }

// Thaw ends Freeze.
func (m *Maria) Thaw() error { return m.proc.thaw() }

func (m *Maria) close() {
	_ = m.root.Close()
	_ = m.proc.thaw()
	m.proc.stop(syscall.SIGTERM)
}

// Exec runs statements as the administrator, for tests that need to break something.
func (m *Maria) Exec(ctx context.Context, statements ...string) error {
	return execAll(ctx, m.root, "MariaDB of "+m.Site, statements)
}

// Locally runs statements as the administrator that do not enter the binary log.
func (m *Maria) Locally(ctx context.Context, statements ...string) error {
	return execLocally(ctx, m.root, "MariaDB of "+m.Site, statements)
}

func execLocally(ctx context.Context, db *sql.DB, who string, statements []string) error {
	conn, err := db.Conn(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	// the connection is used again
	all := append(append([]string{"SET SESSION sql_log_bin=0"}, statements...), "SET SESSION sql_log_bin=1")
	for i, s := range all {
		if _, err := conn.ExecContext(ctx, s); err != nil {
			return fmt.Errorf("%s: statement %d of its own: %w", who, i, err) // it may hold a password
		}
	}
	return nil
}

// Query reads one value as the administrator.
func (m *Maria) Query(ctx context.Context, query string) (string, error) {
	var v sql.NullString
	err := m.root.QueryRowContext(ctx, query).Scan(&v)
	return v.String, err
}

// follow makes m a replica of source, with plain statements.
func (m *Maria) follow(ctx context.Context, source *Maria) error {
	host, port, err := split(source.Address)
	if err != nil {
		return err
	}
	return m.Exec(ctx,
		fmt.Sprintf("CHANGE MASTER TO MASTER_HOST='%s', MASTER_PORT=%d, MASTER_USER='repl', MASTER_PASSWORD='%s', MASTER_USE_GTID=slave_pos, MASTER_CONNECT_RETRY=1, MASTER_HEARTBEAT_PERIOD=1",
			host, port, source.Passwords["repl"]),
		"START REPLICA")
}

// appDB opens the database as the business service does.
func (m *Maria) appDB() (*sql.DB, error) {
	cfg := mysql.NewConfig()
	cfg.User, cfg.Passwd, cfg.Net, cfg.Addr, cfg.Logger = "app", m.Passwords["app"], "tcp", m.Address, quiet{}
	connector, err := mysql.NewConnector(cfg)
	if err != nil {
		return nil, err
	}
	db := sql.OpenDB(connector)
	db.SetMaxOpenConns(4)
	return db, nil
}

// replicaStatus is what a person wants to know when replication does not come up.
func (m *Maria) replicaStatus(ctx context.Context) string {
	rows, err := m.root.QueryContext(ctx, "SHOW REPLICA STATUS")
	if err != nil {
		return err.Error()
	}
	defer func() { _ = rows.Close() }()
	cols, err := rows.Columns()
	if err != nil || !rows.Next() {
		return "no replica status"
	}
	cells, ptrs := make([]sql.NullString, len(cols)), make([]any, len(cols))
	for i := range cells {
		ptrs[i] = &cells[i]
	}
	if err := errors.Join(rows.Scan(ptrs...), rows.Err()); err != nil {
		return err.Error()
	}
	out := ""
	for i, c := range cols {
		switch c {
		case "Slave_IO_Running", "Slave_SQL_Running", "Last_IO_Error", "Last_SQL_Error", "Gtid_IO_Pos":
			out += c + "=" + cells[i].String + " "
		}
	}
	return out
}
