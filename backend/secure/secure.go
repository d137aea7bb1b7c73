package secure

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/dutyops/dutyops/backend/config"
	"github.com/dutyops/dutyops/probes/trust"
)

// Settings are what t says; nil stays nil: nothing is configured.
func Settings(t *config.TLS) *trust.Settings {
	if t == nil {
		return nil
	}
	s := &trust.Settings{CA: string(t.CA), Cert: string(t.Cert), ServerName: t.ServerName, Insecure: t.InsecureSkipVerify}
	if t.Key != "" {
		s.Key, s.KeyFile = t.Key.Resolve, t.Key.File()
	}
	return s
}

// Client is a client by t; nil when t is, which is one that speaks without TLS.
func Client(t *config.TLS) *trust.Client {
	s := Settings(t)
	if s == nil {
		return nil
	}
	return trust.New(*s, nil)
}

// dialTimeout bounds connecting where the caller's context does not.
const dialTimeout = 10 * time.Second

// Dial opens a connection of a stream protocol: with TLS when c is not nil, never without
// it then.
func Dial(c *trust.Client) trust.Dial {
	d := net.Dialer{Timeout: dialTimeout, KeepAlive: 15 * time.Second}
	return c.Secure(d.DialContext)
}

// Transport carries https by t and refuses http; nil when t is, for the standard one. No
// proxy stands in between.
func Transport(t *config.TLS) http.RoundTripper {
	if t == nil {
		return nil
	}
	tr := &http.Transport{MaxResponseHeaderBytes: maxHead, MaxIdleConnsPerHost: 4, IdleConnTimeout: time.Minute, TLSHandshakeTimeout: dialTimeout}
	d := net.Dialer{Timeout: dialTimeout, KeepAlive: 15 * time.Second}
	Client(t).Transport(tr, d.DialContext)
	tr.DialContext = func(_ context.Context, _, addr string) (net.Conn, error) {
		return nil, fmt.Errorf("%s: %w", addr, ErrPlain)
	}
	return tr
}

// maxHead bounds the headers of an answer, in bytes.
const maxHead = 256 << 10

// Web is Transport; without t one that asks http, and https by this host's authorities, with
// the same bounds.
func Web(t *config.TLS) http.RoundTripper {
	if t != nil {
		return Transport(t)
	}
	tr := http.DefaultTransport.(*http.Transport).Clone() //nolint:errcheck,forcetypeassert // it is what the standard library makes
	tr.MaxResponseHeaderBytes = maxHead
	return tr
}

// HTTPClient is Transport as a client that follows no redirects; nil when t is nil.
func HTTPClient(t *config.TLS) *http.Client {
	tr := Transport(t)
	if tr == nil {
		return nil
	}
	return &http.Client{Transport: tr, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

// ErrPlain: something would have been sent without TLS to a server that has tls: in the
// configuration.
var ErrPlain = errors.New("nothing is sent without TLS where tls is configured")

// Explain is err in one line for a person when TLS has a part in it, with the cause kept;
// else err itself. c is whose handshake it was; nil will do where Transport or Dial made it.
func Explain(c *trust.Client, err error) error {
	if err == nil {
		return nil
	}
	if kind, text := c.Explain(err); kind != trust.NoKind {
		return &explained{"TLS: " + text, err}
	}
	return err
}

// explained has the text for a person, and keeps the cause.
type explained struct {
	text string
	err  error
}

func (e *explained) Error() string { return e.text }
func (e *explained) Unwrap() error { return e.err }
