package flinkd

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// release is the version this server says it is.
const release = "1.20.3"

// object is a JSON object of an answer.
type object = map[string]any

// jar is an uploaded jar; only its name is kept.
type jar struct {
	id, name string
	at       time.Time
}

// keptTriggers bounds the savepoint requests that are remembered.
const keptTriggers = 200

func (s *Server) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /overview", s.overview)
	mux.HandleFunc("GET /config", s.config)
	mux.HandleFunc("GET /taskmanagers", s.taskManagers)
	mux.HandleFunc("GET /jobs", s.listJobs)
	mux.HandleFunc("GET /jobs/overview", s.jobsOverview)
	mux.HandleFunc("GET /jobs/{id}", s.withJob(s.describeJob))
	mux.HandleFunc("PATCH /jobs/{id}", s.withJob(s.cancelJob))
	mux.HandleFunc("GET /jobs/{id}/checkpoints", s.withJob(s.showCheckpoints))
	mux.HandleFunc("GET /jobs/{id}/exceptions", s.withJob(s.showExceptions))
	mux.HandleFunc("GET /jobs/{id}/accumulators", s.withJob(s.showAccumulators))
	mux.HandleFunc("POST /jobs/{id}/stop", s.withJob(s.stopJob))
	mux.HandleFunc("POST /jobs/{id}/savepoints", s.withJob(s.savepointJob))
	mux.HandleFunc("GET /jobs/{id}/savepoints/{trigger}", s.showTrigger)
	mux.HandleFunc("GET /jars", s.listJars)
	mux.HandleFunc("POST /jars/upload", s.uploadJar)
	mux.HandleFunc("POST /jars/{id}/run", s.runJar)
	mux.HandleFunc("DELETE /jars/{id}", s.deleteJar)
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		fail(w, http.StatusNotFound, "Not found: "+r.URL.Path)
	})
	return mux
}

func reply(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json; charset=UTF-8")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // the client went away: nobody left to tell
}

func fail(w http.ResponseWriter, status int, text string) {
	reply(w, status, object{"errors": []string{text}})
}

// decode reads an optional JSON object; false means the answer was given.
func decode(w http.ResponseWriter, r *http.Request, v any) bool {
	err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<20)).Decode(v)
	if err != nil && !errors.Is(err, io.EOF) {
		fail(w, http.StatusBadRequest, "Bad request received: "+err.Error())
		return false
	}
	return true
}

func (s *Server) withJob(h func(http.ResponseWriter, *http.Request, *job)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		id := r.PathValue("id")
		for _, j := range s.all() {
			if j.id == id {
				h(w, r, j)
				return
			}
		}
		fail(w, http.StatusNotFound, "org.apache.flink.runtime.messages.FlinkJobNotFoundException: Could not find Flink job ("+id+")")
	}
}

func (s *Server) all() []*job {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.jobs)
}

func (s *Server) overview(w http.ResponseWriter, _ *http.Request) {
	n := map[state]int{}
	alive := 0
	for _, j := range s.all() {
		st := j.look().state
		n[st]++
		if !st.terminal() {
			alive++
		}
	}
	reply(w, http.StatusOK, object{
		"taskmanagers": 1, "slots-total": slots, "slots-available": max(0, slots-alive),
		"jobs-running": alive, "jobs-finished": n[stateFinished], "jobs-cancelled": n[stateCanceled], "jobs-failed": n[stateFailed],
		"flink-version": release, "flink-commit": "sandbox",
	})
}

func (s *Server) config(w http.ResponseWriter, _ *http.Request) {
	reply(w, http.StatusOK, object{
		"refresh-interval": 3000, "timezone-name": "Coordinated Universal Time", "timezone-offset": 0,
		"flink-version": release, "flink-revision": "sandbox", "features": object{"web-submit": true, "web-cancel": true},
	})
}

func (s *Server) taskManagers(w http.ResponseWriter, _ *http.Request) {
	reply(w, http.StatusOK, object{"taskmanagers": []object{{
		"id": s.o.Site + "-tm-1", "slotsNumber": slots, "freeSlots": max(0, slots-len(s.alive())),
		"timeSinceLastHeartbeat": time.Now().UnixMilli(),
	}}})
}

