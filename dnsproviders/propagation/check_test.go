package propagation

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/dutyops/dutyops/dnsproviders/dnstest"
)

const zoneName = "gss.example.test"

func start(t testing.TB, z *dnstest.Zone) *dnstest.Authority {
	t.Helper()
	a, err := dnstest.NewAuthority("", nil, z)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(a.Close)
	return a
}

func TestAnswersInOrderWithSerials(t *testing.T) {
	z := dnstest.NewZone(zoneName)
	z.Set("www."+zoneName, "A", 60, "192.0.2.11", "192.0.2.10")
	z.Set("www."+zoneName, "AAAA", 30, "2001:db8:a::10")
	z.Set("alias."+zoneName, "CNAME", 20, "www."+zoneName)
	one, two := start(t, z), start(t, z)
	two.Freeze()
	z.Set("www."+zoneName, "A", 60, "198.51.100.20")
	at := time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)
	got := Check(t.Context(), []Server{{"ns1", one.Addr, true}, {"ns2", two.Addr, true}}, []Question{
		{"WWW." + zoneName + ".", "a"},
		{"www." + zoneName, "AAAA"},
		{"alias." + zoneName, "A"},
		{"alias." + zoneName, "CNAME"},
		{"none." + zoneName, "A"},
		{"www." + zoneName, "HTTPS"},
	}, Options{Zones: []string{zoneName}, Now: func() time.Time { return at }})
	row := func(server, name, typ string, ttl, serial uint32, rcode string, values ...string) Answer {
		return Answer{Server: server, Name: name + "." + zoneName, Type: typ, Values: values, TTL: ttl, AA: true, Serial: serial, Rcode: rcode, At: at}
	}
	want := []Answer{
		row("ns1", "www", "A", 60, 5, "NOERROR", "198.51.100.20"),
		row("ns1", "www", "AAAA", 30, 5, "NOERROR", "2001:db8:a::10"),
		row("ns1", "alias", "A", 20, 5, "NOERROR", "198.51.100.20"),
		row("ns1", "alias", "CNAME", 20, 5, "NOERROR", "www."+zoneName),
		row("ns1", "none", "A", 30, 5, "NXDOMAIN"),
		row("ns1", "www", "HTTPS", 30, 5, "NOERROR"),
		row("ns2", "www", "A", 60, 4, "NOERROR", "192.0.2.10", "192.0.2.11"),
		row("ns2", "www", "AAAA", 30, 4, "NOERROR", "2001:db8:a::10"),
		row("ns2", "alias", "A", 20, 4, "NOERROR", "192.0.2.10", "192.0.2.11"),
		row("ns2", "alias", "CNAME", 20, 4, "NOERROR", "www."+zoneName),
		row("ns2", "none", "A", 30, 4, "NXDOMAIN"),
		row("ns2", "www", "HTTPS", 30, 4, "NOERROR"),
	}
	for i := range want {
		if fmt.Sprintf("%+v", got[i]) != fmt.Sprintf("%+v", want[i]) {
			t.Errorf("%d: got  %+v\n      want %+v", i, got[i], want[i])
		}
	}
}

func TestRecursionIsAskedOfResolversOnly(t *testing.T) {
	z := dnstest.NewZone(zoneName)
	z.Set("www."+zoneName, "A", 60, "192.0.2.10")
	a := start(t, z)
	rd := make(chan bool, 8)
	a.Hook(func(w dns.ResponseWriter, r *dns.Msg, serve func(dns.ResponseWriter)) {
		if o := r.IsEdns0(); o == nil || o.UDPSize() != udpSize {
			t.Error("no EDNS")
		}
		rd <- r.RecursionDesired
		serve(w)
	})
	q := []Question{{"www." + zoneName, "A"}}
	Check(t.Context(), []Server{{"auth", a.Addr, true}}, q, Options{})
	Check(t.Context(), []Server{{"res", a.Addr, false}}, q, Options{})
	if <-rd || !<-rd {
		t.Error("RD must be 0 at the authority and 1 at the resolver")
	}
}

func TestTruncatedAnswerIsAskedAgainOverTCP(t *testing.T) {
	z := dnstest.NewZone(zoneName)
	var many []string
	for i := range 200 {
		many = append(many, fmt.Sprintf("192.0.2.%d", i+1))
	}
	z.Set("www."+zoneName, "A", 60, many...)
	a := start(t, z)
	got := Check(t.Context(), []Server{{"ns1", a.Addr, true}}, []Question{{"www." + zoneName, "A"}}, Options{})
	if got[0].Err != nil || len(got[0].Values) != 200 {
		t.Errorf("%d values, %v", len(got[0].Values), got[0].Err)
	}
}

