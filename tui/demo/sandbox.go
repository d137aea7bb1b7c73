package demo

import (
	"context"
	"fmt"

	"github.com/dutyops/dutyops/backend"
	"github.com/dutyops/dutyops/failoverplan"
)

type sandbox struct{ w *World }

// Kinds implements backend.SandboxControl.
func (s sandbox) Kinds() []backend.FaultKind {
	return []backend.FaultKind{
		{Kind: "down", AppliesTo: []string{"site", "platform", "subsystem", "component", "dns/authority", "dns/resolver"}, WhatUsersSee: "connections are refused and reset"},
		{Kind: "slow", AppliesTo: []string{"site", "platform", "subsystem", "component", "dns/authority", "dns/resolver"}, WhatUsersSee: "every answer takes 600 ms longer"},
		{Kind: "blackhole", AppliesTo: []string{"site", "platform", "subsystem", "component"}, WhatUsersSee: "no answer at all until the time-out"},
		{Kind: "read-only", AppliesTo: []string{"mysql", "redis", "elasticsearch"}, WhatUsersSee: "reads work, writes fail"},
		{Kind: "lagging", AppliesTo: []string{"mysql", "redis", "kafka-connect"}, WhatUsersSee: "the other site shows old data"},
		{Kind: "job-failed", AppliesTo: []string{"flink"}, WhatUsersSee: "no new flight messages"},
		{Kind: "rate-limit", AppliesTo: []string{"dns/cloudflare"}, WhatUsersSee: "nothing; a switch waits for Retry-After"},
		{Kind: "error", AppliesTo: []string{"dns/cloudflare"}, WhatUsersSee: "nothing; a switch fails with 500"},
		{Kind: "cut", AppliesTo: []string{"link/primary-standby", "link/standby-primary"}, WhatUsersSee: "nothing; replication stops one way"},
	}
}

// Inject implements backend.SandboxControl.
func (s sandbox) Inject(_ context.Context, f backend.Fault) error {
	if f.Target == "" {
		return fmt.Errorf("%w: a fault needs a target", backend.ErrUsage)
	}
	w := s.w
	w.mu.Lock()
	defer w.mu.Unlock()
	w.faults = append(w.faults, f)
	w.event("fault", "warn", f.Target, "fault "+f.Kind+" injected into "+f.Target)
	st, detail := failoverplan.Degraded, f.Kind
	if f.Kind == "down" || f.Kind == "blackhole" {
		st, detail = failoverplan.Down, "connection refused"
	}
	w.broken[f.Target] = brokenPart{st, detail, w.opt.Now()}
	w.publish()
	return nil
}

// Heal implements backend.SandboxControl.
func (s sandbox) Heal(_ context.Context, target string) error {
	w := s.w
	w.mu.Lock()
	defer w.mu.Unlock()
	var keep []backend.Fault
	for _, f := range w.faults {
		if target != "" && f.Target != target {
			keep = append(keep, f)
		}
	}
	w.faults = keep
	w.mend(target)
	w.publish()
	return nil
}

// Active implements backend.SandboxControl.
func (s sandbox) Active(context.Context) ([]backend.Fault, error) {
	s.w.mu.Lock()
	defer s.w.mu.Unlock()
	return append([]backend.Fault(nil), s.w.faults...), nil
}

// Users implements backend.SandboxControl.
func (s sandbox) Users(context.Context) (backend.Users, error) {
	s.w.mu.Lock()
	defer s.w.mu.Unlock()
	u := backend.Users{Requests: 18240, ServedBy: map[string]int64{s.w.serving: 18240}, Now: s.w.serving}
	st := s.w.status()
	for _, x := range st.Sites {
		if x.Name == s.w.serving && (x.Gateway.State == failoverplan.Down || x.Platforms[0].State == failoverplan.Down) {
			u.Now, u.Failed, u.OutageMS, u.LongestOutageMS = "none", 412, 6200, 6200
		}
	}
	return u, nil
}
