package cloudflare

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/dutyops/dutyops/dnsproviders"
	"github.com/dutyops/dutyops/dnsproviders/dnstest"
)

func TestReadGivesCanonicalSets(t *testing.T) {
	r := newRig(t, Options{})
	r.zone.Set("www."+zoneName, "A", 60, "192.0.2.11", "192.0.2.10")
	r.zone.Set("www."+zoneName, "AAAA", 1, "2001:DB8:A:0::10")
	r.zone.Set("www."+zoneName, "TXT", 60, "hello")
	r.zone.Set("other."+zoneName, "A", 60, "192.0.2.1")
	r.zone.Set("px."+zoneName, "A", 60, oldV4)
	r.zone.Mark("px."+zoneName, "A", true, "")
	got, err := r.p.Read(t.Context(), zoneName+".", []string{"WWW." + zoneName, "px." + zoneName, "none." + zoneName})
	if err != nil {
		t.Fatal(err)
	}
	want := []dnsproviders.RRset{
		{Name: "px." + zoneName, Type: "A", TTL: 1, Values: []string{oldV4}, Note: "proxied"},
		{Name: "www." + zoneName, Type: "A", TTL: 60, Values: []string{"192.0.2.10", "192.0.2.11"}},
		{Name: "www." + zoneName, Type: "AAAA", TTL: 1, Values: []string{oldV6}, Note: "ttl automatic"},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	if log := r.api.Log(); len(log) != 2 {
		t.Errorf("first read took %d requests, want zone and list: %v", len(log), log)
	}
	if _, err := r.p.Read(t.Context(), zoneName, []string{"www." + zoneName}); err != nil {
		t.Fatal(err)
	}
	if log := r.api.Log(); len(log) != 1 {
		t.Errorf("second read took %d requests, want 1: %v", len(log), log)
	}
	if n, at := r.p.Armed(zoneName); n != 6 || at.IsZero() {
		t.Errorf("armed %d at %v, want 6 record ids", n, at)
	}
}

func TestReadPages(t *testing.T) {
	r := newRig(t, Options{})
	r.names(25, false)
	r.api.MaxPage = 10
	got, err := r.p.Read(t.Context(), zoneName, []string{"h0000." + zoneName, "h0024." + zoneName})
	if err != nil || len(got) != 2 {
		t.Fatalf("got %v, %v; want both names over three pages", got, err)
	}
	if log := r.api.Log(); len(log) != 4 {
		t.Errorf("%d requests, want zone and three pages: %v", len(log), log)
	}
	if !(pageInfo{TotalCount: 3}).more(1, 2, 2) || (pageInfo{}).more(1, 0, 0) || (pageInfo{TotalPages: 2}).more(2, 1, 9) {
		t.Error("paging rules")
	}
}

func TestIncompleteListIsNoAnswer(t *testing.T) {
	r := newRig(t, Options{})
	changes := r.names(3, false)
	rt := http.DefaultTransport.(*http.Transport).Clone()
	r.p.opt.HTTPClient = &http.Client{Transport: roundTripper(func(req *http.Request) (*http.Response, error) {
		resp, err := rt.RoundTrip(req)
		if err != nil || !strings.HasSuffix(req.URL.Path, "/dns_records") {
			return resp, err
		}
		b, err := io.ReadAll(resp.Body)
		if err != nil {
			return nil, err
		}
		_ = resp.Body.Close()
		b = bytes.Replace(b, []byte(`"total_count":3`), []byte(`"total_count":4`), 1)
		resp.Body = io.NopCloser(bytes.NewReader(b))
		return resp, nil
	})}
	if _, err := r.p.Read(t.Context(), zoneName, []string{"h0000." + zoneName}); !errors.Is(err, dnsproviders.ErrUnavailable) {
		t.Errorf("read: %v", err)
	}
	if _, err := r.p.Apply(t.Context(), zoneName, changes); !errors.Is(err, dnsproviders.ErrUnavailable) || r.standing(changes) != "old" {
		t.Errorf("apply: %v", err)
	}
}

func TestApplySwitchesInPlace(t *testing.T) {
	r := newRig(t, Options{})
	changes := r.names(3, true)
	r.zone.Mark("h0001."+zoneName, "A", true, "edge")
	before := r.zone.Records()
	rc, err := r.p.Apply(t.Context(), zoneName, changes)
	if err != nil {
		t.Fatal(err)
	}
	if rc.Changed != 6 || rc.APICalls != 3 || rc.RequestID == "" {
		t.Errorf("receipt %+v, want 6 changed in zone + list + batch", rc)
	}
	if s := r.standing(changes); s != "new" {
		t.Error(s)
	}
	after := r.zone.Records()
	for i, rec := range after {
		was := before[i]
		if rec.ID != was.ID || rec.Proxied != was.Proxied || rec.Comment != was.Comment || rec.TTL != was.TTL {
			t.Errorf("record changed more than its content: %+v -> %+v", was, rec)
		}
	}
	r.api.Log()
	if _, err := r.p.Apply(t.Context(), zoneName, invert(changes)); err != nil {
		t.Fatal(err)
	}
	if log := r.api.Log(); len(log) != 2 {
		t.Errorf("a switch of a known zone took %v, want one list and one batch", log)
	}
	if s := r.standing(changes); s != "old" {
		t.Error("back: " + s)
	}
}

func invert(cs []dnsproviders.Change) []dnsproviders.Change {
	out := make([]dnsproviders.Change, len(cs))
	for i, c := range cs {
		out[i] = dnsproviders.Change{Before: c.After, After: c.Before}
	}
	return out
}

func TestTransitions(t *testing.T) {
	n := "www." + zoneName
	https := `1 . alpn="h2" ipv4hint="192.0.2.10"`
	https2 := `1 . alpn="h2" ipv4hint="198.51.100.20"`
	for _, tc := range []struct {
		name    string
		typ     string
		from    []string
		to      []string
		fromTTL uint32
		toTTL   uint32
		ops     [3]int // deletes, patches, posts
	}{
		{"re-point", "A", []string{oldV4}, []string{newV4}, 60, 60, [3]int{0, 1, 0}},
		{"re-point with ttl", "A", []string{oldV4}, []string{newV4}, 300, 30, [3]int{0, 1, 0}},
		{"ttl only", "A", []string{oldV4}, []string{oldV4}, 300, 30, [3]int{0, 1, 0}},
		{"nothing", "A", []string{oldV4}, []string{oldV4}, 60, 60, [3]int{0, 0, 0}},
		{"multi to multi", "A", []string{"192.0.2.10", "192.0.2.11"}, []string{"198.51.100.20", "198.51.100.21"}, 60, 60, [3]int{0, 2, 0}},
		{"one stays", "A", []string{"192.0.2.10", "192.0.2.11"}, []string{"192.0.2.11", "198.51.100.20"}, 60, 60, [3]int{0, 1, 0}},
		{"fewer", "A", []string{"192.0.2.10", "192.0.2.11"}, []string{"198.51.100.20"}, 60, 60, [3]int{1, 1, 0}},
		{"more", "A", []string{"192.0.2.10"}, []string{"198.51.100.20", "198.51.100.21"}, 60, 60, [3]int{0, 1, 1}},
		{"remove", "AAAA", []string{oldV6}, nil, 60, 60, [3]int{1, 0, 0}},
		{"create", "AAAA", nil, []string{newV6}, 60, 60, [3]int{0, 0, 1}},
		{"alias", "CNAME", []string{"primary.example.test"}, []string{"standby.example.test"}, 60, 60, [3]int{0, 1, 0}},
		{"hints", "HTTPS", []string{https}, []string{https2}, 60, 60, [3]int{0, 1, 0}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := newRig(t, Options{})
			if len(tc.from) > 0 {
				r.zone.Set(n, tc.typ, tc.fromTTL, tc.from...)
			}
			c := dnsproviders.Change{
				Before: dnsproviders.RRset{Name: n, Type: tc.typ, TTL: tc.fromTTL, Values: tc.from},
				After:  dnsproviders.RRset{Name: n, Type: tc.typ, TTL: tc.toTTL, Values: tc.to},
			}
			canon, err := c.Canonical()
			if err != nil {
				t.Fatal(err)
			}
			recs := r.zone.Records()
			var mine []record
			for _, x := range recs {
				rec := record{ID: x.ID, Name: x.Name, Type: x.Type, Content: x.Content, TTL: x.TTL}
				if err := rec.normalise(); err != nil {
					t.Fatal(err)
				}
				mine = append(mine, rec)
			}
			b := plan(index(mine), canon)
			if got := [3]int{len(b.Deletes), len(b.Patches), len(b.Posts)}; got != tc.ops {
				t.Errorf("deletes, patches, posts = %v, want %v", got, tc.ops)
			}
			if _, err := r.p.Apply(t.Context(), zoneName, []dnsproviders.Change{c}); err != nil {
				t.Fatal(err)
			}
			live, err := r.p.Read(t.Context(), zoneName, []string{n})
			if err != nil {
				t.Fatal(err)
			}
			switch {
			case len(tc.to) == 0 && len(live) != 0:
				t.Errorf("still there: %v", live)
			case len(tc.to) > 0 && (len(live) != 1 || !live[0].SameValues(canon.After) || live[0].TTL != tc.toTTL):
				t.Errorf("live %v, want %v", live, canon.After)
			}
		})
	}
}

