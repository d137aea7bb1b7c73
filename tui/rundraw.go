package tui

import (
	"fmt"
	"strings"
	"time"

	"charm.land/lipgloss/v2"

	"github.com/dutyops/dutyops/backend"
	"github.com/dutyops/dutyops/failoverplan"
	"github.com/dutyops/dutyops/tui/kit"
)

func (s *runScreen) view(a *app, w, h int) []string {
	th, t := a.th, a.tr
	if !s.have {
		if s.err != "" {
			return append([]string{""}, kit.Bullet(" "+th.Glyphs.Failed, kit.Clean(s.err), w-2)...)
		}
		return []string{"", " " + th.Dim.Render(t.T("Reading the run ..."))}
	}
	if s.follow {
		s.scroll.Cursor = s.current()
	}
	head := s.head(a, w)
	rest := h - len(head)
	if w >= 100 {
		lw := max((w-3)*55/100, min((w-3)*60/100, w-56)) // the clock needs 53 columns
		rw := w - lw - 3
		left := s.steps(a, lw, rest)
		right := append(s.clock(a, rw), "")
		right = append(right, s.outcome(a, rw)...)
		right = append(right, s.evidence(a, rw)...)
		return append(head, kit.Beside(3, kit.Fill(left, lw, rest), kit.Fill(right, rw, rest))...)
	}
	out := head
	tail := s.outcome(a, w)
	if s.live() {
		tail = s.evidence(a, w)
	}
	clock := s.clock(a, w)
	if rest < 22 {
		clock = s.shortClock(a, w)
	}
	stepsH := max(rest-len(clock)-min(len(tail), max(rest/3, 2)), 4)
	out = append(out, clock...)
	out = append(out, s.steps(a, w, min(stepsH, len(s.run.Steps)+6))...)
	return append(out, tail...)
}

// runStyle is the style and shape of a run's state.
func (a *app) runLook(st backend.RunState) string {
	th := a.th
	g := th.Glyphs
	word := a.runStateWord(st)
	switch st {
	case backend.RunDone:
		return th.Good.Render(g.Done + " " + word)
	case backend.RunRunning, backend.RunWaiting:
		return th.Accent.Render(g.Running + " " + word)
	case backend.RunParked, backend.RunInterrupted:
		return th.Warn.Render(g.Degraded + " " + word)
	case backend.RunRolledBack:
		return th.Warn.Render(g.Undone + " " + word)
	case backend.RunRefused, backend.RunCancelled:
		return th.Dim.Render(g.Skipped + " " + word)
	default:
		return th.Dim.Render(g.Unknown + " " + word)
	}
}

// head says what the run is and how far it has come.
func (s *runScreen) head(a *app, w int) []string {
	th, t, r := a.th, a.tr, s.run
	done := 0
	for _, st := range r.Steps {
		if st.State != "pending" && st.State != "running" && st.State != "failed" {
			done++
		}
	}
	title := titleCase(a.kindWord(r.Kind))
	switch {
	case r.From != "" && r.To == "":
		title += "  " + t.T("from %s", r.From)
	case r.From != "" || r.To != "":
		title += "  " + arrow(a, r.From, r.To)
	}
	if r.DryRun {
		title += "  " + t.T("(dry run: nothing is written)")
	}
	look := a.runLook(r.State)
	if r.Skipped > 0 {
		look += th.Warn.Render("  " + th.Glyphs.Skipped + " " + t.T("%d skipped", r.Skipped))
	}
	lines := []string{kit.Spread(" "+th.Strong.Render(title)+"   "+look, th.Dim.Render(t.T("%d of %d steps", done, len(r.Steps)))+" ", w)}
	by := t.T("by %s at %s", kit.Clean(r.Operator), kit.Clock(r.Started, a.now))
	if r.Reason != "" {
		by += ": " + kit.Clean(r.Reason)
	}
	lines = append(lines, " "+th.Dim.Render(kit.Cut(by, w-2)))
	style := th.Accent
	switch r.State {
	case backend.RunDone:
		style = th.Good
		if r.LeftUndone() {
			style = th.Warn
		}
	case backend.RunParked, backend.RunInterrupted:
		style = th.Warn
	case backend.RunRunning, backend.RunWaiting, backend.RunRolledBack, backend.RunRefused, backend.RunCancelled:
	}
	n := w - 2
	full := 0
	if len(r.Steps) > 0 {
		full = n * done / len(r.Steps)
	}
	g := th.Glyphs
	return append(lines, " "+style.Render(strings.Repeat(g.Bar, full))+th.Border.Render(strings.Repeat(g.Track, max(n-full, 0))), "")
}

