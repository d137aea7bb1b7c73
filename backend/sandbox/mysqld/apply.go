package mysqld

import (
	"fmt"
	"strings"
)

// applyChanges does on this server what was done at the origin. It runs outside
// of any client's transaction, and leaves the changes as the origin had them: a
// row that is there already is 1062, one that is missing is 1032.
func (e *engine) applyChanges(cs []change) error {
	if err := e.enter(nil); err != nil {
		return err
	}
	if len(cs) == 1 && cs[0].op == 'S' {
		return e.applyDDL(cs[0])
	}
	return e.atomic(func() error {
		for _, c := range cs {
			if c.op == 'S' {
				return errEvent
			}
			if err := e.applyRow(c); err != nil {
				return err
			}
		}
		return nil
	})
}

// atomic runs f in an SQLite transaction, with nothing logged.
func (e *engine) atomic(f func() error) error {
	e.muted = true
	defer func() { e.muted = false }()
	if err := e.run("BEGIN"); err != nil {
		return err
	}
	if err := f(); err != nil {
		if rerr := e.run("ROLLBACK"); rerr != nil {
			return fmt.Errorf("%w (and %w)", err, rerr)
		}
		return err
	}
	return e.run("COMMIT")
}

// applyDDL runs a logged statement. What exists already is fine: the databases of
// a new replica may have been prepared.
func (e *engine) applyDDL(c change) error {
	stmts, err := lex(c.ddl)
	if err != nil {
		return err
	}
	if len(stmts) != 1 {
		return errEvent
	}
	tr := &translator{src: c.ddl, db: c.db, cat: e.cat, env: noEnvironment{}, ctes: map[string]bool{}}
	d, err := tr.ddl(&cursor{src: c.ddl, toks: stmts[0]})
	if err != nil {
		return err
	}
	if d.none {
		return nil
	}
	return e.runDDL(d)
}

// noEnvironment serves statements that have no session.
type noEnvironment struct{}

func (noEnvironment) sysVar(name string) (any, error)  { return nil, errUnknownVariable(name) }
func (noEnvironment) userVar(string) any               { return nil }
func (noEnvironment) function(string) (v any, ok bool) { return nil, false }

func (e *engine) applyRow(c change) error {
	t, err := e.tableOf(c)
	if err != nil {
		return err
	}
	full := quote(t.db) + "." + quote(t.name)
	verb := map[byte]string{'I': "Write", 'U': "Update", 'D': "Delete"}[c.op]
	switch c.op {
	case 'I':
		marks := strings.TrimSuffix(strings.Repeat("?,", len(c.new)), ",")
		if err := e.run("INSERT INTO "+full+" VALUES ("+marks+")", c.new...); err != nil {
			return rowError(verb, t, explain(err, &dml{target: t}, nil))
		}
		return nil
	case 'U':
		sets := make([]string, len(c.new))
		for i := range c.new {
			if i >= len(t.cols) {
				return errEvent
			}
			sets[i] = quote(t.cols[i].name) + " = ?"
		}
		where, args := e.locate(t, c.old)
		return e.one(verb, t, "UPDATE "+full+" SET "+strings.Join(sets, ", ")+where, append(append([]any{}, c.new...), args...))
	default:
		where, args := e.locate(t, c.old)
		return e.one(verb, t, "DELETE FROM "+full+where, args)
	}
}

// locate finds one row: by the primary key, or by all columns without one.
func (e *engine) locate(t *tableDef, row []any) (where string, args []any) {
	full := quote(t.db) + "." + quote(t.name)
	var conds []string
	for i := range t.cols {
		if i >= len(row) || (len(t.pk) > 0 && !containsFold(t.pk, t.cols[i].name)) {
			continue
		}
		conds = append(conds, quote(t.cols[i].name)+" IS ?")
		args = append(args, row[i])
	}
	where = " WHERE " + strings.Join(conds, " AND ")
	if len(t.pk) == 0 {
		where = " WHERE rowid IN (SELECT rowid FROM " + full + where + " LIMIT 1)"
	}
	return where, args
}

func containsFold(names []string, name string) bool {
	for _, n := range names {
		if strings.EqualFold(n, name) {
			return true
		}
	}
	return false
}

// one runs a statement that must change exactly one row.
func (e *engine) one(verb string, t *tableDef, s string, args []any) error {
	if err := e.run(s, args...); err != nil {
		return rowError(verb, t, explain(err, &dml{target: t}, nil))
	}
	rs, err := e.query("SELECT changes()", nil)
	if err != nil {
		return err
	}
	if toInt(rs.rows[0][0]) == 0 {
		return rowError(verb, t, errorf(1032, "HY000", "Can't find record in '%s'", t.name))
	}
	return nil
}

// rowError words an error as the replica's SQL thread does.
func rowError(verb string, t *tableDef, err error) error {
	se := asSQL(err)
	return errorf(se.code, se.state, "Could not execute %s_rows_v1 event on table %s.%s; %s, Error_code: %d; the event's master log binlog.000001",
		verb, t.db, t.name, se.msg, se.code)
}

