package backend

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/dutyops/dutyops/backend/config"
	"github.com/dutyops/dutyops/failoverplan"
)

// Somebody may have stopped all actions: a pause that cannot be read is in force.
func TestAPauseThatCannotBeReadIsInForce(t *testing.T) {
	e := starter(t, t.TempDir())
	if p := e.pauseNow(t.Context()); p != nil {
		t.Fatalf("paused from the first: %+v", p)
	}
	if err := e.journal.Remember(t.Context(), "pause", "no override"); err != nil {
		t.Fatal(err)
	}
	e.repause(t.Context())
	p := e.Status().Paused()
	if p == nil || !strings.Contains(p.Reason, "cannot be read") || p.Owner == "" || !p.Expires.After(p.Since) {
		t.Fatalf("%+v", p)
	}
	e.mu.Lock()
	sit := e.situation
	e.mu.Unlock()
	if !strings.Contains(sit.Paused, "cannot be read") {
		t.Errorf("the gates see %q", sit.Paused)
	}
	if err := e.Unpause(t.Context(), "me", "looked"); err != nil {
		t.Fatal(err)
	}
	if p := e.pauseNow(t.Context()); p != nil {
		t.Errorf("after it was ended: %+v", p)
	}
}

// A mirror whose cut cannot be read is not started: from its old place it would copy what
// came from here back again.
func TestAMirrorWithACutThatCannotBeReadIsNotStarted(t *testing.T) {
	var asked atomic.Int32
	connect := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		w.WriteHeader(http.StatusNotFound)
	}))
	t.Cleanup(connect.Close)
	e := starter(t, t.TempDir())
	here, there := e.cfg.Sites[0].Name, e.cfg.Sites[1].Name
	e.cfg.Sites[0].Data.Components = append(e.cfg.Sites[0].Data.Components, config.Component{
		Name: "connect", Kind: string(failoverplan.KafkaConnect), URL: connect.URL, Mirrors: []config.Mirror{{From: there, Connectors: []string{"m"}}},
	})
	step := failoverplan.Step{Site: here, Peer: there, Platform: failoverplan.Data, Component: "connect"}
	if err := e.journal.Remember(t.Context(), cutKey(there), "no offsets"); err != nil {
		t.Fatal(err)
	}
	if _, err := e.turnMirror(t.Context(), step); err == nil || !strings.Contains(err.Error(), "begin is not known") || asked.Load() != 0 {
		t.Errorf("turned round: %v, %d requests", err, asked.Load())
	}
	if err := e.journal.Remember(t.Context(), "anchored/"+here+"/"+there, "no offsets"); err != nil {
		t.Fatal(err)
	}
	if _, err := e.anchor(t.Context(), nil, []string{"m"}, step, map[string]int64{"t-0": 7}); err == nil || !strings.Contains(err.Error(), "already is not known") {
		t.Errorf("anchored: %v", err)
	}
}
