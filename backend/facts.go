package backend

import (
	"fmt"
	"maps"
	"slices"

	"github.com/dutyops/dutyops/probes"
)

// factLines lays a component's facts out in display order, leaving out what it did not say.
func factLines(f probes.Facts) [][2]string {
	out := [][2]string{}
	add := func(k, v string) {
		if v != "" {
			out = append(out, [2]string{k, v})
		}
	}
	add("version", f.Version)
	add("role", f.Role)
	if f.ReadOnly != nil {
		add("read only", map[bool]string{true: "yes", false: "no"}[*f.ReadOnly])
	}
	add("replica of", f.ReplicaOf)
	add("replication", f.ReplicaState)
	if f.LagSeconds != nil {
		add("lag, as it says", fmt.Sprintf("%.1f s", *f.LagSeconds))
	}
	add("position", f.Position)
	add("received up to", f.SourcePosition)
	if k := f.Clock; k != nil {
		add("its clock", apart(ms(k.AheadS), ms(k.ErrorS))+" ours")
	}
	if !f.NewestAt.IsZero() {
		add("newest data", f.NewestAt.Local().Format("15:04:05.000"))
	}
	if f.Count != nil {
		add("count", fmt.Sprint(*f.Count))
	}
	if !f.CertificateEnds.IsZero() {
		add("certificate ends", f.CertificateEnds.UTC().Format("2006-01-02 15:04 MST"))
	}
	for _, k := range slices.Sorted(maps.Keys(f.Parts)) {
		add(k, f.Parts[k])
	}
	for _, k := range slices.Sorted(maps.Keys(f.Offsets)) {
		add("offset "+k, fmt.Sprint(f.Offsets[k]))
	}
	for _, k := range slices.Sorted(maps.Keys(f.Extra)) {
		add(k, f.Extra[k])
	}
	return out
}
