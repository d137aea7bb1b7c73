package backend

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/dutyops/dutyops/backend/config"
	"github.com/dutyops/dutyops/backend/journal"
	"github.com/dutyops/dutyops/failoverplan"
)

// starter opens an engine on the starter configuration; nothing of it exists, so
// everything it asks is unknown or down, and nothing is asked before Refresh.
func starter(t *testing.T, state string) *Engine {
	t.Helper()
	cfg, err := config.Parse("starter", config.Starter())
	if err != nil {
		t.Fatal(err)
	}
	e, err := Open(t.Context(), cfg, Options{StateDir: state})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = e.Close() })
	return e
}

func TestTheFirstPictureIsThereBeforeAnythingWasAsked(t *testing.T) {
	e := starter(t, t.TempDir())
	st := e.Status()
	if st == nil || !st.Warming || len(st.Sites) < 2 {
		t.Fatalf("%+v", st)
	}
	for _, s := range st.Sites {
		if s.State == failoverplan.Down {
			t.Errorf("%s is down before it was asked: unknown is not down", s.Name)
		}
	}
	if st.Case == failoverplan.CaseBusinessDown || st.Advice.Action == failoverplan.AdviseFailover {
		t.Fatalf("case %s, advice %s from nothing", st.Case, st.Advice.Action)
	}
}

func TestSiteOf(t *testing.T) {
	e := starter(t, t.TempDir())
	a, b := e.topo.Sites[0], e.topo.Sites[1]
	for _, c := range []struct {
		values []string
		want   string
	}{
		{nil, ""},
		{a.GatewayV4, a.Name},
		{b.GatewayV4, b.Name},
		{append(append([]string{}, a.GatewayV4...), b.GatewayV4...), "mixed"},
		{[]string{"203.0.113.250"}, "foreign"},
	} {
		if got := e.siteOf(c.values); got != c.want {
			t.Errorf("%v: %q, want %q", c.values, got, c.want)
		}
	}
}

func TestJudgeDomain(t *testing.T) {
	e := starter(t, t.TempDir())
	now := time.Date(2026, 3, 1, 3, 0, 0, 0, time.UTC)
	e.now = func() time.Time { return now }
	a, b := e.topo.Sites[0], e.topo.Sites[1]
	at := func(s failoverplan.Site, ttl uint32) ServerAnswer {
		return ServerAnswer{Site: s.Name, Values: s.GatewayV4, TTLS: ttl}
	}
	d := DomainStatus{Authoritative: []ServerAnswer{at(b, 30), at(b, 30)}, Resolvers: []ServerAnswer{at(a, 17), at(b, 20)}}
	e.judgeDomain(&d)
	if d.PointsAt != b.Name {
		t.Fatalf("points at %q: what the authority says counts", d.PointsAt)
	}
	if u := d.Resolvers[0].OldUntil; u == nil || !u.Equal(now.Add(17*time.Second)) {
		t.Fatalf("old until %v, want 17 s from now", u)
	}
	if d.Resolvers[1].OldUntil != nil {
		t.Fatal("a resolver with the new answer is not old")
	}
	d = DomainStatus{Authoritative: []ServerAnswer{at(a, 30), at(b, 30)}}
	if e.judgeDomain(&d); d.PointsAt != "mixed" {
		t.Fatalf("servers that disagree: %q", d.PointsAt)
	}
	d = DomainStatus{Authoritative: []ServerAnswer{{Error: "no answer"}}, Resolvers: []ServerAnswer{at(a, 9)}}
	if e.judgeDomain(&d); d.PointsAt != a.Name || d.Resolvers[0].OldUntil != nil {
		t.Fatalf("only a resolver answers: %+v", d)
	}
	forgotten := at(a, 30)
	forgotten.Found = true
	d = DomainStatus{Authoritative: []ServerAnswer{at(b, 30), forgotten}}
	if e.judgeDomain(&d); d.PointsAt != b.Name {
		t.Fatalf("a server that the configuration does not have decides: %q", d.PointsAt)
	}
}

