package backend

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/dutyops/dutyops/backend/runbook"
	"github.com/dutyops/dutyops/backend/switching"
	"github.com/dutyops/dutyops/failoverplan"
)

// minTTLs are the floors of the configured providers, in seconds.
func (e *Engine) minTTLs() map[string]uint32 {
	out := map[string]uint32{}
	for _, p := range e.cfg.DNS.Providers {
		if c, ok := e.dns.Capabilities(p.Name); ok {
			out[p.Name] = c.MinTTL
		}
	}
	return out
}

// owedTTLs are the TTLs that the newest move has still to give back, because nobody has
// committed it: a later plan takes the debt over.
func (e *Engine) owedTTLs(ctx context.Context) map[failoverplan.SetKey]uint32 {
	rs, err := e.Runs(ctx)
	if err != nil {
		return nil // without a journal nothing is done anyway
	}
	for _, r := range rs { // newest first
		switch r.State {
		case RunRolledBack, RunRefused, RunCancelled:
			continue
		case RunDone, RunParked, RunInterrupted, RunRunning, RunWaiting:
		}
		if r.Plan == nil || r.Kind == string(failoverplan.SyncRun) {
			continue
		}
		if !r.Committed.IsZero() {
			return nil
		}
		out := map[failoverplan.SetKey]uint32{}
		for _, z := range r.Plan.Restore {
			for _, c := range z.Changes {
				out[failoverplan.SetKey{Name: c.After.Name, Type: c.After.Type, Provider: z.Provider}] = c.After.TTL
			}
		}
		return out
	}
	return nil
}

// lowTTLWithin is how long every authoritative server may take to give a lowered TTL.
const lowTTLWithin = 30 * time.Second

func waitTTLTimeout(s failoverplan.Step) time.Duration {
	return time.Duration(s.WaitS)*time.Second + lowTTLWithin + 5*time.Second
}

// waitTTL waits until every authoritative server gives the lowered TTLs, and from then on
// as long as the old ones live in caches. A resumed run goes on from the same moment.
func (e *Engine) waitTTL(ctx context.Context, sc *runbook.Scene, s failoverplan.Step) (runbook.Result, error) {
	if err := e.lowEverywhere(ctx, sc.Plan); err != nil {
		return runbook.Result{}, err
	}
	until, err := sc.WaitUntil(ctx, s, e.now().Add(time.Duration(s.WaitS)*time.Second))
	if err != nil {
		return runbook.Result{}, err
	}
	t := time.NewTimer(until.Sub(e.now()))
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
		return runbook.Result{Evidence: []string{"the old TTLs run out at " + until.Local().Format("15:04:05")}}, ctx.Err()
	}
	return runbook.Result{Evidence: []string{fmt.Sprintf("every authoritative server that answers gives the lowered TTL; the old ones ran out at %s", until.Local().Format("15:04:05"))}}, nil
}

// lowEverywhere polls the authoritative servers until none that answers gives an old TTL,
// and at least one tells of every set: silence shows nothing.
func (e *Engine) lowEverywhere(ctx context.Context, p *failoverplan.Plan) error {
	low := map[failoverplan.SetKey]uint32{}
	names := map[string]bool{}
	for _, z := range p.Lower {
		for _, c := range z.Changes {
			low[failoverplan.SetKey{Name: c.After.Name, Type: c.After.Type}] = c.After.TTL
			names[c.After.Name] = true
		}
	}
	var ds []failoverplan.Domain
	for _, d := range e.topo.Domains {
		if names[d.Name] {
			ds = append(ds, d)
		}
	}
	wait, cancel := context.WithTimeout(ctx, lowTTLWithin)
	defer cancel()
	last := ""
	_, err := poll(wait, func() (bool, string, error) {
		obs := e.dns.Observe(wait, ds)
		if wait.Err() != nil { // a look that our own end cut short tells nothing
			return false, last, nil //nolint:nilerr // poll tells of the end
		}
		last = notLow(obs, low)
		return last == "", last, nil
	})
	return err
}

// notLow says what speaks against every authoritative server giving the lowered TTLs; ""
// when nothing does.
func notLow(obs []switching.Observation, low map[failoverplan.SetKey]uint32) string {
	told := map[failoverplan.SetKey]bool{}
	for _, o := range obs {
		k := failoverplan.SetKey{Name: o.Name, Type: o.Type}
		ttl, lowered := low[k]
		if !o.Authoritative || !lowered || o.Err != nil || len(o.Values) == 0 {
			continue
		}
		if o.TTL > ttl {
			return fmt.Sprintf("%s still gives %s %s a TTL of %d s", o.Server, o.Name, o.Type, o.TTL)
		}
		told[k] = true
	}
	silent := slices.SortedFunc(maps.Keys(low), func(a, b failoverplan.SetKey) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Type, b.Type))
	})
	silent = slices.DeleteFunc(silent, func(k failoverplan.SetKey) bool { return told[k] })
	if len(silent) > 0 {
		return fmt.Sprintf("no authoritative server tells the TTL of %s %s", silent[0].Name, silent[0].Type)
	}
	return ""
}
