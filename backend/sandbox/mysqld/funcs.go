package mysqld

import (
	"crypto/md5"  //nolint:gosec // MD5() is a function of the dialect, not a protection
	"crypto/sha1" //nolint:gosec // as above
	"crypto/sha256"
	"crypto/sha512"
	"database/sql/driver"
	"encoding/hex"
	"fmt"
	"hash/crc32"
	"math"
	"math/rand/v2"
	"regexp"
	"strings"
	"sync"
	"time"

	"modernc.org/sqlite"
)

// register adds the functions and collations to the SQLite driver, once per
// process: the driver keeps them for all its connections. All names begin with
// my_, so that nobody else's statements change their meaning.
var register = sync.OnceValue(func() error {
	for _, c := range []struct {
		name string
		cmp  func(a, b string) int
	}{{"my_time", compareTime}, {"my_decimal", compareDecimal}} {
		if err := sqlite.RegisterCollationUtf8(c.name, c.cmp); err != nil {
			return fmt.Errorf("collation %s: %w", c.name, err)
		}
	}
	for name, f := range scalars {
		impl := func(_ *sqlite.FunctionContext, args []driver.Value) (driver.Value, error) {
			if len(args) < f.least || (f.most >= 0 && len(args) > f.most) {
				return nil, errorf(1582, "42000", "Incorrect parameter count in the call to native function '%s'", strings.TrimPrefix(name, "my_"))
			}
			if !f.nulls {
				for _, a := range args {
					if a == nil {
						return nil, nil
					}
				}
			}
			return f.call(args)
		}
		reg := sqlite.RegisterDeterministicScalarFunction
		if f.random {
			reg = sqlite.RegisterScalarFunction
		}
		if err := reg(name, -1, impl); err != nil {
			return fmt.Errorf("function %s: %w", name, err)
		}
	}
	for name, step := range map[string]func(acc, v int64) int64{
		"my_bit_xor": func(acc, v int64) int64 { return acc ^ v },
		"my_bit_or":  func(acc, v int64) int64 { return acc | v },
		"my_bit_and": func(acc, v int64) int64 { return acc & v },
	} {
		begin := int64(0)
		if name == "my_bit_and" {
			begin = -1
		}
		err := sqlite.RegisterFunction(name, &sqlite.FunctionImpl{
			NArgs: 1, Deterministic: true,
			MakeAggregate: func(sqlite.FunctionContext) (sqlite.AggregateFunction, error) {
				return &bits{acc: begin, step: step}, nil
			},
		})
		if err != nil {
			return fmt.Errorf("function %s: %w", name, err)
		}
	}
	return nil
})

// bits is BIT_XOR, BIT_OR and BIT_AND.
type bits struct {
	acc  int64
	step func(acc, v int64) int64
}

func (b *bits) Step(_ *sqlite.FunctionContext, args []driver.Value) error {
	if args[0] != nil {
		b.acc = b.step(b.acc, toInt(args[0]))
	}
	return nil
}

func (b *bits) WindowInverse(*sqlite.FunctionContext, []driver.Value) error {
	return errSyntax("OVER")
}

func (b *bits) WindowValue(*sqlite.FunctionContext) (driver.Value, error) { return b.acc, nil }
func (b *bits) Final(*sqlite.FunctionContext)                             {}

// scalar is a function with the number of its arguments; most < 0 is no limit.
// Unless nulls is set, a NULL argument makes the result NULL.
type scalar struct {
	least, most   int
	nulls, random bool
	call          func(a []driver.Value) (driver.Value, error)
}

// text is a function over texts.
func text(least, most int, f func(a []string) driver.Value) scalar {
	return scalar{least: least, most: most, call: func(a []driver.Value) (driver.Value, error) {
		s := make([]string, len(a))
		for i := range a {
			s[i] = toText(a[i])
		}
		return f(s), nil
	}}
}

// number is a function of one number.
func number(f func(x float64) float64) scalar {
	return scalar{least: 1, most: 1, call: func(a []driver.Value) (driver.Value, error) {
		return shortest(f(toFloat(a[0]))), nil
	}}
}

// shortest is an integer when f is one.
func shortest(f float64) driver.Value {
	if f == math.Trunc(f) && math.Abs(f) < 1<<62 {
		return int64(f)
	}
	return f
}

