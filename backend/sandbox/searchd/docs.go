package searchd

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// writeOf reads the conditions of a write from the query string.
func writeOf(q url.Values) (write, error) {
	o := write{versionType: q.Get("version_type")}
	for name, into := range map[string]func(int64){
		"version":   func(n int64) { o.version = n },
		"if_seq_no": func(n int64) { o.ifSeq = &n },
	} {
		if v := q.Get(name); v != "" {
			n, err := strconv.ParseInt(v, 10, 64)
			if err != nil {
				return o, badRequest("illegal_argument_exception", "Failed to parse long parameter [%s] with value [%s]", name, v)
			}
			into(n)
		}
	}
	return o, o.sane()
}

// sane checks what can be checked without the document.
func (o write) sane() error {
	external := o.versionType != "" && o.versionType != "internal"
	switch {
	case external && o.version <= 0:
		return badRequest("action_request_validation_exception", "Validation Failed: 1: illegal version value [%d] for version type [%s];", o.version, o.versionType)
	case !external && o.version != 0:
		return badRequest("action_request_validation_exception",
			"Validation Failed: 1: internal versioning can not be used for optimistic concurrency control. Please use `if_seq_no` and `if_primary_term` instead;")
	}
	return nil
}

func result(ix *index, id, what string, version, seq int64) object {
	return object{
		"_index": ix.name, "_id": id, "_version": version, "result": what,
		"_shards": object{"total": 1 + ix.replicas(), "successful": 1, "failed": 0},
		"_seq_no": seq, "_primary_term": 1,
	}
}

func (s *Server) putDoc(r *http.Request, q url.Values, name, id string, create bool) (int, any, error) {
	source, err := io.ReadAll(r.Body)
	if err != nil {
		return 0, nil, badRequest("parse_exception", "body: %v", err)
	}
	o, err := writeOf(q)
	if err != nil {
		return 0, nil, err
	}
	o.create = create
	s.mu.Lock()
	defer s.mu.Unlock()
	status, out, aerr := s.store(name, id, source, o)
	if aerr != nil {
		return 0, nil, aerr
	}
	return status, out, nil
}

// store writes one document; an empty id gets a new one. Call with the lock held.
func (s *Server) store(name, id string, source []byte, o write) (int, object, *apiError) {
	ix, err := s.ensure(name)
	if err != nil {
		return 0, nil, err
	}
	if err := ix.blocked(s.readOnly); err != nil {
		return 0, nil, err
	}
	if id == "" {
		id, o.create = uuid(), true
	}
	d, created, err := ix.put(id, bytes.TrimSpace(source), o)
	if err != nil {
		return 0, nil, err
	}
	if created {
		return http.StatusCreated, result(ix, id, "created", d.version, d.seq), nil
	}
	return http.StatusOK, result(ix, id, "updated", d.version, d.seq), nil
}

