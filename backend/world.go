package backend

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/dutyops/dutyops/backend/replication"
	"github.com/dutyops/dutyops/backend/runbook"
	"github.com/dutyops/dutyops/backend/upstream"
	"github.com/dutyops/dutyops/failoverplan"
)

// worldActions says what each kind of step means in the world. Every Check looks
// only; every Do may be repeated.
func (e *Engine) worldActions() map[failoverplan.StepAction]runbook.Action {
	fence := func(s failoverplan.Step) time.Duration {
		if s.BestEffort {
			return e.cfg.Rules.FenceTimeout.D()
		}
		return 30 * time.Second
	}
	catchUp := func(failoverplan.Step) time.Duration { return e.cfg.Rules.CatchUpTimeout.D() + 2*time.Second }
	resolvers := func(failoverplan.Step) time.Duration { return e.cfg.Rules.ResolverWait.D() + 5*time.Second }
	return map[failoverplan.StepAction]runbook.Action{
		failoverplan.ActPreflight:           {Check: e.preflight},
		failoverplan.ActCutFeed:             {Check: e.feedCut, Do: e.cutFeed, Undo: e.uncutFeed, Timeout: fence},
		failoverplan.ActAttachFeed:          {Check: e.feedAttached, Do: e.attachFeed, Undo: e.detachFeed, Timeout: fence},
		failoverplan.ActStopIngest:          {Check: e.ingestStopped, Do: e.stopIngest, Undo: e.restartIngest, Timeout: fence},
		failoverplan.ActStartIngest:         {Check: e.ingestRuns, Do: e.startIngest, Undo: e.unstartIngest},
		failoverplan.ActDemote:              {Check: e.demoted, Do: e.demote, Undo: e.undemote, Verified: true, Timeout: fence},
		failoverplan.ActCatchUp:             {Do: e.catchUp, Verified: true, Timeout: catchUp},
		failoverplan.ActStopMirror:          {Check: e.mirrorStopped, Do: e.stopMirror, Undo: e.resumeMirror, Timeout: fence},
		failoverplan.ActPromote:             {Check: e.promoted, Do: e.promote, Undo: e.unpromote},
		failoverplan.ActSwitchDNS:           {Check: e.dnsSwitched, Do: e.switchDNS, Undo: e.unswitchDNS, Verified: true, Looks: true, Timeout: e.writeTimeout},
		failoverplan.ActVerifyAuthoritative: {Do: e.verifyAuthoritative, Verified: true},
		failoverplan.ActVerifyResolvers:     {Do: e.verifyResolvers, Verified: true, Timeout: resolvers},
		failoverplan.ActVerifyUsers:         {Do: e.verifyUsers, Verified: true},
		failoverplan.ActLowerTTL:            {Check: e.dnsSwitched, Do: e.switchDNS, Undo: e.unswitchDNS},
		failoverplan.ActWaitTTL:             {Do: e.waitTTL, Verified: true, Stoppable: true, Timeout: waitTTLTimeout},
		failoverplan.ActRestoreTTL:          {Check: e.dnsSwitched, Do: e.switchDNS, Undo: e.unswitchDNS},
		failoverplan.ActReprotect:           {Check: e.protected, Do: e.reprotect, Timeout: catchUp},
		failoverplan.ActRenewLink:           {Do: e.renewLink, Verified: true, Timeout: catchUp},
	}
}

// writeTimeout leaves room for the waits of a write, and for the reading after a failure.
func (e *Engine) writeTimeout(failoverplan.Step) time.Duration {
	return time.Minute + e.cfg.Rules.RetryBudget.D()
}

// gone tells whether the target was judged down: then there is nobody to talk to,
// and a best effort step says so at once instead of waiting for a time-out.
func (e *Engine) gone(s failoverplan.Step) error {
	t := stateOf(e.mon.Snapshot(), failoverplan.Target(s.Site, string(s.Platform), s.Component))
	if t.State == failoverplan.Down && t.Last != nil && t.Last.Facts.Version == "" && t.Last.Facts.ReadOnly == nil {
		return fmt.Errorf("%s/%s/%s does not answer since %s: %s", s.Site, s.Platform, s.Component, t.Since.Local().Format("15:04:05"), t.Detail)
	}
	return nil
}

