package mysqld

import (
	"crypto/rand"
	"fmt"
	"strconv"
	"strings"
)

// functionNames says which SQLite function stands for one of the dialect.
var functionNames = map[string]string{
	"COUNT": "count", "SUM": "sum", "AVG": "avg", "MIN": "min", "MAX": "max", "TOTAL": "total",
	"ROW_NUMBER": "row_number", "RANK": "rank", "DENSE_RANK": "dense_rank", "LAG": "lag", "LEAD": "lead",
	"FIRST_VALUE": "first_value", "LAST_VALUE": "last_value",
	"BIT_XOR": "my_bit_xor", "BIT_OR": "my_bit_or", "BIT_AND": "my_bit_and",
	"COALESCE": "coalesce", "IFNULL": "ifnull", "NVL": "ifnull", "NULLIF": "nullif", "IF": "iif", "ISNULL": "my_isnull",
	"GREATEST": "max", "LEAST": "min", "ABS": "abs", "ROUND": "round", "SIGN": "sign", "SQRT": "sqrt", "POW": "pow", "POWER": "pow",
	"FLOOR": "my_floor", "CEIL": "my_ceil", "CEILING": "my_ceil", "MOD": "my_mod", "RAND": "my_rand",
	"LENGTH": "my_length", "OCTET_LENGTH": "my_length", "CHAR_LENGTH": "length", "CHARACTER_LENGTH": "length",
	"CONCAT": "my_concat", "CONCAT_WS": "my_concat_ws", "LOWER": "my_lower", "LCASE": "my_lower", "UPPER": "my_upper", "UCASE": "my_upper",
	"LEFT": "my_left", "RIGHT": "my_right", "LPAD": "my_lpad", "RPAD": "my_rpad", "REPEAT": "my_repeat", "REVERSE": "my_reverse",
	"SUBSTRING": "substr", "SUBSTR": "substr", "MID": "substr", "TRIM": "trim", "LTRIM": "ltrim", "RTRIM": "rtrim",
	"REPLACE": "replace", "INSTR": "instr", "STRCMP": "my_strcmp", "FIELD": "my_field", "SUBSTRING_INDEX": "my_substring_index",
	"HEX": "my_hex", "UNHEX": "my_unhex", "CONV": "my_conv", "ASCII": "unicode",
	"CRC32": "my_crc32", "MD5": "my_md5", "SHA": "my_sha1", "SHA1": "my_sha1", "SHA2": "my_sha2",
	"JSON_EXTRACT": "json_extract", "JSON_VALUE": "json_extract", "JSON_OBJECT": "json_object", "JSON_ARRAY": "json_array",
	"JSON_VALID": "json_valid", "JSON_SET": "json_set", "JSON_REMOVE": "json_remove", "JSON_TYPE": "json_type",
	"JSON_LENGTH": "json_array_length", "JSON_UNQUOTE": "my_json_unquote", "JSON_QUOTE": "json_quote",
	"DATE": "my_date", "TO_SECONDS": "my_unix", "FROM_UNIXTIME": "my_from_unixtime", "DATE_FORMAT": "my_date_format",
	"ANY_VALUE": "",
}

type specialCall func(tr *translator, name token, inside []token) (string, error)

// specialCalls are functions whose arguments are not a plain list of expressions.
var specialCalls map[string]specialCall