// undoEvents takes back the changes of events, the last one first.
func (e *engine) undoEvents(events []event) error {
	if err := e.enter(nil); err != nil {
		return err
	}
	return e.atomic(func() error {
		for i := len(events) - 1; i >= 0; i-- {
			cs, err := decodeChanges(events[i].body)
			if err != nil {
				return err
			}
			for j := len(cs) - 1; j >= 0; j-- {
				c := cs[j]
				switch c.op {
				case 'I':
					c.op = 'D'
				case 'D':
					c.op = 'I'
				}
				c.old, c.new = c.new, c.old
				if err := e.applyRow(c); err != nil {
					return fmt.Errorf("undo %s: %w", events[i].id, err)
				}
			}
		}
		return nil
	})
}

// schemaTables are the parts of information_schema that exist.
var schemaTables = map[string]bool{"schemata": true, "tables": true, "columns": true, "statistics": true}

var schemaTablesSQL = []string{
	"CREATE TABLE information_schema.schemata (CATALOG_NAME TEXT, SCHEMA_NAME TEXT, DEFAULT_CHARACTER_SET_NAME TEXT, DEFAULT_COLLATION_NAME TEXT)",
	"CREATE TABLE information_schema.tables (TABLE_CATALOG TEXT, TABLE_SCHEMA TEXT COLLATE NOCASE, TABLE_NAME TEXT COLLATE NOCASE, TABLE_TYPE TEXT, ENGINE TEXT, TABLE_ROWS INTEGER, DATA_LENGTH INTEGER, INDEX_LENGTH INTEGER, TABLE_COLLATION TEXT, TABLE_COMMENT TEXT)",
	"CREATE TABLE information_schema.columns (TABLE_CATALOG TEXT, TABLE_SCHEMA TEXT COLLATE NOCASE, TABLE_NAME TEXT COLLATE NOCASE, COLUMN_NAME TEXT COLLATE NOCASE, ORDINAL_POSITION INTEGER, COLUMN_DEFAULT TEXT, IS_NULLABLE TEXT, DATA_TYPE TEXT, CHARACTER_MAXIMUM_LENGTH INTEGER, COLUMN_TYPE TEXT, COLUMN_KEY TEXT, EXTRA TEXT)",
	"CREATE TABLE information_schema.statistics (TABLE_SCHEMA TEXT COLLATE NOCASE, TABLE_NAME TEXT COLLATE NOCASE, NON_UNIQUE INTEGER, INDEX_NAME TEXT COLLATE NOCASE, SEQ_IN_INDEX INTEGER, COLUMN_NAME TEXT COLLATE NOCASE)",
}

// fillSchema brings information_schema up to date; TABLE_ROWS is always 0, an
// estimate as it may be in the real one.
func (e *engine) fillSchema() error {
	if !e.schemaOld {
		return nil
	}
	err := e.atomic(func() error {
		for name := range schemaTables {
			if err := e.run("DELETE FROM information_schema." + name); err != nil {
				return err
			}
		}
		if err := e.run("INSERT INTO information_schema.schemata VALUES ('def', 'information_schema', 'utf8mb3', 'utf8mb3_general_ci')"); err != nil {
			return err
		}
		for db, tables := range e.cat {
			if err := e.run("INSERT INTO information_schema.schemata VALUES ('def', ?, 'utf8mb4', 'utf8mb4_general_ci')", db); err != nil {
				return err
			}
			for _, t := range tables {
				if err := e.describeTable(t); err != nil {
					return err
				}
			}
		}
		return nil
	})
	e.schemaOld = err != nil
	return err
}

func (e *engine) describeTable(t *tableDef) error {
	if err := e.run("INSERT INTO information_schema.tables VALUES ('def', ?, ?, 'BASE TABLE', 'InnoDB', 0, 16384, 0, 'utf8mb4_general_ci', '')", t.db, t.name); err != nil {
		return err
	}
	for i := range t.cols {
		c := &t.cols[i]
		d := t.describe(c)
		var size any
		if c.class() == classText && c.size > 0 {
			size = int64(c.size)
		}
		if err := e.run("INSERT INTO information_schema.columns VALUES ('def', ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
			t.db, t.name, c.name, int64(i+1), d[4], d[2], strings.ToLower(c.base), size, d[1], d[3], d[5]); err != nil {
			return err
		}
	}
	keys := t.keys
	if len(t.pk) > 0 {
		keys = append([]keyDef{{name: "PRIMARY", cols: t.pk, unique: true}}, keys...)
	}
	for _, k := range keys {
		non := int64(1)
		if k.unique {
			non = 0
		}
		for i, col := range k.cols {
			if err := e.run("INSERT INTO information_schema.statistics VALUES (?, ?, ?, ?, ?, ?)", t.db, t.name, non, k.name, int64(i+1), col); err != nil {
				return err
			}
		}
	}
	return nil
}

// describe is a row of DESCRIBE: Field, Type, Null, Key, Default, Extra.
func (t *tableDef) describe(c *colDef) []any {
	null, key, extra := "YES", "", ""
	if c.notNull {
		null = "NO"
	}
	for _, k := range t.keys {
		if len(k.cols) > 0 && strings.EqualFold(k.cols[0], c.name) && key == "" {
			key = "MUL"
			if k.unique && len(k.cols) == 1 {
				key = "UNI"
			}
		}
	}
	if containsFold(t.pk, c.name) {
		key = "PRI"
	}
	switch {
	case c.autoInc:
		extra = "auto_increment"
	case c.onUpdate:
		extra = "on update current_timestamp(" + c.args + ")"
	}
	var def any
	if c.defText != "" {
		def = strings.Trim(c.defText, "'")
	}
	return []any{c.name, c.describe(), null, key, def, extra}
}