func (s *Server) deleteDoc(q url.Values, name, id string) (int, any, error) {
	o, err := writeOf(q)
	if err != nil {
		return 0, nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	status, out, aerr := s.erase(name, id, o)
	if aerr != nil {
		return 0, nil, aerr
	}
	return status, out, nil
}

// erase deletes one document. Call with the lock held.
func (s *Server) erase(name, id string, o write) (int, object, *apiError) {
	found, err := s.find(name)
	if err != nil {
		return 0, nil, err
	}
	if len(found) != 1 {
		return 0, nil, badRequest("illegal_argument_exception", "[%s] is not one index", name)
	}
	ix := found[0]
	if err := ix.blocked(s.readOnly); err != nil {
		return 0, nil, err
	}
	version, seq, was, err := ix.remove(id, o)
	if err != nil {
		return 0, nil, err
	}
	if !was {
		return http.StatusNotFound, result(ix, id, "not_found", version, seq), nil
	}
	return http.StatusOK, result(ix, id, "deleted", version, seq), nil
}

func (s *Server) getDoc(name, id string, sourceOnly bool) (int, any, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	found, err := s.find(name)
	if err != nil {
		return 0, nil, err
	}
	for _, ix := range found {
		if d := ix.docs[id]; d != nil {
			if sourceOnly {
				return http.StatusOK, d.source, nil
			}
			return http.StatusOK, object{
				"_index": ix.name, "_id": id, "_version": d.version, "_seq_no": d.seq, "_primary_term": 1,
				"found": true, "_source": d.source,
			}, nil
		}
	}
	return http.StatusNotFound, object{"_index": name, "_id": id, "found": false}, nil
}

// action is one line of a bulk request.
type action struct {
	Index       string `json:"_index"`
	ID          string `json:"_id"`
	Version     int64  `json:"version"`
	VersionType string `json:"version_type"`
	IfSeq       *int64 `json:"if_seq_no"`
}

func (s *Server) bulk(r *http.Request, byDefault string) (int, any, error) {
	began := time.Now()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		var big *http.MaxBytesError
		if errors.As(err, &big) {
			return 0, nil, apiErr(http.StatusRequestEntityTooLarge, "content_too_long_exception", "the bulk request is too big")
		}
		return 0, nil, badRequest("parse_exception", "body: %v", err)
	}
	if len(body) == 0 || body[len(body)-1] != '\n' {
		return 0, nil, badRequest("illegal_argument_exception", "The bulk request must be terminated by a newline [\\n]")
	}
	lines := bytes.Split(body[:len(body)-1], []byte("\n"))
	var items []object
	failed := false
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := 0; i < len(lines); i++ {
		if len(bytes.TrimSpace(lines[i])) == 0 {
			continue
		}
		verb, a, err := parseAction(lines[i], byDefault)
		if err != nil {
			return 0, nil, err
		}
		var source []byte
		if verb != "delete" {
			i++
			if i >= len(lines) {
				return 0, nil, badRequest("illegal_argument_exception", "Malformed action/metadata line [%d], expected a source after it", i)
			}
			source = lines[i]
		}
		item, ok := s.bulkItem(verb, a, source)
		failed = failed || !ok
		items = append(items, object{verb: item})
	}
	if items == nil {
		return 0, nil, badRequest("action_request_validation_exception", "Validation Failed: 1: no requests added;")
	}
	return http.StatusOK, object{"took": time.Since(began).Milliseconds(), "errors": failed, "items": items}, nil
}

func parseAction(line []byte, byDefault string) (string, action, error) {
	var m map[string]action
	if err := json.Unmarshal(line, &m); err != nil || len(m) != 1 {
		return "", action{}, badRequest("illegal_argument_exception", "Malformed action/metadata line: %s", clip(line))
	}
	for verb, a := range m {
		if verb != "index" && verb != "create" && verb != "delete" {
			return "", a, badRequest("illegal_argument_exception",
				"Malformed action/metadata line, expected one of [create, delete, index] but found [%s]", verb)
		}
		if a.Index == "" {
			a.Index = byDefault
		}
		if a.Index == "" || (verb == "delete" && a.ID == "") {
			return "", a, badRequest("action_request_validation_exception", "Validation Failed: 1: index or id is missing;")
		}
		return verb, a, nil
	}
	return "", action{}, nil
}

// bulkItem does one action; its failure is part of the answer, not of the request.
func (s *Server) bulkItem(verb string, a action, source []byte) (object, bool) {
	o := write{create: verb == "create", version: a.Version, versionType: a.VersionType, ifSeq: a.IfSeq}
	var status int
	var out object
	var aerr *apiError
	if err := o.sane(); err != nil {
		errors.As(err, &aerr)
	} else if verb == "delete" {
		status, out, aerr = s.erase(a.Index, a.ID, o)
	} else {
		status, out, aerr = s.store(a.Index, a.ID, bytes.Clone(source), o)
	}
	if aerr != nil {
		return object{"_index": a.Index, "_id": a.ID, "status": aerr.status, "error": aerr.cause()}, false
	}
	out["status"] = status
	return out, true
}