func (e *Engine) preflight(_ context.Context, _ *runbook.Scene, s failoverplan.Step) (runbook.Result, error) {
	e.mu.Lock()
	sit, at := e.situation, e.refreshed
	e.mu.Unlock()
	site, ok := sit.Site(s.Site)
	if !ok {
		return runbook.Result{}, fmt.Errorf("%w: %s is not watched any more", runbook.ErrWorldChanged, s.Site)
	}
	line := fmt.Sprintf("seen %.1f s ago: gateway %s, business %s, data %s", e.now().Sub(at).Seconds(), site.Gateway,
		site.Platform(failoverplan.Business).State, site.Platform(failoverplan.Data).State)
	if site.Gateway == failoverplan.Down || site.Platform(failoverplan.Business).State == failoverplan.Down {
		return runbook.Result{Evidence: []string{line}}, fmt.Errorf("%w: %s went down meanwhile", runbook.ErrWorldChanged, s.Site)
	}
	return runbook.Result{Done: true, Evidence: []string{line}}, nil
}

func (e *Engine) feed(name string) (*upstream.Feed, error) {
	f, ok := e.feeds[name]
	if !ok {
		return nil, fmt.Errorf("no upstream %q in the configuration", name)
	}
	return f, nil
}

func (e *Engine) attached(ctx context.Context, name string) (string, error) {
	f, err := e.feed(name)
	if err != nil {
		return "", err
	}
	return f.Attached(ctx)
}

func (e *Engine) feedCut(ctx context.Context, _ *runbook.Scene, s failoverplan.Step) (runbook.Result, error) {
	site, err := e.attached(ctx, s.Feed)
	return runbook.Result{Done: err == nil && site != s.Site, Evidence: []string{"attached to " + orNobody(site)}}, err
}

func (e *Engine) feedAttached(ctx context.Context, _ *runbook.Scene, s failoverplan.Step) (runbook.Result, error) {
	site, err := e.attached(ctx, s.Feed)
	return runbook.Result{Done: err == nil && site == s.Site, Evidence: []string{"attached to " + orNobody(site)}}, err
}

func orNobody(site string) string {
	if site == "" {
		return "no site"
	}
	return site
}

func (e *Engine) attach(ctx context.Context, feed, site string) (runbook.Result, error) {
	f, err := e.feed(feed)
	if err != nil {
		return runbook.Result{}, err
	}
	ev, err := f.Attach(ctx, site)
	return runbook.Result{Evidence: ev}, err
}

func (e *Engine) cutFeed(ctx context.Context, _ *runbook.Scene, s failoverplan.Step) (runbook.Result, error) {
	return e.attach(ctx, s.Feed, "")
}

func (e *Engine) uncutFeed(ctx context.Context, _ *runbook.Scene, s failoverplan.Step) (runbook.Result, error) {
	return e.attach(ctx, s.Feed, s.Site)
}

func (e *Engine) attachFeed(ctx context.Context, _ *runbook.Scene, s failoverplan.Step) (runbook.Result, error) {
	return e.attach(ctx, s.Feed, s.Site)
}

func (e *Engine) detachFeed(ctx context.Context, _ *runbook.Scene, s failoverplan.Step) (runbook.Result, error) {
	return e.attach(ctx, s.Feed, "")
}

func (e *Engine) withJob(s failoverplan.Step, f func(*upstream.Job) (runbook.Result, error)) (runbook.Result, error) {
	if err := e.gone(s); err != nil && s.BestEffort {
		return runbook.Result{}, err
	}
	c, ok := e.cfg.ComponentAt(s.Site, s.Platform, s.Component)
	if !ok {
		return runbook.Result{}, fmt.Errorf("no component %s/%s/%s in the configuration", s.Site, s.Platform, s.Component)
	}
	job, err := upstream.NewJob(c, upstream.Options{Timeout: e.actionTimeout()})
	if err != nil {
		return runbook.Result{}, err
	}
	r, err := f(job)
	return r, errors.Join(err, job.Close())
}