func TestTTLOfAProxiedRecordIsLeftAlone(t *testing.T) {
	n := "www." + zoneName
	m := index([]record{{ID: "a", Name: n, Type: "A", Content: oldV4, TTL: 1, Proxied: true}})
	b := plan(m, change(n, "A", 30, []string{oldV4}, []string{newV4}))
	if len(b.Patches) != 1 || b.Patches[0].TTL != 0 || b.Patches[0].Content != newV4 {
		t.Errorf("%+v", b)
	}
}

func TestCreatedRecordTakesOverProxied(t *testing.T) {
	r := newRig(t, Options{})
	n := "www." + zoneName
	r.zone.Set(n, "A", 60, oldV4)
	r.zone.Mark(n, "A", true, "edge")
	if _, err := r.p.Apply(t.Context(), zoneName, []dnsproviders.Change{change(n, "AAAA", 60, nil, []string{newV6})}); err != nil {
		t.Fatal(err)
	}
	for _, rec := range r.zone.Records() {
		if rec.Type == "AAAA" && (!rec.Proxied || rec.Comment != "edge") {
			t.Errorf("the new AAAA shows the origin: %+v", rec)
		}
	}
}

func TestConflictNamesTheNameAndChangesNothing(t *testing.T) {
	for _, tc := range []struct {
		name string
		live []string
		c    dnsproviders.Change
		want string
	}{
		{"foreign", []string{"203.0.113.99"}, change("www."+zoneName, "A", 60, []string{oldV4}, []string{newV4}), "203.0.113.99"},
		{"one more value", []string{oldV4, "203.0.113.99"}, change("www."+zoneName, "A", 60, []string{oldV4}, []string{newV4}), "203.0.113.99"},
		{"gone", nil, change("www."+zoneName, "A", 60, []string{oldV4}, []string{newV4}), "absent"},
		{"appeared", []string{"203.0.113.99"}, change("www."+zoneName, "A", 60, nil, []string{newV4}), "expects absent"},
		{"already", []string{newV4}, change("www."+zoneName, "A", 60, []string{oldV4}, []string{newV4}), newV4},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := newRig(t, Options{})
			changes := append(r.names(2, true), tc.c)
			r.zone.Set("www."+zoneName, "A", 60, tc.live...)
			serial := r.zone.Serial()
			_, err := r.p.Apply(t.Context(), zoneName, changes)
			if !errors.Is(err, dnsproviders.ErrConflict) {
				t.Fatalf("got %v, want a conflict", err)
			}
			if !strings.Contains(err.Error(), "www."+zoneName+" A") || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("%q does not name www and %q", err, tc.want)
			}
			if r.zone.Serial() != serial {
				t.Error("the zone was changed")
			}
		})
	}
}

