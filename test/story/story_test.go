package story

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestBusinessDownThereAndBack(t *testing.T) {
	w := start(t)
	s := w.status(0)
	if s.Case != "normal" || s.ServingSite != "primary" || s.Environment != "sandbox" || s.Advice.Action != "none" {
		t.Fatalf("fresh sandbox: %+v", s)
	}
	w.usersServedBy("primary")

	w.fault("primary/business", "down")
	s = w.status(3)
	if s.Case != "business-down" || s.Advice.Action != "failover" || s.Advice.To != "standby" || len(s.Advice.Because) == 0 {
		t.Fatalf("after the fault: %+v", s)
	}
	var r runDoc
	w.must(0, &r, "failover", "--to", "standby", "--yes", "--reason", "primary business is down")
	if r.State != "done" || r.DNS.RecordsChanged != r.DNS.RecordsPlanned || r.DNS.RecordsPlanned != 2*len(w.truth.Domains) || r.RTO.TotalMS <= 0 {
		t.Fatalf("run: %+v", r)
	}
	w.usersServedBy("standby")
	s = w.status(3)
	if s.ServingSite != "standby" || s.Case != "normal" {
		t.Fatalf("after the failover: serving %s, case %s", s.ServingSite, s.Case)
	}
	for _, f := range s.Feeds {
		if f.Attached != "primary" {
			t.Errorf("feed %s is at %q: in case business-down feeds stay (mission A4)", f.Name, f.Attached)
		}
	}
	w.must(4, nil, "failback", "--yes", "--reason", "too early")

	w.heal()
	back := w.home()
	if back.State != "done" {
		t.Fatalf("failback: %+v", back)
	}
	w.usersServedBy("primary")
	w.until("all well again", 30*time.Second, func() (bool, string) {
		code, out, _ := w.run("status")
		return code == 0, string(out)
	})
	w.must(0, nil, "runs", "verify")
	code, out, _ := w.run("runs", "report", r.ID)
	if code != 0 || !strings.Contains(string(out), "primary business is down") || !strings.Contains(string(out), "198.51.100.20") {
		t.Fatalf("report: exit %d\n%s", code, out)
	}
}

func TestDataDownMovesTheFeedsAndLosesNothing(t *testing.T) {
	w := start(t)
	w.fault("primary/data", "down")
	s := w.status(3)
	if s.Case != "data-down" || s.Advice.To != "standby" {
		t.Fatalf("%+v", s)
	}
	var r runDoc
	w.must(0, &r, "failover", "--yes", "--reason", "primary data platform is down")
	w.usersServedBy("standby")
	for _, f := range w.status(3).Feeds {
		if f.Attached != "standby" {
			t.Errorf("feed %s is at %q, want standby", f.Name, f.Attached)
		}
	}
	w.everythingArrives("standby")
	w.heal()
	w.home()
	w.usersServedBy("primary")
	for _, f := range w.status(0).Feeds {
		if f.Attached != "primary" {
			t.Errorf("feed %s is at %q after the failback", f.Name, f.Attached)
		}
	}
	w.everythingArrives("primary")
}

func TestSiteDown(t *testing.T) {
	w := start(t)
	w.fault("primary", "down")
	if s := w.status(3); s.Case != "site-down" || s.Advice.Action != "failover" {
		t.Fatalf("%+v", s)
	}
	w.must(0, nil, "failover", "--to", "standby", "--yes", "--reason", "machine room lost power")
	w.usersServedBy("standby")
	w.heal()
	w.home()
	w.usersServedBy("primary")
}

func TestPlanIsBoundToTheWorld(t *testing.T) {
	w := start(t)
	w.fault("primary/business", "down")
	var p struct {
		Hash      string
		Providers []struct {
			Kind, Note string
			Atomic     bool
			MaxBatch   int `json:"max_batch"`
		}
	}
	w.must(0, &p, "plan", "failover", "--to", "standby")
	if len(p.Providers) != 1 || p.Providers[0].Kind != "cloudflare" || !p.Providers[0].Atomic || p.Providers[0].MaxBatch < 200 || p.Providers[0].Note == "" {
		t.Errorf("the plan's capability cards: %+v", p.Providers)
	}
	w.fault("primary/data", "down")
	w.must(8, nil, "failover", "--to", "standby", "--plan-hash", p.Hash, "--yes", "--reason", "the approved plan")
	if s := w.status(3); s.ServingSite != "primary" {
		t.Fatalf("serving %s: a refused run changed something", s.ServingSite)
	}
}

func TestDryRunWritesNothing(t *testing.T) {
	w := start(t)
	w.fault("primary/business", "down")
	var r runDoc
	w.must(0, &r, "failover", "--to", "standby", "--dry-run")
	if len(r.Steps) == 0 {
		t.Fatal("a dry run shows its steps")
	}
	if s := w.status(3); s.ServingSite != "primary" {
		t.Fatalf("serving %s after a dry run", s.ServingSite)
	}
	var l struct{ Runs []runDoc }
	w.must(0, &l, "runs", "list")
	if len(l.Runs) != 0 {
		t.Fatalf("a dry run is in the journal: %+v", l.Runs)
	}
}

