package named

import (
	"context"
	"fmt"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"github.com/miekg/dns"
)

// ResolverOptions configures a resolver.
type ResolverOptions struct {
	// Listen is host:port; "" = a free port on 127.0.0.1.
	Listen string
	// Zone is all it can resolve; other names are REFUSED.
	Zone string
	// Authorities are asked in this order, the next one when one does not answer.
	Authorities []string
	// Timeout of one question to one authority; 0 = 400 ms.
	Timeout time.Duration
	// Now is the clock that ages the cache; nil = time.Now.
	Now func() time.Time
}

// Resolver is a caching resolver: it keeps an answer for exactly its TTL, counts
// the TTL down in what it hands out, keeps "no such name" for the lower of the
// SOA's minimum and TTL (RFC 2308), and keeps no failure. It never serves an
// expired answer. Safe for concurrent use.
type Resolver struct {
	o        ResolverOptions
	front    *front
	ctx      context.Context
	stop     context.CancelFunc
	hit, ask atomic.Int64

	mu    sync.Mutex
	cache map[dns.Question]cached
}

type cached struct {
	msg    *dns.Msg // never edited
	stored time.Time
	until  time.Time
}

// maxCached bounds the cache; past it, the answer that ends first makes room.
const maxCached = 10000

// StartResolver serves until Close.
func StartResolver(o ResolverOptions) (*Resolver, error) {
	if len(o.Authorities) == 0 {
		return nil, fmt.Errorf("resolver: no authority given")
	}
	if o.Listen == "" {
		o.Listen = "127.0.0.1:0"
	}
	if o.Timeout == 0 {
		o.Timeout = 400 * time.Millisecond
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	r := &Resolver{o: o, cache: map[dns.Question]cached{}}
	r.ctx, r.stop = context.WithCancel(context.Background())
	var err error
	if r.front, err = listenFront(o.Listen, dns.HandlerFunc(r.serve), nil); err != nil {
		r.stop()
		return nil, err
	}
	return r, nil
}

// Addr is the resolver's address, host:port.
func (r *Resolver) Addr() string { return r.front.addr }

// SetMode sets the resolver's fault.
func (r *Resolver) SetMode(m Mode) error { return r.front.setMode(m) }

// Stats tells how many questions the cache answered, and how many went to an authority.
func (r *Resolver) Stats() (hits, asked int64) { return r.hit.Load(), r.ask.Load() }

// Flush forgets everything.
func (r *Resolver) Flush() {
	r.mu.Lock()
	defer r.mu.Unlock()
	clear(r.cache)
}

// Close stops the resolver, within about two seconds.
func (r *Resolver) Close() error {
	r.stop()
	return r.front.close()
}

func (r *Resolver) serve(w dns.ResponseWriter, req *dns.Msg) {
	m := new(dns.Msg)
	m.SetReply(req)
	m.RecursionAvailable = true
	if req.Opcode != dns.OpcodeQuery {
		m.Rcode = dns.RcodeNotImplemented
		reply(w, req, m)
		return
	}
	q := req.Question[0]
	key := dns.Question{Name: dns.CanonicalName(q.Name), Qtype: q.Qtype, Qclass: q.Qclass}
	if !dns.IsSubDomain(dns.Fqdn(r.o.Zone), key.Name) {
		m.Rcode = dns.RcodeRefused
		reply(w, req, m)
		return
	}
	got, ok := r.lookup(key)
	if ok {
		r.hit.Add(1)
	} else if got, ok = r.fetch(key); !ok {
		m.Rcode = dns.RcodeServerFailure
		reply(w, req, m)
		return
	}
	r.fill(m, got)
	reply(w, req, m)
}

// fill copies the cached answer and counts its TTLs down.
func (r *Resolver) fill(m *dns.Msg, c cached) {
	age := r.o.Now().Sub(c.stored)
	m.Rcode = c.msg.Rcode
	aged := func(in []dns.RR) []dns.RR {
		out := copies(in)
		for _, rr := range out {
			left := time.Duration(rr.Header().Ttl)*time.Second - age
			rr.Header().Ttl = uint32(max(0, math.Ceil(left.Seconds())))
		}
		return out
	}
	m.Answer, m.Ns = aged(c.msg.Answer), aged(c.msg.Ns)
}

func (r *Resolver) lookup(key dns.Question) (cached, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	c, ok := r.cache[key]
	if ok && !r.o.Now().Before(c.until) {
		delete(r.cache, key)
		return cached{}, false
	}
	return c, ok
}

// fetch asks the authorities, UDP first and TCP when the answer was cut.
func (r *Resolver) fetch(key dns.Question) (cached, bool) {
	q := new(dns.Msg)
	q.SetQuestion(key.Name, key.Qtype)
	q.RecursionDesired = false
	q.SetEdns0(1232, false)
	for _, server := range r.o.Authorities {
		r.ask.Add(1)
		m := r.exchange(q, server, "udp")
		if m != nil && m.Truncated {
			m = r.exchange(q, server, "tcp")
		}
		if m == nil || (m.Rcode != dns.RcodeSuccess && m.Rcode != dns.RcodeNameError) {
			continue
		}
		c := cached{msg: m, stored: r.o.Now()}
		c.until = c.stored.Add(lifetime(m))
		r.store(key, c)
		return c, true
	}
	return cached{}, false
}

func (r *Resolver) exchange(q *dns.Msg, server, network string) *dns.Msg {
	ctx, cancel := context.WithTimeout(r.ctx, r.o.Timeout)
	defer cancel()
	c := dns.Client{Net: network, Timeout: r.o.Timeout}
	q = q.Copy()
	q.Id = dns.Id()
	m, _, err := c.ExchangeContext(ctx, q, server)
	if err != nil {
		return nil
	}
	return m
}

// lifetime is how long an answer may be kept: the lowest TTL of the answer, or for
// a negative one the lower of the SOA's minimum and its own TTL.
func lifetime(m *dns.Msg) time.Duration {
	low := uint32(math.MaxUint32)
	for _, rr := range m.Answer {
		low = min(low, rr.Header().Ttl)
	}
	told := len(m.Answer) > 0
	for _, rr := range m.Ns {
		if soa, ok := rr.(*dns.SOA); ok {
			low, told = min(low, soa.Minttl, soa.Hdr.Ttl), true
		}
	}
	if !told {
		return 0 // nothing says how long; do not keep it
	}
	return time.Duration(low) * time.Second
}

func (r *Resolver) store(key dns.Question, c cached) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.cache) >= maxCached {
		var first dns.Question
		var at time.Time
		for k, v := range r.cache {
			if at.IsZero() || v.until.Before(at) {
				first, at = k, v.until
			}
		}
		delete(r.cache, first)
	}
	r.cache[key] = c
}
