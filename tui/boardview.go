package tui

import (
	"context"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/dutyops/dutyops/backend"
	"github.com/dutyops/dutyops/tui/kit"
)

// dnsMsg is a look at every server; both DNS pages take it.
type dnsMsg struct {
	board   backend.DNSBoard
	domains []backend.DomainStatus
	err     error
}

// checkBoard asks every server now.
func (a *app) checkBoard() tea.Cmd {
	return func() tea.Msg {
		ctx, cancel := context.WithTimeout(a.ctx, 15*time.Second)
		defer cancel()
		b, d, err := a.face.CheckBoard(ctx)
		return dnsMsg{b, d, err}
	}
}

// boardScreen is the verification board: how far a change has come, server by server, and
// what users find at the names.
type boardScreen struct {
	board  *backend.DNSBoard
	at     time.Time
	err    string
	asking bool
	scroll kit.Scroll
	lines  int
	page   int
}

func newBoardScreen() *boardScreen { return &boardScreen{} }

func (s *boardScreen) id() string          { return "board" }
func (s *boardScreen) typing() bool        { return false }
func (s *boardScreen) title(a *app) string { return a.tr.T("Verification board") }
func (s *boardScreen) init(a *app) tea.Cmd { return s.check(a) }

// check asks, one question at a time.
func (s *boardScreen) check(a *app) tea.Cmd {
	if s.asking {
		return nil
	}
	s.asking = true
	return a.checkBoard()
}

func (s *boardScreen) msg(a *app, m tea.Msg) tea.Cmd {
	switch m := m.(type) {
	case dnsMsg:
		s.asking = false
		if m.err != nil {
			s.err = m.err.Error()
			return nil
		}
		s.board, s.at, s.err = &m.board, a.now, ""
	case beatMsg:
		if a.top() == screen(s) && a.now.Unix()%s.every(a) == 0 {
			return s.check(a)
		}
	}
	return nil
}

// every is the seconds between two looks: while something moves they follow it closely.
func (s *boardScreen) every(a *app) int64 {
	moving := a.data.shown != nil && a.data.shown.Run != nil
	if b := s.board; b != nil {
		moving = moving || b.Agreed < b.Total
	}
	if moving {
		return 2
	}
	return 5
}

func (s *boardScreen) key(_ *app, k tea.KeyPressMsg) (bool, tea.Cmd) {
	return scrollKey(&s.scroll, k.String(), s.lines, s.page), nil
}

func (s *boardScreen) commands(a *app) []command {
	t := a.tr
	return []command{
		{id: "ask-board", group: t.T("Here"), screen: s.id(), title: t.T("Ask every server now"), keys: []string{"r", "enter"}, foot: t.T("foot|ask again"), help: t.T("all authoritative servers and resolvers"), run: s.check},
		{id: "names", group: t.T("Here"), screen: s.id(), title: t.T("DNS board"), keys: []string{"d"}, foot: t.T("foot|every name"), help: t.T("what every server and resolver answers for every domain"), run: func(a *app) tea.Cmd { return a.open(newDNSScreen()) }},
	}
}

func (s *boardScreen) view(a *app, w, h int) []string {
	th, t := a.th, a.tr
	if s.board == nil {
		text := th.Dim.Render(t.T("Asking every server ..."))
		if s.err != "" {
			text = th.Bad.Render(th.Glyphs.Failed + " " + a.told(s.err))
		}
		return []string{"", " " + text}
	}
	head := s.head(a, w)
	room := max(h-len(head), 0)
	lines := s.body(a, w, h)
	s.lines, s.page = len(lines), room
	return append(head, a.scrolled(&s.scroll, lines, w, room)...)
}

const (
	// wideBoard is the width from which on servers and users stand side by side.
	wideBoard = 170
	// lowBoard is the height below which findings are a line each, and told in full at the end.
	lowBoard = 30
)

// body is what scrolls below the head: findings, servers, what users find.
func (s *boardScreen) body(a *app, w, h int) []string {
	if w >= wideBoard {
		lw := (w - 3) * 11 / 20
		rw := w - 3 - lw
		left := append(s.findings(a, lw), s.servers(a, lw)...)
		right := append(s.services(a, rw), s.delegations(a, rw)...)
		n := max(len(left), len(right))
		return kit.Beside(3, kit.Fill(left, lw, n), kit.Fill(right, rw, n))
	}
	var lines []string
	if h < lowBoard {
		lines = s.brief(a, w)
	} else {
		lines = s.findings(a, w)
	}
	lines = append(append(append(lines, s.servers(a, w)...), s.services(a, w)...), s.delegations(a, w)...)
	if h < lowBoard {
		lines = append(lines, s.findings(a, w)...)
	}
	return lines
}
