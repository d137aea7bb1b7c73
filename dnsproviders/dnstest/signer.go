package dnstest

import (
	"crypto"
	"net"
	"time"

	"github.com/miekg/dns"
)

// Hook is what Authority.Hook takes.
type Hook = func(w dns.ResponseWriter, r *dns.Msg, serve func(dns.ResponseWriter))

// Edit makes a hook that lets the server answer and changes the answer before it is sent.
func Edit(f func(r, answer *dns.Msg)) Hook {
	return func(w dns.ResponseWriter, r *dns.Msg, serve func(dns.ResponseWriter)) {
		serve(editor{w, func(m *dns.Msg) { f(r, m) }})
	}
}

type editor struct {
	dns.ResponseWriter
	f func(*dns.Msg)
}

// WriteMsg edits and sends.
func (e editor) WriteMsg(m *dns.Msg) error {
	e.f(m)
	return e.ResponseWriter.WriteMsg(m)
}

// OverTCP tells whether a message came by TCP.
func OverTCP(w dns.ResponseWriter) bool {
	_, ok := w.RemoteAddr().(*net.TCPAddr)
	return ok
}

// Signer signs answers with a key of its own, made anew each time.
type Signer struct {
	Key  *dns.DNSKEY
	zone string
	priv crypto.Signer
	// Inception and Expiration of the signatures.
	Inception, Expiration time.Time
}

// NewSigner makes a key for a zone; signatures hold from an hour before now to a week after.
func NewSigner(zone string, now time.Time) (*Signer, error) {
	k := &dns.DNSKEY{
		Hdr:   dns.RR_Header{Name: dns.Fqdn(zone), Rrtype: dns.TypeDNSKEY, Class: dns.ClassINET, Ttl: 60},
		Flags: dns.ZONE | dns.SEP, Protocol: 3, Algorithm: dns.ECDSAP256SHA256,
	}
	priv, err := k.Generate(256)
	if err != nil {
		return nil, err
	}
	s, _ := priv.(crypto.Signer) // of every algorithm of the library
	return &Signer{Key: k, zone: dns.Fqdn(zone), priv: s, Inception: now.Add(-time.Hour), Expiration: now.Add(7 * 24 * time.Hour)}, nil
}

// Hook signs every set of an answer whose question has the DO bit.
func (s *Signer) Hook() Hook {
	return Edit(func(r, m *dns.Msg) {
		if o := r.IsEdns0(); o == nil || !o.Do() {
			return
		}
		if len(r.Question) == 1 && r.Question[0].Qtype == dns.TypeDNSKEY && dns.CanonicalName(r.Question[0].Name) == s.zone {
			m.Answer, m.Ns = []dns.RR{s.Key}, nil
		}
		s.Sign(m)
	})
}

// Sign adds a signature over every set of the answer section.
func (s *Signer) Sign(m *dns.Msg) {
	sets := map[dns.RR_Header][]dns.RR{}
	var order []dns.RR_Header
	for _, x := range m.Answer {
		h := *x.Header()
		h.Rdlength, h.Ttl = 0, 0
		if sets[h] == nil {
			order = append(order, h)
		}
		sets[h] = append(sets[h], x)
	}
	for _, h := range order {
		sig := &dns.RRSIG{
			Hdr:       dns.RR_Header{Name: h.Name, Rrtype: dns.TypeRRSIG, Class: dns.ClassINET, Ttl: sets[h][0].Header().Ttl},
			Algorithm: s.Key.Algorithm, KeyTag: s.Key.KeyTag(), SignerName: s.zone,
			Inception: uint32(s.Inception.Unix()), Expiration: uint32(s.Expiration.Unix()), //nolint:gosec // dates of this century
		}
		if err := sig.Sign(s.priv, sets[h]); err != nil {
			panic(err)
		}
		m.Answer = append(m.Answer, sig)
	}
}
