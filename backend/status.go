package backend

import (
	"slices"
	"time"

	"github.com/dutyops/dutyops/failoverplan"
)

// Status is one health picture: the JSON of `dutyops status` (contract.md), and
// what the dashboard draws. Immutable once published; safe to share.
type Status struct {
	At          time.Time                `json:"at"`
	Environment failoverplan.Environment `json:"environment"`
	ServingSite string                   `json:"serving_site"`
	// DataSite is the site the upstream feeds; equal to ServingSite but in case business-down.
	DataSite string            `json:"data_site"`
	Case     failoverplan.Case `json:"case"`
	Advice   Advice            `json:"advice"`
	Sites    []SiteStatus      `json:"sites"`
	Domains  []DomainStatus    `json:"domains"`
	// DNS is how far the names' answers are, in short.
	DNS       *DNSSummary  `json:"dns,omitempty"`
	Feeds     []FeedStatus `json:"feeds"`
	Run       *RunBrief    `json:"run"`
	Overrides []Override   `json:"overrides"`
	// Clocks are the differences between the sites' clocks, as far as those tell theirs.
	Clocks []ClockDifference `json:"clocks"`
	// Warnings change no state and no exit code.
	Warnings []Warning `json:"warnings"`
	// Warming is true until every target has answered once (first second of a TUI).
	Warming bool `json:"warming,omitempty"`
}

// Well says whether `status` exits 0: case normal, every site up, and every name
// known to point at one site by a server that has authority.
func (s *Status) Well() bool {
	if s.Case != failoverplan.CaseNormal {
		return false
	}
	for _, site := range s.Sites {
		if site.State != failoverplan.Up {
			return false
		}
	}
	for _, d := range s.Domains {
		if d.PointsAt == "" || d.PointsAt == "mixed" || d.PointsAt == "foreign" || !answered(d.Authoritative) {
			return false
		}
	}
	return true
}

// answered tells whether any of the servers gave an answer; none configured is no fault.
func answered(as []ServerAnswer) bool {
	for _, a := range as {
		if a.Error == "" {
			return true
		}
	}
	return len(as) == 0
}

// Advice is what the engine would do now, and why.
type Advice struct {
	// Action: none, failover, failback, wait, investigate.
	Action    string              `json:"action"`
	To        string              `json:"to,omitempty"`
	Because   []string            `json:"because"`
	BlockedBy []failoverplan.Gate `json:"blocked_by"`
}

// SiteStatus is one site panel.
type SiteStatus struct {
	Name  string `json:"name"`
	Title string `json:"title,omitempty"`
	// Role: serving, standby, emergency.
	Role    string             `json:"role"`
	Weight  int                `json:"weight"`
	State   failoverplan.State `json:"state"`
	Gateway ComponentStatus    `json:"gateway"`
	// Clock is null while no component tells its time.
	Clock     *ClockStatus     `json:"clock"`
	Platforms []PlatformStatus `json:"platforms"`
}

// PlatformStatus is one platform of a site.
type PlatformStatus struct {
	Name       string             `json:"name"` // business, data
	State      failoverplan.State `json:"state"`
	Since      time.Time          `json:"since,omitzero"`
	Because    []string           `json:"because,omitempty"`
	Subsystems []ComponentStatus  `json:"subsystems"`
	Components []ComponentStatus  `json:"components"`
}

// ComponentStatus is one row: a subsystem, a component or a gateway.
type ComponentStatus struct {
	Name string `json:"name"`
	// Target is "site/platform/name", the key for Engine.Explain and for faults.
	Target    string             `json:"target"`
	Kind      string             `json:"kind"`
	Subsystem string             `json:"subsystem,omitempty"`
	Critical  bool               `json:"critical"`
	State     failoverplan.State `json:"state"`
	Since     time.Time          `json:"since,omitzero"`
	LatencyMS float64            `json:"latency_ms"`
	Detail    string             `json:"detail"`
	Sync      *SyncStatus        `json:"sync,omitempty"`
	// Changed: within the last day, signs that another server answers than before.
	Changed []ChangeStatus `json:"changed,omitempty"`
}

