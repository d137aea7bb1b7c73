package config

import (
	"slices"

	"github.com/dutyops/dutyops/failoverplan"
)

// policyKey is a cell of the table of mission A5.
type policyKey struct {
	platform  failoverplan.PlatformKind
	subsystem string
	kind      failoverplan.ComponentKind
}

// missionPolicy is the table of mission A5: what is synced when the file says
// nothing. A cell that is not here is not synced, and a component that is not
// synced is never touched (A6). A business component of no subsystem, or of one
// that the table does not know, gets what both columns agree on. Read only.
var missionPolicy = map[policyKey]bool{
	{failoverplan.Data, "", failoverplan.MySQL}:                       true,
	{failoverplan.Data, "", failoverplan.Elasticsearch}:               true,
	{failoverplan.Data, "", failoverplan.Kafka}:                       true,
	{failoverplan.Business, "", failoverplan.MySQL}:                   true,
	{failoverplan.Business, "monitoring", failoverplan.Elasticsearch}: true,
}

// PolicyFor returns the sync policy of a component: the file's row for the
// subsystem, else its row for the platform, else the mission's table.
func (c *Config) PolicyFor(platform failoverplan.PlatformKind, subsystem string, kind failoverplan.ComponentKind) failoverplan.SyncPolicy {
	if !componentKinds[kind].store {
		return failoverplan.SyncNone
	}
	for _, sub := range []string{subsystem, ""} {
		for _, p := range c.Sync.Policy {
			if p.Platform == string(platform) && p.Subsystem == sub && p.Kind == string(kind) {
				return failoverplan.SyncPolicy(p.Policy)
			}
		}
	}
	if missionPolicy[policyKey{platform, subsystem, kind}] || missionPolicy[policyKey{platform, "", kind}] {
		return failoverplan.Sync
	}
	return failoverplan.SyncNone
}

// Topology returns the configured world in the words of failoverplan. Each call
// builds a new value: the caller owns it.
func (c *Config) Topology() *failoverplan.Topology {
	t := &failoverplan.Topology{Environment: failoverplan.Environment(c.Environment), Home: c.Home}
	for i := range c.Sites {
		t.Sites = append(t.Sites, c.topologySite(&c.Sites[i]))
	}
	for _, d := range c.Domains {
		t.Domains = append(t.Domains, failoverplan.Domain{
			Name: d.Name, Station: d.Station, Zone: d.Zone, Provider: c.providerName(d.Zone), Also: c.twinNames(d.Zone),
			Types: slices.Clone(d.Types), TTL: uint32(d.TTL.D().Seconds()), SwitchTTL: uint32(d.SwitchTTL.D().Seconds()),
		})
	}
	for _, u := range c.Upstreams {
		t.Feeds = append(t.Feeds, failoverplan.Feed{Name: u.Name})
	}
	return t
}

func (c *Config) topologySite(s *Site) failoverplan.Site {
	site := failoverplan.Site{
		Name: s.Name, Weight: s.Weight, Emergency: s.Emergency,
		GatewayV4: slices.Clone(s.Gateway.IPv4), GatewayV6: slices.Clone(s.Gateway.IPv6), GatewayName: s.Gateway.Name,
	}
	for _, kind := range []failoverplan.PlatformKind{failoverplan.Business, failoverplan.Data} {
		p := s.platform(kind)
		platform := failoverplan.Platform{Kind: kind}
		for _, sub := range p.Subsystems {
			platform.Subsystems = append(platform.Subsystems, failoverplan.Subsystem{Name: sub.Name, Critical: isTrue(sub.Critical)})
		}
		for _, m := range p.Components {
			platform.Components = append(platform.Components, c.topologyComponent(kind, &m))
		}
		site.Platforms = append(site.Platforms, platform)
	}
	return site
}

func (c *Config) topologyComponent(platform failoverplan.PlatformKind, m *Component) failoverplan.Component {
	kind := failoverplan.ComponentKind(m.Kind)
	out := failoverplan.Component{
		Name: m.Name, Kind: kind, Subsystem: m.Subsystem, Critical: isTrue(m.Critical),
		Sync: c.PolicyFor(platform, m.Subsystem, kind), Job: m.Job.Name,
	}
	if len(m.Mirrors) > 0 {
		out.Mirrors = map[string][]string{}
		for _, r := range m.Mirrors {
			out.Mirrors[r.From] = slices.Clone(r.Connectors)
		}
	}
	return out
}

// ProviderFor returns the provider that holds a zone; ok is false for a zone that
// is not configured.
func (c *Config) ProviderFor(zone string) (p Provider, ok bool) {
	name := c.providerName(dnsName(zone))
	for _, p := range c.DNS.Providers {
		if p.Name == name && name != "" {
			return p, true
		}
	}
	return Provider{}, false
}

func (c *Config) providerName(zone string) string {
	if z, ok := c.ZoneNamed(zone); ok {
		return z.Provider
	}
	return ""
}

// twinNames are the further providers of a zone.
func (c *Config) twinNames(zone string) []string {
	z, _ := c.ZoneNamed(zone)
	var out []string
	for _, t := range z.Also {
		out = append(out, t.Provider)
	}
	return out
}

// ZoneNamed returns a configured zone; ok is false when there is none of that name.
func (c *Config) ZoneNamed(name string) (z Zone, ok bool) {
	for _, z := range c.DNS.Zones {
		if z.Name == dnsName(name) {
			return z, true
		}
	}
	return Zone{}, false
}

// SiteNamed returns a configured site; ok is false when there is none of that name.
func (c *Config) SiteNamed(name string) (s Site, ok bool) { return c.site(name) }

// UpstreamNamed returns a configured upstream; ok is false when there is none of that name.
func (c *Config) UpstreamNamed(name string) (u Upstream, ok bool) {
	for _, u := range c.Upstreams {
		if u.Name == name {
			return u, true
		}
	}
	return Upstream{}, false
}

// ComponentAt returns a component by site, platform and name; ok is false when the
// site has none of that name (an emergency site may well not).
func (c *Config) ComponentAt(site string, platform failoverplan.PlatformKind, name string) (m Component, ok bool) {
	s, ok := c.site(site)
	if !ok {
		return Component{}, false
	}
	for _, m := range s.platform(platform).Components {
		if m.Name == name {
			return m, true
		}
	}
	return Component{}, false
}

// SubsystemAt returns a subsystem by site, platform and name; ok is false when there is none.
func (c *Config) SubsystemAt(site string, platform failoverplan.PlatformKind, name string) (sub Subsystem, ok bool) {
	s, ok := c.site(site)
	if !ok {
		return Subsystem{}, false
	}
	for _, sub := range s.platform(platform).Subsystems {
		if sub.Name == name {
			return sub, true
		}
	}
	return Subsystem{}, false
}

// RelationBetween returns the sync relation of two sites in either order; without a
// row in the file it covers all kinds at the default frequency.
func (c *Config) RelationBetween(a, b string) Relation {
	for _, r := range c.Sync.Relations {
		if len(r.Between) == 2 && slices.Contains(r.Between, a) && slices.Contains(r.Between, b) {
			return r
		}
	}
	r := Relation{Between: []string{a, b}}
	orDuration(&r.Every, defaultEvery)
	return r
}

func (s *Site) platform(kind failoverplan.PlatformKind) *Platform {
	if kind == failoverplan.Business {
		return &s.Business
	}
	return &s.Data
}

// PlatformOf returns one platform of the site.
func (s Site) PlatformOf(kind failoverplan.PlatformKind) Platform { return *s.platform(kind) }

func isTrue(b *bool) bool { return b != nil && *b }
