package dnspod

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

// A thousand names to one address: one job, its result, and one list to read back.
func TestArmedSwitchIsOneJob(t *testing.T) {
	r := suite(nil).Rig(t, bt.Config{})
	cs := r.Names(1000, false)
	names := make([]string, len(cs))
	for i, c := range cs {
		names[i] = c.Before.Name
	}
	p := r.P.(*Provider)
	a, err := p.Arm(t.Context(), bt.Zone, names)
	if err != nil {
		t.Fatal(err)
	}
	r.API.Log()
	rc, err := p.ApplyArmed(t.Context(), a, cs)
	r.Whole(cs, rc, err)
	if log := strings.Join(r.API.Log(), " "); err != nil || log != "ModifyRecordBatch DescribeBatchTask DescribeRecordList" {
		t.Errorf("%v, %s", err, log)
	}
	text, err := p.Script(bt.Zone, contract.Invert(cs), &a)
	if err == nil {
		t.Errorf("a script of what does not hold:\n%s", text)
	}
	if text, err = p.Script(bt.Zone, cs, &a); err != nil || strings.Count(text, "tccli dnspod ModifyRecordBatch") != 1 {
		t.Errorf("%v\n%.300s", err, text)
	}
}
