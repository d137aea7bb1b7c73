package probes

import (
	"crypto/tls"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/dutyops/dutyops/probes/trust"
	"github.com/dutyops/dutyops/probes/trust/trusttest"
)

// saslWatch records which mechanisms were begun and refuses those not offered, as a broker
// does: before anything of the account is said.
type saslWatch struct {
	mu    sync.Mutex
	begun []string
}

func (w *saslWatch) on(c *kfake.Cluster, offered ...string) {
	c.ControlKey(int16(kmsg.SASLHandshake), func(kreq kmsg.Request) (kmsg.Response, error, bool) {
		c.KeepControl()
		req := kreq.(*kmsg.SASLHandshakeRequest)
		for _, m := range offered {
			if m == req.Mechanism {
				w.mu.Lock()
				defer w.mu.Unlock()
				w.begun = append(w.begun, m)
				return nil, nil, false
			}
		}
		resp := req.ResponseKind().(*kmsg.SASLHandshakeResponse)
		resp.ErrorCode, resp.SupportedMechanisms = kerr.UnsupportedSaslMechanism.Code, offered
		return resp, nil, true
	})
}

// TestKafkaSASLMechanisms: which way of logging in is taken, and that the password is shown
// (PLAIN) only where it may be.
func TestKafkaSASLMechanisms(t *testing.T) {
	const (
		s256, s512, pl = "SCRAM-SHA-256", "SCRAM-SHA-512", "PLAIN"
	)
	ca := trusttest.NewCA(t, "Duty Test CA")
	cfg := &tls.Config{Certificates: []tls.Certificate{ca.Issue(t, trusttest.Leaf{}).TLS}, MinVersion: tls.VersionTLS12}
	checked := &trust.Settings{CA: trusttest.File(t, t.TempDir(), "ca.pem", ca.PEM)}
	pw, wrong := randomSecret(), randomSecret()
	for _, c := range []struct {
		name    string
		account string   // the mechanism that the broker keeps the account for
		offered []string // what the broker offers
		tls     *trust.Settings
		sasl    string
		pw      string
		status  Status
		detail  string
		begun   string // every mechanism that was begun, in order
	}{
		{"SCRAM-SHA-256", s256, []string{s256, s512, pl}, nil, "", pw, StatusUp, "1 broker", s256},
		{"SCRAM-SHA-512", s512, []string{s256, s512, pl}, nil, "", pw, StatusUp, "1 broker", s256 + " " + s512},
		{"only 512 is offered", s512, []string{s512, pl}, nil, "", pw, StatusUp, "1 broker", s512},
		{"refused by SCRAM, PLAIN is offered", s256, []string{s256, pl}, nil, "", wrong, StatusUnknown, "wrong password for duty", s256},
		{"the same over TLS", s256, []string{s256, pl}, checked, "", wrong, StatusUnknown, "wrong password for duty", s256},
		{"PLAIN alone, without TLS", pl, []string{pl}, nil, "", pw, StatusUnknown, "configure tls, or sasl: plain", ""},
		{"PLAIN alone, over TLS", pl, []string{pl}, checked, "", pw, StatusUp, "1 broker", pl},
		{"PLAIN alone, over TLS that is not checked", pl, []string{pl}, &trust.Settings{Insecure: true}, "", pw, StatusUnknown, "configure tls, or sasl: plain", ""},
		{"PLAIN as configured, without TLS", pl, []string{s256, s512, pl}, nil, "plain", pw, StatusUp, "1 broker", pl},
		{"512 as configured", s512, []string{s256, s512, pl}, nil, "scram-sha-512", pw, StatusUp, "1 broker", s512},
		{"as configured, and not offered", s256, []string{s256}, nil, "scram-sha-512", pw, StatusUnknown, "does not offer the SASL mechanism for duty", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			opts := []kfake.Opt{kfake.EnableSASL(), kfake.Superuser(c.account, "duty", pw), kfake.NumBrokers(1)}
			if c.tls != nil {
				opts = append(opts, kfake.TLS(cfg))
			}
			cluster, brokers := kafkaCluster(t, opts...)
			w := &saslWatch{}
			w.on(cluster, c.offered...)
			p := must(t, Target{Kind: "kafka", Brokers: brokers, User: "duty", Password: fixed(c.pw), TLS: c.tls, SASL: c.sasl})
			r := ask(t, p, 20*time.Second)
			wantAnswer(t, r, c.status, c.detail)
			if c.status != StatusUp {
				checkFit(t, r, c.pw)
			}
			w.mu.Lock()
			defer w.mu.Unlock()
			// a client opens more than one connection: what counts is the order of first uses
			var first []string
			for _, m := range w.begun {
				if !strings.Contains(strings.Join(first, " "), m) {
					first = append(first, m)
				}
			}
			if got := strings.Join(first, " "); got != c.begun {
				t.Errorf("began %q, want %q", got, c.begun)
			}
		})
	}
}
