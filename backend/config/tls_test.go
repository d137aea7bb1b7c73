package config

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// selfSigned makes a certificate and its key, in PEM.
func selfSigned(t *testing.T) (cert, key []byte) {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	x := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "console"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, x, x, &k.PublicKey, k)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8})
}

// withTLS is the minimal file with a tls: at its first Redis.
func withTLS(t *testing.T, block string) []byte {
	t.Helper()
	out := strings.Replace(minimal, `kind: redis, address: "192.0.2.51:6379"`, `kind: redis, address: "192.0.2.51:6379", tls: `+block, 1)
	if out == minimal {
		t.Fatal("the edit changes nothing")
	}
	return []byte(out)
}

func TestTLSIsReadAndAnchored(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "dutyops.yaml")
	if err := os.WriteFile(path, withTLS(t, `{ca: ca.pem, cert: /etc/me.pem, key: "file:me.key", server_name: redis.example}`), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := Load(path)
	if err != nil {
		t.Fatal(err)
	}
	blocks := c.TLSBlocks()
	if len(blocks) != 1 {
		t.Fatalf("%d blocks", len(blocks))
	}
	want := TLS{CA: File(filepath.Join(dir, "ca.pem")), Cert: "/etc/me.pem", Key: Secret("file:" + filepath.Join(dir, "me.key")), ServerName: "redis.example"}
	if b := blocks[0]; *b.TLS != want || !strings.HasSuffix(b.Of, "/redis") {
		t.Errorf("%s %+v, want %+v", b.Of, *b.TLS, want)
	}
}

// TestLinkTLS: a source that is asked over TLS is followed over TLS, unless it says how.
func TestLinkTLS(t *testing.T) {
	own := &ReplicationTLS{CA: "/etc/mysql/ca.pem"}
	for _, c := range []struct {
		m    Component
		want *ReplicationTLS
	}{
		{Component{}, nil},
		{Component{TLS: &TLS{CA: "here.pem"}}, &ReplicationTLS{}},
		{Component{TLS: &TLS{InsecureSkipVerify: true}}, &ReplicationTLS{InsecureSkipVerify: true}},
		{Component{TLS: &TLS{}, Replication: Replication{TLS: own}}, own},
		{Component{Replication: Replication{TLS: own}}, own},
	} {
		got := c.m.LinkTLS()
		if (got == nil) != (c.want == nil) || got != nil && *got != *c.want {
			t.Errorf("%+v: %+v, want %+v", c.m, got, c.want)
		}
	}
}

func TestTLSFilesOnDisk(t *testing.T) {
	dir := t.TempDir()
	cert, key := selfSigned(t)
	_, other := selfSigned(t)
	for name, data := range map[string][]byte{"ca.pem": cert, "me.pem": cert, "me.key": key, "other.key": other, "open.key": key, "text.pem": []byte("hello")} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(filepath.Join(dir, "open.key"), 0o644); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct{ block, want string }{
		"all well":              {`{ca: ca.pem, cert: me.pem, key: "file:me.key"}`, ""},
		"no authority":          {`{ca: none.pem}`, "no such file"},
		"not a certificate":     {`{ca: text.pem}`, "holds no certificate"},
		"no client certificate": {`{cert: none.pem, key: "file:me.key"}`, "no such file"},
		"no key":                {`{cert: me.pem, key: "file:none.key"}`, "no such file"},
		"another key":           {`{cert: me.pem, key: "file:other.key"}`, "do not make a pair"},
		"an open key":           {`{cert: me.pem, key: "file:open.key"}`, "is open to everybody"},
		"a key elsewhere":       {`{cert: me.pem, key: "env:NOT_SET_HERE"}`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			data := withTLS(t, c.block)
			path := filepath.Join(dir, strings.ReplaceAll(name, " ", "-")+".yaml")
			if err := os.WriteFile(path, data, 0o600); err != nil {
				t.Fatal(err)
			}
			cfg, err := Load(path)
			if err != nil {
				t.Fatalf("a file that is not there keeps the console from starting: %v", err)
			}
			err = cfg.CheckFiles()
			if c.want == "" {
				if err != nil {
					t.Errorf("unexpected: %v", err)
				}
				return
			}
			var ps Problems
			if !errors.As(err, &ps) || len(ps) != 1 || !strings.Contains(ps[0].What, c.want) {
				t.Fatalf("%v, want one problem with %q", err, c.want)
			}
			line := strings.Split(string(data), "\n")[ps[0].Line-1]
			if at := line[ps[0].Column-1:]; !strings.Contains(line, "tls:") || strings.HasPrefix(at, "{") {
				t.Errorf("the place %d:%d is %q, want the value", ps[0].Line, ps[0].Column, at)
			}
			complete(t, ps, string(data))
		})
	}
}
