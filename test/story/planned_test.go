package story

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// edit changes the sandbox's configuration; every old text must be there.
func (w *world) edit(pairs ...string) {
	w.t.Helper()
	path := filepath.Join(w.dir, "dutyops.yaml")
	b, err := os.ReadFile(path)
	if err != nil {
		w.t.Fatal(err)
	}
	text := string(b)
	for i := 0; i < len(pairs); i += 2 {
		if !strings.Contains(text, pairs[i]) {
			w.t.Fatalf("the configuration has no %q:\n%s", pairs[i], text)
		}
		text = strings.ReplaceAll(text, pairs[i], pairs[i+1])
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		w.t.Fatal(err)
	}
}

// ttls are the TTLs that authoritative servers give, by name and type.
func (w *world) ttls() map[string]uint32 {
	w.t.Helper()
	var doc struct {
		Domains []struct {
			Name, Type    string
			Authoritative []struct {
				TTL uint32 `json:"ttl_s"`
			}
		}
	}
	w.must(-1, &doc, "dns", "check")
	out := map[string]uint32{}
	for _, d := range doc.Domains {
		for _, a := range d.Authoritative {
			out[d.Name+" "+d.Type] = max(out[d.Name+" "+d.Type], a.TTL)
		}
	}
	return out
}

func (w *world) everyTTL(when string, want uint32) {
	w.t.Helper()
	w.until(when, 10*time.Second, func() (bool, string) {
		got := w.ttls()
		for k, ttl := range got {
			if ttl != want {
				return false, k
			}
		}
		return len(got) > 0, "no answers"
	})
}

type commitDoc struct {
	runDoc
	Committed   time.Time `json:"committed"`
	CommittedBy string    `json:"committed_by"`
}

// The sandbox's names have a TTL of 2 s; RFC 2136 has no floor.
func plannedWorld(t *testing.T) *world {
	w := start(t)
	w.edit("provider: cloudflare, auth", "provider: rfc2136, auth", "ttl: 2s}", "ttl: 2s, switch_ttl: 1s}")
	return w
}

func TestPlannedSwitchLowersTTLsAndCommits(t *testing.T) {
	w := plannedWorld(t)
	var plan struct {
		PlanHash string `json:"plan_hash"`
		Steps    []struct {
			Action string `json:"action"`
			WaitS  int    `json:"wait_s"`
		} `json:"steps"`
	}
	w.must(0, &plan, "plan", "failover", "--to", "standby", "--graceful-ttl")
	if s := plan.Steps; s[1].Action != "lower-ttl" || s[2].Action != "wait-ttl" || s[2].WaitS != 2 || s[len(s)-1].Action != "restore-ttl" {
		t.Fatalf("steps %+v", plan.Steps)
	}
	w.must(2, nil, "plan", "failover", "--to", "standby", "--graceful-ttl", "--forced")

	var r commitDoc
	w.must(0, &r, "failover", "--to", "standby", "--graceful-ttl", "--plan-hash", plan.PlanHash, "--yes", "--reason", "maintenance")
	if r.State != "done" || r.DNS.RecordsChanged != r.DNS.RecordsPlanned || !r.Committed.IsZero() {
		t.Fatalf("%+v", r)
	}
	w.usersServedBy("standby")
	w.everyTTL("TTLs are short during the probation", 1)

	w.must(0, &r, "runs", "commit", r.ID, "--yes")
	if r.State != "done" || r.Committed.IsZero() || r.CommittedBy != "story" || r.DNS.RecordsChanged != r.DNS.RecordsPlanned {
		t.Fatalf("after the commit: %+v", r)
	}
	w.everyTTL("TTLs are as before after the commit", 2)
	w.usersServedBy("standby")

	w.must(4, nil, "runs", "commit", r.ID, "--yes")
	code, _, errs := w.run("runs", "rollback", r.ID, "--yes")
	if code != 4 || !strings.Contains(errs, "dutyops failback") {
		t.Errorf("roll-back of a committed run: exit %d, %s", code, errs)
	}
	if code, out, _ := w.run("runs", "report", r.ID); code != 0 || !strings.Contains(string(out), "| committed |") {
		t.Errorf("report: exit %d\n%s", code, out)
	}
	w.must(0, nil, "runs", "verify")
}

func TestRollbackOfAPlannedSwitchRestoresTTLs(t *testing.T) {
	w := plannedWorld(t)
	var r commitDoc
	w.must(0, &r, "failover", "--to", "standby", "--graceful-ttl", "--yes", "--reason", "maintenance")
	w.everyTTL("TTLs are short during the probation", 1)
	w.until("the roll-back is allowed", 30*time.Second, func() (bool, string) {
		code, _, errs := w.run("runs", "rollback", r.ID, "--yes", "--reason", "not today")
		return code == 0, errs
	})
	w.everyTTL("TTLs are as before after the roll-back", 2)
	w.usersServedBy("primary")
	w.must(4, nil, "runs", "commit", r.ID, "--yes")
}

func TestOneBadNameIsLeftOutByNameAndReason(t *testing.T) {
	w := start(t)
	// The inventory does not know of the AAAA of one name.
	name := w.truth.Domains[0]
	path := filepath.Join(w.dir, "dutyops.yaml")
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(string(b), "\n")
	for i, l := range lines {
		if strings.Contains(l, "{name: "+name+",") {
			lines[i] = strings.Replace(l, "types: [A, AAAA]", "types: [A]", 1)
		}
	}
	if err := os.WriteFile(path, []byte(strings.Join(lines, "\n")), 0o600); err != nil {
		t.Fatal(err)
	}

	var plan struct {
		Stops []struct {
			Name, Gate, Evidence string
			ClearsWhen           string `json:"clears_when"`
			LeftOut              string `json:"left_out"`
		}
		BlockedBy []struct{ Gate string } `json:"blocked_by"`
	}
	w.must(4, &plan, "plan", "failover", "--to", "standby", "--forced")
	if len(plan.Stops) != 1 || plan.Stops[0].Name != name || plan.Stops[0].Gate != "inventory-counts" || plan.Stops[0].ClearsWhen == "" || len(plan.BlockedBy) != 1 {
		t.Fatalf("%+v", plan)
	}
	w.must(2, nil, "plan", "failover", "--to", "standby", "--leave-out", name)
	leave := name + ": AAAA unknown, ticket 7"
	w.must(0, &plan, "plan", "failover", "--to", "standby", "--leave-out", leave)
	if plan.Stops[0].LeftOut != "AAAA unknown, ticket 7" || len(plan.BlockedBy) != 0 {
		t.Fatalf("left out: %+v", plan)
	}
	var r runDoc
	w.must(0, &r, "failover", "--to", "standby", "--leave-out", leave, "--yes", "--reason", "maintenance")
	if r.DNS.RecordsPlanned != 2*(len(w.truth.Domains)-1) {
		t.Errorf("%d record sets planned", r.DNS.RecordsPlanned)
	}
	var s struct {
		status
		Overrides []struct{ Kind, Target, Reason, Owner string }
	}
	w.must(-1, &s, "status")
	if s.ServingSite != "standby" || len(s.Overrides) != 1 || s.Overrides[0].Target != name || s.Overrides[0].Kind != "left-out" {
		t.Errorf("a name that was left out has a say, or is not in the banner: serving %s, overrides %+v", s.ServingSite, s.Overrides)
	}
	if code, out, _ := w.run("runs", "report", r.ID); code != 0 || !strings.Contains(string(out), "ticket 7") {
		t.Errorf("report: exit %d\n%s", code, out)
	}
}
