package probes

import (
	"crypto/tls"
	"encoding/json"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/dutyops/dutyops/probes/trust"
	"github.com/dutyops/dutyops/probes/trust/trusttest"
)

func httpServer(t testing.TB, h http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.URL
}

func TestHTTP(t *testing.T) {
	reply := func(code int, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(code)
			_, _ = io.WriteString(w, body)
		}
	}
	for _, tc := range []struct {
		name   string
		h      http.HandlerFunc
		with   func(*Target)
		status Status
		detail string
	}{
		{"any 2xx", reply(204, ""), nil, StatusUp, "answered 204 No Content"},
		{"503", reply(503, "stores do not answer"), nil, StatusDown, "answered 503 Service Unavailable: stores do not answer"},
		{"404", reply(404, "<html>"), nil, StatusDown, "answered 404 Not Found"},
		{"the status expected", reply(404, ""), func(t *Target) { t.ExpectStatus = 404 }, StatusUp, "404"},
		{"not the status expected", reply(200, ""), func(t *Target) { t.ExpectStatus = 204 }, StatusDown, "answered 200 OK"},
		{"the body expected", reply(200, `{"status":"ok"}`), func(t *Target) { t.ExpectBody = `"ok"` }, StatusUp, "200"},
		{"not the body expected", reply(200, `{"status":"no"}`), func(t *Target) { t.ExpectBody = `"ok"` }, StatusDown, `but without "\"ok\""`},
		{"a redirect is not an answer", func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path != "/login" {
				http.Redirect(w, r, "/login", http.StatusFound)
			}
		}, nil, StatusDown, "answered 302 Found"},
		{"a body without end", func(w http.ResponseWriter, r *http.Request) {
			for r.Context().Err() == nil {
				if _, err := w.Write(make([]byte, 64<<10)); err != nil {
					return
				}
			}
		}, nil, StatusDown, "answers, but not as http: resty: response body too large"},
		{"half an answer", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100")
			_, _ = io.WriteString(w, "short")
		}, nil, StatusDown, "closed the connection"},
		{"a refused password", reply(401, ""), func(t *Target) { t.User, t.Password = "duty", fixed("x") }, StatusUnknown, "wrong password for duty"},
		{"401 without a user", reply(401, ""), nil, StatusDown, "answered 401"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			tg := Target{Kind: "http", URL: httpServer(t, tc.h)}
			if tc.with != nil {
				tc.with(&tg)
			}
			wantAnswer(t, once(t, tg), tc.status, tc.detail)
		})
	}
}

func TestHTTPHostHeaderAndNoRetry(t *testing.T) {
	var asked atomic.Int32
	url := httpServer(t, func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		if r.Host != "pvg.gss.example.test" {
			w.WriteHeader(http.StatusMisdirectedRequest)
			return
		}
		w.Header().Set("X-Site", "primary")
		w.WriteHeader(http.StatusBadGateway)
	})
	r := once(t, Target{Kind: "http", URL: url + "/healthz", HostHeader: "pvg.gss.example.test"})
	wantAnswer(t, r, StatusDown, "502")
	if asked.Load() != 1 {
		t.Errorf("asked %d times, want once", asked.Load())
	}
	if r.Facts.Extra["site"] != "primary" {
		t.Errorf("facts %+v", r.Facts)
	}
}

func TestHTTPTrust(t *testing.T) {
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.StartTLS()
	t.Cleanup(s.Close)
	wantAnswer(t, once(t, Target{Kind: "http", URL: s.URL}), StatusUnknown, "which this host does not trust (tls.ca names a file of authorities)")
	plain := httpServer(t, func(http.ResponseWriter, *http.Request) {})
	wantAnswer(t, once(t, Target{Kind: "http", URL: strings.Replace(plain, "http://", "https://", 1)}), StatusDown, "TLS: it does not speak TLS there")
}

