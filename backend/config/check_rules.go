package config

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/dutyops/dutyops/failoverplan"
)

func (k *checker) upstreams() {
	seen := map[string]string{}
	for i := range k.c.Upstreams {
		u, path := &k.c.Upstreams[i], item("upstreams", i)
		k.label(path+".name", "upstream", u.Name)
		k.unique(seen, path+".name", "upstream", u.Name)
		kinds := map[string]string{}
		for j, kind := range u.Kinds {
			at := item(path+".kinds", j)
			if !labelForm.MatchString(kind) {
				k.add(at, fmt.Sprintf("message kind %q cannot be used", shorten(kind)), labelWords, "rename it")
			}
			k.unique(kinds, at, "message kind", kind)
		}
		if u.Switch.URL == "" {
			k.add(path+".switch.url", path+".switch.url is missing", "the HTTP resource that moves the feed", "add \"switch: {url: http://...}\"")
			continue
		}
		k.address(path+".switch.url", u.Switch.URL)
	}
}

func (k *checker) syncRules() {
	seen := map[string]string{}
	for i, p := range k.c.Sync.Policy {
		k.policyRow(seen, item("sync.policy", i), p)
	}
	k.relations()
	k.syncedAreReady()
}

func (k *checker) policyRow(seen map[string]string, path string, p Policy) {
	k.choice(path+".platform", p.Platform, platformKinds, "write which platform")
	k.choice(path+".kind", p.Kind, storeKindNames(), "write which kind of store")
	k.choice(path+".policy", p.Policy, syncPolicies, "write sync or none")
	if spec := componentKinds[failoverplan.ComponentKind(p.Kind)]; spec.store && !spec.syncable && p.Policy == string(failoverplan.Sync) {
		k.add(path+".policy", fmt.Sprintf("%s: there is no way to sync %s", path, p.Kind), "none", "write \"policy: none\": its data is made anew at the other site")
	}
	if p.Subsystem != "" {
		var known []string
		for _, s := range k.c.Sites {
			for _, sub := range s.platform(failoverplan.PlatformKind(p.Platform)).Subsystems {
				if !slices.Contains(known, sub.Name) {
					known = append(known, sub.Name)
				}
			}
		}
		k.reference(path+".subsystem", "subsystem", p.Subsystem, known)
	}
	k.unique(seen, path, "policy for", strings.Join(strings.Fields(p.Platform+" "+p.Subsystem+" "+p.Kind), " "))
}

func (k *checker) relations() {
	known := names(k.c.Sites, siteName)
	seen := map[string]string{}
	for i, r := range k.c.Sync.Relations {
		path := item("sync.relations", i)
		if len(r.Between) != 2 || r.Between[0] == r.Between[1] {
			k.add(path+".between", path+".between does not name two sites", "two different site names", "write \"between: [SITE, SITE]\"")
		}
		for j, name := range r.Between {
			k.reference(item(path+".between", j), "site", name, known)
		}
		pair := slices.Sorted(slices.Values(r.Between))
		k.unique(seen, path, "relation between", strings.Join(pair, " and "))
		scope := map[string]string{}
		for j, kind := range r.Scope {
			at := item(path+".scope", j)
			k.choice(at, kind, storeKindNames(), "write a kind of store")
			k.unique(scope, at, "kind", kind)
		}
	}
}

// syncedAreReady: a policy that nothing can carry out would be a promise on screen
// that nobody keeps.
func (k *checker) syncedAreReady() {
	for i := range k.c.Sites {
		s := &k.c.Sites[i]
		if s.Emergency {
			continue
		}
		for _, kind := range []failoverplan.PlatformKind{failoverplan.Business, failoverplan.Data} {
			p := s.platform(kind)
			for j := range p.Components {
				m, path := &p.Components[j], item(fmt.Sprintf("sites[%d].%s.components", i, kind), j)
				if k.c.PolicyFor(kind, m.Subsystem, failoverplan.ComponentKind(m.Kind)) != failoverplan.Sync {
					continue
				}
				switch failoverplan.ComponentKind(m.Kind) {
				case failoverplan.MySQL:
					if m.Replication.Password == "" && !k.broken(path+".replication") {
						k.add(path+".replication", fmt.Sprintf("%q is synced but has no replication account", m.Name), "replication.user and replication.password: the other site follows this server with them", "add \"replication: {user: ..., password: env:...}\", or a sync policy of none")
					}
				case failoverplan.Kafka:
					k.mirrored(path, i, p, m)
				default:
				}
			}
		}
	}
}

