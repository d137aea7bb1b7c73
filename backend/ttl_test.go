package backend

import (
	"errors"
	"strings"
	"testing"

	"github.com/dutyops/dutyops/backend/switching"
	"github.com/dutyops/dutyops/failoverplan"
)

// Only what servers say shows that TTLs are low: a time-out and an empty answer do not.
func TestLowTTLsAreShownByAnswersOnly(t *testing.T) {
	const name = "pvg.example.test"
	says := func(server, typ string, ttl uint32) switching.Observation {
		return switching.Observation{Name: name, Type: typ, Server: server, Authoritative: true, Values: []string{"192.0.2.10"}, TTL: ttl}
	}
	silent := func(typ string) switching.Observation {
		return switching.Observation{Name: name, Type: typ, Server: "ns2", Authoritative: true, Err: errors.New("no answer")}
	}
	resolver := says("resolver", "AAAA", 5)
	resolver.Authoritative = false
	empty := says("ns1", "AAAA", 5)
	empty.Values = nil
	low := map[failoverplan.SetKey]uint32{{Name: name, Type: "A"}: 30, {Name: name, Type: "AAAA"}: 30}
	for _, c := range []struct {
		name string
		obs  []switching.Observation
		want string
	}{
		{"all low", []switching.Observation{says("ns1", "A", 30), says("ns1", "AAAA", 7)}, ""},
		{"one server is away", []switching.Observation{says("ns1", "A", 30), silent("A"), says("ns1", "AAAA", 30), silent("AAAA")}, ""},
		{"one is old", []switching.Observation{says("ns1", "A", 30), says("ns1", "AAAA", 30), says("ns2", "AAAA", 300)}, "ns2 still gives pvg.example.test AAAA a TTL of 300 s"},
		{"nobody answers", []switching.Observation{silent("A"), silent("AAAA")}, "no authoritative server tells the TTL of pvg.example.test A"},
		{"nobody was asked", nil, "no authoritative server tells"},
		{"of one set nobody tells", []switching.Observation{says("ns1", "A", 30), silent("AAAA")}, "tells the TTL of pvg.example.test AAAA"},
		{"an empty answer", []switching.Observation{says("ns1", "A", 30), empty}, "tells the TTL of pvg.example.test AAAA"},
		{"a resolver alone", []switching.Observation{says("ns1", "A", 30), resolver}, "tells the TTL of pvg.example.test AAAA"},
	} {
		if got := notLow(c.obs, low); (c.want == "") != (got == "") || !strings.Contains(got, c.want) {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}