// TestHTTPSettings: an authority of our own, a name that is set, a client certificate;
// and each of them missing.
func TestHTTPSettings(t *testing.T) {
	ca := trusttest.NewCA(t, "Duty Test CA")
	dir := t.TempDir()
	server, mine := ca.Issue(t, trusttest.Leaf{Names: []string{"gw.example"}}), ca.Issue(t, trusttest.Leaf{Subject: "console"})
	front := "https://" + trusttest.Front(t, strings.TrimPrefix(httpServer(t, func(http.ResponseWriter, *http.Request) {}), "http://"),
		&tls.Config{Certificates: []tls.Certificate{server.TLS}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: ca.Pool()})
	all := trust.Settings{
		CA: trusttest.File(t, dir, "ca.pem", ca.PEM), Cert: trusttest.File(t, dir, "me.pem", mine.Cert),
		Key: fixed(string(mine.Key)), ServerName: "gw.example",
	}
	noName, noCert := all, all
	noName.ServerName, noCert.Cert = "", ""
	wantAnswer(t, once(t, Target{Kind: "http", URL: front, TLS: &all}), StatusUp, "answered 200")
	wantAnswer(t, once(t, Target{Kind: "http", URL: front, TLS: &noName, HostHeader: "gw.example:443"}), StatusUp, "answered 200")
	wantAnswer(t, once(t, Target{Kind: "http", URL: front, TLS: &noName}), StatusDown, "TLS: the certificate is for gw.example, not for 127.0.0.1")
	wantAnswer(t, once(t, Target{Kind: "http", URL: front, TLS: &noCert}), StatusUnknown, "TLS: it wants a client certificate")
	wantAnswer(t, once(t, Target{Kind: "http", URL: front, TLS: &trust.Settings{CA: "/nowhere/ca.pem"}}), StatusUnknown, "cannot ask: ")
}

// TestStreamsOverTLS: with settings a stream protocol is spoken over TLS, or not at all.
func TestStreamsOverTLS(t *testing.T) {
	ca := trusttest.NewCA(t, "Duty Test CA")
	server := ca.Issue(t, trusttest.Leaf{})
	pw := randomSecret()
	redis, rabbit := fakeRedis(t, map[string]string{"replication": "role:master\r\n"}, nil), newFakeRabbit(t, pw).addr
	cfg := &tls.Config{Certificates: []tls.Certificate{server.TLS}}
	_, brokers := kafkaCluster(t, kfake.TLS(cfg), kfake.NumBrokers(1))
	good := &trust.Settings{CA: trusttest.File(t, t.TempDir(), "ca.pem", ca.PEM)}
	for _, tg := range []Target{
		{Kind: "redis", Address: trusttest.Front(t, redis, cfg)},
		{Kind: "rabbitmq", Address: trusttest.Front(t, rabbit, cfg), User: "duty", Password: fixed(pw)},
		{Kind: "kafka", Brokers: brokers},
	} {
		t.Run(tg.Kind, func(t *testing.T) {
			tg.TLS = good
			wantAnswer(t, once(t, tg), StatusUp, "")
			tg.TLS = &trust.Settings{}
			wantAnswer(t, once(t, tg), StatusUnknown, "TLS: the certificate is signed by Duty Test CA, which this host does not trust")
		})
	}
}

func TestHTTPBasicAuthFollowsARotation(t *testing.T) {
	var want atomic.Value
	old, fresh := randomSecret(), randomSecret()
	want.Store(old)
	url := httpServer(t, func(w http.ResponseWriter, r *http.Request) {
		if _, pw, _ := r.BasicAuth(); pw != want.Load().(string) {
			w.WriteHeader(http.StatusUnauthorized)
		}
	})
	var have atomic.Value
	have.Store(old)
	p := must(t, Target{Kind: "http", URL: url, User: "duty", Password: func() (string, error) { return have.Load().(string), nil }})
	wantAnswer(t, ask(t, p, defaultBudget), StatusUp, "")
	want.Store(fresh)
	wantAnswer(t, ask(t, p, defaultBudget), StatusUnknown, "wrong password for duty")
	have.Store(fresh)
	wantAnswer(t, ask(t, p, defaultBudget), StatusUp, "")
}

func TestTCP(t *testing.T) {
	r := once(t, Target{Kind: "tcp", Address: strings.TrimPrefix(httpServer(t, nil), "http://")})
	wantAnswer(t, r, StatusUp, "accepts connections")
}

// api answers paths with documents; a document may be a status code, text or a value.
func api(t testing.TB, docs map[string]any) string {
	t.Helper()
	return httpServer(t, func(w http.ResponseWriter, r *http.Request) {
		switch d := docs[r.URL.Path].(type) {
		case nil:
			w.WriteHeader(http.StatusNotFound)
		case int:
			w.WriteHeader(d)
		case string:
			_, _ = io.WriteString(w, d)
		case failing:
			w.WriteHeader(d.code)
			_, _ = io.WriteString(w, d.body)
		default:
			_ = json.NewEncoder(w).Encode(d)
		}
	})
}

type failing struct {
	code int
	body string
}
