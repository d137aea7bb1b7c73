package mysqld

import (
	"fmt"
	"strconv"
	"strings"
)

// colDef is one column as the client declared it.
type colDef struct {
	name string
	base string // BIGINT, VARCHAR, DATETIME, ...
	size int    // VARCHAR(64) -> 64, DATETIME(6) -> 6, DECIMAL(10,2) -> 10
	dec  int    // DECIMAL(10,2) -> 2
	args string // what stood in parentheses
	// unsigned, notNull, autoInc: as declared. binary: compared byte by byte.
	unsigned, notNull, autoInc, binary bool
	// def is the default as an SQLite expression; "" is none. defText is for people.
	def, defText string
	// onUpdate: ON UPDATE CURRENT_TIMESTAMP.
	onUpdate bool
}

type keyDef struct {
	name   string
	cols   []string
	unique bool
}

type tableDef struct {
	db, name string
	cols     []colDef
	pk       []string
	keys     []keyDef
}

// catalog is what exists: database -> table.
type catalog map[string]map[string]*tableDef

func (c catalog) table(db, name string) (*tableDef, error) {
	if db == "" {
		return nil, errorf(1046, "3D000", "No database selected")
	}
	tables, ok := c[db]
	if !ok {
		return nil, errorf(1049, "42000", "Unknown database '%s'", db)
	}
	if t, ok := tables[name]; ok {
		return t, nil
	}
	return nil, errNoTable(db, name)
}

func (t *tableDef) col(name string) *colDef {
	for i := range t.cols {
		if strings.EqualFold(t.cols[i].name, name) {
			return &t.cols[i]
		}
	}
	return nil
}

// keyFor is the name of the unique key over exactly these columns.
func (t *tableDef) keyFor(cols []string) string {
	if sameNames(t.pk, cols) {
		return "PRIMARY"
	}
	for _, k := range t.keys {
		if k.unique && sameNames(k.cols, cols) {
			return k.name
		}
	}
	return strings.Join(cols, "_")
}

func sameNames(a, b []string) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if !strings.EqualFold(a[i], b[i]) {
			return false
		}
	}
	return true
}

// quote makes an SQLite identifier; str a literal.
func quote(name string) string { return "`" + strings.ReplaceAll(name, "`", "``") + "`" }

func str(s string) string {
	if strings.ContainsRune(s, 0) {
		return fmt.Sprintf("CAST(x'%x' AS TEXT)", s)
	}
	return "'" + strings.ReplaceAll(s, "'", "''") + "'"
}

// class sorts types by how they are kept and printed.
type class int

const (
	classInt class = iota
	classFloat
	classDecimal
	classText
	classTime // DATETIME, TIMESTAMP
	classDate
	classBlob
)

func (c *colDef) class() class {
	switch c.base {
	case "TINYINT", "SMALLINT", "MEDIUMINT", "INT", "INTEGER", "BIGINT", "BOOL", "BOOLEAN", "BIT", "YEAR", "SERIAL":
		return classInt
	case "FLOAT", "DOUBLE", "REAL":
		return classFloat
	case "DECIMAL", "NUMERIC", "DEC", "FIXED":
		return classDecimal
	case "DATETIME", "TIMESTAMP":
		return classTime
	case "DATE":
		return classDate
	case "BLOB", "TINYBLOB", "MEDIUMBLOB", "LONGBLOB", "BINARY", "VARBINARY":
		return classBlob
	default:
		return classText
	}
}

// decl is the column's SQLite type and collation. The part after the affinity word
// comes back with every result, so that the client gets the declared type.
func (c *colDef) decl() string {
	tag := "MY" + c.base
	if c.args != "" && !strings.ContainsAny(c.args, "'\"") {
		tag += "(" + c.args + ")"
	}
	if c.unsigned {
		tag = "MYUNSIGNED " + tag
	}
	switch c.class() {
	case classInt:
		return "INTEGER " + tag
	case classFloat:
		return "REAL " + tag
	case classDecimal:
		return "TEXT " + tag + " COLLATE my_decimal"
	case classTime:
		return "TEXT " + tag + " COLLATE my_time"
	case classDate:
		return "TEXT " + tag + " COLLATE my_time"
	case classBlob:
		return "BLOB " + tag
	default:
		if c.binary || c.base == "JSON" {
			return "TEXT " + tag
		}
		return "TEXT " + tag + " COLLATE NOCASE"
	}
}

