package mysqld

import (
	"strings"
)

// dml is a translated INSERT, REPLACE, UPDATE, DELETE or TRUNCATE.
type dml struct {
	verb   string // as the client wrote it, for privileges and messages
	target *tableDef
	sql    string
	// rows: it has a RETURNING clause. onDup: ON DUPLICATE KEY UPDATE.
	rows, onDup bool
	// values are the tokens of the first row by column, to name a duplicate.
	values map[string]token
}

func (tr *translator) insert(c *cursor) (*dml, error) {
	d := &dml{verb: c.next().up}
	c.any("LOW_PRIORITY", "DELAYED", "HIGH_PRIORITY")
	head := d.verb
	if c.word("IGNORE") {
		head = "INSERT OR IGNORE"
	}
	c.word("INTO")
	t, full, err := tr.target(c)
	if err != nil {
		return nil, err
	}
	d.target = t
	var cols []string
	if c.peek().op("(") && !c.at(1).is("SELECT") {
		inside, err := c.group()
		if err != nil {
			return nil, err
		}
		for _, p := range split(inside) {
			if !p[len(p)-1].name() {
				return nil, c.fail()
			}
			cols = append(cols, p[len(p)-1].val)
		}
	}
	var body string
	switch {
	case c.any("VALUES", "VALUE") != "":
		body, err = tr.rows(c, d, cols)
	case c.word("SET"):
		cols, body, err = tr.insertSet(c, d)
	case c.peek().is("SELECT"), c.peek().is("WITH"), c.peek().op("("):
		body, err = tr.run(c.until(func(t token) bool { return t.is("ON") && isDup(c) || t.is("RETURNING") }), scope{})
		if c.peek().is("ON") && !strings.Contains(body, "WHERE") {
			body += " WHERE 1" // else ON would be read as part of a join
		}
	default:
		return nil, c.fail()
	}
	if err != nil {
		return nil, err
	}
	for _, name := range cols {
		if t.col(name) == nil {
			return nil, errUnknownColumn(name)
		}
	}
	list := ""
	if len(cols) > 0 {
		list = " (" + quoteAll(cols) + ")"
	}
	d.sql = head + " INTO " + full + list + " " + body
	if isDup(c) {
		c.pos += 4
		d.onDup = true
		if err := tr.onDuplicate(c, d); err != nil {
			return nil, err
		}
	}
	return d, tr.returning(c, d)
}

// isDup looks for ON DUPLICATE KEY UPDATE at the cursor.
func isDup(c *cursor) bool {
	return c.at(0).is("ON") && c.at(1).is("DUPLICATE") && c.at(2).is("KEY") && c.at(3).is("UPDATE")
}

func errUnknownColumn(name string) error {
	return errorf(1054, "42S22", "Unknown column '%s' in 'field list'", name)
}

// target reads the table to change.
func (tr *translator) target(c *cursor) (*tableDef, string, error) {
	t, full, err := tr.tableRef(c)
	if err != nil {
		return nil, "", err
	}
	if t == nil || tr.schema {
		return nil, "", errorf(1044, "42000", "Access denied for this database")
	}
	return t, full, nil
}

// rows reads (..),(..) of VALUES.
func (tr *translator) rows(c *cursor, d *dml, cols []string) (string, error) {
	if len(cols) == 0 {
		for _, col := range d.target.cols {
			cols = append(cols, col.name)
		}
	}
	var out []string
	for {
		inside, err := c.group()
		if err != nil {
			return "", err
		}
		parts := split(inside)
		if len(parts) == 0 {
			return "DEFAULT VALUES", nil
		}
		if len(parts) != len(cols) {
			return "", errorf(1136, "21S01", "Column count doesn't match value count at row %d", len(out)+1)
		}
		vals := make([]string, len(parts))
		for i, p := range parts {
			col := d.target.col(cols[i])
			if col == nil {
				return "", errUnknownColumn(cols[i])
			}
			if vals[i], err = tr.value(col, p); err != nil {
				return "", err
			}
			if len(out) == 0 && len(p) == 1 {
				if d.values == nil {
					d.values = map[string]token{}
				}
				d.values[strings.ToLower(col.name)] = p[0]
			}
		}
		out = append(out, "("+strings.Join(vals, ",")+")")
		if !c.op(",") {
			return "VALUES " + strings.Join(out, ", "), nil
		}
	}
}

// value is one value on its way into a column.
func (tr *translator) value(col *colDef, toks []token) (string, error) {
	if len(toks) == 0 {
		return "", errSyntax(",")
	}
	if len(toks) == 1 && toks[0].is("DEFAULT") {
		switch {
		case col.def != "":
			return col.def, nil
		case col.notNull && !col.autoInc:
			return "", errorf(1364, "HY000", "Field '%s' doesn't have a default value", col.name)
		}
		return "NULL", nil
	}
	s, err := tr.expr(toks)
	if err != nil {
		return "", err
	}
	return col.wrap(s), nil
}

// insertSet reads INSERT ... SET a=1, b=2.
func (tr *translator) insertSet(c *cursor, d *dml) (cols []string, body string, err error) {
	var vals []string
	for _, p := range split(c.until(func(t token) bool { return t.is("ON") || t.is("RETURNING") })) {
		if len(p) < 3 || !p[0].name() || !p[1].op("=") {
			return nil, "", c.fail()
		}
		col := d.target.col(p[0].val)
		if col == nil {
			return nil, "", errUnknownColumn(p[0].val)
		}
		v, err := tr.value(col, p[2:])
		if err != nil {
			return nil, "", err
		}
		cols, vals = append(cols, col.name), append(vals, v)
	}
	return cols, "VALUES (" + strings.Join(vals, ",") + ")", nil
}

