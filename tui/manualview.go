package tui

import (
	"context"
	"fmt"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/dutyops/dutyops/backend"
	"github.com/dutyops/dutyops/tui/kit"
)

// manualScreen shows a plan's DNS changes as commands for a person, and writes them down.
type manualScreen struct {
	req     backend.PlanRequest
	made    *backend.Manual
	problem string
	back    bool // the way back is shown
	gen     int
	scroll  kit.Scroll
	lines   int
	page    int
}

type manualMsg struct {
	s    *manualScreen
	gen  int
	made backend.Manual
	err  error
}

func newManualScreen(req backend.PlanRequest) *manualScreen { return &manualScreen{req: req} }

func (s *manualScreen) id() string   { return "manual" }
func (s *manualScreen) typing() bool { return false }

func (s *manualScreen) title(a *app) string {
	return a.tr.T("By hand: %s", a.kindWord(string(s.req.Kind)))
}

func (s *manualScreen) init(a *app) tea.Cmd {
	s.gen++
	gen := s.gen
	return func() tea.Msg {
		ctx, cancel := context.WithTimeout(a.ctx, time.Minute)
		defer cancel()
		m, err := a.face.Manual(ctx, s.req)
		return manualMsg{s, gen, m, err}
	}
}

func (s *manualScreen) msg(_ *app, m tea.Msg) tea.Cmd {
	if x, ok := m.(manualMsg); ok && x.s == s && x.gen == s.gen {
		s.made, s.problem = &x.made, ""
		if x.err != nil {
			s.made, s.problem = nil, x.err.Error()
		}
	}
	return nil
}

func (s *manualScreen) key(_ *app, k tea.KeyPressMsg) (bool, tea.Cmd) {
	if k.String() == "tab" {
		s.back, s.scroll.Offset = !s.back, 0
		return true, nil
	}
	return scrollKey(&s.scroll, k.String(), s.lines, s.page), nil
}

func (s *manualScreen) commands(a *app) []command {
	t := a.tr
	save := command{id: "save-manual", shell: "dutyops plan " + string(s.req.Kind) + " --manual --save DIR", group: t.T("Here"), screen: s.id(), title: t.T("Write the commands into files"), keys: []string{"o"}, foot: t.T("foot|write files"), help: t.T("one file for each zone, way and form, readable for you only; no secret is in them"), run: s.save}
	if s.made == nil || len(s.made.Parts) == 0 {
		save.disabled = t.T("There is nothing to write down.")
	}
	return []command{
		{id: "way", group: t.T("Here"), screen: s.id(), title: t.T("There or back"), keys: []string{"tab"}, foot: t.T("foot|there/back"), help: t.T("the commands of the way back, too"), run: func(*app) tea.Cmd { s.back, s.scroll.Offset = !s.back, 0; return nil }},
		save,
		{id: "again", group: t.T("Here"), screen: s.id(), title: t.T("Plan again"), keys: []string{"r"}, help: t.T("read the world again and plan from it"), run: s.init},
	}
}

func (s *manualScreen) save(a *app) tea.Cmd {
	m, dir := *s.made, a.opt.ReportDir
	return func() tea.Msg {
		folder, err := m.Save(dir)
		if err != nil {
			return fail(err)
		}
		return toastMsg{level: "good", text: a.tr.T("Written: %s", folder)}
	}
}

func (s *manualScreen) view(a *app, w, h int) []string {
	th, t := a.th, a.tr
	switch {
	case s.problem != "":
		lines := []string{"", " " + th.Bad.Render(th.Glyphs.Failed+" "+t.T("No plan can be made or started."))}
		for _, l := range kit.Wrap(kit.Clean(s.problem), w-5) {
			lines = append(lines, "   "+l)
		}
		return lines
	case s.made == nil:
		return []string{"", " " + th.Dim.Render(t.T("Reading the world and planning ..."))}
	}
	way := t.T("way there")
	if s.back {
		way = t.T("way back, once the way there is made")
	}
	lines := []string{" " + th.Strong.Render(arrow(a, s.made.From, s.made.To)) + "   " + th.Warn.Render(way) + "   " + th.Dim.Render(t.T("plan %s", short(s.made.PlanHash))), ""}
	para := func(mark, text string, style func(...string) string) {
		for i, l := range kit.Wrap(kit.Clean(text), w-6) {
			if i > 0 {
				mark = strings.Repeat(" ", kit.Width(mark))
			}
			lines = append(lines, " "+style(mark+" "+l))
		}
	}
	for _, b := range s.made.BlockedBy {
		para(th.Glyphs.Failed, t.T("Gate %s refuses: %s", b.Gate, a.told(b.Evidence)), th.Bad.Render)
	}
	for _, n := range s.made.Notes {
		para(th.Glyphs.Degraded, n, th.Warn.Render)
	}
	if len(lines) > 2 {
		lines = append(lines, "")
	}
	if len(s.made.Parts) == 0 {
		lines = append(lines, " "+th.Dim.Render(t.T("The plan changes no record.")))
	}
	for _, p := range s.made.Parts {
		if p.Back != s.back {
			continue
		}
		lines = append(lines, a.section(fmt.Sprintf("%s  %s", p.Zone, a.manualForm(p)), w))
		if p.Problem != "" {
			para(th.Glyphs.Degraded, t.T("No commands: %s", a.told(p.Problem)), th.Warn.Render)
		}
		for _, l := range strings.Split(strings.TrimRight(p.Text, "\n"), "\n") {
			style := th.Text
			if strings.HasPrefix(l, "#") || strings.HasPrefix(l, ";") {
				style = th.Dim
			}
			lines = append(lines, " "+style.Render(kit.Cut(kit.Clean(l), w-2)))
		}
		lines = append(lines, "")
	}
	s.lines, s.page = len(lines), h
	return a.scrolled(&s.scroll, lines, w, h)
}

// manualForm says what a part is given to.
func (a *app) manualForm(p backend.ManualPart) string {
	switch p.Form {
	case backend.ManualShell:
		return a.tr.T("shell commands for %s", p.Provider)
	case backend.ManualNsupdate:
		return a.tr.T("input for nsupdate")
	case backend.ManualList:
	}
	return a.tr.T("by hand at %s", p.Provider)
}
