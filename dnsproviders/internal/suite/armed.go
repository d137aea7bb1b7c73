package suite

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

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
	// Variable is what the printed script reads its secret from; "" when the script needs
	// the vendor's own tool and is not run.
	Variable string
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
		if rc.Held == nil || !slices.Equal(rc.Held.Names, a.Names) || len(rc.Held.Sets) != 6 {
			t.Fatalf("nothing is held for the way back: %+v", rc.Held)
		}
		rc, err = r.Provider.ApplyArmed(t.Context(), *rc.Held, Invert(changes[:6]))
		if log := r.Log(); err != nil || rc.Changed != 6 || look.Standing(t, changes[:6]) != "old" || r.Reads(log[0]) {
			t.Errorf("way back: %+v, %v, %q", rc, err, log)
		}
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
		f, fore := r.Provider.(dnsproviders.Foreteller)
		if !ok || !fore {
			t.Fatalf("%T cannot print its commands, there and back", r.Provider)
		}
		text, err := p.Script(Zone, changes[:6], &a)
		if err != nil {
			t.Fatal(err)
		}
		next, err := f.Foretell(a, changes[:6])
		if err != nil {
			t.Fatal(err)
		}
		back, err := p.Script(Zone, Invert(changes[:6]), &next)
		if err != nil {
			t.Fatal(err)
		}
		for what, want := range map[string][]string{text: {NewV4, NewV6}, back: {OldV4, OldV6}} {
			for _, v := range want {
				if !strings.Contains(what, v) {
					t.Errorf("%s is not in\n%s", v, what)
				}
			}
			if strings.Contains(what, r.Secret) {
				t.Error("the script holds the secret")
			}
			if out, err := exec.CommandContext(t.Context(), "sh", "-n", "-c", what).CombinedOutput(); err != nil {
				t.Errorf("no shell script: %s, %v\n%s", out, err, what)
			}
		}
		if _, err := p.Script(Zone, changes, &a); err == nil {
			t.Error("a name that was not read is in the script")
		}
		if _, err := p.Script(Zone, changes[:6], nil); err == nil {
			t.Error("a script without record ids")
		}
		if _, err := p.Script(Zone, Invert(changes[:6]), &a); err == nil {
			t.Error("the way back from where nobody went")
		}
		if log := r.Log(); len(log) != 0 || look.Standing(t, changes) != "old" {
			t.Errorf("printing asked for %q", log)
		}
		if r.Variable == "" {
			return
		}
		before := contents(r.Zone)
		if out, err := runScript(t, r, text, r.Secret); err != nil || look.Standing(t, changes[:6]) != "new" || look.Standing(t, changes[6:]) != "old" {
			t.Fatalf("%s, %v\n%s", out, err, text)
		}
		if out, err := runScript(t, r, back, r.Secret); err != nil || !slices.Equal(contents(r.Zone), before) {
			t.Fatalf("back: %s, %v\n%s", out, err, back)
		}
		r.Log()
		out, err := runScript(t, r, text, "another"+r.Secret)
		if err == nil || !strings.Contains(out, "refused") || !slices.Equal(contents(r.Zone), before) || len(r.Log()) != 1 {
			t.Errorf("with a wrong secret: %v, %s", err, out)
		}
		if out, err := runScript(t, r, text, ""); err == nil || len(r.Log()) != 0 {
			t.Errorf("without a secret: %v, %s", err, out)
		}
	})
}

// runScript gives a printed script to sh and curl, and sees that the secret is on no command
// line and in nothing that is printed. An empty secret is not set at all.
func runScript(t *testing.T, r ArmedRig, text, secret string) (string, error) {
	t.Helper()
	dir := t.TempDir()
	file := func(name, text string, mode os.FileMode) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
		return path
	}
	curl, err := exec.LookPath("curl")
	if err != nil {
		t.Fatalf("the printed commands need curl: %v", err)
	}
	args := filepath.Join(dir, "args")
	file("curl", fmt.Sprintf("#!/bin/sh\nprintf '%%s\\n' \"$@\" >>'%s'\nexec '%s' \"$@\"\n", args, curl), 0o700)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	c := exec.CommandContext(ctx, "sh", file("script", text, 0o600))
	c.Env = []string{"PATH=" + dir + ":" + os.Getenv("PATH"), "HOME=" + dir}
	if secret != "" {
		c.Env = append(c.Env, r.Variable+"_FILE="+file("secret", secret+"\n", 0o600))
	}
	out, err := c.CombinedOutput()
	shown, _ := os.ReadFile(args) // not there when curl was not called
	if secret != "" && strings.Contains(string(out)+string(shown), secret) {
		t.Errorf("the secret is on a command line or printed:\n%s\n%s", out, shown)
	}
	return string(out), err
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
