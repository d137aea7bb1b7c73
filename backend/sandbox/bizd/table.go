package bizd

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/go-sql-driver/mysql"
)

// SQL is how to reach a MySQL server.
type SQL struct {
	Address  string // host:port
	User     string
	Password string
}

// open makes a pool; it does not connect yet.
func (s SQL) open() (*sql.DB, error) {
	cfg := mysql.NewConfig()
	cfg.Net, cfg.Addr, cfg.User, cfg.Passwd, cfg.DBName = "tcp", s.Address, s.User, s.Password, "ops"
	cfg.Timeout, cfg.ReadTimeout, cfg.WriteTimeout = healthBudget, 2*time.Second, 2*time.Second
	cfg.InterpolateParams = true // one round trip per statement
	cfg.Logger = &mysql.NopLogger{}
	c, err := mysql.NewConnector(cfg)
	if err != nil {
		return nil, fmt.Errorf("mysql %s: %w", s.Address, err)
	}
	db := sql.OpenDB(c)
	db.SetMaxOpenConns(6)
	db.SetMaxIdleConns(2)
	return db, nil
}

// row is one document of a table.
type row struct {
	key     string
	version int64
	doc     string
	at      time.Time
}

// table keeps the newest document per key in memory and writes what changed to a
// MySQL table (key, version, doc, updated_at) whenever that takes writes. Before it
// writes for the first time after not being able to, it reads the versions that are
// there, so that it never puts an older document over a newer one.
type table struct {
	db        *sql.DB
	name, key string

	mu    sync.Mutex
	rows  map[string]row
	dirty map[string]bool

	known   bool // versions in the table were compared; only flush uses it
	blocked time.Time
}

func newTable(db *sql.DB, name, key string) *table {
	return &table{db: db, name: name, key: key, rows: map[string]row{}, dirty: map[string]bool{}}
}

// put lays f over the present document of key.
func (t *table) put(key string, f func(old row) (row, bool)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if r, ok := f(t.rows[key]); ok {
		r.key = key
		t.rows[key] = r
		t.dirty[key] = true
	}
}

// errReadOnly says that the server does not take writes: a standby.
var errReadOnly = errors.New("read-only")

// retryBlocked is how often a server that takes no writes is asked again.
const retryBlocked = time.Second

// flush writes what changed and returns it, for whoever indexes it as well.
func (t *table) flush(ctx context.Context) ([]row, error) {
	if time.Since(t.blocked) < retryBlocked {
		return nil, nil
	}
	todo := t.takeDirty()
	if len(todo) == 0 {
		return nil, nil
	}
	err := t.write(ctx, &todo)
	if err != nil {
		t.known, t.blocked = false, time.Now()
		t.mu.Lock()
		for _, r := range todo {
			t.dirty[r.key] = true
		}
		t.mu.Unlock()
		return nil, err
	}
	return todo, nil
}

func (t *table) takeDirty() []row {
	t.mu.Lock()
	defer t.mu.Unlock()
	var out []row
	for k := range t.dirty {
		out = append(out, t.rows[k])
	}
	clear(t.dirty)
	return out
}

func (t *table) write(ctx context.Context, todo *[]row) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	if !t.known {
		var ro bool
		if err := t.db.QueryRowContext(ctx, "SELECT @@global.read_only").Scan(&ro); err != nil {
			return fmt.Errorf("%s: %w", t.name, err)
		}
		if ro {
			return errReadOnly
		}
		newer, err := t.versions(ctx)
		if err != nil {
			return err
		}
		kept := (*todo)[:0:0]
		for _, r := range *todo {
			if r.version >= newer[r.key] {
				kept = append(kept, r)
			}
		}
		*todo = kept
	}
	for rest := *todo; len(rest) > 0; {
		n := min(len(rest), 100)
		if err := t.replace(ctx, rest[:n]); err != nil {
			return err
		}
		rest = rest[n:]
	}
	t.known = true
	return nil
}

func (t *table) versions(ctx context.Context) (_ map[string]int64, err error) {
	rows, err := t.db.QueryContext(ctx, "SELECT "+t.key+", version FROM "+t.name)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", t.name, err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	out := map[string]int64{}
	for rows.Next() {
		var k string
		var v int64
		if err := rows.Scan(&k, &v); err != nil {
			return nil, fmt.Errorf("%s: %w", t.name, err)
		}
		out[k] = v
	}
	return out, rows.Err()
}

func (t *table) replace(ctx context.Context, rows []row) error {
	marks := strings.TrimSuffix(strings.Repeat("(?,?,?,?),", len(rows)), ",")
	args := make([]any, 0, 4*len(rows))
	for _, r := range rows {
		args = append(args, r.key, r.version, r.doc, r.at.UTC().Format("2006-01-02 15:04:05.000"))
	}
	q := "REPLACE INTO " + t.name + " (" + t.key + ", version, doc, updated_at) VALUES " + marks
	if _, err := t.db.ExecContext(ctx, q, args...); err != nil {
		return fmt.Errorf("%s: %w", t.name, err)
	}
	return nil
}

// docs reads the documents that the table holds, newest first.
func (t *table) docs(ctx context.Context, limit int) (_ []string, err error) {
	rows, err := t.db.QueryContext(ctx, "SELECT doc FROM "+t.name+" ORDER BY updated_at DESC LIMIT ?", limit)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", t.name, err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	out := []string{}
	for rows.Next() {
		var d string
		if err := rows.Scan(&d); err != nil {
			return nil, fmt.Errorf("%s: %w", t.name, err)
		}
		out = append(out, d)
	}
	return out, rows.Err()
}
