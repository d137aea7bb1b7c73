package mysqld

import (
	"strconv"
	"strings"
)

// versionNumber is Version as executable comments count: 10.11.19.
const versionNumber = 101119

// kind of a token.
type kind int

const (
	kEnd     kind = iota
	kWord         // bare identifier or keyword
	kQuoted       // `identifier`
	kString       // 'text' or "text"
	kNumber       // 12, 1.5e3
	kHex          // 0x41 or x'41'; val holds the bytes
	kOp           // operator or punctuation
	kParam        // ? of a prepared statement
	kSysVar       // @@name, @@global.name
	kUserVar      // @name
)

// token is one lexical unit of a statement.
type token struct {
	kind kind
	// val: the identifier, the unescaped string, the number, the operator, the
	// variable's name (with its scope) without @.
	val string
	// up is val in capitals, for words only.
	up         string
	start, end int // in the source
	param      int // index of a kParam
}

func (t token) is(word string) bool { return t.kind == kWord && t.up == word }
func (t token) op(s string) bool    { return t.kind == kOp && t.val == s }
func (t token) name() bool          { return t.kind == kWord || t.kind == kQuoted }

// lex splits a source into statements (at ;) of tokens.
func lex(src string) ([][]token, error) {
	var out [][]token
	var cur []token
	params := 0
	for i := 0; i < len(src); {
		if n := skipBlank(src[i:]); n > 0 {
			i += n
			continue
		}
		t, err := next(src, i)
		if err != nil {
			return nil, err
		}
		i = t.end
		switch {
		case t.op(";"):
			if len(cur) > 0 {
				out = append(out, cur)
				cur = nil
			}
			continue
		case t.kind == kParam:
			t.param = params
			params++
		}
		cur = append(cur, t)
	}
	if len(cur) > 0 {
		out = append(out, cur)
	}
	return out, nil
}

// skipBlank is the length of white space or of a comment at the start of s. The
// frame of an executable comment (/*!40101 ... */) counts as blank, its content
// does not.
func skipBlank(s string) int {
	switch {
	case s[0] == ' ' || s[0] == '\t' || s[0] == '\n' || s[0] == '\r':
		return 1
	case s[0] == '#', strings.HasPrefix(s, "-- "), strings.HasPrefix(s, "--\t"), strings.HasPrefix(s, "--\n"), s == "--":
		if n := strings.IndexByte(s, '\n'); n >= 0 {
			return n + 1
		}
		return len(s)
	case strings.HasPrefix(s, "/*!"), strings.HasPrefix(s, "/*M!"):
		n := strings.IndexByte(s, '!') + 1
		digits := n
		for n < len(s) && isDigit(s[n]) {
			n++
		}
		// A number is the least version that should look inside; those of MySQL 5.7
		// and 8 mean nothing to MariaDB.
		if v, err := strconv.Atoi(s[digits:n]); err == nil && (v > versionNumber || (v >= 50700 && v < 100000)) {
			if end := strings.Index(s, "*/"); end >= 0 {
				return end + 2
			}
			return len(s)
		}
		return n
	case strings.HasPrefix(s, "*/"):
		return 2
	case strings.HasPrefix(s, "/*"):
		if n := strings.Index(s[2:], "*/"); n >= 0 {
			return n + 4
		}
		return len(s)
	}
	return 0
}

