package failoverplan

import "time"

// State is the health of a component, subsystem, platform or site.
type State string

// The five states. Unknown is not down: it says that we could not tell.
// Stale says that we could once, but the answer is older than its budget.
const (
	Up       State = "up"
	Degraded State = "degraded"
	Down     State = "down"
	Unknown  State = "unknown"
	Stale    State = "stale"
)

// Situation is everything the decision is made from: one observed moment of the
// world. Immutable once published (design.md section 1).
type Situation struct {
	At    time.Time   `json:"at"`
	Sites []SiteState `json:"sites"`
	// Domains in the order of the topology.
	Domains []DomainState `json:"domains"`
	Feeds   []FeedState   `json:"feeds"`
	Sync    []SyncState   `json:"sync"`
	// Paused is non-empty while an operator has stopped all actions; it is the reason given.
	Paused string `json:"paused,omitempty"`
	// LastServing and LastDataSite are what was known when it last could be seen; they
	// stand in when neither DNS nor the feeds can be read now.
	LastServing  string `json:"last_serving,omitempty"`
	LastDataSite string `json:"last_data_site,omitempty"`
}

// SiteState is one site's health, rolled up.
type SiteState struct {
	Name      string          `json:"name"`
	State     State           `json:"state"`
	Gateway   State           `json:"gateway"`
	Platforms []PlatformState `json:"platforms"`
}

// PlatformState is one platform's health, rolled up from its parts by RollUp.
type PlatformState struct {
	Kind  PlatformKind `json:"kind"`
	State State        `json:"state"`
	Since time.Time    `json:"since"`
	// Because lists the parts that decide the state, worst first, as "name: detail".
	Because    []string    `json:"because,omitempty"`
	Subsystems []PartState `json:"subsystems,omitempty"`
	Components []PartState `json:"components,omitempty"`
}

// PartState is a subsystem's or component's judged health.
type PartState struct {
	Name     string `json:"name"`
	State    State  `json:"state"`
	Critical bool   `json:"critical"`
	// Since is when the state began (the first bad probe, not the verdict).
	Since  time.Time `json:"since"`
	Detail string    `json:"detail,omitempty"`
}

// DomainState is where one domain points, seen by the API or the authoritative servers.
type DomainState struct {
	Name    string `json:"name"`
	Station string `json:"station"`
	// Site is the site whose gateway the records name; "" when not known, "mixed"
	// when the records name several sites, "foreign" when none of ours.
	Site   string   `json:"site"`
	Values []string `json:"values,omitempty"`
	// LeftOut: a person has left the name out of the last move; it has no say in who serves.
	LeftOut bool `json:"left_out,omitempty"`
}

// FeedState says to which site an upstream feed is attached.
type FeedState struct {
	Name string `json:"name"`
	// Site is "" when detached.
	Site string `json:"site"`
	// Known is false when the feed's switch did not answer.
	Known bool `json:"known"`
}

// SyncState is one sync relation between a component and its counterpart.
type SyncState struct {
	// Platform and Component name the pair; From and To the direction it flows in now.
	Platform  PlatformKind  `json:"platform"`
	Component string        `json:"component"`
	Kind      ComponentKind `json:"kind"`
	From      string        `json:"from"`
	To        string        `json:"to"`
	// State: "streaming", "stopped", "broken", "diverged", "unknown".
	State string `json:"state"`
	// Lag in seconds; negative when unknown.
	Lag    float64 `json:"lag_s"`
	Detail string  `json:"detail,omitempty"`
}

// Sync states.
const (
	Streaming   = "streaming"
	Stopped     = "stopped"
	Broken      = "broken"
	Diverged    = "diverged"
	SyncUnknown = "unknown"
)

// Site returns the named site's state; ok is false when it was not observed.
func (s *Situation) Site(name string) (SiteState, bool) {
	for _, x := range s.Sites {
		if x.Name == name {
			return x, true
		}
	}
	return SiteState{}, false
}

// Platform returns the state of one platform, Unknown when it was not observed.
func (s SiteState) Platform(kind PlatformKind) PlatformState {
	for _, p := range s.Platforms {
		if p.Kind == kind {
			return p
		}
	}
	return PlatformState{Kind: kind, State: Unknown}
}

// Part returns the state of a subsystem or component, Unknown when it was not observed.
func (p PlatformState) Part(name string) PartState {
	for _, x := range p.Subsystems {
		if x.Name == name {
			return x
		}
	}
	for _, x := range p.Components {
		if x.Name == name {
			return x
		}
	}
	return PartState{Name: name, State: Unknown}
}
