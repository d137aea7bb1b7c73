//go:build integration

package switching

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/dutyops/dutyops/dnsproviders"
	"github.com/dutyops/dutyops/dnsproviders/powerdns"
	"github.com/dutyops/dutyops/dnsproviders/rfc2136"
	"github.com/dutyops/dutyops/failoverplan"
	"github.com/dutyops/dutyops/test/lab"
)

// byUpdate is a provider of the lab's server by dynamic updates.
func byUpdate(t testing.TB, n *lab.NameServer) dnsproviders.Provider {
	t.Helper()
	p, err := rfc2136.New(rfc2136.Options{Server: n.Addr, KeyName: lab.KeyName, KeySecret: func() (string, error) { return n.Key, nil }})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// byHTTP is a provider of the lab's PowerDNS.
func byHTTP(t testing.TB, n *lab.PowerDNS) dnsproviders.Provider {
	t.Helper()
	p, err := powerdns.New(powerdns.Options{BaseURL: n.URL, APIKey: func() (string, error) { return n.APIKey, nil }})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// over is a Switch of the zone over real servers.
func over(t testing.TB, p dnsproviders.Provider, authoritative []string, resolvers ...Resolver) *Switch {
	t.Helper()
	s, err := New(Options{
		Providers: map[string]dnsproviders.Provider{"p": p}, Zones: []Zone{{Name: zoneName, Provider: "p", Authoritative: authoritative}},
		Resolvers: resolvers, QueryTimeout: 5 * time.Second,
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// many are n names with an address at the old site: their lines of a zone file, their
// domains and their change to the new site.
func many(n int, ttl uint32) (records string, ds []failoverplan.Domain, zc failoverplan.ZoneChange) {
	zc = failoverplan.ZoneChange{Zone: zoneName, Provider: "p"}
	for i := range n {
		name := fmt.Sprintf("h%04d.%s", i, zoneName)
		records += fmt.Sprintf("h%04d %d A %s\n", i, ttl, oldV4)
		ds = append(ds, failoverplan.Domain{Name: name, Zone: zoneName, Provider: "p", Types: []string{"A"}, TTL: ttl})
		c := change(name, "A", []string{oldV4}, []string{newV4})
		c.Before.TTL, c.After.TTL = ttl, ttl
		zc.Changes = append(zc.Changes, c)
	}
	return records, ds, zc
}

// siteOf knows the addresses of both sites.
func siteOf(values []string) string {
	return map[string]string{oldV4: "primary", newV4: "standby"}[strings.Join(values, " ")]
}

// until looks again and again until done says so.
func until(t *testing.T, s *Switch, ds []failoverplan.Domain, what string, done func(Board) bool) Board {
	t.Helper()
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(2 * time.Minute); ; <-tick.C {
		b := s.Look(t.Context(), ds, siteOf)
		if done(b) {
			return b
		}
		if time.Now().After(end) {
			t.Fatalf("%s: not within two minutes: %+v, %+v", what, b.Findings, b.Servers)
		}
	}
}

func line(t *testing.T, b Board, server string) ServerLine {
	t.Helper()
	i := slices.IndexFunc(b.Servers, func(l ServerLine) bool { return l.Server == server })
	if i < 0 {
		t.Fatalf("%s is not on the board: %+v", server, b.Servers)
	}
	return b.Servers[i]
}

// A secondary that is told of changes follows; one that is not is named as behind, and the
// verification waits for it and for no other.
func TestBoardNamesTheSecondaryThatLags(t *testing.T) {
	records, ds, zc := many(50, 60)
	servers := lab.ForDNS(t)
	second := servers.Secondary(zoneName)
	primary := servers.BIND(lab.Zoned{Name: zoneName, Records: records, Notify: []string{second.Addr}})
	told, deaf := second.Follow(primary), servers.NSD(zoneName, primary)
	s := over(t, byUpdate(t, primary), []string{primary.Addr, told.Addr, deaf.Addr})
	// NSD says SERVFAIL for a moment after it has the zone: the process from before answers.
	level := func(b Board) bool { return len(b.Findings) == 0 && b.Agreed == b.Total }
	until(t, s, ds, "all have the zone", level)
	if _, err := s.Apply(t.Context(), zc); err != nil {
		t.Fatal(err)
	}
	verified := make(chan error, 1)
	go func() {
		_, err := s.VerifyAuthoritative(t.Context(), []failoverplan.ZoneChange{zc})
		verified <- err
	}()
	b := until(t, s, ds, "the one that was told follows", func(b Board) bool { return line(t, b, told.Addr).State == "ok" })
	if l := line(t, b, deaf.Addr); l.State != "lagging" || l.Behind == 0 || l.New != 0 || l.Serial != 1 {
		t.Errorf("the deaf one: %+v", l)
	}
	if len(b.Findings) != 1 || b.Findings[0].Kind != "lagging" || b.Findings[0].Server != deaf.Addr || !strings.Contains(b.Findings[0].Text, "serial 1, 1 behind 2") {
		t.Errorf("%+v", b.Findings)
	}
	select {
	case err := <-verified:
		t.Errorf("verified while one server lags: %v", err)
	default:
	}
	if err := deaf.Notify(t.Context(), zoneName); err != nil {
		t.Fatal(err)
	}
	if err := <-verified; err != nil {
		t.Error(err)
	}
	until(t, s, ds, "level", func(b Board) bool { return level(b) && line(t, b, deaf.Addr).State == "ok" })
}

// Resolvers that keep to TTLs, that lengthen them and that shorten them: what the board
// says about the end of old answers holds for each.
func TestBoardIsHonestAboutResolvers(t *testing.T) {
	records, ds, zc := many(2, 4)
	long := "h0001." + zoneName
	records = strings.Replace(records, "h0001 4 ", "h0001 300 ", 1)
	zc.Changes[1].Before.TTL = 300
	servers := lab.ForDNS(t)
	primary := servers.BIND(lab.Zoned{Name: zoneName, Records: records})
	cache := func(c lab.Caching) string {
		c.Zone, c.Authority = zoneName, primary.Addr
		return servers.Unbound(c).Addr
	}
	s := over(t, byUpdate(t, primary), []string{primary.Addr},
		Resolver{"plain", cache(lab.Caching{})}, Resolver{"lengthens", cache(lab.Caching{MinTTL: 90})}, Resolver{"shortens", cache(lab.Caching{MaxTTL: 6})})
	b := s.Look(t.Context(), ds, siteOf)
	if b.Agreed != b.Total || len(b.Findings) != 1 || b.Findings[0].Kind != TraitStretches || b.Findings[0].Server != "lengthens" ||
		!strings.Contains(b.Findings[0].Text, "a TTL of 90 s where the authoritative servers give 4 s") {
		t.Fatalf("before: %d of %d, %+v", b.Agreed, b.Total, b.Findings)
	}
	if _, err := s.Apply(t.Context(), zc); err != nil {
		t.Fatal(err)
	}
	type place struct{ server, name string }
	promised := map[place]time.Time{}
	at := func(b Board, server, name string) Row {
		return b.Rows[slices.IndexFunc(b.Rows, func(r Row) bool { return r.Server == server && r.Name == name })]
	}
	b = until(t, s, ds, "short answers end", func(b Board) bool {
		var last time.Time
		for _, r := range b.Rows {
			if r.State != RowOld {
				continue
			}
			k := place{r.Server, r.Name}
			if promised[k].IsZero() {
				promised[k] = r.OldUntil
			}
			if r.At.After(promised[k].Add(grace)) {
				t.Errorf("%s still has the old %s at %s, the board said until %s", r.Server, r.Name, clock(r.At), clock(promised[k]))
			}
			if r.OldUntil.After(last) {
				last = r.OldUntil
			}
		}
		if !b.OldUntil.Equal(last) || !b.Forecast.At100.Equal(last) {
			t.Errorf("old answers end at %s, the board says %s and forecasts %s", clock(last), clock(b.OldUntil), clock(b.Forecast.At100))
		}
		return at(b, "plain", ds[0].Name).State == RowNew && at(b, "shortens", ds[0].Name).State == RowNew && at(b, "shortens", long).State == RowNew
	})
	for k, most := range map[place]time.Duration{{"plain", long}: 300 * time.Second, {"shortens", long}: 6 * time.Second, {"lengthens", ds[0].Name}: 90 * time.Second} {
		if p, ok := promised[k]; k.server != "shortens" && !ok || p.After(time.Now().Add(most)) {
			t.Errorf("%v: promised %s", k, clock(p))
		}
	}
	if r := at(b, "plain", long); r.State != RowOld || time.Until(r.OldUntil) < 2*time.Minute {
		t.Errorf("the old TTL was 300 s, and the board says %s until %s", r.State, clock(r.OldUntil))
	}
	if f := b.Forecast; !f.AtLeast || len(f.Because) != 1 || !strings.HasPrefix(f.Because[0], "lengthens: ") {
		t.Errorf("%+v", f)
	}
}

// A resolver that is cut off from the authoritative servers and gives expired answers is
// named, and the forecast does not promise an end.
func TestBoardNamesTheResolverThatServesStale(t *testing.T) {
	records, ds, zc := many(3, 1)
	servers := lab.ForDNS(t)
	primary := servers.BIND(lab.Zoned{Name: zoneName, Records: records})
	edge := servers.NSD(zoneName, primary) // all that the resolver reaches
	s := over(t, byUpdate(t, primary), []string{primary.Addr},
		Resolver{"branch", servers.Unbound(lab.Caching{Zone: zoneName, Authority: edge.Addr, Stale: true}).Addr})
	until(t, s, ds, "the resolver has the zone", func(b Board) bool { return b.Agreed == b.Total && len(b.Findings) == 0 })
	edge.Kill()
	if _, err := s.Apply(t.Context(), zc); err != nil {
		t.Fatal(err)
	}
	b := until(t, s, ds, "the resolver is found out", func(b Board) bool {
		return slices.ContainsFunc(b.Findings, func(f Finding) bool { return f.Kind == TraitStale })
	})
	if len(b.Findings) != 1 || b.Findings[0].Server != "branch" || line(t, b, "branch").Trait != TraitStale {
		t.Errorf("%+v", b.Findings)
	}
	if f := b.Forecast; !f.AtLeast || !strings.HasPrefix(b.Tail(), "old answers until at least ") {
		t.Errorf("%+v: %s", f, b.Tail())
	}
}

// Zones that their server signs: the board holds every signature against the zone's keys,
// before and after the switch.
func TestBoardChecksSignaturesOfServers(t *testing.T) {
	for name, start := range map[string]func(*lab.NameServers, lab.Zoned) *lab.NameServer{"BIND": (*lab.NameServers).BIND, "Knot": (*lab.NameServers).Knot} {
		t.Run(name, func(t *testing.T) {
			records, ds, zc := many(20, 60)
			primary := start(lab.ForDNS(t), lab.Zoned{Name: zoneName, Records: records, Signed: true})
			s := over(t, byUpdate(t, primary), []string{primary.Addr})
			signed := func(b Board) bool {
				l := line(t, b, primary.Addr)
				return l.Signed && l.State == "ok" && len(b.Findings) == 0 && !slices.ContainsFunc(b.Rows, func(r Row) bool { return r.Sig == nil || r.Sig.Err != nil })
			}
			// BIND makes its keys after it begins to answer.
			b := until(t, s, ds, "the zone is signed", signed)
			if until := line(t, b, primary.Addr).SignedUntil; time.Until(until) < 24*time.Hour {
				t.Errorf("signed until %s", until)
			}
			if _, err := s.Apply(t.Context(), zc); err != nil {
				t.Fatal(err)
			}
			if _, err := s.VerifyAuthoritative(t.Context(), []failoverplan.ZoneChange{zc}); err != nil {
				t.Fatal(err)
			}
			b = s.Look(t.Context(), ds, siteOf)
			if !signed(b) || b.Rows[0].Got[0] != newV4 {
				t.Errorf("after the switch: %+v, %+v", b.Findings, b.Rows[0])
			}
		})
	}
}

// A thousand names are switched and rolled back, again and again, while a poller asks the
// server for all of them: it sees the old or the new address and nothing else.
func TestNoNameIsEverMissingOnServers(t *testing.T) {
	const n, passesLeast, switches = 1000, 6, 6
	records, _, zc := many(n, 60)
	for _, tc := range []struct {
		name  string
		start func(t *testing.T) (string, dnsproviders.Provider)
	}{
		{"BIND", func(t *testing.T) (string, dnsproviders.Provider) {
			s := lab.ForDNS(t).BIND(lab.Zoned{Name: zoneName, Records: records})
			return s.Addr, byUpdate(t, s)
		}},
		{"Knot", func(t *testing.T) (string, dnsproviders.Provider) {
			s := lab.ForDNS(t).Knot(lab.Zoned{Name: zoneName, Records: records})
			return s.Addr, byUpdate(t, s)
		}},
		{"PowerDNS", func(t *testing.T) (string, dnsproviders.Provider) {
			s := lab.ForDNS(t).PowerDNS()
			if err := s.Serve(t.Context(), zoneName); err != nil {
				t.Fatal(err)
			}
			p := byHTTP(t, s)
			var all []dnsproviders.Change
			for _, c := range zc.Changes {
				x := toChange(c)
				all = append(all, dnsproviders.Change{Before: dnsproviders.RRset{Name: x.Before.Name, Type: x.Before.Type}, After: x.Before})
			}
			if _, err := p.Apply(t.Context(), zoneName, all); err != nil {
				t.Fatal(err)
			}
			return s.Addr, p
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			addr, p := tc.start(t)
			s := over(t, p, []string{addr})
			asked, enough := make(chan struct{}), make(chan struct{})
			res := make(chan error, 1)
			rounds := 0
			go func() {
				<-asked
				for there := zc; ; there, rounds = Invert(there), rounds+1 {
					if _, err := s.Apply(t.Context(), there); err != nil {
						res <- err
						return
					}
					select {
					case <-enough:
						if rounds+1 >= switches {
							res <- nil
							return
						}
					default:
					}
				}
			}()
			seen, done := 0, false
			passes, holes := poll(t, addr, zc, func() bool {
				if seen++; seen == 1 {
					close(asked)
				}
				if seen == passesLeast {
					close(enough)
				}
				select {
				case err := <-res:
					if err != nil {
						t.Error(err)
					}
					done = true
				default:
				}
				return done
			})
			t.Logf("%d questions during %d switches, %d answers missing or strange", passes*n, rounds+1, len(holes))
			if len(holes) > 0 {
				t.Errorf("%d holes, first: %s", len(holes), holes[0])
			}
			if passes < passesLeast {
				t.Errorf("only %d passes: the poller saw too little", passes)
			}
		})
	}
}
