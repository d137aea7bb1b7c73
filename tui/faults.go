package tui

import (
	"context"
	"sort"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/dutyops/dutyops/backend"
	"github.com/dutyops/dutyops/tui/kit"
)

// faultScreen breaks and mends the sandbox: pick a target, then a kind.
type faultScreen struct {
	kinds  []backend.FaultKind
	list   []string
	active []backend.Fault
	scroll kit.Scroll
	err    string
}

type faultsMsg struct {
	active []backend.Fault
	err    error
	said   string
}

func (a *app) openFaults() tea.Cmd {
	if a.face.Sandbox() == nil {
		a.say("warn", a.tr.T("Faults exist in the sandbox only."))
		return nil
	}
	return a.open(&faultScreen{})
}

func (s *faultScreen) id() string          { return "faults" }
func (s *faultScreen) typing() bool        { return false }
func (s *faultScreen) title(a *app) string { return a.tr.T("Break something") }

func (s *faultScreen) init(a *app) tea.Cmd {
	s.kinds = a.face.Sandbox().Kinds()
	s.list = faultTargets(a.data.shown, s.kinds)
	return s.load(a, "")
}

// faultTargets lists everything that can be broken: sites and their parts in the order
// of the dashboard, then what only the kinds name (dns/..., link/...).
func faultTargets(st *backend.Status, kinds []backend.FaultKind) []string {
	var out []string
	seen := map[string]bool{}
	add := func(t string) {
		if t != "" && !seen[t] && len(kindsFor(t, "", kinds)) > 0 {
			seen[t] = true
			out = append(out, t)
		}
	}
	if st != nil {
		for _, site := range st.Sites {
			add(site.Name)
			add(site.Gateway.Target)
			for _, p := range site.Platforms {
				add(site.Name + "/" + p.Name)
				for _, c := range append(append([]backend.ComponentStatus(nil), p.Subsystems...), p.Components...) {
					if len(kindsFor(c.Target, c.Kind, kinds)) > 0 && !seen[c.Target] {
						seen[c.Target] = true
						out = append(out, c.Target)
					}
				}
			}
		}
	}
	var rest []string
	for _, k := range kinds {
		for _, t := range k.AppliesTo {
			if !seen[t] && (strings.Contains(t, "/") || st == nil) {
				seen[t] = true
				rest = append(rest, t)
			}
		}
	}
	sort.Strings(rest)
	return append(out, rest...)
}

// kindsFor lists the kinds a target takes. AppliesTo may name the target itself, its
// level (site, platform, component ...) or its component kind.
func kindsFor(target, kind string, kinds []backend.FaultKind) []backend.FaultKind {
	level := []string{"site", "platform", "component"}[min(strings.Count(target, "/"), 2)]
	var out []backend.FaultKind
	for _, k := range kinds {
		for _, t := range k.AppliesTo {
			if t == target || t == level || kind != "" && t == kind {
				out = append(out, k)
				break
			}
		}
	}
	return out
}

func (s *faultScreen) load(a *app, said string) tea.Cmd {
	return func() tea.Msg {
		ctx, cancel := context.WithTimeout(a.ctx, 5*time.Second)
		defer cancel()
		f, err := a.face.Sandbox().Active(ctx)
		return faultsMsg{f, err, said}
	}
}

func (s *faultScreen) msg(a *app, m tea.Msg) tea.Cmd {
	switch m := m.(type) {
	case faultsMsg:
		s.err = ""
		if m.err != nil {
			s.err = m.err.Error()
			a.say("bad", s.err)
			return nil
		}
		s.active = m.active
		if m.said != "" {
			a.say("info", m.said)
		}
	case snapshotMsg:
		return s.load(a, "")
	}
	return nil
}

func (s *faultScreen) key(_ *app, k tea.KeyPressMsg) (bool, tea.Cmd) {
	return s.scroll.Nav(k.String(), len(s.list), 10), nil
}

func (s *faultScreen) selected() string {
	if s.scroll.Cursor < len(s.list) {
		return s.list[s.scroll.Cursor]
	}
	return ""
}

func (s *faultScreen) commands(a *app) []command {
	t := a.tr
	g := t.T("Here")
	none, here := "", t.T("No fault is active on %s.", s.selected())
	if len(s.active) == 0 {
		none = t.T("No fault is active.")
	}
	for _, f := range s.active {
		if f.Target == s.selected() {
			here = ""
		}
	}
	return []command{
		{id: "inject", group: g, screen: s.id(), title: t.T("Break the selected target"), keys: []string{"enter"}, foot: t.T("foot|break"), help: t.T("then choose how; healed with one key"), run: s.choose},
		{id: "heal-one", group: g, screen: s.id(), title: t.T("Heal the selected target"), keys: []string{"h"}, foot: t.T("foot|heal"), disabled: here, help: t.T("ends the faults of the target"), run: func(a *app) tea.Cmd { return s.heal(a, s.selected()) }},
		{id: "heal-all", group: g, screen: s.id(), title: t.T("Heal everything"), keys: []string{"H"}, foot: t.T("foot|heal all"), disabled: none, help: t.T("ends all faults"), run: func(a *app) tea.Cmd { return s.heal(a, "") }},
	}
}

