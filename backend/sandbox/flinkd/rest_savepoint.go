package flinkd

import (
	"net/http"
	"time"
)

func (s *Server) stopJob(w http.ResponseWriter, r *http.Request, j *job) {
	var b struct {
		Dir string `json:"targetDirectory"`
	}
	if decode(w, r, &b) {
		s.trigger(w, j, order{stop: true, dir: b.Dir})
	}
}

func (s *Server) savepointJob(w http.ResponseWriter, r *http.Request, j *job) {
	var b struct {
		Dir    string `json:"target-directory"`
		Cancel bool   `json:"cancel-job"`
	}
	if decode(w, r, &b) {
		s.trigger(w, j, order{stop: b.Cancel, dir: b.Dir})
	}
}

// trigger hands an order to the job and answers with the id to ask for it.
func (s *Server) trigger(w http.ResponseWriter, j *job, o order) {
	id := newID(16)
	o.t = &trigger{job: j.id}
	select {
	case <-j.done:
		fail(w, http.StatusConflict, "Unable to take a savepoint: the job is "+string(j.look().state))
		return
	default:
	}
	select {
	case j.orders <- o:
	default:
		o.t.fail("org.apache.flink.runtime.checkpoint.CheckpointException: the maximum number of queued checkpoint requests exceeded")
	}
	s.mu.Lock()
	if len(s.triggers) >= keptTriggers {
		clear(s.triggers)
	}
	s.triggers[id] = o.t
	s.mu.Unlock()
	s.wg.Go(func() { // an order that came too late must not stay in progress for ever
		select {
		case <-j.done:
		case <-s.ctx.Done():
		case <-time.After(time.Minute):
		}
		o.t.giveUp("the job reached a terminal state before the savepoint was taken")
	})
	reply(w, http.StatusAccepted, object{"request-id": id})
}

func (s *Server) showTrigger(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	t := s.triggers[r.PathValue("trigger")]
	s.mu.Unlock()
	if t == nil || t.job != r.PathValue("id") {
		fail(w, http.StatusNotFound, "There is no savepoint operation with triggerId="+r.PathValue("trigger")+" for job "+r.PathValue("id"))
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.done {
		reply(w, http.StatusOK, object{"status": object{"id": "IN_PROGRESS"}, "operation": nil})
		return
	}
	op := object{"location": t.location}
	if t.cause != "" {
		op = object{"failure-cause": object{"class": "java.util.concurrent.CompletionException", "stack-trace": t.cause}}
	}
	reply(w, http.StatusOK, object{"status": object{"id": "COMPLETED"}, "operation": op})
}

func (s *Server) showCheckpoints(w http.ResponseWriter, _ *http.Request, j *job) {
	c := j.look().check
	show := func(p checkpoint, savepoint bool) object {
		kind := "CHECKPOINT"
		if savepoint {
			kind = "SAVEPOINT"
		}
		return object{
			"className": "completed", "id": p.id, "status": "COMPLETED", "is_savepoint": savepoint, "checkpoint_type": kind,
			"trigger_timestamp": p.at.UnixMilli(), "latest_ack_timestamp": p.at.UnixMilli(), "end_to_end_duration": 0,
			"state_size": p.bytes, "checkpointed_size": p.bytes, "num_subtasks": 1, "num_acknowledged_subtasks": 1,
			"external_path": p.path, "discarded": false, "tasks": object{},
		}
	}
	latest := object{"completed": nil, "savepoint": nil, "failed": nil, "restored": nil}
	if !c.latest.at.IsZero() {
		latest["completed"] = show(c.latest, false)
	}
	if c.savepoint != nil {
		latest["savepoint"] = show(*c.savepoint, true)
	}
	restored := 0
	if c.restored {
		restored = 1
	}
	reply(w, http.StatusOK, object{
		"counts": object{
			"restored": restored, "total": c.completed + c.failed, "in_progress": 0, "completed": c.completed, "failed": c.failed,
		},
		"latest": latest, "history": []object{},
	})
}
