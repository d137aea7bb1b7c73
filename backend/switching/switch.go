package switching

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/dutyops/dutyops/dnsproviders"
	"github.com/dutyops/dutyops/dnsproviders/propagation"
	"github.com/dutyops/dutyops/failoverplan"
)

// Zone ties a zone to its provider and its authoritative servers.
type Zone struct {
	Name     string
	Provider string
	// Authoritative are host:port; every one is verified.
	Authoritative []string
	// Also are further providers that hold the zone and are kept equal.
	Also []Twin
	// Discover asks the parent and the zone itself who answers for it, and looks at those
	// servers, too. Parents are servers of the parent zone, host:port; empty = found through
	// the resolvers. NameServers are addresses by name, in place of what DNS says.
	Discover    bool
	Parents     []string
	NameServers map[string][]string
}

// Twin is a further provider of a zone with the servers that answer from it.
type Twin struct {
	Provider      string
	Authoritative []string
}

// Resolver is a caching resolver that is watched.
type Resolver struct {
	Name    string
	Address string // host:port
}

// Options configure a Switch.
type Options struct {
	// Providers by the name that zones and plans use.
	Providers map[string]dnsproviders.Provider
	Zones     []Zone
	Resolvers []Resolver
	// Now is the clock of answers and expiries; nil = time.Now.
	Now func() time.Time
	// QueryTimeout of one DNS question; it is asked twice. 0 = 1 s.
	QueryTimeout time.Duration
	// Workers bounds DNS questions on their way; 0 = 16.
	Workers int
	// MaxAge is how old a reading may be that a switch is made from; 0 = 1 minute.
	MaxAge time.Duration
	// RetryBudget bounds the waits of one Apply between its tries; 0 = 30 s. What a provider
	// waits by itself is bounded by its own budget.
	RetryBudget time.Duration
	// Fingerprints tell by provider whether what another process has put away was read
	// with the configuration of now; they hold no secret.
	Fingerprints map[string]string
	// Service asks the service behind a name; nil = a look asks none.
	Service Caller
	// CertificateSoon is how long before its end a service's certificate is reported; 0 = 14 days.
	CertificateSoon time.Duration
	// TrackWait is how long Track waits for an answer in the end; 0 = 1 s.
	TrackWait time.Duration
	// OnNotice is told what an Apply waits for, every second; may be nil. It must not block.
	OnNotice func(Notice)
}

// Notice says what an Apply waits for, so that no waiting is hidden.
type Notice struct {
	Zone, Provider, Text string
	// Begins: the first of a wait; the others count it down.
	Begins bool
}

// Switch is the room's engine. Safe for concurrent use: it lets one writer at a time have
// a zone at a provider. Writers of other processes are kept away by the caller's lease.
type Switch struct {
	opt   Options
	zones map[string]Zone

	memory atomic.Pointer[memory] // of earlier looks

	mu    sync.Mutex
	holds map[place]*hold
	wrote map[place]int // writes so far
	locks map[place]chan struct{}
	sent  map[place]sentChange // whose provider gave an id

	trackPause time.Duration // see Track

	delegations map[string]knownDelegation // by zone

	callers callers
}

