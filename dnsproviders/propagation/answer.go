package propagation

import (
	"fmt"
	"slices"

	"github.com/miekg/dns"

	"github.com/dutyops/dutyops/dnsproviders/internal/rr"
)

// maxAliases bounds a CNAME chain inside one answer.
const maxAliases = 16

// read fills the answer from a message.
func (a *Answer) read(r *dns.Msg, q Question, authoritative bool) {
	a.AA = r.Authoritative
	a.Rcode = rcodeText(r.Rcode)
	if r.Rcode != dns.RcodeSuccess && r.Rcode != dns.RcodeNameError {
		a.Err = fmt.Errorf("%w: %s", ErrRefused, a.Rcode)
		return
	}
	if authoritative && !r.Authoritative {
		a.Err = ErrNotAuthoritative
		return
	}
	a.Stale = stale(r)
	values, ttl, found := collect(r.Answer, q)
	if found {
		a.Values, a.TTL = values, ttl
		return
	}
	// Negative: the SOA in the authority section says for how long.
	for _, x := range r.Ns {
		if s, ok := x.(*dns.SOA); ok {
			a.TTL = min(s.Minttl, s.Hdr.Ttl)
			if ttl > 0 {
				a.TTL = min(a.TTL, ttl) // at the end of an alias
			}
			if authoritative {
				a.Serial = s.Serial
			}
			return
		}
	}
	a.TTL = ttl
}

// collect follows aliases from the question's name to the set of its type. The TTL is the
// least on the way; when nothing is found, that of the aliases (0 without any).
func collect(rrs []dns.RR, q Question) (values []string, ttl uint32, found bool) {
	type set struct {
		values []string
		ttl    uint32
	}
	sets := map[Question]set{}
	for _, x := range rrs {
		n, t, v, ok := rr.Of(x)
		if !ok {
			continue
		}
		k := Question{n, t}
		s, seen := sets[k]
		if !seen || x.Header().Ttl < s.ttl {
			s.ttl = x.Header().Ttl
		}
		s.values = append(s.values, v)
		sets[k] = s
	}
	name, first := q.Name, true
	least := func(t uint32) {
		if first || t < ttl {
			ttl, first = t, false
		}
	}
	for range maxAliases {
		if s, ok := sets[Question{name, q.Type}]; ok {
			least(s.ttl)
			slices.Sort(s.values)
			return slices.Compact(s.values), ttl, true
		}
		alias, ok := sets[Question{name, "CNAME"}]
		if !ok {
			return nil, ttl, false
		}
		least(alias.ttl)
		name = alias.values[0]
	}
	return nil, ttl, false
}

// stale is the server's own word that the answer has expired: extended errors 3 (stale
// answer) and 19 (stale NXDOMAIN) of RFC 8914.
func stale(r *dns.Msg) bool {
	o := r.IsEdns0()
	if o == nil {
		return false
	}
	for _, x := range o.Option {
		if e, ok := x.(*dns.EDNS0_EDE); ok && (e.InfoCode == dns.ExtendedErrorCodeStaleAnswer || e.InfoCode == dns.ExtendedErrorCodeStaleNXDOMAINAnswer) {
			return true
		}
	}
	return false
}
