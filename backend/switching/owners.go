package switching

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/dutyops/dutyops/dnsproviders"
	"github.com/dutyops/dutyops/dnsproviders/propagation"
	"github.com/dutyops/dutyops/failoverplan"
)

// Owners asks, once for every domain, whether another controller has left a mark that it
// owns the name: TXT records at the first authoritative server of the zone that answers.
// Zones side by side. The error names the zones that nobody told about; what others told
// is returned all the same.
func (s *Switch) Owners(ctx context.Context, domains []failoverplan.Domain) (map[string]failoverplan.Owner, error) {
	byZone := map[string][]failoverplan.Domain{}
	for _, d := range domains {
		z := dnsproviders.CanonicalName(d.Zone)
		byZone[z] = append(byZone[z], d)
	}
	out := map[string]failoverplan.Owner{}
	var silent []string
	var first error
	var mu sync.Mutex
	var wg sync.WaitGroup
	for _, zone := range slices.Sorted(maps.Keys(byZone)) {
		wg.Go(func() {
			ds := byZone[zone]
			txt, err := s.texts(ctx, zone, ds)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				silent = append(silent, zone)
				first = err
			}
			for _, d := range ds {
				if o, ok := failoverplan.OwnerOf(d, txt); ok {
					out[d.Name] = o
				}
			}
		})
	}
	wg.Wait()
	if first != nil {
		slices.Sort(silent)
		return out, fmt.Errorf("marks of other controllers in %v: %w", silent, first)
	}
	return out, nil
}

func (s *Switch) texts(ctx context.Context, zone string, domains []failoverplan.Domain) (map[string][]string, error) {
	var names []string
	seen := map[string]bool{}
	for _, d := range domains {
		for _, n := range failoverplan.OwnerMarks(d) {
			if !seen[n] {
				seen[n] = true
				names = append(names, n)
			}
		}
	}
	err := fmt.Errorf("zone %s has no authoritative server configured", zone)
	for _, srv := range s.zones[zone].servers() {
		var txt map[string][]string
		if txt, err = propagation.TXT(ctx, srv, names, s.check()); err == nil {
			return txt, nil
		}
	}
	return nil, err
}
