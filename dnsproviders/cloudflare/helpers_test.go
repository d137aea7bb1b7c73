package cloudflare

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/dutyops/dutyops/dnsproviders"
	"github.com/dutyops/dutyops/dnsproviders/dnstest"
)

const (
	zoneName = "gss.example.test"
	oldV4    = "192.0.2.10"
	newV4    = "198.51.100.20"
	oldV6    = "2001:db8:a::10"
	newV6    = "2001:db8:b::20"
)

// rig is a provider on the fake API, with a clock that waits advance at once.
type rig struct {
	t     testing.TB
	zone  *dnstest.Zone
	api   *dnstest.Cloudflare
	p     *Provider
	token string

	mu      sync.Mutex
	skipped time.Duration
	notices []RetryNotice
}

func newRig(t testing.TB, opt Options) *rig {
	t.Helper()
	b := make([]byte, 20)
	if _, err := rand.Read(b); err != nil {
		t.Fatal(err)
	}
	r := &rig{t: t, zone: dnstest.NewZone(zoneName), token: hex.EncodeToString(b)}
	r.api = dnstest.NewCloudflare(r.token, r.zone)
	t.Cleanup(r.api.Close)
	opt.BaseURL = r.api.URL
	opt.Token = func() (string, error) { return r.token, nil }
	opt.OnRetry = func(n RetryNotice) {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.notices = append(r.notices, n)
	}
	p, err := New(opt)
	if err != nil {
		t.Fatal(err)
	}
	p.now = func() time.Time {
		r.mu.Lock()
		defer r.mu.Unlock()
		return time.Now().Add(r.skipped)
	}
	p.sleep = func(ctx context.Context, d time.Duration) error {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.skipped += d
		return ctx.Err()
	}
	r.p = p
	return r
}

// names fills the zone with n names at the old site and returns the change to the new one.
func (r *rig) names(n int, v6 bool) []dnsproviders.Change {
	var out []dnsproviders.Change
	for i := range n {
		name := fmt.Sprintf("h%04d.%s", i, zoneName)
		r.zone.Set(name, "A", 60, oldV4)
		out = append(out, change(name, "A", 60, []string{oldV4}, []string{newV4}))
		if v6 {
			r.zone.Set(name, "AAAA", 60, oldV6)
			out = append(out, change(name, "AAAA", 60, []string{oldV6}, []string{newV6}))
		}
	}
	r.api.Log()
	return out
}

func change(name, typ string, ttl uint32, from, to []string) dnsproviders.Change {
	return dnsproviders.Change{
		Before: dnsproviders.RRset{Name: name, Type: typ, TTL: ttl, Values: from},
		After:  dnsproviders.RRset{Name: name, Type: typ, TTL: ttl, Values: to},
	}
}

// standing says where the fake's zone is: all old, all new, or mixed.
func (r *rig) standing(changes []dnsproviders.Change) string {
	r.t.Helper()
	olds, news := 0, 0
	for _, c := range changes {
		vs, ttl := r.zone.Get(c.Before.Name, c.Before.Type)
		switch c.Stand(dnsproviders.RRset{Values: vs, TTL: ttl}) {
		case dnsproviders.Old:
			olds++
		case dnsproviders.New:
			news++
		case dnsproviders.Other:
			r.t.Errorf("%s %s is %v: neither old nor new", c.Before.Name, c.Before.Type, vs)
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
