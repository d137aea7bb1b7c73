package alidns

import (
	"testing"

	bt "github.com/dutyops/dutyops/dnsproviders/internal/byrecordtest"
	contract "github.com/dutyops/dutyops/dnsproviders/internal/suite"
)

func TestTable(t *testing.T) {
	contract.Table(t, func(t *testing.T, name string, sets []contract.Set) contract.Bed {
		r := suite(nil).Rig(t, bt.Config{})
		for _, s := range sets {
			r.Zone.Set(name, s.Type, s.TTL, s.Values...)
		}
		return contract.BedOf(r.P, r.Zone)
	}, nil)
}
