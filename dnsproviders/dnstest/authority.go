package dnstest

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/miekg/dns"
)

// Authority is an authoritative server for some zones, UDP and TCP on one loopback
// port, with RFC 2136 updates under TSIG. Safe for concurrent use.
type Authority struct {
	// Addr is host:port.
	Addr string

	zones    map[string]*Zone
	tsig     *tsigKey
	udp, tcp *dns.Server

	mu     sync.Mutex
	frozen map[string]*Zone
	hook   func(w dns.ResponseWriter, r *dns.Msg, serve func(dns.ResponseWriter))

	queries, updates atomic.Int64
}

// NewAuthority starts a server. key is a TSIG key name ("" = no updates) with its raw
// secret. Call Close when done.
func NewAuthority(key string, secret []byte, zones ...*Zone) (*Authority, error) {
	a := &Authority{zones: map[string]*Zone{}}
	for _, z := range zones {
		a.zones[z.Name] = z
	}
	pc, l, err := listenBoth()
	if err != nil {
		return nil, err
	}
	a.Addr = l.Addr().String()
	a.tsig = &tsigKey{}
	if key != "" {
		a.tsig.name = dns.CanonicalName(key)
	}
	a.Rotate(secret)
	// The library's default refuses UPDATE with NOTIMP.
	accept := func(h dns.Header) dns.MsgAcceptAction {
		if op := int(h.Bits>>11) & 0xF; op == dns.OpcodeUpdate {
			return dns.MsgAccept
		}
		return dns.DefaultMsgAcceptFunc(h)
	}
	var ready sync.WaitGroup
	ready.Add(2)
	a.udp = &dns.Server{PacketConn: pc, Handler: a, TsigProvider: a.tsig, MsgAcceptFunc: accept, NotifyStartedFunc: ready.Done}
	a.tcp = &dns.Server{Listener: l, Handler: a, TsigProvider: a.tsig, MsgAcceptFunc: accept, NotifyStartedFunc: ready.Done, MaxTCPQueries: -1}
	go func() { _ = a.udp.ActivateAndServe() }()
	go func() { _ = a.tcp.ActivateAndServe() }()
	ready.Wait()
	return a, nil
}

func listenBoth() (net.PacketConn, net.Listener, error) {
	for try := 0; ; try++ {
		l, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // a test server
		if err != nil {
			return nil, nil, fmt.Errorf("listen: %w", err)
		}
		pc, err := net.ListenPacket("udp", l.Addr().String()) //nolint:noctx // a test server
		if err == nil {
			return pc, l, nil
		}
		_ = l.Close()
		if try == 20 {
			return nil, nil, fmt.Errorf("listen: %w", err)
		}
	}
}

// Close stops the server.
func (a *Authority) Close() {
	_ = a.udp.Shutdown()
	_ = a.tcp.Shutdown()
}

// Freeze makes the server answer from what the zones hold now, as a secondary that has
// stopped following; Thaw lets it follow again.
func (a *Authority) Freeze() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.frozen = map[string]*Zone{}
	for n, z := range a.zones {
		a.frozen[n] = z.Copy()
	}
}

// Thaw ends Freeze.
func (a *Authority) Thaw() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.frozen = nil
}

// Hook sees every message in place of the server; it calls serve to have it answered,
// perhaps with a writer of its own. nil removes it.
func (a *Authority) Hook(h func(w dns.ResponseWriter, r *dns.Msg, serve func(dns.ResponseWriter))) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.hook = h
}

// Queries and Updates count messages since the start.
func (a *Authority) Queries() int64 { return a.queries.Load() }

// Updates counts UPDATE messages since the start.
func (a *Authority) Updates() int64 { return a.updates.Load() }

