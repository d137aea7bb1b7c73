package mysqld

import "strings"

// schemaTables are the parts of information_schema that exist.
var schemaTables = map[string]bool{"schemata": true, "tables": true, "columns": true, "statistics": true, "triggers": true}

var schemaTablesSQL = []string{
	"CREATE TABLE information_schema.schemata (CATALOG_NAME TEXT, SCHEMA_NAME TEXT, DEFAULT_CHARACTER_SET_NAME TEXT, DEFAULT_COLLATION_NAME TEXT)",
	"CREATE TABLE information_schema.tables (TABLE_CATALOG TEXT, TABLE_SCHEMA TEXT COLLATE NOCASE, TABLE_NAME TEXT COLLATE NOCASE, TABLE_TYPE TEXT, ENGINE TEXT, TABLE_ROWS INTEGER, DATA_LENGTH INTEGER, INDEX_LENGTH INTEGER, TABLE_COLLATION TEXT, TABLE_COMMENT TEXT)",
	"CREATE TABLE information_schema.columns (TABLE_CATALOG TEXT, TABLE_SCHEMA TEXT COLLATE NOCASE, TABLE_NAME TEXT COLLATE NOCASE, COLUMN_NAME TEXT COLLATE NOCASE, ORDINAL_POSITION INTEGER, COLUMN_DEFAULT TEXT, IS_NULLABLE TEXT, DATA_TYPE TEXT, CHARACTER_MAXIMUM_LENGTH INTEGER, COLUMN_TYPE TEXT, COLUMN_KEY TEXT, EXTRA TEXT, GENERATION_EXPRESSION TEXT)",
	"CREATE TABLE information_schema.triggers (TRIGGER_NAME TEXT, EVENT_OBJECT_SCHEMA TEXT, EVENT_OBJECT_TABLE TEXT)",
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
		if err := e.run("INSERT INTO information_schema.columns VALUES ('def', ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, NULL)",
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
