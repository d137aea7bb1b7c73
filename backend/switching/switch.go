package switching

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
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
}

// Switch is the room's engine. Safe for concurrent use; one writer per zone is the
// caller's duty (the providers refuse what another writer has changed).
type Switch struct {
	opt   Options
	zones map[string]Zone

	memory atomic.Pointer[memory] // of earlier looks
}

// New returns a Switch; it opens no connection. The error lists every wrong option.
func New(o Options) (*Switch, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	s := &Switch{opt: o, zones: map[string]Zone{}}
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

func (z Zone) servers() []propagation.Server {
	out := make([]propagation.Server, len(z.Authoritative))
	for i, a := range z.Authoritative {
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

func text(values []string) string {
	if len(values) == 0 {
		return "absent"
	}
	return strings.Join(values, " ")
}