// New returns a Switch; it opens no connection. The error lists every wrong option.
func New(o Options) (*Switch, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.MaxAge <= 0 {
		o.MaxAge = defaultMaxAge
	}
	if o.RetryBudget <= 0 {
		o.RetryBudget = defaultRetryBudget
	}
	if o.CertificateSoon <= 0 {
		o.CertificateSoon = defaultCertificateSoon
	}
	if o.TrackWait <= 0 {
		o.TrackWait = defaultTrackWait
	}
	if o.OnNotice == nil {
		o.OnNotice = func(Notice) {}
	}
	s := &Switch{
		opt: o, zones: map[string]Zone{}, holds: map[place]*hold{}, wrote: map[place]int{}, locks: map[place]chan struct{}{}, delegations: map[string]knownDelegation{},
		sent: map[place]sentChange{}, trackPause: trackPause,
	}
	var errs []error
	address := func(what, a string) {
		if h, p, err := net.SplitHostPort(a); err != nil || h == "" || p == "" {
			errs = append(errs, fmt.Errorf("%s: address %q: expected host:port", what, a))
		}
	}
	for _, z := range o.Zones {
		z.Name = dnsproviders.CanonicalName(z.Name)
		z.Authoritative = slices.Clone(z.Authoritative)
		if _, dup := s.zones[z.Name]; dup {
			errs = append(errs, fmt.Errorf("zone %s is there twice", z.Name))
		}
		if o.Providers[z.Provider] == nil {
			errs = append(errs, fmt.Errorf("zone %s: there is no provider %q", z.Name, z.Provider))
		}
		for _, a := range z.Authoritative {
			address("zone "+z.Name, a)
		}
		for _, a := range z.Parents {
			address("zone "+z.Name+": parent", a)
		}
		for _, as := range z.NameServers {
			for _, a := range as {
				address("zone "+z.Name+": name server", a)
			}
		}
		for _, t := range z.Also {
			if o.Providers[t.Provider] == nil || t.Provider == z.Provider {
				errs = append(errs, fmt.Errorf("zone %s: there is no further provider %q", z.Name, t.Provider))
			}
			for _, a := range t.Authoritative {
				address("zone "+z.Name, a)
			}
		}
		s.zones[z.Name] = z
	}
	for _, r := range o.Resolvers {
		address("resolver "+r.Name, r.Address)
	}
	if len(errs) > 0 {
		return nil, fmt.Errorf("switching: %w", errors.Join(errs...))
	}
	return s, nil
}

// Capabilities returns the card of a provider by name; ok is false when there is none.
func (s *Switch) Capabilities(provider string) (c dnsproviders.Capabilities, ok bool) {
	p := s.opt.Providers[provider]
	if p == nil {
		return c, false
	}
	return p.Capabilities(), true
}

func (s *Switch) check(zones ...string) propagation.Options {
	return propagation.Options{Workers: s.opt.Workers, Timeout: s.opt.QueryTimeout, Now: s.opt.Now, Zones: zones}
}

// servers are all that answer for the zone, whichever provider they answer from.
func (z Zone) servers() []propagation.Server {
	out := asServers(z.Authoritative)
	for _, t := range z.Also {
		out = append(out, asServers(t.Authoritative)...)
	}
	return out
}

// serversOf are those that answer from one provider.
func (z Zone) serversOf(provider string) []propagation.Server {
	for _, t := range z.Also {
		if t.Provider == provider {
			return asServers(t.Authoritative)
		}
	}
	return asServers(z.Authoritative)
}

// holder is the provider that a server answers from.
func (z Zone) holder(server string) string {
	for _, t := range z.Also {
		if slices.Contains(t.Authoritative, server) {
			return t.Provider
		}
	}
	return z.Provider
}

func asServers(addresses []string) []propagation.Server {
	out := make([]propagation.Server, len(addresses))
	for i, a := range addresses {
		out[i] = propagation.Server{Name: a, Addr: a, Authoritative: true}
	}
	return out
}

// key is the identity of a set.
type key struct{ name, typ string }

func toSet(r failoverplan.RecordSet) dnsproviders.RRset {
	return dnsproviders.RRset{Name: r.Name, Type: r.Type, TTL: r.TTL, Values: r.Values}
}

func fromSet(r dnsproviders.RRset) failoverplan.RecordSet {
	return failoverplan.RecordSet{Name: r.Name, Type: r.Type, TTL: r.TTL, Values: slices.Clone(r.Values)}
}

func toChange(c failoverplan.RecordChange) dnsproviders.Change {
	return dnsproviders.Change{Before: toSet(c.Before), After: toSet(c.After)}
}

func bySet(sets []dnsproviders.RRset) map[key]dnsproviders.RRset {
	m := make(map[key]dnsproviders.RRset, len(sets))
	for _, r := range sets {
		m[key{r.Name, r.Type}] = r
	}
	return m
}

func sortSets(sets []dnsproviders.RRset) {
	slices.SortFunc(sets, func(a, b dnsproviders.RRset) int {
		return cmp.Or(strings.Compare(a.Name, b.Name), strings.Compare(a.Type, b.Type))
	})
}

func text(values []string) string {
	if len(values) == 0 {
		return "absent"
	}
	return strings.Join(values, " ")
}
