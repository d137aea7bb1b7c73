package failoverplan

import (
	"fmt"
	"sort"
)

// Advised actions.
const (
	AdviseNone        = "none"
	AdviseFailover    = "failover"
	AdviseFailback    = "failback"
	AdviseWait        = "wait"
	AdviseInvestigate = "investigate"
)

// Advice is what the engine would do now, why, and what stands in its way.
type Advice struct {
	Action    string
	To        string
	Because   []string
	BlockedBy []Gate
}

// Advise turns a judgement into advice (mission A4, A8). It never starts anything.
func Advise(t *Topology, s *Situation, j Judgement, lim Limits) Advice {
	switch j.Case {
	case CaseIsolated:
		return Advice{Action: AdviseInvestigate, Because: append(j.Because,
			"nothing is switched while we cannot judge; look from another place, then decide")}
	case CaseBusinessDown, CaseDataDown, CaseSiteDown:
		to, why := BestStandby(t, s, j)
		if to == "" {
			return Advice{Action: AdviseInvestigate, Because: append(j.Because, why...), BlockedBy: []Gate{{
				Gate: "target-healthy", Evidence: "no other site can serve", ClearsWhen: "a standby's gateway, business and data platforms are up",
			}}}
		}
		a := Advice{Action: AdviseFailover, To: to, Because: append(j.Because, why...)}
		a.BlockedBy = blocked(gatesFor(Failover, t, s, j, to, nil, lim))
		return a
	case CaseNormal:
	}
	if j.Serving == t.Home && j.DataSite == t.Home {
		because := j.Because
		if away := elsewhere(s, t.Home, nil); len(away) > 0 {
			because = append(because, "`dutyops failback` brings the other names home")
		}
		return Advice{Action: AdviseNone, Because: because}
	}
	a := Advice{Action: AdviseFailback, To: t.Home, Because: append(j.Because,
		fmt.Sprintf("%s serves and %s takes the feeds; home is %s", j.Serving, j.DataSite, t.Home))}
	a.BlockedBy = blocked(gatesFor(Failback, t, s, j, t.Home, nil, lim))
	if len(a.BlockedBy) > 0 {
		a.Action = AdviseWait
		a.Because = append(a.Because, fmt.Sprintf("%s goes on serving until %s is ready to take over", j.Serving, t.Home))
	}
	return a
}

// BestStandby is the healthy site with the greatest weight other than the serving
// one (mission C2); emergency sites come last (mission A7). why tells the choice.
func BestStandby(t *Topology, s *Situation, j Judgement) (string, []string) {
	type cand struct {
		Site
		ok bool
	}
	var cs []cand
	var why []string
	for _, x := range t.Sites {
		if x.Name == j.Serving && (j.Case != CaseDataDown || j.DataSite == x.Name) {
			continue
		}
		st, _ := s.Site(x.Name)
		ok := true
		if bad := unfit(st); bad != "" {
			ok = false
			why = append(why, fmt.Sprintf("%s cannot take over: %s", x.Name, bad))
		}
		cs = append(cs, cand{x, ok})
	}
	sort.SliceStable(cs, func(i, k int) bool {
		if cs[i].Emergency != cs[k].Emergency {
			return !cs[i].Emergency
		}
		return cs[i].Weight > cs[k].Weight
	})
	for _, c := range cs {
		if c.ok {
			return c.Name, append(why, fmt.Sprintf("%s is healthy and has the greatest weight (%d)", c.Name, c.Weight))
		}
	}
	return "", why
}

// unfit says why a site cannot serve; "" when it can.
func unfit(s SiteState) string {
	if seen(s.Gateway) == no {
		return "its gateway is down"
	}
	for _, k := range []PlatformKind{Business, Data} {
		p := s.Platform(k)
		if seen(p.State) == no {
			w := fmt.Sprintf("its %s platform is down", k)
			if len(p.Because) > 0 {
				w += " (" + p.Because[0] + ")"
			}
			return w
		}
	}
	return ""
}

func blocked(gs []Gate) []Gate {
	out := []Gate{}
	for _, g := range gs {
		if !g.Passed {
			out = append(out, g)
		}
	}
	return out
}
