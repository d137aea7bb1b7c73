package runbook

import (
	"time"

	"github.com/dutyops/dutyops/failoverplan"
)

// RunState is where a run stands.
type RunState string

// Run states (contract.md). Interrupted is a run whose process is gone without an
// outcome; Parked one that stopped part-way and waits for a person.
const (
	RunRunning     RunState = "running"
	RunWaiting     RunState = "waiting"
	RunInterrupted RunState = "interrupted"
	RunDone        RunState = "done"
	RunRolledBack  RunState = "rolled-back"
	RunParked      RunState = "parked"
	RunRefused     RunState = "refused"
	RunCancelled   RunState = "cancelled"
)

// Run is the JSON of a run (contract.md). Values returned by the engine are copies.
type Run struct {
	ID       string    `json:"id"`
	Kind     string    `json:"kind"`
	Mode     string    `json:"mode"`
	Case     string    `json:"case"`
	From     string    `json:"from"`
	To       string    `json:"to"`
	Stations []string  `json:"stations"`
	PlanHash string    `json:"plan_hash"`
	Reason   string    `json:"reason"`
	Operator string    `json:"operator"`
	Approver string    `json:"approver"`
	State    RunState  `json:"state"`
	DryRun   bool      `json:"dry_run,omitempty"`
	Started  time.Time `json:"started"`
	Finished time.Time `json:"finished,omitzero"`
	// Committed is when a person has said that what the run did stays, and CommittedBy who;
	// until then it can be rolled back.
	Committed   time.Time `json:"committed,omitzero"`
	CommittedBy string    `json:"committed_by,omitempty"`
	// Problem says why a run is parked, refused or rolled back, with the next step.
	Problem string    `json:"problem,omitempty"`
	Next    string    `json:"next,omitempty"`
	Steps   []RunStep `json:"steps"`
	// Skipped counts the steps that could not be done and were passed over; a zone's other
	// provider that did not take part is told with its zone instead.
	Skipped int    `json:"skipped,omitempty"`
	DNS     RunDNS `json:"dns"`
	RTO     RTO    `json:"rto"`
	RPO     []RPO  `json:"rpo"`

	Plan *failoverplan.Plan `json:"plan,omitempty"`
}

// LeftUndone says that a run which is done has not reached all that it was for: a sync run
// that passed a store over. What other runs pass over is not what they are for.
func (r Run) LeftUndone() bool {
	return r.State == RunDone && r.Kind == string(failoverplan.SyncRun) && r.Skipped > 0
}

// RunStep is a step with what became of it.
type RunStep struct {
	ID     string `json:"id"`
	Title  string `json:"title"`
	Phase  string `json:"phase"`
	Action string `json:"action"`
	Risk   string `json:"risk"`
	// State: pending, running, done, already (the world was so), skipped (best effort),
	// failed, undone.
	State    string    `json:"state"`
	Started  time.Time `json:"started,omitzero"`
	Finished time.Time `json:"finished,omitzero"`
	Attempts int       `json:"attempts"`
	Evidence []string  `json:"evidence"`
	Error    string    `json:"error,omitempty"`
	// Until is when a step that waits by design has waited long enough.
	Until time.Time `json:"until,omitzero"`
	// Now is what a running step waits for at this moment ("try 2 in 12 s ...").
	Now string `json:"now,omitempty"`
	// Untouched: it failed, but it is certain that nothing was changed.
	Untouched bool `json:"untouched,omitempty"`
}

// RunDNS counts what the switch did at the providers.
type RunDNS struct {
	RecordsPlanned int      `json:"records_planned"`
	RecordsChanged int      `json:"records_changed"`
	APICalls       int      `json:"api_calls"`
	Zones          []string `json:"zones"`
}

// RTO runs from the first bad probe to users served (promise 11). DecideMS is from
// verdict to confirmation.
type RTO struct {
	TotalMS     int64 `json:"total_ms"`
	DetectMS    int64 `json:"detect_ms"`
	DecideMS    int64 `json:"decide_ms"`
	FenceMS     int64 `json:"fence_ms"`
	SwitchMS    int64 `json:"switch_ms"`
	PropagateMS int64 `json:"propagate_ms"`
	VerifyMS    int64 `json:"verify_ms"`
}

// RPO is what one component may have lost.
type RPO struct {
	Component string  `json:"component"`
	LagS      float64 `json:"lag_s"` // at the moment of the fence; negative when unknown
	// Lost counts transactions or records known to be missing; negative when unknown.
	Lost int64 `json:"lost"`
}
