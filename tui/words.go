package tui

import (
	"fmt"
	"strings"

	"github.com/dutyops/dutyops/backend"
	"github.com/dutyops/dutyops/failoverplan"
	"github.com/dutyops/dutyops/tui/kit"
)

// The words of the domain. Values this face does not know are shown as they are.

func (a *app) word(context, v string) string {
	key := context + "|" + v
	if a.tr.Lang() != "en" && a.tr.Has(key) {
		return a.tr.T(key)
	}
	return v
}

func (a *app) stateWord(s failoverplan.State) string  { return a.word("state", string(s)) }
func (a *app) caseWord(c failoverplan.Case) string    { return a.word("case", string(c)) }
func (a *app) roleWord(r string) string               { return a.word("role", r) }
func (a *app) platformWord(p string) string           { return a.word("platform", p) }
func (a *app) phaseWord(p string) string              { return a.word("phase", p) }
func (a *app) kindWord(k string) string               { return a.word("kind", k) }
func (a *app) modeWord(m string) string               { return a.word("mode", m) }
func (a *app) stepWord(s string) string               { return a.word("step", s) }
func (a *app) runStateWord(s backend.RunState) string { return a.word("run", string(s)) }
func (a *app) syncWord(s string) string               { return a.word("sync", s) }
func (a *app) riskWord(r failoverplan.Risk) string    { return a.word("risk", riskText(r)) }
func (a *app) overrideWord(k string) string {
	if k == "pause" {
		return a.tr.T("all actions paused")
	}
	return k
}

// told words what the engine says (reasons, steps, evidence, errors), safe to draw.
func (a *app) told(text string) string { return a.tr.Tell(kit.Clean(text)) }

// riskText says in words what a tier means.
func riskText(r failoverplan.Risk) string {
	switch r {
	case failoverplan.R0:
		return "reads only"
	case failoverplan.R1:
		return "reversible"
	case failoverplan.R2:
		return "disruptive, reversible"
	case failoverplan.R3:
		return "moves users"
	case failoverplan.R4:
		return "changes data"
	default:
		return string(r)
	}
}

// planRisk is the greatest risk of a plan's steps.
func planRisk(p *failoverplan.Plan) failoverplan.Risk {
	top := failoverplan.R0
	for _, s := range p.Steps {
		if s.Risk > top {
			top = s.Risk
		}
	}
	return top
}

// title makes the first letter of an English word a capital.
func titleCase(s string) string {
	if s == "" || s[0] < 'a' || s[0] > 'z' {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}

// adviceSentence says what the engine would do.
func (a *app) adviceSentence(ad backend.Advice) string {
	t := a.tr
	switch ad.Action {
	case "", "none":
		return t.T("Nothing to do.")
	case "failover":
		return t.T("Fail over to %s.", ad.To)
	case "failback":
		if ad.To != "" {
			return t.T("Fail back to %s.", ad.To)
		}
		return t.T("Fail back.")
	case "wait":
		return t.T("Wait.")
	case "investigate":
		return t.T("Investigate before anything is switched.")
	default:
		return ad.Action
	}
}

// adviceKey is the key that acts on the advice; "" when there is nothing to press.
func adviceKey(ad backend.Advice) string {
	switch ad.Action {
	case "failover":
		return "f"
	case "failback":
		return "b"
	default:
		return ""
	}
}

// stationsOf lists the stations of the status in order.
func stationsOf(st *backend.Status) []string {
	var out []string
	seen := map[string]bool{}
	for _, d := range st.Domains {
		if d.Station != "" && !seen[d.Station] {
			seen[d.Station] = true
			out = append(out, d.Station)
		}
	}
	return out
}

func short(hash string) string {
	if len(hash) > 12 {
		return hash[:12]
	}
	return hash
}

func arrow(a *app, from, to string) string {
	return fmt.Sprintf("%s %s %s", from, a.th.Glyphs.Arrow, to)
}
