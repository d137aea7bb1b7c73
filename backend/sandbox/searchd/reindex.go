package searchd

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"path"
	"strings"
	"time"
)

// reindexBody is what POST /_reindex takes.
type reindexBody struct {
	Conflicts string `json:"conflicts"`
	MaxDocs   int    `json:"max_docs"`
	Source    struct {
		Index  any             `json:"index"`
		Query  json.RawMessage `json:"query"`
		Size   int             `json:"size"`
		Remote *remote         `json:"remote"`
	} `json:"source"`
	Dest struct {
		Index       string `json:"index"`
		VersionType string `json:"version_type"`
		OpType      string `json:"op_type"`
	} `json:"dest"`
}

// remote is another cluster to read from.
type remote struct {
	Host     string `json:"host"`
	Username string `json:"username"`
	Password string `json:"password"`
	Socket   string `json:"socket_timeout"`
	Connect  string `json:"connect_timeout"`
}

// progress is the status of a reindex, as tasks and answers show it.
type progress struct {
	Total     int   `json:"total"`
	Updated   int   `json:"updated"`
	Created   int   `json:"created"`
	Deleted   int   `json:"deleted"`
	Batches   int   `json:"batches"`
	Conflicts int   `json:"version_conflicts"`
	Noops     int   `json:"noops"`
	Throttled int64 `json:"throttled_millis"`
}

// found is one document of a page of the source.
type foundDoc struct {
	ID      string          `json:"_id"`
	Version int64           `json:"_version"`
	Source  json.RawMessage `json:"_source"`
	Sort    []any           `json:"sort"`
}

func (s *Server) reindex(r *http.Request) (int, any, error) {
	var b reindexBody
	if err := decode(r, &b); err != nil {
		return 0, nil, err
	}
	if b.Dest.Index == "" || b.Source.Index == nil {
		return 0, nil, badRequest("action_request_validation_exception", "Validation Failed: 1: source or dest index is missing;")
	}
	if b.Source.Size == 0 {
		b.Source.Size = 1000
	}
	if b.Source.Size < 0 || b.Source.Size > window {
		return 0, nil, badRequest("illegal_argument_exception", "source.size must be between 1 and %d", window)
	}
	if _, err := parseQuery(b.Source.Query); err != nil {
		return 0, nil, err
	}
	if b.Source.Remote != nil {
		if err := s.remoteAllowed(b.Source.Remote.Host); err != nil {
			return 0, nil, err
		}
	}
	if r.URL.Query().Get("wait_for_completion") == "false" {
		id := s.tasks.start(s, b)
		return http.StatusOK, object{"task": s.nodeID + ":" + id}, nil
	}
	return s.copy(r.Context(), b, func(progress) {})
}

// remoteAllowed holds a remote against reindex.remote.whitelist.
func (s *Server) remoteAllowed(host string) error {
	u, err := url.Parse(host)
	if err != nil || u.Host == "" || u.Port() == "" {
		return badRequest("illegal_argument_exception", "[host] must be of the form [scheme]://[host]:[port](/[pathPrefix])? but was [%s]", host)
	}
	for _, pattern := range s.o.RemoteAllow {
		if ok, err := path.Match(pattern, u.Host); err == nil && ok {
			return nil
		}
	}
	return badRequest("illegal_argument_exception", "[%s] not whitelisted in reindex.remote.whitelist", u.Host)
}

// copy does the work, a page at a time, in the source's order of writing.
func (s *Server) copy(ctx context.Context, b reindexBody, tell func(progress)) (int, any, error) {
	began := time.Now()
	var p progress
	failures := []object{}
	canceled := ""
	for after := []any(nil); ; {
		page, total, err := s.page(ctx, b, after)
		if ctx.Err() != nil && p.Batches > 0 {
			canceled = "by user request" // ended, not failed: as the real one has it
			break
		}
		if err != nil {
			return 0, nil, err
		}
		if p.Batches == 0 {
			p.Total = total
			if b.MaxDocs > 0 {
				p.Total = min(total, b.MaxDocs)
			}
		}
		if left := b.MaxDocs - p.Created - p.Updated - p.Conflicts; b.MaxDocs > 0 {
			page = page[:min(len(page), max(0, left))]
		}
		if len(page) == 0 {
			break
		}
		p.Batches++
		failures = append(failures, s.take(b, page, &p)...)
		tell(p)
		if len(failures) > 0 || (p.Conflicts > 0 && b.Conflicts != "proceed") {
			break
		}
		after = page[len(page)-1].Sort
	}
	status := http.StatusOK
	if len(failures) > 0 {
		if st, ok := failures[0]["status"].(int); ok {
			status = st
		}
	}
	answer := object{
		"took": time.Since(began).Milliseconds(), "timed_out": false, "total": p.Total, "updated": p.Updated,
		"created": p.Created, "deleted": 0, "batches": p.Batches, "version_conflicts": p.Conflicts, "noops": 0,
		"retries": object{"bulk": 0, "search": 0}, "throttled_millis": 0, "requests_per_second": -1.0,
		"throttled_until_millis": 0, "failures": failures,
	}
	if canceled != "" {
		answer["canceled"] = canceled
	}
	return status, answer, nil
}

