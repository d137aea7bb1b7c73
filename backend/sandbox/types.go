package sandbox

import "context"

// FaultKind is one way to break a target.
type FaultKind struct {
	Kind string `json:"kind"`
	// AppliesTo lists every target that takes it.
	AppliesTo    []string `json:"applies_to"`
	WhatUsersSee string   `json:"what_users_see"`
}

// Fault is one fault in force, or one to be.
type Fault struct {
	Target string `json:"target"`
	Kind   string `json:"kind"`
	// For is a duration ("30s"); empty = until healed.
	For string `json:"for,omitempty"`
}

// Users is what the synthetic users have seen.
type Users struct {
	Requests int64            `json:"requests"`
	Failed   int64            `json:"failed"`
	ServedBy map[string]int64 `json:"served_by"`
	// OutageMS is how long at least one station was not served, in total.
	OutageMS int64 `json:"outage_ms"`
	// LongestOutageMS is the longest time that one station was not served: from the
	// start of its first failed request to the end of its next good one.
	LongestOutageMS int64 `json:"longest_outage_ms"`
	// Now is the site that served last; "none" while no station is served.
	Now string `json:"now"`
	// Stations tells the same of each station.
	Stations map[string]StationUsers `json:"stations"`
}

// StationUsers is what the users of one station have seen.
type StationUsers struct {
	Requests        int64  `json:"requests"`
	Failed          int64  `json:"failed"`
	OutageMS        int64  `json:"outage_ms"`
	LongestOutageMS int64  `json:"longest_outage_ms"`
	Now             string `json:"now"`
	// Problem is what the last failed request met.
	Problem string `json:"problem,omitempty"`
}

// Truth is everything the feeds ever sent, held against each site.
type Truth struct {
	Sent   int64                `json:"sent"`
	ByKind map[string]int64     `json:"by_kind"`
	Sites  map[string]SiteTruth `json:"sites"`
}

// SiteTruth is what one site has of it. Present + Missing = Sent.
type SiteTruth struct {
	// Present counts messages that are in the site's Kafka and in its data MySQL.
	Present int64 `json:"present"`
	Missing int64 `json:"missing"`
	// Stale counts flights whose newest version in the data MySQL is older than the
	// newest that was sent.
	Stale int64 `json:"stale"`
	// Duplicated counts the copies in Kafka beyond the first of each message.
	Duplicated int64 `json:"duplicated"`
	// ByKind counts Present.
	ByKind map[string]int64 `json:"by_kind"`
	// MissingByKind counts Missing.
	MissingByKind map[string]int64 `json:"missing_by_kind"`
	// Kafka and MySQL count the messages that each of the two stores has.
	Kafka int64 `json:"kafka"`
	MySQL int64 `json:"mysql"`
	// Problem is set when a store could not be read; the counts then miss it.
	Problem string `json:"problem,omitempty"`
}

// Control is what can be done to a sandbox: by *Sandbox in this process, by
// *Client over the control address.
type Control interface {
	// Kinds lists the ways to break something, and what takes them.
	Kinds() []FaultKind
	// Inject breaks a target; a fault that is in force already is only prolonged.
	// The error for an unknown target or kind lists what there is.
	Inject(ctx context.Context, f Fault) error
	// Heal ends the faults of a target and of all in it; "" ends every fault.
	Heal(ctx context.Context, target string) error
	// Active lists the faults in force, oldest first.
	Active(ctx context.Context) ([]Fault, error)
	// Users tells what the synthetic users have seen.
	Users(ctx context.Context) (Users, error)
	// Truth holds what was sent against what each site has.
	Truth(ctx context.Context) (Truth, error)
}

var (
	_ Control = (*Sandbox)(nil)
	_ Control = (*Client)(nil)
)