// ServeDNS answers one message.
func (a *Authority) ServeDNS(w dns.ResponseWriter, r *dns.Msg) {
	if r.Opcode == dns.OpcodeUpdate {
		a.updates.Add(1)
	} else {
		a.queries.Add(1)
	}
	a.mu.Lock()
	h := a.hook
	a.mu.Unlock()
	serve := func(w dns.ResponseWriter) { a.serve(w, r) }
	if h != nil {
		h(w, r, serve)
		return
	}
	serve(w)
}

func (a *Authority) serve(w dns.ResponseWriter, r *dns.Msg) {
	m := new(dns.Msg)
	m.SetReply(r)
	m.Compress = true
	signed := false
	if t := r.IsTsig(); t != nil {
		if err := w.TsigStatus(); err != nil {
			m.Rcode = dns.RcodeNotAuth
			refuse(m, t, err)
			_ = w.WriteMsg(m)
			return
		}
		signed = true
	}
	if len(r.Question) != 1 {
		m.Rcode = dns.RcodeFormatError
	} else if r.Opcode == dns.OpcodeUpdate {
		a.update(m, r, signed)
	} else {
		a.query(m, r)
	}
	if _, isUDP := w.RemoteAddr().(*net.UDPAddr); isUDP {
		size := dns.MinMsgSize
		if o := r.IsEdns0(); o != nil {
			size = int(o.UDPSize())
			m.SetEdns0(1232, false)
		}
		m.Truncate(size)
	}
	if signed {
		t := r.IsTsig()
		m.SetTsig(t.Hdr.Name, t.Algorithm, 300, int64(t.TimeSigned)) //nolint:gosec // a time
	}
	_ = w.WriteMsg(m)
}

// refuse tells what is wrong with the key that r was signed with (RFC 8945 section 5.2).
func refuse(m *dns.Msg, t *dns.TSIG, err error) {
	m.SetTsig(t.Hdr.Name, t.Algorithm, 300, int64(t.TimeSigned)) //nolint:gosec // a time
	answer := m.IsTsig()
	switch {
	case errors.Is(err, dns.ErrTime):
		answer.Error = dns.RcodeBadTime
	case errors.Is(err, dns.ErrSecret):
		answer.Error = dns.RcodeBadKey
	default:
		answer.Error = dns.RcodeBadSig
	}
}

func (a *Authority) zone(name string, exact bool) *Zone {
	a.mu.Lock()
	defer a.mu.Unlock()
	zones := a.zones
	if a.frozen != nil {
		zones = a.frozen
	}
	name = strings.ToLower(strings.TrimSuffix(name, "."))
	for n, z := range zones {
		if n == name || !exact && strings.HasSuffix(name, "."+n) {
			return z
		}
	}
	return nil
}

func (a *Authority) query(m, r *dns.Msg) {
	q := r.Question[0]
	z := a.zone(q.Name, false)
	if z == nil {
		m.Rcode = dns.RcodeRefused
		return
	}
	m.Authoritative = true
	z.mu.Lock()
	defer z.mu.Unlock()
	name := strings.ToLower(strings.TrimSuffix(q.Name, "."))
	typ := dns.TypeToString[q.Qtype]
	soa := z.soa()
	if q.Qtype == dns.TypeSOA && name == z.Name {
		m.Answer = []dns.RR{soa}
		return
	}
	for hops := 0; hops < 8; hops++ {
		recs, exists := z.recs[name]
		found := false
		for _, rec := range recs {
			if rec.Type == typ || rec.Type == "CNAME" {
				m.Answer = append(m.Answer, mustRR(rec))
				found = true
			}
		}
		if !found {
			if !exists && name != z.Name && hops == 0 {
				m.Rcode = dns.RcodeNameError
			}
			m.Ns = []dns.RR{soa}
			return
		}
		last, isCNAME := m.Answer[len(m.Answer)-1].(*dns.CNAME)
		if !isCNAME || q.Qtype == dns.TypeCNAME {
			return
		}
		name = strings.TrimSuffix(last.Target, ".")
	}
}

