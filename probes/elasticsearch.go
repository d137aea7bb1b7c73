package probes

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/dutyops/dutyops/probes/guard"
)

// searchAsker asks Elasticsearch or OpenSearch: cluster health, and of one index
// the number of documents, the newest time stamp and whether it refuses writes.
type searchAsker struct{ *web }

func newElasticsearch(t Target) (asker, error) {
	w, err := newWeb(t, maxBody)
	if err != nil {
		return nil, err
	}
	return &searchAsker{w}, nil
}

type searchHealth struct {
	Cluster    string `json:"cluster_name"`
	Status     string `json:"status"`
	Nodes      int    `json:"number_of_nodes"`
	Unassigned int    `json:"unassigned_shards"`
	TimedOut   bool   `json:"timed_out"`
}

type searchRoot struct {
	ClusterUUID string `json:"cluster_uuid"`
	Version     struct {
		Number       string `json:"number"`
		Distribution string `json:"distribution"`
	} `json:"version"`
}

// ShardsAnswered is who took part in an answer of several shards, as _search and _count tell it
// (https://www.elastic.co/docs/api/doc/elasticsearch/operation/operation-search).
type ShardsAnswered struct {
	TimedOut bool `json:"timed_out"`
	Shards   struct {
		Total      int `json:"total"`
		Successful int `json:"successful"`
		Failed     int `json:"failed"`
	} `json:"_shards"`
}

// Missing counts the shards that did not answer. One that no node holds counts among the total,
// and not among those that failed: "total 2, successful 1, failed 0".
func (a ShardsAnswered) Missing() int {
	return max(a.Shards.Total-a.Shards.Successful, a.Shards.Failed)
}

// searchAnswer is what is read of _search; hits.total is a number in old versions.
type searchAnswer struct {
	ShardsAnswered
	Hits struct {
		Total json.RawMessage `json:"total"`
	} `json:"hits"`
	Aggregations struct {
		Newest struct {
			Value *float64 `json:"value"`
		} `json:"newest"`
	} `json:"aggregations"`
}

func (s *searchAnswer) count() (int64, bool) {
	var n int64
	if json.Unmarshal(s.Hits.Total, &n) == nil && len(s.Hits.Total) > 0 {
		return n, true
	}
	var o struct {
		Value *int64 `json:"value"`
	}
	if json.Unmarshal(s.Hits.Total, &o) == nil && o.Value != nil {
		return *o.Value, true
	}
	return 0, false
}

// whole says that there are shards, and that all of them answered in time.
func (s *searchAnswer) whole() bool { return s.Shards.Total > 0 && s.Missing() == 0 && !s.TimedOut }

// newest reads the max aggregation: milliseconds since 1970.
func (s *searchAnswer) newest() (time.Time, bool) {
	v := s.Aggregations.Newest.Value
	if v == nil || math.IsNaN(*v) || *v <= 0 || *v > 1e14 {
		return time.Time{}, false
	}
	return time.UnixMilli(int64(*v)).UTC(), true
}

func (a *searchAsker) ask(ctx context.Context, c *conv) answer {
	var (
		health   searchHealth
		root     searchRoot
		found    searchAnswer
		blocks   map[string]indexSettings
		stats    searchStats
		index    = url.PathEscape(a.t.Index)
		hasIndex = a.t.Index != ""
	)
	asks := []func() error{
		func() error { return a.json(ctx, c, http.MethodGet, "/_cluster/health?level=cluster", nil, &health) },
		func() error { return a.json(ctx, c, http.MethodGet, "/", nil, &root) },
	}
	if hasIndex {
		asks = append(asks,
			func() error { return a.json(ctx, c, http.MethodPost, "/"+index+"/_search", a.query(), &found) },
			func() error {
				return a.json(ctx, c, http.MethodGet, "/"+index+"/_settings?filter_path=*.settings.index.uuid,*.settings.index.blocks", nil, &blocks)
			},
			func() error {
				return a.json(ctx, c, http.MethodGet, "/"+index+"/_stats/docs?level=shards&filter_path="+statsPath, nil, &stats)
			},
		)
	}
	errs := parallel(asks...)
	c.facts.Version = strings.TrimSpace(root.Version.Distribution + " " + root.Version.Number)
	if errs[0] != nil {
		return a.noHealth(ctx, c, errs[0])
	}
	c.extra("cluster", health.Cluster)
	if root.ClusterUUID != "_na_" { // what a node says that has not found its cluster yet
		c.extra("cluster_uuid", root.ClusterUUID)
	}
	c.extra("health", health.Status)
	if health.Nodes > 0 {
		c.extra("nodes", fmt.Sprint(health.Nodes))
	}
	var f findings
	a.judgeHealth(c, &f, health, hasIndex && errs[2] == nil && found.whole())
	if hasIndex {
		a.judgeIndex(ctx, c, &f, &found, errs[2])
		a.judgeBlocks(c, &f, blocks, errs[3])
		a.changes(c, &stats, found.Shards.Total, errs[4])
	}
	return f.verdict(up("%s", a.describe(c, health)))
}

