package propagation

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/dutyops/dutyops/dnsproviders/dnstest"
)

func signedZone(t testing.TB) (*dnstest.Zone, *dnstest.Signer, time.Time) {
	t.Helper()
	now := time.Now()
	s, err := dnstest.NewSigner(zoneName, now)
	if err != nil {
		t.Fatal(err)
	}
	z := dnstest.NewZone(zoneName)
	z.Set("www."+zoneName, "A", 60, "192.0.2.10", "192.0.2.11")
	z.Set("alias."+zoneName, "CNAME", 60, "www."+zoneName)
	z.Set(zoneName, "NS", 60, "ns2."+zoneName+".", "ns1."+zoneName+".")
	return z, s, now
}

func inspect(t *testing.T, a *dnstest.Authority, timeout time.Duration) Health {
	t.Helper()
	return Inspect(t.Context(), Server{Name: "ns1", Addr: a.Addr}, zoneName, Options{Timeout: timeout})
}

func TestInspect(t *testing.T) {
	z, s, _ := signedZone(t)
	silent := func(tcp bool) dnstest.Hook {
		return func(w dns.ResponseWriter, _ *dns.Msg, serve func(dns.ResponseWriter)) {
			if dnstest.OverTCP(w) != tcp {
				serve(w)
			}
		}
	}
	for _, tc := range []struct {
		name string
		hook dnstest.Hook
		ok   func(h Health) bool
		// silent: it has to wait for time-outs.
		silent bool
	}{
		{"well", nil, func(h Health) bool {
			return h.UDP == nil && h.TCP == nil && h.AA && h.Serial == z.Serial() && !h.Signed && reflect.DeepEqual(h.NS, []string{"ns1." + zoneName, "ns2." + zoneName}) && h.RTT > 0
		}, false},
		{"signed", s.Hook(), func(h Health) bool {
			return h.Signed && h.Sig.Err == nil && h.Sig.KeyTag == s.Key.KeyTag() && reflect.DeepEqual(h.Keys.Tags(), []uint16{s.Key.KeyTag()}) &&
				h.Sig.Expiration.Unix() == s.Expiration.Unix() && h.Sig.Signer == zoneName
		}, false},
		{"no TCP", silent(true), func(h Health) bool { return h.UDP == nil && errors.Is(h.TCP, ErrNoAnswer) && h.Serial == z.Serial() }, true},
		{"TCP only", silent(false), func(h Health) bool { return errors.Is(h.UDP, ErrNoAnswer) && h.TCP == nil && h.Serial == z.Serial() }, true},
		{"silent", func(dns.ResponseWriter, *dns.Msg, func(dns.ResponseWriter)) {}, func(h Health) bool {
			return errors.Is(h.UDP, ErrNoAnswer) && errors.Is(h.TCP, ErrNoAnswer) && h.Serial == 0
		}, true},
		{"lame", dnstest.Edit(func(_, m *dns.Msg) { m.Authoritative = false }), func(h Health) bool { return h.UDP == nil && !h.AA }, false},
		{"refuses", dnstest.Edit(func(_, m *dns.Msg) { m.Rcode, m.Answer = dns.RcodeRefused, nil }), func(h Health) bool {
			return errors.Is(h.UDP, ErrRefused) && errors.Is(h.TCP, ErrRefused) && h.Serial == 0
		}, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			a := start(t, z)
			a.Hook(tc.hook)
			timeout := 10 * time.Second
			if tc.silent {
				timeout = time.Second
			}
			if h := inspect(t, a, timeout); !tc.ok(h) {
				t.Errorf("%+v", h)
			}
		})
	}
}

func TestSignaturesOfAnswers(t *testing.T) {
	z, s, now := signedZone(t)
	other, err := dnstest.NewSigner(zoneName, now)
	if err != nil {
		t.Fatal(err)
	}
	a := start(t, z)
	a.Hook(s.Hook())
	keys := []Keys{inspect(t, a, 10*time.Second).Keys}
	for _, tc := range []struct {
		name string
		hook dnstest.Hook
		keys []Keys
		ok   func(g *Signature) bool
	}{
		{"holds", s.Hook(), keys, func(g *Signature) bool { return g != nil && g.Err == nil }},
		{"no keys to hold it against", other.Hook(), nil, func(g *Signature) bool { return g != nil && g.Err == nil }},
		{"unknown key", other.Hook(), keys, func(g *Signature) bool {
			return errors.Is(g.Err, ErrSignature) && strings.Contains(g.Err.Error(), "not among")
		}},
		{"over other data", dnstest.Edit(func(r, m *dns.Msg) {
			s.Sign(m)
			m.Answer = append(m.Answer[:1:1], m.Answer[2:]...) // one address is gone, the signature stayed
		}), keys, func(g *Signature) bool { return errors.Is(g.Err, ErrSignature) }},
		{"one of two holds", dnstest.Edit(func(_, m *dns.Msg) {
			n := len(m.Answer)
			other.Sign(m)
			sigs := m.Answer[n:]
			m.Answer = m.Answer[:n:n]
			s.Sign(m)
			m.Answer = append(m.Answer, sigs...)
		}), keys, func(g *Signature) bool { return g.Err == nil && g.KeyTag == s.Key.KeyTag() }},
		{"none", nil, keys, func(g *Signature) bool { return g == nil }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			a.Hook(tc.hook)
			got := Check(t.Context(), []Server{{"ns1", a.Addr, true}}, []Question{{"www." + zoneName, "A"}}, Options{Signatures: true, Keys: tc.keys})
			if got[0].Err != nil || !tc.ok(got[0].Sig) {
				t.Errorf("%+v, %+v", got[0], got[0].Sig)
			}
		})
	}
}

