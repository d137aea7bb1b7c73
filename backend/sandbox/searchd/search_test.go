package searchd_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/dutyops/dutyops/backend/sandbox/searchd"
)

func ids(d doc) string {
	var out []string
	list, _ := d.at("hits", "hits").([]any)
	for _, h := range list {
		out = append(out, h.(map[string]any)["_id"].(string))
	}
	return strings.Join(out, " ")
}

func TestQueries(t *testing.T) {
	n := start(t, searchd.Options{})
	n.fillIndex(t, "m", 60)
	n.want(t, 201, "PUT", "/m/_doc/bare", `{"other":1}`)
	for _, c := range []struct {
		query string
		want  int
	}{
		{`{"match_all":{}}`, 61},
		{`{"term":{"kind":"k2"}}`, 12},
		{`{"term":{"kind.keyword":{"value":"k2"}}}`, 12},
		{`{"term":{"n":"17"}}`, 1},
		{`{"term":{"even":true}}`, 30},
		{`{"term":{"deep.x":3}}`, 9},
		{`{"terms":{"kind":["k0","k1"]}}`, 24},
		{`{"prefix":{"kind":"k"}}`, 60},
		{`{"exists":{"field":"n"}}`, 60},
		{`{"ids":{"values":["m0001","m0002","nope"]}}`, 2},
		{`{"range":{"n":{"gte":10,"lt":20}}}`, 10},
		{`{"range":{"n":{"gt":10,"lte":20}}}`, 10},
		{`{"range":{"n":{"gte":58}}}`, 2},
		{`{"range":{"at":{"gt":"2026-11-22T08:00:50Z"}}}`, 9},
		{`{"range":{"at":{"gte":"2026-11-22T09:00:50+01:00"}}}`, 10},
		{`{"range":{"at":{"gte":"now+36500d"}}}`, 0},
		{`{"range":{"at":{"lte":"now+36500d"}}}`, 60},
		{`{"range":{"_seq_no":{"gt":54}}}`, 6},
		{`{"range":{"n":{"gt":20,"lt":10}}}`, 0},
		{`{"bool":{"filter":[{"term":{"kind":"k0"}},{"range":{"n":{"lt":30}}}],"must_not":{"term":{"even":true}}}}`, 3},
		{`{"bool":{"should":[{"term":{"kind":"k0"}},{"term":{"kind":"k1"}}]}}`, 24},
		{`{"bool":{"must":{"term":{"even":true}},"should":[{"term":{"kind":"k0"}}]}}`, 30},
	} {
		body := `{"query":` + c.query + `,"size":100}`
		same(t, "count "+c.query, n.want(t, 200, "POST", "/m/_count", `{"query":`+c.query+`}`)["count"], c.want)
		d := n.want(t, 200, "POST", "/m/_search", body)
		same(t, "total "+c.query, d.at("hits", "total", "value"), c.want)
		same(t, "hits "+c.query, len(strings.Fields(ids(d))), c.want)
		sorted := n.want(t, 200, "POST", "/m/_search", `{"query":`+c.query+`,"size":100,"sort":[{"n":"desc"}]}`)
		same(t, "sorted hits "+c.query, len(strings.Fields(ids(sorted))), c.want)
	}
}