func TestInspectStopsBeforeTheWrite(t *testing.T) {
	r := newRig(t, Options{})
	changes := r.names(1, false)
	r.zone.Set("h0000."+zoneName, "AAAA", 60, oldV6)
	stop := errors.New("an AAAA stays behind")
	var saw []string
	_, err := r.p.ApplyInspected(t.Context(), zoneName, changes, func(live []dnsproviders.RRset) error {
		for _, s := range live {
			saw = append(saw, s.Type)
		}
		return stop
	})
	if !errors.Is(err, stop) || !slices.Equal(saw, []string{"A", "AAAA"}) || r.standing(changes) != "old" {
		t.Errorf("err %v, saw %v, %s", err, saw, r.standing(changes))
	}
}

func TestBatchesFollowThePlansLimit(t *testing.T) {
	r := newRig(t, Options{})
	r.api.Plan = "free"
	changes := r.names(250, true)
	rc, err := r.p.Apply(t.Context(), zoneName, changes)
	if err != nil || rc.Changed != 500 || rc.APICalls != 2+3 {
		t.Fatalf("%+v, %v; want 500 changed in 3 batches", rc, err)
	}
	if s := r.standing(changes); s != "new" {
		t.Error(s)
	}
	if c := r.p.Capabilities(); c.MaxBatch != 200 || !c.Atomic || c.CompareAndSet {
		t.Errorf("card %+v", c)
	}
}