func (s *faultScreen) choose(a *app) tea.Cmd {
	target, kind := s.selected(), ""
	if a.data.shown != nil {
		for _, site := range a.data.shown.Sites {
			for _, c := range siteParts(site) {
				if c.Target == target {
					kind = c.Kind
				}
			}
		}
	}
	ks := kindsFor(target, kind, s.kinds)
	d := &chooseDialog{title: a.tr.T("How does %s break?", target)}
	for _, k := range ks {
		d.items = append(d.items, choice{k.Kind, a.told(k.WhatUsersSee)})
	}
	d.done = func(a *app, i []int) tea.Cmd {
		f := backend.Fault{Target: target, Kind: ks[i[0]].Kind}
		return func() tea.Msg {
			if err := a.face.Sandbox().Inject(a.ctx, f); err != nil {
				return fail(err)
			}
			return s.load(a, a.tr.T("%s: %s. h heals it.", f.Target, f.Kind))()
		}
	}
	a.show(d)
	return nil
}

func (s *faultScreen) heal(a *app, target string) tea.Cmd {
	return func() tea.Msg {
		if err := a.face.Sandbox().Heal(a.ctx, target); err != nil {
			return fail(err)
		}
		said := a.tr.T("Healed: %s", target)
		if target == "" {
			said = a.tr.T("Everything is healed.")
		}
		return s.load(a, said)()
	}
}

func (s *faultScreen) view(a *app, w, h int) []string {
	th, t := a.th, a.tr
	if s.list == nil && a.data.shown != nil {
		s.list = faultTargets(a.data.shown, s.kinds)
	}
	lw := min(44, w/2)
	rw := w - lw - 3
	how := map[string]string{}
	for _, f := range s.active {
		how[f.Target] = f.Kind
	}
	left := []string{a.section(t.T("Targets"), lw)}
	from, to := s.scroll.Window(len(s.list), h-1)
	for i := from; i < to; i++ {
		left = append(left, s.targetLine(a, i, lw, how[s.list[i]]))
	}
	right := []string{a.section(t.T("Active faults"), rw)}
	for _, f := range s.active {
		line := " " + th.Bad.Render(th.Glyphs.Down) + " " + th.Text.Render(f.Target) + "  " + th.Warn.Render(f.Kind)
		if f.For != "" {
			line += th.Dim.Render("  " + t.T("for %s", f.For))
		}
		right = append(right, line)
	}
	if len(s.active) == 0 {
		right = append(right, " "+th.Faint.Render(t.T("None. Everything works.")))
	}
	right = append(right, "", a.section(t.T("What users see"), rw))
	right = append(right, a.usersLine(rw)...)
	if u := a.data.users; u != nil {
		right = append(right, " "+th.Dim.Render(t.T("%d requests, %d failed", u.Requests, u.Failed)))
	}
	right = append(right, "", a.section(t.T("How it can break"), rw))
	for _, k := range s.kinds {
		applies := false
		for _, x := range kindsFor(s.selected(), s.kindOf(a), s.kinds) {
			applies = applies || x.Kind == k.Kind
		}
		if applies {
			lines := kit.Wrap(a.told(k.WhatUsersSee), rw-16)
			for i, l := range lines {
				name := ""
				if i == 0 {
					name = k.Kind
				}
				right = append(right, " "+th.Text.Render(kit.Pad(name, 13))+" "+th.Dim.Render(l))
			}
		}
	}
	return kit.Beside(3, kit.Fill(left, lw, h), kit.Fill(right, rw, h))
}

func (s *faultScreen) kindOf(a *app) string {
	if a.data.shown == nil {
		return ""
	}
	for _, site := range a.data.shown.Sites {
		for _, c := range siteParts(site) {
			if c.Target == s.selected() {
				return c.Kind
			}
		}
	}
	return ""
}

// targetLine indents a target under its site and platform.
func (s *faultScreen) targetLine(a *app, i, w int, broken string) string {
	th := a.th
	target := s.list[i]
	depth := strings.Count(target, "/")
	name := target
	if depth > 0 && !strings.HasPrefix(target, "dns/") && !strings.HasPrefix(target, "link/") {
		name = target[strings.LastIndexByte(target, '/')+1:]
	} else {
		depth = 0
	}
	mark, style := " ", th.Text
	if depth == 0 {
		style = th.Strong
	}
	if i == s.scroll.Cursor {
		mark = th.Glyphs.Cursor
	}
	var l kit.Line
	l = l.Add(th.Accent, mark+" "+strings.Repeat("  ", depth)).Add(style, name)
	if broken != "" {
		l = l.Add(th.Bad, "  "+th.Glyphs.Down+" "+broken)
	}
	if i == s.scroll.Cursor {
		return l.Draw(w, &th.Selected)
	}
	return l.Draw(w, nil)
}
