package upstream

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/dutyops/dutyops/backend/config"
	"github.com/dutyops/dutyops/probes/guard"
)

// Job is the ingest job of one Flink cluster, driven over its REST API
// (https://nightlies.apache.org/flink/flink-docs-stable/docs/ops/rest_api/). Safe for
// concurrent use; two calls that change the job must not run at the same time.
type Job struct {
	api  *api
	conf config.Job
}

// NewJob returns the job named by the flink component. It does not connect yet.
func NewJob(c config.Component, opts Options) (*Job, error) {
	if c.Job.Name == "" {
		return nil, fmt.Errorf("%s: job.name is empty: %w", c.Name, ErrConfig)
	}
	a, err := newAPI("flink "+c.Name, c.URL, c.TLS, opts)
	if err != nil {
		return nil, err
	}
	a.user, a.password = c.User, c.Password
	if c.Control.User != "" {
		a.user, a.password = c.Control.User, c.Control.Password
	}
	return &Job{api: a, conf: c.Job}, nil
}

// Close releases idle connections.
func (j *Job) Close() error {
	j.api.close()
	return nil
}

// jobState is one entry of GET /jobs/overview.
type jobState struct {
	ID    string `json:"jid"`
	Name  string `json:"name"`
	State string `json:"state"`
}

// ended: a job in such a state never runs again. SUSPENDED is not one: it comes back.
func ended(state string) bool {
	return state == "FINISHED" || state == "CANCELED" || state == "FAILED"
}

// alive are the jobs of our name that have not ended, in whatever state they are: one
// that restarts or is being created will write again.
func (j *Job) alive(ctx context.Context) ([]jobState, error) {
	var jobs []jobState
	// jobs that have ended stay listed, and there may be very many; half a list is an error,
	// as the other half may hold one that writes
	err := j.api.call(ctx, http.MethodGet, "/jobs/overview", nil, list{"jobs", j.taker(&jobs)})
	return jobs, err
}

// taker keeps of a list of jobs those of our name that have not ended.
func (j *Job) taker(jobs *[]jobState) func(json.RawMessage) error {
	return func(raw json.RawMessage) error {
		var x jobState
		if err := guard.JSON(raw, &x); err != nil {
			return err
		}
		if x.Name == j.conf.Name && !ended(x.State) {
			*jobs = append(*jobs, jobState{ID: fit(x.ID), Name: x.Name, State: fit(x.State)})
		}
		return nil
	}
}

// Running finds the job; ok is false when none of that name is alive. A job that is
// being created or restarted counts: it will run again by itself.
func (j *Job) Running(ctx context.Context) (id string, ok bool, err error) {
	jobs, err := j.alive(ctx)
	if err != nil || len(jobs) == 0 {
		return "", false, err
	}
	for _, x := range jobs {
		if x.State == "RUNNING" {
			return x.ID, true, nil
		}
	}
	return jobs[0].ID, true, nil
}

func (j *Job) state(ctx context.Context, id string) (string, error) {
	var job jobState
	err := j.api.call(ctx, http.MethodGet, "/jobs/"+url.PathEscape(id), nil, &job)
	return fit(job.State), err
}

// StopWithSavepoint stops every job of the name and returns the path of the savepoint;
// "" when none ran. On an error the job may go on running: look again.
func (j *Job) StopWithSavepoint(ctx context.Context) (path string, err error) {
	jobs, err := j.alive(ctx)
	if err != nil {
		return "", err
	}
	for _, x := range jobs {
		p, err := j.stop(ctx, x)
		if err != nil {
			return path, err
		}
		path = p
	}
	return path, nil
}

