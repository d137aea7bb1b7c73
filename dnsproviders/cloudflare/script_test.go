package cloudflare

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/dutyops/dutyops/dnsproviders"
	"github.com/dutyops/dutyops/dnsproviders/dnstest"
	"github.com/dutyops/dutyops/dnsproviders/internal/suite"
)

func TestArmed(t *testing.T) {
	suite.Armed(t, func(t *testing.T) suite.ArmedRig {
		r := newRig(t, Options{})
		return suite.ArmedRig{
			Provider: r.p, Zone: r.zone, Log: r.api.Log, Secret: r.token, Variable: "CLOUDFLARE_API_TOKEN",
			Reads: func(s string) bool { return strings.HasPrefix(s, http.MethodGet) },
		}
	})
}

// The printed batches are those of a switch: as many as the plan of the zone demands.
func TestScriptKeepsTheLimitOfThePlan(t *testing.T) {
	r := newRig(t, Options{})
	r.api.Plan = "free"
	a, changes := r.armed(450, false)
	text, err := r.p.Script(zoneName, changes, &a)
	if err != nil || strings.Count(text, "\nsend ") != 3 {
		t.Errorf("%v, %d requests, want 3", err, strings.Count(text, "\nsend "))
	}
}

// A record that is created gets its id from the API: what is held follows the answer, and
// what is printed beforehand says that it cannot know.
func TestWayBackOverRecordsThatAreCreated(t *testing.T) {
	r := newRig(t, Options{})
	a, changes := r.armed(1, true)
	changes[0].After.Values = []string{newV4, "198.51.100.21"}
	if _, err := r.p.Foretell(a, changes); err == nil || !strings.Contains(err.Error(), "1 records are created") {
		t.Errorf("foretold: %v", err)
	}
	rc, err := r.p.ApplyArmed(t.Context(), a, changes)
	if err != nil || rc.Held == nil {
		t.Fatalf("%+v, %v", rc, err)
	}
	rc, err = r.p.ApplyArmed(t.Context(), *rc.Held, invert(changes))
	if err != nil || rc.APICalls != 1 || r.standing(changes) != "old" {
		t.Errorf("way back: %+v, %v, %s", rc, err, r.standing(changes))
	}
}

// An answer that was lost shows no records: nothing is held then.
func TestNothingIsHeldAfterALostAnswer(t *testing.T) {
	r := newRig(t, Options{})
	a, changes := r.armed(2, false)
	r.api.Break(&dnstest.Fault{Kind: dnstest.HalfBody, First: 1, Applied: true})
	if rc, err := r.p.ApplyArmed(t.Context(), a, changes); err != nil || rc.Held != nil {
		t.Errorf("%+v, %v", rc, err)
	}
}

// A probe that fails is one write and no more, and says why.
func TestProbeWriteFails(t *testing.T) {
	r := newRig(t, Options{})
	changes := r.names(1, false)
	name := changes[0].Before.Name
	for kind, want := range map[string]error{dnstest.Forbidden: dnsproviders.ErrForbidden, dnstest.Garbage: dnsproviders.ErrUnavailable, dnstest.Reject: dnsproviders.ErrRejected} {
		if _, err := r.p.ProbeWrite(t.Context(), zoneName, name); err != nil { // the zone's id is known from now on
			t.Fatal(err)
		}
		r.api.Break(&dnstest.Fault{Kind: kind, First: 2})
		w, err := r.p.ProbeWrite(t.Context(), zoneName, name)
		if !errors.Is(err, want) || w.APICalls != 2 {
			t.Errorf("%s: %+v, %v; want %v after a list and one write", kind, w, err, want)
		}
		r.api.Break(nil)
	}
	if r.standing(changes) != "old" {
		t.Error("a probe changed something")
	}
}
