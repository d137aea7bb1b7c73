package tui

import (
	"fmt"
	"math"

	tea "charm.land/bubbletea/v2"

	"github.com/dutyops/dutyops/backend"
	"github.com/dutyops/dutyops/tui/kit"
)

// siteScreen shows one site on the whole screen, nothing folded.
type siteScreen struct {
	name   string
	scroll kit.Scroll
}

func newSiteScreen(name string) *siteScreen { return &siteScreen{name: name} }

func (s *siteScreen) id() string                { return "site" }
func (s *siteScreen) typing() bool              { return false }
func (s *siteScreen) title(*app) string         { return s.name }
func (s *siteScreen) init(*app) tea.Cmd         { return nil }
func (s *siteScreen) msg(*app, tea.Msg) tea.Cmd { return nil }

func (s *siteScreen) site(a *app) (backend.SiteStatus, int) {
	if a.data.shown != nil {
		for i, x := range a.data.shown.Sites {
			if x.Name == s.name {
				return x, i + 1
			}
		}
	}
	return backend.SiteStatus{Name: s.name}, 0
}

func (s *siteScreen) key(a *app, k tea.KeyPressMsg) (bool, tea.Cmd) {
	site, n := s.site(a)
	if n == 0 {
		return false, nil
	}
	return s.scroll.Nav(k.String(), len(siteRows(a, site)), 8), nil
}

func (s *siteScreen) commands(a *app) []command {
	return []command{{id: "open", group: a.tr.T("Here"), screen: s.id(), title: a.tr.T("Why is it so?"), keys: []string{"enter"}, foot: a.tr.T("foot|why"), help: a.tr.T("evidence behind the selected row"), run: func(a *app) tea.Cmd {
		site, n := s.site(a)
		if rows := siteRows(a, site); n > 0 && s.scroll.Cursor < len(rows) {
			return a.open(newDetailScreen(rows[s.scroll.Cursor].target))
		}
		return nil
	}}}
}

// level is the difference of clocks, in milliseconds, below which it is not worth a number
// that would change with every probe.
const level = 10

// clockText is how far a site's clock is from ours; nothing when no component tells it.
func (a *app) clockText(k *backend.ClockStatus) string {
	switch {
	case k == nil:
		return ""
	case math.Abs(k.AheadMS) <= max(k.ErrorMS, level):
		return "  " + a.tr.T("clock level")
	}
	return "  " + a.tr.T("clock %s (within %s)", fmt.Sprintf("%+.0f ms", k.AheadMS), fmt.Sprintf("%.0f ms", k.ErrorMS))
}

func (s *siteScreen) view(a *app, w, h int) []string {
	site, n := s.site(a)
	if n == 0 {
		return []string{"", " " + a.th.Dim.Render(a.tr.T("This site is not known yet."))}
	}
	rows := siteRows(a, site)
	p := kit.Panel{
		Theme: a.th, Title: a.th.Title.Render(siteTitle(site)) + a.th.Dim.Render(" "+a.roleWord(site.Role)+" "+a.tr.T("weight %d", site.Weight)+a.clockText(site.Clock)), Boxed: w >= 100, Focused: true,
		Right: a.th.State(site.State).Render(a.th.Glyphs.State(site.State) + " " + a.stateWord(site.State)),
	}
	iw, ih := p.Inner(w, h)
	from, to := s.scroll.Window(len(rows), ih)
	cols := siteColumns(iw)
	var lines []string
	for i := from; i < to; i++ {
		if rows[i].heading && i > from && len(rows)+3 < ih {
			lines = append(lines, a.rowLine(row{blank: true}, cols, iw, false))
		}
		lines = append(lines, a.rowLine(rows[i], cols, iw, i == s.scroll.Cursor))
	}
	return p.Draw(lines, w, min(h, len(lines)+p.Chrome()))
}
