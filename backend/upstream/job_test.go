package upstream

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/dutyops/dutyops/backend/config"
)

// flink is a scripted cluster. Jobs move one state per look.
type flink struct {
	mu    sync.Mutex
	jobs  []*flinkJob
	jars  []map[string]any
	runs  []map[string]any
	polls int
	// failSavepoint makes a savepoint fail; failStart makes a new job fail.
	failSavepoint, failStart bool
	application              bool // a cluster in application mode: it has no /jars
}

type flinkJob struct {
	id, name, state string
	next            []string
}

func (j *flinkJob) look() string {
	if len(j.next) > 0 {
		j.state, j.next = j.next[0], j.next[1:]
	}
	return j.state
}

func (f *flink) job(id string) *flinkJob {
	for _, j := range f.jobs {
		if j.id == id {
			return j
		}
	}
	return nil
}

func (f *flink) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	p := strings.Split(strings.Trim(r.URL.Path, "/"), "/")
	var body map[string]any
	if r.Body != nil {
		_ = json.NewDecoder(r.Body).Decode(&body)
	}
	answer := func(v any) { _ = json.NewEncoder(w).Encode(v) }
	switch {
	case r.URL.Path == "/jobs/overview":
		list := []map[string]string{}
		for _, j := range f.jobs {
			list = append(list, map[string]string{"jid": j.id, "name": j.name, "state": j.state})
		}
		answer(map[string]any{"jobs": list})
	case f.application && p[0] == "jars":
		http.Error(w, `{"errors":["Not found: /jars"]}`, http.StatusNotFound)
	case r.URL.Path == "/jars":
		answer(map[string]any{"files": f.jars})
	case p[0] == "jars" && p[2] == "run":
		body["jar"] = p[1]
		f.runs = append(f.runs, body)
		j := &flinkJob{id: fmt.Sprintf("new%d", len(f.runs)), name: "ingest", state: "CREATED", next: []string{"CREATED", "RUNNING"}}
		if f.failStart {
			j.next = []string{"FAILED"}
		}
		f.jobs = append(f.jobs, j)
		answer(map[string]any{"jobid": j.id})
	case p[0] == "jobs" && len(p) > 1 && f.job(p[1]) == nil:
		http.NotFound(w, r)
	case len(p) == 2 && r.Method == http.MethodGet:
		answer(map[string]string{"jid": p[1], "state": f.job(p[1]).look()})
	case len(p) == 2 && r.Method == http.MethodPatch:
		f.job(p[1]).next = []string{"CANCELLING", "CANCELED"}
		w.WriteHeader(http.StatusAccepted)
	case p[2] == "stop":
		if !f.failSavepoint {
			f.job(p[1]).next = []string{"RUNNING", "FINISHED"} // ends a moment after the savepoint
		}
		answer(map[string]any{"request-id": "t1", "dir": body["targetDirectory"]})
	case p[2] == "savepoints":
		f.polls++
		switch {
		case f.polls < 3:
			answer(map[string]any{"status": map[string]string{"id": "IN_PROGRESS"}, "operation": nil})
		case f.failSavepoint:
			answer(map[string]any{"status": map[string]string{"id": "COMPLETED"}, "operation": map[string]any{
				"failure-cause": map[string]string{"stack-trace": "java.io.IOException: disk full\n at x"},
			}})
		default:
			answer(map[string]any{"status": map[string]string{"id": "COMPLETED"}, "operation": map[string]any{"location": "file:/sp/1"}})
		}
	case p[2] == "exceptions":
		answer(map[string]string{"root-exception": "java.io.FileNotFoundException: file:/sp/1\n at y"})
	default:
		http.NotFound(w, r)
	}
}

func newJob(t *testing.T, f *flink) *Job {
	t.Helper()
	srv := httptest.NewServer(f)
	t.Cleanup(srv.Close)
	j, err := NewJob(config.Component{Name: "flink", URL: srv.URL, Job: config.Job{
		Name: "ingest", Jar: "ingest.jar", EntryClass: "Ingest", Args: []string{"--site", "standby"}, SavepointDir: "file:/sp",
	}},
		Options{Poll: time.Millisecond, Wait: 5 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = j.Close() })
	return j
}

func TestStopWithSavepointWaitsForTheEnd(t *testing.T) {
	f := &flink{jobs: []*flinkJob{{id: "other", name: "reports", state: "RUNNING"}, {id: "old", name: "ingest", state: "FINISHED"}, {id: "j1", name: "ingest", state: "RUNNING"}}}
	j := newJob(t, f)
	if id, ok, err := j.Running(t.Context()); err != nil || !ok || id != "j1" {
		t.Fatalf("Running = %s, %v, %v", id, ok, err)
	}
	path, err := j.StopWithSavepoint(t.Context())
	if err != nil || path != "file:/sp/1" {
		t.Fatalf("StopWithSavepoint = %q, %v", path, err)
	}
	if f.job("j1").state != "FINISHED" {
		t.Errorf("returned while the job is %s", f.job("j1").state)
	}
	if f.job("other").state != "RUNNING" {
		t.Error("a job of another name was touched")
	}
	if path, err := j.StopWithSavepoint(t.Context()); err != nil || path != "" {
		t.Errorf("again: %q, %v; want nothing to do", path, err)
	}
}

