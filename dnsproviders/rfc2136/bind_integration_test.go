//go:build integration

package rfc2136

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/dutyops/dutyops/dnsproviders"
)

// bind starts BIND 9 on a loopback high port, unprivileged, with n names h0000.. (A)
// and m names v0000.. (A and AAAA), and stops it at the end of the test.
func bind(t testing.TB, n, m int) (addr, secret string) {
	t.Helper()
	dir, err := os.MkdirTemp("", "dutyops-bind-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	raw := make([]byte, 32)
	if _, err := rand.Read(raw); err != nil {
		t.Fatal(err)
	}
	secret = base64.StdEncoding.EncodeToString(raw)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr = l.Addr().String()
	_, port, _ := net.SplitHostPort(addr)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	conf := fmt.Sprintf(`key "dutyops." { algorithm hmac-sha256; secret "%[1]s"; };
key "stranger." { algorithm hmac-sha256; secret "%[1]s"; };
options { directory "%[2]s"; pid-file none; lock-file none; session-keyfile "session.key"; managed-keys-directory "."; key-directory ".";
  listen-on port %[3]s { 127.0.0.1; }; listen-on-v6 { none; }; recursion no; allow-transfer { none; };
  dnssec-validation no; empty-zones-enable no; minimal-responses yes; };
controls { };
zone "gss.example.test" { type primary; file "z.zone"; update-policy { grant dutyops. zonesub A AAAA CNAME HTTPS; }; };
`, secret, dir, port)
	var z strings.Builder
	z.WriteString("$TTL 60\n@ SOA ns1 hostmaster 1 60 60 3600 30\n@ NS ns1\nns1 A 127.0.0.1\n")
	for i := range n {
		fmt.Fprintf(&z, "h%04d 60 A %s\n", i, oldV4)
	}
	for i := range m {
		fmt.Fprintf(&z, "v%04d 60 A %s\nv%04d 60 AAAA %s\n", i, oldV4, i, oldV6)
	}
	z.WriteString("www 60 A 192.0.2.10\nwww 60 HTTPS 1 . alpn=h2 ipv4hint=192.0.2.10\n")
	for name, text := range map[string]string{"named.conf": conf, "z.zone": z.String()} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	args := []string{"named", "-g", "-n", "1", "-c", filepath.Join(dir, "named.conf")}
	if os.Getuid() == 0 {
		for _, p := range []string{dir, filepath.Join(dir, "named.conf"), filepath.Join(dir, "z.zone")} {
			if err := os.Chown(p, 65534, 65534); err != nil {
				t.Fatal(err)
			}
		}
		args = append([]string{"setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"}, args...)
	}
	cmd := exec.Command(args[0], args[1:]...)
	var log strings.Builder
	cmd.Stderr = &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(os.Interrupt)
		_ = cmd.Wait()
		if t.Failed() {
			t.Log(log.String())
		}
	})
	p, err := New(Options{Server: addr, KeyName: "dutyops", KeySecret: func() (string, error) { return secret, nil }})
	if err != nil {
		t.Fatal(err)
	}
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(10 * time.Second); ; <-tick.C {
		if got, err := p.Read(t.Context(), zoneName, []string{"ns1." + zoneName}); err == nil && len(got) == 1 {
			return addr, secret
		} else if time.Now().After(end) {
			t.Fatalf("BIND does not answer: %v", err)
		}
	}
}

