package mysqld

import (
	"strings"
)

// keywords are passed on as they are; every other bare word is a name and gets
// quoted, so that it may be a keyword of SQLite.
var keywords = set("SELECT DISTINCT ALL AS WHERE GROUP BY HAVING ORDER ASC DESC LIMIT UNION EXCEPT INTERSECT AND OR NOT IN IS " +
	"NULL LIKE BETWEEN CASE WHEN THEN ELSE INNER LEFT RIGHT OUTER CROSS NATURAL ON USING EXISTS WITH RECURSIVE OVER VALUES ESCAPE FROM JOIN FOR RETURNING")

// notCalls are words that may stand before a parenthesis without being functions.
var notCalls = set("AND OR NOT IN ON AS WHERE HAVING WHEN THEN ELSE BY SELECT FROM EXISTS ALL ANY SOME UNION EXCEPT INTERSECT USING " +
	"BETWEEN LIKE IS CASE OVER DISTINCT JOIN LIMIT OFFSET RECURSIVE WITH RETURNING")

var overWords = set("PARTITION ROWS RANGE UNBOUNDED PRECEDING FOLLOWING CURRENT ROW")

// hints change nothing about the result.
var hints = set("SQL_NO_CACHE SQL_CACHE SQL_CALC_FOUND_ROWS SQL_BUFFER_RESULT SQL_SMALL_RESULT SQL_BIG_RESULT HIGH_PRIORITY LOW_PRIORITY")

// endOfList ends a SELECT list, and clauses end a FROM clause.
var (
	endOfList = set("FROM WHERE GROUP HAVING ORDER LIMIT UNION EXCEPT INTERSECT FOR LOCK INTO")
	clauses   = set("WHERE GROUP HAVING ORDER LIMIT UNION EXCEPT INTERSECT SELECT RETURNING")
)

func set(words string) map[string]bool {
	out := map[string]bool{}
	for w := range strings.FieldsSeq(words) {
		out[w] = true
	}
	return out
}

// word translates a keyword, a name or a call.
func (tr *translator) word(c *cursor, out *output, sc *scope) error {
	t := c.peek()
	if sc.table && !(t.is("SELECT") || t.is("LATERAL")) {
		sc.table = false
		if t.is("DUAL") && out.last() == "FROM" {
			c.next()
			out.pop()
			return nil
		}
		_, full, err := tr.tableRef(c)
		if err != nil {
			return err
		}
		out.add(full)
		return nil
	}
	if t.kind == kQuoted || c.at(1).op(".") {
		if c.at(1).op("(") {
			return tr.call(c, out)
		}
		return tr.name(c, out)
	}
	if done, err := tr.clause(c, out, sc); done || err != nil {
		return err
	}
	if c.at(1).op("(") && !notCalls[t.up] && !(t.up == "VALUES" && !tr.inDup) {
		return tr.call(c, out)
	}
	switch t.up {
	case "CURRENT_TIMESTAMP", "LOCALTIME", "LOCALTIMESTAMP", "UTC_TIMESTAMP":
		out.add(str(formatTime(tr.now, 0)))
	case "CURRENT_DATE", "UTC_DATE":
		out.add(str(tr.now.UTC().Format("2006-01-02")))
	case "CURRENT_USER":
		v, _ := tr.env.function("CURRENT_USER") // always answered
		out.add(literal(v))
	case "TRUE":
		out.add("1")
	case "FALSE":
		out.add("0")
	case "MOD":
		out.add("%")
	case "XOR", "DIV", "SOUNDS", "MATCH", "PROCEDURE":
		return c.fail()
	default:
		keyword := keywords[t.up] || (sc.over && overWords[t.up]) || (t.up == "END" && openCase(out)) || (t.up == "OFFSET" && afterLimit(out))
		if !keyword {
			return tr.name(c, out)
		}
		out.add(t.up)
	}
	c.next()
	return nil
}