// statsPath names the parts of _stats that are read; the others are many times as long.
const statsPath = "indices.*.shards.*.routing.primary,indices.*.shards.*.seq_no.max_seq_no"

// searchStats is what is read of _stats: how far each copy of each shard is.
type searchStats struct {
	Indices map[string]struct {
		Shards map[string][]struct {
			Routing struct {
				Primary bool `json:"primary"`
			} `json:"routing"`
			Seq struct {
				Max *int64 `json:"max_seq_no"`
			} `json:"seq_no"`
		} `json:"shards"`
	} `json:"indices"`
}

// changes counts every write that the index has ever taken, updates and deletions among
// them: a number that only grows, of which a count of documents shows nothing. The search told
// of how many shards (0 = it did not): without one of them the number is less than it was, and
// is left out.
func (a *searchAsker) changes(c *conv, s *searchStats, of int, err error) {
	var se *statusError
	if errors.As(err, &se) && (se.code == http.StatusForbidden || se.code == http.StatusUnauthorized) {
		c.extra("changes", "not visible (grant monitor on index "+a.t.Index+")")
	}
	if tooLarge(err) {
		c.extra("changes", "not counted: "+a.t.Index+" stands for too many indices")
	}
	sum, shards := int64(0), 0
	for _, ix := range s.Indices {
		for _, copies := range ix.Shards {
			for _, x := range copies {
				if x.Routing.Primary && x.Seq.Max != nil && *x.Seq.Max >= -1 && *x.Seq.Max < 1<<53 {
					sum, shards = sum+*x.Seq.Max+1, shards+1
				}
			}
		}
	}
	if shards > 0 && shards >= of {
		c.facts.Position = strconv.FormatInt(sum, 10)
	}
}

// query counts all documents and finds the newest time stamp without reading any.
func (a *searchAsker) query() map[string]any {
	q := map[string]any{"size": 0, "track_total_hits": true}
	if a.t.TimeField != "" {
		q["aggs"] = map[string]any{"newest": map[string]any{"max": map[string]any{"field": a.t.TimeField}}}
	}
	return q
}

// noHealth: without cluster health nothing else counts.
func (a *searchAsker) noHealth(ctx context.Context, c *conv, err error) answer {
	var se *statusError
	if errors.As(err, &se) && se.code == http.StatusServiceUnavailable {
		return down("answered %s%s", clean(se.status, 60), searchReason(se.body))
	}
	if errors.As(err, &se) && se.code == http.StatusForbidden {
		return unknown("cannot ask: %s lacks the cluster privilege monitor (403)", nobody(a.t.User))
	}
	return a.failedHTTP(ctx, c, err)
}

// searchReason finds the cluster's own words in an error body.
func searchReason(body []byte) string {
	var e struct {
		Error struct {
			Type   string `json:"type"`
			Reason string `json:"reason"`
		} `json:"error"`
	}
	if guard.JSON(body, &e) != nil || e.Error.Type == "" {
		return because(body)
	}
	if e.Error.Type == "master_not_discovered_exception" {
		return ": the cluster has no master"
	}
	return ": " + clean(e.Error.Type+" "+e.Error.Reason, 100)
}

func (a *searchAsker) judgeHealth(c *conv, f *findings, h searchHealth, indexWhole bool) {
	if h.TimedOut {
		c.expected("timed_out false")
		f.add(degraded("the cluster could not tell its health in time (timed_out)"))
	}
	switch h.Status {
	case "green":
	case "yellow":
		if !a.t.YellowOK {
			c.expected("green")
			f.add(degraded("cluster is yellow, %d shard copies are missing", h.Unassigned))
		}
	case "red":
		c.expected("green")
		if indexWhole {
			f.add(degraded("cluster is red, but index %s is whole", a.t.Index))
		} else {
			f.add(down("cluster is red: part of the data cannot be read"))
		}
	default:
		c.expected("a cluster health document")
		f.add(down("answers, but not as elasticsearch: no cluster status"))
	}
}

