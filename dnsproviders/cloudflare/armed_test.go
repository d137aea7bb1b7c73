package cloudflare

import (
	"bytes"
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/dutyops/dutyops/dnsproviders"
	"github.com/dutyops/dutyops/dnsproviders/dnstest"
)

// armed fills the zone and arms it; the fake's log and the requests of arming are forgotten.
func (r *rig) armed(n int, v6 bool) (dnsproviders.Arming, []dnsproviders.Change) {
	r.t.Helper()
	changes := r.names(n, v6)
	var names []string
	for _, c := range changes {
		names = append(names, strings.ToUpper(c.Before.Name)+".")
	}
	a, err := r.p.Arm(r.t.Context(), zoneName+".", names)
	if err != nil {
		r.t.Fatal(err)
	}
	if a.Zone != zoneName || len(a.Names) != n || len(a.Sets) != len(changes) || a.At.IsZero() {
		r.t.Fatalf("arming of %s: %d names, %d sets, at %v", a.Zone, len(a.Names), len(a.Sets), a.At)
	}
	r.api.Log()
	return a, changes
}

var oneBatch = []string{"POST /zones/zone-" + zoneName + "/dns_records/batch"}

func TestArmedSwitchIsOneRequest(t *testing.T) {
	r := newRig(t, Options{})
	a, changes := r.armed(300, true)
	before := r.zone.Records()
	rc, err := r.p.ApplyArmed(t.Context(), a, changes)
	if err != nil || rc.Changed != 600 || rc.APICalls != 1 || rc.RequestID == "" {
		t.Fatalf("%+v, %v", rc, err)
	}
	if log := r.api.Log(); !reflect.DeepEqual(log, oneBatch) {
		t.Errorf("requests %v, want one batch", log)
	}
	if s := r.standing(changes); s != "new" {
		t.Error(s)
	}
	for i, rec := range r.zone.Records() {
		if rec.ID != before[i].ID {
			t.Fatalf("%s %s was not patched in place", rec.Name, rec.Type)
		}
	}
}

func TestArmedSwitchTakesOneRequestForABatch(t *testing.T) {
	r := newRig(t, Options{})
	r.api.Plan = "free"
	a, changes := r.armed(450, false)
	rc, err := r.p.ApplyArmed(t.Context(), a, changes)
	if err != nil || rc.APICalls != 3 || rc.Changed != 450 || r.standing(changes) != "new" {
		t.Errorf("%+v, %v; want 3 batches of at most 200", rc, err)
	}
}

func TestArmingOutlivesItsProcess(t *testing.T) {
	r := newRig(t, Options{})
	a, changes := r.armed(2, true)
	raw, err := r.p.EncodeHandle(a.Handle)
	if err != nil || bytes.Contains(raw, []byte(r.token)) {
		t.Fatalf("%s, %v", raw, err)
	}
	r.p.forgetZone(zoneName) // as in a process that has asked nothing yet
	if a.Handle, err = r.p.DecodeHandle(raw); err != nil {
		t.Fatal(err)
	}
	if rc, err := r.p.ApplyArmed(t.Context(), a, changes); err != nil || rc.APICalls != 1 || r.standing(changes) != "new" {
		t.Errorf("%+v, %v", rc, err)
	}
	for _, bad := range []string{
		``, `null`, `{}`, `{"format":2,"zone_id":"z","batch_limit":200}`, `{"format":1,"zone_id":"","batch_limit":200}`,
		`{"format":1,"zone_id":"z","batch_limit":7}`, `{"format":1,"zone_id":"z","batch_limit":200,"records":[{"id":"1"}]}`,
	} {
		if _, err := r.p.DecodeHandle([]byte(bad)); err == nil {
			t.Errorf("%s was taken", bad)
		}
	}
	if _, err := r.p.EncodeHandle("x"); err == nil {
		t.Error("a foreign handle was encoded")
	}
}

