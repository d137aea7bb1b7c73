package tui

import (
	"fmt"
	"strings"
	"time"

	"charm.land/lipgloss/v2"

	"github.com/dutyops/dutyops/backend"
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
		lw := (w - 3) * 55 / 100
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
	if r.From != "" || r.To != "" {
		title += "  " + arrow(a, r.From, r.To)
	}
	if r.DryRun {
		title += "  " + t.T("(dry run: nothing is written)")
	}
	lines := []string{kit.Spread(" "+th.Strong.Render(title)+"   "+a.runLook(r.State), th.Dim.Render(t.T("%d of %d steps", done, len(r.Steps)))+" ", w)}
	by := t.T("by %s at %s", kit.Clean(r.Operator), kit.Clock(r.Started, a.now))
	if r.Reason != "" {
		by += ": " + kit.Clean(r.Reason)
	}
	lines = append(lines, " "+th.Dim.Render(kit.Cut(by, w-2)))
	style := th.Accent
	switch r.State {
	case backend.RunDone:
		style = th.Good
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

// steps lists every step under its phase; the window follows the cursor.
func (s *runScreen) steps(a *app, w, h int) []string {
	var lines []string
	at := 0
	phase := ""
	for i, st := range s.run.Steps {
		if st.Phase != phase {
			phase = st.Phase
			lines = append(lines, a.section(titleCase(a.phaseWord(phase)), w))
		}
		if i == s.scroll.Cursor {
			at = len(lines)
		}
		lines = append(lines, s.stepLine(a, st, w, i == s.scroll.Cursor))
		if st.Error != "" {
			lines = append(lines, "     "+a.errorStyle(st).Render(kit.Cut(kit.Clean(st.Error), w-6)))
		}
	}
	from := 0
	if len(lines) > h {
		from = min(max(at-h/2, 0), len(lines)-h)
	}
	return lines[from:min(from+h, len(lines))]
}

// errorStyle is loud only for a step that failed; one that was skipped is a note.
func (a *app) errorStyle(st backend.RunStep) lipgloss.Style {
	if st.State == "failed" {
		return a.th.Bad
	}
	return a.th.Note
}

func (s *runScreen) stepLine(a *app, st backend.RunStep, w int, selected bool) string {
	th := a.th
	style := th.Step(st.State)
	right := a.stepWord(st.State)
	switch {
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
	var l kit.Line
	l = l.Add(th.Accent, mark+" ").Add(style, kit.Pad(th.Glyphs.Step(st.State), 2))
	rw := kit.Width(right) + 2
	l = l.Add(name, kit.Pad(kit.Clean(st.Title), max(w-4-rw, 0))).Add(th.Dim, " "+right+" ")
	if selected {
		return l.Draw(w, &th.Selected)
	}
	return l.Draw(w, nil)
}

// phaseTime is one phase's part of the recovery time.
type phaseTime struct {
	name string
	ms   int64
}

// times splits the recovery time by phase; the total of a live run goes on counting.
func (s *runScreen) times(a *app) (parts []phaseTime, total, top int64) {
	r := s.run
	parts = []phaseTime{{"detect", r.RTO.DetectMS}, {"decide", r.RTO.DecideMS}, {"fence", r.RTO.FenceMS}, {"switch", r.RTO.SwitchMS}, {"propagate", r.RTO.PropagateMS}, {"verify", r.RTO.VerifyMS}}
	total = r.RTO.TotalMS
	var sum int64
	for _, p := range parts {
		sum += p.ms
		top = max(top, p.ms)
	}
	if total == 0 && s.live() {
		total = r.RTO.DetectMS + r.RTO.DecideMS + max(a.now.Sub(r.Started), 0).Truncate(time.Second).Milliseconds()
	}
	return parts, max(total, sum), top
}

// shortClock is the clock in three lines, for low screens.
func (s *runScreen) shortClock(a *app, w int) []string {
	th, t := a.th, a.tr
	parts, total, _ := s.times(a)
	line := " " + th.Strong.Render(kit.Millis(total))
	for _, p := range parts {
		if p.ms > 0 {
			line += th.Dim.Render("  " + a.phaseWord(p.name) + " " + kit.Millis(p.ms))
		}
	}
	return append([]string{a.section(t.T("Recovery clock"), w), kit.Cut(line, w)}, a.usersLine(w)...)
}

// clock is the recovery time, split by phase, and what users get.
func (s *runScreen) clock(a *app, w int) []string {
	th, t := a.th, a.tr
	parts, total, top := s.times(a)
	out := []string{a.section(t.T("Recovery clock"), w), " " + th.Strong.Render(kit.Millis(total)) + th.Dim.Render("  "+t.T("from the first bad probe to users served"))}
	out = append(out, a.usersLine(w)...)
	barW := min(max(w-32, 6), 30)
	for _, p := range parts {
		style := th.Dim
		if p.ms == 0 {
			style = th.Faint
		}
		bar := kit.Bar(float64(p.ms), float64(max(top, 1)), barW, th.Glyphs.Bar, " ")
		out = append(out, " "+style.Render(kit.Pad(a.phaseWord(p.name), 12)+kit.PadLeft(kit.Millis(p.ms), 9)+"  ")+th.Accent.Render(bar))
	}
	return out
}

// usersLine is the sandbox users' view; production has none.
func (a *app) usersLine(w int) []string {
	u := a.data.users
	if u == nil {
		return nil
	}
	th, t := a.th, a.tr
	text := th.Good.Render(th.Glyphs.Up + " " + t.T("users are served by %s", u.Now))
	if u.Now == "none" || u.Now == "" {
		text = th.Bad.Render(th.Glyphs.Down + " " + t.T("users are not served"))
	}
	return []string{kit.Cut(" "+text+th.Dim.Render("  "+t.T("longest outage %s", kit.Millis(u.LongestOutageMS))), w)}
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
		add(th.Glyphs.Done, t.T("%d of %d record sets changed with %d API calls", r.DNS.RecordsChanged, r.DNS.RecordsPlanned, r.DNS.APICalls))
		for _, p := range r.RPO {
			add(th.Glyphs.Bullet, p.Component+": "+a.rpoText(p))
		}
	case backend.RunParked, backend.RunInterrupted, backend.RunRefused, backend.RunCancelled, backend.RunRolledBack:
		out = append(out, a.section(t.T("What happened"), w))
		if r.Problem != "" {
			add(th.Glyphs.Degraded, r.Problem)
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
	return append(out, "")
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
	out := []string{a.section(t.T("Evidence"), w), " " + th.Strong.Render(kit.Cut(kit.Clean(st.Title), w-2))}
	if st.Error != "" {
		for _, l := range kit.Wrap(kit.Clean(st.Error), w-4) {
			out = append(out, "   "+a.errorStyle(st).Render(l))
		}
	}
	for _, e := range st.Evidence {
		for _, l := range kit.Wrap(kit.Clean(e), w-4) {
			out = append(out, "   "+th.Dim.Render(l))
		}
	}
	if len(st.Evidence) == 0 && st.Error == "" {
		out = append(out, "   "+th.Faint.Render(a.stepWord(st.State)))
	}
	return out
}
