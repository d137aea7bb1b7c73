//go:build integration

package suite

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// BIND is a real BIND 9 with the test zone, unprivileged, on a loopback port.
type BIND struct {
	Addr, Secret string
	// Log is where it tells what it does.
	log string
}

// BINDKey is the name of the key that may update and transfer the zone.
const BINDKey = "dutyops."

// StartBIND starts one and stops it at the end of the test.
func StartBIND(t testing.TB) *BIND {
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
	b := &BIND{Secret: base64.StdEncoding.EncodeToString(raw), log: filepath.Join(dir, "log")}
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	b.Addr = l.Addr().String()
	_, port, _ := net.SplitHostPort(b.Addr)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	files := map[string]string{
		"named.conf": fmt.Sprintf(`key %q { algorithm hmac-sha256; secret %q; };
options { directory %q; pid-file none; lock-file none; session-keyfile "session.key"; managed-keys-directory "."; key-directory ".";
  listen-on port %s { 127.0.0.1; }; listen-on-v6 { none; }; recursion no; notify no;
  dnssec-validation no; empty-zones-enable no; minimal-responses yes; };
controls { };
zone %q { type primary; file "z.zone"; allow-update { key %q; }; allow-transfer { key %q; }; };
`, BINDKey, b.Secret, dir, port, Zone, BINDKey, BINDKey),
		"z.zone": "$TTL 60\n@ SOA ns1 hostmaster 1 60 60 3600 30\n@ NS ns1\nns1 A 127.0.0.1\n",
		"log":    "",
	}
	args := []string{"named", "-g", "-n", "1", "-c", filepath.Join(dir, "named.conf")}
	unprivileged := os.Getuid() == 0
	if unprivileged {
		args = append([]string{"setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"}, args...)
		if err := os.Chown(dir, 65534, 65534); err != nil {
			t.Fatal(err)
		}
	}
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if unprivileged {
			if err := os.Chown(path, 65534, 65534); err != nil {
				t.Fatal(err)
			}
		}
	}
	out, err := os.OpenFile(b.log, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(context.WithoutCancel(t.Context()), args[0], args[1:]...) // ended by the cleanup
	cmd.Stderr = out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(os.Interrupt)
		_ = cmd.Wait()
		_ = out.Close()
		if text, err := os.ReadFile(b.log); t.Failed() && err == nil {
			t.Logf("%s", text)
		}
	})
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(20 * time.Second); ; <-tick.C {
		c := dns.Client{Net: "tcp", Timeout: time.Second}
		if r, _, err := c.Exchange(new(dns.Msg).SetQuestion(Zone+".", dns.TypeSOA), b.Addr); err == nil && r.Authoritative {
			return b
		} else if time.Now().After(end) {
			t.Fatalf("BIND does not answer: %v", err)
		}
	}
}

// Fill makes a name hold these sets and no others.
func (b *BIND) Fill(t testing.TB, name string, sets []Set) {
	t.Helper()
	m := new(dns.Msg).SetUpdate(Zone + ".")
	m.RemoveName([]dns.RR{&dns.ANY{Hdr: dns.RR_Header{Name: name + "."}}})
	for _, s := range sets {
		for _, v := range s.Values {
			if s.Type == "CNAME" {
				v += "."
			}
			rr, err := dns.NewRR(fmt.Sprintf("%s. %d IN %s %s", name, s.TTL, s.Type, v))
			if err != nil {
				t.Fatal(err)
			}
			m.Insert([]dns.RR{rr})
		}
	}
	c := dns.Client{Net: "tcp", TsigSecret: map[string]string{BINDKey: b.Secret}, Timeout: 5 * time.Second}
	m.SetTsig(BINDKey, dns.HmacSHA256, 300, time.Now().Unix())
	if r, _, err := c.Exchange(m, b.Addr); err != nil || r.Rcode != dns.RcodeSuccess {
		t.Fatalf("filling %s: %v, %v", name, r, err)
	}
}

// Look asks for a set of any type.
func (b *BIND) Look(t testing.TB, name, typ string) []string {
	t.Helper()
	c := dns.Client{Net: "tcp", Timeout: 5 * time.Second}
	r, _, err := c.Exchange(new(dns.Msg).SetQuestion(name+".", dns.StringToType[typ]), b.Addr)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, rr := range r.Answer {
		out = append(out, strings.TrimPrefix(rr.String(), rr.Header().String()))
	}
	return out
}
