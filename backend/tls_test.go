package backend

import (
	"crypto/tls"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/dutyops/dutyops/backend/config"
	"github.com/dutyops/dutyops/backend/monitor"
	"github.com/dutyops/dutyops/probes"
	"github.com/dutyops/dutyops/probes/trust/trusttest"
)

// gatewayOverTLS is a gateway of site "standby" whose certificate is for names.
func gatewayOverTLS(t *testing.T, ca *trusttest.CA, names ...string) string {
	t.Helper()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Site", "standby")
		w.Header().Set("X-Asked", r.Host)
	}))
	t.Cleanup(srv.Close)
	return "https://" + trusttest.Front(t, strings.TrimPrefix(srv.URL, "http://"), &tls.Config{
		Certificates: []tls.Certificate{ca.Issue(t, trusttest.Leaf{Names: names}).TLS}, MinVersion: tls.VersionTLS12,
	})
}

// TestUsersAreVerifiedByTheirNames: a gateway that answers, but with a certificate that
// browsers refuse, does not serve users.
func TestUsersAreVerifiedByTheirNames(t *testing.T) {
	ca := trusttest.NewCA(t, "Duty Test CA")
	file := config.File(trusttest.File(t, t.TempDir(), "ca.pem", ca.PEM))
	url := gatewayOverTLS(t, ca, "pvg.app.example.com", "gw.internal")
	for _, c := range []struct {
		name string
		ours *config.TLS
		ok   bool
		why  string
	}{
		{"pvg.app.example.com", &config.TLS{CA: file}, true, ""},
		{"sha.app.example.com", &config.TLS{CA: file}, false, "not for sha.app.example.com"},
		{"sha.app.example.com", &config.TLS{CA: file, ServerName: "gw.internal"}, true, ""},
		{"sha.app.example.com", &config.TLS{InsecureSkipVerify: true}, true, ""},
		{"pvg.app.example.com", nil, false, "which this host does not trust"},
	} {
		g := config.Gateway{URL: url, TLS: c.ours}
		ok, why := served(t.Context(), userClients(g)(c.name).SetTimeout(20*time.Second), url+"/", c.name, "standby", "X-Site")
		if ok != c.ok || !strings.Contains(why, c.why) {
			t.Errorf("%s %+v: %v, %q; want %v, %q", c.name, c.ours, ok, why, c.ok, c.why)
		}
	}
}

// TestGatewayAskedByAddress: its certificate is that of the names users enter.
func TestGatewayAskedByAddress(t *testing.T) {
	e := starter(t, t.TempDir())
	first := e.cfg.Domains[0].Name
	for _, c := range []struct {
		g    config.Gateway
		want string
	}{
		{config.Gateway{URL: "https://192.0.2.10"}, first},
		{config.Gateway{URL: "https://192.0.2.10", TLS: &config.TLS{CA: "ca.pem"}}, first},
		{config.Gateway{URL: "https://192.0.2.10", TLS: &config.TLS{ServerName: "gw.example"}}, "gw.example"},
		{config.Gateway{URL: "https://gw.example", TLS: &config.TLS{}}, ""},
	} {
		if got := e.gatewayTLS(c.g); got == nil || got.ServerName != c.want {
			t.Errorf("%+v: %+v, want %q", c.g, got, c.want)
		}
	}
	if got := e.gatewayTLS(config.Gateway{URL: "https://gw.example"}); got != nil {
		t.Errorf("a gateway asked by name has settings from nowhere: %+v", got)
	}
}

// TestTLSReachesEveryProbe: what the file says of TLS is what the probe of each part does.
func TestTLSReachesEveryProbe(t *testing.T) {
	e := starter(t, t.TempDir())
	ca := trusttest.NewCA(t, "Duty Test CA")
	own := &config.TLS{CA: config.File(trusttest.File(t, t.TempDir(), "ca.pem", ca.PEM))}
	url := gatewayOverTLS(t, ca, "127.0.0.1", e.cfg.Domains[0].Name)
	s := &e.cfg.Sites[0]
	s.Gateway.URL, s.Gateway.TLS = url, own
	s.Business.Subsystems[0].URL, s.Business.Subsystems[0].TLS = url, own
	s.Data.Components[0] = config.Component{Name: "check", Kind: "http", URL: url, TLS: own}
	e.cfg.Thresholds.CertificateDays = 365 // the test's certificate ends within a year
	e.probers = map[string]probes.Prober{}
	if _, err := e.targets(); err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{s.Name + "/gateway", s.Name + "/business/" + s.Business.Subsystems[0].Name, s.Name + "/data/check"} {
		r := e.probers[id].Probe(t.Context())
		if r.Status != probes.StatusDegraded || !strings.Contains(r.Detail, "its certificate ends in ") {
			t.Errorf("%s: %s, %q", id, r.Status, r.Detail)
		}
		if lines := factLines(r.Facts); len(lines) == 0 || r.Facts.CertificateEnds.IsZero() {
			t.Errorf("%s: no fact: %v", id, lines)
		}
	}
}

