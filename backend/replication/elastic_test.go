package replication

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/dutyops/dutyops/backend/config"
)

// search answers by method and path; an answer that is a map of settings is one that PUT changes.
type search struct {
	*elasticStore
	settings map[string]map[string]any // by index
	puts     []string
	deaf     bool // says that it has taken a setting, and has not
}

// newSearch serves one cluster with fixed answers, and the settings of the indices that the name
// stands for. As OpenSearch 2.19 does, it takes no setting while read_only_allow_delete is on but
// that one, alone.
func newSearch(t *testing.T, answers map[string]string, settings map[string]map[string]any) *search {
	t.Helper()
	s := &search{settings: settings}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if a, ok := answers[r.Method+" "+r.URL.Path]; ok {
			_, _ = w.Write([]byte(a))
			return
		}
		if r.URL.Path == "/messages/_refresh" && answers["GET /messages/_count"] != "" {
			_, _ = w.Write([]byte(`{"_shards":{"total":2,"successful":2,"failed":0}}`))
			return
		}
		if r.URL.Path != "/messages/_settings" || len(s.settings) == 0 {
			http.Error(w, cmp.Or(answers["404"], `{"error":{"type":"index_not_found_exception"},"status":404}`), http.StatusNotFound)
			return
		}
		if r.Method == http.MethodPut {
			var want map[string]any
			_ = json.NewDecoder(r.Body).Decode(&want)
			b, _ := json.Marshal(want)
			s.puts = append(s.puts, string(b))
			_, frees := want["index.blocks.read_only_allow_delete"]
			for _, x := range s.settings {
				if on, _ := x["index.blocks.read_only_allow_delete"].(bool); on && (!frees || len(want) > 1) {
					http.Error(w, `{"error":"cluster_block_exception"}`, http.StatusTooManyRequests)
					return
				}
				if !s.deaf {
					maps.Copy(x, want)
				}
			}
		}
		out := map[string]any{}
		for name, x := range s.settings {
			out[name] = map[string]any{"settings": x}
		}
		_ = json.NewEncoder(w).Encode(out)
	}))
	t.Cleanup(srv.Close)
	st, err := newElastic(Endpoint{Site: "a", Platform: "data", Name: "es", Config: config.Component{URL: srv.URL, Index: "messages", TimeField: "at"}},
		Options{Timeout: 20 * time.Second, Wait: 20 * time.Second, Poll: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = st.Close() })
	s.elasticStore = st
	return s
}

const (
	// one of two indices of an alias is held by no node (OpenSearch 2.19): nothing "failed"
	partCount  = `{"count":1,"_shards":{"total":2,"successful":1,"skipped":0,"failed":0}}`
	wholeCount = `{"count":7,"_shards":{"total":2,"successful":2,"skipped":0,"failed":0}}`
)

// What a part of an index holds is less than there is: neither side is compared by it.
func TestPartOfAnIndexIsNoExtent(t *testing.T) {
	newest := `{"_shards":{"total":2,"successful":2,"failed":0},"hits":{"hits":[{"_source":{"at":"2026-01-01T00:00:00Z"},"sort":[1767225600000]}]}}`
	whole := newSearch(t, map[string]string{"GET /messages/_count": wholeCount, "POST /messages/_search": newest}, nil)
	for name, answers := range map[string]map[string]string{
		"a shard is nowhere":           {"GET /messages/_count": partCount, "POST /messages/_search": newest},
		"a shard failed":               {"GET /messages/_count": `{"count":1,"_shards":{"total":2,"successful":2,"failed":1}}`, "POST /messages/_search": newest},
		"no count":                     {"GET /messages/_count": `{}`},
		"a proxy's 404":                {"404": "<html>not here</html>"},
		"null":                         {"GET /messages/_count": `null`},
		"the newest of a part":         {"GET /messages/_count": wholeCount, "POST /messages/_search": strings.Replace(newest, `"successful":2`, `"successful":1`, 1)},
		"the newest was not waited on": {"GET /messages/_count": wholeCount, "POST /messages/_search": strings.Replace(newest, `{"_shards"`, `{"timed_out":true,"_shards"`, 1)},
	} {
		part := newSearch(t, answers, nil)
		if ok, seen, err := whole.CaughtUp(t.Context(), part.e); ok || err == nil {
			t.Errorf("%s at the source: CaughtUp = %v (%s), %v", name, ok, seen, err)
		}
		if ok, seen, err := part.CaughtUp(t.Context(), whole.e); ok || err == nil {
			t.Errorf("%s here: CaughtUp = %v (%s), %v", name, ok, seen, err)
		}
		if _, err := part.Position(t.Context()); err == nil {
			t.Errorf("%s is a position", name)
		}
	}
	if ok, seen, err := whole.CaughtUp(t.Context(), whole.e); err != nil || !ok {
		t.Errorf("level with itself: %v (%s), %v", ok, seen, err)
	}
}

