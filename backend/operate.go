package backend

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/dutyops/dutyops/backend/runbook"
	"github.com/dutyops/dutyops/failoverplan"
)

// Pause stops all actions of every console until it expires (promise 9).
func (e *Engine) Pause(ctx context.Context, o Override) error {
	j, err := e.acting()
	if err != nil {
		return err
	}
	o.Kind = OverridePause
	if o.Reason == "" || o.Owner == "" {
		return fmt.Errorf("%w: a pause needs an owner and a reason", ErrUsage)
	}
	if o.Since.IsZero() {
		o.Since = e.now()
	}
	if o.Expires.IsZero() {
		o.Expires = o.Since.Add(time.Hour)
	}
	if err := j.Remember(ctx, "pause", o); err != nil {
		return err
	}
	e.audit(ctx, "pause", o.Owner, o.Reason, "until "+o.Expires.Format(time.RFC3339))
	e.event("operator", "warn", "", "%s paused all actions until %s: %s", o.Owner, o.Expires.Local().Format("15:04:05"), o.Reason)
	e.mu.Lock()
	e.seen.pause = &o
	e.mu.Unlock()
	e.publish()
	return nil
}

// Unpause lets actions run again.
func (e *Engine) Unpause(ctx context.Context, operator, reason string) error {
	j, err := e.acting()
	if err != nil {
		return err
	}
	if err := j.Forget(ctx, "pause"); err != nil {
		return err
	}
	e.audit(ctx, "unpause", operator, reason, "")
	e.event("operator", "good", "", "%s ended the pause: %s", operator, reason)
	e.mu.Lock()
	e.seen.pause = nil
	e.mu.Unlock()
	e.publish()
	return nil
}

// Report renders a run as markdown, html or json.
func (e *Engine) Report(ctx context.Context, id, format string) (string, error) {
	r, err := e.Run(ctx, id)
	if err != nil {
		return "", err
	}
	return runbook.Report(r, format)
}

// VerifyJournal walks the hash chain; n is the number of entries that hold.
func (e *Engine) VerifyJournal(ctx context.Context) (n int, err error) {
	if e.journal == nil {
		return 0, e.journalErr
	}
	return e.journal.Verify(ctx)
}

// Sandbox returns the sandbox's controls, nil in production.
func (e *Engine) Sandbox() SandboxControl { return e.opts.Sandbox }

// Actions lists what a person can do now; keys, palette, help and docs derive from it.
func (e *Engine) Actions() []Action {
	st := e.Status()
	busy := ""
	if st.Run != nil {
		busy = fmt.Sprintf("%s runs: %s", st.Run.ID, st.Run.Holder)
	}
	act := busy
	if e.journal == nil {
		act = "the state directory cannot be written: " + e.journalErr.Error()
	} else if p := st.Paused(); p != nil {
		act = "paused: " + p.Reason
	}
	failback := act
	away := slices.ContainsFunc(st.Domains, func(d DomainStatus) bool { return d.PointsAt != "" && d.PointsAt != e.topo.Home })
	if failback == "" && st.ServingSite == e.topo.Home && st.DataSite == e.topo.Home && !away {
		failback = e.topo.Home + " serves already"
	}
	unpause := "nothing is paused"
	if st.Paused() != nil {
		unpause = ""
	}
	as := []Action{
		{ID: "failover", Title: "Fail over", Help: "Plan a failover to the best standby, review it, confirm it, run it", Risk: failoverplan.R3, Command: "dutyops failover --to SITE --yes --reason TEXT", Disabled: act},
		{ID: "failback", Title: "Fail back", Help: "Bring data and users home, once home has recovered", Risk: failoverplan.R3, Command: "dutyops failback --yes --reason TEXT", Disabled: failback},
		{ID: "sync-run", Title: "Sync run", Help: "Make every synced store of the other sites follow the one that writes", Risk: failoverplan.R2, Command: "dutyops sync run --yes --reason TEXT", Disabled: act},
		{ID: "renew-links", Title: "Renew the links' passwords", Help: "After a replication password was changed: give every standing link the one that is configured now", Risk: failoverplan.R2, Command: "dutyops sync run --renew-passwords --yes --reason TEXT", Disabled: act},
		{ID: "dns-check", Title: "Check DNS", Help: "Ask every authoritative server and resolver now", Risk: failoverplan.R0, Command: "dutyops dns check"},
		{ID: "doctor", Title: "Doctor", Help: "Could I fail over right now?", Risk: failoverplan.R0, Command: "dutyops doctor"},
		{ID: "pause", Title: "Pause all actions", Help: "Refuse every action of every console for a while, with a reason", Risk: failoverplan.R2, Command: "dutyops pause --reason TEXT --for 1h", Disabled: busy},
		{ID: "unpause", Title: "End the pause", Help: "Allow actions again", Risk: failoverplan.R1, Command: "dutyops unpause --reason TEXT", Disabled: unpause},
		{ID: "runs", Title: "Journal", Help: "What was done, by whom, when and why", Risk: failoverplan.R0, Command: "dutyops runs list"},
	}
	if e.opts.Sandbox != nil {
		as = append(as,
			Action{ID: "fault", Title: "Break something", Help: "Inject a fault into the sandbox", Risk: failoverplan.R1, Command: "dutyops sandbox fault TARGET KIND --dir DIR"},
			Action{ID: "heal", Title: "Heal", Help: "End all faults of the sandbox", Risk: failoverplan.R1, Command: "dutyops sandbox heal --dir DIR"})
	}
	return as
}