func TestFailedSavepointLeavesTheJobAndSaysWhy(t *testing.T) {
	f := &flink{failSavepoint: true, jobs: []*flinkJob{{id: "j1", name: "ingest", state: "RUNNING"}}}
	_, err := newJob(t, f).StopWithSavepoint(t.Context())
	if !errors.Is(err, ErrFailed) || !strings.Contains(err.Error(), "disk full") {
		t.Fatalf("StopWithSavepoint = %v, want ErrFailed with the cause", err)
	}
}

func TestARestartingJobIsNotGone(t *testing.T) {
	f := &flink{jobs: []*flinkJob{{id: "j1", name: "ingest", state: "RESTARTING"}}}
	if _, ok, err := newJob(t, f).Running(t.Context()); err != nil || !ok {
		t.Fatalf("Running = %v, %v; a restarting job will write again", ok, err)
	}
}

func TestCancel(t *testing.T) {
	f := &flink{jobs: []*flinkJob{{id: "j1", name: "ingest", state: "RUNNING"}}}
	j := newJob(t, f)
	if _, err := j.Cancel(t.Context()); err != nil || f.job("j1").state != "CANCELED" {
		t.Fatalf("Cancel: %v, job %s", err, f.job("j1").state)
	}
	if ev, err := j.Cancel(t.Context()); err != nil || len(ev) != 1 {
		t.Fatalf("again: %v, %v", ev, err)
	}
}

func TestStartFindsTheJarAndRunsOnce(t *testing.T) {
	f := &flink{jars: []map[string]any{{"id": "b_ingest.jar", "name": "ingest.jar", "uploaded": 2}, {"id": "a_ingest.jar", "name": "ingest.jar", "uploaded": 1}, {"id": "c", "name": "x.jar", "uploaded": 3}}}
	j := newJob(t, f)
	id, err := j.Start(t.Context(), "file:/sp/1")
	if err != nil || id != "new1" || f.job(id).state != "RUNNING" {
		t.Fatalf("Start = %q, %v", id, err)
	}
	run := f.runs[0]
	if run["jar"] != "b_ingest.jar" || run["savepointPath"] != "file:/sp/1" || run["entryClass"] != "Ingest" || fmt.Sprint(run["allowNonRestoredState"], run["programArgsList"]) != "false [--site standby]" {
		t.Errorf("run with %v", run)
	}
	if again, err := j.Start(t.Context(), ""); err != nil || again != id || len(f.runs) != 1 {
		t.Errorf("again: %q, %v, %d runs; there must never be two", again, err, len(f.runs))
	}
}

func TestStartFailures(t *testing.T) {
	if _, err := newJob(t, &flink{}).Start(t.Context(), ""); !errors.Is(err, ErrConfig) {
		t.Errorf("no jar: %v, want ErrConfig", err)
	}
	f := &flink{failStart: true, jars: []map[string]any{{"id": "ingest.jar", "name": "whatever", "uploaded": 1}}}
	if _, err := newJob(t, f).Start(t.Context(), "file:/sp/1"); !errors.Is(err, ErrFailed) || !strings.Contains(err.Error(), "FileNotFoundException") {
		t.Errorf("a job that fails while starting: %v, want ErrFailed with the cause", err)
	}
	_, err := newJob(t, &flink{application: true}).Start(t.Context(), "file:/sp/1")
	if !errors.Is(err, ErrConfig) || !strings.Contains(err.Error(), "application mode") || !strings.Contains(err.Error(), "execution.savepoint.path=file:/sp/1") {
		t.Errorf("application mode: %v, want what to do instead", err)
	}
	stuck := newJob(t, &flink{jobs: []*flinkJob{{id: "j1", name: "ingest", state: "INITIALIZING"}}})
	stuck.api.opts.Wait = 20 * time.Millisecond
	if _, err := stuck.Start(t.Context(), ""); !errors.Is(err, ErrTimeout) {
		t.Errorf("a job that never runs: %v, want ErrTimeout", err)
	}
}

// Of the states that Flink knows only the three that are globally terminal end a job; one that is
// suspended, or in a state of a later version, may write again.
func TestJobsThatHaveEnded(t *testing.T) {
	for _, state := range []string{"FINISHED", "CANCELED", "FAILED"} {
		if !ended(state) {
			t.Errorf("%s is said to go on", state)
		}
	}
	for _, state := range []string{"INITIALIZING", "CREATED", "RUNNING", "FAILING", "CANCELLING", "RESTARTING", "SUSPENDED", "RECONCILING", "", "ANEW"} {
		if ended(state) {
			t.Errorf("%q is said to have ended", state)
		}
	}
}
