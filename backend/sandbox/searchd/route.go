package searchd

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
)

// maxBody bounds a request, as http.max_content_length does.
const maxBody = 100 << 20

// object is a JSON object of an answer.
type object = map[string]any

// route finds the handler by the path. A first segment with an underscore is the
// cluster's; everything else is an index.
func (s *Server) route(w http.ResponseWriter, r *http.Request) (int, any, error) {
	var seg []string
	for p := range strings.SplitSeq(strings.Trim(r.URL.EscapedPath(), "/"), "/") {
		u, err := url.PathUnescape(p)
		if err != nil {
			return 0, nil, badRequest("illegal_argument_exception", "path: %v", err)
		}
		if u != "" {
			seg = append(seg, u)
		}
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	q := r.URL.Query()
	at := func(i int) string {
		if i < len(seg) {
			return seg[i]
		}
		return ""
	}
	read := r.Method == http.MethodGet || r.Method == http.MethodHead
	ask := r.Method == http.MethodGet || r.Method == http.MethodPost
	change := r.Method == http.MethodPut || r.Method == http.MethodPost

	if len(seg) == 0 {
		return http.StatusOK, s.root(), nil
	}
	if name := seg[0]; name == "_all" || !strings.HasPrefix(name, "_") {
		return s.routeIndex(r, q, name, at(1), at(2), len(seg))
	}
	switch {
	case seg[0] == "_cluster" && at(1) == "health" && read:
		return s.clusterHealth(at(2))
	case seg[0] == "_cluster" && at(1) == "settings" && read:
		return http.StatusOK, object{"persistent": object{}, "transient": object{}}, nil
	case seg[0] == "_cat" && at(1) == "indices" && read:
		return s.catIndices(at(2), q.Get("format") == "json")
	case seg[0] == "_bulk" && change:
		return s.bulk(r, "")
	case seg[0] == "_search" && ask:
		return s.search(r, "_all")
	case seg[0] == "_count" && ask:
		return s.count(r, "_all")
	case (seg[0] == "_refresh" || seg[0] == "_flush") && ask:
		return s.refresh("_all")
	case seg[0] == "_stats" && read:
		return s.stats("_all")
	case (seg[0] == "_settings" || seg[0] == "_mapping") && read:
		return s.describe("_all", seg[0], q)
	case seg[0] == "_reindex" && r.Method == http.MethodPost:
		return s.reindex(r)
	case seg[0] == "_tasks":
		return s.routeTasks(r.Method, at(1), at(2))
	}
	return noHandler(r)
}

// routeIndex answers /INDEX/VERB/ID.
func (s *Server) routeIndex(r *http.Request, q url.Values, name, verb, id string, n int) (int, any, error) {
	read := r.Method == http.MethodGet || r.Method == http.MethodHead
	ask := r.Method == http.MethodGet || r.Method == http.MethodPost
	change := r.Method == http.MethodPut || r.Method == http.MethodPost
	switch {
	case n == 1 && r.Method == http.MethodPut:
		return s.createIndex(r, name)
	case n == 1 && r.Method == http.MethodDelete:
		return s.deleteIndex(name)
	case n == 1 && read:
		return s.describe(name, "", q)
	case n == 2 && (verb == "_settings" || verb == "_mapping") && read:
		return s.describe(name, verb, q)
	case n == 2 && verb == "_settings" && r.Method == http.MethodPut:
		return s.putSettings(r, name)
	case n == 2 && verb == "_mapping" && change:
		return s.putMapping(r, name)
	case n == 3 && verb == "_block" && r.Method == http.MethodPut:
		return s.addBlock(name, id)
	case n == 2 && verb == "_bulk" && change:
		return s.bulk(r, name)
	case n == 2 && verb == "_search" && ask:
		return s.search(r, name)
	case n == 2 && verb == "_count" && ask:
		return s.count(r, name)
	case n == 2 && (verb == "_refresh" || verb == "_flush") && ask:
		return s.refresh(name)
	case verb == "_stats" && read:
		return s.stats(name)
	case n == 2 && verb == "_doc" && r.Method == http.MethodPost:
		return s.putDoc(r, q, name, "", false)
	case n == 3 && verb == "_doc" && change:
		return s.putDoc(r, q, name, id, q.Get("op_type") == "create")
	case n == 3 && verb == "_create" && change:
		return s.putDoc(r, q, name, id, true)
	case n == 3 && verb == "_doc" && r.Method == http.MethodDelete:
		return s.deleteDoc(q, name, id)
	case n == 3 && (verb == "_doc" || verb == "_source") && read:
		return s.getDoc(name, id, verb == "_source")
	}
	return noHandler(r)
}

func noHandler(r *http.Request) (int, any, error) {
	return 0, nil, badRequest("illegal_argument_exception",
		"no handler found for uri [%s] and method [%s] in the sandbox's subset of Elasticsearch", r.URL.Path, r.Method)
}

// decode reads the request's JSON object into v; an empty body leaves v alone.
func decode(r *http.Request, v any) error {
	err := json.NewDecoder(r.Body).Decode(v)
	if err == nil || errors.Is(err, io.EOF) {
		return nil
	}
	var e *apiError // from an UnmarshalJSON of ours
	if errors.As(err, &e) {
		return e
	}
	return fmt.Errorf("body: %w", badRequest("parsing_exception", "%v", err))
}

func (s *Server) root() object {
	return object{
		"name": s.o.Name, "cluster_name": s.o.ClusterName, "cluster_uuid": s.clusterUUID,
		"version": object{
			"number": version, "build_flavor": "default", "build_type": "tar", "lucene_version": "9.11.1",
			"minimum_wire_compatibility_version": "7.17.0", "minimum_index_compatibility_version": "7.0.0",
		},
		"tagline": "You Know, for Search",
	}
}
