package searchd

import (
	"bytes"
	"cmp"
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// window is index.max_result_window; totals are exact up to it unless asked for.
const window = 10_000

// searchBody is what _search and _count take.
type searchBody struct {
	Query     json.RawMessage            `json:"query"`
	Sort      json.RawMessage            `json:"sort"`
	Size      *int                       `json:"size"`
	From      int                        `json:"from"`
	After     []any                      `json:"search_after"`
	Aggs      map[string]json.RawMessage `json:"aggs"`
	AggsLong  map[string]json.RawMessage `json:"aggregations"`
	Source    any                        `json:"_source"`
	Track     any                        `json:"track_total_hits"`
	WithSeq   bool                       `json:"seq_no_primary_term"`
	WithVer   bool                       `json:"version"`
	Timeout   any                        `json:"timeout"`
	StoredAny any                        `json:"stored_fields"`
}

// order is one sort key.
type order struct {
	field string
	desc  bool
	// unmapped says that an unknown field is fine (unmapped_type was given).
	unmapped bool
}

// hit is a document that was found, with its index.
type hit struct {
	ix *index
	d  *doc
}

func (s *Server) count(r *http.Request, name string) (int, any, error) {
	var b searchBody
	if err := decode(r, &b); err != nil {
		return 0, nil, err
	}
	q, err := parseQuery(b.Query)
	if err != nil {
		return 0, nil, err
	}
	s.mu.Lock() // columns may be built
	defer s.mu.Unlock()
	found, aerr := s.find(name)
	if aerr != nil {
		return 0, nil, aerr
	}
	n := 0
	for _, ix := range found {
		n += ix.count(q)
	}
	return http.StatusOK, object{"count": n, "_shards": shards(len(found))}, nil
}

// count is how many documents a query means.
func (ix *index) count(q query) int {
	switch q := q.(type) {
	case matchAll:
		return len(ix.docs)
	case between:
		from, to := q.bounds(ix.column(q.field))
		return to - from
	}
	n := 0
	for _, e := range ix.seqs().entries {
		if q.match(ix, e.d) {
			n++
		}
	}
	return n
}

func (s *Server) search(r *http.Request, name string) (int, any, error) {
	began := time.Now()
	var b searchBody
	if err := decode(r, &b); err != nil {
		return 0, nil, err
	}
	size := 10
	if b.Size != nil {
		size = *b.Size
	}
	params := r.URL.Query()
	if v := params.Get("size"); v != "" {
		n, err := strconv.Atoi(v)
		if err != nil {
			return 0, nil, badRequest("illegal_argument_exception", "Failed to parse int parameter [size] with value [%s]", v)
		}
		size = n
	}
	if size < 0 || b.From < 0 || b.From+size > window {
		return 0, nil, badRequest("illegal_argument_exception",
			"Result window is too large, from + size must be less than or equal to: [%d] but was [%d]", window, b.From+size)
	}
	q, err := parseQuery(b.Query)
	if err != nil {
		return 0, nil, err
	}
	sorts, err := parseSort(b.Sort, params.Get("sort"))
	if err != nil {
		return 0, nil, err
	}
	if len(b.After) > 0 && len(b.After) != len(sorts) {
		return 0, nil, badRequest("illegal_argument_exception",
			"search_after has %d value(s) but sort has %d.", len(b.After), len(sorts))
	}

	s.mu.Lock() // columns may be built
	defer s.mu.Unlock()
	found, aerr := s.find(name)
	if aerr != nil {
		return 0, nil, aerr
	}
	total := 0
	for _, ix := range found {
		total += ix.count(q)
	}
	for _, ix := range found {
		if err := ix.sortable(sorts); err != nil {
			return 0, nil, err
		}
	}
	var hits []hit
	if size > 0 {
		hits = pick(found, q, sorts, b.After, b.From+size)
		hits = hits[min(b.From, len(hits)):]
	}
	answer := object{
		"took": time.Since(began).Milliseconds(), "timed_out": false, "_shards": shards(len(found)),
		"hits": hitList(hits, total, sorts, b),
	}
	if aggs := cmp.Or(len(b.Aggs), len(b.AggsLong)); aggs > 0 {
		if b.Aggs == nil {
			b.Aggs = b.AggsLong
		}
		out, err := aggregate(found, q, b.Aggs)
		if err != nil {
			return 0, nil, err
		}
		answer["aggregations"] = out
	}
	return http.StatusOK, answer, nil
}

// sortable refuses a sort by a field that the index knows nothing of, as the real
// one does unless the sort names an unmapped_type.
func (ix *index) sortable(sorts []order) error {
	props, _ := ix.mappings["properties"].(map[string]any)
	for _, o := range sorts {
		_, mapped := lookup(props, strings.TrimSuffix(o.field, ".keyword"))
		if !o.unmapped && !mapped && !strings.HasPrefix(o.field, "_") && len(ix.column(o.field).entries) == 0 {
			return &apiError{
				status: http.StatusBadRequest, kind: "search_phase_execution_exception", index: ix.name,
				reason: "No mapping found for [" + o.field + "] in order to sort on",
			}
		}
	}
	return nil
}

// pick gives up to n hits in order.
func pick(found []*index, q query, sorts []order, after []any, n int) []hit {
	if len(found) == 1 && len(sorts) <= 1 {
		if hits, ok := found[0].walk(q, sorts, after, n); ok {
			return hits
		}
	}
	var hits []hit
	for _, ix := range found {
		for _, e := range ix.seqs().entries {
			if q.match(ix, e.d) {
				hits = append(hits, hit{ix, e.d})
			}
		}
	}
	keys := func(h hit) []key {
		ks := make([]key, len(sorts))
		for i, o := range sorts {
			ks[i] = h.ix.column(o.field).vals[h.d]
		}
		return ks
	}
	slices.SortStableFunc(hits, func(a, b hit) int { return compareKeys(keys(a), keys(b), sorts) })
	if len(after) > 0 {
		mark := make([]key, len(after))
		for i, v := range after {
			mark[i] = keyOf(v)
		}
		at := slices.IndexFunc(hits, func(h hit) bool { return compareKeys(keys(h), mark, sorts) > 0 })
		if at < 0 {
			return nil
		}
		hits = hits[at:]
	}
	return hits[:min(n, len(hits))]
}

// compareKeys orders by all sort keys; a missing value comes last either way.
func compareKeys(a, b []key, sorts []order) int {
	for i, o := range sorts {
		if none := cmp.Compare(b2i(a[i].kind == kindNone), b2i(b[i].kind == kindNone)); none != 0 {
			return none
		}
		if r := a[i].compare(b[i]); r != 0 {
			if o.desc {
				return -r
			}
			return r
		}
	}
	return 0
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

// walk reads the sort column in order and stops when it has enough. It declines
// when documents lack the field, since those come last.
func (ix *index) walk(q query, sorts []order, after []any, n int) ([]hit, bool) {
	by := order{field: seqField}
	if len(sorts) == 1 {
		by = sorts[0]
	}
	c := ix.column(by.field)
	from, to := 0, len(c.entries)
	if b, ok := q.(between); ok && b.field == by.field {
		from, to = b.bounds(c)
	} else if to < len(ix.docs) {
		return nil, false
	}
	if len(after) == 1 {
		if k := keyOf(after[0]); by.desc {
			to = min(to, c.from(k, false))
		} else {
			from = max(from, c.from(k, true))
		}
	}
	var hits []hit
	for i := from; i < to && len(hits) < n; i++ {
		e := c.entries[i]
		if by.desc {
			e = c.entries[to-1-(i-from)]
		}
		if q.match(ix, e.d) {
			hits = append(hits, hit{ix, e.d})
		}
	}
	return hits, true
}

func hitList(hits []hit, total int, sorts []order, b searchBody) object {
	list := make([]object, 0, len(hits))
	for _, h := range hits {
		o := object{"_index": h.ix.name, "_id": h.d.id, "_score": 1.0}
		if !says(b.Source, false) {
			o["_source"] = h.d.source
		}
		if b.WithSeq {
			o["_seq_no"], o["_primary_term"] = h.d.seq, 1
		}
		if b.WithVer {
			o["_version"] = h.d.version
		}
		if len(sorts) > 0 {
			vals := make([]any, len(sorts))
			for i, s := range sorts {
				vals[i] = h.ix.column(s.field).vals[h.d].value()
			}
			o["sort"], o["_score"] = vals, nil
		}
		list = append(list, o)
	}
	out := object{"max_score": nil, "hits": list}
	switch {
	case says(b.Track, false):
	case !says(b.Track, true) && total > window:
		out["total"] = object{"value": window, "relation": "gte"}
	default:
		out["total"] = object{"value": total, "relation": "eq"}
	}
	return out
}

// says reports whether a JSON value is the given truth value, not merely a list or absent.
func says(v any, want bool) bool {
	b, ok := v.(bool)
	return ok && b == want
}

// parseSort reads a sort in any of its forms; param is the query string's.
func parseSort(raw json.RawMessage, param string) ([]order, error) {
	var sorts []order
	if param != "" {
		for p := range strings.SplitSeq(param, ",") {
			field, dir, _ := strings.Cut(p, ":")
			sorts = append(sorts, order{field: field, desc: dir == "desc"})
		}
		return sorts, nil
	}
	if len(raw) == 0 {
		return nil, nil
	}
	items := []json.RawMessage{raw}
	if t := bytes.TrimSpace(raw); t[0] == '[' {
		if err := json.Unmarshal(raw, &items); err != nil {
			return nil, badRequest("parsing_exception", "[sort] malformed: %s", clip(raw))
		}
	}
	for _, item := range items {
		var field string
		if json.Unmarshal(item, &field) == nil {
			sorts = append(sorts, order{field: field})
			continue
		}
		var m map[string]json.RawMessage
		if json.Unmarshal(item, &m) != nil || len(m) != 1 {
			return nil, badRequest("parsing_exception", "[sort] malformed: %s", clip(item))
		}
		for f, body := range m {
			dir, _ := scalar(body, "order")
			if dir != nil && dir != "asc" && dir != "desc" {
				return nil, badRequest("parsing_exception", "[sort] unknown order [%v]", dir)
			}
			_, unmapped := scalar(body, "unmapped_type")
			var spec map[string]any
			unmapped = unmapped && json.Unmarshal(body, &spec) == nil
			sorts = append(sorts, order{field: f, desc: dir == "desc", unmapped: unmapped})
		}
	}
	return sorts, nil
}

func shards(n int) object {
	return object{"total": n, "successful": n, "skipped": 0, "failed": 0}
}
