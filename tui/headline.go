package tui

import (
	"strings"
	"time"

	"github.com/dutyops/dutyops/backend"
	"github.com/dutyops/dutyops/failoverplan"
	"github.com/dutyops/dutyops/tui/kit"
)

// headline answers "what is broken, since when, whom does it hurt" and what to do, in
// one line when all is well and two when not.
func (a *app) headline(w int) []string {
	t, th := a.tr, a.th
	g := th.Glyphs
	st := a.data.shown
	if st == nil || st.Warming {
		total, answered := a.progress()
		text := t.T("Warming up: asking every target for the first time.")
		if total > 0 {
			text = t.T("Warming up: %d of %d targets have answered.", answered, total)
		}
		return []string{kit.Pad(" "+th.State(failoverplan.Stale).Render(g.Stale)+" "+th.Strong.Render(text), w)}
	}
	who := strings.Join(stationsOf(st), ", ")
	if st.Case == failoverplan.CaseNormal && (st.Advice.Action == "" || st.Advice.Action == "none") {
		bad := a.unwell(st)
		if len(bad) == 0 {
			return []string{kit.Pad(" "+th.Good.Render(g.Up)+" "+th.Strong.Render(t.T("All well."))+th.Dim.Render(" "+t.T("%s serves %s.", st.ServingSite, who))+a.usersText(), w)}
		}
		text := th.Strong.Render(t.T("%s serves %s.", st.ServingSite, who)) + th.Dim.Render(" "+t.T("Not well: %s", strings.Join(bad, ", ")))
		return []string{kit.Pad(" "+th.Warn.Render(g.Degraded)+" "+text+a.usersText(), w)}
	}
	what, since := a.caseSentence(st)
	style, mark := th.Bad, g.Down
	switch st.Case {
	case failoverplan.CaseNormal:
		style, mark = th.Good, g.Up
		what = t.T("%s serves %s.", st.ServingSite, who)
	case failoverplan.CaseIsolated:
		style, mark = th.Odd, g.Unknown
	case failoverplan.CaseBusinessDown, failoverplan.CaseDataDown, failoverplan.CaseSiteDown:
	}
	line := " " + style.Render(mark+" "+what)
	if !since.IsZero() {
		line += th.Text.Render(" " + t.T("since %s (%s)", kit.Clock(since, a.now), kit.Age(a.now.Sub(since))))
	}
	if st.Case != failoverplan.CaseNormal && who != "" {
		line += th.Dim.Render("  " + t.T("users at %s", who))
	}
	line += a.usersText()
	advice := " " + th.Accent.Render(g.Arrow) + " " + th.Strong.Render(a.adviceSentence(st.Advice))
	switch {
	case len(st.Advice.BlockedBy) > 0:
		b := st.Advice.BlockedBy[0]
		advice += th.Dim.Render(" "+t.T("Blocked: ")) + th.Text.Render(a.told(b.Evidence))
	case adviceKey(st.Advice) != "" && st.Run == nil:
		advice += th.Dim.Render("   "+t.T("press")+" ") + th.Key.Bold(true).Render(adviceKey(st.Advice)) + th.Dim.Render(" "+t.T("to review the plan"))
	case len(st.Advice.Because) > 0:
		advice += " " + th.Dim.Render(a.told(st.Advice.Because[0]))
	}
	return []string{kit.Pad(line, w), kit.Pad(advice, w)}
}

// progress counts targets and those that have answered, while warming.
func (a *app) progress() (total, answered int) {
	if a.data.shown == nil {
		return 0, 0
	}
	for _, s := range a.data.shown.Sites {
		for _, c := range siteParts(s) {
			total++
			if c.State != failoverplan.Unknown {
				answered++
			}
		}
	}
	return total, answered
}

// unwell names what is not up at the sites that matter, worst first, at most three.
func (a *app) unwell(st *backend.Status) []string {
	var out []string
	more := 0
	for _, state := range []failoverplan.State{failoverplan.Down, failoverplan.Unknown, failoverplan.Stale, failoverplan.Degraded} {
		for _, s := range st.Sites {
			for _, c := range siteParts(s) {
				if c.State != state {
					continue
				}
				if len(out) == 3 {
					more++
					continue
				}
				out = append(out, c.Target+" "+a.stateWord(c.State))
			}
		}
	}
	if more > 0 {
		out = append(out, a.tr.T("%d more", more))
	}
	return out
}

// caseSentence words the case and finds when it began.
func (a *app) caseSentence(st *backend.Status) (string, time.Time) {
	t := a.tr
	began := func(site, platform string) time.Time {
		for _, s := range st.Sites {
			if s.Name != site {
				continue
			}
			for _, p := range s.Platforms {
				if p.Name == platform && p.State == failoverplan.Down {
					return p.Since
				}
			}
			if s.Gateway.State == failoverplan.Down {
				return s.Gateway.Since
			}
		}
		return time.Time{}
	}
	switch st.Case {
	case failoverplan.CaseBusinessDown:
		return t.T("Business platform down at %s", st.ServingSite), began(st.ServingSite, "business")
	case failoverplan.CaseDataDown:
		return t.T("Data platform down at %s", st.DataSite), began(st.DataSite, "data")
	case failoverplan.CaseSiteDown:
		return t.T("Site %s is down", st.ServingSite), began(st.ServingSite, "business")
	case failoverplan.CaseIsolated:
		return t.T("We cannot see enough to judge"), time.Time{}
	case failoverplan.CaseNormal:
		return "", time.Time{}
	default:
		return string(st.Case), time.Time{}
	}
}

// usersText is what the sandbox's users see, empty elsewhere.
func (a *app) usersText() string {
	u := a.data.users
	if u == nil || a.w < 100 {
		return ""
	}
	th := a.th
	if u.Now == "none" {
		return th.Bad.Render("  " + a.tr.T("users are not served"))
	}
	return th.Dim.Render("  " + a.tr.T("users are served by %s", u.Now))
}
