package named

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	cfdns "github.com/cloudflare/cloudflare-go/v6/dns"
	"github.com/cloudflare/cloudflare-go/v6/option"
	"github.com/miekg/dns"
)

type api struct {
	*world
	cf    *Cloudflare
	token string
	http  *http.Client
}

func newAPI(t *testing.T, o CloudflareOptions) *api {
	t.Helper()
	a := &api{world: newWorld(t), token: secret(t), http: &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{}}}
	o.Token = a.token
	var err error
	if a.cf, err = StartCloudflare(a.store, o); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		a.http.CloseIdleConnections()
		must(t, a.cf.Close())
	})
	return a
}

type reply1 struct {
	status int
	header http.Header
	Result json.RawMessage
	Errors []apiError
	OK     bool        `json:"success"`
	Info   *resultInfo `json:"result_info"`
}

func (a *api) try(method, path, token string, body any) (reply1, error) {
	var r reply1
	var b io.Reader
	if body != nil {
		j, err := json.Marshal(body)
		if err != nil {
			return r, err
		}
		b = bytes.NewReader(j)
	}
	req, err := http.NewRequestWithContext(context.Background(), method, a.cf.URL()+"/client/v4"+path, b)
	if err != nil {
		return r, err
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	res, err := a.http.Do(req)
	if err != nil {
		return r, err
	}
	defer func() { _ = res.Body.Close() }()
	r.status, r.header = res.StatusCode, res.Header
	return r, json.NewDecoder(res.Body).Decode(&r)
}

func (a *api) do(t *testing.T, method, path string, body any) reply1 {
	t.Helper()
	r, err := a.try(method, path, a.token, body)
	if err != nil {
		t.Fatalf("%s %s: %v", method, path, err)
	}
	return r
}

func (a *api) recs(t *testing.T, query string) []record {
	t.Helper()
	r := a.do(t, "GET", a.path()+query, nil)
	var out []record
	must(t, json.Unmarshal(r.Result, &out))
	return out
}

func (a *api) path() string { return "/zones/" + a.store.ID() + "/dns_records" }

func TestAPIToken(t *testing.T) {
	a := newAPI(t, CloudflareOptions{})
	for token, want := range map[string]int{"": 401, "wrong": 403, a.token: 200} {
		r, err := a.try("GET", "/zones?name="+zone, token, nil)
		must(t, err)
		if r.status != want || (want != 200 && (r.OK || r.Errors[0].Code != 10000)) {
			t.Errorf("token %q: %d %v, want %d", token, r.status, r.Errors, want)
		}
		if r.header.Get("Ratelimit") == "" || r.header.Get("Ratelimit-Policy") != `"default";q=1200;w=300` {
			t.Errorf("rate headers: %v", r.header)
		}
	}
	r := a.do(t, "GET", "/zones?name=example.org", nil)
	if string(r.Result) != "[]" || r.Info.TotalCount != 0 {
		t.Errorf("a zone that is not there: %s", r.Result)
	}
	if r := a.do(t, "GET", "/zones/0123", nil); r.status != 404 {
		t.Errorf("an unknown zone id: %d", r.status)
	}
}

func TestAPIListPagesAndFilters(t *testing.T) {
	a := newAPI(t, CloudflareOptions{})
	for i := range 12 {
		must(t, a.store.Set(fmt.Sprintf("h%02d.%s", i, zone), "A", 2, "192.0.2.99"))
	}
	for q, want := range map[string]int{
		"?per_page=5000":                        15,
		"?per_page=5":                           5,
		"?per_page=5&page=3":                    5,
		"?per_page=5&page=4":                    0, // past the end
		"?type=AAAA":                            1,
		"?name=pvg." + zone:                     2,
		"?name.exact=h03." + zone:               1,
		"?content.exact=192.0.2.99&per_page=50": 12,
		"?type=A&name.exact=pvg." + zone:        1,
	} {
		if got := a.recs(t, q); len(got) != want {
			t.Errorf("%s: %d records, want %d", q, len(got), want)
		}
	}
	r := a.do(t, "GET", a.path()+"?per_page=4&page=2", nil)
	if *r.Info != (resultInfo{Page: 2, PerPage: 4, Count: 4, TotalCount: 15, TotalPages: 4}) {
		t.Errorf("result_info %+v", *r.Info)
	}
	if r := a.do(t, "GET", a.path()+"?per_page=5001", nil); r.status != 400 {
		t.Errorf("per_page 5001: %d", r.status)
	}
}

func TestAPIOneRecord(t *testing.T) {
	a := newAPI(t, CloudflareOptions{})
	r := a.do(t, "POST", a.path(), map[string]any{"name": "new." + zone, "type": "A", "content": "192.0.2.1", "ttl": 2, "comment": "mine", "proxied": true})
	var rec record
	must(t, json.Unmarshal(r.Result, &rec))
	if r.status != 200 || rec.ID == "" || rec.Comment != "mine" {
		t.Fatalf("create: %d %s %v", r.status, r.Result, r.Errors)
	}
	one := a.path() + "/" + rec.ID
	r = a.do(t, "PATCH", one, map[string]any{"content": "192.0.2.2"})
	must(t, json.Unmarshal(r.Result, &rec))
	if rec.Content != "192.0.2.2" || rec.Comment != "mine" || !rec.Proxied || rec.TTL != 2 {
		t.Errorf("a patch keeps what it does not name: %s", r.Result)
	}
	r = a.do(t, "PUT", one, map[string]any{"name": "new." + zone, "type": "A", "content": "192.0.2.3", "ttl": 9})
	must(t, json.Unmarshal(r.Result, &rec))
	if rec.Content != "192.0.2.3" || rec.Comment != "" || rec.Proxied || rec.TTL != 9 {
		t.Errorf("a put resets what it does not name: %s", r.Result)
	}
	if got := values(ask(t, "udp", a.auth.Addrs()[0], "new."+zone, dns.TypeA)); !slices.Equal(got, []string{"192.0.2.3"}) {
		t.Errorf("the authority says %v", got)
	}
	for body, want := range map[string]int{
		`{"name":"new.` + zone + `","type":"A","content":"192.0.2.3","ttl":2}`:      codeIdentical,
		`{"name":"new.` + zone + `","type":"A","content":"not an address","ttl":2}`: codeBadContent,
		`{"name":"new.` + zone + `","type":"CNAME","content":"pvg.x","ttl":2}`:      codeConflict,
		`{"name":"new.example.org","type":"A","content":"192.0.2.3","ttl":2}`:       codeBadName,
		`{"name":"new.` + zone + `","type":"MX","content":"1 x","ttl":2}`:           codeBadType,
		`[]`: 9207,
	} {
		r := a.do(t, "POST", a.path(), json.RawMessage(body))
		if r.status != 400 || len(r.Errors) != 1 || r.Errors[0].Code != want {
			t.Errorf("%s: %d %v, want code %d", body, r.status, r.Errors, want)
		}
	}
	if r := a.do(t, "DELETE", one, nil); r.status != 200 {
		t.Errorf("delete: %v", r.Errors)
	}
	for _, m := range []string{"GET", "PATCH", "DELETE"} {
		if r := a.do(t, m, one, map[string]any{}); r.status != 404 || r.Errors[0].Code != codeNoRecord {
			t.Errorf("%s of a deleted record: %d %v", m, r.status, r.Errors)
		}
	}
}

func TestAPIBatchIsAllOrNothing(t *testing.T) {
	a := newAPI(t, CloudflareOptions{Plan: "free"})
	rec := a.recs(t, "?name.exact=pvg."+zone)
	v4, v6 := rec[0].ID, rec[1].ID
	before := a.store.Serial()
	r := a.do(t, "POST", a.path()+"/batch", map[string]any{
		"patches": []any{map[string]any{"id": v4, "content": "198.51.100.20"}, map[string]any{"id": "gone", "content": "198.51.100.21"}},
	})
	if r.status != 404 || r.OK || len(r.Errors) != 1 || a.store.Serial() != before {
		t.Errorf("one of two is wrong: %d %v, serial %d -> %d", r.status, r.Errors, before, a.store.Serial())
	}
	r = a.do(t, "POST", a.path()+"/batch", map[string]any{
		"posts":   []any{map[string]any{"name": "pvg." + zone, "type": "AAAA", "content": "2001:db8:b::20", "ttl": 2}},
		"patches": []any{map[string]any{"id": v4, "content": "198.51.100.20"}},
		"deletes": []any{map[string]any{"id": v6}},
	})
	var out map[string][]record
	must(t, json.Unmarshal(r.Result, &out))
	if r.status != 200 || len(out["patches"]) != 1 || len(out["posts"]) != 1 || len(out["deletes"]) != 1 || a.store.Serial() != before+1 {
		t.Errorf("batch: %d %v %s, serial %d -> %d", r.status, r.Errors, r.Result, before, a.store.Serial())
	}
	if got := values(ask(t, "udp", a.auth.Addrs()[0], "pvg."+zone, dns.TypeAAAA)); !slices.Equal(got, []string{"2001:db8:b::20"}) {
		t.Errorf("AAAA %v", got)
	}
	var many []any
	for i := range 201 {
		many = append(many, map[string]any{"name": fmt.Sprintf("h%d.%s", i, zone), "type": "A", "content": "192.0.2.1", "ttl": 2})
	}
	if r := a.do(t, "POST", a.path()+"/batch", map[string]any{"posts": many}); r.status != 400 || a.store.Serial() != before+1 {
		t.Errorf("201 records on the free plan: %d", r.status)
	}
	if r := a.do(t, "POST", a.path()+"/batch", map[string]any{"posts": many[:200]}); r.status != 200 || a.store.Serial() != before+2 {
		t.Errorf("200 records on the free plan: %d %v", r.status, r.Errors)
	}
}

func TestAPIFaults(t *testing.T) {
	a := newAPI(t, CloudflareOptions{})
	id := a.recs(t, "?type=AAAA")[0].ID
	n := 0
	patch := func() (reply1, error) {
		n++
		return a.try("PATCH", a.path()+"/"+id, a.token, map[string]any{"content": fmt.Sprintf("2001:db8::%x", n)})
	}
	for _, tc := range []struct {
		kind    string
		status  int // 0 = no readable answer
		applied bool
	}{
		{FaultUnauthorized, 401, false},
		{FaultForbidden, 403, false},
		{FaultRateLimit, 429, false},
		{FaultError, 500, false},
		{FaultGarbage, 0, true},
		{FaultHalfBody, 0, true},
		{FaultDropAfterApply, 0, true},
	} {
		before := a.store.Serial()
		must(t, a.cf.SetFault(tc.kind))
		r, err := patch()
		if tc.status == 0 && err == nil || tc.status != 0 && (err != nil || r.status != tc.status || r.OK) {
			t.Errorf("%s: %d %v", tc.kind, r.status, err)
		}
		if applied := a.store.Serial() != before; applied != tc.applied {
			t.Errorf("%s: applied %v, want %v", tc.kind, applied, tc.applied)
		}
		if tc.kind == FaultRateLimit && r.header.Get("Retry-After") != "1" {
			t.Errorf("Retry-After %q", r.header.Get("Retry-After"))
		}
		must(t, a.cf.SetFault(""))
		if r, err := patch(); err != nil || r.status != 200 {
			t.Errorf("healed from %s: %d %v", tc.kind, r.status, err)
		}
	}
	must(t, a.cf.SetFaultAfter(FaultError, 1))
	if r, err := patch(); err != nil || r.status != 200 {
		t.Errorf("the first write passes: %d %v", r.status, err)
	}
	if r, _ := patch(); r.status != 500 {
		t.Errorf("the second write fails: %d", r.status)
	}
	if err := a.cf.SetFault("sulking"); err == nil || !strings.Contains(err.Error(), "half-body") {
		t.Errorf("an unknown fault: %v", err)
	}
}

func TestAPIHangs(t *testing.T) {
	a := newAPI(t, CloudflareOptions{})
	must(t, a.cf.SetFault(FaultHang))
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, a.cf.URL()+"/client/v4/zones", nil)
	must(t, err)
	res, err := a.http.Do(req)
	if err == nil {
		_ = res.Body.Close()
	}
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("it should hang, but: %v", err)
	}
}

