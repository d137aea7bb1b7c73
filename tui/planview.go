package tui

import (
	"context"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/dutyops/dutyops/backend"
	"github.com/dutyops/dutyops/failoverplan"
	"github.com/dutyops/dutyops/tui/kit"
)

// planScreen reviews a plan before anything is done: why, gates, records, steps.
type planScreen struct {
	req     backend.PlanRequest
	plan    *failoverplan.Plan
	problem string
	loading bool
	gen     int
	scroll  kit.Scroll
	lines   int
	page    int
}

type planMsg struct {
	s    *planScreen
	gen  int
	plan *failoverplan.Plan
	err  error
}

func newPlanScreen(req backend.PlanRequest) *planScreen { return &planScreen{req: req} }

func (s *planScreen) id() string   { return "plan" }
func (s *planScreen) typing() bool { return false }

func (s *planScreen) title(a *app) string {
	return a.tr.T("Plan: %s", a.kindWord(string(s.req.Kind)))
}

func (s *planScreen) init(a *app) tea.Cmd { return s.make(a) }

// make asks the engine for the plan of the present request.
func (s *planScreen) make(a *app) tea.Cmd {
	s.loading, s.problem = true, ""
	s.gen++
	gen, req := s.gen, s.req
	return func() tea.Msg {
		ctx, cancel := context.WithTimeout(a.ctx, 30*time.Second)
		defer cancel()
		p, err := a.face.Plan(ctx, req)
		return planMsg{s, gen, p, err}
	}
}

func (s *planScreen) msg(_ *app, m tea.Msg) tea.Cmd {
	if p, ok := m.(planMsg); ok && p.s == s && p.gen == s.gen {
		s.loading, s.plan = false, p.plan
		if p.err != nil {
			s.problem, s.plan = p.err.Error(), nil
		}
	}
	return nil
}

func (s *planScreen) commands(a *app) []command {
	t := a.tr
	g := t.T("Here")
	start := command{id: "start", group: g, screen: s.id(), title: t.T("Start this plan"), keys: []string{"enter"}, foot: t.T("foot|start ..."), risk: failoverplan.R3, help: t.T("asks for the site's name and a reason, then counts down"), run: s.start}
	switch {
	case s.plan == nil:
		start.disabled = t.T("There is no plan.")
	case len(s.plan.Blocked()) > 0:
		b := s.plan.Blocked()[0]
		start.disabled = t.T("Gate %s refuses: %s", b.Gate, a.told(b.Evidence))
	case a.data.shown != nil && a.data.shown.Run != nil:
		start.disabled = t.T("run %s is in progress", a.data.shown.Run.ID)
		if who := kit.Clean(a.data.shown.Run.Holder); who != "" {
			start.disabled += ", " + t.T("lease: %s", who)
		}
	}
	mode := command{id: "mode", group: g, screen: s.id(), title: t.T("Graceful or forced"), keys: []string{"m"}, foot: t.T("foot|mode"), help: t.T("forced goes on without the site that is left, and passes soft gates"), run: func(a *app) tea.Cmd {
		s.req.Forced = !s.req.Forced
		return s.make(a)
	}}
	out := []command{
		start, mode,
		{id: "target", group: g, screen: s.id(), title: t.T("Another target site"), keys: []string{"t"}, foot: t.T("foot|target"), help: t.T("choose which site will serve"), run: s.chooseTarget},
		{id: "stations", group: g, screen: s.id(), title: t.T("Only some stations"), keys: []string{"s"}, foot: t.T("foot|stations"), help: t.T("move all stations or some"), run: s.chooseStations},
		{id: "replan", group: g, screen: s.id(), title: t.T("Plan again"), keys: []string{"r"}, foot: t.T("foot|plan again"), help: t.T("read the world again and plan from it"), run: func(a *app) tea.Cmd { return s.make(a) }},
	}
	out = append(out, s.nameCommands(a)...)
	return append(out, command{id: "manual", shell: "dutyops plan " + string(s.req.Kind) + " --manual", group: g, screen: s.id(), title: t.T("Commands for a person"), keys: []string{"p"}, foot: t.T("foot|by hand"), help: t.T("the same changes as curl commands and nsupdate input, there and back, for the day the provider's API is away from here"), run: func(a *app) tea.Cmd { return a.open(newManualScreen(s.req)) }})
}

