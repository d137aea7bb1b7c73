package searchd

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

// keptTasks is how many ended tasks are remembered.
const keptTasks = 100

// tasks are the reindex runs that nobody waits for.
type tasks struct {
	mu   sync.Mutex
	last int
	byID map[string]*task
	ids  []string
}

// task is guarded by tasks.mu.
type task struct {
	id       string
	began    time.Time
	took     time.Duration
	what     string
	done     bool
	status   progress
	response any
	failure  *apiError
	cancel   context.CancelFunc
}

func (t *tasks) init() { t.byID = map[string]*task{} }

// start runs a reindex in the background and gives the task's number.
func (t *tasks) start(s *Server, b reindexBody) string {
	ctx, cancel := context.WithCancel(s.ctx)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.last++
	tk := &task{
		id: strconv.Itoa(t.last), began: time.Now(), cancel: cancel,
		what: "reindex to [" + b.Dest.Index + "]",
	}
	t.byID[tk.id] = tk
	t.ids = append(t.ids, tk.id)
	t.forget()
	s.wg.Go(func() {
		defer cancel()
		_, response, err := s.copy(ctx, b, func(p progress) {
			t.mu.Lock()
			defer t.mu.Unlock()
			tk.status = p
		})
		t.mu.Lock()
		defer t.mu.Unlock()
		tk.done, tk.took, tk.response = true, time.Since(tk.began), response
		if err != nil && !errors.As(err, &tk.failure) {
			tk.failure = apiErr(http.StatusInternalServerError, "exception", err.Error())
		}
	})
	return tk.id
}

// forget drops the oldest ended tasks beyond the limit.
func (t *tasks) forget() {
	for i := 0; i < len(t.ids) && len(t.ids) > keptTasks; {
		if t.byID[t.ids[i]].done {
			delete(t.byID, t.ids[i])
			t.ids = append(t.ids[:i], t.ids[i+1:]...)
			continue
		}
		i++
	}
}

func (s *Server) routeTasks(method, full, verb string) (int, any, error) {
	s.tasks.mu.Lock()
	defer s.tasks.mu.Unlock()
	if full == "" {
		list := object{}
		for _, id := range s.tasks.ids {
			if tk := s.tasks.byID[id]; !tk.done {
				list[s.nodeID+":"+id] = tk.info(s.nodeID)
			}
		}
		return http.StatusOK, object{"nodes": object{s.nodeID: object{"name": s.o.Name, "tasks": list}}}, nil
	}
	tk := s.tasks.byID[strings.TrimPrefix(full, s.nodeID+":")]
	if tk == nil {
		return 0, nil, apiErr(http.StatusNotFound, "resource_not_found_exception",
			"task ["+full+"] isn't running and hasn't stored its results")
	}
	if method == http.MethodPost && verb == "_cancel" {
		tk.cancel()
		return http.StatusOK, object{"nodes": object{s.nodeID: object{"tasks": object{full: tk.info(s.nodeID)}}}}, nil
	}
	out := object{"completed": tk.done, "task": tk.info(s.nodeID)}
	switch {
	case tk.done && tk.failure != nil:
		out["error"] = tk.failure.cause()
	case tk.done:
		out["response"] = tk.response
	}
	return http.StatusOK, out, nil
}

// info is a task as the task interface shows it.
func (tk *task) info(node string) object {
	took := tk.took
	if !tk.done {
		took = time.Since(tk.began)
	}
	n, _ := strconv.Atoi(tk.id) // ids are numbers of ours
	return object{
		"node": node, "id": n, "type": "transport", "action": "indices:data/write/reindex", "description": tk.what,
		"status": tk.status, "start_time_in_millis": tk.began.UnixMilli(), "running_time_in_nanos": took.Nanoseconds(),
		"cancellable": true, "cancelled": false,
	}
}
