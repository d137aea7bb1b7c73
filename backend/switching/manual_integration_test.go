//go:build integration

package switching

import (
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/dutyops/dutyops/dnsproviders"
	"github.com/dutyops/dutyops/dnsproviders/dnstest"
	"github.com/dutyops/dutyops/dnsproviders/rfc2136"
	"github.com/dutyops/dutyops/failoverplan"
)

// What Manual prints is taken by ISC's nsupdate and does what Apply does.
func TestManualIsTakenByNsupdate(t *testing.T) {
	raw := make([]byte, 32)
	if _, err := rand.Read(raw); err != nil {
		t.Fatal(err)
	}
	secret := base64.StdEncoding.EncodeToString(raw)
	z := dnstest.NewZone(zoneName)
	a, err := dnstest.NewAuthority("dutyops", raw, z)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(a.Close)
	p, err := rfc2136.New(rfc2136.Options{Server: a.Addr, KeyName: "dutyops", KeySecret: func() (string, error) { return secret, nil }})
	if err != nil {
		t.Fatal(err)
	}
	s, err := New(Options{Providers: map[string]dnsproviders.Provider{"p": p}, Zones: []Zone{{Name: zoneName, Provider: "p", Authoritative: []string{a.Addr}}}})
	if err != nil {
		t.Fatal(err)
	}
	n := "www." + zoneName
	z.Set(n, "A", 60, oldV4)
	z.Set("alias."+zoneName, "CNAME", 60, "primary.example.test")
	z.Set(n, "HTTPS", 60, `1 . alpn="h2" ipv4hint="192.0.2.10"`)
	zc := failoverplan.ZoneChange{Zone: zoneName, Provider: "p", Changes: []failoverplan.RecordChange{
		change(n, "A", []string{oldV4}, []string{newV4, "198.51.100.21"}),
		change(n, "AAAA", nil, []string{newV6}),
		change(n, "HTTPS", []string{`1 . alpn="h2" ipv4hint="192.0.2.10"`}, []string{`1 . alpn="h2" ipv4hint="198.51.100.20"`}),
		change("alias."+zoneName, "CNAME", []string{"primary.example.test"}, []string{"standby.example.test"}),
	}}
	dir := t.TempDir()
	keyFile, input := filepath.Join(dir, "key"), filepath.Join(dir, "input")
	write := func(path, text string) {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(keyFile, fmt.Sprintf("key \"dutyops\" { algorithm hmac-sha256; secret \"%s\"; };\n", secret))
	parts := s.Manual(zc) // there, back
	run := func(i int) (string, error) {
		write(input, parts[i].Text)
		out, err := exec.Command("nsupdate", "-v", "-k", keyFile, input).CombinedOutput()
		return string(out), err
	}
	if out, err := run(0); err != nil {
		t.Fatalf("%v: %s\n%s", err, out, parts[0].Text)
	}
	if done, _, err := s.Done(t.Context(), zc); err != nil || len(done) != len(zc.Changes) {
		t.Errorf("%d of %d done, %v", len(done), len(zc.Changes), err)
	}
	if out, err := run(0); err == nil || !strings.Contains(out, "XRRSET") {
		t.Errorf("a second time: %v: %s", err, out)
	}
	if out, err := run(1); err != nil {
		t.Errorf("back: %v: %s", err, out)
	}
	if got := z.Text(n, "A"); got != "60 "+oldV4 {
		t.Errorf("back: %q", got)
	}
}
