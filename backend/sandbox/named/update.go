package named

import (
	"errors"
	"slices"

	"github.com/miekg/dns"
)

// updatable are the types that the key may change, like BIND's
// "update-policy { grant KEY zonesub A AAAA CNAME HTTPS TXT; }".
var updatable = []uint16{dns.TypeA, dns.TypeAAAA, dns.TypeCNAME, dns.TypeHTTPS, dns.TypeTXT}

// rcodeError carries an update's answer code out of the transaction.
type rcodeError int

func (e rcodeError) Error() string { return dns.RcodeToString[int(e)] }

// serveUpdate is RFC 2136 section 3, in its order: zone section, who is asking,
// prerequisites, prescan, update; the last two in one transaction with the
// prerequisites, so that nobody changes the zone in between.
func (a *Authority) serveUpdate(w dns.ResponseWriter, req *dns.Msg) {
	m := new(dns.Msg)
	m.SetReply(req)
	m.Rcode = dns.RcodeSuccess
	var rc rcodeError
	if err := a.update(w, req); errors.As(err, &rc) {
		m.Rcode = int(rc)
	} else if err != nil {
		m.Rcode = dns.RcodeServerFailure
	}
	reply(w, req, m)
}

func (a *Authority) update(w dns.ResponseWriter, req *dns.Msg) error {
	if len(req.Question) != 1 || req.Question[0].Qtype != dns.TypeSOA {
		return rcodeError(dns.RcodeFormatError)
	}
	q := req.Question[0]
	if q.Qclass != dns.ClassINET || plain(q.Name) != a.store.zone {
		return rcodeError(dns.RcodeNotAuth)
	}
	t := req.IsTsig()
	if t == nil {
		return rcodeError(dns.RcodeRefused)
	}
	if tsigProblem(w, t) != nil {
		return rcodeError(dns.RcodeNotAuth)
	}
	return a.store.Update(func(tx *Tx) error {
		if err := a.prerequisites(tx, req.Answer); err != nil {
			return err
		}
		if err := a.prescan(req.Ns); err != nil {
			return err
		}
		for _, rr := range req.Ns {
			if err := change(tx, rr); err != nil {
				return err
			}
		}
		return nil
	})
}

// prerequisites is RFC 2136 section 3.2.
func (a *Authority) prerequisites(tx *Tx, section []dns.RR) error {
	type key struct {
		name string
		typ  uint16
	}
	wanted := map[key][]dns.RR{}
	var order []key
	for _, rr := range section {
		h := rr.Header()
		if h.Ttl != 0 {
			return rcodeError(dns.RcodeFormatError)
		}
		if !a.store.holds(h.Name) {
			return rcodeError(dns.RcodeNotZone)
		}
		if h.Class != dns.ClassINET && h.Rdlength != 0 {
			return rcodeError(dns.RcodeFormatError)
		}
		inUse := len(a.rrsets(tx, h.Name, h.Rrtype)) > 0
		isName := h.Rrtype == dns.TypeANY
		switch {
		case h.Class == dns.ClassANY && !inUse && isName:
			return rcodeError(dns.RcodeNameError)
		case h.Class == dns.ClassANY && !inUse:
			return rcodeError(dns.RcodeNXRrset)
		case h.Class == dns.ClassNONE && inUse && isName:
			return rcodeError(dns.RcodeYXDomain)
		case h.Class == dns.ClassNONE && inUse:
			return rcodeError(dns.RcodeYXRrset)
		case h.Class == dns.ClassINET:
			k := key{dns.CanonicalName(h.Name), h.Rrtype}
			if _, ok := wanted[k]; !ok {
				order = append(order, k)
			}
			wanted[k] = append(wanted[k], rr)
		case h.Class != dns.ClassANY && h.Class != dns.ClassNONE:
			return rcodeError(dns.RcodeFormatError)
		}
	}
	for _, k := range order {
		if !sameSet(wanted[k], a.rrsets(tx, k.name, k.typ)) {
			return rcodeError(dns.RcodeNXRrset)
		}
	}
	return nil
}

