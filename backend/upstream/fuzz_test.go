package upstream

import (
	"strings"
	"testing"

	"github.com/dutyops/dutyops/backend/config"
	"github.com/dutyops/dutyops/probes/guard"
)

// FuzzSavepoint: what Flink says of a savepoint. A path is told of a completed one without a
// failure only, and is what the next start can be given.
func FuzzSavepoint(f *testing.F) {
	for _, s := range []string{
		`{"status":{"id":"IN_PROGRESS"}}`, `{"status":{"id":"COMPLETED"},"operation":{"location":"file:/sp/savepoint-1"}}`,
		`{"status":{"id":"COMPLETED"},"operation":{"failure-cause":{"stack-trace":"java.lang.E: no\n\tat x"}}}`,
		`{"status":{"id":"COMPLETED"},"operation":{"location":"file:/sp\u001b[2J"}}`, `{"status":{"id":"COMPLETED"},"operation":null}`, `null`, `[]`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var st savepointStatus
		if guard.JSON(b, &st) != nil {
			return
		}
		path, failure, done := st.outcome()
		switch {
		case !done && path+failure != "", done && (path == "") == (failure == ""):
			t.Fatalf("%s: path %q, failure %q, done %v", b, path, failure, done)
		case done != (st.Status.ID == "COMPLETED"):
			t.Fatalf("%s: done %v", b, done)
		case path != "" && (path != st.Operation.Location || st.Operation.Failure.Trace != "" || len(path) > maxPath):
			t.Fatalf("%s: path %q", b, path)
		case strings.ContainsAny(path+failure, "\x1b\n\r"):
			t.Fatalf("not fit to show: %q %q", path, failure)
		}
	})
}

// FuzzJobs: the jobs of a cluster, of which one that is not known to have ended may write. Half a
// list is none.
func FuzzJobs(f *testing.F) {
	for _, s := range []string{
		`{"jobs":[{"jid":"a","name":"ingest","state":"RUNNING"},{"jid":"b","name":"ingest","state":"FINISHED"}]}`,
		`{"jobs":[{"jid":"a","name":"ingest","state":""},{"jid":"\u001b[2J","name":"ingest","state":"SUSPENDED"}]}`,
		`{"jobs":[{"jid":"a","name":"ingest","state":"RUNNING"`, `{"jobs":null}`, `{}`, `null`,
	} {
		f.Add([]byte(s))
	}
	j := &Job{conf: config.Job{Name: "ingest"}}
	f.Fuzz(func(t *testing.T, b []byte) {
		var jobs []jobState
		if _, err := guard.Each(b, "jobs", j.taker(&jobs)); err != nil {
			return
		}
		var whole struct {
			Jobs []jobState `json:"jobs"`
		}
		if guard.JSON(b, &whole) != nil { // of several fields of one name the readers take another
			return
		}
		for _, x := range jobs {
			if ended(x.State) || x.Name != "ingest" || strings.ContainsAny(x.ID+x.State, "\x1b\n\r") {
				t.Fatalf("%q: %+v", b, x)
			}
		}
		if strings.Count(string(b), `"jobs"`) != 1 {
			return
		}
		alive := 0
		for _, x := range whole.Jobs {
			if x.Name == "ingest" && !ended(x.State) {
				alive++
			}
		}
		if alive != len(jobs) {
			t.Fatalf("%q: %d jobs of %d that may write", b, len(jobs), alive)
		}
	})
}
