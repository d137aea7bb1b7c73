package cloudflare

import (
	"testing"

	"github.com/dutyops/dutyops/dnsproviders/internal/suite"
)

func TestTable(t *testing.T) {
	suite.Table(t, func(t *testing.T, name string, sets []suite.Set) suite.Bed {
		r := newRig(t, Options{})
		for _, s := range sets {
			r.zone.Set(name, s.Type, s.TTL, s.Values...)
		}
		return suite.BedOf(r.p, r.zone)
	}, nil)
}