func TestAPIQuota(t *testing.T) {
	a := newAPI(t, CloudflareOptions{Quota: 2, QuotaWindow: 10 * time.Second})
	for i, want := range []int{200, 200, 429} {
		if r := a.do(t, "GET", "/zones", nil); r.status != want {
			t.Errorf("request %d: %d, want %d", i+1, r.status, want)
		}
	}
	a.clock.add(10 * time.Second)
	if r := a.do(t, "GET", "/zones", nil); r.status != 200 {
		t.Errorf("in the next window: %d", r.status)
	}
	if all, writes := a.cf.Requests(); all != 4 || writes != 0 {
		t.Errorf("counted %d requests, %d writes", all, writes)
	}
}

// The client that dutyops uses must be able to speak to it.
func TestAPISpeaksToCloudflareGo(t *testing.T) {
	a := newAPI(t, CloudflareOptions{})
	rs := cfdns.NewRecordService(option.WithAPIToken(a.token), option.WithBaseURL(a.cf.URL()+"/client/v4"),
		option.WithHTTPClient(a.http), option.WithMaxRetries(0))
	var lp cfdns.RecordListParams
	lp.ZoneID.Value, lp.ZoneID.Present = a.store.ID(), true
	it := rs.ListAutoPaging(t.Context(), lp)
	n := 0
	for it.Next() {
		n++
	}
	if it.Err() != nil || n != 3 {
		t.Errorf("%d records, %v", n, it.Err())
	}
	a.token = "wrong"
	bad := cfdns.NewRecordService(option.WithAPIToken("wrong"), option.WithBaseURL(a.cf.URL()+"/client/v4"),
		option.WithHTTPClient(a.http), option.WithMaxRetries(0))
	if _, err := bad.List(t.Context(), lp); err == nil || !strings.Contains(err.Error(), "403") {
		t.Errorf("wrong token: %v", err)
	}
}
