package backend

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/miekg/dns"

	"github.com/dutyops/dutyops/backend/config"
	"github.com/dutyops/dutyops/dnsproviders/dnstest"
	"github.com/dutyops/dutyops/failoverplan"
)

// twinWorld is two sites and a zone at two providers: "main" takes updates and may be
// deaf to them, "second" is a vendor's API that writes record by record.
type twinWorld struct {
	t            *testing.T
	e            *Engine
	main, second *dnstest.Zone
	api          *dnstest.AliDNS
	deaf         atomic.Bool // main refuses updates
	sick         atomic.Bool // nothing of the primary site works
}

const twinZone = "gss.example.test"

var twinNames = []string{"pvg." + twinZone, "sha." + twinZone}

const (
	siteA4, siteA6 = "192.0.2.10", "2001:db8:a::10"
	siteB4, siteB6 = "198.51.100.20", "2001:db8:b::20"
)

func newTwinWorld(t *testing.T, rules string) *twinWorld {
	t.Helper()
	w := &twinWorld{t: t, main: dnstest.NewZone(twinZone), second: dnstest.NewZone(twinZone)}
	for _, z := range []*dnstest.Zone{w.main, w.second} {
		for _, n := range twinNames {
			z.Set(n, "A", 30, siteA4)
			z.Set(n, "AAAA", 30, siteA6)
		}
	}
	raw := make([]byte, 32)
	if _, err := rand.Read(raw); err != nil {
		t.Fatal(err)
	}
	id := "LTAI" + hex.EncodeToString(raw[:8])
	t.Setenv("DUTYOPS_TEST_TSIG", base64.StdEncoding.EncodeToString(raw))
	t.Setenv("DUTYOPS_TEST_KEY", hex.EncodeToString(raw))
	w.api = dnstest.NewAliDNS(id, hex.EncodeToString(raw), w.second)
	t.Cleanup(w.api.Close)
	ns := func(key string, z *dnstest.Zone) *dnstest.Authority {
		a, err := dnstest.NewAuthority(key, raw, z)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(a.Close)
		return a
	}
	ns1, ns2 := ns("dutyops", w.main), ns("", w.second)
	ns1.Hook(func(rw dns.ResponseWriter, r *dns.Msg, serve func(dns.ResponseWriter)) {
		if w.deaf.Load() && (r.Opcode == dns.OpcodeUpdate || r.IsTsig() != nil) {
			_ = rw.WriteMsg(new(dns.Msg).SetRcode(r, dns.RcodeRefused))
			return
		}
		serve(rw)
	})
	site := func(name string, weight int, v4, v6 string) string {
		up := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
			if name == "primary" && w.sick.Load() {
				rw.WriteHeader(http.StatusServiceUnavailable)
			}
		}))
		t.Cleanup(up.Close)
		return fmt.Sprintf(`
  - name: %s
    weight: %d
    gateway: {ipv4: [%s], ipv6: ["%s"], url: "%s"}
    business:
      subsystems: [{name: monitoring, url: "%s/"}]
      components: [{name: app, kind: http, url: "%s/"}]
    data:
      components: [{name: store, kind: http, url: "%s/"}]`, name, weight, v4, v6, up.URL, up.URL, up.URL, up.URL)
	}
	cfg, err := config.Parse("twins.yaml", []byte(`
version: 1
environment: production
home: primary
sites:`+site("primary", 100, siteA4, siteA6)+site("standby", 90, siteB4, siteB6)+`
stations: [{name: PVG}, {name: SHA}]
domains:
  - {name: `+twinNames[0]+`, station: PVG, types: [A, AAAA]}
  - {name: `+twinNames[1]+`, station: SHA, types: [A, AAAA]}
dns:
  providers:
    - {name: main, kind: rfc2136, server: "`+ns1.Addr+`", key_name: dutyops, key_secret: env:DUTYOPS_TEST_TSIG}
    - {name: second, kind: alidns, base_url: "`+w.api.URL+`", access_key_id: `+id+`, access_key_secret: env:DUTYOPS_TEST_KEY}
  zones:
    - name: `+twinZone+`
      provider: main
      authoritative: ["`+ns1.Addr+`"]
      also: [{provider: second, authoritative: ["`+ns2.Addr+`"]}]
thresholds: {interval: 20s, timeout: 10s, stale_after: 5m}
`+rules))
	if err != nil {
		t.Fatal(err)
	}
	if w.e, err = Open(t.Context(), cfg, Options{StateDir: t.TempDir()}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.e.Close() })
	return w
}

