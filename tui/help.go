package tui

import (
	tea "charm.land/bubbletea/v2"

	"github.com/dutyops/dutyops/failoverplan"
	"github.com/dutyops/dutyops/tui/kit"
)

// helpScreen lists every command of the screen it was opened from, by group. Enter
// runs the selected one.
type helpScreen struct {
	from   string
	cmds   []command
	scroll kit.Scroll
	filter filter
}

func newHelpScreen() *helpScreen { return &helpScreen{} }

func (s *helpScreen) id() string                { return "help" }
func (s *helpScreen) typing() bool              { return s.filter.on }
func (s *helpScreen) title(a *app) string       { return a.tr.T("Help") }
func (s *helpScreen) msg(*app, tea.Msg) tea.Cmd { return nil }

// init remembers the commands of the screen below.
func (s *helpScreen) init(a *app) tea.Cmd {
	below := a.screens
	a.screens = a.screens[:len(a.screens)-1]
	s.from = a.top().title(a)
	s.cmds = a.commands()
	a.screens = below
	return nil
}

func (s *helpScreen) list() []command {
	var out []command
	for _, c := range s.cmds {
		if s.filter.match(c.title + " " + c.help + " " + c.group + " " + keyNames(c.keys)) {
			out = append(out, c)
		}
	}
	return out
}

func (s *helpScreen) key(a *app, k tea.KeyPressMsg) (bool, tea.Cmd) {
	if s.filter.key(k) {
		s.scroll = kit.Scroll{}
		return true, nil
	}
	list := s.list()
	if k.String() == "enter" && s.scroll.Cursor < len(list) {
		c := list[s.scroll.Cursor]
		if c.run == nil {
			return true, nil
		}
		a.back()
		return true, a.invoke(c)
	}
	return s.scroll.Nav(k.String(), len(list), 10), nil
}

func (s *helpScreen) commands(a *app) []command {
	return []command{filterCommand(a, s.id(), &s.filter)}
}

func (s *helpScreen) view(a *app, w, h int) []string {
	th, t := a.th, a.tr
	lines := []string{" " + th.Dim.Render(t.T("Keys of \"%s\". Enter runs the selected line; / searches.", s.from))}
	lines = append(lines, s.filter.view(a, w)...)
	var body []string
	at := 0
	group := ""
	for i, c := range s.list() {
		if c.group != group {
			if group != "" {
				body = append(body, "")
			}
			group = c.group
			body = append(body, a.section(group, w))
		}
		if i == s.scroll.Cursor {
			at = len(body)
		}
		body = append(body, a.commandLine(c, w, i == s.scroll.Cursor))
	}
	room := h - len(lines)
	from := 0
	if len(body) > room {
		from = min(max(at-room/2, 0), len(body)-room)
	}
	if len(body) == 0 {
		body = []string{" " + th.Dim.Render(t.T("Nothing matches."))}
	}
	return append(lines, body[from:min(from+room, len(body))]...)
}

// commandLine is a command with its keys, what it does, its risk, and why not now.
func (a *app) commandLine(c command, w int, selected bool) string {
	th := a.th
	var l kit.Line
	mark := " "
	if selected {
		mark = th.Glyphs.Cursor
	}
	name, help := th.Text, c.help
	helpStyle := th.Dim
	if c.disabled != "" {
		name, helpStyle = th.Faint, th.Note
		help = a.tr.T("not now: %s", c.disabled)
	}
	l = l.Add(th.Accent, mark+" ").Add(th.Key, kit.Pad(keyNames(c.keys), 14)).Add(name, kit.Pad(c.title, min(26, w/3))+" ")
	if c.risk >= failoverplan.R2 && w >= 100 {
		l = l.Add(th.Warn, kit.Pad(string(c.risk), 3))
	}
	l = l.Add(helpStyle, kit.Clean(help))
	if c.shell != "" && w >= 140 {
		l = l.Add(th.Faint, "   $ "+c.shell)
	}
	if selected {
		return l.Draw(w, &th.Selected)
	}
	return l.Draw(w, nil)
}
