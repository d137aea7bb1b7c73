package mysqld

import (
	"database/sql/driver"
	"encoding/json"
	"strconv"
	"strings"
	"unicode/utf8"
)

// maxRepeat bounds the text that REPEAT, LPAD and RPAD may build.
const maxRepeat = 1 << 24

func reverse(r []rune) {
	for i, j := 0, len(r)-1; i < j; i, j = i+1, j-1 {
		r[i], r[j] = r[j], r[i]
	}
}

func pad(a []driver.Value, left bool) driver.Value {
	r, n, fill := []rune(toText(a[0])), int(toInt(a[1])), toText(a[2])
	switch {
	case n < 0 || n > maxRepeat:
		return nil
	case len(r) >= n:
		return string(r[:n])
	case fill == "":
		return nil
	}
	p := []rune(strings.Repeat(fill, n-len(r)))[:n-len(r)]
	if left {
		return string(p) + string(r)
	}
	return string(r) + string(p)
}

func repeat(a []driver.Value) (driver.Value, error) {
	s, n := toText(a[0]), toInt(a[1])
	if n <= 0 || s == "" {
		return "", nil
	}
	if n > maxRepeat/int64(len(s)) {
		return nil, errorf(1301, "HY000", "Result of repeat() was larger than max_allowed_packet - truncated")
	}
	return strings.Repeat(s, int(n)), nil
}

func conv(s string, from, to int) driver.Value {
	if from < 2 || from > 36 || to < 2 || to > 36 {
		return nil
	}
	n, err := strconv.ParseUint(strings.ToLower(strings.TrimSpace(s)), from, 64)
	if err != nil {
		return "0"
	}
	return strings.ToUpper(strconv.FormatUint(n, to))
}

func jsonUnquote(s string) driver.Value {
	var out string
	if strings.HasPrefix(s, `"`) && json.Unmarshal([]byte(s), &out) == nil {
		return out
	}
	return s
}

func substringIndex(a []driver.Value) driver.Value {
	s, sep, n := toText(a[0]), toText(a[1]), int(toInt(a[2]))
	if sep == "" || n == 0 {
		return ""
	}
	parts := strings.Split(s, sep)
	if n > 0 {
		return strings.Join(parts[:min(n, len(parts))], sep)
	}
	return strings.Join(parts[max(0, len(parts)+n):], sep)
}

// checkLength is my_str(value, length, column).
func checkLength(a []driver.Value) (driver.Value, error) {
	s := toText(a[0])
	if utf8.RuneCountInString(s) > int(toInt(a[1])) {
		return nil, errorf(1406, "22001", "Data too long for column '%s' at row 1", toText(a[2]))
	}
	return s, nil
}

// checkJSON is my_json(value, column).
func checkJSON(a []driver.Value) (driver.Value, error) {
	s := toText(a[0])
	if !json.Valid([]byte(s)) {
		return nil, errorf(4025, "23000", "CONSTRAINT `%s` failed", toText(a[1]))
	}
	return s, nil
}

// checkInt is my_int(value, column): texts must be numbers, fractions are rounded.
func checkInt(a []driver.Value) (driver.Value, error) {
	s, ok := a[0].(string)
	if !ok {
		return toInt(a[0]), nil
	}
	s = strings.TrimSpace(s)
	if n, err := strconv.ParseInt(s, 10, 64); err == nil {
		return n, nil
	}
	if _, err := strconv.ParseFloat(s, 64); err != nil {
		return nil, errorf(1366, "22007", "Incorrect integer value: '%s' for column '%s' at row 1", s, toText(a[1]))
	}
	return toInt(s), nil
}
