package mysqld

import (
	"strconv"
	"strings"
)

// columnList reads the parenthesis of CREATE TABLE into t.
func (tr *translator) columnList(t *tableDef, toks []token) error {
	for _, part := range split(toks) {
		c := &cursor{src: tr.src, toks: part}
		if key, ok, err := tr.keyPart(c); err != nil {
			return err
		} else if ok {
			if key != nil && key.name == "PRIMARY" {
				t.pk = key.cols
			} else if key != nil {
				t.addKey(*key)
			}
			continue
		}
		col, key, err := tr.column(c)
		if err != nil {
			return err
		}
		switch key {
		case "PRIMARY":
			t.pk = []string{col.name}
		case "UNIQUE":
			t.addKey(keyDef{name: col.name, cols: []string{col.name}, unique: true})
		}
		t.cols = append(t.cols, col)
	}
	for _, name := range t.pk {
		c := t.col(name)
		if c == nil {
			return errorf(1072, "42000", "Key column '%s' doesn't exist in table", name)
		}
		c.notNull = true
	}
	for _, k := range t.keys {
		for _, name := range k.cols {
			if t.col(name) == nil {
				return errorf(1072, "42000", "Key column '%s' doesn't exist in table", name)
			}
		}
	}
	if len(t.cols) == 0 {
		return errorf(1113, "42000", "A table must have at least 1 column")
	}
	return nil
}

func (t *tableDef) addKey(k keyDef) {
	if k.name == "" {
		k.name = k.cols[0]
	}
	base := k.name
	for n := 2; ; n++ {
		taken := false
		for _, have := range t.keys {
			taken = taken || strings.EqualFold(have.name, k.name)
		}
		if !taken {
			break
		}
		k.name = base + "_" + strconv.Itoa(n)
	}
	t.keys = append(t.keys, k)
}

// keyPart reads PRIMARY KEY, UNIQUE [KEY], KEY, INDEX; constraints that SQLite
// would have to enforce across tables (FOREIGN KEY, CHECK) are taken and ignored:
// then the key is nil.
func (tr *translator) keyPart(c *cursor) (*keyDef, bool, error) {
	if c.word("CONSTRAINT") && !c.peek().is("PRIMARY") && !c.peek().is("UNIQUE") && !c.peek().is("FOREIGN") && !c.peek().is("CHECK") {
		c.next()
	}
	k := &keyDef{}
	switch {
	case c.word("FOREIGN"), c.word("CHECK"), c.word("FULLTEXT"), c.word("SPATIAL"):
		return nil, true, nil
	case c.word("PRIMARY", "KEY"):
		k.name = "PRIMARY"
	case c.word("UNIQUE"):
		k.unique = true
		c.any("KEY", "INDEX")
	case c.word("KEY"), c.word("INDEX"):
	default:
		return nil, false, nil
	}
	if c.peek().name() && !c.peek().is("USING") {
		name, _ := c.ident() // it is a name: just looked
		if k.name == "" {
			k.name = name
		}
	}
	if c.word("USING") {
		c.next()
	}
	cols, err := c.group()
	if err != nil {
		return nil, false, err
	}
	for _, p := range split(cols) {
		if len(p) == 0 || !p[0].name() {
			return nil, false, c.fail()
		}
		k.cols = append(k.cols, p[0].val)
	}
	if len(k.cols) == 0 {
		return nil, false, c.fail()
	}
	return k, true, nil
}

// column reads one column definition; key is PRIMARY, UNIQUE or "".
func (tr *translator) column(c *cursor) (col colDef, key string, err error) {
	if col.name, err = c.ident(); err != nil {
		return col, "", err
	}
	t := c.next()
	if t.kind != kWord {
		c.pos--
		return col, "", c.fail()
	}
	col.base = t.up
	if col.base == "DOUBLE" {
		c.word("PRECISION")
	}
	if !knownTypes[col.base] {
		c.pos--
		return col, "", c.fail()
	}
	if c.peek().op("(") {
		inside, err := c.group()
		if err != nil {
			return col, "", err
		}
		if len(inside) > 0 {
			col.args = tr.src[inside[0].start:inside[len(inside)-1].end]
		}
		for i, p := range split(inside) {
			if len(p) == 1 && p[0].kind == kNumber {
				n, _ := strconv.Atoi(p[0].val) // a number: just looked
				if i == 0 {
					col.size = n
				} else {
					col.dec = n
				}
			}
		}
	}
	if col.class() == classDecimal && col.args == "" {
		col.args, col.size = "10,0", 10
	}
	if col.base == "SERIAL" {
		col.base, col.unsigned, col.notNull, col.autoInc, key = "BIGINT", true, true, true, "UNIQUE"
	}
	for !c.done() {
		k, err := tr.attribute(c, &col)
		if err != nil {
			return col, "", err
		}
		if k != "" {
			key = k
		}
	}
	return col, key, nil
}

