package backend

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/dutyops/dutyops/backend/switching"
	"github.com/dutyops/dutyops/failoverplan"
)

// observed is what was last seen outside the probes. Guarded by Engine.mu.
type observed struct {
	domains     []DomainStatus
	feeds       []FeedStatus
	lastServing string
	lastData    string
	pause       *Override
	run         *RunBrief
	leftOut     leftOut
	board       DNSSummary // what the last look at the board found
	at          time.Time
}

// observe looks at DNS, feeds, overrides and other consoles' runs, side by side,
// each bounded by the probe timeout.
func (e *Engine) observe(ctx context.Context) {
	var domains []DomainStatus
	feeds := make([]FeedStatus, len(e.cfg.Upstreams))
	var wg sync.WaitGroup
	wg.Go(func() {
		tctx, cancel := context.WithTimeout(ctx, 2*e.cfg.Thresholds.Timeout.D())
		defer cancel()
		domains = e.domainStatus(tctx)
	})
	for i, u := range e.cfg.Upstreams {
		wg.Go(func() {
			tctx, cancel := context.WithTimeout(ctx, e.cfg.Thresholds.Timeout.D())
			defer cancel()
			feeds[i] = FeedStatus{Name: u.Name, Title: u.Title, Kinds: u.Kinds}
			if site, err := e.feeds[u.Name].Attached(tctx); err == nil {
				feeds[i].Attached, feeds[i].Known = site, true
			}
		})
	}
	wg.Wait()
	if ctx.Err() != nil {
		return
	}
	pause, run, left := e.pauseNow(ctx), e.runNow(ctx), e.leftOutNow(ctx)
	e.mu.Lock()
	e.seen.leftOut = left
	e.seen.domains, e.seen.feeds, e.seen.pause, e.seen.run, e.seen.at = domains, feeds, pause, run, e.now()
	e.mu.Unlock()
}

// domainStatus asks every authoritative server and resolver for every name.
func (e *Engine) domainStatus(ctx context.Context) []DomainStatus {
	obs := e.dns.Observe(ctx, e.topo.Domains)
	e.dns.Noticed(obs)
	return e.domainsFrom(ctx, obs)
}

// domainsFrom sorts what the servers said by name and type, and judges it.
func (e *Engine) domainsFrom(ctx context.Context, obs []switching.Observation) []DomainStatus {
	byKey := map[[2]string]*DomainStatus{}
	var out []DomainStatus
	for _, d := range e.topo.Domains {
		for _, typ := range d.Types {
			out = append(out, DomainStatus{Name: d.Name, Type: typ, Station: d.Station, Authoritative: []ServerAnswer{}, Resolvers: []ServerAnswer{}})
		}
	}
	for i := range out {
		byKey[[2]string{out[i].Name, out[i].Type}] = &out[i]
	}
	for _, a := range obs {
		d := byKey[[2]string{a.Name, a.Type}]
		if d == nil {
			continue
		}
		sa := ServerAnswer{Server: a.Server, Values: a.Values, TTLS: a.TTL, Serial: a.Serial, Site: e.siteOf(a.Values), Found: a.Found, Provider: e.holder(a)}
		if sa.Values == nil {
			sa.Values = []string{}
		}
		if a.Err != nil {
			sa.Error = a.Err.Error()
		}
		if a.Authoritative {
			d.Authoritative = append(d.Authoritative, sa)
		} else {
			d.Resolvers = append(d.Resolvers, sa)
		}
	}
	for i := range out {
		e.judgeDomain(&out[i])
	}
	e.compareProviders(ctx, out)
	return out
}

// siteOf names the site that owns all the values: "mixed", "foreign" or "" otherwise.
func (e *Engine) siteOf(values []string) string {
	site := ""
	for _, v := range values {
		s, ok := e.topo.GatewaySite(v)
		switch {
		case !ok:
			return "foreign"
		case site == "":
			site = s
		case site != s:
			return "mixed"
		}
	}
	return site
}

