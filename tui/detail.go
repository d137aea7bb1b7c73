package tui

import (
	"fmt"
	"strings"

	tea "charm.land/bubbletea/v2"

	"github.com/dutyops/dutyops/backend"
	"github.com/dutyops/dutyops/failoverplan"
	"github.com/dutyops/dutyops/tui/kit"
)

// detailScreen answers "why is it so?" for one target.
type detailScreen struct {
	target string
	ex     backend.Explanation
	have   bool
	err    string
	asking bool
	scroll kit.Scroll
	lines  int
	page   int
}

type explainMsg struct {
	target string
	ex     backend.Explanation
	err    error
}

func newDetailScreen(target string) *detailScreen { return &detailScreen{target: target} }

func (s *detailScreen) id() string          { return "detail" }
func (s *detailScreen) typing() bool        { return false }
func (s *detailScreen) title(*app) string   { return s.target }
func (s *detailScreen) init(a *app) tea.Cmd { return s.fetch(a) }

func (s *detailScreen) fetch(a *app) tea.Cmd {
	if s.asking {
		return nil
	}
	s.asking = true
	target := s.target
	if ex, ok := a.explainPlatform(target); ok {
		return func() tea.Msg { return explainMsg{target, ex, nil} }
	}
	return func() tea.Msg {
		ex, err := a.face.Explain(target)
		return explainMsg{target, ex, err}
	}
}

// explainPlatform answers for a platform, which is not probed itself: its state follows
// from its parts.
func (a *app) explainPlatform(target string) (backend.Explanation, bool) {
	if a.data.shown == nil {
		return backend.Explanation{}, false
	}
	for _, site := range a.data.shown.Sites {
		for _, p := range site.Platforms {
			if failoverplan.Target(site.Name, p.Name) == target {
				return backend.Explanation{
					Target: target, Kind: a.tr.T("platform"), State: p.State, Since: p.Since,
					Rule: a.tr.T("The worst of its critical parts decides."), Transcript: p.Because,
				}, true
			}
		}
	}
	return backend.Explanation{}, false
}

func (s *detailScreen) msg(a *app, m tea.Msg) tea.Cmd {
	switch m := m.(type) {
	case explainMsg:
		if m.target != s.target {
			return nil
		}
		s.asking = false
		if m.err != nil {
			s.err = m.err.Error()
			return nil
		}
		s.ex, s.have, s.err = m.ex, true, ""
	case beatMsg:
		// Every five seconds: the page is read, not watched, and a history that moves
		// every second would cost more bytes than the dashboard.
		if a.now.Second()%5 == 0 {
			return s.fetch(a)
		}
	}
	return nil
}

func (s *detailScreen) key(_ *app, k tea.KeyPressMsg) (bool, tea.Cmd) {
	return scrollKey(&s.scroll, k.String(), s.lines, s.page), nil
}

func (s *detailScreen) commands(a *app) []command {
	return []command{{id: "again", group: a.tr.T("Here"), screen: s.id(), title: a.tr.T("Ask again"), keys: []string{"r"}, foot: a.tr.T("foot|ask again"), help: a.tr.T("probe everything now"), run: func(a *app) tea.Cmd {
		probe, fetch := a.refresh(), s.fetch(a)
		return func() tea.Msg {
			m := probe()
			if t, ok := m.(toastMsg); ok {
				t.then = fetch
				return t
			}
			return m
		}
	}}}
}

func (s *detailScreen) view(a *app, w, h int) []string {
	th, t := a.th, a.tr
	if !s.have {
		if s.err != "" {
			return append([]string{""}, kit.Bullet(" "+th.Glyphs.Failed, a.told(s.err), w-2)...)
		}
		return []string{"", " " + th.Dim.Render(t.T("Reading the evidence ..."))}
	}
	e := s.ex
	head := []string{
		" " + th.State(e.State).Bold(true).Render(th.Glyphs.State(e.State)+" "+a.stateWord(e.State)) + "  " + th.Strong.Render(e.Target) + th.Dim.Render("  "+e.Kind),
	}
	if !e.Since.IsZero() {
		head = append(head, "   "+th.Dim.Render(t.T("since %s (%s)", kit.Clock(e.Since, a.now), kit.Age(a.now.Sub(e.Since)))))
	}
	head = append(head, "")
	s.page = h
	var lines []string
	if w >= 110 && (len(e.Facts) > 0 || e.Sync != nil) {
		lw := (w - 3) * 58 / 100
		l, r := s.why(a, lw), s.facts(a, w-lw-3)
		n := max(len(l), len(r))
		lines = append(head, kit.Beside(3, kit.Fill(l, lw, n), kit.Fill(r, w-lw-3, n))...)
	} else {
		lines = append(head, s.why(a, w)...)
		lines = append(lines, s.facts(a, w)...)
	}
	s.lines = len(lines)
	return a.scrolled(&s.scroll, lines, w, h)
}

