package mysqld

// cursor walks over the tokens of one statement.
type cursor struct {
	src  string
	toks []token
	pos  int
}

func (c *cursor) peek() token { return c.at(0) }

// at looks n tokens ahead; past the end it gives kEnd.
func (c *cursor) at(n int) token {
	if c.pos+n >= len(c.toks) {
		return token{kind: kEnd, start: len(c.src), end: len(c.src)}
	}
	return c.toks[c.pos+n]
}

func (c *cursor) next() token {
	t := c.peek()
	if t.kind != kEnd {
		c.pos++
	}
	return t
}

func (c *cursor) done() bool { return c.pos >= len(c.toks) }

// word takes the words in order, all or none.
func (c *cursor) word(words ...string) bool {
	for i, w := range words {
		if !c.at(i).is(w) {
			return false
		}
	}
	c.pos += len(words)
	return true
}

// any takes one of the words and returns it; "" when none is next.
func (c *cursor) any(words ...string) string {
	for _, w := range words {
		if c.word(w) {
			return w
		}
	}
	return ""
}

func (c *cursor) op(s string) bool {
	if c.peek().op(s) {
		c.pos++
		return true
	}
	return false
}

// fail is the syntax error at the current token.
func (c *cursor) fail() error {
	t := c.peek()
	if t.kind == kEnd {
		return errSyntax("")
	}
	return errSyntax(c.src[t.start:])
}

// end fails unless everything was read.
func (c *cursor) end() error {
	if c.done() {
		return nil
	}
	return c.fail()
}

func (c *cursor) ident() (string, error) {
	t := c.peek()
	if !t.name() {
		return "", c.fail()
	}
	c.pos++
	return t.val, nil
}

// tableName reads [db.]table; db is "" when not given.
func (c *cursor) tableName() (db, table string, err error) {
	if table, err = c.ident(); err != nil {
		return "", "", err
	}
	if c.op(".") {
		db = table
		table, err = c.ident()
	}
	return db, table, err
}

// group reads a parenthesis with everything in it and returns the inside.
func (c *cursor) group() ([]token, error) {
	if !c.op("(") {
		return nil, c.fail()
	}
	begin, depth := c.pos, 1
	for ; !c.done(); c.pos++ {
		switch t := c.peek(); {
		case t.op("("):
			depth++
		case t.op(")"):
			depth--
			if depth == 0 {
				c.pos++
				return c.toks[begin : c.pos-1], nil
			}
		}
	}
	return nil, c.fail()
}

// until reads up to (not including) the first token at depth 0 that stop accepts.
func (c *cursor) until(stop func(token) bool) []token {
	begin, depth := c.pos, 0
	for ; !c.done(); c.pos++ {
		t := c.peek()
		if depth == 0 && stop(t) {
			break
		}
		if t.op("(") {
			depth++
		} else if t.op(")") {
			depth--
		}
	}
	return c.toks[begin:c.pos]
}

// split cuts a list at the commas of depth 0. An empty list has no parts.
func split(toks []token) [][]token {
	if len(toks) == 0 {
		return nil
	}
	var out [][]token
	begin, depth := 0, 0
	for i, t := range toks {
		switch {
		case t.op("("):
			depth++
		case t.op(")"):
			depth--
		case t.op(",") && depth == 0:
			out = append(out, toks[begin:i])
			begin = i + 1
		}
	}
	return append(out, toks[begin:])
}
