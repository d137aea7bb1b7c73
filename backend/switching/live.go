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

// Reading is what is known of a zone's live sets at one of its providers.
type Reading struct {
	Zone, Provider string
	// Twin: not the zone's first provider.
	Twin bool
	// Known: somebody told. Without it Sets says nothing.
	Known bool
	Sets  []failoverplan.RecordSet
	// At is when the sets were read.
	At time.Time
	// Problem: the provider did not tell; the sets are from its authoritative servers where
	// these are Known. "" when the provider did.
	Problem string
}

// Readings returns the live record sets (A, AAAA, CNAME, HTTPS) of the domains, place by
// place. What is held ready and fresh is taken; the rest is read side by side, and held
// ready where the provider can be armed.
func (s *Switch) Readings(ctx context.Context, domains []failoverplan.Domain) []Reading {
	sps := spots(domains, s.zones)
	out := make([]Reading, len(sps))
	var wg sync.WaitGroup
	for i, sp := range sps {
		wg.Go(func() { out[i] = s.reading(ctx, sp) })
	}
	wg.Wait()
	return out
}

func (s *Switch) reading(ctx context.Context, sp spot) Reading {
	r := Reading{Zone: sp.zone, Provider: sp.provider, Twin: sp.twin, At: s.opt.Now()}
	a, why := s.ready(sp.place, sp.names)
	var err error
	if why != "" {
		a, err = s.arm(ctx, sp)
	}
	if err == nil {
		r.Known, r.Sets, r.At = true, fromSets(a.Sets), a.At
		return r
	}
	w := world{why: err}
	if errors.Is(err, errCannotArm) {
		w, err = s.world(ctx, sp.zone, sp.provider, sp.names)
	} else {
		w.sets, w.source, err = s.atAuthority(ctx, s.zones[sp.zone], sp.provider, sp.names)
	}
	switch {
	case err != nil && w.why != nil:
		r.Problem = fmt.Sprintf("%s; and the authoritative servers: %v", hinted(w.why), err)
	case err != nil:
		r.Problem = hinted(err)
	default:
		r.Known, r.Sets = true, fromSets(w.sets)
		if w.why != nil {
			r.Problem = fmt.Sprintf("%s; the records shown are from %s", hinted(w.why), w.source)
		}
	}
	return r
}

// Live returns the live record sets of the domains by zone, at each zone's own provider.
// When a provider does not answer, the sets come from its authoritative servers;
// problems then says so and why. A zone that nobody tells about is absent from live and
// has its problem. Zones without a problem are absent from problems.
func (s *Switch) Live(ctx context.Context, domains []failoverplan.Domain) (live map[string][]failoverplan.RecordSet, problems map[string]string) {
	own := slices.Clone(domains)
	for i := range own {
		own[i].Also = nil
	}
	live, problems = map[string][]failoverplan.RecordSet{}, map[string]string{}
	for _, r := range s.Readings(ctx, own) {
		if r.Known {
			live[r.Zone] = r.Sets
		}
		if r.Problem != "" {
			problems[r.Zone] = r.Problem
		}
	}
	return live, problems
}

func fromSets(sets []dnsproviders.RRset) []failoverplan.RecordSet {
	out := make([]failoverplan.RecordSet, 0, len(sets))
	for _, r := range sets {
		out = append(out, fromSet(r))
	}
	return out
}

// hinted is an error's text with its next step.
func hinted(err error) string {
	var e *dnsproviders.Error
	if errors.As(err, &e) && e.Hint != "" {
		return err.Error() + " (" + e.Hint + ")"
	}
	return err.Error()
}

// world is a zone's live sets of some names, and who told.
type world struct {
	sets   []dnsproviders.RRset
	source string
	// why the provider did not tell; nil when it did.
	why error
}

// world reads through the provider ("" = the zone's own), else at the authoritative servers.
func (s *Switch) world(ctx context.Context, zone, provider string, names []string) (world, error) {
	z, ok := s.zones[zone]
	if !ok {
		return world{}, fmt.Errorf("zone %s is not configured", zone)
	}
	if provider == "" {
		provider = z.Provider
	}
	p := s.opt.Providers[provider]
	if p == nil {
		return world{}, fmt.Errorf("zone %s: there is no provider %q", zone, provider)
	}
	names = slices.Clone(names)
	slices.Sort(names)
	names = slices.Compact(names)
	sets, err := p.Read(ctx, zone, names)
	if err == nil {
		return world{sets: sets, source: "provider " + provider}, nil
	}
	sets, source, aerr := s.atAuthority(ctx, z, provider, names)
	if aerr != nil {
		return world{}, fmt.Errorf("%w; and the authoritative servers: %w", err, aerr)
	}
	return world{sets: sets, source: source, why: err}, nil
}

// atAuthority reads the sets at the servers that answer from the provider: those of the server
// with the newest serial among the ones that answer everything.
func (s *Switch) atAuthority(ctx context.Context, z Zone, provider string, names []string) ([]dnsproviders.RRset, string, error) {
	servers := z.serversOf(provider)
	if len(servers) == 0 {
		return nil, "", fmt.Errorf("zone %s has none configured", z.Name)
	}
	types := dnsproviders.Types()
	var qs []propagation.Question
	for _, n := range names {
		for _, t := range types {
			qs = append(qs, propagation.Question{Name: n, Type: t})
		}
	}
	answers := propagation.Check(ctx, servers, qs, s.check(z.Name))
	best := -1
	var firstErr error
	for i := range servers {
		mine := answers[i*len(qs) : (i+1)*len(qs)]
		if bad := slices.IndexFunc(mine, func(a propagation.Answer) bool { return a.Err != nil }); bad >= 0 {
			if firstErr == nil {
				firstErr = fmt.Errorf("%s: %s %s: %w", servers[i].Name, mine[bad].Name, mine[bad].Type, mine[bad].Err)
			}
			continue
		}
		if len(mine) == 0 || best < 0 || newer(mine[0].Serial, answers[best*len(qs)].Serial) {
			best = i
		}
	}
	if best < 0 {
		return nil, "", firstErr
	}
	told := answers[best*len(qs) : (best+1)*len(qs)]
	alias := map[string]bool{}
	for _, a := range told {
		if a.Type == "CNAME" && len(a.Values) > 0 {
			alias[a.Name] = true
		}
	}
	var sets []dnsproviders.RRset
	for _, a := range told {
		if len(a.Values) == 0 || alias[a.Name] && a.Type != "CNAME" {
			continue // nothing there, or the values of the alias's target
		}
		sets = append(sets, dnsproviders.RRset{Name: a.Name, Type: a.Type, TTL: a.TTL, Values: a.Values})
	}
	sortSets(sets)
	return sets, "authoritative server " + servers[best].Name, nil
}

// newer compares SOA serials (RFC 1982).
func newer(a, b uint32) bool { return a != b && int32(a-b) > 0 } //nolint:gosec // serial arithmetic wraps
