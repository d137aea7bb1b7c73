package backend

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/go-resty/resty/v2"

	"github.com/dutyops/dutyops/backend/config"
	"github.com/dutyops/dutyops/backend/runbook"
	"github.com/dutyops/dutyops/backend/secure"
	"github.com/dutyops/dutyops/backend/switching"
	"github.com/dutyops/dutyops/dnsproviders"
	"github.com/dutyops/dutyops/failoverplan"
)

func zoneChange(p *failoverplan.Plan, s failoverplan.Step) (failoverplan.ZoneChange, error) {
	if z, ok := p.Change(s); ok {
		return z, nil
	}
	return failoverplan.ZoneChange{}, fmt.Errorf("the plan has no change for zone %s", s.Zone)
}

// dnsSwitched looks at the zone: everything after is done, anything that is neither
// before nor after means that somebody else wrote.
func (e *Engine) dnsSwitched(ctx context.Context, sc *runbook.Scene, s failoverplan.Step) (runbook.Result, error) {
	z, err := zoneChange(sc.Plan, s)
	if err != nil {
		return runbook.Result{}, err
	}
	done, conflict, err := e.dns.Done(ctx, z)
	if err != nil {
		return runbook.Result{}, err
	}
	ev := []string{fmt.Sprintf("%d of %d record sets are as planned", len(done), len(z.Changes))}
	if len(conflict) > 0 {
		for _, c := range conflict {
			ev = append(ev, fmt.Sprintf("%s %s is neither what it was nor what it should become", c.After.Name, c.After.Type))
		}
	}
	return runbook.Result{Done: len(done) == len(z.Changes), Evidence: ev, Changed: len(done)}, nil
}

func (e *Engine) switchDNS(ctx context.Context, sc *runbook.Scene, s failoverplan.Step) (runbook.Result, error) {
	z, err := zoneChange(sc.Plan, s)
	if err != nil {
		return runbook.Result{}, err
	}
	if !s.Canary && !canaryProven(sc, s) {
		return runbook.Result{}, fmt.Errorf("%w: its canary failed, so nothing else of %s is written at %s", runbook.ErrRefused, s.Zone, s.Provider)
	}
	return e.applyZone(ctx, sc, s, z)
}

// applyZone writes the whole change of a zone; what is as planned already stays. It
// says certainly-untouched failures as such, and of a failure which names are old and
// which are new.
func (e *Engine) applyZone(ctx context.Context, sc *runbook.Scene, s failoverplan.Step, z failoverplan.ZoneChange) (runbook.Result, error) {
	if err := e.dropArmed(); err != nil {
		e.event("dns", "warn", z.Zone, "%v", err)
	}
	end := e.telling(z.Zone, z.Provider, func(text string) { sc.Tell(s.ID, text) })
	out, err := e.dns.Apply(ctx, z)
	end()
	e.rearm(z.Zone)
	r := runbook.Result{Evidence: out.Evidence, Changed: out.Changed, APICalls: out.APICalls}
	if err != nil {
		r.Evidence = append(r.Evidence, out.Lists()...)
		if out.Changed == 0 {
			return r, untouched(err, out)
		}
	}
	return r, err
}

// untouched marks failures after which it is certain that the zone is as before.
func untouched(err error, out switching.Outcome) error {
	if errors.Is(err, dnsproviders.ErrConflict) {
		return fmt.Errorf("%w: %w", runbook.ErrWorldChanged, err)
	}
	for _, k := range []error{dnsproviders.ErrAuth, dnsproviders.ErrForbidden, dnsproviders.ErrRateLimited, dnsproviders.ErrRejected, dnsproviders.ErrNotFound} {
		if errors.Is(err, k) {
			return fmt.Errorf("%w: %w", runbook.ErrRefused, err)
		}
	}
	if errors.Is(err, dnsproviders.ErrUnavailable) && out.All(switching.SetOld) {
		return fmt.Errorf("%w: %w", runbook.ErrRefused, err) // as read afterwards
	}
	return err
}

func (e *Engine) unswitchDNS(ctx context.Context, sc *runbook.Scene, s failoverplan.Step) (runbook.Result, error) {
	z, err := zoneChange(sc.Plan, s)
	if err != nil {
		return runbook.Result{}, err
	}
	// Only what did change is taken back; a set still as before is left alone.
	back := e.dns.Invert(z)
	r, err := e.applyZone(ctx, sc, s, back)
	if err == nil || s.AnyOf == "" {
		return r, err
	}
	// A provider that was never reached has nothing to take back: its servers tell.
	if done, _, derr := e.dns.Done(ctx, back); derr == nil && len(done) == len(back.Changes) {
		r.Evidence = append(r.Evidence, fmt.Sprintf("every record set of %s at %s is as it was", s.Zone, s.Provider))
		return r, nil
	}
	return r, err
}

// verifyAuthoritative asks the servers of one provider where the zone has several, else
// those of every zone that has one.
func (e *Engine) verifyAuthoritative(ctx context.Context, sc *runbook.Scene, s failoverplan.Step) (runbook.Result, error) {
	var changes []failoverplan.ZoneChange
	for _, z := range sc.Plan.DNS {
		if s.Zone == "" && len(z.Also) == 0 || z.Zone == s.Zone && z.Provider == s.Provider {
			if s.Canary {
				z = sc.Plan.CanaryChange(s)
			}
			changes = append(changes, z)
		}
	}
	behind, look := s.Zone != "" && !written(sc, s), e.dns.VerifyAuthoritative
	if behind {
		look = e.dns.GlanceAuthoritative // nothing is on its way there: nothing to wait for
	}
	tctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	told := func() []string { return nil }
	if !behind {
		told = e.dns.Track(ctx, changes)
	}
	b, err := look(tctx, changes)
	ev := []string{fmt.Sprintf("%d of %d answers of authoritative servers are the new ones", b.Agreed, b.Total)}
	if err != nil && behind {
		err = fmt.Errorf("%s was not written at %s: %w", s.Zone, s.Provider, err)
	}
	return runbook.Result{Evidence: slices.Concat(ev, b.Differences(6), b.Evidence(6), told())}, err
}

