package switching

import (
	"context"
	"math"
	"time"

	"github.com/dutyops/dutyops/dnsproviders"
	"github.com/dutyops/dutyops/failoverplan"
)

// WatchOptions say how often what is held ready is read again.
type WatchOptions struct {
	// Every is the time between two readings of a place.
	Every time.Duration
	// ProbeWrite is the time between two writes that change nothing; 0 = none.
	ProbeWrite time.Duration
	// Busy says that somebody acts: nothing is read or written meanwhile.
	Busy func() bool
	// Jitter is a random number from 0 to 1, so that consoles do not ask in step.
	Jitter func() float64
	// Changed is told after every reading and write.
	Changed func()
}

const (
	// gap is the least time between two readings in the background, over all places of one
	// provider: a fifth of Cloudflare's 1,200 requests in 5 minutes, shared with others.
	gap = 1250 * time.Millisecond
	// maxBackoff bounds how far failures put the next reading off, in multiples of Every.
	maxBackoff = 16
)

// Watch keeps what is held ready fresh until ctx ends: one reading at a time per
// provider, with pauses that keep away from its limits, and longer ones after failures.
func (s *Switch) Watch(ctx context.Context, domains []failoverplan.Domain, o WatchOptions) {
	byProvider := map[string][]spot{}
	for _, sp := range spots(domains, s.zones) {
		if _, ok := s.opt.Providers[sp.provider].(dnsproviders.Armer); !ok {
			continue
		}
		byProvider[sp.provider] = append(byProvider[sp.provider], sp)
	}
	done := make(chan struct{})
	for _, sps := range byProvider {
		go func() {
			defer func() { done <- struct{}{} }()
			s.watch(ctx, sps, o)
		}()
	}
	for range byProvider {
		<-done
	}
}

func (s *Switch) watch(ctx context.Context, sps []spot, o WatchOptions) {
	for {
		wait := o.Every
		for _, sp := range sps {
			due, left := s.due(sp.place, o.Every)
			if !due || o.Busy() {
				wait = min(wait, max(left, gap))
				continue
			}
			_, _ = s.arm(ctx, sp) // kept with the hold
			if s.probeDue(sp.place, o.ProbeWrite) && !o.Busy() {
				s.probe(ctx, sp)
			}
			if ctx.Err() != nil {
				return
			}
			o.Changed()
			if !pause(ctx, gap) {
				return
			}
			wait = min(wait, o.Every)
		}
		if !pause(ctx, wait+time.Duration(o.Jitter()*float64(o.Every)/8)) {
			return
		}
	}
}

// due says whether a place is to be read in the background, else how long not yet. What
// has drifted or was written is due at once; failures put it off.
func (s *Switch) due(p place, every time.Duration) (due bool, left time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	h := s.hold(p)
	last, interval := h.arming.At, every
	if h.failed > 0 {
		last = h.tried
		interval *= time.Duration(min(math.Pow(2, float64(h.failed)), maxBackoff))
	} else if len(h.drift) > 0 {
		last, interval = h.tried, min(gap, every)
	}
	left = interval - s.opt.Now().Sub(last)
	return left <= 0, left
}

// pause waits; false when ctx ended.
func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
