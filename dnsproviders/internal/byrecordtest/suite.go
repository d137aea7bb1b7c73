package byrecordtest

import (
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/dutyops/dutyops/dnsproviders"
	"github.com/dutyops/dutyops/dnsproviders/dnstest"
)

// Run runs all tests of the suite.
func (s Suite) Run(t *testing.T) {
	for name, f := range map[string]func(*testing.T){
		"Read": s.read, "Pages": s.pages, "InPlace": s.inPlace, "Transitions": s.transitions, "Conflict": s.conflict,
		"Lines": s.lines, "Locked": s.locked, "Inspect": s.inspect, "SingleFault": s.singleFault, "BadDays": s.badDays,
		"RateLimit": s.rateLimit, "RefusedRecord": s.refusedRecord, "StaleList": s.staleList, "LowTTL": s.lowTTL, "LostForGood": s.lostForGood,
		"Cancelled": s.cancelled, "Key": s.key, "WrongChanges": s.wrongChanges, "NoZone": s.noZone,
	} {
		t.Run(name, f)
	}
}

func (s Suite) read(t *testing.T) {
	r := s.Rig(t, Config{})
	r.Zone.Set("www."+Zone, "A", 600, "192.0.2.11", OldV4)
	r.Zone.Set("www."+Zone, "AAAA", 60, "2001:DB8:A:0::10")
	r.Zone.Set("www."+Zone, "TXT", 600, "hello")
	r.Zone.Set(Zone, "A", 600, OldV4)
	r.Zone.Set("alias."+Zone, "CNAME", 600, "primary.example.test")
	r.Zone.Set("svc."+Zone, "HTTPS", 600, `1 . alpn="h2" ipv4hint="192.0.2.10"`)
	r.Zone.Add(dnstest.Record{Name: "www." + Zone, Type: "A", Content: "203.0.113.1", TTL: 600, Disabled: true})
	r.Zone.Add(dnstest.Record{Name: "geo." + Zone, Type: "A", Content: OldV4, TTL: 600})
	r.Zone.Add(dnstest.Record{Name: "geo." + Zone, Type: "A", Content: "192.0.2.99", TTL: 600, Line: "telecom"})
	got, err := r.P.Read(t.Context(), Zone+".", []string{"WWW." + Zone, Zone, "alias." + Zone, "geo." + Zone, "svc." + Zone, "none." + Zone})
	if err != nil {
		t.Fatal(err)
	}
	want := []dnsproviders.RRset{
		{Name: "alias." + Zone, Type: "CNAME", TTL: 600, Values: []string{"primary.example.test"}},
		{Name: "geo." + Zone, Type: "A", TTL: 600, Values: []string{OldV4, "192.0.2.99"}, Note: "lines default, telecom: not switched by dutyops"},
		{Name: Zone, Type: "A", TTL: 600, Values: []string{OldV4}},
		{Name: "svc." + Zone, Type: "HTTPS", TTL: 600, Values: []string{`1 . alpn="h2" ipv4hint="192.0.2.10"`}},
		{Name: "www." + Zone, Type: "A", TTL: 600, Values: []string{OldV4, "192.0.2.11"}},
		{Name: "www." + Zone, Type: "AAAA", TTL: 60, Values: []string{OldV6}},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func (s Suite) pages(t *testing.T) {
	r := s.Rig(t, Config{})
	r.Names(25, false)
	if s.Locks { // this vendor numbers its pages, so they must be full
		r.Names(1001, false)
	} else {
		r.API.MaxPage = 10
	}
	got, err := r.P.Read(t.Context(), Zone, []string{"h0000." + Zone, "h0024." + Zone})
	if err != nil || len(got) != 2 {
		t.Fatalf("got %v, %v", got, err)
	}
	if log := r.API.Log(); len(log) != 3 {
		t.Errorf("%v, want three pages", log)
	}
}

// Switch there and back: every id, TTL, weight and remark stays; no set is ever empty.
func (s Suite) inPlace(t *testing.T) {
	r := s.Rig(t, Config{})
	cs := r.Names(20, true)
	extra := "line." + Zone
	r.Zone.Add(dnstest.Record{Name: extra, Type: "A", Content: OldV4, TTL: 600, Line: "telecom", Weight: 7, Comment: "edge"})
	cs = append(cs, Change(extra, "A", []string{OldV4}, []string{NewV4}))
	writes := r.Watch(cs)
	before := r.Zone.Records()
	rc, err := r.P.Apply(t.Context(), Zone, cs)
	r.Whole(cs, rc, err)
	if rc.RequestID == "" || rc.APICalls == 0 || writes() != len(cs) {
		t.Errorf("receipt %+v, %d writes, want %d", rc, writes(), len(cs))
	}
	after := r.Zone.Records()
	for i, rec := range after {
		was := before[i]
		was.Content = rec.Content
		if rec != was {
			t.Errorf("more than the content changed: %+v -> %+v", was, rec)
		}
	}
	if rc, err = r.P.Apply(t.Context(), Zone, Invert(cs)); err != nil || rc.Changed != len(cs) {
		t.Fatal(rc, err)
	}
	if !reflect.DeepEqual(r.Zone.Records(), before) {
		t.Error("back is not as before")
	}
}

func (s Suite) transitions(t *testing.T) {
	n := "www." + Zone
	for _, tc := range []struct {
		name, typ       string
		from, to        []string
		fromTTL, newTTL uint32
		writes          int
	}{
		{"re-point", "A", []string{OldV4}, []string{NewV4}, 600, 600, 1},
		{"re-point with ttl", "A", []string{OldV4}, []string{NewV4}, 600, 60, 1},
		{"ttl only", "A", []string{OldV4}, []string{OldV4}, 600, 60, 1},
		{"nothing", "A", []string{OldV4}, []string{OldV4}, 600, 600, 0},
		{"multi to multi", "A", []string{OldV4, "192.0.2.11"}, []string{NewV4, "198.51.100.21"}, 600, 600, 2},
		{"one stays", "A", []string{OldV4, "192.0.2.11"}, []string{"192.0.2.11", NewV4}, 600, 600, 1},
		{"fewer", "A", []string{OldV4, "192.0.2.11"}, []string{NewV4}, 600, 600, 2},
		{"more", "A", []string{OldV4}, []string{NewV4, "198.51.100.21"}, 600, 600, 2},
		{"remove", "AAAA", []string{OldV6}, nil, 600, 600, 1},
		{"create", "AAAA", nil, []string{NewV6}, 600, 600, 1},
		{"alias", "CNAME", []string{"primary.example.test"}, []string{"standby.example.test"}, 600, 600, 1},
		{"hints", "HTTPS", []string{`1 . alpn="h2" ipv4hint="192.0.2.10"`}, []string{`1 . alpn="h2" ipv4hint="198.51.100.20"`}, 600, 600, 1},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := s.Rig(t, Config{})
			r.Zone.Set(n, tc.typ, tc.fromTTL, tc.from...)
			c := Change(n, tc.typ, tc.from, tc.to)
			c.Before.TTL, c.After.TTL = tc.fromTTL, tc.newTTL
			writes := r.Watch([]dnsproviders.Change{c})
			if _, err := r.P.Apply(t.Context(), Zone, []dnsproviders.Change{c}); err != nil {
				t.Fatal(err)
			}
			if writes() != tc.writes {
				t.Errorf("%d writes, want %d", writes(), tc.writes)
			}
			vs, ttl := r.Zone.Get(n, tc.typ)
			want := slices.Sorted(slices.Values(tc.to))
			if !slices.Equal(vs, want) || len(want) > 0 && ttl != tc.newTTL {
				t.Errorf("%v %d, want %v %d", vs, ttl, want, tc.newTTL)
			}
		})
	}
}

