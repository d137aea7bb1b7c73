package switching

import (
	"context"
	"sync"
	"time"

	"github.com/dutyops/dutyops/dnsproviders"
	"github.com/dutyops/dutyops/failoverplan"
)

// Probe is the last write to a place that changed nothing.
type Probe struct {
	// Can: the provider has such a write.
	Can bool `json:"can"`
	// At is when it was made; zero when never.
	At time.Time `json:"at,omitzero"`
	OK bool      `json:"ok"`
	// Detail is what was written, or why it failed.
	Detail string `json:"detail,omitempty"`
	TookMS int64  `json:"took_ms,omitempty"`
}

// ProbeWrites writes one set of every zone, as it is, at every provider that can do so,
// side by side: proof that credential, rights and path would carry a switch.
func (s *Switch) ProbeWrites(ctx context.Context, domains []failoverplan.Domain) []Readiness {
	var wg sync.WaitGroup
	for _, sp := range spots(domains, s.zones) {
		wg.Go(func() { s.probe(ctx, sp) })
	}
	wg.Wait()
	return s.Readiness(domains)
}

func (s *Switch) probeDue(p place, every time.Duration) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return every > 0 && s.opt.Now().Sub(s.hold(p).probe.At) >= every
}

// probe makes the write of one place and keeps what came of it.
func (s *Switch) probe(ctx context.Context, sp spot) {
	p, ok := s.opt.Providers[sp.provider].(dnsproviders.WriteProber)
	if !ok {
		return
	}
	unlock, err := s.lock(ctx, sp.place)
	if err != nil {
		return // ctx ended before anything was sent
	}
	defer unlock()
	name := sp.names[0]
	s.mu.Lock()
	if sets := s.hold(sp.place).arming.Sets; len(sets) > 0 {
		name = sets[0].Name // one that has records
	}
	s.mu.Unlock()
	proof, err := p.ProbeWrite(ctx, sp.zone, name)
	got := Probe{At: s.opt.Now(), OK: err == nil, Detail: proof.What, TookMS: proof.Took.Milliseconds()}
	if err != nil {
		got.Detail = hinted(err)
	}
	s.mu.Lock()
	s.hold(sp.place).probe = got
	s.mu.Unlock()
}
