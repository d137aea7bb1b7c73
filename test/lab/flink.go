//go:build integration

package lab

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// Flink is one Flink session cluster: a job manager and a task manager with two slots.
type Flink struct {
	Site string
	// URL of the job manager's REST interface.
	URL string
	// Savepoints is where both sites' clusters keep their savepoints.
	Savepoints string

	part  Part
	fault string // the file that tells the ingest job what its checkpoints do
	jobs  *proc
	tasks *proc
}

// The job that is in IngestJar.
const (
	IngestJar   = "ingest.jar"
	IngestClass = "Ingest"
)

const flinkConf = `jobmanager:
  rpc:
    address: 127.0.0.1
    port: %[1]d
  bind-host: 127.0.0.1
rest:
  address: 127.0.0.1
  bind-address: 127.0.0.1
  port: %[2]d
blob:
  server:
    port: %[3]d
taskmanager:
  host: 127.0.0.1
  bind-host: 127.0.0.1
  rpc:
    port: %[4]d
  data:
    port: %[5]d
  numberOfTaskSlots: 2
web:
  upload:
    dir: %[6]s/upload
  tmpdir: %[6]s/web
io:
  tmp:
    dirs: %[6]s/tmp
execution:
  checkpointing:
    dir: file://%[6]s/checkpoints
    savepoint-dir: file://%[7]s
state:
  backend:
    type: hashmap
heartbeat:
  interval: 1000
  timeout: 8000
`

// What Java 17 closed and Flink 1.20 still reaches into.
var flinkOpens = []string{
	"java.util", "java.lang", "java.net", "java.io", "java.nio", "sun.nio.ch", "java.lang.reflect", "java.text",
	"java.time", "java.util.concurrent", "java.util.concurrent.atomic", "java.util.concurrent.locks",
}

// The start script works these out from the size of the machine; without it each must be given.
var flinkMemory = []string{
	"taskmanager.cpu.cores=2", "taskmanager.memory.task.heap.size=96m", "taskmanager.memory.task.off-heap.size=16m",
	"taskmanager.memory.network.min=16m", "taskmanager.memory.network.max=16m", "taskmanager.memory.managed.size=16m",
	"taskmanager.memory.framework.heap.size=64m", "taskmanager.memory.framework.off-heap.size=32m",
	"taskmanager.memory.jvm-metaspace.size=128m", "taskmanager.memory.jvm-overhead.min=32m", "taskmanager.memory.jvm-overhead.max=32m",
}

// NewFlink prepares a cluster in dir; savepoints is a folder that both sites reach.
func NewFlink(ctx context.Context, dir, site, savepoints string) (*Flink, error) {
	part, err := Build(ctx, "flink")
	if err != nil {
		return nil, err
	}
	ports, err := loopbackPorts(ctx, 5)
	if err != nil {
		return nil, err
	}
	if _, err := serverDir(savepoints); err != nil {
		return nil, err
	}
	d, err := serverDir(dir, site+"-flink")
	if err != nil {
		return nil, err
	}
	for _, sub := range []string{"conf", "upload", "web", "tmp", "checkpoints"} {
		if _, err := serverDir(d, sub); err != nil {
			return nil, err
		}
	}
	conf := filepath.Join(d, "conf")
	text := fmt.Sprintf(flinkConf, ports[0], ports[1], ports[2], ports[3], ports[4], d, savepoints)
	if err := serverFile(filepath.Join(conf, "config.yaml"), text); err != nil {
		return nil, err
	}
	logs, err := log4j(d)
	if err != nil {
		return nil, err
	}
	flags := []string{logs}
	for _, p := range flinkOpens {
		flags = append(flags, "--add-opens=java.base/"+p+"=ALL-UNNAMED")
	}
	f := &Flink{Site: site, URL: "http://" + local(ports[1]), Savepoints: savepoints, part: part, fault: filepath.Join(d, "checkpoint-fault")}
	if err := f.SetCheckpoints(CheckpointsDone); err != nil {
		return nil, err
	}
	f.jobs = &proc{
		name: "flink-jobmanager", dir: d,
		args:  part.command(256, flags, "org.apache.flink.runtime.entrypoint.StandaloneSessionClusterEntrypoint", "-c", conf),
		ready: func(ctx context.Context) error { return healthy(ctx, f.URL+"/overview") },
	}
	args := []string{"-c", conf}
	for _, m := range flinkMemory {
		args = append(args, "-D"+m)
	}
	f.tasks = &proc{
		name: "flink-taskmanager", dir: d,
		args: part.command(160, flags, "org.apache.flink.runtime.taskexecutor.TaskManagerRunner", args...),
		ready: func(ctx context.Context) error {
			var o struct {
				Slots int `json:"slots-total"`
			}
			if err := sendJSON(ctx, http.MethodGet, f.URL+"/overview", nil, &o); err != nil {
				return err
			}
			if o.Slots == 0 {
				return fmt.Errorf("no task manager has registered")
			}
			return nil
		},
	}
	return f, nil
}

// Start brings both up, waits for the task manager's slots, and uploads the ingest job
// under the name IngestJar unless the cluster has it. A cluster that was killed comes
// back without its jobs.
func (f *Flink) Start(ctx context.Context) error {
	done := make(chan error, 1)
	if err := f.jobs.start(ctx); err != nil {
		return err
	}
	go func() { done <- f.tasks.start(ctx) }()
	err := f.upload(ctx)
	if e := <-done; e != nil {
		return e
	}
	return err
}