// TestProvidersOverTLS: a DNS API of one's own, or behind a gateway of one's own, is asked
// by one's own authority.
func TestProvidersOverTLS(t *testing.T) {
	t.Setenv("DUTYOPS_TEST_KEY", "not-a-real-key")
	e := starter(t, t.TempDir())
	ca := trusttest.NewCA(t, "Duty Test CA")
	own := &config.TLS{CA: config.File(trusttest.File(t, t.TempDir(), "ca.pem", ca.PEM))}
	const key = config.Secret("env:DUTYOPS_TEST_KEY")
	for _, p := range []config.Provider{
		{Kind: config.KindPowerDNS, ServerID: "localhost", APIKey: key},
		{Kind: config.KindCloudflare, Token: key},
		{Kind: config.KindRoute53, AccessKeyID: "id", SecretAccessKey: key, Region: "us-east-1"},
		{Kind: config.KindDNSPod, AccessKeyID: "id", AccessKeySecret: key},
		{Kind: config.KindAliDNS, AccessKeyID: "id", AccessKeySecret: key},
	} {
		t.Run(p.Kind, func(t *testing.T) {
			var asked atomic.Int32
			srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				asked.Add(1)
				w.WriteHeader(http.StatusForbidden) // not tried again
			}))
			defer srv.Close()
			p.BaseURL = "https://" + trusttest.Front(t, strings.TrimPrefix(srv.URL, "http://"), &tls.Config{Certificates: []tls.Certificate{ca.Issue(t, trusttest.Leaf{}).TLS}, MinVersion: tls.VersionTLS12})
			p.TLS, p.Timeout, p.Budget = own, config.Duration(20*time.Second), config.Duration(20*time.Second)
			prov, err := e.openProvider(p)
			if err != nil {
				t.Fatal(err)
			}
			if _, err = prov.Read(t.Context(), "example.com", []string{"www.example.com"}); err == nil || asked.Load() == 0 {
				t.Errorf("asked %d times: %v", asked.Load(), err)
			}
		})
	}
}

func TestDoctorOnTLS(t *testing.T) {
	e := starter(t, t.TempDir())
	now := time.Date(2026, 3, 1, 3, 0, 0, 0, time.UTC)
	e.now = func() time.Time { return now }
	ca := trusttest.NewCA(t, "Duty Test CA")
	dir := t.TempDir()
	t.Setenv("DUTYOPS_TEST_KEY", "")
	mine := ca.Issue(t, trusttest.Leaf{From: now.AddDate(0, 0, -9), To: now.AddDate(0, 0, 9)})
	key := config.Secret("file:" + trusttest.File(t, dir, "me.key", mine.Key))
	cert := config.File(trusttest.File(t, dir, "me.pem", mine.Cert))
	target := func(ends time.Time) monitor.TargetState {
		return monitor.TargetState{Last: &probes.Result{Facts: probes.Facts{CertificateEnds: ends}}}
	}
	snap := monitor.NewSnapshot(now, map[string]monitor.TargetState{
		"primary/gateway":      target(now.AddDate(0, 0, 5)),
		"standby/gateway":      target(now.AddDate(0, 0, 50)),
		"primary/data/redis":   target(now.Add(-time.Hour)),
		"standby/data/redis":   {},
		"primary/data/plainly": {Last: &probes.Result{}},
	})
	for _, c := range []struct {
		name  string
		redis *config.TLS
		want  []string
	}{
		{"nothing of ours", nil, []string{
			"fail certificate of primary/data/redis: has expired on 2026-03-01", "warn certificate of primary/gateway: ends in 5 days", "ok tls: 0 settings can be used, 3 targets",
		}},
		{"ours ends, and nothing is checked", &config.TLS{Cert: cert, Key: key, InsecureSkipVerify: true}, []string{
			"warn our client certificate for primary/data/redis: ends in 9 days", "warn tls not checked: insecure_skip_verify: primary/data/redis", "ok tls: 1 settings",
		}},
		{"a file is missing", &config.TLS{CA: config.File(dir + "/none.pem")}, []string{"fail tls sites[0].data.components[0].tls.ca: "}},
		{"a key that cannot be read", &config.TLS{Cert: cert, Key: "env:DUTYOPS_NOT_SET"}, []string{"fail tls primary/data/redis: "}},
	} {
		t.Run(c.name, func(t *testing.T) {
			e.cfg.Sites[0].Data.Components[0].TLS = c.redis
			var all []string
			e.doctorTLS(snap, func(name, state, detail, _ string) { all = append(all, state+" "+name+": "+detail) })
			text := strings.Join(all, "\n")
			for _, w := range c.want {
				if !strings.Contains(text, w) {
					t.Errorf("want %q in\n%s", w, text)
				}
			}
			if c.name == "a file is missing" && strings.Contains(text, "ok tls") {
				t.Errorf("all is well all the same:\n%s", text)
			}
			if strings.Contains(text, "standby/gateway") || strings.Contains(text, "PRIVATE") {
				t.Errorf("too much:\n%s", text)
			}
		})
	}
}
