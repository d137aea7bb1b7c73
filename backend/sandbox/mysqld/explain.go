package mysqld

import (
	"errors"
	"regexp"
	"strconv"
	"strings"
)

// asSQL gives any error the shape the protocol needs.
func asSQL(err error) *sqlError {
	var se *sqlError
	if errors.As(err, &se) {
		return se
	}
	return errorf(1105, "HY000", "%s", err.Error())
}

var (
	ownError   = regexp.MustCompile(`(\d{4}) \((\w{5})\): (.*)`)
	uniqueFail = regexp.MustCompile(`UNIQUE constraint failed: (.*?)( \(\d+\))?$`)
	nullFail   = regexp.MustCompile(`NOT NULL constraint failed: [^.]*\.(.*?)( \(\d+\))?$`)
	noColumn   = regexp.MustCompile(`no such column: (.*?)( \(\d+\))?$`)
	nearText   = regexp.MustCompile(`near "(.*?)": syntax error`)
	codeTail   = regexp.MustCompile(` \(\d+\)$`)
)

// explain turns an error of SQLite into one of MariaDB. d may be nil.
func explain(err error, d *dml, args []any) error {
	var se *sqlError
	if errors.As(err, &se) {
		return se
	}
	msg := err.Error()
	if m := uniqueFail.FindStringSubmatch(msg); m != nil {
		return duplicate(m[1], d, args)
	}
	if m := nullFail.FindStringSubmatch(msg); m != nil {
		if d != nil && d.values != nil {
			if _, given := d.values[strings.ToLower(m[1])]; !given {
				return errorf(1364, "HY000", "Field '%s' doesn't have a default value", m[1])
			}
		}
		return errorf(1048, "23000", "Column '%s' cannot be null", m[1])
	}
	if m := ownError.FindStringSubmatch(msg); m != nil {
		code, perr := strconv.ParseUint(m[1], 10, 16)
		if perr == nil {
			return errorf(uint16(code), m[2], "%s", codeTail.ReplaceAllString(m[3], ""))
		}
	}
	if m := noColumn.FindStringSubmatch(msg); m != nil {
		return errUnknownColumn(strings.Trim(m[1], "`"))
	}
	if m := nearText.FindStringSubmatch(msg); m != nil {
		return errSyntax(m[1])
	}
	if strings.Contains(msg, "incomplete input") {
		return errSyntax("")
	}
	if strings.Contains(msg, "ambiguous column name: ") {
		_, name, _ := strings.Cut(msg, "ambiguous column name: ")
		return errorf(1052, "23000", "Column '%s' in field list is ambiguous", codeTail.ReplaceAllString(name, ""))
	}
	return errorf(1105, "HY000", "the sandbox cannot run this statement: %s", msg)
}

// duplicate words error 1062; columns is "table.a, table.b".
func duplicate(columns string, d *dml, args []any) error {
	var cols []string
	for part := range strings.SplitSeq(columns, ",") {
		part = strings.TrimSpace(part)
		if i := strings.LastIndexByte(part, '.'); i >= 0 {
			part = part[i+1:]
		}
		cols = append(cols, part)
	}
	key := strings.Join(cols, "_")
	if d != nil && d.target != nil {
		key = d.target.keyFor(cols)
	}
	var entry []string
	for _, c := range cols {
		if d == nil {
			break
		}
		switch t := d.values[strings.ToLower(c)]; {
		case t.kind == kString || t.kind == kNumber:
			entry = append(entry, t.val)
		case t.kind == kParam && t.param < len(args):
			entry = append(entry, toText(args[t.param]))
		}
	}
	return errorf(1062, "23000", "Duplicate entry '%s' for key '%s'", strings.Join(entry, "-"), key)
}

func errUnknownVariable(name string) error {
	return errorf(1193, "HY000", "Unknown system variable '%s'", name)
}
