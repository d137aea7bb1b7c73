package rfc2136

import (
	"errors"
	"strings"
	"testing"

	"github.com/dutyops/dutyops/dnsproviders"
)

func TestArmedSwitchIsOneMessage(t *testing.T) {
	r := newRig(t, Options{})
	changes := r.names(4, true)
	names := []string{"h0002." + zoneName, "H0001." + zoneName, "h0000." + zoneName, "none." + zoneName}
	a, err := r.p.Arm(t.Context(), zoneName+".", names)
	if err != nil || len(a.Names) != 4 || len(a.Sets) != 6 || a.Handle != nil {
		t.Fatalf("%+v, %v", a, err)
	}
	questions := r.auth.Queries()
	if _, err := r.p.ApplyArmed(t.Context(), a, changes); !errors.Is(err, dnsproviders.ErrConflict) {
		t.Errorf("a name not read: %v", err)
	}
	r.wellFormed(err0(r.p.ApplyArmed(t.Context(), a, []dnsproviders.Change{change(names[0], "A", []string{"203.0.113.9"}, []string{newV4})})), dnsproviders.ErrConflict)
	other := dnsproviders.NewArming("other.test", []string{"www.other.test"}, nil, a.At)
	if _, err := r.p.ApplyArmed(t.Context(), other, changes[:1]); !errors.Is(err, dnsproviders.ErrConflict) {
		t.Errorf("another zone: %v", err)
	}
	if r.auth.Updates() != 0 || r.auth.Queries() != questions {
		t.Error("something was sent")
	}
	rc, err := r.p.ApplyArmed(t.Context(), a, changes[:6])
	if err != nil || rc.Changed != 6 || rc.APICalls != 1 || r.standing(changes[:6]) != "new" {
		t.Errorf("%+v, %v", rc, err)
	}
	if r.auth.Updates() != 1 || r.auth.Queries() != questions {
		t.Errorf("%d updates, %d questions", r.auth.Updates(), r.auth.Queries()-questions)
	}
}

func err0(_ dnsproviders.Receipt, err error) error { return err }

// The server compares by itself: what changed since the reading is not overwritten.
func TestArmedSwitchAfterDrift(t *testing.T) {
	r := newRig(t, Options{})
	changes := r.names(2, false)
	a, err := r.p.Arm(t.Context(), zoneName, []string{"h0000." + zoneName, "h0001." + zoneName})
	if err != nil {
		t.Fatal(err)
	}
	r.zone.Set("h0001."+zoneName, "A", 60, "203.0.113.9")
	_, err = r.p.ApplyArmed(t.Context(), a, changes)
	r.wellFormed(err, dnsproviders.ErrConflict)
	if got := r.zone.Text("h0000."+zoneName, "A") + "; " + r.zone.Text("h0001."+zoneName, "A"); got != "60 "+oldV4+"; 60 203.0.113.9" {
		t.Error(got)
	}
}

func TestProbeWriteChangesNothing(t *testing.T) {
	r := newRig(t, Options{})
	r.zone.Set("www."+zoneName, "A", 60, oldV4, newV4)
	r.zone.Set("www."+zoneName, "HTTPS", 60, `1 . alpn="h2"`)
	w, err := r.p.ProbeWrite(t.Context(), zoneName, "www."+zoneName)
	if err != nil || w.APICalls != 1 || !strings.Contains(w.What, "www."+zoneName+" A, TTL 60") || r.auth.Updates() != 1 {
		t.Errorf("%+v, %v", w, err)
	}
	if got := r.zone.Text("www."+zoneName, "A"); got != "60 "+oldV4+" "+newV4 {
		t.Error(got)
	}
	_, err = r.p.ProbeWrite(t.Context(), zoneName, "none."+zoneName)
	r.wellFormed(err, dnsproviders.ErrRejected)
	r.secret = "d3Jvbmcgd3Jvbmcgd3Jvbmc="
	if _, err := r.p.ProbeWrite(t.Context(), zoneName, "www."+zoneName); !errors.Is(err, dnsproviders.ErrAuth) {
		t.Error(err)
	}
}
