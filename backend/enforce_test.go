package backend

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/dutyops/dutyops/backend/journal"
	"github.com/dutyops/dutyops/backend/runbook"
	"github.com/dutyops/dutyops/failoverplan"
)

// moved is a world whose run has moved every name to the standby.
func (w *twinWorld) moved() Run {
	w.t.Helper()
	r, err := w.failover(w.plan("standby"))
	if err != nil || r.State != RunDone {
		w.t.Fatalf("%s, %v", r.State, err)
	}
	return r
}

// acts are all ways to act upon the world, each as a face would call it.
func (w *twinWorld) acts(run string) map[string]func() (Run, error) {
	ctx := w.t.Context()
	return map[string]func() (Run, error){
		"start": func() (Run, error) {
			return w.e.Start(ctx, StartRequest{PlanRequest: PlanRequest{Kind: failoverplan.Failover, To: "primary"}, Reason: "test", Operator: "test"})
		},
		"sync run": func() (Run, error) { return w.e.SyncRun(ctx, "test", "test") },
		"resume":   func() (Run, error) { return w.e.Resume(ctx, run, "test") },
		"commit":   func() (Run, error) { return w.e.Commit(ctx, run, "test", "test") },
		"rollback": func() (Run, error) { return w.e.Rollback(ctx, run, "test", "test") },
	}
}

// The rules are the engine's, whatever a face shows (promises 1 and 8).
func TestTheEngineItselfRefuses(t *testing.T) {
	w := newTwinWorld(t, "")
	p := w.plan("standby")
	start := func(hash, reason string) error {
		_, err := w.e.Start(t.Context(), StartRequest{PlanRequest: PlanRequest{Kind: failoverplan.Failover, To: "standby"}, PlanHash: hash, Reason: reason, Operator: "test"})
		return err
	}
	if err := start(p.Hash, ""); !errors.Is(err, ErrUsage) {
		t.Errorf("without a reason: %v", err)
	}
	if err := start("another", "test"); !errors.Is(err, ErrWorldChanged) {
		t.Errorf("another plan than was shown: %v", err)
	}
	w.is("refused", [2]int{})
	r := w.moved()

	if err := w.e.Pause(t.Context(), Override{Owner: "m", Reason: "works", Expires: time.Now().Add(time.Hour)}); err != nil {
		t.Fatal(err)
	}
	for what, act := range w.acts(r.ID) {
		if _, err := act(); !errors.Is(err, ErrRefused) || !strings.Contains(err.Error(), "works") {
			t.Errorf("%s while paused: %v", what, err)
		}
	}
	if err := w.e.Unpause(t.Context(), "m", "over"); err != nil {
		t.Fatal(err)
	}

	other, err := w.e.journal.Acquire(journal.Holder{Operator: "the other console", Run: "r9"})
	if err != nil {
		t.Fatal(err)
	}
	for what, act := range w.acts(r.ID) {
		if _, err := act(); !errors.Is(err, ErrLease) || !strings.Contains(err.Error(), "the other console") {
			t.Errorf("%s while another acts: %v", what, err)
		}
	}
	other.Release()
	w.is("nothing is taken back", [2]int{4, 4})
}

// Users are not led back to a site that cannot serve them.
func TestNoRollBackToASickSite(t *testing.T) {
	w := newTwinWorld(t, "")
	r := w.moved()
	w.sick.Store(true)
	if _, err := w.e.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	var refused *RefusedError
	if _, err := w.e.Rollback(t.Context(), r.ID, "test", "test"); !errors.As(err, &refused) || refused.Gates[0].Gate != "old-site-healthy" {
		t.Fatalf("%v", err)
	}
	w.is("refused", [2]int{4, 4})
}

// A run that another one came after was planned for a world that is gone.
func TestOnlyTheNewestRunIsTakenBack(t *testing.T) {
	w := newTwinWorld(t, "")
	first := w.moved()
	if r, err := w.failover(w.plan("primary")); err != nil {
		t.Fatalf("%s, %v", r.State, err)
	}
	for _, what := range []string{"resume", "commit", "rollback"} {
		if _, err := w.acts(first.ID)[what](); !errors.Is(err, ErrRefused) || !strings.Contains(err.Error(), "came after") {
			t.Errorf("%s: %v", what, err)
		}
	}
	w.is("home again", [2]int{})
}

// A run, and one that is taken up, goes on to a site that is watched and not down.
func TestPreflight(t *testing.T) {
	e := starter(t, t.TempDir())
	state := func(gateway, business failoverplan.State) []failoverplan.SiteState {
		return []failoverplan.SiteState{{Name: "b", Gateway: gateway, Platforms: []failoverplan.PlatformState{{Kind: failoverplan.Business, State: business}}}}
	}
	for name, c := range map[string]struct {
		sites []failoverplan.SiteState
		want  error
	}{
		"up":                    {state(failoverplan.Up, failoverplan.Up), nil},
		"its gateway is down":   {state(failoverplan.Down, failoverplan.Up), ErrWorldChanged},
		"its platform is down":  {state(failoverplan.Up, failoverplan.Down), ErrWorldChanged},
		"not watched any more":  {nil, ErrWorldChanged},
		"unknown, and not down": {state(failoverplan.Unknown, failoverplan.Unknown), nil},
	} {
		e.mu.Lock()
		e.situation = &failoverplan.Situation{Sites: c.sites}
		e.mu.Unlock()
		r, err := e.preflight(t.Context(), nil, failoverplan.Step{Site: "b"})
		if !errors.Is(err, c.want) || r.Done != (c.want == nil) {
			t.Errorf("%s: done %v, %v", name, r.Done, err)
		}
	}
}

// Users are served when the gateway answers well, and as the site that it stands for.
func TestUsersAreServedByTheRightSiteOnly(t *testing.T) {
	e := starter(t, t.TempDir())
	site := &e.cfg.Sites[1]
	p := &failoverplan.Plan{DNS: []failoverplan.ZoneChange{{Changes: []failoverplan.RecordChange{
		{Before: failoverplan.RecordSet{Name: "pvg.example.test", Type: "A"}, After: failoverplan.RecordSet{Name: "pvg.example.test", Type: "A", Values: []string{siteB4}}},
	}}}}
	for name, c := range map[string]struct {
		status int
		site   string
		ok     bool
	}{
		"well":         {http.StatusOK, site.Name, true},
		"another site": {http.StatusOK, "elsewhere", false},
		"no site":      {http.StatusOK, "", false},
		"sick":         {http.StatusBadGateway, site.Name, false},
		"sent away":    {http.StatusFound, site.Name, false},
	} {
		gateway := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("X-Site", c.site)
			w.WriteHeader(c.status)
		}))
		site.Gateway.URL, site.Gateway.SiteHeader = gateway.URL, "X-Site"
		within := 10 * time.Second
		if !c.ok {
			within = 200 * time.Millisecond // it asks until then
		}
		ctx, cancel := context.WithTimeout(t.Context(), within)
		_, err := e.verifyUsers(ctx, &runbook.Scene{Plan: p}, failoverplan.Step{Site: site.Name})
		cancel()
		gateway.Close()
		if (err == nil) != c.ok {
			t.Errorf("%s: %v", name, err)
		}
	}
}