func TestSortAndSearchAfter(t *testing.T) {
	n := start(t, searchd.Options{})
	n.fillIndex(t, "m", 30)
	newest := n.want(t, 200, "GET", "/m/_search?size=1&sort=at:desc", "")
	same(t, "newest", ids(newest), "m0029")
	same(t, "sort value in ms", fmt.Sprintf("%.0f", newest.at("hits", "hits", 0, "sort", 0)), "1795334429000")
	for _, sort := range []string{`[{"n":{"order":"desc"}}]`, `[{"kind":"asc"},{"n":"desc"}]`, `["_seq_no"]`, `[{"at":"desc"}]`} {
		all := ids(n.want(t, 200, "POST", "/m/_search", `{"size":30,"sort":`+sort+`}`))
		var paged []string
		for after := ""; ; {
			d := n.want(t, 200, "POST", "/m/_search", `{"size":7,"sort":`+sort+after+`}`)
			page := strings.Fields(ids(d))
			if len(page) == 0 {
				break
			}
			paged = append(paged, page...)
			mark, err := json.Marshal(d.at("hits", "hits", len(page)-1, "sort"))
			if err != nil {
				t.Fatal(err)
			}
			after = `,"search_after":` + string(mark)
		}
		same(t, "pages by "+sort, strings.Join(paged, " "), all)
		same(t, "count by "+sort, len(paged), 30)
	}
	two := n.want(t, 200, "POST", "/m/_search", `{"size":2,"sort":[{"kind":"asc"},{"n":"desc"}]}`)
	same(t, "two keys", ids(two), "m0025 m0020")
	// A document without the field comes last, both ways.
	n.want(t, 201, "PUT", "/m/_doc/bare", `{}`)
	for _, dir := range []string{"asc", "desc"} {
		got := strings.Fields(ids(n.want(t, 200, "POST", "/m/_search", `{"size":50,"sort":[{"n":"`+dir+`"}]}`)))
		same(t, "last "+dir, got[len(got)-1], "bare")
	}
	n.want(t, 400, "POST", "/m/_search", `{"sort":[{"nothing":"asc"}]}`)
	n.want(t, 200, "POST", "/m/_search", `{"sort":[{"nothing":{"order":"asc","unmapped_type":"long"}}]}`)
	n.want(t, 400, "POST", "/m/_search", `{"size":10001}`)
	n.want(t, 400, "POST", "/m/_search", `{"sort":["n"],"search_after":[1,2]}`)
}

func TestColumnsFollowChanges(t *testing.T) {
	n := start(t, searchd.Options{})
	n.fillIndex(t, "m", 10)
	top := func() string {
		return ids(n.want(t, 200, "POST", "/m/_search", `{"size":1,"sort":[{"n":"desc"}]}`))
	}
	same(t, "at first", top(), "m0009")
	n.want(t, 200, "PUT", "/m/_doc/m0002", `{"n":1000}`)
	same(t, "raised", top(), "m0002")
	n.want(t, 200, "PUT", "/m/_doc/m0002", `{"n":-5}`)
	same(t, "lowered", top(), "m0009")
	n.want(t, 200, "DELETE", "/m/_doc/m0009", "")
	same(t, "deleted", top(), "m0008")
	same(t, "range", n.want(t, 200, "POST", "/m/_count", `{"query":{"range":{"n":{"lt":3}}}}`)["count"], 3)
}

func TestAggregations(t *testing.T) {
	n := start(t, searchd.Options{})
	n.fillIndex(t, "m", 40)
	d := n.want(t, 200, "POST", "/m/_search", `{"size":0,"query":{"term":{"kind":"k1"}},
		"aggs":{"top":{"max":{"field":"n"}},"low":{"min":{"field":"n"}},"newest":{"max":{"field":"at"}},"none":{"max":{"field":"zzz"}}}}`)
	same(t, "max", d.at("aggregations", "top", "value"), 36)
	same(t, "min", d.at("aggregations", "low", "value"), 1)
	same(t, "newest", d.at("aggregations", "newest", "value_as_string"), "2026-11-22T08:00:36.000Z")
	same(t, "unmapped", d.at("aggregations", "none", "value"), nil)
	same(t, "no hits", ids(d), "")
	n.want(t, 400, "POST", "/m/_search", `{"aggs":{"a":{"terms":{"field":"kind"}}}}`)
}

func TestTotalIsExactOnlyUpToTheWindow(t *testing.T) {
	n := start(t, searchd.Options{})
	n.fillIndex(t, "m", 10_050)
	d := n.want(t, 200, "POST", "/m/_search", `{"size":0}`)
	same(t, "capped", d.at("hits", "total"), "map[relation:gte value:10000]")
	d = n.want(t, 200, "POST", "/m/_search", `{"size":0,"track_total_hits":true}`)
	same(t, "tracked", d.at("hits", "total"), "map[relation:eq value:10050]")
	same(t, "count", n.want(t, 200, "GET", "/m/_count", "")["count"], 10050)
}
