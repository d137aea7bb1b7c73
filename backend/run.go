package backend

import (
	"time"

	"github.com/dutyops/dutyops/backend/runbook"
	"github.com/dutyops/dutyops/backend/switching"
	"github.com/dutyops/dutyops/failoverplan"
)

// The run as the runbook room keeps it; faces need only this package.
type (
	// Run is the JSON of a run (contract.md).
	Run = runbook.Run
	// RunState is where a run stands.
	RunState = runbook.RunState
	// RunStep is a step with what became of it.
	RunStep = runbook.RunStep
	// RunDNS counts what the switch did at the providers.
	RunDNS = runbook.RunDNS
	// RTO is the split of the time to recovery.
	RTO = runbook.RTO
	// RPO is what one component may have lost.
	RPO = runbook.RPO
)

// The verification board as the switching room makes it; faces need only this package.
type (
	// DNSBoard is what everybody who answers for the names says, and what is wrong with it.
	DNSBoard = switching.Board
	// DNSFinding is one thing on it that is not as it should be.
	DNSFinding = switching.Finding
	// DNSShare is how many answers of a kind are the new ones.
	DNSShare = switching.Share
	// DNSServer is one server on it.
	DNSServer = switching.ServerLine
	// DNSServices is what users find at the names.
	DNSServices = switching.Services
	// DNSServiceLine is the service of one name at one address.
	DNSServiceLine = switching.ServiceLine
	// DNSDelegation is who answers for a zone according to its parent and to itself.
	DNSDelegation = switching.Delegation
	// DNSDelegated is one name server of a DNSDelegation.
	DNSDelegated = switching.DelegatedServer
)

// Run states (contract.md).
const (
	RunRunning     = runbook.RunRunning
	RunWaiting     = runbook.RunWaiting
	RunInterrupted = runbook.RunInterrupted
	RunDone        = runbook.RunDone
	RunRolledBack  = runbook.RunRolledBack
	RunParked      = runbook.RunParked
	RunRefused     = runbook.RunRefused
	RunCancelled   = runbook.RunCancelled
)

// Event is something that happened, for logs and live views.
type Event struct {
	At time.Time `json:"at"`
	// Kind: health, advice, run, step, dns, operator, fault.
	Kind string `json:"kind"`
	// Level: info, good, warn, bad.
	Level string `json:"level"`
	// Target is "site/platform/component" or a run id; may be empty.
	Target string `json:"target,omitempty"`
	Text   string `json:"text"`
}

// PlanRequest asks for a plan.
type PlanRequest struct {
	Kind     failoverplan.PlanKind
	To       string   // "" = the engine's choice (failover: best standby; failback: home)
	Stations []string // nil = all
	Forced   bool
	// LeaveOut takes names out of the plan, each with its reason.
	LeaveOut []failoverplan.LeftOut
	// GracefulTTL lowers the TTLs before a planned switch.
	GracefulTTL bool
}

// StartRequest asks for a run of exactly one plan. PlanHash, when set, must equal
// the hash of the plan made now; otherwise the answer is ErrWorldChanged and nothing happens.
type StartRequest struct {
	PlanRequest
	PlanHash string
	Reason   string
	Operator string
	DryRun   bool
}

// Explanation answers "why is it red?": the evidence behind one target's state.
type Explanation struct {
	Target     string             `json:"target"`
	Kind       string             `json:"kind"`
	State      failoverplan.State `json:"state"`
	Since      time.Time          `json:"since"`
	Rule       string             `json:"rule"` // "3 failures in a row (threshold 3)"
	Transcript []string           `json:"transcript"`
	// Facts in display order.
	Facts   [][2]string `json:"facts"`
	History []Sample    `json:"history"`
	Sync    *SyncStatus `json:"sync,omitempty"`
}

// Sample is one probe answer in the history, oldest first.
type Sample struct {
	At        time.Time          `json:"at"`
	State     failoverplan.State `json:"state"`
	LatencyMS float64            `json:"latency_ms"`
	Detail    string             `json:"detail"`
}

// DNSFindingSentences lists what findings can say, for those who translate it.
func DNSFindingSentences() []string { return switching.FindingSentences() }
