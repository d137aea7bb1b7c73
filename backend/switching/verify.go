package switching

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/dutyops/dutyops/dnsproviders"
	"github.com/dutyops/dutyops/dnsproviders/propagation"
	"github.com/dutyops/dutyops/failoverplan"
)

// ErrNotAgreed: some servers did not give the new answers in time. Test with errors.Is.
var ErrNotAgreed = errors.New("not every server gives the new answers")

// Differences describes at most n rows that do not agree, for people, the first ones
// first, and how many more there are.
func (b Board) Differences(n int) []string {
	var out []string
	more := 0
	for _, r := range b.Rows {
		if r.State == RowNew {
			continue
		}
		if len(out) == n {
			more++
			continue
		}
		switch {
		case r.State == RowSilent:
			out = append(out, fmt.Sprintf("%s: %s %s: %v", r.Server, r.Name, r.Type, r.Err))
		case r.OldUntil.IsZero() || r.Authoritative:
			out = append(out, fmt.Sprintf("%s: %s %s is %s, expected %s", r.Server, r.Name, r.Type, text(r.Got), text(r.Want)))
		default:
			out = append(out, fmt.Sprintf("%s: %s %s is %s until %s", r.Server, r.Name, r.Type, text(r.Got), r.OldUntil.Local().Format("15:04:05")))
		}
	}
	if more > 0 {
		out = append(out, fmt.Sprintf("and %d more", more))
	}
	return out
}

// Pauses between two looks: the first and the longest.
const (
	firstPause = 20 * time.Millisecond
	maxPause   = time.Second
)

// VerifyAuthoritative asks every authoritative server that answers from a change's provider
// for every changed set, again and again, until all give exactly the new one or ctx ends. Rows
// that agreed are not asked again. The board is complete also with an error, which is
// ErrNotAgreed with what is missing.
func (s *Switch) VerifyAuthoritative(ctx context.Context, changes []failoverplan.ZoneChange) (Board, error) {
	return s.verify(ctx, changes, s.answering, true, nil)
}

// VerifyResolvers does the same with the watched resolvers; rows with an old answer
// carry its expiry. Without resolvers the board is empty.
func (s *Switch) VerifyResolvers(ctx context.Context, changes []failoverplan.ZoneChange) (Board, error) {
	return s.WatchResolvers(ctx, changes, nil)
}

// WatchResolvers does so, and tells how far they are whenever that has changed. tell is
// called by several goroutines, one at a time; it must not block.
func (s *Switch) WatchResolvers(ctx context.Context, changes []failoverplan.ZoneChange, tell func(Progress)) (Board, error) {
	return s.verify(ctx, once(changes), s.watched, true, tell)
}

// GlanceAuthoritative is VerifyAuthoritative that asks once and waits for nothing.
func (s *Switch) GlanceAuthoritative(ctx context.Context, changes []failoverplan.ZoneChange) (Board, error) {
	return s.verify(ctx, changes, s.answering, false, nil)
}

// GlanceResolvers is VerifyResolvers that asks once and waits for nothing.
func (s *Switch) GlanceResolvers(ctx context.Context, changes []failoverplan.ZoneChange) (Board, error) {
	return s.verify(ctx, once(changes), s.watched, false, nil)
}

// answering are the servers that answer from a provider of a zone.
func (s *Switch) answering(zone, provider string) ([]propagation.Server, error) {
	servers := s.zones[zone].serversOf(provider)
	if len(servers) == 0 {
		return nil, fmt.Errorf("zone %s at %s has no authoritative servers in the configuration: add them under dns.zones", zone, provider)
	}
	return servers, nil
}

func (s *Switch) watched(string, string) ([]propagation.Server, error) { return s.resolvers(), nil }

// once leaves a set that several providers get in the change of the first.
func once(changes []failoverplan.ZoneChange) []failoverplan.ZoneChange {
	type id struct{ zone, name, typ string }
	seen := map[id]bool{}
	out := make([]failoverplan.ZoneChange, 0, len(changes))
	for _, z := range changes {
		cs := make([]failoverplan.RecordChange, 0, len(z.Changes))
		for _, c := range z.Changes {
			if k := (id{z.Zone, c.After.Name, c.After.Type}); !seen[k] {
				seen[k] = true
				cs = append(cs, c)
			}
		}
		z.Changes = cs
		out = append(out, z)
	}
	return out
}

func (s *Switch) resolvers() []propagation.Server {
	out := make([]propagation.Server, len(s.opt.Resolvers))
	for i, r := range s.opt.Resolvers {
		out[i] = propagation.Server{Name: r.Name, Addr: r.Address}
	}
	return out
}

// asked is one row with its zone and the value before.
type asked struct {
	row    int
	zone   string
	before []string
}

// pursuit is one server with its open rows. Servers are pursued each for itself: one that
// is silent delays nobody else's rows.
type pursuit struct {
	server propagation.Server
	zones  []string
	open   []asked
}

