package replication

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// elasticStore drives one index of an Elasticsearch or OpenSearch cluster. There is no
// replication link between clusters: a timer copies with reindex-from-remote (mission
// A6). The write block (index.blocks.write) is what makes one side refuse writes.
type elasticStore struct {
	e     Endpoint
	opts  Options
	api   *httpServer
	index string
}

func openElastic(e Endpoint, opts Options) (Store, error) { return newElastic(e, opts) }

func newElastic(e Endpoint, opts Options) (*elasticStore, error) {
	if e.Config.Index == "" {
		return nil, fmt.Errorf("%s: index is empty: %w", e.Target(), ErrConfig)
	}
	opts = opts.withDefaults()
	api, err := newHTTPServer(e, opts)
	if err != nil {
		return nil, err
	}
	return &elasticStore{e: e, opts: opts, api: api, index: e.Config.Index}, nil
}

func (s *elasticStore) Close() error {
	s.api.close()
	return nil
}

func (s *elasticStore) path(suffix string) string { return "/" + url.PathEscape(s.index) + suffix }

// blocked reads the write block; exists is false when there is no such index.
func (s *elasticStore) blocked(ctx context.Context) (blocked, exists bool, err error) {
	var out map[string]struct {
		Settings map[string]any `json:"settings"`
	}
	err = s.api.call(ctx, http.MethodGet, s.path("/_settings?flat_settings=true"), nil, &out)
	if isStatus(err, http.StatusNotFound) {
		return false, false, nil
	}
	if err != nil {
		return false, false, err
	}
	for _, x := range out {
		exists = true
		for _, key := range []string{"index.blocks.write", "index.blocks.read_only", "index.blocks.read_only_allow_delete"} {
			if fmt.Sprint(setting(x.Settings, key)) == "true" {
				blocked = true
			}
		}
	}
	return blocked, exists, nil
}

// setting finds a setting by its dotted name, whether the answer is flat or nested.
func setting(m map[string]any, dotted string) any {
	if v, ok := m[dotted]; ok {
		return v
	}
	head, rest, ok := strings.Cut(dotted, ".")
	if !ok {
		return nil
	}
	if inner, ok := m[head].(map[string]any); ok {
		return setting(inner, rest)
	}
	return nil
}

func (s *elasticStore) block(ctx context.Context, on bool) error {
	return s.api.call(ctx, http.MethodPut, s.path("/_settings"), map[string]any{"index.blocks.write": on}, nil)
}

func (s *elasticStore) IsSource(ctx context.Context) (bool, string, error) {
	b, exists, err := s.blocked(ctx)
	switch {
	case err != nil:
		return false, "", err
	case !exists:
		return true, "no index " + s.index + " yet, nothing blocks writes", nil
	case b:
		return false, "index " + s.index + " has a write block", nil
	}
	return true, "index " + s.index + " accepts writes", nil
}

func (s *elasticStore) Promote(ctx context.Context) ([]string, error) {
	b, exists, err := s.blocked(ctx)
	if err != nil {
		return nil, err
	}
	if !exists || !b {
		return []string{"index " + s.index + " accepts writes already"}, nil
	}
	if err := s.block(ctx, false); err != nil {
		return nil, err
	}
	return s.confirm(ctx, false)
}

// Demote sets the write block. A bulk request that is being carried out at this moment
// may still finish; compare positions afterwards.
func (s *elasticStore) Demote(ctx context.Context) ([]string, error) {
	b, exists, err := s.blocked(ctx)
	if err != nil {
		return nil, err
	}
	if !exists {
		return []string{"no index " + s.index + ": nothing to block"}, nil
	}
	if b {
		return []string{"index " + s.index + " has a write block already"}, nil
	}
	if err := s.block(ctx, true); err != nil {
		return nil, err
	}
	return s.confirm(ctx, true)
}

// confirm reads the block back.
func (s *elasticStore) confirm(ctx context.Context, want bool) ([]string, error) {
	b, _, err := s.blocked(ctx)
	if err != nil {
		return nil, err
	}
	if b != want {
		return nil, fmt.Errorf("%s: index.blocks.write was set to %t but reads %t; is there an index.blocks.read_only too?", s.e.Target(), want, b)
	}
	return []string{fmt.Sprintf("index %s: index.blocks.write=%t", s.index, want)}, nil
}

