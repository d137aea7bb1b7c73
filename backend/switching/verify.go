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

// VerifyAuthoritative asks every authoritative server of every changed zone for every
// changed set, again and again, until all give exactly the new one or ctx ends. Rows
// that agreed are not asked again. The board is complete also with an error, which is
// ErrNotAgreed with what is missing.
func (s *Switch) VerifyAuthoritative(ctx context.Context, changes []failoverplan.ZoneChange) (Board, error) {
	return s.verify(ctx, changes, func(zone string) ([]propagation.Server, error) {
		z, ok := s.zones[zone]
		if !ok || len(z.Authoritative) == 0 {
			return nil, fmt.Errorf("zone %s has no authoritative servers in the configuration: add them under dns.zones", zone)
		}
		return z.servers(), nil
	}, nil)
}

// VerifyResolvers does the same with the watched resolvers; rows with an old answer
// carry its expiry. Without resolvers the board is empty.
func (s *Switch) VerifyResolvers(ctx context.Context, changes []failoverplan.ZoneChange) (Board, error) {
	return s.WatchResolvers(ctx, changes, nil)
}

// WatchResolvers does so, and tells how far they are whenever that has changed. tell is
// called by several goroutines, one at a time; it must not block.
func (s *Switch) WatchResolvers(ctx context.Context, changes []failoverplan.ZoneChange, tell func(Progress)) (Board, error) {
	servers := s.resolvers()
	return s.verify(ctx, changes, func(string) ([]propagation.Server, error) { return servers, nil }, tell)
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

func (s *Switch) verify(ctx context.Context, changes []failoverplan.ZoneChange, servers func(zone string) ([]propagation.Server, error), tell func(Progress)) (Board, error) {
	var b Board
	var all []*pursuit
	at := map[string]*pursuit{}
	var zones []string
	for _, zc := range changes {
		zone := dnsproviders.CanonicalName(zc.Zone)
		zones = append(zones, zone)
		ss, err := servers(zone)
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
		wg.Go(func() { p.pursue(ctx, b.Rows, o, func() { report.server(i, p, b.Rows) }) })
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
	return b, fmt.Errorf("%w: %d of %d do: %s: %w", ErrNotAgreed, b.Agreed, b.Total, b.Differences(1)[0], ctx.Err())
}

// pursue asks for the open rows again and again until all agree or ctx ends.
func (p *pursuit) pursue(ctx context.Context, rows []Row, o propagation.Options, looked func()) {
	for pause := firstPause; ; pause = min(2*pause, maxPause) {
		p.look(ctx, rows, o)
		looked()
		if len(p.open) == 0 {
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
