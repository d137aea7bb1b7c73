package probes

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/go-resty/resty/v2"

	"github.com/dutyops/dutyops/probes/guard"
)

// Bounds of an HTTP answer.
const (
	maxBody       = 4 << 20
	maxHealthBody = 256 << 10
)

// web asks over HTTP: no retries, no redirects, no proxy, a new connection each
// time (a kept one would hide that newcomers are refused), bodies bounded.
type web struct {
	t     Target
	base  string
	pass  password
	resty *resty.Client
	trans *http.Transport
	limit int // of a body, bytes
}

func newWeb(t Target, limit int) (*web, error) {
	if t.URL == "" {
		return nil, errNeedsURL
	}
	u, err := url.Parse(t.URL)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return nil, fmt.Errorf("url %q is not http://host or https://host", noUserinfo(t.URL))
	}
	tr := &http.Transport{
		DisableKeepAlives:      true,
		DisableCompression:     true, // a small body that unpacks to a large one
		MaxResponseHeaderBytes: 64 << 10,
		TLSHandshakeTimeout:    10 * time.Second,
	}
	rc := resty.New().
		SetTransport(tr).
		SetRetryCount(0).
		SetDoNotParseResponse(true).
		SetLogger(silent{}).
		SetHeader("User-Agent", "dutyops-probe").
		SetRedirectPolicy(resty.RedirectPolicyFunc(func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }))
	if t.HostHeader != "" {
		rc.SetPreRequestHook(func(_ *resty.Client, req *http.Request) error {
			req.Host = t.HostHeader
			return nil
		})
	}
	t.trust.Transport(tr, t.askFirst)
	secret := t.Password
	if t.APIKey != nil {
		secret = t.APIKey
	}
	return &web{t: t, base: strings.TrimRight(t.URL, "/"), pass: password{read: secret}, resty: rc, trans: tr, limit: limit}, nil
}

// reply is a bounded HTTP answer.
type reply struct {
	code   int
	status string
	body   []byte
	header http.Header
	cut    bool // the body is longer
}

// do asks once; when the credentials are refused and the secret has changed
// meanwhile, once more with the new one.
func (w *web) do(ctx context.Context, c *conv, method, path string, body any) (*reply, error) {
	return w.doUpTo(ctx, c, w.limit, method, path, body)
}

func (w *web) doUpTo(ctx context.Context, c *conv, limit int, method, path string, body any) (*reply, error) {
	r, err := w.start(ctx, c, limit, method, path, body)
	if err == nil && r.cut {
		return nil, resty.ErrResponseBodyTooLarge
	}
	return r, err
}

// start is do for an answer that may be longer than is read: of that, its beginning.
func (w *web) start(ctx context.Context, c *conv, limit int, method, path string, body any) (*reply, error) {
	pw, err := w.pass.get(ctx, c)
	if err != nil {
		return nil, err
	}
	r, err := w.once(ctx, c, limit, method, path, body, pw)
	if err != nil || r.code != http.StatusUnauthorized || w.t.User == "" && w.t.APIKey == nil {
		return r, err
	}
	pw, changed, err := w.pass.reread(ctx, c, pw)
	if err != nil || !changed {
		return r, err
	}
	c.note("  the password changed, asking again with the new one")
	return w.once(ctx, c, limit, method, path, body, pw)
}

func (w *web) once(ctx context.Context, c *conv, limit int, method, path string, body any, pw string) (*reply, error) {
	req := w.resty.R().SetContext(ctx)
	switch {
	case w.t.APIKey != nil:
		req.SetHeader("Authorization", "ApiKey "+pw)
	case w.t.User != "":
		req.SetBasicAuth(w.t.User, pw)
	}
	if body != nil {
		req.SetHeader("Content-Type", "application/json").SetBody(body)
	}
	target := w.base + path
	if w.t.HostHeader != "" {
		c.asked("%s %s (Host: %s)", method, noUserinfo(target), w.t.HostHeader)
	} else {
		c.asked("%s %s", method, noUserinfo(target))
	}
	asked := time.Now()
	resp, err := req.Execute(method, target)
	if err != nil {
		return nil, err
	}
	raw := resp.RawBody()
	defer func() { _ = raw.Close() }()
	text, err := io.ReadAll(io.LimitReader(raw, int64(limit)+1))
	if err != nil {
		return nil, err
	}
	cut := len(text) > limit
	text = text[:min(len(text), limit)]
	c.toldByDate(resp.Header(), asked, time.Now())
	r := &reply{code: resp.StatusCode(), status: resp.Status(), body: text, header: resp.Header(), cut: cut}
	c.got("%s, %d bytes: %s", clean(r.status, 60), len(r.body), clean(string(r.body[:min(len(r.body), 200)]), 200))
	return r, w.t.trust.Answered(r.code, r.body)
}

