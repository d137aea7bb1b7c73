package backend

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"time"

	"github.com/dutyops/dutyops/backend/monitor"
	"github.com/dutyops/dutyops/probes"
)

// ChangeStatus is a sign that another server answers under a component's address than
// before, or the same one without what it had.
type ChangeStatus struct {
	probes.Change

	// At is when it was noticed, which may be long after it happened.
	At time.Time `json:"at"`
}

// known is who a target was when it last answered, and what was noticed of it.
type known struct {
	Identity probes.Identity `json:"identity"`
	Changes  []ChangeStatus  `json:"changes,omitempty"`
	// Addresses are those under which it answered.
	Addresses []string `json:"addresses,omitempty"`

	last *probes.Result // the answer that was looked at last
}

const (
	keyIdentities = "identities"
	// keepChanges is how long a change stays in the picture.
	keepChanges = 24 * time.Hour
	// maxChanges is how many are kept of a target.
	maxChanges = 8
	// saveEvery bounds how often positions alone, which move all the time, are put away.
	saveEvery = time.Minute
)

// addressesOf are the addresses under which a target is asked.
func addressesOf(t probes.Target) []string {
	return slices.DeleteFunc(append([]string{t.Address, t.URL}, t.Brokers...), func(a string) bool { return a == "" })
}

// movedTo says that a target is asked at other addresses than those it is known by: another
// server is expected there.
func (k known) movedTo(addresses []string) bool {
	return len(k.Addresses) > 0 && !slices.ContainsFunc(addresses, func(a string) bool { return slices.Contains(k.Addresses, a) })
}

// recognise compares who answers with who answered before, also in an earlier process,
// and tells of every change; acting says that a run is under way. The caller holds
// publishing.
func (e *Engine) recognise(ctx context.Context, snap *monitor.Snapshot, acting bool) {
	now := false // worth putting away at once
	for id, t := range snap.All() {
		k := e.identities[id]
		if t.Last == nil || t.Last == k.last {
			continue
		}
		if k.movedTo(e.addresses[id]) {
			k = known{}
		}
		now = now || !slices.Equal(k.Addresses, e.addresses[id])
		k.Addresses = e.addresses[id]
		next, changes := k.Identity.Recognise(e.kinds[id], t.Last.Facts)
		now = now || !maps.Equal(next.IDs, k.Identity.IDs)
		e.identitiesMoved = e.identitiesMoved || next.Position != k.Identity.Position
		k.Identity, k.last = next, t.Last
		for _, c := range changes {
			if acting && !c.Lost {
				continue // a run of ours starts jobs and servers anew
			}
			level := "warn"
			if c.Lost {
				level = "bad"
			}
			e.event(WarnReplaced, level, id, "%s: %s (%s was %s, is %s)", id, c.Means, c.What, shorten(c.Was), shorten(c.Is))
			k.Changes = append(k.Changes, ChangeStatus{Change: c, At: e.now()})
			now = true
		}
		k.Changes = k.Changes[max(0, len(k.Changes)-maxChanges):]
		e.identities[id] = k
	}
	due := e.identitiesMoved && e.now().Sub(e.identitiesSaved) >= saveEvery
	if now || due {
		e.saveIdentities(ctx)
	}
}

// forgetRuns is called when a run of ours has ended, which may have started jobs anew: that
// is no news to a process that looks only afterwards.
func (e *Engine) forgetRuns(ctx context.Context) {
	e.publishing.Lock()
	defer e.publishing.Unlock()
	for id, k := range e.identities {
		k.Identity = k.Identity.WithoutRuns(e.kinds[id])
		e.identities[id] = k
	}
	e.saveIdentities(ctx)
}

func (e *Engine) saveIdentities(ctx context.Context) {
	if e.journal == nil {
		return
	}
	e.identitiesMoved, e.identitiesSaved = false, e.now()
	if err := e.journal.Remember(ctx, keyIdentities, e.identities); err != nil {
		e.log.WarnContext(ctx, "cannot remember who answers", slog.Any("err", err))
	}
}

// changes are those of a target that are still news.
func (e *Engine) changes(id string) []ChangeStatus {
	var out []ChangeStatus
	for _, c := range e.identities[id].Changes {
		if e.now().Sub(c.At) < keepChanges {
			out = append(out, c)
		}
	}
	return out
}

// replacedWarnings tells of components that have lost what they had.
func (e *Engine) replacedWarnings(st *Status) {
	for _, s := range st.Sites {
		for _, c := range allComponents(s) {
			if n := len(c.Changed); n > 0 && c.Changed[n-1].Lost {
				last := c.Changed[n-1]
				st.warn(WarnReplaced, c.Target, "%s, noticed %s: %s", c.Target, last.At.Local().Format(time.DateTime), last.Means)
			}
		}
	}
}

// shorten shortens an id or position for a sentence.
func shorten(s string) string {
	if r := []rune(s); len(r) > 40 {
		return string(r[:39]) + "…"
	}
	return s
}
