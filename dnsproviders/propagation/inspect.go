package propagation

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/miekg/dns"

	"github.com/dutyops/dutyops/dnsproviders/internal/rr"
)

// Health is how one authoritative server does for one zone, beside its answers to names.
type Health struct {
	Server, Zone string
	// UDP and TCP are why it did not answer there; nil when it did.
	UDP, TCP error
	// AA: it answers with authority. Meaningful when one of UDP and TCP is nil.
	AA bool
	// Serial of the zone; 0 when it did not tell.
	Serial uint32
	// NS is the zone's own NS set, names in order; nil when it did not tell.
	NS []string
	// Signed: its SOA is signed. Sig is that signature, held against Keys.
	Signed bool
	Sig    *Signature
	Keys   Keys
	// RTT of the first answer over UDP.
	RTT time.Duration
	At  time.Time
}

// Silent tells that it answered neither over UDP nor over TCP.
func (h Health) Silent() bool {
	return errors.Is(h.UDP, ErrNoAnswer) && errors.Is(h.TCP, ErrNoAnswer)
}

// Inspect asks one authoritative server for a zone's SOA over UDP and, side by side, over
// TCP, then for its NS set and, when the zone is signed, its keys. It takes no longer
// than a few of Options.Timeout. Safe for concurrent use.
func Inspect(ctx context.Context, s Server, zone string, o Options) Health {
	o = o.withDefaults()
	o.Signatures, s.Authoritative = true, true
	zone = rr.Name(zone)
	h := Health{Server: s.Name, Zone: zone}
	t := &target{server: s, opt: o}
	var overUDP, overTCP *dns.Msg
	var wg sync.WaitGroup
	wg.Go(func() {
		m := t.question(zone, dns.TypeSOA)
		overTCP, h.TCP = t.tcp(ctx, m)
	})
	var sock socket
	defer sock.close()
	begin := time.Now() // a duration, not a time of day
	overUDP, _, h.UDP = t.exchange(ctx, &sock, zone, dns.TypeSOA)
	h.RTT = time.Since(begin)
	wg.Wait()
	h.At = o.Now()
	soa := overUDP
	if soa == nil {
		soa = overTCP
	}
	if soa == nil {
		return h
	}
	h.UDP, h.TCP = firstOf(h.UDP, code(overUDP)), firstOf(h.TCP, code(overTCP))
	h.AA = soa.Authoritative
	h.Serial, _ = serialOf(soa.Answer, zone)
	if !h.AA || h.UDP != nil {
		return h
	}
	if r, _, err := t.exchange(ctx, &sock, zone, dns.TypeNS); err == nil {
		h.NS = namesOf(r.Answer, zone)
	}
	h.Signed = signature(soa.Answer, dns.TypeSOA, nil, h.At) != nil
	if !h.Signed {
		return h
	}
	if r, _, err := t.exchange(ctx, &sock, zone, dns.TypeDNSKEY); err == nil {
		h.Keys = keysOf(r.Answer, zone)
	}
	var keys []Keys
	if len(h.Keys.keys) > 0 {
		keys = []Keys{h.Keys}
	}
	h.Sig = signature(soa.Answer, dns.TypeSOA, keys, h.At)
	return h
}

func firstOf(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// code is the error of an answer that refuses.
func code(r *dns.Msg) error {
	if r == nil || r.Rcode == dns.RcodeSuccess || r.Rcode == dns.RcodeNameError {
		return nil
	}
	return fmt.Errorf("%w: %s", ErrRefused, rcodeText(r.Rcode))
}

func rcodeText(c int) string {
	if s := dns.RcodeToString[c]; s != "" {
		return s
	}
	return fmt.Sprintf("RCODE%d", c)
}

// namesOf lists the targets of the NS records at zone, in order.
func namesOf(rrs []dns.RR, zone string) []string {
	var out []string
	for _, x := range rrs {
		if n, ok := x.(*dns.NS); ok && rr.Name(n.Hdr.Name) == zone {
			out = append(out, rr.Name(n.Ns))
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}
