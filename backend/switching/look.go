package switching

import (
	"cmp"
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
// answers longer than their TTL. Servers are asked side by side, none waits for another,
// and a silent one costs its own time-outs only.
//
// Of zones that discover, the servers that the parent and the zone itself name are asked
// as well. They do not decide what is right while a configured server answers.
func (s *Switch) Look(ctx context.Context, domains []failoverplan.Domain, siteOf func([]string) string) Board {
	l := &looking{s: s, ctx: ctx, zones: make(chan struct{}, zonesAtATime)}
	var rows []Row
	var ps pursuits
	byZone := map[string][]failoverplan.Domain{}
	for _, d := range domains {
		zone := dnsproviders.CanonicalName(d.Zone)
		byZone[zone] = append(byZone[zone], d)
	}
	var found []*foundServers
	var beside sync.WaitGroup
	for zone, ds := range byZone {
		if z := s.zones[zone]; z.Discover {
			f := &foundServers{zone: z}
			found = append(found, f)
			beside.Go(func() { f.ask(l, ds) })
		}
	}
	resolvers := s.resolvers()
	for _, d := range domains {
		zone := dnsproviders.CanonicalName(d.Zone)
		for _, srv := range slices.Concat(s.zones[zone].servers(), resolvers) {
			rows = ps.add(rows, srv, zone, d)
		}
	}
	health := l.all(ps.list, rows)
	beside.Wait()
	slices.SortFunc(found, func(a, b *foundServers) int { return cmp.Compare(a.zone.Name, b.zone.Name) })
	now := s.opt.Now()
	sum := summary{now: now, health: health, zones: s.zones, soon: s.opt.CertificateSoon}
	ts := truths(rows, s.zones)
	for _, f := range found {
		for k, t := range truths(f.rows, s.zones) {
			if _, known := ts[k]; !known {
				ts[k] = t
			}
		}
		rows = append(rows, f.rows...)
		sum.found = append(sum.found, f.health...)
		sum.delegations = append(sum.delegations, f.delegation)
	}
	was := s.memory.Load()
	judge(rows, ts, was, siteOf)
	sum.memory = was.next(rows, ts, now)
	s.memory.CompareAndSwap(was, sum.memory) // a look beside this one has remembered as much
	b := Board{Rows: rows, Services: s.services(ctx, rows, ts, domains)}
	b.sum(sum)
	return b
}

// zonesAtATime bounds the zones whose delegation is asked for side by side.
const zonesAtATime = 16

// looking is one Look.
type looking struct {
	s     *Switch
	ctx   context.Context //nolint:containedctx // it lives as long as the call
	zones chan struct{}
}

// pursuits are the servers of a look, each once, with what to ask it.
type pursuits struct {
	at   map[pursued]*pursuit
	list []*pursuit
}

type pursued struct {
	addr          string
	authoritative bool
}

// add gives a server a domain's questions, and appends their rows.
func (ps *pursuits) add(rows []Row, srv propagation.Server, zone string, d failoverplan.Domain) []Row {
	k := pursued{srv.Addr, srv.Authoritative}
	p := ps.at[k]
	if p == nil {
		if ps.at == nil {
			ps.at = map[pursued]*pursuit{}
		}
		p = &pursuit{server: srv}
		ps.at[k] = p
		ps.list = append(ps.list, p)
	}
	if srv.Authoritative && !slices.Contains(p.zones, zone) {
		p.zones = append(p.zones, zone)
	}
	name := dnsproviders.CanonicalName(d.Name)
	for _, t := range d.Types {
		p.open = append(p.open, asked{row: len(rows), zone: zone})
		rows = append(rows, Row{
			Zone: zone, Station: d.Station, Server: srv.Name, Authoritative: srv.Authoritative,
			Name: name, Type: t, State: RowSilent, Err: propagation.ErrNoAnswer,
		})
	}
	return rows
}

// all asks every server side by side, and returns how the authoritative ones do.
func (l *looking) all(ps []*pursuit, rows []Row) []propagation.Health {
	o := l.s.check().Each(len(ps))
	health := make([][]propagation.Health, len(ps))
	var wg sync.WaitGroup
	for i, p := range ps {
		wg.Go(func() {
			health[i] = l.inspect(p)
			o := o
			o.Signatures = true
			for _, h := range health[i] {
				if h.Silent() {
					p.mute(rows, h.UDP, l.s.opt.Now())
					return
				}
				if h.Signed {
					o.Keys = append(o.Keys, h.Keys)
				}
			}
			p.look(l.ctx, rows, o)
		})
	}
	wg.Wait()
	return slices.Concat(health...)
}

// inspect looks at an authoritative server for each of its zones; after silence the rest
// is not asked.
func (l *looking) inspect(p *pursuit) []propagation.Health {
	var out []propagation.Health
	for _, z := range p.zones {
		h := propagation.Inspect(l.ctx, p.server, z, l.s.check())
		out = append(out, h)
		if h.Silent() {
			break
		}
	}
	return out
}

// foundServers are the servers of a zone that only its NS sets name.
type foundServers struct {
	zone       Zone
	delegation Delegation
	rows       []Row
	health     []propagation.Health
}

// ask finds the servers and asks those that are not in the configuration.
func (f *foundServers) ask(l *looking, ds []failoverplan.Domain) {
	l.zones <- struct{}{}
	f.delegation = l.s.delegation(l.ctx, f.zone)
	<-l.zones
	var ps pursuits
	for _, srv := range f.delegation.unlisted() {
		for _, d := range ds {
			f.rows = ps.add(f.rows, srv, f.zone.Name, d)
		}
	}
	for i := range f.rows {
		f.rows[i].Found = true
	}
	f.health = l.all(ps.list, f.rows)
}
