package rr

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/miekg/dns"
)

// Types are the record types that a switch reads and may write.
var types = [...]string{"A", "AAAA", "CNAME", "HTTPS"}

// Types returns the record types that a switch reads and may write.
func Types() []string { return slices.Clone(types[:]) }

// Known says whether typ is one of Types.
func Known(typ string) bool { return slices.Contains(types[:], typ) }

// Name returns a domain name in lower case without the trailing dot.
func Name(s string) string {
	return strings.ToLower(strings.TrimSuffix(strings.TrimSpace(s), "."))
}

// Value returns a record's data in canonical presentation form (RFC 5952 for
// IPv6, lower-case targets without the dot, SvcParams in key order). The error says what was expected.
func Value(typ, v string) (string, error) {
	v = strings.TrimSpace(v)
	switch typ {
	case "A":
		a, err := netip.ParseAddr(v)
		if err != nil || !a.Is4() {
			return "", fmt.Errorf("%q is not an IPv4 address", short(v))
		}
		return a.String(), nil
	case "AAAA":
		a, err := netip.ParseAddr(v)
		if err != nil || !a.Is6() || a.Zone() != "" {
			return "", fmt.Errorf("%q is not an IPv6 address", short(v))
		}
		return a.String(), nil
	case "CNAME":
		n := Name(v)
		if !validName(n) {
			return "", fmt.Errorf("%q is not a domain name", short(v))
		}
		return n, nil
	case "HTTPS":
		h, err := parseHTTPS(v)
		if err != nil {
			return "", err
		}
		return canonicalHTTPS(h)
	}
	return "", fmt.Errorf("record type %q is not one of %s", short(typ), strings.Join(types[:], ", "))
}

// Values returns the canonical values, sorted and without duplicates.
func Values(typ string, vs []string) ([]string, error) {
	out := make([]string, 0, len(vs))
	for _, v := range vs {
		c, err := Value(typ, v)
		if err != nil {
			return nil, err
		}
		out = append(out, c)
	}
	slices.Sort(out)
	return slices.Compact(out), nil
}

// ValidName says whether n, in the form of Name, can be the owner of a record.
func ValidName(n string) bool { return validName(n) }

func validName(n string) bool {
	if n == "" || strings.ContainsAny(n, " \t\r\n;()\"\\") {
		return false
	}
	_, ok := dns.IsDomainName(n)
	return ok && !strings.Contains(n, "..")
}

func parseHTTPS(v string) (*dns.HTTPS, error) {
	if strings.ContainsAny(v, "\r\n;()") {
		return nil, fmt.Errorf("%q is not HTTPS record data", short(v))
	}
	rr, err := dns.NewRR(". 0 IN HTTPS " + v)
	if err != nil {
		return nil, fmt.Errorf("%q is not HTTPS record data: %w", short(v), err)
	}
	h, ok := rr.(*dns.HTTPS)
	if !ok {
		return nil, fmt.Errorf("%q is not HTTPS record data", short(v))
	}
	return h, nil
}

func httpsText(h *dns.HTTPS) string {
	params := slices.Clone(h.Value)
	slices.SortStableFunc(params, func(a, b dns.SVCBKeyValue) int { return int(a.Key()) - int(b.Key()) })
	var b strings.Builder
	fmt.Fprintf(&b, "%d %s", h.Priority, strings.ToLower(dns.Fqdn(h.Target)))
	for _, p := range params {
		b.WriteString(" " + p.Key().String() + `="` + p.String() + `"`) // escaped by String
	}
	return b.String()
}

// canonicalHTTPS returns the text of h if that text stands for h and nothing else:
// exotic escapes that do not survive are refused.
func canonicalHTTPS(h *dns.HTTPS) (string, error) {
	s := httpsText(h)
	if t := Name(h.Target); h.Target != "." && !validName(t) {
		return "", fmt.Errorf("HTTPS target %q is not a domain name", short(t))
	}
	again, err := parseHTTPS(s)
	if err != nil || httpsText(again) != s {
		return "", fmt.Errorf("%q is not HTTPS record data that can be compared", short(s))
	}
	return s, nil
}

// Hints returns the addresses in the ipv4hint and ipv6hint of HTTPS data (RFC 9460
// section 7.3): clients may connect to them before A and AAAA arrive.
func Hints(v string) ([]string, error) {
	h, err := parseHTTPS(v)
	if err != nil {
		return nil, err
	}
	var out []string
	for _, p := range h.Value {
		switch x := p.(type) {
		case *dns.SVCBIPv4Hint:
			for _, ip := range x.Hint {
				out = append(out, ip.String())
			}
		case *dns.SVCBIPv6Hint:
			for _, ip := range x.Hint {
				out = append(out, ip.String())
			}
		}
	}
	return out, nil
}

// Of returns owner, type and canonical value of a wire record; ok is false for
// types that a switch does not read and for data that has no canonical form.
func Of(r dns.RR) (name, typ, value string, ok bool) {
	name = Name(r.Header().Name)
	switch x := r.(type) {
	case *dns.A:
		a, valid := netip.AddrFromSlice(x.A)
		if !valid {
			return "", "", "", false
		}
		return name, "A", a.Unmap().String(), true
	case *dns.AAAA:
		a, valid := netip.AddrFromSlice(x.AAAA)
		if !valid {
			return "", "", "", false
		}
		return name, "AAAA", a.String(), true
	case *dns.CNAME:
		return name, "CNAME", Name(x.Target), true
	case *dns.HTTPS:
		v, err := canonicalHTTPS(x)
		if err != nil {
			v = httpsText(x) // must not look absent; it equals nothing that we would write
		}
		return name, "HTTPS", v, true
	}
	return "", "", "", false
}

// Wire builds wire records of a set. Every call returns fresh records: the update
// helpers of the library change their headers.
func Wire(name, typ string, ttl uint32, values []string) ([]dns.RR, error) {
	if !validName(name) {
		return nil, fmt.Errorf("%q is not a domain name", short(name))
	}
	out := make([]dns.RR, 0, len(values))
	hdr := func(t uint16) dns.RR_Header {
		return dns.RR_Header{Name: dns.Fqdn(name), Rrtype: t, Class: dns.ClassINET, Ttl: ttl}
	}
	for _, v := range values {
		c, err := Value(typ, v)
		if err != nil {
			return nil, fmt.Errorf("%s %s: %w", name, typ, err)
		}
		switch typ {
		case "A":
			out = append(out, &dns.A{Hdr: hdr(dns.TypeA), A: netip.MustParseAddr(c).AsSlice()})
		case "AAAA":
			out = append(out, &dns.AAAA{Hdr: hdr(dns.TypeAAAA), AAAA: netip.MustParseAddr(c).AsSlice()})
		case "CNAME":
			out = append(out, &dns.CNAME{Hdr: hdr(dns.TypeCNAME), Target: dns.Fqdn(c)})
		case "HTTPS":
			h, err := parseHTTPS(c)
			if err != nil {
				return nil, err
			}
			h.Hdr = hdr(dns.TypeHTTPS)
			out = append(out, h)
		}
	}
	return out, nil
}

// Code returns the wire code of one of Types, 0 for others.
func Code(typ string) uint16 {
	if !Known(typ) {
		return 0
	}
	return dns.StringToType[typ]
}

func short(s string) string {
	if len(s) > 80 {
		return s[:80] + "..."
	}
	return s
}
