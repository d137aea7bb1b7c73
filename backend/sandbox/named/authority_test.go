package named

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/miekg/dns"
)

func TestAnswers(t *testing.T) {
	w := newWorld(t)
	must(t, w.store.Set("deep.er."+zone, "TXT", 2, "hello"))
	must(t, w.store.Set("svc."+zone, "HTTPS", 2, "1 . alpn=h2 ipv4hint=192.0.2.10"))
	must(t, w.store.Set("out."+zone, "CNAME", 2, "elsewhere.example.org"))
	for _, tc := range []struct {
		name   string
		typ    uint16
		rcode  int
		answer []string
		soa    bool
	}{
		{"pvg." + zone, dns.TypeA, dns.RcodeSuccess, []string{"192.0.2.10"}, false},
		{"PVG." + zone, dns.TypeAAAA, dns.RcodeSuccess, []string{"2001:db8:a::10"}, false},
		{"pvg." + zone, dns.TypeTXT, dns.RcodeSuccess, nil, true}, // no data
		{"er." + zone, dns.TypeA, dns.RcodeSuccess, nil, true},    // only something below it
		{"nobody." + zone, dns.TypeA, dns.RcodeNameError, nil, true},
		{"www." + zone, dns.TypeA, dns.RcodeSuccess, []string{"pvg." + zone, "192.0.2.10"}, false},
		{"out." + zone, dns.TypeA, dns.RcodeSuccess, []string{"elsewhere.example.org"}, false},
		{"svc." + zone, dns.TypeHTTPS, dns.RcodeSuccess, []string{`1 . alpn="h2" ipv4hint="192.0.2.10"`}, false},
		{"deep.er." + zone, dns.TypeTXT, dns.RcodeSuccess, []string{`"hello"`}, false},
		{zone, dns.TypeNS, dns.RcodeSuccess, []string{"ns1." + zone, "ns2." + zone}, false},
		{"example.org", dns.TypeA, dns.RcodeRefused, nil, false},
		{zone, dns.TypeAXFR, dns.RcodeRefused, nil, false},
	} {
		for _, network := range []string{"udp", "tcp"} {
			for _, server := range w.auth.Addrs() {
				m := ask(t, network, server, tc.name, tc.typ)
				if m.Rcode != tc.rcode || !slices.Equal(values(m), append([]string{}, tc.answer...)) {
					t.Errorf("%s %s over %s: %s %q, want %s %q", tc.name, dns.TypeToString[tc.typ], network,
						dns.RcodeToString[m.Rcode], values(m), dns.RcodeToString[tc.rcode], tc.answer)
				}
				if m.Authoritative != (tc.rcode != dns.RcodeRefused) || m.RecursionAvailable {
					t.Errorf("%s: authoritative %v, recursion available %v", tc.name, m.Authoritative, m.RecursionAvailable)
				}
				if tc.soa && (len(m.Ns) != 1 || m.Ns[0].Header().Ttl != 5) {
					t.Errorf("%s: a negative answer needs the SOA with the negative TTL: %v", tc.name, m.Ns)
				}
			}
		}
	}
}

func TestLargeAnswerIsCutForUDP(t *testing.T) {
	w := newWorld(t)
	var many []string
	for i := range 60 {
		many = append(many, fmt.Sprintf("192.0.2.%d", i))
	}
	must(t, w.store.Set("many."+zone, "A", 2, many...))
	if m := ask(t, "udp", w.auth.Addrs()[0], "many."+zone, dns.TypeA); !m.Truncated {
		t.Error("60 addresses do not fit into 512 bytes, but the answer is not marked as cut")
	}
	if m := ask(t, "tcp", w.auth.Addrs()[0], "many."+zone, dns.TypeA); len(m.Answer) != 60 {
		t.Errorf("over TCP %d of 60 addresses", len(m.Answer))
	}
}

// send signs and sends an update; key "" = unsigned.
func (w *world) send(t *testing.T, m *dns.Msg, key, alg, secret string) (*dns.Msg, error) {
	t.Helper()
	c := dns.Client{Net: "tcp", Timeout: 5 * time.Second}
	if key != "" {
		c.TsigSecret = map[string]string{dns.Fqdn(key): secret}
		m.SetTsig(dns.Fqdn(key), alg, 300, time.Now().Unix())
	}
	r, _, err := c.Exchange(m, w.auth.Addrs()[0])
	return r, err
}

