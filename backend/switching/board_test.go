package switching

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/miekg/dns"

	"github.com/dutyops/dutyops/dnsproviders/dnstest"
	"github.com/dutyops/dutyops/failoverplan"
)

func noSite([]string) string { return "" }

func kinds(b Board) string {
	var out []string
	for _, f := range b.Findings {
		out = append(out, f.Level+" "+f.Kind)
	}
	return strings.Join(out, ", ")
}

// TestFindings: each fault of the second server is found, named, and found once, however
// many names it is about.
func TestFindings(t *testing.T) {
	signer := func(t *testing.T) *dnstest.Signer {
		s, err := dnstest.NewSigner(zoneName, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	for _, tc := range []struct {
		name  string
		fault func(t *testing.T, r *rig)
		want  string
		state string
	}{
		{"well", func(*testing.T, *rig) {}, "", "ok"},
		{"lagging", func(_ *testing.T, r *rig) {
			r.ns2.Freeze()
			r.zone.Set("h0000."+zoneName, "A", 30, newV4)
			r.zone.Set("h0001."+zoneName, "A", 30, newV4)
		}, "warn lagging", "lagging"},
		{"lame", func(_ *testing.T, r *rig) {
			r.ns2.Hook(dnstest.Edit(func(_, m *dns.Msg) { m.Authoritative = false }))
		}, "bad lame", "lame"},
		{"no TCP", func(_ *testing.T, r *rig) {
			r.ns2.Hook(func(w dns.ResponseWriter, _ *dns.Msg, serve func(dns.ResponseWriter)) {
				if !dnstest.OverTCP(w) {
					serve(w)
				}
			})
		}, "bad no-tcp", "ok"},
		{"silent", func(_ *testing.T, r *rig) {
			r.ns2.Hook(func(dns.ResponseWriter, *dns.Msg, func(dns.ResponseWriter)) {})
		}, "bad silent", "silent"},
		{"refuses", func(_ *testing.T, r *rig) {
			r.ns2.Hook(dnstest.Edit(func(_, m *dns.Msg) { m.Rcode, m.Answer, m.Ns = dns.RcodeRefused, nil, nil }))
		}, "bad refuses", "silent"},
		{"one serial, two answers", func(_ *testing.T, r *rig) {
			r.ns2.Hook(dnstest.Edit(func(_, m *dns.Msg) {
				for _, x := range m.Answer {
					if a, ok := x.(*dns.A); ok {
						a.A[3]++
					}
				}
			}))
		}, "bad same-serial, bad same-serial", "differs"},
		{"signed on one server only", func(t *testing.T, r *rig) { r.ns1.Hook(signer(t).Hook()) }, "bad unsigned", "ok"},
		{"expired signatures", func(t *testing.T, r *rig) {
			s := signer(t)
			s.Expiration = time.Now().Add(-time.Minute)
			r.ns1.Hook(s.Hook())
			r.ns2.Hook(s.Hook())
		}, "bad signature-expired, bad signature-expired", "ok"},
		{"wrong signatures of names", func(t *testing.T, r *rig) {
			s := signer(t)
			r.ns1.Hook(s.Hook())
			r.ns2.Hook(dnstest.Edit(func(q, m *dns.Msg) {
				if q.Question[0].Qtype == dns.TypeDNSKEY {
					m.Answer = []dns.RR{s.Key}
				}
				s.Sign(m)
				for _, x := range m.Answer {
					if a, ok := x.(*dns.AAAA); ok {
						a.AAAA[15]++ // changed after it was signed
					}
				}
			}))
		}, "bad same-serial, bad same-serial, bad signature-wrong", "differs"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := newRig(t, rigOptions{})
			r.s.opt.QueryTimeout = time.Second
			ds, _ := r.site("cloudflare", 3)
			tc.fault(t, r)
			b := r.s.Look(t.Context(), ds, noSite)
			if got := kinds(b); got != tc.want {
				t.Errorf("found %q, want %q: %v", got, tc.want, b.Findings)
			}
			for _, f := range b.Findings {
				if f.Text == "" || f.Do == "" || f.Server == "" {
					t.Errorf("%+v", f)
				}
			}
			i := slices.IndexFunc(b.Servers, func(l ServerLine) bool { return l.Server == r.ns2.Addr })
			if i < 0 || b.Servers[i].State != tc.state {
				t.Errorf("%+v", b.Servers)
			}
		})
	}
}

func TestLookCountsAndForecasts(t *testing.T) {
	z := dnstest.NewZone(zoneName)
	z.Set("h0000."+zoneName, "A", 42, oldV4)
	z.Set("h0000."+zoneName, "AAAA", 7, newV6)
	res, err := dnstest.NewAuthority("", nil, z)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(res.Close)
	r := newRig(t, rigOptions{resolvers: []Resolver{{"branch", res.Addr}}})
	r.s.opt.QueryTimeout = 10 * time.Second
	at := time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)
	r.s.opt.Now = func() time.Time { return at }
	ds, _ := r.site("cloudflare", 1)
	r.zone.Set("h0000."+zoneName, "A", 30, newV4)
	r.zone.Set("h0000."+zoneName, "AAAA", 30, newV6)
	b := r.s.Look(t.Context(), ds, func(v []string) string { return map[string]string{oldV4: "primary"}[strings.Join(v, " ")] })
	if b.Authoritative != (Share{4, 4}) || b.Resolvers != (Share{1, 2}) || b.Agreed != 5 || b.Total != 6 || b.Resolvers.Percent() != 50 {
		t.Errorf("%+v %+v", b.Authoritative, b.Resolvers)
	}
	end := at.Add(42 * time.Second)
	if f := b.Forecast; !f.At50.IsZero() || !f.At90.Equal(end) || !f.At100.Equal(end) || f.AtLeast || f.Open != 0 || !b.OldUntil.Equal(end) {
		t.Errorf("%+v", f)
	}
	if !strings.HasPrefix(b.Tail(), "old answers until ") || len(b.Findings) != 0 {
		t.Errorf("%q %v", b.Tail(), b.Findings)
	}
	res.Hook(dnstest.Edit(func(_, m *dns.Msg) { m.Answer, m.Rcode = nil, dns.RcodeNameError }))
	if got := kinds(r.s.Look(t.Context(), ds, noSite)); got != "bad negative" {
		t.Errorf("%q", got)
	}
}

