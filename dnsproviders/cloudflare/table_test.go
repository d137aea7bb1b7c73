package cloudflare

import (
	"slices"
	"testing"

	"github.com/dutyops/dutyops/dnsproviders/internal/suite"
)

func TestTable(t *testing.T) {
	suite.Table(t, func(t *testing.T, name string, sets []suite.Set) suite.Bed {
		r := newRig(t, Options{})
		for _, s := range sets {
			r.zone.Set(name, s.Type, s.TTL, s.Values...)
		}
		return suite.BedOf(r.p, r.zone)
	}, nil)
}

// The same transitions of proxied records: they stay proxied, with their comments, and a
// record that is created beside proxied ones is proxied too.
func TestTableOfProxiedRecords(t *testing.T) {
	proxied := []string{"A", "AAAA", "CNAME"}
	automatic := func(sets []suite.Set) []suite.Set {
		out := slices.Clone(sets)
		for i := range out {
			out[i].TTL = 1
		}
		return out
	}
	for _, x := range suite.Transitions() {
		x.From, x.To = automatic(x.From), automatic(x.To)
		if len(x.Beside) > 0 || slices.ContainsFunc(slices.Concat(x.From, x.To), func(s suite.Set) bool { return !slices.Contains(proxied, s.Type) }) {
			continue // other types are never proxied
		}
		t.Run(x.Name, func(t *testing.T) {
			r := newRig(t, Options{})
			changes := x.Changes()
			name := changes[0].Before.Name
			for _, s := range x.From {
				r.zone.Set(name, s.Type, s.TTL, s.Values...)
				r.zone.Mark(name, s.Type, true, "edge")
			}
			for _, way := range []struct {
				name string
				want []suite.Set
			}{{"there", x.To}, {"back", x.From}} {
				if _, err := r.p.Apply(t.Context(), zoneName, changes); err != nil {
					t.Fatalf("%s: %v", way.name, err)
				}
				changes = invert(changes)
				n := 0
				for _, s := range way.want {
					n += len(s.Values)
					if got, _ := r.zone.Get(name, s.Type); !slices.Equal(got, slices.Sorted(slices.Values(s.Values))) {
						t.Errorf("%s: %s is %q, want %q", way.name, s.Type, got, s.Values)
					}
				}
				recs := r.zone.Records()
				for _, rec := range recs {
					if !rec.Proxied || rec.Comment != "edge" || rec.TTL != 1 {
						t.Errorf("%s: %+v is no longer proxied as it was", way.name, rec)
					}
				}
				if len(recs) != n {
					t.Errorf("%s: %d records, want %d", way.name, len(recs), n)
				}
			}
		})
	}
}