func TestSignatureDatesWrap(t *testing.T) {
	now := time.Date(2106, 2, 7, 6, 28, 0, 0, time.UTC) // sixteen seconds before 32 bits are full
	if got := near(10, now); got.Sub(now) != 26*time.Second {
		t.Errorf("ten seconds after the turn is %v after now", got.Sub(now))
	}
}

func TestStaleByItsOwnWord(t *testing.T) {
	z := dnstest.NewZone(zoneName)
	z.Set("www."+zoneName, "A", 60, "192.0.2.10")
	a := start(t, z)
	for code, want := range map[uint16]bool{dns.ExtendedErrorCodeStaleAnswer: true, dns.ExtendedErrorCodeOther: false} {
		a.Hook(dnstest.Edit(func(_, m *dns.Msg) {
			o := m.IsEdns0()
			o.Option = append(o.Option, &dns.EDNS0_EDE{InfoCode: code})
		}))
		if got := Check(t.Context(), []Server{{"r", a.Addr, false}}, []Question{{"www." + zoneName, "A"}}, Options{}); got[0].Stale != want {
			t.Errorf("code %d: %+v", code, got[0])
		}
	}
}

// delegating is a parent whose server refers to ns1 and ns2 of the zone.
func delegating(t *testing.T, ds bool, ns ...string) *dnstest.Authority {
	t.Helper()
	a := start(t, dnstest.NewZone("example.test"))
	a.Hook(func(w dns.ResponseWriter, r *dns.Msg, _ func(dns.ResponseWriter)) {
		m := new(dns.Msg)
		m.SetReply(r)
		hdr := func(t uint16) dns.RR_Header {
			return dns.RR_Header{Name: zoneName + ".", Rrtype: t, Class: dns.ClassINET, Ttl: 60}
		}
		switch r.Question[0].Qtype {
		case dns.TypeNS:
			for _, n := range ns {
				m.Ns = append(m.Ns, &dns.NS{Hdr: hdr(dns.TypeNS), Ns: dns.Fqdn(n)})
				glue, _ := dns.NewRR(n + ". 60 IN A 192.0.2.53")
				m.Extra = append(m.Extra, glue)
			}
		case dns.TypeDS:
			if ds {
				m.Answer = append(m.Answer, &dns.DS{Hdr: hdr(dns.TypeDS), Digest: "00"})
			}
		}
		if !dnstest.OverTCP(w) {
			m.Truncate(udpSize)
		}
		_ = w.WriteMsg(m)
	})
	return a
}

func TestDiscover(t *testing.T) {
	z := dnstest.NewZone(zoneName)
	z.Set(zoneName, "NS", 60, "ns1."+zoneName+".", "ns3."+zoneName+".")
	z.Set("ns1."+zoneName, "A", 60, "192.0.2.1")
	z.Set("ns1."+zoneName, "AAAA", 60, "2001:db8::1")
	child := start(t, z)
	parent := delegating(t, true, "ns1."+zoneName, "ns2."+zoneName)
	d := Discover(t.Context(), zoneName+".", DiscoverOptions{
		Parents: []string{parent.Addr}, Children: []Server{{"ns1", child.Addr, true}},
		Addresses: map[string][]string{"ns3." + zoneName: {"127.0.0.1:5399"}}, Timeout: 10 * time.Second,
	})
	want := Delegation{
		Zone: zoneName, DS: true, Parent: []string{"ns1." + zoneName, "ns2." + zoneName}, Child: []string{"ns1." + zoneName, "ns3." + zoneName},
		Servers: []NameServer{
			{Name: "ns1." + zoneName, Addresses: []string{"192.0.2.1:53", "[2001:db8::1]:53"}, Parent: true, Child: true},
			{Name: "ns2." + zoneName, Addresses: []string{"192.0.2.53:53"}, Parent: true}, // by glue
			{Name: "ns3." + zoneName, Addresses: []string{"127.0.0.1:5399"}, Child: true},
		},
	}
	if fmt.Sprintf("%+v", d) != fmt.Sprintf("%+v", want) {
		t.Errorf("got  %+v\nwant %+v", d, want)
	}
}

