package tui

import (
	"fmt"

	tea "charm.land/bubbletea/v2"

	"github.com/dutyops/dutyops/backend"
	"github.com/dutyops/dutyops/tui/kit"
)

// journalScreen lists every run, newest first.
type journalScreen struct {
	scroll kit.Scroll
	err    string
	loaded bool
}

func newJournalScreen() *journalScreen { return &journalScreen{} }

func (s *journalScreen) id() string          { return "journal" }
func (s *journalScreen) typing() bool        { return false }
func (s *journalScreen) title(a *app) string { return a.tr.T("Journal") }
func (s *journalScreen) init(a *app) tea.Cmd { return a.loadRuns() }

func (s *journalScreen) msg(_ *app, m tea.Msg) tea.Cmd {
	if r, ok := m.(runsMsg); ok {
		s.loaded, s.err = true, ""
		if r.err != nil {
			s.err = r.err.Error()
		}
	}
	return nil
}

func (s *journalScreen) key(a *app, k tea.KeyPressMsg) (bool, tea.Cmd) {
	return s.scroll.Nav(k.String(), len(a.data.runs), 10), nil
}

func (s *journalScreen) selected(a *app) (backend.Run, bool) {
	if s.scroll.Cursor >= len(a.data.runs) {
		return backend.Run{}, false
	}
	return a.data.runs[s.scroll.Cursor], true
}

func (s *journalScreen) commands(a *app) []command {
	t := a.tr
	g := t.T("Here")
	none := ""
	if len(a.data.runs) == 0 {
		none = t.T("There is no run yet.")
	}
	return []command{
		{id: "open", group: g, screen: s.id(), title: t.T("Open the run"), keys: []string{"enter"}, foot: t.T("foot|open"), disabled: none, help: t.T("steps and evidence; resume and roll back are there"), run: func(a *app) tea.Cmd {
			r, ok := s.selected(a)
			if !ok {
				return nil
			}
			return a.open(newRunScreen(r.ID))
		}},
		{id: "report", group: g, screen: s.id(), title: t.T("Export the report"), keys: []string{"o"}, foot: t.T("foot|report"), disabled: none, help: t.T("writes Markdown, HTML or JSON to a file and says where"), run: func(a *app) tea.Cmd {
			r, ok := s.selected(a)
			if !ok {
				return nil
			}
			return chooseReport(a, r.ID)
		}},
		{id: "reload", group: g, screen: s.id(), title: t.T("Read again"), keys: []string{"r"}, help: t.T("read the journal again"), run: func(a *app) tea.Cmd { return a.loadRuns() }},
	}
}

func (s *journalScreen) view(a *app, w, h int) []string {
	th, t := a.th, a.tr
	if s.err != "" {
		return append([]string{""}, kit.Bullet(" "+th.Glyphs.Failed, a.told(s.err), w-2)...)
	}
	runs := a.data.runs
	if len(runs) == 0 {
		text := t.T("No run yet. What is done here will be listed with its steps and evidence.")
		if !s.loaded {
			text = t.T("Reading the journal ...")
		}
		return []string{"", " " + th.Dim.Render(text)}
	}
	idW := 8
	for _, r := range runs {
		idW = max(idW, kit.Width(r.ID))
	}
	idW = min(idW, 26)
	head := "  " + kit.Pad(t.T("Started"), 12) + kit.Pad(t.T("State"), 14) + kit.Pad(t.T("What"), 10) + kit.Pad(t.T("From, to"), 21) + kit.PadLeft(t.T("Total"), 8) + "  " + kit.Pad(t.T("Run"), idW) + "  " + t.T("Operator and reason")
	lines := []string{th.Dim.Render(kit.Cut(head, w)), th.Border.Render(fmt.Sprint(repeat(th.Glyphs.H, w)))}
	from, to := s.scroll.Window(len(runs), h-2)
	for i := from; i < to; i++ {
		r := runs[i]
		var l kit.Line
		mark := " "
		if i == s.scroll.Cursor {
			mark = th.Glyphs.Cursor
		}
		l = l.Add(th.Accent, mark+" ").Add(th.Dim, kit.Pad(kit.Clock(r.Started, a.now), 12))
		l = append(l, a.runSeg(r.State, 14)...)
		kind := a.kindWord(r.Kind)
		if r.DryRun {
			kind += "*"
		}
		total := ""
		if r.RTO.TotalMS > 0 {
			total = kit.Millis(r.RTO.TotalMS)
		}
		l = l.Add(th.Text, kit.Pad(kind, 10)).Add(th.Text, kit.Pad(arrow(a, r.From, r.To), 21)).Add(th.Text, kit.PadLeft(total, 8))
		l = l.Add(th.Dim, "  "+kit.Pad(r.ID, idW)).Add(th.Dim, "  "+kit.Clean(r.Operator)).Add(th.Faint, "  "+kit.Clean(r.Reason))
		if i == s.scroll.Cursor {
			lines = append(lines, l.Draw(w, &th.Selected))
		} else {
			lines = append(lines, l.Draw(w, nil))
		}
	}
	return lines
}

// runSeg is the state of a run as a cell of a row.
func (a *app) runSeg(st backend.RunState, w int) kit.Line {
	th := a.th
	g := th.Glyphs
	mark, style := g.Unknown, th.Dim
	switch st {
	case backend.RunDone:
		mark, style = g.Done, th.Good
	case backend.RunRunning, backend.RunWaiting:
		mark, style = g.Running, th.Accent
	case backend.RunParked, backend.RunInterrupted:
		mark, style = g.Degraded, th.Warn
	case backend.RunRolledBack:
		mark, style = g.Undone, th.Warn
	case backend.RunRefused, backend.RunCancelled:
		mark = g.Skipped
	}
	return kit.Line{{Text: kit.Pad(mark+" "+a.runStateWord(st), w), Style: style}}
}

func repeat(s string, w int) string {
	out := ""
	for kit.Width(out)+kit.Width(s) <= w {
		out += s
	}
	return out
}
