package dnstest

import (
	"fmt"
	"slices"
	"strings"
	"sync"
)

// Record is one stored record. Content is in presentation form.
type Record struct {
	ID      string
	Name    string
	Type    string
	Content string
	TTL     uint32
	Proxied bool
	Comment string
	// Disabled records are kept and not served (PowerDNS).
	Disabled bool
	// Line is the group of users that gets the record; "" = all (DNSPod, Alibaba Cloud).
	Line   string
	Locked bool
	Weight int
}

// Zone is a zone's records, safe for concurrent use.
type Zone struct {
	Name string

	mu     sync.Mutex
	serial uint32
	next   int
	recs   map[string][]Record // by name
	// sorted are all records in order, as they were at the serial sortedAt.
	sorted   []Record
	sortedAt uint32
}

// NewZone returns an empty zone with serial 1.
func NewZone(name string) *Zone {
	return &Zone{Name: name, serial: 1, recs: map[string][]Record{}}
}

// Set replaces the set of a name and type; no values removes it. The serial moves.
func (z *Zone) Set(name, typ string, ttl uint32, values ...string) {
	z.mu.Lock()
	defer z.mu.Unlock()
	z.set(name, typ, ttl, values)
	z.serial++
}

func (z *Zone) set(name, typ string, ttl uint32, values []string) {
	z.recs[name] = slices.DeleteFunc(z.recs[name], func(r Record) bool { return r.Type == typ })
	for _, v := range values {
		z.add(Record{Name: name, Type: typ, Content: v, TTL: ttl})
	}
	z.tidy(name)
}

// Add adds one record as it is and returns it with its id.
func (z *Zone) Add(r Record) Record {
	z.mu.Lock()
	defer z.mu.Unlock()
	z.serial++
	return z.add(r)
}

func (z *Zone) add(r Record) Record {
	z.next++
	r.ID = fmt.Sprintf("id%06d", z.next)
	z.recs[r.Name] = append(z.recs[r.Name], r)
	return r
}

func (z *Zone) tidy(name string) {
	if len(z.recs[name]) == 0 {
		delete(z.recs, name)
	}
}

// Mark sets the proxied flag and comment of all records of a name and type.
func (z *Zone) Mark(name, typ string, proxied bool, comment string) {
	z.mu.Lock()
	defer z.mu.Unlock()
	for i := range z.recs[name] {
		if r := &z.recs[name][i]; r.Type == typ {
			r.Proxied, r.Comment = proxied, comment
			if proxied {
				r.TTL = 1
			}
		}
	}
	z.sorted = nil // the serial stays
}

// Park adds a disabled record to the set of a name and type.
func (z *Zone) Park(name, typ string, ttl uint32, value string) {
	z.mu.Lock()
	defer z.mu.Unlock()
	z.add(Record{Name: name, Type: typ, Content: value, TTL: ttl, Disabled: true})
	z.serial++
}

// Get returns a set's values, sorted, and its TTL.
func (z *Zone) Get(name, typ string) (values []string, ttl uint32) {
	z.mu.Lock()
	defer z.mu.Unlock()
	return z.get(name, typ)
}

func (z *Zone) get(name, typ string) (values []string, ttl uint32) {
	for _, r := range z.recs[name] {
		if r.Type == typ && !r.Disabled {
			values, ttl = append(values, r.Content), r.TTL
		}
	}
	slices.Sort(values)
	return values, ttl
}

// Text returns a set as "TTL value value", "" when it does not exist.
func (z *Zone) Text(name, typ string) string {
	vs, ttl := z.Get(name, typ)
	if len(vs) == 0 {
		return ""
	}
	return fmt.Sprintf("%d %s", ttl, strings.Join(vs, " "))
}

// Records returns all records, ordered by name and id.
func (z *Zone) Records() []Record {
	z.mu.Lock()
	defer z.mu.Unlock()
	return slices.Clone(z.inOrder())
}

// page returns some of the Records, and how many there are. Many pages of a large zone
// cost as much as the zone, no more.
func (z *Zone) page(from, n int) (recs []Record, total int) {
	z.mu.Lock()
	defer z.mu.Unlock()
	all := z.inOrder()
	from = min(from, len(all))
	return slices.Clone(all[from:min(from+n, len(all))]), len(all)
}

func (z *Zone) inOrder() []Record {
	if z.sorted != nil && z.sortedAt == z.serial {
		return z.sorted
	}
	out := make([]Record, 0, len(z.recs))
	for _, rs := range z.recs {
		out = append(out, rs...)
	}
	slices.SortFunc(out, func(a, b Record) int {
		if c := strings.Compare(a.Name, b.Name); c != 0 {
			return c
		}
		return strings.Compare(a.ID, b.ID)
	})
	z.sorted, z.sortedAt = out, z.serial
	return out
}

// Serial returns the SOA serial; it moves by one with every change.
func (z *Zone) Serial() uint32 {
	z.mu.Lock()
	defer z.mu.Unlock()
	return z.serial
}

// Copy returns an independent copy: what a secondary that has stopped following serves.
func (z *Zone) Copy() *Zone {
	z.mu.Lock()
	defer z.mu.Unlock()
	return z.clone()
}

func (z *Zone) clone() *Zone {
	c := &Zone{Name: z.Name, serial: z.serial, next: z.next, recs: make(map[string][]Record, len(z.recs))}
	for n, rs := range z.recs {
		c.recs[n] = slices.Clone(rs)
	}
	return c
}

// transact runs f on the records under the lock; when f returns an error, nothing has changed.
func (z *Zone) transact(f func(t *Zone) error) error {
	z.mu.Lock()
	defer z.mu.Unlock()
	c := z.clone()
	if err := f(c); err != nil {
		return err
	}
	z.recs, z.next, z.serial = c.recs, c.next, z.serial+1
	return nil
}