// rrsets is what the transaction sees at a name, including SOA and NS of the apex.
func (a *Authority) rrsets(tx *Tx, name string, typ uint16) []dns.RR {
	var out []dns.RR
	for _, r := range tx.Find(name, "") {
		if t := r.rr.Header().Rrtype; typ == dns.TypeANY || t == typ {
			out = append(out, r.rr)
		}
	}
	if plain(name) == a.store.zone {
		cur := a.store.history[len(a.store.history)-1] // the transaction holds the lock
		for _, t := range []uint16{dns.TypeSOA, dns.TypeNS} {
			if typ == dns.TypeANY || typ == t {
				out = append(out, cur.names[dns.Fqdn(a.store.zone)][t]...)
			}
		}
	}
	return out
}

// prescan is RFC 2136 section 3.4.1, and the policy of what the key may change.
func (a *Authority) prescan(section []dns.RR) error {
	for _, rr := range section {
		h := rr.Header()
		if !a.store.holds(h.Name) {
			return rcodeError(dns.RcodeNotZone)
		}
		var bad bool
		switch h.Class {
		case dns.ClassINET:
			bad = h.Rrtype == dns.TypeANY || h.Rdlength == 0
		case dns.ClassANY:
			bad = h.Ttl != 0 || h.Rdlength != 0
		case dns.ClassNONE:
			bad = h.Ttl != 0 || h.Rrtype == dns.TypeANY
		default:
			bad = true
		}
		if bad {
			return rcodeError(dns.RcodeFormatError)
		}
		if h.Rrtype != dns.TypeANY && !slices.Contains(updatable, h.Rrtype) {
			return rcodeError(dns.RcodeRefused)
		}
	}
	return nil
}

// change is RFC 2136 section 3.4.2 for one record.
func change(tx *Tx, rr dns.RR) error {
	h := rr.Header()
	typ := dns.TypeToString[h.Rrtype]
	if h.Rrtype == dns.TypeANY {
		typ = ""
	}
	switch h.Class {
	case dns.ClassANY:
		for _, r := range tx.Find(h.Name, typ) {
			if err := tx.Delete(r.ID); err != nil {
				return err
			}
		}
		return nil
	case dns.ClassNONE:
		gone := dns.Copy(rr)
		gone.Header().Class = dns.ClassINET
		for _, r := range tx.Find(h.Name, typ) {
			if dns.IsDuplicate(r.rr, gone) {
				return tx.Delete(r.ID)
			}
		}
		return nil
	}
	return add(tx, rr, typ)
}

// add puts one record into its set, which takes the new TTL as a whole.
func add(tx *Tx, rr dns.RR, typ string) error {
	h := rr.Header()
	at := tx.Find(h.Name, "")
	alias := slices.ContainsFunc(at, func(r Record) bool { return r.Type == "CNAME" })
	if len(at) > 0 && alias != (typ == "CNAME") {
		return nil // section 3.4.2.2: silently ignored
	}
	there := false
	for _, r := range tx.Find(h.Name, typ) {
		same := dns.IsDuplicate(r.rr, rr)
		there = there || same
		if typ == "CNAME" && !same {
			if err := tx.Delete(r.ID); err != nil {
				return err
			}
			continue
		}
		if r.TTL == h.Ttl {
			continue
		}
		r.TTL = h.Ttl
		if _, err := tx.Replace(r); err != nil {
			return refused(err)
		}
	}
	if there {
		return nil
	}
	_, err := tx.Add(Record{Name: h.Name, Type: typ, TTL: h.Ttl, Content: contentOf(rr)})
	return refused(err)
}

func refused(err error) error {
	if err != nil {
		return rcodeError(dns.RcodeRefused)
	}
	return nil
}
