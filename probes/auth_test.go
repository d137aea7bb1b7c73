package probes

import (
	"crypto/tls"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/dutyops/dutyops/probes/trust"
	"github.com/dutyops/dutyops/probes/trust/trusttest"
)

// TestRabbitExternal: who shows a certificate and has no user logs in by it.
func TestRabbitExternal(t *testing.T) {
	ca := trusttest.NewCA(t, "Duty Test CA")
	dir := t.TempDir()
	mine := ca.Issue(t, trusttest.Leaf{Subject: "console"})
	ours := &trust.Settings{CA: trusttest.File(t, dir, "ca.pem", ca.PEM), Cert: trusttest.File(t, dir, "me.pem", mine.Cert), Key: fixed(string(mine.Key))}
	cfg := &tls.Config{Certificates: []tls.Certificate{ca.Issue(t, trusttest.Leaf{}).TLS}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: ca.Pool()}
	pw := randomSecret()
	for _, c := range []struct {
		name     string
		external bool
		user     string
		status   Status
		detail   string
	}{
		{"by certificate", true, "", StatusUp, "takes logins"},
		{"the broker does not take it", false, "", StatusUnknown, "does not take a client certificate as a login (EXTERNAL)"},
		{"a user comes first", false, "duty", StatusUp, "takes logins"},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFakeRabbit(t, pw)
			f.external = c.external
			tg := Target{Kind: "rabbitmq", Address: trusttest.Front(t, f.addr, cfg), User: c.user, TLS: ours}
			if c.user != "" {
				tg.Password = fixed(pw)
			}
			wantAnswer(t, ask(t, must(t, tg), 20*time.Second), c.status, c.detail)
		})
	}
}

// TestElasticsearchAPIKey: the key goes as the vendor's documentation has it, is read again
// when it is refused, and is never shown.
func TestElasticsearchAPIKey(t *testing.T) {
	old, fresh := randomSecret(), randomSecret()
	var want, have atomic.Value
	want.Store(old)
	have.Store(old)
	url := httpServer(t, func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Header.Get("Authorization") != "ApiKey "+want.Load().(string):
			w.WriteHeader(http.StatusUnauthorized)
		case strings.HasPrefix(r.URL.Path, "/_cluster/health"):
			_, _ = w.Write([]byte(`{"cluster_name":"c","status":"green","number_of_nodes":1}`))
		default:
			_, _ = w.Write([]byte(`{"version":{"number":"8.15.0"}}`))
		}
	})
	p := must(t, Target{Kind: "elasticsearch", URL: url, APIKey: func() (string, error) { return have.Load().(string), nil }})
	wantAnswer(t, ask(t, p, 20*time.Second), StatusUp, "")
	want.Store(fresh)
	r := ask(t, p, 20*time.Second)
	wantAnswer(t, r, StatusUnknown, "the API key is refused")
	checkFit(t, r, old)
	have.Store(fresh)
	wantAnswer(t, ask(t, p, 20*time.Second), StatusUp, "")
}