func (f *Flink) upload(ctx context.Context) error {
	var have struct {
		Files []struct {
			Name string `json:"name"`
		} `json:"files"`
	}
	if err := sendJSON(ctx, http.MethodGet, f.URL+"/jars", nil, &have); err != nil {
		return err
	}
	for _, x := range have.Files {
		if x.Name == IngestJar {
			return nil
		}
	}
	jar, err := os.ReadFile(filepath.Join(f.part.Dir, IngestJar))
	if err != nil {
		return err
	}
	var body bytes.Buffer
	w := multipart.NewWriter(&body)
	file, err := w.CreateFormFile("jarfile", IngestJar)
	if err != nil {
		return err
	}
	if _, err := file.Write(jar); err != nil {
		return err
	}
	if err := w.Close(); err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, f.URL+"/jars/upload", &body)
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", w.FormDataContentType())
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return fmt.Errorf("upload the ingest job: %w", err)
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode != http.StatusOK {
		answer, _ := io.ReadAll(io.LimitReader(res.Body, 400)) // only to tell why
		return fmt.Errorf("upload the ingest job: %s: %s", res.Status, answer)
	}
	return nil
}

// Run starts the ingest job from the jar that Start has uploaded.
func (f *Flink) Run(ctx context.Context, job Ingest) error {
	var jars struct {
		Files []struct {
			ID   string `json:"id"`
			Name string `json:"name"`
		} `json:"files"`
	}
	if err := sendJSON(ctx, http.MethodGet, f.URL+"/jars", nil, &jars); err != nil {
		return err
	}
	for _, x := range jars.Files {
		if x.Name == IngestJar {
			ask := map[string]any{"entryClass": IngestClass, "programArgsList": job.Args()}
			return postJSON(ctx, f.URL+"/jars/"+x.ID+"/run", ask, nil)
		}
	}
	return fmt.Errorf("Flink of %s has no %s", f.Site, IngestJar)
}

// Stop ends both as an administrator would.
func (f *Flink) Stop() {
	f.tasks.stop(syscall.SIGTERM)
	f.jobs.stop(syscall.SIGTERM)
}

// Kill ends both at once; the jobs are gone, their last checkpoint stays on the disk.
func (f *Flink) Kill() {
	f.jobs.stop(syscall.SIGKILL)
	f.tasks.stop(syscall.SIGKILL)
}

// KillTasks ends the task manager at once: jobs fall into RESTARTING. StartTasks brings
// one back.
func (f *Flink) KillTasks() { f.tasks.stop(syscall.SIGKILL) }

// StartTasks starts the task manager again.
func (f *Flink) StartTasks(ctx context.Context) error { return f.tasks.start(ctx) }

// What checkpoints of a job do that was told of CheckpointFault.
const (
	CheckpointsDone = ""
	CheckpointsFail = "fail"
	CheckpointsWait = "wait" // neither fail nor end
)

// SetCheckpoints says what becomes of the checkpoints from the next one on; one that
// waits goes on at once.
func (f *Flink) SetCheckpoints(as string) error {
	next := f.fault + ".next"
	if err := serverFile(next, as); err != nil {
		return err
	}
	return os.Rename(next, f.fault) // the job never reads half a word
}

// CheckpointFault is the file of SetCheckpoints, for Ingest.
func (f *Flink) CheckpointFault() string { return f.fault }

// Freeze holds both processes. Thaw lets them go on.
func (f *Flink) Freeze() error {
	if err := f.jobs.freeze(); err != nil {
		return err
	}
	return f.tasks.freeze()
}

// Thaw ends Freeze.
func (f *Flink) Thaw() error {
	if err := f.jobs.thaw(); err != nil {
		return err
	}
	return f.tasks.thaw()
}

// Log is the end of what both have printed.
func (f *Flink) Log() string { return f.jobs.tail() + "\n" + f.tasks.tail() }

// Ingest says what the ingest job reads and where it writes.
type Ingest struct {
	Job, Site, Brokers, Topic string
	// Feeds by name: their base URL.
	Feeds map[string]string
	// JDBC, SQLUser and SQLPasswordFile name the database of the table messages; Search
	// and Index the search engine. Both may be left out.
	JDBC, SQLUser, SQLPasswordFile string
	Search, Index                  string
	// CheckpointFault is the file of Flink.SetCheckpoints; "" lets every checkpoint be.
	CheckpointFault string
}

// Args are the job's program arguments: job.args of the configuration.
func (i Ingest) Args() []string {
	var feeds []string
	for name, url := range i.Feeds {
		feeds = append(feeds, name+"="+url)
	}
	var out []string
	for _, kv := range [][2]string{
		{"job", i.Job},
		{"site", i.Site},
		{"feeds", strings.Join(feeds, ",")},
		{"brokers", i.Brokers},
		{"topic", i.Topic},
		{"jdbc", i.JDBC},
		{"sql-user", i.SQLUser},
		{"sql-password-file", i.SQLPasswordFile},
		{"search", i.Search},
		{"index", i.Index},
		{"checkpoint-fault", i.CheckpointFault},
	} {
		if kv[1] != "" {
			out = append(out, "--"+kv[0], kv[1])
		}
	}
	return out
}
