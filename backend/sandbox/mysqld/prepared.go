package mysqld

import (
	"encoding/binary"
	"fmt"
	"math"
)

// prepared is a statement of the binary protocol.
type prepared struct {
	cursor cursor
	params int
	types  []byte // two bytes per parameter, kept from the first execution
	long   map[uint16][]byte
}

func (ss *session) prepare(src string) error {
	stmts, err := lex(src)
	if err != nil {
		return err
	}
	if len(stmts) != 1 {
		return errSyntax(src)
	}
	if len(ss.stmts) >= 16382 {
		return errorf(1461, "42000", "Can't create more than max_prepared_stmt_count statements (current value: 16382)")
	}
	p := &prepared{cursor: cursor{src: src, toks: stmts[0]}, long: map[uint16][]byte{}}
	for _, t := range stmts[0] {
		if t.kind == kParam {
			p.params++
		}
	}
	if p.params > math.MaxUint16 {
		return errorf(1390, "HY000", "Prepared statement contains too many placeholders")
	}
	ss.nextStmt++
	ss.stmts[ss.nextStmt] = p
	b := binary.LittleEndian.AppendUint32([]byte{0}, ss.nextStmt)
	b = binary.LittleEndian.AppendUint16(b, 0) // columns come with the execution
	b = binary.LittleEndian.AppendUint16(b, uint16(p.params))
	if err := ss.send(append(b, 0, 0, 0)); err != nil {
		return err
	}
	if p.params == 0 {
		return nil
	}
	for range p.params {
		if err := ss.send(column{name: "?", typ: typVarString}.definition()); err != nil {
			return err
		}
	}
	return ss.sendEOF(0)
}

func (ss *session) longData(body []byte) {
	r := &parser{b: body}
	p, ok := ss.stmts[uint32(r.num(4))] //nolint:gosec // four bytes
	if !ok {
		return
	}
	i := uint16(r.num(2)) //nolint:gosec // two bytes
	if len(p.long[i])+len(r.b) <= maxMessage {
		p.long[i] = append(p.long[i], r.b...)
	}
}

func (ss *session) execute(body []byte) error {
	r := &parser{b: body}
	id := uint32(r.num(4)) //nolint:gosec // four bytes
	p, ok := ss.stmts[id]
	if !ok {
		return errorf(1243, "HY000", "Unknown prepared statement handler (%d) given to mysqld_stmt_execute", id)
	}
	r.take(1 + 4)
	args, err := p.args(r)
	if err != nil {
		return err
	}
	c := p.cursor
	res, err := ss.run(&c, args)
	if err != nil {
		return err
	}
	return ss.sendResult(res, true, 0)
}

// args reads the parameters of an execution.
func (p *prepared) args(r *parser) ([]any, error) {
	defer clear(p.long)
	out := make([]any, p.params)
	if p.params == 0 {
		return out, nil
	}
	nulls := r.take((p.params + 7) / 8)
	if r.num(1) == 1 {
		p.types = append([]byte(nil), r.take(2*p.params)...)
	}
	if r.bad || len(p.types) != 2*p.params {
		return nil, errorf(1835, "HY000", "Malformed communication packet")
	}
	for i := range out {
		if data, ok := p.long[uint16(i)]; ok { //nolint:gosec // at most 65535 parameters
			out[i] = string(data)
			continue
		}
		if nulls[i/8]&(1<<(i%8)) != 0 {
			continue
		}
		out[i] = r.value(p.types[2*i], p.types[2*i+1]&0x80 != 0)
	}
	if r.bad {
		return nil, errorf(1835, "HY000", "Malformed communication packet")
	}
	return out, nil
}

// value reads one parameter of the binary protocol.
func (p *parser) value(typ byte, unsigned bool) any {
	switch typ {
	case 1: // TINYINT
		v := p.num(1)
		if unsigned {
			return int64(v) //nolint:gosec // one byte
		}
		return int64(int8(v)) //nolint:gosec // one byte
	case 2, 13: // SMALLINT, YEAR
		v := p.num(2)
		if unsigned {
			return int64(v) //nolint:gosec // two bytes
		}
		return int64(int16(v)) //nolint:gosec // two bytes
	case 3, 9: // INT, MEDIUMINT
		v := p.num(4)
		if unsigned {
			return int64(v) //nolint:gosec // four bytes
		}
		return int64(int32(v)) //nolint:gosec // four bytes
	case 8: // BIGINT
		return int64(p.num(8)) //nolint:gosec // SQLite has signed integers only
	case 4: // FLOAT
		return float64(math.Float32frombits(uint32(p.num(4)))) //nolint:gosec // four bytes
	case 5: // DOUBLE
		return math.Float64frombits(p.num(8))
	case 6: // NULL
		return nil
	case typTimestamp, typDate, typDatetime:
		return p.time(typ)
	default:
		return p.lenStr()
	}
}

func (p *parser) time(typ byte) string {
	n := p.num(1)
	f := &parser{b: p.take(int(n))} //nolint:gosec // one byte
	y, mo, d := f.num(2), f.num(1), f.num(1)
	s := fmt.Sprintf("%04d-%02d-%02d", y, mo, d)
	if typ == typDate {
		return s
	}
	if n <= 4 {
		return s + " 00:00:00"
	}
	s += fmt.Sprintf(" %02d:%02d:%02d", f.num(1), f.num(1), f.num(1))
	if n > 7 {
		s += fmt.Sprintf(".%06d", f.num(4))
	}
	return s
}
