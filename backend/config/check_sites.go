package config

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/dutyops/dutyops/failoverplan"
)

func siteName(s Site) string { return s.Name }

func (k *checker) sites() {
	c := k.c
	if len(c.Sites) < 2 {
		k.add("sites", fmt.Sprintf("%d of at least 2 sites configured", len(c.Sites)), "one that serves and one to fail over to", "add the missing site")
	}
	known := names(c.Sites, siteName)
	if c.Home != "" && len(c.Sites) > 0 && !k.broken("sites") && k.reference("home", "site", c.Home, known) {
		if home, _ := c.site(c.Home); home.Emergency {
			k.add("home", fmt.Sprintf("home %q is an emergency site", c.Home), "a full site", "name the main site, or remove emergency: true from it")
		}
	}
	seen, gateways, urls := map[string]string{}, map[string]string{}, map[string]string{}
	servers := map[string]string{}
	for i := range c.Sites {
		s, path := &c.Sites[i], item("sites", i)
		k.label(path+".name", "site", s.Name)
		if slices.Contains(reservedSites, s.Name) {
			k.add(path+".name", fmt.Sprintf("site name %q has a meaning of its own", s.Name), "another name", "rename it")
		}
		k.unique(seen, path+".name", "site", s.Name)
		if s.Weight < 1 || s.Weight > 1000 {
			what := fmt.Sprintf("%s.weight is %d", path, s.Weight)
			if !k.has(path + ".weight") {
				what = path + ".weight is missing"
			}
			k.add(path+".weight", what, "1 to 1000; the healthy standby with the greatest weight is chosen", "write a weight")
		}
		k.gateway(path+".gateway", &s.Gateway, gateways, urls)
		k.platform(path+".business", &s.Business, s)
		k.platform(path+".data", &s.Data, s)
		k.servers(servers, path, s)
	}
}

func (k *checker) gateway(path string, g *Gateway, addresses, urls map[string]string) {
	if len(g.IPv4)+len(g.IPv6) == 0 && g.Name == "" && !k.broken(path+".ipv4") && !k.broken(path+".ipv6") {
		k.add(path, path+" has no address", "what DNS points at: ipv4, ipv6 or both, or a name", "add ipv4: [ADDRESS]")
	}
	k.gatewayName(path+".name", g.Name, addresses)
	check := func(path, s, family string, fits func(netip.Addr) bool) {
		a, err := netip.ParseAddr(s)
		switch {
		case err != nil:
			k.add(path, fmt.Sprintf("%s: %q is no address", path, shorten(s)), "an "+family+" address", "write the address that DNS shall carry")
			return
		case !fits(a):
			k.add(path, fmt.Sprintf("%s: %s is of the other family", path, s), "an "+family+" address", "move it to the other list")
			return
		case a.IsUnspecified() || a.IsMulticast() || a.Zone() != "" || a.IsLinkLocalUnicast():
			k.add(path, fmt.Sprintf("%s: users cannot reach %s", path, s), "an "+family+" address of the gateway", "write the address that DNS shall carry")
			return
		}
		k.unique(addresses, path, "gateway address", a.String())
	}
	for i, s := range g.IPv4 {
		check(item(path+".ipv4", i), s, "IPv4", netip.Addr.Is4)
	}
	for i, s := range g.IPv6 {
		check(item(path+".ipv6", i), s, "IPv6", func(a netip.Addr) bool { return a.Is6() && !a.Is4In6() })
	}
	if g.URL == "" {
		k.add(path+".url", path+".url is missing", "where this gateway can be reached from here", "add url: http://ADDRESS")
	} else {
		k.address(path+".url", g.URL)
		k.unique(urls, path+".url", "gateway URL", g.URL)
	}
	k.path(path+".health_path", g.HealthPath)
	k.path(path+".check_path", g.CheckPath)
	if g.SiteHeader != "" && !headerForm.MatchString(g.SiteHeader) {
		k.add(path+".site_header", fmt.Sprintf("%s.site_header: %q is no header name", path, shorten(g.SiteHeader)), "a header name such as X-Site", "write the name only, without the colon")
	}
}

// gatewayName: what a CNAME points at stays what it is when users move.
func (k *checker) gatewayName(path, name string, known map[string]string) {
	switch {
	case name == "":
		return
	case !nameOK(name):
		k.add(path, fmt.Sprintf("%s: %q is no domain name", path, shorten(name)), "the gateway's own name, for domains of type CNAME", "correct it")
		return
	case slices.ContainsFunc(k.c.Domains, func(d Domain) bool { return d.Name == name }):
		k.add(path, fmt.Sprintf("%s: %s is one of the domains, and moves with the users", path, name), "a name that always leads to this gateway", "give the gateway a name of its own")
		return
	}
	k.unique(known, path, "gateway name", name)
}

func (k *checker) path(path, v string) {
	if v != "" && !strings.HasPrefix(v, "/") {
		k.add(path, fmt.Sprintf("%s: %q is no path", path, shorten(v)), "a path that begins with /", "put a / in front")
	}
}

