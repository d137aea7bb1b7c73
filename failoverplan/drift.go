package failoverplan

import (
	"fmt"
	"slices"
	"time"
)

// Armed is a place as it was when a person armed it, or first read after the last switch.
type Armed struct {
	Place
	At time.Time
	// Names that were read; one without sets had none.
	Names []string
	Sets  []RecordSet
}

// ArmedAge says how old the armed picture of a place is, and how many record sets of the
// stations asked for have changed since.
type ArmedAge struct {
	Place
	At      time.Time `json:"at"`
	AgeS    float64   `json:"age_s"`
	Drifted int       `json:"drifted"`
}

// driftGate holds the live zones against the pictures that were armed: many differences
// mean that somebody is at work there.
func (w *dnsWork) driftGate() Gate {
	var diff []string
	var oldest time.Time
	for _, a := range w.r.Armed {
		h := slices.IndexFunc(w.holders[a.Zone], func(h Held) bool { return h.Place == a.Place })
		if h < 0 || w.holders[a.Zone][h].Problem != "" {
			continue
		}
		here := w.drifted(a, w.holders[a.Zone][h])
		diff = append(diff, here...)
		if oldest.IsZero() || a.At.Before(oldest) {
			oldest = a.At
		}
		w.out.armed = append(w.out.armed, ArmedAge{Place: a.Place, At: a.At, AgeS: w.r.Situation.At.Sub(a.At).Seconds(), Drifted: len(here)})
	}
	g := Gate{Gate: "zone-as-armed", Soft: true, Passed: len(diff) <= w.r.Limits.MaxDrift, Evidence: "nothing that is armed can be compared"}
	if !oldest.IsZero() {
		g.Evidence = fmt.Sprintf("%d record sets differ from the picture armed %s before (limit %d)", len(diff), w.r.Situation.At.Sub(oldest).Round(time.Second), w.r.Limits.MaxDrift)
	}
	if len(diff) > 0 {
		g.Evidence += ": " + some(diff)
	}
	if !g.Passed {
		g.ClearsWhen = "you know who changed them, and `dutyops dns arm` has taken the new picture; or a person accepts it with --forced"
	}
	return g
}

// drifted lists the record sets of the stations asked for that a place holds otherwise
// than the picture.
func (w *dnsWork) drifted(a Armed, h Held) []string {
	was, is := values(a.Sets), values(h.Sets)
	read := set(a.Names)
	var out []string
	for _, d := range w.r.Topology.Domains {
		if d.Zone != a.Zone || !w.asked[d.Station] || !read[d.Name] {
			continue
		}
		for _, typ := range liveTypes {
			k := SetKey{Name: d.Name, Type: typ}
			if !slices.Equal(was[k], is[k]) {
				out = append(out, fmt.Sprintf("%s %s was %s, is %s", d.Name, typ, orAbsent(was[k]), orAbsent(is[k])))
			}
		}
	}
	return out
}

func values(sets []RecordSet) map[SetKey][]string {
	out := make(map[SetKey][]string, len(sets))
	for _, s := range sets {
		out[SetKey{Name: s.Name, Type: s.Type}] = sorted(s.Values)
	}
	return out
}
