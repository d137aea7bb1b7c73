package named

import (
	"fmt"
	"testing"
	"time"

	"github.com/miekg/dns"
)

func newResolver(t *testing.T, w *world) *Resolver {
	t.Helper()
	r, err := StartResolver(ResolverOptions{Zone: zone, Authorities: w.auth.Addrs(), Now: w.clock.now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { must(t, r.Close()) })
	return r
}

func TestResolverKeepsAnAnswerForItsTTL(t *testing.T) {
	w := newWorld(t)
	r := newResolver(t, w)
	name := "pvg." + zone
	must(t, w.store.Set(name, "A", 20, "192.0.2.10"))
	get := func() (string, uint32) {
		m := ask(t, "udp", r.Addr(), name, dns.TypeA)
		if !m.RecursionAvailable || m.Authoritative || len(m.Answer) != 1 {
			t.Fatalf("%v", m)
		}
		return values(m)[0], m.Answer[0].Header().Ttl
	}
	if v, ttl := get(); v != "192.0.2.10" || ttl != 20 {
		t.Fatalf("first answer %s, TTL %d", v, ttl)
	}
	must(t, w.store.Set(name, "A", 20, "198.51.100.20"))
	w.clock.add(15 * time.Second)
	if v, ttl := get(); v != "192.0.2.10" || ttl != 5 {
		t.Errorf("after 15 of 20 s: %s, TTL %d; want the old answer with 5 s left", v, ttl)
	}
	if v, ttl := get(); v != "192.0.2.10" || ttl != 5 {
		t.Errorf("handing an answer out changed the cached one: %s, TTL %d", v, ttl)
	}
	w.clock.add(5 * time.Second)
	if v, ttl := get(); v != "198.51.100.20" || ttl != 20 {
		t.Errorf("after its TTL: %s, TTL %d; want the new answer", v, ttl)
	}
	if hits, asked := r.Stats(); hits != 2 || asked != 2 {
		t.Errorf("%d answers from the cache and %d questions, want 2 and 2", hits, asked)
	}
}

func TestResolverKeepsNoSuchName(t *testing.T) {
	w := newWorld(t) // SOA: TTL 30, minimum 5
	r := newResolver(t, w)
	name := "new." + zone
	if m := ask(t, "udp", r.Addr(), name, dns.TypeA); m.Rcode != dns.RcodeNameError {
		t.Fatalf("%v", m)
	}
	must(t, w.store.Set(name, "A", 2, "192.0.2.10"))
	w.clock.add(4 * time.Second)
	if m := ask(t, "tcp", r.Addr(), name, dns.TypeA); m.Rcode != dns.RcodeNameError || m.Ns[0].Header().Ttl != 1 {
		t.Errorf("after 4 of 5 s: %v", m)
	}
	w.clock.add(time.Second)
	if m := ask(t, "udp", r.Addr(), name, dns.TypeA); len(m.Answer) != 1 {
		t.Errorf("after the negative TTL: %v", m)
	}
}

func TestResolverAsksTheNextAuthority(t *testing.T) {
	w := newWorld(t)
	r := newResolver(t, w)
	must(t, w.auth.SetMode(0, Down))
	if m := ask(t, "udp", r.Addr(), "pvg."+zone, dns.TypeA); len(m.Answer) != 1 {
		t.Errorf("the second authority is up, but: %v", m)
	}
	must(t, w.auth.SetMode(1, Down))
	if m := ask(t, "udp", r.Addr(), "pvg."+zone, dns.TypeA); len(m.Answer) != 1 {
		t.Errorf("a cached answer was forgotten: %v", m)
	}
	w.clock.add(time.Minute)
	if m := ask(t, "udp", r.Addr(), "pvg."+zone, dns.TypeA); m.Rcode != dns.RcodeServerFailure {
		t.Errorf("no authority and an expired answer: %v, want SERVFAIL", m)
	}
	must(t, w.auth.SetMode(0, Pass))
	if m := ask(t, "udp", r.Addr(), "pvg."+zone, dns.TypeA); len(m.Answer) != 1 {
		t.Errorf("a failure was kept: %v", m)
	}
	if m := ask(t, "udp", r.Addr(), "example.org", dns.TypeA); m.Rcode != dns.RcodeRefused {
		t.Errorf("a name outside: %v, want REFUSED", m)
	}
}

func TestResolverFollowsACutAnswerOverTCP(t *testing.T) {
	w := newWorld(t)
	var many []string
	for i := range 120 {
		many = append(many, fmt.Sprintf("192.0.2.%d", i))
	}
	must(t, w.store.Set("many."+zone, "A", 2, many...))
	r := newResolver(t, w)
	if m := ask(t, "tcp", r.Addr(), "many."+zone, dns.TypeA); len(m.Answer) != 120 {
		t.Errorf("%d of 120 addresses", len(m.Answer))
	}
}
