package compat

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/dutyops/dutyops/dnsproviders"
	"github.com/dutyops/dutyops/dnsproviders/dnstest"
	"github.com/dutyops/dutyops/dnsproviders/internal/suite"
)

// desecFake is the part of deSEC's API that the module uses: all sets of a domain, one
// set, and bulk PUT of sets, which refuses TTLs below the domain's
// minimum and removes a set without records. Sources:
// desec.readthedocs.io/en/latest/dns/rrsets.html ("Retrieving all RRsets in a Zone", "Bulk
// Modification of RRsets") and .../rate-limits.html.
type desecFake struct {
	zone   *dnstest.Zone
	mu     sync.Mutex
	log    []string
	status int // answered to every request when it is not 0
	cut    bool
}

type desecSet struct {
	Subname string   `json:"subname"`
	Type    string   `json:"type"`
	TTL     uint32   `json:"ttl"`
	Records []string `json:"records"`
}

func (d *desecFake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.log = append(d.log, r.Method)
	at := "/api/v1/domains/" + d.zone.Name + "/rrsets/"
	switch {
	case r.Header.Get("Authorization") != "Token desec-token":
		http.Error(w, `{"detail":"Invalid token."}`, http.StatusUnauthorized)
	case d.status != 0 && d.status != http.StatusOK:
		http.Error(w, `{"detail":"no"}`, d.status)
	case r.Method == http.MethodGet && r.URL.Path == at:
		out := []desecSet{}
		for _, rec := range d.zone.Records() {
			out = append(out, desecSet{strings.TrimSuffix(strings.TrimSuffix(rec.Name, d.zone.Name), "."), rec.Type, rec.TTL, []string{rec.Content}})
		}
		_ = json.NewEncoder(w).Encode(out)
	case r.Method == http.MethodGet && strings.HasPrefix(r.URL.Path, at):
		sub, typ, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, at), "/")
		name := strings.TrimPrefix(sub+".", "@.") + d.zone.Name
		vs, ttl := d.zone.Get(name, typ)
		if len(vs) == 0 {
			http.Error(w, `{"detail":"Not found."}`, http.StatusNotFound)
			return
		}
		_ = json.NewEncoder(w).Encode(desecSet{sub, typ, ttl, vs})
	case r.Method == http.MethodPut && r.URL.Path == at:
		var in []desecSet
		if json.NewDecoder(r.Body).Decode(&in) != nil {
			http.Error(w, `{"detail":"JSON parse error"}`, http.StatusBadRequest)
			return
		}
		for _, s := range in {
			if s.TTL < 3600 {
				http.Error(w, `[{"ttl":["Ensure this value is greater than or equal to 3600."]}]`, http.StatusBadRequest)
				return
			}
			name := d.zone.Name
			if s.Subname != "" {
				name = s.Subname + "." + name
			}
			for i, v := range s.Records {
				s.Records[i] = strings.TrimSuffix(v, ".")
			}
			d.zone.Set(name, s.Type, s.TTL, s.Records...)
		}
		if d.cut {
			panic(http.ErrAbortHandler)
		}
		_ = json.NewEncoder(w).Encode(in)
	default:
		http.NotFound(w, r)
	}
}