var scalars = map[string]scalar{
	"my_crc32":  text(1, 1, func(a []string) driver.Value { return int64(crc32.ChecksumIEEE([]byte(a[0]))) }),
	"my_md5":    text(1, 1, func(a []string) driver.Value { s := md5.Sum([]byte(a[0])); return hex.EncodeToString(s[:]) }),  //nolint:gosec // see import
	"my_sha1":   text(1, 1, func(a []string) driver.Value { s := sha1.Sum([]byte(a[0])); return hex.EncodeToString(s[:]) }), //nolint:gosec // see import
	"my_length": text(1, 1, func(a []string) driver.Value { return int64(len(a[0])) }),
	"my_concat": text(1, -1, func(a []string) driver.Value { return strings.Join(a, "") }),
	"my_lower":  text(1, 1, func(a []string) driver.Value { return strings.ToLower(a[0]) }),
	"my_upper":  text(1, 1, func(a []string) driver.Value { return strings.ToUpper(a[0]) }),
	"my_hex": {least: 1, most: 1, call: func(a []driver.Value) (driver.Value, error) {
		if n, ok := a[0].(int64); ok {
			return fmt.Sprintf("%X", uint64(n)), nil
		}
		return strings.ToUpper(hex.EncodeToString([]byte(toText(a[0])))), nil
	}},
	"my_unhex": text(1, 1, func(a []string) driver.Value {
		b, err := hex.DecodeString(a[0])
		if err != nil {
			return nil
		}
		return string(b)
	}),
	"my_strcmp": text(2, 2, func(a []string) driver.Value {
		return int64(strings.Compare(strings.ToLower(a[0]), strings.ToLower(a[1])))
	}),
	"my_reverse": text(1, 1, func(a []string) driver.Value { r := []rune(a[0]); reverse(r); return string(r) }),
	"my_sha2": {least: 2, most: 2, call: func(a []driver.Value) (driver.Value, error) {
		b := []byte(toText(a[0]))
		switch toInt(a[1]) {
		case 0, 256:
			s := sha256.Sum256(b)
			return hex.EncodeToString(s[:]), nil
		case 512:
			s := sha512.Sum512(b)
			return hex.EncodeToString(s[:]), nil
		default:
			return nil, nil
		}
	}},
	"my_concat_ws": {least: 2, most: -1, nulls: true, call: func(a []driver.Value) (driver.Value, error) {
		if a[0] == nil {
			return nil, nil
		}
		var parts []string
		for _, v := range a[1:] {
			if v != nil {
				parts = append(parts, toText(v))
			}
		}
		return strings.Join(parts, toText(a[0])), nil
	}},
	"my_left": {least: 2, most: 2, call: func(a []driver.Value) (driver.Value, error) {
		r := []rune(toText(a[0]))
		return string(r[:max(0, min(len(r), int(toInt(a[1]))))]), nil
	}},
	"my_right": {least: 2, most: 2, call: func(a []driver.Value) (driver.Value, error) {
		r := []rune(toText(a[0]))
		return string(r[len(r)-max(0, min(len(r), int(toInt(a[1])))):]), nil
	}},
	"my_lpad":   {least: 3, most: 3, call: func(a []driver.Value) (driver.Value, error) { return pad(a, true), nil }},
	"my_rpad":   {least: 3, most: 3, call: func(a []driver.Value) (driver.Value, error) { return pad(a, false), nil }},
	"my_repeat": {least: 2, most: 2, call: func(a []driver.Value) (driver.Value, error) { return repeat(a) }},
	"my_conv": {least: 3, most: 3, call: func(a []driver.Value) (driver.Value, error) {
		return conv(toText(a[0]), int(toInt(a[1])), int(toInt(a[2]))), nil
	}},
	"my_floor": number(math.Floor),
	"my_ceil":  number(math.Ceil),
	"my_mod": {least: 2, most: 2, call: func(a []driver.Value) (driver.Value, error) {
		d := toFloat(a[1])
		if d == 0 {
			return nil, nil
		}
		return shortest(math.Mod(toFloat(a[0]), d)), nil
	}},
	"my_rand": {least: 0, most: 1, random: true, call: func([]driver.Value) (driver.Value, error) {
		return rand.Float64(), nil //nolint:gosec // RAND() promises no more
	}},
	"my_isnull": {least: 1, most: 1, nulls: true, call: func(a []driver.Value) (driver.Value, error) {
		if a[0] == nil {
			return int64(1), nil
		}
		return int64(0), nil
	}},
	"my_field": {least: 2, most: -1, nulls: true, call: func(a []driver.Value) (driver.Value, error) {
		for i, v := range a[1:] {
			if a[0] != nil && v != nil && strings.EqualFold(toText(v), toText(a[0])) {
				return int64(i + 1), nil
			}
		}
		return int64(0), nil
	}},
	"my_regexp": text(2, 2, func(a []string) driver.Value {
		re, err := regexp.Compile("(?i)" + a[1])
		if err != nil {
			return nil
		}
		if re.MatchString(a[0]) {
			return int64(1)
		}
		return int64(0)
	}),
	"my_json_unquote": text(1, 1, func(a []string) driver.Value { return jsonUnquote(a[0]) }),
	"my_now": {least: 1, most: 1, random: true, call: func(a []driver.Value) (driver.Value, error) {
		return formatTime(time.Now(), int(toInt(a[0]))), nil
	}},
	"my_dt":              {least: 2, most: 2, call: func(a []driver.Value) (driver.Value, error) { return castTime(a[0], int(toInt(a[1]))) }},
	"my_date":            {least: 1, most: 1, call: func(a []driver.Value) (driver.Value, error) { return castDate(a[0]) }},
	"my_dec":             {least: 2, most: 2, call: func(a []driver.Value) (driver.Value, error) { return castDecimal(a[0], int(toInt(a[1]))) }},
	"my_str":             {least: 3, most: 3, call: func(a []driver.Value) (driver.Value, error) { return checkLength(a) }},
	"my_json":            {least: 2, most: 2, call: func(a []driver.Value) (driver.Value, error) { return checkJSON(a) }},
	"my_int":             {least: 2, most: 2, call: func(a []driver.Value) (driver.Value, error) { return checkInt(a) }},
	"my_unix":            {least: 1, most: 1, call: func(a []driver.Value) (driver.Value, error) { return unixTime(a[0]), nil }},
	"my_from_unixtime":   {least: 1, most: 1, call: func(a []driver.Value) (driver.Value, error) { return fromUnix(a[0]), nil }},
	"my_dateadd":         {least: 3, most: 3, call: func(a []driver.Value) (driver.Value, error) { return dateAdd(a), nil }},
	"my_timestampdiff":   {least: 3, most: 3, call: func(a []driver.Value) (driver.Value, error) { return timeDiff(a), nil }},
	"my_date_format":     {least: 2, most: 2, call: func(a []driver.Value) (driver.Value, error) { return dateFormat(a), nil }},
	"my_extract":         {least: 2, most: 2, call: func(a []driver.Value) (driver.Value, error) { return extract(a), nil }},
	"my_substring_index": {least: 3, most: 3, call: func(a []driver.Value) (driver.Value, error) { return substringIndex(a), nil }},
}