// TestDiscoverFindsTheParent: a resolver knows example.test's servers; they are asked.
func TestDiscoverFindsTheParent(t *testing.T) {
	parent := delegating(t, false, "ns1."+zoneName)
	z := dnstest.NewZone("example.test")
	z.Set("example.test", "NS", 60, "a.example.test.")
	z.Set("a.example.test", "A", 60, "192.0.2.99")
	res := start(t, z)
	d := Discover(t.Context(), zoneName, DiscoverOptions{
		Resolvers: []string{res.Addr}, Addresses: map[string][]string{"a.example.test": {parent.Addr}}, Timeout: 10 * time.Second,
	})
	if d.ParentErr != nil || !reflect.DeepEqual(d.Parent, []string{"ns1." + zoneName}) || d.DS || d.ChildErr == nil {
		t.Errorf("%+v", d)
	}
}

func TestDiscoverWithNobody(t *testing.T) {
	d := Discover(t.Context(), zoneName, DiscoverOptions{})
	if !errors.Is(d.ParentErr, ErrNoParent) || d.ChildErr == nil || len(d.Servers) != 0 {
		t.Errorf("%+v", d)
	}
	lost := start(t, dnstest.NewZone("other.test"))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	d = Discover(ctx, zoneName, DiscoverOptions{Parents: []string{lost.Addr}, Children: []Server{{"c", lost.Addr, true}}})
	if d.ParentErr == nil || d.ChildErr == nil {
		t.Errorf("%+v", d)
	}
	d = Discover(t.Context(), zoneName, DiscoverOptions{Parents: []string{lost.Addr}})
	if d.ParentErr == nil || !errors.Is(d.ParentErr, ErrRefused) {
		t.Errorf("%+v", d)
	}
}

// TestDiscoverIsBounded: a parent that lists a thousand servers is not followed.
func TestDiscoverIsBounded(t *testing.T) {
	var many []string
	for i := range 200 {
		many = append(many, strings.Repeat("n", i%50+1)+string(rune('a'+i/50))+"."+zoneName)
	}
	parent := delegating(t, false, many...)
	d := Discover(t.Context(), zoneName, DiscoverOptions{Parents: []string{parent.Addr}})
	if len(d.Parent) != 200 || len(d.Servers) != maxNameServers {
		t.Errorf("%d names, %d servers, %v", len(d.Parent), len(d.Servers), d.ParentErr)
	}
}

func TestSerialsByNearestZone(t *testing.T) {
	s := Serials{"example.test": 1, "gss.example.test": 2}
	for name, want := range map[string]uint32{"a.gss.example.test": 2, "gss.example.test": 2, "b.example.test.": 1, "xgss.example.test": 1, "other.test": 0} {
		if got, ok := s.Of(name); got != want || ok != (want != 0) {
			t.Errorf("%s: %d", name, got)
		}
	}
}

// FuzzInspection: whatever a server sends as SOA, NS, DNSKEY or referral is read without
// harm, and no signature holds by accident.
func FuzzInspection(f *testing.F) {
	for _, s := range []string{
		"gss.example.test. 60 IN NS ns1.gss.example.test.", "gss.example.test. 60 IN SOA a. b. 1 2 3 4 5",
		"gss.example.test. 60 IN DNSKEY 257 3 13 mdsswUyr3DPW132mOi8V9xESWE8jTo0dxCjjnopKl+GqJxpVXckHAeF+KkxLbxILfDLUT0rAK9iUzy1L53eKGQ==",
		"gss.example.test. 60 IN RRSIG SOA 13 3 60 20300101000000 20200101000000 2371 gss.example.test. AAAA",
	} {
		x, err := dns.NewRR(s)
		if err != nil {
			f.Fatal(err)
		}
		m := new(dns.Msg)
		m.Response, m.Answer = true, []dns.RR{x}
		b, err := m.Pack()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		r := new(dns.Msg)
		if r.Unpack(raw) != nil {
			return
		}
		all := append(append(r.Answer, r.Ns...), r.Extra...)
		keys := keysOf(all, zoneName)
		_ = keys.Tags()
		_ = namesOf(all, zoneName)
		_ = stale(r)
		for _, typ := range []uint16{dns.TypeSOA, dns.TypeA} {
			if g := signature(all, typ, []Keys{keys}, time.Unix(1700000000, 0)); g != nil && g.Err != nil && !errors.Is(g.Err, ErrSignature) {
				t.Errorf("%v", g.Err)
			}
		}
	})
}

func BenchmarkVerify1000x4(b *testing.B) { benchVerify(b, 4, 1000) }
