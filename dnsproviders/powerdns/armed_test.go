package powerdns

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/dutyops/dutyops/dnsproviders"
	"github.com/dutyops/dutyops/dnsproviders/dnstest"
	"github.com/dutyops/dutyops/dnsproviders/internal/suite"
)

// armed fills a fake with n names and arms all of them but the last.
func armed(t *testing.T, n int, o suite.Options) (*suite.Rig, *dnstest.PowerDNS, *Provider, dnsproviders.Arming, []dnsproviders.Change) {
	t.Helper()
	r, api, p := fake(t, o)
	changes := r.Names(n, true)
	r.Zone.Park("h0000."+zoneName, "A", 60, "192.0.2.99")
	var names []string
	for _, c := range changes[:2*(n-1)] {
		names = append(names, c.Before.Name)
	}
	a, err := p.Arm(t.Context(), zoneName+".", append(names, "NONE."+zoneName))
	if err != nil {
		t.Fatal(err)
	}
	if len(a.Names) != n || len(a.Sets) != 2*(n-1) || a.Zone != zoneName || !slices.IsSorted(a.Names) {
		t.Fatalf("%+v", a)
	}
	api.Log()
	return r, api, p, a, changes
}

func TestArmedSwitchIsOnePatch(t *testing.T) {
	r, api, p, a, changes := armed(t, 4, suite.Options{})
	raw, err := p.EncodeHandle(a.Handle)
	if err != nil || strings.Contains(string(raw), r.Secret) {
		t.Fatalf("%s, %v", raw, err)
	}
	if a.Handle, err = p.DecodeHandle(raw); err != nil {
		t.Fatal(err)
	}
	rc, err := p.ApplyArmed(t.Context(), a, changes[:6])
	if err != nil || rc.Changed != 6 || rc.APICalls != 1 || r.Standing(t, changes[:6]) != "new" {
		t.Errorf("%+v, %v", rc, err)
	}
	if log := api.Log(); len(log) != 1 || !strings.HasPrefix(log[0], "PATCH ") {
		t.Errorf("requests %q", log)
	}
	off := 0
	for _, rec := range r.Zone.Records() {
		if rec.Disabled {
			off++
		}
	}
	if off != 1 {
		t.Errorf("%d disabled records left, want 1", off)
	}
	for _, bad := range []string{``, `{}`, `{"version":2,"provider":"powerdns"}`, `{"version":1,"provider":"powerdns","name":"x"}`} {
		if _, err := p.DecodeHandle([]byte(bad)); err == nil {
			t.Errorf("%q is taken for a handle", bad)
		}
	}
}

func TestArmedSwitchThatDoesNotHold(t *testing.T) {
	r, api, p, a, changes := armed(t, 3, suite.Options{})
	other := dnsproviders.NewArming("other.test", []string{"www.other.test"}, nil, a.At)
	other.Handle = a.Handle
	foreign := a
	foreign.Handle = "ids"
	for name, tc := range map[string]struct {
		a  dnsproviders.Arming
		cs []dnsproviders.Change
	}{
		"a name not read": {a, changes}, "another zone": {other, changes[:1]}, "another provider": {foreign, changes[:1]}, "none": {dnsproviders.Arming{}, changes[:1]},
		"another before": {a, []dnsproviders.Change{suite.Change("h0000."+zoneName, "A", 60, []string{"203.0.113.9"}, []string{suite.NewV4})}},
	} {
		if _, err := p.ApplyArmed(t.Context(), tc.a, tc.cs); !errors.Is(err, dnsproviders.ErrConflict) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if log := api.Log(); len(log) != 0 || r.Standing(t, changes) != "old" {
		t.Errorf("requests %q", log)
	}
}

// The serial that dutyops moves itself comes from a reading of now.
func TestArmedSwitchMovesTheSerialOn(t *testing.T) {
	r, api, p := fake(t, suite.Options{})
	api.Kind, api.SOAEditAPI = "Master", ""
	changes := r.Names(1, false)
	a, err := p.Arm(t.Context(), zoneName, []string{"h0000." + zoneName})
	if err != nil {
		t.Fatal(err)
	}
	for range 5 {
		r.Zone.Set("else."+zoneName, "A", 60, suite.OldV4)
	}
	was := r.Zone.Serial()
	rc, err := p.ApplyArmed(t.Context(), a, changes)
	if err != nil || rc.APICalls != 3 || r.Zone.Serial() != was+1 {
		t.Errorf("%+v, %v, serial %d after %d", rc, err, r.Zone.Serial(), was)
	}
}

func TestArmedSwitchSettlesALostAnswer(t *testing.T) {
	r, api, p, a, changes := armed(t, 3, suite.Options{})
	api.Break(&dnstest.Fault{Kind: dnstest.Drop, First: 1, Applied: true})
	if rc, err := p.ApplyArmed(t.Context(), a, changes[:4]); err != nil || rc.Changed != 4 || r.Standing(t, changes[:4]) != "new" {
		t.Errorf("%+v, %v", rc, err)
	}
}

func TestProbeWriteChangesNothing(t *testing.T) {
	r, api, p, _, changes := armed(t, 2, suite.Options{})
	was := r.Zone.Records()
	w, err := p.ProbeWrite(t.Context(), zoneName, "h0000."+zoneName)
	if err != nil || w.APICalls != 2 || !strings.Contains(w.What, "h0000."+zoneName+" A, TTL 60") || r.Standing(t, changes) != "old" {
		t.Errorf("%+v, %v", w, err)
	}
	if now := r.Zone.Records(); len(now) != len(was) {
		t.Errorf("%d records, were %d", len(now), len(was))
	}
	if _, err := p.ProbeWrite(t.Context(), zoneName, "none."+zoneName); !errors.Is(err, dnsproviders.ErrRejected) {
		t.Error(err)
	}
	api.Break(&dnstest.Fault{Kind: dnstest.Unauthorized, First: 2})
	if _, err := p.ProbeWrite(t.Context(), zoneName, "h0000."+zoneName); !errors.Is(err, dnsproviders.ErrAuth) {
		t.Error(err)
	}
}

func TestArmed(t *testing.T) {
	suite.Armed(t, func(t *testing.T) suite.ArmedRig {
		r, api, p := fake(t, suite.Options{})
		return suite.ArmedRig{
			Provider: p, Zone: r.Zone, Log: api.Log, Secret: r.Secret, Variable: "POWERDNS_API_KEY",
			Reads: func(s string) bool { return strings.HasPrefix(s, "GET ") },
		}
	})
}

// A zone with secondaries is told of, and one whose serial stands still says what to do.
func TestScriptTellsSecondaries(t *testing.T) {
	r, api, p := fake(t, suite.Options{})
	changes := r.Names(1, false)
	for soaEdit, still := range map[string]bool{"": true, "INCREASE": false} {
		api.Kind, api.SOAEditAPI = "Master", soaEdit
		a, err := p.Arm(t.Context(), zoneName, []string{changes[0].Before.Name})
		if err != nil {
			t.Fatal(err)
		}
		text, err := p.Script(zoneName, changes, &a)
		if err != nil || !strings.Contains(text, "PUT") || !strings.Contains(text, "/notify") || strings.Contains(text, "increase-serial") != still {
			t.Errorf("soa_edit_api %q: %v\n%s", soaEdit, err, text)
		}
	}
}
