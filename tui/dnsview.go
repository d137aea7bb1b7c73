package tui

import (
	"fmt"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/dutyops/dutyops/backend"
	"github.com/dutyops/dutyops/tui/kit"
)

// dnsScreen is the DNS board: every server's answer for every name and type.
type dnsScreen struct {
	domains []backend.DomainStatus
	board   *backend.DNSBoard
	at      time.Time
	scroll  kit.Scroll
	lines   int
	page    int
}

func newDNSScreen() *dnsScreen { return &dnsScreen{} }

func (s *dnsScreen) id() string          { return "dns" }
func (s *dnsScreen) typing() bool        { return false }
func (s *dnsScreen) title(a *app) string { return a.tr.T("DNS board") }
func (s *dnsScreen) init(a *app) tea.Cmd { return a.checkBoard() }

func (s *dnsScreen) msg(a *app, m tea.Msg) tea.Cmd {
	switch m := m.(type) {
	case dnsMsg:
		if m.err != nil {
			a.say("bad", m.err.Error())
			return nil
		}
		s.domains, s.board, s.at = m.domains, &m.board, a.now
	case beatMsg:
		if a.top() == screen(s) && a.now.Second()%5 == 0 {
			return a.checkBoard()
		}
	}
	return nil
}

func (s *dnsScreen) key(_ *app, k tea.KeyPressMsg) (bool, tea.Cmd) {
	return scrollKey(&s.scroll, k.String(), s.lines, s.page), nil
}

func (s *dnsScreen) commands(a *app) []command {
	return []command{{id: "ask-dns", group: a.tr.T("Here"), screen: s.id(), title: a.tr.T("Ask every server now"), keys: []string{"r", "enter"}, foot: a.tr.T("foot|ask again"), help: a.tr.T("all authoritative servers and resolvers"), run: func(a *app) tea.Cmd { return a.checkBoard() }}}
}

func (s *dnsScreen) view(a *app, w, h int) []string {
	th, t := a.th, a.tr
	ds := s.domains
	if ds == nil && a.data.shown != nil {
		ds = a.data.shown.Domains
	}
	if len(ds) == 0 {
		return []string{"", " " + th.Dim.Render(t.T("Asking every server ..."))}
	}
	srvW, valW := 15, 14
	for _, d := range ds {
		for _, x := range append(append([]backend.ServerAnswer(nil), d.Authoritative...), d.Resolvers...) {
			srvW = max(srvW, kit.Width(x.Server))
			valW = max(valW, kit.Width(strings.Join(x.Values, " ")))
		}
	}
	srvW, valW = min(srvW, 30), min(valW, max(w-srvW-40, 14))
	lines := s.summary(a, w)
	for _, d := range ds {
		points := d.PointsAt
		if points == "" {
			points = t.T("not known")
		}
		lines = append(lines, a.section(d.Name+" "+d.Type, w-24)+" "+th.Faint.Render(th.Glyphs.Arrow)+" "+th.Strong.Render(points))
		lines = append(lines, a.differLines(d, w)...)
		for _, x := range d.Authoritative {
			lines = append(lines, a.answerLine(t.T("authoritative"), x, d.PointsAt, srvW, valW, w))
		}
		for _, x := range d.Resolvers {
			lines = append(lines, a.answerLine(t.T("resolver"), x, d.PointsAt, srvW, valW, w))
		}
		lines = append(lines, "")
	}
	s.lines, s.page = len(lines), h
	return a.scrolled(&s.scroll, lines, w, h)
}

// summary is how far the answers are, when the old ones end, and what is wrong, worst first.
func (s *dnsScreen) summary(a *app, w int) []string {
	if s.board == nil {
		return nil
	}
	th, t, b := a.th, a.tr, s.board
	done, all := b.Authoritative.New+b.Resolvers.New, b.Authoritative.Total+b.Resolvers.Total
	counts := fmt.Sprintf("%s %d/%d   %s %d/%d", t.T("authoritative"), b.Authoritative.New, b.Authoritative.Total, t.T("resolvers"), b.Resolvers.New, b.Resolvers.Total)
	style := th.Good
	if done < all {
		style = th.Warn
	}
	var l kit.Line
	l = l.Add(th.Text, " ").Add(style, kit.Bar(float64(done), float64(all), 20, th.Glyphs.Full, th.Glyphs.Empty)).Add(th.Text, "  "+counts)
	if end := b.Forecast.At100; !end.IsZero() {
		word := t.T("old until %s", end.In(a.now.Location()).Format("15:04:05"))
		if b.Forecast.AtLeast {
			word = t.T("at least: %s", word)
		}
		l = l.Add(th.Warn, "   "+word)
	}
	lines := []string{l.Draw(w, nil)}
	for _, f := range b.Findings {
		lines = append(lines, a.findingLines(f, w)...)
	}
	return append(lines, "")
}

func (a *app) answerLine(kind string, x backend.ServerAnswer, want string, srvW, valW, w int) string {
	th, t := a.th, a.tr
	g := th.Glyphs
	mark, style := g.Up, th.Good
	switch {
	case x.Error != "":
		mark, style = g.Unknown, th.Odd
	case x.OldUntil != nil:
		mark, style = g.Stale, th.Warn
	case x.Site != want:
		mark, style = g.Degraded, th.Warn
	}
	var l kit.Line
	l = l.Add(style, "  "+mark+" ").Add(th.Dim, kit.Pad(kind, 14)).Add(th.Text, kit.Pad(x.Server, srvW)+"  ")
	if x.Error != "" {
		return l.Add(th.Odd, a.told(x.Error)).Draw(w, nil)
	}
	l = l.Add(th.Text, kit.Pad(strings.Join(x.Values, " "), valW)+"  ").Add(th.Strong, kit.Pad(x.Site, 9))
	l = l.Add(th.Faint, kit.PadLeft(fmt.Sprintf("TTL %d", x.TTLS), 8))
	if x.OldUntil != nil {
		l = l.Add(th.Warn, "  "+t.T("old until %s", x.OldUntil.In(a.now.Location()).Format("15:04:05")))
	} else if x.Serial != 0 {
		l = l.Add(th.Faint, "  "+t.T("serial %d", x.Serial))
	}
	return l.Draw(w, nil)
}
