//go:build integration

package lab

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/dutyops/dutyops/probes"
)

// asked says that a probe of a target must find this.
type asked struct {
	of     probes.Target
	want   probes.Status
	detail string
}

func (a asked) awaits(ctx context.Context, t *testing.T, what string) {
	t.Helper()
	p, err := probes.New(a.of)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = p.Close() }()
	if err := Await(ctx, time.Minute, what, func(ctx context.Context) string {
		ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
		defer cancel()
		if r := p.Probe(ctx); r.Status != a.want || !strings.Contains(r.Detail, a.detail) {
			return fmt.Sprintf("%s %q, want %s with %q", r.Status, r.Detail, a.want, a.detail)
		}
		return ""
	}); err != nil {
		t.Error(err)
	}
}

// breaks asks about a server that is well, frozen, well again, killed, and started again.
func breaks(ctx context.Context, t *testing.T, s *server, well, frozen, killed asked) {
	t.Helper()
	well.awaits(ctx, t, "before")
	if err := s.Freeze(); err != nil {
		t.Fatal(err)
	}
	frozen.awaits(ctx, t, "frozen")
	if err := s.Thaw(); err != nil {
		t.Fatal(err)
	}
	well.awaits(ctx, t, "thawed")
	s.Kill()
	killed.awaits(ctx, t, "killed")
	if err := s.Start(ctx); err != nil {
		t.Fatal(err)
	}
	well.awaits(ctx, t, "started again")
}

// What docs/components/http-tcp-dns.md says of each answer, on nginx and on DNS servers of
// every make that the suites use.
func TestProbesOfHTTPAndTCPOnNginx(t *testing.T) {
	ctx, dir := alone(t)
	port := freeLoopbackPort(ctx, t)
	g, err := newGateway(dir, "primary", "127.0.0.1", port, "http://"+local(freeLoopbackPort(ctx, t)))
	if err != nil {
		t.Fatal(err)
	}
	s := &server{Site: "primary", proc: g.proc}
	up(ctx, t, s)
	web := probes.Target{Name: "gateway", Kind: "http", URL: g.URL + "/healthz"}
	with := func(change func(*probes.Target)) probes.Target {
		o := web
		change(&o)
		return o
	}
	for _, a := range []asked{
		{with(func(o *probes.Target) { o.ExpectBody = `{"gateway":"primary"}` }), probes.StatusUp, "200"},
		{with(func(o *probes.Target) { o.ExpectBody = "standby" }), probes.StatusDown, `without "standby"`},
		{with(func(o *probes.Target) { o.URL = g.URL + "/nothing" }), probes.StatusDown, "404"},
		{with(func(o *probes.Target) { o.URL, o.ExpectStatus = g.URL+"/nothing", 404 }), probes.StatusUp, "404"},
		{with(func(o *probes.Target) { o.URL = g.URL + "/monitoring/healthz" }), probes.StatusDown, "502"},
		{with(func(o *probes.Target) { o.SlowAfter = time.Nanosecond }), probes.StatusDegraded, "slow"},
	} {
		a.awaits(ctx, t, a.of.URL)
	}
	refused := asked{web, probes.StatusDown, "refused"}
	breaks(ctx, t, s, asked{web, probes.StatusUp, "200"}, asked{web, probes.StatusDown, "no answer within"}, refused)
	// A frozen process still accepts: the kernel does it.
	tcp := probes.Target{Name: "gateway", Kind: "tcp", Address: local(port)}
	accepts := asked{tcp, probes.StatusUp, "accepts connections"}
	breaks(ctx, t, s, accepts, accepts, asked{tcp, probes.StatusDown, "refused"})
}

func up(ctx context.Context, t *testing.T, s *server) {
	t.Helper()
	if err := s.Start(ctx); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Stop)
}

func TestProbesOfDNSOnServers(t *testing.T) {
	const zone, address = "probe.example.test", "192.0.2.7"
	z := Zoned{Name: zone, Records: "www IN A " + address + "\n"}
	makers := ForDNS(t)
	bind := makers.BIND(z)
	for name, s := range map[string]*NameServer{
		"BIND": bind, "Knot": makers.Knot(z), "NSD": makers.NSD(zone, bind),
		"Unbound": makers.Unbound(Caching{Zone: zone, Authority: bind.Addr}),
	} {
		t.Run(name, func(t *testing.T) {
			ctx := t.Context()
			ask := func(query string, expect ...string) probes.Target {
				return probes.Target{Name: name, Kind: "dns", Address: s.Addr, Query: query, Expect: expect}
			}
			www := ask("www."+zone, address)
			for _, a := range []asked{
				{ask("www." + zone), probes.StatusUp, address},
				{ask("www."+zone, "192.0.2.8"), probes.StatusDegraded, "expected 192.0.2.8"},
				{ask(zone), probes.StatusDegraded, "has no " + zone + " A"},
				{ask("nowhere." + zone), probes.StatusDown, "NXDOMAIN"},
			} {
				a.awaits(ctx, t, a.of.Query)
			}
			breaks(ctx, t, &s.server, asked{www, probes.StatusUp, address}, asked{www, probes.StatusDown, "no answer within"}, asked{www, probes.StatusDown, ""})
		})
	}
}