func TestArmedRefusalsSendNothing(t *testing.T) {
	r := newRig(t, Options{})
	a, changes := r.armed(2, false)
	foreign := a
	foreign.Zone, foreign.Names = "other.test", []string{"www.other.test"}
	fewer := a
	fewer.Names = a.Names[:1]
	noHandle := a
	noHandle.Handle = nil
	moved := a
	moved.Handle = &handle{Format: 1, ZoneID: "another", Limit: freeBatch, Records: a.Handle.(*handle).Records}
	unlike := a
	unlike.Handle = &handle{Format: 1, ZoneID: "zone-" + zoneName, Limit: freeBatch}
	for name, x := range map[string]struct {
		a  dnsproviders.Arming
		cs []dnsproviders.Change
	}{
		"other zone": {foreign, changes}, "missing name": {fewer, changes}, "other before": {a, invert(changes)},
		"no handle": {noHandle, changes}, "other zone id": {moved, changes}, "ids of other records": {unlike, changes},
	} {
		rc, err := r.p.ApplyArmed(t.Context(), x.a, x.cs)
		if !errors.Is(err, dnsproviders.ErrConflict) || rc.APICalls != 0 {
			t.Errorf("%s: %+v, %v; want ErrConflict without a request", name, rc, err)
		}
	}
	bad := []dnsproviders.Change{change("h0000."+zoneName, "A", 60, []string{"nonsense"}, []string{newV4})}
	if rc, err := r.p.ApplyArmed(t.Context(), a, bad); !errors.Is(err, dnsproviders.ErrRejected) || rc.APICalls != 0 {
		t.Errorf("%+v, %v", rc, err)
	}
	if log := r.api.Log(); len(log) != 0 {
		t.Errorf("sent %v", log)
	}
}

// What happened to a zone since it was armed.
func TestArmedAfterForeignWrites(t *testing.T) {
	name := "h0000." + zoneName
	t.Run("record gone", func(t *testing.T) {
		r := newRig(t, Options{})
		a, changes := r.armed(3, false)
		r.zone.Set(name, "A", 60)
		_, err := r.p.ApplyArmed(t.Context(), a, changes)
		if !errors.Is(err, dnsproviders.ErrConflict) || r.standing(changes[1:]) != "old" {
			t.Errorf("%v; want ErrConflict, nothing changed", err)
		}
		if n := len(r.api.Log()); n != 2 {
			t.Errorf("%d requests, want the batch and the reading that explains", n)
		}
	})
	t.Run("record made anew", func(t *testing.T) {
		r := newRig(t, Options{})
		a, changes := r.armed(3, false)
		r.zone.Set(name, "A", 60)
		r.zone.Set(name, "A", 60, oldV4)
		if _, err := r.p.ApplyArmed(t.Context(), a, changes); !errors.Is(err, dnsproviders.ErrRejected) || r.standing(changes) != "old" {
			t.Errorf("%v; want ErrRejected, nothing changed", err)
		}
	})
}

func TestArmedLostAnswerIsSettledByReading(t *testing.T) {
	for kind, applied := range map[string]bool{dnstest.Drop: true, dnstest.HalfBody: true, dnstest.Garbage: true, dnstest.HTML: true} {
		r := newRig(t, Options{})
		a, changes := r.armed(3, true)
		r.api.Break(&dnstest.Fault{Kind: kind, First: 1, Applied: applied})
		rc, err := r.p.ApplyArmed(t.Context(), a, changes)
		if err != nil || rc.APICalls != 2 || rc.Changed != 6 || r.standing(changes) != "new" {
			t.Errorf("%s: %+v, %v; want the batch and one reading", kind, rc, err)
		}
	}
	r := newRig(t, Options{})
	a, changes := r.armed(3, true)
	r.api.Break(&dnstest.Fault{Kind: dnstest.Drop, First: 1, Times: -1, Applied: true})
	if _, err := r.p.ApplyArmed(t.Context(), a, changes); !errors.Is(err, dnsproviders.ErrUncertain) {
		t.Errorf("%v; want ErrUncertain", err)
	}
}

func TestConfirmsLooksAtTheName(t *testing.T) {
	b := batchBody{Patches: []patchOp{{ID: "1", of: key{"a.test", "A"}, want: newV4}}}
	if b.confirms(batchResult{Patches: []record{{ID: "1", Name: "b.test", Type: "A", Content: newV4}}}) {
		t.Error("a record of another name was taken for ours")
	}
}
