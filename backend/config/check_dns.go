package config

import (
	"fmt"
	"net/netip"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"time"
)

func (k *checker) stations() {
	seen := map[string]string{}
	for i, s := range k.c.Stations {
		path := item("stations", i) + ".name"
		switch {
		case s.Name == "":
			k.add(path, "station without a name", "a short name such as PVG", "add \"name: ...\"")
		case !stationForm.MatchString(s.Name):
			k.add(path, fmt.Sprintf("station name %q cannot be used", shorten(s.Name)), "letters, digits and inner dashes", "rename it; put words for people into title")
		}
		k.unique(seen, path, "station", strings.ToUpper(s.Name))
	}
}

func (k *checker) providers() {
	if len(k.c.DNS.Providers) == 0 {
		k.add("dns.providers", "no DNS provider is configured", "at least one: without it no name can be switched", "add a list \"providers:\" below \"dns:\"")
	}
	seen := map[string]string{}
	for i := range k.c.DNS.Providers {
		p, path := &k.c.DNS.Providers[i], item("dns.providers", i)
		k.label(path+".name", "provider", p.Name)
		k.unique(seen, path+".name", "provider", p.Name)
		if p.Timeout > p.Budget {
			k.add(path+".timeout", fmt.Sprintf("%s.timeout (%s) is longer than its budget (%s)", path, p.Timeout.D(), p.Budget.D()), "timeout of one request <= budget of all tries", "shorten timeout or raise budget")
		}
		spec, ok := providerKinds[p.Kind]
		if !ok {
			k.choice(path+".kind", p.Kind, providerKindNames(), "write who holds the zone")
			continue
		}
		what := "a " + p.Kind + " provider"
		if p.Kind == KindLibDNS {
			if spec, ok = libdnsModules[p.Module]; !ok {
				k.choice(path+".module", p.Module, LibDNSModules(), "write which libdns module speaks to the vendor; others are not compiled in")
				continue
			}
			what += " with module " + p.Module
		}
		k.keys(path, what, spec, providerCommon, reflect.ValueOf(*p))
		if p.BaseURL != "" {
			k.address(path+".base_url", p.BaseURL)
			k.noTokenInTheClear(path+".base_url", p.BaseURL)
		}
		if p.Server != "" {
			k.hostPort(path+".server", p.Server)
		}
		if p.KeyName != "" && !nameOK(p.KeyName) {
			k.add(path+".key_name", fmt.Sprintf("%s.key_name: %q is no key name", path, shorten(p.KeyName)), "the TSIG key's name, a domain name", "write it as in the server's configuration")
		}
		if p.Rate < 0 || p.Rate > 1000 {
			k.add(path+".rate", fmt.Sprintf("%s.rate is %d", path, p.Rate), "1 to 1000 writes per second", "leave it out for the default")
		}
		if ref := p.AccessKeyID.Reference(); ref != "" {
			if problem := ref.problem(); problem != "" {
				k.add(path+".access_key_id", path+".access_key_id "+problem, "the id alone, or env:NAME, file:PATH or exec:COMMAND", "write what the reference refers to behind its colon")
			}
		} else if strings.ContainsFunc(string(p.AccessKeyID), func(r rune) bool { return r <= ' ' || r > '~' || r == ',' || r == '/' }) {
			k.add(path+".access_key_id", path+".access_key_id holds characters that no key id has", "the id alone, such as AKID... or LTAI...", "write it as the vendor's console shows it")
		}
		if p.HostedZoneID != "" && !labelForm.MatchString(strings.ToLower(strings.TrimPrefix(p.HostedZoneID, "/hostedzone/"))) {
			k.add(path+".hosted_zone_id", path+".hosted_zone_id is no hosted zone's id", "letters and digits, such as Z0123456789ABCDEFGHIJ", "copy it from the hosted zone's page")
		}
		if p.Kind == KindRFC2136 || p.Module == KindRFC2136 {
			k.choice(path+".key_algorithm", p.KeyAlgorithm, keyAlgorithms, "write it as in the server's configuration")
		}
	}
}

// noTokenInTheClear: an API token may go over plain http to this machine only.
func (k *checker) noTokenInTheClear(path, s string) {
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "http" || u.Hostname() == "localhost" {
		return
	}
	if a, err := netip.ParseAddr(u.Hostname()); err == nil && a.IsLoopback() {
		return
	}
	k.add(path, path+" would send the token unencrypted", "https, or http on a loopback address", "write https://")
}

