package switching

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/dutyops/dutyops/dnsproviders"
	"github.com/dutyops/dutyops/dnsproviders/dnstest"
)

// partsOf are the parts by way and form.
func partsOf(ps []Part) map[string]Part {
	out := map[string]Part{}
	for _, p := range ps {
		out[p.Way()+" "+string(p.Form)] = p
	}
	return out
}

// With the API gone the change is printed from what was held ready; sh and curl make it,
// there and back, once the API is reached from elsewhere.
func TestManualMovesExactlyThePlansRecords(t *testing.T) {
	r := newRig(t, rigOptions{})
	ds, zc := r.site("cloudflare", 3)
	r.zone.Set("other."+zoneName, "A", 60, oldV4)
	r.s.Arm(t.Context(), ds)
	was := texts(r.zone, zc)
	r.s.opt.MaxAge = time.Nanosecond // too old for a switch, not for a person
	r.api.Break(&dnstest.Fault{Kind: dnstest.ServerError, Times: -1})
	rs, notes := r.s.LastKnown(t.Context(), ds)
	if len(rs) != 1 || rs[0].Problem != "" || len(rs[0].Sets) != 6 || len(notes) != 1 || !strings.Contains(notes[0], "the reading of") {
		t.Fatalf("%v, %q", rs, notes)
	}
	parts := partsOf(r.s.Manual(zc))
	r.api.Break(nil)
	if len(parts) != 4 {
		t.Fatalf("%d parts: %v", len(parts), parts)
	}
	token := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(token, []byte(r.token), 0o600); err != nil {
		t.Fatal(err)
	}
	run := func(p Part) {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		c := exec.CommandContext(ctx, "sh", "-c", p.Text)
		c.Env = append(os.Environ(), "CLOUDFLARE_API_TOKEN_FILE="+token)
		if out, err := c.CombinedOutput(); err != nil || strings.Contains(string(out)+p.Text, r.token) {
			t.Fatalf("%v: %s\n%s", err, out, p.Text)
		}
	}
	run(parts["way there sh"])
	if n := count(r.truth(zc), SetNew); n != 6 || r.zone.Text("other."+zoneName, "A") != "60 "+oldV4 {
		t.Errorf("%d of 6 sets are new; other is %s", n, r.zone.Text("other."+zoneName, "A"))
	}
	run(parts["way back sh"])
	for i, now := range texts(r.zone, zc) {
		if now != was[i] {
			t.Errorf("back: %s, want %s", now, was[i])
		}
	}
	if n := parts["way back nsupdate"].Text; !strings.Contains(n, "prereq yxrrset h0000."+zoneName+". IN A "+newV4) || !strings.Contains(n, "update add h0000."+zoneName+". 60 IN A "+oldV4) {
		t.Errorf("way back as nsupdate input:\n%s", n)
	}
}

// Where no commands can be printed the change is a list, with the reason.
func TestManualSaysWhatItCannotPrint(t *testing.T) {
	r := newRig(t, rigOptions{})
	_, zc := r.site("cloudflare", 1)
	full := r.s.opt.Providers["cloudflare"]
	for want, p := range map[string]dnsproviders.Provider{"dutyops dns arm": full, "through a library only": plainProvider{full}} {
		r.s.opt.Providers["cloudflare"] = p
		for _, p := range r.s.Manual(zc) {
			if p.Form == FormNsupdate {
				continue
			}
			if p.Form != FormList || !strings.Contains(p.Problem, want) || !strings.Contains(p.Text, "h0000."+zoneName+" A: ") || !strings.Contains(p.Text, newV4) || !strings.HasSuffix(p.FileName(1), ".txt") {
				t.Errorf("%s: %+v", want, p)
			}
		}
	}
	zc.Provider = "rfc2136"
	if ps := r.s.Manual(zc); len(ps) != 2 || ps[0].Form != FormNsupdate || ps[0].FileName(1) != "01-gss.example.test-rfc2136-there.nsupdate" {
		t.Errorf("%+v", ps)
	}
}

// plainProvider has none of the further abilities of a provider.
type plainProvider struct{ dnsproviders.Provider }

// A zone that was never read, or whose servers show it otherwise than it was read, is
// printed from its servers; one that nobody tells about has its problem.
func TestLastKnownWithoutAFitReading(t *testing.T) {
	r := newRig(t, rigOptions{})
	ds, _ := r.site("cloudflare", 1)
	r.api.Break(&dnstest.Fault{Kind: dnstest.ServerError, Times: -1})
	rs, notes := r.s.LastKnown(t.Context(), ds)
	if len(rs) != 1 || rs[0].Problem != "" || len(rs[0].Sets) != 2 || len(notes) != 1 || !strings.Contains(notes[0], "authoritative servers") {
		t.Errorf("%v, %q", rs, notes)
	}
	r.ns1.Close()
	r.ns2.Close()
	if rs, notes = r.s.LastKnown(t.Context(), ds); rs[0].Problem == "" || rs[0].Known || len(notes) > 0 {
		t.Errorf("%v, %q", rs, notes)
	}
}