func (s Suite) conflict(t *testing.T) {
	for _, live := range [][]string{{"203.0.113.99"}, {OldV4, "203.0.113.99"}, nil, {NewV4}} {
		r := s.Rig(t, Config{})
		cs := r.Names(2, true)
		cs = append(cs, Change("www."+Zone, "A", []string{OldV4}, []string{NewV4}))
		r.Zone.Set("www."+Zone, "A", 600, live...)
		serial := r.Zone.Serial()
		_, err := r.P.Apply(t.Context(), Zone, cs)
		r.WellFormed(err, dnsproviders.ErrConflict)
		if !strings.Contains(err.Error(), "www."+Zone+" A") || r.Zone.Serial() != serial {
			t.Errorf("%v: does not name www, or the zone was changed", err)
		}
	}
}

func (s Suite) lines(t *testing.T) {
	r := s.Rig(t, Config{})
	cs := r.Names(2, false)
	n := "geo." + Zone
	r.Zone.Add(dnstest.Record{Name: n, Type: "A", Content: OldV4, TTL: 600})
	r.Zone.Add(dnstest.Record{Name: n, Type: "A", Content: OldV4, TTL: 600, Line: "telecom"})
	for _, c := range []dnsproviders.Change{Change(n, "A", []string{OldV4}, []string{NewV4}), Change(n, "AAAA", nil, []string{NewV6})} {
		serial := r.Zone.Serial()
		_, err := r.P.Apply(t.Context(), Zone, append(slices.Clone(cs), c))
		r.WellFormed(err, dnsproviders.ErrRejected)
		if !strings.Contains(err.Error(), "telecom") || r.Zone.Serial() != serial {
			t.Errorf("%v: does not name the line, or the zone was changed", err)
		}
	}
	// One line only: the new AAAA goes to the line of its A.
	one := "one." + Zone
	r.Zone.Add(dnstest.Record{Name: one, Type: "A", Content: OldV4, TTL: 600, Line: "unicom"})
	if _, err := r.P.Apply(t.Context(), Zone, []dnsproviders.Change{Change(one, "AAAA", nil, []string{NewV6})}); err != nil {
		t.Fatal(err)
	}
	for _, rec := range r.Zone.Records() {
		if rec.Name == one && rec.Line != "unicom" {
			t.Errorf("%+v is on another line", rec)
		}
	}
}

