package rfc2136

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/miekg/dns"

	"github.com/dutyops/dutyops/dnsproviders"
	"github.com/dutyops/dutyops/dnsproviders/internal/rr"
)

type question struct{ name, typ string }

// Read asks the server for every type of every name, over a few TCP connections. The
// questions are signed, so that a server with views answers from the view it changes.
// Errors are *dnsproviders.Error.
func (p *Provider) Read(ctx context.Context, zone string, names []string) ([]dnsproviders.RRset, error) {
	o, err := p.begin(ctx, "read zone", zone)
	if err != nil {
		return nil, err
	}
	var qs []question
	for _, n := range names {
		n = rr.Name(n)
		if !rr.ValidName(n) || !dnsproviders.InZone(n, o.zone) {
			return nil, o.fail(dnsproviders.ErrRejected, fmt.Sprintf("%q is not in the zone", n), "correct the name", nil)
		}
		for _, t := range rr.Types() {
			qs = append(qs, question{n, t})
		}
	}
	return o.ask(ctx, qs)
}

// ask answers all questions; the first failure ends it.
func (o *op) ask(ctx context.Context, qs []question) ([]dnsproviders.RRset, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	next := make(chan question)
	go func() {
		defer close(next)
		for _, q := range qs {
			select {
			case next <- q:
			case <-ctx.Done():
				return
			}
		}
	}()
	var mu sync.Mutex
	var sets []dnsproviders.RRset
	var wg sync.WaitGroup
	for range min(readers, len(qs)) {
		wg.Go(func() {
			var c *conn
			defer func() {
				if c != nil {
					c.close()
				}
			}()
			for q := range next {
				s, err := o.askOne(ctx, &c, q)
				if err != nil {
					cancel(err)
					return
				}
				if len(s.Values) > 0 {
					mu.Lock()
					sets = append(sets, s)
					mu.Unlock()
				}
			}
		})
	}
	wg.Wait()
	if err := context.Cause(ctx); err != nil {
		var e *dnsproviders.Error
		if errors.As(err, &e) {
			return nil, e
		}
		return nil, o.fail(dnsproviders.ErrUnavailable, "cancelled", "", err)
	}
	slices.SortFunc(sets, func(a, b dnsproviders.RRset) int {
		if c := strings.Compare(a.Name, b.Name); c != 0 {
			return c
		}
		return strings.Compare(a.Type, b.Type)
	})
	return slices.CompactFunc(sets, func(a, b dnsproviders.RRset) bool { return a.Name == b.Name && a.Type == b.Type }), nil
}

// askOne asks one question on *c, which it opens when needed; a connection that breaks
// is opened anew once (a server may close an idle or long one).
func (o *op) askOne(ctx context.Context, c **conn, q question) (dnsproviders.RRset, error) {
	m := new(dns.Msg)
	for try := 1; ; try++ {
		if *c == nil {
			n, err := o.dial(ctx)
			if err != nil {
				return dnsproviders.RRset{}, err
			}
			*c = n
		}
		m.SetQuestion(dns.Fqdn(q.name), rr.Code(q.typ))
		m.RecursionDesired = false
		m.Extra = nil
		r, _, err := (*c).exchange(ctx, m)
		if r != nil && (err == nil || errors.Is(err, errUnsigned) || r.Rcode != dns.RcodeSuccess) {
			return o.readAnswer(r, q)
		}
		(*c).close()
		*c = nil
		if try == 2 || ctx.Err() != nil {
			var e *dnsproviders.Error
			if errors.As(err, &e) {
				return dnsproviders.RRset{}, e
			}
			return dnsproviders.RRset{}, o.fail(dnsproviders.ErrUnavailable, "no answer: "+err.Error(), hintPath, err)
		}
	}
}

func (o *op) readAnswer(r *dns.Msg, q question) (dnsproviders.RRset, error) {
	switch r.Rcode {
	case dns.RcodeSuccess, dns.RcodeNameError:
		if !r.Authoritative {
			return dnsproviders.RRset{}, o.fail(dnsproviders.ErrNotFound, "the server answers, but not with authority for the zone",
				"server must be the zone's primary (not a resolver)", nil)
		}
		return setOf(r, q), nil
	}
	return dnsproviders.RRset{}, o.judge(r)
}

// setOf takes the set that was asked for out of an answer; a CNAME that the server
// followed on the way does not count.
func setOf(r *dns.Msg, q question) dnsproviders.RRset {
	s := dnsproviders.RRset{Name: q.name, Type: q.typ}
	for _, x := range r.Answer {
		n, t, v, ok := rr.Of(x)
		if ok && n == q.name && t == q.typ {
			s.Values = append(s.Values, v)
			s.TTL = max(s.TTL, x.Header().Ttl)
		}
	}
	slices.Sort(s.Values)
	s.Values = slices.Compact(s.Values)
	return s
}

// judge turns a response code that is not success into an error.
func (o *op) judge(r *dns.Msg) *dnsproviders.Error {
	code := dns.RcodeToString[r.Rcode]
	if code == "" {
		code = fmt.Sprintf("response code %d", r.Rcode)
	}
	switch r.Rcode {
	case dns.RcodeNotAuth:
		// What is wrong with a key stands in the TSIG of the answer (RFC 8945 section 5.2). Knot
		// DNS answers without one for a zone that it does not know.
		t := r.IsTsig()
		if t == nil || t.Error == 0 && t.MACSize > 0 {
			return o.fail(dnsproviders.ErrNotFound, code+": the server has no authority for the zone", "check the zone's name, and that server is its primary", nil)
		}
		detail, hint := fmt.Sprintf("%s (%s)", code, dns.RcodeToString[int(t.Error)]), "check key_name, key_algorithm and key_secret against the server's configuration"
		if t.Error == dns.RcodeBadTime {
			hint = "the clocks here and at the server differ by more than 5 minutes: set them right"
		}
		return o.fail(dnsproviders.ErrAuth, detail, hint, nil)
	case dns.RcodeRefused:
		return o.fail(dnsproviders.ErrForbidden, code, "the server knows the zone but not this key for it: grant it, e.g. `update-policy { grant "+
			o.p.key+" zonesub A AAAA CNAME HTTPS; };`", nil)
	case dns.RcodeServerFailure:
		return o.fail(dnsproviders.ErrUnavailable, code, "the server has a problem of its own (disk, journal, zone not loaded): see its log", nil)
	case dns.RcodeNXRrset, dns.RcodeYXRrset, dns.RcodeNameError, dns.RcodeYXDomain:
		return o.fail(dnsproviders.ErrConflict, code, hintReplan, nil)
	case dns.RcodeNotZone:
		return o.fail(dnsproviders.ErrRejected, code+": a name is outside the zone", "check the zone of the domains in the configuration", nil)
	case dns.RcodeNotImplemented:
		return o.fail(dnsproviders.ErrRejected, code+": the server takes no dynamic updates", "enable updates on the server, or use another provider", nil)
	}
	return o.fail(dnsproviders.ErrRejected, code, "see the server's log for its reason", nil)
}