func (s *Switch) verify(ctx context.Context, changes []failoverplan.ZoneChange, servers func(zone, provider string) ([]propagation.Server, error), again bool, tell func(Progress)) (Board, error) {
	var b Board
	var all []*pursuit
	at := map[string]*pursuit{}
	var zones []string
	for _, zc := range changes {
		zone := dnsproviders.CanonicalName(zc.Zone)
		zones = append(zones, zone)
		ss, err := servers(zone, zc.Provider)
		if err != nil {
			return b, err
		}
		for _, srv := range ss {
			p := at[srv.Addr]
			if p == nil {
				p = &pursuit{server: srv}
				at[srv.Addr] = p
				all = append(all, p)
			}
			if !slices.Contains(p.zones, zone) {
				p.zones = append(p.zones, zone)
			}
			for _, rc := range zc.Changes {
				c, err := toChange(rc).Canonical()
				if err != nil {
					return b, fmt.Errorf("verify %s: %w", zone, err)
				}
				p.open = append(p.open, asked{row: len(b.Rows), zone: zone, before: c.Before.Values})
				b.Rows = append(b.Rows, Row{
					Zone: zone, Station: rc.Station, Server: srv.Name, Authoritative: srv.Authoritative, Name: c.After.Name, Type: c.After.Type,
					Want: c.After.Values, State: RowSilent, Err: propagation.ErrNoAnswer,
				})
			}
		}
	}
	healths := s.inspectBeside(ctx, all)
	o := s.check().Each(len(all))
	o.Signatures = true
	var wg sync.WaitGroup
	report := progressOf(all, len(b.Rows), tell)
	for i, p := range all {
		wg.Go(func() { p.pursue(ctx, b.Rows, o, again, func() { report.server(i, p, b.Rows) }) })
	}
	wg.Wait()
	var known []Delegation
	if len(all) > 0 && all[0].server.Authoritative {
		known = s.delegationsKnown(zones)
	}
	if len(all) > 0 && !all[0].server.Authoritative {
		b.Services = s.servicesAfter(ctx, b.Rows)
	}
	b.sum(summary{now: s.opt.Now(), health: healths(), zones: s.zones, memory: s.memory.Load(), delegations: known, soon: s.opt.CertificateSoon})
	if b.Agreed == b.Total {
		return b, nil
	}
	err := fmt.Errorf("%w: %d of %d do: %s", ErrNotAgreed, b.Agreed, b.Total, b.Differences(1)[0])
	if ctx.Err() != nil {
		err = fmt.Errorf("%w: %w", err, ctx.Err())
	}
	return b, err
}

// pursue asks for the open rows, again and again until all agree or ctx ends.
func (p *pursuit) pursue(ctx context.Context, rows []Row, o propagation.Options, again bool, looked func()) {
	for pause := firstPause; ; pause = min(2*pause, maxPause) {
		p.look(ctx, rows, o)
		looked()
		if len(p.open) == 0 || !again {
			return
		}
		t := time.NewTimer(pause)
		select {
		case <-t.C:
		case <-ctx.Done():
			t.Stop()
			return
		}
	}
}

// mute leaves the rows of a server that is known to be silent unasked.
func (p *pursuit) mute(rows []Row, err error, now time.Time) {
	for _, a := range p.open {
		rows[a.row].fill(propagation.Answer{Err: err, At: now}, a.before)
	}
}

// look asks for the open rows once; those that do not agree stay open.
func (p *pursuit) look(ctx context.Context, rows []Row, o propagation.Options) {
	qs := make([]propagation.Question, len(p.open))
	for i, a := range p.open {
		qs[i] = propagation.Question{Name: rows[a.row].Name, Type: rows[a.row].Type}
	}
	o.Zones = p.zones
	serials := propagation.Each(ctx, p.server, qs, o, func(i int, ans propagation.Answer) {
		rows[p.open[i].row].fill(ans, p.open[i].before) // every row has one server
	})
	still := p.open[:0]
	for _, a := range p.open {
		if r := &rows[a.row]; r.Err == nil {
			if n := serials[a.zone]; n != 0 {
				r.Serial = n
			}
		}
		if rows[a.row].State != RowNew {
			still = append(still, a)
		}
	}
	p.open = still
}

// inspectBeside looks at each authoritative server while its answers are verified. The
// function it returns gives what is known by then; it waits for nobody.
func (s *Switch) inspectBeside(ctx context.Context, all []*pursuit) func() []propagation.Health {
	var mu sync.Mutex
	var out []propagation.Health
	for _, p := range all {
		if !p.server.Authoritative {
			continue
		}
		go func() {
			for _, z := range p.zones {
				h := propagation.Inspect(ctx, p.server, z, s.check())
				if ctx.Err() != nil {
					return // our own end says nothing about the server
				}
				mu.Lock()
				out = append(out, h)
				mu.Unlock()
			}
		}()
	}
	return func() []propagation.Health {
		mu.Lock()
		defer mu.Unlock()
		return slices.Clone(out)
	}
}
