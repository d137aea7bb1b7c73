package tui

import (
	tea "charm.land/bubbletea/v2"

	"github.com/dutyops/dutyops/failoverplan"
	"github.com/dutyops/dutyops/tui/kit"
)

// dashboard is the first screen: headline, sites, domains, advice, events.
type dashboard struct {
	focus   int // pane: the sites in order, then domains, then events
	cursor  map[string]string
	heights []int // lines for rows in each site panel, as last drawn
}

func newDashboard() *dashboard { return &dashboard{cursor: map[string]string{}} }

func (d *dashboard) id() string                { return "dashboard" }
func (d *dashboard) title(*app) string         { return "dutyops" }
func (d *dashboard) init(*app) tea.Cmd         { return nil }
func (d *dashboard) typing() bool              { return false }
func (d *dashboard) msg(*app, tea.Msg) tea.Cmd { return nil }

func (d *dashboard) sites(a *app) int {
	if a.data.shown == nil {
		return 0
	}
	return len(a.data.shown.Sites)
}

func (d *dashboard) commands(a *app) []command {
	return []command{
		{id: "open", group: a.tr.T("Here"), screen: d.id(), title: a.tr.T("Why is it so?"), keys: []string{"enter"}, foot: a.tr.T("foot|why"), help: a.tr.T("evidence behind the selected row"), run: d.enter},
		{id: "pane", group: a.tr.T("Here"), screen: d.id(), title: a.tr.T("Next pane"), keys: []string{"tab", "shift+tab", "left", "right"}, help: a.tr.T("sites, domains, events"), run: func(*app) tea.Cmd { d.step(a, 1); return nil }},
		{id: "move", group: a.tr.T("Here"), screen: d.id(), title: a.tr.T("Move"), keys: []string{"j", "k", "g", "G"}, help: a.tr.T("arrow keys and page keys too"), run: nil},
	}
}

func (d *dashboard) step(a *app, by int) {
	n := d.sites(a) + 2
	d.focus = (d.focus + by + n) % n
}

func (d *dashboard) key(a *app, k tea.KeyPressMsg) (bool, tea.Cmd) {
	switch k.String() {
	case "tab", "right", "l":
		d.step(a, 1)
		return true, nil
	case "shift+tab", "left", "h":
		d.step(a, -1)
		return true, nil
	case "enter":
		return true, d.enter(a)
	}
	if d.focus < d.sites(a) {
		rows := d.rows(a)
		sc := kit.Scroll{Cursor: d.index(a, rows)}
		if sc.Nav(k.String(), len(rows), 8) {
			d.cursor[a.data.shown.Sites[d.focus].Name] = rows[sc.Cursor].target
			return true, nil
		}
	}
	return false, nil
}

// rows are the selectable rows of the focused site, as folded on the screen.
func (d *dashboard) rows(a *app) []row {
	h := 100
	if d.focus < len(d.heights) {
		h = d.heights[d.focus]
	}
	var out []row
	for _, r := range fold(siteRows(a, a.data.shown.Sites[d.focus]), h) {
		if !r.blank {
			out = append(out, r)
		}
	}
	return out
}

func (d *dashboard) index(a *app, rows []row) int {
	want := d.selected(a, rows)
	for i, r := range rows {
		if r.target == want {
			return i
		}
	}
	return 0
}

// selected is the target under the cursor; before the first key it is the first row
// that is not up, because that is what people came for.
func (d *dashboard) selected(a *app, rows []row) string {
	c := d.cursor[a.data.shown.Sites[d.focus].Name]
	for _, r := range rows {
		if c != "" && r.target == c {
			return c
		}
	}
	for _, r := range rows {
		if r.state == failoverplan.Down && !r.heading {
			return r.target
		}
	}
	if len(rows) > 0 {
		return rows[0].target
	}
	return ""
}

func (d *dashboard) enter(a *app) tea.Cmd {
	n := d.sites(a)
	switch {
	case a.data.shown == nil:
		return nil
	case d.focus == n:
		return a.open(newDNSScreen())
	case d.focus > n:
		return a.open(newEventsScreen())
	default:
		return a.open(newDetailScreen(d.selected(a, d.rows(a))))
	}
}

