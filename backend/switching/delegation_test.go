package switching

import (
	"fmt"
	"net"
	"reflect"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/dutyops/dutyops/dnsproviders/dnstest"
	"github.com/dutyops/dutyops/failoverplan"
)

// parent serves example.test and refers to the zone's name servers.
func (r *rig) parent(ds bool, ns ...string) (*dnstest.Authority, *atomic.Int32) {
	r.t.Helper()
	a, err := dnstest.NewAuthority("", nil, dnstest.NewZone("example.test"))
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(a.Close)
	var asked atomic.Int32
	a.Hook(func(w dns.ResponseWriter, q *dns.Msg, _ func(dns.ResponseWriter)) {
		asked.Add(1)
		m := new(dns.Msg)
		m.SetReply(q)
		hdr := func(t uint16) dns.RR_Header {
			return dns.RR_Header{Name: zoneName + ".", Rrtype: t, Class: dns.ClassINET, Ttl: 60}
		}
		switch q.Question[0].Qtype {
		case dns.TypeNS:
			for _, n := range ns {
				m.Ns = append(m.Ns, &dns.NS{Hdr: hdr(dns.TypeNS), Ns: dns.Fqdn(n)})
			}
		case dns.TypeDS:
			if ds {
				m.Answer = append(m.Answer, &dns.DS{Hdr: hdr(dns.TypeDS), Digest: "00"})
			}
		}
		_ = w.WriteMsg(m)
	})
	return a, &asked
}

// forgotten is a server of an old copy of the zone that the configuration does not have.
func (r *rig) forgotten(change func(z *dnstest.Zone)) *dnstest.Authority {
	r.t.Helper()
	z := dnstest.NewZone(zoneName)
	for _, n := range []string{"h0000.", "h0001."} {
		z.Set(n+zoneName, "A", 30, oldV4)
		z.Set(n+zoneName, "AAAA", 30, oldV6)
	}
	change(z)
	a, err := dnstest.NewAuthority("", nil, z)
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(a.Close)
	return a
}

func (r *rig) discover(parent *dnstest.Authority, hosts map[string][]string) {
	z := r.s.zones[zoneName]
	z.Discover, z.Parents, z.NameServers = true, []string{parent.Addr}, hosts
	r.s.zones[zoneName] = z
}

const (
	ns1Name = "ns1." + zoneName
	ns2Name = "ns2." + zoneName
	ns3Name = "ns3." + zoneName
)

func TestDelegationOnTheBoard(t *testing.T) {
	for _, tc := range []struct {
		name   string
		parent []string
		child  []string
		ds     bool
		third  func(z *dnstest.Zone)
		want   string
	}{
		{"as configured", []string{ns1Name, ns2Name}, []string{ns1Name, ns2Name}, false, nil, ""},
		{"parent and zone differ", []string{ns1Name, ns2Name}, []string{ns1Name}, false, nil, "warn ns-differ"},
		{"a configured server in no set", []string{ns1Name}, []string{ns1Name}, false, nil, "note ns-unused"},
		{"a name without an address", []string{ns1Name, ns2Name, "ns4." + zoneName}, []string{ns1Name, ns2Name, "ns4." + zoneName}, false, nil, "warn ns-no-address"},
		{"nothing is unused while an address is not known", []string{ns1Name, "ns4." + zoneName}, []string{ns1Name, "ns4." + zoneName}, false, nil, "warn ns-no-address"},
		{"the parent says signed, nobody signs", []string{ns1Name, ns2Name}, []string{ns1Name, ns2Name}, true, nil, "bad unsigned, bad unsigned"},
		{"the zone does not say", []string{ns1Name, ns2Name}, nil, false, nil, "note ns-unknown"},
		{"the parent does not say", nil, []string{ns1Name, ns2Name}, false, nil, "note ns-unknown"},
		// Its serial is higher, and still it has no say.
		{"a forgotten server with an old copy", []string{ns1Name, ns2Name, ns3Name}, []string{ns1Name, ns2Name, ns3Name}, false, func(z *dnstest.Zone) {
			for range 50 {
				z.Set("x."+zoneName, "A", 30, oldV4)
				z.Set("x."+zoneName, "A", 31, oldV4)
			}
		}, "warn differs, warn ns-unlisted"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := newRig(t, rigOptions{})
			r.s.opt.QueryTimeout = 10 * time.Second
			ds, _ := r.site("cloudflare", 2)
			for _, n := range []string{"h0000.", "h0001."} {
				r.zone.Set(n+zoneName, "A", 30, newV4)
				r.zone.Set(n+zoneName, "AAAA", 30, newV6)
			}
			if tc.child != nil {
				var values []string
				for _, c := range tc.child {
					values = append(values, c+".")
				}
				r.zone.Set(zoneName, "NS", 60, values...)
			}
			p, asked := r.parent(tc.ds, tc.parent...)
			hosts := map[string][]string{ns1Name: {r.ns1.Addr}, ns2Name: {r.ns2.Addr}}
			if tc.third != nil {
				hosts[ns3Name] = []string{r.forgotten(tc.third).Addr}
			}
			r.discover(p, hosts)
			b := r.s.Look(t.Context(), ds, noSite)
			if got := kinds(b); got != tc.want {
				t.Errorf("found %q, want %q: %+v", got, tc.want, b.Findings)
			}
			if len(b.Delegations) != 1 || b.Delegations[0].DS != tc.ds || !reflect.DeepEqual(b.Delegations[0].Parent, tc.parent) || !reflect.DeepEqual(b.Delegations[0].Child, tc.child) {
				t.Errorf("%+v", b.Delegations)
			}
			for _, l := range b.Servers {
				if slices.Contains(tc.parent, ns1Name) && l.Server == r.ns1.Addr && l.Host != ns1Name || l.Found != (tc.third != nil && l.Server == hosts[ns3Name][0]) {
					t.Errorf("%+v", l)
				}
				if l.Found && (l.Host != ns3Name || l.New != 0 || l.Total != 4) || !l.Found && l.New != l.Total {
					t.Errorf("the forgotten server decides: %+v", l)
				}
			}
			n := asked.Load()
			if b := r.s.Look(t.Context(), ds, noSite); len(tc.parent) > 0 && tc.child != nil && (asked.Load() != n || len(b.Delegations) != 1) {
				t.Errorf("the parent is asked at every look: %d questions more", asked.Load()-n)
			}
			if len(tc.parent) == 0 {
				return
			}
			// A run's evidence has what is known, and does not wait for the forgotten server.
			v, err := r.s.VerifyAuthoritative(t.Context(), nil)
			if err != nil || v.Total != 0 {
				t.Errorf("%v %+v", err, v)
			}
		})
	}
}

