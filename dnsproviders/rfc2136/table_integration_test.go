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
	// Knot drops an alias beside the signatures that it is about to replace; see turns.
	const turns = "Knot DNS"
	for _, tc := range []struct {
		name  string
		start func(t *testing.T) *lab.NameServer
		stops map[string]string
	}{
		{"BIND", func(t *testing.T) *lab.NameServer { return lab.ForDNS(t).BIND(zone) }, nil},
		{"BIND signed", func(t *testing.T) *lab.NameServer { return lab.ForDNS(t).BIND(signed) }, nil},
		{"Knot", func(t *testing.T) *lab.NameServer { return lab.ForDNS(t).Knot(zone) }, nil},
		{"Knot signed", func(t *testing.T) *lab.NameServer { return lab.ForDNS(t).Knot(signed) }, map[string]string{
			"address to alias": turns, "addresses to alias": turns, "alias to address": turns,
		}},
		{"PowerDNS", func(t *testing.T) *lab.NameServer { return powerDNS(t, zone) }, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			n := tc.start(t)
			s := suite.Server{Addr: n.Addr, Key: lab.KeyName, Secret: n.Key}
			suite.Table(t, func(t *testing.T, name string, sets []suite.Set) suite.Bed {
				s.Fill(t, name, sets)
				return suite.Bed{Provider: on(t, n, Options{}), Look: s.Look}
			}, tc.stops)
		})
	}
}
