package mysqld_test

import (
	"crypto/rand"
	"crypto/tls"
	"database/sql"
	"testing"

	"github.com/go-sql-driver/mysql"

	"github.com/dutyops/dutyops/backend/sandbox/mysqld"
	"github.com/dutyops/dutyops/probes/trust/trusttest"
)

// loggedIn opens one new connection as user and says how that went.
func loggedIn(t *testing.T, addr, user, password string, over *tls.Config) error {
	t.Helper()
	cfg := mysql.NewConfig()
	cfg.Net, cfg.Addr, cfg.User, cfg.Passwd, cfg.TLS = "tcp", addr, user, password, over
	c, err := mysql.NewConnector(cfg)
	if err != nil {
		t.Fatal(err)
	}
	db := sql.OpenDB(c)
	defer func() { _ = db.Close() }()
	return db.PingContext(t.Context())
}

// TestSha2: what a client that knows both ways of logging in gets, whichever one the server
// greets with, over TLS and with the password encrypted for the server's key.
func TestSha2(t *testing.T) {
	ca := trusttest.NewCA(t, "Duty Test CA")
	offers := &tls.Config{Certificates: []tls.Certificate{ca.Issue(t, trusttest.Leaf{}).TLS}, MinVersion: tls.VersionTLS12}
	checked := &tls.Config{RootCAs: ca.Pool(), ServerName: "127.0.0.1", MinVersion: tls.VersionTLS12}
	for _, greets := range []string{"", mysqld.Sha2Plugin} {
		for name, over := range map[string]*tls.Config{"over TLS": checked, "without": nil} {
			t.Run("greets "+greets+" "+name, func(t *testing.T) {
				pw := rand.Text()
				s, err := mysqld.Start(mysqld.Options{ServerID: 1, Greets: greets, Users: map[string]mysqld.Account{
					"eight": {Password: pw, Plugin: mysqld.Sha2Plugin}, "old": {Password: pw}, "open": {Plugin: mysqld.Sha2Plugin},
				}})
				if err != nil {
					t.Fatal(err)
				}
				defer func() { _ = s.Close() }()
				s.SetTLS(offers, false)
				for _, c := range []struct {
					user, password string
					ok             bool
				}{
					{"eight", rand.Text(), false},
					{"eight", pw, true},
					{"eight", pw, true}, // remembered
					{"eight", rand.Text(), false},
					{"eight", "", false},
					{"eight", pw, true},
					{"old", pw, true},
					{"old", rand.Text(), false},
					{"open", "", true},
					{"open", pw, false},
					{"nobody", pw, false},
					{"nobody", "", false},
				} {
					err := loggedIn(t, s.Addr(), c.user, c.password, over)
					if c.ok && err != nil {
						t.Errorf("%s: %v", c.user, err)
					}
					if !c.ok {
						wantCode(t, err, 1045)
					}
				}
				want := uint64(4) // the first right one, and the wrong ones
				if greets == mysqld.Sha2Plugin {
					want++ // of nobody, whom nothing tells from an account
				}
				if n := s.PasswordsShown(); n != want {
					t.Errorf("%d passwords were shown, want %d", n, want)
				}
				next := rand.Text()
				s.SetPassword("eight", next)
				wantCode(t, loggedIn(t, s.Addr(), "eight", pw, over), 1045)
				if err := loggedIn(t, s.Addr(), "eight", next, over); err != nil {
					t.Errorf("the new password: %v", err)
				}
			})
		}
	}
}
