package backend

import (
	"context"
	"fmt"
	"slices"

	"github.com/dutyops/dutyops/backend/config"
	"github.com/dutyops/dutyops/backend/switching"
	"github.com/dutyops/dutyops/failoverplan"
)

// Plan makes the plan for the world as it was last seen, with the records as the
// providers have them now. A world never looked at is looked at first. It changes nothing.
func (e *Engine) Plan(ctx context.Context, req PlanRequest) (*failoverplan.Plan, error) {
	if e.Status().Warming {
		if _, err := e.Refresh(ctx); err != nil {
			return nil, err
		}
	}
	owners := e.ownersAside(ctx)
	armed := e.pictures(ctx) // before the zones are read, which may take a first one
	live, problems, also := e.readings(ctx)
	p, err := e.planFrom(ctx, req, <-owners, live, problems, also, armed)
	if err == nil {
		p.Cards, p.WayBack = e.cards(p), e.wayBack(p)
	}
	return p, err
}

// ownersAside reads whose names are somebody else's, side by side: nobody waits for it alone.
func (e *Engine) ownersAside(ctx context.Context) <-chan map[string]failoverplan.Owner {
	owners := make(chan map[string]failoverplan.Owner, 1)
	go func() { owners <- e.owners(ctx) }()
	return owners
}

func (e *Engine) planFrom(ctx context.Context, req PlanRequest, owners map[string]failoverplan.Owner, live map[string][]failoverplan.RecordSet, problems map[string]string, also []failoverplan.Held, armed []failoverplan.Armed) (*failoverplan.Plan, error) {
	e.mu.Lock()
	sit := e.situation
	e.mu.Unlock()
	return failoverplan.Make(failoverplan.Request{
		Kind: req.Kind, To: req.To, Stations: req.Stations, Force: req.Forced,
		Topology: e.topo, Situation: sit, Limits: e.limits(), Live: live, LiveProblems: problems, Also: also, Armed: armed,
		LeaveOut: req.LeaveOut, GracefulTTL: req.GracefulTTL, Owners: owners, MinTTL: e.minTTLs(), OwedTTL: e.owedTTLs(ctx), OnFailedWrite: e.onFailedWrite(), Canary: e.cfg.Rules.Canary,
	})
}

// readings are the live records of every zone at each of its providers, in the words of
// failoverplan.
func (e *Engine) readings(ctx context.Context) (map[string][]failoverplan.RecordSet, map[string]string, []failoverplan.Held) {
	return sorted(e.dns.Readings(ctx, e.topo.Domains))
}

// sorted tells the readings of zones' first providers from those of the others.
func sorted(rs []switching.Reading) (live map[string][]failoverplan.RecordSet, problems map[string]string, also []failoverplan.Held) {
	live, problems = map[string][]failoverplan.RecordSet{}, map[string]string{}
	for _, r := range rs {
		if r.Twin {
			also = append(also, failoverplan.Held{Place: failoverplan.Place{Zone: r.Zone, Provider: r.Provider}, Known: r.Known, Sets: r.Sets, Problem: r.Problem})
			continue
		}
		if r.Known {
			live[r.Zone] = r.Sets
		}
		if r.Problem != "" {
			problems[r.Zone] = r.Problem
		}
	}
	return live, problems, also
}

// onFailedWrite is the setting; "" leaves it to the plan's mode.
func (e *Engine) onFailedWrite() failoverplan.OnFail {
	if s := e.cfg.Rules.OnFailedWrite; s != config.OnFailAuto {
		return failoverplan.OnFail(s)
	}
	return ""
}

// RefusedError is a refusal with its gates (promise 6). It wraps ErrRefused.
type RefusedError struct {
	Plan  *failoverplan.Plan
	Gates []failoverplan.Gate
	// What is refused, when it is not the plan itself.
	What string
}

func (r *RefusedError) Error() string {
	what := r.What
	switch {
	case what != "":
	case r.Plan.To == "":
		what = string(r.Plan.Kind) + " run"
	default:
		what = fmt.Sprintf("%s to %s", r.Plan.Kind, r.Plan.To)
	}
	s := what + " is refused; nothing was changed"
	for _, g := range r.Gates {
		s += fmt.Sprintf("\n  %s: %s", g.Gate, g.Evidence)
		if g.ClearsWhen != "" {
			s += "\n    clears when " + g.ClearsWhen
		}
		if g.Soft {
			s += "\n    (a person who accepts this can pass it with --forced)"
		}
	}
	return s
}

// Unwrap makes errors.Is(err, ErrRefused) true.
func (r *RefusedError) Unwrap() error { return ErrRefused }

// cards are the capability cards of the providers that the plan writes at.
func (e *Engine) cards(p *failoverplan.Plan) []failoverplan.Card {
	var out []failoverplan.Card
	for _, z := range p.DNS {
		if slices.ContainsFunc(out, func(c failoverplan.Card) bool { return c.Provider == z.Provider }) {
			continue
		}
		if c, ok := e.dns.Capabilities(z.Provider); ok {
			out = append(out, failoverplan.Card{
				Provider: z.Provider, Kind: c.Kind, Atomic: c.Atomic, CompareAndSet: c.CompareAndSet,
				MaxBatch: c.MaxBatch, MinTTL: c.MinTTL, Rate: c.Rate, Note: c.Note,
			})
		}
	}
	return out
}