func TestOnBIND(t *testing.T) {
	addr, secret := bind(t, 1000, 400)
	with := func(o Options) *Provider {
		o.Server = addr
		if o.KeySecret == nil {
			o.KeySecret = func() (string, error) { return secret, nil }
		}
		p, err := New(o)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	p := with(Options{KeyName: "dutyops"})
	var one, two []dnsproviders.Change
	var names []string
	for i := range 1000 {
		n := fmt.Sprintf("h%04d.%s", i, zoneName)
		names = append(names, n)
		one = append(one, change(n, "A", []string{oldV4}, []string{newV4}))
	}
	for i := range 400 {
		n := fmt.Sprintf("v%04d.%s", i, zoneName)
		two = append(two, change(n, "A", []string{oldV4}, []string{newV4}), change(n, "AAAA", []string{oldV6}, []string{newV6}))
	}
	rc, err := p.Apply(t.Context(), zoneName, one)
	if err != nil || rc.Changed != 1000 || rc.Serial < 2 || rc.APICalls != 2 {
		t.Fatalf("%+v, %v", rc, err)
	}
	t.Logf("1,000 names in one message with prerequisites: %s, serial %d", rc.Took, rc.Serial)
	if rc, err = p.Apply(t.Context(), zoneName, two); err != nil || rc.Changed != 800 {
		t.Fatalf("%+v, %v", rc, err)
	}
	t.Logf("400 names with A and AAAA: %s", rc.Took)
	start := time.Now()
	got, err := p.Read(t.Context(), zoneName, names)
	if err != nil || len(got) != 1000 || got[0].Values[0] != newV4 || got[0].TTL != 30 {
		t.Fatalf("%d sets, %v", len(got), err)
	}
	t.Logf("reading 1,000 names, 4,000 signed questions: %s", time.Since(start))

	_, err = p.Apply(t.Context(), zoneName, one) // no longer so
	if !errors.Is(err, dnsproviders.ErrConflict) || !strings.Contains(err.Error(), names[0]) {
		t.Errorf("a second time: %v", err)
	}
	t.Log(err)
	mixed := []dnsproviders.Change{change(names[0], "A", []string{newV4}, []string{oldV4}), change(names[1], "A", []string{"203.0.113.9"}, []string{oldV4})}
	if _, err = p.Apply(t.Context(), zoneName, mixed); !errors.Is(err, dnsproviders.ErrConflict) || !strings.Contains(err.Error(), names[1]) {
		t.Errorf("one of two: %v", err)
	}
	if got, err := p.Read(t.Context(), zoneName, names[:1]); err != nil || got[0].Values[0] != newV4 {
		t.Errorf("after a refused message: %v, %v", got, err)
	}
	www := "www." + zoneName
	set := []dnsproviders.Change{
		change(www, "A", []string{oldV4}, []string{newV4, "198.51.100.21"}),
		change(www, "AAAA", nil, []string{newV6}),
		change(www, "HTTPS", []string{`1 . alpn=h2 ipv4hint=192.0.2.10`}, []string{`1 . alpn=h2 ipv4hint=198.51.100.20`}),
	}
	if _, err := p.Apply(t.Context(), zoneName, set); err != nil {
		t.Error(err)
	}
	back := make([]dnsproviders.Change, len(set))
	for i, c := range set {
		back[i] = dnsproviders.Change{Before: c.After, After: c.Before}
	}
	if _, err := p.Apply(t.Context(), zoneName, back); err != nil {
		t.Error(err)
	}
	got, err = p.Read(t.Context(), zoneName, []string{www})
	if err != nil || len(got) != 2 || got[0].TTL != 60 || got[1].Values[0] != `1 . alpn="h2" ipv4hint="192.0.2.10"` {
		t.Errorf("back: %v, %v", got, err)
	}

	wrong := base64.StdEncoding.EncodeToString([]byte("0123456789abcdef0123456789abcdef"))
	for name, tc := range map[string]struct {
		p    *Provider
		zone string
		want error
	}{
		"wrong secret": {with(Options{KeyName: "dutyops", KeySecret: func() (string, error) { return wrong, nil }}), zoneName, dnsproviders.ErrAuth},
		"unknown key":  {with(Options{KeyName: "nobody"}), zoneName, dnsproviders.ErrAuth},
		"other algo":   {with(Options{KeyName: "dutyops", KeyAlgorithm: "hmac-sha512"}), zoneName, dnsproviders.ErrAuth},
		"not granted":  {with(Options{KeyName: "stranger"}), zoneName, dnsproviders.ErrForbidden},
		"no such zone": {p, "other.test", dnsproviders.ErrNotFound},
	} {
		_, err := tc.p.Apply(t.Context(), tc.zone, []dnsproviders.Change{change("www."+tc.zone, "A", []string{oldV4}, []string{newV4})})
		if !errors.Is(err, tc.want) {
			t.Errorf("%s: %v, want %v", name, err, tc.want)
		}
		t.Logf("%s: %v", name, err)
	}
	late := with(Options{KeyName: "dutyops"})
	late.now = func() time.Time { return time.Now().Add(-time.Hour) }
	if _, err := late.Apply(t.Context(), zoneName, back); !errors.Is(err, dnsproviders.ErrAuth) || !strings.Contains(err.Error(), "BADTIME") {
		t.Errorf("wrong clock: %v", err)
	}
}

func BenchmarkBIND1000(b *testing.B) {
	addr, secret := bind(b, 1000, 0)
	p, err := New(Options{Server: addr, KeyName: "dutyops", KeySecret: func() (string, error) { return secret, nil }})
	if err != nil {
		b.Fatal(err)
	}
	there, back := make([]dnsproviders.Change, 1000), make([]dnsproviders.Change, 1000)
	for i := range there {
		n := fmt.Sprintf("h%04d.%s", i, zoneName)
		there[i] = change(n, "A", []string{oldV4}, []string{newV4})
		back[i] = dnsproviders.Change{Before: there[i].After, After: there[i].Before}
	}
	for b.Loop() {
		if _, err := p.Apply(b.Context(), zoneName, there); err != nil {
			b.Fatal(err)
		}
		there, back = back, there
	}
}
