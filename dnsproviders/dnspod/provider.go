package dnspod

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/dutyops/dutyops/dnsproviders"
	"github.com/dutyops/dutyops/dnsproviders/internal/byrecord"
)

// Kind is what the configuration calls this provider.
const Kind = "dnspod"

// DefaultBaseURL is Tencent Cloud's own API.
const DefaultBaseURL = "https://dnspod.tencentcloudapi.com"

// Options configure a Provider.
type Options struct {
	// BaseURL of the API; "" = DefaultBaseURL.
	BaseURL string
	// KeyID and Secret return the SecretId and SecretKey of a CAM user; called once per
	// operation, so that a rotated key is seen. docs/providers/dnspod.md has the policy that
	// the user needs, and no more.
	KeyID, Secret func() (string, error)
	// Timeout of one request; 0 = 5 s.
	Timeout time.Duration
	// Budget for all failed tries and waits for another one of one operation; 0 = 10 s.
	Budget time.Duration
	// JobWait is how long a batch job may take; 0 = 30 s.
	JobWait time.Duration
	// HTTPClient sends the requests; nil = one of its own that follows no redirects.
	HTTPClient *http.Client
	// OnRetry is told before every wait for another try; may be nil. It must not block.
	OnRetry func(RetryNotice)
}

// RetryNotice says that an operation tries again, so that no waiting is hidden.
type RetryNotice = byrecord.RetryNotice

// Provider is a dnsproviders.Provider on DNSPod's API. Safe for concurrent use; one
// writer per zone is the caller's duty.
type Provider struct {
	byrecord.Armer

	opt  Options
	base *url.URL
	e    *byrecord.Engine
}

var (
	_ dnsproviders.Inspector   = (*Provider)(nil)
	_ dnsproviders.HandleCodec = (*Provider)(nil)
	_ dnsproviders.WriteProber = (*Provider)(nil)
	_ dnsproviders.Scripter    = (*Provider)(nil)
)

// New returns a provider. It opens no connection. The error says which option is wrong.
func New(o Options) (*Provider, error) {
	base, err := byrecord.BaseURL(o.BaseURL, DefaultBaseURL)
	if err != nil {
		return nil, fmt.Errorf("dnspod: %w", err)
	}
	if o.KeyID == nil {
		return nil, errors.New("dnspod: the SecretId of the key is needed (access_key_id)")
	}
	if o.Secret == nil {
		return nil, errors.New("dnspod: the SecretKey is needed (access_key_secret)")
	}
	if o.JobWait <= 0 {
		o.JobWait = 30 * time.Second
	}
	p := &Provider{opt: o, base: base}
	p.e = &byrecord.Engine{
		API: api{p}, Standard: defaultLine, KeyID: o.KeyID, Key: o.Secret, Timeout: o.Timeout, Budget: o.Budget,
		Rate: 100, Parallel: 4, OnRetry: o.OnRetry, HTTP: o.HTTPClient,
	}
	p.e.Defaults()
	p.Armer = byrecord.NewArmer(p.e, Kind, api{p})
	return p, nil
}

// Capabilities returns the provider's card.
func (p *Provider) Capabilities() dnsproviders.Capabilities {
	c := dnsproviders.Capabilities{
		Kind: Kind, MaxBatch: batchSize, Rate: 20,
		Note: "Not atomic and asynchronous: a job sets one address on up to 5,000 records, one after another; names switch within seconds of each other, " +
			"a name that breaks off half-way is put back. The API cannot compare: records are re-read right before and after. Sets on several lines are refused.",
	}
	if strings.HasPrefix(p.base.String(), DefaultBaseURL) {
		c.MinTTL = 600 // free plan; paid plans go down to 1.
	}
	return c
}

// Read returns the live sets of the names: one list request per 3,000 records of the
// zone. Paused records are not live. Errors are *dnsproviders.Error.
func (p *Provider) Read(ctx context.Context, zone string, names []string) ([]dnsproviders.RRset, error) {
	return p.e.Read(ctx, zone, names)
}

// Apply implements dnsproviders.Provider.
func (p *Provider) Apply(ctx context.Context, zone string, changes []dnsproviders.Change) (dnsproviders.Receipt, error) {
	return p.ApplyInspected(ctx, zone, changes, func([]dnsproviders.RRset) error { return nil })
}

// ApplyInspected implements dnsproviders.Inspector: list and compare, one batch job per
// address (or one request per record), list and compare again.
//
// Errors are *dnsproviders.Error, or *dnsproviders.PartialError when some names were
// switched; its Left is as it was unless its Err is ErrUncertain.
func (p *Provider) ApplyInspected(ctx context.Context, zone string, changes []dnsproviders.Change,
	inspect func(live []dnsproviders.RRset) error,
) (dnsproviders.Receipt, error) {
	return p.e.Apply(ctx, zone, changes, inspect)
}

func (p *Provider) String() string { return "dnspod(" + p.base.String() + ")" }
