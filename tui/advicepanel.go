package tui

import (
	"github.com/dutyops/dutyops/backend"
	"github.com/dutyops/dutyops/failoverplan"
	"github.com/dutyops/dutyops/tui/kit"
)

// adviceLines words the advice: what, why, what blocks it and what clears that.
//
// brief leaves out what the headline says already, for small screens.
func (a *app) adviceLines(w int, brief bool) []string {
	th, t := a.th, a.tr
	g := th.Glyphs
	st := a.data.shown
	if st == nil || st.Warming {
		return []string{" " + th.Dim.Render(t.T("No advice before every target has answered once."))}
	}
	ad := st.Advice
	var out []string
	if !brief {
		out = append(out, " "+th.Strong.Render(a.adviceSentence(ad)))
	}
	for _, b := range ad.BlockedBy {
		out = append(out, a.gateLines(b, w)...)
	}
	for _, b := range ad.Because {
		for i, l := range kit.Bullet(g.Bullet, a.told(b), w-1) {
			if i == 0 {
				l = th.Faint.Render(g.Bullet) + l[len(g.Bullet):]
			}
			out = append(out, " "+l)
		}
	}
	out = append(out, a.warningLines(w)...)
	if brief {
		return out
	}
	switch {
	case st.Run != nil:
		out = append(out, " "+th.Key.Render("w")+" "+th.Dim.Render(t.T("watch the run")))
	case adviceKey(ad) != "":
		out = append(out, " "+th.Key.Bold(true).Render(adviceKey(ad))+" "+th.Dim.Render(t.T("review the plan; nothing happens before you confirm")))
	case ad.Action == "investigate" || ad.Action == "wait":
		out = append(out, " "+th.Key.Render("enter")+" "+th.Dim.Render(t.T("on a row shows why")))
	}
	return out
}

// warningLines tells what changes no state and a person should know: clocks that differ,
// servers that were replaced.
func (a *app) warningLines(w int) []string {
	th := a.th
	var out []string
	for _, x := range a.data.shown.Warnings {
		for i, l := range kit.Wrap(a.told(x.Text), w-4) {
			mark := " "
			if i == 0 {
				mark = th.Warn.Render(th.Glyphs.Degraded)
			}
			out = append(out, " "+mark+" "+th.Text.Render(l))
		}
	}
	return out
}

// gateLines words one gate that refuses, with what would clear it.
func (a *app) gateLines(b failoverplan.Gate, w int) []string {
	th := a.th
	mark := th.Glyphs.Failed
	style := th.Bad
	if b.Passed {
		mark, style = th.Glyphs.Done, th.Good
	} else if b.Soft {
		mark, style = th.Glyphs.Degraded, th.Warn
	}
	var out []string
	for i, l := range kit.Wrap(b.Gate+": "+a.told(b.Evidence), w-4) {
		if i == 0 {
			out = append(out, " "+style.Render(mark)+" "+th.Text.Render(l))
		} else {
			out = append(out, "   "+th.Text.Render(l))
		}
	}
	if !b.Passed && b.ClearsWhen != "" {
		for _, l := range kit.Wrap(a.tr.T("clears when %s", a.told(b.ClearsWhen)), w-4) {
			out = append(out, "   "+th.Dim.Render(l))
		}
	}
	return out
}

// planKey opens the plan that the advice is about, with all its reasons; "" when
// there is none.
func (a *app) planKey() string {
	st := a.data.shown
	if st == nil || st.Run != nil {
		return ""
	}
	if k := adviceKey(st.Advice); k != "" || st.Advice.Action != "wait" {
		return k
	}
	for _, act := range a.data.actions {
		if act.ID == "failback" && act.Disabled == "" {
			return "b"
		}
	}
	return "f"
}

func (a *app) advicePanel(w, h int, boxed, brief bool) []string {
	p := kit.Panel{Theme: a.th, Title: a.th.Title.Render(a.tr.T("Advice")), Boxed: boxed}
	iw, ih := p.Inner(w, h)
	lines := a.adviceLines(iw, brief)
	if len(lines) > ih && ih > 0 {
		more := a.tr.T("+%d more", len(lines)-ih+1)
		if k := a.planKey(); k != "" {
			more = a.tr.T("+%d more: %s shows all", len(lines)-ih+1, k)
		}
		lines = append(lines[:ih-1:ih-1], " "+a.th.Faint.Render(more))
	}
	return p.Draw(lines, w, h)
}

// eventLine draws one event: when, level, text.
func (a *app) eventLine(e backend.Event, w int) string {
	th := a.th
	mark := th.Glyphs.Dot
	switch e.Level {
	case "good":
		mark = th.Glyphs.Up
	case "warn":
		mark = th.Glyphs.Degraded
	case "bad":
		mark = th.Glyphs.Down
	}
	var l kit.Line
	l = l.Add(th.Faint, " "+kit.Pad(e.At.In(a.now.Location()).Format("15:04:05"), 8)+" ")
	l = l.Add(th.Level(e.Level), kit.Pad(mark, 2))
	text := a.told(e.Text)
	style := th.Text
	if e.Level == "" || e.Level == "info" {
		style = th.Dim
	}
	return l.Add(style, kit.Cut(text, max(w-l.Width(), 0))).Draw(w, nil)
}

func (a *app) eventsPanel(w, h int, boxed, focused bool) []string {
	p := kit.Panel{Theme: a.th, Title: a.th.Title.Render(a.tr.T("Events")), Boxed: boxed, Focused: focused}
	iw, ih := p.Inner(w, h)
	ev := a.foldEvents(a.data.events)
	if len(ev) > ih {
		ev = ev[len(ev)-ih:]
	}
	var lines []string
	for i := len(ev) - 1; i >= 0; i-- {
		lines = append(lines, a.eventLine(ev[i], iw))
	}
	if len(lines) == 0 {
		lines = []string{" " + a.th.Faint.Render(a.tr.T("Nothing has happened yet."))}
	}
	return p.Draw(lines, w, h)
}
