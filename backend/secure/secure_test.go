package secure_test

import (
	"context"
	"crypto/tls"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/dutyops/dutyops/backend/config"
	"github.com/dutyops/dutyops/backend/secure"
	"github.com/dutyops/dutyops/probes/trust"
	"github.com/dutyops/dutyops/probes/trust/trusttest"
)

// TestNothingConfiguredIsNothing: without tls: callers keep what they have.
func TestNothingConfiguredIsNothing(t *testing.T) {
	if secure.Settings(nil) != nil || secure.Client(nil) != nil || secure.Transport(nil) != nil || secure.HTTPClient(nil) != nil {
		t.Error("a client out of nothing")
	}
	if secure.Explain(nil, nil) != nil {
		t.Error("an error out of nothing")
	}
	plain := errors.New("no route")
	if got := secure.Explain(nil, plain); got != plain { //nolint:errorlint // the same value
		t.Errorf("%v", got)
	}
}

func TestEverySettingArrives(t *testing.T) {
	t.Setenv("DUTYOPS_TEST_KEY", "pem")
	s := secure.Settings(&config.TLS{CA: "ca", Cert: "cert", Key: "env:DUTYOPS_TEST_KEY", ServerName: "name", InsecureSkipVerify: true})
	if s.CA != "ca" || s.Cert != "cert" || s.ServerName != "name" || !s.Insecure {
		t.Errorf("%+v", s)
	}
	if key, err := s.Key(); err != nil || key != "pem" {
		t.Errorf("key %q, %v", key, err)
	}
}

// TestHTTPClient: with tls: nothing goes anywhere in plain text, follows a redirect, or is
// said to a server that is not believed.
func TestHTTPClient(t *testing.T) {
	ca, other := trusttest.NewCA(t, "Duty Test CA"), trusttest.NewCA(t, "Other CA")
	dir := t.TempDir()
	srv := httptest.NewServer(http.RedirectHandler("http://127.0.0.1:1/", http.StatusFound))
	defer srv.Close()
	front := "https://" + trusttest.Front(t, strings.TrimPrefix(srv.URL, "http://"), &tls.Config{Certificates: []tls.Certificate{ca.Issue(t, trusttest.Leaf{}).TLS}, MinVersion: tls.VersionTLS12})
	good := &config.TLS{CA: config.File(trusttest.File(t, dir, "ca.pem", ca.PEM))}
	ask := func(t *config.TLS, url string) (int, error) {
		req, err := http.NewRequestWithContext(context.Background(), http.MethodGet, url, nil)
		if err != nil {
			return 0, err
		}
		r, err := secure.HTTPClient(t).Do(req)
		if err != nil {
			return 0, err
		}
		return r.StatusCode, r.Body.Close()
	}
	if code, err := ask(good, front); code != http.StatusFound {
		t.Errorf("%d, %v", code, err)
	}
	if _, err := ask(good, srv.URL); !errors.Is(err, secure.ErrPlain) {
		t.Errorf("plain text: %v", err)
	}
	_, err := ask(&config.TLS{CA: config.File(trusttest.File(t, dir, "other.pem", other.PEM))}, front)
	if got := secure.Explain(nil, err); got == nil || trust.KindOf(got) != trust.UnknownCA || !strings.HasPrefix(got.Error(), "TLS: the certificate is signed by Duty Test CA") {
		t.Errorf("%v", got)
	}
}

// TestAKeyFileIsWatched: what the key is read from is looked at before every handshake.
func TestAKeyFileIsWatched(t *testing.T) {
	if s := secure.Settings(&config.TLS{Cert: "c.pem", Key: "file:/etc/k.pem"}); s.KeyFile != "/etc/k.pem" {
		t.Errorf("watched: %q", s.KeyFile)
	}
	if s := secure.Settings(&config.TLS{Cert: "c.pem", Key: "env:KEY"}); s.KeyFile != "" || s.Key == nil {
		t.Errorf("watched: %q", s.KeyFile)
	}
}
