package tui

import (
	"fmt"
	"strings"
	"time"

	"github.com/dutyops/dutyops/backend"
	"github.com/dutyops/dutyops/failoverplan"
	"github.com/dutyops/dutyops/tui/kit"
)

// staleAfter is the age of the newest picture from which on the bar says so.
const staleAfter = 10 * time.Second

func (a *app) production() bool { return a.data.environment != failoverplan.Sandbox }

func (a *app) environmentWord() string {
	if a.production() {
		return a.tr.T("PRODUCTION")
	}
	return a.tr.T("SANDBOX")
}

// badge is the identity: word, shape and colour.
func (a *app) badge() string {
	mark := a.th.Glyphs.MarkSandbox
	if a.production() {
		mark = a.th.Glyphs.MarkProduction
	}
	return a.th.Badge.Render(" " + mark + " " + a.environmentWord() + " ")
}

func (a *app) windowTitle() string {
	parts := []string{a.environmentWord()}
	if st := a.data.shown; st != nil && !st.Warming {
		if st.Case != failoverplan.CaseNormal {
			parts = append(parts, strings.ToUpper(string(st.Case)))
		}
		parts = append(parts, a.tr.T("serving %s", st.ServingSite))
	}
	return "dutyops · " + strings.Join(parts, " · ")
}

// header is the part above every screen: bar, identity rule, banners.
func (a *app) header() []string {
	g := a.th.Glyphs
	rule := g.RuleSandbox
	if a.production() {
		rule = g.RuleProduction
	}
	out := []string{a.bar(), a.th.Rule.Render(strings.Repeat(rule, a.w))}
	return append(out, a.banners()...)
}

func (a *app) bar() string {
	t, th := a.tr, a.th
	sep := th.Faint.Render("  " + th.Glyphs.Dot + "  ")
	left := a.badge()
	crumbs := []string{}
	if len(a.screens) > 1 {
		crumbs = append(crumbs, th.Strong.Render(a.top().title(a)))
	} else {
		crumbs = append(crumbs, th.Strong.Render("dutyops"))
	}
	if st := a.data.shown; st != nil && !st.Warming {
		serving := st.ServingSite
		if serving == "" {
			serving = t.T("nobody")
		}
		crumbs = append(crumbs, th.Dim.Render(t.T("serving|serving")+" ")+th.Strong.Render(serving))
		if st.DataSite != "" && st.DataSite != st.ServingSite {
			crumbs = append(crumbs, th.Dim.Render(t.T("data at")+" ")+th.Strong.Render(st.DataSite))
		}
		style := th.Bad
		if st.Case == failoverplan.CaseNormal {
			style = th.Dim
		}
		crumbs = append(crumbs, th.Dim.Render(t.T("case")+" ")+style.Render(a.caseWord(st.Case)))
	}
	format := "15:04 MST"
	if a.data.shown != nil && a.data.shown.Run != nil {
		format = "15:04:05 MST"
	}
	clock := th.Strong.Render(a.now.Format(format)) + " "
	right := clock
	room := a.w - kit.Width(left) - 2 - kit.Width(strings.Join(crumbs, sep)) - kit.Width(clock) - 4
	if op := kit.Clean(a.opt.Operator); op != "" && kit.Width(op)+kit.Width(sep) <= room {
		right = th.Dim.Render(op) + sep + clock
	}
	if lt := a.data.latest; lt != nil && a.now.Sub(lt.At) > staleAfter {
		right = th.Warn.Render(th.Glyphs.Stale+" "+t.T("data of %s", kit.Clock(lt.At, a.now))) + sep + right
	}
	return kit.Spread(left+"  "+strings.Join(crumbs, sep), right, a.w)
}