func (k *checker) mirrored(path string, site int, p *Platform, m *Component) {
	for j, other := range k.c.Sites {
		if j == site || other.Emergency || other.Name == "" {
			continue
		}
		found := slices.ContainsFunc(p.Components, func(x Component) bool {
			return slices.ContainsFunc(x.Mirrors, func(r Mirror) bool { return r.From == other.Name })
		})
		if !found {
			k.add(path, fmt.Sprintf("%q is synced, but no kafka-connect here mirrors from site %q", m.Name, other.Name), "connectors that copy from each full site", "add a kafka-connect component with \"mirrors: [{from: "+other.Name+", connectors: [...]}]\", or a sync policy of none")
		}
	}
}

// What a failed write leads to.
const (
	OnFailAuto     = "auto"
	OnFailRollback = "rollback"
	OnFailHold     = "hold"
)

var onFailChoices = []string{OnFailAuto, OnFailRollback, OnFailHold}

func (k *checker) rules() {
	seen := map[string]string{}
	domains := names(k.c.Domains, func(d Domain) string { return d.Name })
	for i, n := range k.c.Rules.Canary {
		at := item("rules.canary", i)
		k.unique(seen, at, "canary", n)
		if !k.broken("domains") {
			k.reference(at, "domain", n, domains)
		}
	}
	k.choice("rules.on_failed_write", k.c.Rules.OnFailedWrite, onFailChoices, "write what becomes of zones already written when one fails")
}

func (k *checker) drift() {
	if n := k.c.Rules.MaxDrift; n < 1 || n > 100_000 {
		k.add("rules.max_drift", fmt.Sprintf("rules.max_drift is %d", n), "1 to 100000 record sets", "leave it out for the default")
	}
}

func (k *checker) thresholds() {
	t := k.c.Thresholds
	if t.Timeout >= t.Interval {
		path := "thresholds.timeout"
		if !k.has(path) {
			path = "thresholds.interval"
		}
		k.add(path, fmt.Sprintf("thresholds: timeout (%s) is not less than interval (%s)", t.Timeout.D(), t.Interval.D()), "timeout < interval: a probe must end before the next begins", fmt.Sprintf("set timeout to %s, or raise interval", t.Interval.D()*4/5))
	}
	if slowest := t.Interval + t.Timeout; t.StaleAfter <= slowest {
		path := "thresholds.stale_after"
		if !k.has(path) {
			path = "thresholds.interval"
		}
		k.add(path, fmt.Sprintf("thresholds: stale_after (%s) is not more than interval + timeout (%s)", t.StaleAfter.D(), slowest.D()), "stale_after > interval + timeout: a healthy target must not become stale", fmt.Sprintf("set stale_after to %s", 3*slowest.D()))
	}
	for _, x := range []struct {
		key string
		n   int
	}{{"down_after", t.DownAfter}, {"up_after", t.UpAfter}, {"window.failures", t.Window.Failures}} {
		if x.n < 1 || x.n > 100_000 {
			path := "thresholds." + x.key
			k.add(path, fmt.Sprintf("%s is %d", path, x.n), "1 to 100000", "write a positive number, or leave it out for the default")
		}
	}
	if n := t.CertificateDays; n < 1 || n > 365 {
		k.add("thresholds.certificate_days", fmt.Sprintf("thresholds.certificate_days is %d", n), "1 to 365 days before the end", "write a number of days, or leave it out for the default")
	}
	const shortest = 10 * time.Millisecond
	if t.Interval.D() < shortest {
		k.add("thresholds.interval", fmt.Sprintf("thresholds.interval is %s", t.Interval.D()), "10ms or more", "probe less often: a probe is load, too")
		return
	}
	if k.has("thresholds.window") && t.Window.Per.D()/t.Interval.D() < 100_000 && int(t.Window.Per.D()/t.Interval.D()) <= t.Window.Failures {
		k.add("thresholds.window", fmt.Sprintf("thresholds.window can never trip: %s holds no more than %d probes", t.Window.Per.D(), int(t.Window.Per.D()/t.Interval.D())), "fewer failures than probes within per", "lower failures or lengthen per")
	}
}
