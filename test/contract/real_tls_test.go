//go:build integration

package contract_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/dutyops/dutyops/probes"
	"github.com/dutyops/dutyops/probes/trust/trusttest"
	"github.com/dutyops/dutyops/test/contract"
	"github.com/dutyops/dutyops/test/lab"
)

// secured are real servers that speak TLS, each behind its own address.
type secured struct {
	ctx    context.Context
	stores *lab.Stores
}

// securedStore is one of them.
type securedStore struct {
	component
	present func(lab.TLS) error
}

func (s *securedStore) Present(t *testing.T, shown contract.Shown) error {
	t.Helper()
	return s.present(labTLS(shown))
}

func labTLS(s contract.Shown) lab.TLS {
	return lab.TLS{CA: s.CA.PEM, Cert: s.Pair.Cert, Key: s.Pair.Key, Wants: s.Wants}
}

// startSecured starts both sites' stores with certificates of ca.
func startSecured(t *testing.T, ca *trusttest.CA) *secured {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 12*time.Minute)
	t.Cleanup(cancel)
	stores, err := lab.StartSecureStores(ctx, "", labTLS(contract.Shown{CA: ca, Pair: ca.Issue(t, trusttest.Leaf{})}))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stores.Close)
	return &secured{ctx, stores}
}

func (s *secured) Start(t *testing.T, kind string, _ probes.Role) (contract.Component, error) {
	t.Helper()
	m, r := s.stores.Primary.Maria, s.stores.Primary.Redis
	switch kind {
	case "mysql":
		c := &securedStore{present: func(x lab.TLS) error { return m.Present(s.ctx, x) }}
		c.target = probes.Target{Address: m.Address, User: "probe", Password: func() (string, error) { return m.Passwords["probe"], nil }}
		return c, nil
	case "redis":
		password := secret()
		if err := r.Client().Do(s.ctx, "ACL", "SETUSER", "probe", "reset", "on", ">"+password, "+ping", "+info", "+time").Err(); err != nil {
			return nil, err
		}
		c := &securedStore{present: func(x lab.TLS) error { return r.Present(s.ctx, x) }}
		c.target = probes.Target{Address: r.TLSAddress, User: "probe", Password: func() (string, error) { return password, nil }}
		return c, nil
	}
	return nil, errors.ErrUnsupported
}

// What is told of certificates, and of passwords over TLS, on MariaDB and Redis: accounts of
// mysql_native_password with and without REQUIRE X509, a user of Redis' ACL, tls-auth-clients.
func TestRealStoresTrusted(t *testing.T) {
	s := startSecured(t, trusttest.NewCA(t, "first"))
	if cannot := contract.RunTrust(t, s, "mysql", "redis"); len(cannot) != 0 {
		t.Errorf("no TLS is spoken by %q", cannot)
	}
}
