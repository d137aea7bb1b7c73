package runbook

import (
	"encoding/json"
	"fmt"
	"slices"
	"sort"
	"strings"
	"time"

	"github.com/dutyops/dutyops/backend/journal"
	"github.com/dutyops/dutyops/failoverplan"
)

// Step states.
const (
	StepPending = "pending"
	StepRunning = "running"
	StepDone    = "done"
	StepAlready = "already"
	StepSkipped = "skipped"
	StepFailed  = "failed"
	StepUndone  = "undone"
)

// Opening is what a run starts from; it is the body of the run's first entry.
type Opening struct {
	Plan     *failoverplan.Plan `json:"plan"`
	Reason   string             `json:"reason"`
	Operator string             `json:"operator"`
	Approver string             `json:"approver"`
	DryRun   bool               `json:"dry_run,omitempty"`
	// FirstBad is the first bad probe of what failed, Verdict when it was judged so;
	// both zero for a planned switch. RTO counts from FirstBad.
	FirstBad time.Time `json:"first_bad,omitzero"`
	Verdict  time.Time `json:"verdict,omitzero"`
	// Sync is where replication stood when the run began: the ground of RPO.
	Sync []failoverplan.SyncState `json:"sync,omitempty"`
}

type stepIntent struct {
	Step string `json:"step"`
	Undo bool   `json:"undo,omitempty"`
}

type stepOutcome struct {
	Step     string   `json:"step"`
	State    string   `json:"state"`
	Evidence []string `json:"evidence,omitempty"`
	Error    string   `json:"error,omitempty"`
	Changed  int      `json:"changed,omitempty"`
	APICalls int      `json:"api_calls,omitempty"`
	// Untouched: it failed, and it is certain that nothing was changed.
	Untouched bool `json:"untouched,omitempty"`

	again bool // not the first attempt
}

type runFact struct {
	Key   string `json:"key"`
	Value string `json:"value"`
}

type runResumed struct {
	Operator string `json:"operator"`
	Reason   string `json:"reason,omitempty"`
	How      string `json:"how"` // resume, rollback, commit
}

type runClosed struct {
	State   RunState `json:"state"`
	Problem string   `json:"problem,omitempty"`
	Next    string   `json:"next,omitempty"`
	// Committed: a person keeps what the run has done.
	Committed bool `json:"committed,omitempty"`
}

// record is a run being folded from its entries; the live executor folds the same
// way, so what is shown is what can be read back.
type record struct {
	run     Run
	opening Opening
	facts   map[string]string
	open    bool
	// undoing: a roll-back has begun; from then on the run only goes backwards.
	undoing bool
	// committing: a commit has begun, by committer.
	committing bool
	committer  string
}

func newRecord() *record { return &record{facts: map[string]string{}} }