func (j *Job) stop(ctx context.Context, x jobState) (string, error) {
	ask := map[string]any{"drain": false}
	if j.conf.SavepointDir != "" {
		ask["targetDirectory"] = j.conf.SavepointDir
	}
	var started struct {
		Request string `json:"request-id"`
	}
	if err := j.api.call(ctx, http.MethodPost, "/jobs/"+url.PathEscape(x.ID)+"/stop", ask, &started); err != nil {
		return "", err
	}
	path := ""
	err := j.api.until(ctx, "stop job "+x.ID+" with a savepoint", func(ctx context.Context) (bool, string, error) {
		var st savepointStatus
		if err := j.api.call(ctx, http.MethodGet, "/jobs/"+url.PathEscape(x.ID)+"/savepoints/"+url.PathEscape(started.Request), nil, &st); err != nil {
			return false, "", err
		}
		where, failure, done := st.outcome()
		switch {
		case !done:
			return false, "savepoint " + fit(st.Status.ID), nil
		case failure != "":
			return false, "", fmt.Errorf("%s: savepoint of job %s: %w: %s", j.api.name, x.ID, ErrFailed, failure)
		}
		path = where
		return true, path, nil
	})
	if err != nil {
		return "", err
	}
	return path, j.awaitEnd(ctx, x.ID)
}

// maxPath is the longest path that a savepoint may have, in bytes.
const maxPath = 4096

// savepointStatus is GET /jobs/ID/savepoints/TRIGGER.
type savepointStatus struct {
	Status struct {
		ID string `json:"id"`
	} `json:"status"`
	Operation struct {
		Location string `json:"location"`
		Failure  struct {
			Trace string `json:"stack-trace"`
		} `json:"failure-cause"`
	} `json:"operation"`
}

// outcome is where the savepoint is, or why there is none; done is false while it is made.
func (st savepointStatus) outcome() (path, failure string, done bool) {
	path = st.Operation.Location
	switch {
	case st.Status.ID != "COMPLETED":
		return "", "", false
	case st.Operation.Failure.Trace != "" || path == "":
		return "", firstLine(st.Operation.Failure.Trace) + " (cancel it to go on without one)", true
	case guard.Text(path, maxPath) != path:
		return "", "its path cannot be one: " + fit(path), true
	}
	return path, "", true
}

// awaitEnd waits until the job has ended: a savepoint completes a moment before that.
func (j *Job) awaitEnd(ctx context.Context, id string) error {
	return j.api.until(ctx, "end of job "+id, func(ctx context.Context) (bool, string, error) {
		st, err := j.state(ctx, id)
		if isStatus(err, http.StatusNotFound) {
			return true, "gone", nil
		}
		return ended(st), "job is " + st, err
	})
}

// Cancel ends every job of the name without a savepoint.
func (j *Job) Cancel(ctx context.Context) ([]string, error) {
	jobs, err := j.alive(ctx)
	if err != nil {
		return nil, err
	}
	if len(jobs) == 0 {
		return []string{"no job " + j.conf.Name + " is running"}, nil
	}
	var ev []string
	for _, x := range jobs {
		err := j.api.call(ctx, http.MethodPatch, "/jobs/"+url.PathEscape(x.ID)+"?mode=cancel", nil, nil)
		if err != nil && !isStatus(err, http.StatusConflict, http.StatusNotFound) { // it ended meanwhile
			return ev, err
		}
		if err := j.awaitEnd(ctx, x.ID); err != nil {
			return ev, err
		}
		ev = append(ev, "job "+x.ID+" is cancelled")
	}
	return ev, nil
}

// Start runs the job, from savepoint when it is not empty, and waits until it runs. A
// job of the name that is alive already is waited for instead: there must never be two.
func (j *Job) Start(ctx context.Context, savepoint string) (id string, err error) {
	id, ok, err := j.Running(ctx)
	if err != nil {
		return "", err
	}
	if !ok {
		if id, err = j.submit(ctx, savepoint); err != nil {
			return "", err
		}
	}
	return id, j.api.until(ctx, "start of job "+id, func(ctx context.Context) (bool, string, error) {
		st, err := j.state(ctx, id)
		if err != nil && !isStatus(err, http.StatusNotFound) { // not listed yet
			return false, "", err
		}
		if ended(st) {
			return false, "", fmt.Errorf("%s: job %s is %s: %w: %s", j.api.name, id, st, ErrFailed, j.cause(ctx, id))
		}
		return st == "RUNNING", "job is " + st, nil
	})
}

