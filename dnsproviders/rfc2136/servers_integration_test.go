//go:build integration

package rfc2136

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/dutyops/dutyops/dnsproviders"
	"github.com/dutyops/dutyops/dnsproviders/internal/suite"
	"github.com/dutyops/dutyops/test/lab"
)

// on is a provider on a server of the lab; what o leaves out is right.
func on(t testing.TB, s *lab.NameServer, o Options) *Provider {
	t.Helper()
	o.Server = s.Addr
	if o.KeyName == "" {
		o.KeyName = lab.KeyName
	}
	if o.KeySecret == nil {
		o.KeySecret = func() (string, error) { return s.Key, nil }
	}
	p, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// granted is a zone with n names h0000.. (A), m names v0000.. (A and AAAA) and www, in
// which the key may change what a switch changes and nothing else.
func granted(n, m int) lab.Zoned {
	var z strings.Builder
	for i := range n {
		fmt.Fprintf(&z, "h%04d 60 A %s\n", i, oldV4)
	}
	for i := range m {
		fmt.Fprintf(&z, "v%04d 60 A %s\nv%04d 60 AAAA %s\n", i, oldV4, i, oldV6)
	}
	z.WriteString("www 60 A 192.0.2.10\nwww 60 HTTPS 1 . alpn=h2 ipv4hint=192.0.2.10\n")
	return lab.Zoned{Name: zoneName, Records: z.String(), Types: []string{"A", "AAAA", "CNAME", "HTTPS"}}
}

// PowerDNS starts one with the zone; it has no zone files.
func powerDNS(t testing.TB, z lab.Zoned) *lab.NameServer {
	t.Helper()
	s := lab.ForDNS(t).PowerDNS()
	if err := s.Serve(t.Context(), z.Name); err != nil {
		t.Fatal(err)
	}
	suite.Server{Addr: s.Addr, Key: lab.KeyName, Secret: s.Key}.Load(t, z.Records)
	return s.NameServer
}

// manyNames re-points n names of a granted zone.
func manyNames(n int) (names []string, changes []dnsproviders.Change) {
	for i := range n {
		name := fmt.Sprintf("h%04d.%s", i, zoneName)
		names = append(names, name)
		changes = append(changes, change(name, "A", []string{oldV4}, []string{newV4}))
	}
	return names, changes
}

// All names in one message with prerequisites, what does not hold any more, what a
// wrong key gets: on every real server that takes dynamic updates.
func TestOnServers(t *testing.T) {
	z, small := granted(1000, 400), granted(100, 40)
	for _, tc := range []struct {
		name  string
		start func(t *testing.T) *lab.NameServer
		// n names with A, and two fifths of it with A and AAAA: PowerDNS looks at every name of
		// an update by itself and takes seconds for a thousand.
		n int
		// badKey is what a key gets that is not right: PowerDNS calls it REFUSED.
		badKey error
		// grants: it has keys that may do less than others.
		grants bool
	}{
		{"BIND", func(t *testing.T) *lab.NameServer { return lab.ForDNS(t).BIND(z) }, 1000, dnsproviders.ErrAuth, true},
		{"Knot", func(t *testing.T) *lab.NameServer { return lab.ForDNS(t).Knot(z) }, 1000, dnsproviders.ErrAuth, false},
		{"PowerDNS", func(t *testing.T) *lab.NameServer { return powerDNS(t, small) }, 100, dnsproviders.ErrForbidden, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := tc.start(t)
			site(t, s, tc.n)
			refusals(t, s, tc.badKey, tc.grants)
		})
	}
}

// site switches a granted zone's names, and some of them back.
func site(t *testing.T, s *lab.NameServer, n int) {
	p := on(t, s, Options{})
	names, one := manyNames(n)
	var two []dnsproviders.Change
	for i := range n * 2 / 5 {
		v := fmt.Sprintf("v%04d.%s", i, zoneName)
		two = append(two, change(v, "A", []string{oldV4}, []string{newV4}), change(v, "AAAA", []string{oldV6}, []string{newV6}))
	}
	rc, err := p.Apply(t.Context(), zoneName, one)
	if err != nil || rc.Changed != n || rc.Serial < 2 || rc.APICalls != 2 {
		t.Fatalf("%+v, %v", rc, err)
	}
	t.Logf("%d names in one message with prerequisites: %s, serial %d", n, rc.Took, rc.Serial)
	if rc, err = p.Apply(t.Context(), zoneName, two); err != nil || rc.Changed != n*4/5 {
		t.Fatalf("%+v, %v", rc, err)
	}
	t.Logf("%d names with A and AAAA: %s", n*2/5, rc.Took)
	start := time.Now()
	got, err := p.Read(t.Context(), zoneName, names)
	if err != nil || len(got) != n || got[0].Values[0] != newV4 || got[0].TTL != 30 {
		t.Fatalf("%d sets, %v", len(got), err)
	}
	t.Logf("reading %d names, %d signed questions: %s", n, 4*n, time.Since(start))

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
	if _, err := p.Apply(t.Context(), zoneName, suite.Invert(set)); err != nil {
		t.Error(err)
	}
	got, err = p.Read(t.Context(), zoneName, []string{www})
	if err != nil || len(got) != 2 || got[0].TTL != 60 || got[1].Values[0] != `1 . alpn="h2" ipv4hint="192.0.2.10"` {
		t.Errorf("back: %v, %v", got, err)
	}
}

