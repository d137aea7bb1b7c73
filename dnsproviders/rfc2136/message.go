package rfc2136

import (
	"slices"
	"strings"

	"github.com/miekg/dns"

	"github.com/dutyops/dutyops/dnsproviders"
	"github.com/dutyops/dutyops/dnsproviders/internal/rr"
)

// message builds the update of the items (RFC 2136 sections 2.4 and 2.5): every Before as
// a value-dependent prerequisite, then per name all removals before all additions, so
// that an address may make room for an alias in the same message.
func message(zone string, items []item) (*dns.Msg, error) {
	m := new(dns.Msg)
	m.SetUpdate(dns.Fqdn(zone))
	m.Compress = true // 1,000 names: 53 kB instead of 98 kB
	var order []string
	byName := map[string][]item{}
	for _, it := range items {
		n := it.change.Before.Name
		if _, seen := byName[n]; !seen {
			order = append(order, n)
		}
		byName[n] = append(byName[n], it)
	}
	for _, n := range order {
		if turns(byName[n]) {
			m.RRsetNotUsed([]dns.RR{&dns.ANY{Hdr: dns.RR_Header{Name: dns.Fqdn(n), Rrtype: dns.TypeRRSIG, Class: dns.ClassINET}}})
		}
		var add []dns.RR
		for _, it := range byName[n] {
			c := it.change
			// The helpers change the records they get: each gets records of its own.
			must, err := rr.Wire(c.Before.Name, c.Before.Type, 0, c.Before.Values)
			if err != nil {
				return nil, err
			}
			anyOf := []dns.RR{&dns.ANY{Hdr: dns.RR_Header{Name: dns.Fqdn(n), Rrtype: rr.Code(c.Before.Type), Class: dns.ClassINET}}}
			if len(must) > 0 {
				m.Used(must)
			} else {
				m.RRsetNotUsed(anyOf)
			}
			if c.Stand(c.Before) == dnsproviders.New {
				continue // compared only
			}
			if len(c.Before.Values) == 0 {
				m.RRsetNotUsed(alone(byName[n], c.After))
			}
			if len(must) > 0 && !replaces(c) {
				m.RemoveRRset(anyOf)
			}
			news, err := rr.Wire(c.After.Name, c.After.Type, c.After.TTL, c.After.Values)
			if err != nil {
				return nil, err
			}
			add = append(add, news...)
		}
		m.Insert(add)
	}
	return m, nil
}

// besides are the types that a name may have and a switch does not know.
var besides = []uint16{
	dns.TypeTXT, dns.TypeMX, dns.TypeNS, dns.TypeSRV, dns.TypeCAA, dns.TypeSVCB, dns.TypePTR, dns.TypeNAPTR,
	dns.TypeTLSA, dns.TypeSSHFP, dns.TypeDNAME, dns.TypeDS, dns.TypeSOA, dns.TypeURI, dns.TypeLOC,
}

// alone are the sets that must not exist when set is created: an alias stands alone. A
// server ignores the addition of one that does not, or of anything beside an alias, and
// still answers that all is well (RFC 2136 section 3.4.2.2; BIND 9.18 does): the removals
// before it would leave a hole.
func alone(items []item, set dnsproviders.RRset) []dns.RR {
	types := []uint16{dns.TypeCNAME}
	if set.Type == "CNAME" {
		types = slices.Concat([]uint16{dns.TypeA, dns.TypeAAAA, dns.TypeHTTPS}, besides)
	}
	var out []dns.RR
	for _, t := range types {
		if !slices.ContainsFunc(items, func(it item) bool { return rr.Code(it.change.Before.Type) == t }) {
			out = append(out, &dns.ANY{Hdr: dns.RR_Header{Name: dns.Fqdn(set.Name), Rrtype: t, Class: dns.ClassINET}})
		}
	}
	return out
}

// replaces says whether the addition itself takes the place of what is there: a server
// replaces an alias by the alias that is added (RFC 2136 section 3.4.2.2). Its removal
// beforehand would be worse: see turns.
func replaces(c dnsproviders.Change) bool {
	return c.Before.Type == "CNAME" && len(c.Before.Values) == 1 && len(c.After.Values) == 1
}

// turns says whether a name turns from addresses into an alias or back. Knot DNS counts
// the signatures that a name still has as records beside which no alias may stand: it
// drops the alias, removes the addresses and says that all is well (3.2, in a zone that it
// signs itself). So the message demands that the server sees no signatures there, which
// holds in unsigned zones, and on BIND and PowerDNS in signed ones. The way back from an
// alias is refused like the way there: a change that could not be taken back is none.
func turns(items []item) bool {
	alias, other := false, false
	for _, it := range items {
		c := it.change
		if (len(c.Before.Values) == 0) == (len(c.After.Values) == 0) {
			continue
		}
		alias = alias || c.Before.Type == "CNAME"
		other = other || c.Before.Type != "CNAME"
	}
	return alias && other
}

// turning names the first item whose name turns.
func turning(items []item) string {
	byName := map[string][]item{}
	for _, it := range items {
		byName[it.change.Before.Name] = append(byName[it.change.Before.Name], it)
	}
	for _, it := range items {
		if n := it.change.Before.Name; turns(byName[n]) {
			return n
		}
	}
	return ""
}

// aliased names the first item that has to stand alone.
func aliased(items []item) string {
	for _, it := range items {
		if c := it.change; len(c.Before.Values) == 0 && c.After.Type == "CNAME" {
			return c.After.Name
		}
	}
	return ""
}

// probe builds an update that changes nothing: the set as prerequisite, and one record of
// it added where it is.
func probe(zone string, s dnsproviders.RRset) (*dns.Msg, error) {
	m := new(dns.Msg)
	m.SetUpdate(dns.Fqdn(zone))
	// The helpers change the records they get: each gets records of its own.
	must, err := rr.Wire(s.Name, s.Type, 0, s.Values)
	if err != nil {
		return nil, err
	}
	again, err := rr.Wire(s.Name, s.Type, s.TTL, s.Values[:1])
	if err != nil {
		return nil, err
	}
	m.Used(must)
	m.Insert(again)
	return m, nil
}

// pack divides the items into as few messages as fit, all sets of one name in one.
func (o *op) pack(items []item) ([][]item, error) {
	if len(items) == 0 {
		return nil, nil
	}
	m, err := message(o.zone, items)
	if err != nil {
		return nil, o.fail(dnsproviders.ErrRejected, err.Error(), "correct the change; nothing was sent", err)
	}
	if m.Len() <= o.p.limit {
		return [][]item{items}, nil
	}
	items = slices.Clone(items)
	slices.SortStableFunc(items, func(a, b item) int { return strings.Compare(a.change.Before.Name, b.change.Before.Name) })
	cut := len(items) / 2
	same := func(i int) bool { return items[i].change.Before.Name == items[i-1].change.Before.Name }
	for cut < len(items) && same(cut) {
		cut++
	}
	if cut == len(items) {
		cut = len(items) / 2
		for cut > 0 && same(cut) {
			cut--
		}
	}
	if cut == 0 {
		return nil, o.fail(dnsproviders.ErrRejected, items[0].change.Before.Name+" alone does not fit in one message",
			"a name's sets switch in one message; this name has too many values", nil)
	}
	a, err := o.pack(items[:cut])
	if err != nil {
		return nil, err
	}
	b, err := o.pack(items[cut:])
	return append(a, b...), err
}
