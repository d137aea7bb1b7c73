package tui

import (
	"fmt"
	"strings"
	"time"

	"github.com/dutyops/dutyops/backend"
	"github.com/dutyops/dutyops/tui/kit"
)

// domainLine is one name over all its record types.
type domainLine struct {
	name, station string
	types         []string
	points        string
	auth, authAll int
	res, resAll   int
	oldUntil      time.Time
	failed        int
	// said holds, per server, whether every answer of it agrees so far.
	said map[string]bool
}

// domainLines sums up the answers per name: how many servers say what the name points at.
func domainLines(ds []backend.DomainStatus) []domainLine {
	var out []domainLine
	for _, d := range ds {
		i := -1
		for k := range out {
			if out[k].name == d.Name {
				i = k
			}
		}
		if i < 0 {
			out = append(out, domainLine{name: d.Name, station: d.Station, points: d.PointsAt})
			i = len(out) - 1
		} else if out[i].points != d.PointsAt {
			out[i].points = "mixed"
		}
		l := &out[i]
		l.types = append(l.types, d.Type)
		for _, s := range d.Authoritative {
			l.hear("a "+s.Server, s, d.PointsAt)
		}
		for _, s := range d.Resolvers {
			l.hear("r "+s.Server, s, d.PointsAt)
		}
	}
	for i := range out {
		out[i].sum()
	}
	return out
}

// hear takes one server's answer in: a server agrees when all its answers do.
func (l *domainLine) hear(key string, s backend.ServerAnswer, want string) {
	if l.said == nil {
		l.said = map[string]bool{}
	}
	agrees := s.Error == "" && s.OldUntil == nil && s.Site == want
	was, seen := l.said[key]
	l.said[key] = agrees && (was || !seen)
	if s.Error != "" && (!seen || was) {
		l.failed++
	}
	if s.OldUntil != nil && s.OldUntil.After(l.oldUntil) {
		l.oldUntil = *s.OldUntil
	}
}

func (l *domainLine) sum() {
	for key, agrees := range l.said {
		all, n := &l.authAll, &l.auth
		if key[0] == 'r' {
			all, n = &l.resAll, &l.res
		}
		*all++
		if agrees {
			*n++
		}
	}
}

// feedLine tells where the upstream feeds go; titles give way to names where they do not fit.
func (a *app) feedLine(w int) string {
	l := a.feeds(true)
	if l.Width() > w {
		l = a.feeds(false)
	}
	return l.Draw(w, nil)
}

func (a *app) feeds(titles bool) kit.Line {
	th := a.th
	st := a.data.shown
	var l kit.Line
	l = l.Add(th.Text, " ").Add(th.Dim, kit.Pad(a.tr.T("Upstream"), 10))
	if st == nil {
		return l
	}
	for i, f := range st.Feeds {
		if i > 0 {
			l = l.Add(th.Text, "   ")
		}
		name := f.Name
		if titles && f.Title != "" {
			name = f.Title
		}
		l = l.Add(th.Text, kit.Clean(name)).Add(th.Faint, " "+th.Glyphs.Arrow+" ")
		switch {
		case !f.Known:
			l = l.Add(th.Odd, th.Glyphs.Unknown+" "+a.tr.T("not known"))
		case f.Attached == "":
			l = l.Add(th.Warn, th.Glyphs.Degraded+" "+a.tr.T("detached"))
		default:
			l = l.Add(th.Strong, f.Attached)
		}
	}
	return l
}

// dnsPanel draws where users are sent, by everybody who answers for it.
func (a *app) dnsPanel(w, h int, boxed, focused bool) []string {
	th := a.th
	p := kit.Panel{Theme: th, Title: th.Title.Render(a.tr.T("Domains and upstream")), Boxed: boxed, Focused: focused}
	iw, ih := p.Inner(w, h)
	var ds []domainLine
	if a.data.shown != nil {
		ds = domainLines(a.data.shown.Domains)
	}
	room := max(ih-1, 0)
	var lines []string
	hidden := 0
	if len(ds) > room {
		hidden = len(ds) - room
	}
	nameW := 16
	for _, d := range ds {
		nameW = max(nameW, kit.Width(d.name))
	}
	nameW = min(nameW, max(iw/3, 16))
	for i, d := range ds {
		if i >= room {
			break
		}
		lines = append(lines, a.domainRow(d, nameW, iw))
	}
	feed := a.feedLine(iw)
	if hidden > 0 {
		more := th.Faint.Render(a.tr.T("+%d more", hidden) + " ")
		feed = kit.Spread(strings.TrimRight(feed, " "), more, iw)
	}
	if ih > 0 {
		lines = append(lines, feed)
	}
	return p.Draw(lines, w, h)
}

func (a *app) domainRow(d domainLine, nameW, w int) string {
	th, t := a.th, a.tr
	g := th.Glyphs
	var l kit.Line
	l = l.Add(th.Text, " ").Add(th.Text, kit.Pad(d.name, nameW))
	if w >= 90 {
		l = l.Add(th.Faint, kit.Pad("  "+d.station, 6)).Add(th.Faint, kit.Pad(strings.Join(d.types, " "), 8))
	}
	l = l.Add(th.Faint, " "+g.Arrow+" ")
	switch d.points {
	case "":
		l = l.Add(th.Odd, kit.Pad(g.Unknown+" "+t.T("not known"), 11))
	case "mixed":
		l = l.Add(th.Warn, kit.Pad(g.Degraded+" "+t.T("mixed"), 11))
	case "foreign":
		l = l.Add(th.Bad, kit.Pad(g.Down+" "+t.T("foreign"), 11))
	default:
		l = l.Add(th.Strong, kit.Pad(d.points, 11))
	}
	count := func(label string, n, all int) {
		style := th.Dim
		if n < all {
			style = th.Warn
		}
		l = l.Add(th.Faint, " "+label+" ").Add(style, fmt.Sprintf("%d/%d", n, all))
	}
	if w >= 66 {
		count(t.T("authoritative"), d.auth, d.authAll)
		l = l.Add(th.Text, "  ")
		count(t.T("resolvers"), d.res, d.resAll)
	} else {
		count(t.T("auth"), d.auth, d.authAll)
		count(t.T("res"), d.res, d.resAll)
	}
	if !d.oldUntil.IsZero() {
		l = l.Add(th.Warn, "  "+t.T("old until %s", d.oldUntil.In(a.now.Location()).Format("15:04:05")))
	}
	if d.failed > 0 {
		l = l.Add(th.Odd, "  "+t.T("%d silent", d.failed))
	}
	return l.Draw(w, nil)
}
