package named

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/miekg/dns"
)

// Record is one resource record, as the Cloudflare API speaks of it: its name
// without a trailing dot and lower case, its content in presentation form.
type Record struct {
	ID         string
	Name       string
	Type       string
	Content    string
	TTL        uint32 // seconds
	Proxied    bool
	Comment    string
	CreatedOn  time.Time
	ModifiedOn time.Time

	rr dns.RR // never changed once set; copied before it leaves the package
}

// StoreOptions describes a new zone.
type StoreOptions struct {
	// Zone is the zone's name, for example "gss.example.test".
	Zone string
	// TTL of the SOA and NS records, in seconds; 0 = 60.
	TTL uint32
	// Minimum is the SOA's last field: the negative TTL, in seconds; 0 = 5.
	Minimum uint32
	// NS are the zone's name servers; empty = ns1 and ns2 in the zone.
	NS []string
	// Now is the clock; nil = time.Now.
	Now func() time.Time
}

// Store is the zone. The DNS front and the API share one; every change is one
// transaction with one step of the SOA serial. Safe for concurrent use.
type Store struct {
	zone    string // without dot
	id      string
	ttl     uint32
	minimum uint32
	ns      []string
	now     func() time.Time

	mu      sync.RWMutex
	history []*view // oldest first, at most historyLen; the last is the present
}

// historyLen bounds how many past versions a lagging second authority can show.
const historyLen = 64

// view is one published version of the zone; immutable.
type view struct {
	at     time.Time
	serial uint32
	recs   []Record
	names  map[string]map[uint16][]dns.RR // fully qualified, lower case
	soa    *dns.SOA
}

// NewStore makes a zone with SOA and NS records and nothing else.
func NewStore(o StoreOptions) (*Store, error) {
	zone := plain(o.Zone)
	if _, ok := dns.IsDomainName(zone); !ok || zone == "" {
		return nil, fmt.Errorf("zone %q: not a domain name", o.Zone)
	}
	s := &Store{zone: zone, id: newID(), ttl: o.TTL, minimum: o.Minimum, now: o.Now}
	if s.ttl == 0 {
		s.ttl = 60
	}
	if s.minimum == 0 {
		s.minimum = 5
	}
	if s.now == nil {
		s.now = time.Now
	}
	for _, n := range o.NS {
		s.ns = append(s.ns, dns.Fqdn(plain(n)))
	}
	if len(s.ns) == 0 {
		s.ns = []string{"ns1." + dns.Fqdn(zone), "ns2." + dns.Fqdn(zone)}
	}
	s.history = []*view{s.build(nil, 1)}
	return s, nil
}

// Zone is the zone's name without a trailing dot.
func (s *Store) Zone() string { return s.zone }

// ID is the zone's id in the Cloudflare API.
func (s *Store) ID() string { return s.id }

// Serial is the present SOA serial.
func (s *Store) Serial() uint32 { return s.present().serial }

// Records lists the zone's records (without SOA and the zone's own NS) in the
// order in which they were made.
func (s *Store) Records() []Record { return slices.Clone(s.present().recs) }

// Set replaces all records of a name and type in one step; no values removes them.
func (s *Store) Set(name, typ string, ttl uint32, values ...string) error {
	return s.Update(func(tx *Tx) error {
		for _, r := range tx.Find(name, typ) {
			if err := tx.Delete(r.ID); err != nil {
				return err
			}
		}
		for _, v := range values {
			if _, err := tx.Add(Record{Name: name, Type: typ, TTL: ttl, Content: v}); err != nil {
				return err
			}
		}
		return nil
	})
}

// Update runs f as one transaction: either all it did becomes the zone's next
// version, with the serial one higher, or, on an error, nothing does. A
// transaction that changed nothing publishes nothing.
func (s *Store) Update(f func(*Tx) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	cur := s.history[len(s.history)-1]
	tx := newTx(s, cur)
	if err := f(tx); err != nil {
		return err
	}
	if !tx.changed {
		return nil
	}
	next := s.build(tx.records(), cur.serial+1)
	if len(s.history) == historyLen {
		s.history = append(s.history[:0:0], s.history[1:]...)
	}
	s.history = append(s.history, next)
	return nil
}

func (s *Store) present() *view {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.history[len(s.history)-1]
}

// asOf is the version that was the newest at t; the oldest kept when t is older.
func (s *Store) asOf(t time.Time) *view {
	s.mu.RLock()
	defer s.mu.RUnlock()
	for i := len(s.history) - 1; i > 0; i-- {
		if !s.history[i].at.After(t) {
			return s.history[i]
		}
	}
	return s.history[0]
}

func (s *Store) build(recs []Record, serial uint32) *view {
	apex := dns.Fqdn(s.zone)
	v := &view{at: s.now(), serial: serial, recs: recs, names: map[string]map[uint16][]dns.RR{}}
	v.soa = &dns.SOA{
		Hdr: dns.RR_Header{Name: apex, Rrtype: dns.TypeSOA, Class: dns.ClassINET, Ttl: s.ttl},
		Ns:  s.ns[0], Mbox: "hostmaster." + apex, Serial: serial,
		Refresh: 60, Retry: 10, Expire: 86400, Minttl: s.minimum,
	}
	v.add(v.soa)
	for _, n := range s.ns {
		v.add(&dns.NS{Hdr: dns.RR_Header{Name: apex, Rrtype: dns.TypeNS, Class: dns.ClassINET, Ttl: s.ttl}, Ns: n})
	}
	for _, r := range recs {
		v.add(r.rr)
	}
	for _, types := range v.names {
		for _, set := range types {
			sameTTL(set)
		}
	}
	return v
}

// sameTTL gives every record of a set the lowest TTL found in it (RFC 2181, 5.2).
func sameTTL(set []dns.RR) {
	low := set[0].Header().Ttl
	for _, rr := range set {
		low = min(low, rr.Header().Ttl)
	}
	for i, rr := range set {
		if rr.Header().Ttl != low {
			set[i] = dns.Copy(rr)
			set[i].Header().Ttl = low
		}
	}
}

func (v *view) add(rr dns.RR) {
	h := rr.Header()
	types := v.names[h.Name]
	if types == nil {
		types = map[uint16][]dns.RR{}
		v.names[h.Name] = types
	}
	types[h.Rrtype] = append(types[h.Rrtype], rr)
}

// exists says whether the name is in the zone: it has records, or something below it has.
func (v *view) exists(name string) bool {
	if _, ok := v.names[name]; ok {
		return true
	}
	for n := range v.names {
		if strings.HasSuffix(n, "."+name) {
			return true
		}
	}
	return false
}

func (s *Store) holds(name string) bool { return dns.IsSubDomain(dns.Fqdn(s.zone), dns.Fqdn(name)) }

// plain is a name as the API writes it.
func plain(name string) string { return strings.TrimSuffix(strings.ToLower(name), ".") }

func newID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails (crypto/rand)
	return hex.EncodeToString(b[:])
}