func (s *Server) listJobs(w http.ResponseWriter, _ *http.Request) {
	list := []object{}
	for _, j := range s.all() {
		list = append(list, object{"id": j.id, "status": j.look().state})
	}
	reply(w, http.StatusOK, object{"jobs": list})
}

func (s *Server) jobsOverview(w http.ResponseWriter, _ *http.Request) {
	list := []object{}
	for _, j := range s.all() {
		o := j.summary(s.o.JobName)
		o["last-modification"] = j.look().changed.UnixMilli()
		o["tasks"] = tasks(j.look().state)
		list = append(list, o)
	}
	reply(w, http.StatusOK, object{"jobs": list})
}

func (j *job) summary(name string) object {
	v := j.look()
	end, until := int64(-1), time.Now()
	if !v.ended.IsZero() {
		end, until = v.ended.UnixMilli(), v.ended
	}
	return object{
		"jid": j.id, "name": name, "state": v.state, "start-time": v.began.UnixMilli(), "end-time": end,
		"duration": until.Sub(v.began).Milliseconds(),
	}
}

// tasks counts the job's one task by its state.
func tasks(st state) object {
	o := object{
		"total": 1, "created": 0, "scheduled": 0, "deploying": 0, "running": 0, "finished": 0,
		"canceling": 0, "canceled": 0, "failed": 0, "reconciling": 0, "initializing": 0,
	}
	o[taskState(st)] = 1
	return o
}

func taskState(st state) string {
	switch st {
	case stateRestarting:
		return "scheduled"
	case stateCancelling:
		return "canceling"
	case stateCreated, stateRunning, stateCanceled, stateFailed, stateFinished:
	}
	return strings.ToLower(string(st))
}

func (s *Server) describeJob(w http.ResponseWriter, _ *http.Request, j *job) {
	v := j.look()
	o := j.summary(s.o.JobName)
	o["isStoppable"], o["maxParallelism"], o["now"] = false, 128, time.Now().UnixMilli()
	o["timestamps"] = object{"CREATED": v.began.UnixMilli(), string(v.state): v.changed.UnixMilli()}
	o["status-counts"] = tasks(v.state)
	o["vertices"] = []object{{
		"id": "0a448493b4782967b150582570326227", "name": "Source: feeds -> Sinks", "maxParallelism": 128, "parallelism": 1,
		"status": strings.ToUpper(taskState(v.state)), "start-time": v.began.UnixMilli(), "end-time": o["end-time"], "duration": o["duration"],
		"tasks":   tasks(v.state),
		"metrics": object{"read-records": v.read, "write-records": v.written, "read-bytes": 0, "write-bytes": 0},
	}}
	o["plan"] = object{"jid": j.id, "name": s.o.JobName, "type": "STREAMING", "nodes": []object{}}
	reply(w, http.StatusOK, o)
}

func (s *Server) showExceptions(w http.ResponseWriter, _ *http.Request, j *job) {
	v := j.look()
	entries, all := []object{}, []object{}
	for _, e := range v.exceptions {
		name, _, _ := strings.Cut(e.text, ": ")
		entries = append(entries, object{
			"exceptionName": name, "stacktrace": e.text, "timestamp": e.at.UnixMilli(), "taskName": e.task,
			"endpoint": "127.0.0.1", "taskManagerId": s.o.Site + "-tm-1", "concurrentExceptions": []object{},
		})
		all = append(all, object{"exception": e.text, "task": e.task, "location": "127.0.0.1", "timestamp": e.at.UnixMilli()})
	}
	o := object{
		"all-exceptions": all, "truncated": false,
		"exceptionHistory": object{"entries": entries, "truncated": len(entries) == keptExceptions},
	}
	if len(v.exceptions) > 0 {
		o["root-exception"], o["timestamp"] = v.exceptions[0].text, v.exceptions[0].at.UnixMilli()
	}
	reply(w, http.StatusOK, o)
}

