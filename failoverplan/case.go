package failoverplan

import (
	"fmt"
	"slices"
)

// Case is what kind of failure the serving site has (mission A4).
type Case string

// The cases of mission A4, and Isolated: we cannot see enough to judge.
const (
	CaseNormal       Case = "normal"
	CaseBusinessDown Case = "business-down"
	CaseDataDown     Case = "data-down"
	CaseSiteDown     Case = "site-down"
	CaseIsolated     Case = "isolated"
)

// Judgement is the case with its reasons as data.
type Judgement struct {
	Case Case `json:"case"`
	// Serving is the site DNS points at; DataSite the one the upstream feeds.
	Serving  string   `json:"serving"`
	DataSite string   `json:"data_site"`
	Because  []string `json:"because"`
}

// Judge finds the case from the pair (business platform of the serving site, data
// platform of the data site), as mission A4's table has it. What cannot be seen
// never counts as down: when it matters the case is isolated.
func Judge(t *Topology, s *Situation) Judgement {
	j := Judgement{}
	j.Serving, j.Because = serving(t, s)
	var dataWhy []string
	j.DataSite, dataWhy = dataSite(t, s, j.Serving)
	j.Because = append(j.Because, dataWhy...)

	if dark(s) {
		j.Case = CaseIsolated
		j.Because = append(j.Because, "no site answers at all: suspect our own path before any site")
		return j
	}
	bs, _ := s.Site(j.Serving)
	ds, _ := s.Site(j.DataSite)
	business := bs.Platform(Business)
	data := ds.Platform(Data)
	users := seen(business.State)
	if users != no && seen(bs.Gateway) == no {
		users = no
		j.Because = append(j.Because, fmt.Sprintf("the gateway of %s is down: nobody gets in", j.Serving))
	}
	feed := seen(data.State)

	switch {
	case users == no && feed == no:
		j.Case = CaseSiteDown
		if j.Serving != j.DataSite {
			// Business and data live apart after a business-down failover; both are lost.
			j.Case = CaseDataDown
		}
	case feed == no:
		j.Case = CaseDataDown
	case users == no && feed == yes:
		j.Case = CaseBusinessDown
	case users == yes && feed == yes:
		j.Case = CaseNormal
	default:
		j.Case = CaseIsolated
		j.Because = append(j.Because, "we cannot see enough to tell which case it is")
	}
	why, more := explain(j.Serving, business), explain(j.DataSite, data)
	if business.State == Up && data.State != Up { // a low screen shows the first alone
		why, more = more, why
	}
	j.Because = slices.Concat(j.Because, why, more)
	return j
}

type sight int

const (
	unseen sight = iota
	yes
	no
)

func seen(s State) sight {
	switch s {
	case Up, Degraded:
		return yes
	case Down:
		return no
	case Unknown, Stale:
		return unseen
	}
	return unseen
}

func explain(site string, p PlatformState) []string {
	if p.State == Up {
		return []string{fmt.Sprintf("%s/%s is up", site, p.Kind)}
	}
	out := []string{fmt.Sprintf("%s/%s is %s", site, p.Kind, p.State)}
	for i, b := range p.Because {
		if i == 3 {
			out = append(out, fmt.Sprintf("and %d more", len(p.Because)-3))
			break
		}
		out = append(out, site+"/"+string(p.Kind)+": "+b)
	}
	return out
}

// serving is the site that most domains point at. While only some stations are moved,
// the site that served before goes on being the one that writes, as long as any name
// points at it.
func serving(t *Topology, s *Situation) (string, []string) {
	votes, all := map[string]int{}, 0
	for _, d := range s.Domains {
		if d.LeftOut {
			continue
		}
		all++
		if _, ok := t.Site(d.Site); ok {
			votes[d.Site]++
		}
	}
	best, n := "", 0
	for _, x := range t.Sites { // topology order makes ties stable
		if votes[x.Name] > n {
			best, n = x.Name, votes[x.Name]
		}
	}
	if last := s.LastServing; best != last && votes[last] > 0 {
		best, n = last, votes[last]
	}
	switch {
	case best != "" && n == all:
		return best, nil
	case best != "":
		return best, []string{fmt.Sprintf("%d of %d names point at %s", n, all, best)}
	case s.LastServing != "":
		return s.LastServing, []string{"DNS cannot be read now; " + s.LastServing + " served when it last could"}
	}
	return t.Home, []string{"DNS cannot be read and never was; assuming the home site " + t.Home}
}

// dataSite is the site that the upstream feeds are attached to; with no feeds
// configured it is the serving site.
func dataSite(t *Topology, s *Situation, serving string) (string, []string) {
	if len(t.Feeds) == 0 {
		return serving, nil
	}
	votes := map[string]int{}
	known, detached := 0, 0
	for _, f := range s.Feeds {
		if !f.Known {
			continue
		}
		known++
		if f.Site == "" {
			detached++
			continue
		}
		votes[f.Site]++
	}
	best, n := "", 0
	for _, x := range t.Sites {
		if votes[x.Name] > n {
			best, n = x.Name, votes[x.Name]
		}
	}
	var why []string
	if detached > 0 {
		why = append(why, fmt.Sprintf("%d of %d upstream feeds are attached to no site", detached, known))
	}
	switch {
	case best != "":
		if n < known-detached {
			why = append(why, fmt.Sprintf("the feeds are split: %d of %d at %s", n, known, best))
		}
		return best, why
	case s.LastDataSite != "":
		return s.LastDataSite, append(why, "no feed tells where it is attached; it was "+s.LastDataSite)
	}
	return serving, append(why, "no feed tells where it is attached; assuming the serving site")
}

// dark tells whether nothing answers anywhere: the sign of a broken path of ours.
func dark(s *Situation) bool {
	any := false
	for _, site := range s.Sites {
		if site.Gateway == Up || site.Gateway == Degraded {
			return false
		}
		for _, p := range site.Platforms {
			for _, x := range append(append([]PartState{}, p.Subsystems...), p.Components...) {
				any = true
				if x.State == Up || x.State == Degraded {
					return false
				}
			}
		}
	}
	return any
}
