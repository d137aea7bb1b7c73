package demo

import (
	"context"
	"net/netip"
	"slices"
	"time"

	"github.com/dutyops/dutyops/backend"
)

// CheckBoard implements backend.Face: resolvers that lag are counted, and the service is
// called at every address that somebody gives.
func (w *World) CheckBoard(context.Context) (backend.DNSBoard, []backend.DomainStatus, error) {
	ds := w.Status().Domains
	b := backend.DNSBoard{At: w.opt.Now(), Findings: []backend.DNSFinding{}, Services: &backend.DNSServices{Lines: []backend.DNSServiceLine{}}}
	lines := map[string]*backend.DNSServer{}
	var order []string
	line := func(role, zone string, x backend.ServerAnswer) *backend.DNSServer {
		l := lines[role+x.Server]
		if l == nil {
			l = &backend.DNSServer{Role: role, Zone: zone, Server: x.Server, State: "ok"}
			lines[role+x.Server] = l
			order = append(order, role+x.Server)
		}
		l.Total++
		b.Total++
		return l
	}
	for _, d := range ds {
		for _, x := range d.Authoritative {
			l := line("authoritative", "gss.example.test", x)
			l.Serial, l.TCP, l.RTTms = x.Serial, "ok", 2
			l.New++
			b.Authoritative.Total++
			b.Authoritative.New++
			b.Agreed++
		}
		for _, x := range d.Resolvers {
			l := line("resolver", "", x)
			b.Resolvers.Total++
			if x.OldUntil == nil {
				l.New++
				b.Resolvers.New++
				b.Agreed++
			} else {
				l.Old++
				l.State, l.OldUntil, l.Trait = "old", *x.OldUntil, "ttl-stretched"
				b.Forecast.At90, b.Forecast.At100, b.Forecast.AtLeast = *x.OldUntil, *x.OldUntil, true
			}
			w.call(b.Services, d.Name, x)
		}
	}
	for _, k := range order {
		b.Servers = append(b.Servers, *lines[k])
	}
	if b.Resolvers.New < b.Resolvers.Total {
		b.Forecast.Others = w.opt.Now().Add(58 * time.Second)
		b.Findings = append(b.Findings, backend.DNSFinding{
			Level: "warn", Kind: "ttl-stretched", Server: "127.0.0.1:5353", Count: 1,
			Text:     "it gives a TTL of 120 s where the authoritative servers give 30 s",
			Do:       "users behind this resolver keep old answers longer than the TTL: lower its minimum TTL (cache-min-ttl)",
			Sentence: "it gives a TTL of {ttl} s where the authoritative servers give {most} s",
			Data:     map[string]string{"ttl": "120", "most": "30"},
		})
	}
	return b, ds, nil
}

// call counts the service at the address that a resolver gives. The gateway of a site
// that is down does not answer.
func (w *World) call(x *backend.DNSServices, name string, a backend.ServerAnswer) {
	for _, v := range a.Values {
		i := slices.IndexFunc(x.Lines, func(l backend.DNSServiceLine) bool { return l.Name == name && l.Address == v })
		if i >= 0 {
			x.Lines[i].Through = append(x.Lines[i].Through, a.Server)
			continue
		}
		l := backend.DNSServiceLine{Name: name, Family: "ipv4", Address: v, Site: a.Site, ServedBy: a.Site, Through: []string{a.Server}, State: "ok", Status: 200, TookMS: 12}
		share := &x.IPv4
		if addr, err := netip.ParseAddr(v); err == nil && addr.Is6() {
			l.Family, share = "ipv6", &x.IPv6
		}
		share.Total++
		w.mu.Lock()
		_, down := w.broken[a.Site]
		w.mu.Unlock()
		if down {
			l.State, l.Status, l.Error = "silent", 0, "no answer within 3s"
		} else {
			share.OK++
		}
		x.Lines = append(x.Lines, l)
	}
}