// showAccumulators makes the sinks' counters visible.
func (s *Server) showAccumulators(w http.ResponseWriter, _ *http.Request, _ *job) {
	list := []object{}
	for _, c := range s.Counts() {
		for _, n := range []struct {
			name  string
			value int64
		}{{"written", c.Written}, {"failed", c.Failed}, {"dropped", c.Dropped}, {"queued", c.Queued}} {
			list = append(list, object{"name": c.Name + "." + n.name, "type": "LongCounter", "value": strconv.FormatInt(n.value, 10)})
		}
	}
	reply(w, http.StatusOK, object{"job-accumulators": []object{}, "user-task-accumulators": list, "serialized-user-task-accumulators": object{}})
}

func (s *Server) cancelJob(w http.ResponseWriter, r *http.Request, j *job) {
	if mode := r.URL.Query().Get("mode"); mode != "" && mode != "cancel" {
		fail(w, http.StatusBadRequest, "The termination mode \""+mode+"\" has been removed; use \"cancel\"")
		return
	}
	if st := j.look().state; st.terminal() {
		fail(w, http.StatusConflict, "Job cancellation failed because the job has already reached another terminal state ("+string(st)+").")
		return
	}
	j.end(stateCanceled, nil)
	reply(w, http.StatusAccepted, object{})
}

func (s *Server) listJars(w http.ResponseWriter, _ *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	files := []object{}
	for _, j := range s.jars {
		files = append(files, object{
			"id": j.id, "name": j.name, "uploaded": j.at.UnixMilli(), "entry": []object{{"name": "Ingest", "description": nil}},
		})
	}
	reply(w, http.StatusOK, object{"address": s.url, "files": files})
}

func (s *Server) uploadJar(w http.ResponseWriter, r *http.Request) {
	file, head, err := r.FormFile("jarfile")
	if err != nil {
		fail(w, http.StatusBadRequest, "Exactly 1 file must be sent, received 0: "+err.Error())
		return
	}
	_ = file.Close()                // its content is of no use here
	_ = r.MultipartForm.RemoveAll() // nor a temporary copy of it
	name := filepath.Base(head.Filename)
	if !strings.HasSuffix(name, ".jar") {
		fail(w, http.StatusBadRequest, "Only Jar files are allowed.")
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	j := jar{id: newID(8) + "_" + name, name: name, at: time.Now()}
	s.jars = append(s.jars, j)
	reply(w, http.StatusOK, object{"filename": "/flink-web-upload/" + j.id, "status": "success"})
}

func (s *Server) deleteJar(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := len(s.jars)
	s.jars = slices.DeleteFunc(s.jars, func(j jar) bool { return j.id == r.PathValue("id") })
	if len(s.jars) == n {
		fail(w, http.StatusBadRequest, "File "+r.PathValue("id")+" does not exist.")
		return
	}
	reply(w, http.StatusOK, object{})
}

func (s *Server) runJar(w http.ResponseWriter, r *http.Request) {
	var b struct {
		SavepointPath string `json:"savepointPath"`
		JobID         string `json:"jobId"`
	}
	if !decode(w, r, &b) {
		return
	}
	if p := r.URL.Query().Get("savepointPath"); b.SavepointPath == "" {
		b.SavepointPath = p
	}
	s.mu.Lock()
	known := slices.ContainsFunc(s.jars, func(j jar) bool { return j.id == r.PathValue("id") })
	s.mu.Unlock()
	if !known {
		fail(w, http.StatusBadRequest, "Jar file "+r.PathValue("id")+" does not exist; GET /jars lists the ids.")
		return
	}
	if b.JobID != "" && slices.ContainsFunc(s.all(), func(j *job) bool { return j.id == b.JobID }) {
		fail(w, http.StatusConflict, "org.apache.flink.runtime.client.DuplicateJobSubmissionException: Job has already been submitted.")
		return
	}
	if b.SavepointPath == "" {
		reply(w, http.StatusOK, object{"jobid": s.submit(nil, b.JobID).id})
		return
	}
	from, err := s.readSavepoint(b.SavepointPath)
	if err != nil { // the real one takes the job, which then fails while it starts
		from = map[string]int64{}
	}
	j := s.submitFailing(from, b.JobID, err)
	reply(w, http.StatusOK, object{"jobid": j.id})
}
