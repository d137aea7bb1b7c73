package switching

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/dutyops/dutyops/dnsproviders/dnstest"
	"github.com/dutyops/dutyops/failoverplan"
)

// callsFor answers calls by address, and remembers who was called.
type callsFor struct {
	mu    sync.Mutex
	seen  []string
	reply map[string]Called
}

func (c *callsFor) call(_ context.Context, name string, addr netip.Addr) (Called, bool) {
	c.mu.Lock()
	c.seen = append(c.seen, name+" "+addr.String())
	c.mu.Unlock()
	a, ok := c.reply[addr.String()]
	if !ok {
		a = Called{State: ServiceOK, Status: 200}
	}
	return a, !strings.HasPrefix(name, "h0002")
}

// lagging is a resolver that still gives the old addresses of h0000.
func lagging(t *testing.T) string {
	t.Helper()
	z := dnstest.NewZone(zoneName)
	z.Set("h0000."+zoneName, "A", 42, oldV4)
	z.Set("h0000."+zoneName, "AAAA", 42, oldV6)
	z.Set("alias."+zoneName, "CNAME", 42, "h0000."+zoneName)
	res, err := dnstest.NewAuthority("", nil, z)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(res.Close)
	return res.Addr
}

func TestServices(t *testing.T) {
	soon := time.Now().Add(72 * time.Hour)
	for _, tc := range []struct {
		name string
		at   Called // at the new IPv4 address
		want string // findings
		v4   ServiceShare
		text string
	}{
		{"well", Called{State: ServiceOK, Status: 200, Site: "standby", ServedBy: "standby"}, "", ServiceShare{2, 2}, ""},
		{"silent", Called{State: ServiceSilent, Err: errors.New("no answer within 3s")}, "bad service-silent", ServiceShare{1, 2}, "at " + newV4 + ": no answer within 3s"},
		{"an error", Called{State: ServiceStatus, Status: 503, Err: errors.New("answers 503")}, "bad service-error", ServiceShare{1, 2}, "answers 503"},
		{"expired", Called{State: ServiceUntrusted, TLS: "expired", Err: errors.New("has expired")}, "bad tls-expired", ServiceShare{1, 2}, "has expired"},
		{"wrong name", Called{State: ServiceUntrusted, TLS: "wrong-name", Err: errors.New("is for x")}, "bad tls-wrong-name", ServiceShare{1, 2}, "is for x"},
		{"unknown authority", Called{State: ServiceUntrusted, TLS: "unknown-ca", Err: errors.New("by itself")}, "bad tls-unknown-ca", ServiceShare{1, 2}, "by itself"},
		{"of tomorrow", Called{State: ServiceUntrusted, TLS: "not-yet-valid", Err: errors.New("not before")}, "bad tls-future", ServiceShare{1, 2}, "not before"},
		{"no TLS there", Called{State: ServiceUntrusted, TLS: "not-tls", Err: errors.New("plain")}, "bad tls-broken", ServiceShare{1, 2}, "plain"},
		{"ends soon", Called{State: ServiceOK, TLSUntil: soon}, "warn tls-soon", ServiceShare{2, 2}, "ends at " + soon.Local().Format(time.DateTime)},
		{"another site", Called{State: ServiceOK, Site: "standby", ServedBy: "primary"}, "warn service-other-site", ServiceShare{1, 2}, "answered by primary, the address is that of standby"},
		{"no way there", Called{State: ServiceNotAsked, Err: errors.New("no IPv6 here")}, "note service-not-asked", ServiceShare{1, 1}, "no IPv6 here"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			calls := &callsFor{reply: map[string]Called{newV4: tc.at}}
			r := newRig(t, rigOptions{resolvers: []Resolver{{"branch", lagging(t)}}})
			r.s.opt.Service = calls.call
			r.s.opt.QueryTimeout = 10 * time.Second
			ds, _ := r.site("cloudflare", 1)
			r.zone.Set("h0000."+zoneName, "A", 30, newV4)
			r.zone.Set("h0000."+zoneName, "AAAA", 30, newV6)
			b := r.s.Look(t.Context(), ds, func(v []string) string {
				return map[string]string{oldV4: "primary", oldV6: "primary"}[strings.Join(v, " ")]
			})
			if got := kinds(b); got != tc.want {
				t.Errorf("found %q, want %q: %+v", got, tc.want, b.Findings)
			}
			if len(b.Findings) > 0 && (!strings.Contains(b.Findings[0].Text, tc.text) || b.Findings[0].Server != newV4 || b.Findings[0].Name != "h0000."+zoneName) {
				t.Errorf("%+v", b.Findings[0])
			}
			x := b.Services
			if x.IPv4 != tc.v4 || x.IPv6 != (ServiceShare{2, 2}) || x.NotAsked != 0 {
				t.Errorf("%+v", x)
			}
			var lines []string
			for _, l := range x.Lines {
				lines = append(lines, fmt.Sprintf("%s %s %v", l.Family, l.Address, l.Through))
			}
			if want := []string{"ipv4 " + oldV4 + " [branch]", "ipv4 " + newV4 + " []", "ipv6 " + oldV6 + " [branch]", "ipv6 " + newV6 + " []"}; !slices.Equal(lines, want) {
				t.Errorf("got  %v\nwant %v", lines, want)
			}
		})
	}
}

