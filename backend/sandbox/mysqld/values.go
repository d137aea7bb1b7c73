package mysqld

import (
	"math"
	"math/big"
	"strconv"
	"strings"
	"time"
)

// toText is a value as the text protocol prints it.
func toText(v any) string {
	switch v := v.(type) {
	case nil:
		return "NULL"
	case int64:
		return strconv.FormatInt(v, 10)
	case float64:
		return formatFloat(v)
	case []byte:
		return string(v)
	case string:
		return v
	case bool:
		if v {
			return "1"
		}
		return "0"
	case time.Time:
		return formatTime(v, 6)
	default:
		return ""
	}
}

func formatFloat(f float64) string {
	if a := math.Abs(f); a != 0 && (a < 1e-15 || a >= 1e15) {
		return strings.Replace(strconv.FormatFloat(f, 'e', -1, 64), "e+", "e", 1)
	}
	return strconv.FormatFloat(f, 'f', -1, 64)
}

// toFloat and toInt read a number from the start of a text, as MySQL does.
func toFloat(v any) float64 {
	switch v := v.(type) {
	case int64:
		return float64(v)
	case float64:
		return v
	case nil:
		return 0
	}
	s := strings.TrimSpace(toText(v))
	i := 0
	if i < len(s) && (s[i] == '-' || s[i] == '+') {
		i++
	}
	n := i + numberEnd(s[i:])
	f, err := strconv.ParseFloat(s[:n], 64)
	if err != nil {
		return 0
	}
	return f
}

func toInt(v any) int64 {
	switch v := v.(type) {
	case int64:
		return v
	case nil:
		return 0
	}
	return int64(math.Round(toFloat(v)))
}

// formatTime prints t (UTC) with the given number of fractional digits.
func formatTime(t time.Time, prec int) string {
	layout := "2006-01-02 15:04:05"
	if prec > 0 {
		layout += "." + strings.Repeat("0", min(prec, 6))
	}
	return t.UTC().Format(layout)
}

// parseTime reads a DATE or DATETIME in the forms that MySQL takes.
func parseTime(s string) (time.Time, bool) {
	s = strings.TrimSpace(s)
	if len(s) < 8 {
		return time.Time{}, false
	}
	if len(s) > 10 && s[10] == 'T' {
		s = s[:10] + " " + s[11:]
	}
	for _, layout := range []string{"2006-01-02 15:04:05.999999999", "2006-01-02", "2006-01-02 15:04", "20060102150405", "2006-1-2 15:4:5.999999999"} {
		if t, err := time.Parse(layout, s); err == nil {
			return t, true
		}
	}
	return time.Time{}, false
}

// zeroDate is what MySQL keeps for "no date".
const zeroDate = "0000-00-00"

// castTime makes v the text of a DATETIME with prec digits; nil stays nil.
func castTime(v any, prec int) (any, error) {
	if v == nil {
		return nil, nil
	}
	s := toText(v)
	if strings.HasPrefix(s, zeroDate) {
		return formatZero(prec), nil
	}
	t, ok := parseTime(s)
	if !ok {
		return nil, errorf(1292, "22007", "Incorrect datetime value: '%s'", s)
	}
	unit := time.Second
	for range prec {
		unit /= 10
	}
	return formatTime(t.Truncate(unit), prec), nil
}

func formatZero(prec int) string {
	s := zeroDate + " 00:00:00"
	if prec > 0 {
		s += "." + strings.Repeat("0", prec)
	}
	return s
}

// castDecimal rounds v to scale digits, as text; nil stays nil.
func castDecimal(v any, scale int) (any, error) {
	if v == nil {
		return nil, nil
	}
	s := strings.TrimSpace(toText(v))
	r, ok := new(big.Rat).SetString(s)
	if !ok {
		return nil, errorf(1366, "22007", "Incorrect decimal value: '%s'", s)
	}
	return r.FloatString(scale), nil
}

// compareDecimal orders two decimals by value; texts that are none by bytes.
func compareDecimal(a, b string) int {
	x, ok1 := new(big.Rat).SetString(strings.TrimSpace(a))
	y, ok2 := new(big.Rat).SetString(strings.TrimSpace(b))
	if !ok1 || !ok2 {
		return strings.Compare(a, b)
	}
	return x.Cmp(y)
}

// compareTime orders two DATETIME texts; missing parts count as zero.
func compareTime(a, b string) int {
	return strings.Compare(padTime(a), padTime(b))
}

func padTime(s string) string {
	const full = "0000-00-00 00:00:00.000000"
	if len(s) > 10 && s[10] == 'T' {
		s = s[:10] + " " + s[11:]
	}
	if len(s) < len(full) {
		return s + full[len(s):]
	}
	return s
}