func TestBatchLimitSmallerThanThePlanSays(t *testing.T) {
	r := newRig(t, Options{})
	changes := r.names(250, false)
	if _, err := r.p.Read(t.Context(), zoneName, nil); err != nil { // learns "pro"
		t.Fatal(err)
	}
	r.api.Plan = "free" // the server means 200 all the same
	rc, err := r.p.Apply(t.Context(), zoneName, changes)
	if err != nil || rc.Changed != 250 {
		t.Fatalf("%+v, %v", rc, err)
	}
	if s := r.standing(changes); s != "new" {
		t.Error(s)
	}
}

func TestPackKeepsNamesTogether(t *testing.T) {
	var items []item
	for i := range 7 {
		for range 3 {
			c := change(fmt.Sprintf("h%d.%s", i, zoneName), "A", 60, []string{oldV4}, []string{newV4})
			items = append(items, item{n: len(items), change: c, ops: batchBody{Patches: []patchOp{{ID: "x"}}}})
		}
	}
	batches, err := pack(items, 7)
	if err != nil {
		t.Fatal(err)
	}
	home := map[string]int{}
	for i, b := range batches {
		if merge(b).size() > 7 {
			t.Errorf("batch %d has %d operations", i, merge(b).size())
		}
		for _, it := range b {
			if was, seen := home[it.change.Before.Name]; seen && was != i {
				t.Errorf("%s is in batches %d and %d", it.change.Before.Name, was, i)
			}
			home[it.change.Before.Name] = i
		}
	}
	if len(batches) != 4 {
		t.Errorf("%d batches, want 4", len(batches))
	}
	if _, err := pack(items, 2); !errors.Is(err, errTooLarge) {
		t.Errorf("a name larger than a batch: %v", err)
	}
}

// A TTL below the zone's floor is refused whole, with what to write.
func TestTTLBelowTheFloor(t *testing.T) {
	r := newRig(t, Options{})
	changes := r.names(2, true)
	r.api.MinTTL = 60
	for i := range changes {
		changes[i].After.TTL = 30
	}
	_, err := r.p.Apply(t.Context(), zoneName, changes)
	wellFormed(t, r, err, dnsproviders.ErrRejected)
	var e *dnsproviders.Error
	if !errors.As(err, &e) || !strings.Contains(e.Hint, "write ttl: 60s") || !strings.Contains(e.Detail, "TTL must be between 60 and") || r.standing(changes) != "old" {
		t.Errorf("%v, hint %q, %s", err, e.Hint, r.standing(changes))
	}
	for i := range changes {
		changes[i].After.TTL = 60
	}
	if _, err := r.p.Apply(t.Context(), zoneName, changes); err != nil || r.standing(changes) != "new" {
		t.Errorf("%v, %s", err, r.standing(changes))
	}
}

