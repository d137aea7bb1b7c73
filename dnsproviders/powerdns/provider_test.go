package powerdns

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/dutyops/dutyops/dnsproviders"
	"github.com/dutyops/dutyops/dnsproviders/dnstest"
	"github.com/dutyops/dutyops/dnsproviders/internal/effort"
	"github.com/dutyops/dutyops/dnsproviders/internal/suite"
)

const zoneName = suite.Zone

func secret(t testing.TB) string {
	b := make([]byte, 20)
	if _, err := rand.Read(b); err != nil {
		t.Fatal(err)
	}
	return hex.EncodeToString(b)
}

func fake(t testing.TB, o suite.Options) (*suite.Rig, *dnstest.PowerDNS, *Provider) {
	t.Helper()
	key := secret(t)
	z := dnstest.NewZone(zoneName)
	api := dnstest.NewPowerDNS(key, z)
	t.Cleanup(api.Close)
	c := &suite.Clock{}
	opt := Options{BaseURL: api.URL + "/", APIKey: func() (string, error) { return key, nil }, Timeout: o.Timeout, Budget: o.Budget, OnRetry: c.OnRetry}
	if o.Transport != nil {
		opt.HTTPClient = &http.Client{Transport: o.Transport}
	}
	p, err := New(opt)
	if err != nil {
		t.Fatal(err)
	}
	p.effort.Now, p.effort.Sleep = c.Now, c.Sleep
	return &suite.Rig{
		Clock: c, Zone: z, Gate: &api.Gate, Provider: p, Secret: key, Write: 2,
		IsWrite: func(r *http.Request) bool { return r.Method == http.MethodPatch },
	}, api, p
}

func rig(t testing.TB, o suite.Options) *suite.Rig {
	r, _, _ := fake(t, o)
	return r
}

func TestBadDays(t *testing.T) { suite.BadDays(t, rig) }

func TestTransitionsOnTheFake(t *testing.T) {
	suite.Table(t, func(t *testing.T, name string, from []suite.Set) suite.Bed {
		r := rig(t, suite.Options{})
		for _, s := range from {
			vs := make([]string, len(s.Values))
			for i, v := range s.Values {
				vs[i] = content(s.Type, v)
			}
			r.Zone.Set(name, s.Type, s.TTL, vs...)
		}
		return suite.BedOf(r.Provider, r.Zone)
	}, nil)
}