// TestServiceBehindAnAlias: an alias has no addresses on the board; the resolvers are
// asked for them. A name that has no service is not called.
func TestServiceBehindAnAlias(t *testing.T) {
	calls := &callsFor{}
	r := newRig(t, rigOptions{resolvers: []Resolver{{"branch", lagging(t)}}})
	r.s.opt.Service, r.s.opt.QueryTimeout = calls.call, 10*time.Second
	ds, _ := r.site("cloudflare", 3)
	ds = append(ds[2:3], failoverplan.Domain{Name: "alias." + zoneName, Zone: zoneName, Types: []string{"CNAME"}})
	b := r.s.Look(t.Context(), ds, noSite)
	var got []string
	for _, l := range b.Services.Lines {
		got = append(got, l.Name+" "+l.Address)
	}
	if want := []string{"alias." + zoneName + " " + oldV4, "alias." + zoneName + " " + oldV6}; !slices.Equal(got, want) {
		t.Errorf("%v", got)
	}
}

// TestCallsAreBounded: a thousand names are called in turns, and a silent address is not
// waited for a thousand times.
func TestCallsAreBounded(t *testing.T) {
	rows := make([]Row, 1000)
	ts := map[key]truth{}
	for i := range rows {
		rows[i] = Row{Server: "r", Name: fmt.Sprintf("h%04d.example", i+10000), Type: "A", Got: []string{newV4}}
	}
	var n atomic.Int32
	seen := map[string]bool{}
	now := time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)
	s := &Switch{opt: Options{Now: func() time.Time { return now }, Service: func(context.Context, string, netip.Addr) (Called, bool) {
		n.Add(1)
		return Called{State: ServiceOK}, true
	}}}
	for look := range 4 {
		now = now.Add(wellFor)
		x := s.services(t.Context(), rows, ts, nil)
		if len(x.Lines) != maxCalls || x.NotAsked != 1000-maxCalls || int(n.Swap(0)) != maxCalls {
			t.Errorf("look %d: %d lines, %d left", look, len(x.Lines), x.NotAsked)
		}
		for _, l := range x.Lines {
			seen[l.Name] = true
		}
	}
	if len(seen) != 1000 {
		t.Errorf("%d names were called in four looks", len(seen))
	}
	s.callers = callers{}
	s.opt.Service = func(context.Context, string, netip.Addr) (Called, bool) {
		n.Add(1)
		return Called{State: ServiceSilent, Err: errors.New("no answer")}, true
	}
	x := s.services(t.Context(), rows, ts, nil)
	if n.Load() != 3 || x.IPv4 != (ServiceShare{0, maxCalls}) || x.Lines[maxCalls-1].Error != "no answer" {
		t.Errorf("%d calls, %+v", n.Load(), x.IPv4)
	}
	if (*Services)(nil).Summary() != "" || x.Summary() != "IPv4 0 of 256" {
		t.Errorf("%q", x.Summary())
	}
}