// extent is how far an index is: number of documents and newest time.
type extent struct {
	count  int64
	newest time.Time
}

func (x extent) String() string {
	s := fmt.Sprintf("%d documents", x.count)
	if !x.newest.IsZero() {
		s += ", newest " + x.newest.UTC().Format("15:04:05.000")
	}
	return s
}

// extent refreshes first, so that what was written is counted.
func (s *elasticStore) extent(ctx context.Context) (extent, error) {
	err := s.api.call(ctx, http.MethodPost, s.path("/_refresh"), nil, nil)
	if isStatus(err, http.StatusNotFound) {
		return extent{}, nil
	}
	if err != nil && !isStatus(err, http.StatusForbidden, http.StatusMethodNotAllowed, http.StatusBadRequest) {
		return extent{}, err
	}
	var c struct {
		Count int64 `json:"count"`
	}
	if err := s.api.call(ctx, http.MethodGet, s.path("/_count"), nil, &c); err != nil {
		return extent{}, err
	}
	out := extent{count: c.Count}
	field := s.e.Config.TimeField
	if field == "" || c.Count == 0 {
		return out, nil
	}
	var found struct {
		Hits struct {
			Hits []struct {
				Source map[string]any `json:"_source"`
			} `json:"hits"`
		} `json:"hits"`
	}
	ask := map[string]any{
		"size": 1, "query": map[string]any{"match_all": map[string]any{}},
		"sort": []any{map[string]any{field: map[string]any{"order": "desc"}}}, "_source": []string{field},
	}
	if err := s.api.call(ctx, http.MethodPost, s.path("/_search"), ask, &found); err != nil {
		return extent{}, err
	}
	if h := found.Hits.Hits; len(h) > 0 {
		out.newest = parseTime(setting(h[0].Source, field))
	}
	return out, nil
}

// parseTime reads a date field: RFC 3339 text or milliseconds since 1970.
func parseTime(v any) time.Time {
	switch x := v.(type) {
	case string:
		if t, err := time.Parse(time.RFC3339Nano, x); err == nil {
			return t
		}
	case float64:
		return time.UnixMilli(int64(x))
	}
	return time.Time{}
}

func (s *elasticStore) Position(ctx context.Context) (string, error) {
	x, err := s.extent(ctx)
	if err != nil {
		return "", err
	}
	return x.String(), nil
}

// pair reads the source first: what it gets afterwards is not part of the question.
func (s *elasticStore) pair(ctx context.Context, source Endpoint) (mine, theirs extent, err error) {
	src, err := newElastic(source, s.opts)
	if err != nil {
		return mine, theirs, err
	}
	defer func() { _ = src.Close() }()
	if theirs, err = src.extent(ctx); err != nil {
		return mine, theirs, err
	}
	mine, err = s.extent(ctx)
	return mine, theirs, err
}

// CaughtUp compares number of documents and newest time: what two clusters that share
// no history can be compared by.
func (s *elasticStore) CaughtUp(ctx context.Context, source Endpoint) (bool, string, error) {
	mine, theirs, err := s.pair(ctx, source)
	if err != nil {
		return false, "", err
	}
	seen := fmt.Sprintf("here %s; %s %s", mine, source.Site, theirs)
	return mine.count >= theirs.count && !mine.newest.Before(theirs.newest), seen, nil
}

// Applied is always true: a document that has been copied is applied.
func (s *elasticStore) Applied(ctx context.Context) (bool, string, error) {
	x, err := s.extent(ctx)
	if err != nil {
		return false, "", err
	}
	return true, "copied documents are applied at once: " + x.String(), nil
}

// Follows is true when copies can land here and the newest is at most ten seconds older
// than the source's.
func (s *elasticStore) Follows(ctx context.Context, source Endpoint) (bool, string, error) {
	b, _, err := s.blocked(ctx)
	if err != nil {
		return false, "", err
	}
	if b {
		return false, "index " + s.index + " has a write block: copies cannot land", nil
	}
	mine, theirs, err := s.pair(ctx, source)
	if err != nil {
		return false, "", err
	}
	seen := fmt.Sprintf("here %s; %s %s", mine, source.Site, theirs)
	if mine.newest.IsZero() || theirs.newest.IsZero() {
		return mine.count >= theirs.count, seen, nil
	}
	return theirs.newest.Sub(mine.newest) <= 10*time.Second, seen, nil
}
