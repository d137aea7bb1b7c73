package cloudflare

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/dutyops/dutyops/dnsproviders"
)

// DefaultBaseURL is Cloudflare's own API.
const DefaultBaseURL = "https://api.cloudflare.com/client/v4"

// Operations in one batch by plan: developers.cloudflare.com/dns/manage-dns-records/how-to/batch-record-changes.
const (
	freeBatch = 200
	paidBatch = 3500
)

// Options configure a Provider.
type Options struct {
	// BaseURL of the API; "" = DefaultBaseURL.
	BaseURL string
	// Token returns the API token; it is called once per operation, so that a rotated
	// token is seen. It needs Zone:Read and DNS:Edit on the zones, nothing more.
	Token func() (string, error)
	// Timeout of one request; 0 = 5 s.
	Timeout time.Duration
	// Budget for all requests and waits of one operation; 0 = 10 s. The reading that
	// settles a lost answer may take one Timeout more.
	Budget time.Duration
	// HTTPClient sends the requests; nil = one of its own that follows no redirects.
	HTTPClient *http.Client
	// OnRetry is told before every wait for another try; may be nil. It must not block.
	OnRetry func(RetryNotice)
}

// RetryNotice says that an operation tries again, so that no waiting is hidden.
type RetryNotice struct {
	Op   string // "read zone", "apply"
	Zone string
	// Try is the number of the try that follows (2 = second).
	Try int
	// Wait before it, and what is left of the budget after the wait.
	Wait, Left time.Duration
	Cause      error
}

// Provider is a dnsproviders.Provider on Cloudflare's API. Safe for concurrent use;
// one writer per zone is the caller's duty.
type Provider struct {
	opt Options

	now   func() time.Time
	sleep func(context.Context, time.Duration) error

	mu    sync.Mutex
	zones map[string]*zoneState
}

// zoneState is what is known of a zone; guarded by Provider.mu.
type zoneState struct {
	id    string
	limit int
	// ids of the records at the last listing, and when that was.
	ids map[string]string // "TYPE name content" -> id
	at  time.Time
}

var _ dnsproviders.Inspector = (*Provider)(nil)

// New returns a provider. It opens no connection. The error says which option is wrong.
func New(o Options) (*Provider, error) {
	if o.BaseURL == "" {
		o.BaseURL = DefaultBaseURL
	}
	u, err := url.Parse(o.BaseURL)
	if err != nil || u.Host == "" || (u.Scheme != "https" && u.Scheme != "http") {
		return nil, errors.New("cloudflare: base_url: expected an http(s) URL such as " + DefaultBaseURL)
	}
	if u.User != nil {
		return nil, errors.New("cloudflare: base_url must not carry a user or password; use token")
	}
	o.BaseURL = strings.TrimSuffix(o.BaseURL, "/") + "/"
	if o.Token == nil {
		return nil, errors.New("cloudflare: a token is needed")
	}
	if o.Timeout <= 0 {
		o.Timeout = 5 * time.Second
	}
	if o.Budget <= 0 {
		o.Budget = 10 * time.Second
	}
	if o.HTTPClient == nil {
		// A redirect could carry a write elsewhere; it is answered like garbage.
		o.HTTPClient = &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	}
	if o.OnRetry == nil {
		o.OnRetry = func(RetryNotice) {}
	}
	return &Provider{opt: o, now: time.Now, sleep: sleep, zones: map[string]*zoneState{}}, nil
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Capabilities returns the provider's card. MaxBatch is the smallest limit of the zones
// seen so far, the free plan's before any was seen.
func (p *Provider) Capabilities() dnsproviders.Capabilities {
	p.mu.Lock()
	defer p.mu.Unlock()
	c := dnsproviders.Capabilities{
		Kind: "cloudflare", Atomic: true, MaxBatch: freeBatch,
		Rate: 4, // 1,200 in 5 minutes
		Note: "One batch is all or nothing; a change larger than MaxBatch takes several. The API cannot compare: " +
			"records are read right before the write, or when the zone was armed, and patched by id; " +
			"what somebody else wrote since that reading may be overwritten.",
	}
	if len(p.zones) > 0 {
		c.MaxBatch = paidBatch
		for _, z := range p.zones {
			c.MaxBatch = min(c.MaxBatch, z.limit)
		}
	}
	if strings.HasPrefix(p.opt.BaseURL, DefaultBaseURL) {
		c.MinTTL = 60 // Enterprise zones: 30.
	}
	return c
}

// Armed tells how many record ids of the zone are held, and since when; zero when the
// zone was not read yet.
func (p *Provider) Armed(zone string) (records int, at time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	z := p.zones[dnsproviders.CanonicalName(zone)]
	if z == nil {
		return 0, time.Time{}
	}
	return len(z.ids), z.at
}

// Read returns the live sets of the names: one list request, one more the first time a
// zone is asked for. Errors are *dnsproviders.Error.
func (p *Provider) Read(ctx context.Context, zone string, names []string) ([]dnsproviders.RRset, error) {
	o, err := p.begin(ctx, "read zone", zone)
	if err != nil {
		return nil, err
	}
	recs, err := o.list(ctx)
	if err != nil {
		return nil, err
	}
	return rrsets(recs, names), nil
}

// Apply implements dnsproviders.Provider.
func (p *Provider) Apply(ctx context.Context, zone string, changes []dnsproviders.Change) (dnsproviders.Receipt, error) {
	return p.ApplyInspected(ctx, zone, changes, func([]dnsproviders.RRset) error { return nil })
}

// zone returns the cached id and batch limit of a zone.
func (p *Provider) zone(name string) (id string, limit int, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if z := p.zones[name]; z != nil {
		return z.id, z.limit, true
	}
	return "", 0, false
}

func (p *Provider) learnZone(name, id string, limit int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.zones[name] = &zoneState{id: id, limit: limit}
}

func (p *Provider) forgetZone(name string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.zones, name)
}

