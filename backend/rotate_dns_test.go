package backend

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/dutyops/dutyops/backend/config"
	"github.com/dutyops/dutyops/dnsproviders"
	"github.com/dutyops/dutyops/dnsproviders/dnstest"
)

// TestProvidersSeeARotatedSecret: what the secret's reference gives changes while dutyops
// runs. The old secret is refused, with nothing changed; the next reading and the next
// change are made with the new one, by the provider that was opened at the start.
func TestProvidersSeeARotatedSecret(t *testing.T) {
	const zone, name = "gss.example.test", "www.gss.example.test"
	type fake struct {
		p       config.Provider
		rotate  func(id, secret string)
		encoded bool  // the secret is written in base64
		refusal error // dnsproviders.ErrAuth unless set
	}
	for kind, start := range map[string]func(t *testing.T, z *dnstest.Zone) fake{
		config.KindCloudflare: func(t *testing.T, z *dnstest.Zone) fake {
			f := dnstest.NewCloudflare("", z)
			t.Cleanup(f.Close)
			return fake{p: config.Provider{BaseURL: f.URL}, rotate: func(_, s string) { f.Rotate(s) }, refusal: dnsproviders.ErrForbidden} // its 403 is of both
		},
		config.KindPowerDNS: func(t *testing.T, z *dnstest.Zone) fake {
			f := dnstest.NewPowerDNS("", z)
			t.Cleanup(f.Close)
			return fake{p: config.Provider{BaseURL: f.URL, ServerID: "localhost"}, rotate: func(_, s string) { f.Rotate(s) }}
		},
		config.KindRoute53: func(t *testing.T, z *dnstest.Zone) fake {
			f := dnstest.NewRoute53("", "", z)
			t.Cleanup(f.Close)
			return fake{p: config.Provider{BaseURL: f.URL, Region: "us-east-1"}, rotate: f.Rotate}
		},
		config.KindRFC2136: func(t *testing.T, z *dnstest.Zone) fake {
			f, err := dnstest.NewAuthority("dutyops", nil, z)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(f.Close)
			return fake{p: config.Provider{Server: f.Addr, KeyName: "dutyops"}, rotate: func(_, s string) { f.Rotate([]byte(s)) }, encoded: true}
		},
		config.KindDNSPod: func(t *testing.T, z *dnstest.Zone) fake {
			f := dnstest.NewDNSPod("", "", z)
			t.Cleanup(f.Close)
			return fake{p: config.Provider{BaseURL: f.URL}, rotate: f.Rotate}
		},
		config.KindAliDNS: func(t *testing.T, z *dnstest.Zone) fake {
			f := dnstest.NewAliDNS("", "", z)
			t.Cleanup(f.Close)
			return fake{p: config.Provider{BaseURL: f.URL}, rotate: f.Rotate}
		},
	} {
		t.Run(kind, func(t *testing.T) {
			z := dnstest.NewZone(zone)
			z.Set(name, "A", 60, "192.0.2.10")
			f := start(t, z)
			if f.refusal == nil {
				f.refusal = dnsproviders.ErrAuth
			}
			dir := t.TempDir()
			idFile, secretFile := filepath.Join(dir, "id"), filepath.Join(dir, "secret")
			write := func(id, secret string) {
				t.Helper()
				if f.encoded {
					secret = base64.StdEncoding.EncodeToString([]byte(secret))
				}
				for file, text := range map[string]string{idFile: id, secretFile: secret} {
					if err := os.WriteFile(file, []byte(text+"\n"), 0o600); err != nil {
						t.Fatal(err)
					}
				}
			}
			f.p.Kind = kind
			ref := config.Secret("file:" + secretFile)
			f.p.Token, f.p.KeySecret, f.p.APIKey, f.p.AccessKeySecret, f.p.SecretAccessKey = ref, ref, ref, ref, ref
			f.p.AccessKeyID = config.KeyID("file:" + idFile)
			p, err := (&Engine{}).openProvider(f.p)
			if err != nil {
				t.Fatal(err)
			}
			shift := func(from, to string) error {
				_, err := p.Apply(t.Context(), zone, []dnsproviders.Change{{
					Before: dnsproviders.RRset{Name: name, Type: "A", TTL: 60, Values: []string{from}},
					After:  dnsproviders.RRset{Name: name, Type: "A", TTL: 60, Values: []string{to}},
				}})
				return err
			}
			stands := func(want string) {
				t.Helper()
				if vs, _ := z.Get(name, "A"); len(vs) != 1 || vs[0] != want {
					t.Fatalf("%s is %v, want %s", name, vs, want)
				}
			}
			oldSecret, newSecret := randomText(t), randomText(t)
			write("id-1", oldSecret)
			f.rotate("id-1", oldSecret)
			if err := shift("192.0.2.10", "192.0.2.11"); err != nil {
				t.Fatal(err)
			}
			stands("192.0.2.11")
			f.rotate("id-2", newSecret)
			if err := shift("192.0.2.11", "192.0.2.12"); !errors.Is(err, f.refusal) {
				t.Fatalf("with the old secret: %v", err)
			}
			stands("192.0.2.11")
			write("id-2", newSecret)
			if got, err := p.Read(t.Context(), zone, []string{name}); err != nil || len(got) != 1 {
				t.Fatalf("with the new secret: %v, %v", got, err)
			}
			if err := shift("192.0.2.11", "192.0.2.12"); err != nil {
				t.Fatalf("with the new secret: %v", err)
			}
			stands("192.0.2.12")
			write("id-1", oldSecret)
			if err := shift("192.0.2.12", "192.0.2.13"); !errors.Is(err, f.refusal) {
				t.Fatalf("with the old secret again: %v", err)
			}
			stands("192.0.2.12")
		})
	}
}

func randomText(t *testing.T) string {
	t.Helper()
	b := make([]byte, 20)
	if _, err := rand.Read(b); err != nil {
		t.Fatal(err)
	}
	return hex.EncodeToString(b)
}