func (w *twinWorld) plan(to string) *failoverplan.Plan {
	w.t.Helper()
	if _, err := w.e.Refresh(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
	p, err := w.e.Plan(w.t.Context(), PlanRequest{Kind: failoverplan.Failover, To: to})
	if err != nil {
		w.t.Fatal(err)
	}
	return p
}

// failover runs the plan that was shown, to its end.
func (w *twinWorld) failover(p *failoverplan.Plan) (Run, error) {
	w.t.Helper()
	r, err := w.e.Start(w.t.Context(), StartRequest{
		PlanRequest: PlanRequest{Kind: failoverplan.Failover, To: p.To}, PlanHash: p.Hash, Reason: "test", Operator: "test",
	})
	if err != nil {
		return r, err
	}
	return w.e.Wait(w.t.Context(), r.ID)
}

func (w *twinWorld) ended(r Run, err error) (Run, error) {
	if err != nil {
		return r, err
	}
	return w.e.Wait(w.t.Context(), r.ID)
}

// stands counts the sets at the standby, by provider.
func (w *twinWorld) stands() [2]int {
	var n [2]int
	for i, z := range []*dnstest.Zone{w.main, w.second} {
		for _, name := range twinNames {
			for typ, want := range map[string]string{"A": siteB4, "AAAA": siteB6} {
				if vs, _ := z.Get(name, typ); slices.Equal(vs, []string{want}) {
					n[i]++
				}
			}
		}
	}
	return n
}

func (w *twinWorld) is(what string, want [2]int) {
	w.t.Helper()
	if got := w.stands(); got != want {
		w.t.Errorf("%s: %v sets are new, want %v", what, got, want)
	}
}

// differs are the names that a check says the providers hold differently, and the command.
func (w *twinWorld) differs() (n int, by string) {
	w.t.Helper()
	ds, err := w.e.CheckDNS(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	for _, d := range ds {
		if d.ByProvider != nil {
			n, by = n+1, d.EvenBy
		}
	}
	return n, by
}

func stateOfStep(r Run, title string) string {
	for _, s := range r.Steps {
		if strings.HasPrefix(s.Title, title) {
			return s.State
		}
	}
	return "no such step"
}

func TestTwoProvidersAreWrittenAndTakenBack(t *testing.T) {
	w := newTwinWorld(t, "")
	p := w.plan("standby")
	if len(p.DNS) != 2 || p.DNS[0].Provider != "main" || p.DNS[1].Provider != "second" || p.Records() != 8 || p.Names() != 2 || len(p.Blocked()) > 0 {
		t.Fatalf("%+v, blocked by %v", p.DNS, p.Blocked())
	}
	r, err := w.failover(p)
	if err != nil || r.State != RunDone || r.DNS.RecordsChanged != 8 || !slices.Equal(r.DNS.Zones, []string{twinZone}) {
		t.Fatalf("%v: %s, %+v", err, r.State, r.DNS)
	}
	w.is("switched", [2]int{4, 4})
	if n, _ := w.differs(); n != 0 {
		t.Errorf("%d names differ", n)
	}
	if s := stateOfStep(r, "Every authoritative server of "+twinZone+" at second"); s != "done" {
		t.Errorf("second's servers: %s", s)
	}
	if r, err = w.ended(w.e.Rollback(t.Context(), r.ID, "test", "test")); err != nil || r.State != RunRolledBack {
		t.Fatalf("%v: %s %s", err, r.State, r.Problem)
	}
	w.is("taken back", [2]int{})
}

// One API is away from the beginning: the other goes on, everybody is told, and one
// command makes them equal.
func TestOneProviderIsAway(t *testing.T) {
	for _, away := range []string{"main", "second"} {
		t.Run(away, func(t *testing.T) {
			w := newTwinWorld(t, "")
			left, want := away, [2]int{4, 0}
			if away == "main" {
				w.deaf.Store(true)
				want = [2]int{0, 4}
			} else {
				w.api.Break(&dnstest.Fault{Kind: dnstest.Unauthorized, First: 1, Times: -1})
			}
			p := w.plan("standby")
			if len(p.Away) != 1 || p.Away[0].Provider != left || p.Records() != 8 || len(p.Blocked()) > 0 {
				t.Fatalf("away %+v, blocked by %v", p.Away, p.Blocked())
			}
			r, err := w.failover(p)
			if !errors.Is(err, ErrParked) || r.State != RunParked || !strings.Contains(r.Problem, left) || !strings.Contains(r.Next, "runs resume "+r.ID) {
				t.Fatalf("%v: %s, problem %q, next %q", err, r.State, r.Problem, r.Next)
			}
			w.is("one away", want)
			if s := stateOfStep(r, "Every name is served"); s != "done" {
				t.Errorf("the rest of the run did not go on: %s", s)
			}
			if n, by := w.differs(); n != 4 || by != "dutyops runs resume "+r.ID+" --yes" {
				t.Errorf("%d names and types differ, made equal by %q", n, by)
			}
			w.deaf.Store(false)
			w.api.Break(nil)
			if r, err = w.ended(w.e.Resume(t.Context(), r.ID, "test")); err != nil || r.State != RunDone {
				t.Fatalf("%v: %s, %q", err, r.State, r.Problem)
			}
			w.is("resumed", [2]int{4, 4})
			if n, _ := w.differs(); n != 0 {
				t.Errorf("%d names differ", n)
			}
		})
	}
}

// One API dies in the middle of its writes; the way back works without it where nothing
// of it is new, and says so where it cannot be reached.
func TestOneProviderDiesHalfway(t *testing.T) {
	w := newTwinWorld(t, "")
	p := w.plan("standby")
	w.api.Break(&dnstest.Fault{Kind: dnstest.Unauthorized, First: 3, Times: -1})
	r, err := w.failover(p)
	got := w.stands()
	if !errors.Is(err, ErrParked) || got[0] != 4 || got[1] < 1 || got[1] > 3 {
		t.Fatalf("%v: %v sets are new", err, got)
	}
	r, err = w.ended(w.e.Rollback(t.Context(), r.ID, "test", "test"))
	if !errors.Is(err, ErrParked) || !strings.Contains(r.Problem, "second") {
		t.Fatalf("%v: %s, %q", err, r.State, r.Problem)
	}
	w.is("taken back at one", [2]int{0, got[1]})
	w.api.Break(nil)
	if r, err = w.ended(w.e.Rollback(t.Context(), r.ID, "test", "test")); err != nil || r.State != RunRolledBack {
		t.Fatalf("%v: %s, %q", err, r.State, r.Problem)
	}
	w.is("taken back", [2]int{})
}

// What the providers hold differently is a stop of that name, with its reason, unless the
// switch is what makes them equal.
func TestProvidersThatDifferBeforehand(t *testing.T) {
	w := newTwinWorld(t, "")
	w.second.Set(twinNames[1], "A", 30, "203.0.113.9")
	stops := w.plan("standby").Stops
	if len(stops) != 1 || stops[0].Name != twinNames[1] || stops[0].Gate != "known-values" || !strings.HasPrefix(stops[0].Evidence, "at second: ") {
		t.Errorf("a stranger at the second: %+v", stops)
	}
	w.second.Set(twinNames[1], "A", 30, siteB4)
	w.second.Set(twinNames[1], "AAAA", 30, siteB6)
	if n, by := w.differs(); n != 2 || !strings.HasPrefix(by, "dutyops failover --to ") {
		t.Errorf("%d differ, made equal by %q", n, by)
	}
	w.e.dns.Arm(t.Context(), w.e.topo.Domains)
	p := w.plan("standby")
	if len(p.Stops) != 0 || p.Records() != 6 || !slices.ContainsFunc(p.Because, func(s string) bool { return strings.Contains(s, "makes them equal") }) {
		t.Fatalf("stops %+v, %d records, because %q", p.Stops, p.Records(), p.Because)
	}
	if r, err := w.failover(p); err != nil || r.State != RunDone {
		t.Fatalf("%v: %s, %q", err, r.State, r.Problem)
	}
	w.is("equal", [2]int{4, 4})
}

func TestArmingArmsEveryProvider(t *testing.T) {
	w := newTwinWorld(t, "")
	r, err := w.e.ArmDNS(t.Context(), false)
	if err != nil || len(r.Zones) != 2 {
		t.Fatalf("%+v, %v", r, err)
	}
	for i, z := range r.Zones {
		if z.Twin != (i == 1) || !z.Fresh || z.Sets != 4 || len(z.Differs) != 0 {
			t.Errorf("%+v", z)
		}
	}
}

func TestCanaryIsWrittenFirst(t *testing.T) {
	w := newTwinWorld(t, "rules: {canary: ["+twinNames[1]+"]}\n")
	r, err := w.failover(w.plan("standby"))
	if err != nil || r.State != RunDone || r.DNS.RecordsChanged != 8 {
		t.Fatalf("%v: %s %q, %+v", err, r.State, r.Problem, r.DNS)
	}
	w.is("switched", [2]int{4, 4})
	if r, err = w.ended(w.e.Rollback(t.Context(), r.ID, "test", "test")); err != nil || r.State != RunRolledBack {
		t.Fatalf("%v: %s %q", err, r.State, r.Problem)
	}
	w.is("taken back", [2]int{})
}

// Where the canary of one provider fails, nothing else is written there; where all fail,
// nothing else is written at all.
func TestFailedCanary(t *testing.T) {
	w := newTwinWorld(t, "rules: {canary: ["+twinNames[1]+"]}\n")
	p := w.plan("standby")
	w.api.Break(&dnstest.Fault{Kind: dnstest.Unauthorized, First: 1, Times: 3}) // a reading, the canary's write, the look after it; it would take the rest
	r, err := w.failover(p)
	if !errors.Is(err, ErrParked) || stateOfStep(r, "Canary: point 2 record sets of "+twinZone+" at second") != "skipped" {
		t.Fatalf("%v: %s %q", err, r.State, r.Problem)
	}
	w.is("one canary failed", [2]int{4, 0})
	w.api.Break(nil)
	if r, err = w.ended(w.e.Resume(t.Context(), r.ID, "test")); err != nil || r.State != RunDone {
		t.Fatalf("%v: %s %q", err, r.State, r.Problem)
	}
	w.is("resumed", [2]int{4, 4})

	w = newTwinWorld(t, "rules: {canary: ["+twinNames[1]+"]}\n")
	p = w.plan("standby")
	w.deaf.Store(true)
	w.api.Break(&dnstest.Fault{Kind: dnstest.Unauthorized, First: 1, Times: -1})
	if r, err = w.failover(p); err == nil || stateOfStep(r, "Point 2 record sets") != "pending" {
		t.Errorf("%v: %s, the rest is %s", err, r.State, stateOfStep(r, "Point 2 record sets"))
	}
	w.is("every canary failed", [2]int{})
}

// What changed since the zones were armed is in the plan, and too much of it refuses it
// softly, again and again, until a person has armed them anew. A switch of ours is no drift.
func TestZoneAsArmed(t *testing.T) {
	w := newTwinWorld(t, "rules: {max_drift: 1}\n")
	if _, err := w.e.ArmDNS(t.Context(), false); err != nil {
		t.Fatal(err)
	}
	drifted := func(p *failoverplan.Plan) (n int) {
		for _, a := range p.Armed {
			n += a.Drifted
		}
		return n
	}
	if p := w.plan("standby"); len(p.Armed) != 2 || drifted(p) != 0 || len(p.Blocked()) != 0 {
		t.Fatalf("%+v, blocked by %+v", p.Armed, p.Blocked())
	}
	for _, z := range []*dnstest.Zone{w.main, w.second} {
		z.Set(twinNames[0], "A", 30, siteB4)
		z.Set(twinNames[0], "AAAA", 30, siteB6)
	}
	for range 2 { // looking at it is not accepting it
		p := w.plan("standby")
		if b := p.Blocked(); drifted(p) != 4 || len(b) != 1 || b[0].Gate != "zone-as-armed" {
			t.Fatalf("%+v, blocked by %+v", p.Armed, b)
		}
	}
	if _, err := w.e.ArmDNS(t.Context(), false); err != nil {
		t.Fatal(err)
	}
	p := w.plan("standby")
	if drifted(p) != 0 || len(p.Blocked()) != 0 {
		t.Fatalf("armed anew: %+v, blocked by %+v", p.Armed, p.Blocked())
	}
	if r, err := w.failover(p); err != nil || r.State != RunDone {
		t.Fatalf("%v: %s", err, r.Problem)
	}
	w.is("switched", [2]int{4, 4})
	if p := w.plan("primary"); drifted(p) != 0 {
		t.Errorf("our own switch is drift: %+v", p.Armed)
	}
}

// TestManualPrintsEveryProvider: also one that does not answer now, from what its own
// servers say.
func TestManualPrintsEveryProvider(t *testing.T) {
	w := newTwinWorld(t, "")
	w.second.Set(twinNames[0], "A", 30, siteB4) // this name is there already
	w.second.Set(twinNames[0], "AAAA", 30, siteB6)
	w.api.Break(&dnstest.Fault{Kind: dnstest.Unauthorized, First: 1, Times: -1})
	m, err := w.e.Manual(t.Context(), PlanRequest{Kind: failoverplan.Failover, To: "standby"})
	if err != nil {
		t.Fatal(err)
	}
	records := map[string]int{}
	for _, p := range m.Parts {
		if !p.Back {
			records[p.Provider] = p.Records
		}
	}
	if records["main"] != 4 || records["second"] != 2 || len(m.Notes) != 1 || !strings.Contains(m.Notes[0], "at second is printed from its authoritative servers") {
		t.Errorf("records %v, notes %q", records, m.Notes)
	}
}
