package switching

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/dutyops/dutyops/dnsproviders"
	"github.com/dutyops/dutyops/failoverplan"
)

// defaultMaxAge is how old a reading may be that a switch is made from.
const defaultMaxAge = time.Minute

// place is a zone at one of its providers: what is locked, armed and probed.
type place struct{ zone, provider string }

// hold is what is held ready for a place. Guarded by Switch.mu.
type hold struct {
	arming dnsproviders.Arming // zero At: nothing is held
	// drift are sets that the zone's servers show otherwise than the reading.
	drift []string
	// picture is what plans are held against; see Pictures.
	picture keptPicture
	problem string // why the last reading failed; "" when it did not
	// failed counts failures in a row; the next reading in the background waits longer.
	failed int
	tried  time.Time
	probe  Probe
}

// Readiness is how ready a zone is to be switched at one of its providers.
type Readiness struct {
	Zone     string                    `json:"zone"`
	Provider string                    `json:"provider"`
	Card     dnsproviders.Capabilities `json:"card"`
	// Armable: the provider can do its reading beforehand.
	Armable bool `json:"armable"`
	// Armed is when the records were read; zero when they were not.
	Armed time.Time `json:"armed,omitzero"`
	// AgeS is the age of the reading in seconds; 0 when there is none.
	AgeS float64 `json:"age_s"`
	// Fresh: a switch of now is made from the reading, in one request where a batch holds it.
	Fresh bool `json:"fresh"`
	// Why it is not fresh, "" when it is.
	Why   string `json:"why,omitempty"`
	Names int    `json:"names"`
	Sets  int    `json:"sets"`
	// Drift lists sets that the zone's servers show otherwise than the reading, at most a few.
	Drift   []string `json:"drift"`
	Drifted int      `json:"drifted"`
	// Problem is why the last reading failed.
	Problem string `json:"problem,omitempty"`
	Probe   Probe  `json:"write_probe"`
}

// shownDrift is how many drifted sets are named.
const shownDrift = 5

// spot is a place with the names of the inventory that it holds.
type spot struct {
	place
	names []string
	twin  bool // not the zone's first provider
}

// spots lists where the domains are held, zone by zone, the zone's own provider first.
func spots(domains []failoverplan.Domain, zones map[string]Zone) []spot {
	at := map[place]int{}
	var out []spot
	add := func(p place, name string, twin bool) {
		i, ok := at[p]
		if !ok {
			i = len(out)
			at[p] = i
			out = append(out, spot{place: p, twin: twin})
		}
		out[i].names = append(out[i].names, name)
	}
	for _, d := range domains {
		zone, name := dnsproviders.CanonicalName(d.Zone), dnsproviders.CanonicalName(d.Name)
		add(place{zone, cmp.Or(d.Provider, zones[zone].Provider)}, name, false)
		for _, t := range d.Also {
			add(place{zone, t}, name, true)
		}
	}
	for i := range out {
		slices.Sort(out[i].names)
		out[i].names = slices.Compact(out[i].names)
	}
	slices.SortStableFunc(out, func(a, b spot) int { return cmp.Compare(a.zone, b.zone) })
	return out
}

// Arm reads the records of the domains at every provider that can be armed, side by
// side, and holds them ready. It changes nothing. What failed is in the answer.
func (s *Switch) Arm(ctx context.Context, domains []failoverplan.Domain) []Readiness {
	var wg sync.WaitGroup
	for _, sp := range spots(domains, s.zones) {
		wg.Go(func() { _, _ = s.arm(ctx, sp) }) // the failure is kept with the hold
	}
	wg.Wait()
	return s.Readiness(domains)
}

// errCannotArm: the provider has no way to read beforehand.
var errCannotArm = errors.New("the provider cannot be armed")

// arm reads one place and holds it. The error is errCannotArm or the provider's.
func (s *Switch) arm(ctx context.Context, sp spot) (dnsproviders.Arming, error) {
	p, ok := s.opt.Providers[sp.provider].(dnsproviders.Armer)
	if !ok {
		return dnsproviders.Arming{}, errCannotArm
	}
	before := s.writes(sp.place)
	a, err := p.Arm(ctx, sp.zone, sp.names)
	s.mu.Lock()
	defer s.mu.Unlock()
	h := s.hold(sp.place)
	h.tried = s.opt.Now()
	if err != nil {
		h.problem = hinted(err)
		h.failed++
		return a, err
	}
	h.problem, h.failed = "", 0
	if s.wrote[sp.place] != before {
		return a, nil // read while a write was on its way: it may be either side of it
	}
	h.arming, h.drift = a, nil
	if h.picture.At.IsZero() {
		h.picture = pictureOf(a)
	}
	return a, nil
}

// hold returns what is held for a place; the caller has s.mu.
func (s *Switch) hold(p place) *hold {
	h := s.holds[p]
	if h == nil {
		h = &hold{}
		s.holds[p] = h
	}
	return h
}

func (s *Switch) writes(p place) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.wrote[p]
}

// ready returns the reading that a switch of the names may be made from now; else why not.
func (s *Switch) ready(p place, names []string) (a dnsproviders.Arming, why string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	h := s.hold(p)
	if why := s.unfit(h); why != "" {
		return a, why
	}
	for _, n := range names {
		if _, ok := slices.BinarySearch(h.arming.Names, n); !ok {
			return a, n + " was not read when the zone was armed"
		}
	}
	return h.arming, ""
}

