package powerdns

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/dutyops/dutyops/dnsproviders"
	"github.com/dutyops/dutyops/dnsproviders/internal/effort"
)

const kind = "powerdns"

// DefaultServerID is the only server id that PowerDNS itself has; proxies in front of
// several servers may give others.
const DefaultServerID = "localhost"

// Options configure a Provider.
type Options struct {
	// BaseURL is where the web server listens, without /api/v1: http://127.0.0.1:8081.
	BaseURL string
	// ServerID in the API's paths; "" = DefaultServerID.
	ServerID string
	// APIKey returns the key (api-key of pdns.conf); called once per operation, so that
	// a rotated key is seen. There is one key for everything: see docs/providers/powerdns.md.
	APIKey func() (string, error)
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
type RetryNotice = effort.Notice

// Provider is a dnsproviders.Provider on PowerDNS's API. Safe for concurrent use; one
// writer per zone is the caller's duty.
type Provider struct {
	opt    Options
	effort effort.Options
	base   string // .../api/v1/servers/ID/zones/
}

var _ dnsproviders.Inspector = (*Provider)(nil)

// New returns a provider. It opens no connection. The error says which option is wrong.
func New(o Options) (*Provider, error) {
	u, err := url.Parse(o.BaseURL)
	if err != nil || u.Host == "" || (u.Scheme != "https" && u.Scheme != "http") {
		return nil, errors.New("powerdns: base_url: expected an http(s) URL such as http://127.0.0.1:8081")
	}
	if u.User != nil {
		return nil, errors.New("powerdns: base_url must not carry a user or password; use api_key")
	}
	if u.RawQuery != "" || u.Fragment != "" {
		return nil, errors.New("powerdns: base_url must not carry a query")
	}
	if o.APIKey == nil {
		return nil, errors.New("powerdns: an api_key is needed")
	}
	if o.ServerID == "" {
		o.ServerID = DefaultServerID
	}
	if o.HTTPClient == nil {
		o.HTTPClient = effort.NoRedirect()
	}
	base := strings.TrimSuffix(strings.TrimSuffix(o.BaseURL, "/"), "/api/v1")
	return &Provider{
		opt:    o,
		effort: effort.Options{Timeout: o.Timeout, Budget: o.Budget, OnRetry: o.OnRetry}.Defaults(),
		base:   base + "/api/v1/servers/" + url.PathEscape(o.ServerID) + "/zones/",
	}, nil
}

// Capabilities returns the provider's card.
func (p *Provider) Capabilities() dnsproviders.Capabilities {
	return dnsproviders.Capabilities{
		Kind: kind, Atomic: true, MinTTL: 1,
		Note: "One request is one database transaction of any size. The API cannot compare: " +
			"the zone is read right before the write and read back after it.",
	}
}

func (p *Provider) String() string { return fmt.Sprintf("powerdns(%s)", p.opt.BaseURL) }

// op is one operation with its key.
type op struct {
	*effort.Op
	p   *Provider
	key string
}

func (p *Provider) begin(ctx context.Context, name, zone string) (*op, error) {
	o := &op{Op: effort.Begin(p.effort, name, zone), p: p}
	if err := ctx.Err(); err != nil {
		return nil, o.Fail(dnsproviders.ErrUnavailable, "cancelled before anything was asked", "", err)
	}
	var err error
	o.key, err = o.Secret("the api key", p.opt.APIKey)
	return o, err
}

// Read returns the live sets of the names in one request: the whole zone, or one name's
// sets when one name is asked for. Disabled records are not live. Errors are
// *dnsproviders.Error.
func (p *Provider) Read(ctx context.Context, zone string, names []string) ([]dnsproviders.RRset, error) {
	o, err := p.begin(ctx, "read zone", zone)
	if err != nil {
		return nil, err
	}
	only := ""
	if len(names) == 1 {
		only = dnsproviders.CanonicalName(names[0])
	}
	z, err := o.get(ctx, only)
	if err != nil {
		return nil, err
	}
	return z.live().Of(names), nil
}

// Apply implements dnsproviders.Provider.
func (p *Provider) Apply(ctx context.Context, zone string, changes []dnsproviders.Change) (dnsproviders.Receipt, error) {
	return p.ApplyInspected(ctx, zone, changes, func([]dnsproviders.RRset) error { return nil })
}

// ApplyInspected implements dnsproviders.Inspector: GET and compare, one PATCH, GET and
// compare again. A PATCH that is on its way is not cut off by ctx. The server is asked
// to send NOTIFY at once when it has secondaries of its own to tell; if it does not
// answer that, they learn of the change in its own time (xfr-cycle-interval, 60 s).
//
// Errors are *dnsproviders.Error. After ErrUncertain only a later Read can tell; after
// every other kind nothing was changed.
func (p *Provider) ApplyInspected(ctx context.Context, zone string, changes []dnsproviders.Change,
	inspect func(live []dnsproviders.RRset) error,
) (rc dnsproviders.Receipt, err error) {
	start := p.effort.Now()
	o, err := p.begin(ctx, "apply", zone)
	if err != nil {
		return rc, err
	}
	defer func() { rc.APICalls, rc.Took, rc.RequestID = o.Calls, p.effort.Now().Sub(start), o.RequestID }()
	canon, err := dnsproviders.CanonicalChanges(o.Zone, changes)
	if err != nil {
		return rc, o.Fail(dnsproviders.ErrRejected, err.Error(), "correct the change; nothing was sent", err)
	}
	z, err := o.get(ctx, "")
	if err != nil {
		return rc, err
	}
	if err := o.writable(z, canon); err != nil {
		return rc, err
	}
	live := z.live()
	if err := o.Compare(live, canon); err != nil {
		return rc, err
	}
	names := make([]string, len(canon))
	for i, c := range canon {
		names[i] = c.Before.Name
	}
	if err := inspect(live.Of(names)); err != nil {
		return rc, err
	}
	todo := effort.Todo(live, canon)
	rc.Serial = z.serial()
	if len(todo) == 0 {
		return rc, nil
	}
	if err := ctx.Err(); err != nil {
		return rc, o.Fail(dnsproviders.ErrUnavailable, "cancelled before the change was sent", "", err)
	}
	return o.write(ctx, z, todo, rc, true)
}

// write sends the changes of a zone that was compared; rc has what is known of it.
func (o *op) write(ctx context.Context, z *zone, todo []dnsproviders.Change, rc dnsproviders.Receipt, readBack bool) (dnsproviders.Receipt, error) {
	body, err := z.patch(todo)
	if err != nil {
		return rc, o.Fail(dnsproviders.ErrRejected, err.Error(), "nothing was sent", err)
	}
	err = o.Write(ctx, effort.Batch{
		Changes: todo, ReadBack: readBack,
		Send: func(ctx context.Context) error { return o.patch(ctx, body) },
		Read: func(ctx context.Context) (effort.Live, error) {
			after, err := o.get(ctx, "")
			if err != nil {
				return nil, err
			}
			rc.Serial = after.serial()
			return after.live(), nil
		},
	})
	if err != nil {
		return rc, err
	}
	rc.Changed = len(todo)
	if z.primary() {
		// The change is made; a NOTIFY that fails takes nothing from it.
		_ = o.Call(context.WithoutCancel(ctx), o.notify)
	}
	return rc, nil
}

// writable refuses what this package must not write to.
func (o *op) writable(z *zone, changes []dnsproviders.Change) error {
	if z.secondary() {
		return o.Fail(dnsproviders.ErrRejected, fmt.Sprintf("the zone is a %s here: the next transfer from its primary would undo the change", strings.ToLower(z.Kind)),
			"name the zone's primary server as base_url", nil)
	}
	for _, c := range changes {
		if t := z.dynamic[c.Before.Name]; t != "" {
			return o.Fail(dnsproviders.ErrRejected, fmt.Sprintf("%s holds %s records: the server computes its answers", c.Before.Name, t),
				"switch the name that they refer to, or replace them by plain records first", nil)
		}
	}
	return nil
}