func rr(t *testing.T, s string) dns.RR {
	t.Helper()
	r, err := dns.NewRR(s)
	must(t, err)
	return r
}

func repoint(t *testing.T, from, to string) *dns.Msg {
	t.Helper()
	m := new(dns.Msg)
	m.SetUpdate(dns.Fqdn(zone))
	m.Used([]dns.RR{rr(t, "pvg."+zone+". 0 IN A "+from)})
	m.RemoveRRset([]dns.RR{rr(t, "pvg."+zone+". 0 IN A "+from)})
	m.Insert([]dns.RR{rr(t, "pvg."+zone+". 2 IN A "+to)})
	return m
}

func TestUpdateIsSignedComparedAndSet(t *testing.T) {
	w := newWorld(t)
	before := w.store.Serial()
	r, err := w.send(t, repoint(t, "192.0.2.10", "198.51.100.20"), "dutyops", dns.HmacSHA256, w.key)
	if err != nil || r.Rcode != dns.RcodeSuccess {
		t.Fatalf("update: %v %v", r, err)
	}
	if r.IsTsig() == nil {
		t.Error("the answer to a signed request is not signed")
	}
	if w.store.Serial() != before+1 {
		t.Errorf("one update moved the serial from %d to %d", before, w.store.Serial())
	}
	if got := values(ask(t, "udp", w.auth.Addrs()[0], "pvg."+zone, dns.TypeA)); !slices.Equal(got, []string{"198.51.100.20"}) {
		t.Errorf("after the update: %v", got)
	}
	// The same again: its prerequisite no longer holds, and nothing changes.
	r, err = w.send(t, repoint(t, "192.0.2.10", "203.0.113.30"), "dutyops", dns.HmacSHA256, w.key)
	if err != nil || r.Rcode != dns.RcodeNXRrset {
		t.Fatalf("stale prerequisite: %v %v", r, err)
	}
	if w.store.Serial() != before+1 {
		t.Error("a refused update moved the serial")
	}
}

func TestWhoMayUpdate(t *testing.T) {
	w := newWorld(t)
	for _, tc := range []struct {
		name, key, alg, secret string
		rcode                  int
	}{
		{"unsigned", "", "", "", dns.RcodeRefused},
		{"wrong secret", "dutyops", dns.HmacSHA256, secret(t), dns.RcodeNotAuth},
		{"unknown key", "stranger", dns.HmacSHA256, w.key, dns.RcodeNotAuth},
		{"other algorithm", "dutyops", dns.HmacSHA512, w.key, dns.RcodeNotAuth},
	} {
		before := w.store.Serial()
		r, err := w.send(t, repoint(t, "192.0.2.10", "198.51.100.20"), tc.key, tc.alg, tc.secret)
		// The client complains of the error answer's missing signature; the answer is what counts.
		if r == nil {
			t.Fatalf("%s: %v", tc.name, err)
		}
		if r.Rcode != tc.rcode || w.store.Serial() != before {
			t.Errorf("%s: %s, serial %d -> %d; want %s and no change", tc.name,
				dns.RcodeToString[r.Rcode], before, w.store.Serial(), dns.RcodeToString[tc.rcode])
		}
	}
	m := repoint(t, "192.0.2.10", "198.51.100.20")
	c := dns.Client{TsigSecret: map[string]string{"dutyops.": w.key}}
	m.SetTsig("dutyops.", dns.HmacSHA256, 300, time.Now().Unix())
	if r, _, err := c.Exchange(m, w.auth.Addrs()[1]); !errors.Is(err, dns.ErrAuth) || r.Rcode != dns.RcodeNotAuth {
		t.Errorf("the second authority took an update: %v %v", r, err)
	}
}