func (p *Provider) learnRecords(name string, recs []record) {
	ids := make(map[string]string, len(recs))
	for _, r := range recs {
		ids[r.Type+" "+r.Name+" "+r.Content] = r.ID
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if z := p.zones[name]; z != nil {
		z.ids, z.at = ids, p.now()
	}
}

func (p *Provider) shrinkBatch(name string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if z := p.zones[name]; z != nil {
		z.limit = freeBatch
	}
}

// op is one operation: its token, its budget and its count of requests. Not safe for
// concurrent use.
type op struct {
	p     *Provider
	name  string
	zone  string
	token string
	end   time.Time
	calls int
	ray   string

	seen   batchResult // of all batches so far
	unseen bool        // an answer was lost, so seen is not all
}

func (p *Provider) begin(ctx context.Context, name, zone string) (*op, error) {
	o := &op{p: p, name: name, zone: dnsproviders.CanonicalName(zone), end: p.now().Add(p.opt.Budget)}
	if err := ctx.Err(); err != nil {
		return nil, o.fail(dnsproviders.ErrUnavailable, "cancelled before anything was asked", "", err)
	}
	tok, err := p.opt.Token()
	tok = strings.TrimSpace(tok)
	switch {
	case err != nil:
		return nil, o.fail(dnsproviders.ErrAuth, "the token could not be read", "check the token reference of this provider in the configuration", err)
	case tok == "":
		return nil, o.fail(dnsproviders.ErrAuth, "the token is empty", "check the token reference of this provider in the configuration", nil)
	case strings.ContainsFunc(tok, func(r rune) bool { return r <= ' ' || r > '~' }):
		return nil, o.fail(dnsproviders.ErrAuth, "the token holds characters that no token has", "check that the token reference names the token alone", nil)
	}
	o.token = tok
	return o, nil
}

// fail builds the error of an operation; the token is cut from every text.
func (o *op) fail(kind error, detail, hint string, cause error) *dnsproviders.Error {
	e := &dnsproviders.Error{Op: o.name, Zone: o.zone, Kind: kind, Detail: o.clean(detail), Hint: hint}
	if cause != nil {
		e.Err = &cleanError{text: o.clean(cause.Error()), err: cause}
	}
	return e
}

// clean shortens foreign text, makes it printable and cuts the token out of it.
func (o *op) clean(s string) string {
	if o.token != "" {
		s = strings.ReplaceAll(s, o.token, "[token]")
	}
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r == 0xfffd {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, " "))
	s = strings.Join(strings.Fields(s), " ")
	if len(s) > 240 {
		s = strings.ToValidUTF8(s[:240], "") + "..."
	}
	return s
}

// cleanError is a cause whose text was cleaned; errors.Is still sees the cause.
type cleanError struct {
	text string
	err  error
}

func (e *cleanError) Error() string { return e.text }
func (e *cleanError) Unwrap() error { return e.err }

// left is what remains of the budget.
func (o *op) left() time.Duration { return o.end.Sub(o.p.now()) }

// again waits before another try, if the wait fits the budget; it says so first.
func (o *op) again(ctx context.Context, try int, wait time.Duration, cause error) bool {
	left := o.left() - wait
	if left <= 0 || ctx.Err() != nil {
		return false
	}
	o.p.opt.OnRetry(RetryNotice{Op: o.name, Zone: o.zone, Try: try, Wait: wait, Left: left, Cause: cause})
	return o.p.sleep(ctx, wait) == nil
}

func (p *Provider) String() string {
	return fmt.Sprintf("cloudflare(%s)", p.opt.BaseURL)
}