// steps lists every step under its phase; the window follows the cursor. Titles are
// wrapped where the screen is high enough for all of them, else cut. What a step says
// is shown in full beside the list; below it only where there is room.
func (s *runScreen) steps(a *app, w, h int) []string {
	lines, at := s.stepLines(a, w, true, true)
	if len(lines) > h {
		lines, at = s.stepLines(a, w, true, false)
	}
	if len(lines) > h {
		lines, at = s.stepLines(a, w, false, false)
	}
	from := 0
	if len(lines) > h {
		from = min(max(at-h/2, 0), len(lines)-h)
	}
	return lines[from:min(from+h, len(lines))]
}

// stepLines draws all steps; at is the line of the selected one.
func (s *runScreen) stepLines(a *app, w int, wrap, notes bool) (lines []string, at int) {
	phases := make([]string, len(s.run.Steps))
	for i, st := range s.run.Steps {
		phases[i] = st.Phase
	}
	titles := a.sectionTitles(phases)
	for i, st := range s.run.Steps {
		if titles[i] != "" {
			lines = append(lines, a.section(titles[i], w))
		}
		if i == s.scroll.Cursor {
			at = len(lines)
		}
		lines = append(lines, s.stepLine(a, st, w, i == s.scroll.Cursor, wrap)...)
		if st.Error != "" && (notes || st.State == "failed") {
			for _, l := range kit.Wrap(a.told(st.Error), w-6) {
				lines = append(lines, "     "+a.errorStyle(st).Render(l))
			}
		}
	}
	return lines, at
}

// errorStyle is loud only for a step that failed; one that was skipped is a note.
func (a *app) errorStyle(st backend.RunStep) lipgloss.Style {
	if st.State == "failed" {
		return a.th.Bad
	}
	return a.th.Note
}

func (s *runScreen) stepLine(a *app, st backend.RunStep, w int, selected, wrap bool) []string {
	th := a.th
	style := th.Step(st.State)
	right := a.stepWord(st.State)
	switch {
	case st.State == "running" && st.Until.After(a.now):
		right = a.tr.T("%s left", kit.Millis(st.Until.Sub(a.now).Truncate(time.Second).Milliseconds()))
	case st.State == "running" && !st.Started.IsZero():
		right = kit.Millis(max(a.now.Sub(st.Started), 0).Truncate(time.Second).Milliseconds())
	case !st.Finished.IsZero() && !st.Started.IsZero() && (st.State == "done" || st.State == "failed"):
		right = kit.Millis(max(st.Finished.Sub(st.Started).Milliseconds(), 1))
	case st.State == "pending":
		right = ""
	}
	if st.Attempts > 1 {
		right += " " + a.tr.T("try %d", st.Attempts)
	}
	mark := " "
	if selected {
		mark = th.Glyphs.Cursor
	}
	name := th.Text
	switch st.State {
	case "pending":
		name = th.Dim
	case "running":
		name = th.Strong
	}
	var over *lipgloss.Style
	if selected {
		over = &th.Selected
	}
	// The right column keeps its width while a step goes from running to done, so that
	// a title does not wrap anew.
	room := max(w-4-max(kit.Width(right), 8)-2, 8)
	title := kit.Wrap(a.told(st.Title), room)
	if !wrap {
		title = []string{cutBefore(a.told(st.Title), " (", room)}
	}
	var out []string
	for i, text := range title {
		var l kit.Line
		if i == 0 {
			l = l.Add(th.Accent, mark+" ").Add(style, kit.Pad(th.Glyphs.Step(st.State), 2))
			l = l.Add(name, kit.Pad(text, room)).Add(th.Dim, " "+kit.PadLeft(right, w-room-6)+" ")
		} else {
			l = l.Add(th.Text, "    ").Add(name, text)
		}
		out = append(out, l.Draw(w, over))
	}
	return out
}

// cutBefore shortens text in front of its last mark, so that what follows stays: the
// part in brackets tells otherwise equal steps apart.
func cutBefore(text, mark string, w int) string {
	i := strings.LastIndex(text, mark)
	if i < 0 || w-kit.Width(text[i:]) < 12 {
		return kit.Cut(text, w)
	}
	return kit.Cut(text[:i], w-kit.Width(text[i:])) + text[i:]
}

