package searchd_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/dutyops/dutyops/backend/sandbox/searchd"
)

// node is a server with the account to reach it.
type node struct {
	*searchd.Server
	user, password string
}

func start(t *testing.T, o searchd.Options) node {
	t.Helper()
	s, err := searchd.Start(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return node{s, o.User, o.Password}
}

// doc is a decoded answer.
type doc map[string]any

// at follows keys and list positions.
func (d doc) at(path ...any) any {
	var v any = map[string]any(d)
	for _, p := range path {
		switch p := p.(type) {
		case string:
			m, _ := v.(map[string]any)
			v = m[p]
		case int:
			l, _ := v.([]any)
			if p >= len(l) {
				return nil
			}
			v = l[p]
		}
	}
	return v
}

// ask sends one request and gives status and body.
func (n node) ask(t *testing.T, method, path, body string) (int, doc) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, n.URL()+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if n.user != "" {
		req.SetBasicAuth(n.user, n.password)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	if got := resp.Header.Get("X-Elastic-Product"); got != "Elasticsearch" {
		t.Fatalf("%s %s: X-Elastic-Product %q", method, path, got)
	}
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	var d doc
	if len(raw) > 0 && raw[0] == '{' {
		if err := json.Unmarshal(raw, &d); err != nil {
			t.Fatalf("%s %s: %q: %v", method, path, raw, err)
		}
	}
	return resp.StatusCode, d
}

// want asks and checks the status.
func (n node) want(t *testing.T, status int, method, path, body string) doc {
	t.Helper()
	got, d := n.ask(t, method, path, body)
	if got != status {
		t.Fatalf("%s %s: status %d, want %d: %v", method, path, got, status, d)
	}
	return d
}

// same fails unless the values print alike.
func same(t *testing.T, what string, got, want any) {
	t.Helper()
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}

// fillIndex bulk-writes n documents with external versions from 10 on.
func (n node) fillIndex(t *testing.T, index string, count int) {
	t.Helper()
	var b strings.Builder
	began := time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC)
	for i := range count {
		fmt.Fprintf(&b, `{"index":{"_id":"m%04d","version":%d,"version_type":"external"}}`+"\n", i, 10+i%3)
		fmt.Fprintf(&b, `{"n":%d,"kind":"k%d","even":%t,"at":%q,"deep":{"x":%d}}`+"\n",
			i, i%5, i%2 == 0, began.Add(time.Duration(i)*time.Second).Format(time.RFC3339), i%7)
	}
	d := n.want(t, 200, "POST", "/"+index+"/_bulk", b.String())
	if failed, ok := d["errors"].(bool); !ok || failed || len(d.at("items").([]any)) != count {
		t.Fatalf("bulk: %v", d)
	}
}

// eventually polls until ok or a generous deadline.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline := time.After(10 * time.Second)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-deadline:
			t.Fatalf("never happened: %s", what)
		case <-tick.C:
		}
	}
}
