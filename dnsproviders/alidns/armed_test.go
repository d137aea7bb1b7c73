package alidns

import (
	"strings"
	"testing"

	bt "github.com/dutyops/dutyops/dnsproviders/internal/byrecordtest"
	contract "github.com/dutyops/dutyops/dnsproviders/internal/suite"
)

func TestArmed(t *testing.T) {
	contract.Armed(t, func(t *testing.T) contract.ArmedRig {
		r := suite(nil).Rig(t, bt.Config{})
		return contract.ArmedRig{
			Provider: r.P.(*Provider), Zone: r.Zone, Log: r.API.Log, Secret: r.Secret,
			Reads: func(s string) bool { return strings.HasPrefix(s, "Describe") },
		}
	})
}
