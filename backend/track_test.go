package backend

import (
	"strings"
	"testing"
	"time"

	"github.com/dutyops/dutyops/backend/config"
	"github.com/dutyops/dutyops/backend/runbook"
	"github.com/dutyops/dutyops/backend/switching"
	"github.com/dutyops/dutyops/dnsproviders"
	"github.com/dutyops/dutyops/dnsproviders/dnstest"
	"github.com/dutyops/dutyops/failoverplan"
)

// TestVerifyTellsOfAPendingChange: the step that asks the name servers keeps, as evidence, what
// the provider says of the change's way to all of them; it neither waits for it nor fails by it.
func TestVerifyTellsOfAPendingChange(t *testing.T) {
	t.Setenv("DUTYOPS_TEST_KEY", "not-a-real-key")
	const zone, name = "gss.example.test", "www.gss.example.test"
	z := dnstest.NewZone(zone)
	z.Set(name, "A", 60, "192.0.2.10")
	api := dnstest.NewRoute53("id", "not-a-real-key", z)
	t.Cleanup(api.Close)
	ns, err := dnstest.NewAuthority("", nil, z)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(ns.Close)
	e := &Engine{}
	p, err := e.openProvider(config.Provider{Name: "aws", Kind: config.KindRoute53, BaseURL: api.URL, AccessKeyID: "id", SecretAccessKey: "env:DUTYOPS_TEST_KEY"})
	if err != nil {
		t.Fatal(err)
	}
	e.dns, err = switching.New(switching.Options{
		Providers: map[string]dnsproviders.Provider{"aws": p},
		Zones:     []switching.Zone{{Name: zone, Provider: "aws", Authoritative: []string{ns.Addr}}},
		TrackWait: 30 * time.Second,
	})
	if err != nil {
		t.Fatal(err)
	}
	set := func(v string) failoverplan.RecordSet {
		return failoverplan.RecordSet{Name: name, Type: "A", TTL: 60, Values: []string{v}}
	}
	zc := failoverplan.ZoneChange{Zone: zone, Provider: "aws", Changes: []failoverplan.RecordChange{{Before: set("192.0.2.10"), After: set("192.0.2.11")}}}
	if _, err := e.dns.Apply(t.Context(), zc); err != nil {
		t.Fatal(err)
	}
	sc := &runbook.Scene{Plan: &failoverplan.Plan{DNS: []failoverplan.ZoneChange{zc}}}
	for pending, want := range map[int]string{1 << 30: "change C1 has not reached all its name servers yet", 0: "change C1 has reached all its name servers"} {
		api.Pending = pending
		r, err := e.verifyAuthoritative(t.Context(), sc, failoverplan.Step{})
		if err != nil || !strings.Contains(strings.Join(r.Evidence, "\n"), want) {
			t.Errorf("%d pending: %q, %v", pending, r.Evidence, err)
		}
	}
}
