package dnstest

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Fault kinds of the Cloudflare fake.
const (
	Unauthorized = "unauthorized"
	Forbidden    = "forbidden"
	RateLimit    = "rate-limit"
	ServerError  = "error"
	Garbage      = "garbage"
	HTML         = "html"
	HalfBody     = "half-body"
	Hang         = "hang"
	Drop         = "drop"
	Reject       = "reject"
)

// Fault spoils requests. First is the first request it spoils, counted from 1 over all
// requests since the fault was set; Times how many from then on (0 = one, -1 = all).
type Fault struct {
	Kind       string
	First      int
	Times      int
	RetryAfter time.Duration
	// Applied: a spoiled write is carried out all the same; only its answer is spoiled.
	Applied bool
}

// Cloudflare is a small Cloudflare API v4: zones?name=, dns_records (paged), and
// dns_records/batch (one transaction, deletes, patches, puts, posts in this order; limited by plan). Source:
// developers.cloudflare.com/dns/manage-dns-records/how-to/batch-record-changes and the API reference.
type Cloudflare struct {
	// URL is the base URL to configure, ending in /client/v4.
	URL string
	// Plan is the zones' plan.legacy_id: free (200 a batch), pro, business, enterprise (3500).
	Plan string
	// MaxPage is the largest page served; 0 = 5000.
	MaxPage int
	// Latency is added to every answer.
	Latency time.Duration
	// MinTTL is the least TTL that the zone takes, besides 1 (automatic); 0 = any.
	MinTTL uint32
	// Stale is how many lists after a batch still show the state before it.
	Stale int

	srv   *httptest.Server
	token secret
	was   map[*Zone]*Zone // before the last batch
	mu    sync.Mutex
	zones map[string]*Zone
	log   []string
	seen  int
	fault *Fault
	quit  chan struct{}
	once  sync.Once
}

// NewCloudflare starts the fake for the zones; token is the only one it accepts.
// Call Close when done.
func NewCloudflare(token string, zones ...*Zone) *Cloudflare {
	c := &Cloudflare{Plan: "pro", zones: map[string]*Zone{}, quit: make(chan struct{})}
	c.token.set(token)
	for _, z := range zones {
		c.zones["zone-"+z.Name] = z
	}
	c.srv = httptest.NewServer(c)
	c.URL = c.srv.URL + "/client/v4"
	return c
}

// Close stops the fake and lets hanging requests go. A second call does nothing.
func (c *Cloudflare) Close() {
	c.once.Do(func() { close(c.quit) })
	c.srv.CloseClientConnections()
	c.srv.Close()
}

// Break sets the fault; nil heals.
func (c *Cloudflare) Break(f *Fault) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.seen, c.fault = 0, f
}

// Log returns the requests seen so far as "METHOD path", and forgets them.
func (c *Cloudflare) Log() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	l := c.log
	c.log = nil
	return l
}

func (c *Cloudflare) spoiled(r *http.Request) *Fault {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.log = append(c.log, r.Method+" "+strings.TrimPrefix(r.URL.Path, "/client/v4"))
	c.seen++
	f := c.fault
	if f == nil || c.seen < f.First {
		return nil
	}
	if f.Times >= 0 && c.seen >= max(f.First, 1)+max(f.Times, 1) {
		return nil
	}
	return f
}

type answer struct {
	status int
	body   map[string]any
}

// ServeHTTP answers one request.
func (c *Cloudflare) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f := c.spoiled(r)
	var body batchBody
	if r.Method == http.MethodPost {
		if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
			send(w, fail(400, 9207, "Failed to decode request body"))
			return
		}
	}
	if c.Latency > 0 {
		pause(r.Context(), c.Latency)
	}
	w.Header().Set("Ratelimit", `"default";r=1100;t=300`)
	w.Header().Set("Cf-Ray", "ray-"+strconv.Itoa(c.count()))
	if f == nil {
		send(w, c.do(r, body))
		return
	}
	a := answer{status: 200, body: map[string]any{"success": true}}
	if f.Applied || r.Method == http.MethodGet {
		a = c.do(r, body)
	}
	switch f.Kind {
	case Unauthorized:
		send(w, fail(401, 1000, "Invalid API Token"))
	case Forbidden:
		send(w, fail(403, 10000, "Authentication error"))
	case RateLimit:
		w.Header().Set("Retry-After", strconv.Itoa(int(f.RetryAfter/time.Second)))
		send(w, fail(429, 971, "Please wait and consider throttling your request speed"))
	case ServerError:
		send(w, fail(500, 1100, "Internal error"))
	case Reject:
		send(w, fail(400, 9005, "Content for A record is invalid"))
	case Garbage:
		// A broken proxy that echoes the request's headers.
		w.Header().Set("Content-Type", "application/json")
		_, _ = fmt.Fprintf(w, "\x00\x01%%%s<<<", r.Header.Get("Authorization"))
	case HTML:
		w.Header().Set("Content-Type", "text/html")
		w.WriteHeader(http.StatusBadGateway)
		_, _ = fmt.Fprintf(w, "<html>bad gateway %s</html>", r.Header.Get("Authorization"))
	case HalfBody:
		b, _ := json.Marshal(a.body)
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Content-Length", strconv.Itoa(len(b)))
		_, _ = w.Write(b[:len(b)/2])
	case Hang:
		select {
		case <-r.Context().Done():
		case <-c.quit:
		}
	case Drop:
		panic(http.ErrAbortHandler)
	default:
		panic("dnstest: unknown fault " + f.Kind)
	}
}

func (c *Cloudflare) count() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.log)
}

func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

func send(w http.ResponseWriter, a answer) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(a.status)
	_ = json.NewEncoder(w).Encode(a.body)
}

