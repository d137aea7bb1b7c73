package amqpd

import (
	"encoding/json"
	"maps"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// object is a JSON object.
type object map[string]any

// management is the management API: reading only, behind basic authentication.
func (s *Server) management() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user, password, ok := r.BasicAuth()
		switch {
		case !ok || !s.allowed(user, password):
			w.Header().Set("WWW-Authenticate", `Basic realm="RabbitMQ Management"`)
			answer(w, http.StatusUnauthorized, object{"error": "not_authorised", "reason": "Login failed"})
		case r.Method != http.MethodGet && r.Method != http.MethodHead:
			answer(w, http.StatusMethodNotAllowed, object{"error": "Method Not Allowed", "reason": "this broker's management API only reads"})
		default:
			code, doc := s.look(r.URL.EscapedPath())
			answer(w, code, doc)
		}
	})
}

// look answers a path. ServeMux would take the virtual host's %2F for a separator.
func (s *Server) look(path string) (int, any) {
	rest, ok := strings.CutPrefix(path, "/api/")
	if !ok {
		return notFound()
	}
	switch rest {
	case "overview":
		return s.overview()
	case "nodes":
		return s.nodes()
	case "health/checks/alarms":
		return s.alarmCheck("There are alarms in effect in the cluster")
	case "health/checks/local-alarms":
		return s.alarmCheck("There are alarms in effect on the node")
	case "health/checks/virtual-hosts":
		return fine()
	case "queues", "queues/%2F", "queues/%2f":
		return s.queues()
	}
	if n, ok := strings.CutPrefix(rest, "health/checks/port-listener/"); ok {
		return s.portCheck(n)
	}
	parts := strings.Split(rest, "/")
	if len(parts) == 3 && parts[0] == "queues" && strings.EqualFold(parts[1], "%2f") {
		if name, err := url.PathUnescape(parts[2]); err == nil {
			return s.queue(name)
		}
	}
	return notFound()
}

func answer(w http.ResponseWriter, code int, doc any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(doc) // the peer has gone
}

// notFound is the answer for what is not there.
func notFound() (int, any) {
	return http.StatusNotFound, object{"error": "Object Not Found", "reason": "Not Found"}
}

func fine() (int, any) { return http.StatusOK, object{"status": "ok"} }

func (s *Server) alarmCheck(reason string) (int, any) {
	s.b.mu.Lock()
	alarms := s.b.alarms()
	s.b.mu.Unlock()
	if len(alarms) == 0 {
		return fine()
	}
	list := []object{}
	for _, a := range alarms {
		if a == "disk" { // named in full here, and "low on disk" in AMQP's connection.blocked
			a = "disk space"
		}
		list = append(list, object{"node": s.o.Name, "resource": a})
	}
	return http.StatusServiceUnavailable, object{"status": "failed", "reason": reason, "alarms": list}
}

// ports are the ports of AMQP and of the management API.
func (s *Server) ports() (amqp, mgmt int) {
	return port(s.amqp.Addr()), port(s.mgmt.Addr())
}

func port(a net.Addr) int {
	if t, ok := a.(*net.TCPAddr); ok {
		return t.Port
	}
	return 0
}

func (s *Server) portCheck(text string) (int, any) {
	n, err := strconv.Atoi(text)
	if err != nil {
		return http.StatusBadRequest, object{"error": "bad_request", "reason": "not a port: " + text}
	}
	amqp, mgmt := s.ports()
	if n == amqp || n == mgmt {
		return http.StatusOK, object{"status": "ok", "port": n}
	}
	return http.StatusServiceUnavailable, object{"status": "failed", "reason": "No active listener", "missing": n, "ports": []int{amqp, mgmt}}
}

func (s *Server) overview() (int, any) {
	amqp, mgmt := s.ports()
	b := s.b
	b.mu.Lock()
	defer b.mu.Unlock()
	var channels, consumers, ready, unacked int
	for c := range b.conns {
		channels += len(c.channels)
	}
	for _, q := range b.queues {
		consumers += len(q.consumers)
		ready += len(q.ready)
		unacked += q.unacked
	}
	return http.StatusOK, object{
		"management_version": productVersion, "rabbitmq_version": productVersion,
		"product_name": "RabbitMQ", "product_version": productVersion,
		"cluster_name": s.o.Name, "node": s.o.Name,
		"object_totals": object{
			"connections": len(b.conns), "channels": channels, "consumers": consumers,
			"exchanges": len(b.exchanges), "queues": len(b.queues),
		},
		"queue_totals":  object{"messages": ready + unacked, "messages_ready": ready, "messages_unacknowledged": unacked},
		"message_stats": object{"publish": b.published, "deliver_get": b.delivered},
		"listeners": []object{
			{"node": s.o.Name, "protocol": "amqp", "ip_address": "127.0.0.1", "port": amqp},
			{"node": s.o.Name, "protocol": "http", "ip_address": "127.0.0.1", "port": mgmt},
		},
	}
}

func (s *Server) nodes() (int, any) {
	s.b.mu.Lock()
	defer s.b.mu.Unlock()
	const diskLimit = 50 << 20
	free := 10 * diskLimit
	if s.b.diskAlarm {
		free = diskLimit / 2
	}
	return http.StatusOK, []object{{
		"name": s.o.Name, "type": "disc", "running": true, "partitions": []string{},
		"mem_used": s.b.memory, "mem_limit": memoryHigh, "mem_alarm": s.b.memoryAlarm,
		"disk_free": free, "disk_free_limit": diskLimit, "disk_free_alarm": s.b.diskAlarm,
		"uptime": time.Since(s.started).Milliseconds(),
	}}
}

func (s *Server) queues() (int, any) {
	s.b.mu.Lock()
	defer s.b.mu.Unlock()
	list := []object{}
	for _, name := range slices.Sorted(maps.Keys(s.b.queues)) {
		list = append(list, s.describe(s.b.queues[name]))
	}
	return http.StatusOK, list
}

func (s *Server) queue(name string) (int, any) {
	s.b.mu.Lock()
	defer s.b.mu.Unlock()
	q := s.b.queues[name]
	if q == nil {
		return notFound()
	}
	return http.StatusOK, s.describe(q)
}

// describe is what the API says of a queue. With mu.
func (s *Server) describe(q *queue) object {
	return object{
		"name": q.name, "vhost": "/", "node": s.o.Name, "type": "classic", "state": "running",
		"durable": q.durable, "auto_delete": q.autoDelete, "exclusive": q.owner != nil, "arguments": q.args,
		"messages": len(q.ready) + q.unacked, "messages_ready": len(q.ready), "messages_unacknowledged": q.unacked,
		"message_bytes_ready": q.bytes, "consumers": len(q.consumers),
		"message_stats": object{"publish": q.published},
	}
}
