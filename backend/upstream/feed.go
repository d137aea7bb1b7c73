package upstream

import (
	"context"
	"fmt"
	"net/http"

	"github.com/dutyops/dutyops/backend/config"
)

// Feed is the switch of one upstream feed: an HTTP resource that says to which site the
// feed sends, and takes the same document to change it. Safe for concurrent use.
type Feed struct{ api *api }

// NewFeed returns the switch of an upstream. It does not connect yet; the token is read
// at each call.
func NewFeed(c config.Upstream, opts Options) (*Feed, error) {
	a, err := newAPI("upstream "+c.Name, c.Switch.URL, c.Switch.TLS, opts)
	if err != nil {
		return nil, err
	}
	a.token = c.Switch.Token
	return &Feed{api: a}, nil
}

// attachment is the switch's document. A missing field is not the same as "".
type attachment struct {
	Attached *string `json:"attached"`
}

// Attached tells the site the feed sends to; "" when detached.
func (f *Feed) Attached(ctx context.Context) (string, error) {
	var now attachment
	if err := f.api.call(ctx, http.MethodGet, "", nil, &now); err != nil {
		return "", err
	}
	if now.Attached == nil {
		return "", fmt.Errorf(`%s: %w: the answer has no "attached"`, f.api.name, ErrUnreachable)
	}
	return fit(*now.Attached), nil
}

// Attach sends the feed to site ("" detaches it) unless it goes there already, and reads
// the switch back. When the answer to the change is lost, reading decides.
func (f *Feed) Attach(ctx context.Context, site string) ([]string, error) {
	was, err := f.Attached(ctx)
	if err != nil {
		return nil, err
	}
	if was == site {
		return []string{f.api.name + " is attached to " + named(site) + " already"}, nil
	}
	putErr := f.api.call(ctx, http.MethodPut, "", attachment{Attached: &site}, nil)
	now, err := f.Attached(ctx)
	if err != nil {
		if putErr != nil {
			return nil, putErr
		}
		return nil, fmt.Errorf("the change was sent, reading it back failed: %w", err)
	}
	if now == site {
		return []string{fmt.Sprintf("%s: attached to %s (was %s), read back", f.api.name, named(site), named(was))}, nil
	}
	if putErr != nil {
		return nil, putErr
	}
	return nil, fmt.Errorf("%s: took the change to %s but is attached to %s: %w (does something else move it?)", f.api.name, named(site), named(now), ErrFailed)
}

// Close releases idle connections.
func (f *Feed) Close() error {
	f.api.close()
	return nil
}

func named(site string) string {
	if site == "" {
		return "no site"
	}
	return site
}
