package tui

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"charm.land/lipgloss/v2"

	"github.com/dutyops/dutyops/backend"
	"github.com/dutyops/dutyops/tui/kit"
)

// head is how far the change has come, in bars that stand one above the other, and when
// the old answers end. It does not scroll.
func (s *boardScreen) head(a *app, w int) []string {
	th, t, b := a.th, a.tr, s.board
	barW := min(max(w/4, 12), 48)
	row := func(label string, n, all int, tail string) string {
		style := th.Good
		switch {
		case n == 0:
			style = th.Bad
		case n < all:
			style = th.Warn
		}
		percent := 100
		if all > 0 {
			percent = n * 100 / all
		}
		l := kit.Line{}.Add(th.Dim, " "+kit.Pad(label, 14))
		if all == 0 {
			return l.Add(th.Faint, t.T("nothing to ask")).Draw(w, nil)
		}
		l = l.Add(style, kit.Bar(float64(n), float64(all), barW, th.Glyphs.Full, th.Glyphs.Empty))
		l = l.Add(th.Strong, kit.PadLeft(fmt.Sprintf("%d %%", percent), 7)).Add(th.Dim, kit.PadLeft(fmt.Sprintf("%d/%d", n, all), 11))
		return l.Add(th.Dim, "   "+tail).Draw(w, nil)
	}
	out := []string{
		row(t.T("authoritative"), b.Authoritative.New, b.Authoritative.Total, ""),
		row(t.T("resolvers"), b.Resolvers.New, b.Resolvers.Total, ""),
	}
	if x := b.Services; x != nil {
		families := fmt.Sprintf("IPv4 %d/%d   IPv6 %d/%d", x.IPv4.OK, x.IPv4.Total, x.IPv6.OK, x.IPv6.Total)
		out = append(out, row(t.T("users served"), x.IPv4.OK+x.IPv6.OK, x.IPv4.Total+x.IPv6.Total, families))
	}
	return append(out, s.tail(a, w), "")
}

// tail is when the old answers end, as far as it can be told; a calm line when none is old.
func (s *boardScreen) tail(a *app, w int) string {
	th, t, f := a.th, a.tr, s.board.Forecast
	clock := func(x time.Time) string { return kit.Clock(x, a.now) }
	l := kit.Line{}.Add(th.Dim, " "+kit.Pad(t.T("old answers"), 14))
	switch {
	case f.At100.IsZero():
		l = l.Add(th.Good, t.T("none that is known"))
	case f.AtLeast:
		l = l.Add(th.Warn, t.T("at least until %s", clock(f.At100)))
	default:
		l = l.Add(th.Warn, t.T("until %s", clock(f.At100)))
	}
	add := func(style lipgloss.Style, text string) {
		if room := w - l.Width() - 3; kit.Width(text) <= room {
			l = l.Add(th.Text, "   ").Add(style, text)
		}
	}
	if f.Open > 0 {
		add(th.Odd, t.T("%d answers not known", f.Open))
	}
	if !f.At50.IsZero() {
		add(th.Dim, "50 % "+clock(f.At50))
	}
	if !f.At90.IsZero() {
		add(th.Dim, "90 % "+clock(f.At90))
	}
	if !f.Others.IsZero() {
		add(th.Dim, t.T("everybody who keeps to TTLs: %s", clock(f.Others)))
	}
	if s.err != "" {
		add(th.Warn, t.T("data of %s", clock(s.at))+": "+a.told(s.err))
	}
	return l.Draw(w, nil)
}

// findings are what is wrong, worst first: what, where, and the next step.
func (s *boardScreen) findings(a *app, w int) []string {
	if len(s.board.Findings) == 0 {
		return nil
	}
	lines := []string{a.section(a.tr.T("What is wrong"), w)}
	for _, f := range s.board.Findings {
		lines = append(lines, a.findingLines(f, w)...)
	}
	return append(lines, "")
}

// findingLines draw one finding in the console's language.
func (a *app) findingLines(f backend.DNSFinding, w int) []string {
	th := a.th
	text, do := f.In(a.said)
	lines := []string{a.findingMark(f).Draw(w, nil)}
	for _, part := range kit.Wrap(kit.Clean(text), w-6) {
		lines = append(lines, "    "+part)
	}
	for _, part := range kit.Wrap(do, w-6) {
		lines = append(lines, "    "+th.Dim.Render(part))
	}
	return lines
}

