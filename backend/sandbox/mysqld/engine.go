package mysqld

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"slices"
	"strings"
	"sync"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// schemaDB is the database with the descriptions of the others.
const schemaDB = "information_schema"

// sqliteConn is what is used of the driver's connection.
type sqliteConn interface {
	driver.Conn
	driver.ExecerContext
	driver.QueryerContext
	sqlite.HookRegisterer
}

// engine keeps the rows: one in-memory SQLite connection, on which at most one
// transaction is open at a time. Every method needs mu held.
type engine struct {
	mu   sync.Mutex
	conn sqliteConn
	cat  catalog
	// holder is the transaction that is open on conn; nil when none is.
	holder *transaction
	// changes are the row images of the open transaction, or of the statement that
	// runs outside of one; matched counts the rows that UPDATE met, changed or not.
	changes []change
	matched int
	muted   bool
	pack    packer
	// schemaOld: information_schema must be filled again.
	schemaOld bool
}

// newEngine opens an empty engine.
func newEngine() (*engine, error) {
	if err := register(); err != nil {
		return nil, err
	}
	// The handle only serves to find the driver; it never connects.
	db, err := sql.Open("sqlite", ":memory:")
	if err != nil {
		return nil, fmt.Errorf("find the SQLite driver: %w", err)
	}
	drv := db.Driver()
	if err := db.Close(); err != nil {
		return nil, fmt.Errorf("find the SQLite driver: %w", err)
	}
	c, err := drv.Open(":memory:")
	if err != nil {
		return nil, fmt.Errorf("open SQLite in memory: %w", err)
	}
	conn, ok := c.(sqliteConn)
	if !ok {
		_ = c.Close()
		return nil, errors.New("the SQLite driver has no pre-update hook")
	}
	e := &engine{conn: conn, cat: catalog{}, schemaOld: true}
	conn.RegisterPreUpdateHook(e.hook)
	for _, s := range append([]string{"PRAGMA temp_store = MEMORY", "PRAGMA cache_size = -512", "ATTACH DATABASE ':memory:' AS " + schemaDB}, schemaTablesSQL...) {
		if err := e.run(s); err != nil {
			_ = conn.Close()
			return nil, err
		}
	}
	return e, nil
}

func (e *engine) close() error {
	e.conn.RegisterPreUpdateHook(nil)
	if err := e.conn.Close(); err != nil {
		return fmt.Errorf("close SQLite: %w", err)
	}
	return nil
}

// hook notes a row change before SQLite makes it.
func (e *engine) hook(d sqlite.SQLitePreUpdateData) {
	if e.muted || d.DatabaseName == schemaDB {
		return
	}
	c := change{db: d.DatabaseName, table: d.TableName}
	read := func(f func(...any) error) []any {
		row := make([]any, d.Count())
		if f(row...) != nil { // it puts the values into the slice it is given
			return nil
		}
		return row
	}
	switch d.Op {
	case sqlite3.SQLITE_INSERT:
		c.op, c.new = 'I', read(d.New)
	case sqlite3.SQLITE_DELETE:
		c.op, c.old = 'D', read(d.Old)
	default:
		c.op, c.old, c.new = 'U', read(d.Old), read(d.New)
		e.matched++
		if slices.EqualFunc(c.old, c.new, equalValue) {
			return
		}
	}
	e.changes = append(e.changes, c)
}

func equalValue(a, b any) bool {
	if x, ok := a.([]byte); ok {
		y, ok := b.([]byte)
		return ok && string(x) == string(y)
	}
	if _, ok := b.([]byte); ok {
		return false
	}
	return a == b
}

// run executes one statement of ours.
func (e *engine) run(s string, args ...any) error {
	if _, err := e.conn.ExecContext(context.Background(), s, named(args)); err != nil {
		return fmt.Errorf("%s: %w", firstWords(s), err)
	}
	return nil
}

func firstWords(s string) string {
	if len(s) > 60 {
		return s[:60] + "..."
	}
	return s
}

// rowSet is what a query gave. types are SQLite's declared types, "" for
// expressions.
type rowSet struct {
	names, types []string
	rows         [][]any
}

// query runs s and reads everything.
func (e *engine) query(s string, args []any) (rs *rowSet, err error) {
	rows, err := e.conn.QueryContext(context.Background(), s, named(args))
	if err != nil {
		return nil, err
	}
	defer func() {
		if cerr := rows.Close(); err == nil && cerr != nil {
			err = cerr
		}
	}()
	rs = &rowSet{names: rows.Columns()}
	rs.types = make([]string, len(rs.names))
	if t, ok := rows.(driver.RowsColumnTypeDatabaseTypeName); ok {
		for i := range rs.types {
			rs.types[i] = t.ColumnTypeDatabaseTypeName(i)
		}
	}
	buf := make([]driver.Value, len(rs.names))
	for {
		switch err := rows.Next(buf); {
		case errors.Is(err, io.EOF):
			return rs, nil
		case err != nil:
			return nil, err
		}
		row := make([]any, len(buf))
		for i, v := range buf {
			if b, ok := v.([]byte); ok {
				v = append([]byte(nil), b...)
			}
			row[i] = v
		}
		rs.rows = append(rs.rows, row)
	}
}

// outcome is what a statement did.
type outcome struct {
	affected, matched int64
	lastID            int64
	rows              *rowSet
}

// write runs one translated statement; when it fails it has changed nothing.
func (e *engine) write(d *dml, args []any) (o outcome, err error) {
	mark := len(e.changes)
	e.matched = 0
	if d.rows {
		o.rows, err = e.query(d.sql, args)
	} else {
		_, err = e.conn.ExecContext(context.Background(), d.sql, named(args))
	}
	if err != nil {
		e.changes = e.changes[:mark]
		return outcome{}, explain(err, d, args)
	}
	o.matched = int64(e.matched)
	auto := -1
	for i := range d.target.cols {
		if d.target.cols[i].autoInc {
			auto = i
		}
	}
	for _, c := range e.changes[mark:] {
		o.affected++
		if c.op == 'U' && d.onDup {
			o.affected++
		}
		if c.op == 'I' && auto >= 0 && o.lastID == 0 && auto < len(c.new) {
			o.lastID = toInt(c.new[auto])
		}
	}
	return o, nil
}

// digest identifies the rows of a locking read.
func (rs *rowSet) digest() int64 {
	h := fnv.New64a()
	for _, row := range rs.rows {
		_, _ = h.Write(appendRow(nil, row)) // never fails
	}
	return int64(h.Sum64() >> 1) //nolint:gosec // 63 bits
}

// runDDL runs the statements of d, all or none.
func (e *engine) runDDL(d *ddl) error {
	atomic := len(d.sql) > 1
	if atomic {
		if err := e.run("BEGIN"); err != nil {
			return err
		}
	}
	for _, s := range d.sql {
		if err := e.run(s); err != nil {
			if atomic {
				err = errors.Join(err, e.run("ROLLBACK"))
			}
			return explain(err, nil, nil)
		}
	}
	if atomic {
		if err := e.run("COMMIT"); err != nil {
			return err
		}
	}
	e.changes = nil
	d.apply(e.cat)
	e.schemaOld = true
	return nil
}

// tableOf finds the definition for a logged change, whatever the case of its name.
func (e *engine) tableOf(c change) (*tableDef, error) {
	for db, tables := range e.cat {
		if strings.EqualFold(db, c.db) {
			for name, t := range tables {
				if strings.EqualFold(name, c.table) {
					return t, nil
				}
			}
		}
	}
	return nil, errNoTable(c.db, c.table)
}