// SyncStatus is the sync column of a component.
type SyncStatus struct {
	Policy string `json:"policy"` // sync, none
	// State: source, streaming, stopped, broken, diverged, unknown; "" when policy is none.
	State string `json:"state"`
	// From and To are sites; the arrow points From -> To.
	From string  `json:"from,omitempty"`
	To   string  `json:"to,omitempty"`
	LagS float64 `json:"lag_s"` // negative when unknown
	Note string  `json:"note,omitempty"`
}

// DomainStatus is where one name points, according to everybody who answers for it.
type DomainStatus struct {
	Name    string `json:"name"`
	Type    string `json:"type"`
	Station string `json:"station"`
	// PointsAt is a site name, "mixed", "foreign" or "" (not known).
	PointsAt      string         `json:"points_at"`
	Authoritative []ServerAnswer `json:"authoritative"`
	Resolvers     []ServerAnswer `json:"resolvers"`
	// ByProvider is set when the providers that hold the zone do not say the same.
	ByProvider []ProviderAnswer `json:"by_provider,omitempty"`
	// EvenBy is the command that makes them equal.
	EvenBy string `json:"even_by,omitempty"`
}

// ServerAnswer is one server's answer for one name and type.
type ServerAnswer struct {
	Server string   `json:"server"`
	Values []string `json:"values"`
	TTLS   uint32   `json:"ttl_s"`
	Site   string   `json:"site,omitempty"`
	// OldUntil is when a resolver's old answer expires; null when it is not old.
	OldUntil *time.Time `json:"old_until"`
	Serial   uint32     `json:"serial,omitempty"`
	Error    string     `json:"error,omitempty"`
	// Found: an NS set names the server, the configuration does not; it has no say in PointsAt.
	Found bool `json:"found,omitempty"`
	// Provider that an authoritative server answers from, where a zone has several.
	Provider string `json:"provider,omitempty"`
}

// FeedStatus is an upstream feed's attachment.
type FeedStatus struct {
	Name     string   `json:"name"`
	Title    string   `json:"title,omitempty"`
	Attached string   `json:"attached"`
	Known    bool     `json:"known"`
	Kinds    []string `json:"kinds,omitempty"`
}

// RunBrief is the run in progress.
type RunBrief struct {
	ID     string `json:"id"`
	Kind   string `json:"kind"`
	State  string `json:"state"`
	Phase  string `json:"phase"`
	Step   string `json:"step"`
	Holder string `json:"holder"`
}

// Override is a rule that a person has suspended: it has an owner, a reason and an
// expiry, and stays in the banner until it ends (promise 9).
type Override struct {
	Kind   string `json:"kind"` // pause, left-out
	Owner  string `json:"owner"`
	Reason string `json:"reason"`
	// Target is the name that was left out of the last move.
	Target string    `json:"target,omitempty"`
	Since  time.Time `json:"since"`
	// Expires is zero for a name that was left out: it ends when the name points where users are.
	Expires time.Time `json:"expires,omitzero"`
}

// GatewayDown says that the gateway of a site is known to be down: users who are sent there
// reach nobody.
func (s *Status) GatewayDown(site string) bool {
	return slices.ContainsFunc(s.Sites, func(x SiteStatus) bool { return x.Name == site && x.Gateway.State == failoverplan.Down })
}

// Kinds of overrides.
const (
	OverridePause   = "pause"
	OverrideLeftOut = "left-out"
)

// Paused is the pause in force; nil when there is none.
func (s *Status) Paused() *Override {
	for i := range s.Overrides {
		if s.Overrides[i].Kind == OverridePause {
			return &s.Overrides[i]
		}
	}
	return nil
}
