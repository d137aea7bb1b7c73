package mysqld

import (
	"encoding/binary"
	"errors"
	"math"
	"time"
)

// change is one logged change: a row image, or the text of a DDL statement.
type change struct {
	db, table string
	op        byte // 'I', 'U', 'D', or 'S' for a statement
	old, new  []any
	ddl       string // for 'S'; db is then the default database
}

// event is one transaction in the log.
type event struct {
	id   gtid
	at   time.Time // when it was committed at its origin
	body []byte    // encoded changes; see packer
	ddl  bool      // holds a statement, which cannot be undone
	// hidden: not sent to replicas (a stray transaction made on purpose).
	hidden bool
}

var errEvent = errors.New("mysqld: damaged event")

func appendChanges(b []byte, cs []change) []byte {
	b = binary.AppendUvarint(b, uint64(len(cs)))
	for _, c := range cs {
		b = append(b, c.op)
		b = appendText(b, c.db)
		if c.op == 'S' {
			b = appendText(b, c.ddl)
			continue
		}
		b = appendText(b, c.table)
		b = appendRow(b, c.old)
		b = appendRow(b, c.new)
	}
	return b
}

func appendText(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

func appendRow(b []byte, row []any) []byte {
	b = binary.AppendUvarint(b, uint64(len(row)))
	for _, v := range row {
		switch v := v.(type) {
		case int64:
			b = binary.AppendVarint(append(b, 'i'), v)
		case float64:
			b = binary.BigEndian.AppendUint64(append(b, 'f'), math.Float64bits(v))
		case string:
			b = appendText(append(b, 's'), v)
		case []byte:
			b = appendText(append(b, 'b'), string(v))
		default:
			b = append(b, 'n')
		}
	}
	return b
}

// decoder reads what the append functions wrote; after a failure it gives zeros
// and keeps bad set.
type decoder struct {
	b   []byte
	bad bool
}

func (d *decoder) uvarint() uint64 {
	n, l := binary.Uvarint(d.b)
	if l <= 0 {
		d.bad, d.b = true, nil
		return 0
	}
	d.b = d.b[l:]
	return n
}

func (d *decoder) take(n uint64) []byte {
	if n > uint64(len(d.b)) {
		d.bad, d.b = true, nil
		return nil
	}
	out := d.b[:n]
	d.b = d.b[n:]
	return out
}

func (d *decoder) byte() byte {
	if b := d.take(1); b != nil {
		return b[0]
	}
	return 0
}

func (d *decoder) text() string { return string(d.take(d.uvarint())) }

func (d *decoder) row() []any {
	n := d.uvarint()
	if n == 0 || n > uint64(len(d.b)) {
		d.bad = d.bad || n != 0
		return nil
	}
	row := make([]any, n)
	for i := range row {
		switch d.byte() {
		case 'i':
			v, l := binary.Varint(d.b)
			if l <= 0 {
				d.bad = true
				return nil
			}
			d.b = d.b[l:]
			row[i] = v
		case 'f':
			if b := d.take(8); b != nil {
				row[i] = math.Float64frombits(binary.BigEndian.Uint64(b))
			}
		case 's':
			row[i] = d.text()
		case 'b':
			row[i] = []byte(d.text())
		}
	}
	return row
}

func decodeChanges(body []byte) ([]change, error) {
	b, err := unpack(body)
	if err != nil {
		return nil, err
	}
	d := &decoder{b: b}
	n := d.uvarint()
	var out []change
	for range n {
		c := change{op: d.byte(), db: d.text()}
		if c.op == 'S' {
			c.ddl = d.text()
		} else {
			c.table, c.old, c.new = d.text(), d.row(), d.row()
		}
		if d.bad {
			return nil, errEvent
		}
		out = append(out, c)
	}
	return out, nil
}

// encode makes the form of an event that travels.
func (e event) encode(b []byte) []byte {
	b = binary.AppendUvarint(b, uint64(e.id.domain))
	b = binary.AppendUvarint(b, uint64(e.id.server))
	b = binary.AppendUvarint(b, e.id.seq)
	b = binary.AppendVarint(b, e.at.UnixMicro())
	ddl := byte(0)
	if e.ddl {
		ddl = 1
	}
	return append(append(b, ddl), e.body...)
}

func decodeEvent(b []byte) (event, error) {
	d := &decoder{b: b}
	e := event{id: gtid{domain: uint32(d.uvarint()), server: uint32(d.uvarint()), seq: d.uvarint()}} //nolint:gosec // encode wrote 32 bits
	at, l := binary.Varint(d.b)
	if d.bad || l <= 0 || len(d.b) <= l {
		return event{}, errEvent
	}
	e.at = time.UnixMicro(at)
	e.ddl = d.b[l] == 1
	e.body = append([]byte(nil), d.b[l+1:]...)
	return e, nil
}
