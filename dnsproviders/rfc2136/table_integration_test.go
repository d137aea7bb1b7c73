//go:build integration

package rfc2136

import (
	"testing"

	"github.com/dutyops/dutyops/dnsproviders/internal/suite"
	"github.com/dutyops/dutyops/test/lab"
)

// The table of transitions on every real server that takes dynamic updates.
func TestTableOnServers(t *testing.T) {
	zone := lab.Zoned{Name: zoneName}
	signed := lab.Zoned{Name: zoneName, Signed: true}
	for name, start := range map[string]func(t *testing.T) *lab.NameServer{
		"BIND":        func(t *testing.T) *lab.NameServer { return lab.ForDNS(t).BIND(zone) },
		"BIND signed": func(t *testing.T) *lab.NameServer { return lab.ForDNS(t).BIND(signed) },
		"Knot":        func(t *testing.T) *lab.NameServer { return lab.ForDNS(t).Knot(zone) },
		"Knot signed": func(t *testing.T) *lab.NameServer { return lab.ForDNS(t).Knot(signed) },
		"PowerDNS":    func(t *testing.T) *lab.NameServer { return powerDNS(t, zone) },
	} {
		t.Run(name, func(t *testing.T) {
			n := start(t)
			s := suite.Server{Addr: n.Addr, Key: lab.KeyName, Secret: n.Key}
			suite.Table(t, func(t *testing.T, name string, sets []suite.Set) suite.Bed {
				s.Fill(t, name, sets)
				return suite.Bed{Provider: on(t, n, Options{}), Look: s.Look}
			}, nil)
		})
	}
}