// Only the cluster can say that there is no index to fence.
func TestNotFoundByWhom(t *testing.T) {
	s := newSearch(t, map[string]string{"404": "<html>not here</html>"}, nil)
	if ev, err := s.Demote(t.Context()); err == nil {
		t.Errorf("demoted by a proxy's 404: %q", ev)
	}
	if ok, seen, err := s.IsSource(t.Context()); err == nil {
		t.Errorf("IsSource = %v (%s)", ok, seen)
	}
}

// A date in a form of its own is still a time: of two with as many documents the older is behind.
func TestNewestInItsOwnForm(t *testing.T) {
	at := func(text, millis string) *search {
		return newSearch(t, map[string]string{
			"GET /messages/_count":   wholeCount,
			"POST /messages/_search": `{"_shards":{"total":2,"successful":2},"hits":{"hits":[{"_source":{"at":"` + text + `"},"sort":[` + millis + `]}]}}`,
		}, nil)
	}
	newer, older := at("2026-11-26T10:00:01", "1795687201000"), at("2026-11-26T10:00:00", "1795687200000")
	if ok, seen, err := older.CaughtUp(t.Context(), newer.e); err != nil || ok {
		t.Errorf("a second behind: CaughtUp = %v (%s), %v", ok, seen, err)
	}
	if ok, seen, err := newer.CaughtUp(t.Context(), older.e); err != nil || !ok {
		t.Errorf("a second ahead: CaughtUp = %v (%s), %v", ok, seen, err)
	}
}

// A block that was taken and does not read back is none.
func TestSearchFenceIsReadBack(t *testing.T) {
	for name, block := range map[string]string{"demote": "false", "promote": "true"} {
		s := newSearch(t, nil, map[string]map[string]any{"m": {"index.blocks.write": block}})
		s.deaf = true
		act := s.Demote
		if name == "promote" {
			act = s.Promote
		}
		if ev, err := act(t.Context()); err == nil || len(s.puts) != 1 {
			t.Errorf("%s: %q, put %q", name, ev, s.puts)
		}
	}
}

// Level is who has as many documents and as new a one; who follows may be some seconds behind.
func TestSearchLevelAndFollowing(t *testing.T) {
	at := func(count int, second int) *search {
		return newSearch(t, map[string]string{
			"GET /messages/_count":   fmt.Sprintf(`{"count":%d,"_shards":{"total":1,"successful":1}}`, count),
			"POST /messages/_search": fmt.Sprintf(`{"_shards":{"total":1,"successful":1},"hits":{"hits":[{"_source":{"at":"2026-01-01T00:00:%02dZ"}}]}}`, second),
		}, map[string]map[string]any{"messages": {}})
	}
	source := at(100, 30)
	for _, c := range []struct {
		count, second  int
		level, follows bool
	}{{100, 30, true, true}, {101, 31, true, true}, {99, 30, false, true}, {100, 29, false, true}, {100, 20, false, true}, {100, 19, false, false}} {
		s := at(c.count, c.second)
		if ok, seen, err := s.CaughtUp(t.Context(), source.e); err != nil || ok != c.level {
			t.Errorf("%d documents, newest at %d: CaughtUp = %v (%s), %v", c.count, c.second, ok, seen, err)
		}
		if ok, seen, err := s.Follows(t.Context(), source.e); err != nil || ok != c.follows {
			t.Errorf("%d documents, newest at %d: Follows = %v (%s), %v", c.count, c.second, ok, seen, err)
		}
	}
}