// TestWellServicesAreSpared: of many, what was well a moment ago is not asked again; what
// was not is, and so are all when there are few, or when the moment is over.
func TestWellServicesAreSpared(t *testing.T) {
	now := time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)
	var n atomic.Int32
	s := &Switch{opt: Options{Now: func() time.Time { return now }, Service: func(_ context.Context, name string, _ netip.Addr) (Called, bool) {
		n.Add(1)
		if name == "h00.example" {
			return Called{State: ServiceStatus, Status: 503, Err: errors.New("503")}, true
		}
		return Called{State: ServiceOK, Status: 200}, true
	}}}
	look := func(names int, resolver string) (*Services, int) {
		var rows []Row
		for i := range names {
			rows = append(rows, Row{Server: resolver, Name: fmt.Sprintf("h%02d.example", i), Type: "A", Got: []string{newV4}})
		}
		n.Store(0)
		x := s.services(t.Context(), rows, nil, nil)
		return x, int(n.Load())
	}
	if x, calls := look(40, "a"); calls != 40 || x.IPv4 != (ServiceShare{39, 40}) {
		t.Errorf("the first look made %d calls: %+v", calls, x.IPv4)
	}
	x, calls := look(40, "b")
	if calls != 1 || x.IPv4 != (ServiceShare{39, 40}) || x.Lines[7].Status != 200 || !slices.Equal(x.Lines[7].Through, []string{"b"}) {
		t.Errorf("a moment later: %d calls, %+v", calls, x.Lines[7])
	}
	if _, calls := look(fewCalls, "a"); calls != fewCalls {
		t.Errorf("few services: %d calls", calls)
	}
	now = now.Add(wellFor)
	if _, calls := look(40, "a"); calls != 40 {
		t.Errorf("later: %d calls", calls)
	}
}

// overdue is a context whose time is over when done is closed.
type overdue struct {
	context.Context
	done chan struct{}
}

func (o overdue) Done() <-chan struct{} { return o.done }

func (o overdue) Err() error {
	select {
	case <-o.done:
		return context.DeadlineExceeded
	default:
		return nil
	}
}

// TestServicesInTheEvidence: when the resolvers are verified, and also when that does not
// come about in time, the evidence has what users find.
func TestServicesInTheEvidence(t *testing.T) {
	for _, timely := range []bool{true, false} {
		calls := &callsFor{reply: map[string]Called{oldV4: {State: ServiceSilent, Err: errors.New("nobody there")}}}
		late := overdue{t.Context(), make(chan struct{})}
		old := dnstest.NewZone(zoneName)
		old.Set("h0000."+zoneName, "A", 42, oldV4)
		old.Set("h0000."+zoneName, "AAAA", 42, oldV6)
		res, err := dnstest.NewAuthority("", nil, old)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(res.Close)
		var asked atomic.Int32
		res.Hook(func(w dns.ResponseWriter, q *dns.Msg, serve func(dns.ResponseWriter)) {
			// Asked a second time, so the first answer has been taken in.
			if q.Question[0].Qtype == dns.TypeA && asked.Add(1) == 2 {
				close(late.done)
			}
			serve(w)
		})
		r := newRig(t, rigOptions{resolvers: []Resolver{{"branch", res.Addr}}})
		if timely {
			r.s.opt.Resolvers[0].Address = r.ns1.Addr
		}
		r.s.opt.Service, r.s.opt.QueryTimeout = calls.call, 20*time.Second
		_, p := r.site("cloudflare", 1)
		r.zone.Set("h0000."+zoneName, "A", 30, newV4)
		r.zone.Set("h0000."+zoneName, "AAAA", 30, newV6)
		b, err := r.s.VerifyResolvers(late, []failoverplan.ZoneChange{p})
		text := strings.Join(b.Evidence(9), "\n")
		if timely && (err != nil || !strings.Contains(text, "IPv4 1 of 1, IPv6 1 of 1")) {
			t.Errorf("%v: %s", err, text)
		}
		if !timely && (err == nil || !strings.Contains(text, "[bad] service-silent "+oldV4)) {
			t.Errorf("%v: %s", err, text)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	s := &Switch{opt: Options{Now: time.Now, Service: (&callsFor{}).call}}
	if s.servicesAfter(ctx, nil) != nil {
		t.Error("a run that a person has stopped goes on calling")
	}
}