func (k *checker) zones() {
	if len(k.c.DNS.Zones) == 0 {
		k.add("dns.zones", "no zone is configured", "at least one, with its provider", "add a list \"zones:\" below \"dns:\"")
	}
	providers := names(k.c.DNS.Providers, func(p Provider) string { return p.Name })
	bound := map[string]string{} // the one zone of a provider with a hosted_zone_id
	for _, p := range k.c.DNS.Providers {
		if p.HostedZoneID != "" {
			bound[p.Name] = ""
		}
	}
	seen := map[string]string{}
	for i, z := range k.c.DNS.Zones {
		path := item("dns.zones", i)
		switch {
		case z.Name == "":
			k.add(path+".name", "zone without a name", "a domain name", "add \"name: ...\"")
		case !nameOK(z.Name):
			k.add(path+".name", fmt.Sprintf("%s.name: %q is no domain name", path, shorten(z.Name)), "a domain name", "correct it")
		}
		k.unique(seen, path+".name", "zone", z.Name)
		switch {
		case z.Provider == "":
			k.add(path+".provider", path+".provider is missing", "the name of a provider", "add \"provider: ...\"")
		case !k.broken("dns.providers"):
			k.reference(path+".provider", "provider", z.Provider, providers)
		}
		k.oneZone(bound, path, z.Provider, z.Name)
		if len(z.Authoritative) == 0 {
			k.add(path+".authoritative", path+" names no authoritative servers", "at least one host:port: they tell whether a switch has arrived", "add \"authoritative: [ADDRESS:53]\"")
		}
		servers := map[string]string{}
		k.answering(servers, path, z.Authoritative)
		k.twins(servers, bound, path, z, providers)
		k.delegation(path, z)
	}
}

// delegation checks what discover goes by.
func (k *checker) delegation(path string, z Zone) {
	if !z.Discover && len(z.Parents)+len(z.NameServers) > 0 {
		list := "parents"
		if len(z.Parents) == 0 {
			list = "name_servers"
		}
		k.add(path+"."+list, fmt.Sprintf("%s.%s is there, but discover is off", path, list), "discover: true beside it", "add \"discover: true\", or take it out")
	}
	if z.Discover && len(z.Parents) == 0 && len(k.c.DNS.Resolvers) == 0 {
		k.add(path+".discover", path+".discover has nobody to ask for the parent zone", "servers of the parent zone, or resolvers that find them", "add \"parents: [ADDRESS:53]\", or resolvers below dns")
	}
	seen := map[string]string{}
	for j, a := range z.Parents {
		at := item(path+".parents", j)
		k.hostPort(at, a)
		k.unique(seen, at, "parent server", a)
	}
	hosts := map[string]string{}
	for j, n := range z.NameServers {
		at := item(path+".name_servers", j)
		switch {
		case n.Name == "":
			k.add(at+".name", "name server without a name", "the name in the NS record", "add \"name: ...\"")
		case !nameOK(n.Name):
			k.add(at+".name", fmt.Sprintf("%s.name: %q is no domain name", at, shorten(n.Name)), "the name in the NS record", "correct it")
		}
		k.unique(hosts, at+".name", "name server", n.Name)
		if len(n.Addresses) == 0 {
			k.add(at+".addresses", at+" has no addresses", "at least one host:port", "add \"addresses: [ADDRESS:53]\", or take the name server out")
		}
		for i, a := range n.Addresses {
			k.hostPort(item(at+".addresses", i), a)
		}
	}
}

func (k *checker) answering(seen map[string]string, path string, addresses []string) {
	for j, a := range addresses {
		at := item(path+".authoritative", j)
		k.hostPort(at, a)
		k.unique(seen, at, "server", a)
	}
}

// twins checks the further providers of a zone. Every server belongs to one provider: it
// is asked whether that provider's write has arrived.
func (k *checker) twins(servers, bound map[string]string, path string, z Zone, providers []string) {
	seen := map[string]string{z.Provider: path + ".provider"}
	for j, t := range z.Also {
		at := item(path+".also", j)
		switch {
		case t.Provider == "":
			k.add(at+".provider", at+".provider is missing", "the name of a provider", "add \"provider: ...\"")
		case !k.broken("dns.providers") && k.reference(at+".provider", "provider", t.Provider, providers):
			k.unique(seen, at+".provider", "provider", t.Provider)
			k.oneZone(bound, at, t.Provider, z.Name)
		}
		if len(t.Authoritative) == 0 {
			k.add(at+".authoritative", at+" names no authoritative servers", "at least one host:port: they tell whether a switch has arrived", "add \"authoritative: [ADDRESS:53]\"")
		}
		k.answering(servers, at, t.Authoritative)
	}
}

