package compat

import (
	"testing"

	"github.com/dutyops/dutyops/dnsproviders/internal/suite"
)

// stops are the transitions that no libdns module is trusted with.
var stops = map[string]string{
	"address to alias": "hole", "alias to address": "hole", "addresses to alias": "hole",
	"hints": "does not keep", "hints of both families": "does not keep", "https of many kinds": "does not keep", "apex with hints": "does not keep",
}

func TestTable(t *testing.T) {
	suite.Table(t, func(t *testing.T, name string, sets []suite.Set) suite.Bed {
		r, _, p := rig(t, nil)
		for _, s := range sets {
			r.Zone.Set(name, s.Type, s.TTL, s.Values...)
		}
		return suite.BedOf(p, r.Zone)
	}, stops)
}
