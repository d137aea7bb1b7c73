package backend

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/go-resty/resty/v2"
	"golang.org/x/sync/errgroup"

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
	return e.applyZone(ctx, sc, s, e.dns.Invert(z))
}

func (e *Engine) verifyAuthoritative(ctx context.Context, sc *runbook.Scene, _ failoverplan.Step) (runbook.Result, error) {
	tctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	b, err := e.dns.VerifyAuthoritative(tctx, sc.Plan.DNS)
	ev := []string{fmt.Sprintf("%d of %d answers of authoritative servers are the new ones", b.Agreed, b.Total)}
	return runbook.Result{Evidence: append(append(ev, b.Differences(6)...), b.Evidence(6)...)}, err
}

func (e *Engine) verifyResolvers(ctx context.Context, sc *runbook.Scene, s failoverplan.Step) (runbook.Result, error) {
	if len(e.cfg.DNS.Resolvers) == 0 {
		return runbook.Result{Evidence: []string{"no resolver is watched"}}, nil
	}
	tctx, cancel := context.WithTimeout(ctx, e.cfg.Rules.ResolverWait.D())
	defer cancel()
	b, err := e.dns.WatchResolvers(tctx, sc.Plan.DNS, func(p switching.Progress) { sc.Tell(s.ID, p.String()) })
	ev := []string{fmt.Sprintf("%d of %d answers of watched resolvers are the new ones", b.Agreed, b.Total)}
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
	g, gctx := errgroup.WithContext(wait)
	g.SetLimit(16)
	names := movedNames(sc.Plan)
	client := userClients(site.Gateway)
	for _, name := range names {
		g.Go(func() error {
			c := client(name)
			defer c.GetClient().CloseIdleConnections()
			_, err := poll(gctx, func() (bool, string, error) {
				ok, why := served(gctx, c, url, name, site.Name, site.Gateway.SiteHeader)
				return ok, why, nil
			})
			if err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
			return nil
		})
	}
	err := g.Wait()
	if err != nil {
		return runbook.Result{Evidence: []string{"asked " + url}}, err
	}
	return runbook.Result{Evidence: []string{fmt.Sprintf("%d names answer through %s", len(names), url)}}, nil
}

// movedNames are the names that a plan moves, by a change of their own or as aliases.
func movedNames(p *failoverplan.Plan) []string {
	var out []string
	for _, z := range p.DNS {
		for _, c := range z.Changes { // sorted by name
			if n := len(out); n == 0 || out[n-1] != c.After.Name {
				out = append(out, c.After.Name)
			}
		}
	}
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
