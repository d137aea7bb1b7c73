package contract

import (
	"context"
	"crypto/subtle"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/dutyops/dutyops/backend/config"
	"github.com/dutyops/dutyops/probes"
	"github.com/dutyops/dutyops/probes/trust"
	"github.com/dutyops/dutyops/probes/trust/trusttest"
)

// Rotator is a Component whose secrets can be changed while it runs.
type Rotator interface {
	// Rotate gives the probe's account another password at the server. ErrCannot when the
	// kind knows no passwords.
	Rotate(password string) error
	// Cut ends the connections that stand: a server does not ask those again.
	Cut()
	// Secure puts TLS before the server, under the same address. ErrCannot when the kind
	// does not begin a connection with it.
	Secure(t *testing.T, cfg *tls.Config) error
}

// RunRotated changes the password of each kind at the server while it is watched, and then
// where the configuration says that it is: a file, and a command that prints it. In between
// the probe says what is wrong; after it, the same probe is well again by itself. It returns
// the kinds that cannot be tried so, sorted.
func RunRotated(t *testing.T, b Backend, kinds ...string) (cannot []string) {
	t.Helper()
	for _, kind := range kinds {
		t.Run(kind+"/rotated", func(t *testing.T) {
			comp, err := b.Start(t, kind, probes.RoleAny)
			if err != nil {
				t.Fatal(err)
			}
			tg := comp.Target(Rotated)
			tg.Name, tg.Kind = "site/data/"+kind, kind
			r, ok := comp.(Rotator)
			if !ok || tg.Password == nil {
				cannot = append(cannot, kind)
				return
			}
			first, err := tg.Password()
			if err != nil {
				t.Fatal(err)
			}
			path := filepath.Join(t.TempDir(), "password")
			keep := func(password string) {
				t.Helper()
				if err := os.WriteFile(path, []byte(password+"\n"), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			keep(first)
			watched := map[string]probes.Prober{}
			for _, how := range []string{"file:" + path, "exec:cat " + path} {
				tg.Password = config.Secret(how).Resolve
				watched[how] = open(t, tg)
			}
			for _, password := range []string{"next-" + first, first} { // back to the first: servers are shared
				all(t, watched, "before it", func(r probes.Result) error { return is(r, "", probes.StatusUp) })
				if err := r.Rotate(password); err != nil {
					t.Fatal(err)
				}
				r.Cut()
				all(t, watched, "changed at the server", func(r probes.Result) error {
					fit(t, r, password)
					return is(r, "wrong password", probes.StatusUnknown)
				})
				keep(password)
				all(t, watched, "changed in the file", func(r probes.Result) error {
					fit(t, r, password)
					return is(r, "", probes.StatusUp)
				})
			}
		})
	}
	slices.Sort(cannot)
	return cannot
}

// RunCertificates replaces the authority, the server's certificate and the client's while
// each kind is watched: first at the server, then in the files that the configuration names.
// It returns the kinds that cannot be tried so, sorted.
func RunCertificates(t *testing.T, b Backend, kinds ...string) (cannot []string) {
	t.Helper()
	for _, kind := range kinds {
		t.Run(kind+"/certificates", func(t *testing.T) {
			comp, err := b.Start(t, kind, probes.RoleAny)
			if err != nil {
				t.Fatal(err)
			}
			var serves atomic.Pointer[tls.Config]
			dir := t.TempDir()
			clock := time.Now()
			// next lets the server have certificates of a new authority, and returns what
			// writes those that belong to them into the console's files.
			next := func(name string) (keep func()) {
				ca := trusttest.NewCA(t, name)
				server, client := ca.Issue(t, trusttest.Leaf{}), ca.Issue(t, trusttest.Leaf{Subject: "console"})
				serves.Store(&tls.Config{
					Certificates: []tls.Certificate{server.TLS}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: ca.Pool(), MinVersion: tls.VersionTLS12,
				})
				return func() {
					clock = clock.Add(time.Second) // a file system may keep whole seconds
					for file, data := range map[string][]byte{"ca.pem": ca.PEM, "cert.pem": client.Cert, "key.pem": client.Key} {
						if err := os.Chtimes(trusttest.File(t, dir, file, data), clock, clock); err != nil {
							t.Fatal(err)
						}
					}
				}
			}
			next("first")()
			r, ok := comp.(Rotator)
			if !ok {
				cannot = append(cannot, kind)
				return
			}
			switch err := r.Secure(t, &tls.Config{
				GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) { return serves.Load(), nil }, MinVersion: tls.VersionTLS12,
			}); {
			case errors.Is(err, ErrCannot):
				cannot = append(cannot, kind)
				return
			case err != nil:
				t.Fatal(err)
			}
			tg := comp.Target(Rotated)
			tg.Name, tg.Kind = "site/data/"+kind, kind
			tg.TLS = &trust.Settings{
				CA: filepath.Join(dir, "ca.pem"), Cert: filepath.Join(dir, "cert.pem"), Key: config.Secret("file:" + filepath.Join(dir, "key.pem")).Resolve,
			}
			p := open(t, tg)
			until(t, p, 5*time.Second, "before it", func(r probes.Result) error { return is(r, "", probes.StatusUp) })
			keep := next("second")
			r.Cut()
			until(t, p, 5*time.Second, "changed at the server", func(r probes.Result) error {
				fit(t, r, "")
				return is(r, "TLS: ", probes.StatusUnknown)
			})
			keep()
			until(t, p, 5*time.Second, "changed in the files", func(r probes.Result) error { return is(r, "", probes.StatusUp) })
		})
	}
	slices.Sort(cannot)
	return cannot
}

// all is until of several probes at once.
func all(t *testing.T, watched map[string]probes.Prober, what string, right func(probes.Result) error) {
	t.Helper()
	for how, p := range watched {
		until(t, p, 5*time.Second, how+": "+what, right)
	}
}

// PasswordFront lets only those through to the HTTP server at base who know the password of
// user; for kinds that know none themselves, and are put behind a proxy that does.
func PasswordFront(t *testing.T, base, user, password string) (front string, set func(password string)) {
	t.Helper()
	u, err := url.Parse(base)
	if err != nil {
		t.Fatal(err)
	}
	var now atomic.Pointer[string]
	now.Store(&password)
	proxy := httputil.NewSingleHostReverseProxy(u)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		given, pw, ok := r.BasicAuth()
		if !ok || given != user || subtle.ConstantTimeCompare([]byte(pw), []byte(*now.Load())) != 1 {
			w.Header().Set("WWW-Authenticate", `Basic realm="front"`)
			http.Error(w, "who are you?", http.StatusUnauthorized)
			return
		}
		r.Header.Del("Authorization")
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(s.Close)
	return s.URL, func(password string) { now.Store(&password) }
}

// AlterSCRAM gives a user of Kafka another password, by a connection made with opts.
func AlterSCRAM(ctx context.Context, user, password string, opts ...kgo.Opt) error {
	c, err := kgo.NewClient(append(opts, kgo.DisableClientMetrics())...)
	if err != nil {
		return err
	}
	defer c.Close()
	done, err := kadm.NewClient(c).AlterUserSCRAMs(ctx, nil, []kadm.UpsertSCRAM{{User: user, Mechanism: kadm.ScramSha256, Iterations: 4096, Password: password}})
	if err != nil {
		return fmt.Errorf("give %s another password: %w", user, err)
	}
	return done.Error()
}