func init() { // a map literal would be an initialisation cycle through expr
	now := func(tr *translator, _ token, inside []token) (string, error) {
		prec := 0
		if len(inside) == 1 && inside[0].kind == kNumber {
			prec, _ = strconv.Atoi(inside[0].val) // a number: just looked
		}
		return str(formatTime(tr.now, min(prec, 6))), nil
	}
	today := func(tr *translator, _ token, _ []token) (string, error) {
		return str(tr.now.UTC().Format("2006-01-02")), nil
	}
	part := func(tr *translator, name token, inside []token) (string, error) {
		a, err := tr.args(name, inside, 1, 1)
		if err != nil {
			return "", err
		}
		return "my_extract(" + str(name.up) + "," + a[0] + ")", nil
	}
	specialCalls = map[string]specialCall{
		"NOW": now, "CURRENT_TIMESTAMP": now, "SYSDATE": now, "LOCALTIME": now, "LOCALTIMESTAMP": now, "UTC_TIMESTAMP": now,
		"CURDATE": today, "CURRENT_DATE": today, "UTC_DATE": today,
		"YEAR": part, "MONTH": part, "DAY": part, "DAYOFMONTH": part, "HOUR": part, "MINUTE": part, "SECOND": part, "MICROSECOND": part,
		"VALUES": callValues, "VALUE": callValues, "CAST": callCast, "CONVERT": callConvert, "EXTRACT": callExtract,
		"DATE_ADD": callDateAdd, "ADDDATE": callDateAdd, "DATE_SUB": callDateAdd, "SUBDATE": callDateAdd,
		"TIMESTAMPDIFF": callTimestampDiff, "TIMESTAMPADD": callTimestampAdd, "DATEDIFF": callDateDiff,
		"GROUP_CONCAT": callGroupConcat, "UNIX_TIMESTAMP": callUnix, "LOCATE": callLocate, "UUID": callUUID,
		"MASTER_GTID_WAIT": callNested, "SLEEP": callNested,
	}
}

// callNested: the waiting functions are answered before translation, and only in
// the outermost list of a SELECT.
func callNested(_ *translator, name token, _ []token) (string, error) {
	return "", errorf(1235, "42000", "This version of MariaDB doesn't yet support '%s inside an expression'", name.up)
}

func callValues(tr *translator, name token, inside []token) (string, error) {
	if !tr.inDup || len(inside) == 0 {
		return "", errSyntax(tr.src[name.start:])
	}
	return "excluded." + quote(inside[len(inside)-1].val), nil
}

// callCast is CAST(expr AS type).
func callCast(tr *translator, name token, inside []token) (string, error) {
	for i := len(inside) - 1; i > 0; i-- {
		if inside[i].is("AS") {
			return tr.castTo(inside[:i], inside[i+1:])
		}
	}
	return "", errSyntax(tr.src[name.start:])
}

// callConvert is CONVERT(expr, type) and CONVERT(expr USING charset).
func callConvert(tr *translator, name token, inside []token) (string, error) {
	for i, t := range inside {
		if t.is("USING") {
			return tr.expr(inside[:i])
		}
	}
	parts := split(inside)
	if len(parts) != 2 {
		return "", errSyntax(tr.src[name.start:])
	}
	return tr.castTo(parts[0], parts[1])
}

func (tr *translator) castTo(val, typ []token) (string, error) {
	x, err := tr.expr(val)
	if err != nil {
		return "", err
	}
	if len(typ) == 0 {
		return "", errSyntax("")
	}
	size, dec := 0, 0
	for i, t := range typ {
		if t.kind == kNumber {
			n, _ := strconv.Atoi(t.val) // a number: just looked
			if i == 2 {
				size = n
			} else {
				dec = n
			}
		}
	}
	switch typ[0].up {
	case "CHAR", "NCHAR", "VARCHAR", "JSON":
		return "CAST(" + x + " AS TEXT)", nil
	case "BINARY":
		return "CAST(" + x + " AS TEXT) COLLATE BINARY", nil
	case "SIGNED", "UNSIGNED", "INTEGER", "INT":
		return "CAST(" + x + " AS INTEGER)", nil
	case "DECIMAL":
		return "my_dec(" + x + "," + strconv.Itoa(dec) + ")", nil
	case "DOUBLE", "FLOAT", "REAL":
		return "CAST(" + x + " AS REAL)", nil
	case "DATETIME":
		return "my_dt(" + x + "," + strconv.Itoa(size) + ")", nil
	case "DATE":
		return "my_date(" + x + ")", nil
	default:
		return "", errSyntax(tr.src[typ[0].start:])
	}
}

// callExtract is EXTRACT(unit FROM expr).
func callExtract(tr *translator, name token, inside []token) (string, error) {
	if len(inside) < 3 || !inside[1].is("FROM") {
		return "", errSyntax(tr.src[name.start:])
	}
	x, err := tr.expr(inside[2:])
	return "my_extract(" + str(inside[0].up) + "," + x + ")", err
}

