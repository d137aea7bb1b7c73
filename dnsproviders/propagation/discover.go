package propagation

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/miekg/dns"

	"github.com/dutyops/dutyops/dnsproviders/internal/rr"
)

// Bounds of a discovery: whatever a zone says, no more is asked.
const (
	maxNameServers = 32
	maxAddresses   = 16 // of one name server
	maxParents     = 4
)

// ErrNoParent: nobody was found who delegates the zone. Test with errors.Is.
var ErrNoParent = errors.New("the servers of the parent zone are not known")

// DiscoverOptions say whom to ask about a zone's delegation.
type DiscoverOptions struct {
	// Parents are servers of the parent zone, host:port; empty = found through Resolvers.
	Parents []string
	// Resolvers tell addresses of name servers, and the parent.
	Resolvers []string
	// Children are servers of the zone itself: they tell its own NS set, and the addresses
	// of name servers inside it when Resolvers do not.
	Children []Server
	// Addresses of name servers by name, host:port, in place of what DNS says: behind
	// address translation, or on other ports than 53.
	Addresses map[string][]string
	// Timeout of one try; 0 = 1 s.
	Timeout time.Duration
}

// Delegation is who answers for a zone according to its parent and according to itself.
type Delegation struct {
	Zone string
	// Parent and Child are the two NS sets, names in order; nil = not known, see the errors.
	Parent, Child       []string
	ParentErr, ChildErr error
	// DS: the parent says that the zone is signed.
	DS bool
	// Servers of both sets, in order of their names.
	Servers []NameServer
}

// NameServer is one of a zone's name servers with all its addresses.
type NameServer struct {
	Name string
	// Addresses are host:port, A before AAAA.
	Addresses []string
	// Parent and Child tell which NS set names it.
	Parent, Child bool
	// Err is why there are no addresses.
	Err error
}

// Discover asks the parent and the zone itself for the zone's NS set, and for every
// address of each. It asks a bounded number of servers and returns what it has when ctx
// ends. Safe for concurrent use.
func Discover(ctx context.Context, zone string, o DiscoverOptions) Delegation {
	x := &discovery{zone: rr.Name(zone), o: o, opt: Options{Timeout: o.Timeout}.withDefaults()}
	d := Delegation{Zone: x.zone}
	var wg sync.WaitGroup
	var up referral
	wg.Go(func() { up, d.ParentErr = x.parent(ctx) })
	wg.Go(func() { d.Child, d.ChildErr = x.child(ctx) })
	wg.Wait()
	d.Parent, d.DS, x.glue = up.ns, up.ds, up.glue
	both := slices.Concat(d.Parent, d.Child)
	slices.Sort(both)
	both = slices.Compact(both)
	both = both[:min(len(both), maxNameServers)]
	d.Servers = make([]NameServer, len(both))
	for i, n := range both {
		wg.Go(func() {
			s := NameServer{Name: n, Parent: slices.Contains(d.Parent, n), Child: slices.Contains(d.Child, n)}
			s.Addresses, s.Err = x.addresses(ctx, n)
			d.Servers[i] = s
		})
	}
	wg.Wait()
	return d
}

type discovery struct {
	zone string
	o    DiscoverOptions
	opt  Options
	// glue are addresses that the parent gives; known when both sets are.
	glue map[string][]string
}

func (x *discovery) ask(ctx context.Context, addr string, recursive bool, name string, typ uint16) (*dns.Msg, error) {
	t := &target{server: Server{Name: addr, Addr: addr, Authoritative: !recursive}, opt: x.opt}
	var sock socket
	defer sock.close()
	r, _, err := t.exchange(ctx, &sock, name, typ)
	if err == nil {
		err = code(r)
	}
	return r, err
}

// child is the zone's own NS set, from the first of its servers that tells.
func (x *discovery) child(ctx context.Context) ([]string, error) {
	if len(x.o.Children) == 0 {
		return nil, fmt.Errorf("%w: no server of the zone is known", ErrNoAnswer)
	}
	return race(ctx, len(x.o.Children), func(ctx context.Context, i int) ([]string, error) {
		s := x.o.Children[i]
		r, err := x.ask(ctx, s.Addr, false, x.zone, dns.TypeNS)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", s.Name, err)
		}
		if ns := namesOf(r.Answer, x.zone); r.Authoritative && len(ns) > 0 {
			return ns, nil
		}
		return nil, fmt.Errorf("%s: %w", s.Name, ErrNotAuthoritative)
	})
}

// referral is what a parent's server says of the zone.
type referral struct {
	ns   []string
	ds   bool
	glue map[string][]string
}

