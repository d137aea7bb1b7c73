package searchd_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/dutyops/dutyops/backend/sandbox/searchd"
)

func TestRootAndAuthentication(t *testing.T) {
	n := start(t, searchd.Options{Name: "es-a", ClusterName: "site-a", User: "elastic", Password: t.Name()})
	d := n.want(t, 200, "GET", "/", "")
	same(t, "name", d["name"], "es-a")
	same(t, "cluster", d["cluster_name"], "site-a")
	if v, _ := d.at("version", "number").(string); !strings.HasPrefix(v, "8.") {
		t.Errorf("version %q", v)
	}
	for _, who := range []node{{n.Server, "", ""}, {n.Server, "elastic", "wrong"}, {n.Server, "other", t.Name()}} {
		d := who.want(t, 401, "GET", "/_cluster/health", "")
		same(t, "error", d.at("error", "type"), "security_exception")
	}
	req, err := http.NewRequestWithContext(t.Context(), "GET", n.URL()+"/", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.SetBasicAuth(n.user, n.password)
	req.Header.Set("Accept", "application/vnd.elasticsearch+json; compatible-with=8")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	same(t, "content type", resp.Header.Get("Content-Type"), "application/vnd.elasticsearch+json;compatible-with=8")
}

func TestHealthFollowsReplicasAndOverride(t *testing.T) {
	n := start(t, searchd.Options{})
	status := func(path string) any { return n.want(t, 200, "GET", "/_cluster/health"+path, "")["status"] }
	n.want(t, 200, "PUT", "/a", `{"settings":{"number_of_replicas":0}}`)
	same(t, "no replicas", status(""), "green")
	n.want(t, 200, "PUT", "/b", `{"settings":{"index":{"number_of_replicas":1}}}`)
	same(t, "replicas to place", status(""), "yellow")
	same(t, "one index", status("/a"), "green")
	n.SetHealth("red")
	same(t, "override", status("/a"), "red")
	n.SetHealth("")
	same(t, "override gone", status("/a"), "green")
	same(t, "missing index", n.want(t, 408, "GET", "/_cluster/health/none", "")["timed_out"], true)
}

func TestDocumentsAndVersions(t *testing.T) {
	n := start(t, searchd.Options{})
	d := n.want(t, 201, "PUT", "/f/_doc/MU1", `{"v":1}`)
	same(t, "created", []any{d["result"], d["_version"], d["_seq_no"]}, "[created 1 0]")
	d = n.want(t, 200, "PUT", "/f/_doc/MU1", `{"v":2}`)
	same(t, "updated", []any{d["result"], d["_version"], d["_seq_no"]}, "[updated 2 1]")
	n.want(t, 409, "PUT", "/f/_create/MU1", `{"v":3}`)
	n.want(t, 409, "PUT", "/f/_doc/MU1?if_seq_no=0&if_primary_term=1", `{"v":3}`)
	n.want(t, 200, "PUT", "/f/_doc/MU1?if_seq_no=1&if_primary_term=1", `{"v":3}`)
	d = n.want(t, 200, "GET", "/f/_doc/MU1", "")
	same(t, "source", d.at("_source", "v"), 3)
	same(t, "version", d["_version"], 3)

	d = n.want(t, 409, "PUT", "/f/_doc/MU1?version=3&version_type=external", `{"v":4}`)
	same(t, "type", d.at("error", "type"), "version_conflict_engine_exception")
	n.want(t, 200, "PUT", "/f/_doc/MU1?version=3&version_type=external_gte", `{"v":4}`)
	d = n.want(t, 200, "PUT", "/f/_doc/MU1?version=50&version_type=external", `{"v":5}`)
	same(t, "external version", d["_version"], 50)
	n.want(t, 400, "PUT", "/f/_doc/MU1?version=51", `{"v":5}`)

	n.want(t, 409, "DELETE", "/f/_doc/MU1?version=50&version_type=external", "")
	n.want(t, 200, "DELETE", "/f/_doc/MU1?version=51&version_type=external", "")
	n.want(t, 404, "GET", "/f/_doc/MU1", "")
	n.want(t, 404, "DELETE", "/f/_doc/MU9", "")
	n.want(t, 409, "PUT", "/f/_doc/MU1?version=51&version_type=external", `{"v":6}`) // remembered after the delete
	n.want(t, 201, "PUT", "/f/_doc/MU1?version=52&version_type=external", `{"v":6}`)
	n.want(t, 400, "PUT", "/f/_doc/MU1", `[1]`)
	if d := n.want(t, 201, "POST", "/f/_doc", `{"v":7}`); d["_id"] == "" {
		t.Error("no id was given")
	}
}

func TestIndexLifeAndUnknownThings(t *testing.T) {
	n := start(t, searchd.Options{})
	n.want(t, 404, "HEAD", "/x", "")
	n.want(t, 200, "PUT", "/x", `{"mappings":{"properties":{"at":{"type":"date"}}}}`)
	d := n.want(t, 400, "PUT", "/x", ``)
	same(t, "twice", d.at("error", "type"), "resource_already_exists_exception")
	n.want(t, 200, "HEAD", "/x", "")
	n.want(t, 200, "PUT", "/x/_mapping", `{"properties":{"n":{"type":"long"}}}`)
	d = n.want(t, 200, "GET", "/x/_mapping", "")
	same(t, "mapping", d.at("x", "mappings", "properties"), "map[at:map[type:date] n:map[type:long]]")
	n.want(t, 400, "PUT", "/Upper", "")
	n.want(t, 200, "DELETE", "/x", "")
	d = n.want(t, 404, "GET", "/x/_search", "")
	same(t, "missing", d.at("error", "type"), "index_not_found_exception")
	n.want(t, 400, "DELETE", "/*", "")
	n.want(t, 400, "GET", "/_nodes/hot_threads", "")
	n.want(t, 400, "POST", "/_search", `{"query":{"fuzzy":{"a":"b"}}}`)
}

func TestBulkReportsEachItem(t *testing.T) {
	n := start(t, searchd.Options{})
	d := n.want(t, 200, "POST", "/_bulk", `{"index":{"_index":"a","_id":"1","version":5,"version_type":"external"}}
{"x":1}
{"index":{"_index":"a","_id":"1","version":5,"version_type":"external"}}
{"x":2}
{"create":{"_index":"a","_id":"2"}}
{"x":3}
{"create":{"_index":"a","_id":"2"}}
{"x":4}
{"delete":{"_index":"a","_id":"2"}}
{"index":{"_index":"a","_id":"3"}}
not json
`)
	same(t, "errors", d["errors"], true)
	var got []any
	for i, verb := range []string{"index", "index", "create", "create", "delete", "index"} {
		got = append(got, d.at("items", i, verb, "status"))
	}
	same(t, "statuses", got, "[201 409 201 409 200 400]")
	same(t, "count", n.want(t, 200, "GET", "/a/_count", "")["count"], 1)
	n.want(t, 400, "POST", "/_bulk", `{"index":{"_index":"a"}}`)
	n.want(t, 400, "POST", "/_bulk", "{\"move\":{\"_index\":\"a\"}}\n{}\n")
}

func TestWriteBlock(t *testing.T) {
	n := start(t, searchd.Options{})
	n.fillIndex(t, "m", 3)
	n.want(t, 200, "PUT", "/m/_settings", `{"index.blocks.write":true}`)
	d := n.want(t, 403, "PUT", "/m/_doc/z", `{}`)
	same(t, "type", d.at("error", "type"), "cluster_block_exception")
	same(t, "reason", d.at("error", "reason"), "index [m] blocked by: [FORBIDDEN/8/index write (api)];")
	n.want(t, 403, "DELETE", "/m/_doc/m0000", "")
	d = n.want(t, 200, "POST", "/m/_bulk", "{\"index\":{\"_id\":\"z\"}}\n{}\n")
	same(t, "bulk item", d.at("items", 0, "index", "status"), 403)
	d = n.want(t, 403, "POST", "/_reindex", `{"source":{"index":"m"},"dest":{"index":"m"}}`)
	same(t, "reindex", d.at("failures", 0, "cause", "type"), "cluster_block_exception")
	d = n.want(t, 200, "GET", "/m/_settings", "")
	same(t, "shown", d.at("m", "settings", "index", "blocks", "write"), "true")
	same(t, "reading goes on", n.want(t, 200, "GET", "/m/_count", "")["count"], 3)
	n.want(t, 400, "PUT", "/m/_settings", `{"index":{"blocks":{"write":"perhaps"}}}`)
	n.want(t, 200, "PUT", "/m/_settings", `{"index":{"blocks":{"write":null}}}`)
	d = n.want(t, 200, "GET", "/m/_settings?flat_settings=true", "")
	same(t, "gone", d.at("m", "settings", "index.blocks.write"), nil)
	n.want(t, 201, "PUT", "/m/_doc/z", `{}`)
	n.want(t, 200, "PUT", "/m/_block/write", "")
	n.want(t, 403, "PUT", "/m/_doc/z", `{}`)
}

func TestReadOnlyFault(t *testing.T) {
	n := start(t, searchd.Options{})
	n.fillIndex(t, "m", 1)
	n.SetReadOnly(true)
	d := n.want(t, 429, "PUT", "/m/_doc/z", `{}`)
	same(t, "type", d.at("error", "type"), "cluster_block_exception")
	d = n.want(t, 200, "GET", "/m/_settings", "")
	same(t, "shown", d.at("m", "settings", "index", "blocks", "read_only_allow_delete"), "true")
	n.want(t, 200, "GET", "/m/_doc/m0000", "")
	n.SetReadOnly(false)
	n.want(t, 201, "PUT", "/m/_doc/z", `{}`)
}

func TestStatsAndCat(t *testing.T) {
	n := start(t, searchd.Options{})
	n.fillIndex(t, "m", 20)
	n.want(t, 200, "DELETE", "/m/_doc/m0003", "")
	d := n.want(t, 200, "GET", "/m/_stats?level=shards", "")
	same(t, "docs", d.at("indices", "m", "primaries", "docs", "count"), 19)
	same(t, "seq_no", d.at("indices", "m", "shards", "0", 0, "seq_no"), "map[global_checkpoint:20 local_checkpoint:20 max_seq_no:20]")
	same(t, "all", n.want(t, 200, "GET", "/_stats", "").at("_all", "total", "docs", "count"), 19)
	req, err := http.NewRequestWithContext(t.Context(), "GET", n.URL()+"/_cat/indices?format=json", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	b := make([]byte, 4096)
	k, _ := resp.Body.Read(b)
	if text := string(b[:k]); !strings.HasPrefix(text, "[{") || !strings.Contains(text, `"docs.count":"19"`) {
		t.Errorf("_cat/indices: %s", text)
	}
}
