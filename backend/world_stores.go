package backend

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/dutyops/dutyops/backend/replication"
	"github.com/dutyops/dutyops/backend/runbook"
	"github.com/dutyops/dutyops/failoverplan"
)

// withStore opens the step's store for one deed.
func (e *Engine) withStore(s failoverplan.Step, f func(replication.Store) (runbook.Result, error)) (runbook.Result, error) {
	if err := e.gone(s); err != nil && s.BestEffort {
		return runbook.Result{}, err
	}
	ep, err := e.endpoint(s.Site, s.Platform, s.Component)
	if err != nil {
		return runbook.Result{}, err
	}
	st, err := replication.Open(ep, replication.Options{Timeout: e.actionTimeout()})
	if err != nil {
		return runbook.Result{}, err
	}
	r, err := f(st)
	return r, errors.Join(err, st.Close())
}

// demoted: it refuses writes. That it follows is not enough, as a follower may take them.
func (e *Engine) demoted(ctx context.Context, _ *runbook.Scene, s failoverplan.Step) (runbook.Result, error) {
	return e.withStore(s, func(st replication.Store) (runbook.Result, error) {
		fenced, ev, err := st.Fenced(ctx)
		return runbook.Result{Done: err == nil && fenced, Evidence: []string{ev}}, err
	})
}

func (e *Engine) demote(ctx context.Context, _ *runbook.Scene, s failoverplan.Step) (runbook.Result, error) {
	return e.withStore(s, func(st replication.Store) (runbook.Result, error) {
		ev, err := st.Demote(ctx)
		return runbook.Result{Evidence: ev}, err
	})
}

// undemote makes the fenced store the writable one again, and its peer, which a
// roll-back has fenced before, its follower. It looks first: a store that was never
// fenced stays as it is.
func (e *Engine) undemote(ctx context.Context, _ *runbook.Scene, s failoverplan.Step) (runbook.Result, error) {
	r, err := e.withStore(s, func(st replication.Store) (runbook.Result, error) {
		if source, ev, err := st.IsSource(ctx); err == nil && source {
			return runbook.Result{Evidence: nonEmpty(ev)}, nil
		}
		ev, err := st.Promote(ctx)
		return runbook.Result{Evidence: ev}, err
	})
	if err != nil {
		return r, err
	}
	back := s
	back.Site, back.Peer, back.BestEffort = s.Peer, s.Site, false
	f, err := e.reprotect(ctx, nil, back)
	r.Evidence = append(r.Evidence, f.Evidence...)
	if err != nil { // who writes is what matters; following comes with the next sync run
		r.Evidence = append(r.Evidence, fmt.Sprintf("%s does not follow %s yet: %v", s.Peer, s.Site, err))
	}
	return r, nil
}

func (e *Engine) promoted(ctx context.Context, _ *runbook.Scene, s failoverplan.Step) (runbook.Result, error) {
	return e.withStore(s, func(st replication.Store) (runbook.Result, error) {
		source, ev, err := st.IsSource(ctx)
		return runbook.Result{Done: err == nil && source, Evidence: []string{ev}}, err
	})
}

func (e *Engine) promote(ctx context.Context, _ *runbook.Scene, s failoverplan.Step) (runbook.Result, error) {
	return e.withStore(s, func(st replication.Store) (runbook.Result, error) {
		ev, err := st.Promote(ctx)
		return runbook.Result{Evidence: ev}, err
	})
}

// unpromote fences the store again and lets its peer take the last of what was written
// here meanwhile, as far as the peer can follow. The peer is made the writable one, and
// this one its follower, when its own fence is undone.
func (e *Engine) unpromote(ctx context.Context, _ *runbook.Scene, s failoverplan.Step) (runbook.Result, error) {
	r, err := e.withStore(s, func(st replication.Store) (runbook.Result, error) {
		if fenced, ev, err := st.Fenced(ctx); err == nil && fenced {
			return runbook.Result{Evidence: nonEmpty(ev)}, nil
		}
		ev, err := st.Demote(ctx)
		return runbook.Result{Evidence: ev}, err
	})
	if err != nil {
		return r, err
	}
	last := s
	last.Site, last.Peer = s.Peer, s.Site
	follows, err := e.protected(ctx, nil, last)
	if err == nil && !follows.Done { // stopped before it was turned round; both are fenced now
		var f runbook.Result
		f, err = e.reprotect(ctx, nil, last)
		r.Evidence = append(r.Evidence, f.Evidence...)
	}
	if err != nil {
		r.Evidence = append(r.Evidence, fmt.Sprintf("%s cannot take the last word of %s: %v", s.Peer, s.Site, err))
		return r, nil // a peer that cannot be asked or has gone its own way is told of; the fence stands
	}
	c, err := e.catchUp(ctx, nil, last)
	r.Evidence = append(r.Evidence, c.Evidence...)
	if err != nil {
		return r, fmt.Errorf("%s is fenced, but %s did not take the last of it: %w", s.Site, s.Peer, err)
	}
	return r, nil
}