// why is the rule that tripped, the conversation, and the history.
func (s *detailScreen) why(a *app, w int) []string {
	th, t, e := a.th, a.tr, s.ex
	title := t.T("Why is it not up?")
	if e.State == failoverplan.Up {
		title = t.T("Why is it up?")
	}
	out := []string{a.section(title, w)}
	for _, l := range kit.Wrap(a.told(e.Rule), w-2) {
		out = append(out, " "+th.Strong.Render(l))
	}
	if e.Rule == "" {
		out = append(out, " "+th.Faint.Render(t.T("No rule has tripped.")))
	}
	out = append(out, "")
	if len(e.Transcript) > 0 {
		out = append(out, a.section(t.T("What was asked and answered"), w))
		for _, l := range e.Transcript {
			for i, x := range kit.Wrap(kit.Clean(l), w-10) {
				if i > 0 {
					x = "        " + strings.TrimLeft(x, " ")
				}
				out = append(out, " "+x)
			}
		}
		out = append(out, "")
	}
	return append(out, s.history(a, w)...)
}

// history draws the latency ring and lists the newest answers that differ.
func (s *detailScreen) history(a *app, w int) []string {
	th, t := a.th, a.tr
	hs := s.ex.History
	if len(hs) == 0 {
		return nil
	}
	n := min(len(hs), w-2)
	view := hs[len(hs)-n:]
	values := make([]float64, n)
	top := 0.0
	var marks kit.Line
	marks = marks.Add(th.Text, " ")
	for i, x := range view {
		values[i] = x.LatencyMS
		top = max(top, x.LatencyMS)
		if x.State == failoverplan.Up {
			marks = marks.Add(th.Faint, th.Glyphs.Dot)
		} else {
			values[i] = -1
			marks = marks.Add(th.State(x.State), th.Glyphs.State(x.State))
		}
	}
	out := []string{
		a.section(t.T("Latency, last %d answers since %s", n, kit.Clock(view[0].At, a.now)), w),
		" " + th.Accent.Render(kit.Spark(values, n, th.Glyphs.Spark)),
		marks.Draw(w, nil),
		" " + th.Faint.Render(t.T("highest %s", kit.Latency(top))),
		"",
	}
	out = append(out, a.section(t.T("Changes"), w))
	var changes []string
	for i := len(hs) - 1; i >= 0 && len(changes) < 8; i-- {
		if i > 0 && hs[i-1].State == hs[i].State {
			continue
		}
		x := hs[i]
		changes = append(changes, " "+th.Faint.Render(kit.Clock(x.At, a.now))+"  "+th.State(x.State).Render(th.Glyphs.State(x.State)+" "+kit.Pad(a.stateWord(x.State), 9))+a.told(x.Detail))
	}
	return append(append(out, changes...), "")
}

// facts are what the component says of itself, and its sync relation.
func (s *detailScreen) facts(a *app, w int) []string {
	th, t, e := a.th, a.tr, s.ex
	var out []string
	if len(e.Facts) > 0 {
		out = append(out, a.section(t.T("Facts"), w))
		kw := 0
		for _, f := range e.Facts {
			kw = max(kw, kit.Width(f[0]))
		}
		kw = min(kw, w/2)
		for _, f := range e.Facts {
			lines := kit.Wrap(kit.Clean(f[1]), w-kw-4)
			if len(lines) == 0 {
				lines = []string{""}
			}
			for i, l := range lines {
				k := ""
				if i == 0 {
					k = f[0]
				}
				out = append(out, " "+th.Dim.Render(kit.Pad(k, kw))+"  "+l)
			}
		}
		out = append(out, "")
	}
	if y := e.Sync; y != nil {
		out = append(out, a.section(t.T("Sync"), w))
		if y.Policy != "sync" {
			return append(out, " "+th.Dim.Render(t.T("Not synced by policy; a sync run and a promotion leave it alone.")), "")
		}
		line := " " + th.Strong.Render(a.syncWord(y.State))
		if y.From != "" && y.To != "" {
			line += "  " + arrow(a, y.From, y.To)
		}
		if y.State != "source" {
			lag := t.T("lag not known")
			if y.LagS >= 0 {
				lag = fmt.Sprintf("%s %s", t.T("lag"), kit.Lag(y.LagS))
			}
			line += "  " + th.Dim.Render(lag)
		}
		out = append(out, line)
		for _, l := range kit.Wrap(kit.Clean(y.Note), w-2) {
			out = append(out, " "+th.Dim.Render(l))
		}
		out = append(out, "")
	}
	return out
}