// clause handles the words that are more than themselves; done tells that it did.
func (tr *translator) clause(c *cursor, out *output, sc *scope) (done bool, err error) {
	t := c.peek()
	if clauses[t.up] {
		sc.from, sc.table = false, false
	}
	switch t.up {
	case "SELECT":
		if sc.top {
			sc.top = false
			return true, tr.selectList(c, out)
		}
	case "WITH":
		tr.findCTEs(c)
	case "FROM", "JOIN", "STRAIGHT_JOIN":
		c.next()
		out.add(map[bool]string{true: "FROM", false: "JOIN"}[t.up == "FROM"])
		sc.from, sc.table = true, true
		return true, nil
	case "FOR", "LOCK":
		if c.word("FOR", "UPDATE") || c.word("FOR", "SHARE") || c.word("LOCK", "IN", "SHARE", "MODE") {
			tr.locking = true
			if !c.word("SKIP", "LOCKED") && c.word("WAIT") {
				c.next()
			}
			c.word("NOWAIT")
			return true, nil
		}
	case "USE", "FORCE", "IGNORE":
		if w := c.at(1); sc.from && (w.is("INDEX") || w.is("KEY")) {
			c.next()
			c.next()
			_, err := c.group()
			return true, err
		}
	case "BINARY":
		if !c.at(1).op("(") {
			c.next()
			return true, nil
		}
	case "COLLATE":
		c.next()
		how := "NOCASE"
		if strings.HasSuffix(strings.ToLower(c.next().val), "bin") {
			how = "BINARY"
		}
		out.add("COLLATE " + how)
		return true, nil
	case "INTERVAL":
		return true, tr.interval(c, out)
	case "REGEXP", "RLIKE":
		return true, tr.regexp(c, out)
	case "OVER":
		if c.at(1).op("(") {
			c.next()
			inside, err := c.group()
			if err != nil {
				return true, err
			}
			s, err := tr.run(inside, scope{over: true})
			out.add("OVER (" + s + ")")
			return true, err
		}
	case "IN":
		if c.at(1).op("(") && c.at(2).op("(") && !c.at(3).is("SELECT") {
			c.next()
			inside, err := c.group()
			if err != nil {
				return true, err
			}
			s, err := tr.expr(inside)
			out.add("IN (VALUES " + s + ")")
			return true, err
		}
	}
	if hints[t.up] {
		c.next()
		return true, nil
	}
	if strings.HasPrefix(t.val, "_") && c.at(1).kind == kString { // _utf8mb4'text'
		c.next()
		return true, nil
	}
	return false, nil
}

// name reads a, a.b, a.b.c or a.* and gives it as one operand.
func (tr *translator) name(c *cursor, out *output) error {
	first, err := c.ident()
	if err != nil {
		return err
	}
	s := quote(first)
	for c.op(".") {
		if c.op("*") {
			s += ".*"
			break
		}
		n, err := c.ident()
		if err != nil {
			return err
		}
		s += "." + quote(n)
	}
	out.add(s)
	return nil
}

// findCTEs notes the names that a WITH clause defines: name [(columns)] AS (.
func (tr *translator) findCTEs(c *cursor) {
	for i := 1; i < len(c.toks)-c.pos; i++ {
		if !c.at(i).is("AS") || !c.at(i+1).op("(") {
			continue
		}
		j := i - 1
		if c.at(j).op(")") {
			for j > 0 && !c.at(j).op("(") {
				j--
			}
			j--
		}
		if j > 0 && c.at(j).name() {
			tr.ctes[strings.ToLower(c.at(j).val)] = true
		}
	}
}

// selectList translates the outermost list and names what has no name.
func (tr *translator) selectList(c *cursor, out *output) error {
	c.next()
	out.add("SELECT")
	for {
		if w := c.any("DISTINCT", "DISTINCTROW", "ALL"); w != "" {
			out.add(strings.TrimSuffix(w, "ROW"))
		} else if hints[c.peek().up] {
			c.next()
		} else {
			break
		}
	}
	list := c.until(func(t token) bool { return t.kind == kWord && endOfList[t.up] })
	if len(list) == 0 {
		return c.fail()
	}
	for i, item := range split(list) {
		if len(item) == 0 {
			return c.fail()
		}
		s, err := tr.expr(item)
		if err != nil {
			return err
		}
		if !hasName(item) {
			s += " AS " + quote(tr.src[item[0].start:item[len(item)-1].end])
		}
		if i > 0 {
			out.add(",")
		}
		out.add(s)
	}
	return nil
}

