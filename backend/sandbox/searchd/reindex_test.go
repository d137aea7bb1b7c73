package searchd_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/dutyops/dutyops/backend/sandbox/searchd"
)

func reindexBody(from node, more string) string {
	return fmt.Sprintf(`{"conflicts":"proceed","source":{"index":"m","size":300,"remote":{"host":%q,"username":%q,"password":%q,"socket_timeout":"5s"}%s},
		"dest":{"index":"m","version_type":"external"}}`, from.URL(), from.user, from.password, more)
}

func TestRemoteReindexKeepsVersions(t *testing.T) {
	a := start(t, searchd.Options{Name: "a", User: "elastic", Password: "a-" + t.Name()})
	b := start(t, searchd.Options{Name: "b", User: "elastic", Password: "b-" + t.Name(), RemoteAllow: []string{"127.0.0.1:*"}})
	a.fillIndex(t, "m", 2000)

	d := b.want(t, 200, "POST", "/_reindex", reindexBody(a, ""))
	same(t, "first run", fmt.Sprint(d["total"], d["created"], d["updated"], d["version_conflicts"], d["batches"]), "2000 2000 0 0 7")
	type row struct {
		version int64
		source  string
	}
	rows := func(n node) map[string]row {
		m := map[string]row{}
		n.Each("m", func(id string, v int64, s json.RawMessage) { m[id] = row{v, string(s)} })
		return m
	}
	at, bt := rows(a), rows(b)
	if len(bt) != 2000 {
		t.Fatalf("%d documents arrived", len(bt))
	}
	for id, r := range at {
		if bt[id] != r {
			t.Fatalf("%s: %v at the source, %v here", id, r, bt[id])
		}
	}

	d = b.want(t, 200, "POST", "/_reindex", reindexBody(a, ""))
	same(t, "again", fmt.Sprint(d["created"], d["updated"], d["version_conflicts"]), "0 0 2000")

	// Only what was written since: the cheap way for a timer.
	a.want(t, 200, "PUT", "/m/_doc/m0005?version=99&version_type=external", `{"n":5,"new":true}`)
	a.want(t, 201, "PUT", "/m/_doc/extra?version=1&version_type=external", `{"n":2000}`)
	d = b.want(t, 200, "POST", "/_reindex", reindexBody(a, `,"query":{"range":{"_seq_no":{"gt":1999}}}`))
	same(t, "since", fmt.Sprint(d["total"], d["created"], d["updated"]), "2 1 1")

	// Older versions at the source never overwrite newer ones here.
	b.want(t, 200, "PUT", "/m/_doc/m0007?version=1000&version_type=external", `{"n":-1}`)
	b.want(t, 200, "POST", "/_reindex", reindexBody(a, ""))
	same(t, "newer kept", b.want(t, 200, "GET", "/m/_doc/m0007", "").at("_source", "n"), -1)
}

// A run that is cancelled is completed, without a failure, as OpenSearch 2.19 has it.
func TestReindexCancelled(t *testing.T) {
	asked, pages := make(chan struct{}), 0
	remote := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // or the end of the connection is not noticed
		if pages++; pages == 1 {
			_, _ = io.WriteString(w, `{"hits":{"total":{"value":5},"hits":[{"_id":"a","_version":1,"_source":{},"sort":[0]}]}}`)
			return
		}
		close(asked)
		<-r.Context().Done()
	}))
	defer remote.Close()
	s := start(t, searchd.Options{RemoteAllow: []string{"127.0.0.1:*"}})
	id := s.want(t, 200, "POST", "/_reindex?wait_for_completion=false", fmt.Sprintf(`{"source":{"index":"m","size":1,"remote":{"host":%q}},"dest":{"index":"m"}}`, remote.URL)).at("task")
	<-asked
	s.want(t, 200, "POST", fmt.Sprintf("/_tasks/%v/_cancel", id), "")
	var d doc
	for end := time.Now().Add(20 * time.Second); ; <-time.After(5 * time.Millisecond) {
		if d = s.want(t, 200, "GET", fmt.Sprintf("/_tasks/%v", id), ""); fmt.Sprint(d["completed"]) == "true" || time.Now().After(end) {
			break
		}
	}
	same(t, "cancelled", fmt.Sprint(d["completed"], d["error"], d.at("response", "canceled"), d.at("response", "created"), d.at("response", "total")), "true <nil>by user request1 5")
}

func TestReindexTask(t *testing.T) {
	a := start(t, searchd.Options{})
	b := start(t, searchd.Options{RemoteAllow: []string{strings.TrimPrefix(a.URL(), "http://")}})
	a.fillIndex(t, "m", 500)
	d := b.want(t, 200, "POST", "/_reindex?wait_for_completion=false", reindexBody(a, ""))
	id, _ := d["task"].(string)
	eventually(t, "the task completes", func() bool {
		d = b.want(t, 200, "GET", "/_tasks/"+id, "")
		done, _ := d["completed"].(bool)
		return done
	})
	same(t, "created", d.at("response", "created"), 500)
	same(t, "status", d.at("task", "status", "batches"), 2)
	b.want(t, 404, "GET", "/_tasks/"+id+"0", "")

	d = b.want(t, 200, "POST", "/_reindex?wait_for_completion=false",
		strings.Replace(reindexBody(a, ""), `"index":"m","size"`, `"index":"none","size"`, 1))
	id, _ = d["task"].(string)
	eventually(t, "the failed task completes", func() bool {
		d = b.want(t, 200, "GET", "/_tasks/"+id, "")
		done, _ := d["completed"].(bool)
		return done
	})
	same(t, "error", d.at("error", "type"), "index_not_found_exception")
}

func TestReindexRefusals(t *testing.T) {
	a := start(t, searchd.Options{User: "elastic", Password: t.Name()})
	a.fillIndex(t, "m", 5)
	none := start(t, searchd.Options{})
	d := none.want(t, 400, "POST", "/_reindex", reindexBody(a, ""))
	if r, _ := d.at("error", "reason").(string); !strings.Contains(r, "not whitelisted in reindex.remote.whitelist") {
		t.Errorf("reason %q", r)
	}
	b := start(t, searchd.Options{RemoteAllow: []string{"127.0.0.1:*"}})
	d = b.want(t, 401, "POST", "/_reindex", reindexBody(node{a.Server, "elastic", "wrong"}, ""))
	same(t, "wrong password", d.at("error", "type"), "security_exception")

	ln, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	gone := ln.Addr().String()
	_ = ln.Close()
	d = b.want(t, 500, "POST", "/_reindex", `{"source":{"index":"m","remote":{"host":"http://`+gone+`"}},"dest":{"index":"m"}}`)
	same(t, "unreachable", d.at("error", "type"), "connect_exception")

	// Without "proceed" the first conflict ends it.
	b.want(t, 201, "PUT", "/m/_doc/m0001?version=1000&version_type=external", `{}`)
	d = b.want(t, 409, "POST", "/_reindex", strings.Replace(reindexBody(a, ""), `"proceed"`, `"abort"`, 1))
	same(t, "conflicts", d["version_conflicts"], 1)
}

func TestLocalReindex(t *testing.T) {
	a := start(t, searchd.Options{User: "elastic", Password: t.Name()})
	a.fillIndex(t, "m", 50)
	d := a.want(t, 200, "POST", "/_reindex", `{"source":{"index":"m","query":{"term":{"kind":"k0"}}},"dest":{"index":"copy"}}`)
	same(t, "created", d["created"], 10)
	same(t, "version is the copy's own", a.want(t, 200, "GET", "/copy/_doc/m0005", "")["_version"], 1)
}