// refusals: what a server says to keys and zones that are not right.
func refusals(t *testing.T, s *lab.NameServer, badKey error, grants bool) {
	wrong := base64.StdEncoding.EncodeToString([]byte("0123456789abcdef0123456789abcdef"))
	for name, tc := range map[string]struct {
		o    Options
		zone string
		want error
	}{
		"wrong secret": {Options{KeySecret: func() (string, error) { return wrong, nil }}, zoneName, badKey},
		"unknown key":  {Options{KeyName: "nobody"}, zoneName, badKey},
		"other algo":   {Options{KeyAlgorithm: "hmac-sha512"}, zoneName, badKey},
		"not granted":  {Options{KeyName: "stranger"}, zoneName, dnsproviders.ErrForbidden},
		"no such zone": {Options{}, "other.test", dnsproviders.ErrNotFound},
	} {
		if name == "not granted" && !grants {
			continue
		}
		_, err := on(t, s, tc.o).Apply(t.Context(), tc.zone, []dnsproviders.Change{change("www."+tc.zone, "A", []string{oldV4}, []string{newV4})})
		var e *dnsproviders.Error
		if !errors.Is(err, tc.want) || !errors.As(err, &e) || e.Hint == "" {
			t.Errorf("%s: %v, want %v and a hint", name, err, tc.want)
		}
		t.Logf("%s: %v", name, err)
	}
	late := on(t, s, Options{})
	late.now = func() time.Time { return time.Now().Add(-time.Hour) }
	_, err := late.Apply(t.Context(), zoneName, []dnsproviders.Change{change("www."+zoneName, "A", []string{oldV4}, []string{newV4})})
	if !errors.Is(err, badKey) || errors.Is(badKey, dnsproviders.ErrAuth) && !strings.Contains(err.Error(), "BADTIME") {
		t.Errorf("wrong clock: %v", err)
	}
}

// What is printed for nsupdate does what Apply does, also where a server would drop an
// alias without a word.
func TestCommandsOnServers(t *testing.T) {
	name := "www." + zoneName
	turn := []dnsproviders.Change{
		change(name, "A", []string{oldV4}, nil), change(name, "CNAME", nil, []string{"standby.example.test"}),
	}
	z := lab.Zoned{Name: zoneName, Records: "www 60 A " + oldV4 + "\ntext 60 A " + oldV4 + "\ntext TXT x\n", Signed: true}
	for _, tc := range []struct {
		name  string
		start func(t *testing.T) *lab.NameServer
		turns bool
	}{
		{"BIND", func(t *testing.T) *lab.NameServer { return lab.ForDNS(t).BIND(z) }, true},
		{"Knot", func(t *testing.T) *lab.NameServer { return lab.ForDNS(t).Knot(z) }, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := tc.start(t)
			host, port, _ := net.SplitHostPort(s.Addr)
			key := filepath.Join(t.TempDir(), "key")
			if err := os.WriteFile(key, fmt.Appendf(nil, "key %q { algorithm hmac-sha256; secret %q; };\n", lab.KeyName, s.Key), 0o600); err != nil {
				t.Fatal(err)
			}
			run := func(changes []dnsproviders.Change) (string, error) {
				commands, err := Commands(zoneName, changes)
				if err != nil {
					t.Fatal(err)
				}
				cmd := exec.CommandContext(t.Context(), "nsupdate", "-v", "-k", key)
				cmd.Stdin = strings.NewReader("server " + host + " " + port + "\n" + commands + "send\n")
				out, err := cmd.CombinedOutput()
				return string(out), err
			}
			holds := func(what, name string, want ...string) {
				t.Helper()
				got, err := on(t, s, Options{}).Read(t.Context(), zoneName, []string{name})
				if err != nil || len(got) != 1 || !slices.Equal(got[0].Values, want) {
					t.Errorf("%s: %v, %v, want %s", what, got, err, want)
				}
			}
			out, err := run(turn)
			if tc.turns && err == nil {
				holds("turned", name, "standby.example.test")
				out, err = run(suite.Invert(turn))
			}
			if tc.turns != (err == nil) || !tc.turns && !strings.Contains(out, "YXRRSET") {
				t.Errorf("%v: %s", err, out)
			}
			holds("in the end", name, oldV4)
			text := "text." + zoneName
			if out, err := run([]dnsproviders.Change{change(text, "A", []string{oldV4}, nil), change(text, "CNAME", nil, []string{"standby.example.test"})}); err == nil || !strings.Contains(out, "YXRRSET") {
				t.Errorf("an alias beside a TXT: %v: %s", err, out)
			}
			holds("beside a TXT", text, oldV4)
			if out, err := run([]dnsproviders.Change{change(text, "A", []string{oldV4}, []string{newV4}), change(text, "AAAA", nil, []string{newV6, oldV6})}); err != nil {
				t.Errorf("%v: %s", err, out)
			}
		})
	}
}

func BenchmarkBIND1000(b *testing.B) { thousand(b, lab.ForDNS(b).BIND(granted(1000, 0))) }
func BenchmarkKnot1000(b *testing.B) { thousand(b, lab.ForDNS(b).Knot(granted(1000, 0))) }

// thousand re-points 1,000 names in one message with prerequisites, and asks for the serial.
func thousand(b *testing.B, s *lab.NameServer) {
	p := on(b, s, Options{})
	_, there := manyNames(1000)
	for i := range there {
		there[i].After.TTL = there[i].Before.TTL
	}
	back := suite.Invert(there)
	for b.Loop() {
		if _, err := p.Apply(b.Context(), zoneName, there); err != nil {
			b.Fatal(err)
		}
		there, back = back, there
	}
}