func TestPrerequisitesAndChanges(t *testing.T) {
	name := "pvg." + zone + "."
	a := "pvg." + zone + ". 2 IN A "
	for _, tc := range []struct {
		title string
		make  func(m *dns.Msg)
		rcode int
		a     []string // at pvg afterwards; nil = unchanged
	}{
		{"name in use", func(m *dns.Msg) { m.NameUsed([]dns.RR{rr(t, a+"0.0.0.0")}) }, dns.RcodeSuccess, nil},
		{"name in use, is not", func(m *dns.Msg) { m.NameUsed([]dns.RR{rr(t, "no."+zone+". 0 A 0.0.0.0")}) }, dns.RcodeNameError, nil},
		{"name not in use, is", func(m *dns.Msg) { m.NameNotUsed([]dns.RR{rr(t, a+"0.0.0.0")}) }, dns.RcodeYXDomain, nil},
		{"set exists", func(m *dns.Msg) { m.RRsetUsed([]dns.RR{rr(t, a+"0.0.0.0")}) }, dns.RcodeSuccess, nil},
		{"set exists, does not", func(m *dns.Msg) { m.RRsetUsed([]dns.RR{rr(t, name+" 0 TXT x")}) }, dns.RcodeNXRrset, nil},
		{"set does not exist, does", func(m *dns.Msg) { m.RRsetNotUsed([]dns.RR{rr(t, a+"0.0.0.0")}) }, dns.RcodeYXRrset, nil},
		{"apex SOA exists", func(m *dns.Msg) { m.RRsetUsed([]dns.RR{rr(t, zone+". 0 SOA a. b. 1 1 1 1 1")}) }, dns.RcodeSuccess, nil},
		{"value, part of the set only", func(m *dns.Msg) {
			m.Used([]dns.RR{rr(t, a+"192.0.2.10"), rr(t, a+"192.0.2.11")})
		}, dns.RcodeNXRrset, nil},
		{"outside the zone", func(m *dns.Msg) { m.NameUsed([]dns.RR{rr(t, "example.org. 0 A 0.0.0.0")}) }, dns.RcodeNotZone, nil},
		{"one of two does not hold: nothing changes", func(m *dns.Msg) {
			m.Used([]dns.RR{rr(t, a+"192.0.2.10")})
			m.RRsetUsed([]dns.RR{rr(t, name+" 0 TXT x")})
			m.RemoveName([]dns.RR{rr(t, a+"0.0.0.0")})
		}, dns.RcodeNXRrset, nil},
		{"add a second value", func(m *dns.Msg) { m.Insert([]dns.RR{rr(t, a+"192.0.2.11")}) }, dns.RcodeSuccess, []string{"192.0.2.10", "192.0.2.11"}},
		{"add what is there", func(m *dns.Msg) { m.Insert([]dns.RR{rr(t, a+"192.0.2.10")}) }, dns.RcodeSuccess, nil},
		{"remove one value", func(m *dns.Msg) { m.Remove([]dns.RR{rr(t, a+"192.0.2.10")}) }, dns.RcodeSuccess, []string{}},
		{"remove a value that is not there", func(m *dns.Msg) { m.Remove([]dns.RR{rr(t, a+"192.0.2.99")}) }, dns.RcodeSuccess, nil},
		{"CNAME beside A is ignored", func(m *dns.Msg) { m.Insert([]dns.RR{rr(t, name+" 2 CNAME sha."+zone+".")}) }, dns.RcodeSuccess, nil},
		{"change of type in one message", func(m *dns.Msg) {
			m.RemoveName([]dns.RR{rr(t, a+"0.0.0.0")})
			m.Insert([]dns.RR{rr(t, name+" 2 CNAME sha."+zone+".")})
		}, dns.RcodeSuccess, []string{"sha." + zone}},
		{"NS is not the key's to change", func(m *dns.Msg) { m.Insert([]dns.RR{rr(t, zone+". 2 NS ns9."+zone+".")}) }, dns.RcodeRefused, nil},
		{"update outside the zone", func(m *dns.Msg) { m.Insert([]dns.RR{rr(t, "example.org. 2 A 192.0.2.1")}) }, dns.RcodeNotZone, nil},
		{"a bad one after a good one: nothing changes", func(m *dns.Msg) {
			m.Insert([]dns.RR{rr(t, a+"192.0.2.11"), rr(t, "example.org. 2 A 192.0.2.1")})
		}, dns.RcodeNotZone, nil},
	} {
		t.Run(tc.title, func(t *testing.T) {
			w := newWorld(t)
			m := new(dns.Msg)
			m.SetUpdate(dns.Fqdn(zone))
			tc.make(m)
			r, err := w.send(t, m, "dutyops", dns.HmacSHA256, w.key)
			if err != nil {
				t.Fatal(err)
			}
			want := tc.a
			if want == nil {
				want = []string{"192.0.2.10"}
			}
			got := values(ask(t, "udp", w.auth.Addrs()[0], name, dns.TypeA))
			if r.Rcode != tc.rcode || !slices.Equal(got, want) {
				t.Errorf("%s, then %v; want %s, then %v", dns.RcodeToString[r.Rcode], got, dns.RcodeToString[tc.rcode], want)
			}
		})
	}
}

