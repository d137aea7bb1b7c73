package alidns

import (
	"testing"

	"github.com/dutyops/dutyops/dnsproviders"
	"github.com/dutyops/dutyops/dnsproviders/dnstest"
	"github.com/dutyops/dutyops/dnsproviders/internal/byrecordtest"
)

func suite(tune func(*dnstest.AliDNS)) byrecordtest.Suite {
	return byrecordtest.Suite{
		Locks: true, Serve: func(keyID, secret string, z *dnstest.Zone) *dnstest.Vendor {
			api := dnstest.NewAliDNS(keyID, secret, z)
			if tune != nil {
				tune(api)
			}
			return &api.Vendor
		},
		Open: func(t testing.TB, v *dnstest.Vendor, c byrecordtest.Config) dnsproviders.Inspector {
			t.Helper()
			p, err := New(Options{BaseURL: v.URL, KeyID: c.KeyID, Secret: c.Secret, Timeout: c.Timeout, Budget: c.Budget, OnRetry: c.OnRetry})
			if err != nil {
				t.Fatal(err)
			}
			p.e.Now, p.e.Sleep = c.Now, c.Sleep
			return p
		},
	}
}

func TestSuite(t *testing.T) { suite(nil).Run(t) }