func fail(status, code int, msg string) answer {
	return answer{status, map[string]any{
		"success": false, "result": nil, "messages": []any{},
		"errors": []map[string]any{{"code": code, "message": msg}},
	}}
}

func ok(result any) answer {
	return answer{200, map[string]any{"success": true, "errors": []any{}, "messages": []any{}, "result": result}}
}

func (c *Cloudflare) do(r *http.Request, body batchBody) answer {
	if r.Header.Get("Authorization") != "Bearer "+c.token.get() {
		return fail(403, 10000, "Authentication error")
	}
	path := strings.Split(strings.Trim(strings.TrimPrefix(r.URL.Path, "/client/v4"), "/"), "/")
	switch {
	case len(path) == 1 && path[0] == "zones" && r.Method == http.MethodGet:
		return c.listZones(r.URL.Query().Get("name"))
	case len(path) >= 3 && path[0] == "zones" && path[2] == "dns_records":
		z, found := c.zones[path[1]]
		if !found {
			return fail(404, 7003, "Could not route to /zones/"+path[1]+", perhaps your object identifier is invalid?")
		}
		switch {
		case len(path) == 3 && r.Method == http.MethodGet:
			return c.list(z, r)
		case len(path) == 4 && path[3] == "batch" && r.Method == http.MethodPost:
			return c.batch(z, body)
		}
	}
	return fail(404, 7000, "No route for that URI")
}

type patchBody struct {
	ID      string  `json:"id"`
	Name    *string `json:"name"`
	Type    *string `json:"type"`
	Content *string `json:"content"`
	TTL     *uint32 `json:"ttl"`
	Proxied *bool   `json:"proxied"`
	Comment *string `json:"comment"`
	Data    *struct {
		Priority int    `json:"priority"`
		Target   string `json:"target"`
		Value    string `json:"value"`
	} `json:"data"`
}

type batchBody struct {
	Deletes []struct {
		ID string `json:"id"`
	} `json:"deletes"`
	Patches []patchBody `json:"patches"`
	Posts   []patchBody `json:"posts"`
	Puts    []patchBody `json:"puts"`
}

type apiError struct {
	status, code int
	msg          string
}

func (e apiError) Error() string { return e.msg }

func (c *Cloudflare) batch(z *Zone, b batchBody) answer {
	limit := 3500
	if c.Plan == "free" {
		limit = 200
	}
	if n := len(b.Deletes) + len(b.Patches) + len(b.Posts) + len(b.Puts); n > limit {
		return fail(400, 81000, fmt.Sprintf("Batch of %d is more than the %d operations of this plan", n, limit))
	}
	if c.Stale > 0 {
		was := z.Copy()
		defer func() {
			c.mu.Lock()
			defer c.mu.Unlock()
			c.was = map[*Zone]*Zone{z: was}
		}()
	}
	deleted, patched, posted := []map[string]any{}, []map[string]any{}, []map[string]any{}
	err := z.transact(func(t *Zone) error {
		where := map[string]string{}
		for n, rs := range t.recs {
			for _, r := range rs {
				where[r.ID] = n
			}
		}
		find := func(id string) *Record {
			rs := t.recs[where[id]]
			if i := slices.IndexFunc(rs, func(r Record) bool { return r.ID == id }); i >= 0 {
				return &rs[i]
			}
			return nil
		}
		for _, d := range b.Deletes {
			r := find(d.ID)
			if r == nil {
				return apiError{404, 81044, "Record does not exist."}
			}
			deleted = append(deleted, show(*r))
			n := r.Name
			t.recs[n] = slices.DeleteFunc(t.recs[n], func(r Record) bool { return r.ID == d.ID })
			t.tidy(n)
		}
		for _, p := range b.Patches {
			r := find(p.ID)
			if r == nil {
				return apiError{404, 81044, "Record does not exist."}
			}
			apply(r, p)
			if r.TTL != 1 && r.TTL < c.MinTTL {
				return apiError{400, 9021, fmt.Sprintf("TTL must be between %d and 86400 seconds, or 1 for Automatic.", c.MinTTL)}
			}
			patched = append(patched, show(*r))
		}
		for _, p := range b.Posts {
			if p.Name == nil || p.Type == nil || p.Content == nil && p.Data == nil {
				return apiError{400, 9000, "DNS name, type and content are needed."}
			}
			r := Record{Name: *p.Name, Type: *p.Type, TTL: 1}
			apply(&r, p)
			for _, have := range t.recs[r.Name] {
				if have.Type == r.Type && have.Content == r.Content {
					return apiError{400, 81058, "An identical record already exists."}
				}
			}
			posted = append(posted, show(t.add(r)))
		}
		return nil
	})
	if e, isAPI := err.(apiError); isAPI { //nolint:errorlint // made above
		if e.code == 9021 { // a reason within another
			a := fail(e.status, 0, "")
			a.body["errors"] = []map[string]any{{"code": 1004, "message": "DNS Validation Error", "error_chain": []map[string]any{{"code": e.code, "message": e.msg}}}}
			return a
		}
		return fail(e.status, e.code, e.msg)
	}
	return ok(map[string]any{"deletes": deleted, "patches": patched, "posts": posted, "puts": []any{}})
}

func apply(r *Record, p patchBody) {
	if p.Content != nil {
		r.Content = *p.Content
	}
	if p.Data != nil {
		r.Content = fmt.Sprintf("%d %s %s", p.Data.Priority, p.Data.Target, p.Data.Value)
	}
	if p.TTL != nil {
		r.TTL = *p.TTL
	}
	if p.Proxied != nil {
		r.Proxied = *p.Proxied
	}
	if p.Comment != nil {
		r.Comment = *p.Comment
	}
	if r.Proxied {
		r.TTL = 1
	}
}