func TestBadServers(t *testing.T) {
	reply := func(f func(m *dns.Msg)) func(dns.ResponseWriter, *dns.Msg, func(dns.ResponseWriter)) {
		return func(w dns.ResponseWriter, r *dns.Msg, _ func(dns.ResponseWriter)) {
			m := new(dns.Msg)
			m.SetReply(r)
			m.Authoritative = true
			f(m)
			_ = w.WriteMsg(m)
		}
	}
	for _, tc := range []struct {
		name string
		hook func(dns.ResponseWriter, *dns.Msg, func(dns.ResponseWriter))
		want error
	}{
		{"lame", reply(func(m *dns.Msg) { m.Authoritative = false }), ErrNotAuthoritative},
		{"servfail", reply(func(m *dns.Msg) { m.Rcode = dns.RcodeServerFailure }), ErrRefused},
		{"refused without question", reply(func(m *dns.Msg) { m.Rcode, m.Question = dns.RcodeRefused, nil }), ErrRefused},
		{"other question", reply(func(m *dns.Msg) { m.Question[0].Name = "www.evil.test." }), ErrUnreadable},
		{"no question", reply(func(m *dns.Msg) { m.Question = nil }), ErrUnreadable},
		{"not a response", reply(func(m *dns.Msg) { m.Response = false }), ErrUnreadable},
		{"wrong id", reply(func(m *dns.Msg) { m.Id++ }), ErrUnreadable},
		{"garbage", func(w dns.ResponseWriter, _ *dns.Msg, _ func(dns.ResponseWriter)) {
			_, _ = w.Write([]byte(strings.Repeat("x", 60)))
		}, ErrUnreadable},
		{"short", func(w dns.ResponseWriter, _ *dns.Msg, _ func(dns.ResponseWriter)) { _, _ = w.Write([]byte("x")) }, ErrNoAnswer},
		{"silent", func(dns.ResponseWriter, *dns.Msg, func(dns.ResponseWriter)) {}, ErrNoAnswer},
	} {
		t.Run(tc.name, func(t *testing.T) {
			a := start(t, dnstest.NewZone(zoneName))
			a.Hook(tc.hook)
			got := Check(t.Context(), []Server{{"ns1", a.Addr, true}}, []Question{{"www." + zoneName, "A"}}, Options{Timeout: 50 * time.Millisecond})
			if !errors.Is(got[0].Err, tc.want) || len(got[0].Values) > 0 || got[0].At.IsZero() {
				t.Errorf("got %+v, want %v", got[0], tc.want)
			}
		})
	}
}

func TestOneLostPacketIsNoFailure(t *testing.T) {
	z := dnstest.NewZone(zoneName)
	z.Set("www."+zoneName, "A", 60, "192.0.2.10")
	a := start(t, z)
	var n atomic.Int32
	a.Hook(func(w dns.ResponseWriter, _ *dns.Msg, serve func(dns.ResponseWriter)) {
		if n.Add(1) > 1 {
			serve(w)
		}
	})
	got := Check(t.Context(), []Server{{"ns1", a.Addr, true}}, []Question{{"www." + zoneName, "A"}}, Options{Timeout: time.Second})
	if got[0].Err != nil || n.Load() != 2 {
		t.Errorf("%v after %d packets", got[0].Err, n.Load())
	}
}

func TestSilentServerIsNotAskedForEver(t *testing.T) {
	z := dnstest.NewZone(zoneName)
	var qs []Question
	for i := range 500 {
		n := fmt.Sprintf("h%04d.%s", i, zoneName)
		z.Set(n, "A", 60, "192.0.2.10")
		qs = append(qs, Question{n, "A"})
	}
	dead, live := start(t, z), start(t, z)
	dead.Hook(func(dns.ResponseWriter, *dns.Msg, func(dns.ResponseWriter)) {})
	got := Check(t.Context(), []Server{{"dead", dead.Addr, true}, {"live", live.Addr, true}}, qs, Options{Timeout: 500 * time.Millisecond})
	for _, a := range got[:500] {
		if !errors.Is(a.Err, ErrNoAnswer) {
			t.Fatalf("%+v", a)
		}
	}
	for _, a := range got[500:] {
		if a.Err != nil {
			t.Fatalf("the live server suffers: %+v", a)
		}
	}
	if n := dead.Queries(); n > 2*(3+8) {
		t.Errorf("the dead server was asked %d times", n)
	}
}