func (e *Engine) actionTimeout() time.Duration { return 3 * time.Second }

func (e *Engine) ingestStopped(ctx context.Context, _ *runbook.Scene, s failoverplan.Step) (runbook.Result, error) {
	return e.withJob(s, func(j *upstream.Job) (runbook.Result, error) {
		id, ok, err := j.Running(ctx)
		if err != nil {
			return runbook.Result{}, err
		}
		if !ok {
			return runbook.Result{Done: true, Evidence: []string{"no ingest job runs at " + s.Site}}, nil
		}
		return runbook.Result{Evidence: []string{"job " + id + " runs"}}, nil
	})
}

const factSavepoint = "savepoint"

func (e *Engine) stopIngest(ctx context.Context, sc *runbook.Scene, s failoverplan.Step) (runbook.Result, error) {
	return e.withJob(s, func(j *upstream.Job) (runbook.Result, error) {
		path, err := j.StopWithSavepoint(ctx)
		if err != nil {
			return runbook.Result{}, err
		}
		r := runbook.Result{Evidence: []string{"savepoint " + path}}
		return r, sc.SetFact(ctx, factSavepoint, path)
	})
}

func (e *Engine) restartIngest(ctx context.Context, sc *runbook.Scene, s failoverplan.Step) (runbook.Result, error) {
	return e.startIngest(ctx, sc, s)
}

// factIngest names the job that this run started at a site.
func factIngest(site string) string { return "ingest/" + site }

// ingestRuns: the job that this run has started runs. One that was left over from
// before does not count: its place is older than what arrived elsewhere meanwhile.
func (e *Engine) ingestRuns(ctx context.Context, sc *runbook.Scene, s failoverplan.Step) (runbook.Result, error) {
	return e.withJob(s, func(j *upstream.Job) (runbook.Result, error) {
		id, ok, err := j.Running(ctx)
		if err != nil || !ok {
			return runbook.Result{}, err
		}
		if id != sc.Fact(factIngest(s.Site)) {
			return runbook.Result{Evidence: []string{"job " + id + " is left over from before"}}, nil
		}
		return runbook.Result{Done: true, Evidence: []string{"job " + id + " runs at " + s.Site}}, nil
	})
}

func (e *Engine) startIngest(ctx context.Context, sc *runbook.Scene, s failoverplan.Step) (runbook.Result, error) {
	return e.withJob(s, func(j *upstream.Job) (runbook.Result, error) {
		var ev []string
		old, ok, err := j.Running(ctx)
		if err != nil {
			return runbook.Result{}, err
		}
		if ok && old != sc.Fact(factIngest(s.Site)) {
			if _, err := j.StopWithSavepoint(ctx); err != nil {
				return runbook.Result{}, fmt.Errorf("stop job %s, which is left over from before: %w", old, err)
			}
			ev = append(ev, "job "+old+" was left over from before and is stopped: it would read everything again that arrived elsewhere")
		}
		from := sc.Fact(factSavepoint)
		id, err := j.Start(ctx, from)
		if err != nil {
			return runbook.Result{Evidence: ev}, err
		}
		line := "job " + id + " started from savepoint " + from
		if from == "" {
			line = "job " + id + " started without a savepoint: it goes on from what " + s.Site + " has, messages may repeat"
		}
		return runbook.Result{Evidence: append(ev, line)}, sc.SetFact(ctx, factIngest(s.Site), id)
	})
}

func (e *Engine) unstartIngest(ctx context.Context, sc *runbook.Scene, s failoverplan.Step) (runbook.Result, error) {
	return e.stopIngest(ctx, sc, s)
}

// endpoint is a component at a site, for the replication drivers.
func (e *Engine) endpoint(site string, k failoverplan.PlatformKind, name string) (replication.Endpoint, error) {
	c, ok := e.cfg.ComponentAt(site, k, name)
	if !ok {
		return replication.Endpoint{}, fmt.Errorf("no component %s/%s/%s in the configuration", site, k, name)
	}
	return replication.Endpoint{Site: site, Platform: k, Name: name, Kind: failoverplan.ComponentKind(c.Kind), Config: c}, nil
}
