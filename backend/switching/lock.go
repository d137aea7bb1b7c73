package switching

import (
	"context"
	"fmt"
)

// lock lets one writer at a time have a place. The error is that ctx ended first.
func (s *Switch) lock(ctx context.Context, p place) (unlock func(), err error) {
	s.mu.Lock()
	l := s.locks[p]
	if l == nil {
		l = make(chan struct{}, 1)
		s.locks[p] = l
	}
	s.mu.Unlock()
	select {
	case l <- struct{}{}:
		return func() { <-l }, nil
	case <-ctx.Done():
		return nil, fmt.Errorf("zone %s at %s is being written: %w", p.zone, p.provider, ctx.Err())
	}
}
