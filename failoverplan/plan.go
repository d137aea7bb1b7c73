package failoverplan

// PlanKind is what a plan brings about.
type PlanKind string

// Plan kinds (design.md section 2).
const (
	Failover PlanKind = "failover"
	Failback PlanKind = "failback"
)

// Mode says whether the side that is left takes part.
type Mode string

// Graceful waits for the left side (final sync, fence acknowledged); Forced goes
// on without it and accepts the loss that the plan names.
const (
	Graceful Mode = "graceful"
	Forced   Mode = "forced"
)

// Risk is the tier of research/tui.md section 3.2: it selects the confirmation.
type Risk string

// Risk tiers, from reading to changing data.
const (
	R0 Risk = "R0"
	R1 Risk = "R1"
	R2 Risk = "R2"
	R3 Risk = "R3"
	R4 Risk = "R4"
)

// Phase groups steps on the clock of an event.
type Phase string

// Phases in which steps run (design.md section 2).
const (
	PhaseDecide    Phase = "decide"
	PhaseFence     Phase = "fence"
	PhaseSwitch    Phase = "switch"
	PhasePropagate Phase = "propagate"
	PhaseVerify    Phase = "verify"
	PhaseReprotect Phase = "re-protect"
	// PhasePrepare is before a planned switch: users are served where they are, and its
	// time is nobody's outage.
	PhasePrepare Phase = "prepare"
	// PhaseCommit comes when a person has committed the run, not before.
	PhaseCommit Phase = "commit"
)

// StepAction names what a step does; the engine has one handler per action.
type StepAction string

// Step actions. Every one is idempotent: its check looks at the world first.
const (
	// ActPreflight re-reads the world and compares it with what the plan was made from. R0.
	ActPreflight StepAction = "preflight"
	// ActCutFeed detaches an upstream feed from Step.Site at the feed's end.
	ActCutFeed StepAction = "cut-feed"
	// ActStopIngest stops the ingest job of Step.Site with a savepoint where it can.
	ActStopIngest StepAction = "stop-ingest"
	// ActDemote makes a store of Step.Site refuse writes.
	ActDemote StepAction = "demote"
	// ActCatchUp waits until Step.Component at Step.Site has everything that Step.Peer has.
	ActCatchUp StepAction = "catch-up"
	// ActStopMirror stops the connectors that copy from Step.Peer to Step.Site and
	// anchors the opposite direction at the present end.
	ActStopMirror StepAction = "stop-mirror"
	// ActPromote makes a store of Step.Site the writable one.
	ActPromote StepAction = "promote"
	// ActStartIngest starts the ingest job at Step.Site.
	ActStartIngest StepAction = "start-ingest"
	// ActAttachFeed attaches an upstream feed to Step.Site.
	ActAttachFeed StepAction = "attach-feed"
	// ActSwitchDNS writes the changes of one zone.
	ActSwitchDNS StepAction = "switch-dns"
	// ActVerifyAuthoritative asks every authoritative server for every changed name.
	ActVerifyAuthoritative StepAction = "verify-authoritative"
	// ActVerifyResolvers asks every watched resolver; old answers carry their expiry.
	ActVerifyResolvers StepAction = "verify-resolvers"
	// ActVerifyUsers calls the gateway at the name, as a user would.
	ActVerifyUsers StepAction = "verify-users"
	// ActReprotect makes Step.Component at Step.Site follow Step.Peer.
	ActReprotect StepAction = "re-protect"
	// ActRenewLink gives the link from Step.Component at Step.Site to Step.Peer the account
	// that is configured now.
	ActRenewLink StepAction = "renew-link"
	// ActLowerTTL writes the TTLs of Plan.Lower of one zone; the values stay.
	ActLowerTTL StepAction = "lower-ttl"
	// ActWaitTTL waits Step.WaitS seconds from the moment that every authoritative server
	// gives the lowered TTL. It can be stopped. R0.
	ActWaitTTL StepAction = "wait-ttl"
	// ActRestoreTTL writes the TTLs of Plan.Restore of one zone, after the commit.
	ActRestoreTTL StepAction = "restore-ttl"
)

// OnFail is what a failed write of names leads to.
type OnFail string

// Rollback writes the exact previous values and TTLs of what the plan has switched so
// far; Hold leaves everything as it is and lists which names are old and which are new.
const (
	OnFailRollback OnFail = "rollback"
	OnFailHold     OnFail = "hold"
)

