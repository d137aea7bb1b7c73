package byrecordtest

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/dutyops/dutyops/dnsproviders"
	"github.com/dutyops/dutyops/dnsproviders/dnstest"
	"github.com/dutyops/dutyops/dnsproviders/internal/byrecord"
)

// The test zone and its two sites.
const (
	Zone  = "gss.example.test"
	OldV4 = "192.0.2.10"
	NewV4 = "198.51.100.20"
	OldV6 = "2001:db8:a::10"
	NewV6 = "2001:db8:b::20"
)

// Config is what a provider under test is opened with.
type Config struct {
	Timeout, Budget time.Duration
	OnRetry         func(byrecord.RetryNotice)
	Now             func() time.Time
	Sleep           func(context.Context, time.Duration) error
	KeyID, Secret   func() (string, error)
}

// Suite is one provider and its fake.
type Suite struct {
	// Serve starts the fake for the zone.
	Serve func(keyID, secret string, z *dnstest.Zone) *dnstest.Vendor
	// Open opens the provider on the fake.
	Open func(t testing.TB, v *dnstest.Vendor, c Config) dnsproviders.Inspector
	// Locks: the vendor has locked records.
	Locks bool
}

// Rig is a provider on its fake, with a clock that waits advance at once.
type Rig struct {
	T      testing.TB
	Zone   *dnstest.Zone
	API    *dnstest.Vendor
	P      dnsproviders.Inspector
	KeyID  string
	Secret string

	mu      sync.Mutex
	skipped time.Duration
	Notices []byrecord.RetryNotice
}

// Rig starts a fake and opens the provider on it.
func (s Suite) Rig(t testing.TB, c Config) *Rig {
	t.Helper()
	b := make([]byte, 20)
	if _, err := rand.Read(b); err != nil {
		t.Fatal(err)
	}
	r := &Rig{T: t, Zone: dnstest.NewZone(Zone), KeyID: "key-id", Secret: hex.EncodeToString(b)}
	r.API = s.Serve(r.KeyID, r.Secret, r.Zone)
	t.Cleanup(r.API.Close)
	c.KeyID = func() (string, error) { return r.KeyID, nil }
	c.Secret = func() (string, error) { return r.Secret, nil }
	c.OnRetry = func(n byrecord.RetryNotice) {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.Notices = append(r.Notices, n)
	}
	c.Now = func() time.Time {
		r.mu.Lock()
		defer r.mu.Unlock()
		return time.Now().Add(r.skipped)
	}
	c.Sleep = func(ctx context.Context, d time.Duration) error {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.skipped += d
		return ctx.Err()
	}
	r.P = s.Open(t, r.API, c)
	return r
}

// Waits returns how often the provider waited for another try.
func (r *Rig) Waits() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.Notices)
}

// Names fills the zone with n names at the old site and returns the change to the new one.
func (r *Rig) Names(n int, v6 bool) []dnsproviders.Change {
	var out []dnsproviders.Change
	for i := range n {
		name := fmt.Sprintf("h%04d.%s", i, Zone)
		r.Zone.Set(name, "A", 600, OldV4)
		out = append(out, Change(name, "A", []string{OldV4}, []string{NewV4}))
		if v6 {
			r.Zone.Set(name, "AAAA", 600, OldV6)
			out = append(out, Change(name, "AAAA", []string{OldV6}, []string{NewV6}))
		}
	}
	return out
}

// Mixed fills the zone with one name of every shape and returns the change of all.
func (r *Rig) Mixed() []dnsproviders.Change {
	cs := r.Names(2, true)
	set := func(label, typ string, from, to []string) {
		if len(from) > 0 {
			r.Zone.Set(label+"."+Zone, typ, 600, from...)
		}
		cs = append(cs, Change(label+"."+Zone, typ, from, to))
	}
	set("six-goes", "A", []string{OldV4}, []string{NewV4})
	set("six-goes", "AAAA", []string{OldV6}, nil)
	set("six-comes", "A", []string{OldV4}, []string{NewV4})
	set("six-comes", "AAAA", nil, []string{NewV6})
	set("two", "A", []string{OldV4, "192.0.2.11"}, []string{NewV4, "198.51.100.21"})
	set("fewer", "A", []string{OldV4, "192.0.2.11"}, []string{NewV4})
	set("turns", "A", []string{OldV4}, nil)
	set("turns", "CNAME", nil, []string{"standby.example.test"})
	return cs
}

// Armed reads the names of the changes, then makes them from that.
func (r *Rig) Armed(cs []dnsproviders.Change) (dnsproviders.Receipt, error) {
	names := make([]string, len(cs))
	for i, c := range cs {
		names[i] = c.Before.Name
	}
	p, ok := r.P.(dnsproviders.Armer)
	if !ok {
		r.T.Fatalf("%T cannot be armed", r.P)
	}
	a, err := p.Arm(r.T.Context(), Zone, names)
	if err != nil {
		return dnsproviders.Receipt{}, err
	}
	return p.ApplyArmed(r.T.Context(), a, cs)
}