// wrap makes an SQLite expression give what the column keeps, or an error.
func (c *colDef) wrap(expr string) string {
	switch c.class() {
	case classInt:
		return "my_int(" + expr + "," + str(c.name) + ")"
	case classDecimal:
		return "my_dec(" + expr + "," + strconv.Itoa(c.dec) + ")"
	case classTime:
		return "my_dt(" + expr + "," + strconv.Itoa(c.size) + ")"
	case classDate:
		return "my_date(" + expr + ")"
	case classText:
		if c.base == "JSON" {
			return "my_json(" + expr + "," + str(c.name) + ")"
		}
		if c.size > 0 && (c.base == "VARCHAR" || c.base == "CHAR") {
			return "my_str(" + expr + "," + strconv.Itoa(c.size) + "," + str(c.name) + ")"
		}
	case classFloat, classBlob:
	}
	return expr
}

// create is the SQLite statement for t, indexes after it.
func (t *tableDef) create() []string {
	var parts []string
	intKey := false
	for i := range t.cols {
		c := &t.cols[i]
		if len(t.pk) == 1 && strings.EqualFold(t.pk[0], c.name) && c.class() == classInt {
			// The row id itself; anything but the bare word would make it another column.
			def := quote(c.name) + " INTEGER PRIMARY KEY"
			if c.autoInc {
				def += " AUTOINCREMENT"
			}
			parts = append(parts, def)
			intKey = true
			continue
		}
		parts = append(parts, c.sqlite())
	}
	if len(t.pk) > 0 && !intKey {
		parts = append(parts, "PRIMARY KEY ("+quoteAll(t.pk)+")")
	}
	out := []string{fmt.Sprintf("CREATE TABLE %s.%s (%s)", quote(t.db), quote(t.name), strings.Join(parts, ", "))}
	for _, k := range t.keys {
		out = append(out, t.index(k))
	}
	return out
}

func (c *colDef) sqlite() string {
	def := quote(c.name) + " " + c.decl()
	if c.notNull {
		def += " NOT NULL"
	}
	if c.def != "" {
		def += " DEFAULT (" + c.def + ")"
	}
	return def
}

func (t *tableDef) index(k keyDef) string {
	unique := ""
	if k.unique {
		unique = "UNIQUE "
	}
	return fmt.Sprintf("CREATE %sINDEX %s.%s ON %s (%s)", unique, quote(t.db), quote(t.indexName(k.name)), quote(t.name), quoteAll(k.cols))
}

func (t *tableDef) indexName(key string) string { return t.name + "__" + key }

func quoteAll(names []string) string {
	q := make([]string, len(names))
	for i, n := range names {
		q[i] = quote(n)
	}
	return strings.Join(q, ", ")
}

// describe is the type as DESCRIBE prints it.
func (c *colDef) describe() string {
	s := strings.ToLower(c.base)
	switch {
	case c.args != "":
		s += "(" + c.args + ")"
	case c.base == "BIGINT":
		s += "(20)"
	case c.base == "INT", c.base == "INTEGER":
		s = "int(11)"
	case c.base == "BOOL", c.base == "BOOLEAN":
		s = "tinyint(1)"
	case c.base == "JSON":
		s = "longtext"
	}
	if c.unsigned {
		s += " unsigned"
	}
	return s
}

// show is the text of SHOW CREATE TABLE.
func (t *tableDef) show() string {
	var lines []string
	for i := range t.cols {
		c := &t.cols[i]
		l := "  " + quote(c.name) + " " + c.describe()
		if c.notNull {
			l += " NOT NULL"
		}
		switch {
		case c.defText != "":
			l += " DEFAULT " + c.defText
		case !c.notNull:
			l += " DEFAULT NULL"
		}
		if c.onUpdate {
			l += " ON UPDATE current_timestamp(" + c.args + ")"
		}
		if c.autoInc {
			l += " AUTO_INCREMENT"
		}
		lines = append(lines, l)
	}
	if len(t.pk) > 0 {
		lines = append(lines, "  PRIMARY KEY ("+strings.ReplaceAll(quoteAll(t.pk), ", ", ",")+")")
	}
	for _, k := range t.keys {
		word := "KEY"
		if k.unique {
			word = "UNIQUE KEY"
		}
		lines = append(lines, "  "+word+" "+quote(k.name)+" ("+strings.ReplaceAll(quoteAll(k.cols), ", ", ",")+")")
	}
	return "CREATE TABLE " + quote(t.name) + " (\n" + strings.Join(lines, ",\n") + "\n) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci"
}
