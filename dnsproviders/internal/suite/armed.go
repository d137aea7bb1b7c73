package suite

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/dutyops/dutyops/dnsproviders"
	"github.com/dutyops/dutyops/dnsproviders/dnstest"
)

// ArmedRig is an Armer on a fake.
type ArmedRig struct {
	Provider dnsproviders.Armer
	Zone     *dnstest.Zone
	// Log returns the requests since it was called last.
	Log func() []string
	// Reads says whether a request of the log changes nothing.
	Reads  func(request string) bool
	Secret string
}

// Armed holds an Armer to its promises: the reading is done beforehand, what does not
// hold is refused with nothing sent, a handle can be put away, a probe changes nothing
// and a script holds no secret.
func Armed(t *testing.T, begin func(t *testing.T) ArmedRig) {
	arm := func(t *testing.T) (ArmedRig, *Rig, dnsproviders.Arming, []dnsproviders.Change) {
		t.Helper()
		r := begin(t)
		look := &Rig{Zone: r.Zone}
		changes := look.Names(4, true)
		names := []string{"NONE." + Zone + "."}
		for _, c := range changes[:6] { // all but the last name
			names = append(names, c.Before.Name)
		}
		a, err := r.Provider.Arm(t.Context(), Zone+".", names)
		if err != nil {
			t.Fatal(err)
		}
		if a.Zone != Zone || len(a.Names) != 4 || len(a.Sets) != 6 || !slices.IsSorted(a.Names) || a.At.IsZero() {
			t.Fatalf("armed %+v", a)
		}
		if log := r.Log(); slices.ContainsFunc(log, func(s string) bool { return !r.Reads(s) }) {
			t.Fatalf("arming wrote: %q", log)
		}
		return r, look, a, changes
	}
	t.Run("switch", func(t *testing.T) {
		r, look, a, changes := arm(t)
		if c, ok := r.Provider.(dnsproviders.HandleCodec); ok {
			raw, err := c.EncodeHandle(a.Handle)
			if err != nil || strings.Contains(string(raw), r.Secret) {
				t.Fatalf("%s, %v", raw, err)
			}
			if a.Handle, err = c.DecodeHandle(raw); err != nil {
				t.Fatal(err)
			}
			for _, bad := range []string{``, `{}`, `[]`, `{"version":99}`} {
				if _, err := c.DecodeHandle([]byte(bad)); err == nil {
					t.Errorf("%q is taken for a handle", bad)
				}
			}
			if _, err := c.EncodeHandle(struct{}{}); err == nil {
				t.Error("a foreign handle was put away")
			}
		}
		rc, err := r.Provider.ApplyArmed(t.Context(), a, changes[:6])
		log := r.Log()
		if err != nil || rc.Changed != 6 || rc.APICalls != len(log) || look.Standing(t, changes[:6]) != "new" {
			t.Fatalf("%+v, %v, %q", rc, err, log)
		}
		if r.Reads(log[0]) {
			t.Errorf("read before it wrote: %q", log)
		}
		_, err = r.Provider.ApplyArmed(t.Context(), a, Invert(changes[:6]))
		refused(t, r, err, "does not hold any more")
		if look.Standing(t, changes[6:]) != "old" {
			t.Error("a name that was not asked for was changed")
		}
	})
	t.Run("does not cover", func(t *testing.T) {
		r, look, a, changes := arm(t)
		_, err := r.Provider.ApplyArmed(t.Context(), a, changes)
		refused(t, r, err, "a name that was not read")
		other := dnsproviders.NewArming("other.test", []string{"www.other.test"}, nil, a.At)
		_, err = r.Provider.ApplyArmed(t.Context(), other, changes[:2])
		refused(t, r, err, "another zone")
		foreign := a
		foreign.Handle = struct{}{}
		_, err = r.Provider.ApplyArmed(t.Context(), foreign, changes[:2])
		refused(t, r, err, "another provider's handle")
		if look.Standing(t, changes) != "old" {
			t.Error("something was changed")
		}
	})
	t.Run("probe", func(t *testing.T) {
		r, _, _, _ := arm(t)
		p, ok := r.Provider.(dnsproviders.WriteProber)
		if !ok {
			t.Fatalf("%T cannot prove its way to write", r.Provider)
		}
		before := contents(r.Zone)
		w, err := p.ProbeWrite(t.Context(), Zone, "H0001."+Zone)
		if err != nil || !strings.Contains(w.What, "h0001."+Zone) || w.APICalls == 0 {
			t.Fatalf("%+v, %v", w, err)
		}
		if log := r.Log(); !slices.ContainsFunc(log, func(s string) bool { return !r.Reads(s) }) {
			t.Errorf("nothing was written: %q", log)
		}
		if after := contents(r.Zone); !slices.Equal(before, after) {
			t.Errorf("the zone was changed:\n%q\n%q", before, after)
		}
		if _, err := p.ProbeWrite(t.Context(), Zone, "none."+Zone); !errors.Is(err, dnsproviders.ErrRejected) {
			t.Errorf("a name without records: %v", err)
		}
	})
	t.Run("script", func(t *testing.T) {
		r, look, a, changes := arm(t)
		p, ok := r.Provider.(dnsproviders.Scripter)
		if !ok {
			t.Fatalf("%T cannot print its commands", r.Provider)
		}
		text, err := p.Script(Zone, changes[:6], &a)
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{NewV4, NewV6} {
			if !strings.Contains(text, want) {
				t.Errorf("%s is not in\n%s", want, text)
			}
		}
		if strings.Contains(text, r.Secret) {
			t.Error("the script holds the secret")
		}
		if _, err := p.Script(Zone, changes, &a); err == nil {
			t.Error("a name that was not read is in the script")
		}
		if log := r.Log(); len(log) != 0 || look.Standing(t, changes) != "old" {
			t.Errorf("printing asked for %q", log)
		}
	})
}

// refused checks that an armed change was refused as a conflict and nothing was sent.
func refused(t *testing.T, r ArmedRig, err error, why string) {
	t.Helper()
	var e *dnsproviders.Error
	if !errors.Is(err, dnsproviders.ErrConflict) || !errors.As(err, &e) || e.Hint == "" || e.Detail == "" {
		t.Errorf("%s: %v", why, err)
	}
	if log := r.Log(); len(log) != 0 {
		t.Errorf("%s: %q was sent", why, log)
	}
}

// contents are a zone's records without their ids.
func contents(z *dnstest.Zone) []string {
	var out []string
	for _, r := range z.Records() {
		out = append(out, r.Name+" "+r.Type+" "+z.Text(r.Name, r.Type))
	}
	slices.Sort(out)
	return out
}
