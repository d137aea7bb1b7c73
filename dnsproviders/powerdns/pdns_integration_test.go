//go:build integration

package powerdns

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/dutyops/dutyops/dnsproviders"
	"github.com/dutyops/dutyops/dnsproviders/internal/suite"
	"github.com/dutyops/dutyops/test/lab"
)

// server is a real pdns_server.
type server struct {
	*lab.PowerDNS
	t testing.TB
}

func start(t testing.TB) *server {
	t.Helper()
	return &server{lab.ForDNS(t).PowerDNS(), t}
}

func (s *server) try(method, path string, body any) (int, string, error) {
	return s.Call(s.t.Context(), method, path, body)
}

func (s *server) must(method, path string, body any) {
	s.t.Helper()
	if status, text, err := s.try(method, path, body); err != nil || status > 299 {
		s.t.Fatalf("%s %s: %d %s %v", method, path, status, text, err)
	}
}

// zone makes the zone anew with these sets.
func (s *server) zone(kind, edit string, sets ...rrset) {
	s.t.Helper()
	_, _, _ = s.try(http.MethodDelete, "/zones/"+zoneName+".", nil) // may not exist yet
	for i := range sets {
		sets[i].ChangeType = "REPLACE"
	}
	body := map[string]any{"name": zoneName + ".", "kind": kind, "nameservers": []string{"ns1." + zoneName + "."}, "soa_edit_api": edit, "rrsets": sets}
	if kind == "Slave" {
		body["masters"], body["nameservers"] = []string{"127.0.0.1:9"}, []string{}
	}
	s.must(http.MethodPost, "/zones", body)
}

func (s *server) provider() *Provider {
	s.t.Helper()
	p, err := New(Options{BaseURL: s.URL, APIKey: func() (string, error) { return s.APIKey, nil }})
	if err != nil {
		s.t.Fatal(err)
	}
	return p
}

func set(name, typ string, ttl uint32, values ...string) rrset {
	r := rrset{Name: name + ".", Type: typ, TTL: ttl}
	for _, v := range values {
		r.Records = append(r.Records, record{Content: content(typ, v)})
	}
	return r
}

func many(n int) (sets []rrset, names []string, changes []dnsproviders.Change) {
	for i := range n {
		name := fmt.Sprintf("h%05d.%s", i, zoneName)
		names = append(names, name)
		sets = append(sets, set(name, "A", 60, suite.OldV4))
		changes = append(changes, suite.Change(name, "A", 60, []string{suite.OldV4}, []string{suite.NewV4}))
	}
	return sets, names, changes
}

func TestTransitionsOnPowerDNS(t *testing.T) {
	s := start(t)
	suite.Table(t, func(_ *testing.T, name string, from []suite.Set) suite.Bed {
		var sets []rrset
		for _, x := range from {
			vs := make([]string, len(x.Values))
			for i, v := range x.Values {
				vs[i] = canonical(x.Type, v)
			}
			sets = append(sets, set(name, x.Type, x.TTL, vs...))
		}
		s.zone("Native", "DEFAULT", sets...)
		return suite.Bed{Provider: s.provider(), Look: suite.Server{Addr: s.Addr}.Look}
	}, nil)
}

func TestSizesOnPowerDNS(t *testing.T) {
	s := start(t)
	p := s.provider()
	for _, n := range []int{1, 100, 1000} {
		sets, names, changes := many(n)
		s.zone("Native", "INCREASE", sets...)
		began := time.Now()
		got, err := p.Read(t.Context(), zoneName, names)
		if err != nil || len(got) != n {
			t.Fatalf("%d sets, %v", len(got), err)
		}
		read := time.Since(began)
		for range 3 {
			rc, err := p.Apply(t.Context(), zoneName, changes)
			if err != nil || rc.Changed != n || rc.APICalls != 3 || rc.Serial < 2 {
				t.Fatalf("%+v, %v", rc, err)
			}
			t.Logf("%d sets: read %s, switched (GET, PATCH, GET) in %s, serial %d", n, read, rc.Took, rc.Serial)
			changes = suite.Invert(changes)
		}
	}
}

