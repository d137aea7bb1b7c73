package compat

import (
	"slices"
	"testing"
	"time"

	"github.com/libdns/libdns"

	"github.com/dutyops/dutyops/dnsproviders"
	"github.com/dutyops/dutyops/dnsproviders/internal/suite"
)

// Whatever a module returns is taken without a panic, stays in its types and in order, and
// what we would write of it is read back as it is.
func FuzzRecords(f *testing.F) {
	f.Add("www", "A", "192.0.2.10", "", int64(60))
	f.Add("@", "cname", "primary.example.test.", "x", int64(-1))
	f.Add("*.apps", "HTTPS", `1 . alpn="h2" ipv4hint="192.0.2.10"`, `0 svc.`, int64(1<<40))
	f.Add("www.gss.example.test.", "AAAA", "2001:DB8::10", "::ffff:192.0.2.1", int64(0))
	f.Add("\\", "TXT", "\x00", "\"", int64(5))
	f.Fuzz(func(t *testing.T, name, typ, one, two string, ttl int64) {
		recs := []libdns.Record{nil}
		for _, data := range []string{one, two} {
			recs = append(recs, libdns.RR{Name: name, Type: typ, TTL: time.Duration(ttl) * time.Second, Data: data})
		}
		for k, s := range sets(suite.Zone, recs) {
			if s.Name != k.Name || s.Type != k.Type || !slices.Contains(dnsproviders.Types(), s.Type) || !slices.IsSorted(s.Values) || len(s.Values) == 0 {
				t.Fatalf("%+v as %+v", k, s)
			}
			c, err := dnsproviders.CanonicalChanges(suite.Zone, []dnsproviders.Change{{Before: dnsproviders.RRset{Name: s.Name, Type: s.Type}, After: s}})
			if err != nil {
				continue // never written
			}
			out, err := records(suite.Zone, c[0].After)
			if err != nil {
				continue // refused by name
			}
			for _, again := range sets(suite.Zone, out) {
				if again.Name != c[0].After.Name || !slices.Equal(again.Values, c[0].After.Values) {
					t.Errorf("%+v is read back as %+v", c[0].After, again)
				}
			}
		}
	})
}
