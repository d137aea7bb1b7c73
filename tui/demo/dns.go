package demo

import (
	"time"

	"github.com/dutyops/dutyops/backend"
)

func addresses(site string) (v4, v6 string) {
	switch site {
	case "standby":
		return "198.51.100.20", "2001:db8:b::20"
	case "emergency":
		return "203.0.113.30", "2001:db8:c::30"
	default:
		return "192.0.2.10", "2001:db8:a::10"
	}
}

func stations() []struct{ code, domain string } {
	return []struct{ code, domain string }{
		{"PVG", "pvg.gss.example.test"}, {"SHA", "sha.gss.example.test"}, {"CAN", "can.gss.example.test"},
	}
}

func (w *World) domains() []backend.DomainStatus {
	var out []backend.DomainStatus
	old := "primary"
	if w.serving == "primary" {
		old = "standby"
	}
	for _, s := range stations() {
		for _, typ := range []string{"A", "AAAA"} {
			d := backend.DomainStatus{Name: s.domain, Type: typ, Station: s.code}
			if !w.warm {
				out = append(out, d)
				continue
			}
			d.PointsAt = w.serving
			ans := func(server, site string, ttl uint32) backend.ServerAnswer {
				v4, v6 := addresses(site)
				v := v4
				if typ == "AAAA" {
					v = v6
				}
				return backend.ServerAnswer{Server: server, Values: []string{v}, Site: site, TTLS: ttl}
			}
			for _, a := range []string{"127.0.0.1:5301", "127.0.0.1:5302"} {
				x := ans(a, w.serving, 2)
				x.Serial = 2026112207
				d.Authoritative = append(d.Authoritative, x)
			}
			for i, r := range []string{"127.0.0.1:5353", "10.20.0.53:53", "10.20.1.53:53"} {
				x := ans(r, w.serving, 1)
				if uint32(i) < w.lagging[s.domain] {
					x = ans(r, old, 27)
					until := w.opt.Now().Add(27 * time.Second)
					x.OldUntil = &until
				}
				d.Resolvers = append(d.Resolvers, x)
			}
			out = append(out, d)
		}
	}
	return out
}
