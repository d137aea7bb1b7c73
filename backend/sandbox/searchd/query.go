package searchd

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"
	"time"
)

// query says which documents are meant. Columns are those of one index.
type query interface {
	// match says whether d is meant.
	match(ix *index, d *doc) bool
}

type (
	matchAll struct{}
	matchIDs map[string]bool
	exists   struct{ field string }
	prefix   struct{ field, text string }
	oneOf    struct {
		field string
		keys  []key
	}
	between struct {
		field        string
		low, high    *key
		above, below bool // bounds not included
	}
	combined struct {
		must, should, not []query
		least             int
	}
)

func (matchAll) match(*index, *doc) bool       { return true }
func (q matchIDs) match(_ *index, d *doc) bool { return q[d.id] }
func (q exists) match(ix *index, d *doc) bool  { return ix.column(q.field).vals[d].kind != kindNone }

func (q prefix) match(ix *index, d *doc) bool {
	return strings.HasPrefix(ix.column(q.field).vals[d].s, q.text)
}
func (q between) match(ix *index, d *doc) bool { return q.holds(ix.column(q.field).vals[d]) }
func (q oneOf) match(ix *index, d *doc) bool {
	v := ix.column(q.field).vals[d]
	if v.kind == kindNone {
		return false
	}
	for _, k := range q.keys {
		if k.compare(v) == 0 || number(k, v) {
			return true
		}
	}
	return false
}

// number says whether the text k is the number v: a term may come as either.
func number(k, v key) bool {
	if k.kind != kindText || v.kind != kindNumber {
		return false
	}
	f, err := strconv.ParseFloat(k.s, 64)
	return err == nil && f == v.n
}

func (q between) holds(v key) bool {
	if v.kind == kindNone {
		return false
	}
	if q.low != nil {
		if r := v.compare(*q.low); r < 0 || (r == 0 && q.above) {
			return false
		}
	}
	if q.high != nil {
		if r := v.compare(*q.high); r > 0 || (r == 0 && q.below) {
			return false
		}
	}
	return true
}

// bounds are the entries of its own column the range covers.
func (q between) bounds(c *column) (from, to int) {
	to = len(c.entries)
	if q.low != nil {
		from = c.from(*q.low, q.above)
	}
	if q.high != nil {
		to = c.from(*q.high, !q.below)
	}
	return from, max(from, to)
}

func (q combined) match(ix *index, d *doc) bool {
	for _, m := range q.must {
		if !m.match(ix, d) {
			return false
		}
	}
	for _, m := range q.not {
		if m.match(ix, d) {
			return false
		}
	}
	hits := 0
	for _, m := range q.should {
		if m.match(ix, d) {
			hits++
		}
	}
	return hits >= q.least
}

// parseQuery reads a query; an absent one is match_all.
func parseQuery(raw json.RawMessage) (query, error) {
	if len(bytes.TrimSpace(raw)) == 0 || string(bytes.TrimSpace(raw)) == "null" {
		return matchAll{}, nil
	}
	var outer map[string]json.RawMessage
	if err := json.Unmarshal(raw, &outer); err != nil || len(outer) != 1 {
		return nil, badRequest("parsing_exception", "[query] expected one query kind, got %s", clip(raw))
	}
	for name, body := range outer {
		q, err := parseKind(name, body)
		if err != nil {
			return nil, err
		}
		return q, nil
	}
	return matchAll{}, nil
}

func parseKind(name string, body json.RawMessage) (query, error) {
	bad := func() error { return badRequest("parsing_exception", "[%s] malformed query: %s", name, clip(body)) }
	switch name {
	case "match_all":
		return matchAll{}, nil
	case "ids":
		var v struct{ Values []string }
		if json.Unmarshal(body, &v) != nil {
			return nil, bad()
		}
		q := matchIDs{}
		for _, id := range v.Values {
			q[id] = true
		}
		return q, nil
	case "exists":
		var v struct{ Field string }
		if json.Unmarshal(body, &v) != nil || v.Field == "" {
			return nil, bad()
		}
		return exists{v.Field}, nil
	case "bool":
		return parseBool(body)
	}
	var fields map[string]json.RawMessage
	if json.Unmarshal(body, &fields) != nil {
		return nil, bad()
	}
	delete(fields, "boost")
	if len(fields) != 1 {
		return nil, bad()
	}
	for field, arg := range fields {
		switch name {
		case "term":
			v, ok := scalar(arg, "value")
			if !ok {
				return nil, bad()
			}
			return oneOf{field, []key{keyOf(v)}}, nil
		case "terms":
			var vs []any
			if json.Unmarshal(arg, &vs) != nil {
				return nil, bad()
			}
			q := oneOf{field: field}
			for _, v := range vs {
				q.keys = append(q.keys, keyOf(v))
			}
			return q, nil
		case "prefix":
			v, _ := scalar(arg, "value")
			text, ok := v.(string)
			if !ok {
				return nil, bad()
			}
			return prefix{field, text}, nil
		case "range":
			return parseRange(field, arg)
		}
	}
	return nil, badRequest("parsing_exception", "unknown query [%s]", name)
}

