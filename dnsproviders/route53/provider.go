package route53

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	api "github.com/aws/aws-sdk-go-v2/service/route53"

	"github.com/dutyops/dutyops/dnsproviders"
	"github.com/dutyops/dutyops/dnsproviders/internal/effort"
)

// DefaultRegion is where the API of the AWS partition is; a request is signed for it.
const DefaultRegion = "us-east-1"

// Limits of one request and of an account: docs.aws.amazon.com/Route53/latest/DeveloperGuide/DNSLimitations.html.
const (
	maxRecords = 1000  // ResourceRecord elements; DELETE and CREATE count once, UPSERT twice
	maxChars   = 32000 // characters in all Value elements, counted in the same way
	perSecond  = 5     // requests of an account
)

// Options configure a Provider.
type Options struct {
	// BaseURL of the API; "" = AWS's own.
	BaseURL string
	// Region to sign for; "" = DefaultRegion.
	Region string
	// HostedZoneID of the zone; "" = looked up by name, which needs ListHostedZonesByName
	// and exactly one zone of the name.
	HostedZoneID string
	// AccessKeyID and SecretAccessKey return the credential; called once per operation,
	// so that a rotated key is seen.
	AccessKeyID, SecretAccessKey func() (string, error)
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

// Provider is a dnsproviders.Provider on Route 53. Safe for concurrent use; one writer
// per zone is the caller's duty (two would only conflict).
type Provider struct {
	opt    Options
	effort effort.Options

	mu    sync.Mutex
	zones map[string]string // name -> id
	sent  [perSecond]time.Time
	next  int
}

var (
	_ dnsproviders.Inspector   = (*Provider)(nil)
	_ dnsproviders.HandleCodec = (*Provider)(nil)
	_ dnsproviders.WriteProber = (*Provider)(nil)
	_ dnsproviders.Scripter    = (*Provider)(nil)
	_ dnsproviders.Tracker     = (*Provider)(nil)
	_ dnsproviders.Foreteller  = (*Provider)(nil)
)

// New returns a provider. It opens no connection. The error says which option is wrong.
func New(o Options) (*Provider, error) {
	if o.BaseURL != "" {
		u, err := url.Parse(o.BaseURL)
		if err != nil || u.Host == "" || (u.Scheme != "https" && u.Scheme != "http") {
			return nil, errors.New("route53: base_url: expected an http(s) URL, or nothing for AWS's own")
		}
		if u.User != nil {
			return nil, errors.New("route53: base_url must not carry a user or password")
		}
	}
	if o.AccessKeyID == nil || o.SecretAccessKey == nil {
		return nil, errors.New("route53: access_key_id and secret_access_key are needed")
	}
	if o.Region == "" {
		o.Region = DefaultRegion
	}
	if o.HTTPClient == nil {
		o.HTTPClient = effort.NoRedirect()
	}
	return &Provider{
		opt: o, effort: effort.Options{Timeout: o.Timeout, Budget: o.Budget, OnRetry: o.OnRetry}.Defaults(),
		zones: map[string]string{},
	}, nil
}

// Capabilities returns the provider's card. MaxBatch holds for sets of one value.
func (p *Provider) Capabilities() dnsproviders.Capabilities {
	return dnsproviders.Capabilities{
		Kind: Kind, Atomic: true, CompareAndSet: true, MaxBatch: maxRecords / 2, MinTTL: 0, Rate: 5,
		Note: "One request is all or nothing and carries its own comparison; a change larger than MaxBatch takes several. " +
			"An account has 5 requests a second; name servers follow when GetChange says INSYNC, commonly within 60 s.",
	}
}

func (p *Provider) String() string { return "route53(" + p.opt.Region + ")" }

// op is one operation with its client.
type op struct {
	*effort.Op
	p *Provider
	c *api.Client

	known string // the zone's id, when it need not be asked for
	state string // of the last change: PENDING or INSYNC
}

func (p *Provider) begin(ctx context.Context, name, zone string) (*op, error) {
	o := &op{Op: effort.Begin(p.effort, name, zone), p: p}
	if err := ctx.Err(); err != nil {
		return nil, o.Fail(dnsproviders.ErrUnavailable, "cancelled before anything was asked", "", err)
	}
	id, err := o.Secret("the access key id", p.opt.AccessKeyID)
	if err != nil {
		return nil, err
	}
	secret, err := o.Secret("the secret access key", p.opt.SecretAccessKey)
	if err != nil {
		return nil, err
	}
	so := api.Options{
		Region: p.opt.Region, Credentials: credentials.NewStaticCredentialsProvider(id, secret, ""),
		HTTPClient: p.opt.HTTPClient, RetryMaxAttempts: 1, Retryer: aws.NopRetryer{},
	}
	if p.opt.BaseURL != "" {
		so.BaseEndpoint = aws.String(p.opt.BaseURL)
	}
	o.c = api.New(so)
	return o, nil
}

// pace keeps the requests of this provider below the account's limit: the sixth within
// a second waits for the first to be a second old.
func (o *op) pace(ctx context.Context) error {
	now := o.p.effort.Now()
	o.p.mu.Lock()
	at := o.p.sent[o.p.next].Add(time.Second)
	if at.Before(now) {
		at = now
	}
	o.p.sent[o.p.next] = at
	o.p.next = (o.p.next + 1) % perSecond
	o.p.mu.Unlock()
	wait := at.Sub(now)
	if wait <= 0 {
		return nil
	}
	if err := o.p.effort.Sleep(ctx, wait); err != nil {
		return &effort.Failure{Err: o.Fail(dnsproviders.ErrUnavailable, "cancelled while waiting for the account's request rate", "", err)}
	}
	return nil
}

// Read returns the live sets of the names: one request for each 300 sets between the
// first and the last of the names, one more the first time a zone is asked for. A set
// that cannot be switched (alias, set identifier) shows what it is as its values.
// Errors are *dnsproviders.Error.
func (p *Provider) Read(ctx context.Context, zone string, names []string) ([]dnsproviders.RRset, error) {
	o, err := p.begin(ctx, "read zone", zone)
	if err != nil {
		return nil, err
	}
	sets, err := o.list(ctx, names)
	if err != nil {
		return nil, err
	}
	return sets.live().Of(names), nil
}

// InSync implements dnsproviders.Tracker: it says whether a change (Receipt.RequestID) has reached all of Route 53's name
// servers. It is evidence, not needed for the change itself. It needs GetChange.
func (p *Provider) InSync(ctx context.Context, zone, changeID string) (bool, error) {
	o, err := p.begin(ctx, "check change", zone)
	if err != nil {
		return false, err
	}
	return o.change(ctx, changeID)
}