// TestForgottenServerInAZoneThatIsSilent: when no configured server answers, what the
// zone's other servers say is better than nothing.
func TestForgottenServerInAZoneThatIsSilent(t *testing.T) {
	r := newRig(t, rigOptions{})
	r.s.opt.QueryTimeout = 2 * time.Second
	ds, _ := r.site("cloudflare", 2)
	p, _ := r.parent(false, ns3Name)
	third := r.forgotten(func(*dnstest.Zone) {})
	r.discover(p, map[string][]string{ns3Name: {third.Addr}})
	for _, a := range []*dnstest.Authority{r.ns1, r.ns2} {
		a.Hook(func(dns.ResponseWriter, *dns.Msg, func(dns.ResponseWriter)) {})
	}
	b := r.s.Look(t.Context(), ds, noSite)
	if got := kinds(b); got != "bad silent, bad silent, warn ns-unlisted, note ns-unknown" || b.Authoritative != (Share{4, 12}) {
		t.Errorf("%q %+v", got, b.Authoritative)
	}
}

// TestSilentServerCostsItsOwnTimeouts: however many names it is asked for, a silent
// server is asked a handful of questions, and the others' rows are all there.
func TestSilentServerCostsItsOwnTimeouts(t *testing.T) {
	var packets atomic.Int32
	mute := func(dns.ResponseWriter, *dns.Msg, func(dns.ResponseWriter)) { packets.Add(1) }
	res, err := dnstest.NewAuthority("", nil, dnstest.NewZone(zoneName))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(res.Close)
	r := newRig(t, rigOptions{resolvers: []Resolver{{"branch", res.Addr}}})
	r.s.opt.QueryTimeout = 2 * time.Second
	ds, _ := r.site("cloudflare", 40)
	r.ns2.Hook(mute)
	res.Hook(mute)
	b := r.s.Look(t.Context(), ds, noSite)
	for _, l := range b.Servers {
		if want := map[bool]string{true: "ok", false: "silent"}[l.Server == r.ns1.Addr]; l.State != want {
			t.Errorf("%+v, want %s", l, want)
		}
	}
	// Each way is tried twice over UDP: the SOA of ns2 (and once over TCP), and three
	// questions of the resolver, side by side.
	if n := packets.Load(); n > 3+2*3 {
		t.Errorf("silent servers were asked %d times", n)
	}
}

