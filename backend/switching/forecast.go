package switching

import (
	"fmt"
	"slices"
	"time"
)

// Forecast says when the last old answers end, as far as it can be told.
type Forecast struct {
	// At50, At90 and At100 are when so many percent of the watched resolvers' answers are
	// the new ones, each absent when that is reached or cannot be told.
	At50  time.Time `json:"at_50,omitzero"`
	At90  time.Time `json:"at_90,omitzero"`
	At100 time.Time `json:"at_100,omitzero"`
	// AtLeast: a resolver that holds an old answer was seen to keep answers longer than
	// their TTL, so the times are the earliest ones. Because names each.
	AtLeast bool     `json:"at_least"`
	Because []string `json:"because,omitempty"`
	// Others is when every resolver that keeps to TTLs has the new answers, watched or
	// not: the last change seen plus the TTL from before it. Absent when no change was seen.
	Others time.Time `json:"others,omitzero"`
	// Open are answers of resolvers that nothing is known about: silent, or without a
	// truth to compare with. The forecast leaves them out.
	Open int `json:"open"`
}

// forecast reads the tail off judged rows.
func forecast(rows []Row, m *memory, now time.Time) Forecast {
	var f Forecast
	var ends []time.Time
	total := 0
	long := map[string]bool{}
	for i := range rows {
		r := &rows[i]
		if r.Authoritative {
			continue
		}
		switch r.State {
		case RowSilent, RowUnknown:
			f.Open++
			continue
		case RowNew:
		case RowOld, RowOther:
			ends = append(ends, r.OldUntil)
			if m != nil {
				if t, ok := m.traits[r.Server]; ok && !long[r.Server] {
					long[r.Server] = true
					f.Because = append(f.Because, fmt.Sprintf("%s: %s", r.Server, t.Detail))
				}
			}
		}
		total++
	}
	slices.Sort(f.Because)
	f.AtLeast = len(f.Because) > 0
	slices.SortFunc(ends, time.Time.Compare)
	fresh := total - len(ends)
	reach := func(percent int) time.Time {
		need := (total*percent+99)/100 - fresh // of the old ones
		if need <= 0 {
			return time.Time{}
		}
		return ends[need-1]
	}
	if total > 0 {
		f.At50, f.At90, f.At100 = reach(50), reach(90), reach(100)
	}
	if m != nil {
		for _, x := range m.names {
			if end := x.changed.Add(seconds(x.beforeTTL)); !x.changed.IsZero() && end.After(now) && end.After(f.Others) {
				f.Others = end
			}
		}
	}
	return f
}

// Share is how many answers of a kind are the new ones.
type Share struct {
	New   int `json:"new"`
	Total int `json:"total"`
}

// Percent is rounded down, so that 100 means all; 100 of nothing.
func (s Share) Percent() int {
	if s.Total == 0 {
		return 100
	}
	return s.New * 100 / s.Total
}