// apply folds one entry in.
func (r *record) apply(e journal.Entry) error {
	switch e.Kind {
	case journal.RunOpened:
		return r.opened(e)
	case journal.StepIntent:
		var b stepIntent
		if err := json.Unmarshal(e.Body, &b); err != nil {
			return bad(e, err)
		}
		if s := r.step(b.Step); s != nil {
			if s.Started.IsZero() {
				s.Started = e.At
			}
			s.Finished = time.Time{}
			s.Attempts++
			s.State, s.Error, s.Now = StepRunning, "", ""
		}
	case journal.StepOutcome:
		var b stepOutcome
		if err := json.Unmarshal(e.Body, &b); err != nil {
			return bad(e, err)
		}
		if s := r.step(b.Step); s != nil {
			s.State, s.Error, s.Finished, s.Untouched, s.Now = b.State, b.Error, e.At, b.Untouched, ""
			s.Evidence = append(s.Evidence, b.Evidence...)
		}
		if ttlOnly(r.step(b.Step)) {
			b.Changed = 0 // records_changed counts those that were re-pointed
		}
		if r.undoing || b.State == StepUndone {
			b.Changed = -min(b.Changed, r.run.DNS.RecordsChanged)
		}
		// A write that was cut off and found made later is told twice.
		r.run.DNS.RecordsChanged = min(r.run.DNS.RecordsChanged+b.Changed, r.run.DNS.RecordsPlanned)
		r.run.DNS.APICalls += b.APICalls
	case journal.RunFact:
		var b runFact
		if err := json.Unmarshal(e.Body, &b); err != nil {
			return bad(e, err)
		}
		r.facts[b.Key] = b.Value
		if id, ok := strings.CutPrefix(b.Key, untilKey); ok && r.step(id) != nil {
			r.step(id).Until, _ = time.Parse(time.RFC3339Nano, b.Value)
		}
	case journal.RunResumed:
		var b runResumed
		if err := json.Unmarshal(e.Body, &b); err != nil {
			return bad(e, err)
		}
		r.open = true
		r.undoing = r.undoing || b.How == howRollback
		if b.How == howCommit {
			r.committing, r.committer = true, b.Operator
		}
		r.run.State, r.run.Problem, r.run.Next, r.run.Finished = RunRunning, "", "", time.Time{}
	case journal.RunClosed:
		var b runClosed
		if err := json.Unmarshal(e.Body, &b); err != nil {
			return bad(e, err)
		}
		r.open = false
		r.run.State, r.run.Problem, r.run.Next, r.run.Finished = b.State, b.Problem, b.Next, e.At
		if b.Committed {
			r.run.Committed, r.run.CommittedBy = e.At, r.committer
		}
	case journal.Operator:
	}
	if !r.undoing && !r.committing { // what it took to get there does not change afterwards
		r.run.RTO = rto(r)
		r.run.RPO = rpo(r)
	}
	return nil
}

// How a run was taken up again.
const (
	howResume   = "resume"
	howRollback = "rollback"
	howCommit   = "commit"
)

// untilKey begins the fact that says until when a step waits.
const untilKey = "until/"

// ttlOnly: the step changes TTLs and re-points nothing.
func ttlOnly(s *RunStep) bool {
	return s != nil && (s.Action == string(failoverplan.ActLowerTTL) || s.Action == string(failoverplan.ActRestoreTTL))
}

func bad(e journal.Entry, err error) error {
	return fmt.Errorf("journal entry %d (%s): %w", e.Seq, e.Kind, err)
}

func (r *record) opened(e journal.Entry) error {
	if err := json.Unmarshal(e.Body, &r.opening); err != nil {
		return bad(e, err)
	}
	p := r.opening.Plan
	r.open = true
	r.run = Run{
		ID: e.Run, Kind: string(p.Kind), Mode: string(p.Mode), Case: string(p.Case), From: p.From, To: p.To, Stations: p.Stations,
		PlanHash: p.Hash, Reason: r.opening.Reason, Operator: r.opening.Operator, Approver: r.opening.Approver, DryRun: r.opening.DryRun,
		State: RunRunning, Started: e.At, Plan: p, DNS: RunDNS{RecordsPlanned: p.Records(), Zones: []string{}},
	}
	for _, z := range p.DNS {
		if !slices.Contains(r.run.DNS.Zones, z.Zone) {
			r.run.DNS.Zones = append(r.run.DNS.Zones, z.Zone)
		}
	}
	for _, s := range p.Steps {
		r.run.Steps = append(r.run.Steps, RunStep{
			ID: s.ID, Title: s.Title, Phase: string(s.Phase), Action: string(s.Action),
			Risk: string(s.Risk), State: StepPending, Evidence: []string{},
		})
	}
	return nil
}

func (r *record) step(id string) *RunStep {
	for i := range r.run.Steps {
		if r.run.Steps[i].ID == id {
			return &r.run.Steps[i]
		}
	}
	return nil
}

