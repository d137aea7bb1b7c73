package probes

import (
	"context"
	"net"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// twins returns a TCP and a UDP socket on one port.
func twins(t testing.TB) (net.Listener, net.PacketConn) {
	t.Helper()
	var lc net.ListenConfig
	var last error
	for range 20 { // somebody else may have the UDP twin of a free TCP port
		ln, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		pc, err := lc.ListenPacket(t.Context(), "udp", ln.Addr().String())
		if err == nil {
			return ln, pc
		}
		_ = ln.Close()
		last = err
	}
	t.Fatal(last)
	return nil, nil
}

// dnsServer answers over UDP and TCP on one port.
func dnsServer(t testing.TB, h dns.HandlerFunc) string {
	t.Helper()
	ln, pc := twins(t)
	for _, s := range []*dns.Server{{Listener: ln, Handler: h}, {PacketConn: pc, Handler: h}} {
		ready := make(chan struct{})
		s.NotifyStartedFunc = func() { close(ready) }
		done := make(chan struct{})
		go func() { _ = s.ActivateAndServe(); close(done) }()
		<-ready
		t.Cleanup(func() { _ = s.ShutdownContext(context.Background()); <-done })
	}
	return ln.Addr().String()
}

func rr(t testing.TB, s string) dns.RR {
	t.Helper()
	r, err := dns.NewRR(s)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestDNS(t *testing.T) {
	a1, a2 := rr(t, "pvg.gss.example.test. 2 IN A 192.0.2.10"), rr(t, "pvg.gss.example.test. 2 IN A 192.0.2.11")
	v6 := rr(t, "pvg.gss.example.test. 2 IN AAAA 2001:db8:a::10")
	soa := rr(t, "gss.example.test. 2 IN SOA ns. host. 42 1 1 1 1")
	addr := dnsServer(t, func(w dns.ResponseWriter, q *dns.Msg) {
		m := new(dns.Msg)
		m.SetReply(q)
		m.Authoritative = true
		switch q.Question[0].Name {
		case "pvg.gss.example.test.":
			if q.Question[0].Qtype == dns.TypeAAAA {
				m.Answer = []dns.RR{v6}
			} else {
				m.Answer = []dns.RR{a2, a1}
			}
		case "big.gss.example.test.":
			if w.LocalAddr().Network() == "udp" {
				m.Truncated = true
			} else {
				m.Answer = []dns.RR{a1}
			}
		case "gss.example.test.":
			m.Answer = []dns.RR{soa}
		case "broken.gss.example.test.":
			m.Rcode = dns.RcodeServerFailure
		case "gone.gss.example.test.":
			m.Rcode, m.Ns = dns.RcodeNameError, []dns.RR{soa}
		case ".":
			m.Rcode = dns.RcodeRefused
		}
		_ = w.WriteMsg(m)
	})
	for _, tc := range []struct {
		query, qtype string
		expect       []string
		status       Status
		detail       string
	}{
		{"pvg.gss.example.test", "", nil, StatusUp, "pvg.gss.example.test A = 192.0.2.10 192.0.2.11"},
		{"pvg.gss.example.test", "A", []string{"192.0.2.11", "192.0.2.10"}, StatusUp, "= 192.0.2.10 192.0.2.11"},
		{"pvg.gss.example.test", "aaaa", []string{"2001:0db8:a::10"}, StatusUp, "2001:db8:a::10"},
		{"pvg.gss.example.test", "A", []string{"198.51.100.20"}, StatusDegraded, "= 192.0.2.10 192.0.2.11, expected 198.51.100.20"},
		{"none.gss.example.test", "TXT", nil, StatusDegraded, "has no none.gss.example.test TXT"},
		{"empty.gss.example.test", "A", []string{"192.0.2.10"}, StatusDegraded, "= nothing, expected 192.0.2.10"},
		{"big.gss.example.test", "A", nil, StatusUp, "192.0.2.10"},
		{"gone.gss.example.test", "A", nil, StatusDown, "answers NXDOMAIN for gone.gss.example.test A"},
		{"broken.gss.example.test", "A", nil, StatusDown, "answers SERVFAIL"},
		{"gss.example.test", "SOA", nil, StatusUp, "42"},
		{"", "", nil, StatusUp, "answers (REFUSED)"},
	} {
		r := once(t, Target{Kind: "dns", Address: addr, Query: tc.query, QType: tc.qtype, Expect: tc.expect})
		wantAnswer(t, r, tc.status, tc.detail)
		if r.Facts.Role != "authoritative" {
			t.Errorf("role %q", r.Facts.Role)
		}
		if tc.qtype == "SOA" && r.Facts.Position != "42" {
			t.Errorf("position %q, want the serial", r.Facts.Position)
		}
	}
}

func TestDNSSilenceAndGarbage(t *testing.T) {
	var lc net.ListenConfig
	pc, err := lc.ListenPacket(t.Context(), "udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := must(t, Target{Kind: "dns", Address: pc.LocalAddr().String(), Query: "x.test"})
	wantAnswer(t, ask(t, p, 100*time.Millisecond), StatusDown, "no answer within ")
	done := make(chan struct{})
	go func() {
		defer close(done)
		buf := make([]byte, 512)
		for {
			n, from, err := pc.ReadFrom(buf)
			if err != nil {
				return
			}
			// the right id, then nonsense
			_, _ = pc.WriteTo(append(buf[:2:2], make([]byte, n%7+9)...), from)
		}
	}()
	defer func() { _ = pc.Close(); <-done }()
	r := ask(t, p, 300*time.Millisecond)
	if r.Status != StatusDown {
		t.Errorf("%s %q for nonsense", r.Status, r.Detail)
	}
	// cancellation, not only a deadline, ends the wait
	ctx, cancel := context.WithCancel(t.Context())
	hang := must(t, Target{Kind: "dns", Address: listenUDPHang(t), Query: "x.test"})
	got := make(chan Result, 1)
	go func() { got <- hang.Probe(ctx) }()
	cancel()
	if r := <-got; r.Status != StatusUnknown {
		t.Errorf("%s %q after cancellation, want unknown", r.Status, r.Detail)
	}
}

func listenUDPHang(t testing.TB) string {
	t.Helper()
	var lc net.ListenConfig
	pc, err := lc.ListenPacket(t.Context(), "udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = pc.Close() })
	return pc.LocalAddr().String()
}