// oneZone: a provider with a hosted_zone_id holds the one zone of that id.
func (k *checker) oneZone(bound map[string]string, path, provider, zone string) {
	switch was, one := bound[provider]; {
	case one && was != "" && was != zone:
		k.add(path+".provider", fmt.Sprintf("%s.provider: %s has a hosted_zone_id and already holds zone %s", path, provider, was), "one zone for a provider with a hosted_zone_id", "add a provider for this zone")
	case one:
		bound[provider] = zone
	}
}

// armed checks dns.armed.
func (k *checker) armed() {
	a := k.c.DNS.Armed
	if a.Every.D() < time.Second {
		k.add("dns.armed.every", fmt.Sprintf("dns.armed.every is %s", a.Every.D()), "1s or more", "read less often: every reading is a request against the account's limit")
	}
	if a.MaxAge < a.Every {
		path := "dns.armed.max_age"
		if !k.has(path) {
			path = "dns.armed.every"
		}
		k.add(path, fmt.Sprintf("dns.armed: max_age (%s) is less than every (%s)", a.MaxAge.D(), a.Every.D()), "max_age >= every: a reading must not be stale before the next one", fmt.Sprintf("set max_age to %s", 3*a.Every.D()))
	}
	if a.ProbeWrite != 0 && a.ProbeWrite.D() < time.Minute {
		k.add("dns.armed.probe_write", fmt.Sprintf("dns.armed.probe_write is %s", a.ProbeWrite.D()), "1m or more", "write less often, such as 1h")
	}
}

// service checks dns.service.
func (k *checker) service() {
	const path = "dns.service"
	s := k.c.DNS.Service
	if !k.has(path) {
		return
	}
	k.choice(path+".scheme", s.Scheme, schemes, "write how browsers reach the names")
	k.choice(path+".reach", s.Reach, reaches, "write where the addresses are called")
	if s.Port < 0 || s.Port > 65535 {
		k.add(path+".port", fmt.Sprintf("%s.port is %d", path, s.Port), "1 to 65535", "leave it out for the scheme's own")
	}
	if !strings.HasPrefix(s.Path, "/") {
		k.add(path+".path", fmt.Sprintf("%s.path: %q does not begin with a slash", path, shorten(s.Path)), "a path such as /", "put a / in front")
	}
	if s.ExpectStatus != 0 && (s.ExpectStatus < 200 || s.ExpectStatus > 599) {
		k.add(path+".expect_status", fmt.Sprintf("%s.expect_status is %d", path, s.ExpectStatus), "200 to 599", "leave it out for 200 to 399")
	}
	if d := s.Timeout.D(); d < 100*time.Millisecond || d > 10*time.Second {
		k.add(path+".timeout", fmt.Sprintf("%s.timeout is %s", path, d), "100ms to 10s", "leave it out for 3s")
	}
	if s.Scheme == "http" && s.TLS != nil {
		k.add(path+".tls", path+".tls is there, but the scheme is http", "tls beside https only", "take it out, or write scheme: https")
	}
	if s.TLS != nil && s.TLS.ServerName != "" {
		k.add(path+".tls.server_name", path+".tls.server_name is there", "none: the certificate must carry the name that users enter", "take it out")
	}
}

func (k *checker) resolvers() {
	seen, addresses := map[string]string{}, map[string]string{}
	for i, r := range k.c.DNS.Resolvers {
		path := item("dns.resolvers", i)
		k.label(path+".name", "resolver", r.Name)
		k.unique(seen, path+".name", "resolver", r.Name)
		if r.Address == "" {
			k.add(path+".address", path+".address is missing", "host:port", "add \"address: ADDRESS:53\"")
			continue
		}
		k.hostPort(path+".address", r.Address)
		k.unique(addresses, path+".address", "resolver address", r.Address)
	}
}