// unfit says why nothing is switched from what is held; the caller has s.mu.
func (s *Switch) unfit(h *hold) string {
	if h.arming.At.IsZero() {
		return "not armed"
	}
	switch age := s.opt.Now().Sub(h.arming.At); {
	case age > s.opt.MaxAge:
		return fmt.Sprintf("armed %s ago, more than %s", age.Round(time.Second), s.opt.MaxAge)
	case age < -time.Second:
		return "armed at a time that is still to come: the clock was set back"
	case len(h.drift) > 0:
		return "drifted: " + h.drift[0]
	}
	return ""
}

// Readiness tells how ready every zone of the domains is at each of its providers.
func (s *Switch) Readiness(domains []failoverplan.Domain) []Readiness {
	out := []Readiness{}
	for _, sp := range spots(domains, s.zones) {
		p := s.opt.Providers[sp.provider]
		if p == nil {
			continue
		}
		r := Readiness{Zone: sp.zone, Provider: sp.provider, Card: p.Capabilities(), Names: len(sp.names), Drift: []string{}}
		_, r.Armable = p.(dnsproviders.Armer)
		s.mu.Lock()
		h := s.hold(sp.place)
		r.Armed, r.Sets, r.Problem, r.Drifted, r.Probe = h.arming.At, len(h.arming.Sets), h.problem, len(h.drift), h.probe
		r.Drift = append(r.Drift, h.drift[:min(len(h.drift), shownDrift)]...)
		if !r.Armed.IsZero() {
			r.AgeS = s.opt.Now().Sub(r.Armed).Seconds()
		}
		if r.Armable {
			r.Why = s.unfit(h)
			r.Fresh = r.Why == ""
		} else {
			r.Why = "the provider reads as part of the switch"
		}
		s.mu.Unlock()
		_, r.Probe.Can = p.(dnsproviders.WriteProber)
		out = append(out, r)
	}
	return out
}

// written ends what is held for a place: a write has made it old. What the provider holds
// since then takes its place; where the provider needs nothing but the sets, the new ones.
func (s *Switch) written(p place, used *dnsproviders.Arming, rc dnsproviders.Receipt, cs []dnsproviders.Change) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.wrote[p]++
	h := s.hold(p)
	h.arming, h.drift, h.picture = dnsproviders.Arming{}, nil, keptPicture{}
	switch {
	case used == nil:
	case rc.Held != nil:
		h.arming = *rc.Held
		h.arming.At = s.opt.Now() // by the clock that its age is judged with
	case used.Handle == nil:
		h.arming = used.With(cs, s.opt.Now())
	}
}

// Noticed holds what the servers answer against what is held. A set that the newest
// server of a provider shows otherwise has drifted: the zone is read before it is
// switched. Sets that the provider answers for in its own way (proxied) are left out.
func (s *Switch) Noticed(obs []Observation) {
	type seen struct {
		serial uint32
		o      Observation
	}
	newest := map[place]map[key]seen{}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, o := range obs {
		if !o.Authoritative || o.Found || o.Err != nil {
			continue
		}
		zone := dnsproviders.CanonicalName(o.Zone)
		p := place{zone, s.zones[zone].holder(o.Server)}
		if newest[p] == nil {
			newest[p] = map[key]seen{}
		}
		k := key{o.Name, o.Type}
		if was, ok := newest[p][k]; !ok || newer(o.Serial, was.serial) {
			newest[p][k] = seen{o.Serial, o}
		}
	}
	for p, answers := range newest {
		h := s.holds[p]
		if h == nil || h.arming.At.IsZero() {
			continue
		}
		have := bySet(h.arming.Sets)
		var drift []string
		for k, x := range answers {
			if x.o.At.Before(h.arming.At) || !slices.Contains(h.arming.Names, k.name) || have[k].Note != "" || have[key{k.name, "CNAME"}].Name != "" {
				continue
			}
			if !slices.Equal(x.o.Values, have[k].Values) {
				drift = append(drift, fmt.Sprintf("%s %s is %s at %s, was read as %s", k.name, k.typ, text(x.o.Values), x.o.Server, text(have[k].Values)))
			}
		}
		slices.Sort(drift)
		h.drift = drift
	}
}

// Differences lists the record sets that two providers of a zone hold differently, as
// they were last read; nil when one of them was not read.
func (s *Switch) Differences(zone, first, twin string) []string {
	zone = dnsproviders.CanonicalName(zone)
	s.mu.Lock()
	defer s.mu.Unlock()
	a, b := s.hold(place{zone, first}).arming, s.hold(place{zone, twin}).arming
	if a.At.IsZero() || b.At.IsZero() {
		return nil
	}
	have, out := bySet(b.Sets), []string{}
	say := func(k key, mine, other []string) {
		if !slices.Equal(mine, other) {
			out = append(out, fmt.Sprintf("%s %s is %s at %s and %s at %s", k.name, k.typ, text(mine), first, text(other), twin))
		}
	}
	for _, r := range a.Sets {
		k := key{r.Name, r.Type}
		say(k, r.Values, have[k].Values)
		delete(have, k)
	}
	for k, r := range have {
		say(k, nil, r.Values)
	}
	slices.Sort(out)
	return out
}
