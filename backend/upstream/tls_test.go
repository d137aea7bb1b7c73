package upstream

import (
	"crypto/tls"
	"errors"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/dutyops/dutyops/backend/config"
	"github.com/dutyops/dutyops/probes/trust/trusttest"
)

// TestFeedOverTLS: the token goes to a switch that is believed, or nowhere.
func TestFeedOverTLS(t *testing.T) {
	t.Setenv("FEED_TOKEN", "s3cret-token")
	ca, other := trusttest.NewCA(t, "Duty Test CA"), trusttest.NewCA(t, "Other CA")
	dir := t.TempDir()
	file := func(name string, ca *trusttest.CA) config.File {
		return config.File(trusttest.File(t, dir, name, ca.PEM))
	}
	f := &feedServer{attached: "primary"}
	srv := httptest.NewServer(f)
	defer srv.Close()
	front := trusttest.Front(t, strings.TrimPrefix(srv.URL, "http://"), &tls.Config{Certificates: []tls.Certificate{ca.Issue(t, trusttest.Leaf{}).TLS}, MinVersion: tls.VersionTLS12})
	for _, c := range []struct {
		name, url string
		ours      *config.TLS
		text      string
	}{
		{"unknown authority", "https://" + front, &config.TLS{CA: file("other.pem", other)}, "TLS: the certificate is signed by Duty Test CA, which tls.ca does not hold"},
		{"unknown to this host", "https://" + front, nil, "which this host does not trust"},
		{"plain http all the same", srv.URL, &config.TLS{}, "nothing is sent without TLS"},
		{"believed", "https://" + front, &config.TLS{CA: file("ca.pem", ca)}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			feed, err := NewFeed(config.Upstream{Name: "airline", Switch: config.FeedSwitch{URL: c.url + "/switch", Token: "env:FEED_TOKEN", TLS: c.ours}}, Options{Timeout: 20 * time.Second})
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = feed.Close() }()
			_, err = feed.Attach(t.Context(), "standby")
			f.mu.Lock()
			defer f.mu.Unlock()
			if c.text == "" {
				if err != nil || f.puts != 1 {
					t.Errorf("%v, %d changes", err, f.puts)
				}
				return
			}
			if !errors.Is(err, ErrUnreachable) || !strings.Contains(err.Error(), c.text) || f.puts != 0 {
				t.Errorf("%v after %d changes, want %q after none", err, f.puts, c.text)
			}
		})
	}
}
