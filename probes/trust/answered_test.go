package trust_test

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/dutyops/dutyops/probes/trust"
	"github.com/dutyops/dutyops/probes/trust/trusttest"
)

// What nginx 1.22 answers where `ssl_verify_client on` is not satisfied.
const (
	nginxNone    = "<html>\r\n<head><title>400 No required SSL certificate was sent</title></head>\r\n<body>\r\n<center><h1>400 Bad Request</h1></center>\r\n<center>No required SSL certificate was sent</center>\r\n</body>\r\n</html>\r\n"
	nginxForeign = "<html>\r\n<head><title>400 The SSL certificate error</title></head>\r\n<body>\r\n<center><h1>400 Bad Request</h1></center>\r\n<center>The SSL certificate error</center>\r\n</body>\r\n</html>\r\n"
)

func TestAnsweredRefusal(t *testing.T) {
	ca, dir := trusttest.NewCA(t, "Duty Test CA"), t.TempDir()
	mine := ca.Issue(t, trusttest.Leaf{Subject: "console", Names: []string{"console.example"}})
	with := trust.Settings{CA: trusttest.File(t, dir, "ca.pem", ca.PEM)}
	shown := with
	shown.Cert, shown.Key = trusttest.File(t, dir, "mine.pem", mine.Cert), func() (string, error) { return string(mine.Key), nil }
	for _, tc := range []struct {
		name     string
		asks     tls.ClientAuthType
		settings trust.Settings
		code     int
		body     string
		kind     trust.Kind
	}{
		{"none", tls.RequestClientCert, with, 400, nginxNone, trust.WantsCertificate},
		{"a foreign one", tls.RequestClientCert, shown, 400, nginxForeign, trust.RefusesCertificate},
		{"another 400", tls.RequestClientCert, shown, 400, "no such index", trust.NoKind},
		{"not asked for one", tls.NoClientCert, shown, 400, nginxForeign, trust.NoKind},
		{"let in", tls.RequestClientCert, shown, 200, nginxForeign, trust.NoKind},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(tc.code)
				_, _ = io.WriteString(w, tc.body)
			}))
			s.TLS = &tls.Config{Certificates: []tls.Certificate{ca.Issue(t, trusttest.Leaf{}).TLS}, ClientAuth: tc.asks, MinVersion: tls.VersionTLS12}
			s.StartTLS()
			t.Cleanup(s.Close)
			c := trust.New(tc.settings, nil)
			tr := &http.Transport{}
			c.Transport(tr, (&net.Dialer{}).DialContext)
			t.Cleanup(tr.CloseIdleConnections)
			req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL, nil)
			if err != nil {
				t.Fatal(err)
			}
			resp, err := tr.RoundTrip(req)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = resp.Body.Close() }()
			body, err := io.ReadAll(resp.Body)
			if err != nil {
				t.Fatal(err)
			}
			got := c.Answered(resp.StatusCode, body)
			var he *trust.HandshakeError
			if tc.kind == trust.NoKind && got != nil || tc.kind != trust.NoKind && (!errors.As(got, &he) || he.Kind != tc.kind) {
				t.Errorf("%v, want %q", got, tc.kind)
			}
		})
	}
	if err := (*trust.Client)(nil).Answered(400, []byte(nginxNone)); err != nil {
		t.Errorf("without TLS: %v", err)
	}
}