func TestRefusalsAndExitCodes(t *testing.T) {
	w := start(t)
	for _, c := range []struct {
		code int
		want string
		args []string
	}{
		{2, "nowhere", []string{"failover", "--to", "nowhere", "--yes", "--reason", "x"}},
		{2, "NOWHERE", []string{"failover", "--to", "standby", "--stations", "NOWHERE", "--yes", "--reason", "x"}},
		{2, "--reason", []string{"failover", "--to", "standby", "--yes"}},
		{6, "--yes", []string{"failover", "--to", "standby", "--reason", "x"}},
		{4, "target-not-serving", []string{"failover", "--to", "primary", "--yes", "--reason", "x"}},
		{4, "away-from-home", []string{"failback", "--yes", "--reason", "x"}},
		{2, "r-none", []string{"runs", "show", "r-none"}},
		{2, "r-none", []string{"runs", "resume", "r-none", "--yes"}},
		{2, "unknown flag", []string{"status", "--nonsense"}},
		{2, "terminal", nil},
		{2, "yaml, toml", []string{"status", "-o", "yaml, toml"}},
	} {
		code, _, errs := w.run(c.args...)
		if code != c.code || !strings.Contains(errs, c.want) {
			t.Errorf("dutyops %v: exit %d, want %d with %q\n%s", c.args, code, c.code, c.want, errs)
		}
	}
	w.must(0, nil, "pause", "--reason", "network works", "--for", "10m")
	w.must(4, nil, "failover", "--to", "standby", "--yes", "--reason", "x")
	w.must(3, nil, "doctor")
	w.must(0, nil, "unpause", "--reason", "done")
	w.must(0, nil, "doctor")
}

// A run killed at any time is found as interrupted and brought to its end.
func TestKilledRunIsResumed(t *testing.T) {
	for _, after := range []string{"fence", "switch", "verify"} {
		t.Run(after, func(t *testing.T) {
			w := start(t)
			w.fault("primary/business", "down")
			cmd := w.command("failover", "--to", "standby", "--yes", "--reason", "killed on the way")
			var errs lockedBuffer
			cmd.Stderr = &errs
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			w.until("the run reaches "+after, 20*time.Second, func() (bool, string) {
				return strings.Contains(errs.String(), " "+after+" "), errs.String()
			})
			_ = cmd.Process.Signal(syscall.SIGKILL)
			_ = cmd.Wait()
			var l struct{ Runs []runDoc }
			w.must(0, &l, "runs", "list")
			if len(l.Runs) != 1 {
				t.Fatalf("runs: %+v", l.Runs)
			}
			if l.Runs[0].State == "done" {
				return // it was faster than the signal
			}
			if l.Runs[0].State != "interrupted" {
				t.Fatalf("state %s, want interrupted", l.Runs[0].State)
			}
			var r runDoc
			w.must(0, &r, "runs", "resume", l.Runs[0].ID, "--yes")
			if r.State != "done" {
				t.Fatalf("%+v", r)
			}
			w.usersServedBy("standby")
		})
	}
}

func TestRollbackPutsEverythingBack(t *testing.T) {
	w := start(t)
	var r runDoc
	w.must(0, &r, "failover", "--to", "standby", "--yes", "--reason", "planned")
	w.usersServedBy("standby")
	w.must(0, &r, "runs", "rollback", r.ID, "--yes", "--reason", "changed our mind")
	if r.State != "rolled-back" {
		t.Fatalf("%+v", r)
	}
	w.usersServedBy("primary")
	if s := w.status(-1); s.ServingSite != "primary" || s.DataSite != "primary" {
		t.Fatalf("serving %s, data %s", s.ServingSite, s.DataSite)
	}
	w.until("all well again", 30*time.Second, func() (bool, string) {
		code, out, _ := w.run("status")
		return code == 0, string(out)
	})
}

// Every bad day of the DNS API: a clear message, the right exit code, and no name lost.
func TestBadDaysOfTheDNSAPI(t *testing.T) {
	for kind, codes := range map[string][]int{
		"unauthorized": {4}, "forbidden": {4}, "rate-limit": {4, 5}, "error": {4, 5}, "garbage": {4, 5}, "half-body": {4, 5}, "hang": {4, 5}, "drop-after-apply": {0, 4, 5},
	} {
		t.Run(kind, func(t *testing.T) {
			w := start(t)
			w.fault("dns/cloudflare", kind)
			code, out, errs := w.run("failover", "--to", "standby", "--yes", "--reason", "bad day", "-o", "json")
			ok := false
			for _, c := range codes {
				ok = ok || c == code
			}
			if !ok {
				t.Fatalf("exit %d, want one of %v\n%s\n%s", code, codes, out, errs)
			}
			if code != 0 && errs == "" {
				t.Fatal("no message")
			}
			for _, d := range w.status(-1).Domains {
				if d.PointsAt != "primary" && d.PointsAt != "standby" {
					t.Errorf("%s points at %q", d.Name, d.PointsAt)
				}
			}
		})
	}
}

