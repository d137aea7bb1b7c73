package switching

import (
	"errors"
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

// TestProvidersThatDiffer: a high serial of one provider does not make the other's answer
// an old one; and where they say the same, it is known.
func TestProvidersThatDiffer(t *testing.T) {
	zones := map[string]Zone{"z": {
		Name: "z", Provider: "first", Authoritative: []string{"ns1:53", "ns2:53"},
		Also: []Twin{{Provider: "second", Authoritative: []string{"ns3:53"}}},
	}}
	row := func(server, value string, serial uint32) Row {
		return Row{Zone: "z", Server: server, Authoritative: true, Name: "www", Type: "A", Got: []string{value}, Serial: serial, TTL: 60}
	}
	for _, tc := range []struct {
		name  string
		rows  []Row
		known bool
		want  string
	}{
		{"equal", []Row{row("ns1:53", newV4, 7), row("ns3:53", newV4, 2026)}, true, newV4},
		{"a server of the first lags", []Row{row("ns1:53", oldV4, 6), row("ns2:53", newV4, 7), row("ns3:53", newV4, 2026)}, true, newV4},
		{"they differ", []Row{row("ns1:53", newV4, 7), row("ns2:53", newV4, 7), row("ns3:53", oldV4, 2026)}, false, ""},
		{"the other is silent", []Row{row("ns1:53", newV4, 7), {Zone: "z", Server: "ns3:53", Authoritative: true, Name: "www", Type: "A", Err: errors.New("no answer")}}, true, newV4},
	} {
		got := truths(tc.rows, zones)[key{"www", "A"}]
		if got.known() != tc.known || tc.known && got.values[0] != tc.want {
			t.Errorf("%s: %+v", tc.name, got)
		}
	}
}
