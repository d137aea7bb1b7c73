package tui

import (
	"fmt"
	"strings"

	"github.com/dutyops/dutyops/failoverplan"
	"github.com/dutyops/dutyops/tui/kit"
)

// section is a heading inside a page.
func (a *app) section(title string, w int) string {
	th := a.th
	head := " " + th.Title.Render(title) + " "
	return head + th.Border.Render(strings.Repeat(th.Glyphs.H, max(w-kit.Width(head)-1, 0)))
}

// head says what the plan is, over the whole width.
func (s *planScreen) head(a *app) []string {
	th, t, p := a.th, a.tr, s.plan
	risk := planRisk(p)
	riskStyle := th.Warn
	if risk < failoverplan.R3 {
		riskStyle = th.Dim
	}
	out := []string{
		" " + th.Strong.Render(titleCase(a.kindWord(string(p.Kind)))+"  "+arrow(a, p.From, p.To)) + "   " + riskStyle.Render(string(risk)+" "+a.riskWord(risk)),
		" " + th.Dim.Render(t.T("case")+" "+a.caseWord(p.Case)+"  "+th.Glyphs.Dot+"  "+a.modeWord(string(p.Mode))+"  "+th.Glyphs.Dot+"  "+t.T("stations %s", strings.Join(p.Stations, ", "))+"  "+th.Glyphs.Dot+"  "+t.T("plan %s", short(p.Hash))),
	}
	if s.loading {
		out = append(out, " "+th.Dim.Render(t.T("Reading the world and planning ...")))
	}
	if n := len(p.Blocked()); n > 0 {
		out = append(out, "", " "+th.Bad.Render(th.Glyphs.Failed+" "+t.T("Gates that refuse: %d. Nothing can start.", n)))
	}
	return append(out, "")
}

// left is the page's first part: why, what to expect, gates, records.
func (s *planScreen) left(a *app, w int) []string {
	th, t, p := a.th, a.tr, s.plan
	out := append(s.gates(a, w, false), s.nameLines(a, w)...)
	if len(p.Because) > 0 {
		out = append(out, a.section(t.T("Because"), w))
		for _, b := range p.Because {
			for _, l := range kit.Bullet(th.Glyphs.Bullet, a.told(b), w-2) {
				out = append(out, " "+l)
			}
		}
		out = append(out, "")
	}
	out = append(out, a.section(t.T("What to expect"), w))
	for _, e := range expectations(a, p) {
		for _, l := range kit.Bullet(th.Glyphs.Bullet, e, w-2) {
			out = append(out, " "+l)
		}
	}
	out = append(out, "")
	for _, z := range p.DNS {
		out = append(out, a.section(t.T("Records of %s (%s)", z.Zone, z.Provider), w))
		out = append(out, a.diffLines(z, w)...)
		out = append(out, a.cardLines(p, z.Provider, w)...)
		out = append(out, "")
	}
	return append(out, s.gates(a, w, true)...)
}

// gates lists the gates that passed, or those that refuse with what would clear them.
func (s *planScreen) gates(a *app, w int, passed bool) []string {
	title := a.tr.T("Gates that refuse")
	if passed {
		title = a.tr.T("Gates")
	}
	out := []string{a.section(title, w)}
	for _, g := range s.plan.Gates {
		if g.Passed == passed {
			out = append(out, a.gateLines(g, w)...)
		}
	}
	if len(out) == 1 {
		return nil
	}
	return append(out, "")
}

// expectations words the effect of a plan from the plan itself: who moves, how long old
// answers live, what the way back is.
func expectations(a *app, p *failoverplan.Plan) []string {
	t := a.tr
	var ttl uint32
	for _, z := range p.DNS {
		for _, c := range z.Changes {
			ttl = max(ttl, c.Before.TTL)
		}
	}
	feeds, stores, undo := 0, 0, 0
	for _, s := range p.Steps {
		switch s.Action {
		case failoverplan.ActAttachFeed:
			feeds++
		case failoverplan.ActPromote:
			stores++
		default:
		}
		if s.Undo != "" && s.Phase != failoverplan.PhaseCommit {
			undo++
		}
	}
	var out []string
	if p.Records() > 0 {
		out = append(out,
			t.T("users of %s reach %s", strings.Join(p.Stations, ", "), p.To),
			t.T("resolvers may answer %s for %d s more (the old TTL)", p.From, ttl))
		out = append(out, providerLines(a, p)...)
	}
	if feeds > 0 {
		out = append(out, t.T("the upstream moves to %s", p.To))
	} else {
		out = append(out, t.T("the upstream stays where it is"))
	}
	if stores > 0 {
		out = append(out, t.T("%d stores of %s take writes", stores, p.To))
	}
	if n := p.Wait(); n > 0 {
		out = append(out, t.T("first a wait of %s, while users stay where they are", kit.Millis(int64(n)*1000)))
	}
	for _, s := range p.Steps {
		if s.Phase == failoverplan.PhaseCommit {
			out = append(out, t.T("TTLs stay short until the run is committed"))
			break
		}
	}
	return append(out, t.T("way back: roll back undoes %d steps, last first", undo))
}

