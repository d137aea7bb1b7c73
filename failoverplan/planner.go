package failoverplan

import (
	"errors"
	"fmt"
	"slices"
)

// ErrBadRequest is a plan request that makes no sense in this topology.
var ErrBadRequest = errors.New("wrong request")

// Request is everything a plan is made from. Make is a pure function of it.
type Request struct {
	Kind      PlanKind
	To        string   // "" = best standby (failover), home (failback)
	Stations  []string // empty = all
	Force     bool
	Topology  *Topology
	Situation *Situation
	Limits    Limits
	// Live holds the record sets of each zone as the provider has them now.
	Live map[string][]RecordSet
	// LiveProblems: zone -> why its records could not be read through the provider.
	LiveProblems map[string]string
}

// Make plans. The error is ErrBadRequest with what to do; a plan that a rule
// refuses is returned complete, with the refusing gates in it (Plan.Blocked).
func Make(r Request) (*Plan, error) {
	j := Judge(r.Topology, r.Situation)
	to, because, err := target(r, j)
	if err != nil {
		return nil, err
	}
	stations, err := stationSet(r)
	if err != nil {
		return nil, err
	}
	p := &Plan{
		Kind: r.Kind, Force: r.Force, Case: j.Case, From: j.Serving, To: to,
		Stations: stations, Because: append(j.Because, because...),
	}
	p.Gates = gatesFor(r.Kind, r.Topology, r.Situation, j, to, stations, r.Limits)
	changes, gates := dnsChanges(r, to, stations)
	p.DNS = changes
	p.Gates = append(p.Gates, gates...)

	m := move{Topology: r.Topology, Situation: r.Situation, To: to, BusinessFrom: j.Serving, DataFrom: j.DataSite, Kind: r.Kind}
	all := coversAll(r, to, stations)
	switch {
	case r.Kind == Failover && !all && j.Case == CaseNormal:
		// Some stations of a healthy system: only their names move, writes stay.
		p.Because = append(p.Because, "only some stations move and nothing is down: stores and feeds stay where they are")
	case r.Kind == Failover && j.Case == CaseBusinessDown:
		m.Business = true
	default:
		m.Business = true
		m.Data = true
	}
	m.Business = m.Business && m.BusinessFrom != to
	m.Data = m.Data && m.DataFrom != to
	p.Mode = mode(r, j)
	p.Steps = steps(p, m)
	p.Hash = hash(p)
	return p, nil
}

// coversAll tells whether every name points at the site once the stations have moved.
func coversAll(r Request, to string, stations []string) bool {
	for _, d := range r.Topology.Domains {
		there := slices.ContainsFunc(r.Situation.Domains, func(s DomainState) bool { return s.Name == d.Name && s.Site == to })
		if !there && !slices.Contains(stations, d.Station) {
			return false
		}
	}
	return true
}

func target(r Request, j Judgement) (string, []string, error) {
	to := r.To
	var because []string
	if to == "" {
		if r.Kind == Failback {
			to = r.Topology.Home
		} else if to, because = BestStandby(r.Topology, r.Situation, j); to == "" {
			// Nobody is fit: plan for the heaviest other site, whose gates will say why not.
			for _, s := range r.Topology.Sites {
				if s.Name != j.Serving {
					to = s.Name
					break
				}
			}
		}
	}
	if _, ok := r.Topology.Site(to); !ok {
		return "", nil, fmt.Errorf("%w: there is no site %q; sites are %v", ErrBadRequest, to, siteNames(r.Topology))
	}
	if r.Kind == Failback && to != r.Topology.Home {
		return "", nil, fmt.Errorf("%w: a failback goes home, to %s; to move to %s use failover", ErrBadRequest, r.Topology.Home, to)
	}
	return to, because, nil
}

func siteNames(t *Topology) []string {
	var out []string
	for _, s := range t.Sites {
		out = append(out, s.Name)
	}
	return out
}

func stationSet(r Request) ([]string, error) {
	all := r.Topology.Stations()
	if len(r.Stations) == 0 {
		return all, nil
	}
	for _, s := range r.Stations {
		if !slices.Contains(all, s) {
			return nil, fmt.Errorf("%w: there is no station %q; stations are %v", ErrBadRequest, s, all)
		}
	}
	var out []string
	for _, s := range all { // topology order, no doubles
		if slices.Contains(r.Stations, s) {
			out = append(out, s)
		}
	}
	if r.Kind == Failback && len(out) != len(all) {
		return nil, fmt.Errorf("%w: a failback brings every station home; leave --stations away", ErrBadRequest)
	}
	return out, nil
}

// mode is forced when the side that is left cannot take part, or a person said so.
func mode(r Request, j Judgement) Mode {
	if r.Force || (r.Kind == Failover && j.Case != CaseNormal) {
		return Forced
	}
	return Graceful
}

// move is what goes where.
type move struct {
	Topology               *Topology
	Situation              *Situation
	Kind                   PlanKind
	To                     string
	Business, Data         bool
	BusinessFrom, DataFrom string
}

func (m move) from(k PlatformKind) string {
	if k == Business {
		return m.BusinessFrom
	}
	return m.DataFrom
}

// platforms lists those that move, business first.
func (m move) platforms() []PlatformKind {
	var out []PlatformKind
	if m.Business {
		out = append(out, Business)
	}
	if m.Data {
		out = append(out, Data)
	}
	return out
}

// stores lists the components of the platform at a site that hold data and are synced.
func (m move) stores(site string, k PlatformKind) []Component {
	s, _ := m.Topology.Site(site)
	p, _ := s.Platform(k)
	var out []Component
	for _, c := range p.Components {
		if c.Sync == Sync && promotable(c.Kind) {
			out = append(out, c)
		}
	}
	return out
}

// shared lists the stores of the site that is moved to which the site that is left has,
// too: a cut-down site (mission A7) has fewer.
func (m move) shared(k PlatformKind) []Component {
	return slices.DeleteFunc(m.stores(m.To, k), func(c Component) bool {
		_, ok := m.Topology.Counterpart(m.from(k), k, c.Name)
		return !ok
	})
}

// promotable kinds have a writable and a following role of their own.
func promotable(k ComponentKind) bool { return k == MySQL || k == Elasticsearch || k == Redis }

func (m move) ofKind(site string, k ComponentKind) []Component {
	s, _ := m.Topology.Site(site)
	p, _ := s.Platform(Data)
	var out []Component
	for _, c := range p.Components {
		if c.Kind == k {
			out = append(out, c)
		}
	}
	return out
}