// callDateAdd is DATE_ADD(x, INTERVAL n UNIT) and DATE_SUB.
func callDateAdd(tr *translator, name token, inside []token) (string, error) {
	parts := split(inside)
	if len(parts) != 2 || !parts[1][0].is("INTERVAL") {
		return "", errSyntax(tr.src[name.start:])
	}
	x, err := tr.expr(parts[0])
	if err != nil {
		return "", err
	}
	n, unit, err := tr.amount(&cursor{src: tr.src, toks: parts[1][1:]})
	if err != nil {
		return "", err
	}
	if strings.Contains(name.up, "SUB") {
		n = "-(" + n + ")"
	}
	return "my_dateadd(" + x + "," + n + "," + unit + ")", nil
}

func callTimestampDiff(tr *translator, name token, inside []token) (string, error) {
	parts := split(inside)
	if len(parts) != 3 || len(parts[0]) != 1 {
		return "", errSyntax(tr.src[name.start:])
	}
	a, err := tr.args(name, inside[2:], 2, 2)
	if err != nil {
		return "", err
	}
	return "my_timestampdiff(" + str(parts[0][0].up) + "," + a[0] + "," + a[1] + ")", nil
}

func callTimestampAdd(tr *translator, name token, inside []token) (string, error) {
	parts := split(inside)
	if len(parts) != 3 || len(parts[0]) != 1 {
		return "", errSyntax(tr.src[name.start:])
	}
	a, err := tr.args(name, inside[2:], 2, 2)
	if err != nil {
		return "", err
	}
	return "my_dateadd(" + a[1] + "," + a[0] + "," + str(parts[0][0].up) + ")", nil
}

func callDateDiff(tr *translator, name token, inside []token) (string, error) {
	a, err := tr.args(name, inside, 2, 2)
	if err != nil {
		return "", err
	}
	return "my_timestampdiff('DAY',my_date(" + a[1] + "),my_date(" + a[0] + "))", nil
}

// callGroupConcat is GROUP_CONCAT([DISTINCT] expr [ORDER BY ...] [SEPARATOR text]).
func callGroupConcat(tr *translator, _ token, inside []token) (string, error) {
	c := &cursor{src: tr.src, toks: inside}
	distinct := c.word("DISTINCT")
	val, err := tr.expr(c.until(func(t token) bool { return t.is("ORDER") || t.is("SEPARATOR") }))
	if err != nil {
		return "", err
	}
	order := ""
	if c.peek().is("ORDER") {
		if order, err = tr.expr(c.until(func(t token) bool { return t.is("SEPARATOR") })); err != nil {
			return "", err
		}
	}
	sep := ","
	if c.word("SEPARATOR") {
		sep = c.next().val
	}
	if distinct {
		if sep != "," {
			return "", errorf(1235, "42000", "This version of MariaDB doesn't yet support 'GROUP_CONCAT(DISTINCT ... SEPARATOR)'")
		}
		return "group_concat(DISTINCT " + val + " " + order + ")", c.end()
	}
	return "group_concat(" + val + "," + str(sep) + " " + order + ")", c.end()
}

func callUnix(tr *translator, name token, inside []token) (string, error) {
	if len(inside) == 0 {
		return strconv.FormatInt(tr.now.Unix(), 10), nil
	}
	a, err := tr.args(name, inside, 1, 1)
	if err != nil {
		return "", err
	}
	return "my_unix(" + a[0] + ")", nil
}

// callLocate is LOCATE(needle, text): the other way round from INSTR.
func callLocate(tr *translator, name token, inside []token) (string, error) {
	a, err := tr.args(name, inside, 2, 2)
	if err != nil {
		return "", err
	}
	return "instr(" + a[1] + "," + a[0] + ")", nil
}

// callUUID gives a random (version 4) UUID as a literal.
func callUUID(_ *translator, _ token, _ []token) (string, error) {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return str(fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])), nil
}
