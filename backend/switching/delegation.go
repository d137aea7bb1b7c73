package switching

import (
	"context"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/dutyops/dutyops/dnsproviders/propagation"
)

// How long a delegation is taken as known: it changes seldom, and the parent's servers
// are others' to pay for. What could not be read is asked for again sooner.
const (
	delegationFor     = 5 * time.Minute
	delegationRetryIn = 15 * time.Second
)

// Delegation is who answers for a zone according to its parent and according to itself.
// Immutable.
type Delegation struct {
	Zone string    `json:"zone"`
	At   time.Time `json:"at"`
	// Parent and Child are the two NS sets, names in order; absent when not known.
	Parent      []string `json:"parent,omitempty"`
	Child       []string `json:"child,omitempty"`
	ParentError string   `json:"parent_error,omitempty"`
	ChildError  string   `json:"child_error,omitempty"`
	// DS: the parent says that the zone is signed.
	DS bool `json:"ds"`
	// Servers of both sets, in order of their names; never nil.
	Servers []DelegatedServer `json:"servers"`
}

// DelegatedServer is one name server of a zone.
type DelegatedServer struct {
	Name      string            `json:"name"`
	Addresses []DelegatedServed `json:"addresses"`
	// Parent and Child tell which NS set names it.
	Parent bool   `json:"parent"`
	Child  bool   `json:"child"`
	Error  string `json:"error,omitempty"`
}

// DelegatedServed is one address of a name server.
type DelegatedServed struct {
	Address string `json:"address"` // host:port
	// Configured: dns.zones lists it.
	Configured bool `json:"configured"`
	// NoRoute: this machine has no way there, so it was not asked.
	NoRoute bool `json:"no_route,omitempty"`
}

// unlisted says which sets name a server that the configuration does not have.
func (s DelegatedServer) unlisted() saying {
	switch {
	case s.Parent && s.Child:
		return sayUnlisted
	case s.Parent:
		return sayOnlyParent
	}
	return sayOnlyChild
}

// knownDelegation is a delegation with its age.
type knownDelegation struct {
	d    Delegation
	next time.Time
}

// delegation is who answers for a zone, as known, or asked for now.
func (s *Switch) delegation(ctx context.Context, z Zone) Delegation {
	now := s.opt.Now()
	s.mu.Lock()
	known, ok := s.delegations[z.Name]
	s.mu.Unlock()
	if ok && now.Before(known.next) {
		return known.d
	}
	o := propagation.DiscoverOptions{Parents: z.Parents, Children: z.servers(), Addresses: z.NameServers, Timeout: s.opt.QueryTimeout}
	for _, r := range s.opt.Resolvers {
		o.Resolvers = append(o.Resolvers, r.Address)
	}
	d := delegated(propagation.Discover(ctx, z.Name, o), z, s.opt.Now())
	next := now.Add(delegationFor)
	if d.ParentError != "" || d.ChildError != "" {
		next = now.Add(delegationRetryIn)
	}
	if ctx.Err() == nil {
		s.mu.Lock()
		s.delegations[z.Name] = knownDelegation{d, next}
		s.mu.Unlock()
	}
	return d
}

// delegationsKnown are those of the zones as last read; nothing is asked.
func (s *Switch) delegationsKnown(zones []string) []Delegation {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []Delegation
	for _, z := range zones {
		if k, ok := s.delegations[z]; ok {
			out = append(out, k.d)
		}
	}
	return out
}

// delegated takes a discovery over and compares it with the configuration.
func delegated(x propagation.Delegation, z Zone, now time.Time) Delegation {
	d := Delegation{Zone: z.Name, At: now, Parent: x.Parent, Child: x.Child, DS: x.DS, Servers: []DelegatedServer{}}
	if x.ParentErr != nil {
		d.ParentError = x.ParentErr.Error()
	}
	if x.ChildErr != nil {
		d.ChildError = x.ChildErr.Error()
	}
	mine := z.servers()
	for _, n := range x.Servers {
		s := DelegatedServer{Name: n.Name, Parent: n.Parent, Child: n.Child, Addresses: []DelegatedServed{}}
		if n.Err != nil {
			s.Error = n.Err.Error()
		}
		for _, a := range n.Addresses {
			at := DelegatedServed{Address: a}
			at.Configured = slices.ContainsFunc(mine, func(m propagation.Server) bool { return sameAddress(m.Addr, a) })
			at.NoRoute = !at.Configured && !routed(a)
			s.Addresses = append(s.Addresses, at)
		}
		d.Servers = append(d.Servers, s)
	}
	return d
}

