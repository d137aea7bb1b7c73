package propagation

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/miekg/dns"

	"github.com/dutyops/dutyops/dnsproviders/internal/rr"
)

// ErrSignature: the signature of a set does not hold against the zone's own keys. Test
// with errors.Is.
var ErrSignature = errors.New("the signature does not hold")

// Signature tells of the RRSIG records over one set (RFC 4034 section 3).
//
// What is checked: that there is one, its dates, and, when the zone's keys are given, that
// one of them signed exactly this set. What is not: the chain from the parent's DS to
// those keys, and proofs that a name does not exist. A validating resolver does both.
type Signature struct {
	// Inception and Expiration of the signature that holds longest.
	Inception, Expiration time.Time
	KeyTag                uint16
	Signer                string
	// Err is ErrSignature with the reason, nil when it holds or there was no key to hold
	// it against.
	Err error
}

// Keys are a zone's public keys as one server gives them (DNSKEY). Immutable.
type Keys struct {
	zone string
	keys []*dns.DNSKEY
}

// Zone is the zone of the keys.
func (k Keys) Zone() string { return k.zone }

// Tags lists the keys' tags in order.
func (k Keys) Tags() []uint16 {
	var out []uint16
	for _, x := range k.keys {
		out = append(out, x.KeyTag())
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// keysOf reads the keys out of an answer.
func keysOf(rrs []dns.RR, zone string) Keys {
	k := Keys{zone: zone}
	for _, x := range rrs {
		if d, ok := x.(*dns.DNSKEY); ok && rr.Name(d.Hdr.Name) == zone && d.Flags&dns.ZONE != 0 {
			k.keys = append(k.keys, d)
		}
	}
	return k
}

// signature reads the RRSIGs over the set of a type; nil when there is none. Of several
// (a key or an algorithm is being rolled) one that holds is enough, the longest one counts.
func signature(rrs []dns.RR, typ uint16, keys []Keys, now time.Time) *Signature {
	var best *Signature
	for _, x := range rrs {
		s, ok := x.(*dns.RRSIG)
		if !ok || s.TypeCovered != typ {
			continue
		}
		one := &Signature{
			Inception: near(s.Inception, now), Expiration: near(s.Expiration, now), KeyTag: s.KeyTag, Signer: rr.Name(s.SignerName),
		}
		one.Err = holds(s, rrs, keys)
		if best == nil || best.Err != nil && one.Err == nil || (best.Err == nil) == (one.Err == nil) && one.Expiration.After(best.Expiration) {
			best = one
		}
	}
	return best
}

// holds checks a signature against the signer's keys; nil when those are not given.
func holds(s *dns.RRSIG, rrs []dns.RR, keys []Keys) error {
	signer := rr.Name(s.SignerName)
	i := slices.IndexFunc(keys, func(k Keys) bool { return k.zone == signer })
	if i < 0 {
		return nil
	}
	var set []dns.RR
	for _, x := range rrs {
		h := x.Header()
		if h.Rrtype == s.TypeCovered && rr.Name(h.Name) == rr.Name(s.Hdr.Name) {
			set = append(set, x)
		}
	}
	if len(set) == 0 {
		return fmt.Errorf("%w: it is over a set that is not in the answer", ErrSignature)
	}
	known := false
	for _, k := range keys[i].keys {
		if k.KeyTag() != s.KeyTag || k.Algorithm != s.Algorithm {
			continue
		}
		known = true
		if s.Verify(k, set) == nil {
			return nil
		}
	}
	if !known {
		return fmt.Errorf("%w: key %d is not among the zone's keys", ErrSignature, s.KeyTag)
	}
	return fmt.Errorf("%w: key %d did not sign this set", ErrSignature, s.KeyTag)
}

// near reads a date of 32 bits as the one closest to now (RFC 4034 section 3.1.5).
func near(t uint32, now time.Time) time.Time {
	sec := now.Unix()
	return time.Unix(sec+int64(int32(t-uint32(sec))), 0) //nolint:gosec // serial arithmetic wraps
}