func TestStateDirectoryThatCannotBeWritten(t *testing.T) {
	w := start(t)
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	w.state = filepath.Join(file, "below")
	w.must(0, nil, "status") // seeing needs no journal
	code, _, errs := w.run("failover", "--to", "standby", "--yes", "--reason", "x")
	if code != 4 || !strings.Contains(errs, "DUTYOPS_STATE") {
		t.Fatalf("exit %d\n%s", code, errs)
	}
}

func TestSecondOperatorIsTurnedAway(t *testing.T) {
	w := start(t)
	w.fault("dns/cloudflare", "hang") // keeps the first one busy
	first := w.command("failover", "--to", "standby", "--yes", "--reason", "first")
	var errs lockedBuffer
	first.Stderr = &errs
	if err := first.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = first.Process.Kill(); _ = first.Wait() }()
	w.until("the first holds the lease", 10*time.Second, func() (bool, string) {
		_, out, _ := w.run("status", "-o", "json")
		return strings.Contains(string(out), `"holder"`), errs.String()
	})
	code, _, text := w.run("sync", "run", "--yes", "--reason", "second")
	if code != 7 || !strings.Contains(text, "story") {
		t.Fatalf("exit %d: %s", code, text)
	}
}

func TestInterruptStopsAtAStepBoundary(t *testing.T) {
	w := start(t)
	cmd := w.command("failover", "--to", "standby", "--yes", "--reason", "interrupted")
	var errs lockedBuffer
	cmd.Stderr = &errs
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	w.until("the run begins", 20*time.Second, func() (bool, string) { return strings.Contains(errs.String(), "fence"), errs.String() })
	_ = cmd.Process.Signal(syscall.SIGINT)
	_ = cmd.Wait()
	var l struct{ Runs []runDoc }
	w.must(0, &l, "runs", "list")
	switch code := cmd.ProcessState.ExitCode(); {
	case code == 0 && l.Runs[0].State == "done": // it was faster than the signal
	case code == 5 && l.Runs[0].State == "parked":
		w.must(0, nil, "runs", "resume", l.Runs[0].ID, "--yes")
	default:
		t.Fatalf("exit %d, state %s\n%s", code, l.Runs[0].State, errs.String())
	}
	w.usersServedBy("standby")
}

// TestDNSIsHeldReadyUntilInterrupted: `dns arm --watch` reads once and again, and what it
// holds is fresh for a later process.
func TestDNSIsHeldReadyUntilInterrupted(t *testing.T) {
	w := start(t)
	if code, _, errs := w.run("dns", "arm", "--watch", "--probe-write"); code != 2 || !strings.Contains(errs, "expected one of them") {
		t.Fatalf("exit %d\n%s", code, errs)
	}
	w.edit("\ndns:\n", "\ndns:\n  armed: {every: 1s}\n")
	cmd := w.command("dns", "arm", "--watch", "-o", "json")
	var lines lockedBuffer
	cmd.Stdout = &lines
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	armed := func() (out []time.Time) {
		for _, l := range strings.Split(strings.TrimSpace(lines.String()), "\n") {
			var r struct {
				Zones []struct {
					Fresh bool
					Armed time.Time
				}
			}
			if json.Unmarshal([]byte(l), &r) == nil && len(r.Zones) > 0 && r.Zones[0].Fresh {
				out = append(out, r.Zones[0].Armed)
			}
		}
		return out
	}
	w.until("a second reading", time.Minute, func() (bool, string) {
		a := armed()
		return len(a) > 1 && a[len(a)-1].After(a[0]), lines.String()
	})
	_ = cmd.Process.Signal(syscall.SIGINT)
	if err := cmd.Wait(); err != nil {
		t.Fatalf("interrupted: %v", err)
	}
}

func TestDNSCanBeWatchedAndPrinted(t *testing.T) {
	w := start(t)
	code, out, errs := w.run("plan", "failover", "--to", "standby", "--manual")
	if code != 0 || strings.Count(string(out), "prereq yxrrset") != 2*len(w.truth.Domains) || !strings.Contains(string(out), "send") {
		t.Fatalf("exit %d\n%s%s", code, out, errs)
	}
	cmd := w.command("dns", "check", "--watch", "-o", "json")
	var lines lockedBuffer
	cmd.Stdout = &lines
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	w.until("two documents", 20*time.Second, func() (bool, string) { return strings.Count(lines.String(), "\n") >= 2, lines.String() })
	_ = cmd.Process.Signal(syscall.SIGINT)
	if err := cmd.Wait(); err != nil {
		t.Fatalf("interrupted: %v", err)
	}
}