func next(src string, i int) (token, error) {
	c := src[i]
	rest := src[i:]
	switch {
	case (c == 'x' || c == 'X') && len(rest) > 1 && rest[1] == '\'':
		end := strings.IndexByte(rest[2:], '\'')
		if end < 0 {
			return token{}, errSyntax(rest)
		}
		return token{kind: kHex, val: unhex(rest[2 : 2+end]), start: i, end: i + end + 3}, nil
	case strings.HasPrefix(rest, "0x"):
		n := 2
		for n < len(rest) && isHex(rest[n]) {
			n++
		}
		return token{kind: kHex, val: unhex(rest[2:n]), start: i, end: i + n}, nil
	case isDigit(c), c == '.' && len(rest) > 1 && isDigit(rest[1]) && !afterName(src, i):
		n := numberEnd(rest)
		return token{kind: kNumber, val: rest[:n], start: i, end: i + n}, nil
	case c == '\'' || c == '"':
		val, n, ok := unquote(rest, c)
		if !ok {
			return token{}, errSyntax(rest)
		}
		return token{kind: kString, val: val, start: i, end: i + n}, nil
	case c == '`':
		n := 1
		var b strings.Builder
		for ; n < len(rest); n++ {
			if rest[n] == '`' {
				if n+1 >= len(rest) || rest[n+1] != '`' {
					return token{kind: kQuoted, val: b.String(), start: i, end: i + n + 1}, nil
				}
				n++
			}
			b.WriteByte(rest[n])
		}
		return token{}, errSyntax(rest)
	case c == '?':
		return token{kind: kParam, val: "?", start: i, end: i + 1}, nil
	case c == '@':
		return variable(src, i)
	case isWord(c):
		n := 1
		for n < len(rest) && isWord(rest[n]) {
			n++
		}
		return token{kind: kWord, val: rest[:n], up: strings.ToUpper(rest[:n]), start: i, end: i + n}, nil
	}
	for _, op := range []string{"<=>", "->>", "<<", ">>", "<=", ">=", "<>", "!=", "&&", "||", ":=", "->"} {
		if strings.HasPrefix(rest, op) {
			return token{kind: kOp, val: op, start: i, end: i + len(op)}, nil
		}
	}
	if strings.IndexByte("()+-*/%,.;=<>!~&|^", c) < 0 {
		return token{}, errSyntax(rest)
	}
	return token{kind: kOp, val: rest[:1], start: i, end: i + 1}, nil
}

// variable lexes @name, @`name`, @@name and @@scope.name.
func variable(src string, i int) (token, error) {
	k, n := kUserVar, i+1
	if strings.HasPrefix(src[i:], "@@") {
		k, n = kSysVar, i+2
	}
	begin := n
	for n < len(src) && (isWord(src[n]) || src[n] == '.' || src[n] == '`') {
		n++
	}
	name := strings.ReplaceAll(src[begin:n], "`", "")
	if name == "" {
		return token{}, errSyntax(src[i:])
	}
	return token{kind: k, val: strings.ToLower(name), start: i, end: n}, nil
}

// unquote reads a string literal with MySQL's escapes.
func unquote(s string, q byte) (val string, n int, ok bool) {
	var b strings.Builder
	for n = 1; n < len(s); n++ {
		switch {
		case s[n] == '\\' && n+1 < len(s):
			n++
			switch s[n] {
			case 'n':
				b.WriteByte('\n')
			case 't':
				b.WriteByte('\t')
			case 'r':
				b.WriteByte('\r')
			case '0':
				b.WriteByte(0)
			case 'b':
				b.WriteByte('\b')
			case 'Z':
				b.WriteByte(26)
			case '%', '_':
				b.WriteByte('\\')
				b.WriteByte(s[n])
			default:
				b.WriteByte(s[n])
			}
		case s[n] == q && n+1 < len(s) && s[n+1] == q:
			n++
			b.WriteByte(q)
		case s[n] == q:
			return b.String(), n + 1, true
		default:
			b.WriteByte(s[n])
		}
	}
	return "", 0, false
}

func numberEnd(s string) int {
	n := 0
	for n < len(s) && isDigit(s[n]) {
		n++
	}
	if n < len(s) && s[n] == '.' {
		n++
		for n < len(s) && isDigit(s[n]) {
			n++
		}
	}
	if n < len(s) && (s[n] == 'e' || s[n] == 'E') {
		m := n + 1
		if m < len(s) && (s[m] == '+' || s[m] == '-') {
			m++
		}
		if m < len(s) && isDigit(s[m]) {
			for m < len(s) && isDigit(s[m]) {
				m++
			}
			n = m
		}
	}
	return n
}

// afterName tells that the dot at i follows a name, as in t.1st.
func afterName(src string, i int) bool {
	return i > 0 && (isWord(src[i-1]) || src[i-1] == '`')
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }
func isHex(c byte) bool {
	return isDigit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F')
}

func isWord(c byte) bool {
	return c == '_' || c == '$' || isDigit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c >= 0x80
}

func unhex(s string) string {
	if len(s)%2 == 1 {
		s = "0" + s
	}
	out := make([]byte, 0, len(s)/2)
	for i := 0; i+1 < len(s); i += 2 {
		out = append(out, hexVal(s[i])<<4|hexVal(s[i+1]))
	}
	return string(out)
}

func hexVal(c byte) byte {
	switch {
	case isDigit(c):
		return c - '0'
	case c >= 'a':
		return c - 'a' + 10
	default:
		return c - 'A' + 10
	}
}
