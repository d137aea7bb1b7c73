package switching

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/dutyops/dutyops/dnsproviders"
	"github.com/dutyops/dutyops/failoverplan"
)

const (
	trackPause       = 2 * time.Second // between two questions for the same change
	defaultTrackWait = time.Second
)

// sentChange is the last change of a place: the provider's id of it, and when it was made.
type sentChange struct {
	id string
	at time.Time
}

// track follows one change.
type track struct {
	place place
	sentChange
	ended chan struct{}

	mu     sync.Mutex
	seen   time.Time // of the last answer; zero = none came
	inSync bool
	err    error
}

// Track asks those providers of the changes that can tell (dnsproviders.Tracker) whether the
// last change that this Switch made there has reached all their name servers: now and every
// two seconds, until it has, an answer fails or stop is called. stop waits no longer than
// TrackWait and returns a sentence for each change; it is called once. They are evidence:
// whether a change is served is what the name servers themselves say.
func (s *Switch) Track(ctx context.Context, changes []failoverplan.ZoneChange) (stop func() []string) {
	ctx, cancel := context.WithCancel(ctx)
	quit := make(chan struct{})
	var all []*track
	for _, zc := range changes {
		at := place{dnsproviders.CanonicalName(zc.Zone), zc.Provider}
		p, ok := s.opt.Providers[zc.Provider].(dnsproviders.Tracker)
		s.mu.Lock()
		sent := s.sent[at]
		s.mu.Unlock()
		if ok && sent.id != "" {
			t := &track{place: at, sentChange: sent, ended: make(chan struct{})}
			all = append(all, t)
			go t.follow(ctx, quit, p, s)
		}
	}
	return func() []string {
		defer cancel()
		close(quit)
		wait, end := context.WithTimeout(ctx, s.opt.TrackWait)
		defer end()
		var out []string
		for _, t := range all {
			select {
			case <-t.ended:
			case <-wait.Done():
			}
			out = append(out, t.String())
		}
		return out
	}
}

func (t *track) follow(ctx context.Context, quit <-chan struct{}, p dnsproviders.Tracker, s *Switch) {
	defer close(t.ended)
	for {
		ok, err := p.InSync(ctx, t.place.zone, t.id)
		t.mu.Lock()
		t.seen, t.inSync, t.err = s.opt.Now(), ok, err
		t.mu.Unlock()
		if ok || err != nil {
			return
		}
		again := time.NewTimer(s.trackPause)
		select {
		case <-again.C:
		case <-quit:
			again.Stop()
			return
		}
	}
}

// String says how far the change is, for people.
func (t *track) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	took := t.seen.Sub(t.at).Round(100 * time.Millisecond)
	switch {
	case t.seen.IsZero():
		return fmt.Sprintf("%s did not say in time how far change %s is", t.place.provider, t.id)
	case t.err != nil:
		return fmt.Sprintf("%s does not say how far change %s is: %v", t.place.provider, t.id, t.err)
	case t.inSync:
		return fmt.Sprintf("%s says that change %s has reached all its name servers, seen at %s, %s after it was made", t.place.provider, t.id, clock(t.seen), took)
	}
	return fmt.Sprintf("%s says that change %s has not reached all its name servers yet, %s after it was made", t.place.provider, t.id, took)
}