// TestResolversThatKeepAnswers lets time pass over a change and looks every second at one
// resolver's answers.
func TestResolversThatKeepAnswers(t *testing.T) {
	for _, tc := range []struct {
		name string
		// says is the resolver's answer so many seconds after the change.
		says func(s int) (old bool, ttl uint32, stale bool)
		want string
	}{
		{"keeps to the TTL", func(s int) (bool, uint32, bool) {
			if s < 50 {
				return true, uint32(50 - s), false
			}
			return false, 30, false
		}, ""},
		{"minimum TTL seen on a right answer", func(int) (bool, uint32, bool) { return false, 120, false }, TraitStretches},
		{"minimum TTL seen on the old answer", func(s int) (bool, uint32, bool) { return true, uint32(100 - s), false }, TraitKeeps},
		{"expired answers by the pattern", func(s int) (bool, uint32, bool) { return true, uint32(max(30, 60-s)), false }, TraitStale},
		{"expired answers of TTL 0", func(s int) (bool, uint32, bool) { return true, uint32(max(0, 60-s)), false }, TraitStale},
		{"by its own word", func(int) (bool, uint32, bool) { return true, 30, true }, TraitStale},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var m *memory
				look := func(value string, row Row) Board {
					row.Name, row.Type, row.At = "www", "A", time.Now()
					rows := []Row{{Server: "ns1", Authoritative: true, Name: "www", Type: "A", Got: []string{value}, TTL: 60, At: time.Now()}, row}
					ts := truths(rows, nil)
					judge(rows, ts, m, noSite)
					m = m.next(rows, ts, time.Now())
					b := Board{Rows: rows}
					b.sum(summary{now: time.Now(), memory: m})
					return b
				}
				look(oldV4, Row{Server: "r", Got: []string{oldV4}, TTL: 60})
				time.Sleep(time.Second)
				for s := range 70 {
					old, ttl, stale := tc.says(s)
					row := Row{Server: "r", Got: []string{newV4}, TTL: ttl, Stale: stale}
					if old {
						row.Got = []string{oldV4}
					}
					b := look(newV4, row)
					if f := b.Forecast; old && (f.At100.IsZero() || f.AtLeast != (m.traits["r"].Kind != "")) {
						t.Fatalf("second %d: %+v", s, f)
					}
					time.Sleep(time.Second)
				}
				if got := m.traits["r"].Kind; got != tc.want {
					t.Errorf("taken for %q, want %q: %s", got, tc.want, m.traits["r"].Detail)
				}
			})
		})
	}
}

func TestForecastPercentiles(t *testing.T) {
	at := time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)
	var rows []Row
	for i := range 10 {
		rows = append(rows, Row{Server: "r", Name: fmt.Sprint(i), State: RowOld, OldUntil: at.Add(time.Duration(10-i) * time.Second)})
	}
	rows = append(rows, Row{Server: "r", State: RowSilent}, Row{Server: "ns", Authoritative: true, State: RowOld})
	f := forecast(rows, nil, at)
	if !f.At50.Equal(at.Add(5*time.Second)) || !f.At90.Equal(at.Add(9*time.Second)) || !f.At100.Equal(at.Add(10*time.Second)) || f.Open != 1 {
		t.Errorf("%+v", f)
	}
	if s := (Share{999, 1000}); s.Percent() != 99 || (Share{}).Percent() != 100 {
		t.Error("99.9 % is not 100")
	}
}

func TestEveryFindingIsInTheDocs(t *testing.T) {
	b, err := os.ReadFile("../../docs/verification.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range FindingKinds() {
		if !strings.Contains(string(b), "| `"+k.Kind+"` | "+k.Level+" |") {
			t.Errorf("docs/verification.md has no row for %s (%s)", k.Kind, k.Level)
		}
	}
}

// BenchmarkLook is a whole board: so many names on four authoritative servers. ns/name
// stays the same when growth is linear.
func BenchmarkLook(b *testing.B) {
	for _, n := range []int{1000, 10_000, 100_000} {
		b.Run(fmt.Sprintf("%dx4", n), func(b *testing.B) {
			r := newRig(b, rigOptions{})
			ds := make([]failoverplan.Domain, n)
			for i := range ds {
				ds[i] = failoverplan.Domain{Name: fmt.Sprintf("h%06d.%s", i, zoneName), Station: "PVG", Zone: zoneName, Provider: "cloudflare", Types: []string{"A"}, TTL: 30}
				r.zone.Set(ds[i].Name, "A", 60, oldV4)
			}
			z := r.s.zones[zoneName]
			z.Authoritative = append(slices.Clone(z.Authoritative), z.Authoritative...)
			for i := range 2 {
				a, err := dnstest.NewAuthority("", nil, r.zone)
				if err != nil {
					b.Fatal(err)
				}
				b.Cleanup(a.Close)
				z.Authoritative[2+i] = a.Addr
			}
			r.s.zones[zoneName] = z
			b.ReportAllocs()
			for b.Loop() {
				if x := r.s.Look(b.Context(), ds, noSite); x.Agreed != 4*n {
					b.Fatal(x.Agreed, x.Findings)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/name")
		})
	}
}