// take writes one page to the destination.
func (s *Server) take(b reindexBody, page []foundDoc, p *progress) []object {
	s.mu.Lock()
	defer s.mu.Unlock()
	var failures []object
	for _, d := range page {
		o := write{create: b.Dest.OpType == "create", versionType: b.Dest.VersionType}
		if o.versionType != "" && o.versionType != "internal" {
			o.version = d.Version
		}
		status, _, err := s.store(b.Dest.Index, d.ID, d.Source, o)
		switch {
		case err == nil && status == http.StatusCreated:
			p.Created++
		case err == nil:
			p.Updated++
		case err.status == http.StatusConflict && b.Conflicts == "proceed":
			p.Conflicts++
		default:
			if err.status == http.StatusConflict {
				p.Conflicts++
			}
			failures = append(failures, object{"index": b.Dest.Index, "id": d.ID, "cause": err.cause(), "status": err.status})
			if err.kind == "cluster_block_exception" {
				return failures // every other document would say the same
			}
		}
	}
	return failures
}

// page reads the next documents of the source. A remote one is asked for the same
// search over HTTP.
func (s *Server) page(ctx context.Context, b reindexBody, after []any) ([]foundDoc, int, error) {
	ask := object{
		"size": b.Source.Size, "sort": []any{object{seqField: "asc"}}, "version": true, "track_total_hits": true,
	}
	if len(b.Source.Query) > 0 {
		ask["query"] = b.Source.Query
	}
	if after != nil {
		ask["search_after"] = after
	}
	body, err := json.Marshal(ask)
	if err != nil {
		return nil, 0, fmt.Errorf("reindex: source query: %w", err)
	}
	name := fmt.Sprint(b.Source.Index)
	if list, ok := b.Source.Index.([]any); ok {
		var names []string
		for _, n := range list {
			names = append(names, fmt.Sprint(n))
		}
		name = strings.Join(names, ",")
	}
	base, user, password := s.url, s.o.User, s.o.Password
	client := s.client
	if rem := b.Source.Remote; rem != nil {
		base, user, password = strings.TrimSuffix(rem.Host, "/"), rem.Username, rem.Password
	} else {
		client = &http.Client{Transport: inside{s}}
	}
	ctx, cancel := context.WithTimeout(ctx, socketTimeout(b.Source.Remote))
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, base+"/"+url.PathEscape(name)+"/_search", bytes.NewReader(body))
	if err != nil {
		return nil, 0, badRequest("illegal_argument_exception", "remote: %v", err)
	}
	req.Header.Set("Content-Type", "application/json")
	if user != "" {
		req.SetBasicAuth(user, password)
	}
	resp, err := client.Do(req)
	if err != nil {
		return nil, 0, unreachable(err)
	}
	defer func() { _ = resp.Body.Close() }()
	raw, err := io.ReadAll(io.LimitReader(resp.Body, maxBody))
	if err != nil {
		return nil, 0, unreachable(err)
	}
	if resp.StatusCode != http.StatusOK {
		return nil, 0, remoteSays(resp.StatusCode, raw)
	}
	var answer struct {
		Hits struct {
			Total struct{ Value int }
			Hits  []foundDoc
		}
	}
	if err := json.Unmarshal(raw, &answer); err != nil {
		return nil, 0, apiErr(http.StatusInternalServerError, "parsing_exception", "remote's answer: "+err.Error())
	}
	return answer.Hits.Hits, answer.Hits.Total.Value, nil
}

// socketTimeout is the remote's, 30 s by default as in the real one.
func socketTimeout(r *remote) time.Duration {
	if r != nil {
		if d, err := time.ParseDuration(r.Socket); err == nil && d > 0 {
			return d
		}
	}
	return 30 * time.Second
}

// unreachable is what a remote that does not answer gives.
func unreachable(err error) *apiError {
	kind := "connect_exception"
	if errors.Is(err, context.DeadlineExceeded) {
		kind = "socket_timeout_exception"
	}
	return apiErr(http.StatusInternalServerError, kind, err.Error())
}

// remoteSays passes a remote's error on.
func remoteSays(status int, raw []byte) *apiError {
	var doc struct {
		Error struct{ Type, Reason, Index string }
	}
	if json.Unmarshal(raw, &doc) == nil && doc.Error.Type != "" {
		return &apiError{status: status, kind: doc.Error.Type, reason: "remote: " + doc.Error.Reason, index: doc.Error.Index}
	}
	return apiErr(status, "status_exception", "remote: "+clip(raw))
}

// inside is a transport that answers from the server itself, so that a local
// source is read like a remote one without a socket.
type inside struct{ s *Server }

// RoundTrip implements http.RoundTripper.
func (t inside) RoundTrip(r *http.Request) (*http.Response, error) {
	w := &recorder{header: http.Header{}, status: http.StatusOK}
	t.s.ServeHTTP(w, r)
	return &http.Response{
		StatusCode: w.status, Header: w.header, Request: r, Body: io.NopCloser(&w.body),
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, ContentLength: int64(w.body.Len()),
	}, nil
}

// recorder keeps an answer.
type recorder struct {
	header http.Header
	body   bytes.Buffer
	status int
}

func (w *recorder) Header() http.Header         { return w.header }
func (w *recorder) Write(b []byte) (int, error) { return w.body.Write(b) }
func (w *recorder) WriteHeader(status int)      { w.status = status }
