package switching

import (
	"context"
	"fmt"

	"github.com/dutyops/dutyops/dnsproviders"
	"github.com/dutyops/dutyops/failoverplan"
)

// Done looks at the world: done are the changes whose After is live, conflict those that
// are neither Before nor After; the others are Before. Values decide; a TTL only where a
// change is of the TTL alone. It reads through the change's provider, else at the
// authoritative servers, and fails when neither tells.
func (s *Switch) Done(ctx context.Context, zc failoverplan.ZoneChange) (done, conflict []failoverplan.RecordChange, err error) {
	raw := make([]dnsproviders.Change, len(zc.Changes))
	for i, c := range zc.Changes {
		raw[i] = toChange(c)
	}
	cs, err := dnsproviders.CanonicalChanges(zc.Zone, raw)
	if err != nil {
		return nil, nil, fmt.Errorf("switch %s: %w", zc.Zone, err)
	}
	if len(cs) == 0 {
		return nil, nil, nil
	}
	w, err := s.world(ctx, dnsproviders.CanonicalName(zc.Zone), zc.Provider, names(cs))
	if err != nil {
		return nil, nil, fmt.Errorf("look at %s: %w", zc.Zone, err)
	}
	live := bySet(w.sets)
	for i, c := range cs {
		switch c.Stand(live[key{c.After.Name, c.After.Type}]) {
		case dnsproviders.New:
			done = append(done, zc.Changes[i])
		case dnsproviders.Other:
			conflict = append(conflict, zc.Changes[i])
		case dnsproviders.Old:
		}
	}
	return done, conflict, nil
}

// Invert returns the change that takes zc back: exact previous values and TTLs, in the
// same order.
func (s *Switch) Invert(zc failoverplan.ZoneChange) failoverplan.ZoneChange { return Invert(zc) }

// Invert returns the change that takes zc back: exact previous values and TTLs, in the
// same order. A pure function; Invert twice is the change itself.
func Invert(zc failoverplan.ZoneChange) failoverplan.ZoneChange {
	out := failoverplan.ZoneChange{Zone: zc.Zone, Provider: zc.Provider, Also: zc.Also, Changes: make([]failoverplan.RecordChange, len(zc.Changes))}
	for i, c := range zc.Changes {
		out.Changes[i] = failoverplan.RecordChange{Station: c.Station, Before: c.After, After: c.Before}
	}
	return out
}
