package replication

import (
	"context"
	"crypto/rand"
	"strings"
	"testing"
	"time"

	"github.com/dutyops/dutyops/backend/config"
	"github.com/dutyops/dutyops/backend/sandbox/mysqld"
	"github.com/dutyops/dutyops/backend/secure"
	"github.com/dutyops/dutyops/failoverplan"
	"github.com/dutyops/dutyops/probes"
)

// TestMySQLSha2: how the probe and the driver log in to an account of MySQL 8. The password
// itself is sent over TLS only, and only when the server does not remember the account; it
// is not encrypted for a key that anybody could have sent.
func TestMySQLSha2(t *testing.T) {
	w := newTLSWorld(t)
	const inTheOpen = "it asks for the password itself (caching_sha2_password), which is sent over TLS only: give it tls in the configuration"
	for _, greets := range []string{"", mysqld.Sha2Plugin} {
		t.Run("greets "+greets, func(t *testing.T) {
			pw := rand.Text()
			t.Setenv("PW", pw)
			t.Setenv("WRONG", rand.Text())
			srv, err := mysqld.Start(mysqld.Options{ServerID: 1, Greets: greets, Users: map[string]mysqld.Account{
				"duty": {Password: pw, Plugin: mysqld.Sha2Plugin, ReadOnly: true}, "old": {Password: pw, ReadOnly: true},
			}})
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = srv.Close() }()
			srv.SetTLS(w.server, false)
			for _, c := range []struct {
				name, user, password string
				forget               bool // the server remembers nobody
				ours                 *config.TLS
				shown                uint64 // by each of the two
				probe, driver        string // what they say; "" = they are let in
			}{
				{"without TLS", "duty", "PW", true, nil, 0, "TLS: " + inTheOpen, inTheOpen},
				{"without TLS, another plugin", "old", "PW", true, nil, 0, "", ""},
				{"over TLS", "duty", "PW", true, &config.TLS{CA: w.ca}, 1, "", ""},
				{"over TLS, remembered", "duty", "PW", false, &config.TLS{CA: w.ca}, 0, "", ""},
				{"without TLS, remembered", "duty", "PW", false, nil, 0, "", ""},
				{"over TLS, wrong password", "duty", "WRONG", false, &config.TLS{CA: w.ca}, 1, "wrong password for duty", "server error 1045: Access denied for user 'duty'"},
				{"over TLS, another plugin", "old", "PW", false, &config.TLS{CA: w.ca}, 0, "", ""},
				{"over TLS, not believed", "duty", "PW", true, &config.TLS{CA: w.foreign}, 0, "TLS: the certificate is signed by Duty Test CA", "signed by Duty Test CA"},
			} {
				t.Run(c.name, func(t *testing.T) {
					comp := config.Component{Address: srv.Addr(), User: c.user, Password: config.Secret("env:" + c.password), TLS: c.ours}
					asked := func(what string, ask func() string, want string) {
						if c.forget {
							srv.ForgetLogins()
						}
						before := srv.PasswordsShown()
						if said := ask(); (want == "") != (said == "") || !strings.Contains(said, want) {
							t.Errorf("%s: %q, want %q", what, said, want)
						}
						if n := srv.PasswordsShown() - before; n != c.shown {
							t.Errorf("%s showed %d passwords, want %d", what, n, c.shown)
						}
					}
					asked("the probe", func() string {
						p, err := probes.New(probes.Target{Kind: "mysql", Address: comp.Address, User: comp.User, Password: comp.Password.Resolve, TLS: secure.Settings(comp.TLS)})
						if err != nil {
							t.Fatal(err)
						}
						defer func() { _ = p.Close() }()
						ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
						defer cancel()
						r := p.Probe(ctx)
						if r.Status == probes.StatusUp {
							return ""
						}
						if r.Status != probes.StatusUnknown {
							t.Errorf("%s: it could not be asked", r.Status)
						}
						return r.Detail
					}, c.probe)
					asked("the driver", func() string {
						s, err := Open(Endpoint{Site: "primary", Platform: failoverplan.Data, Name: "mysql", Kind: failoverplan.MySQL, Config: comp}, Options{Timeout: 20 * time.Second})
						if err != nil {
							t.Fatal(err)
						}
						defer func() { _ = s.Close() }()
						if _, _, err = s.IsSource(t.Context()); err != nil {
							return err.Error()
						}
						return ""
					}, c.driver)
				})
			}
		})
	}
}
