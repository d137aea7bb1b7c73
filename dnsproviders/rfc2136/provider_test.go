package rfc2136

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/miekg/dns"

	"github.com/dutyops/dutyops/dnsproviders"
	"github.com/dutyops/dutyops/dnsproviders/dnstest"
)

const (
	zoneName = "gss.example.test"
	keyName  = "dutyops"
	oldV4    = "192.0.2.10"
	newV4    = "198.51.100.20"
	oldV6    = "2001:db8:a::10"
	newV6    = "2001:db8:b::20"
)

type rig struct {
	t      testing.TB
	zone   *dnstest.Zone
	auth   *dnstest.Authority
	p      *Provider
	secret string
	tries  atomic.Int32
}

func newRig(t testing.TB, opt Options) *rig {
	t.Helper()
	raw := make([]byte, 32)
	if _, err := rand.Read(raw); err != nil {
		t.Fatal(err)
	}
	r := &rig{t: t, zone: dnstest.NewZone(zoneName), secret: base64.StdEncoding.EncodeToString(raw)}
	a, err := dnstest.NewAuthority(keyName, raw, r.zone)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(a.Close)
	r.auth = a
	opt.Server, opt.KeyName = a.Addr, keyName
	if opt.KeySecret == nil {
		opt.KeySecret = func() (string, error) { return r.secret, nil }
	}
	opt.OnRetry = func(string, int, error) { r.tries.Add(1) }
	if r.p, err = New(opt); err != nil {
		t.Fatal(err)
	}
	return r
}

func (r *rig) names(n int, v6 bool) []dnsproviders.Change {
	var out []dnsproviders.Change
	for i := range n {
		name := fmt.Sprintf("h%04d.%s", i, zoneName)
		r.zone.Set(name, "A", 60, oldV4)
		out = append(out, change(name, "A", []string{oldV4}, []string{newV4}))
		if v6 {
			r.zone.Set(name, "AAAA", 60, oldV6)
			out = append(out, change(name, "AAAA", []string{oldV6}, []string{newV6}))
		}
	}
	return out
}

func change(name, typ string, from, to []string) dnsproviders.Change {
	return dnsproviders.Change{
		Before: dnsproviders.RRset{Name: name, Type: typ, TTL: 60, Values: from},
		After:  dnsproviders.RRset{Name: name, Type: typ, TTL: 30, Values: to},
	}
}

func (r *rig) standing(changes []dnsproviders.Change) string {
	r.t.Helper()
	olds, news := 0, 0
	for _, c := range changes {
		vs, ttl := r.zone.Get(c.Before.Name, c.Before.Type)
		switch c.Stand(dnsproviders.RRset{Values: vs, TTL: ttl}) {
		case dnsproviders.Old:
			olds++
		case dnsproviders.New:
			news++
		case dnsproviders.Other:
			r.t.Errorf("%s %s is %v: neither old nor new", c.Before.Name, c.Before.Type, vs)
		}
	}
	switch {
	case news == 0:
		return "old"
	case olds == 0:
		return "new"
	}
	return fmt.Sprintf("%d old, %d new", olds, news)
}

func (r *rig) wellFormed(err, kind error) {
	r.t.Helper()
	if !errors.Is(err, kind) {
		r.t.Fatalf("got %v, want %v", err, kind)
	}
	var e *dnsproviders.Error
	if !errors.As(err, &e) || e.Detail == "" || e.Hint == "" || e.Zone != zoneName {
		r.t.Errorf("an error without detail, hint or zone: %+v", err)
	}
	if strings.Contains(fmt.Sprintf("%v %+v", err, err), r.secret) {
		r.t.Errorf("the key is in the error: %v", err)
	}
}