// sameAddress compares host:port as addresses, however they are written.
func sameAddress(a, b string) bool {
	if a == b {
		return true
	}
	x, err1 := netip.ParseAddrPort(a)
	y, err2 := netip.ParseAddrPort(b)
	return err1 == nil && err2 == nil && x == y
}

// routed tells whether this machine has any way to an address: connecting a UDP socket
// sends nothing, and fails when no route of that family exists.
func routed(addr string) bool {
	if _, err := netip.ParseAddrPort(addr); err != nil {
		return true // a name: whoever asks it will see
	}
	c, err := net.Dial("udp", addr) //nolint:noctx // it sends nothing and returns at once
	if err != nil {
		return false
	}
	_ = c.Close()
	return true
}

// unlisted are the servers to ask that the configuration does not have.
func (d Delegation) unlisted() []propagation.Server {
	var out []propagation.Server
	for _, s := range d.Servers {
		for _, a := range s.Addresses {
			if !a.Configured && !a.NoRoute && !slices.ContainsFunc(out, func(o propagation.Server) bool { return o.Addr == a.Address }) {
				out = append(out, propagation.Server{Name: a.Address, Addr: a.Address, Authoritative: true})
			}
		}
	}
	return out
}

// hosts names the name server behind each address.
func (d Delegation) hosts(configured []propagation.Server) map[string]string {
	out := map[string]string{}
	for _, s := range d.Servers {
		for _, a := range s.Addresses {
			out[a.Address] = s.Name
			for _, c := range configured {
				if sameAddress(c.Addr, a.Address) {
					out[c.Name] = s.Name
				}
			}
		}
	}
	return out
}

// delegation judges the NS sets of a zone. signed: one of its servers signs.
func (f *finder) delegation(d Delegation, configured []propagation.Server, signed bool) {
	z := d.Zone
	switch {
	case d.ParentError != "":
		f.add("ns-unknown", z, "", "", "", sayNoParent, data{"zone": z, "error": d.ParentError})
	case d.ChildError != "":
		f.add("ns-unknown", z, "", "", "", sayNoChild, data{"zone": z, "error": d.ChildError})
	}
	both := d.Parent != nil && d.Child != nil
	if both && !slices.Equal(d.Parent, d.Child) {
		f.add("ns-differ", z, "", "", "", sayNSDiffer, data{"parent": without(d.Parent, d.Child), "child": without(d.Child, d.Parent)})
	}
	for _, s := range d.Servers {
		if len(s.Addresses) == 0 {
			f.add("ns-no-address", z, s.Name, "", "", sayNoAddress, data{"host": s.Name})
		}
		for _, a := range s.Addresses {
			switch {
			case a.NoRoute:
				f.add("ns-no-route", z, a.Address, "", "", sayNoRoute, data{"host": s.Name})
			case !a.Configured:
				f.add("ns-unlisted", z, a.Address, "", "", s.unlisted(), data{"host": s.Name, "zone": z})
			}
		}
	}
	all := !slices.ContainsFunc(d.Servers, func(s DelegatedServer) bool { return len(s.Addresses) == 0 })
	if hosts := d.hosts(configured); both && all {
		for _, c := range configured {
			if hosts[c.Name] == "" {
				f.add("ns-unused", z, c.Name, "", "", sayUnused, data{"zone": z})
			}
		}
	}
	if signed && d.Parent != nil && !d.DS {
		f.add("ns-no-ds", z, "", "", "", sayNoDS, data{"zone": z})
	}
}

// without lists what is only in a; "nothing" in signs.
func without(a, b []string) string {
	var out []string
	for _, x := range a {
		if !slices.Contains(b, x) {
			out = append(out, x)
		}
	}
	if len(out) == 0 {
		return "-"
	}
	return strings.Join(out, " ")
}