// findingMark is a finding's shape, kind and place.
func (a *app) findingMark(f backend.DNSFinding) kit.Line {
	th := a.th
	mark := th.Glyphs.Degraded
	switch f.Level {
	case "bad":
		mark = th.Glyphs.Down
	case "note":
		mark = th.Glyphs.Dot
	}
	l := kit.Line{}.Add(th.Level(f.Level), "  "+mark+" "+f.Kind)
	if where := cmp.Or(f.Server, f.Zone); where != "" {
		l = l.Add(th.Text, "  "+kit.Clean(where))
	}
	return l
}

// brief is a line for each finding, where there is no room for more.
func (s *boardScreen) brief(a *app, w int) []string {
	if len(s.board.Findings) == 0 {
		return nil
	}
	var lines []string
	for _, f := range s.board.Findings {
		text, _ := f.In(a.said)
		l := a.findingMark(f).Add(a.th.Dim, "  "+kit.Clean(text))
		lines = append(lines, kit.Cut(l.Draw(max(w, l.Width()), nil), w))
	}
	return append(lines, "")
}

// said words a sentence of the engine's findings.
func (a *app) said(sentence string) string { return a.tr.T("say|" + sentence) }

// servers are the authoritative servers, by zone, and the resolvers.
func (s *boardScreen) servers(a *app, w int) []string {
	t := a.tr
	nameW := 14
	for _, l := range s.board.Servers {
		nameW = max(nameW, kit.Width(l.Server))
	}
	nameW = min(nameW, max(w/4, 14))
	var lines []string
	was := "?"
	for _, l := range s.board.Servers {
		title := t.T("Resolvers")
		if l.Zone != "" {
			title = t.T("Servers of %s", l.Zone)
		}
		if title != was {
			if was != "?" {
				lines = append(lines, "")
			}
			lines = append(lines, a.section(title, w))
			was = title
		}
		lines = append(lines, a.serverLine(l, nameW, w))
	}
	return append(lines, "")
}

// serverState words a server's state and gives its shape.
func (a *app) serverState(l backend.DNSServer) (word, mark string, style lipgloss.Style) {
	th, t, g := a.th, a.tr, a.th.Glyphs
	switch l.State {
	case "ok":
		return t.T("up to date"), g.Up, th.Good
	case "old":
		if !l.OldUntil.IsZero() {
			return t.T("old until %s", kit.Clock(l.OldUntil, a.now)), g.Stale, th.Warn
		}
		return t.T("old answers"), g.Stale, th.Warn
	case "lagging":
		return t.T("%d behind", l.Behind), g.Degraded, th.Warn
	case "lame":
		return t.T("without authority"), g.Down, th.Bad
	case "silent":
		style = th.Bad
		if l.Role == "resolver" {
			style = th.Warn
		}
		return t.T("no answer"), g.Unknown, style
	}
	return t.T("other answers"), g.Degraded, th.Warn
}

// traitWord says how a resolver keeps answers longer than their TTL.
func (a *app) traitWord(trait string) string {
	switch t := a.tr; trait {
	case "ttl-stretched":
		return t.T("stretches TTLs")
	case "serve-stale":
		return t.T("serves expired answers")
	case "keeps-old":
		return t.T("keeps old answers too long")
	}
	return trait
}

func (a *app) serverLine(l backend.DNSServer, nameW, w int) string {
	th, t := a.th, a.tr
	word, mark, style := a.serverState(l)
	out := kit.Line{}.Add(style, "  "+mark+" ").Add(th.Text, kit.Pad(kit.Clean(l.Server), nameW)+"  ").Add(style, kit.Pad(word, 19))
	count := th.Dim
	if l.New < l.Total {
		count = th.Strong
	}
	out = out.Add(count, kit.PadLeft(fmt.Sprintf("%d/%d", l.New, l.Total), 9))
	add := func(style lipgloss.Style, text string, width int) {
		if text = kit.Pad(text, max(width, kit.Width(text))); out.Width()+2+kit.Width(strings.TrimRight(text, " ")) <= w {
			out = out.Add(th.Text, "  ").Add(style, text)
		}
	}
	switch {
	case l.Trait != "":
		add(th.Warn, a.traitWord(l.Trait), 0)
	case l.Role == "resolver":
	case l.Serial != 0:
		add(th.Faint, t.T("serial %d", l.Serial), 17)
	default:
		add(th.Faint, "", 17)
	}
	if l.TCP == "fail" {
		add(th.Bad, t.T("no TCP"), 0)
	}
	if l.Found {
		add(th.Warn, t.T("not in the configuration"), 0)
	}
	if !l.SignedUntil.IsZero() {
		add(th.Faint, t.T("signed until %s", kit.Clock(l.SignedUntil, a.now)), 0)
	}
	if l.Host != "" {
		add(th.Faint, kit.Clean(l.Host), 0)
	}
	if l.Silent == l.Total && l.Error != "" {
		add(th.Faint, a.told(l.Error), 0)
	} else if l.RTTms > 0 {
		add(th.Faint, kit.Latency(l.RTTms), 0)
	}
	return out.Draw(w, nil)
}

