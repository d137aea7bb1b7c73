package tui

import (
	"context"
	"sort"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/dutyops/dutyops/backend"
	"github.com/dutyops/dutyops/failoverplan"
	"github.com/dutyops/dutyops/tui/kit"
)

// loadEvery is the shortest pause between two pictures taken from the engine.
const loadEvery = 250 * time.Millisecond

// data is what the screens draw from. shown lags behind latest on purpose: numbers of
// one site are refreshed in one second, those of the next in the next, so that two
// panels never change on the same lines in one frame (the renderer resends everything
// between). Anything that matters (a state, the case, a run) is shown at once.
type data struct {
	environment failoverplan.Environment
	latest      *backend.Status
	shown       *backend.Status
	events      []backend.Event
	actions     []backend.Action
	users       *backend.Users
	runs        []backend.Run
	slot        int
}

// snapshotMsg is one picture of the engine.
type snapshotMsg struct {
	status  *backend.Status
	events  []backend.Event
	actions []backend.Action
	users   *backend.Users
	changed <-chan struct{}
	at      time.Time
}

type runsMsg struct {
	runs []backend.Run
	err  error
}

// load takes a picture now.
func (a *app) load() tea.Cmd { return func() tea.Msg { return a.picture() } }

func (a *app) picture() tea.Msg {
	m := snapshotMsg{at: a.opt.Now(), changed: a.face.Changed()}
	m.status, m.events, m.actions = a.face.Status(), a.face.Events(400), a.face.Actions()
	if sb := a.face.Sandbox(); sb != nil {
		ctx, cancel := context.WithTimeout(a.ctx, time.Second)
		defer cancel()
		if u, err := sb.Users(ctx); err == nil {
			m.users = &u
		}
	}
	return m
}

// next waits for the engine's next publication, keeps the pace, and takes a picture.
func (a *app) next(changed <-chan struct{}, last time.Time) tea.Cmd {
	return func() tea.Msg {
		select {
		case <-changed:
		case <-a.ctx.Done():
			return nil
		}
		if d := loadEvery - a.opt.Now().Sub(last); d > 0 {
			timer := time.NewTimer(min(d, loadEvery))
			defer timer.Stop()
			select {
			case <-timer.C:
			case <-a.ctx.Done():
				return nil
			}
		}
		return a.picture()
	}
}

func (a *app) loadRuns() tea.Cmd {
	return func() tea.Msg {
		ctx, cancel := context.WithTimeout(a.ctx, 10*time.Second)
		defer cancel()
		runs, err := a.face.Runs(ctx)
		sort.SliceStable(runs, func(i, j int) bool { return runs[i].Started.After(runs[j].Started) })
		return runsMsg{runs, err}
	}
}

// adopt takes a picture in and waits for the next one.
func (a *app) adopt(m snapshotMsg) tea.Cmd {
	var cmds []tea.Cmd
	d := &a.data
	if m.status != nil {
		hadRun := d.shown != nil && d.shown.Run != nil
		if m.status.Environment != "" && m.status.Environment != d.environment {
			d.environment = m.status.Environment
			a.retheme()
		}
		d.take(m.status)
		if hadRun != (m.status.Run != nil) {
			cmds = append(cmds, a.loadRuns())
		}
	}
	d.events, d.actions = m.events, m.actions
	if m.users != nil {
		d.users = m.users
	}
	if m.changed != nil {
		cmds = append(cmds, a.next(m.changed, m.at))
	}
	return tea.Batch(cmds...)
}

// take stores a new status and shows what must not wait.
func (d *data) take(st *backend.Status) {
	d.latest = st
	if d.shown == nil || signature(d.shown) != signature(st) {
		shown := *st
		shown.Sites = make([]backend.SiteStatus, len(st.Sites))
		for i := range st.Sites {
			shown.Sites[i] = steadySite(d.shownSite(st.Sites[i].Name), st.Sites[i])
		}
		d.shown = &shown
		return
	}
	sites := d.shown.Sites
	shown := *st
	shown.Sites = sites
	d.shown = &shown
}

// rotate shows the newest numbers of one site.
func (d *data) rotate() {
	if d.latest == nil || d.shown == nil || len(d.latest.Sites) != len(d.shown.Sites) || len(d.shown.Sites) == 0 {
		return
	}
	d.slot = (d.slot + 1) % len(d.shown.Sites)
	shown := *d.shown
	shown.Sites = append([]backend.SiteStatus(nil), d.shown.Sites...)
	shown.Sites[d.slot] = steadySite(&d.shown.Sites[d.slot], d.latest.Sites[d.slot])
	d.shown = &shown
}

func (d *data) shownSite(name string) *backend.SiteStatus {
	if d.shown == nil {
		return nil
	}
	for i := range d.shown.Sites {
		if d.shown.Sites[i].Name == name {
			return &d.shown.Sites[i]
		}
	}
	return nil
}

// steadySite copies next with numbers that tremble held at what is shown already.
func steadySite(old *backend.SiteStatus, next backend.SiteStatus) backend.SiteStatus {
	if old == nil {
		return next
	}
	was := map[string]backend.ComponentStatus{}
	for _, c := range siteParts(*old) {
		was[c.Target] = c
	}
	hold := func(c backend.ComponentStatus) backend.ComponentStatus {
		w, ok := was[c.Target]
		if !ok || w.State != c.State {
			return c
		}
		c.LatencyMS = kit.Steady(w.LatencyMS, c.LatencyMS)
		if c.Sync != nil && w.Sync != nil && w.Sync.State == c.Sync.State {
			s := *c.Sync
			s.LagS = kit.Steady(w.Sync.LagS, c.Sync.LagS)
			c.Sync = &s
		}
		return c
	}
	next.Gateway = hold(next.Gateway)
	next.Platforms = append([]backend.PlatformStatus(nil), next.Platforms...)
	for i, p := range next.Platforms {
		p.Subsystems = append([]backend.ComponentStatus(nil), p.Subsystems...)
		p.Components = append([]backend.ComponentStatus(nil), p.Components...)
		for k := range p.Subsystems {
			p.Subsystems[k] = hold(p.Subsystems[k])
		}
		for k := range p.Components {
			p.Components[k] = hold(p.Components[k])
		}
		next.Platforms[i] = p
	}
	return next
}

// siteParts lists every row of a site: gateway, subsystems, components.
func siteParts(s backend.SiteStatus) []backend.ComponentStatus {
	out := []backend.ComponentStatus{s.Gateway}
	for _, p := range s.Platforms {
		out = append(out, p.Subsystems...)
		out = append(out, p.Components...)
	}
	return out
}

// signature holds everything of a status that must be shown at once when it changes.
func signature(st *backend.Status) string {
	var b strings.Builder
	w := func(parts ...string) {
		for _, p := range parts {
			b.WriteString(p)
			b.WriteByte('|')
		}
	}
	w(string(st.Environment), st.ServingSite, st.DataSite, string(st.Case), st.Advice.Action, st.Advice.To)
	if st.Warming {
		w("warming")
	}
	if st.Run != nil {
		w(st.Run.ID, st.Run.State)
	}
	for _, s := range st.Sites {
		w(s.Name, s.Role, string(s.State))
		for _, p := range s.Platforms {
			w(p.Name, string(p.State))
		}
		for _, c := range siteParts(s) {
			w(c.Target, string(c.State))
			if c.Sync != nil {
				w(c.Sync.State)
			}
		}
	}
	return b.String()
}