func (d *dashboard) view(a *app, w, h int) []string {
	head := a.headline(w)
	if h >= 34 {
		head = append(head, "")
	}
	st := a.data.shown
	if st == nil {
		return append(head, "")
	}
	if d.focus >= len(st.Sites)+2 {
		d.focus = 0
	}
	longest := 0
	for _, s := range st.Sites {
		longest = max(longest, len(siteRows(a, s)))
	}
	margin := 0
	if w >= 100 {
		margin = 1
	}
	iw := w - 2*margin
	half := (iw - 1) / 2
	calm := st.Case == failoverplan.CaseNormal && st.Advice.Action != "failback"
	adviceW := iw
	if w >= 100 {
		adviceW = half - 4
	}
	l := arrange(w, h-len(head), wants{
		sites: len(st.Sites), rows: longest, air: 2, dns: len(domainLines(st.Domains)) + 1,
		advice: len(a.adviceLines(adviceW, w < 100)), calm: calm,
	})
	out := head
	out = append(out, d.sitePanels(a, l, iw)...)
	if l.dns > 0 {
		out = append(out, a.dnsPanel(iw, l.dns, l.boxed, d.focus == len(st.Sites))...)
	}
	out = append(out, d.bottom(a, l, iw, half)...)
	if margin > 0 {
		for i := range out[len(head):] {
			out[len(head)+i] = " " + out[len(head)+i] + " "
		}
	}
	return out
}

func (d *dashboard) sitePanels(a *app, l layout, w int) []string {
	st := a.data.shown
	n := max(len(st.Sites), 1)
	d.heights = make([]int, len(st.Sites))
	chrome := kit.Panel{Boxed: l.boxed}.Chrome()
	var blocks [][]string
	var out []string
	used := 0
	for i, s := range st.Sites {
		pw, ph := (w-(n-1))/n, l.sites
		if i == n-1 {
			pw = w - used
		}
		if l.stacked {
			pw, ph = w, l.sites/n
			if i < l.sites%n {
				ph++
			}
		}
		d.heights[i] = ph - chrome
		cursor := ""
		if d.focus == i {
			cursor = d.selected(a, d.rows(a))
		}
		b := a.sitePanel(s, i+1, pw, ph, l.boxed, d.focus == i, cursor)
		if l.stacked {
			out = append(out, b...)
			continue
		}
		used += pw + 1
		blocks = append(blocks, b)
	}
	if l.stacked {
		return out
	}
	return kit.Beside(1, blocks...)
}

func (d *dashboard) bottom(a *app, l layout, w, half int) []string {
	events := d.focus == d.sites(a)+1
	if l.bottom <= 0 {
		return nil
	}
	if l.split {
		right := a.eventsPanel(w-half-1, l.bottom, l.boxed, events)
		chrome := kit.Panel{Boxed: l.boxed}.Chrome()
		adv := len(a.adviceLines(half-4, false)) + chrome
		if l.bottom-adv < chrome+3 {
			return kit.Beside(1, a.advicePanel(half, l.bottom, l.boxed, false), right)
		}
		left := append(a.advicePanel(half, adv, l.boxed, false), a.recentPanel(half, l.bottom-adv, l.boxed)...)
		return kit.Beside(1, left, right)
	}
	chrome := kit.Panel{Boxed: l.boxed}.Chrome()
	adv := min(len(a.adviceLines(w-1, true))+chrome, l.bottom)
	if l.bottom-adv < chrome+1 {
		adv = max(l.bottom-chrome-1, 0)
	}
	if adv <= chrome {
		return a.eventsPanel(w, l.bottom, l.boxed, events)
	}
	return append(a.advicePanel(w, adv, l.boxed, true), a.eventsPanel(w, l.bottom-adv, l.boxed, events)...)
}

// recentPanel lists the newest runs, where a tall screen has room for them.
func (a *app) recentPanel(w, h int, boxed bool) []string {
	th := a.th
	p := kit.Panel{Theme: th, Title: th.Title.Render(a.tr.T("Recent runs")), Boxed: boxed}
	iw, ih := p.Inner(w, h)
	var lines []string
	for i, r := range a.data.runs {
		if i >= ih {
			break
		}
		var l kit.Line
		l = l.Add(th.Faint, " "+kit.Pad(kit.Clock(r.Started, a.now), 12)).Add(th.Text, kit.Pad(a.kindWord(r.Kind), 11)).Add(th.Dim, kit.Pad(arrow(a, r.From, r.To), 21))
		l = append(l, a.runSeg(r.State, 13)...)
		if r.RTO.TotalMS > 0 {
			l = l.Add(th.Dim, " "+kit.PadLeft(kit.Millis(r.RTO.TotalMS), 7))
		}
		lines = append(lines, l.Add(th.Faint, "  "+kit.Clean(r.Reason)).Draw(iw, nil))
	}
	if len(lines) == 0 {
		lines = []string{" " + th.Faint.Render(a.tr.T("No run yet."))}
	}
	return p.Draw(lines, w, h)
}
