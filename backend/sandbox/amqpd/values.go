package amqpd

import "math"

// value reads one value of a field table, its type first.
func (a *args) value(depth int) any {
	switch typ := a.octet(); typ {
	case 't':
		return a.octet() != 0
	case 'b':
		return int64(int8(a.octet())) //nolint:gosec // signed on the wire
	case 'B':
		return int64(a.octet())
	case 's':
		return int64(int16(a.short())) //nolint:gosec // signed on the wire
	case 'u':
		return int64(a.short())
	case 'I':
		return int64(int32(a.long())) //nolint:gosec // signed on the wire
	case 'i':
		return int64(a.long())
	case 'l', 'L', 'T':
		return int64(a.longlong()) //nolint:gosec // signed on the wire
	case 'f':
		return float64(math.Float32frombits(a.long()))
	case 'd':
		return math.Float64frombits(a.longlong())
	case 'D':
		scale, n := a.octet(), a.long()
		return float64(int32(n)) / math.Pow10(int(scale)) //nolint:gosec // signed on the wire
	case 'S':
		return a.longstr()
	case 'x':
		return a.longstr()
	case 'V':
		return nil
	case 'F':
		return a.nested(depth + 1)
	case 'A':
		in := args{b: a.take(int(a.long()))}
		if depth > maxNesting {
			a.err = hard(codeSyntax, "SYNTAX_ERROR - lists nested more than %d deep", maxNesting)
			return nil
		}
		list := []any{}
		for a.err == nil && len(in.b) > 0 {
			list = append(list, in.value(depth+1))
			a.err = in.err
		}
		return list
	default:
		a.err = hard(codeSyntax, "SYNTAX_ERROR - field of unknown type %q", typ)
		return nil
	}
}
