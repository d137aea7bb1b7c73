package backend

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/dutyops/dutyops/backend/config"
	"github.com/dutyops/dutyops/backend/monitor"
	"github.com/dutyops/dutyops/backend/replication"
	"github.com/dutyops/dutyops/backend/secure"
	"github.com/dutyops/dutyops/backend/switching"
	"github.com/dutyops/dutyops/dnsproviders"
	"github.com/dutyops/dutyops/dnsproviders/alidns"
	"github.com/dutyops/dutyops/dnsproviders/cloudflare"
	"github.com/dutyops/dutyops/dnsproviders/compat"
	"github.com/dutyops/dutyops/dnsproviders/dnspod"
	"github.com/dutyops/dutyops/dnsproviders/powerdns"
	"github.com/dutyops/dutyops/dnsproviders/rfc2136"
	"github.com/dutyops/dutyops/dnsproviders/route53"
	"github.com/dutyops/dutyops/failoverplan"
	"github.com/dutyops/dutyops/probes"
	"github.com/dutyops/dutyops/probes/trust"
)

func shortHash(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:6])
}

// gatewayName is the last part of a gateway's target.
const gatewayName = "gateway"

// targets makes one prober per gateway, subsystem and component.
func (e *Engine) targets() ([]monitor.Target, error) {
	var out []monitor.Target
	add := func(t probes.Target) error {
		t.CertificateWarning = time.Duration(e.cfg.Thresholds.CertificateDays) * 24 * time.Hour
		p, err := probes.New(t)
		if err != nil {
			return fmt.Errorf("probe %s: %w", t.Name, err)
		}
		e.probers[t.Name], e.kinds[t.Name] = p, t.Kind
		e.addresses[t.Name] = addressesOf(t)
		out = append(out, monitor.Target{ID: t.Name, Prober: p})
		return nil
	}
	for _, s := range e.cfg.Sites {
		if err := add(probes.Target{
			Name: failoverplan.Target(s.Name, gatewayName), Kind: "http",
			URL: strings.TrimSuffix(s.Gateway.URL, "/") + s.Gateway.HealthPath, SlowAfter: e.cfg.Thresholds.SlowAfter.D(),
			TLS: e.gatewayTLS(s.Gateway),
		}); err != nil {
			return nil, err
		}
		for _, k := range []failoverplan.PlatformKind{failoverplan.Business, failoverplan.Data} {
			p := s.Business
			if k == failoverplan.Data {
				p = s.Data
			}
			for _, sub := range p.Subsystems {
				if err := add(probes.Target{
					Name: failoverplan.Target(s.Name, string(k), sub.Name), Kind: "http", URL: sub.URL,
					ExpectStatus: sub.ExpectStatus, ExpectBody: sub.ExpectBody, SlowAfter: e.cfg.Thresholds.SlowAfter.D(), TLS: secure.Settings(sub.TLS),
				}); err != nil {
					return nil, err
				}
			}
			for _, c := range p.Components {
				if err := add(e.componentTarget(s.Name, k, c)); err != nil {
					return nil, err
				}
			}
		}
	}
	return out, nil
}

func (e *Engine) componentTarget(site string, k failoverplan.PlatformKind, c config.Component) probes.Target {
	t := probes.Target{
		Name: failoverplan.Target(site, string(k), c.Name), Kind: c.Kind, Address: c.Address, URL: c.URL, Brokers: c.Brokers,
		User: c.User, Database: c.Database, ExpectStatus: c.ExpectStatus, ExpectBody: c.ExpectBody,
		Query: c.Query, QType: c.QType, Expect: c.Expect, Topics: c.Topics, Job: c.Job.Name,
		Index: c.Index, TimeField: c.TimeField, YellowOK: c.YellowOK == nil || *c.YellowOK, Queue: c.Queue, SlowAfter: c.SlowAfter.D(),
		TLS: secure.Settings(c.TLS), SASL: c.SASL,
	}
	if t.SlowAfter == 0 {
		t.SlowAfter = e.cfg.Thresholds.SlowAfter.D()
	}
	if c.Password != "" {
		t.Password = c.Password.Resolve
	}
	if c.APIKey != "" {
		t.APIKey = c.APIKey.Resolve
	}
	for _, m := range c.Mirrors {
		t.Connectors = append(t.Connectors, m.Connectors...)
	}
	if c.Kind == string(failoverplan.Kafka) {
		t.Heartbeats = func() []string { return e.heartbeats(site, k) }
	}
	synced := e.cfg.PolicyFor(k, c.Subsystem, failoverplan.ComponentKind(c.Kind)) == failoverplan.Sync
	t.Role = func() probes.Role {
		switch {
		case c.Kind == string(failoverplan.Flink) && site == e.sourceOf(k):
			return probes.RoleSource
		case !synced:
			return probes.RoleAny
		case site == e.sourceOf(k):
			return probes.RoleSource
		}
		return probes.RoleReplica
	}
	return t
}