func (k *checker) domains() {
	if len(k.c.Domains) == 0 {
		k.add("domains", "no domains are configured", "at least one name that users enter", "add a list \"domains:\" with name and station")
	}
	stations := names(k.c.Stations, func(s Station) string { return s.Name })
	zones := names(k.c.DNS.Zones, func(z Zone) string { return z.Name })
	seen := map[string]string{}
	for i := range k.c.Domains {
		d, path := &k.c.Domains[i], item("domains", i)
		switch {
		case d.Name == "":
			k.add(path+".name", "domain without a name", "a name that users enter", "add \"name: ...\"")
			continue
		case !nameOK(d.Name):
			k.add(path+".name", fmt.Sprintf("%s.name: %q is no domain name", path, shorten(d.Name)), "a domain name without wildcards", "correct it")
			continue
		}
		k.unique(seen, path+".name", "domain", d.Name)
		switch {
		case k.broken("stations"):
		case d.Station != "":
			k.reference(path+".station", "station", d.Station, stations)
		case len(stations) > 0:
			k.add(path+".station", fmt.Sprintf("domain %q belongs to no station", d.Name), "one of "+strings.Join(stations, ", "), "add \"station: ...\": a switch of some stations must know")
		}
		k.domainZone(path, d, zones)
		if d.TTL.D() < time.Second || d.TTL.D() > time.Hour || d.TTL.D()%time.Second != 0 {
			k.add(path+".ttl", fmt.Sprintf("%s.ttl is %s", path, d.TTL.D()), "whole seconds from 1s to 1h; users wait that long after a switch", "write 30s")
		}
		if low := d.SwitchTTL.D(); low < time.Second || low > time.Hour || low%time.Second != 0 {
			k.add(path+".switch_ttl", fmt.Sprintf("%s.switch_ttl is %s", path, low), "whole seconds from 1s to 1h", "write 5s")
		}
		k.domainTypes(path+".types", d)
	}
}

func (k *checker) domainZone(path string, d *Domain, zones []string) {
	switch {
	case k.broken("dns.zones"):
	case d.Zone == "" && len(zones) > 0:
		k.add(path+".name", fmt.Sprintf("domain %q is in none of the zones", d.Name), "a name in "+oneOf(zones), "add its zone below dns.zones, or correct the name")
	case d.Zone == "":
		// No zones at all: said once, by zones.
	case k.reference(path+".zone", "zone", d.Zone, zones) && !inZone(d.Name, d.Zone):
		k.add(path+".zone", fmt.Sprintf("domain %q is not in zone %q", d.Name, d.Zone), "a zone that ends the name", "correct one of them, or leave zone out")
	}
}

func (k *checker) domainTypes(path string, d *Domain) {
	seen := map[string]string{}
	for i, t := range d.Types {
		at := item(path, i)
		k.unique(seen, at, "type", t)
		k.choice(at, t, domainTypes, "only these records follow a gateway")
	}
	if slices.Contains(d.Types, aliasType) {
		k.aliasDomain(path, d)
		return
	}
	only6 := len(d.Types) == 1 && d.Types[0] == "AAAA"
	for _, s := range k.c.Sites {
		if s.Name == "" || len(s.Gateway.IPv4)+len(s.Gateway.IPv6) == 0 && s.Gateway.Name == "" {
			continue
		}
		if slices.Contains(d.Types, "A") && len(s.Gateway.IPv4) == 0 {
			k.family(path, d, s, "A", "ipv4")
		}
		// A site without IPv6 is fine next to A: the AAAA set is removed while it serves.
		if slices.Contains(d.Types, "AAAA") && len(s.Gateway.IPv6) == 0 && (only6 || s.Name == k.c.Home) {
			k.family(path, d, s, "AAAA", "ipv6")
		}
	}
}

// aliasDomain: a CNAME stands alone, below the apex, and points at a gateway's name.
func (k *checker) aliasDomain(path string, d *Domain) {
	switch {
	case len(d.Types) > 1:
		k.add(path, fmt.Sprintf("domain %q has type CNAME beside others", d.Name), "CNAME alone: no other record may stand beside one (RFC 1034 section 3.6.2)", "write types: [CNAME]")
	case d.Name == d.Zone:
		k.add(path, fmt.Sprintf("domain %q is the apex of its zone and cannot be a CNAME", d.Name), "A or AAAA at the apex", "write types: [A]")
	}
	for _, s := range k.c.Sites {
		if s.Name != "" && s.Gateway.Name == "" {
			k.add(path, fmt.Sprintf("domain %q has type CNAME, but the gateway of site %q has no name", d.Name, s.Name), "a gateway name at every site that it can point at", fmt.Sprintf("add gateway.name to site %q, or write types: [A]", s.Name))
		}
	}
}

func (k *checker) family(path string, d *Domain, s Site, rrtype, list string) {
	k.add(path, fmt.Sprintf("domain %q has type %s, but the gateway of site %q has no %s address", d.Name, rrtype, s.Name, list), "an address of each type at the sites it can point at", fmt.Sprintf("add gateway.%s to site %q, or leave %s out of types", list, s.Name, rrtype))
}