func (a *searchAsker) judgeIndex(ctx context.Context, c *conv, f *findings, s *searchAnswer, err error) {
	var se *statusError
	switch {
	case errors.As(err, &se) && se.code == http.StatusNotFound:
		c.expected("an index called %s", a.t.Index)
		f.add(degraded("index %s does not exist", a.t.Index))
		return
	case errors.As(err, &se) && (se.code == http.StatusForbidden || se.code == http.StatusUnauthorized):
		c.extra("index", "not allowed to read "+a.t.Index+" (grant read on it to "+nobody(a.t.User)+")")
		return
	case errors.As(err, &se) && se.code == http.StatusServiceUnavailable:
		f.add(down("index %s cannot be searched%s", a.t.Index, searchReason(se.body)))
		return
	case err != nil:
		v := a.failedHTTP(ctx, c, err)
		f.add(degraded("index %s could not be read: %s", a.t.Index, v.detail))
		return
	}
	n, ok := s.count()
	switch {
	case s.TimedOut:
		c.expected("an answer of every shard in time")
		f.add(degraded("index %s: the search was cut short (timed_out), so it is not known how much it holds", a.t.Index))
		return
	case s.Shards.Total == 0 && ok && n == 0: // a pattern that stands for nothing
		c.expected("an index called %s", a.t.Index)
		f.add(degraded("index %s does not exist", a.t.Index))
		return
	case !ok:
		c.expected("a number of documents")
		f.add(degraded("index %s: the answer holds no number of documents", a.t.Index))
		return
	case !s.whole():
		// what the others hold is less than there is: no number to compare
		c.expected("an answer of every shard")
		f.add(degraded("index %s: %d of %d shards failed to answer", a.t.Index, s.Missing(), s.Shards.Total))
		return
	}
	c.facts.Count = ptr(n)
	if at, ok := s.newest(); ok {
		c.facts.NewestAt = at
	}
}

// indexSettings is GET INDEX/_settings, nested as the server gives it.
type indexSettings struct {
	Settings struct {
		Index struct {
			UUID   string         `json:"uuid"`
			Blocks map[string]any `json:"blocks"`
		} `json:"index"`
	} `json:"settings"`
}

// writeBlock names the block that refuses writes, "" when there is none.
func writeBlock(all map[string]indexSettings) string {
	for _, s := range all {
		for _, k := range []string{"write", "read_only", "read_only_allow_delete"} {
			if v, ok := s.Settings.Index.Blocks[k]; ok && truthy(fmt.Sprint(v)) {
				return "index.blocks." + k
			}
		}
	}
	return ""
}

func (a *searchAsker) judgeBlocks(c *conv, f *findings, blocks map[string]indexSettings, err error) {
	var se *statusError
	if errors.As(err, &se) && se.code == http.StatusForbidden {
		c.extra("write_block", "not visible (grant view_index_metadata on "+a.t.Index+" to "+nobody(a.t.User)+")")
	}
	if tooLarge(err) {
		c.extra("write_block", "not looked at: "+a.t.Index+" stands for too many indices")
	}
	if err != nil {
		return // the search above has told what is wrong, or the right is missing
	}
	for _, s := range blocks {
		if len(blocks) == 1 { // an alias of several has no id of its own
			c.extra("index_uuid", s.Settings.Index.UUID)
		}
	}
	block := writeBlock(blocks)
	c.facts.ReadOnly = ptr(block != "")
	c.extra("write_block", block)
	if block != "" && a.t.role() == RoleSource {
		c.expected("an index that takes writes, as this is the source")
		text := fmt.Sprintf("index %s refuses writes (%s)", a.t.Index, block)
		if block == "index.blocks.read_only_allow_delete" {
			text += ": the disk is nearly full"
		}
		f.add(down("%s", text))
	}
}

func (a *searchAsker) describe(c *conv, h searchHealth) string {
	text := "cluster " + clean(h.Status, 20)
	if c.facts.Count != nil {
		text += fmt.Sprintf(", %d documents", *c.facts.Count)
	}
	if !c.facts.NewestAt.IsZero() {
		text += ", newest " + ago(c.start.Sub(c.facts.NewestAt))
	}
	if c.facts.ReadOnly != nil && *c.facts.ReadOnly {
		text += ", writes blocked"
	}
	return text
}

func ago(d time.Duration) string {
	if d < 0 {
		return "just now"
	}
	return Human(d) + " ago"
}
