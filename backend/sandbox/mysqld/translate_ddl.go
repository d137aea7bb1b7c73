package mysqld

import (
	"strings"
)

// ddl is a translated CREATE, DROP, ALTER or RENAME: what to run in SQLite, and
// what then changes in the catalog.
type ddl struct {
	verb  string
	sql   []string
	apply func(catalog)
	// none: IF [NOT] EXISTS found nothing to do.
	none bool
}

var errTooMany = errorf(1007, "HY000", "Can't create database: this server keeps at most %d", maxDatabases)

// maxDatabases is SQLite's limit of attached databases, less information_schema.
const maxDatabases = 9

func (tr *translator) ddl(c *cursor) (*ddl, error) {
	verb := c.next().up
	var d *ddl
	var err error
	switch {
	case verb == "CREATE" && c.any("DATABASE", "SCHEMA") != "":
		d, err = tr.createDatabase(c)
	case verb == "DROP" && c.any("DATABASE", "SCHEMA") != "":
		d, err = tr.dropDatabase(c)
	case verb == "CREATE" && c.word("TABLE"):
		d, err = tr.createTable(c)
	case verb == "DROP" && c.word("TABLE"):
		d, err = tr.dropTable(c)
	case verb == "ALTER" && c.word("TABLE"):
		d, err = tr.alterTable(c)
	case verb == "CREATE" && (c.peek().is("INDEX") || c.peek().is("UNIQUE")):
		d, err = tr.createIndex(c)
	default:
		c.pos--
		return nil, c.fail()
	}
	if err != nil {
		return nil, err
	}
	d.verb = verb
	return d, nil
}

func (tr *translator) createDatabase(c *cursor) (*ddl, error) {
	maybe := c.word("IF", "NOT", "EXISTS")
	name, err := c.ident()
	if err != nil {
		return nil, err
	}
	if _, ok := tr.cat[name]; ok || strings.EqualFold(name, schemaDB) {
		if maybe {
			return &ddl{none: true}, nil
		}
		return nil, errorf(1007, "HY000", "Can't create database '%s'; database exists", name)
	}
	low := strings.ToLower(name)
	if low == "main" || low == "temp" {
		return nil, errorf(1044, "42000", "Access denied to database '%s'", name)
	}
	if len(tr.cat) >= maxDatabases {
		return nil, errTooMany
	}
	return &ddl{
		sql:   []string{"ATTACH DATABASE ':memory:' AS " + quote(name)},
		apply: func(cat catalog) { cat[name] = map[string]*tableDef{} },
	}, nil
}

func (tr *translator) dropDatabase(c *cursor) (*ddl, error) {
	maybe := c.word("IF", "EXISTS")
	name, err := c.ident()
	if err != nil {
		return nil, err
	}
	if _, ok := tr.cat[name]; !ok {
		if maybe {
			return &ddl{none: true}, c.end()
		}
		return nil, errorf(1008, "HY000", "Can't drop database '%s'; database doesn't exist", name)
	}
	return &ddl{sql: []string{"DETACH DATABASE " + quote(name)}, apply: func(cat catalog) { delete(cat, name) }}, c.end()
}

func (tr *translator) createTable(c *cursor) (*ddl, error) {
	maybe := c.word("IF", "NOT", "EXISTS")
	db, name, err := c.tableName()
	if err != nil {
		return nil, err
	}
	if db == "" {
		db = tr.db
	}
	if db == "" {
		return nil, errorf(1046, "3D000", "No database selected")
	}
	tables, ok := tr.cat[db]
	if !ok {
		return nil, errorf(1049, "42000", "Unknown database '%s'", db)
	}
	if tables[name] != nil {
		if maybe {
			return &ddl{none: true}, nil
		}
		return nil, errorf(1050, "42S01", "Table '%s' already exists", name)
	}
	t := &tableDef{db: db, name: name}
	if c.word("LIKE") {
		fromDB, from, err := c.tableName()
		if err != nil {
			return nil, err
		}
		if fromDB == "" {
			fromDB = tr.db
		}
		old, err := tr.cat.table(fromDB, from)
		if err != nil {
			return nil, err
		}
		t.cols, t.pk, t.keys = append(t.cols, old.cols...), old.pk, append(t.keys, old.keys...)
	} else {
		inside, err := c.group()
		if err != nil {
			return nil, err
		}
		if err := tr.columnList(t, inside); err != nil {
			return nil, err
		}
		// The rest are table options (ENGINE, CHARSET, ...); a SELECT is not.
		for _, o := range c.toks[c.pos:] {
			if o.is("SELECT") || o.is("PARTITION") {
				return nil, errSyntax(tr.src[o.start:])
			}
		}
	}
	return &ddl{sql: t.create(), apply: func(cat catalog) { cat[db][name] = t }}, nil
}