func (z *Zone) soa() dns.RR {
	return &dns.SOA{
		Hdr: dns.RR_Header{Name: dns.Fqdn(z.Name), Rrtype: dns.TypeSOA, Class: dns.ClassINET, Ttl: 60},
		Ns:  dns.Fqdn("ns1." + z.Name), Mbox: dns.Fqdn("hostmaster." + z.Name), Serial: z.serial,
		Refresh: 60, Retry: 60, Expire: 3600, Minttl: 30,
	}
}

func mustRR(r Record) dns.RR {
	content := r.Content
	if r.Type == "CNAME" {
		content = dns.Fqdn(content)
	}
	x, err := dns.NewRR(fmt.Sprintf("%s %d IN %s %s", dns.Fqdn(r.Name), r.TTL, r.Type, content))
	if err != nil {
		panic(err)
	}
	return x
}

type rcode int

func (c rcode) Error() string { return dns.RcodeToString[int(c)] }

func (a *Authority) update(m, r *dns.Msg, signed bool) {
	z := a.zone(r.Question[0].Name, true)
	switch {
	case !signed:
		m.Rcode = dns.RcodeRefused
		return
	case z == nil:
		m.Rcode = dns.RcodeNotAuth
		return
	}
	err := z.transact(func(t *Zone) error {
		if err := t.prerequisites(r.Answer); err != nil {
			return err
		}
		return t.change(r.Ns)
	})
	if c, isCode := err.(rcode); isCode { //nolint:errorlint // made above
		m.Rcode = int(c)
	}
}

func content(rr dns.RR) string {
	return strings.TrimSuffix(strings.TrimPrefix(rr.String(), rr.Header().String()), ".")
}

// prerequisites: RFC 2136 section 3.2.
func (z *Zone) prerequisites(rrs []dns.RR) error {
	want := map[string][]string{}
	for _, rr := range rrs {
		h := rr.Header()
		name, typ := strings.ToLower(strings.TrimSuffix(h.Name, ".")), dns.TypeToString[h.Rrtype]
		have, _ := z.get(name, typ)
		switch h.Class {
		case dns.ClassNONE:
			if len(have) > 0 {
				return rcode(dns.RcodeYXRrset)
			}
		case dns.ClassANY:
			if len(have) == 0 {
				return rcode(dns.RcodeNXRrset)
			}
		default:
			if h.Ttl != 0 {
				return rcode(dns.RcodeFormatError)
			}
			want[name+" "+typ] = append(want[name+" "+typ], content(rr))
		}
	}
	for k, vs := range want {
		name, typ, _ := strings.Cut(k, " ")
		have, ttl := z.get(name, typ)
		for i, v := range have { // as the wire has it, however it was stored
			have[i] = content(mustRR(Record{Name: name, Type: typ, TTL: ttl, Content: v}))
		}
		slices.Sort(have)
		slices.Sort(vs)
		if !slices.Equal(have, vs) {
			return rcode(dns.RcodeNXRrset)
		}
	}
	return nil
}

// change: RFC 2136 section 3.4.
func (z *Zone) change(rrs []dns.RR) error {
	for _, rr := range rrs {
		h := rr.Header()
		name, typ := strings.ToLower(strings.TrimSuffix(h.Name, ".")), dns.TypeToString[h.Rrtype]
		if name != z.Name && !strings.HasSuffix(name, "."+z.Name) {
			return rcode(dns.RcodeNotZone)
		}
		switch h.Class {
		case dns.ClassANY:
			z.set(name, typ, 0, nil)
		case dns.ClassINET:
			if z.clash(name, typ) {
				continue // section 3.4.2.2: ignored without a word
			}
			have, _ := z.get(name, typ)
			if typ == "CNAME" {
				have = nil // replaced, the same section
			}
			z.set(name, typ, h.Ttl, append(slices.DeleteFunc(have, func(v string) bool { return v == content(rr) }), content(rr)))
		default:
			return rcode(dns.RcodeFormatError)
		}
	}
	return nil
}
