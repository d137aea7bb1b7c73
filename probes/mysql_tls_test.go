package probes

import (
	"crypto/tls"
	"strings"
	"testing"

	"github.com/dutyops/dutyops/probes/trust"
	"github.com/dutyops/dutyops/probes/trust/trusttest"
)

// TestMySQLOverTLS: what the configuration asks for is what is spoken, or nothing is.
func TestMySQLOverTLS(t *testing.T) {
	ca, other := trusttest.NewCA(t, "Duty Test CA"), trusttest.NewCA(t, "Other CA")
	server, mine := ca.Issue(t, trusttest.Leaf{}), ca.Issue(t, trusttest.Leaf{Subject: "console"})
	dir := t.TempDir()
	root := trusttest.File(t, dir, "ca.pem", ca.PEM)
	cert := trusttest.File(t, dir, "console.pem", mine.Cert)
	key := func() (string, error) { return string(mine.Key), nil }
	offers := &tls.Config{Certificates: []tls.Certificate{server.TLS}, MinVersion: tls.VersionTLS12}
	wants := offers.Clone()
	wants.ClientAuth, wants.ClientCAs = tls.RequireAndVerifyClientCert, ca.Pool()
	for _, c := range []struct {
		name   string
		server *tls.Config
		ours   *trust.Settings
		status Status
		detail string
		logins int
	}{
		{"believed", offers, &trust.Settings{CA: root}, StatusUp, "", 1},
		{"with a client certificate", wants, &trust.Settings{CA: root, Cert: cert, Key: key}, StatusUp, "", 1},
		{"unknown authority", offers, &trust.Settings{CA: trusttest.File(t, dir, "other.pem", other.PEM)}, StatusUnknown, "TLS: ", 0},
		{"another name", offers, &trust.Settings{CA: root, ServerName: "db.example"}, StatusDown, "TLS: ", 0},
		{"the server offers none", nil, &trust.Settings{CA: root}, StatusDown, "TLS: the server does not offer it", 0},
		{"our own file is missing", offers, &trust.Settings{CA: root + ".gone"}, StatusUnknown, "tls.ca", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFakeMySQL(t, "pw", map[string]myAnswer{qHead: mariaHead("0"), qMaria: mariaAt("1-1-1", "1-1-1", ""), qReplica: {}})
			f.set(func() { f.tls = c.server })
			tg := Target{Kind: "mysql", Address: f.addr, User: "dutyops_probe", Password: func() (string, error) { return "pw", nil }, TLS: c.ours}
			p, err := New(tg)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = p.Close() }()
			got := p.Probe(t.Context())
			if got.Status != c.status || !strings.Contains(got.Detail, c.detail) {
				t.Errorf("%s, %q; want %s, %q\n%s", got.Status, got.Detail, c.status, c.detail, strings.Join(got.Transcript, "\n"))
			}
			f.set(func() {
				if f.logins != c.logins {
					t.Errorf("%d logins, want %d: a login is a password sent", f.logins, c.logins)
				}
			})
		})
	}
}
