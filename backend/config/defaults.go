package config

import (
	"net/netip"
	"strings"
	"time"

	"github.com/dutyops/dutyops/failoverplan"
)

// defaultEvery is how often timed copies run (mission A6).
const defaultEvery = 5 * time.Second

func orDuration(d *Duration, v time.Duration) {
	if *d == 0 {
		*d = Duration(v)
	}
}

func orInt(n *int, v int) {
	if *n == 0 {
		*n = v
	}
}

func orBool(b **bool, v bool) {
	if *b == nil {
		*b = &v
	}
}

func orString(s *string, v string) {
	if *s == "" {
		*s = v
	}
}

// applyDefaults fills in what the file leaves out; 0 counts as left out.
func (c *Config) applyDefaults() {
	t, r := &c.Thresholds, &c.Rules
	orDuration(&t.Interval, time.Second)
	orDuration(&t.Timeout, 800*time.Millisecond)
	orInt(&t.DownAfter, 3)
	orInt(&t.UpAfter, 2)
	orInt(&t.CertificateDays, 14)
	orInt(&t.Window.Failures, 50)
	orDuration(&t.Window.Per, 5*time.Minute)
	orDuration(&t.StaleAfter, 10*time.Second)
	orDuration(&t.MaxSyncLag, 10*time.Second)
	orDuration(&t.MaxClockDifference, time.Second)
	orDuration(&r.CatchUpTimeout, 30*time.Second)
	orDuration(&r.FenceTimeout, 2*time.Second)
	orDuration(&r.ResolverWait, 2*time.Minute)
	orDuration(&r.Arming, 5*time.Second)
	orString(&r.OnFailedWrite, OnFailAuto)
	orDuration(&r.RetryBudget, 30*time.Second)
	orInt(&r.MaxDrift, 3)
	for i := range r.Canary {
		r.Canary[i] = dnsName(r.Canary[i])
	}
	v := &c.DNS.Service
	orString(&v.Path, "/")
	orString(&v.Reach, ReachAddress)
	orDuration(&v.Timeout, 3*time.Second)
	orDuration(&c.DNS.Armed.Every, 20*time.Second)
	orDuration(&c.DNS.Armed.MaxAge, 60*time.Second)
	for i := range c.Sync.Relations {
		orDuration(&c.Sync.Relations[i].Every, defaultEvery)
	}
	for i := range c.Sites {
		g := &c.Sites[i].Gateway
		g.Name = dnsName(g.Name)
		plainAddresses(g.IPv4)
		plainAddresses(g.IPv6)
		for _, p := range []*Platform{&c.Sites[i].Business, &c.Sites[i].Data} {
			p.applyDefaults()
		}
	}
	for i := range c.DNS.Providers {
		p := &c.DNS.Providers[i]
		orDuration(&p.Timeout, 5*time.Second)
		orDuration(&p.Budget, 10*time.Second)
		switch p.Kind {
		case KindPowerDNS:
			orString(&p.ServerID, "localhost")
		case KindRoute53:
			orString(&p.Region, "us-east-1")
		case KindLibDNS:
			if p.Module != KindRFC2136 {
				break
			}
			fallthrough
		case KindRFC2136:
			orString(&p.KeyAlgorithm, keyAlgorithms[0])
			p.KeyAlgorithm = dnsName(p.KeyAlgorithm)
			p.KeyName = dnsName(p.KeyName)
		}
	}
	for i := range c.DNS.Zones {
		z := &c.DNS.Zones[i]
		z.Name = dnsName(z.Name)
		for j := range z.NameServers {
			z.NameServers[j].Name = dnsName(z.NameServers[j].Name)
		}
	}
	for i := range c.Domains {
		c.domainDefaults(&c.Domains[i])
	}
}

// plainAddresses writes addresses as DNS answers are read (RFC 5952), so that they can be
// compared; what is no address stays for the checks to find.
func plainAddresses(list []string) {
	for i, s := range list {
		if a, err := netip.ParseAddr(s); err == nil {
			list[i] = a.String()
		}
	}
}

func (p *Platform) applyDefaults() {
	for i := range p.Subsystems {
		orBool(&p.Subsystems[i].Critical, true)
	}
	for i := range p.Components {
		m := &p.Components[i]
		kind := failoverplan.ComponentKind(m.Kind)
		orBool(&m.Critical, componentKinds[kind].critical)
		switch kind {
		case failoverplan.MySQL, failoverplan.Redis:
			orString(&m.Replication.Address, m.Address)
		case failoverplan.Elasticsearch:
			orString(&m.Replication.URL, m.URL)
			orBool(&m.YellowOK, true)
		case failoverplan.DNS:
			orString(&m.QType, "A")
		default:
		}
		if componentKinds[kind].allows("control") && m.Control == (Account{}) {
			m.Control = Account{User: m.User, Password: m.Password, APIKey: m.APIKey}
		}
	}
}

func (c *Config) domainDefaults(d *Domain) {
	d.Name, d.Zone = dnsName(d.Name), dnsName(d.Zone)
	orDuration(&d.TTL, 30*time.Second)
	orBool(&d.Service, true)
	orDuration(&d.SwitchTTL, failoverplan.DefaultSwitchTTL*time.Second)
	if d.Zone == "" {
		for _, z := range c.DNS.Zones {
			if inZone(d.Name, z.Name) && len(z.Name) > len(d.Zone) {
				d.Zone = z.Name
			}
		}
	}
	if len(d.Types) > 0 {
		return
	}
	home, _ := c.site(c.Home)
	if len(home.Gateway.IPv4) > 0 || len(home.Gateway.IPv6) == 0 {
		d.Types = append(d.Types, "A")
	}
	if len(home.Gateway.IPv6) > 0 {
		d.Types = append(d.Types, "AAAA")
	}
}

func (c *Config) site(name string) (Site, bool) {
	for _, s := range c.Sites {
		if s.Name == name {
			return s, true
		}
	}
	return Site{}, false
}

// dnsName is the canonical form: lower case, without the trailing dot.
func dnsName(s string) string {
	return strings.ToLower(strings.TrimSuffix(s, "."))
}

// inZone says whether name is the zone's apex or below it.
func inZone(name, zone string) bool {
	return zone != "" && (name == zone || strings.HasSuffix(name, "."+zone))
}