// scalar reads a value, plain or as {"NAME": value}.
func scalar(raw json.RawMessage, name string) (any, bool) {
	var v any
	if json.Unmarshal(raw, &v) != nil {
		return nil, false
	}
	if m, ok := v.(map[string]any); ok {
		v, ok = m[name]
		return v, ok
	}
	return v, v != nil
}

func parseRange(field string, raw json.RawMessage) (query, error) {
	var m map[string]any
	if err := json.Unmarshal(raw, &m); err != nil {
		return nil, badRequest("parsing_exception", "[range] malformed query: %s", clip(raw))
	}
	q := between{field: field}
	for name, v := range m {
		if v == nil {
			continue
		}
		k := keyOf(v)
		if text, ok := v.(string); ok {
			k = boundOf(text)
		}
		switch name {
		case "gt", "gte":
			q.low, q.above = &k, name == "gt"
		case "lt", "lte":
			q.high, q.below = &k, name == "lt"
		case "format", "time_zone", "boost":
		default:
			return nil, badRequest("parsing_exception", "[range] query does not support [%s]", name)
		}
	}
	return q, nil
}

// boundOf reads a text bound: a time, "now", "now-5m", a number, or a plain text.
func boundOf(text string) key {
	if rest, ok := strings.CutPrefix(text, "now"); ok {
		var d time.Duration
		if days, ok := strings.CutSuffix(rest, "d"); ok {
			rest = days + "h"
			d, _ = time.ParseDuration(rest)
			d *= 24
		} else if rest != "" {
			d, _ = time.ParseDuration(rest) // nonsense counts as now
		}
		return key{kind: kindTime, n: float64(time.Now().Add(d).UnixMilli())}
	}
	if f, err := strconv.ParseFloat(text, 64); err == nil {
		return key{kind: kindNumber, n: f}
	}
	return keyOf(text)
}

func parseBool(raw json.RawMessage) (query, error) {
	var parts map[string]json.RawMessage
	if err := json.Unmarshal(raw, &parts); err != nil {
		return nil, badRequest("parsing_exception", "[bool] malformed query: %s", clip(raw))
	}
	var q combined
	least := -1
	for name, body := range parts {
		if name == "minimum_should_match" {
			if err := json.Unmarshal(body, &least); err != nil {
				return nil, badRequest("parsing_exception", "[bool] minimum_should_match: expected a number")
			}
			continue
		}
		list, err := parseList(body)
		if err != nil {
			return nil, err
		}
		switch name {
		case "must", "filter":
			q.must = append(q.must, list...)
		case "should":
			q.should = list
		case "must_not":
			q.not = list
		case "boost":
		default:
			return nil, badRequest("parsing_exception", "[bool] query does not support [%s]", name)
		}
	}
	switch {
	case least >= 0:
		q.least = least
	case len(q.should) > 0 && len(q.must) == 0:
		q.least = 1
	}
	return q, nil
}

// parseList reads one query or a list of them.
func parseList(raw json.RawMessage) ([]query, error) {
	raws := []json.RawMessage{raw}
	if t := bytes.TrimSpace(raw); len(t) > 0 && t[0] == '[' {
		if err := json.Unmarshal(raw, &raws); err != nil {
			return nil, badRequest("parsing_exception", "[bool] malformed list: %s", clip(raw))
		}
	}
	var list []query
	for _, r := range raws {
		q, err := parseQuery(r)
		if err != nil {
			return nil, err
		}
		list = append(list, q)
	}
	return list, nil
}

// clip keeps error texts short.
func clip(raw []byte) string {
	if len(raw) > 120 {
		return string(raw[:120]) + "..."
	}
	return string(raw)
}
