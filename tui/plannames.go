package tui

import (
	tea "charm.land/bubbletea/v2"

	"github.com/dutyops/dutyops/failoverplan"
	"github.com/dutyops/dutyops/tui/kit"
)

// nameLines list the names that do not simply move: those that stop the plan with what
// clears it, those that a person left out, those that follow another.
func (s *planScreen) nameLines(a *app, w int) []string {
	th, t, p := a.th, a.tr, s.plan
	var out []string
	section := func(title string, lines []string) {
		if len(lines) > 0 {
			out = append(append(append(out, a.section(title, w)), lines...), "")
		}
	}
	var stops, left, follow []string
	for _, x := range p.Stops {
		if x.LeftOut != "" {
			continue
		}
		mark, style := th.Glyphs.Failed, th.Bad
		if x.Soft {
			mark, style = th.Glyphs.Degraded, th.Warn
		}
		stops = append(stops, " "+style.Render(mark+" "+x.Name)+"  "+th.Faint.Render(x.Station+"  "+x.Gate))
		for _, l := range kit.Wrap(a.told(x.Evidence), w-5) {
			stops = append(stops, "   "+l)
		}
		for _, l := range kit.Wrap(t.T("clears when %s", a.told(x.ClearsWhen)), w-5) {
			stops = append(stops, "   "+th.Dim.Render(l))
		}
	}
	for _, x := range p.LeaveOut {
		left = append(left, " "+th.Warn.Render(th.Glyphs.Skipped+" "+x.Name)+"  "+kit.Cut(kit.Clean(x.Reason), max(w-kit.Width(x.Name)-6, 8)))
	}
	for _, x := range p.Follows {
		follow = append(follow, " "+th.Text.Render(x.Name)+th.Faint.Render(" "+th.Glyphs.Arrow+" "+x.Target))
	}
	section(t.T("Names that stop it: %d", len(stopsOf(p))), stops)
	section(t.T("Left out: %d", len(left)), left)
	section(t.T("Names that follow: %d", len(follow)), follow)
	return out
}

// stopsOf are the stops that nobody has left out.
func stopsOf(p *failoverplan.Plan) []failoverplan.Stop {
	var out []failoverplan.Stop
	for _, x := range p.Stops {
		if x.LeftOut == "" {
			out = append(out, x)
		}
	}
	return out
}

// nameCommands leave names out of the plan, and lower the TTLs of a planned switch.
func (s *planScreen) nameCommands(a *app) []command {
	t, g := a.tr, a.tr.T("Here")
	leave := command{id: "leave-out", group: g, screen: s.id(), title: t.T("Leave a name out"), keys: []string{"n"}, shell: "dutyops plan failover --leave-out 'NAME: why'", help: t.T("one name, with a reason; it stays in the banner. A second time takes it in again"), run: s.chooseName}
	if s.plan == nil || len(stopsOf(s.plan))+len(s.plan.LeaveOut) == 0 {
		leave.disabled = t.T("No name is stopped.")
	} else {
		leave.foot = t.T("foot|leave out ...")
	}
	lower := command{id: "graceful-ttl", group: g, screen: s.id(), title: t.T("Lower the TTLs first"), keys: []string{"l"}, shell: "dutyops plan failover --graceful-ttl", help: t.T("for a planned switch: waits until the old TTLs have run out; a commit restores them"), run: func(a *app) tea.Cmd {
		s.req.GracefulTTL = !s.req.GracefulTTL
		return s.make(a)
	}}
	if s.plan != nil && s.plan.Mode != failoverplan.Graceful {
		lower.disabled = t.T("This is no planned switch: nobody waits.")
	} else {
		lower.foot = t.T("foot|TTLs first")
	}
	return []command{leave, lower}
}

// chooseName asks which name to leave out or to take in again.
func (s *planScreen) chooseName(a *app) tea.Cmd {
	d := &chooseDialog{title: a.tr.T("Which name?")}
	var names []string
	out := map[string]bool{}
	for _, x := range s.plan.LeaveOut {
		names, out[x.Name] = append(names, x.Name), true
		d.items = append(d.items, choice{x.Name, a.tr.T("left out: take it in again")})
	}
	for _, x := range stopsOf(s.plan) {
		names = append(names, x.Name)
		d.items = append(d.items, choice{x.Name, a.told(x.Evidence)})
	}
	d.done = func(a *app, i []int) tea.Cmd {
		name := names[i[0]]
		if out[name] {
			s.without(name)
			return s.make(a)
		}
		return s.askWhy(a, name)
	}
	a.show(d)
	return nil
}

func (s *planScreen) without(name string) {
	var rest []failoverplan.LeftOut
	for _, x := range s.req.LeaveOut {
		if x.Name != name {
			rest = append(rest, x)
		}
	}
	s.req.LeaveOut = rest
}

func (s *planScreen) askWhy(a *app, name string) tea.Cmd {
	t := a.tr
	a.ask(&askDialog{
		title: t.T("Leave %s out?", name), reason: true, danger: true,
		lines: []string{t.T("It stays where it is: its users are not moved. Name and reason are part of the plan, the report and the banner.")},
		yes:   t.T("leave it out"),
		runText: func(a *app, why string) tea.Cmd {
			s.without(name)
			s.req.LeaveOut = append(s.req.LeaveOut, failoverplan.LeftOut{Name: name, Reason: why})
			return s.make(a)
		},
	})
	return nil
}