// TestSummarize: the picture of health says how far the names are, and what the last look
// at the board found.
func TestSummarize(t *testing.T) {
	end := time.Date(2026, 3, 1, 3, 0, 0, 0, time.UTC)
	earlier := end.Add(-time.Second)
	ds := []DomainStatus{
		{
			PointsAt:      "standby",
			Authoritative: []ServerAnswer{{Site: "standby"}, {Site: "primary"}, {Error: "no answer"}, {Site: "primary", Found: true}},
			Resolvers:     []ServerAnswer{{Site: "standby"}, {Site: "primary", OldUntil: &end}, {Site: "primary", OldUntil: &earlier}},
		},
		// A site without IPv6: nothing is the right answer.
		{Authoritative: []ServerAnswer{{Values: []string{}}, {Error: "no answer"}}, Resolvers: []ServerAnswer{{Values: []string{}}}},
	}
	b := DNSBoard{At: earlier, Findings: []DNSFinding{{Level: "bad"}, {Level: "bad"}, {Level: "warn"}, {Level: "note"}}}
	got := *summarize(ds, boardSummary(b))
	want := DNSSummary{Authoritative: DNSShare{New: 2, Total: 5}, Resolvers: DNSShare{New: 2, Total: 4}, OldUntil: end, Checked: earlier, Bad: 2, Warn: 1}
	if got != want {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func TestActingNeedsAJournal(t *testing.T) {
	e := starter(t, filepath.Join("/proc", "no-such-place"))
	_, err := e.Start(t.Context(), StartRequest{Reason: "x"})
	if !errors.Is(err, ErrRefused) || !strings.Contains(err.Error(), "DUTYOPS_STATE") {
		t.Fatalf("%v", err)
	}
	for _, a := range e.Actions() {
		if a.ID == "failover" && a.Disabled == "" {
			t.Error("the action does not say why it cannot be done")
		}
	}
}

func TestReasonIsRequired(t *testing.T) {
	if _, err := starter(t, t.TempDir()).Start(t.Context(), StartRequest{}); !errors.Is(err, ErrUsage) {
		t.Fatalf("%v", err)
	}
}

func TestLeaseIsRespected(t *testing.T) {
	e := starter(t, t.TempDir())
	l, err := e.journal.Acquire(journal.Holder{Operator: "somebody", Run: "r-other"})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Release()
	if _, err := e.Start(t.Context(), StartRequest{Reason: "x"}); !errors.Is(err, ErrLease) || !strings.Contains(err.Error(), "somebody") {
		t.Fatalf("%v", err)
	}
}

func TestPauseStaysUntilItEnds(t *testing.T) {
	dir := t.TempDir()
	e := starter(t, dir)
	now := time.Now()
	e.now = func() time.Time { return now }
	if err := e.Pause(t.Context(), Override{Owner: "somebody", Reason: "network works", Since: now, Expires: now.Add(time.Hour)}); err != nil {
		t.Fatal(err)
	}
	if o := e.Status().Overrides; len(o) != 1 || o[0].Reason != "network works" {
		t.Fatalf("%+v", o)
	}
	other := starter(t, dir)
	if other.pauseNow(t.Context()) == nil {
		t.Fatal("another console does not see the pause")
	}
	e.now = func() time.Time { return now.Add(61 * time.Minute) }
	if e.pauseNow(t.Context()) != nil {
		t.Fatal("the pause outlives its expiry")
	}
	if err := e.Pause(t.Context(), Override{Owner: "x"}); !errors.Is(err, ErrUsage) {
		t.Fatalf("a pause without a reason: %v", err)
	}
}

func TestHealthIsRememberedAcrossProcesses(t *testing.T) {
	dir := t.TempDir()
	e := starter(t, dir)
	id := failoverplan.Target(e.topo.Sites[0].Name, gatewayName)
	since := time.Now().Add(-time.Hour).UTC().Truncate(time.Second)
	e.mu.Lock()
	e.memory[id] = remembered{State: failoverplan.Down, Since: since, At: since.Add(3 * time.Second)}
	e.unsaved = true
	e.mu.Unlock()
	e.remember(t.Context())
	other := starter(t, dir)
	if got, _ := other.mon.Snapshot().Target(id); !got.Since.Equal(since) {
		t.Fatalf("since %v, want %v", got.Since, since)
	}
}

func TestStateOfASandboxIsItsOwn(t *testing.T) {
	cfg, err := config.Parse("x", config.Starter())
	if err != nil {
		t.Fatal(err)
	}
	if got := StateDirFor(cfg, "/s"); got != "/s" {
		t.Fatalf("production keeps its state in %s", got)
	}
	cfg.Environment, cfg.Path = "sandbox", "/tmp/a/dutyops.yaml"
	one := StateDirFor(cfg, "/s")
	cfg.Path = "/tmp/b/dutyops.yaml"
	if two := StateDirFor(cfg, "/s"); one == two || !strings.HasPrefix(one, "/s/sandbox-") {
		t.Fatalf("%s and %s", one, two)
	}
}

func TestWellNeedsNamesThatSomebodyAnswersFor(t *testing.T) {
	good := func() *Status {
		return &Status{
			Case: failoverplan.CaseNormal, Sites: []SiteStatus{{Name: "a", State: failoverplan.Up}},
			Domains: []DomainStatus{{Name: "x", PointsAt: "a", Authoritative: []ServerAnswer{{Server: "1", Error: "no answer"}, {Server: "2"}}}},
		}
	}
	if !good().Well() {
		t.Fatal("one silent server of two is no reason")
	}
	for name, spoil := range map[string]func(*Status){
		"another case":       func(s *Status) { s.Case = failoverplan.CaseIsolated },
		"a degraded site":    func(s *Status) { s.Sites[0].State = failoverplan.Degraded },
		"no authority":       func(s *Status) { s.Domains[0].Authoritative[1].Error = "no answer" },
		"servers disagree":   func(s *Status) { s.Domains[0].PointsAt = "mixed" },
		"a stranger's value": func(s *Status) { s.Domains[0].PointsAt = "foreign" },
		"nobody knows":       func(s *Status) { s.Domains[0].PointsAt = "" },
	} {
		s := good()
		if spoil(s); s.Well() {
			t.Errorf("%s: all is said to be well", name)
		}
	}
}

func TestLeavingTellsOfTheRunItParked(t *testing.T) {
	for name, c := range map[string]struct {
		ended bool
		want  error
	}{"a run on its way": {false, ErrParked}, "a run that had ended before": {true, nil}} {
		e := starter(t, t.TempDir())
		l := &liveRun{done: make(chan struct{}), stop: make(chan struct{}), run: Run{ID: "r1"}}
		e.runs["r1"] = l
		if c.ended {
			close(l.stop)
		}
		go func() {
			<-l.stop
			l.mu.Lock()
			l.err = ErrParked
			l.mu.Unlock()
			close(l.done)
		}()
		if c.ended {
			<-l.done
		}
		if err := e.Close(); !errors.Is(err, c.want) {
			t.Errorf("%s: closed with %v, want %v", name, err, c.want)
		}
	}
}
