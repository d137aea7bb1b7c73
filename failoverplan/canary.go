package failoverplan

import (
	"fmt"
	"slices"
	"strings"
)

// canary picks the names of the plan that are switched first, and says what that costs.
func canary(r Request, p *Plan) {
	moved := set(p.Moved())
	for _, n := range r.Canary {
		if moved[n] {
			p.Canary = append(p.Canary, n)
		}
	}
	if len(p.Canary) == 0 {
		return
	}
	zones := 0
	for _, z := range p.DNS {
		if first := p.part(z, true); len(first.Changes) > 0 && len(first.Changes) < len(z.Changes) {
			zones++
		}
	}
	p.Because = append(p.Because, fmt.Sprintf("canary first: %s; the rest is written when its authoritative servers have answered: one more request, for %d of the writes", strings.Join(p.Canary, ", "), zones))
}

// part is the change of a zone's canary names, or that of all others.
func (p *Plan) part(z ZoneChange, first bool) ZoneChange {
	if len(p.Canary) == 0 && !first {
		return z
	}
	all := z.Changes
	z.Changes = nil
	for _, c := range all {
		if slices.Contains(p.Canary, c.After.Name) == first {
			z.Changes = append(z.Changes, c)
		}
	}
	return z
}

// canarySteps switch the canary names and prove them. A failure stops the run with
// everything else as it was; what becomes of the canary says OnFail.
func canarySteps(b *builder, p *Plan, to string) {
	var zs []ZoneChange
	for _, z := range p.DNS {
		if z = p.part(z, true); len(z.Changes) > 0 {
			zs = append(zs, z)
		}
	}
	b.next()
	for _, z := range zs {
		b.add(Step{
			Phase: PhaseSwitch, Action: ActSwitchDNS, Risk: R3, Site: to, Zone: z.Zone, Provider: z.Provider, AnyOf: z.anyOf(), Canary: true,
			Title: fmt.Sprintf("Canary: point %d record sets of %s at %s", len(z.Changes), z.where(), to), Undo: "write the exact previous values and TTLs", OnFail: p.OnFailedWrite,
			Why: "what would fail for all fails for these names alone",
		})
	}
	b.next()
	for _, z := range zs {
		b.add(Step{
			Phase: PhaseSwitch, Action: ActVerifyAuthoritative, Risk: R0, Site: to, Zone: z.Zone, Provider: z.Provider, AnyOf: z.anyOf(), Canary: true,
			Title: fmt.Sprintf("Canary: every authoritative server of %s answers with %s", z.where(), to), OnFail: p.OnFailedWrite,
		})
	}
}

// CanaryChange is the change of the canary names of a step's zone and provider.
func (p *Plan) CanaryChange(s Step) ZoneChange {
	for _, z := range p.DNS {
		if z.Zone == s.Zone && z.Provider == s.Provider {
			return p.part(z, true)
		}
	}
	return ZoneChange{Zone: s.Zone, Provider: s.Provider}
}
