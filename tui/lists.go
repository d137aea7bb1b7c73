package tui

import (
	"context"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/dutyops/dutyops/backend"
	"github.com/dutyops/dutyops/tui/kit"
)

// eventsScreen is the whole event log, newest first, with a filter.
type eventsScreen struct {
	scroll kit.Scroll
	filter filter
}

func newEventsScreen() *eventsScreen { return &eventsScreen{} }

func (s *eventsScreen) id() string                { return "events" }
func (s *eventsScreen) typing() bool              { return s.filter.on }
func (s *eventsScreen) title(a *app) string       { return a.tr.T("Events") }
func (s *eventsScreen) init(*app) tea.Cmd         { return nil }
func (s *eventsScreen) msg(*app, tea.Msg) tea.Cmd { return nil }

func (s *eventsScreen) list(a *app) []backend.Event {
	var out []backend.Event
	for i := len(a.data.events) - 1; i >= 0; i-- {
		e := a.data.events[i]
		if s.filter.match(e.Kind + " " + e.Level + " " + e.Target + " " + e.Text) {
			out = append(out, e)
		}
	}
	return out
}

func (s *eventsScreen) key(a *app, k tea.KeyPressMsg) (bool, tea.Cmd) {
	if s.filter.key(k) {
		s.scroll = kit.Scroll{}
		return true, nil
	}
	return s.scroll.Nav(k.String(), len(s.list(a)), 10), nil
}

func (s *eventsScreen) commands(a *app) []command {
	return []command{filterCommand(a, s.id(), &s.filter)}
}

func (s *eventsScreen) view(a *app, w, h int) []string {
	lines := s.filter.view(a, w)
	list := s.list(a)
	from, to := s.scroll.Window(len(list), h-len(lines))
	for i := from; i < to; i++ {
		l := a.eventLine(list[i], w-1)
		if i == s.scroll.Cursor {
			l = a.th.Accent.Render(a.th.Glyphs.Cursor) + l
		} else {
			l = " " + l
		}
		lines = append(lines, l)
	}
	if len(list) == 0 {
		lines = append(lines, " "+a.th.Dim.Render(a.tr.T("Nothing matches.")))
	}
	return lines
}

// filter is a line of words typed after "/"; all of them must appear.
type filter struct {
	on    bool
	input kit.Input
}

func (f *filter) match(text string) bool {
	text = strings.ToLower(text)
	for _, w := range strings.Fields(strings.ToLower(f.input.Text())) {
		if !strings.Contains(text, w) {
			return false
		}
	}
	return true
}

// key takes what is typed; esc first clears the filter, then goes back.
func (f *filter) key(k tea.KeyPressMsg) bool {
	if !f.on {
		if k.String() == "/" {
			f.on = true
			return true
		}
		if k.String() == "esc" && f.input.Text() != "" {
			f.input.Set("")
			return true
		}
		return false
	}
	switch k.String() {
	case "enter":
		f.on = false
	case "esc":
		f.on = false
		f.input.Set("")
	case "up", "down", "pgup", "pgdown":
		return false
	default:
		f.input.Key(k)
	}
	return true
}

func (f *filter) view(a *app, w int) []string {
	if !f.on && f.input.Text() == "" {
		return nil
	}
	if f.on {
		return []string{" " + a.th.Key.Render("/") + " " + f.input.Draw(w-4, a.th)}
	}
	return []string{" " + a.th.Key.Render("/") + " " + a.th.Strong.Render(f.input.Text()) + a.th.Dim.Render("   "+a.tr.T("esc clears"))}
}

func filterCommand(a *app, screen string, f *filter) command {
	return command{id: "filter", group: a.tr.T("Here"), screen: screen, title: a.tr.T("Search"), keys: []string{"/"}, foot: a.tr.T("foot|search"), help: a.tr.T("words that must all appear"), run: func(*app) tea.Cmd { f.on = true; return nil }}
}

// checksScreen answers "could I fail over right now?".
type checksScreen struct {
	checks []backend.Check
	err    string
	busy   bool
	scroll kit.Scroll
	lines  int
	page   int
}

type checksMsg struct {
	checks []backend.Check
	err    error
}

func newChecksScreen() *checksScreen { return &checksScreen{} }

func (s *checksScreen) id() string          { return "checks" }
func (s *checksScreen) typing() bool        { return false }
func (s *checksScreen) title(a *app) string { return a.tr.T("Could I fail over now?") }

func (s *checksScreen) init(a *app) tea.Cmd {
	s.busy = true
	return func() tea.Msg {
		ctx, cancel := context.WithTimeout(a.ctx, 30*time.Second)
		defer cancel()
		c, err := a.face.Doctor(ctx)
		return checksMsg{c, err}
	}
}

func (s *checksScreen) msg(_ *app, m tea.Msg) tea.Cmd {
	if c, ok := m.(checksMsg); ok {
		s.busy, s.checks, s.err = false, c.checks, ""
		if c.err != nil {
			s.err = c.err.Error()
		}
	}
	return nil
}

func (s *checksScreen) key(_ *app, k tea.KeyPressMsg) (bool, tea.Cmd) {
	return scrollKey(&s.scroll, k.String(), s.lines, s.page), nil
}

func (s *checksScreen) commands(a *app) []command {
	return []command{{id: "check-again", group: a.tr.T("Here"), screen: s.id(), title: a.tr.T("Check again"), keys: []string{"r"}, foot: a.tr.T("foot|check again"), help: a.tr.T("checks of everything a switch needs"), run: s.init}}
}

func (s *checksScreen) view(a *app, w, h int) []string {
	th, t := a.th, a.tr
	var lines []string
	bad, warn := 0, 0
	for _, c := range s.checks {
		mark, style := th.Glyphs.Done, th.Good
		switch c.State {
		case "warn":
			mark, style = th.Glyphs.Degraded, th.Warn
			warn++
		case "fail":
			mark, style = th.Glyphs.Failed, th.Bad
			bad++
		}
		lines = append(lines, " "+style.Render(mark)+" "+th.Strong.Render(kit.Clean(c.Name)))
		for _, l := range kit.Wrap(a.told(c.Detail), w-5) {
			lines = append(lines, "   "+th.Dim.Render(l))
		}
		if c.Fix != "" {
			for _, l := range kit.Wrap(t.T("to mend: %s", a.told(c.Fix)), w-5) {
				lines = append(lines, "   "+th.Accent.Render(l))
			}
		}
	}
	verdict := th.Good.Render(th.Glyphs.Up + " " + t.T("Yes: nothing stands in the way."))
	switch {
	case s.busy:
		verdict = th.Dim.Render(t.T("Checking ..."))
	case s.err != "":
		verdict = th.Bad.Render(th.Glyphs.Failed + " " + a.told(s.err))
	case bad > 0:
		verdict = th.Bad.Render(th.Glyphs.Down + " " + t.T("No: %d checks fail.", bad))
	case warn > 0:
		verdict = th.Warn.Render(th.Glyphs.Degraded + " " + t.T("Yes, with %d warnings.", warn))
	}
	lines = append([]string{" " + verdict, ""}, lines...)
	s.lines, s.page = len(lines), h
	return a.scrolled(&s.scroll, lines, w, h)
}