func TestReadGivesCanonicalSetsInOneRequest(t *testing.T) {
	r, api, p := fake(t, suite.Options{})
	r.Zone.Set("www."+zoneName, "A", 60, "192.0.2.11", "192.0.2.10")
	r.Zone.Set("www."+zoneName, "AAAA", 1, "2001:DB8:A:0::10")
	r.Zone.Set("www."+zoneName, "TXT", 60, `"hello"`)
	r.Zone.Set("alias."+zoneName, "CNAME", 60, "Primary.Example.TEST.")
	r.Zone.Park("www."+zoneName, "A", 60, "192.0.2.99")
	r.Zone.Park("off."+zoneName, "A", 60, "192.0.2.99")
	got, err := p.Read(t.Context(), zoneName+".", []string{"WWW." + zoneName, "alias." + zoneName, "none." + zoneName, "off." + zoneName})
	if err != nil {
		t.Fatal(err)
	}
	want := []dnsproviders.RRset{
		{Name: "alias." + zoneName, Type: "CNAME", TTL: 60, Values: []string{"primary.example.test"}},
		{Name: "www." + zoneName, Type: "A", TTL: 60, Values: []string{"192.0.2.10", "192.0.2.11"}, Note: "1 disabled"},
		{Name: "www." + zoneName, Type: "AAAA", TTL: 1, Values: []string{suite.OldV6}},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	if one, err := p.Read(t.Context(), zoneName, []string{"alias." + zoneName}); err != nil || !reflect.DeepEqual(one, want[:1]) {
		t.Errorf("%+v, %v", one, err)
	}
	path := "GET /api/v1/servers/localhost/zones/" + zoneName + "."
	if log := api.Log(); !slices.Equal(log, []string{path, path + "?rrset_name=alias." + zoneName + "."}) {
		t.Errorf("requests %q", log)
	}
}

func TestApplyIsThreeRequestsAndMovesTheSerial(t *testing.T) {
	r, api, p := fake(t, suite.Options{})
	changes := r.Names(3, true)
	api.Log()
	was := r.Zone.Serial()
	rc, err := p.Apply(t.Context(), zoneName, changes)
	if err != nil || rc.Changed != 6 || rc.APICalls != 3 || rc.Serial != was+1 || r.Standing(t, changes) != "new" {
		t.Errorf("%+v, %v", rc, err)
	}
	if log := strings.Join(api.Log(), "\n"); strings.Count(log, "PATCH") != 1 {
		t.Errorf("requests:\n%s", log)
	}
	// What is already there is not written again.
	same := []dnsproviders.Change{suite.Change("h0000."+zoneName, "A", 60, []string{suite.NewV4}, []string{suite.NewV4})}
	if rc, err = p.Apply(t.Context(), zoneName, same); err != nil || rc.APICalls != 1 || rc.Changed != 0 {
		t.Errorf("%+v, %v", rc, err)
	}
}

func TestConflictNamesTheNameAndChangesNothing(t *testing.T) {
	for name, tc := range map[string]struct {
		live []string
		from []string
		want string
	}{
		"foreign":        {[]string{"203.0.113.99"}, []string{suite.OldV4}, "203.0.113.99"},
		"one more value": {[]string{suite.OldV4, "203.0.113.99"}, []string{suite.OldV4}, "203.0.113.99"},
		"gone":           {nil, []string{suite.OldV4}, "absent"},
		"appeared":       {[]string{"203.0.113.99"}, nil, "expects absent"},
		"already":        {[]string{suite.NewV4}, []string{suite.OldV4}, suite.NewV4},
	} {
		t.Run(name, func(t *testing.T) {
			r := rig(t, suite.Options{})
			changes := append(r.Names(2, true), suite.Change("www."+zoneName, "A", 60, tc.from, []string{suite.NewV4}))
			r.Zone.Set("www."+zoneName, "A", 60, tc.live...)
			serial := r.Zone.Serial()
			_, err := r.Provider.Apply(t.Context(), zoneName, changes)
			r.WellFormed(t, err, dnsproviders.ErrConflict)
			if !strings.Contains(err.Error(), "www."+zoneName+" A") || !strings.Contains(err.Error(), tc.want) || r.Zone.Serial() != serial {
				t.Errorf("%q does not name www and %q, or the zone was changed", err, tc.want)
			}
		})
	}
}

func TestBadOneOfABatchChangesNothing(t *testing.T) {
	r := rig(t, suite.Options{})
	changes := append(r.Names(3, true), suite.Change("h0000."+zoneName, "CNAME", 60, nil, []string{"a.example.test"}))
	_, err := r.Provider.Apply(t.Context(), zoneName, changes)
	r.WellFormed(t, err, dnsproviders.ErrRejected)
	if !strings.Contains(err.Error(), "Conflicts with pre-existing RRset") || r.Standing(t, changes) != "old" {
		t.Errorf("%v; %s", err, r.Standing(t, changes))
	}
}

func TestDisabledRecordsStay(t *testing.T) {
	r := rig(t, suite.Options{})
	changes := r.Names(1, false)
	changes = append(changes, suite.Change("h0001."+zoneName, "A", 60, []string{suite.OldV4}, nil))
	r.Zone.Set("h0001."+zoneName, "A", 60, suite.OldV4)
	for _, n := range []string{"h0000.", "h0001."} {
		r.Zone.Park(n+zoneName, "A", 60, "192.0.2.99")
	}
	r.Zone.Park("h0000."+zoneName, "A", 60, suite.NewV4) // was prepared, is served from now on
	if _, err := r.Provider.Apply(t.Context(), zoneName, changes); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, x := range r.Zone.Records() {
		s := strings.TrimSuffix(x.Name, "."+zoneName) + " " + x.Content
		if x.Disabled {
			s += " off"
		}
		got = append(got, s)
	}
	if want := []string{"h0000 " + suite.NewV4, "h0000 192.0.2.99 off", "h0001 192.0.2.99 off"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestZonesThatMustNotBeWritten(t *testing.T) {
	r, api, p := fake(t, suite.Options{})
	changes := r.Names(1, false)
	for _, kind := range []string{"Slave", "Secondary", "Consumer"} {
		api.Kind = kind
		_, err := p.Apply(t.Context(), zoneName, changes)
		r.WellFormed(t, err, dnsproviders.ErrRejected)
	}
	api.Kind, api.Dynamic = "Native", []string{"h0000." + zoneName}
	_, err := p.Apply(t.Context(), zoneName, changes)
	r.WellFormed(t, err, dnsproviders.ErrRejected)
	if !strings.Contains(err.Error(), "LUA") || r.Standing(t, changes) != "old" {
		t.Error(err)
	}
}

func TestPrimaryIsAskedToNotifyAndItsSerialAlwaysMoves(t *testing.T) {
	for _, edit := range []string{"DEFAULT", ""} {
		r, api, p := fake(t, suite.Options{})
		api.Kind, api.SOAEditAPI = "Master", edit
		changes := r.Names(2, false)
		api.Log()
		was := r.Zone.Serial()
		rc, err := p.Apply(t.Context(), zoneName, changes)
		if err != nil || rc.Serial != was+1 || rc.APICalls != 4 {
			t.Errorf("soa_edit_api %q: %+v, %v; was %d", edit, rc, err, was)
		}
		if log := api.Log(); !strings.HasSuffix(log[len(log)-1], "/notify") {
			t.Errorf("requests %q", log)
		}
	}
	// A NOTIFY that fails takes nothing from a change that is made.
	r, api, p := fake(t, suite.Options{})
	api.Kind = "Primary"
	changes := r.Names(1, false)
	api.Break(&dnstest.Fault{Kind: dnstest.ServerError, First: 4})
	if rc, err := p.Apply(t.Context(), zoneName, changes); err != nil || rc.Changed != 1 {
		t.Errorf("%+v, %v", rc, err)
	}
}

func TestAcknowledgedButNotThereIsUncertain(t *testing.T) {
	r := rig(t, suite.Options{Transport: suite.RoundTripper(func(req *http.Request) (*http.Response, error) {
		if req.Method == http.MethodPatch { // something in between says yes to everything
			return &http.Response{StatusCode: http.StatusNoContent, Body: http.NoBody, Request: req, Header: http.Header{}}, nil
		}
		return http.DefaultTransport.RoundTrip(req)
	})})
	changes := r.Names(2, false)
	_, err := r.Provider.Apply(t.Context(), zoneName, changes)
	r.WellFormed(t, err, dnsproviders.ErrUncertain)
	if s := r.Standing(t, changes); s != "old" {
		t.Error(s)
	}
}

func TestNobodyListens(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	r, _, p := fake(t, suite.Options{})
	p.base = "http://" + l.Addr().String() + "/api/v1/servers/localhost/zones/"
	_, err = p.Apply(t.Context(), zoneName, r.Names(1, false))
	r.WellFormed(t, err, dnsproviders.ErrUnavailable)
	if n := r.Notices(); len(n) != 2 {
		t.Errorf("%d notices, want 2", len(n))
	}
}

func TestOtherZoneAndServerAreNotFound(t *testing.T) {
	_, api, p := fake(t, suite.Options{})
	if _, err := p.Read(t.Context(), "other.test", []string{"a.other.test"}); !errors.Is(err, dnsproviders.ErrNotFound) {
		t.Errorf("got %v", err)
	}
	p2, err := New(Options{BaseURL: api.URL, ServerID: "other", APIKey: p.opt.APIKey})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p2.Read(t.Context(), zoneName, nil); !errors.Is(err, dnsproviders.ErrNotFound) {
		t.Errorf("got %v", err)
	}
}

func TestKeyProblems(t *testing.T) {
	r, api, p := fake(t, suite.Options{})
	for _, f := range []func() (string, error){
		func() (string, error) { return "", errors.New("secret env:X: not set") },
		func() (string, error) { return "  ", nil },
		func() (string, error) { return "a\nb", nil },
	} {
		p.opt.APIKey = f
		_, err := p.Read(t.Context(), zoneName, nil)
		r.WellFormed(t, err, dnsproviders.ErrAuth)
	}
	if len(api.Log()) != 0 {
		t.Error("a request was sent without a key")
	}
}

func TestChangesThatAreWrongAreNotSent(t *testing.T) {
	r, api, p := fake(t, suite.Options{})
	for _, c := range []dnsproviders.Change{
		suite.Change("www.elsewhere.test", "A", 60, []string{suite.OldV4}, []string{suite.NewV4}),
		suite.Change("www."+zoneName, "A", 60, []string{suite.OldV4}, []string{suite.NewV6}),
		suite.Change("www."+zoneName, "MX", 60, []string{"a"}, []string{"b"}),
		suite.Change("www."+zoneName, "A", 60, nil, nil),
	} {
		_, err := p.Apply(t.Context(), zoneName, []dnsproviders.Change{c})
		r.WellFormed(t, err, dnsproviders.ErrRejected)
	}
	if log := api.Log(); len(log) != 0 {
		t.Errorf("requests were sent: %v", log)
	}
}

func TestNewRefusesWrongOptions(t *testing.T) {
	key := func() (string, error) { return "x", nil }
	for _, o := range []Options{
		{BaseURL: "http://127.0.0.1:1"},
		{APIKey: key},
		{BaseURL: "ftp://x", APIKey: key},
		{BaseURL: "http://u:p@x", APIKey: key},
		{BaseURL: "http://x/?a=b", APIKey: key},
	} {
		if _, err := New(o); err == nil {
			t.Errorf("%q was accepted", o.BaseURL)
		}
	}
	p, err := New(Options{BaseURL: "https://dns.example.test/pdns/api/v1/", APIKey: key})
	if err != nil || p.base != "https://dns.example.test/pdns/api/v1/servers/localhost/zones/" || p.effort.Timeout != 5*time.Second {
		t.Errorf("%+v, %v", p, err)
	}
	if c := p.Capabilities(); !c.Atomic || c.CompareAndSet || c.MaxBatch != 0 || c.MinTTL != 1 || c.Note == "" {
		t.Errorf("card %+v", c)
	}
}

func TestZoneIDsInPaths(t *testing.T) {
	for name, want := range map[string]string{"example.test": "example.test.", "0/25.2.0.192.in-addr.arpa": "0=2F25.2.0.192.in-addr.arpa.", "_x.test": "=5Fx.test."} {
		if got := zoneID(name); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
}

func FuzzAnswers(f *testing.F) {
	f.Add([]byte(`{"name":"gss.example.test.","kind":"Master","serial":4,"soa_edit_api":"","rrsets":[{"name":"gss.example.test.","type":"SOA","ttl":1,"records":[{"content":"a. b. 4294967295 1 1 1 1"}]},{"name":"h.gss.example.test.","type":"A","ttl":60,"records":[{"content":"192.0.2.10"}]}]}`))
	f.Add([]byte(`{"name":"gss.example.test.","rrsets":[{"name":"","type":"A"}]}`))
	f.Add([]byte(`{"name":"gss.example.test."}`))
	f.Add([]byte(`{"error":"x","errors":["y"]}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		_ = errorText(raw)
		z, err := decodeZone(raw, zoneName)
		if err != nil {
			return
		}
		for k, s := range z.live() {
			if k.Name == "" || len(s.Values) == 0 {
				t.Errorf("accepted %+v", s)
			}
		}
		body, err := z.patch([]dnsproviders.Change{suite.Change("h."+zoneName, "A", 60, nil, []string{suite.NewV4})})
		if err == nil && !json.Valid(body) {
			t.Errorf("%q", body)
		}
		_ = z.live().Of([]string{"h." + zoneName})
		_ = effort.Todo(z.live(), nil)
	})
}
