package backend

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
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

func (e *Engine) demoted(ctx context.Context, _ *runbook.Scene, s failoverplan.Step) (runbook.Result, error) {
	return e.withStore(s, func(st replication.Store) (runbook.Result, error) {
		source, ev, err := st.IsSource(ctx)
		return runbook.Result{Done: err == nil && !source, Evidence: []string{ev}}, err
	})
}

func (e *Engine) demote(ctx context.Context, _ *runbook.Scene, s failoverplan.Step) (runbook.Result, error) {
	return e.withStore(s, func(st replication.Store) (runbook.Result, error) {
		ev, err := st.Demote(ctx)
		return runbook.Result{Evidence: ev}, err
	})
}

func (e *Engine) undemote(ctx context.Context, sc *runbook.Scene, s failoverplan.Step) (runbook.Result, error) {
	return e.promote(ctx, sc, s)
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

// unpromote fences the store again and makes it follow its peer where that answers.
func (e *Engine) unpromote(ctx context.Context, _ *runbook.Scene, s failoverplan.Step) (runbook.Result, error) {
	return e.withStore(s, func(st replication.Store) (runbook.Result, error) {
		ev, err := st.Demote(ctx)
		if err != nil {
			return runbook.Result{Evidence: ev}, err
		}
		peer, err := e.endpoint(s.Peer, s.Platform, s.Component)
		if err != nil {
			return runbook.Result{Evidence: ev}, err
		}
		more, ferr := st.Follow(ctx, peer)
		ev = append(ev, more...)
		if ferr != nil { // fenced is what matters; following comes with the next sync run
			ev = append(ev, "it does not follow "+s.Peer+" yet: "+ferr.Error())
		}
		return runbook.Result{Evidence: ev}, nil
	})
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

// mirror is the control of the connectors that copy from peer to the step's site.
func (e *Engine) mirror(site, component, from string) (*replication.Mirror, []string, error) {
	ep, err := e.endpoint(site, failoverplan.Data, component)
	if err != nil {
		return nil, nil, err
	}
	m, err := replication.OpenMirror(ep, replication.Options{Timeout: e.actionTimeout()})
	if err != nil {
		return nil, nil, err
	}
	for _, x := range ep.Config.Mirrors {
		if x.From == from {
			return m, x.Connectors, nil
		}
	}
	return m, nil, fmt.Errorf("%s/data/%s has no mirror from %s in the configuration", site, component, from)
}

// kafkaEnds reads the present end offsets at a site, through its probe.
func (e *Engine) kafkaEnds(site string) replication.EndOffsets {
	return func(ctx context.Context) (map[string]int64, error) {
		s, _ := e.topo.Site(site)
		p, _ := s.Platform(failoverplan.Data)
		for _, c := range p.Components {
			if c.Kind != failoverplan.Kafka {
				continue
			}
			r := e.probers[failoverplan.Target(site, string(failoverplan.Data), c.Name)].Probe(ctx)
			if len(r.Facts.Offsets) == 0 {
				return nil, fmt.Errorf("the end offsets of %s/data/%s cannot be read: %s", site, c.Name, r.Detail)
			}
			return r.Facts.Offsets, nil
		}
		return nil, fmt.Errorf("site %s has no kafka component", site)
	}
}

func (e *Engine) mirrorLevel(ctx context.Context, s failoverplan.Step) (runbook.Result, error) {
	m, names, err := e.mirror(s.Site, s.Component, s.Peer)
	if err != nil {
		return runbook.Result{}, err
	}
	return poll(ctx, func() (bool, string, error) {
		lag, err := m.Lag(ctx, names, e.kafkaEnds(s.Peer))
		if err != nil {
			return false, "", err
		}
		total := int64(0)
		for _, n := range lag {
			total += max(0, n)
		}
		return total == 0, fmt.Sprintf("%d records still to copy", total), nil
	})
}

func (e *Engine) mirrorStopped(ctx context.Context, sc *runbook.Scene, s failoverplan.Step) (runbook.Result, error) {
	m, names, err := e.mirror(s.Site, s.Component, s.Peer)
	if err != nil {
		return runbook.Result{}, err
	}
	states, err := m.States(ctx, names)
	if err != nil {
		return runbook.Result{}, err
	}
	for _, n := range names {
		if states[n] != "STOPPED" {
			return runbook.Result{Evidence: []string{n + " is " + states[n]}}, nil
		}
	}
	if sc.Fact(factCut) == "" {
		return runbook.Result{}, nil // stopped, but the cut is not marked yet
	}
	return runbook.Result{Done: true, Evidence: []string{"stopped: " + strings.Join(names, ", ")}}, nil
}

// factCut says that the cut was marked in this run.
const factCut = "cut"

// cutKey remembers where a site's Kafka stood when it became the one that is fed;
// mirrors from it begin there, so that nothing is copied back and forth.
func cutKey(site string) string { return "cut/" + site }

func (e *Engine) stopMirror(ctx context.Context, sc *runbook.Scene, s failoverplan.Step) (runbook.Result, error) {
	m, names, err := e.mirror(s.Site, s.Component, s.Peer)
	if err != nil {
		return runbook.Result{}, err
	}
	ev, err := m.Stop(ctx, names)
	if err != nil {
		return runbook.Result{Evidence: ev}, err
	}
	ends, err := e.kafkaEnds(s.Site)(ctx)
	if err != nil {
		return runbook.Result{Evidence: ev}, err
	}
	if err := e.journal.Remember(ctx, cutKey(s.Site), ends); err != nil {
		return runbook.Result{Evidence: ev}, err
	}
	var marks []string
	for _, k := range slices.Sorted(maps.Keys(ends)) {
		marks = append(marks, fmt.Sprintf("%s at %d", k, ends[k]))
	}
	ev = append(ev, "cut marked: "+strings.Join(marks, ", "))
	return runbook.Result{Evidence: ev}, sc.SetFact(ctx, factCut, strings.Join(marks, ", "))
}

func (e *Engine) resumeMirror(ctx context.Context, _ *runbook.Scene, s failoverplan.Step) (runbook.Result, error) {
	m, names, err := e.mirror(s.Site, s.Component, s.Peer)
	if err != nil {
		return runbook.Result{}, err
	}
	if err := e.journal.Forget(ctx, cutKey(s.Site)); err != nil {
		return runbook.Result{}, err
	}
	ev, err := m.Resume(ctx, names)
	return runbook.Result{Evidence: ev}, err
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

// turnMirror stops what the site copied from elsewhere and lets it copy from its
// peer, from the cut on when there was one.
func (e *Engine) turnMirror(ctx context.Context, s failoverplan.Step) (runbook.Result, error) {
	c, _ := e.cfg.ComponentAt(s.Site, s.Platform, s.Component)
	var ev []string
	for _, x := range c.Mirrors {
		m, names, err := e.mirror(s.Site, s.Component, x.From)
		if err != nil {
			return runbook.Result{Evidence: ev}, err
		}
		if x.From != s.Peer {
			more, err := m.Stop(ctx, names)
			ev = append(ev, more...)
			if err != nil {
				return runbook.Result{Evidence: ev}, err
			}
			continue
		}
		var cut map[string]int64
		if ok, err := e.journal.Recall(ctx, cutKey(s.Peer), &cut); err == nil && ok {
			more, err := e.anchor(ctx, m, names, s, cut)
			ev = append(ev, more...)
			if err != nil {
				return runbook.Result{Evidence: ev}, err
			}
		}
		more, err := m.Resume(ctx, names)
		ev = append(ev, more...)
		if err != nil {
			return runbook.Result{Evidence: ev}, err
		}
	}
	return runbook.Result{Evidence: ev}, nil
}

// anchor sets the connectors to begin at the cut, once per cut and site.
func (e *Engine) anchor(ctx context.Context, m *replication.Mirror, names []string, s failoverplan.Step, cut map[string]int64) ([]string, error) {
	key := "anchored/" + s.Site + "/" + s.Peer
	var done map[string]int64
	if ok, err := e.journal.Recall(ctx, key, &done); err == nil && ok && maps.Equal(done, cut) {
		return []string{"it begins where it stopped after the last cut"}, nil
	}
	ev, err := m.Stop(ctx, names)
	if err != nil {
		return ev, err
	}
	more, err := m.Anchor(ctx, names, func(context.Context) (map[string]int64, error) { return cut, nil })
	ev = append(ev, more...)
	if err != nil {
		return ev, err
	}
	return ev, e.journal.Remember(ctx, key, cut)
}
