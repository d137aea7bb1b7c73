package story

import (
	"fmt"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// What is slow is shown as slow: nobody is sent away for it.
func TestSlowIsNotDown(t *testing.T) {
	w := start(t)
	w.fault("primary", "slow")
	s := w.status(3)
	if s.Case != "normal" || s.Advice.Action != "none" {
		t.Fatalf("case %s, advice %s", s.Case, s.Advice.Action)
	}
	for _, site := range s.Sites {
		if site.Name != "primary" {
			continue
		}
		for _, p := range site.Platforms {
			for _, c := range p.Components {
				if c.State != "degraded" {
					t.Errorf("%s/%s is %s, want degraded", p.Name, c.Name, c.State)
				}
			}
		}
	}
}

// Some stations move, then the rest; each way back is open and the stores stay where
// the users' majority is not the question.
func TestStationsGoAndComeBack(t *testing.T) {
	w := start(t)
	w.must(0, nil, "failover", "--to", "standby", "--stations", "PVG,SHA", "--yes", "--reason", "two stations")
	if s := w.status(0); s.ServingSite != "primary" || s.Case != "normal" {
		t.Fatalf("serving %s, case %s", s.ServingSite, s.Case)
	}
	var r runDoc
	w.must(0, &r, "failback", "--yes", "--reason", "two stations back")
	if r.DNS.RecordsChanged != 4 {
		t.Errorf("%d record sets changed, want 4", r.DNS.RecordsChanged)
	}
	for _, d := range w.status(0).Domains {
		if d.PointsAt != "primary" {
			t.Errorf("%s points at %s", d.Name, d.PointsAt)
		}
	}
}

// A roll-back leaves one mirror and one writer, and a run that another came after is
// not taken up any more.
func TestRollbackLeavesNoLoop(t *testing.T) {
	w := start(t)
	var r runDoc
	w.must(0, &r, "failover", "--to", "standby", "--yes", "--reason", "planned")
	w.must(0, nil, "runs", "rollback", r.ID, "--yes", "--reason", "not today")
	w.everythingArrives("primary")
	w.everythingArrives("standby")
	var tr truth
	w.ask("/truth", &tr)
	for name, s := range tr.Sites {
		if s.Duplicated > 20 {
			t.Errorf("%s has %d messages twice", name, s.Duplicated)
		}
	}
	w.status(0) // every store follows again
	w.must(0, nil, "failover", "--to", "standby", "--yes", "--reason", "planned again")
	w.must(4, nil, "runs", "rollback", r.ID, "--yes", "--reason", "the wrong one")
}

// There and back leaves no message of the time away behind twice.
func TestNothingIsReadAgainAtHome(t *testing.T) {
	w := start(t)
	w.everythingArrives("standby")
	w.fault("primary/data", "down")
	w.must(0, nil, "failover", "--yes", "--reason", "data down")
	w.everythingArrives("standby")
	w.heal()
	w.home()
	w.everythingArrives("primary")
	var tr truth
	w.ask("/truth", &tr)
	if d := tr.Sites["primary"].Duplicated; d > 20 {
		t.Errorf("the primary has %d of %d messages twice", d, tr.Sent)
	}
}

// The cut-down site takes over when nothing else can, and gives everything back.
func TestEmergencySiteThereAndBack(t *testing.T) {
	w := start(t, "--emergency")
	w.fault("primary", "down")
	w.fault("standby", "down")
	w.must(0, nil, "failover", "--yes", "--reason", "both machine rooms")
	w.usersServedBy("emergency")
	w.heal()
	w.home()
	w.usersServedBy("primary")
}

// Interrupted while it still looks: nothing was begun, and the exit code says so.
func TestInterruptBeforeAnythingBegan(t *testing.T) {
	w := start(t)
	w.fault("dns/cloudflare", "hang") // planning takes its time
	cmd := w.command("failover", "--to", "standby", "--yes", "--reason", "interrupted")
	var errs lockedBuffer
	cmd.Stderr = &errs
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	w.until("it holds the lease", 10*time.Second, func() (bool, string) {
		var s struct{ Run *struct{ Holder string } }
		w.must(-1, &s, "status")
		return s.Run != nil, errs.String()
	})
	_ = cmd.Process.Signal(syscall.SIGINT)
	_ = cmd.Wait()
	if code := cmd.ProcessState.ExitCode(); code != 6 {
		t.Fatalf("exit %d, want 6\n%s", code, errs.String())
	}
	var l struct{ Runs []runDoc }
	w.must(0, &l, "runs", "list")
	if len(l.Runs) != 0 {
		t.Fatalf("runs: %+v", l.Runs)
	}
}

// A run that stopped between the new writer's first words and the old one's following
// is taken back without leaving the pair apart.
func TestRollbackOfAParkedRunLeavesNoDivergence(t *testing.T) {
	w := start(t)
	cmd := w.command("failover", "--to", "standby", "--yes", "--reason", "stopped half-way")
	var errs lockedBuffer
	cmd.Stderr = &errs
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	w.until("the standby is promoted", 20*time.Second, func() (bool, string) {
		return strings.Contains(errs.String(), "Promote standby"), errs.String()
	})
	_ = cmd.Process.Signal(syscall.SIGINT)
	_ = cmd.Wait()
	var l struct{ Runs []runDoc }
	w.must(0, &l, "runs", "list")
	w.until("rolled back", 20*time.Second, func() (bool, string) { // a run that was done waits for its replicas
		code, _, errs := w.run("runs", "rollback", l.Runs[0].ID, "--yes", "--reason", "not today")
		return code == 0, errs
	})
	w.usersServedBy("primary")
	w.until("every store follows again", 20*time.Second, func() (bool, string) {
		code, out, _ := w.run("status")
		return code == 0, string(out)
	})
}

// A roll-back that would lead users to a gateway that is down says so before it begins.
func TestRollbackToADeadGatewayIsWarnedOf(t *testing.T) {
	w := start(t)
	var r runDoc
	w.must(0, &r, "failover", "--to", "standby", "--yes", "--reason", "planned")
	const told = "warning: the gateway of primary is down"
	w.fault("primary/gateway", "down")
	if _, _, errs := w.run("runs", "rollback", r.ID, "--yes", "--reason", "changed our mind"); !strings.Contains(errs, told) {
		t.Errorf("nothing is said of the gateway: %s", errs)
	}
	w.heal()
	w.until("rolled back", 30*time.Second, func() (bool, string) {
		code, _, errs := w.run("runs", "rollback", r.ID, "--yes", "--reason", "changed our mind")
		return code == 0 && !strings.Contains(errs, told), errs
	})
	w.usersServedBy("primary")
}

// A state directory that fills up: before anything was done the run is refused, later it
// stops where it is; the message says what to free, and with room again it is taken up.
func TestStateDirectoryThatFillsUp(t *testing.T) {
	for _, c := range []struct {
		name   string
		blocks int // of 512 bytes, the largest file that the process may write
		code   int
	}{{"before anything was done", 80, 4}, {"part-way", 320, 5}} {
		t.Run(c.name, func(t *testing.T) {
			w := start(t)
			w.must(0, nil, "status")
			cmd := w.command("failover", "--to", "standby", "--yes", "--reason", "a full disk")
			sh := exec.Command("sh", "-c", fmt.Sprintf(`ulimit -f %d && exec "$0" "$@"`, c.blocks)) //nolint:gosec // our own binary, which ends by itself
			sh.Args = append(sh.Args, cmd.Args...)
			sh.Env, sh.Dir = cmd.Env, cmd.Dir
			out, _ := sh.CombinedOutput()
			if code := sh.ProcessState.ExitCode(); code != c.code || !strings.Contains(string(out), "free space") {
				t.Fatalf("exit %d, want %d and what to do\n%s", code, c.code, out)
			}
			if c.code == 4 {
				w.usersServedBy("primary")
			}
			var l struct{ Runs []runDoc }
			w.must(0, &l, "runs", "list")
			switch {
			case len(l.Runs) == 1 && l.Runs[0].State == "interrupted":
				w.must(0, nil, "runs", "resume", l.Runs[0].ID, "--yes")
			case len(l.Runs) == 0 && c.code == 4: // not even its opening found room
				w.must(0, nil, "failover", "--to", "standby", "--yes", "--reason", "with room again")
			default:
				t.Fatalf("runs: %+v", l.Runs)
			}
			w.usersServedBy("standby")
			w.must(0, nil, "runs", "verify")
		})
	}
}

// The links that stand are given the passwords of now, and stand afterwards.
func TestLinksAreGivenThePasswordsOfNow(t *testing.T) {
	w := start(t)
	var r runDoc
	w.must(0, &r, "sync", "run", "--renew-passwords", "--yes", "--reason", "the replication password was changed")
	if r.State != "done" || len(r.Steps) == 0 {
		t.Fatalf("%+v", r)
	}
	for _, s := range r.Steps {
		if s.State != "done" || !strings.HasPrefix(s.Title, "Renew the account of the link") {
			t.Errorf("%s: %s %s", s.Title, s.State, s.Error)
		}
	}
	w.until("the links stand", 20*time.Second, func() (bool, string) {
		_, out, _ := w.run("sync", "status")
		return !strings.Contains(string(out), "broken") && !strings.Contains(string(out), "stopped"), string(out)
	})
}
