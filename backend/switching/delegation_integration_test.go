//go:build integration

package switching

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/dutyops/dutyops/dnsproviders"
	"github.com/dutyops/dutyops/failoverplan"
	"github.com/dutyops/dutyops/test/lab"
)

// TestDelegationOnServers: BIND serves the parent and refers to Knot, which signs the zone,
// and to an NSD that copies it and that the configuration has forgotten. The parent is
// found through Unbound.
func TestDelegationOnServers(t *testing.T) {
	servers := lab.ForDNS(t)
	knot := servers.Knot(lab.Zoned{Name: zoneName, Signed: true, Records: fmt.Sprintf("h0000 60 A %s\nh0000 60 AAAA %s\n", oldV4, oldV6)})
	nsd := servers.NSD(zoneName, knot)
	bind := servers.BIND(lab.Zoned{Name: "example.test", Records: strings.Join([]string{
		"gss NS ns1.gss", "gss NS ns2.gss", "ns1.gss A 127.0.0.1", "ns2.gss A 127.0.0.1",
		"gss DS 1 13 2 " + strings.Repeat("00", 32), "",
	}, "\n")})
	unbound := servers.Unbound(lab.Caching{Zone: "example.test", Authority: bind.Addr})

	r := newRig(t, rigOptions{})
	s, err := New(Options{
		Providers: map[string]dnsproviders.Provider{"rfc2136": r.s.opt.Providers["rfc2136"]}, QueryTimeout: 5 * time.Second,
		Zones: []Zone{{
			Name: zoneName, Provider: "rfc2136", Authoritative: []string{knot.Addr}, Discover: true,
			NameServers: map[string][]string{"ns1.example.test": {bind.Addr}, ns1Name: {knot.Addr}, ns2Name: {nsd.Addr}},
		}},
		Resolvers: []Resolver{{Name: "unbound", Address: unbound.Addr}},
	})
	if err != nil {
		t.Fatal(err)
	}
	b := s.Look(t.Context(), []failoverplan.Domain{{Name: "h0000." + zoneName, Zone: zoneName, Types: []string{"A", "AAAA"}}}, noSite)
	var authoritative []Finding
	for _, f := range b.Findings {
		if f.Server != "unbound" { // it cannot reach servers on these ports
			authoritative = append(authoritative, f)
		}
	}
	if got := kinds(Board{Findings: authoritative}); got != "warn ns-differ, warn ns-unlisted" {
		t.Errorf("%q: %+v", got, b.Findings)
	}
	if len(b.Delegations) != 1 || !b.Delegations[0].DS || !reflect.DeepEqual(b.Delegations[0].Parent, []string{ns1Name, ns2Name}) || !reflect.DeepEqual(b.Delegations[0].Child, []string{ns1Name}) {
		t.Fatalf("%+v", b.Delegations)
	}
	if b.Authoritative != (Share{4, 4}) {
		t.Errorf("%+v", b.Servers)
	}
	for _, l := range b.Servers {
		if l.Role != RoleAuthoritative {
			continue
		}
		if want := map[string]string{knot.Addr: ns1Name, nsd.Addr: ns2Name}[l.Server]; l.Host != want || l.State != "ok" || l.TCP != "ok" || !l.Signed || l.Found != (l.Server == nsd.Addr) {
			t.Errorf("%+v", l)
		}
	}
}
