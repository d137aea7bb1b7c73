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
	"github.com/dutyops/dutyops/probes"
)

// connectTimeout bounds one request to Kafka Connect, within the time of the step. It is
// longer than elsewhere: a worker that has just joined its group, or whose group is being
// balanced anew, lets requests wait for seconds.
const connectTimeout = 10 * time.Second

// mirror is the control of the connectors that copy from peer to the step's site.
func (e *Engine) mirror(site, component, from string) (*replication.Mirror, []string, error) {
	ep, err := e.endpoint(site, failoverplan.Data, component)
	if err != nil {
		return nil, nil, err
	}
	m, err := replication.OpenMirror(ep, replication.Options{Timeout: connectTimeout})
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

// errEndsLack: not every partition told its end.
var errEndsLack = errors.New("the end offsets are not all known")

// kafkaEnds reads the present end offsets at a site, through its probe. Where some partitions do
// not tell theirs, those of the others come with errEndsLack.
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
			if why := r.Facts.Extra[probes.OffsetsLack]; why != "" {
				return r.Facts.Offsets, fmt.Errorf("%s/data/%s: %w: %s", site, c.Name, errEndsLack, why)
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
	look, err := m.Level(ctx, names, e.kafkaEnds(s.Peer))
	if err != nil {
		return runbook.Result{}, err
	}
	return poll(ctx, func() (bool, string, error) { return look(ctx) })
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
	ev, stopErr := m.Stop(ctx, names)
	// A mirror that hangs on a dead source stops late. The cut is marked all the same:
	// with an older one, everything since would be copied back and forth.
	ectx, cancel := context.WithTimeout(context.WithoutCancel(ctx), e.actionTimeout())
	defer cancel()
	ends, err := e.kafkaEnds(s.Site)(ectx)
	if err != nil {
		// Most of a cut is better than an older one; the whole is marked when this is resumed.
		if errors.Is(err, errEndsLack) {
			err = errors.Join(err, e.journal.Remember(ectx, cutKey(s.Site), ends))
		}
		return runbook.Result{Evidence: ev}, errors.Join(stopErr, err)
	}
	if err := e.journal.Remember(ectx, cutKey(s.Site), ends); err != nil {
		return runbook.Result{Evidence: ev}, errors.Join(stopErr, err)
	}
	var marks []string
	for _, k := range slices.Sorted(maps.Keys(ends)) {
		marks = append(marks, fmt.Sprintf("%s at %d", k, ends[k]))
	}
	ev = append(ev, "cut marked: "+strings.Join(marks, ", "))
	return runbook.Result{Evidence: ev}, errors.Join(stopErr, sc.SetFact(ectx, factCut, strings.Join(marks, ", ")))
}

// resumeMirror undoes stopMirror. When the records were copied back meanwhile, that is
// brought level and stopped first, and this direction begins after them: two mirrors at
// once would copy the same records round for ever.
func (e *Engine) resumeMirror(ctx context.Context, sc *runbook.Scene, s failoverplan.Step) (runbook.Result, error) {
	m, names, err := e.mirror(s.Site, s.Component, s.Peer)
	if err != nil {
		return runbook.Result{}, err
	}
	ev, cut, err := e.endMirrorBack(ctx, sc, s)
	if err != nil {
		return runbook.Result{Evidence: ev}, err
	}
	if cut != nil {
		if err := e.journal.Remember(ctx, cutKey(s.Peer), cut); err != nil {
			return runbook.Result{Evidence: ev}, err
		}
		more, err := e.anchor(ctx, m, names, s, cut)
		ev = append(ev, more...)
		if err != nil {
			return runbook.Result{Evidence: ev}, err
		}
	}
	if err := e.journal.Forget(ctx, cutKey(s.Site)); err != nil {
		return runbook.Result{Evidence: ev}, err
	}
	more, err := m.Resume(ctx, names)
	return runbook.Result{Evidence: append(ev, more...)}, err
}

// factCopiedBack names the site that a mirror copied back to, until a roll-back stopped it.
const factCopiedBack = "copied-back"

// endMirrorBack stops what the step's peer copies from the step's site, after it has
// copied everything, and tells where the peer's Kafka stands then; nil when it did not copy.
func (e *Engine) endMirrorBack(ctx context.Context, sc *runbook.Scene, s failoverplan.Step) (ev []string, cut map[string]int64, err error) {
	site, _ := e.topo.Site(s.Peer)
	p, _ := site.Platform(failoverplan.Data)
	for _, c := range p.Components {
		if c.Kind != failoverplan.KafkaConnect || len(c.Mirrors[s.Site]) == 0 {
			continue
		}
		back := failoverplan.Step{Site: s.Peer, Peer: s.Site, Platform: failoverplan.Data, Component: c.Name}
		m, names, err := e.mirror(back.Site, back.Component, back.Peer)
		if err != nil {
			return ev, nil, err
		}
		states, err := m.States(ctx, names)
		if err != nil {
			return ev, nil, fmt.Errorf("whether %s copies from %s cannot be seen: %w", s.Peer, s.Site, err)
		}
		runs := slices.ContainsFunc(names, func(n string) bool { return states[n] == "RUNNING" })
		if runs {
			r, err := e.mirrorLevel(ctx, back)
			ev = append(ev, r.Evidence...)
			if err != nil {
				return ev, nil, err
			}
			if err := sc.SetFact(ctx, factCopiedBack, s.Peer); err != nil {
				return ev, nil, err
			}
		}
		more, err := m.Stop(ctx, names)
		ev = append(ev, more...)
		if err != nil {
			return ev, nil, err
		}
		if sc.Fact(factCopiedBack) != s.Peer {
			continue // it never ran in this run
		}
		if cut, err = e.kafkaEnds(s.Peer)(ctx); err != nil {
			return ev, nil, err
		}
	}
	return ev, cut, nil
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
		ok, err := e.journal.Recall(ctx, cutKey(s.Peer), &cut)
		if err != nil {
			return runbook.Result{Evidence: ev}, fmt.Errorf("where the mirror from %s has to begin is not known: %w", s.Peer, err)
		}
		if ok {
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
	ok, err := e.journal.Recall(ctx, key, &done)
	if err != nil {
		return nil, fmt.Errorf("whether the mirror from %s begins at its cut already is not known: %w", s.Peer, err)
	}
	if ok && maps.Equal(done, cut) {
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
