package mysqld

import (
	"database/sql/driver"
	"math"
	"strings"
	"time"
)

func castDate(v driver.Value) (driver.Value, error) {
	if v == nil {
		return nil, nil
	}
	s := toText(v)
	if strings.HasPrefix(s, zeroDate) {
		return zeroDate, nil
	}
	t, ok := parseTime(s)
	if !ok {
		return nil, errorf(1292, "22007", "Incorrect date value: '%s'", s)
	}
	return t.Format("2006-01-02"), nil
}

func unixTime(v driver.Value) driver.Value {
	t, ok := parseTime(toText(v))
	if !ok {
		return nil
	}
	if t.Nanosecond() == 0 {
		return t.Unix()
	}
	return float64(t.UnixMicro()) / 1e6
}

func fromUnix(v driver.Value) driver.Value {
	f := toFloat(v)
	t := time.UnixMicro(int64(math.Round(f * 1e6)))
	if f == math.Trunc(f) {
		return formatTime(t, 0)
	}
	return formatTime(t, 6)
}

// dateAdd is my_dateadd(when, n, unit).
func dateAdd(a []driver.Value) driver.Value {
	s := toText(a[0])
	t, ok := parseTime(s)
	if !ok {
		return nil
	}
	n, unit := toFloat(a[1]), strings.ToUpper(toText(a[2]))
	whole := int(math.Round(n))
	prec := 0
	if strings.Contains(s, ".") || unit == "MICROSECOND" || n != math.Trunc(n) {
		prec = 6
	}
	switch unit {
	case "MONTH":
		t = t.AddDate(0, whole, 0)
	case "QUARTER":
		t = t.AddDate(0, 3*whole, 0)
	case "YEAR":
		t = t.AddDate(whole, 0, 0)
	case "DAY", "WEEK":
		if unit == "WEEK" {
			whole *= 7
		}
		t = t.AddDate(0, 0, whole)
		if len(s) == len("2006-01-02") {
			return t.Format("2006-01-02")
		}
	default:
		d, ok := unitLength(unit)
		if !ok {
			return nil
		}
		t = t.Add(time.Duration(n * float64(d)))
	}
	return formatTime(t, prec)
}

func unitLength(unit string) (time.Duration, bool) {
	switch unit {
	case "MICROSECOND":
		return time.Microsecond, true
	case "SECOND":
		return time.Second, true
	case "MINUTE":
		return time.Minute, true
	case "HOUR":
		return time.Hour, true
	case "DAY":
		return 24 * time.Hour, true
	case "WEEK":
		return 7 * 24 * time.Hour, true
	}
	return 0, false
}

// timeDiff is my_timestampdiff(unit, a, b): whole units from a to b.
func timeDiff(a []driver.Value) driver.Value {
	from, ok1 := parseTime(toText(a[1]))
	to, ok2 := parseTime(toText(a[2]))
	if !ok1 || !ok2 {
		return nil
	}
	unit := strings.ToUpper(toText(a[0]))
	if d, ok := unitLength(unit); ok {
		return int64(to.Sub(from) / d)
	}
	months := (to.Year()-from.Year())*12 + int(to.Month()) - int(from.Month())
	if months > 0 && from.AddDate(0, months, 0).After(to) {
		months--
	} else if months < 0 && from.AddDate(0, months, 0).Before(to) {
		months++
	}
	switch unit {
	case "MONTH":
		return int64(months)
	case "QUARTER":
		return int64(months / 3)
	case "YEAR":
		return int64(months / 12)
	}
	return nil
}

// dateFormat is DATE_FORMAT for the specifiers in common use.
func dateFormat(a []driver.Value) driver.Value {
	t, ok := parseTime(toText(a[0]))
	if !ok {
		return nil
	}
	layouts := map[byte]string{
		'Y': "2006", 'y': "06", 'm': "01", 'c': "1", 'd': "02", 'e': "2", 'H': "15", 'k': "15", 'h': "03", 'I': "03",
		'i': "04", 's': "05", 'S': "05", 'f': "000000", 'p': "PM", 'T': "15:04:05", 'r': "03:04:05 PM",
		'b': "Jan", 'M': "January", 'a': "Mon", 'W': "Monday", 'j': "002",
	}
	f := toText(a[1])
	var b strings.Builder
	for i := 0; i < len(f); i++ {
		if f[i] != '%' || i+1 == len(f) {
			b.WriteByte(f[i])
			continue
		}
		i++
		switch layout, ok := layouts[f[i]]; {
		case f[i] == 'f':
			b.WriteString(t.Format(".000000")[1:])
		case ok:
			b.WriteString(t.Format(layout))
		default:
			b.WriteByte(f[i])
		}
	}
	return b.String()
}

// extract is my_extract(unit, when).
func extract(a []driver.Value) driver.Value {
	t, ok := parseTime(toText(a[1]))
	if !ok {
		return nil
	}
	switch strings.ToUpper(toText(a[0])) {
	case "YEAR":
		return int64(t.Year())
	case "MONTH":
		return int64(t.Month())
	case "DAY", "DAYOFMONTH":
		return int64(t.Day())
	case "HOUR":
		return int64(t.Hour())
	case "MINUTE":
		return int64(t.Minute())
	case "SECOND":
		return int64(t.Second())
	case "MICROSECOND":
		return int64(t.Nanosecond() / 1000)
	}
	return nil
}