func (j *Job) submit(ctx context.Context, savepoint string) (string, error) {
	jar, err := j.jar(ctx)
	if isStatus(err, http.StatusNotFound) {
		return "", j.takesNoJobs(savepoint)
	}
	if err != nil {
		return "", err
	}
	ask := map[string]any{}
	if j.conf.EntryClass != "" {
		ask["entryClass"] = j.conf.EntryClass
	}
	if len(j.conf.Args) > 0 {
		ask["programArgsList"] = j.conf.Args
	}
	if savepoint != "" {
		ask["savepointPath"], ask["allowNonRestoredState"] = savepoint, false
	}
	var started struct {
		ID string `json:"jobid"`
	}
	// Flink answers when the job's main method has returned, which may take seconds.
	if err := j.api.callWithin(ctx, j.api.opts.Wait, http.MethodPost, "/jars/"+url.PathEscape(jar)+"/run", ask, &started); err != nil {
		return "", err
	}
	if started.ID == "" {
		return "", fmt.Errorf("%s: the answer names no job: %w", j.api.name, ErrUnreachable)
	}
	return fit(started.ID), nil
}

// takesNoJobs: a cluster in application mode is its one job and has no /jars, and a session
// cluster may be told to have none (web.submit.enable).
func (j *Job) takesNoJobs(savepoint string) error {
	next := "start its deployment"
	if savepoint != "" {
		next += " with execution.savepoint.path=" + savepoint
	}
	return fmt.Errorf("%s: the cluster takes no jobs (application mode, or web.submit.enable is off): %w (%s; when the job runs, resume)", j.api.name, ErrConfig, next)
}

// jar finds the id of the job's jar: given as the id, or as the file name it was
// uploaded as; of several uploads of one name the newest.
func (j *Job) jar(ctx context.Context) (string, error) {
	var all struct {
		Files []struct {
			ID       string `json:"id"`
			Name     string `json:"name"`
			Uploaded int64  `json:"uploaded"`
		} `json:"files"`
	}
	if err := j.api.call(ctx, http.MethodGet, "/jars", nil, &all); err != nil {
		return "", err
	}
	best, at := "", int64(-1)
	var have []string
	for _, f := range all.Files {
		if f.ID == j.conf.Jar {
			return f.ID, nil
		}
		if f.Name == j.conf.Jar && f.Uploaded > at {
			best, at = f.ID, f.Uploaded
		}
		have = append(have, f.Name)
	}
	if best == "" {
		return "", fmt.Errorf("%s: no jar %q has been uploaded (there is: %s): %w (upload it, or correct job.jar)",
			j.api.name, j.conf.Jar, fit(strings.Join(have, ", ")), ErrConfig)
	}
	return best, nil
}

// cause reads why a job failed.
func (j *Job) cause(ctx context.Context, id string) string {
	var ex struct {
		Root    string `json:"root-exception"`
		History struct {
			Entries []struct {
				Trace string `json:"stacktrace"`
			} `json:"entries"`
		} `json:"exceptionHistory"`
	}
	if err := j.api.call(ctx, http.MethodGet, "/jobs/"+url.PathEscape(id)+"/exceptions", nil, &ex); err != nil {
		return "its exceptions cannot be read"
	}
	if ex.Root == "" && len(ex.History.Entries) > 0 {
		ex.Root = ex.History.Entries[0].Trace
	}
	return firstLine(ex.Root)
}

func firstLine(s string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(s), "\n")
	if line == "" {
		return "no cause was given"
	}
	return brief(line)
}
