package searchd

import (
	"cmp"
	"encoding/json"
	"math"
	"slices"
	"strings"
	"time"
)

// Fields every document has.
const (
	seqField = "_seq_no"
	idField  = "_id"
)

// kind of a key; keys order by kind first.
type kind int8

const (
	kindNone kind = iota
	kindBool
	kindNumber
	kindTime // n is milliseconds since 1970, as Elasticsearch shows dates in sort values
	kindText
)

// key is one field value in a form that compares.
type key struct {
	kind kind
	n    float64
	s    string
}

// keyOf makes a key of a JSON value; a list counts by its first member.
func keyOf(v any) key {
	switch v := v.(type) {
	case bool:
		if v {
			return key{kind: kindBool, n: 1}
		}
		return key{kind: kindBool}
	case float64:
		return key{kind: kindNumber, n: v}
	case json.Number:
		f, _ := v.Float64() // a JSON number always is one
		return key{kind: kindNumber, n: f}
	case string:
		if len(v) >= len("2026-01-02T03:04:05Z") && v[4] == '-' && v[10] == 'T' {
			if t, err := time.Parse(time.RFC3339Nano, v); err == nil {
				return key{kind: kindTime, n: float64(t.UnixMilli())}
			}
		}
		return key{kind: kindText, s: v}
	case []any:
		if len(v) > 0 {
			return keyOf(v[0])
		}
	}
	return key{}
}

// compare orders keys. Numbers and times compare with each other, since sort
// values give times back as numbers.
func (k key) compare(o key) int {
	class := func(k kind) kind {
		if k == kindTime {
			return kindNumber
		}
		return k
	}
	return cmp.Or(cmp.Compare(class(k.kind), class(o.kind)), cmp.Compare(k.n, o.n), strings.Compare(k.s, o.s))
}

// value is how a key looks in sort values and aggregations.
func (k key) value() any {
	switch k.kind {
	case kindBool:
		return k.n == 1
	case kindNumber, kindTime:
		if k.n == math.Trunc(k.n) && math.Abs(k.n) < 1<<53 {
			return int64(k.n)
		}
		return k.n
	case kindText:
		return k.s
	case kindNone:
	}
	return nil
}

// key gives a field's value; fields may be nil for the underscore fields.
func (d *doc) key(field string, fields map[string]any) key {
	switch field {
	case seqField, "_doc", "_shard_doc":
		return key{kind: kindNumber, n: float64(d.seq)}
	case idField:
		return key{kind: kindText, s: d.id}
	}
	if v, ok := lookup(fields, field); ok {
		return keyOf(v)
	}
	if base, cut := strings.CutSuffix(field, ".keyword"); cut {
		if v, ok := lookup(fields, base); ok {
			return keyOf(v)
		}
	}
	return key{}
}

// lookup follows a dotted path.
func lookup(m map[string]any, path string) (any, bool) {
	if v, ok := m[path]; ok {
		return v, true
	}
	first, rest, dotted := strings.Cut(path, ".")
	if inner, ok := m[first].(map[string]any); ok && dotted {
		return lookup(inner, rest)
	}
	return nil, false
}

// column is one field of all documents, ordered by value and then by writing.
// Documents without the field are not in it.
type column struct {
	entries []entry
	vals    map[*doc]key
}

type entry struct {
	k key
	d *doc
}

func (e entry) compare(o entry) int {
	return cmp.Or(e.k.compare(o.k), cmp.Compare(e.d.seq, o.d.seq))
}

// append adds without keeping the order; call sort after the last one.
func (c *column) append(d *doc, k key) {
	if k.kind != kindNone {
		c.entries = append(c.entries, entry{k, d})
		c.vals[d] = k
	}
}

func (c *column) sort() { slices.SortFunc(c.entries, entry.compare) }

// add keeps the order. Values mostly grow, so it mostly appends.
func (c *column) add(d *doc, k key) {
	if k.kind == kindNone {
		return
	}
	e := entry{k, d}
	c.vals[d] = k
	if n := len(c.entries); n == 0 || c.entries[n-1].compare(e) < 0 {
		c.entries = append(c.entries, e)
		return
	}
	at, _ := slices.BinarySearchFunc(c.entries, e, entry.compare)
	c.entries = slices.Insert(c.entries, at, e)
}

func (c *column) remove(d *doc) {
	k, ok := c.vals[d]
	if !ok {
		return
	}
	delete(c.vals, d)
	switch at, found := slices.BinarySearchFunc(c.entries, entry{k, d}, entry.compare); {
	case found && at == 0: // the oldest, as a rule: nothing needs to move
		c.entries[0] = entry{}
		c.entries = c.entries[1:]
	case found:
		c.entries = slices.Delete(c.entries, at, at+1)
	}
}

// from is the position of the first entry with a value of at least k, or above k
// when after is set.
func (c *column) from(k key, after bool) int {
	at, _ := slices.BinarySearchFunc(c.entries, k, func(e entry, k key) int {
		if r := e.k.compare(k); r != 0 || !after {
			return r
		}
		return -1
	})
	return at
}
