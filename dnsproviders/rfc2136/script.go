package rfc2136

import (
	"fmt"
	"strings"

	"github.com/miekg/dns"

	"github.com/dutyops/dutyops/dnsproviders"
	"github.com/dutyops/dutyops/dnsproviders/internal/rr"
)

// Commands are the lines of nsupdate that make the same message as Apply, from the zone's
// line to the last: every prerequisite, then the updates. They hold no secret. A change
// that does not fit in one message makes one that nsupdate refuses. The error says what is
// wrong with a change.
func Commands(zone string, changes []dnsproviders.Change) (string, error) {
	zone = rr.Name(zone)
	canon, err := dnsproviders.CanonicalChanges(zone, changes)
	if err != nil {
		return "", err
	}
	items := make([]item, len(canon))
	for i, c := range canon {
		items[i] = item{i, c}
	}
	m, err := message(zone, items)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	fmt.Fprintf(&b, "zone %s\n", dns.Fqdn(zone))
	for _, x := range m.Answer {
		h := x.Header()
		if h.Class == dns.ClassNONE {
			fmt.Fprintf(&b, "prereq nxrrset %s IN %s\n", h.Name, dns.TypeToString[h.Rrtype])
			continue
		}
		fmt.Fprintf(&b, "prereq yxrrset %s IN %s %s\n", h.Name, dns.TypeToString[h.Rrtype], data(x))
	}
	for _, x := range m.Ns {
		h := x.Header()
		if h.Class == dns.ClassANY {
			fmt.Fprintf(&b, "update delete %s IN %s\n", h.Name, dns.TypeToString[h.Rrtype])
			continue
		}
		fmt.Fprintf(&b, "update add %s %d IN %s %s\n", h.Name, h.Ttl, dns.TypeToString[h.Rrtype], data(x))
	}
	return b.String(), nil
}

// data is a record without its header.
func data(x dns.RR) string { return strings.TrimPrefix(x.String(), x.Header().String()) }
