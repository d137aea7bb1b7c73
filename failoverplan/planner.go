package failoverplan

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
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
	// Also is what the further providers of the zones tell.
	Also []Held
	// LeaveOut takes names out of the plan, each with its reason.
	LeaveOut []LeftOut
	// GracefulTTL asks for lowered TTLs before a planned switch; a forced one never waits.
	GracefulTTL bool
	// Armed are the zones as they were when the switch was armed; none = nothing is armed.
	Armed []Armed
	// Owners: name -> another controller that holds the name for its own.
	Owners map[string]Owner
	// MinTTL in seconds by provider.
	MinTTL map[string]uint32
	// OnFailedWrite: what a failed write leads to; "" = by the plan's mode.
	OnFailedWrite OnFail
	// Canary are names that are switched and proven before the rest of their zone.
	Canary []string
	// OwedTTL is the TTL that a run which was never committed has still to give back.
	OwedTTL map[SetKey]uint32
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
	left, err := leftOut(r, stations)
	if err != nil {
		return nil, err
	}
	r.LeaveOut = left
	p := &Plan{
		Kind: r.Kind, Mode: mode(r, j), Force: r.Force, Case: j.Case, From: j.Serving, To: to,
		Stations: stations, Because: append(j.Because, because...), LeaveOut: left,
	}
	p.Gates = gatesFor(r.Kind, r.Topology, r.Situation, j, to, stations, r.Limits)
	dns := dnsChanges(r, to, stations)
	p.DNS, p.Follows, p.Stops = dns.zones, dns.follows, append([]Stop{}, dns.stops...)
	p.Away, p.Armed = dns.away, dns.armed
	p.Gates = append(p.Gates, dns.gates...)
	if dns.evened > 0 {
		p.Because = append(p.Because, fmt.Sprintf("%d names differ between the providers of their zone; this switch makes them equal", dns.evened))
	}
	canary(r, p)
	if len(p.DNS) > 0 {
		p.OnFailedWrite = onFailedWrite(r.OnFailedWrite, p.Mode)
	}
	wait := ttls(r, p)
	p.Because = append(p.Because, raised(r, p)...)

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
	p.Steps = steps(p, m, wait)
	p.Hash = hash(p)
	return p, nil
}

// coversAll tells whether every name points at the site once the stations have moved.
func coversAll(r Request, to string, stations []string) bool {
	there, asked := map[string]bool{}, set(stations)
	for _, s := range r.Situation.Domains {
		there[s.Name] = s.Site == to
	}
	for _, d := range r.Topology.Domains {
		if !there[d.Name] && !asked[d.Station] {
			return false
		}
	}
	return true
}

// leftOut checks the names that a person leaves out and puts them in the inventory's order.
func leftOut(r Request, stations []string) ([]LeftOut, error) {
	if len(r.LeaveOut) == 0 {
		return nil, nil
	}
	reasons := map[string]string{}
	for _, l := range r.LeaveOut {
		if strings.TrimSpace(l.Reason) == "" {
			return nil, fmt.Errorf("%w: leaving out %s needs a reason: --leave-out '%s: why'", ErrBadRequest, l.Name, l.Name)
		}
		if reasons[l.Name] != "" {
			return nil, fmt.Errorf("%w: %s is left out twice", ErrBadRequest, l.Name)
		}
		reasons[l.Name] = l.Reason
	}
	asked := set(stations)
	var out []LeftOut
	for _, d := range r.Topology.Domains {
		if why := reasons[d.Name]; why != "" && asked[d.Station] {
			out = append(out, LeftOut{d.Name, why})
			delete(reasons, d.Name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(reasons)) {
		return nil, fmt.Errorf("%w: %q cannot be left out: it is no name of the stations %v; `dutyops dns check` lists the names", ErrBadRequest, name, stations)
	}
	return out, nil
}

// ttls adds the choreography of TTLs to a plan that may have one, and says in the plan
// why another has none. It returns how long, in seconds, the old TTLs take to run out.
func ttls(r Request, p *Plan) uint32 {
	if !r.GracefulTTL && !r.Limits.TTLChoreography {
		owed(r, p)
		return 0
	}
	if p.Mode != Graceful {
		p.Because = append(p.Because, "TTLs are not lowered first: this is no planned switch, and nobody waits")
		owed(r, p)
		return 0
	}
	wait := choreograph(r, p)
	if wait == 0 {
		p.Because = append(p.Because, "no TTL has to be lowered first: all are short enough")
	}
	return wait
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
	known, asked := set(all), set(r.Stations)
	for _, s := range r.Stations {
		if !known[s] {
			return nil, fmt.Errorf("%w: there is no station %q; stations are %v", ErrBadRequest, s, all)
		}
	}
	var out []string
	for _, s := range all { // topology order, no doubles
		if asked[s] {
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

// onFailedWrite is the setting, else what suits the mode: names go back to a site that
// takes part, and not to one that may be gone.
func onFailedWrite(set OnFail, m Mode) OnFail {
	switch {
	case set != "":
		return set
	case m == Graceful:
		return OnFailRollback
	}
	return OnFailHold
}
