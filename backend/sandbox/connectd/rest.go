package connectd

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
)

// release is the version this server says it is.
const release = "4.1.1"

// The classes of the connectors here.
const (
	sourceClass    = "org.apache.kafka.connect.mirror.MirrorSourceConnector"
	heartbeatClass = "org.apache.kafka.connect.mirror.MirrorHeartbeatConnector"
)

// object is a JSON object of an answer.
type object = map[string]any

func (s *Server) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", s.root)
	mux.HandleFunc("GET /connectors", s.list)
	mux.HandleFunc("GET /connector-plugins", s.plugins)
	with := func(pattern string, h func(http.ResponseWriter, *http.Request, *connector)) {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			c := s.connectors[r.PathValue("name")]
			if c == nil {
				fail(w, http.StatusNotFound, "Connector "+r.PathValue("name")+" not found")
				return
			}
			h(w, r, c)
		})
	}
	with("GET /connectors/{name}", func(w http.ResponseWriter, _ *http.Request, c *connector) { reply(w, http.StatusOK, c.info()) })
	with("GET /connectors/{name}/config", func(w http.ResponseWriter, _ *http.Request, c *connector) { reply(w, http.StatusOK, c.settings()) })
	with("PUT /connectors/{name}/config", putConfig)
	with("GET /connectors/{name}/status", func(w http.ResponseWriter, _ *http.Request, c *connector) { reply(w, http.StatusOK, c.statusDoc()) })
	with("GET /connectors/{name}/tasks", func(w http.ResponseWriter, _ *http.Request, c *connector) {
		tasks := []object{}
		if _, task, _ := c.status(); task != "" {
			tasks = append(tasks, object{"id": object{"connector": c.o.Name, "task": 0}, "config": c.settings()})
		}
		reply(w, http.StatusOK, tasks)
	})
	with("PUT /connectors/{name}/pause", func(w http.ResponseWriter, _ *http.Request, c *connector) {
		c.to(Paused)
		w.WriteHeader(http.StatusAccepted)
	})
	with("PUT /connectors/{name}/resume", func(w http.ResponseWriter, _ *http.Request, c *connector) {
		c.to(Running)
		w.WriteHeader(http.StatusAccepted)
	})
	with("PUT /connectors/{name}/stop", func(w http.ResponseWriter, _ *http.Request, c *connector) {
		c.to(Stopped)
		w.WriteHeader(http.StatusNoContent)
	})
	with("POST /connectors/{name}/restart", func(w http.ResponseWriter, r *http.Request, c *connector) {
		c.restart()
		if r.URL.Query().Get("includeTasks") == "true" || r.URL.Query().Get("onlyFailed") == "true" {
			reply(w, http.StatusAccepted, c.statusDoc())
			return
		}
		w.WriteHeader(http.StatusNoContent)
	})
	with("GET /connectors/{name}/offsets", getOffsets)
	with("PATCH /connectors/{name}/offsets", patchOffsets)
	with("DELETE /connectors/{name}/offsets", deleteOffsets)
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		fail(w, http.StatusNotFound, "HTTP 404 Not Found: "+r.Method+" "+r.URL.Path)
	})
	return mux
}

func reply(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // the client went away: nobody left to tell
}

func fail(w http.ResponseWriter, status int, text string) {
	reply(w, status, object{"error_code": status, "message": text})
}

// decode reads a JSON document; false means the answer was given.
func decode(w http.ResponseWriter, r *http.Request, v any) bool {
	err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<20)).Decode(v)
	if errors.Is(err, io.EOF) {
		err = errors.New("the body is empty")
	}
	if err != nil {
		fail(w, http.StatusBadRequest, "Bad Request: "+err.Error())
		return false
	}
	return true
}

func (s *Server) root(w http.ResponseWriter, _ *http.Request) {
	reply(w, http.StatusOK, object{"version": release, "commit": "sandbox", "kafka_cluster_id": s.o.ClusterID})
}

func (s *Server) plugins(w http.ResponseWriter, _ *http.Request) {
	reply(w, http.StatusOK, []object{{"class": heartbeatClass, "type": "source", "version": release}, {"class": sourceClass, "type": "source", "version": release}})
}

// list answers the names, or with ?expand=status and =info a document per name.
func (s *Server) list(w http.ResponseWriter, r *http.Request) {
	expand := r.URL.Query()["expand"]
	if len(expand) == 0 {
		reply(w, http.StatusOK, slices.Concat([]string{}, s.names))
		return
	}
	all := object{}
	for _, name := range s.names {
		o := object{}
		if slices.Contains(expand, "status") {
			o["status"] = s.connectors[name].statusDoc()
		}
		if slices.Contains(expand, "info") {
			o["info"] = s.connectors[name].info()
		}
		all[name] = o
	}
	reply(w, http.StatusOK, all)
}

func (c *connector) statusDoc() object {
	state, task, trace := c.status()
	tasks := []object{}
	if task != "" {
		t := object{"id": 0, "state": task, "worker_id": c.s.worker}
		if trace != "" {
			t["trace"] = trace
		}
		tasks = append(tasks, t)
	}
	return object{
		"name": c.o.Name, "connector": object{"state": state, "worker_id": c.s.worker}, "tasks": tasks, "type": "source",
	}
}

func (c *connector) info() object {
	tasks := []object{}
	if _, task, _ := c.status(); task != "" {
		tasks = append(tasks, object{"connector": c.o.Name, "task": 0})
	}
	return object{"name": c.o.Name, "config": c.settings(), "tasks": tasks, "type": "source"}
}

// settings is the connector's configuration as MirrorMaker names things.
func (c *connector) settings() map[string]string {
	c.mu.Lock()
	defer c.mu.Unlock()
	m := map[string]string{
		"name": c.o.Name, "connector.class": sourceClass, "tasks.max": "1",
		"source.cluster.alias": c.o.SourceAlias, "target.cluster.alias": c.o.TargetAlias,
		"source.cluster.bootstrap.servers": strings.Join(c.o.SourceBrokers, ","),
		"target.cluster.bootstrap.servers": strings.Join(c.o.TargetBrokers, ","),
		"topics":                           strings.Join(c.topics, ","),
		"replication.policy.class":         "org.apache.kafka.connect.mirror.IdentityReplicationPolicy",
	}
	if c.o.Heartbeat {
		m["connector.class"] = heartbeatClass
	}
	for k, v := range c.config {
		if _, fixed := m[k]; !fixed {
			m[k] = v
		}
	}
	return m
}

// putConfig changes the topics and keeps every other setting to show it again; a
// connector's clusters are fixed here.
func putConfig(w http.ResponseWriter, r *http.Request, c *connector) {
	var m map[string]any
	if !decode(w, r, &m) {
		return
	}
	config := map[string]string{}
	for k, v := range m {
		config[k] = fmt.Sprint(v)
	}
	if name := cmp.Or(config["name"], c.o.Name); name != c.o.Name {
		fail(w, http.StatusBadRequest, "Connector name configuration ("+name+") doesn't match connector name in the URL ("+c.o.Name+")")
		return
	}
	var topics []string
	for topic := range strings.SplitSeq(config["topics"], ",") {
		if topic = strings.TrimSpace(topic); topic != "" {
			topics = append(topics, topic)
		}
	}
	c.mu.Lock()
	c.config = config
	if len(topics) > 0 {
		c.topics = topics
	}
	c.mu.Unlock()
	c.restart()
	reply(w, http.StatusOK, c.info())
}