func (k *checker) platform(path string, p *Platform, s *Site) {
	if len(p.Subsystems)+len(p.Components) == 0 && !s.Emergency && !k.broken(path) {
		k.add(path, path+" has no parts", "at least one subsystem or component: without any, nobody can say how the platform is", "add what runs there")
	}
	seen := map[string]string{}
	for i := range p.Subsystems {
		sub, at := &p.Subsystems[i], item(path+".subsystems", i)
		k.label(at+".name", "subsystem", sub.Name)
		k.unique(seen, at+".name", "name", sub.Name)
		if sub.URL == "" {
			k.add(at+".url", at+".url is missing", "the subsystem's health endpoint", "add url: http://HOST:PORT/healthz")
		} else {
			k.address(at+".url", sub.URL)
		}
		k.status(at+".expect_status", sub.ExpectStatus)
	}
	subsystems := names(p.Subsystems, func(s Subsystem) string { return s.Name })
	for i := range p.Components {
		m, at := &p.Components[i], item(path+".components", i)
		k.label(at+".name", "component", m.Name)
		k.unique(seen, at+".name", "name", m.Name)
		if m.Subsystem != "" {
			k.reference(at+".subsystem", "subsystem", m.Subsystem, subsystems)
		}
		k.component(at, m, s)
	}
}

func (k *checker) status(path string, code int) {
	if code != 0 && (code < 100 || code > 599) {
		k.add(path, fmt.Sprintf("%s is %d", path, code), "an HTTP status from 100 to 599", "leave it out to accept every 2xx")
	}
}

// servers finds one server configured at two sites: nearly always a copied line,
// and a failover to the very server that failed. seen maps a server to its site.
func (k *checker) servers(seen map[string]string, path string, s *Site) {
	check := func(path, kind, server string) {
		key := kind + " " + server
		if other, known := seen[key]; known && other != s.Name {
			k.add(path, fmt.Sprintf("%s: site %q has the same %s server", path, other, kind), "a server of its own at each site", "correct the address: it looks copied")
			return
		}
		seen[key] = s.Name
	}
	for _, kind := range []failoverplan.PlatformKind{failoverplan.Business, failoverplan.Data} {
		for i, m := range s.platform(kind).Components {
			at := item(path+"."+string(kind)+".components", i)
			if m.Address != "" && m.Kind != string(failoverplan.DNS) {
				check(at+".address", m.Kind, m.Address)
			}
			if m.URL != "" {
				check(at+".url", m.Kind, m.URL)
			}
			for j, b := range m.Brokers {
				check(item(at+".brokers", j), m.Kind, b)
			}
		}
	}
}

// counterparts checks that full sites have the same parts: only then can one stand
// in for the other, and only then does every synced component know where to.
func (k *checker) counterparts() {
	var full []int
	for i, s := range k.c.Sites {
		if !s.Emergency {
			full = append(full, i)
		}
	}
	for _, i := range full {
		for _, j := range full {
			a, b := &k.c.Sites[i], &k.c.Sites[j]
			if a.Name == b.Name {
				continue // itself, or a name used twice: said elsewhere
			}
			k.platformPair(item("sites", j)+".business", b.Name, a.Name, &b.Business, &a.Business)
			k.platformPair(item("sites", j)+".data", b.Name, a.Name, &b.Data, &a.Data)
		}
	}
	k.emergencyKinds()
}

// platformPair reports at path what there has and here lacks.
func (k *checker) platformPair(path, here, there string, mine, theirs *Platform) {
	const same = "the same parts at every full site"
	const todo = "add it, remove it there, or mark the site with emergency: true if it is cut down on purpose"
	if k.broken(path+".subsystems") || k.broken(path+".components") {
		return
	}
	for _, sub := range theirs.Subsystems {
		if sub.Name != "" && !slices.ContainsFunc(mine.Subsystems, func(s Subsystem) bool { return s.Name == sub.Name }) {
			k.add(path+".subsystems", fmt.Sprintf("site %q has no subsystem %q, site %q has", here, sub.Name, there), same, todo)
		}
	}
	for _, m := range theirs.Components {
		if m.Name == "" {
			continue
		}
		i := slices.IndexFunc(mine.Components, func(x Component) bool { return x.Name == m.Name })
		if i < 0 {
			k.add(path+".components", fmt.Sprintf("site %q has no component %q (%s), site %q has", here, m.Name, m.Kind, there), same, todo)
			continue
		}
		if x := mine.Components[i]; here > there && otherKind(x, m) {
			k.add(item(path+".components", i)+".kind", fmt.Sprintf("%q is a %s here and a %s at site %q", m.Name, x.Kind, m.Kind, there), "the same kind at both sites", "correct one of them")
		}
	}
}

// emergencyKinds: what an emergency site has, must be the same kind of thing as at home.
func (k *checker) emergencyKinds() {
	home, ok := k.c.site(k.c.Home)
	if !ok {
		return
	}
	for i, s := range k.c.Sites {
		if !s.Emergency {
			continue
		}
		for _, p := range []struct {
			key       string
			its, main []Component
		}{{"business", s.Business.Components, home.Business.Components}, {"data", s.Data.Components, home.Data.Components}} {
			for j, m := range p.its {
				for _, x := range p.main {
					if x.Name == m.Name && otherKind(x, m) {
						k.add(item(item("sites", i)+"."+p.key+".components", j)+".kind", fmt.Sprintf("%q is a %s here and a %s at site %q", m.Name, m.Kind, x.Kind, home.Name), "the same kind at both sites", "correct one of them")
					}
				}
			}
		}
	}
}

// otherKind: an unknown kind is a complaint of its own.
func otherKind(a, b Component) bool {
	_, aOK := componentKinds[failoverplan.ComponentKind(a.Kind)]
	_, bOK := componentKinds[failoverplan.ComponentKind(b.Kind)]
	return aOK && bOK && a.Kind != b.Kind
}
