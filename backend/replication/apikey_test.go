package replication

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/dutyops/dutyops/backend/config"
)

// TestControlByAPIKey: the control's key acts, the probe's where there is no control.
func TestControlByAPIKey(t *testing.T) {
	t.Setenv("PROBE_KEY", "s3cret-probe")
	t.Setenv("CONTROL_KEY", "s3cret-control")
	got := make(chan string, 1)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got <- r.Header.Get("Authorization")
		http.Error(w, "not with "+r.Header.Get("Authorization"), http.StatusUnauthorized)
	}))
	defer srv.Close()
	for _, c := range []struct {
		conf config.Component
		want string
	}{
		{config.Component{APIKey: "env:PROBE_KEY"}, "ApiKey s3cret-probe"},
		{config.Component{APIKey: "env:PROBE_KEY", Control: config.Account{APIKey: "env:CONTROL_KEY"}}, "ApiKey s3cret-control"},
		{config.Component{APIKey: "env:PROBE_KEY", Control: config.Account{User: "u", Password: "env:CONTROL_KEY"}}, "Basic "},
	} {
		c.conf.URL = srv.URL
		h, err := newHTTPServer(Endpoint{Config: c.conf}, Options{Timeout: 20 * time.Second})
		if err != nil {
			t.Fatal(err)
		}
		err = h.call(t.Context(), http.MethodGet, "/", nil, nil)
		h.close()
		if auth := <-got; !strings.HasPrefix(auth, c.want) {
			t.Errorf("sent %q, want %q", auth, c.want)
		}
		if err == nil || strings.Contains(err.Error(), "s3cret") || !strings.Contains(err.Error(), "(check ") {
			t.Errorf("%v", err)
		}
	}
}
