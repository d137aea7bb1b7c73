package probes

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/dutyops/dutyops/probes/guard"
)

// flinkAsker asks a Flink session cluster's REST API for its task managers and
// the state of the ingest job.
type flinkAsker struct{ *web }

func newFlink(t Target) (asker, error) {
	w, err := newWeb(t, maxBody)
	if err != nil {
		return nil, err
	}
	return &flinkAsker{w}, nil
}

type flinkOverview struct {
	TaskManagers *int   `json:"taskmanagers"`
	SlotsTotal   int    `json:"slots-total"`
	SlotsFree    int    `json:"slots-available"`
	Version      string `json:"flink-version"`
}

type flinkJob struct {
	ID    string `json:"jid"`
	Name  string `json:"name"`
	State string `json:"state"`
	Start int64  `json:"start-time"`
	Tasks struct {
		Total    int `json:"total"`
		Running  int `json:"running"`
		Finished int `json:"finished"`
	} `json:"tasks"`
}

// idle is how many of the tasks do not run. A job stays RUNNING while its tasks wait for
// slots that are gone: its own state says only that nobody has given it up.
func (j *flinkJob) idle() int { return max(j.Tasks.Total-j.Tasks.Running-j.Tasks.Finished, 0) }

type flinkCheckpoints struct {
	Latest struct {
		Completed *struct {
			ID  int64 `json:"id"`
			Ack int64 `json:"latest_ack_timestamp"`
		} `json:"completed"`
	} `json:"latest"`
	Counts struct {
		Completed int64 `json:"completed"`
		Failed    int64 `json:"failed"`
	} `json:"counts"`
}

func (a *flinkAsker) ask(ctx context.Context, c *conv) answer {
	var ov flinkOverview
	var jobs flinkJobs
	errs := parallel(
		func() error { return a.json(ctx, c, http.MethodGet, "/overview", nil, &ov) },
		func() error { return a.overview(ctx, c, &jobs) },
	)
	for _, err := range errs {
		if err != nil {
			return a.failedHTTP(ctx, c, err)
		}
	}
	if ov.TaskManagers == nil {
		c.expected("an overview with a number of task managers")
		return down("answers, but not as flink: no task managers in the overview")
	}
	c.facts.Version = ov.Version
	c.extra("task_managers", fmt.Sprint(*ov.TaskManagers))
	c.extra("slots", fmt.Sprintf("%d free of %d", ov.SlotsFree, ov.SlotsTotal))
	c.extra("jobs", jobs.limit)
	job := pickJob(jobs.named, a.t.Job)
	for _, j := range jobs.others {
		if _, have := c.facts.Parts[j.Name]; !have && j.Name != a.t.Job {
			c.part(j.Name, j.State)
		}
	}
	if job != nil {
		c.part(job.Name, job.State)
		if job.State == "RUNNING" {
			a.checkpoints(ctx, c, job)
		}
	}
	if jobs.limit != "" && a.t.Job != "" && (job == nil || job.State != "RUNNING") {
		// what was not looked at may hold it
		return unknown("cannot tell whether job %s runs: %s", a.t.Job, jobs.limit)
	}
	return a.judge(c, ov, job)
}

// flinkJobs is what is kept of the jobs of a cluster: finished ones stay listed, and there
// may be very many.
type flinkJobs struct {
	named  []flinkJob // of the name asked for; the most alive one
	others []flinkJob // some
	limit  string     // how many were looked at, "" for all
}

func (a *flinkAsker) overview(ctx context.Context, c *conv, jobs *flinkJobs) error {
	n, whole, err := a.stream(ctx, c, maxBody, "/jobs/overview", "jobs", func(raw json.RawMessage) error {
		var j flinkJob
		if err := guard.JSON(raw, &j); err != nil {
			return err
		}
		if a.t.Job != "" && j.Name == a.t.Job {
			jobs.named = []flinkJob{*pickJob(append(jobs.named, j), j.Name)}
		} else if len(jobs.others) < maxParts {
			jobs.others = append(jobs.others, j)
		}
		return nil
	})
	if !whole {
		jobs.limit = fmt.Sprintf("%s jobs listed: only %d looked at", counted(n, whole), n)
	}
	return err
}

