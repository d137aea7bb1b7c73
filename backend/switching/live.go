package switching

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/dutyops/dutyops/dnsproviders"
	"github.com/dutyops/dutyops/dnsproviders/propagation"
	"github.com/dutyops/dutyops/failoverplan"
)

// Live reads the live record sets (A, AAAA, CNAME, HTTPS) of the domains, zone by zone
// side by side, through each zone's provider. When a provider does not answer, the sets
// come from the zone's authoritative servers; problems then says so and why. A zone
// that nobody tells about is absent from live and has its problem. Zones without a
// problem are absent from problems.
func (s *Switch) Live(ctx context.Context, domains []failoverplan.Domain) (live map[string][]failoverplan.RecordSet, problems map[string]string) {
	names := map[string][]string{}
	provider := map[string]string{}
	for _, d := range domains {
		z := dnsproviders.CanonicalName(d.Zone)
		names[z] = append(names[z], dnsproviders.CanonicalName(d.Name))
		if d.Provider != "" {
			provider[z] = d.Provider
		}
	}
	live, problems = map[string][]failoverplan.RecordSet{}, map[string]string{}
	var mu sync.Mutex
	var wg sync.WaitGroup
	for zone, ns := range names {
		wg.Go(func() {
			w, err := s.world(ctx, zone, provider[zone], ns)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				problems[zone] = hinted(err)
				return
			}
			sets := make([]failoverplan.RecordSet, 0, len(w.sets))
			for _, r := range w.sets {
				sets = append(sets, fromSet(r))
			}
			live[zone] = sets
			if w.why != nil {
				problems[zone] = fmt.Sprintf("%s; the records shown are from %s", hinted(w.why), w.source)
			}
		})
	}
	wg.Wait()
	return live, problems
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
	sets, source, aerr := s.atAuthority(ctx, z, names)
	if aerr != nil {
		return world{}, fmt.Errorf("%w; and the authoritative servers: %w", err, aerr)
	}
	return world{sets: sets, source: source, why: err}, nil
}

// atAuthority reads the sets at the zone's authoritative servers: those of the server
// with the newest serial among the ones that answer everything.
func (s *Switch) atAuthority(ctx context.Context, z Zone, names []string) ([]dnsproviders.RRset, string, error) {
	servers := z.servers()
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
	slices.SortFunc(sets, func(a, b dnsproviders.RRset) int {
		if c := strings.Compare(a.Name, b.Name); c != 0 {
			return c
		}
		return strings.Compare(a.Type, b.Type)
	})
	return sets, "authoritative server " + servers[best].Name, nil
}

// newer compares SOA serials (RFC 1982).
func newer(a, b uint32) bool { return a != b && int32(a-b) > 0 } //nolint:gosec // serial arithmetic wraps
