package mysqld

import (
	"database/sql/driver"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// environment is what a statement can ask of its session.
type environment interface {
	sysVar(name string) (any, error)
	userVar(name string) any
	// function answers those that depend on the session (DATABASE, USER, ...).
	function(name string) (any, bool)
}

// translator turns one statement of the client's dialect into SQLite's. It lives
// for one statement.
type translator struct {
	src string
	db  string // default database
	cat catalog
	env environment
	now time.Time
	// nParams is the number of parameters given.
	nParams int

	// What was found on the way:
	ctes    map[string]bool
	tables  []*tableDef
	locking bool // FOR UPDATE and its like
	schema  bool // reads information_schema
	inDup   bool // inside ON DUPLICATE KEY UPDATE
}

// literal prints a value as an SQLite literal.
func literal(v any) string {
	switch v := v.(type) {
	case nil:
		return "NULL"
	case int64:
		return strconv.FormatInt(v, 10)
	case int:
		return strconv.Itoa(v)
	case float64:
		return strconv.FormatFloat(v, 'g', -1, 64)
	case bool:
		if v {
			return "1"
		}
		return "0"
	case []byte:
		return fmt.Sprintf("x'%x'", v)
	case string:
		return str(v)
	default:
		return str(toText(v))
	}
}

// scope is the place in a statement that run is at.
type scope struct {
	top   bool // the outermost SELECT list is still to come
	from  bool // inside a FROM clause: a comma brings another table
	table bool // a table name must be next
	over  bool // inside OVER (...): frame words are keywords
}

// expr translates tokens that are an expression.
func (tr *translator) expr(toks []token) (string, error) { return tr.run(toks, scope{}) }

// query translates a whole SELECT and names its columns as the client wrote them.
func (tr *translator) query(toks []token) (string, error) { return tr.run(toks, scope{top: true}) }

// output collects translated parts; one part is one operand or operator.
type output struct{ parts []string }

func (o *output) add(s string) { o.parts = append(o.parts, s) }
func (o *output) last() string {
	if len(o.parts) == 0 {
		return ""
	}
	return o.parts[len(o.parts)-1]
}

func (o *output) pop() string {
	s := o.last()
	if s != "" {
		o.parts = o.parts[:len(o.parts)-1]
	}
	return s
}
func (o *output) String() string { return strings.Join(o.parts, " ") }

func (tr *translator) run(toks []token, sc scope) (string, error) {
	c := &cursor{src: tr.src, toks: toks}
	out := &output{}
	for !c.done() {
		var err error
		switch t := c.peek(); t.kind {
		case kWord, kQuoted:
			err = tr.word(c, out, &sc)
		case kOp:
			err = tr.operator(c, out, &sc)
		default:
			c.next()
			err = tr.operand(t, out)
		}
		if err != nil {
			return "", err
		}
	}
	return out.String(), nil
}

func (tr *translator) operand(t token, out *output) error {
	switch t.kind {
	case kString:
		s := str(t.val)
		if l := out.last(); l == "LIKE" && strings.Contains(t.val, `\`) {
			s += ` ESCAPE '\'`
		} else if l == "AS" {
			s = quote(t.val)
		}
		out.add(s)
	case kNumber:
		out.add(t.val)
	case kHex:
		out.add(fmt.Sprintf("CAST(x'%x' AS TEXT)", t.val))
	case kParam:
		if t.param >= tr.nParams {
			return errSyntax("?")
		}
		out.add("?" + strconv.Itoa(t.param+1))
	case kSysVar:
		v, err := tr.env.sysVar(t.val)
		if err != nil {
			return err
		}
		out.add(literal(v))
	case kUserVar:
		out.add(literal(tr.env.userVar(t.val)))
	case kEnd, kWord, kQuoted, kOp:
		return errSyntax(t.val)
	}
	return nil
}

func (tr *translator) operator(c *cursor, out *output, sc *scope) error {
	t := c.peek()
	switch t.val {
	case "(":
		inside, err := c.group()
		if err != nil {
			return err
		}
		sub := scope{over: sc.over}
		if sc.table && len(inside) > 0 && !inside[0].is("SELECT") && !inside[0].is("WITH") {
			sub.table, sub.from = true, true
		}
		sc.table = false
		s, err := tr.run(inside, sub)
		if err != nil {
			return err
		}
		out.add("(" + s + ")")
		return nil
	case ",":
		sc.table = sc.from
		out.add(",")
	case "/":
		out.add("* 1.0 /")
	case "&&":
		out.add("AND")
	case "||":
		out.add("OR")
	case "!":
		out.add("NOT")
	case "<=>":
		out.add("IS")
	case ":=", "^", ")", ";":
		return c.fail()
	default:
		out.add(t.val)
	}
	c.next()
	return nil
}

// tableRef reads a table name, checks it and gives its full SQLite name.
func (tr *translator) tableRef(c *cursor) (*tableDef, string, error) {
	db, name, err := c.tableName()
	if err != nil {
		return nil, "", err
	}
	if db == "" && tr.ctes[strings.ToLower(name)] {
		return nil, quote(name), nil
	}
	if db == "" {
		db = tr.db
	}
	if strings.EqualFold(db, schemaDB) {
		tr.schema = true
		if !schemaTables[strings.ToLower(name)] {
			return nil, "", errorf(1109, "42S02", "Unknown table '%s' in information_schema", name)
		}
		return nil, schemaDB + "." + strings.ToLower(name), nil
	}
	t, err := tr.cat.table(db, name)
	if err != nil {
		return nil, "", err
	}
	tr.tables = append(tr.tables, t)
	return t, quote(t.db) + "." + quote(t.name), nil
}

// call translates a function call; c stands at its name.
func (tr *translator) call(c *cursor, out *output) error {
	name := c.next()
	inside, err := c.group()
	if err != nil {
		return err
	}
	if name.kind == kWord {
		if f, ok := specialCalls[name.up]; ok {
			s, err := f(tr, name, inside)
			if err != nil {
				return err
			}
			out.add(s)
			return nil
		}
		if v, ok := tr.env.function(name.up); ok {
			out.add(literal(v))
			return nil
		}
	}
	target, ok := functionNames[name.up]
	if !ok {
		db := tr.db
		if db == "" {
			db = "test"
		}
		return errorf(1305, "42000", "FUNCTION %s.%s does not exist", db, name.val)
	}
	args, err := tr.run(inside, scope{})
	if err != nil {
		return err
	}
	out.add(target + "(" + args + ")")
	return nil
}

// args translates a comma list and checks its length.
func (tr *translator) args(name token, inside []token, least, most int) ([]string, error) {
	parts := split(inside)
	if len(parts) < least || len(parts) > most {
		return nil, errorf(1582, "42000", "Incorrect parameter count in the call to native function '%s'", name.val)
	}
	out := make([]string, len(parts))
	for i, p := range parts {
		var err error
		if out[i], err = tr.expr(p); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// named numbers the parameters for SQLite.
func named(params []any) []driver.NamedValue {
	out := make([]driver.NamedValue, len(params))
	for i, p := range params {
		out[i] = driver.NamedValue{Ordinal: i + 1, Value: p}
	}
	return out
}
