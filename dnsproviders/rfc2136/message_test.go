package rfc2136

import (
	"testing"

	"github.com/miekg/dns"

	"github.com/dutyops/dutyops/dnsproviders"
)

// An alias stands alone. BIND ignores the addition of one beside a TXT record and says
// that all is well (RFC 2136 section 3.4.2.2), so the removals before it would leave a
// hole: the message demands that nothing else is there, and that no alias is there when
// another set is created. Sets that the same change removes are not demanded to be absent.
func TestAnAliasStandsAlone(t *testing.T) {
	name := "www." + zoneName
	alias := dnsproviders.RRset{Name: name, Type: "CNAME", TTL: 30, Values: []string{"gw." + zoneName}}
	address := dnsproviders.RRset{Name: name, Type: "A", TTL: 30, Values: []string{"192.0.2.1"}}
	none := func(s dnsproviders.RRset) dnsproviders.RRset { return dnsproviders.RRset{Name: s.Name, Type: s.Type} }
	for _, c := range []struct {
		from, to    dnsproviders.RRset
		absent, not uint16
	}{{address, alias, dns.TypeTXT, dns.TypeA}, {alias, address, dns.TypeNone, dns.TypeCNAME}} {
		m, err := message(zoneName, []item{{0, dnsproviders.Change{Before: c.from, After: none(c.from)}}, {1, dnsproviders.Change{Before: none(c.to), After: c.to}}})
		if err != nil {
			t.Fatal(err)
		}
		demanded := map[uint16]bool{}
		for _, r := range m.Answer { // prerequisites (RFC 2136 section 2.4)
			if h := r.Header(); h.Class == dns.ClassNONE {
				demanded[h.Rrtype] = true
			}
		}
		if c.absent != dns.TypeNone && !demanded[c.absent] || demanded[c.not] || !demanded[dns.TypeRRSIG] {
			t.Errorf("%s to %s: absent sets demanded: %v", c.from.Type, c.to.Type, demanded)
		}
	}
}

// An alias is replaced by the alias that is added (RFC 2136 section 3.4.2.2). Its removal
// before leaves a hole on a Knot that signs the zone.
func TestAnAliasIsReplacedInPlace(t *testing.T) {
	m, err := message(zoneName, []item{{0, change("www."+zoneName, "CNAME", []string{"a.example.test"}, []string{"b.example.test"})}})
	if err != nil {
		t.Fatal(err)
	}
	if len(m.Ns) != 1 || m.Ns[0].Header().Class != dns.ClassINET || len(m.Answer) != 1 {
		t.Errorf("want one prerequisite and one addition:\n%v", m)
	}
}

// What is printed for nsupdate is the message, line by line.
func TestCommands(t *testing.T) {
	n := "www." + zoneName
	got, err := Commands(zoneName+".", []dnsproviders.Change{
		change(n, "A", []string{oldV4}, []string{newV4, "198.51.100.21"}), change(n, "AAAA", nil, []string{newV6}),
		change("alias."+zoneName, "CNAME", []string{"a.example.test"}, []string{"b.example.test"}),
	})
	want := `zone gss.example.test.
prereq yxrrset www.gss.example.test. IN A 192.0.2.10
prereq nxrrset www.gss.example.test. IN AAAA
prereq nxrrset www.gss.example.test. IN CNAME
prereq yxrrset alias.gss.example.test. IN CNAME a.example.test.
update delete www.gss.example.test. IN A
update add www.gss.example.test. 30 IN A 198.51.100.20
update add www.gss.example.test. 30 IN A 198.51.100.21
update add www.gss.example.test. 30 IN AAAA 2001:db8:b::20
update add alias.gss.example.test. 30 IN CNAME b.example.test.
`
	if err != nil || got != want {
		t.Errorf("%v\n%s", err, got)
	}
	if _, err := Commands(zoneName, []dnsproviders.Change{change(n, "A", []string{oldV4}, []string{"1.2.3.4\nupdate delete " + n})}); err == nil {
		t.Error("a line of its own in a value is printed")
	}
}