func (tr *translator) dropTable(c *cursor) (*ddl, error) {
	maybe := c.word("IF", "EXISTS")
	d := &ddl{none: true}
	var gone []*tableDef
	for {
		db, name, err := c.tableName()
		if err != nil {
			return nil, err
		}
		if db == "" {
			db = tr.db
		}
		switch t, err := tr.cat.table(db, name); {
		case err == nil:
			d.none = false
			gone = append(gone, t)
			d.sql = append(d.sql, "DROP TABLE "+quote(db)+"."+quote(name))
		case !maybe:
			return nil, errorf(1051, "42S02", "Unknown table '%s.%s'", db, name)
		}
		if !c.op(",") {
			break
		}
	}
	c.any("RESTRICT", "CASCADE")
	d.apply = func(cat catalog) {
		for _, t := range gone {
			delete(cat[t.db], t.name)
		}
	}
	return d, c.end()
}

// change is a copy of t to alter, so that a failure leaves the catalog as it was.
func (t *tableDef) change() *tableDef {
	out := &tableDef{db: t.db, name: t.name, pk: t.pk}
	out.cols = append(out.cols, t.cols...)
	out.keys = append(out.keys, t.keys...)
	return out
}

func (tr *translator) createIndex(c *cursor) (*ddl, error) {
	k := keyDef{unique: c.word("UNIQUE")}
	if !c.word("INDEX") {
		return nil, c.fail()
	}
	c.word("IF", "NOT", "EXISTS")
	var err error
	if k.name, err = c.ident(); err != nil {
		return nil, err
	}
	if !c.word("ON") {
		return nil, c.fail()
	}
	t, _, err := tr.target(c)
	if err != nil {
		return nil, err
	}
	inside, err := c.group()
	if err != nil {
		return nil, err
	}
	for _, p := range split(inside) {
		if len(p) == 0 || t.col(p[0].val) == nil {
			return nil, c.fail()
		}
		k.cols = append(k.cols, p[0].val)
	}
	return tr.replaceTable(t, []keyDef{k}, nil, c)
}

// replaceTable adds keys and columns to t.
func (tr *translator) replaceTable(t *tableDef, keys []keyDef, cols []colDef, c *cursor) (*ddl, error) {
	nt := t.change()
	d := &ddl{apply: func(cat catalog) { cat[t.db][t.name] = nt }}
	for _, col := range cols {
		if nt.col(col.name) != nil {
			return nil, errorf(1060, "42S21", "Duplicate column name '%s'", col.name)
		}
		nt.cols = append(nt.cols, col)
		add := col
		if add.notNull && add.def == "" { // SQLite needs one for the rows that exist
			add.def = map[bool]string{true: "0", false: "''"}[add.class() == classInt || add.class() == classFloat]
		}
		d.sql = append(d.sql, "ALTER TABLE "+quote(t.db)+"."+quote(t.name)+" ADD COLUMN "+constantDefault(add))
	}
	for _, k := range keys {
		before := len(nt.keys)
		nt.addKey(k)
		d.sql = append(d.sql, nt.index(nt.keys[before]))
	}
	return d, c.end()
}

// constantDefault is the column for ALTER TABLE ADD, where SQLite takes constants only.
func constantDefault(c colDef) string {
	if strings.HasPrefix(c.def, "my_now") {
		c.def = str(formatZero(c.size))
	} else if i := strings.LastIndexByte(c.def, ','); strings.HasPrefix(c.def, "my_") && i > 0 {
		inner := c.def[strings.IndexByte(c.def, '(')+1 : i]
		if j := strings.LastIndexByte(inner, ','); strings.HasPrefix(c.def, "my_str") && j > 0 {
			inner = inner[:j]
		}
		c.def = inner
	}
	s := quote(c.name) + " " + c.decl()
	if c.notNull {
		s += " NOT NULL"
	}
	if c.def != "" {
		s += " DEFAULT " + c.def
	}
	return s
}

func (tr *translator) alterTable(c *cursor) (*ddl, error) {
	t, _, err := tr.target(c)
	if err != nil {
		return nil, err
	}
	var keys []keyDef
	var cols []colDef
	for _, part := range split(c.toks[c.pos:]) {
		p := &cursor{src: tr.src, toks: part}
		if !p.word("ADD") {
			return nil, p.fail()
		}
		k, ok, err := tr.keyPart(p)
		switch {
		case err != nil:
			return nil, err
		case ok && k != nil && k.name != "PRIMARY":
			keys = append(keys, *k)
			continue
		case ok:
			return nil, p.fail()
		}
		p.word("COLUMN")
		p.word("IF", "NOT", "EXISTS")
		if n := len(p.toks); n > 2 && p.toks[n-2].is("AFTER") { // the place does not matter here
			p.toks = p.toks[:n-2]
		} else if n > 1 && p.toks[n-1].is("FIRST") {
			p.toks = p.toks[:n-1]
		}
		col, key, err := tr.column(p)
		if err != nil {
			return nil, err
		}
		if key != "" || col.autoInc {
			return nil, errorf(1235, "42000", "This version of MariaDB doesn't yet support 'ALTER TABLE ADD COLUMN with a key'")
		}
		cols = append(cols, col)
	}
	c.pos = len(c.toks)
	return tr.replaceTable(t, keys, cols, c)
}
