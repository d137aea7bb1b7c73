package named

import (
	"errors"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/miekg/dns"
)

// AuthorityOptions configures an authority.
type AuthorityOptions struct {
	// Listen and ListenSecond are host:port; "" = a free port on 127.0.0.1.
	Listen, ListenSecond string
	// KeyName and KeySecret (base64) are the TSIG key (hmac-sha256) that may update.
	KeyName, KeySecret string
}

// Authority answers for a Store's zone on two addresses. The first takes RFC 2136
// updates; the second follows it with a lag that SetLag chooses (0 at start).
// Safe for concurrent use.
type Authority struct {
	store         *Store
	key           string // with dot
	lag           atomic.Int64
	first, second *front
}

// StartAuthority serves the zone until Close.
func StartAuthority(s *Store, o AuthorityOptions) (*Authority, error) {
	a := &Authority{store: s, key: dns.CanonicalName(o.KeyName)}
	keys := map[string]string{a.key: o.KeySecret}
	listen := func(addr string, h dns.HandlerFunc, keys map[string]string) (*front, error) {
		if addr == "" {
			addr = "127.0.0.1:0"
		}
		return listenFront(addr, h, keys)
	}
	var err error
	if a.first, err = listen(o.Listen, a.serveFirst, keys); err != nil {
		return nil, err
	}
	if a.second, err = listen(o.ListenSecond, a.serveSecond, keys); err != nil {
		return nil, errors.Join(err, a.first.close())
	}
	return a, nil
}

// Addrs are the two addresses, host:port; the first takes updates.
func (a *Authority) Addrs() []string { return []string{a.first.addr, a.second.addr} }

// SetLag makes the second authority answer as the zone was that long ago.
func (a *Authority) SetLag(d time.Duration) { a.lag.Store(int64(d)) }

// SetMode sets the fault of one of the two servers (0 or 1).
func (a *Authority) SetMode(server int, m Mode) error {
	if server == 0 {
		return a.first.setMode(m)
	}
	return a.second.setMode(m)
}

// Close stops both servers, within about two seconds.
func (a *Authority) Close() error { return errors.Join(a.first.close(), a.second.close()) }

func (a *Authority) serveFirst(w dns.ResponseWriter, req *dns.Msg) {
	if req.Opcode == dns.OpcodeUpdate {
		a.serveUpdate(w, req)
		return
	}
	a.serveQuery(w, req, a.store.present())
}

func (a *Authority) serveSecond(w dns.ResponseWriter, req *dns.Msg) {
	if req.Opcode == dns.OpcodeUpdate { // a secondary does not take updates
		reply(w, req, new(dns.Msg).SetRcode(req, dns.RcodeNotAuth))
		return
	}
	v := a.store.present()
	if lag := time.Duration(a.lag.Load()); lag > 0 {
		v = a.store.asOf(a.store.now().Add(-lag))
	}
	a.serveQuery(w, req, v)
}

func (a *Authority) serveQuery(w dns.ResponseWriter, req *dns.Msg, v *view) {
	m := new(dns.Msg)
	m.SetReply(req)
	switch q := req.Question[0]; {
	case req.Opcode != dns.OpcodeQuery:
		m.Rcode = dns.RcodeNotImplemented
	case q.Qclass != dns.ClassINET || !a.store.holds(q.Name),
		q.Qtype == dns.TypeAXFR, q.Qtype == dns.TypeIXFR:
		m.Rcode = dns.RcodeRefused
	default:
		m.Authoritative = true
		a.resolve(m, v, dns.CanonicalName(q.Name), q.Qtype)
	}
	reply(w, req, m)
}

// resolve fills the answer, following CNAMEs that stay in the zone.
func (a *Authority) resolve(m *dns.Msg, v *view, name string, qtype uint16) {
	for range 8 {
		types := v.names[name]
		if qtype == dns.TypeANY {
			for _, set := range types {
				m.Answer = append(m.Answer, copies(set)...)
			}
		} else if set := types[qtype]; len(set) > 0 {
			m.Answer = append(m.Answer, copies(set)...)
			return
		}
		if len(m.Answer) > 0 && qtype == dns.TypeANY {
			return
		}
		if alias := types[dns.TypeCNAME]; len(alias) > 0 {
			m.Answer = append(m.Answer, copies(alias)...)
			if c, ok := alias[0].(*dns.CNAME); ok {
				name = dns.CanonicalName(c.Target)
			}
			if !a.store.holds(name) {
				return
			}
			continue
		}
		if !v.exists(name) {
			m.Rcode = dns.RcodeNameError
		}
		soa := dns.Copy(v.soa)
		soa.Header().Ttl = min(v.soa.Hdr.Ttl, v.soa.Minttl) // RFC 2308, section 3
		m.Ns = append(m.Ns, soa)
		return
	}
	m.Rcode = dns.RcodeServerFailure // a loop of CNAMEs
}

// copies keeps the published zone safe from whoever edits or packs the answer.
func copies(set []dns.RR) []dns.RR {
	out := make([]dns.RR, len(set))
	for i, rr := range set {
		out[i] = dns.Copy(rr)
	}
	return out
}

// reply writes m as the answer to req: EDNS, truncation for UDP, and a signature
// when the request was signed.
func reply(w dns.ResponseWriter, req, m *dns.Msg) {
	size := dns.MinMsgSize
	if o := req.IsEdns0(); o != nil {
		m.SetEdns0(4096, o.Do())
		size = max(size, int(o.UDPSize()))
	}
	m.Compress = true
	if w.RemoteAddr().Network() == "udp" {
		m.Truncate(min(size, 4096))
	}
	if t := req.IsTsig(); t != nil {
		sign(w, m, t)
	}
	_ = w.WriteMsg(m) // the client is gone: nothing to be done
}

// sign adds the TSIG of an answer (RFC 8945, 5.3): signed when the request's was
// good, else carrying the error.
func sign(w dns.ResponseWriter, m *dns.Msg, t *dns.TSIG) {
	m.SetTsig(t.Hdr.Name, t.Algorithm, 300, time.Now().Unix())
	rr := m.IsTsig()
	rr.OrigId = m.Id
	switch err := tsigProblem(w, t); {
	case err == nil:
	case errors.Is(err, dns.ErrTime):
		rr.Error = dns.RcodeBadTime
	case errors.Is(err, dns.ErrSecret), errors.Is(err, dns.ErrKeyAlg):
		rr.Error = dns.RcodeBadKey
	default:
		rr.Error = dns.RcodeBadSig
	}
}

// tsigProblem is nil when the request was signed with the key, by hmac-sha256.
func tsigProblem(w dns.ResponseWriter, t *dns.TSIG) error {
	if !strings.EqualFold(t.Algorithm, dns.HmacSHA256) {
		return dns.ErrKeyAlg
	}
	return w.TsigStatus()
}

// sameSet compares two sets of records without their TTLs.
func sameSet(a, b []dns.RR) bool { return within(a, b) && within(b, a) }

func within(a, b []dns.RR) bool {
	for _, x := range a {
		if !slices.ContainsFunc(b, func(y dns.RR) bool { return dns.IsDuplicate(x, y) }) {
			return false
		}
	}
	return true
}
