package probes

import (
	"crypto/tls"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/dutyops/dutyops/probes/trust"
	"github.com/dutyops/dutyops/probes/trust/trusttest"
)

// TestCertificateThatEndsSoon: a known day on which a server goes away is told before it.
func TestCertificateThatEndsSoon(t *testing.T) {
	ca := trusttest.NewCA(t, "Duty Test CA")
	dir := t.TempDir()
	root := trusttest.File(t, dir, "ca.pem", ca.PEM)
	back := strings.TrimPrefix(httpServer(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/down" {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	}), "http://")
	in := func(d time.Duration) time.Time { return time.Now().Add(d).Truncate(time.Second) }
	const day = 24 * time.Hour
	for _, c := range []struct {
		name       string
		ends, ours time.Time
		path       string
		warning    time.Duration
		insecure   bool
		status     Status
		detail     string
	}{
		{"far away", in(30 * day), time.Time{}, "", 14 * day, false, StatusUp, "answered 200"},
		{"soon", in(13*day + time.Hour), time.Time{}, "", 14 * day, false, StatusDegraded, "its certificate ends in 13 days ("},
		{"never warned of", in(time.Hour), time.Time{}, "", 0, false, StatusUp, "answered 200"},
		{"down says more", in(day), time.Time{}, "/down", 14 * day, false, StatusDown, "answered 503"},
		{"our own", in(30 * day), in(3*day + time.Hour), "", 14 * day, false, StatusDegraded, "our client certificate for it ends in 3 days ("},
		{"over and not checked", in(-day), time.Time{}, "", 14 * day, true, StatusDegraded, "its certificate has expired ("},
	} {
		t.Run(c.name, func(t *testing.T) {
			server := ca.Issue(t, trusttest.Leaf{From: in(-60 * day), To: c.ends})
			s := &trust.Settings{CA: root, Insecure: c.insecure}
			first := c.ends
			if !c.ours.IsZero() {
				mine := ca.Issue(t, trusttest.Leaf{To: c.ours})
				s.Cert, s.Key, first = trusttest.File(t, dir, "me.pem", mine.Cert), fixed(string(mine.Key)), c.ours
			}
			front := trusttest.Front(t, back, &tls.Config{Certificates: []tls.Certificate{server.TLS}, ClientAuth: tls.RequestClientCert})
			r := once(t, Target{Kind: "http", URL: "https://" + front + c.path, TLS: s, CertificateWarning: c.warning})
			wantAnswer(t, r, c.status, c.detail)
			if !r.Facts.CertificateEnds.Equal(first) {
				t.Errorf("ends %v, want %v", r.Facts.CertificateEnds, first)
			}
			if got := r.Facts.Extra["certificate"]; !strings.Contains(got, "127.0.0.1") || !strings.Contains(got, "signed by Duty Test CA") {
				t.Errorf("certificate %q", got)
			}
		})
	}
}

// TestOneOfSeveralCertificates: a target with two TLS ports is as good as the one that
// ends first, whichever was asked last.
func TestOneOfSeveralCertificates(t *testing.T) {
	ca := trusttest.NewCA(t, "Duty Test CA")
	root := trusttest.File(t, t.TempDir(), "ca.pem", ca.PEM)
	pw := randomSecret()
	soon := ca.Issue(t, trusttest.Leaf{To: time.Now().Add(50 * time.Hour)})
	late := ca.Issue(t, trusttest.Leaf{})
	front := func(p trusttest.Pair, behind string) string {
		return trusttest.Front(t, behind, &tls.Config{Certificates: []tls.Certificate{p.TLS}})
	}
	mgmt := strings.TrimPrefix(httpServer(t, func(http.ResponseWriter, *http.Request) {}), "http://")
	p := must(t, Target{
		Kind: "rabbitmq", Address: front(soon, newFakeRabbit(t, pw).addr), URL: "https://" + front(late, mgmt),
		User: "duty", Password: fixed(pw), TLS: &trust.Settings{CA: root}, CertificateWarning: 14 * 24 * time.Hour,
	})
	for range 3 { // the kept AMQP connection makes no handshake, the management API does
		wantAnswer(t, ask(t, p, 20*time.Second), StatusDegraded, "its certificate ends in 2 days")
	}
}

// TestFilesThatCannotBeTakenOver: the next restart would find what a rotation left behind.
func TestFilesThatCannotBeTakenOver(t *testing.T) {
	ca, dir := trusttest.NewCA(t, "Duty Test CA"), t.TempDir()
	root := trusttest.File(t, dir, "ca.pem", ca.PEM)
	front := trusttest.Front(t, strings.TrimPrefix(httpServer(t, func(http.ResponseWriter, *http.Request) {}), "http://"), &tls.Config{Certificates: []tls.Certificate{ca.Issue(t, trusttest.Leaf{}).TLS}})
	p := must(t, Target{Kind: "http", URL: "https://" + front, TLS: &trust.Settings{CA: root}})
	r := ask(t, p, 20*time.Second)
	wantAnswer(t, r, StatusUp, "answered 200")
	if got, ok := r.Facts.Extra["tls files"]; ok {
		t.Errorf("trouble out of nothing: %q", got)
	}
	trusttest.File(t, dir, "ca.pem", []byte("nothing"))
	r = ask(t, p, 20*time.Second)
	wantAnswer(t, r, StatusUp, "answered 200")
	if got := r.Facts.Extra["tls files"]; !strings.Contains(got, "holds no PEM certificate; what was read before is still in use") {
		t.Errorf("tls files %q", got)
	}
}
