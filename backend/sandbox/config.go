package sandbox

import (
	"fmt"
	"strings"
	"time"
)

// ConfigName is the configuration that a sandbox writes into its folder.
const ConfigName = "dutyops.yaml"

// account is a user with a password, and the file that holds it.
type account struct{ user, password, file string }

func (a account) yaml() string {
	return fmt.Sprintf("user: %q, password: %q", a.user, "file:"+a.file)
}

// access is how one component is reached: what sandbox.json tells, and what the
// console needs besides.
type access struct {
	FileComponent
	probe, control, repl account
	// peer is where the counterpart at another site reaches it (address or URL).
	peer string
}

// configText is a complete dutyops.yaml for the running sandbox.
func (s *Sandbox) configText() string {
	var b strings.Builder
	p := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	p("# Written by the sandbox at its start: a complete configuration that points at it.")
	p("version: 1")
	p("environment: sandbox")
	p("home: %s", s.sites[0].name)
	p("")
	p("sites:")
	for _, site := range s.sites {
		s.configSite(p, site)
	}
	p("")
	p("stations:")
	for _, st := range stationSpecs {
		p("  - {name: %s, title: %q}", st.name, st.title)
	}
	p("")
	p("domains:")
	for _, st := range stationSpecs {
		p("  - {name: %s, station: %s, zone: %s, types: [A, AAAA], ttl: %s}", st.domain, st.name, zoneName, s.o.TTL)
	}
	p("")
	s.configDNS(p)
	p("")
	p("upstreams:")
	for _, f := range feedSpecs {
		p("  - name: %s", f.name)
		p("    title: %q", f.title)
		p("    kinds: [%s]", strings.Join(f.kinds, ", "))
		p("    switch: {url: %q, token: %q}", s.feedURL(f.name)+"/switch", "file:"+s.feedToken.file)
	}
	p("")
	p("sync:")
	p("  relations:")
	for i, a := range s.sites {
		for _, c := range s.sites[i+1:] {
			p("    - {between: [%s, %s], every: %s}", a.name, c.name, copyEvery)
		}
	}
	p("")
	p("thresholds: {interval: 900ms, timeout: 800ms, down_after: 3, up_after: 2, stale_after: 5s, slow_after: 90ms}")
	p("rules: {catch_up_timeout: 15s, fence_timeout: 2s, resolver_wait: %s, arming: 3s}", (s.o.TTL + 10*time.Second))
	return b.String()
}

func (s *Sandbox) configDNS(p func(string, ...any)) {
	p("dns:")
	p("  providers:")
	p("    - {name: %s, kind: cloudflare, base_url: %q, token: %q, timeout: 2s, budget: 6s}",
		providerCF, s.file.DNS.Cloudflare+"/client/v4", "file:"+s.file.DNS.TokenFile)
	p("    - {name: %s, kind: rfc2136, server: %q, key_name: %s, key_algorithm: hmac-sha256, key_secret: %q, timeout: 2s, budget: 6s}",
		provider213, s.file.DNS.RFC2136.Server, keyName, "file:"+s.file.DNS.RFC2136.KeyFile)
	p("  zones:")
	p("    - {name: %s, provider: %s, authoritative: [%s]}", zoneName, providerCF, quoted(s.file.DNS.Authoritative))
	p("  resolvers:")
	p("    - {name: stations, address: %q}", s.file.DNS.Resolver)
	p("  service: {scheme: http, path: /monitoring/flights, reach: gateway, timeout: 1s}")
}

func (s *Sandbox) configSite(p func(string, ...any), site *site) {
	p("  - name: %s", site.name)
	p("    title: %q", site.title)
	p("    weight: %d", site.weight)
	if site.emergency {
		p("    emergency: true")
	}
	p("    gateway:")
	p("      ipv4: [%s]", site.v4)
	p("      ipv6: [%q]", site.v6)
	p("      url: %q", site.gatewayURL())
	p("      health_path: /healthz")
	p("      site_header: X-Site")
	p("      check_path: /monitoring/flights")
	for _, platform := range []string{business, data} {
		p("    %s:", platform)
		if platform == business {
			p("      subsystems:")
			for _, name := range site.subsystems() {
				p("        - {name: %s, url: %q}", name, site.at(business+"/"+name).URL+"/healthz")
			}
		}
		p("      components:")
		for _, c := range site.components() {
			if c.platform == platform {
				s.configComponent(p, site, c)
			}
		}
	}
}

func (s *Sandbox) configComponent(p func(string, ...any), site *site, c componentSpec) {
	a := site.at(c.key())
	p("        - name: %s", c.name)
	p("          kind: %s", c.kind)
	if c.subsystem != "" {
		p("          subsystem: %s", c.subsystem)
	}
	if a.Address != "" {
		p("          address: %q", a.Address)
	}
	if a.URL != "" {
		p("          url: %q", a.URL)
	}
	if a.probe.user != "" {
		p("          user: %s", a.probe.user)
	}
	if a.probe.file != "" {
		p("          password: %q", "file:"+a.probe.file)
	}
	switch c.kind {
	case "mysql":
		p("          database: ops")
		p("          control: {%s}", a.control.yaml())
		p("          replication: {address: %q, %s}", a.peer, a.repl.yaml())
	case "elasticsearch":
		index, field := indexMessages, "at"
		if c.platform == business {
			index, field = indexFlights, "updated_at"
		}
		p("          index: %s", index)
		p("          time_field: %s", field)
		p("          replication: {url: %q, %s}", a.peer, a.probe.yaml())
	case "kafka":
		p("          brokers: [%s]", quoted(a.Brokers))
		p("          topics: [%s]", topicMessages)
	case "kafka-connect":
		p("          mirrors:")
		for _, other := range s.sites {
			if other != site {
				p("            - {from: %s, connectors: [%s]}", other.name, mirrorName(other.name))
			}
		}
	case "rabbitmq":
		p("          queue: %s", queueNotifications)
	case "flink":
		p("          job: {name: %s, jar: %q, entry_class: %q, savepoint_dir: %q}", jobName, jobJar, jobClass, s.folder.path("savepoints"))
	}
}

// mirrorName is the connector that copies from another site into this one.
func mirrorName(from string) string { return "mirror-from-" + from }

func quoted(list []string) string {
	out := make([]string, len(list))
	for i, x := range list {
		out[i] = fmt.Sprintf("%q", x)
	}
	return strings.Join(out, ", ")
}
