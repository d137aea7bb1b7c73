package tui

import (
	"strings"

	"github.com/dutyops/dutyops/backend"
	"github.com/dutyops/dutyops/failoverplan"
	"github.com/dutyops/dutyops/tui/kit"
)

// columns of a site panel; a width of 0 leaves the column out. Widths are fixed per
// panel size, so that a longer number never shifts a line.
type columns struct {
	label, state, since, age, latency, sync, detail int
	longSync                                        bool
}

func siteColumns(w int) columns {
	c := columns{label: 20, state: 9}
	left := w - c.label - c.state
	take := func(col *int, n int) {
		if left >= n {
			*col = n
			left -= n
		}
	}
	if left < 0 {
		c.label = max(w-c.state, 8)
		return c
	}
	take(&c.since, 9)
	take(&c.latency, 7)
	if left >= 18 {
		c.longSync = true
		take(&c.sync, 18)
	} else {
		take(&c.sync, 10)
	}
	if left >= 7+14 {
		take(&c.age, 7)
	}
	if left >= 12 {
		grow := min(left/4, 8)
		c.label += grow
		c.detail = left - grow
	} else {
		c.label += min(left, 4)
	}
	return c
}

// sitePanel draws one site; cursor is the selected target, "" for none.
func (a *app) sitePanel(s backend.SiteStatus, number, w, h int, boxed, focused bool, cursor string) []string {
	th := a.th
	num := ""
	if number > 0 && number < 10 {
		num = th.Key.Render(string(rune('0'+number))) + " "
	}
	role := a.roleWord(s.Role)
	roleStyle := th.Dim
	if s.Role == "serving" {
		roleStyle = th.Accent
	}
	dot := th.Faint.Render(" " + th.Glyphs.Dot + " ")
	title := num + th.Title.Render(s.Name) + dot + roleStyle.Render(role)
	state := th.State(s.State).Render(th.Glyphs.State(s.State) + " " + a.stateWord(s.State))
	room := w - kit.Width(title) - kit.Width(state) - 10
	for _, more := range []string{a.tr.T("weight %d", s.Weight), kit.Clean(s.Title)} {
		if more != "" && more != s.Name && kit.Width(more)+3 <= room {
			title += dot + th.Faint.Render(more)
			room -= kit.Width(more) + 3
		}
	}
	p := kit.Panel{
		Theme: th, Title: title, Boxed: boxed, Focused: focused,
		Right: state,
	}
	iw, ih := p.Inner(w, h)
	cols := siteColumns(iw)
	var lines []string
	for _, r := range fold(siteRows(a, s), ih) {
		lines = append(lines, a.rowLine(r, cols, iw, focused && r.target == cursor))
	}
	return p.Draw(lines, w, h)
}

// rowLine draws one row. What is up is quiet; what is not says why in place of numbers.
func (a *app) rowLine(r row, c columns, w int, selected bool) string {
	th := a.th
	if r.blank {
		return strings.Repeat(" ", w)
	}
	st := th.State(r.state)
	var l kit.Line
	mark := " "
	if selected {
		mark = th.Glyphs.Cursor
	}
	l = l.Add(th.Accent, mark)
	l = l.Add(th.Text, strings.Repeat("  ", r.indent))
	l = l.Add(st, th.Glyphs.State(r.state)+" ")
	name := th.Text
	if r.heading {
		name = th.Strong
	}
	l = l.Add(name, kit.Pad(r.name, c.label-l.Width()))
	word := st
	if r.state == failoverplan.Up {
		word = th.Faint
	}
	l = l.Add(word, kit.Pad(" "+a.stateWord(r.state), c.state))
	rest := w - l.Width()
	switch {
	case r.heading && r.hidden > 0:
		more := a.tr.T("+%d more", r.hidden)
		if r.hiddenBad > 0 {
			more = a.tr.T("+%d more, %d not up", r.hidden, r.hiddenBad)
		}
		l = l.Add(th.Faint, kit.Pad(" "+more, rest))
	case r.heading:
		l = l.Add(th.Faint, kit.Pad(" "+a.sinceText(r, c), max(c.since+c.age, 0)))
	case r.state != failoverplan.Up:
		l = l.Add(th.Dim, kit.Pad(" "+a.sinceText(r, c), c.since+c.age))
		l = l.Add(th.Text, kit.Cut(" "+a.told(r.part.Detail), w-l.Width()))
	default:
		l = l.Add(th.Faint, kit.Pad(" "+a.sinceText(r, c), c.since+c.age))
		l = l.Add(th.Dim, kit.PadLeft(kit.Latency(r.part.LatencyMS), c.latency))
		l = a.syncCell(l, r.part.Sync, c)
		if c.detail > 0 {
			l = l.Add(th.Faint, kit.Cut("  "+a.told(r.part.Detail), c.detail))
		}
	}
	if selected {
		return l.Draw(w, &th.Selected)
	}
	return l.Draw(w, nil)
}

func (a *app) sinceText(r row, c columns) string {
	if c.since == 0 || r.part.Since.IsZero() {
		return ""
	}
	t := r.part.Since.In(a.now.Location())
	text := t.Format("15:04:05")
	if a.now.Sub(t).Hours() >= 20 && t.YearDay() != a.now.YearDay() {
		text = t.Format("01-02")
	}
	if c.age > 0 {
		text = kit.Pad(text, 8) + " " + kit.PadLeft(kit.Age(a.now.Sub(t)), 6)
	}
	return text
}

// syncCell draws the direction and lag, or that policy leaves the component alone.
func (a *app) syncCell(l kit.Line, s *backend.SyncStatus, c columns) kit.Line {
	if c.sync == 0 {
		return l
	}
	th := a.th
	text, style := "", th.Dim
	switch {
	case s == nil:
	case s.Policy != "sync":
		text, style = a.tr.T("not synced"), th.Faint
		if !c.longSync {
			text = th.Glyphs.Skipped
		}
	case s.State == "source":
		text = th.Glyphs.Arrow
		if c.longSync && s.To != "" {
			text += " " + s.To
		}
	case s.State == "streaming":
		text = kit.Lag(s.LagS)
		if c.longSync && s.From != "" {
			text = kit.Cut(s.From, max(c.sync-5-kit.Width(text), 0)) + " " + text
		}
		text = th.Glyphs.Back + " " + text
		if s.LagS >= 5 {
			style = th.Warn
		}
	default:
		text, style = th.Glyphs.Unknown, th.Odd
		switch s.State {
		case "broken", "diverged":
			text, style = th.Glyphs.Down, th.Bad
		case "stopped":
			text, style = th.Glyphs.Degraded, th.Warn
		}
		if word := a.syncWord(s.State); kit.Width(word)+4 <= c.sync {
			text += " " + word
		}
	}
	return l.Add(style, kit.Pad("  "+text, c.sync))
}