// catchUp waits until the step's component has everything its peer has. When the
// peer is gone it waits for what was received to be applied, and says what that means.
func (e *Engine) catchUp(ctx context.Context, _ *runbook.Scene, s failoverplan.Step) (runbook.Result, error) {
	peer := s
	peer.Site = s.Peer
	if err := e.gone(peer); err != nil && s.BestEffort {
		r, aerr := e.applied(ctx, s)
		if aerr != nil {
			return r, aerr
		}
		return r, fmt.Errorf("no final sync, %w; what it had not sent stays there", err)
	}
	ep, err := e.endpoint(s.Site, s.Platform, s.Component)
	if err != nil {
		return runbook.Result{}, err
	}
	wait, cancel := context.WithTimeout(ctx, e.cfg.Rules.CatchUpTimeout.D())
	defer cancel()
	if ep.Kind == failoverplan.KafkaConnect {
		return e.mirrorLevel(wait, s)
	}
	source, err := e.endpoint(s.Peer, s.Platform, s.Component)
	if err != nil {
		return runbook.Result{}, err
	}
	return e.withStore(s, func(st replication.Store) (runbook.Result, error) {
		return poll(wait, func() (bool, string, error) {
			ok, ev, err := st.CaughtUp(wait, source)
			if err != nil || ok || ep.Kind != failoverplan.Elasticsearch {
				return ok, ev, err
			}
			// Elasticsearch follows by timed copies: the last one is made here (mission A6).
			if _, err := st.Follow(wait, source); err != nil {
				return false, ev, err
			}
			return st.CaughtUp(wait, source)
		})
	})
}

func (e *Engine) applied(ctx context.Context, s failoverplan.Step) (runbook.Result, error) {
	if c, ok := e.cfg.ComponentAt(s.Site, s.Platform, s.Component); ok && c.Kind == string(failoverplan.KafkaConnect) {
		return runbook.Result{}, nil
	}
	return e.withStore(s, func(st replication.Store) (runbook.Result, error) {
		return poll(ctx, func() (bool, string, error) { return st.Applied(ctx) })
	})
}

// poll asks until it is so, every 50 ms, and keeps the last evidence.
func poll(ctx context.Context, look func() (bool, string, error)) (runbook.Result, error) {
	last := ""
	for {
		ok, ev, err := look()
		if ev != "" {
			last = ev
		}
		if err != nil {
			return runbook.Result{Evidence: nonEmpty(last)}, err
		}
		if ok {
			return runbook.Result{Done: true, Evidence: nonEmpty(last)}, nil
		}
		select {
		case <-ctx.Done():
			return runbook.Result{Evidence: nonEmpty(last)}, fmt.Errorf("not level in time: %s", last)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

func nonEmpty(lines ...string) []string {
	var out []string
	for _, l := range lines {
		if l != "" {
			out = append(out, l)
		}
	}
	return out
}

func (e *Engine) protected(ctx context.Context, _ *runbook.Scene, s failoverplan.Step) (runbook.Result, error) {
	if err := e.gone(s); err != nil {
		return runbook.Result{}, err
	}
	c, _ := e.cfg.ComponentAt(s.Site, s.Platform, s.Component)
	if c.Kind == string(failoverplan.KafkaConnect) {
		m, names, err := e.mirror(s.Site, s.Component, s.Peer)
		if err != nil {
			return runbook.Result{}, err
		}
		states, err := m.States(ctx, names)
		if err != nil {
			return runbook.Result{}, err
		}
		for _, n := range names {
			if states[n] != "RUNNING" {
				return runbook.Result{Evidence: []string{n + " is " + states[n]}}, nil
			}
		}
		return runbook.Result{Done: true, Evidence: []string{"running: " + strings.Join(names, ", ")}}, nil
	}
	peer, err := e.endpoint(s.Peer, s.Platform, s.Component)
	if err != nil {
		return runbook.Result{}, err
	}
	return e.withStore(s, func(st replication.Store) (runbook.Result, error) {
		ok, ev, err := st.Follows(ctx, peer)
		return runbook.Result{Done: err == nil && ok, Evidence: nonEmpty(ev)}, err
	})
}

// reprotect makes the step's component follow its peer.
func (e *Engine) reprotect(ctx context.Context, _ *runbook.Scene, s failoverplan.Step) (runbook.Result, error) {
	if err := e.gone(s); err != nil {
		return runbook.Result{}, fmt.Errorf("%w; `dutyops sync run` does it once it has recovered", err)
	}
	c, _ := e.cfg.ComponentAt(s.Site, s.Platform, s.Component)
	if c.Kind == string(failoverplan.KafkaConnect) {
		return e.turnMirror(ctx, s)
	}
	peer, err := e.endpoint(s.Peer, s.Platform, s.Component)
	if err != nil {
		return runbook.Result{}, err
	}
	return e.withStore(s, func(st replication.Store) (runbook.Result, error) {
		ev, err := st.Follow(ctx, peer)
		return runbook.Result{Evidence: ev}, err
	})
}

// renewLink gives the link of the step's component the account that is configured now.
func (e *Engine) renewLink(ctx context.Context, _ *runbook.Scene, s failoverplan.Step) (runbook.Result, error) {
	peer, err := e.endpoint(s.Peer, s.Platform, s.Component)
	if err != nil {
		return runbook.Result{}, err
	}
	return e.withStore(s, func(st replication.Store) (runbook.Result, error) {
		r, ok := st.(replication.Renewer)
		if !ok {
			return runbook.Result{}, fmt.Errorf("%s/%s/%s has no link with an account of its own: %w", s.Site, s.Platform, s.Component, replication.ErrUnsupported)
		}
		ev, err := r.Renew(ctx, peer)
		return runbook.Result{Evidence: ev}, err
	})
}
