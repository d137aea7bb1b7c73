package switching

import (
	"testing"

	"github.com/dutyops/dutyops/dnsproviders/propagation"
)

// A server is held against those of its own provider only: another one counts its changes
// for itself.
func TestSerialsOfTwoProvidersAreNotCompared(t *testing.T) {
	zones := map[string]Zone{"a.test": {
		Name: "a.test", Provider: "main", Authoritative: []string{"ns1:53", "ns2:53"},
		Also: []Twin{{Provider: "second", Authoritative: []string{"ns3:53"}}},
	}}
	hs := []propagation.Health{
		{Zone: "a.test", Server: "ns1:53", Serial: 7, AA: true},
		{Zone: "a.test", Server: "ns2:53", Serial: 8, AA: true},
		{Zone: "a.test", Server: "ns3:53", Serial: 2026112601, AA: true},
	}
	newest := newestSerials(hs, zones)
	for i, want := range []uint32{8, 8, 2026112601} {
		if got := newest[placeOf(hs[i], zones)]; got != want {
			t.Errorf("%s is held against serial %d, want %d", hs[i].Server, got, want)
		}
	}
}
