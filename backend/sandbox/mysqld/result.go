package mysqld

import (
	"encoding/binary"
	"math"
	"strconv"
	"strings"
)

// Column types of the protocol.
const (
	typDouble    = 5
	typNull      = 6
	typTimestamp = 7
	typLongLong  = 8
	typDate      = 10
	typDatetime  = 12
	typDecimal   = 246
	typBlob      = 252
	typVarString = 253

	flagNotNull  = 1
	flagUnsigned = 32
	flagBinary   = 128

	charsetUTF8   = 45
	charsetBinary = 63
)

// result is the answer to one statement: rows when cols is set.
type result struct {
	cols     []column
	rows     [][]any
	affected uint64
	lastID   uint64
	info     string
	warnings uint16
}

type column struct {
	name     string
	typ      byte
	flags    uint16
	decimals byte
	size     uint32
}

func (c column) charset() uint16 {
	if c.typ == typVarString || (c.typ == typBlob && c.flags&flagBinary == 0) {
		return charsetUTF8
	}
	return charsetBinary
}

// table makes a result of texts and numbers, for SHOW.
func table(names ...string) *result {
	r := &result{}
	for _, n := range names {
		r.cols = append(r.cols, column{name: n, typ: typVarString, size: 1024})
	}
	return r
}

// add appends a row; a column takes the type of its first value that is not NULL.
func (r *result) add(row ...any) {
	for i, v := range row {
		if _, ok := v.(int64); ok && len(r.rows) == 0 {
			r.cols[i].typ, r.cols[i].size, r.cols[i].flags = typLongLong, 20, flagBinary
		}
	}
	r.rows = append(r.rows, row)
}

// fromRows gives the columns of a query their types. guessTimes: expressions whose
// values all look like a DATETIME are one.
func fromRows(rs *rowSet, guessTimes bool) *result {
	r := &result{rows: rs.rows}
	for i, n := range rs.names {
		c, ok := declared(rs.types[i])
		if !ok {
			c = guess(rs.rows, i, guessTimes)
		}
		c.name = n
		r.cols = append(r.cols, c)
	}
	return r
}

// declared reads the type that colDef.decl wrote.
func declared(decl string) (column, bool) {
	if decl == "" {
		return column{}, false
	}
	c := colDef{}
	for w := range strings.FieldsSeq(decl) {
		if w == "MYUNSIGNED" {
			c.unsigned = true
		} else if s, ok := strings.CutPrefix(w, "MY"); ok {
			base, args, _ := strings.Cut(s, "(")
			c.base = base
			size, dec, _ := strings.Cut(strings.TrimSuffix(args, ")"), ",")
			c.size, _ = strconv.Atoi(size) // "" is 0
			c.dec, _ = strconv.Atoi(strings.TrimSpace(dec))
		}
	}
	if c.base == "" {
		if !strings.HasPrefix(decl, "INTEGER") {
			return column{}, false
		}
		c.base = "BIGINT" // the row id
	}
	out := column{}
	if c.unsigned {
		out.flags |= flagUnsigned
	}
	switch c.class() {
	case classInt:
		out.typ, out.size = typLongLong, 20
	case classFloat:
		out.typ, out.size, out.decimals = typDouble, 22, 31
	case classDecimal:
		out.typ, out.size, out.decimals = typDecimal, uint32(c.size+2), byte(c.dec) //nolint:gosec // at most 65
	case classTime:
		out.typ, out.size, out.decimals = typDatetime, 26, byte(c.size) //nolint:gosec // at most 6
		if c.base == "TIMESTAMP" {
			out.typ = typTimestamp
		}
		out.flags |= flagBinary
	case classDate:
		out.typ, out.size = typDate, 10
		out.flags |= flagBinary
	case classBlob:
		out.typ, out.size = typBlob, math.MaxUint16
		out.flags |= flagBinary
	case classText:
		out.typ, out.size = typVarString, uint32(4*max(c.size, 255)) //nolint:gosec // small
		if strings.Contains(c.base, "TEXT") || c.base == "JSON" {
			out.typ = typBlob
		}
	}
	return out, true
}

// guess types an expression by its values.
func guess(rows [][]any, i int, times bool) column {
	c := column{typ: typNull}
	for _, row := range rows {
		switch v := row[i].(type) {
		case int64:
			if c.typ == typNull {
				c = column{typ: typLongLong, size: 20, flags: flagBinary}
			}
		case float64:
			if c.typ == typNull || c.typ == typLongLong {
				c = column{typ: typDouble, size: 22, decimals: 31, flags: flagBinary}
			}
		case string:
			if times && c.typ != typVarString && looksLikeTime(v) {
				c = column{typ: typDatetime, size: 26, flags: flagBinary, decimals: byte(max(0, len(v)-20))} //nolint:gosec // at most 6
			} else {
				c = column{typ: typVarString, size: 1024}
			}
		case []byte:
			c = column{typ: typBlob, size: math.MaxUint16, flags: flagBinary}
		}
	}
	return c
}

func looksLikeTime(s string) bool {
	if len(s) != 19 && (len(s) < 21 || len(s) > 26) {
		return false
	}
	_, ok := parseTime(s)
	return ok && s[10] == ' '
}

// definition is the packet that describes c.
func (c column) definition() []byte {
	b := appendStr(nil, "def")
	for _, s := range []string{"", "", "", c.name, c.name} {
		b = appendStr(b, s)
	}
	b = append(b, 0x0c)
	b = binary.LittleEndian.AppendUint16(b, c.charset())
	b = binary.LittleEndian.AppendUint32(b, c.size)
	b = append(b, c.typ)
	b = binary.LittleEndian.AppendUint16(b, c.flags)
	return append(b, c.decimals, 0, 0)
}

// textRow is a row of the text protocol.
func textRow(row []any) []byte {
	var b []byte
	for _, v := range row {
		if v == nil {
			b = append(b, 0xfb)
		} else {
			b = appendStr(b, toText(v))
		}
	}
	return b
}

// binaryRow is a row of the binary protocol.
func binaryRow(cols []column, row []any) []byte {
	b := make([]byte, 1+(len(cols)+9)/8)
	for i, v := range row {
		if v == nil {
			b[1+(i+2)/8] |= 1 << ((i + 2) % 8)
			continue
		}
		switch cols[i].typ {
		case typLongLong:
			b = binary.LittleEndian.AppendUint64(b, uint64(toInt(v))) //nolint:gosec // the bits count
		case typDouble:
			b = binary.LittleEndian.AppendUint64(b, math.Float64bits(toFloat(v)))
		case typDatetime, typTimestamp, typDate:
			b = appendTime(b, toText(v))
		default:
			b = appendStr(b, toText(v))
		}
	}
	return b
}

// appendTime appends a date or time in binary form; what is none becomes zero.
func appendTime(b []byte, s string) []byte {
	t, ok := parseTime(s)
	if !ok {
		return append(b, 0)
	}
	micros := t.Nanosecond() / 1000
	n := byte(4)
	switch {
	case micros != 0:
		n = 11
	case t.Hour() != 0 || t.Minute() != 0 || t.Second() != 0:
		n = 7
	}
	b = append(b, n)
	b = binary.LittleEndian.AppendUint16(b, uint16(t.Year())) //nolint:gosec // four digits
	b = append(b, byte(t.Month()), byte(t.Day()))
	if n > 4 {
		b = append(b, byte(t.Hour()), byte(t.Minute()), byte(t.Second()))
	}
	if n > 7 {
		b = binary.LittleEndian.AppendUint32(b, uint32(micros)) //nolint:gosec // below a million
	}
	return b
}
