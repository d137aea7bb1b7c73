package searchd

import (
	"cmp"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

func (s *Server) clusterHealth(name string) (int, any, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	found, err := s.find(name)
	status, code := "green", http.StatusOK
	if err != nil { // the real one waits for the index to appear, then says this
		status, code = "red", http.StatusRequestTimeout
	}
	missing := 0
	for _, ix := range found {
		missing += ix.replicas()
		if ix.status() == "yellow" {
			status = "yellow"
		}
	}
	if s.health != "" {
		status = s.health
	}
	active := len(found)
	if status == "red" {
		missing, active = missing+1, max(0, active-1)
	}
	return code, object{
		"cluster_name": s.o.ClusterName, "status": status, "timed_out": code != http.StatusOK,
		"number_of_nodes": 1, "number_of_data_nodes": 1, "active_primary_shards": active, "active_shards": active,
		"relocating_shards": 0, "initializing_shards": 0, "unassigned_shards": missing, "delayed_unassigned_shards": 0,
		"number_of_pending_tasks": 0, "number_of_in_flight_fetch": 0, "task_max_waiting_in_queue_millis": 0,
		"active_shards_percent_as_number": 100 * float64(active) / float64(max(1, active+missing)),
	}, nil
}

func (s *Server) catIndices(name string, asJSON bool) (int, any, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	found, err := s.find(name)
	if err != nil {
		return 0, nil, err
	}
	rows := make([]map[string]string, 0, len(found))
	var text strings.Builder
	for _, ix := range found {
		n := strconv.Itoa(len(ix.docs))
		row := map[string]string{
			"health": cmp.Or(s.health, ix.status()), "status": "open", "index": ix.name, "uuid": ix.uuid, "pri": "1",
			"rep": ix.settings["index.number_of_replicas"], "docs.count": n, "docs.deleted": strconv.Itoa(len(ix.graves)),
			"store.size": fmt.Sprintf("%db", ix.bytes), "pri.store.size": fmt.Sprintf("%db", ix.bytes),
		}
		rows = append(rows, row)
		fmt.Fprintf(&text, "%s open %s %s 1 %s %s %s %s %s\n", row["health"], ix.name, ix.uuid,
			row["rep"], n, row["docs.deleted"], row["store.size"], row["pri.store.size"])
	}
	if asJSON {
		return http.StatusOK, rows, nil
	}
	return http.StatusOK, text.String(), nil
}

func (s *Server) createIndex(r *http.Request, name string) (int, any, error) {
	var b struct {
		Settings map[string]any `json:"settings"`
		Mappings map[string]any `json:"mappings"`
	}
	if err := decode(r, &b); err != nil {
		return 0, nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if ix := s.indices[name]; ix != nil {
		return 0, nil, &apiError{
			status: http.StatusBadRequest, kind: "resource_already_exists_exception", index: name,
			reason: fmt.Sprintf("index [%s/%s] already exists", name, ix.uuid),
		}
	}
	if err := checkName(name); err != nil {
		return 0, nil, err
	}
	ix := newIndex(name, s.o)
	if err := ix.set(b.Settings); err != nil {
		return 0, nil, err
	}
	if b.Mappings != nil {
		ix.mappings = b.Mappings
	}
	s.indices[name] = ix
	return http.StatusOK, object{"acknowledged": true, "shards_acknowledged": true, "index": name}, nil
}

func (s *Server) deleteIndex(name string) (int, any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if strings.Contains(name, "*") || name == "_all" {
		return 0, nil, badRequest("illegal_argument_exception", "Wildcard expressions or all indices are not allowed")
	}
	found, err := s.find(name)
	if err != nil {
		return 0, nil, err
	}
	for _, ix := range found {
		delete(s.indices, ix.name)
	}
	return http.StatusOK, object{"acknowledged": true}, nil
}

// describe answers GET /INDEX (part ""), /INDEX/_settings and /INDEX/_mapping.
func (s *Server) describe(name, part string, q url.Values) (int, any, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	found, err := s.find(name)
	if err != nil {
		return 0, nil, err
	}
	out := object{}
	for _, ix := range found {
		o := object{}
		if part != "_mapping" {
			o["settings"] = ix.shown(s.readOnly, q.Get("flat_settings") == "true")
		}
		if part != "_settings" {
			o["mappings"] = ix.mappings
		}
		if part == "" {
			o["aliases"] = object{}
		}
		out[ix.name] = o
	}
	return http.StatusOK, out, nil
}

// shown is the settings as GET gives them: all values are texts.
func (ix *index) shown(nodeReadOnly, flat bool) object {
	all := maps.Clone(ix.settings)
	all["index.uuid"], all["index.provided_name"] = ix.uuid, ix.name
	all["index.creation_date"] = strconv.FormatInt(ix.created.UnixMilli(), 10)
	if nodeReadOnly {
		all["index.blocks.read_only_allow_delete"] = "true"
	}
	out := object{}
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if flat {
			out[name] = all[name]
			continue
		}
		into, parts := out, strings.Split(name, ".")
		for _, p := range parts[:len(parts)-1] {
			next, ok := into[p].(object)
			if !ok {
				next = object{}
				into[p] = next
			}
			into = next
		}
		into[parts[len(parts)-1]] = all[name]
	}
	return out
}

func (s *Server) putSettings(r *http.Request, name string) (int, any, error) {
	var m map[string]any
	if err := decode(r, &m); err != nil {
		return 0, nil, err
	}
	if inner, ok := m["settings"].(map[string]any); ok {
		m = inner
	}
	return s.change(name, m)
}

func (s *Server) addBlock(name, block string) (int, any, error) {
	if block != "write" && block != "read_only" {
		return 0, nil, badRequest("illegal_argument_exception", "No block found corresponding to block name [%s]", block)
	}
	status, _, err := s.change(name, map[string]any{"index.blocks." + block: true})
	return status, object{
		"acknowledged": true, "shards_acknowledged": true, "indices": []object{{"name": name, "blocked": true}},
	}, err
}

func (s *Server) change(name string, m map[string]any) (int, any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	found, err := s.find(name)
	if err != nil {
		return 0, nil, err
	}
	for _, ix := range found {
		if err := ix.set(m); err != nil {
			return 0, nil, err
		}
	}
	return http.StatusOK, object{"acknowledged": true}, nil
}

// set takes settings in any of their spellings: nested, dotted, with or without
// "index"; null takes one back.
func (ix *index) set(m map[string]any) error {
	flat := map[string]any{}
	flatten("", m, flat)
	for name, v := range flat {
		if !strings.HasPrefix(name, "index.") {
			name = "index." + name
		}
		if v == nil {
			delete(ix.settings, name)
			continue
		}
		text := fmt.Sprint(v)
		if f, ok := v.(float64); ok {
			text = strconv.FormatFloat(f, 'f', -1, 64)
		}
		if name == "index.number_of_replicas" {
			if n, err := strconv.Atoi(text); err != nil || n < 0 {
				return badRequest("illegal_argument_exception", "Failed to parse value [%s] for setting [%s]", text, name)
			}
		}
		if strings.HasPrefix(name, "index.blocks.") && text != "true" && text != "false" {
			return badRequest("illegal_argument_exception", "Failed to parse value [%s] as only [true] or [false] are allowed.", text)
		}
		ix.settings[name] = text
	}
	return nil
}

func flatten(prefix string, m map[string]any, into map[string]any) {
	for k, v := range m {
		if inner, ok := v.(map[string]any); ok {
			flatten(prefix+k+".", inner, into)
			continue
		}
		into[prefix+k] = v
	}
}

func (s *Server) putMapping(r *http.Request, name string) (int, any, error) {
	var m struct {
		Properties map[string]any `json:"properties"`
	}
	if err := decode(r, &m); err != nil {
		return 0, nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	found, err := s.find(name)
	if err != nil {
		return 0, nil, err
	}
	for _, ix := range found {
		merged := map[string]any{}
		if old, ok := ix.mappings["properties"].(map[string]any); ok {
			maps.Copy(merged, old)
		}
		maps.Copy(merged, m.Properties)
		ix.mappings = map[string]any{"properties": merged}
	}
	return http.StatusOK, object{"acknowledged": true}, nil
}

func (s *Server) refresh(name string) (int, any, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	found, err := s.find(name)
	if err != nil {
		return 0, nil, err
	}
	return http.StatusOK, object{"_shards": shards(len(found))}, nil
}

func (s *Server) stats(name string) (int, any, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	found, err := s.find(name)
	if err != nil {
		return 0, nil, err
	}
	each := object{}
	var docs, deleted int
	var bytes, writes int64
	block := func(docs, deleted int, bytes, writes int64) object {
		return object{
			"docs":     object{"count": docs, "deleted": deleted},
			"store":    object{"size_in_bytes": bytes},
			"indexing": object{"index_total": writes},
		}
	}
	for _, ix := range found {
		own := block(len(ix.docs), len(ix.graves), ix.bytes, ix.writes)
		shard := maps.Clone(own)
		shard["routing"] = object{"state": "STARTED", "primary": true, "node": s.nodeID}
		shard["seq_no"] = object{"max_seq_no": ix.maxSeq, "local_checkpoint": ix.maxSeq, "global_checkpoint": ix.maxSeq}
		each[ix.name] = object{
			"uuid": ix.uuid, "health": ix.status(), "status": "open", "primaries": own, "total": own,
			"shards": object{"0": []object{shard}},
		}
		docs, deleted, bytes, writes = docs+len(ix.docs), deleted+len(ix.graves), bytes+ix.bytes, writes+ix.writes
	}
	all := block(docs, deleted, bytes, writes)
	return http.StatusOK, object{
		"_shards": shards(len(found)), "_all": object{"primaries": all, "total": all}, "indices": each,
	}, nil
}