func TestEndsWithTheContext(t *testing.T) {
	a := start(t, dnstest.NewZone(zoneName))
	ctx, cancel := context.WithCancel(t.Context())
	a.Hook(func(dns.ResponseWriter, *dns.Msg, func(dns.ResponseWriter)) { cancel() })
	got := Check(ctx, []Server{{"ns1", a.Addr, true}}, []Question{{"a." + zoneName, "A"}, {"b." + zoneName, "A"}}, Options{Timeout: time.Hour})
	for _, x := range got {
		if !errors.Is(x.Err, context.Canceled) {
			t.Errorf("%+v", x)
		}
	}
}

func TestNobodyListensAndWrongQuestion(t *testing.T) {
	pc, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := pc.LocalAddr().String()
	_ = pc.Close()
	got := Check(t.Context(), []Server{{"ns1", addr, true}}, []Question{{"www." + zoneName, "A"}, {"a b", "A"}, {"www." + zoneName, "MX"}}, Options{Timeout: time.Second})
	if !errors.Is(got[0].Err, ErrNoAnswer) || !errors.Is(got[1].Err, ErrUnreadable) || !errors.Is(got[2].Err, ErrUnreadable) {
		t.Errorf("%+v", got)
	}
	if x := Check(t.Context(), nil, []Question{{"www." + zoneName, "A"}}, Options{}); len(x) != 0 {
		t.Errorf("%v", x)
	}
}

func TestOldUntil(t *testing.T) {
	at := time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)
	a := Answer{Values: []string{"192.0.2.10"}, TTL: 42, At: at}
	for _, tc := range []struct {
		name   string
		a      Answer
		wanted []string
		want   time.Time
	}{
		{"as wanted", a, []string{"192.0.2.10"}, time.Time{}},
		{"old", a, []string{"198.51.100.20"}, at.Add(42 * time.Second)},
		{"to be gone", a, nil, at.Add(42 * time.Second)},
		{"negative though wanted", Answer{TTL: 30, At: at}, []string{"192.0.2.10"}, at.Add(30 * time.Second)},
		{"gone as wanted", Answer{TTL: 30, At: at}, nil, time.Time{}},
		{"no answer", Answer{Err: ErrNoAnswer, At: at}, []string{"192.0.2.10"}, time.Time{}},
		{"order is no matter", Answer{Values: []string{"192.0.2.1", "192.0.2.2"}, At: at}, []string{"192.0.2.2", "192.0.2.1"}, time.Time{}},
	} {
		if got := OldUntil(tc.a, tc.wanted); !got.Equal(tc.want) {
			t.Errorf("%s: %v, want %v", tc.name, got, tc.want)
		}
	}
}

func FuzzAnswer(f *testing.F) {
	for _, s := range []string{
		"www.gss.example.test. 60 IN A 192.0.2.1", "www.gss.example.test. 60 IN CNAME www.gss.example.test.",
		`www.gss.example.test. 60 IN HTTPS 1 . alpn="h2" ipv4hint="192.0.2.1"`,
	} {
		x, err := dns.NewRR(s)
		if err != nil {
			f.Fatal(err)
		}
		m := new(dns.Msg)
		m.SetQuestion("www.gss.example.test.", x.Header().Rrtype)
		m.Id, m.Response, m.Answer = 7, true, []dns.RR{x}
		b, err := m.Pack()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b, uint8(0))
	}
	f.Fuzz(func(t *testing.T, raw []byte, which uint8) {
		typ := []string{"A", "AAAA", "CNAME", "HTTPS"}[which%4]
		m := new(dns.Msg)
		m.SetQuestion("www.gss.example.test.", dns.StringToType[typ])
		m.Id = 7
		r, err := parse(raw, m)
		if err != nil {
			return
		}
		var a Answer
		a.read(r, Question{"www." + zoneName, typ}, which > 128)
		if a.Err != nil && len(a.Values) > 0 {
			t.Errorf("values beside an error: %+v", a)
		}
		if !slices.IsSorted(a.Values) {
			t.Errorf("not sorted: %v", a.Values)
		}
	})
}

func benchVerify(b *testing.B, servers, names int) {
	z := dnstest.NewZone(zoneName)
	var qs []Question
	for i := range names {
		n := fmt.Sprintf("h%06d.%s", i, zoneName)
		z.Set(n, "A", 60, "192.0.2.10")
		qs = append(qs, Question{n, "A"})
	}
	o := Options{Zones: []string{zoneName}}
	var ss []Server
	for i := range servers {
		a := start(b, z)
		ss = append(ss, Server{fmt.Sprintf("ns%d", i+1), a.Addr, true})
	}
	b.ReportAllocs()
	for b.Loop() {
		for _, a := range Check(b.Context(), ss, qs, o) {
			if a.Err != nil {
				b.Fatal(a.Err)
			}
		}
	}
}

func BenchmarkVerify1000x2(b *testing.B) { benchVerify(b, 2, 1000) }