// json asks for a document. On a status other than 2xx it returns *statusError.
func (w *web) json(ctx context.Context, c *conv, method, path string, body, into any) error {
	return w.jsonUpTo(ctx, c, w.limit, method, path, body, into)
}

// jsonUpTo is json with a bound of its own, for answers of which many are asked for.
func (w *web) jsonUpTo(ctx context.Context, c *conv, limit int, method, path string, body, into any) error {
	r, err := w.doUpTo(ctx, c, limit, method, path, body)
	if err != nil {
		return err
	}
	if r.code < 200 || r.code > 299 {
		return &statusError{r}
	}
	if err := guard.JSON(r.body, into); err != nil {
		return joinErr(errGarbage, err)
	}
	return nil
}

// statusError is an HTTP answer that is not the one hoped for.
type statusError struct{ *reply }

func (e *statusError) Error() string { return "answered " + clean(e.status, 60) }

// failedHTTP is failed, with HTTP's own ways to refuse.
func (w *web) failedHTTP(ctx context.Context, c *conv, err error) answer {
	se, ok := err.(*statusError) //nolint:errorlint // made in this file, never wrapped
	if !ok {
		return c.failed(ctx, w.host(), err)
	}
	switch {
	case se.code == http.StatusUnauthorized && w.t.APIKey != nil:
		return unknown("the API key is refused")
	case se.code == http.StatusForbidden && w.t.APIKey != nil:
		return unknown("cannot ask: the API key may not read this (403)")
	case se.code == http.StatusUnauthorized && w.t.User == "":
		return unknown("cannot ask: it wants a user and password, none is configured")
	case se.code == http.StatusUnauthorized:
		return unknown("wrong password for %s", w.t.User)
	case se.code == http.StatusForbidden:
		return unknown("cannot ask: %s may not read this (403)", nobody(w.t.User))
	default:
		return down("answered %s", clean(se.status, 60))
	}
}

func nobody(user string) string {
	if user == "" {
		return "an anonymous caller"
	}
	return user
}

func (w *web) host() string {
	u, err := url.Parse(w.base)
	if err != nil {
		return w.base
	}
	return u.Host
}

func (w *web) close() error {
	w.trans.CloseIdleConnections()
	return nil
}

// parallel runs the questions at the same time, at most eight at once. A panic in
// one is returned as its error: an answer must not take the process down.
func parallel(fns ...func() error) []error {
	errs := make([]error, len(fns))
	sem := make(chan struct{}, 8)
	var wg sync.WaitGroup
	for i, fn := range fns {
		wg.Go(func() {
			sem <- struct{}{}
			defer func() {
				if r := recover(); r != nil {
					errs[i] = fmt.Errorf("%w: the answer broke the reader: %v", errGarbage, r)
				}
				<-sem
			}()
			errs[i] = fn()
		})
	}
	wg.Wait()
	return errs
}

func noUserinfo(raw string) string {
	u, err := url.Parse(raw)
	if err != nil {
		return "(unreadable url)"
	}
	u.User = nil
	return u.String()
}

// silent keeps a library from writing to the terminal that shows the dashboard.
type silent struct{}

func (silent) Errorf(string, ...any) {}
func (silent) Warnf(string, ...any)  {}
func (silent) Debugf(string, ...any) {}
func (silent) Print(...any)          {}

// askFirst holds back what a server says before it was asked: the transport would
// take it for an answer to nobody and print it on the terminal.
type askFirst struct {
	net.Conn
	asked chan struct{}
	once  sync.Once
}

func (t Target) askFirst(ctx context.Context, network, addr string) (net.Conn, error) {
	conn, err := t.plain(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	return &askFirst{Conn: conn, asked: make(chan struct{})}, nil
}

func (a *askFirst) Read(p []byte) (int, error) {
	<-a.asked
	return a.Conn.Read(p)
}

func (a *askFirst) Write(p []byte) (int, error) {
	n, err := a.Conn.Write(p)
	a.once.Do(func() { close(a.asked) })
	return n, err
}

func (a *askFirst) Close() error {
	err := a.Conn.Close()
	a.once.Do(func() { close(a.asked) })
	return err
}