// Change makes a change with TTL 600.
func Change(name, typ string, from, to []string) dnsproviders.Change {
	return dnsproviders.Change{
		Before: dnsproviders.RRset{Name: name, Type: typ, TTL: 600, Values: from},
		After:  dnsproviders.RRset{Name: name, Type: typ, TTL: 600, Values: to},
	}
}

// Invert returns the changes back.
func Invert(cs []dnsproviders.Change) []dnsproviders.Change {
	out := make([]dnsproviders.Change, len(cs))
	for i, c := range cs {
		out[i] = dnsproviders.Change{Before: c.After, After: c.Before}
	}
	return out
}

// Watch fails the test when, after any write, a name of the changes that has addresses
// has none of a type that both sides have. It returns the number of writes seen.
func (r *Rig) Watch(cs []dnsproviders.Change) func() int {
	n := 0
	var mu sync.Mutex
	r.API.AfterWrite = func() {
		mu.Lock()
		defer mu.Unlock()
		n++
		for _, c := range cs {
			if len(c.Before.Values) == 0 || len(c.After.Values) == 0 {
				continue
			}
			if vs, _ := r.Zone.Get(c.Before.Name, c.Before.Type); len(vs) == 0 {
				r.T.Errorf("%s %s is missing", c.Before.Name, c.Before.Type)
			}
		}
	}
	return func() int {
		mu.Lock()
		defer mu.Unlock()
		return n
	}
}

// Standing says where the zone is: "old", "new", or how it is mixed.
func (r *Rig) Standing(cs []dnsproviders.Change) string {
	r.T.Helper()
	olds, news := 0, 0
	for _, c := range cs {
		vs, ttl := r.Zone.Get(c.Before.Name, c.Before.Type)
		switch c.Stand(dnsproviders.RRset{Values: vs, TTL: ttl}) {
		case dnsproviders.Old:
			olds++
		case dnsproviders.New:
			news++
		case dnsproviders.Other:
			r.T.Errorf("%s %s is %v: neither old nor new", c.Before.Name, c.Before.Type, vs)
		}
	}
	switch {
	case news == 0:
		return "old"
	case olds == 0:
		return "new"
	}
	return fmt.Sprintf("%d old, %d new", olds, news)
}

// Whole fails the test unless every name is all old or all new and the result of Apply
// says which.
func (r *Rig) Whole(cs []dnsproviders.Change, rc dnsproviders.Receipt, err error) {
	r.T.Helper()
	var pe *dnsproviders.PartialError
	switch {
	case err == nil:
		if s := r.Standing(cs); s != "new" || rc.Changed != len(cs) {
			r.T.Errorf("no error, zone %s, changed %d of %d", s, rc.Changed, len(cs))
		}
	case errors.As(err, &pe):
		if len(pe.Done)+len(pe.Left) != len(cs) || len(pe.Done) == 0 {
			r.T.Errorf("%d done, %d left of %d", len(pe.Done), len(pe.Left), len(cs))
		}
		if r.Standing(pe.Done) != "new" {
			r.T.Errorf("%v: done is %s", err, r.Standing(pe.Done))
		}
		if len(pe.Left) > 0 && r.Standing(pe.Left) != "old" {
			r.T.Errorf("%v: left is %s", err, r.Standing(pe.Left))
		}
		side := map[string]bool{}
		for _, c := range pe.Done {
			side[c.Before.Name] = true
		}
		for _, c := range pe.Left {
			if side[c.Before.Name] {
				r.T.Errorf("%s is on both lists", c.Before.Name)
			}
		}
	default:
		if s := r.Standing(cs); s != "old" {
			r.T.Errorf("%v: zone %s", err, s)
		}
	}
}

// WellFormed checks what every error promises.
func (r *Rig) WellFormed(err error, kind error) {
	r.T.Helper()
	if !errors.Is(err, kind) {
		r.T.Fatalf("got %v, want %v", err, kind)
	}
	var e *dnsproviders.Error
	if !errors.As(err, &e) {
		r.T.Fatalf("%T is not a *dnsproviders.Error", err)
	}
	if e.Detail == "" || e.Hint == "" || e.Zone != Zone {
		r.T.Errorf("an error without detail, hint or zone: %+v", e)
	}
	text := fmt.Sprintf("%v %v %v %v", err, e, e.Err, e.Detail)
	if strings.Contains(text, r.Secret) || strings.Contains(strings.ToLower(text), "signature=") && !strings.Contains(text, "[secret]") {
		r.T.Errorf("a secret is in the error: %s", text)
	}
}
