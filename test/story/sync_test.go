package story

import (
	"strings"
	"testing"
	"time"
)

// A sync run that passes a store over is done, and says to a person, to a script and by
// its exit code that not everything follows.
func TestSyncRunSaysWhatItSkipped(t *testing.T) {
	w := start(t)
	w.fault("standby/data/mysql", "down")
	var r struct {
		State   string `json:"state"`
		Skipped int    `json:"skipped"`
		Next    string `json:"next"`
		Steps   []struct{ Title, State, Error string }
	}
	w.must(3, &r, "sync", "run", "--yes", "--reason", "one store is down")
	var skipped []string
	for _, s := range r.Steps {
		if s.State == "skipped" {
			skipped = append(skipped, s.Title)
		}
	}
	if r.State != "done" || r.Skipped != 1 || len(skipped) != 1 || !strings.Contains(skipped[0], "standby/data/mysql") ||
		!strings.Contains(r.Next, "`dutyops sync run` once more") {
		t.Errorf("the run: %+v", r)
	}
	code, out, errs := w.run("sync", "run", "--yes", "--reason", "again, for a person")
	if code != 3 || !strings.Contains(string(out), " steps skipped") || !strings.Contains(string(out), "skipped: Re-protect: standby/data/mysql") {
		t.Errorf("exit %d\n%s\n%s", code, out, errs)
	}
	w.heal()
	w.until("everything follows", time.Minute, func() (bool, string) {
		code, out, errs := w.run("sync", "run", "--yes", "--reason", "all of it", "-o", "json")
		return code == 0 && !strings.Contains(string(out), `"skipped"`), string(out) + errs
	})
}
