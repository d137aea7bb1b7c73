package named

import (
	"context"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// CloudflareOptions configures the API.
type CloudflareOptions struct {
	// Listen is host:port; "" = a free port on 127.0.0.1.
	Listen string
	// Token is the bearer token that may read and write the zone.
	Token string
	// Plan is the zone's plan.legacy_id: "free" limits a batch to 200 records, any
	// other to 3,500; "" = "pro".
	Plan string
	// Quota is how many requests are allowed per QuotaWindow; 0 = 1200 per 5 minutes.
	Quota       int
	QuotaWindow time.Duration
}

// Cloudflare is a Cloudflare v4 compatible API over a Store: zones, dns_records
// and its atomic batch. Safe for concurrent use.
type Cloudflare struct {
	store *Store
	o     CloudflareOptions
	srv   *http.Server
	lis   net.Listener
	done  chan struct{}
	quit  chan struct{}
	once  sync.Once

	requests, writes atomic.Int64

	mu     sync.Mutex
	faults faultState
	window time.Time
	used   int
}

// StartCloudflare serves the API until Close.
func StartCloudflare(s *Store, o CloudflareOptions) (*Cloudflare, error) {
	if o.Listen == "" {
		o.Listen = "127.0.0.1:0"
	}
	if o.Plan == "" {
		o.Plan = "pro"
	}
	if o.Quota == 0 {
		o.Quota, o.QuotaWindow = 1200, 5*time.Minute
	}
	if o.Token == "" {
		return nil, errors.New("cloudflare: a token is needed")
	}
	var lc net.ListenConfig
	l, err := lc.Listen(context.Background(), "tcp", o.Listen)
	if err != nil {
		return nil, fmt.Errorf("cloudflare api: %w", err)
	}
	c := &Cloudflare{store: s, o: o, lis: l, done: make(chan struct{}), quit: make(chan struct{})}
	c.srv = &http.Server{Handler: c, ReadHeaderTimeout: 5 * time.Second}
	go func() {
		defer close(c.done)
		_ = c.srv.Serve(l) // always ErrServerClosed
	}()
	return c, nil
}

// Addr is where the server listens, host:port.
func (c *Cloudflare) Addr() string { return c.lis.Addr().String() }

// URL is the base URL for clients, without the path: http://host:port.
func (c *Cloudflare) URL() string { return "http://" + c.Addr() }

// Requests counts every request, and how many of them were writes.
func (c *Cloudflare) Requests() (all, writes int64) { return c.requests.Load(), c.writes.Load() }

// Close stops the API at once, answers under way included.
func (c *Cloudflare) Close() error {
	c.once.Do(func() { close(c.quit) })
	err := c.srv.Close()
	<-c.done
	return err
}

// ServeHTTP answers one request: fault first, then token, quota and route.
func (c *Cloudflare) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c.requests.Add(1)
	write := r.Method != http.MethodGet
	if write {
		c.writes.Add(1)
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 32<<20))
	if err != nil {
		return
	}
	f := c.fault()
	if !c.sleep(r, f.latency) {
		return
	}
	limited, left, reset := c.spend()
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Cf-Ray", newID()[:16])
	h.Set("Ratelimit", fmt.Sprintf(`"default";r=%d;t=%d`, left, reset))
	h.Set("Ratelimit-Policy", fmt.Sprintf(`"default";q=%d;w=%d`, c.o.Quota, int(c.o.QuotaWindow.Seconds())))
	if limited {
		f = faultState{kind: FaultRateLimit, retryAfter: time.Duration(reset) * time.Second}
	}
	if c.refuse(w, r, f) {
		return
	}
	c.deliver(w, f, write, c.handle(r, body))
}

// answer is one API answer before it is written.
type answer struct {
	status int
	result any
	info   *resultInfo
	err    *RecordError
}

type resultInfo struct {
	Page       int `json:"page"`
	PerPage    int `json:"per_page"`
	Count      int `json:"count"`
	TotalCount int `json:"total_count"`
	TotalPages int `json:"total_pages"`
}

type apiError struct {
	Code    int    `json:"code"`
	Message string `json:"message"`
}

func (a answer) encode() []byte {
	doc := struct {
		Result   any         `json:"result"`
		Success  bool        `json:"success"`
		Errors   []apiError  `json:"errors"`
		Messages []any       `json:"messages"`
		Info     *resultInfo `json:"result_info,omitempty"`
	}{Result: a.result, Success: a.err == nil, Errors: []apiError{}, Messages: []any{}, Info: a.info}
	if a.err != nil {
		doc.Errors = append(doc.Errors, apiError{a.err.Code, a.err.Message})
	}
	b, err := json.Marshal(doc)
	if err != nil { // only values of this package get here
		return []byte(`{"success":false}`)
	}
	return b
}