func TestLaterBatchFailsIsPartial(t *testing.T) {
	r := newRig(t, Options{})
	r.api.Plan = "free"
	changes := r.names(450, false)
	r.api.Break(&dnstest.Fault{Kind: dnstest.Forbidden, First: 4}) // zone, list, batch, batch
	rc, err := r.p.Apply(t.Context(), zoneName, changes)
	var pe *dnsproviders.PartialError
	if !errors.As(err, &pe) || !errors.Is(err, dnsproviders.ErrForbidden) {
		t.Fatalf("got %v, want partial and forbidden", err)
	}
	if len(pe.Done) != 200 || len(pe.Left) != 250 || rc.Changed != 200 {
		t.Errorf("done %d, left %d, changed %d; want 200, 250, 200", len(pe.Done), len(pe.Left), rc.Changed)
	}
	if r.standing(pe.Done) != "new" || r.standing(pe.Left) != "old" {
		t.Errorf("done is %s, left is %s", r.standing(pe.Done), r.standing(pe.Left))
	}
	r.api.Break(nil)
	if _, err := r.p.Apply(t.Context(), zoneName, pe.Left); err != nil {
		t.Fatal(err)
	}
	if s := r.standing(changes); s != "new" {
		t.Error(s)
	}
}

func TestCancelledBetweenBatches(t *testing.T) {
	r := newRig(t, Options{})
	changes := r.names(2, false)
	ctx, cancel := context.WithCancel(t.Context())
	_, err := r.p.ApplyInspected(ctx, zoneName, changes, func([]dnsproviders.RRset) error { cancel(); return nil })
	if !errors.Is(err, context.Canceled) || r.standing(changes) != "old" {
		t.Errorf("%v, %s", err, r.standing(changes))
	}
}

func TestZoneNotVisible(t *testing.T) {
	r := newRig(t, Options{})
	_, err := r.p.Read(t.Context(), "other.test", []string{"a.other.test"})
	if !errors.Is(err, dnsproviders.ErrNotFound) {
		t.Errorf("got %v", err)
	}
}

func TestChangesThatAreWrongAreNotSent(t *testing.T) {
	r := newRig(t, Options{})
	for _, cs := range [][]dnsproviders.Change{
		{change("www.elsewhere.test", "A", 60, []string{oldV4}, []string{newV4})},
		{change("www."+zoneName, "A", 60, []string{oldV4}, []string{"not an address"})},
		{change("www."+zoneName, "A", 60, []string{oldV4}, []string{newV6})},
		{change("www."+zoneName, "MX", 60, []string{"a"}, []string{"b"})},
		{change("www."+zoneName, "A", 60, nil, nil)},
		{change("www."+zoneName, "A", 60, []string{oldV4}, []string{newV4}), change("WWW."+zoneName+".", "A", 60, []string{oldV4}, []string{newV4})},
	} {
		if _, err := r.p.Apply(t.Context(), zoneName, cs); !errors.Is(err, dnsproviders.ErrRejected) {
			t.Errorf("%+v: %v", cs, err)
		}
	}
	if log := r.api.Log(); len(log) != 0 {
		t.Errorf("requests were sent: %v", log)
	}
}

func TestNewRefusesWrongOptions(t *testing.T) {
	tok := func() (string, error) { return "x", nil }
	for _, o := range []Options{{}, {BaseURL: "ftp://x", Token: tok}, {BaseURL: "http://u:p@x", Token: tok}, {BaseURL: "not a url", Token: tok}} {
		if _, err := New(o); err == nil {
			t.Errorf("%+v was accepted", o.BaseURL)
		}
	}
	p, err := New(Options{Token: tok})
	if err != nil || p.opt.Timeout != 5*time.Second || p.opt.Budget != 10*time.Second || p.Capabilities().MinTTL != 60 {
		t.Errorf("defaults: %+v, %v", p, err)
	}
}