// Step is one thing to do. Fields that an action does not use are empty.
type Step struct {
	ID     string     `json:"id"`
	Phase  Phase      `json:"phase"`
	Action StepAction `json:"action"`
	Title  string     `json:"title"`
	Risk   Risk       `json:"risk"`

	Site      string       `json:"site,omitempty"`
	Peer      string       `json:"peer,omitempty"`
	Platform  PlatformKind `json:"platform,omitempty"`
	Component string       `json:"component,omitempty"`
	Feed      string       `json:"feed,omitempty"`
	Zone      string       `json:"zone,omitempty"`
	Provider  string       `json:"provider,omitempty"`
	// WaitS is how long, in seconds, a step waits by design.
	WaitS uint32 `json:"wait_s,omitempty"`

	// BestEffort steps are recorded as skipped with their evidence when they cannot be
	// done; they never stop the run.
	BestEffort bool `json:"best_effort,omitempty"`
	// AnyOf: of the steps of a group with the same word here (a zone that several providers
	// hold) one has to succeed. The others do not stop the run; it ends part-way then, and a
	// resume tries them again.
	AnyOf string `json:"any_of,omitempty"`
	// Canary steps switch and prove the plan's canary names of their zone, before the rest.
	Canary bool `json:"canary,omitempty"`
	// OnFail says what becomes of the names already switched when the step fails.
	OnFail OnFail `json:"on_fail,omitempty"`
	// Group: steps of one phase with equal non-zero group run in parallel.
	Group int `json:"group,omitempty"`
	// Why says in one sentence why the step is in the plan.
	Why string `json:"why,omitempty"`
	// Undo says what the roll-back of the step does; empty when there is nothing to undo.
	Undo string `json:"undo,omitempty"`
}

// RecordSet is all values of one name and type: the unit of every DNS change.
type RecordSet struct {
	Name   string   `json:"name"`
	Type   string   `json:"type"`
	TTL    uint32   `json:"ttl_s"`
	Values []string `json:"values"`
}

// RecordChange is the exact before and after of one record set. An empty After.Values
// removes the set (only ever an AAAA that the target has no address for). A name that
// moves has all its address sets in the plan, also one whose values stay.
type RecordChange struct {
	Station string    `json:"station"`
	Before  RecordSet `json:"before"`
	After   RecordSet `json:"after"`
}

// ZoneChange is one zone's part of the plan: written in one atomic batch where the
// provider can (promise 4).
type ZoneChange struct {
	Zone     string `json:"zone"`
	Provider string `json:"provider"`
	// Also are the other providers that hold the zone: each has a change of its own, unless
	// it has the new values already.
	Also    []string       `json:"also,omitempty"`
	Changes []RecordChange `json:"changes"`
}

// WayBack says beforehand whether what the plan does to DNS could be taken back.
type WayBack struct {
	// Ready: the inverse passes every guard, and the site that is left could have its
	// users back as it is now.
	Ready bool `json:"ready"`
	// Records is the number of record sets that would get their exact previous values and TTLs.
	Records int `json:"records"`
	// Because says what stands in the way.
	Because []string `json:"because"`
}

// Gate is one safety rule's verdict (promise 6).
type Gate struct {
	Gate   string `json:"gate"`
	Passed bool   `json:"passed"`
	// Soft gates are passed by --forced; hard ones never.
	Soft       bool   `json:"soft,omitempty"`
	Evidence   string `json:"evidence"`
	ClearsWhen string `json:"clears_when,omitempty"`
}

// Stop says why one name cannot be switched, or not without a person who accepts it.
type Stop struct {
	Name    string `json:"name"`
	Station string `json:"station"`
	Zone    string `json:"zone"`
	// Gate is the gate that refuses because of it.
	Gate string `json:"gate"`
	// Soft stops are passed by --forced.
	Soft       bool   `json:"soft,omitempty"`
	Evidence   string `json:"evidence"`
	ClearsWhen string `json:"clears_when"`
	// LeftOut is the reason of the person who left the name out; "" when it refuses the plan.
	LeftOut string `json:"left_out,omitempty"`
}

// LeftOut is a name that a person has left out of a plan, with the reason (promise 9).
type LeftOut struct {
	Name   string `json:"name"`
	Reason string `json:"reason"`
}

// Follower is a name that is an alias of another one of the inventory: it moves with
// Target and has no change of its own.
type Follower struct {
	Name    string `json:"name"`
	Station string `json:"station"`
	Target  string `json:"target"`
}

