package switching

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"testing"
	"time"

	"github.com/dutyops/dutyops/dnsproviders"
	"github.com/dutyops/dutyops/dnsproviders/cloudflare"
	"github.com/dutyops/dutyops/dnsproviders/dnstest"
	"github.com/dutyops/dutyops/dnsproviders/rfc2136"
	"github.com/dutyops/dutyops/failoverplan"
)

const (
	zoneName = "gss.example.test"
	oldV4    = "192.0.2.10"
	newV4    = "198.51.100.20"
	oldV6    = "2001:db8:a::10"
	newV6    = "2001:db8:b::20"
)

// rig is a Switch on one record store that the API fake and two authoritative servers share.
type rig struct {
	t        testing.TB
	token    string
	zone     *dnstest.Zone
	api      *dnstest.Cloudflare
	ns1, ns2 *dnstest.Authority
	s        *Switch
	patient  *Switch // the same with default time-outs
}

type rigOptions struct {
	timeout, budget time.Duration
	message         int
	resolvers       []Resolver
}

func newRig(t testing.TB, o rigOptions) *rig {
	t.Helper()
	raw := make([]byte, 32)
	if _, err := rand.Read(raw); err != nil {
		t.Fatal(err)
	}
	token, secret := hex.EncodeToString(raw[:20]), base64.StdEncoding.EncodeToString(raw)
	r := &rig{t: t, token: token, zone: dnstest.NewZone(zoneName)}
	r.api = dnstest.NewCloudflare(token, r.zone)
	t.Cleanup(r.api.Close)
	for _, ns := range []**dnstest.Authority{&r.ns1, &r.ns2} {
		a, err := dnstest.NewAuthority("dutyops", raw, r.zone)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(a.Close)
		*ns = a
	}
	build := func(timeout, budget time.Duration) *Switch {
		cf, err := cloudflare.New(cloudflare.Options{
			BaseURL: r.api.URL, Token: func() (string, error) { return token, nil },
			Timeout: timeout, Budget: budget,
		})
		if err != nil {
			t.Fatal(err)
		}
		up, err := rfc2136.New(rfc2136.Options{
			Server: r.ns1.Addr, KeyName: "dutyops", KeySecret: func() (string, error) { return secret, nil },
			Timeout: timeout, Budget: budget, MaxMessage: o.message,
		})
		if err != nil {
			t.Fatal(err)
		}
		s, err := New(Options{
			Providers:    map[string]dnsproviders.Provider{"cloudflare": cf, "rfc2136": up},
			Zones:        []Zone{{Name: zoneName, Provider: "cloudflare", Authoritative: []string{r.ns1.Addr, r.ns2.Addr}}},
			Resolvers:    o.resolvers,
			QueryTimeout: time.Second,
		})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	r.s, r.patient = build(o.timeout, o.budget), build(0, 0)
	return r
}

// site fills the zone with n names (A and AAAA) at the old site and returns their
// domains and the change to the new one.
func (r *rig) site(provider string, n int) ([]failoverplan.Domain, failoverplan.ZoneChange) {
	var ds []failoverplan.Domain
	zc := failoverplan.ZoneChange{Zone: zoneName, Provider: provider}
	for i := range n {
		name := fmt.Sprintf("h%04d.%s", i, zoneName)
		ds = append(ds, failoverplan.Domain{Name: name, Station: "PVG", Zone: zoneName, Provider: provider, Types: []string{"A", "AAAA"}, TTL: 30})
		r.zone.Set(name, "A", 60, oldV4)
		r.zone.Set(name, "AAAA", 60, oldV6)
		zc.Changes = append(zc.Changes, change(name, "A", []string{oldV4}, []string{newV4}), change(name, "AAAA", []string{oldV6}, []string{newV6}))
	}
	r.api.Log()
	return ds, zc
}

func change(name, typ string, from, to []string) failoverplan.RecordChange {
	return failoverplan.RecordChange{
		Station: "PVG",
		Before:  failoverplan.RecordSet{Name: name, Type: typ, TTL: 60, Values: from},
		After:   failoverplan.RecordSet{Name: name, Type: typ, TTL: 30, Values: to},
	}
}

// truth is where every set of the change really stands.
func (r *rig) truth(zc failoverplan.ZoneChange) []Result {
	var out []Result
	for _, c := range zc.Changes {
		k, err := toChange(c).Canonical()
		if err != nil {
			r.t.Fatal(err)
		}
		vs, ttl := r.zone.Get(k.After.Name, k.After.Type)
		out = append(out, Result{k.After.Name, k.After.Type, Standing(k.Stand(dnsproviders.RRset{Values: vs, TTL: ttl}))})
	}
	return out
}

func count(rs []Result, st Standing) int {
	n := 0
	for _, r := range rs {
		if r.Standing == st {
			n++
		}
	}
	return n
}