func TestUpdateOfAnotherZoneIsNotOurs(t *testing.T) {
	w := newWorld(t)
	m := new(dns.Msg)
	m.SetUpdate("example.org.")
	if r, err := w.send(t, m, "dutyops", dns.HmacSHA256, w.key); !errors.Is(err, dns.ErrAuth) || r.Rcode != dns.RcodeNotAuth {
		t.Errorf("%v %v, want NOTAUTH", r, err)
	}
}

func TestSecondAuthorityLags(t *testing.T) {
	w := newWorld(t)
	w.auth.SetLag(3 * time.Second)
	w.clock.add(10 * time.Second)
	must(t, w.store.Set("pvg."+zone, "A", 2, "198.51.100.20"))
	at := func(i int) []string { return values(ask(t, "udp", w.auth.Addrs()[i], "pvg."+zone, dns.TypeA)) }
	if got := at(0); got[0] != "198.51.100.20" {
		t.Errorf("the first: %v", got)
	}
	if got := at(1); got[0] != "192.0.2.10" {
		t.Errorf("the second is 3 s behind, but already says %v", got)
	}
	w.clock.add(3 * time.Second)
	if got := at(1); got[0] != "198.51.100.20" {
		t.Errorf("the second did not follow: %v", got)
	}
}

func TestAuthorityFaults(t *testing.T) {
	w := newWorld(t)
	addr := w.auth.Addrs()[0]
	must(t, w.auth.SetMode(0, Down))
	for _, network := range []string{"udp", "tcp"} {
		if m, err := tryAsk(network, addr, zone, dns.TypeSOA, 5*time.Second); err == nil {
			t.Errorf("down, but over %s it answers %v", network, m)
		}
	}
	ask(t, "udp", w.auth.Addrs()[1], zone, dns.TypeSOA) // the other one is not touched
	must(t, w.auth.SetMode(0, Blackhole))
	if m, err := tryAsk("udp", addr, zone, dns.TypeSOA, 50*time.Millisecond); err == nil {
		t.Errorf("black hole, but it answers %v", m)
	}
	must(t, w.auth.SetMode(0, Pass))
	ask(t, "udp", addr, zone, dns.TypeSOA)
	ask(t, "tcp", addr, zone, dns.TypeSOA)
	must(t, w.auth.SetMode(0, Slow))
	if m, err := tryAsk("udp", addr, zone, dns.TypeSOA, SlowDelay/4); err == nil {
		t.Errorf("slow, but it answers at once: %v", m)
	}
	ask(t, "udp", addr, zone, dns.TypeSOA)
}

// Nobody else gets the port of a server that is down, whose door stays closed.
func TestDownKeepsItsPort(t *testing.T) {
	w := newWorld(t)
	addr := w.auth.Addrs()[0]
	must(t, w.auth.SetMode(0, Down))
	must(t, w.auth.SetMode(0, Down))
	var lc net.ListenConfig
	if p, err := lc.ListenPacket(t.Context(), "udp", addr); err == nil {
		_ = p.Close()
		t.Error("somebody else got the port")
	}
	// An outgoing connection binds as this does, without SO_REUSEADDR.
	local, err := net.ResolveTCPAddr("tcp", addr)
	must(t, err)
	plain := net.Dialer{LocalAddr: local}
	if c, err := plain.DialContext(t.Context(), "tcp", w.auth.Addrs()[1]); err == nil {
		_ = c.Close()
		t.Error("somebody else got the port for a connection")
	}
	c, err := (&net.Dialer{}).DialContext(t.Context(), "udp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	must(t, c.SetDeadline(time.Now().Add(10*time.Second)))
	if _, err := c.Write([]byte("anybody?")); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("a query is answered with %v, want a refusal", err)
	}
	must(t, w.auth.SetMode(0, Pass))
	ask(t, "udp", addr, zone, dns.TypeSOA)
	must(t, w.auth.SetMode(0, Down)) // and closes so
}