func fail(status, code int, format string, args ...any) answer {
	return answer{status: status, err: &RecordError{code, fmt.Sprintf(format, args...)}}
}

// failed turns a transaction's error into the API's answer.
func failed(err error) answer {
	var re *RecordError
	if !errors.As(err, &re) {
		return fail(http.StatusInternalServerError, 10001, "internal error")
	}
	if re.Code == codeNoRecord {
		return answer{status: http.StatusNotFound, err: re}
	}
	return answer{status: http.StatusBadRequest, err: re}
}

func (c *Cloudflare) handle(r *http.Request, body []byte) answer {
	token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !ok {
		return fail(http.StatusUnauthorized, 10000, "Authentication error")
	}
	if subtle.ConstantTimeCompare([]byte(token), []byte(c.o.Token)) != 1 {
		return fail(http.StatusForbidden, 10000, "Authentication error")
	}
	parts := strings.Split(strings.Trim(r.URL.Path, "/"), "/")
	if len(parts) < 3 || parts[0] != "client" || parts[1] != "v4" || parts[2] != "zones" {
		return fail(http.StatusNotFound, 7000, "No route for that URI")
	}
	parts = parts[3:]
	if len(parts) == 0 {
		return c.zones(r)
	}
	if parts[0] != c.store.id {
		return fail(http.StatusNotFound, 7003, "Could not route to /zones/%s, perhaps your object identifier is invalid?", parts[0])
	}
	switch {
	case len(parts) == 1 && r.Method == http.MethodGet:
		return answer{status: http.StatusOK, result: c.zone()}
	case len(parts) == 2 && parts[1] == "dns_records" && r.Method == http.MethodGet:
		return c.list(r.URL.Query())
	case len(parts) == 2 && parts[1] == "dns_records" && r.Method == http.MethodPost:
		return c.create(body)
	case len(parts) == 3 && parts[1] == "dns_records" && parts[2] == "batch" && r.Method == http.MethodPost:
		return c.batch(body)
	case len(parts) == 3 && parts[1] == "dns_records":
		return c.one(r.Method, parts[2], body)
	}
	return fail(http.StatusMethodNotAllowed, 10405, "Method not allowed")
}

func (c *Cloudflare) zone() map[string]any {
	return map[string]any{
		"id": c.store.id, "name": c.store.zone, "status": "active", "paused": false, "type": "full",
		"name_servers": c.store.ns, "plan": map[string]any{"legacy_id": c.o.Plan, "name": c.o.Plan},
	}
}

func (c *Cloudflare) zones(r *http.Request) answer {
	page, per, bad := paging(r.URL.Query().Get("page"), r.URL.Query().Get("per_page"), 20, 50)
	if bad != nil {
		return *bad
	}
	all := []map[string]any{}
	if name := r.URL.Query().Get("name"); name == "" || plain(name) == c.store.zone {
		all = append(all, c.zone())
	}
	lo, hi := min((page-1)*per, len(all)), min(page*per, len(all))
	return answer{
		status: http.StatusOK, result: all[lo:hi],
		info: &resultInfo{page, per, hi - lo, len(all), (len(all) + per - 1) / per},
	}
}

// paging reads page and per_page; past the last page the answer is an empty list.
func paging(page, per string, def, most int) (int, int, *answer) {
	read := func(s string, def int) int {
		if s == "" {
			return def
		}
		n, err := strconv.Atoi(s)
		if err != nil {
			return -1
		}
		return n
	}
	p, n := read(page, 1), read(per, def)
	if p < 1 || n < 1 || n > most {
		a := fail(http.StatusBadRequest, 1004, "page must be at least 1 and per_page between 1 and %d", most)
		return 0, 0, &a
	}
	return p, n, nil
}

// spend counts one request against the quota.
func (c *Cloudflare) spend() (limited bool, left, reset int) {
	now := c.store.now()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.window.IsZero() || now.Sub(c.window) >= c.o.QuotaWindow {
		c.window, c.used = now, 0
	}
	c.used++
	reset = int(c.window.Add(c.o.QuotaWindow).Sub(now).Seconds()) + 1
	return c.used > c.o.Quota, max(0, c.o.Quota-c.used), reset
}

func (c *Cloudflare) sleep(r *http.Request, d time.Duration) bool {
	if d <= 0 {
		return true
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-r.Context().Done():
	case <-c.quit:
	}
	return false
}