// judgeDomain says where a name points, and until when resolvers keep an old answer.
func (e *Engine) judgeDomain(d *DomainStatus) {
	vote := func(as []ServerAnswer) string {
		site := ""
		for _, a := range as {
			if a.Error != "" || a.Site == "" || a.Found {
				continue
			}
			if site != "" && site != a.Site {
				return "mixed"
			}
			site = a.Site
		}
		return site
	}
	d.PointsAt = vote(d.Authoritative)
	known := d.PointsAt
	if d.PointsAt == "" {
		d.PointsAt = vote(d.Resolvers)
	}
	if known == "" || known == "mixed" {
		return
	}
	for i := range d.Resolvers {
		r := &d.Resolvers[i]
		if r.Error == "" && r.Site != "" && r.Site != known {
			until := e.now().Add(time.Duration(r.TTLS) * time.Second).Truncate(time.Second)
			r.OldUntil = &until
		}
	}
}

// CheckDNS asks all authoritative servers and resolvers now.
func (e *Engine) CheckDNS(ctx context.Context) ([]DomainStatus, error) {
	return e.domainStatus(ctx), nil
}

// CheckBoard looks at every server now: its answers, and how it does itself. The domains
// are what the same answers say, as CheckDNS has them.
func (e *Engine) CheckBoard(ctx context.Context) (DNSBoard, []DomainStatus, error) {
	b := e.dns.Look(ctx, e.topo.Domains, func(values []string) string {
		if site := e.siteOf(values); site != "foreign" && site != "mixed" {
			return site
		}
		return ""
	})
	obs := b.Observations()
	e.dns.Noticed(obs)
	if ctx.Err() == nil {
		e.mu.Lock()
		e.seen.board = boardSummary(b)
		e.mu.Unlock()
	}
	return b, e.domainsFrom(ctx, obs), ctx.Err()
}

// pauseNow is the pause in force, nil when there is none or it has run out. Where that
// cannot be read actions are paused: somebody may have stopped them.
func (e *Engine) pauseNow(ctx context.Context) *Override {
	if e.journal == nil {
		return nil
	}
	var o Override
	ok, err := e.journal.Recall(context.WithoutCancel(ctx), "pause", &o) // a caller that leaves stops nobody
	if err != nil {
		now := e.now()
		return &Override{Kind: OverridePause, Owner: "dutyops", Reason: fmt.Sprintf("whether somebody has paused them cannot be read: %v", err), Since: now, Expires: now.Add(time.Minute)}
	}
	if !ok || !e.now().Before(o.Expires) {
		return nil
	}
	return &o
}

// runNow is the run in progress, by whomever; nil when nobody acts.
func (e *Engine) runNow(ctx context.Context) *RunBrief {
	if e.journal == nil {
		return nil
	}
	h, held := e.journal.LeaseHolder()
	if !held || h.Run == "" {
		return nil
	}
	r, err := e.Run(ctx, h.Run)
	if err != nil {
		return &RunBrief{ID: h.Run, Holder: h.Operator, State: string(RunRunning)}
	}
	return brief(r, h.String())
}

func brief(r Run, holder string) *RunBrief {
	b := &RunBrief{ID: r.ID, Kind: r.Kind, State: string(r.State), Holder: holder}
	for _, s := range r.Steps {
		if s.State == "running" || s.State == "pending" || s.State == "failed" {
			b.Phase, b.Step = s.Phase, s.Title
			break
		}
	}
	return b
}

// domainStates is where each name points, for the pure domain. A name whose types
// disagree is mixed.
func domainStates(topo *failoverplan.Topology, ds []DomainStatus) []failoverplan.DomainState {
	var out []failoverplan.DomainState
	for _, d := range topo.Domains {
		s := failoverplan.DomainState{Name: d.Name, Station: d.Station}
		for _, x := range ds {
			if x.Name != d.Name || x.PointsAt == "" {
				continue
			}
			switch {
			case s.Site == "":
				s.Site = x.PointsAt
			case s.Site != x.PointsAt:
				s.Site = "mixed"
			}
			for _, a := range x.Authoritative {
				for _, v := range a.Values {
					if !slices.Contains(s.Values, v) {
						s.Values = append(s.Values, v)
					}
				}
			}
		}
		out = append(out, s)
	}
	return out
}