func (s *planScreen) start(a *app) tea.Cmd {
	a.show(&confirmDialog{plan: s.plan, req: s.req})
	return nil
}

func (s *planScreen) chooseTarget(a *app) tea.Cmd {
	st := a.data.shown
	if st == nil {
		return nil
	}
	d := &chooseDialog{title: a.tr.T("Which site will serve?")}
	var names []string
	for _, x := range st.Sites {
		if x.Name == st.ServingSite {
			continue
		}
		names = append(names, x.Name)
		d.items = append(d.items, choice{siteTitle(x), a.stateWord(x.State) + ", " + a.tr.T("weight %d", x.Weight)})
	}
	d.done = func(a *app, i []int) tea.Cmd {
		s.req.To = names[i[0]]
		return s.make(a)
	}
	a.show(d)
	return nil
}

func (s *planScreen) chooseStations(a *app) tea.Cmd {
	if a.data.shown == nil {
		return nil
	}
	names := stationsOf(a.data.shown)
	d := &chooseDialog{title: a.tr.T("Which stations move?"), many: true, marked: map[int]bool{}}
	for i, n := range names {
		d.items = append(d.items, choice{text: n})
		d.marked[i] = len(s.req.Stations) == 0
		for _, x := range s.req.Stations {
			if x == n {
				d.marked[i] = true
			}
		}
	}
	d.done = func(a *app, picked []int) tea.Cmd {
		s.req.Stations = nil
		if len(picked) < len(names) {
			for _, i := range picked {
				s.req.Stations = append(s.req.Stations, names[i])
			}
		}
		return s.make(a)
	}
	a.show(d)
	return nil
}

func (s *planScreen) key(_ *app, k tea.KeyPressMsg) (bool, tea.Cmd) {
	return scrollKey(&s.scroll, k.String(), s.lines, s.page), nil
}

// scrollKey moves a text view.
func scrollKey(sc *kit.Scroll, key string, n, page int) bool {
	switch key {
	case "j", "down":
		sc.View(1, n, page)
	case "k", "up":
		sc.View(-1, n, page)
	case "g", "home":
		sc.Offset = 0
	case "G", "end":
		sc.View(n, n, page)
	case "space", "pgdown", "ctrl+d", "ctrl+f":
		sc.View(max(page-2, 1), n, page)
	case "pgup", "ctrl+u", "ctrl+b":
		sc.View(-max(page-2, 1), n, page)
	default:
		return false
	}
	return true
}

// scrolled cuts the window out of lines and marks that there is more.
func (a *app) scrolled(sc *kit.Scroll, lines []string, w, h int) []string {
	sc.View(0, len(lines), h)
	if len(lines) <= h {
		return kit.Fill(lines, w, h)
	}
	out := append([]string(nil), lines[sc.Offset:min(sc.Offset+h, len(lines))]...)
	if rest := len(lines) - sc.Offset - h; rest > 0 && h > 1 {
		out[h-1] = kit.Spread("", a.th.Faint.Render(a.tr.T("%d more lines below, j or space", rest+1)+" "), w)
	}
	return kit.Fill(out, w, h)
}

func (s *planScreen) view(a *app, w, h int) []string {
	th, t := a.th, a.tr
	switch {
	case s.problem != "":
		lines := []string{"", " " + th.Bad.Render(th.Glyphs.Failed+" "+t.T("No plan can be made or started."))}
		for _, l := range kit.Wrap(kit.Clean(s.problem), w-5) {
			lines = append(lines, "   "+l)
		}
		return append(lines, "", " "+th.Key.Render("r")+" "+th.Dim.Render(t.T("plan again"))+"   "+th.Key.Render("esc")+" "+th.Dim.Render(t.T("back")))
	case s.plan == nil:
		return []string{"", " " + th.Dim.Render(t.T("Reading the world and planning ..."))}
	}
	head := s.head(a)
	s.page = h
	var body []string
	if w >= 110 {
		lw := (w - 3) * 46 / 100
		left, right := s.left(a, lw), s.steps(a, w-lw-3)
		n := max(len(left), len(right))
		body = kit.Beside(3, kit.Fill(left, lw, n), kit.Fill(right, w-lw-3, n))
	} else {
		body = append(s.left(a, w), s.steps(a, w)...)
	}
	lines := append(head, body...)
	s.lines = len(lines)
	return a.scrolled(&s.scroll, lines, w, h)
}