// A copy that was ended by somebody is "completed" without a failure; the answers are those of
// OpenSearch 2.19.
func TestCopyCutShort(t *testing.T) {
	const head = `{"completed":true,"task":{"status":{"total":20000,"created":1000}}`
	for name, c := range map[string]struct{ task, want string }{
		"whole":     {head + `,"response":{"total":1000,"created":990,"version_conflicts":5,"noops":5,"failures":[]}}`, ""},
		"cancelled": {head + `,"response":{"timed_out":false,"total":20000,"created":1000,"canceled":"by user request","failures":[]}}`, "cancelled by user request: 1000 of 20000"},
		"timed out": {head + `,"response":{"timed_out":true,"total":1000,"created":1000,"failures":[]}}`, "timed_out"},
		"short":     {head + `,"response":{"total":20000,"created":1000,"failures":[]}}`, "ended early: 1000 of 20000"},
		"no result": {head + `}`, "its result is not told"},
		"failures":  {head + `,"response":{"total":20000,"created":20000,"failures":[{"cause":"x"}]}}`, "1 failures"},
		"error":     {head + `,"error":{"type":"x"}}`, `{"type":"x"}`},
	} {
		s := newSearch(t, map[string]string{"GET /_tasks/n:1": c.task}, nil)
		seen, err := s.awaitCopy(t.Context(), s.e, "n:1")
		if c.want == "" {
			if err != nil || !strings.Contains(seen, "1000 of 1000 documents") {
				t.Errorf("%s: %q, %v", name, seen, err)
			}
			continue
		}
		if !errors.Is(err, ErrBroken) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %q, %v; want %q", name, seen, err, c.want)
		}
	}
}

// The block of a full disk goes by itself, and one of several indices of an alias fences none of
// the others.
func TestSearchFence(t *testing.T) {
	const write, readOnly, full = "index.blocks.write", "index.blocks.read_only", "index.blocks.read_only_allow_delete"
	for name, c := range map[string]struct {
		settings       map[string]map[string]any
		source, fenced bool
		puts           []string
	}{
		"open":                {map[string]map[string]any{"m": {}}, true, false, []string{`{"index.blocks.write":true}`}},
		"fenced":              {map[string]map[string]any{"m": {write: "true"}}, false, true, nil},
		"read-only":           {map[string]map[string]any{"m": {readOnly: "true"}}, false, true, nil},
		"disk full":           {map[string]map[string]any{"m": {full: true}}, false, false, []string{`{"index.blocks.read_only_allow_delete":false}`, `{"index.blocks.write":true}`}},
		"one of two":          {map[string]map[string]any{"m1": {write: "true"}, "m2": {}}, true, false, []string{`{"index.blocks.write":true}`}},
		"one full, one ours":  {map[string]map[string]any{"m1": {full: true}, "m2": {write: "true"}}, false, false, []string{`{"index.blocks.read_only_allow_delete":false}`, `{"index.blocks.write":true}`}},
		"no index at all":     {nil, true, true, nil},
		"blocks that are off": {map[string]map[string]any{"m": {write: "false", full: "false"}}, true, false, []string{`{"index.blocks.write":true}`}},
	} {
		s := newSearch(t, nil, c.settings)
		if ok, seen, err := s.IsSource(t.Context()); err != nil || ok != c.source {
			t.Errorf("%s: IsSource = %v (%s), %v", name, ok, seen, err)
		}
		if ok, seen, err := s.Fenced(t.Context()); err != nil || ok != c.fenced {
			t.Errorf("%s: Fenced = %v (%s), %v", name, ok, seen, err)
		}
		ev, err := s.Demote(t.Context())
		if err != nil || strings.Join(s.puts, " ") != strings.Join(c.puts, " ") {
			t.Errorf("%s: Demote put %q (%q), %v; want %q", name, s.puts, ev, err, c.puts)
		}
		if ok, seen, err := s.Fenced(t.Context()); err != nil || !ok {
			t.Errorf("%s: demoted, and Fenced = %v (%s), %v", name, ok, seen, err)
		}
	}
}
