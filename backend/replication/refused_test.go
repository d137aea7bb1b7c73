package replication

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/go-sql-driver/mysql"

	"github.com/dutyops/dutyops/backend/config"
	"github.com/dutyops/dutyops/failoverplan"
)

// A refused login names the fields that hold it: whose account it was, of which component.
func TestARefusedLoginNamesItsFields(t *testing.T) {
	t.Setenv("PW", "wrong")
	control := config.Account{User: "actor", Password: "env:PW"}
	key := config.Account{APIKey: "env:PW"}
	for _, tc := range []struct {
		name string
		c    config.Component
		want string
	}{
		{"the control account", config.Component{User: "probe", Control: control}, "check control.user and control.password of primary/data/store"},
		{"the probe's, where there is no other", config.Component{User: "probe", Password: "env:PW"}, "check user and password of primary/data/store"},
		{"the control account's key", config.Component{APIKey: "env:PW", Control: key}, "check control.api_key of primary/data/store"},
		{"the probe's key", config.Component{APIKey: "env:PW"}, "check api_key of primary/data/store"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			refuses := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusUnauthorized) }))
			defer refuses.Close()
			e := Endpoint{Site: "primary", Platform: failoverplan.Data, Name: "store", Config: tc.c}
			e.Config.URL = refuses.URL
			h, err := newHTTPServer(e, Options{}.withDefaults())
			if err != nil {
				t.Fatal(err)
			}
			defer h.close()
			m, r := &mysqlStore{e: e}, &redisStore{e: e}
			for what, text := range map[string]string{
				"HTTP":  h.call(t.Context(), http.MethodGet, "/", nil, nil).Error(),
				"MySQL": m.wrap("ask", &mysql.MySQLError{Number: 1045, Message: "Access denied"}).Error(),
				"Redis": r.missingRight("WRONGPASS invalid username-password pair or user is disabled."),
			} {
				if !strings.Contains(text, "("+tc.want+")") {
					t.Errorf("%s: %q, want %q", what, text, tc.want)
				}
			}
		})
	}
}

// A source that refuses the replication account: its fields are named, not those of whoever
// asked.
func TestARefusedLinkNamesItsFields(t *testing.T) {
	for _, version := range []string{maria, mysql8, mysql5} {
		pos := "1-1-100"
		if version != maria {
			pos = uuidA + ":1-100"
		}
		p := &fakeMySQL{version: version, pos: pos, onStart: func(f *fakeMySQL) {
			f.link["Slave_IO_Running"], f.link["Last_IO_Errno"], f.link["Last_IO_Error"] = "Connecting", "1045", "Access denied for user 'repl'"
		}}
		a, _, _, eb := pairOf(t, p, &fakeMySQL{version: version, pos: pos})
		_, err := a.Follow(t.Context(), eb)
		if err == nil || !strings.Contains(err.Error(), "check replication.user and replication.password of standby/business/monitoring-mysql") {
			t.Errorf("%s: %v, want the fields of the source", version, err)
		}
	}
}
