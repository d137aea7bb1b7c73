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