// heartbeats are the topics of a site's Kafka that heartbeats of mirrors are looked for in: its
// own, and those of every site that a connector here copies from.
func (e *Engine) heartbeats(site string, k failoverplan.PlatformKind) []string {
	s, _ := e.topo.Site(site)
	p, _ := s.Platform(k)
	out := []string{probes.HeartbeatsTopic}
	for _, c := range p.Components {
		if c.Kind != failoverplan.KafkaConnect || len(c.Mirrors) == 0 {
			continue
		}
		var known probes.Facts
		if t, ok := e.mon.Snapshot().Target(failoverplan.Target(site, string(k), c.Name)); ok && t.Last != nil {
			known = t.Last.Facts
		}
		for _, from := range slices.Sorted(maps.Keys(c.Mirrors)) {
			out = append(out, replication.HeartbeatTopics(known, from, c.Mirrors[from])...)
		}
	}
	return out
}

// gatewayTLS: a gateway that is asked by address shows the certificate of the names that
// users enter; the first of them stands for all.
func (e *Engine) gatewayTLS(g config.Gateway) *trust.Settings {
	s := secure.Settings(g.TLS)
	if !config.ByAddress(g.URL) || len(e.cfg.Domains) == 0 || s != nil && s.ServerName != "" {
		return s
	}
	if s == nil {
		s = &trust.Settings{}
	}
	s.ServerName = e.cfg.Domains[0].Name
	return s
}

// openDNS makes the providers, zones and resolvers of the configuration.
func (e *Engine) openDNS() (*switching.Switch, error) {
	o := switching.Options{
		Providers: map[string]dnsproviders.Provider{}, Fingerprints: map[string]string{}, Now: e.now,
		MaxAge: e.cfg.DNS.Armed.MaxAge.D(), RetryBudget: e.cfg.Rules.RetryBudget.D(),
		OnNotice: func(n switching.Notice) { e.notice(n.Zone, n.Provider, n.Text, n.Begins) },
		Service:  e.serviceCaller(), CertificateSoon: time.Duration(e.cfg.Thresholds.CertificateDays) * 24 * time.Hour,
	}
	for _, p := range e.cfg.DNS.Providers {
		prov, err := e.openProvider(p)
		if err != nil {
			return nil, fmt.Errorf("dns provider %s: %w", p.Name, err)
		}
		o.Providers[p.Name], o.Fingerprints[p.Name] = prov, fingerprint(p)
	}
	for _, z := range e.cfg.DNS.Zones {
		sz := switching.Zone{Name: z.Name, Provider: z.Provider, Authoritative: z.Authoritative, Discover: z.Discover, Parents: z.Parents, NameServers: map[string][]string{}}
		for _, n := range z.NameServers {
			sz.NameServers[n.Name] = n.Addresses
		}
		for _, t := range z.Also {
			sz.Also = append(sz.Also, switching.Twin{Provider: t.Provider, Authoritative: t.Authoritative})
		}
		o.Zones = append(o.Zones, sz)
	}
	for _, r := range e.cfg.DNS.Resolvers {
		o.Resolvers = append(o.Resolvers, switching.Resolver{Name: r.Name, Address: r.Address})
	}
	return switching.New(o)
}

