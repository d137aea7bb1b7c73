package bizd

import (
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func get(t *testing.T, url, host string) (*http.Response, string) {
	t.Helper()
	tr := &http.Transport{}
	defer tr.CloseIdleConnections()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	must(t, err)
	req.Host = host
	res, err := (&http.Client{Transport: tr}).Do(req)
	must(t, err)
	b, err := io.ReadAll(res.Body)
	must(t, err)
	must(t, res.Body.Close())
	return res, string(b)
}

// dead is an address where nobody listens.
func dead(t *testing.T) string {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	must(t, err)
	must(t, l.Close())
	return "http://" + l.Addr().String()
}

func TestGatewayRoutesAndNamesItsSite(t *testing.T) {
	sub := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, r.Host+" "+r.URL.RequestURI())
	}))
	defer sub.Close()
	g, err := StartGateway(GatewayOptions{Site: "primary", Routes: map[string]string{"monitoring": sub.URL, "scheduling": dead(t)}})
	must(t, err)
	defer func() { must(t, g.Close()) }()
	for _, tc := range []struct {
		path   string
		status int
		body   string
	}{
		{"/monitoring/flights?limit=3", 200, "pvg.gss.example.test /flights?limit=3"},
		{"/scheduling/tasks", 502, "scheduling does not answer"},
		{"/healthz", 200, `"site":"primary"`},
		{"/else", 404, ""},
	} {
		res, body := get(t, g.URL()+tc.path, "pvg.gss.example.test")
		if res.StatusCode != tc.status || !strings.Contains(body, tc.body) || res.Header.Get("X-Site") != "primary" {
			t.Errorf("%s: %d %q, X-Site %q; want %d %q", tc.path, res.StatusCode, body, res.Header.Get("X-Site"), tc.status, tc.body)
		}
	}
}

func TestGatewayGivesUpOnASilentSubsystem(t *testing.T) {
	release := make(chan struct{})
	sub := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-release }))
	defer sub.Close()
	defer close(release)
	g, err := StartGateway(GatewayOptions{Site: "primary", Routes: map[string]string{"monitoring": sub.URL}})
	must(t, err)
	defer func() { must(t, g.Close()) }()
	if res, _ := get(t, g.URL()+"/monitoring/flights", ""); res.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("%s, want 503", res.Status)
	}
	res, _ := get(t, g.URL()+"/scheduling/tasks", "")
	if res.StatusCode != http.StatusNotFound || res.Header.Get(NotOffered) != "scheduling" {
		t.Errorf("a subsystem that the site does not have: %s %v", res.Status, res.Header)
	}
}

func TestAnOlderMessageChangesNothing(t *testing.T) {
	m := &Monitoring{table: newTable(nil, "ops.flights", "flight")}
	say := func(kind string, version int64, payload string) {
		m.take(message{Flight: "MU1", Kind: kind, Version: version, Payload: json.RawMessage(payload)})
	}
	say("stands", 2, `{"stand":"201"}`)
	say("stands", 1, `{"stand":"101"}`)
	say("flight-times", 3, `{"delay_min":5}`)
	var doc flightDoc
	must(t, json.Unmarshal([]byte(m.table.rows["MU1"].doc), &doc))
	if string(doc.Kinds["stands"].Payload) != `{"stand":"201"}` || doc.Version != 3 || len(doc.Kinds) != 2 {
		t.Errorf("%+v", doc)
	}
	if len(m.table.takeDirty()) != 1 {
		t.Error("one flight changed")
	}
	say("stands", 2, `{"stand":"999"}`)
	if len(m.table.takeDirty()) != 0 {
		t.Error("the same version again is no change")
	}
}