// outcome says what happened and what to do next.
func (s *runScreen) outcome(a *app, w int) []string {
	th, t, r := a.th, a.tr, s.run
	var out []string
	add := func(style string, text string) {
		for _, l := range kit.Bullet(style, kit.Clean(text), w-2) {
			out = append(out, " "+l)
		}
	}
	switch r.State {
	case backend.RunDone:
		out = append(out, a.section(t.T("Done"), w))
		if s.moves() {
			add(th.Glyphs.Done, t.T("%d of %d record sets changed with %d API calls", r.DNS.RecordsChanged, r.DNS.RecordsPlanned, r.DNS.APICalls))
		}
		for _, st := range r.Steps {
			if st.State == "skipped" && r.Skipped > 0 {
				add(th.Glyphs.Skipped, t.T("skipped: %s: %s", a.told(st.Title), a.told(st.Error)))
			}
		}
		for _, p := range r.RPO {
			add(th.Glyphs.Bullet, p.Component+": "+a.rpoText(p))
		}
		if !r.Committed.IsZero() {
			add(th.Glyphs.Done, t.T("Committed by %s at %s.", kit.Clean(r.CommittedBy), kit.Clock(r.Committed, a.now)))
		}
	case backend.RunParked, backend.RunInterrupted, backend.RunRefused, backend.RunCancelled, backend.RunRolledBack:
		out = append(out, a.section(t.T("What happened"), w))
		if r.Problem != "" {
			add(th.Glyphs.Degraded, a.told(r.Problem))
		}
	case backend.RunRunning, backend.RunWaiting:
		return nil
	}
	if r.Next != "" {
		out = append(out, " "+th.Accent.Render(th.Glyphs.Arrow)+" "+th.Strong.Render(kit.Cut(t.T("Next: %s", kit.Clean(r.Next)), w-4)))
		if lines := kit.Wrap(t.T("Next: %s", kit.Clean(r.Next)), w-4); len(lines) > 1 {
			out = out[:len(out)-1]
			for i, l := range lines {
				mark := " "
				if i == 0 {
					mark = th.Glyphs.Arrow
				}
				out = append(out, " "+th.Accent.Render(mark)+" "+th.Strong.Render(l))
			}
		}
	}
	if r.State == backend.RunParked || r.State == backend.RunInterrupted {
		out = append(out, " "+th.Key.Render("R")+" "+th.Dim.Render(t.T("resume"))+"   "+th.Key.Render("B")+" "+th.Dim.Render(t.T("roll back"))+"   "+th.Key.Render("o")+" "+th.Dim.Render(t.T("report")))
	}
	if r.State == backend.RunDone {
		out = append(out, s.doneKeys(a)...)
	}
	return append(out, "")
}

// doneKeys are the keys of what comes after a run that moved users away from home.
func (s *runScreen) doneKeys(a *app) []string {
	th, t := a.th, a.tr
	var out []string
	if s.probation() {
		out = append(out, "   "+th.Key.Render("K")+" "+th.Dim.Render(t.T("commit"))+"   "+th.Key.Render("B")+" "+th.Dim.Render(t.T("roll back")))
	}
	if s.run.Kind != string(failoverplan.Failover) || s.run.DryRun || a.data.shown == nil || s.run.To != a.data.shown.ServingSite {
		return out
	}
	return append(out, "   "+th.Key.Render("S")+" "+th.Dim.Render(t.T("run the sync"))+"   "+th.Key.Render("b")+" "+th.Dim.Render(t.T("plan the failback")))
}

func (a *app) rpoText(p backend.RPO) string {
	t := a.tr
	lost := t.T("lost: not known")
	if p.Lost == 0 {
		lost = t.T("nothing lost")
	} else if p.Lost > 0 {
		lost = t.T("%d lost", p.Lost)
	}
	if p.LagS < 0 {
		return lost
	}
	return lost + ", " + t.T("%s s behind at the fence", fmt.Sprintf("%.1f", p.LagS))
}

// evidence is what the selected step saw and did.
func (s *runScreen) evidence(a *app, w int) []string {
	th, t := a.th, a.tr
	if s.scroll.Cursor >= len(s.run.Steps) {
		return nil
	}
	st := s.run.Steps[s.scroll.Cursor]
	out := []string{a.section(t.T("Evidence"), w), " " + th.Strong.Render(kit.Cut(a.told(st.Title), w-2))}
	if st.Error != "" {
		for _, l := range kit.Wrap(a.told(st.Error), w-4) {
			out = append(out, "   "+a.errorStyle(st).Render(l))
		}
	}
	for _, l := range kit.Wrap(a.told(st.Now), w-4) {
		out = append(out, "   "+th.Accent.Render(l))
	}
	for _, e := range st.Evidence {
		for _, l := range kit.Wrap(a.told(e), w-4) {
			out = append(out, "   "+th.Dim.Render(l))
		}
	}
	if len(st.Evidence) == 0 && st.Error == "" && st.Now == "" {
		out = append(out, "   "+th.Faint.Render(a.stepWord(st.State)))
	}
	return out
}