// parent is the NS set with which the parent delegates the zone: a referral, or an answer
// where the parent's server serves the zone too.
func (x *discovery) parent(ctx context.Context) (referral, error) {
	parents := x.o.Parents
	if len(parents) == 0 {
		parents = x.findParents(ctx)
	}
	if len(parents) == 0 {
		return referral{}, ErrNoParent
	}
	return race(ctx, min(len(parents), maxParents), func(ctx context.Context, i int) (referral, error) {
		p := parents[i]
		r, err := x.ask(ctx, p, false, x.zone, dns.TypeNS)
		if err != nil {
			return referral{}, fmt.Errorf("%s: %w", p, err)
		}
		f := refer(r, x.zone)
		if len(f.ns) == 0 {
			return f, fmt.Errorf("%s does not delegate %s", p, x.zone)
		}
		if r, err := x.ask(ctx, p, false, x.zone, dns.TypeDS); err == nil {
			f.ds = slices.ContainsFunc(r.Answer, func(r dns.RR) bool { _, ok := r.(*dns.DS); return ok && rr.Name(r.Header().Name) == x.zone })
		}
		return f, nil
	})
}

// refer reads a referral, or the answer of a server that serves the zone too. Addresses
// count only for name servers that it names: anything else in it is nobody's business.
func refer(r *dns.Msg, zone string) referral {
	f := referral{ns: namesOf(slices.Concat(r.Answer, r.Ns), zone), glue: map[string][]string{}}
	for _, e := range r.Extra {
		if n, typ, v, ok := rr.Of(e); ok && (typ == "A" || typ == "AAAA") && slices.Contains(f.ns, n) {
			f.glue[n] = append(f.glue[n], v)
		}
	}
	return f
}

// race does f for all of n at once and returns the first result without an error; when
// there is none, the first one's error. Nobody waits for a silent server when another one
// answers.
func race[T any](ctx context.Context, n int, f func(ctx context.Context, i int) (T, error)) (T, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	type end struct {
		i   int
		v   T
		err error
	}
	ends := make(chan end, n)
	for i := range n {
		go func() {
			v, err := f(ctx, i)
			ends <- end{i, v, err}
		}()
	}
	first := end{i: n}
	for range n {
		e := <-ends
		if e.err == nil {
			return e.v, nil
		}
		if e.i < first.i {
			first = e
		}
	}
	return first.v, first.err
}

// findParents walks up from the zone until a resolver knows an NS set, and returns
// addresses of its servers.
func (x *discovery) findParents(ctx context.Context) []string {
	_, up, _ := strings.Cut(x.zone, ".")
	for ; up != "" && len(x.o.Resolvers) > 0 && ctx.Err() == nil; _, up, _ = strings.Cut(up, ".") {
		ns, err := race(ctx, len(x.o.Resolvers), func(ctx context.Context, i int) ([]string, error) {
			r, err := x.ask(ctx, x.o.Resolvers[i], true, up, dns.TypeNS)
			if err != nil {
				return nil, err
			}
			ns := namesOf(r.Answer, up)
			if len(ns) == 0 {
				return nil, ErrNoParent
			}
			return ns, nil
		})
		if errors.Is(err, ErrNoAnswer) {
			return nil // silent: more questions find no more
		}
		if err != nil {
			continue
		}
		found := make([][]string, min(len(ns), maxParents))
		var wg sync.WaitGroup
		for i := range found {
			wg.Go(func() { found[i], _ = x.addresses(ctx, ns[i]) })
		}
		wg.Wait()
		var out []string
		for _, as := range found {
			out = append(out, as[:min(len(as), 1)]...)
		}
		if len(out) > 0 {
			return out
		}
	}
	return nil
}

// addresses lists a name server's addresses: those of the settings, else what a resolver
// says, else what the zone's own servers say, else what the parent's glue says.
func (x *discovery) addresses(ctx context.Context, name string) ([]string, error) {
	if as, ok := x.o.Addresses[name]; ok {
		return as[:min(len(as), maxAddresses)], nil
	}
	ask := func(servers []Server) []string {
		if len(servers) == 0 {
			return nil
		}
		as, _ := race(ctx, len(servers), func(ctx context.Context, i int) ([]string, error) {
			var out []string
			for _, typ := range []string{"A", "AAAA"} {
				r, err := x.ask(ctx, servers[i].Addr, !servers[i].Authoritative, name, rr.Code(typ))
				if err != nil {
					return nil, err
				}
				vs, _, _ := collect(r.Answer, Question{name, typ})
				out = append(out, vs...)
			}
			if len(out) == 0 {
				return nil, ErrNoAnswer
			}
			return out, nil
		})
		return as
	}
	if as := ask(x.resolvers()); len(as) > 0 {
		return ported(as), nil
	}
	if name == x.zone || strings.HasSuffix(name, "."+x.zone) {
		if as := ask(x.o.Children); len(as) > 0 {
			return ported(as), nil
		}
	}
	if as := x.glue[name]; len(as) > 0 {
		return ported(as), nil
	}
	return nil, fmt.Errorf("%w: nobody knows an address of %s", ErrNoAnswer, name)
}

func (x *discovery) resolvers() []Server {
	out := make([]Server, len(x.o.Resolvers))
	for i, a := range x.o.Resolvers {
		out[i] = Server{Name: a, Addr: a}
	}
	return out
}

// ported gives addresses the port of DNS.
func ported(as []string) []string {
	var out []string
	for _, a := range as[:min(len(as), maxAddresses)] {
		if _, err := netip.ParseAddr(a); err == nil {
			out = append(out, net.JoinHostPort(a, "53"))
		}
	}
	return out
}
