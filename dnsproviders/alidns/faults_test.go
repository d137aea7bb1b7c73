package alidns

import (
	"testing"

	contract "github.com/dutyops/dutyops/dnsproviders/internal/suite"
)

func TestFaults(t *testing.T) {
	contract.Faults(t, func(t *testing.T) *contract.FaultRig { return suite(nil).Faulty(t, 1, "DescribeDomainRecords") })
}
