package tui

import (
	"slices"
	"strings"

	"github.com/dutyops/dutyops/backend"
	"github.com/dutyops/dutyops/failoverplan"
	"github.com/dutyops/dutyops/tui/kit"
)

// providerLines say which providers of a plan are away, and what that means.
func providerLines(a *app, p *failoverplan.Plan) []string {
	var out []string
	for _, x := range p.Away {
		out = append(out, a.tr.T("%s does not tell the records of %s: the other provider goes on, and a resume makes them equal", x.Provider, x.Zone))
	}
	return out
}

// differLines tell that the providers of a name's zone do not say the same, and the one
// command that makes them equal.
func (a *app) differLines(d backend.DomainStatus, w int) []string {
	if len(d.ByProvider) == 0 {
		return nil
	}
	th := a.th
	var parts []string
	for _, p := range d.ByProvider {
		site := p.Site
		if site == "" {
			site = a.tr.T("not known")
		}
		parts = append(parts, p.Provider+" "+th.Glyphs.Arrow+" "+site+" ("+strings.Join(p.Values, " ")+")")
	}
	var out []string
	for _, l := range kit.Wrap(a.tr.T("the providers differ: %s", strings.Join(parts, ", ")), w-4) {
		out = append(out, "  "+th.Warn.Render(l))
	}
	for _, l := range kit.Wrap(a.tr.T("make them equal: %s", d.EvenBy), w-4) {
		out = append(out, "  "+th.Dim.Render(l))
	}
	return out
}

// cardLines say what the provider of these records can be relied on for.
func (a *app) cardLines(p *failoverplan.Plan, provider string, w int) []string {
	i := slices.IndexFunc(p.Cards, func(c failoverplan.Card) bool { return c.Provider == provider })
	if i < 0 {
		return nil
	}
	c := p.Cards[i]
	style := a.th.Faint
	if !c.Atomic {
		style = a.th.Warn
	}
	var out []string
	for _, l := range kit.Wrap(c.Kind+": "+c.Terms(a.tr.T), w-2) {
		out = append(out, " "+style.Render(l))
	}
	return out
}
