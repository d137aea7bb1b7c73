package probes

import (
	"context"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"

	"github.com/miekg/dns"
)

// dnsAsker asks one server one question, over UDP and, when the answer is cut
// short, over TCP.
type dnsAsker struct {
	t     Target
	name  string
	qtype uint16
	want  []string
}

func newDNS(t Target) (asker, error) {
	if _, _, err := net.SplitHostPort(t.Address); err != nil {
		return nil, errNeedsAddress
	}
	a := &dnsAsker{t: t, name: dns.Fqdn(t.Query), qtype: dns.TypeSOA}
	if t.Query != "" {
		a.qtype = dns.TypeA
	}
	if t.QType != "" {
		q, ok := dns.StringToType[strings.ToUpper(t.QType)]
		if !ok {
			return nil, fmt.Errorf("qtype %q is not a record type", t.QType)
		}
		a.qtype = q
	}
	for _, w := range t.Expect {
		a.want = append(a.want, canonicalValue(w))
	}
	slices.Sort(a.want)
	return a, nil
}

func (a *dnsAsker) close() error { return nil }

func (a *dnsAsker) ask(ctx context.Context, c *conv) answer {
	in, err := a.exchange(ctx, c, "udp")
	if err == nil && in.Truncated {
		c.note("  cut short, asking again over TCP")
		in, err = a.exchange(ctx, c, "tcp")
	}
	if err != nil {
		return c.failed(ctx, a.t.Address, err)
	}
	return a.judge(c, in)
}

func (a *dnsAsker) exchange(ctx context.Context, c *conv, network string) (*dns.Msg, error) {
	m := new(dns.Msg)
	m.SetQuestion(a.name, a.qtype)
	m.SetEdns0(1232, false)
	c.asked("%s? %s (%s %s)", strings.TrimSuffix(a.name, "."), dns.TypeToString[a.qtype], network, a.t.Address)
	var d net.Dialer
	raw, err := d.DialContext(ctx, network, a.t.Address) // at most 64 KB come in
	if err != nil {
		return nil, err
	}
	defer func() { _ = raw.Close() }()
	// the library honours deadlines, not cancellation
	stop := context.AfterFunc(ctx, func() { _ = raw.Close() })
	defer stop()
	cl := &dns.Client{Net: network}
	if dl, ok := ctx.Deadline(); ok {
		_ = raw.SetDeadline(dl)
	}
	in, _, err := cl.ExchangeWithConnContext(ctx, m, &dns.Conn{Conn: raw, UDPSize: 1232})
	if err != nil {
		return nil, err
	}
	c.got("%s%s, %d answers: %s", dns.RcodeToString[in.Rcode], flags(in), len(in.Answer), clean(strings.Join(values(in, 0), " "), 160))
	return in, nil
}

func (a *dnsAsker) judge(c *conv, in *dns.Msg) answer {
	got := values(in, a.qtype)
	c.extra("answer", strings.Join(got, " "))
	if in.Authoritative {
		c.facts.Role = "authoritative"
	} else if in.RecursionAvailable {
		c.facts.Role = "resolver"
	}
	for _, rr := range slices.Concat(in.Answer, in.Ns) {
		if soa, ok := rr.(*dns.SOA); ok {
			c.facts.Position = strconv.FormatUint(uint64(soa.Serial), 10)
		}
	}
	if a.t.Query == "" {
		// any well-formed answer shows that the server works
		if in.Rcode == dns.RcodeServerFailure {
			return down("answers SERVFAIL")
		}
		return up("answers (%s)", dns.RcodeToString[in.Rcode])
	}
	q := fmt.Sprintf("%s %s", strings.TrimSuffix(a.name, "."), dns.TypeToString[a.qtype])
	if in.Rcode != dns.RcodeSuccess {
		c.expected("NOERROR for %s", q)
		return down("answers %s for %s", rcode(in.Rcode), q)
	}
	if len(a.want) == 0 {
		if len(got) == 0 {
			return degraded("has no %s", q)
		}
		return up("%s = %s", q, strings.Join(got, " "))
	}
	if !slices.Equal(got, a.want) {
		c.expected("%s", strings.Join(a.want, " "))
		return degraded("%s = %s, expected %s", q, orNothing(got), strings.Join(a.want, " "))
	}
	return up("%s = %s", q, strings.Join(got, " "))
}

func rcode(n int) string {
	if s, ok := dns.RcodeToString[n]; ok {
		return s
	}
	return fmt.Sprintf("RCODE %d", n)
}

func orNothing(v []string) string {
	if len(v) == 0 {
		return "nothing"
	}
	return strings.Join(v, " ")
}

func flags(m *dns.Msg) string {
	var s string
	if m.Authoritative {
		s += " aa"
	}
	if m.RecursionAvailable {
		s += " ra"
	}
	if m.Truncated {
		s += " tc"
	}
	return s
}

// values lists the data of the answer's records of the type (0 = all), sorted.
func values(m *dns.Msg, qtype uint16) []string {
	var out []string
	for _, rr := range m.Answer {
		h := rr.Header()
		if qtype != 0 && h.Rrtype != qtype || len(out) >= 64 {
			continue
		}
		out = append(out, canonicalValue(strings.TrimPrefix(rr.String(), h.String())))
	}
	slices.Sort(out)
	return out
}

func canonicalValue(s string) string {
	s = strings.TrimSpace(s)
	if ip := net.ParseIP(s); ip != nil {
		return ip.String()
	}
	return strings.ToLower(strings.TrimSuffix(s, "."))
}
