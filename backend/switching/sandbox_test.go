package switching

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/dutyops/dutyops/backend/sandbox/named"
	"github.com/dutyops/dutyops/dnsproviders"
	"github.com/dutyops/dutyops/dnsproviders/cloudflare"
	"github.com/dutyops/dutyops/dnsproviders/rfc2136"
	"github.com/dutyops/dutyops/failoverplan"
)

// The same room on the sandbox's own API, authorities and resolver.
func TestOnTheSandboxServers(t *testing.T) {
	store, err := named.NewStore(named.StoreOptions{Zone: zoneName})
	must(t, err)
	raw := make([]byte, 32)
	_, err = rand.Read(raw)
	must(t, err)
	token, secret := hex.EncodeToString(raw[:20]), base64.StdEncoding.EncodeToString(raw)
	auth, err := named.StartAuthority(store, named.AuthorityOptions{KeyName: "dutyops", KeySecret: secret})
	must(t, err)
	t.Cleanup(func() { _ = auth.Close() })
	api, err := named.StartCloudflare(store, named.CloudflareOptions{Token: token})
	must(t, err)
	t.Cleanup(func() { _ = api.Close() })
	var ahead atomic.Int64 // of the resolver's clock: its cache expires without waiting
	res, err := named.StartResolver(named.ResolverOptions{
		Zone: zoneName, Authorities: auth.Addrs(),
		Now: func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) },
	})
	must(t, err)
	t.Cleanup(func() { _ = res.Close() })

	cf, err := cloudflare.New(cloudflare.Options{BaseURL: api.URL() + "/client/v4", Token: func() (string, error) { return token, nil }})
	must(t, err)
	up, err := rfc2136.New(rfc2136.Options{Server: auth.Addrs()[0], KeyName: "dutyops", KeySecret: func() (string, error) { return secret, nil }})
	must(t, err)
	s, err := New(Options{
		Providers: map[string]dnsproviders.Provider{"cloudflare": cf, "rfc2136": up},
		Zones:     []Zone{{Name: zoneName, Provider: "cloudflare", Authoritative: auth.Addrs()}},
		Resolvers: []Resolver{{"users", res.Addr()}},
	})
	must(t, err)

	var ds []failoverplan.Domain
	var cs []failoverplan.RecordChange
	for _, st := range []string{"pvg", "sha", "can"} {
		n := st + "." + zoneName
		must(t, store.Set(n, "A", 2, oldV4))
		must(t, store.Set(n, "AAAA", 2, oldV6))
		ds = append(ds, failoverplan.Domain{Name: n, Station: st, Zone: zoneName, Provider: "cloudflare", Types: []string{"A", "AAAA"}, TTL: 2})
		for typ, to := range map[string][2]string{"A": {oldV4, newV4}, "AAAA": {oldV6, newV6}} {
			c := change(n, typ, []string{to[0]}, []string{to[1]})
			c.Before.TTL, c.After.TTL = 2, 2
			cs = append(cs, c)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	live, problems := s.Live(ctx, ds)
	if len(problems) != 0 || len(live[zoneName]) != 6 {
		t.Fatalf("%v, %v", live, problems)
	}
	for _, o := range s.Observe(ctx, ds) { // also warms the resolver's cache
		if o.Err != nil {
			t.Fatalf("%+v", o)
		}
	}
	for _, provider := range []string{"cloudflare", "rfc2136"} {
		zc := failoverplan.ZoneChange{Zone: zoneName, Provider: provider, Changes: cs}
		for _, z := range []failoverplan.ZoneChange{zc, Invert(zc)} {
			out, err := s.Apply(ctx, z)
			if err != nil || out.Changed != 6 {
				t.Fatalf("%s: %+v, %v", provider, out, err)
			}
			if b, err := s.VerifyAuthoritative(ctx, []failoverplan.ZoneChange{z}); err != nil || b.Agreed != 12 {
				t.Fatalf("%s: %d of %d: %v", provider, b.Agreed, b.Total, err)
			}
			ahead.Add(int64(3 * time.Second))
			if b, err := s.VerifyResolvers(ctx, []failoverplan.ZoneChange{z}); err != nil || b.Agreed != 6 {
				t.Fatalf("%s: %d of %d: %v", provider, b.Agreed, b.Total, err)
			}
		}
	}

	// The faults that the sandbox can inject into its API. Nothing is held ready, so that it
	// reads first, and knows that nothing was sent.
	s.opt.MaxAge = time.Nanosecond
	for kind, want := range map[string]error{
		named.FaultUnauthorized: dnsproviders.ErrAuth, named.FaultForbidden: dnsproviders.ErrForbidden, named.FaultError: dnsproviders.ErrUnavailable,
		named.FaultGarbage: dnsproviders.ErrUnavailable, named.FaultHalfBody: dnsproviders.ErrUnavailable,
		named.FaultRateLimit: dnsproviders.ErrRateLimited, named.FaultDropAfterApply: nil,
	} {
		zc := failoverplan.ZoneChange{Zone: zoneName, Provider: "cloudflare", Changes: cs}
		api.SetRetryAfter(time.Hour)
		must(t, api.SetFault(kind))
		out, err := s.Apply(ctx, zc)
		if want == nil && err != nil || !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", kind, err, want)
		}
		if n := count(out.Results, SetOld) + count(out.Results, SetNew); n != 6 {
			t.Errorf("%s: the report names %d of 6: %v", kind, n, out.Results)
		}
		must(t, api.SetFault(""))
		if _, err := s.Apply(ctx, zc); err != nil {
			t.Errorf("%s: resume: %v", kind, err)
		}
		if _, err := s.Apply(ctx, Invert(zc)); err != nil {
			t.Errorf("%s: take back: %v", kind, err)
		}
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(fmt.Errorf("setting up: %w", err))
	}
}