var knownTypes = map[string]bool{
	"TINYINT": true, "SMALLINT": true, "MEDIUMINT": true, "INT": true, "INTEGER": true, "BIGINT": true, "BOOL": true,
	"BOOLEAN": true, "BIT": true, "YEAR": true, "SERIAL": true, "FLOAT": true, "DOUBLE": true, "REAL": true,
	"DECIMAL": true, "NUMERIC": true, "DEC": true, "FIXED": true, "DATETIME": true, "TIMESTAMP": true, "DATE": true,
	"TIME": true, "CHAR": true, "VARCHAR": true, "TEXT": true, "TINYTEXT": true, "MEDIUMTEXT": true, "LONGTEXT": true,
	"BLOB": true, "TINYBLOB": true, "MEDIUMBLOB": true, "LONGBLOB": true, "BINARY": true, "VARBINARY": true,
	"JSON": true, "ENUM": true, "SET": true, "UUID": true, "INET4": true, "INET6": true,
}

// attribute reads one attribute of a column.
func (tr *translator) attribute(c *cursor, col *colDef) (key string, err error) {
	switch {
	case c.word("UNSIGNED"):
		col.unsigned = true
	case c.word("SIGNED"), c.word("ZEROFILL"), c.word("NULL"):
	case c.word("NOT", "NULL"):
		col.notNull = true
	case c.word("AUTO_INCREMENT"):
		col.autoInc = true
	case c.word("PRIMARY"):
		c.word("KEY")
		col.notNull = true
		return "PRIMARY", nil
	case c.word("UNIQUE"):
		c.word("KEY")
		return "UNIQUE", nil
	case c.word("KEY"):
		return "PRIMARY", nil
	case c.word("COMMENT"):
		c.next()
	case c.word("COLLATE"), c.word("CHARACTER", "SET"), c.word("CHARSET"):
		col.binary = col.binary || strings.HasSuffix(strings.ToLower(c.next().val), "_bin")
	case c.word("BINARY"):
		col.binary = true
	case c.word("ON", "UPDATE"):
		if !isNow(c.next()) {
			return "", c.fail()
		}
		if c.peek().op("(") {
			if _, err := c.group(); err != nil {
				return "", err
			}
		}
		col.onUpdate = true
	case c.word("DEFAULT"):
		return "", tr.defaultValue(c, col)
	case c.word("CHECK"):
		if _, err := c.group(); err != nil {
			return "", err
		}
	default:
		return "", c.fail()
	}
	return "", nil
}

func isNow(t token) bool {
	return t.is("CURRENT_TIMESTAMP") || t.is("NOW") || t.is("LOCALTIMESTAMP") || t.is("LOCALTIME")
}

func (tr *translator) defaultValue(c *cursor, col *colDef) error {
	begin := c.peek()
	switch t := c.next(); {
	case isNow(t):
		if c.peek().op("(") {
			if _, err := c.group(); err != nil {
				return err
			}
		}
		col.def = "my_now(" + strconv.Itoa(col.size) + ")"
		col.defText = "current_timestamp(" + col.args + ")"
		return nil
	case t.is("NULL"):
		return nil
	case t.op("("):
		c.pos--
		inside, err := c.group()
		if err != nil {
			return err
		}
		if col.def, err = tr.expr(inside); err != nil {
			return err
		}
	case t.op("-"):
		col.def = "-" + c.next().val
	case t.kind == kNumber:
		col.def = t.val
		if col.class() != classInt && col.class() != classFloat {
			col.def = str(t.val)
		}
	case t.kind == kString:
		col.def = str(t.val)
	case t.is("TRUE"):
		col.def = "1"
	case t.is("FALSE"):
		col.def = "0"
	default:
		c.pos--
		return c.fail()
	}
	col.def = col.wrap(col.def)
	col.defText = tr.src[begin.start:c.toks[c.pos-1].end]
	return nil
}