func TestBadBatchOnPowerDNS(t *testing.T) {
	s := start(t)
	p := s.provider()
	sets, names, changes := many(3)
	s.zone("Native", "INCREASE", sets...)
	bad := append(changes, suite.Change(names[0], "CNAME", 60, nil, []string{"a.example.test"}))
	_, err := p.Apply(t.Context(), zoneName, bad)
	if !errors.Is(err, dnsproviders.ErrRejected) || !strings.Contains(err.Error(), "Conflicts with pre-existing RRset") {
		t.Error(err)
	}
	got, err := p.Read(t.Context(), zoneName, names)
	if err != nil || len(got) != 3 || got[0].Values[0] != suite.OldV4 || got[2].Values[0] != suite.OldV4 {
		t.Errorf("after a refused batch: %+v, %v", got, err)
	}
	// Somebody else was here.
	s.must(http.MethodPatch, "/zones/"+zoneName+".", map[string]any{"rrsets": []rrset{{
		Name: names[1] + ".", Type: "A", TTL: 60, ChangeType: "REPLACE", Records: []record{{Content: "203.0.113.99"}},
	}}})
	_, err = p.Apply(t.Context(), zoneName, changes)
	if !errors.Is(err, dnsproviders.ErrConflict) || !strings.Contains(err.Error(), names[1]) {
		t.Error(err)
	}
	if got, err = p.Read(t.Context(), zoneName, names[:1]); err != nil || got[0].Values[0] != suite.OldV4 {
		t.Errorf("after a conflict: %+v, %v", got, err)
	}
	// Disabled records stay, and are not live.
	s.zone("Native", "INCREASE", rrset{Name: names[0] + ".", Type: "A", TTL: 60, Records: []record{{Content: suite.OldV4}, {Content: "192.0.2.99", Disabled: true}}},
		rrset{Name: names[1] + ".", Type: "A", TTL: 60, Records: []record{{Content: suite.OldV4}, {Content: "192.0.2.99", Disabled: true}}})
	two := []dnsproviders.Change{changes[0], suite.Change(names[1], "A", 60, []string{suite.OldV4}, nil)}
	if _, err := p.Apply(t.Context(), zoneName, two); err != nil {
		t.Error(err)
	}
	if _, text, err := s.try(http.MethodGet, "/zones/"+zoneName+".", nil); err != nil || strings.Count(text, `"192.0.2.99", "disabled": true`) != 2 {
		t.Errorf("%s, %v", text, err)
	}
	// A copy of another server's zone is not written to, although the API would.
	s.zone("Slave", "DEFAULT")
	if _, err := p.Apply(t.Context(), zoneName, []dnsproviders.Change{suite.Change(names[0], "A", 60, nil, []string{suite.NewV4})}); !errors.Is(err, dnsproviders.ErrRejected) || !strings.Contains(err.Error(), "slave") {
		t.Error(err)
	}
}

func TestErrorsOfPowerDNS(t *testing.T) {
	s := start(t)
	s.zone("Native", "DEFAULT")
	for name, tc := range map[string]struct {
		o    Options
		zone string
		want error
	}{
		"wrong key":    {Options{APIKey: func() (string, error) { return "wrong", nil }}, zoneName, dnsproviders.ErrAuth},
		"other zone":   {Options{}, "other.test", dnsproviders.ErrNotFound},
		"other server": {Options{ServerID: "other"}, zoneName, dnsproviders.ErrNotFound},
		"other path":   {Options{BaseURL: s.URL + "/elsewhere"}, zoneName, dnsproviders.ErrNotFound},
	} {
		if tc.o.BaseURL == "" {
			tc.o.BaseURL = s.URL
		}
		if tc.o.APIKey == nil {
			tc.o.APIKey = func() (string, error) { return s.APIKey, nil }
		}
		p, err := New(tc.o)
		if err != nil {
			t.Fatal(err)
		}
		_, err = p.Read(t.Context(), tc.zone, []string{"www." + tc.zone})
		if !errors.Is(err, tc.want) {
			t.Errorf("%s: %v, want %v", name, err, tc.want)
		}
		t.Logf("%s: %v", name, err)
	}
}

// The serial moves although soa_edit_api is empty and the server would leave it.
func TestSerialOfAPrimaryOnPowerDNS(t *testing.T) {
	s := start(t)
	sets, _, changes := many(2)
	s.zone("Master", "", sets...)
	p := s.provider()
	last := uint32(0)
	for range 3 {
		rc, err := p.Apply(t.Context(), zoneName, changes)
		if err != nil || rc.Serial != last+1 || rc.APICalls != 4 {
			t.Fatalf("%+v, %v; the serial was %d", rc, err, last)
		}
		last = rc.Serial
		changes = suite.Invert(changes)
	}
}

// A name is asked for all the time while it changes its type and its values.
func TestNoHoleOnPowerDNS(t *testing.T) {
	s := start(t)
	name := "www." + zoneName
	s.zone("Native", "INCREASE", set(name, "A", 60, suite.OldV4), set(name, "AAAA", 60, suite.OldV6))
	p := s.provider()
	var asked, holes atomic.Int64
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for range 2 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			c := dns.Client{Timeout: 2 * time.Second}
			for {
				select {
				case <-stop:
					return
				default:
				}
				m := new(dns.Msg).SetQuestion(name+".", dns.TypeA)
				r, _, err := c.ExchangeContext(t.Context(), m, s.Addr)
				asked.Add(1)
				if err != nil || r.Rcode != dns.RcodeSuccess || len(r.Answer) == 0 {
					holes.Add(1)
				}
			}
		}()
	}
	there := []dnsproviders.Change{
		suite.Change(name, "CNAME", 60, nil, []string{"standby.example.test"}),
		suite.Change(name, "A", 60, []string{suite.OldV4}, nil), suite.Change(name, "AAAA", 60, []string{suite.OldV6}, nil),
	}
	rounds := 0
	for end := time.Now().Add(20 * time.Second); rounds < 20 || asked.Load() < 500 && time.Now().Before(end); rounds++ {
		if _, err := p.Apply(t.Context(), zoneName, there); err != nil {
			t.Errorf("change %d: %v", rounds, err)
			break
		}
		there = suite.Invert(there)
	}
	close(stop)
	wg.Wait()
	t.Logf("%d questions during %d type changes, %d without an answer", asked.Load(), rounds, holes.Load())
	if holes.Load() > 0 || asked.Load() < 500 {
		t.Errorf("%d of %d questions had no answer", holes.Load(), asked.Load())
	}
}

func BenchmarkPowerDNS1000(b *testing.B) {
	s := start(b)
	sets, _, changes := many(1000)
	s.zone("Native", "INCREASE", sets...)
	p := s.provider()
	for b.Loop() {
		if _, err := p.Apply(b.Context(), zoneName, changes); err != nil {
			b.Fatal(err)
		}
		changes = suite.Invert(changes)
	}
}