// Plan is what would be done, complete and exact. Immutable; Hash binds approval to it.
type Plan struct {
	Kind PlanKind `json:"kind"`
	Mode Mode     `json:"mode"`
	// Force is the operator's --forced: soft gates do not refuse.
	Force    bool         `json:"force,omitempty"`
	Case     Case         `json:"case"`
	From     string       `json:"from"`
	To       string       `json:"to"`
	Stations []string     `json:"stations"`
	Because  []string     `json:"because"`
	DNS      []ZoneChange `json:"dns"`
	// Lower and Restore are the TTLs that a planned switch writes before it and after its
	// commit; the values stay.
	Lower   []ZoneChange `json:"lower,omitempty"`
	Restore []ZoneChange `json:"restore,omitempty"`
	// Canary lists the names that are switched and proven first.
	Canary []string `json:"canary,omitempty"`
	// Away lists the providers that do not tell their records now; no part of the hash.
	Away []Away `json:"away,omitempty"`
	// Armed lists what the records are held against, and what differs; no part of the hash.
	Armed []ArmedAge `json:"armed,omitempty"`
	// Follows lists the names that move without a change of their own.
	Follows []Follower `json:"follows,omitempty"`
	// Stops lists the names that cannot be switched, in the order of the inventory.
	Stops []Stop `json:"stops"`
	// LeaveOut lists the names that a person has left out, in the order of the inventory.
	LeaveOut []LeftOut `json:"leave_out,omitempty"`
	Steps    []Step    `json:"steps"`
	// OnFailedWrite is what a failed write of names leads to; "" when none is written.
	OnFailedWrite OnFail `json:"on_failed_write,omitempty"`
	// Cards are the capability cards of the providers in DNS, in their order; no part of the
	// hash.
	Cards []Card `json:"providers,omitempty"`
	// WayBack is the engine's verdict on the inverse of DNS; no part of the hash.
	WayBack *WayBack `json:"roll_back,omitempty"`
	Gates   []Gate   `json:"gates"`
	// Hash is over kind, mode, case, from, to, stations, dns, lower, restore, follows,
	// leave_out and steps: what will be done, not when it was planned nor how the evidence
	// is worded.
	Hash string `json:"hash"`
}

// Blocked lists the gates that refuse the plan.
func (p *Plan) Blocked() []Gate {
	var out []Gate
	for _, g := range p.Gates {
		if !g.Passed && (!g.Soft || !p.Force) {
			out = append(out, g)
		}
	}
	return out
}

// Records counts the record sets that the plan writes, at each provider of their zone.
func (p *Plan) Records() int {
	n := 0
	for _, z := range p.DNS {
		n += len(z.Changes)
	}
	return n
}

// Change returns the change that a step of the plan writes; ok is false for a step that
// writes no DNS, or none of this plan.
func (p *Plan) Change(s Step) (z ZoneChange, ok bool) {
	var zs []ZoneChange
	switch s.Action {
	case ActSwitchDNS:
		zs = p.DNS
	case ActLowerTTL:
		zs = p.Lower
	case ActRestoreTTL:
		zs = p.Restore
	default:
		return z, false
	}
	for _, z := range zs {
		if z.Zone == s.Zone && z.Provider == s.Provider {
			if s.Action == ActSwitchDNS {
				z = p.part(z, s.Canary)
			}
			return z, true
		}
	}
	return z, false
}

// Wait is how long, in seconds, the plan waits by design before it switches.
func (p *Plan) Wait() uint32 {
	var n uint32
	for _, s := range p.Steps {
		n += s.WaitS
	}
	return n
}

// Names counts the names that the plan changes.
func (p *Plan) Names() int { return len(p.Moved()) }

// Moved lists the names that the plan changes, zone by zone, each once.
func (p *Plan) Moved() []string {
	var out []string
	seen := map[string]bool{}
	for _, z := range p.DNS {
		for _, c := range z.Changes {
			if !seen[c.After.Name] {
				seen[c.After.Name] = true
				out = append(out, c.After.Name)
			}
		}
	}
	return out
}

// where names the zone, and the provider where it is one of several.
func (z ZoneChange) where() string {
	if len(z.Also) == 0 {
		return z.Zone
	}
	return z.Zone + " at " + z.Provider
}

// anyOf is the word of steps of which one is enough: "" for a zone of one provider.
func (z ZoneChange) anyOf() string {
	if len(z.Also) == 0 {
		return ""
	}
	return "zone " + z.Zone
}
