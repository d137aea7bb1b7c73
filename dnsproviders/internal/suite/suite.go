package suite

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/dutyops/dutyops/dnsproviders"
	"github.com/dutyops/dutyops/dnsproviders/dnstest"
	"github.com/dutyops/dutyops/dnsproviders/internal/effort"
)

// The zone and addresses of all tests.
const (
	Zone  = "gss.example.test"
	OldV4 = "192.0.2.10"
	NewV4 = "198.51.100.20"
	OldV6 = "2001:db8:a::10"
	NewV6 = "2001:db8:b::20"
)

// Options for a provider under test.
type Options struct {
	Timeout, Budget time.Duration
	// Transport, when set, carries the provider's requests.
	Transport http.RoundTripper
}

// Rig is a provider on a fake.
type Rig struct {
	*Clock
	Zone     *dnstest.Zone
	Gate     *dnstest.Gate
	Provider dnsproviders.Inspector
	// Secret must never be seen in an error.
	Secret string
	// Write is the number of the request that writes in the first Apply of a new rig.
	Write int
	// IsWrite tells it by its looks.
	IsWrite func(*http.Request) bool
}

// Clock is a clock on which waits advance at once. It keeps the notices.
type Clock struct {
	mu      sync.Mutex
	skipped time.Duration
	notices []effort.Notice
}

// Now is the time, with all waits added.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Now().Add(c.skipped)
}

// Skip lets time pass.
func (c *Clock) Skip(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.skipped += d
}

// Sleep passes at once.
func (c *Clock) Sleep(ctx context.Context, d time.Duration) error {
	c.Skip(d)
	return ctx.Err()
}

// OnRetry keeps the notice.
func (c *Clock) OnRetry(n effort.Notice) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.notices = append(c.notices, n)
}

// Notices returns what OnRetry was told.
func (c *Clock) Notices() []effort.Notice {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.notices
}

// Names fills the zone with n names at the old site and returns their change to the new one.
func (r *Rig) Names(n int, v6 bool) []dnsproviders.Change {
	var out []dnsproviders.Change
	for i := range n {
		name := fmt.Sprintf("h%04d.%s", i, Zone)
		r.Zone.Set(name, "A", 60, OldV4)
		out = append(out, Change(name, "A", 60, []string{OldV4}, []string{NewV4}))
		if v6 {
			r.Zone.Set(name, "AAAA", 60, OldV6)
			out = append(out, Change(name, "AAAA", 60, []string{OldV6}, []string{NewV6}))
		}
	}
	return out
}

// Change is a change of values with one TTL.
func Change(name, typ string, ttl uint32, from, to []string) dnsproviders.Change {
	return dnsproviders.Change{
		Before: dnsproviders.RRset{Name: name, Type: typ, TTL: ttl, Values: from},
		After:  dnsproviders.RRset{Name: name, Type: typ, TTL: ttl, Values: to},
	}
}

// Invert is the way back.
func Invert(cs []dnsproviders.Change) []dnsproviders.Change {
	out := make([]dnsproviders.Change, len(cs))
	for i, c := range cs {
		out[i] = dnsproviders.Change{Before: c.After, After: c.Before}
	}
	return out
}

// Standing says where the fake's zone is: "old", "new", or mixed.
func (r *Rig) Standing(t testing.TB, changes []dnsproviders.Change) string {
	t.Helper()
	olds, news := 0, 0
	for _, c := range changes {
		vs, ttl := r.Zone.Get(c.Before.Name, c.Before.Type)
		switch c.Stand(dnsproviders.RRset{Values: vs, TTL: ttl}) {
		case dnsproviders.Old:
			olds++
		case dnsproviders.New:
			news++
		case dnsproviders.Other:
			t.Errorf("%s %s is %v: neither old nor new", c.Before.Name, c.Before.Type, vs)
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

// WellFormed checks what every error promises: its kind, words for people, no secret.
func (r *Rig) WellFormed(t testing.TB, err, kind error) {
	t.Helper()
	if !errors.Is(err, kind) {
		t.Fatalf("got %v, want %v", err, kind)
	}
	for _, other := range []error{
		dnsproviders.ErrConflict, dnsproviders.ErrAuth, dnsproviders.ErrForbidden, dnsproviders.ErrRateLimited,
		dnsproviders.ErrRejected, dnsproviders.ErrUnavailable, dnsproviders.ErrUncertain, dnsproviders.ErrNotFound,
	} {
		if errors.Is(kind, dnsproviders.ErrUncertain) && !errors.Is(other, kind) && errors.Is(err, other) {
			t.Errorf("%v is uncertain and yet claims %v", err, other)
		}
	}
	var e *dnsproviders.Error
	if !errors.As(err, &e) {
		t.Fatalf("%T is not a *dnsproviders.Error", err)
	}
	if e.Detail == "" || e.Hint == "" || e.Zone != Zone {
		t.Errorf("an error without detail, hint or zone: %+v", e)
	}
	if text := fmt.Sprintf("%v %v %v %v", err, e, e.Err, e.Detail); strings.Contains(text, r.Secret) {
		t.Errorf("the secret is in the error: %v", text)
	}
}

// RoundTripper makes a function a transport.
type RoundTripper func(*http.Request) (*http.Response, error)

// RoundTrip calls f.
func (f RoundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }
