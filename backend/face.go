package backend

import (
	"context"
	"errors"

	"github.com/dutyops/dutyops/backend/runbook"
	"github.com/dutyops/dutyops/failoverplan"
)

// Face is what a face (TUI, headless, later SSH and HTTPS) may ask of the engine.
// *Engine implements it; faces are tested against a scripted one. All methods are
// safe for concurrent use, honour ctx, and return errors whose text has the next step.
type Face interface {
	// Status returns the newest published picture; it never blocks on a probe.
	Status() *Status
	// Refresh probes everything now, until each verdict is settled, and returns the picture.
	Refresh(ctx context.Context) (*Status, error)
	// Changed returns a channel that is closed at the next published picture or event.
	Changed() <-chan struct{}
	// Events returns the newest events, oldest first, at most n.
	Events(n int) []Event
	// Explain answers "why is it red?" for a target of Status.
	Explain(target string) (Explanation, error)

	Plan(ctx context.Context, req PlanRequest) (*failoverplan.Plan, error)
	// Manual prints a plan's DNS changes as commands for a person, there and back.
	Manual(ctx context.Context, req PlanRequest) (Manual, error)
	// Start runs a plan in the background and returns at once with the run's id.
	Start(ctx context.Context, req StartRequest) (Run, error)
	// Wait returns when the run has ended or ctx is done.
	Wait(ctx context.Context, id string) (Run, error)
	// Cancel asks a running run to stop at the next step boundary: nothing done yet ->
	// cancelled; later -> parked.
	Cancel(id string) error
	Resume(ctx context.Context, id, operator string) (Run, error)
	Rollback(ctx context.Context, id, operator, reason string) (Run, error)
	// Commit ends a done run's probation: TTLs are restored, and it is no longer rolled back.
	Commit(ctx context.Context, id, operator, reason string) (Run, error)
	Runs(ctx context.Context) ([]Run, error)
	Run(ctx context.Context, id string) (Run, error)
	// Report renders a run: format "markdown", "html" or "json".
	Report(ctx context.Context, id, format string) (string, error)

	// CheckDNS asks all authoritative servers and resolvers now.
	CheckDNS(ctx context.Context) ([]DomainStatus, error)
	// CheckBoard does so too, and says what is wrong with the servers and how far they are.
	CheckBoard(ctx context.Context) (DNSBoard, []DomainStatus, error)
	// Readiness says what is held ready for a switch of each zone.
	Readiness(ctx context.Context) (Readiness, error)
	// ArmDNS reads every zone and holds it ready; with probe it also writes one record set of
	// each as it is.
	ArmDNS(ctx context.Context, probe bool) (Readiness, error)
	// SyncRun makes every synced component of the standby sites follow its source (mission A6).
	SyncRun(ctx context.Context, operator, reason string) (Run, error)
	// RenewLinks gives every standing link of the standby sites the replication account that
	// is configured now: a server takes a new password only when it is told.
	RenewLinks(ctx context.Context, operator, reason string) (Run, error)
	Doctor(ctx context.Context) ([]Check, error)
	Pause(ctx context.Context, o Override) error
	Unpause(ctx context.Context, operator, reason string) error

	// Actions lists what can be done now (promise 2).
	Actions() []Action
	// Sandbox returns the sandbox's controls, nil in production.
	Sandbox() SandboxControl
}

// SandboxControl breaks and mends the sandbox, and tells what its users see.
type SandboxControl interface {
	Kinds() []FaultKind
	Inject(ctx context.Context, f Fault) error
	// Heal ends the faults of a target; "" ends all.
	Heal(ctx context.Context, target string) error
	Active(ctx context.Context) ([]Fault, error)
	Users(ctx context.Context) (Users, error)
}

// FaultKind is one way to break a target (`sandbox faults`).
type FaultKind struct {
	Kind         string   `json:"kind"`
	AppliesTo    []string `json:"applies_to"`
	WhatUsersSee string   `json:"what_users_see"`
}

// Fault is one injected fault.
type Fault struct {
	Target string `json:"target"`
	Kind   string `json:"kind"`
	// For is a duration ("30s"); empty = until healed.
	For string `json:"for,omitempty"`
}

// Users is what the sandbox's synthetic users have seen (contract.md).
type Users struct {
	Requests        int64            `json:"requests"`
	Failed          int64            `json:"failed"`
	ServedBy        map[string]int64 `json:"served_by"`
	OutageMS        int64            `json:"outage_ms"`
	LongestOutageMS int64            `json:"longest_outage_ms"`
	Now             string           `json:"now"`
}

// Check is one line of `doctor`.
type Check struct {
	Name string `json:"name"`
	// State: ok, warn, fail.
	State  string `json:"state"`
	Detail string `json:"detail"`
	Fix    string `json:"fix,omitempty"`
}

// Action is one registered thing a person can do; keys, palette, help and docs
// derive from it (promise 2).
type Action struct {
	ID    string            `json:"id"` // "failover", "sync-run", "pause"
	Title string            `json:"title"`
	Help  string            `json:"help"`
	Risk  failoverplan.Risk `json:"risk"`
	// Command is the headless equivalent.
	Command string `json:"command"`
	// Disabled says why it cannot be done now; empty when it can.
	Disabled string `json:"disabled,omitempty"`
}

// Refusals and outcomes that faces turn into exit codes (contract.md). Test with errors.Is.
var (
	// ErrUsage: the request itself is wrong (unknown site, no such run): exit 2.
	ErrUsage = failoverplan.ErrBadRequest
	// ErrRefused: a rule refuses; nothing was changed: exit 4.
	ErrRefused = runbook.ErrRefused
	// ErrParked: stopped part-way; journaled: exit 5.
	ErrParked = runbook.ErrParked
	// ErrCancelled: cancelled before anything was changed: exit 6.
	ErrCancelled = runbook.ErrCancelled
	// ErrLease: another operator holds the lease: exit 7.
	ErrLease = errors.New("another operator holds the lease")
	// ErrWorldChanged: world or plan changed since approval; nothing was changed: exit 8.
	ErrWorldChanged = runbook.ErrWorldChanged
)