func TestReadEveryType(t *testing.T) {
	r := newRig(t, Options{})
	r.zone.Set("www."+zoneName, "A", 60, "192.0.2.11", "192.0.2.10")
	r.zone.Set("www."+zoneName, "AAAA", 30, oldV6)
	r.zone.Set("www."+zoneName, "HTTPS", 60, `1 . alpn="h2" ipv4hint="192.0.2.10"`)
	r.zone.Set("alias."+zoneName, "CNAME", 60, "www."+zoneName)
	got, err := r.p.Read(t.Context(), zoneName, []string{"WWW." + zoneName + ".", "alias." + zoneName, "none." + zoneName})
	if err != nil {
		t.Fatal(err)
	}
	want := []dnsproviders.RRset{
		{Name: "alias." + zoneName, Type: "CNAME", TTL: 60, Values: []string{"www." + zoneName}},
		{Name: "www." + zoneName, Type: "A", TTL: 60, Values: []string{"192.0.2.10", "192.0.2.11"}},
		{Name: "www." + zoneName, Type: "AAAA", TTL: 30, Values: []string{oldV6}},
		{Name: "www." + zoneName, Type: "HTTPS", TTL: 60, Values: []string{`1 . alpn="h2" ipv4hint="192.0.2.10"`}},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func TestReadManyNames(t *testing.T) {
	r := newRig(t, Options{})
	cs := r.names(300, true)
	var names []string
	for _, c := range cs {
		names = append(names, c.Before.Name)
	}
	got, err := r.p.Read(t.Context(), zoneName, names)
	if err != nil || len(got) != 600 {
		t.Fatalf("%d sets, %v; want 600", len(got), err)
	}
}

func TestApplyOneMessage(t *testing.T) {
	r := newRig(t, Options{})
	changes := r.names(400, true)
	rc, err := r.p.Apply(t.Context(), zoneName, changes)
	if err != nil {
		t.Fatal(err)
	}
	if rc.Changed != 800 || r.auth.Updates() != 1 || rc.Serial != r.zone.Serial() || rc.Serial == 0 {
		t.Errorf("%+v in %d messages, serial %d; want 800 in one", rc, r.auth.Updates(), r.zone.Serial())
	}
	if s := r.standing(changes); s != "new" {
		t.Error(s)
	}
	if got := r.zone.Text("h0000."+zoneName, "A"); got != "30 "+newV4 {
		t.Errorf("h0000 is %q: the new TTL must be written", got)
	}
}

func TestPrerequisites(t *testing.T) {
	n := "www." + zoneName
	for _, tc := range []struct {
		name string
		live []string
		c    dnsproviders.Change
		want string
	}{
		{"foreign value", []string{"203.0.113.99"}, change(n, "A", []string{oldV4}, []string{newV4}), "203.0.113.99"},
		{"one value more", []string{oldV4, "203.0.113.99"}, change(n, "A", []string{oldV4}, []string{newV4}), "203.0.113.99"},
		{"gone", nil, change(n, "A", []string{oldV4}, []string{newV4}), "absent"},
		{"must not exist", []string{"203.0.113.99"}, change(n, "A", nil, []string{newV4}), "expects absent"},
		{"compared only", []string{"203.0.113.99"}, dnsproviders.Change{
			Before: dnsproviders.RRset{Name: n, Type: "A", TTL: 60, Values: []string{oldV4}},
			After:  dnsproviders.RRset{Name: n, Type: "A", TTL: 60, Values: []string{oldV4}},
		}, "203.0.113.99"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := newRig(t, Options{})
			changes := append(r.names(3, true), tc.c)
			r.zone.Set(n, "A", 60, tc.live...)
			serial := r.zone.Serial()
			_, err := r.p.Apply(t.Context(), zoneName, changes)
			r.wellFormed(err, dnsproviders.ErrConflict)
			if !strings.Contains(err.Error(), n+" A") || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("%q does not name %s and %q", err, n, tc.want)
			}
			if r.zone.Serial() != serial || r.auth.Updates() != 1 {
				t.Errorf("the zone was changed, or %d messages sent", r.auth.Updates())
			}
		})
	}
}

