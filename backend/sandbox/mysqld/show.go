package mysqld

import (
	"cmp"
	"maps"
	"net"
	"slices"
	"strconv"
	"strings"
)

func sortedKeys[K cmp.Ordered, V any](m map[K]V) []K { return slices.Sorted(maps.Keys(m)) }

func (s *Server) port() int64 {
	_, p, err := net.SplitHostPort(s.Addr())
	if err != nil {
		return 0
	}
	n, _ := strconv.ParseInt(p, 10, 64) // the listener's own address
	return n
}

// show runs SHOW.
func (ss *session) show(c *cursor) (*result, error) {
	c.next()
	c.any("FULL", "EXTENDED")
	scope := c.any("GLOBAL", "SESSION", "LOCAL")
	var r *result
	var err error
	by := 0
	switch w := c.next(); w.up {
	case "DATABASES", "SCHEMAS":
		r = ss.showDatabases()
	case "TABLES":
		r, err = ss.showTables(c)
	case "TABLE":
		if !c.word("STATUS") {
			return nil, c.fail()
		}
		r, err = ss.tableStatus(c)
	case "COLUMNS", "FIELDS":
		r, err = ss.showColumns(c)
	case "INDEX", "INDEXES", "KEYS":
		r, err = ss.showKeys(c)
	case "CREATE":
		return ss.showCreate(c)
	case "VARIABLES":
		r = table("Variable_name", "Value")
		r.rows, err = ss.variables(scope == "GLOBAL")
	case "STATUS":
		r = ss.srv.status()
	case "SLAVE", "REPLICA":
		if c.any("HOSTS") != "" {
			r = ss.srv.replicaHosts()
			break
		}
		ss.connectionName(c)
		if !c.word("STATUS") {
			return nil, c.fail()
		}
		return ss.srv.replicaStatus(), c.end()
	case "ALL":
		if c.any("SLAVES", "REPLICAS") == "" || !c.word("STATUS") {
			return nil, c.fail()
		}
		return ss.srv.replicaStatus(), c.end()
	case "MASTER", "BINLOG":
		if c.word("LOGS") {
			return ss.srv.binaryLogs(), c.end()
		}
		if !c.word("STATUS") {
			return nil, c.fail()
		}
		r = table("File", "Position", "Binlog_Do_DB", "Binlog_Ignore_DB")
		events, _ := ss.srv.log.size()
		r.add("binlog.000001", int64(events), "", "") //nolint:gosec // a count
	case "BINARY":
		if !c.word("LOGS") {
			return nil, c.fail()
		}
		return ss.srv.binaryLogs(), c.end()
	case "PROCESSLIST":
		r = ss.srv.processes()
	case "GRANTS":
		return ss.grants(), nil
	case "WARNINGS", "ERRORS":
		return table("Level", "Code", "Message"), nil
	case "ENGINES":
		r = table("Engine", "Support", "Comment", "Transactions", "XA", "Savepoints")
		r.add("InnoDB", "DEFAULT", "SQLite in memory, for the sandbox", "YES", "NO", "YES")
	default:
		c.pos--
		return nil, c.fail()
	}
	if err != nil {
		return nil, err
	}
	return r, ss.filter(c, r, by)
}

// filter applies LIKE 'pattern' or a simple WHERE on the column at index by.
func (ss *session) filter(c *cursor, r *result, by int) error {
	var keep func(string) bool
	switch {
	case c.done():
		return nil
	case c.word("LIKE"):
		p := c.next().val
		keep = func(s string) bool { return like(s, p) }
	case c.word("WHERE"):
		name, err := c.ident()
		if err != nil {
			return err
		}
		for i, col := range r.cols {
			if strings.EqualFold(col.name, name) {
				by = i
			}
		}
		var want []string
		switch {
		case c.op("="):
			want = []string{c.next().val}
		case c.word("LIKE"):
			p := c.next().val
			keep = func(s string) bool { return like(s, p) }
		case c.word("IN"):
			inside, err := c.group()
			if err != nil {
				return err
			}
			for _, p := range split(inside) {
				if len(p) == 1 {
					want = append(want, p[0].val)
				}
			}
		default:
			return c.fail()
		}
		if keep == nil {
			keep = func(s string) bool { return containsFold(want, s) }
		}
	default:
		return c.fail()
	}
	rows := r.rows[:0:0]
	for _, row := range r.rows {
		if keep(toText(row[by])) {
			rows = append(rows, row)
		}
	}
	r.rows = rows
	return c.end()
}

// like matches an SQL pattern without regard to case.
func like(s, p string) bool {
	s, p = strings.ToLower(s), strings.ToLower(p)
	for p != "" {
		switch {
		case p[0] == '%':
			p = p[1:]
			for i := range len(s) + 1 {
				if like(s[i:], p) {
					return true
				}
			}
			return false
		case s == "":
			return false
		case p[0] == '\\' && len(p) > 1:
			p = p[1:]
			if s[0] != p[0] {
				return false
			}
		case p[0] != '_' && p[0] != s[0]:
			return false
		}
		s, p = s[1:], p[1:]
	}
	return s == ""
}