func (e *Engine) openProvider(p config.Provider) (dnsproviders.Provider, error) {
	switch p.Kind {
	case "cloudflare":
		return cloudflare.New(cloudflare.Options{
			HTTPClient: secure.HTTPClient(p.TLS), BaseURL: p.BaseURL, Token: p.Token.Resolve, Timeout: p.Timeout.D(), Budget: p.Budget.D(),
			OnRetry: func(n cloudflare.RetryNotice) {
				e.notice(n.Zone, p.Name, fmt.Sprintf("%s: try %d in %s, %s of its time left: %v", n.Op, n.Try, n.Wait.Round(100*time.Millisecond), n.Left.Round(100*time.Millisecond), n.Cause), true)
			},
		})
	case "rfc2136":
		return rfc2136.New(rfc2136.Options{
			Server: p.Server, KeyName: p.KeyName, KeyAlgorithm: p.KeyAlgorithm,
			KeySecret: p.KeySecret.Resolve, Timeout: p.Timeout.D(), Budget: p.Budget.D(),
			OnRetry: func(zone string, try int, cause error) {
				e.notice(zone, p.Name, fmt.Sprintf("update: try %d: %v", try, cause), true)
			},
		})
	case config.KindPowerDNS:
		return powerdns.New(powerdns.Options{
			HTTPClient: secure.HTTPClient(p.TLS), BaseURL: p.BaseURL, ServerID: p.ServerID, APIKey: p.APIKey.Resolve, Timeout: p.Timeout.D(), Budget: p.Budget.D(),
			OnRetry: func(n powerdns.RetryNotice) {
				e.notice(n.Zone, p.Name, fmt.Sprintf("%s: try %d in %s, %s of its time left: %v", n.Op, n.Try, n.Wait.Round(100*time.Millisecond), n.Left.Round(100*time.Millisecond), n.Cause), true)
			},
		})
	case config.KindRoute53:
		return route53.New(route53.Options{
			HTTPClient: secure.HTTPClient(p.TLS), BaseURL: p.BaseURL, Region: p.Region, HostedZoneID: p.HostedZoneID,
			AccessKeyID: p.AccessKeyID.Resolve, SecretAccessKey: p.SecretAccessKey.Resolve,
			Timeout: p.Timeout.D(), Budget: p.Budget.D(),
			OnRetry: func(n route53.RetryNotice) {
				e.notice(n.Zone, p.Name, fmt.Sprintf("%s: try %d in %s, %s of its time left: %v", n.Op, n.Try, n.Wait.Round(100*time.Millisecond), n.Left.Round(100*time.Millisecond), n.Cause), true)
			},
		})
	case config.KindDNSPod:
		return dnspod.New(dnspod.Options{
			HTTPClient: secure.HTTPClient(p.TLS), BaseURL: p.BaseURL, KeyID: p.AccessKeyID.Resolve, Secret: p.AccessKeySecret.Resolve, Timeout: p.Timeout.D(), Budget: p.Budget.D(),
			OnRetry: func(n dnspod.RetryNotice) {
				e.notice(n.Zone, p.Name, fmt.Sprintf("%s: try %d in %s, %s of its time left: %v", n.Op, n.Try, n.Wait.Round(100*time.Millisecond), n.Left.Round(100*time.Millisecond), n.Cause), true)
			},
		})
	case config.KindAliDNS:
		return alidns.New(alidns.Options{
			HTTPClient: secure.HTTPClient(p.TLS), BaseURL: p.BaseURL, KeyID: p.AccessKeyID.Resolve, Secret: p.AccessKeySecret.Resolve, Rate: float64(p.Rate), Timeout: p.Timeout.D(), Budget: p.Budget.D(),
			OnRetry: func(n alidns.RetryNotice) {
				e.notice(n.Zone, p.Name, fmt.Sprintf("%s: try %d in %s, %s of its time left: %v", n.Op, n.Try, n.Wait.Round(100*time.Millisecond), n.Left.Round(100*time.Millisecond), n.Cause), true)
			},
		})
	case config.KindLibDNS:
		m, ok := compat.Named(p.Module)
		if !ok {
			return nil, fmt.Errorf("libdns module %q is not compiled in; %s are", p.Module, strings.Join(compat.Names(), ", "))
		}
		secret := p.Token
		if p.KeySecret != "" {
			secret = p.KeySecret
		}
		return compat.New(compat.Options{
			Module: m, Settings: compat.Settings{Server: p.Server, KeyName: p.KeyName, KeyAlgorithm: p.KeyAlgorithm}, Secret: secret.Resolve,
			Timeout: p.Timeout.D(), Budget: p.Budget.D(),
			OnRetry: func(n compat.RetryNotice) {
				e.event("dns", "warn", n.Zone, "%s %s: try %d in %s, %s of its time left: %v", n.Op, n.Zone, n.Try, n.Wait.Round(100*time.Millisecond), n.Left.Round(100*time.Millisecond), n.Cause)
			},
		})
	}
	return nil, fmt.Errorf("unknown kind %q", p.Kind)
}