func TestSameAddress(t *testing.T) {
	for _, tc := range []struct {
		a, b string
		want bool
	}{
		{"192.0.2.1:53", "192.0.2.1:53", true},
		{"[2001:db8::1]:53", "[2001:db8:0::1]:53", true},
		{"192.0.2.1:53", "192.0.2.1:54", false},
		{"localhost:53", "127.0.0.1:53", false},
		{"localhost:53", "localhost:53", true},
	} {
		if sameAddress(tc.a, tc.b) != tc.want {
			t.Errorf("%s %s", tc.a, tc.b)
		}
	}
	if !routed("ns1.example:53") {
		t.Error("a name was looked up")
	}
	l, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	if !routed(l.LocalAddr().String()) {
		t.Error("loopback is reachable")
	}
}

// TestSentences: every finding can be said in another language, and every sentence that
// is used is in the list for translators.
func TestSentences(t *testing.T) {
	all := FindingSentences()
	f := Finding{Kind: "lagging", Sentence: string(sayLagging), Data: map[string]string{"serial": "1", "behind": "2", "newest": "3"}, Do: findingKinds[0].Do}
	text, do := f.In(func(s string) string {
		if !slices.Contains(all, s) {
			t.Errorf("%q is not in the list", s)
		}
		return "<" + s + ">"
	})
	if text != "<has serial 1, 2 behind 3>" || !strings.HasPrefix(do, "<see ") {
		t.Errorf("%q %q", text, do)
	}
	f = Finding{Sentence: string(sayDiffers), Name: "n", Count: 3, Data: map[string]string{"name": "n", "type": "A", "got": "{want}", "want": "y"}}
	if text, _ := f.In(func(s string) string { return s }); text != "n A is {want}, expected y (and 2 more)" {
		t.Errorf("%q", text)
	}
}

// TestNoWayToAFamily: a server that this machine has no way to is a note, and not asked.
func TestNoWayToAFamily(t *testing.T) {
	d := Delegation{Zone: zoneName, Servers: []DelegatedServer{{
		Name: ns1Name, Parent: true, Child: true,
		Addresses: []DelegatedServed{{Address: "[2001:db8::1]:53", NoRoute: true}, {Address: "192.0.2.1:53", Configured: true}, {Address: "192.0.2.2:53"}},
	}}}
	var f finder
	f.delegation(d, asServers([]string{"192.0.2.1:53"}), false)
	b := Board{Findings: f.list()}
	if got := kinds(b); got != "warn ns-unlisted, note ns-no-route" || b.Findings[1].Server != "[2001:db8::1]:53" {
		t.Errorf("%q %+v", got, b.Findings)
	}
	if ask := d.unlisted(); len(ask) != 1 || ask[0].Addr != "192.0.2.2:53" || !ask[0].Authoritative {
		t.Errorf("%+v", ask)
	}
	for _, s := range []struct {
		parent, child bool
		want          saying
	}{{true, true, sayUnlisted}, {true, false, sayOnlyParent}, {false, true, sayOnlyChild}} {
		if got := (DelegatedServer{Parent: s.parent, Child: s.child}).unlisted(); got != s.want {
			t.Errorf("%+v: %q", s, got)
		}
	}
}

// TestManyZonesAreDiscoveredAFewAtATime: a configuration of many zones is no flood for the
// servers of their parent.
func TestManyZonesAreDiscoveredAFewAtATime(t *testing.T) {
	r := newRig(t, rigOptions{})
	r.s.opt.QueryTimeout = 10 * time.Second
	const zones = 3 * zonesAtATime
	var now, most, asked atomic.Int32
	more := make(chan struct{}) // closed when more ask at once than may
	parent, err := dnstest.NewAuthority("", nil, dnstest.NewZone("example.test"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(parent.Close)
	parent.Hook(func(w dns.ResponseWriter, q *dns.Msg, serve func(dns.ResponseWriter)) {
		n := now.Add(1)
		for was := most.Load(); n > was && !most.CompareAndSwap(was, n); was = most.Load() {
			continue
		}
		if asked.Add(1) == zonesAtATime+1 {
			close(more)
		}
		select { // nobody is answered at first, so that whoever may ask has time to
		case <-more:
		case <-time.After(300 * time.Millisecond):
		}
		now.Add(-1) // before the answer, after which the next one may come
		serve(w)
	})
	var ds []failoverplan.Domain
	for i := range zones {
		name := fmt.Sprintf("z%02d.example.test", i)
		r.s.zones[name] = Zone{Name: name, Provider: "cloudflare", Discover: true, Parents: []string{parent.Addr}}
		ds = append(ds, failoverplan.Domain{Name: "www." + name, Zone: name, Types: []string{"A"}})
	}
	b := r.s.Look(t.Context(), ds, noSite)
	if len(b.Delegations) != zones || most.Load() > zonesAtATime || asked.Load() < zones {
		t.Errorf("%d delegations, %d at a time, %d questions", len(b.Delegations), most.Load(), asked.Load())
	}
}