func (ss *session) showDatabases() *result {
	r := table("Database")
	ss.srv.eng.mu.Lock()
	defer ss.srv.eng.mu.Unlock()
	names := append(sortedKeys(ss.srv.eng.cat), schemaDB)
	slices.Sort(names)
	for _, n := range names {
		r.add(n)
	}
	return r
}

// database reads [FROM|IN db].
func (ss *session) database(c *cursor) (string, error) {
	if c.any("FROM", "IN") != "" {
		return c.ident()
	}
	if ss.db == "" {
		return "", errorf(1046, "3D000", "No database selected")
	}
	return ss.db, nil
}

func (ss *session) showTables(c *cursor) (*result, error) {
	full := c.at(-2).is("FULL")
	db, err := ss.database(c)
	if err != nil {
		return nil, err
	}
	r := table("Tables_in_" + db)
	if full {
		r = table("Tables_in_"+db, "Table_type")
	}
	ss.srv.eng.mu.Lock()
	defer ss.srv.eng.mu.Unlock()
	names := sortedKeys(ss.srv.eng.cat[db])
	if strings.EqualFold(db, schemaDB) {
		names = sortedKeys(schemaTables)
	} else if ss.srv.eng.cat[db] == nil {
		return nil, errorf(1049, "42000", "Unknown database '%s'", db)
	}
	for _, n := range names {
		if full {
			r.add(n, "BASE TABLE")
		} else {
			r.add(n)
		}
	}
	return r, nil
}

func (ss *session) tableStatus(c *cursor) (*result, error) {
	db, err := ss.database(c)
	if err != nil {
		return nil, err
	}
	r := table("Name", "Engine", "Row_format", "Rows", "Collation", "Comment")
	eng := ss.srv.eng
	eng.mu.Lock()
	defer eng.mu.Unlock()
	if err := eng.enter(nil); err != nil {
		return nil, err
	}
	for _, n := range sortedKeys(eng.cat[db]) {
		rs, err := eng.query("SELECT count(*) FROM "+quote(db)+"."+quote(n), nil)
		if err != nil {
			return nil, explain(err, nil, nil)
		}
		r.add(n, "InnoDB", "Dynamic", rs.rows[0][0], "utf8mb4_general_ci", "")
	}
	return r, nil
}

// findTable reads FROM table [FROM db].
func (ss *session) findTable(c *cursor) (*tableDef, error) {
	db, name, err := c.tableName()
	if err != nil {
		return nil, err
	}
	if c.any("FROM", "IN") != "" {
		if db, err = c.ident(); err != nil {
			return nil, err
		}
	}
	if db == "" {
		db = ss.db
	}
	ss.srv.eng.mu.Lock()
	defer ss.srv.eng.mu.Unlock()
	return ss.srv.eng.cat.table(db, name)
}

func (ss *session) showColumns(c *cursor) (*result, error) {
	c.any("FROM", "IN")
	t, err := ss.findTable(c)
	if err != nil {
		return nil, err
	}
	r := table("Field", "Type", "Null", "Key", "Default", "Extra")
	for i := range t.cols {
		r.add(t.describe(&t.cols[i])...)
	}
	return r, nil
}

// describe runs DESCRIBE table, and EXPLAIN of a statement as one line.
func (ss *session) describe(c *cursor) (*result, error) {
	c.next()
	if c.peek().is("SELECT") || c.peek().is("UPDATE") || c.peek().is("DELETE") || c.peek().is("INSERT") {
		r := table("id", "select_type", "table", "Extra")
		r.add(int64(1), "SIMPLE", nil, "run by SQLite")
		return r, nil
	}
	return ss.showColumns(c)
}

func (ss *session) showKeys(c *cursor) (*result, error) {
	c.any("FROM", "IN")
	t, err := ss.findTable(c)
	if err != nil {
		return nil, err
	}
	r := table("Table", "Non_unique", "Key_name", "Seq_in_index", "Column_name")
	add := func(name string, unique bool, cols []string) {
		for i, col := range cols {
			r.add(t.name, toBit(!unique), name, int64(i+1), col)
		}
	}
	add("PRIMARY", true, t.pk)
	for _, k := range t.keys {
		add(k.name, k.unique, k.cols)
	}
	return r, nil
}

func (ss *session) showCreate(c *cursor) (*result, error) {
	if c.any("DATABASE", "SCHEMA") != "" {
		name, err := c.ident()
		if err != nil {
			return nil, err
		}
		r := table("Database", "Create Database")
		r.add(name, "CREATE DATABASE "+quote(name)+" /*!40100 DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci */")
		return r, c.end()
	}
	if !c.word("TABLE") {
		return nil, c.fail()
	}
	t, err := ss.findTable(c)
	if err != nil {
		return nil, err
	}
	r := table("Table", "Create Table")
	r.add(t.name, t.show())
	return r, c.end()
}
