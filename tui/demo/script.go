package demo

import (
	"context"
	"time"

	"github.com/dutyops/dutyops/backend"
	"github.com/dutyops/dutyops/failoverplan"
)

// Live moves the world by itself until ctx ends: numbers tremble every probe, runs
// advance every step.
func (w *World) Live(ctx context.Context, probe, step time.Duration) {
	p, s := time.NewTicker(probe), time.NewTicker(step)
	defer p.Stop()
	defer s.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-p.C:
			w.Tick()
		case <-s.C:
			w.Step()
		}
	}
}

// BusinessDown breaks the business platform of the serving site.
func (w *World) BusinessDown() {
	for _, n := range []string{"monitoring", "scheduling"} {
		w.Break("primary/business/"+n, failoverplan.Down, "connection refused")
	}
	w.Break("primary/data/rabbitmq", failoverplan.Degraded, "disk alarm: publishers are blocked")
}

// Journal adds finished runs of the past.
func (w *World) Journal() {
	at := w.opt.Now()
	w.AddRun(backend.Run{ID: "r-0038", Kind: "failover", Mode: "forced", Case: "site-down", From: "primary", To: "standby", Operator: "li.wei", Reason: "power loss in hall 2", State: backend.RunDone, Started: at.Add(-50 * time.Hour), Finished: at.Add(-49 * time.Hour), RTO: backend.RTO{TotalMS: 48200}})
	w.AddRun(backend.Run{ID: "r-0039", Kind: "failback", Mode: "graceful", Case: "normal", From: "standby", To: "primary", Operator: "li.wei", Reason: "hall 2 is back", State: backend.RunDone, Started: at.Add(-26 * time.Hour), RTO: backend.RTO{TotalMS: 9100}})
	w.AddRun(backend.Run{
		ID: "r-0040", Kind: "failover", Mode: "graceful", Case: "business-down", From: "primary", To: "standby", Operator: "m.okafor", Reason: "drill", State: backend.RunInterrupted, Started: at.Add(-3 * time.Hour),
		Problem: "the process that ran it is gone", Next: "resume; it looks at the world first",
		Steps: []backend.RunStep{{ID: "s01", Title: "Look at the world again", Phase: "decide", Risk: "R0", State: "done"}, {ID: "s02", Title: "Write 6 record sets in gss.example.test", Phase: "switch", Risk: "R3", State: "running"}},
	})
}
