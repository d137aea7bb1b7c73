package switching

import (
	"context"
	"slices"
	"sync"

	"github.com/dutyops/dutyops/dnsproviders"
	"github.com/dutyops/dutyops/dnsproviders/propagation"
	"github.com/dutyops/dutyops/failoverplan"
)

// Look asks every authoritative server and every watched resolver once for every type of
// every domain, looks at each authoritative server itself, and says what is wrong. What
// is right is what the authoritative server with the newest serial says. siteOf names
// the site that owns values, "" for none: an answer that belongs to another site is an old
// one. The switch remembers what it saw: only a later look can tell that a resolver keeps
// answers longer than their TTL. Servers are asked side by side, none waits for another.
func (s *Switch) Look(ctx context.Context, domains []failoverplan.Domain, siteOf func([]string) string) Board {
	var b Board
	var all []*pursuit
	type place struct {
		addr          string
		authoritative bool
	}
	at := map[place]*pursuit{}
	add := func(srv propagation.Server, zone string, d failoverplan.Domain) {
		p := at[place{srv.Addr, srv.Authoritative}]
		if p == nil {
			p = &pursuit{server: srv}
			at[place{srv.Addr, srv.Authoritative}] = p
			all = append(all, p)
		}
		if srv.Authoritative && !slices.Contains(p.zones, zone) {
			p.zones = append(p.zones, zone)
		}
		for _, t := range d.Types {
			p.open = append(p.open, asked{row: len(b.Rows), zone: zone})
			b.Rows = append(b.Rows, Row{
				Zone: zone, Station: d.Station, Server: srv.Name, Authoritative: srv.Authoritative,
				Name: dnsproviders.CanonicalName(d.Name), Type: t, State: RowSilent, Err: propagation.ErrNoAnswer,
			})
		}
	}
	resolvers := s.resolvers()
	for _, d := range domains {
		zone := dnsproviders.CanonicalName(d.Zone)
		for _, srv := range slices.Concat(s.zones[zone].servers(), resolvers) {
			add(srv, zone, d)
		}
	}
	o := s.check()
	if o.Workers <= 0 {
		o.Workers = 16
	}
	o.Workers = max(1, o.Workers/max(1, len(all)))
	var mu sync.Mutex
	var health []propagation.Health
	var wg sync.WaitGroup
	for _, p := range all {
		wg.Go(func() {
			mine := s.inspectAll(ctx, p)
			o := o
			o.Signatures = true
			for _, h := range mine {
				if h.Signed {
					o.Keys = append(o.Keys, h.Keys)
				}
			}
			p.look(ctx, b.Rows, o)
			mu.Lock()
			health = append(health, mine...)
			mu.Unlock()
		})
	}
	wg.Wait()
	now := s.opt.Now()
	ts, was := truths(b.Rows), s.memory.Load()
	judge(b.Rows, ts, was, siteOf)
	next := was.next(b.Rows, ts, now)
	s.memory.CompareAndSwap(was, next) // a look beside this one has remembered as much
	b.sum(summary{now: now, health: health, zones: s.zones, memory: next})
	return b
}

// inspectAll looks at an authoritative server for each of its zones; after a silent one
// the rest is not asked.
func (s *Switch) inspectAll(ctx context.Context, p *pursuit) []propagation.Health {
	var out []propagation.Health
	for _, z := range p.zones {
		h := propagation.Inspect(ctx, p.server, z, s.check())
		out = append(out, h)
		if h.UDP != nil && h.TCP != nil {
			break
		}
	}
	return out
}
