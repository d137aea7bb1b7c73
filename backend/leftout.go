package backend

import (
	"context"
	"log/slog"
	"time"

	"github.com/dutyops/dutyops/failoverplan"
)

// leftOut are the names that a person left out of the last move. They have no say in who
// serves, and stay in the banner until they point where users are (promise 9).
type leftOut struct {
	Owner string            `json:"owner"`
	Since time.Time         `json:"since"`
	Names map[string]string `json:"names"` // name -> reason
	Order []string          `json:"order"`
}

// keyLeftOut is where the journal keeps it, for every console.
const keyLeftOut = "left-out"

// rememberLeftOut keeps what a run leaves out, in place of what the last one did. Losing
// it would let a name that stays behind have a say, so a failure is told.
func (e *Engine) rememberLeftOut(ctx context.Context, p *failoverplan.Plan, owner string) {
	if len(p.LeaveOut) == 0 {
		e.forgetLeftOut(ctx)
		return
	}
	l := leftOut{Owner: owner, Since: e.now(), Names: map[string]string{}}
	for _, x := range p.LeaveOut {
		l.Names[x.Name] = x.Reason
		l.Order = append(l.Order, x.Name)
		e.event("operator", "warn", "", "%s left out %s: %s", owner, x.Name, x.Reason)
	}
	if err := e.journal.Remember(ctx, keyLeftOut, l); err != nil {
		e.event("operator", "warn", "", "what is left out cannot be remembered: %v", err)
	}
	e.setLeftOut(l)
}

func (e *Engine) forgetLeftOut(ctx context.Context) {
	if err := e.journal.Forget(ctx, keyLeftOut); err != nil {
		e.log.WarnContext(ctx, "what was left out cannot be forgotten", slog.Any("err", err))
	}
	e.setLeftOut(leftOut{})
}

func (e *Engine) setLeftOut(l leftOut) {
	e.mu.Lock()
	e.seen.leftOut = l
	e.mu.Unlock()
}

// leftOutNow is what the last move left out, by whichever console.
func (e *Engine) leftOutNow(ctx context.Context) leftOut {
	var l leftOut
	if e.journal == nil {
		return l
	}
	if ok, err := e.journal.Recall(ctx, keyLeftOut, &l); err != nil || !ok {
		return leftOut{}
	}
	return l
}

// overrides are those of the names that do not point where users are.
func (l leftOut) overrides(serving string, domains []failoverplan.DomainState) []Override {
	at := map[string]string{}
	if len(l.Names) > 0 {
		for _, d := range domains {
			at[d.Name] = d.Site
		}
	}
	var out []Override
	for _, name := range l.Order {
		if at[name] != serving {
			out = append(out, Override{Kind: OverrideLeftOut, Owner: l.Owner, Reason: l.Names[name], Target: name, Since: l.Since})
		}
	}
	return out
}