// services are what users find at each name, IPv4 and IPv6.
func (s *boardScreen) services(a *app, w int) []string {
	th, t, x := a.th, a.tr, s.board.Services
	if x == nil || len(x.Lines) == 0 {
		return nil
	}
	nameW, addrW, siteW := 12, 12, 6
	for _, l := range x.Lines {
		nameW, addrW, siteW = max(nameW, kit.Width(l.Name)), max(addrW, kit.Width(l.Address)), max(siteW, kit.Width(l.Site))
	}
	nameW, addrW, siteW = min(nameW, max(w/3, 12)), min(addrW, 28), min(siteW, 12)
	lines := []string{a.section(t.T("What users find at the names"), w)}
	was := ""
	for _, l := range x.Lines {
		name := l.Name
		if name == was {
			name = ""
		}
		was = l.Name
		lines = append(lines, a.serviceLine(l, name, nameW, addrW, siteW, w))
	}
	if x.NotAsked > 0 {
		lines = append(lines, "  "+th.Faint.Render(t.T("%d calls are left for the next look", x.NotAsked)))
	}
	return append(lines, "")
}

func (a *app) serviceLine(l backend.DNSServiceLine, name string, nameW, addrW, siteW, w int) string {
	th, t, g := a.th, a.tr, a.th.Glyphs
	mark, style := g.Up, th.Good
	word := fmt.Sprint(l.Status)
	switch l.State {
	case "ok":
	case "not-asked":
		mark, style, word = g.Unknown, th.Odd, t.T("not asked")
	case "status":
		mark, style = g.Degraded, th.Bad
	case "other-site":
		mark, style = g.Degraded, th.Warn
	case "tls":
		mark, style, word = g.Down, th.Bad, "TLS"
	default:
		mark, style, word = g.Down, th.Bad, t.T("no answer")
	}
	out := kit.Line{}.Add(th.Text, "  "+kit.Pad(kit.Clean(name), nameW)+"  ").Add(style, mark+" ")
	out = out.Add(th.Text, kit.Pad(l.Address, addrW)+"  ").Add(th.Strong, kit.Pad(kit.Clean(l.Site), siteW)+"  ").Add(style, kit.Pad(word, 9))
	through := t.T("no resolver yet")
	if len(l.Through) > 0 {
		through = t.T("through %s", strings.Join(l.Through, ", "))
	}
	tail := through
	if l.State == "other-site" {
		tail = t.T("answered by %s", kit.Clean(l.ServedBy)) + "  " + through
	}
	if l.Error != "" && l.State != "status" {
		tail = through + "  " + a.told(l.Error)
	}
	return out.Add(th.Faint, "  "+tail).Draw(w, nil)
}

// delegations are the name servers according to the parent and to the zone itself.
func (s *boardScreen) delegations(a *app, w int) []string {
	th, t := a.th, a.tr
	var lines []string
	for _, d := range s.board.Delegations {
		lines = append(lines, a.section(t.T("Name servers of %s", d.Zone), w))
		for _, n := range d.Servers {
			by, style := t.T("parent and zone"), th.Faint
			switch {
			case d.Parent == nil:
				by = t.T("the parent is not known")
			case d.Child == nil:
				by = t.T("the zone does not say")
			case !n.Child:
				by, style = t.T("only the parent"), th.Warn
			case !n.Parent:
				by, style = t.T("only the zone"), th.Warn
			}
			var at []string
			for _, x := range n.Addresses {
				at = append(at, x.Address)
			}
			l := kit.Line{}.Add(th.Text, "  "+kit.Pad(kit.Clean(n.Name), min(32, w/3))+"  ").Add(style, kit.Pad(by, 23)+"  ")
			lines = append(lines, l.Add(th.Faint, strings.Join(at, " ")).Draw(w, nil))
		}
		lines = append(lines, "")
	}
	return lines
}
