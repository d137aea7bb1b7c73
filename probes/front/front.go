package front

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"syscall"
	"time"
	"unicode"

	"github.com/go-resty/resty/v2"

	"github.com/dutyops/dutyops/probes/trust"
)

// Settings of a Client.
type Settings struct {
	// HTTPS asks over TLS.
	HTTPS bool
	// Port is part of the URL and of the Host header where it is not the scheme's own;
	// 0 = the scheme's own.
	Port int
	// Path begins with a slash; "" = "/".
	Path string
	// ExpectStatus is the only status that is well; 0 = 200 to 399.
	ExpectStatus int
	// SiteHeader is the answer header that names the site which served; "" = none.
	SiteHeader string
	// TLS says whom to believe. Verification is on unless it says otherwise.
	TLS trust.Settings
	// Timeout of a call; 0 = 3 s.
	Timeout time.Duration
	// Now is the clock that certificates are held against; nil = time.Now.
	Now func() time.Time
}

// State is what came of a call.
type State string

// States of an Answer.
const (
	OK State = "ok"
	// Silent: no connection, or no answer in time.
	Silent State = "silent"
	// Refused: an answer with a status that is not the one hoped for.
	Refused State = "status"
	// Untrusted: TLS failed; Answer.TLS says how.
	Untrusted State = "tls"
	// NotAsked: this machine has no way to addresses of that family, or its own settings
	// cannot be used. It says nothing about the service.
	NotAsked State = "not-asked"
)

// Answer is what came of one call.
type Answer struct {
	State State
	// Status is the HTTP status, 0 without an answer.
	Status int
	// Site is what Settings.SiteHeader said.
	Site string
	// TLS is how TLS failed, in state Untrusted.
	TLS trust.Kind
	// Ends is the earliest end of the server's certificates; zero without TLS.
	Ends time.Time
	// Took is from the call to the answer's head.
	Took time.Duration
	At   time.Time
	// Err explains every state but OK, in one line.
	Err error
}

const (
	// maxRead bounds what is read of an answer's body; its head is bounded by maxHead.
	maxRead = 64 << 10
	maxHead = 64 << 10
)

// Client makes calls. Safe for concurrent use.
type Client struct {
	s     Settings
	now   func() time.Time
	trust *trust.Client
	resty *resty.Client
}

type dialKey struct{}

// New makes a client; it opens nothing.
func New(s Settings) *Client {
	if s.Now == nil {
		s.Now = time.Now
	}
	if s.Timeout <= 0 {
		s.Timeout = 3 * time.Second
	}
	if s.Path == "" {
		s.Path = "/"
	}
	c := &Client{s: s, now: s.Now, trust: trust.New(s.TLS, s.Now)}
	tr := &http.Transport{
		DisableKeepAlives: true, // a kept connection would answer for another address
		// The head is bounded, and 1xx answers with it.
		MaxResponseHeaderBytes: maxHead,
		DisableCompression:     true,
	}
	c.trust.Transport(tr, func(ctx context.Context, network, _ string) (net.Conn, error) {
		addr, _ := ctx.Value(dialKey{}).(string)
		var d net.Dialer
		return d.DialContext(ctx, network, addr)
	})
	c.resty = resty.New().SetTransport(tr).SetRetryCount(0).SetLogger(quiet{}).SetHeader("User-Agent", "dutyops-board").
		SetDoNotParseResponse(true).
		SetRedirectPolicy(resty.RedirectPolicyFunc(func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }))
	return c
}

// URL is what is asked for at a name.
func (c *Client) URL(name string) string {
	scheme, own := "http", 80
	if c.s.HTTPS {
		scheme, own = "https", 443
	}
	host := name
	if c.s.Port != 0 && c.s.Port != own {
		host = net.JoinHostPort(name, strconv.Itoa(c.s.Port))
	}
	return scheme + "://" + host + c.s.Path
}

// Port is where a service listens at the addresses of its names.
func (c *Client) Port() int {
	switch {
	case c.s.Port != 0:
		return c.s.Port
	case c.s.HTTPS:
		return 443
	}
	return 80
}

// Ask calls name at addr (host:port). It returns within Settings.Timeout, always with an
// answer, and reads a bounded piece of what comes.
func (c *Client) Ask(ctx context.Context, name, addr string) Answer {
	ctx, cancel := context.WithTimeout(context.WithValue(ctx, dialKey{}, addr), c.s.Timeout)
	defer cancel()
	begin := time.Now() // a duration, not a time of day
	r, err := c.resty.R().SetContext(ctx).Get(c.URL(name))
	a := Answer{Took: time.Since(begin), At: c.now()}
	if err != nil {
		return c.failed(a, err)
	}
	body := r.RawBody()
	_, _ = io.CopyN(io.Discard, body, maxRead) // so that the server sees its answer taken
	_ = body.Close()
	a.State, a.Status = OK, r.StatusCode()
	if c.s.SiteHeader != "" {
		a.Site = clean(r.Header().Get(c.s.SiteHeader))
	}
	a.Ends = ends(r.RawResponse.TLS)
	if !c.wanted(a.Status) {
		a.State, a.Err = Refused, fmt.Errorf("answers %s", clean(r.Status()))
	}
	return a
}

func (c *Client) wanted(status int) bool {
	if c.s.ExpectStatus != 0 {
		return status == c.s.ExpectStatus
	}
	return status >= 200 && status <= 399
}

func (c *Client) failed(a Answer, err error) Answer {
	if kind, text := c.trust.Explain(err); kind != trust.NoKind {
		a.State, a.TLS, a.Err = Untrusted, kind, errors.New(text)
		return a
	}
	a.State = Silent
	var timeout net.Error
	switch {
	case errors.Is(err, trust.ErrSettings):
		a.State, a.Err = NotAsked, err
	case errors.Is(err, syscall.ENETUNREACH), errors.Is(err, syscall.EAFNOSUPPORT), errors.Is(err, syscall.EADDRNOTAVAIL):
		a.State, a.Err = NotAsked, errors.New("this machine has no way to addresses of this family")
	case errors.Is(err, syscall.ECONNREFUSED):
		a.Err = errors.New("connection refused")
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		a.Err = fmt.Errorf("no answer within %s", c.s.Timeout)
	default:
		a.Err = errors.New(words(bare(err)))
	}
	return a
}

// words are an error's in one line. net/http words a head that is too long in several
// ways, one of them broken.
func words(err error) string {
	text := err.Error()
	if strings.Contains(text, "response headers exceeded") || strings.Contains(text, "readLoopPeekFail") {
		return "its head is too long or broken"
	}
	return clean(text)
}

// bare is the cause under the layers that repeat URL and address.
func bare(err error) error {
	for {
		next := errors.Unwrap(err)
		if next == nil {
			return err
		}
		err = next
	}
}

// ends is the earliest end of what the server showed.
func ends(st *tls.ConnectionState) time.Time {
	var out time.Time
	if st == nil {
		return out
	}
	for _, x := range st.PeerCertificates {
		if out.IsZero() || x.NotAfter.Before(out) {
			out = x.NotAfter
		}
	}
	return out
}

// clean keeps words of somebody else's making short and on one line.
func clean(s string) string {
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return -1
		}
		return r
	}, s)
	if r := []rune(s); len(r) > 80 {
		return string(r[:80]) + "…"
	}
	return s
}

type quiet struct{}

func (quiet) Errorf(string, ...any) {}
func (quiet) Warnf(string, ...any)  {}
func (quiet) Debugf(string, ...any) {}