// banners stay on every screen while what they say lasts.
func (a *app) banners() []string {
	st := a.data.shown
	if st == nil {
		return nil
	}
	t, th := a.tr, a.th
	var out []string
	switch r := st.Run; {
	case r != nil && a.shows(r.ID):
		// The page itself is about the run.
	case r != nil:
		text := " " + th.Glyphs.Running + " " + t.T("%s %s in progress", a.kindWord(r.Kind), r.ID) + "  " + a.phaseWord(r.Phase)
		if r.Holder != "" {
			text += "  (" + t.T("lease: %s", kit.Clean(r.Holder)) + ")"
		}
		if r.Step != "" {
			text += ": " + kit.Clean(r.Step)
		}
		hint := th.Key.Render("w") + th.Dim.Render(" "+t.T("watch")+" ")
		out = append(out, kit.Spread(th.Accent.Bold(true).Render(text), hint, a.w))
	default:
		if u, ok := a.unfinished(); ok && !a.shows(u.ID) {
			text := " " + th.Glyphs.Degraded + " " + t.T("%s to %s is %s: resume or roll back %s", titleCase(a.kindWord(u.Kind)), u.To, a.runStateWord(u.State), u.ID)
			out = append(out, kit.Spread(th.Warn.Render(text), th.Key.Render("a")+th.Dim.Render(" "+t.T("journal")+" "), a.w))
		}
	}
	for _, o := range st.Overrides {
		if o.Kind == backend.OverrideLeftOut {
			text := " " + th.Glyphs.Skipped + " " + t.T("%s is left out, by %s: %s", o.Target, kit.Clean(o.Owner), kit.Clean(o.Reason))
			out = append(out, th.Warn.Render(kit.Cut(text, a.w)))
			continue
		}
		text := fmt.Sprintf(" %s %s", th.Glyphs.Degraded, t.T("%s by %s until %s: %s", a.overrideWord(o.Kind), kit.Clean(o.Owner), kit.Clock(o.Expires, a.now), kit.Clean(o.Reason)))
		out = append(out, th.Warn.Render(kit.Cut(text, a.w)))
	}
	return out[:min(len(out), 3)]
}

// shows says that the page is about the run, so that no banner need be.
func (a *app) shows(id string) bool {
	s, ok := a.top().(*runScreen)
	return ok && s.runID == id
}

// unfinished is the newest run that somebody must decide about.
func (a *app) unfinished() (backend.Run, bool) {
	for _, r := range a.data.runs {
		if r.State == backend.RunInterrupted || r.State == backend.RunParked {
			return r, true
		}
	}
	return backend.Run{}, false
}

// footer is one line: a message while there is one, else the keys of the screen.
func (a *app) footer() []string {
	th := a.th
	if a.toast.text != "" {
		return []string{kit.Pad(" "+th.Level(a.toast.level).Render(kit.Cut(a.toast.text, a.w-2)), a.w)}
	}
	seen := map[string]bool{}
	var line kit.Line
	line = line.Add(th.Text, " ")
	add := func(key, label string) {
		if seen[key] || label == "" {
			return
		}
		seen[key] = true
		more := kit.Line{{Text: key, Style: th.Key}, {Text: " " + label + "   ", Style: th.Dim}}
		if line.Width()+more.Width() > a.w {
			return
		}
		line = append(line, more...)
	}
	if len(a.screens) > 1 {
		add("esc", a.tr.T("foot|back"))
	}
	cmds := a.commands()
	deep := len(a.screens) > 1
	for round := range 4 {
		for _, c := range cmds {
			own := c.screen != ""
			if own && c.screen != a.top().id() || c.disabled != "" || len(c.keys) == 0 {
				continue
			}
			switch {
			case own && round == 0:
			case !own && c.risk >= failoverplan.R2 && round == 1 && !deep:
			case !own && c.first && round == 2:
			case !own && !c.first && round == 3 && (!deep || c.id == "quit"):
			default:
				continue
			}
			add(keyName(c.keys[0]), c.foot)
		}
	}
	return []string{line.Draw(a.w, nil)}
}
