package dnspod

import (
	"testing"

	contract "github.com/dutyops/dutyops/dnsproviders/internal/suite"
)

func TestFaults(t *testing.T) {
	contract.Faults(t, func(t *testing.T) *contract.FaultRig {
		r := suite(nil).Faulty(t, 0, "DescribeRecordList", "DescribeBatchTask")
		r.OneValue = true
		return r
	})
}