// pickJob returns the job of the name that is most alive; finished ones stay listed
// for a while.
func pickJob(jobs []flinkJob, name string) *flinkJob {
	if name == "" {
		return nil
	}
	rank := map[string]int{
		"RUNNING": 9, "RESTARTING": 8, "INITIALIZING": 7, "CREATED": 6, "RECONCILING": 6,
		"FAILING": 5, "CANCELLING": 4, "SUSPENDED": 3,
	}
	var best *flinkJob
	for i := range jobs {
		j := &jobs[i]
		if j.Name != name {
			continue
		}
		if best == nil || rank[j.State] > rank[best.State] || rank[j.State] == rank[best.State] && j.Start > best.Start {
			best = j
		}
	}
	return best
}

// checkpoints adds the age of the last completed checkpoint; its absence is no fault.
func (a *flinkAsker) checkpoints(ctx context.Context, c *conv, job *flinkJob) {
	c.extra("job_id", job.ID)
	var cp flinkCheckpoints
	if err := a.json(ctx, c, http.MethodGet, "/jobs/"+url.PathEscape(job.ID)+"/checkpoints", nil, &cp); err != nil {
		c.extra("checkpoints", "could not be read")
		return
	}
	if cp.Latest.Completed != nil && cp.Latest.Completed.Ack > 0 {
		at := time.UnixMilli(cp.Latest.Completed.Ack).UTC()
		c.extra("last_checkpoint", at.Format(time.RFC3339))
		c.extra("last_checkpoint_age_s", fmt.Sprintf("%.1f", max(c.start.Sub(at), 0).Seconds()))
	}
	c.extra("failed_checkpoints", fmt.Sprint(cp.Counts.Failed))
	if cp.Latest.Completed == nil && cp.Counts.Completed == 0 {
		c.extra(noCheckpoint, "none yet")
		if cp.Counts.Failed >= checkpointsFail {
			c.extra(noCheckpoint, fmt.Sprintf("none: %d failed", cp.Counts.Failed))
		}
	}
}

// noCheckpoint in Facts.Extra says that a job has nothing to start again from.
const noCheckpoint = "checkpoints"

// checkpointsFail is how many failures are no accident any more: the first one may fail
// while tasks start.
const checkpointsFail = 3

func (a *flinkAsker) judge(c *conv, ov flinkOverview, job *flinkJob) answer {
	running := job != nil && job.State == "RUNNING"
	if a.t.role() == RoleSource && a.t.Job != "" {
		switch {
		case running && job.idle() > 0:
			c.expected("all tasks of job %s running", a.t.Job)
			return degraded("ingest job is running in name only: %d of its %d tasks are not%s", job.idle(), job.Tasks.Total, noTaskManager(ov))
		case running && strings.HasPrefix(c.facts.Extra[noCheckpoint], "none:"):
			c.expected("a checkpoint of job %s: without one it starts anew when it fails", a.t.Job)
			return degraded("ingest job is running, but of its checkpoints there is %s", c.facts.Extra[noCheckpoint])
		case running:
		case job != nil && (job.State == "RESTARTING" || job.State == "INITIALIZING" || job.State == "CREATED" || job.State == "RECONCILING"):
			c.expected("job %s RUNNING", a.t.Job)
			return degraded("ingest job is %s", word(job.State))
		case job != nil:
			c.expected("job %s RUNNING", a.t.Job)
			return down("ingest job is not running (%s)", word(job.State))
		default:
			c.expected("a job called %s", a.t.Job)
			return down("ingest job is not running")
		}
	}
	if *ov.TaskManagers == 0 {
		c.expected("at least one task manager")
		return degraded("has no task manager: no job could run")
	}
	switch {
	case running && a.t.role() == RoleReplica:
		return up("ingest job is running here too%s", checkpointAge(c))
	case running:
		return up("ingest job is running%s", checkpointAge(c))
	case a.t.Job == "":
		return up("ready, %d task managers", *ov.TaskManagers)
	default:
		return up("ready, no job")
	}
}

func noTaskManager(ov flinkOverview) string {
	if *ov.TaskManagers == 0 {
		return ", there is no task manager"
	}
	return ""
}

func checkpointAge(c *conv) string {
	if s := c.facts.Extra["last_checkpoint_age_s"]; s != "" {
		return ", last checkpoint " + s + " s ago"
	}
	if c.facts.Extra[noCheckpoint] == "none yet" {
		return ", no checkpoint yet"
	}
	return ""
}

// word writes a state of Flink or Connect in lower case, whatever it holds.
func word(state string) string {
	if state == "" {
		return "in no state"
	}
	b := []byte(clean(state, 30))
	for i, ch := range b {
		if ch >= 'A' && ch <= 'Z' {
			b[i] = ch + 'a' - 'A'
		}
	}
	return string(b)
}
