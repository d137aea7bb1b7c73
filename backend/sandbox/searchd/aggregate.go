package searchd

import (
	"bytes"
	"encoding/json"
	"time"
)

// aggregate answers max and min of one field.
func aggregate(found []*index, q query, aggs map[string]json.RawMessage) (object, error) {
	out := object{}
	for name, raw := range aggs {
		var a struct {
			Max, Min *struct{ Field string }
		}
		dec := json.NewDecoder(bytes.NewReader(raw))
		dec.DisallowUnknownFields()
		if err := dec.Decode(&a); err != nil || (a.Max == nil) == (a.Min == nil) {
			return nil, badRequest("parsing_exception", "aggregation [%s]: only max and min of a field are known here", name)
		}
		spec, sign := a.Max, 1
		if a.Min != nil {
			spec, sign = a.Min, -1
		}
		var best key
		for _, ix := range found {
			c := ix.column(spec.Field)
			for i := range c.entries {
				e := c.entries[i]
				if sign > 0 {
					e = c.entries[len(c.entries)-1-i]
				}
				if q.match(ix, e.d) { // in order: the first that is meant is the best
					if best.kind == kindNone || e.k.compare(best)*sign > 0 {
						best = e.k
					}
					break
				}
			}
		}
		res := object{"value": nil}
		switch best.kind {
		case kindNumber, kindBool:
			res["value"] = best.n
		case kindTime:
			res["value"] = best.n
			res["value_as_string"] = time.UnixMilli(int64(best.n)).UTC().Format("2006-01-02T15:04:05.000Z")
		case kindText:
			return nil, badRequest("illegal_argument_exception",
				"Field [%s] of type [text] is not supported for aggregation [%s]", spec.Field, name)
		case kindNone:
		}
		out[name] = res
	}
	return out, nil
}