// snapshot returns a copy that later folding does not touch.
func (r *record) snapshot() Run {
	out := r.run
	out.Steps = append([]RunStep{}, r.run.Steps...)
	for i := range out.Steps {
		out.Steps[i].Evidence = append([]string{}, out.Steps[i].Evidence...)
		if out.Steps[i].State == StepSkipped && r.opening.Plan != nil && r.opening.Plan.Steps[i].AnyOf == "" {
			out.Skipped++
		}
	}
	out.RPO = append([]RPO{}, r.run.RPO...)
	return out
}

// rto splits the time from the first bad probe to users served (promise 11). Every
// moment counts for one phase only, that of the step that ended next, so that the phases
// add up to the total.
func rto(r *record) RTO {
	var t RTO
	begin := r.run.Started
	if !r.opening.FirstBad.IsZero() && r.opening.FirstBad.Before(begin) {
		begin = r.opening.FirstBad
		verdict := r.opening.Verdict
		if verdict.Before(begin) || verdict.After(r.run.Started) {
			verdict = r.run.Started
		}
		t.DetectMS = ms(verdict.Sub(begin))
		t.DecideMS = ms(r.run.Started.Sub(begin)) - t.DetectMS
	}
	var ended []RunStep
	for _, s := range r.run.Steps {
		if !s.Finished.IsZero() {
			ended = append(ended, s)
		}
	}
	slices.SortStableFunc(ended, func(a, b RunStep) int { return a.Finished.Compare(b.Finished) })
	served := -1
	for i, s := range ended {
		if s.Action == string(failoverplan.ActVerifyUsers) || s.Action == string(failoverplan.ActVerifyResolvers) {
			served = i
		}
	}
	at, prepared := ms(r.run.Started.Sub(begin)), int64(0)
	for _, s := range ended[:served+1] {
		till := ms(s.Finished.Sub(begin))
		switch failoverplan.Phase(s.Phase) {
		case failoverplan.PhaseDecide:
			t.DecideMS += till - at
		case failoverplan.PhaseFence:
			t.FenceMS += till - at
		case failoverplan.PhasePropagate:
			t.PropagateMS += till - at
		case failoverplan.PhaseVerify:
			t.VerifyMS += till - at
		case failoverplan.PhaseSwitch, failoverplan.PhaseReprotect: // bringing home level is part of switching back
			t.SwitchMS += till - at
		case failoverplan.PhasePrepare, failoverplan.PhaseCommit: // users are served all the while
			prepared += till - at
		}
		at = till
	}
	if served >= 0 {
		t.TotalMS = at - prepared
	}
	return t
}

func ms(d time.Duration) int64 { return d.Milliseconds() }

// rpo says per component what may be lost: nothing where the final sync succeeded,
// else what was known of the lag when the run began.
func rpo(r *record) []RPO {
	out := []RPO{}
	if r.opening.Plan == nil {
		return out
	}
	synced := map[string]bool{}
	concerned := map[string]bool{}
	for i, s := range r.opening.Plan.Steps {
		if s.Action != failoverplan.ActCatchUp {
			continue
		}
		key := string(s.Platform) + "/" + s.Component
		concerned[key] = true
		if s.Phase == failoverplan.PhaseFence && (r.run.Steps[i].State == StepDone || r.run.Steps[i].State == StepAlready) {
			synced[key] = true
		}
	}
	for _, x := range r.opening.Sync {
		key := string(x.Platform) + "/" + x.Component
		via := key
		if x.Kind == failoverplan.Kafka {
			via = mirrorKey(r.opening.Plan, key)
		}
		if x.To != r.opening.Plan.To || !concerned[via] {
			continue
		}
		p := RPO{Component: key, LagS: x.Lag, Lost: -1}
		if synced[via] {
			p.LagS, p.Lost = 0, 0
		}
		out = append(out, p)
	}
	sort.Slice(out, func(i, k int) bool { return out[i].Component < out[k].Component })
	return out
}

// mirrorKey finds the component whose final sync carries Kafka's data.
func mirrorKey(p *failoverplan.Plan, fallback string) string {
	for _, s := range p.Steps {
		if s.Action == failoverplan.ActStopMirror {
			return string(s.Platform) + "/" + s.Component
		}
	}
	return fallback
}