// diffLines shows every record set before and after. Where there is room one line each.
func (a *app) diffLines(z failoverplan.ZoneChange, w int) []string {
	th := a.th
	nameW, valW := 0, 0
	for _, c := range z.Changes {
		nameW = max(nameW, kit.Width(c.Before.Name), kit.Width(c.After.Name))
		valW = max(valW, kit.Width(values(c.Before)), kit.Width(values(c.After)))
	}
	var out []string
	last := ""
	for _, c := range z.Changes {
		name := c.After.Name
		if name == "" {
			name = c.Before.Name
		}
		shown := name
		if name == last {
			shown = ""
		}
		last = name
		ttl := fmt.Sprintf("TTL %d", c.After.TTL)
		if c.Before.TTL != c.After.TTL {
			ttl = fmt.Sprintf("TTL %d %s %d", c.Before.TTL, th.Glyphs.Arrow, c.After.TTL)
		}
		after := values(c.After)
		if after == "" {
			after = a.tr.T("(removed)")
		}
		need := 1 + nameW + 6 + 2*valW + 4 + 2 + kit.Width(ttl)
		if need <= w {
			var l kit.Line
			l = l.Add(th.Text, " "+kit.Pad(shown, nameW)+" ").Add(th.Dim, kit.Pad(c.After.Type, 5))
			l = l.Add(th.Removed, kit.Pad(values(c.Before), valW)).Add(th.Faint, " "+th.Glyphs.Arrow+" ").Add(th.Added.Bold(true), kit.Pad(after, valW)).Add(th.Faint, "  "+ttl)
			out = append(out, l.Draw(w, nil))
			continue
		}
		if shown != "" {
			out = append(out, " "+th.Text.Render(name))
		}
		out = append(out,
			"   "+th.Dim.Render(kit.Pad(c.After.Type, 5))+th.Removed.Render("- "+values(c.Before)),
			"   "+strings.Repeat(" ", 5)+th.Added.Bold(true).Render("+ "+after)+"  "+th.Faint.Render(ttl))
	}
	return out
}

func values(r failoverplan.RecordSet) string { return strings.Join(r.Values, " ") }

// parallel says whether a neighbour runs in the same group as step i.
func parallel(steps []failoverplan.Step, i int) bool {
	same := func(k int) bool {
		return k >= 0 && k < len(steps) && steps[k].Group == steps[i].Group && steps[k].Phase == steps[i].Phase
	}
	return steps[i].Group > 0 && (same(i-1) || same(i+1))
}

// steps is the page's second part: what happens in which order, and the way back.
func (s *planScreen) steps(a *app, w int) []string {
	th, t := a.th, a.tr
	var out []string
	phases := make([]string, len(s.plan.Steps))
	for i, st := range s.plan.Steps {
		phases[i] = string(st.Phase)
	}
	titles := a.sectionTitles(phases)
	for i, st := range s.plan.Steps {
		if titles[i] != "" {
			if i > 0 {
				out = append(out, "")
			}
			out = append(out, a.section(titles[i], w))
		}
		riskStyle := th.Faint
		if st.Risk >= failoverplan.R3 {
			riskStyle = th.Warn
		}
		tags := ""
		if st.Phase == failoverplan.PhaseCommit {
			tags += "  " + t.T("not before the commit")
		}
		if st.BestEffort {
			tags += "  " + t.T("best effort")
		}
		if parallel(s.plan.Steps, i) {
			tags += "  " + t.T("in parallel")
		}
		lines := kit.Wrap(a.told(st.Title), w-8)
		for k, text := range lines {
			var l kit.Line
			if k == 0 {
				l = l.Add(th.Faint, fmt.Sprintf(" %2d ", i+1)).Add(riskStyle, kit.Pad(string(st.Risk), 3))
			} else {
				l = l.Add(th.Text, strings.Repeat(" ", 7))
			}
			l = l.Add(th.Text, text)
			if k == len(lines)-1 && l.Width()+kit.Width(tags) < w {
				l, tags = l.Add(th.Faint, tags), ""
			}
			out = append(out, l.Draw(w, nil))
		}
		if tags != "" {
			out = append(out, "     "+th.Faint.Render(tags))
		}
		if st.Why != "" {
			for _, x := range kit.Wrap(a.told(st.Why), w-9) {
				out = append(out, strings.Repeat(" ", 7)+th.Dim.Render(x))
			}
		}
		if st.Undo != "" {
			out = append(out, strings.Repeat(" ", 7)+th.Faint.Render(kit.Cut(t.T("way back: %s", a.told(st.Undo)), w-8)))
		}
	}
	return out
}
