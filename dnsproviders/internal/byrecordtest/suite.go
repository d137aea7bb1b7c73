package byrecordtest

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/dutyops/dutyops/dnsproviders"
	"github.com/dutyops/dutyops/dnsproviders/dnstest"
)

// Run runs all tests of the suite.
func (s Suite) Run(t *testing.T) {
	for name, f := range map[string]func(*testing.T){
		"Read": s.read, "Pages": s.pages, "InPlace": s.inPlace, "Transitions": s.transitions, "Conflict": s.conflict,
		"Lines": s.lines, "Locked": s.locked, "Inspect": s.inspect, "SingleFault": s.singleFault, "BadDays": s.badDays,
		"RateLimit": s.rateLimit, "RefusedRecord": s.refusedRecord, "StaleList": s.staleList, "LostForGood": s.lostForGood,
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

var (
	answeredFaults = []string{dnstest.Unauthorized, dnstest.Forbidden, dnstest.RateLimit, dnstest.Reject, dnstest.ServerError}
	lostFaults     = []string{dnstest.ServerError, dnstest.Garbage, dnstest.HTML, dnstest.HalfBody, dnstest.Drop, dnstest.Hang}
)

// One fault of every kind at every request, the write carried out or not: every name is
// old or new, no set is ever empty, and the report says which.
func (s Suite) singleFault(t *testing.T) {
	for _, shape := range []string{"mixed", "uniform", "armed"} {
		fill := func(r *Rig) []dnsproviders.Change {
			if shape == "mixed" {
				return r.Mixed()
			}
			return r.Names(4, true)
		}
		clean := s.Rig(t, Config{})
		cs := fill(clean)
		apply := func(r *Rig, cs []dnsproviders.Change) (dnsproviders.Receipt, error) {
			if shape != "armed" {
				return r.P.Apply(t.Context(), Zone, cs)
			}
			return r.Armed(cs)
		}
		if rc, err := apply(clean, cs); err != nil || rc.Changed != len(cs) {
			t.Fatal(rc, err)
		}
		requests := len(clean.API.Log())
		try := func(kind string, first int, applied bool) {
			t.Run(fmt.Sprintf("%s/%s at %d applied %v", shape, kind, first, applied), func(t *testing.T) {
				c := Config{}
				if kind == dnstest.Hang {
					c.Timeout = 60 * time.Millisecond
				}
				r := s.Rig(t, c)
				cs := fill(r)
				r.Watch(cs)
				r.API.Break(&dnstest.Fault{Kind: kind, First: first, Applied: applied})
				rc, err := apply(r, cs)
				r.Whole(cs, rc, err)
				if shape == "armed" && first == 1 && err != nil {
					return // the reading failed
				}
				if errors.Is(err, dnsproviders.ErrUncertain) {
					t.Errorf("a single fault left doubt: %v", err)
				}
				// What is left can be applied as it is.
				r.API.Break(nil)
				var pe *dnsproviders.PartialError
				left := cs
				if errors.As(err, &pe) {
					left = pe.Left
				} else if err == nil {
					return
				}
				if _, err := r.P.Apply(t.Context(), Zone, left); err != nil || r.Standing(cs) != "new" {
					t.Errorf("resume: %v, %s", err, r.Standing(cs))
				}
			})
		}
		for first := 1; first <= requests; first++ {
			for _, kind := range answeredFaults {
				try(kind, first, false)
			}
			for _, kind := range lostFaults {
				if kind == dnstest.Hang && first > 4 {
					continue // each costs a timeout
				}
				try(kind, first, false)
				try(kind, first, true)
			}
		}
	}
}

func (s Suite) badDays(t *testing.T) {
	for _, tc := range []struct {
		kind  string
		want  error
		tries int
	}{
		{dnstest.Unauthorized, dnsproviders.ErrAuth, 1},
		{dnstest.Forbidden, dnsproviders.ErrForbidden, 1},
		{dnstest.RateLimit, dnsproviders.ErrRateLimited, 1},
		{dnstest.ServerError, dnsproviders.ErrUnavailable, 3},
		{dnstest.Garbage, dnsproviders.ErrUnavailable, 3},
		{dnstest.HTML, dnsproviders.ErrUnavailable, 3},
		{dnstest.HalfBody, dnsproviders.ErrUnavailable, 3},
		{dnstest.Drop, dnsproviders.ErrUnavailable, 3},
		{dnstest.Hang, dnsproviders.ErrUnavailable, 3},
	} {
		t.Run(tc.kind, func(t *testing.T) {
			c := Config{}
			if tc.kind == dnstest.Hang {
				c.Timeout = 60 * time.Millisecond
			}
			r := s.Rig(t, c)
			cs := r.Names(1, false)
			f := &dnstest.Fault{Kind: tc.kind, Times: -1}
			if tc.kind == dnstest.RateLimit {
				f.RetryAfter = 300 * time.Second
			}
			r.API.Break(f)
			_, err := r.P.Read(t.Context(), Zone, nil)
			r.WellFormed(err, tc.want)
			_, err = r.P.Apply(t.Context(), Zone, cs)
			r.WellFormed(err, tc.want)
			if r.Standing(cs) != "old" || r.Waits() != 2*(tc.tries-1) {
				t.Errorf("%s after %d waits", r.Standing(cs), r.Waits())
			}
			var e *dnsproviders.Error
			if errors.As(err, &e); tc.kind == dnstest.RateLimit && e.RetryAfter != 300*time.Second {
				t.Errorf("retry after %s", e.RetryAfter)
			}
		})
	}
}

func (s Suite) rateLimit(t *testing.T) {
	r := s.Rig(t, Config{})
	cs := r.Names(2, false)
	r.API.Break(&dnstest.Fault{Kind: dnstest.RateLimit, First: 2, Times: 5})
	rc, err := r.P.Apply(t.Context(), Zone, cs)
	r.Whole(cs, rc, err)
	if err != nil || r.Waits() != 5 {
		t.Errorf("%v after %d waits, want 5", err, r.Waits())
	}
	for _, n := range r.Notices {
		if n.Wait <= 0 || n.Left <= 0 || n.Cause == nil || n.Zone != Zone {
			t.Errorf("notice %+v", n)
		}
	}
	r.API.Break(&dnstest.Fault{Kind: dnstest.RateLimit, First: 2, Times: -1})
	_, err = r.P.Apply(t.Context(), Zone, Invert(cs))
	r.WellFormed(err, dnsproviders.ErrRateLimited)
	if r.Standing(cs) != "new" {
		t.Error(r.Standing(cs))
	}
}

// The vendor refuses one record of many: its name is as before, those done are done.
func (s Suite) refusedRecord(t *testing.T) {
	r := s.Rig(t, Config{})
	cs := r.Names(9, true)
	r.API.RefuseIDs = map[string]string{}
	for _, rec := range r.Zone.Records() {
		if rec.Name == "h0005."+Zone && rec.Type == "AAAA" {
			r.API.RefuseIDs[rec.ID] = "this record is special"
		}
	}
	rc, err := r.P.Apply(t.Context(), Zone, cs)
	r.Whole(cs, rc, err)
	r.WellFormed(err, dnsproviders.ErrRejected)
	var pe *dnsproviders.PartialError
	if !errors.As(err, &pe) || !slices.ContainsFunc(pe.Left, func(c dnsproviders.Change) bool { return c.Before.Name == "h0005."+Zone }) ||
		!strings.Contains(err.Error(), "special") {
		t.Fatalf("%v", err)
	}
	r.API.RefuseIDs = nil
	if _, err := r.P.Apply(t.Context(), Zone, pe.Left); err != nil || r.Standing(cs) != "new" {
		t.Errorf("resume: %v, %s", err, r.Standing(cs))
	}
}

func (s Suite) staleList(t *testing.T) {
	r := s.Rig(t, Config{})
	cs := r.Names(4, true)
	r.API.Stale = 2
	rc, err := r.P.Apply(t.Context(), Zone, cs)
	r.Whole(cs, rc, err)
	if err != nil || r.Waits() == 0 {
		t.Errorf("%v, %d waits", err, r.Waits())
	}
}

// Every request from the first write on is lost: nobody can tell, and the report says so.
func (s Suite) lostForGood(t *testing.T) {
	for _, applied := range []bool{false, true} {
		r := s.Rig(t, Config{})
		cs := r.Names(4, true)
		r.API.Break(&dnstest.Fault{Kind: dnstest.Drop, First: 2, Times: -1, Applied: applied})
		_, err := r.P.Apply(t.Context(), Zone, cs)
		r.WellFormed(err, dnsproviders.ErrUncertain)
	}
}

func (s Suite) cancelled(t *testing.T) {
	r := s.Rig(t, Config{})
	cs := r.Names(2, false)
	ctx, cancel := context.WithCancel(t.Context())
	rc, err := r.P.ApplyInspected(ctx, Zone, cs, func([]dnsproviders.RRset) error { cancel(); return nil })
	r.Whole(cs, rc, err)
	if !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	cs = r.Names(30, true)
	ctx, cancel = context.WithCancel(t.Context())
	defer cancel()
	r.API.AfterWrite = cancel // in the middle of a name
	rc, err = r.P.Apply(ctx, Zone, cs)
	r.Whole(cs, rc, err)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

func (s Suite) key(t *testing.T) {
	r := s.Rig(t, Config{})
	r.Names(1, false)
	r.API.Secret = "rotated"
	_, err := r.P.Read(t.Context(), Zone, nil)
	r.WellFormed(err, dnsproviders.ErrAuth)
	r.API.Log()
	for _, bad := range []string{"", "  ", "a\nb"} {
		r.Secret = bad
		_, err := r.P.Read(t.Context(), Zone, nil)
		if !errors.Is(err, dnsproviders.ErrAuth) {
			t.Errorf("%q: %v", bad, err)
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