// onDeSEC opens the compiled-in module on the fake: the module has a fixed address and uses
// the process' default client, so that is what leads elsewhere for the time of the test.
func onDeSEC(t *testing.T, d *desecFake, token string) *Provider {
	t.Helper()
	srv := httptest.NewServer(d)
	t.Cleanup(srv.Close)
	was := http.DefaultClient.Transport
	t.Cleanup(func() { http.DefaultClient.Transport = was })
	http.DefaultClient.Transport = suite.RoundTripper(func(r *http.Request) (*http.Response, error) {
		if r.URL.Host != "desec.io" || r.URL.Scheme != "https" {
			return nil, fmt.Errorf("a request to %s", r.URL.Host)
		}
		c := r.Clone(r.Context())
		c.URL.Scheme, c.URL.Host = "http", strings.TrimPrefix(srv.URL, "http://")
		return http.DefaultTransport.RoundTrip(c)
	})
	m, ok := Named("desec")
	if !ok {
		t.Fatal("module desec is not compiled in")
	}
	p, err := New(Options{Module: m, Secret: func() (string, error) { return token, nil }, Timeout: 2 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestDeSEC(t *testing.T) {
	d := &desecFake{zone: dnstest.NewZone(suite.Zone)}
	p := onDeSEC(t, d, "desec-token")
	www := "www." + suite.Zone
	d.zone.Set(www, "A", 3600, suite.OldV4)
	d.zone.Set(www, "AAAA", 3600, suite.OldV6)
	d.zone.Set(www, "TXT", 3600, `"hello"`)
	d.zone.Set(suite.Zone, "A", 3600, suite.OldV4)
	changes := []dnsproviders.Change{
		suite.Change(www, "A", 3600, []string{suite.OldV4}, []string{suite.NewV4}),
		suite.Change(www, "AAAA", 3600, []string{suite.OldV6}, nil),
		suite.Change(suite.Zone, "A", 3600, []string{suite.OldV4}, []string{suite.NewV4, "198.51.100.21"}),
	}
	rc, err := p.Apply(t.Context(), suite.Zone, changes)
	if err != nil || rc.Changed != 3 || d.zone.Text(suite.Zone, "A") != "3600 198.51.100.20 198.51.100.21" || d.zone.Text(www, "AAAA") != "" || d.zone.Text(www, "TXT") == "" {
		t.Errorf("%+v, %v, %+v", rc, err, d.zone.Records())
	}
	if _, err := p.Apply(t.Context(), suite.Zone, suite.Invert(changes)); err != nil || d.zone.Text(www, "AAAA") == "" {
		t.Errorf("back: %v", err)
	}
	low := suite.Change(www, "A", 3600, []string{suite.OldV4}, []string{suite.NewV4})
	low.After.TTL = 60
	if _, err := p.Apply(t.Context(), suite.Zone, []dnsproviders.Change{low}); !errors.Is(err, dnsproviders.ErrRejected) || !strings.Contains(err.Error(), "below 3600") {
		t.Errorf("a low TTL: %v", err)
	}
}

func TestDeSECOnABadDay(t *testing.T) {
	for status, want := range map[int]error{
		http.StatusUnauthorized: dnsproviders.ErrAuth, http.StatusForbidden: dnsproviders.ErrForbidden,
		http.StatusNotFound: dnsproviders.ErrNotFound, http.StatusBadRequest: dnsproviders.ErrRejected, http.StatusInternalServerError: dnsproviders.ErrUnavailable,
	} {
		d := &desecFake{zone: dnstest.NewZone(suite.Zone), status: status}
		p := onDeSEC(t, d, "desec-token")
		p.effort.Sleep = (&suite.Clock{}).Sleep
		if _, err := p.Read(t.Context(), suite.Zone, nil); !errors.Is(err, want) || strings.Contains(err.Error(), "desec-token") {
			t.Errorf("%d: %v", status, err)
		}
	}
	// The answer to a write is cut off after it was carried out: reading tells.
	d := &desecFake{zone: dnstest.NewZone(suite.Zone), cut: true}
	d.zone.Set(suite.Zone, "A", 3600, suite.OldV4)
	p := onDeSEC(t, d, "desec-token")
	change := suite.Change(suite.Zone, "A", 3600, []string{suite.OldV4}, []string{suite.NewV4})
	if rc, err := p.Apply(t.Context(), suite.Zone, []dnsproviders.Change{change}); err != nil || rc.Changed != 1 {
		t.Errorf("%+v, %v", rc, err)
	}
	p = onDeSEC(t, d, "another")
	if _, err := p.Read(t.Context(), suite.Zone, nil); !errors.Is(err, dnsproviders.ErrAuth) {
		t.Errorf("another token: %v", err)
	}
}
