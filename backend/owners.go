package backend

import (
	"context"
	"maps"
	"sync"
	"time"

	"github.com/dutyops/dutyops/failoverplan"
)

// ownersFor is how long marks of other controllers are taken as known: a plan that was
// looked at and the run that follows ask once.
const ownersFor = time.Minute

// ownersWithin bounds the asking. A failover does not wait for marks: what is not told by
// then is not known, and what was known before still counts.
const ownersWithin = time.Second

type ownersKnown struct {
	mu sync.Mutex
	at time.Time
	of map[string]failoverplan.Owner
}

// owners tells which names other controllers hold for their own.
func (e *Engine) owners(ctx context.Context) map[string]failoverplan.Owner {
	k := &e.ownersKnown
	k.mu.Lock()
	defer k.mu.Unlock()
	if !k.at.IsZero() && e.now().Sub(k.at) < ownersFor {
		return k.of
	}
	tctx, cancel := context.WithTimeout(ctx, ownersWithin)
	defer cancel()
	of, err := e.dns.Owners(tctx, e.topo.Domains)
	if err != nil {
		e.log.DebugContext(ctx, "marks of other controllers", "err", err)
		all := maps.Clone(k.of)
		if all == nil {
			all = map[string]failoverplan.Owner{}
		}
		maps.Copy(all, of)
		return all
	}
	k.at, k.of = e.now(), of
	return of
}
