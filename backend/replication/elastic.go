package replication

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/dutyops/dutyops/probes"
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

// blocks is what of an index, or of all that its name stands for, refuses writes.
type blocks struct {
	exists bool
	// some and all: writes are refused, for whatever reason.
	some, all bool
	// fenced: by a block that stays until somebody takes it away, everywhere. The one that a
	// full disk sets goes by itself when there is room again.
	fenced bool
	full   bool
}

func (b blocks) String() string {
	switch {
	case b.full && !b.fenced:
		return "refuses writes while its disk is nearly full"
	case b.some && !b.all:
		return "stands for several, of which some have a write block and some take writes"
	case b.some:
		return "has a write block"
	}
	return "accepts writes"
}

// blocks reads the settings; an answer that tells of no index is that of a pattern.
func (s *elasticStore) blocks(ctx context.Context) (blocks, error) {
	var out map[string]struct {
		Settings map[string]any `json:"settings"`
	}
	err := s.api.call(ctx, http.MethodGet, s.path("/_settings?flat_settings=true"), nil, &out)
	if noIndex(err) {
		return blocks{}, nil
	}
	if err != nil {
		return blocks{}, err
	}
	b := blocks{exists: len(out) > 0, all: len(out) > 0, fenced: len(out) > 0}
	for _, x := range out {
		on := func(key string) bool { return fmt.Sprint(setting(x.Settings, key)) == "true" }
		ours := on("index.blocks.write") || on("index.blocks.read_only")
		full := on("index.blocks.read_only_allow_delete")
		b.full = b.full || full
		b.fenced = b.fenced && ours
		b.some = b.some || ours || full
		b.all = b.all && (ours || full)
	}
	return b, nil
}

// noIndex says that the cluster itself knows no such index; a 404 of anything else in between
// says nothing of it.
func noIndex(err error) bool {
	return isStatus(err, http.StatusNotFound) && strings.Contains(err.Error(), "index_not_found_exception")
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
	b, err := s.blocks(ctx)
	switch {
	case err != nil:
		return false, "", err
	case !b.exists:
		return true, "no index " + s.index + " yet, nothing blocks writes", nil
	}
	return !b.all, "index " + s.index + " " + b.String(), nil
}

// Fenced is also true without an index: there is nothing to write to.
func (s *elasticStore) Fenced(ctx context.Context) (bool, string, error) {
	b, err := s.blocks(ctx)
	switch {
	case err != nil:
		return false, "", err
	case !b.exists:
		return true, "no index " + s.index + ": nothing to block", nil
	}
	return b.fenced, "index " + s.index + " " + b.String(), nil
}

func (s *elasticStore) Promote(ctx context.Context) ([]string, error) {
	b, err := s.blocks(ctx)
	if err != nil {
		return nil, err
	}
	if !b.some {
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
	b, err := s.blocks(ctx)
	if err != nil {
		return nil, err
	}
	if !b.exists {
		return []string{"no index " + s.index + ": nothing to block"}, nil
	}
	if b.fenced {
		return []string{"index " + s.index + " has a write block already"}, nil
	}
	if b.full {
		// While it is on, the server takes no other setting, not even in the same request
		// (429, OpenSearch 2.19); it comes back by itself if the disk is still full.
		if err := s.api.call(ctx, http.MethodPut, s.path("/_settings"), map[string]any{"index.blocks.read_only_allow_delete": false}, nil); err != nil {
			return nil, err
		}
	}
	if err := s.block(ctx, true); err != nil {
		return nil, err
	}
	return s.confirm(ctx, true)
}

// confirm reads the block back.
func (s *elasticStore) confirm(ctx context.Context, want bool) ([]string, error) {
	b, err := s.blocks(ctx)
	if err != nil {
		return nil, err
	}
	if want && !b.fenced || !want && b.some {
		return nil, fmt.Errorf("%s: index.blocks.write was set to %t, and index %s %s; is there an index.blocks.read_only too?", s.e.Target(), want, s.index, b)
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
	refreshed := s.api.call(ctx, http.MethodPost, s.path("/_refresh"), nil, nil)
	if noIndex(refreshed) {
		return extent{}, nil
	}
	var c struct {
		Count *int64 `json:"count"`
		probes.ShardsAnswered
	}
	if err := s.api.call(ctx, http.MethodGet, s.path("/_count"), nil, &c); err != nil {
		return extent{}, err
	}
	// A refresh waits a minute for a shard that no node holds: who counts knows what is wrong.
	if err := s.whole(c.ShardsAnswered); err != nil {
		return extent{}, err
	}
	if refreshed != nil && !isStatus(refreshed, http.StatusForbidden, http.StatusMethodNotAllowed, http.StatusBadRequest) {
		return extent{}, refreshed
	}
	if c.Count == nil {
		return extent{}, fmt.Errorf("%s: %w: the answer of _count holds no count", s.e.Target(), ErrUnreachable)
	}
	out := extent{count: *c.Count}
	field := s.e.Config.TimeField
	if field == "" || out.count == 0 {
		return out, nil
	}
	var found struct {
		probes.ShardsAnswered
		Hits struct {
			Hits []struct {
				Source map[string]any `json:"_source"`
				Sort   []any          `json:"sort"`
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
	if err := s.whole(found.ShardsAnswered); err != nil {
		return extent{}, err
	}
	if h := found.Hits.Hits; len(h) > 0 {
		out.newest = parseTime(setting(h[0].Source, field))
		// The field's own format may be any; the server sorts by milliseconds since 1970.
		if len(h[0].Sort) > 0 && out.newest.IsZero() {
			out.newest = parseTime(h[0].Sort[0])
		}
	}
	return out, nil
}

// whole refuses an answer that is of a part of the index only: it holds less than there is.
func (s *elasticStore) whole(a probes.ShardsAnswered) error {
	switch {
	case a.TimedOut:
		return fmt.Errorf("%s: index %s: %w: the search was cut short (timed_out)", s.e.Target(), s.index, ErrUnreachable)
	case a.Missing() > 0:
		return fmt.Errorf("%s: index %s: %w: %d of %d shards answered, so how much it holds is not known (look at _cluster/allocation/explain)",
			s.e.Target(), s.index, ErrUnreachable, a.Shards.Total-a.Missing(), a.Shards.Total)
	}
	return nil
}

// parseTime reads a date field: RFC 3339 text or milliseconds since 1970.
func parseTime(v any) time.Time {
	switch x := v.(type) {
	case string:
		if t, err := time.Parse(time.RFC3339Nano, x); err == nil {
			return t
		}
	case float64:
		if x > 0 && x < 1e14 {
			return time.UnixMilli(int64(x))
		}
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
	b, err := s.blocks(ctx)
	if err != nil {
		return false, "", err
	}
	if b.some {
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
