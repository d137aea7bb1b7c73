package switching

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/dutyops/dutyops/dnsproviders"
	"github.com/dutyops/dutyops/dnsproviders/propagation"
	"github.com/dutyops/dutyops/failoverplan"
)

// Observation is what one server answers for one domain and type now.
type Observation struct {
	Name, Type    string
	Station, Zone string
	Server        string
	Authoritative bool
	Values        []string
	TTL           uint32 // seconds
	// Serial of the zone, at authoritative servers.
	Serial uint32
	At     time.Time
	// OldUntil, at a resolver whose answer is not that of the authoritative servers
	// (which agree): until when it may give it.
	OldUntil time.Time
	// Found: the configuration does not have the server; an NS set of the zone names it.
	Found bool
	Err   error
}

// Observe asks every authoritative server and every watched resolver for every type of
// every domain, side by side and bounded, and returns the answers ordered by domain,
// type and server, authoritative servers first. It always returns a full list; what did
// not answer has Err. It takes no longer than a silent server's few time-outs.
func (s *Switch) Observe(ctx context.Context, domains []failoverplan.Domain) []Observation {
	type ask struct {
		servers []propagation.Server
		domains []failoverplan.Domain
		zones   []string
	}
	asks := map[string]*ask{}
	var order []*ask
	resolvers := &ask{servers: s.resolvers()}
	for _, d := range domains {
		zone := dnsproviders.CanonicalName(d.Zone)
		a := asks[zone]
		if a == nil {
			a = &ask{servers: s.zones[zone].servers(), zones: []string{zone}}
			asks[zone] = a
			order = append(order, a)
		}
		a.domains = append(a.domains, d)
		resolvers.domains = append(resolvers.domains, d)
	}
	order = append(order, resolvers)
	found := make(map[key][]Observation, len(domains))
	var mu sync.Mutex
	var wg sync.WaitGroup
	slots := make(chan struct{}, 8) // zones at a time
	for _, a := range order {
		wg.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			var qs []propagation.Question
			var of []failoverplan.Domain
			for _, d := range a.domains {
				for _, t := range d.Types {
					qs = append(qs, propagation.Question{Name: d.Name, Type: t})
					of = append(of, d)
				}
			}
			answers := propagation.Check(ctx, a.servers, qs, s.check(a.zones...))
			mu.Lock()
			defer mu.Unlock()
			for i, x := range answers {
				d, q := of[i%len(qs)], qs[i%len(qs)]
				srv := a.servers[i/len(qs)]
				k := key{d.Name, q.Type}
				found[k] = append(found[k], Observation{
					Name: d.Name, Type: q.Type, Station: d.Station, Zone: d.Zone, Server: srv.Name,
					Authoritative: srv.Authoritative, Values: x.Values, TTL: x.TTL, Serial: x.Serial, At: x.At, Err: x.Err,
				})
			}
		})
	}
	wg.Wait()
	var out []Observation
	for _, d := range domains {
		for _, t := range d.Types {
			obs := found[key{d.Name, t}]
			delete(found, key{d.Name, t})
			slices.SortStableFunc(obs, func(a, b Observation) int {
				switch {
				case a.Authoritative == b.Authoritative:
					return 0
				case a.Authoritative:
					return -1
				}
				return 1
			})
			markOld(obs)
			out = append(out, obs...)
		}
	}
	return out
}

// Observations are the board's answers as Observe gives them, in the board's order.
func (b Board) Observations() []Observation {
	out := make([]Observation, len(b.Rows))
	for i := range b.Rows {
		r := &b.Rows[i]
		out[i] = Observation{
			Name: r.Name, Type: r.Type, Station: r.Station, Zone: r.Zone, Server: r.Server, Authoritative: r.Authoritative,
			Values: r.Got, TTL: r.TTL, Serial: r.Serial, At: r.At, OldUntil: r.OldUntil, Found: r.Found, Err: r.Err,
		}
	}
	return out
}

// markOld sets OldUntil of resolvers whose answer differs from that of the
// authoritative servers. When those differ among themselves, nothing is called old.
func markOld(obs []Observation) {
	var want []string
	known := false
	for _, o := range obs {
		if !o.Authoritative || o.Err != nil {
			continue
		}
		if known && !slices.Equal(want, o.Values) {
			return
		}
		want, known = o.Values, true
	}
	if !known {
		return
	}
	for i := range obs {
		if o := &obs[i]; !o.Authoritative {
			o.OldUntil = propagation.OldUntil(propagation.Answer{Values: o.Values, TTL: o.TTL, At: o.At, Err: o.Err}, want)
		}
	}
}