// assignments reads a=expr, b=expr and adds the ON UPDATE columns left out.
func (tr *translator) assignments(t *tableDef, toks []token) (string, error) {
	var out []string
	seen := map[string]bool{}
	for _, p := range split(toks) {
		eq := 1
		if len(p) > 2 && p[1].op(".") { // alias.column
			eq = 3
		}
		if len(p) <= eq+1 || !p[eq-1].name() || !p[eq].op("=") {
			near := ""
			if len(p) > 0 {
				near = tr.src[p[0].start:]
			}
			return "", errSyntax(near)
		}
		col := t.col(p[eq-1].val)
		if col == nil {
			return "", errUnknownColumn(p[eq-1].val)
		}
		v, err := tr.value(col, p[eq+1:])
		if err != nil {
			return "", err
		}
		out = append(out, quote(col.name)+" = "+v)
		seen[col.name] = true
	}
	for i := range t.cols {
		if c := &t.cols[i]; c.onUpdate && !seen[c.name] {
			out = append(out, quote(c.name)+" = "+str(formatTime(tr.now, c.size)))
		}
	}
	if len(out) == 0 {
		return "", errSyntax("")
	}
	return strings.Join(out, ", "), nil
}

func (tr *translator) onDuplicate(c *cursor, d *dml) error {
	tr.inDup = true
	defer func() { tr.inDup = false }()
	s, err := tr.assignments(d.target, c.until(func(t token) bool { return t.is("RETURNING") }))
	if err != nil {
		return err
	}
	d.sql += " ON CONFLICT DO UPDATE SET " + s
	return nil
}

func (tr *translator) returning(c *cursor, d *dml) error {
	if c.peek().is("RETURNING") {
		c.next()
		s, err := tr.run(c.until(func(token) bool { return false }), scope{})
		if err != nil {
			return err
		}
		d.sql += " RETURNING " + s
		d.rows = true
	}
	return c.end()
}

func (tr *translator) update(c *cursor) (*dml, error) {
	c.next()
	d := &dml{verb: "UPDATE"}
	c.word("LOW_PRIORITY")
	head := "UPDATE "
	if c.word("IGNORE") {
		head = "UPDATE OR IGNORE "
	}
	t, full, err := tr.target(c)
	if err != nil {
		return nil, err
	}
	d.target = t
	alias := tr.alias(c)
	if !c.word("SET") {
		return nil, c.fail()
	}
	sets, err := tr.assignments(t, c.until(func(t token) bool { return t.is("WHERE") || t.is("ORDER") || t.is("LIMIT") }))
	if err != nil {
		return nil, err
	}
	where, err := tr.where(c, full, alias)
	if err != nil {
		return nil, err
	}
	d.sql = head + full + alias + " SET " + sets + where
	return d, c.end()
}

func (tr *translator) delete(c *cursor) (*dml, error) {
	c.next()
	d := &dml{verb: "DELETE"}
	for c.any("LOW_PRIORITY", "QUICK", "IGNORE") != "" {
		continue
	}
	if !c.word("FROM") {
		return nil, c.fail()
	}
	t, full, err := tr.target(c)
	if err != nil {
		return nil, err
	}
	d.target = t
	alias := tr.alias(c)
	where, err := tr.where(c, full, alias)
	if err != nil {
		return nil, err
	}
	d.sql = "DELETE FROM " + full + alias + where
	return d, tr.returning(c, d)
}

// truncate becomes a DELETE; the rows are logged, so that a crash can undo it.
func (tr *translator) truncate(c *cursor) (*dml, error) {
	c.next()
	c.word("TABLE")
	t, full, err := tr.target(c)
	if err != nil {
		return nil, err
	}
	return &dml{verb: "DROP", target: t, sql: "DELETE FROM " + full}, c.end()
}

func (tr *translator) alias(c *cursor) string {
	if c.word("AS") || (c.peek().name() && !c.peek().is("SET") && !c.peek().is("WHERE") && !c.peek().is("ORDER") &&
		!c.peek().is("LIMIT") && !c.peek().is("RETURNING") && !c.peek().is("USING")) {
		return " AS " + quote(c.next().val)
	}
	return ""
}

// where reads [WHERE] [ORDER BY] [LIMIT]; the latter two need a sub-select.
func (tr *translator) where(c *cursor, full, alias string) (string, error) {
	toks := c.until(func(t token) bool { return t.is("RETURNING") })
	if len(toks) == 0 {
		return "", nil
	}
	if !toks[0].is("WHERE") && !toks[0].is("ORDER") && !toks[0].is("LIMIT") {
		return "", errSyntax(tr.src[toks[0].start:])
	}
	s, err := tr.run(toks, scope{})
	if err != nil {
		return "", err
	}
	for i, depth := 0, 0; i < len(toks); i++ {
		switch t := toks[i]; {
		case t.op("("):
			depth++
		case t.op(")"):
			depth--
		case depth == 0 && (t.is("ORDER") || t.is("LIMIT")):
			return " WHERE rowid IN (SELECT rowid FROM " + full + alias + " " + s + ")", nil
		}
	}
	return " " + s, nil
}
