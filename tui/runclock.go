package tui

import (
	"time"

	"github.com/dutyops/dutyops/failoverplan"
	"github.com/dutyops/dutyops/tui/kit"
)

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

// moves says that the run moves users, so that a recovery time means something.
func (s *runScreen) moves() bool {
	return s.run.Kind == string(failoverplan.Failover) || s.run.Kind == string(failoverplan.Failback)
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
	if !s.moves() {
		return a.usersLine(w)
	}
	return append([]string{a.section(t.T("Recovery clock"), w), kit.Cut(line, w)}, a.usersLine(w)...)
}

// clock is the recovery time, split by phase, and what users get.
func (s *runScreen) clock(a *app, w int) []string {
	th, t := a.th, a.tr
	if !s.moves() {
		if u := a.usersLine(w); len(u) > 0 {
			return append([]string{a.section(t.T("What users see"), w)}, u...)
		}
		return nil
	}
	from := t.T("from the first bad probe to users served")
	if s.run.RTO.DetectMS == 0 && !s.live() {
		from = t.T("from the start to users served")
	}
	parts, total, top := s.times(a)
	out := []string{a.section(t.T("Recovery clock"), w), " " + th.Strong.Render(kit.Millis(total)) + th.Dim.Render("  "+from)}
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
	outage := th.Dim.Render("  " + t.T("longest outage %s", kit.Millis(u.LongestOutageMS)))
	if kit.Width(text)+kit.Width(outage)+1 < w { // one cell of margin
		return []string{" " + text + outage}
	}
	return []string{kit.Cut(" "+text, w), kit.Cut(" "+outage, w)}
}