// canaryProven says whether the canary of a place, where it has one, is switched and seen.
func canaryProven(sc *runbook.Scene, at failoverplan.Step) bool {
	for _, s := range sc.Plan.Steps {
		if s.Canary && s.Zone == at.Zone && s.Provider == at.Provider {
			if st := sc.StateOf(s.ID); st != runbook.StepDone && st != runbook.StepAlready {
				return false
			}
		}
	}
	return true
}

// written says whether the run has made the change of a place.
func written(sc *runbook.Scene, at failoverplan.Step) bool {
	for _, s := range sc.Plan.Steps {
		if s.Action == failoverplan.ActSwitchDNS && s.Zone == at.Zone && s.Provider == at.Provider && (s.Canary || !at.Canary) {
			if st := sc.StateOf(s.ID); st != runbook.StepDone && st != runbook.StepAlready {
				return false
			}
		}
	}
	return true
}

// verifyResolvers waits until watched resolvers forget the old answer; where a provider
// still gives it, that is no use, and they are asked once.
func (e *Engine) verifyResolvers(ctx context.Context, sc *runbook.Scene, s failoverplan.Step) (runbook.Result, error) {
	if len(e.cfg.DNS.Resolvers) == 0 {
		return runbook.Result{Evidence: []string{"no resolver is watched"}}, nil
	}
	look := func(ctx context.Context, zs []failoverplan.ZoneChange) (switching.Board, error) {
		return e.dns.WatchResolvers(ctx, zs, func(p switching.Progress) { sc.Tell(s.ID, p.String()) })
	}
	var ev []string
	for _, z := range sc.Plan.DNS {
		if !written(sc, failoverplan.Step{Zone: z.Zone, Provider: z.Provider}) {
			look = e.dns.GlanceResolvers
			ev = append(ev, fmt.Sprintf("%s still gives old answers for %s: resolvers are asked once", z.Provider, z.Zone))
		}
	}
	tctx, cancel := context.WithTimeout(ctx, e.cfg.Rules.ResolverWait.D())
	defer cancel()
	b, err := look(tctx, sc.Plan.DNS)
	ev = append(ev, fmt.Sprintf("%d of %d answers of watched resolvers are the new ones", b.Agreed, b.Total))
	if err != nil && !b.OldUntil.IsZero() {
		err = fmt.Errorf("old answers until %s: %w", b.OldUntil.Local().Format("15:04:05"), err)
	}
	return runbook.Result{Evidence: append(append(ev, b.Differences(6)...), b.Evidence(6)...)}, err
}

// verifyUsers asks the target's gateway for every switched name, as a user's browser would.
func (e *Engine) verifyUsers(ctx context.Context, sc *runbook.Scene, s failoverplan.Step) (runbook.Result, error) {
	site, ok := e.cfg.SiteNamed(s.Site)
	if !ok {
		return runbook.Result{}, fmt.Errorf("no site %s in the configuration", s.Site)
	}
	url := strings.TrimSuffix(site.Gateway.URL, "/") + site.Gateway.CheckPath
	wait, cancel := context.WithTimeout(ctx, 15*time.Second)
	defer cancel()
	names := movedNames(sc.Plan)
	client := userClients(site.Gateway)
	left := unanswered(wait, names, func(ctx context.Context, name string) (bool, string) {
		c := client(name)
		defer c.GetClient().CloseIdleConnections()
		return served(ctx, c, url, name, site.Name, site.Gateway.SiteHeader)
	})
	if len(left) > 0 {
		return runbook.Result{Evidence: []string{"asked " + url}}, failing(names, left)
	}
	return runbook.Result{Evidence: []string{fmt.Sprintf("%d names answer through %s", len(names), url)}}, nil
}

// movedNames are the names that a plan moves, by a change of their own or as aliases.
func movedNames(p *failoverplan.Plan) []string {
	out := p.Moved()
	for _, f := range p.Follows {
		out = append(out, f.Name)
	}
	return out
}

// userClients make clients that ask as a browser would that was sent to the gateway: over
// https the certificate must be that of the name which the user entered, unless the
// configuration names another.
func userClients(g config.Gateway) func(name string) *resty.Client {
	fresh := func() *resty.Client {
		return resty.New().SetTimeout(3 * time.Second).SetRedirectPolicy(resty.NoRedirectPolicy())
	}
	if !strings.HasPrefix(g.URL, "https://") {
		one := fresh()
		return func(string) *resty.Client { return one }
	}
	return func(name string) *resty.Client {
		t := config.TLS{}
		if g.TLS != nil {
			t = *g.TLS
		}
		if t.ServerName == "" {
			t.ServerName = name
		}
		return fresh().SetTransport(secure.Transport(&t))
	}
}

func served(ctx context.Context, c *resty.Client, url, host, site, header string) (ok bool, why string) {
	r, err := c.R().SetContext(ctx).SetHeader("Host", host).Get(url)
	switch {
	case err != nil:
		return false, "no answer: " + secure.Explain(nil, err).Error()
	case r.StatusCode() != http.StatusOK:
		return false, fmt.Sprintf("answers %s", r.Status())
	case header != "" && r.Header().Get(header) != site:
		return false, fmt.Sprintf("served by %q, expected %q", r.Header().Get(header), site)
	}
	return true, "200"
}
