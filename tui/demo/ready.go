package demo

import (
	"context"
	"time"

	"github.com/dutyops/dutyops/backend"
	"github.com/dutyops/dutyops/failoverplan"
)

// Readiness implements backend.Face: one zone, read 12 s ago; a write was tried once
// ArmDNS was called with probe.
func (w *World) Readiness(context.Context) (backend.Readiness, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.ReadyErr != nil {
		return backend.Readiness{}, w.ReadyErr
	}
	now := w.opt.Now()
	z := backend.ZoneReady{}
	z.Zone, z.Provider, z.Armable, z.Names, z.Sets = "gss.example.test", "cloudflare", true, 3, 6
	z.Drift, z.Probe.Can, z.Probe.At = []string{}, true, w.probedAt
	if w.armedAt.IsZero() {
		w.armedAt = now.Add(-12 * time.Second)
	}
	z.Armed, z.AgeS, z.Fresh = w.armedAt, now.Sub(w.armedAt).Seconds(), true
	if !w.probedAt.IsZero() {
		z.Probe.OK, z.Probe.Detail, z.Probe.TookMS = true, "pvg.gss.example.test A as it is", 38
	}
	if w.Drift != "" {
		z.Drift, z.Drifted, z.Fresh, z.Why = []string{w.Drift}, 1, false, "1 record set differs from the reading"
	}
	to := "standby"
	if w.serving != "primary" {
		to = "primary"
	}
	return backend.Readiness{At: now, Zones: []backend.ZoneReady{z}, To: to, RollBack: failoverplan.WayBack{Ready: true, Records: 6, Because: []string{}}, Notes: []string{}}, nil
}

// ArmDNS implements backend.Face.
func (w *World) ArmDNS(ctx context.Context, probe bool) (backend.Readiness, error) {
	w.mu.Lock()
	w.armedAt, w.Drift = w.opt.Now(), ""
	if probe {
		w.probedAt = w.opt.Now()
	}
	w.mu.Unlock()
	return w.Readiness(ctx)
}
