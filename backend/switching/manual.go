package switching

import (
	"fmt"
	"net"
	"strings"

	"github.com/dutyops/dutyops/dnsproviders"
	"github.com/dutyops/dutyops/failoverplan"
)

// Manual prints a zone's change as input for nsupdate, with the same comparison, for a
// person whose tools have all failed. It holds no secret: the key is a file that
// nsupdate reads. A change that cannot be written so comes out as comments that say why.
func (s *Switch) Manual(zc failoverplan.ZoneChange) string {
	var b strings.Builder
	zone := dnsproviders.CanonicalName(zc.Zone)
	fmt.Fprintf(&b, "; %d record sets of zone %s. Save as FILE, then: nsupdate -v -k KEYFILE FILE\n", len(zc.Changes), strings.Join(strings.Fields(zone), " "))
	b.WriteString("; All or nothing: NXRRSET or YXRRSET means that a record is not as planned, and nothing was changed.\n")
	raw := make([]dnsproviders.Change, len(zc.Changes))
	for i, c := range zc.Changes {
		raw[i] = toChange(c)
	}
	cs, err := dnsproviders.CanonicalChanges(zone, raw)
	if err != nil {
		fmt.Fprintf(&b, "; cannot be printed: %s\n", strings.Join(strings.Fields(err.Error()), " "))
		return b.String()
	}
	if z, ok := s.zones[zone]; ok && len(z.Authoritative) > 0 {
		if host, port, err := net.SplitHostPort(z.Authoritative[0]); err == nil {
			fmt.Fprintf(&b, "; the zone's primary; correct it when updates go elsewhere\nserver %s %s\n", host, port)
		}
	}
	fmt.Fprintf(&b, "zone %s.\n", zone)
	data := func(typ, v string) string {
		if typ == "CNAME" {
			return v + "."
		}
		return v
	}
	for _, c := range cs {
		n, t := c.Before.Name, c.Before.Type
		if len(c.Before.Values) == 0 {
			fmt.Fprintf(&b, "prereq nxrrset %s. IN %s\n", n, t)
		}
		for _, v := range c.Before.Values {
			fmt.Fprintf(&b, "prereq yxrrset %s. IN %s %s\n", n, t, data(t, v))
		}
	}
	for _, c := range cs {
		if len(c.Before.Values) > 0 {
			fmt.Fprintf(&b, "update delete %s. IN %s\n", c.Before.Name, c.Before.Type)
		}
	}
	for _, c := range cs {
		for _, v := range c.After.Values {
			fmt.Fprintf(&b, "update add %s. %d IN %s %s\n", c.After.Name, c.After.TTL, c.After.Type, data(c.After.Type, v))
		}
	}
	b.WriteString("send\nanswer\n")
	return b.String()
}