func (s Suite) locked(t *testing.T) {
	if !s.Locks {
		return
	}
	r := s.Rig(t, Config{})
	r.Zone.Add(dnstest.Record{Name: "www." + Zone, Type: "A", Content: OldV4, TTL: 600, Locked: true})
	_, err := r.P.Apply(t.Context(), Zone, []dnsproviders.Change{Change("www."+Zone, "A", []string{OldV4}, []string{NewV4})})
	r.WellFormed(err, dnsproviders.ErrRejected)
	if log := r.API.Log(); len(log) != 1 || !strings.Contains(err.Error(), "locked") {
		t.Errorf("%v: %v", log, err)
	}
}

func (s Suite) inspect(t *testing.T) {
	r := s.Rig(t, Config{})
	cs := r.Names(1, false)
	r.Zone.Set("h0000."+Zone, "AAAA", 600, OldV6)
	stop := errors.New("an AAAA stays behind")
	saw := 0
	_, err := r.P.ApplyInspected(t.Context(), Zone, cs, func(live []dnsproviders.RRset) error { saw = len(live); return stop })
	if !errors.Is(err, stop) || saw != 2 || r.Standing(cs) != "old" {
		t.Errorf("err %v, saw %d", err, saw)
	}
}

func (s Suite) key(t *testing.T) {
	r := s.Rig(t, Config{})
	r.Names(1, false)
	r.API.KeyID, r.API.Secret = "another-id", "rotated"
	_, err := r.P.Read(t.Context(), Zone, nil)
	r.WellFormed(err, dnsproviders.ErrAuth)
	r.KeyID, r.Secret = "another-id", "rotated" // the same provider reads both again
	if _, err := r.P.Read(t.Context(), Zone, nil); err != nil {
		t.Errorf("with the secret of now: %v", err)
	}
	r.API.Log()
	for _, bad := range []string{"", "  ", "a\nb"} {
		r.Secret = bad
		_, err := r.P.Read(t.Context(), Zone, nil)
		if !errors.Is(err, dnsproviders.ErrAuth) {
			t.Errorf("%q: %v", bad, err)
		}
	}
	r.Secret = "rotated"
	for _, bad := range []string{"", "a b", "a,b", "a/b"} {
		r.KeyID = bad
		if _, err := r.P.Read(t.Context(), Zone, nil); !errors.Is(err, dnsproviders.ErrAuth) || !strings.Contains(err.Error(), "the access key id") {
			t.Errorf("id %q: %v", bad, err)
		}
	}
	if log := r.API.Log(); len(log) != 0 {
		t.Errorf("%v was sent without a secret", log)
	}
}

func (s Suite) wrongChanges(t *testing.T) {
	r := s.Rig(t, Config{})
	for _, c := range []dnsproviders.Change{
		Change("www.elsewhere.test", "A", []string{OldV4}, []string{NewV4}),
		Change("www."+Zone, "A", []string{OldV4}, []string{NewV6}),
		Change("www."+Zone, "MX", []string{"a"}, []string{"b"}),
		Change("www."+Zone, "A", nil, nil),
	} {
		_, err := r.P.Apply(t.Context(), Zone, []dnsproviders.Change{c})
		r.WellFormed(err, dnsproviders.ErrRejected)
	}
	if log := r.API.Log(); len(log) != 0 {
		t.Errorf("%v was sent", log)
	}
}

func (s Suite) noZone(t *testing.T) {
	r := s.Rig(t, Config{})
	if _, err := r.P.Read(t.Context(), "other.test", nil); !errors.Is(err, dnsproviders.ErrNotFound) {
		t.Errorf("got %v", err)
	}
}
