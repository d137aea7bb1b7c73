package route53

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/dutyops/dutyops/dnsproviders"
	"github.com/dutyops/dutyops/dnsproviders/internal/suite"
)

func TestArmed(t *testing.T) {
	suite.Armed(t, func(t *testing.T) suite.ArmedRig {
		r, a, p := fake(t, suite.Options{})
		return suite.ArmedRig{
			Provider: p, Zone: r.Zone, Log: a.Log, Secret: r.Secret,
			Reads: func(s string) bool { return strings.HasPrefix(s, http.MethodGet) },
		}
	})
}

// One request there, and the receipt says that the name servers do not have it yet.
func TestArmedSwitchIsOneRequest(t *testing.T) {
	r, a, p := fake(t, suite.Options{})
	changes := r.Names(500, false)
	arming := armAll(t, p, changes)
	a.Pending = 1
	rc, err := p.ApplyArmed(t.Context(), arming, changes)
	if err != nil || rc.APICalls != 1 || rc.Changed != 500 || rc.State != "PENDING" || rc.RequestID != "C1" {
		t.Fatalf("%+v, %v", rc, err)
	}
	for _, want := range []bool{false, true} {
		if ok, err := p.InSync(t.Context(), zoneName, rc.RequestID); ok != want || err != nil {
			t.Errorf("in sync %v, %v, want %v", ok, err, want)
		}
	}
}

func armAll(t testing.TB, p *Provider, changes []dnsproviders.Change) dnsproviders.Arming {
	t.Helper()
	names := make([]string, len(changes))
	for i, c := range changes {
		names[i] = c.Before.Name
	}
	a, err := p.Arm(t.Context(), zoneName, names)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// The server compares, however old the arming is.
func TestArmedSwitchOfAChangedZone(t *testing.T) {
	r, _, p := fake(t, suite.Options{})
	changes := r.Names(3, false)
	a := armAll(t, p, changes)
	r.Zone.Set("h0001."+zoneName, "A", 60, "203.0.113.99")
	_, err := p.ApplyArmed(t.Context(), a, changes)
	r.WellFormed(t, err, dnsproviders.ErrConflict)
	if r.Zone.Text("h0000."+zoneName, "A") != "60 "+suite.OldV4 {
		t.Error("something was changed")
	}
}

// A set whose answer hangs on a health check would lose the check: it is not written.
func TestHealthCheckIsKept(t *testing.T) {
	r, a, p := fake(t, suite.Options{})
	n := "checked." + zoneName
	a.Special = map[string]string{
		n: `<ResourceRecordSet><Name>` + n + `.</Name><Type>A</Type><TTL>60</TTL><ResourceRecords><ResourceRecord><Value>192.0.2.10</Value></ResourceRecord></ResourceRecords><HealthCheckId>abc-1</HealthCheckId></ResourceRecordSet>`,
	}
	c := suite.Change(n, "A", 60, []string{suite.OldV4}, []string{suite.NewV4})
	arming := armAll(t, p, []dnsproviders.Change{c})
	for _, apply := range []func() (dnsproviders.Receipt, error){
		func() (dnsproviders.Receipt, error) { return p.Apply(t.Context(), zoneName, []dnsproviders.Change{c}) },
		func() (dnsproviders.Receipt, error) {
			arming.Sets[0].Values = c.Before.Values // as if it read like a plain set
			return p.ApplyArmed(t.Context(), arming, []dnsproviders.Change{c})
		},
	} {
		_, err := apply()
		r.WellFormed(t, err, dnsproviders.ErrRejected)
		if !strings.Contains(err.Error(), "abc-1") {
			t.Errorf("%v does not name the health check", err)
		}
	}
	if _, err := p.ProbeWrite(t.Context(), zoneName, n); !errors.Is(err, dnsproviders.ErrRejected) {
		t.Errorf("probe: %v", err)
	}
}

func BenchmarkArmed1000(b *testing.B) {
	r, _, p := fake(b, suite.Options{})
	changes := r.Names(1000, false)
	calls := 0
	for b.Loop() {
		b.StopTimer()
		a := armAll(b, p, changes)
		b.StartTimer()
		rc, err := p.ApplyArmed(b.Context(), a, changes)
		if err != nil {
			b.Fatal(err)
		}
		calls = rc.APICalls
		changes = suite.Invert(changes)
	}
	b.ReportMetric(float64(calls), "requests")
}