func TestCreateRemoveAndTypeChange(t *testing.T) {
	r := newRig(t, Options{})
	n := "www." + zoneName
	r.zone.Set(n, "A", 60, oldV4, "192.0.2.11")
	r.zone.Set(n, "AAAA", 60, oldV6)
	changes := []dnsproviders.Change{
		change(n, "CNAME", nil, []string{"standby.example.test"}),
		change(n, "A", []string{oldV4, "192.0.2.11"}, nil),
		change(n, "AAAA", []string{oldV6}, nil),
	}
	if _, err := r.p.Apply(t.Context(), zoneName, changes); err != nil {
		t.Fatal(err)
	}
	got, err := r.p.Read(t.Context(), zoneName, []string{n})
	if err != nil || len(got) != 1 || got[0].Type != "CNAME" || got[0].Values[0] != "standby.example.test" {
		t.Errorf("got %v, %v", got, err)
	}
	m, err := message(zoneName, []item{{0, changes[0]}, {1, changes[1]}})
	if err != nil {
		t.Fatal(err)
	}
	seenAdd := false
	for _, x := range m.Ns {
		if x.Header().Class == dns.ClassINET {
			seenAdd = true
		} else if seenAdd {
			t.Error("a removal follows an addition: the server would ignore the alias")
		}
	}
}

func TestSeveralMessagesAndPartial(t *testing.T) {
	r := newRig(t, Options{})
	changes := r.names(100, true)
	r.p.limit = 4000
	r.zone.Set("h0099."+zoneName, "A", 60, "203.0.113.99") // the last message will not hold
	_, err := r.p.Apply(t.Context(), zoneName, changes)
	var pe *dnsproviders.PartialError
	if !errors.As(err, &pe) || !errors.Is(err, dnsproviders.ErrConflict) {
		t.Fatalf("got %v, want partial", err)
	}
	if len(pe.Done)+len(pe.Left) != len(changes) || len(pe.Done) == 0 {
		t.Fatalf("done %d, left %d", len(pe.Done), len(pe.Left))
	}
	if r.standing(pe.Done) != "new" {
		t.Error("done is not new")
	}
	done := map[string]int{}
	for _, c := range pe.Done {
		done[c.Before.Name]++
	}
	for n, k := range done {
		if k != 2 {
			t.Errorf("%s: only one of A and AAAA is done", n)
		}
	}
	r.zone.Set("h0099."+zoneName, "A", 60, oldV4)
	if _, err := r.p.Apply(t.Context(), zoneName, pe.Left); err != nil {
		t.Fatal(err)
	}
	if s := r.standing(changes); s != "new" {
		t.Error(s)
	}
	r.p.limit = 60
	if _, err := r.p.Apply(t.Context(), zoneName, changes); !errors.Is(err, dnsproviders.ErrRejected) {
		t.Errorf("a name larger than a message: %v", err)
	}
}

func FuzzAnswers(f *testing.F) {
	m := new(dns.Msg)
	m.SetQuestion("www.gss.example.test.", dns.TypeA)
	m.Response, m.Authoritative = true, true
	x, err := dns.NewRR("www.gss.example.test. 60 IN A 192.0.2.1")
	if err != nil {
		f.Fatal(err)
	}
	m.Answer = []dns.RR{x}
	b, err := m.Pack()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, raw []byte) {
		m := new(dns.Msg)
		if m.Unpack(raw) != nil {
			return
		}
		o := &op{p: &Provider{key: "k."}, zone: zoneName}
		s, err := o.readAnswer(m, question{"www." + zoneName, "A"})
		if err == nil && len(s.Values) > 0 {
			if c, err := s.Canonical(); err != nil || !c.SameValues(s) {
				t.Errorf("accepted %v: %v", s, err)
			}
		}
	})
}

func BenchmarkMessage1000(b *testing.B) {
	var items []item
	for i := range 1000 {
		items = append(items, item{i, change(fmt.Sprintf("h%04d.%s", i, zoneName), "A", []string{oldV4}, []string{newV4})})
	}
	b.ReportAllocs()
	for b.Loop() {
		m, err := message(zoneName, items)
		if err != nil {
			b.Fatal(err)
		}
		w, err := m.Pack()
		if err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(len(w)), "bytes")
	}
}

func BenchmarkApply1000(b *testing.B) {
	r := newRig(b, Options{})
	changes := r.names(1000, false)
	back := make([]dnsproviders.Change, len(changes))
	for i, c := range changes {
		back[i] = dnsproviders.Change{Before: c.After, After: c.Before}
	}
	for b.Loop() {
		if _, err := r.p.Apply(b.Context(), zoneName, changes); err != nil {
			b.Fatal(err)
		}
		changes, back = back, changes
	}
}