// hasName tells whether a select item is a plain column or has an alias.
func hasName(item []token) bool {
	n := len(item)
	last := item[n-1]
	if last.op("*") {
		return n == 1 || item[n-2].op(".")
	}
	plain := true
	for i, t := range item {
		plain = plain && (i%2 == 1) == t.op(".") && (i%2 == 1 || t.name())
		if t.is("INTERVAL") {
			return n > 2 && item[n-2].is("AS")
		}
	}
	if plain {
		return !last.is("NULL") && !last.is("TRUE") && !last.is("FALSE") && !strings.HasPrefix(last.up, "CURRENT_")
	}
	if n < 2 || (!last.name() && last.kind != kString) {
		return false
	}
	if last.is("END") || last.is("NULL") || last.is("TRUE") || last.is("FALSE") {
		return false
	}
	prev := item[n-2]
	switch {
	case prev.is("AS"), prev.op(")"), prev.kind == kQuoted, prev.kind == kNumber, prev.kind == kString, prev.kind == kParam,
		prev.kind == kSysVar, prev.kind == kUserVar, prev.is("END"), prev.is("NULL"):
		return true
	default:
		return prev.kind == kWord && !keywords[prev.up] && !strings.HasPrefix(prev.val, "_") && prev.up != "COLLATE"
	}
}

func openCase(out *output) bool {
	n := 0
	for _, p := range out.parts {
		switch p {
		case "CASE":
			n++
		case "END":
			n--
		}
	}
	return n > 0
}

func afterLimit(out *output) bool {
	for _, p := range out.parts {
		if p == "LIMIT" {
			return true
		}
	}
	return false
}

// interval turns "x + INTERVAL n UNIT" into a call; x is the last operand.
func (tr *translator) interval(c *cursor, out *output) error {
	sign := out.last()
	if sign != "+" && sign != "-" || len(out.parts) < 2 {
		return c.fail()
	}
	c.next()
	n, unit, err := tr.amount(c)
	if err != nil {
		return err
	}
	out.pop()
	if sign == "-" {
		n = "-(" + n + ")"
	}
	out.add("my_dateadd(" + out.pop() + "," + n + "," + unit + ")")
	return nil
}

// amount reads "expr UNIT".
func (tr *translator) amount(c *cursor) (n, unit string, err error) {
	begin := c.pos
	for !c.done() && !units[c.peek().up] {
		if c.peek().op("(") {
			if _, err := c.group(); err != nil {
				return "", "", err
			}
			continue
		}
		c.next()
	}
	if c.done() {
		return "", "", c.fail()
	}
	if n, err = tr.expr(c.toks[begin:c.pos]); err != nil {
		return "", "", err
	}
	return n, str(c.next().up), nil
}

var units = set("MICROSECOND SECOND MINUTE HOUR DAY WEEK MONTH QUARTER YEAR")

// regexp turns "x [NOT] REGEXP y" into a call.
func (tr *translator) regexp(c *cursor, out *output) error {
	c.next()
	begin := c.pos
	switch {
	case c.peek().op("("):
		if _, err := c.group(); err != nil {
			return err
		}
	case c.peek().name() && c.at(1).op("("):
		c.next()
		if _, err := c.group(); err != nil {
			return err
		}
	default:
		c.next()
	}
	y, err := tr.expr(c.toks[begin:c.pos])
	if err != nil {
		return err
	}
	call := "my_regexp"
	if out.last() == "NOT" {
		out.pop()
		call = "NOT my_regexp"
	}
	x := out.pop()
	if x == "" {
		return c.fail()
	}
	out.add(call + "(" + x + "," + y + ")")
	return nil
}
