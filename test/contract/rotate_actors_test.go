package contract_test

import (
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/dutyops/dutyops/backend/config"
	"github.com/dutyops/dutyops/backend/replication"
	"github.com/dutyops/dutyops/backend/sandbox/link"
	"github.com/dutyops/dutyops/backend/sandbox/redisd"
	"github.com/dutyops/dutyops/backend/upstream"
	"github.com/dutyops/dutyops/test/contract"
)

// actor is something that acts with a secret of the configuration, opened once.
type actor struct {
	ask    func() error
	rotate func(password string)
}

// What acts reads its secret again at the next action: a store that is moved, a mirror, the
// ingest job, the feed's switch. Nothing of it is opened anew.
func TestActorsReadTheirSecretsAgain(t *testing.T) {
	for name, open := range map[string]func(*testing.T, string, config.Secret) actor{
		"mysql": mysqlActor, "redis": redisActor, "elasticsearch": searchActor, "mirror": mirrorActor, "flink": jobActor, "feed": feedActor,
	} {
		t.Run(name, func(t *testing.T) {
			first := secret()
			ref := secretFile(t, first)
			path, _ := strings.CutPrefix(string(ref), "file:")
			for _, how := range []config.Secret{ref, config.Secret("exec:cat " + path)} {
				if err := os.WriteFile(path, []byte(first), 0o600); err != nil {
					t.Fatal(err)
				}
				a := open(t, first, how)
				a.until(t, "before it", func(err error) bool { return err == nil })
				fresh := secret()
				a.rotate(fresh)
				a.until(t, "changed at the server: the fields to check, without the secret", func(err error) bool {
					return err != nil && strings.Contains(err.Error(), "(check ") && !strings.Contains(err.Error(), first)
				})
				if err := os.WriteFile(path, []byte(fresh), 0o600); err != nil {
					t.Fatal(err)
				}
				a.until(t, "changed where the configuration says", func(err error) bool { return err == nil })
			}
		})
	}
}

// until asks until the answer is right: a connection that was cut may be noticed at its next use.
func (a actor) until(t *testing.T, what string, right func(error) bool) {
	t.Helper()
	limit := time.After(time.Minute)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		err := a.ask()
		if right(err) {
			return
		}
		select {
		case <-limit:
			t.Fatalf("%s: %v", what, err)
		case <-tick.C:
		}
	}
}

// actingStore asks through a store whose connections a line can cut.
func actingStore(t *testing.T, e replication.Endpoint) func() error {
	t.Helper()
	st, err := replication.Open(e, replication.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = st.Close() })
	return func() error { _, _, err := st.IsSource(t.Context()); return err }
}

func lineTo(t *testing.T, address string) *link.Link {
	t.Helper()
	l, err := link.New(address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l
}

func mysqlActor(t *testing.T, first string, how config.Secret) actor {
	s, _, err := mysqlServer(t, 1, false, first)
	if err != nil {
		t.Fatal(err)
	}
	l := lineTo(t, s.Addr())
	return actor{actingStore(t, mysqlEndpoint("primary", l.Addr(), how)), func(password string) { s.SetPassword("admin", password); cutter(l)() }}
}

func redisActor(t *testing.T, first string, how config.Secret) actor {
	s, err := redisd.Start(redisd.Options{Name: "r", Password: first})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	l := lineTo(t, s.Addr())
	e := redisEndpoint(t, "primary", l.Addr(), first)
	e.Config.Password = how
	return actor{actingStore(t, e), func(password string) { s.SetPassword(password); cutter(l)() }}
}

// answering is an HTTP server that answers everything with doc, behind a password.
func answering(t *testing.T, first, doc string) (url string, rotate func(string)) {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(doc))
	}))
	t.Cleanup(s.Close)
	return contract.PasswordFront(t, s.URL, "duty", first)
}

func searchActor(t *testing.T, first string, how config.Secret) actor {
	url, rotate := answering(t, first, `{"messages":{"settings":{}}}`)
	e := searchEndpoint("primary", url)
	e.Config.User, e.Config.Password = "duty", how
	return actor{actingStore(t, e), rotate}
}

func mirrorActor(t *testing.T, first string, how config.Secret) actor {
	url, rotate := answering(t, first, `{"connector":{"state":"RUNNING"},"tasks":[]}`)
	e := connectEndpoint(url)
	e.Config.User, e.Config.Password = "duty", how
	m, err := replication.OpenMirror(e, replication.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = m.Close() })
	return actor{func() error { _, err := m.States(t.Context(), []string{"mirror"}); return err }, rotate}
}

func jobActor(t *testing.T, first string, how config.Secret) actor {
	url, rotate := answering(t, first, `{"jobs":[]}`)
	j, err := upstream.NewJob(config.Component{Name: "flink", URL: url, User: "duty", Password: how, Job: config.Job{Name: "ingest"}}, upstream.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = j.Close() })
	return actor{func() error { _, _, err := j.Running(t.Context()); return err }, rotate}
}

func feedActor(t *testing.T, first string, how config.Secret) actor {
	var token atomic.Pointer[string]
	token.Store(&first)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer "+*token.Load() {
			http.Error(w, "who are you?", http.StatusUnauthorized)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(`{"attached":"primary"}`))
	}))
	t.Cleanup(s.Close)
	f, err := upstream.NewFeed(config.Upstream{Name: "airline", Switch: config.FeedSwitch{URL: s.URL, Token: how}}, upstream.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return actor{func() error { _, err := f.Attached(t.Context()); return err }, func(password string) { token.Store(&password) }}
}
