package upstream

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/go-resty/resty/v2"

	"github.com/dutyops/dutyops/backend/config"
	"github.com/dutyops/dutyops/backend/secure"
	"github.com/dutyops/dutyops/probes/guard"
)

// Failures that callers tell apart. Test with errors.Is.
var (
	// ErrUnreachable: no answer, or one that cannot be read.
	ErrUnreachable = errors.New("it does not answer")
	// ErrCredential: the token was refused.
	ErrCredential = errors.New("the credential was refused")
	// ErrConfig: something that the operation needs is not configured or not there.
	ErrConfig = errors.New("the configuration lacks something")
	// ErrTimeout: what was started did not come to an end in time.
	ErrTimeout = errors.New("it did not finish in time")
	// ErrFailed: the other side says that it failed.
	ErrFailed = errors.New("it failed")
)

// Options bound what a call may cost.
type Options struct {
	// Timeout bounds one HTTP exchange; default 3s.
	Timeout time.Duration
	// Wait bounds waiting for a job when ctx has no deadline; default 30s.
	Wait time.Duration
	// Poll is the pause between two looks while waiting; default 50ms.
	Poll time.Duration
}

func (o Options) withDefaults() Options {
	if o.Timeout <= 0 {
		o.Timeout = 3 * time.Second
	}
	if o.Wait <= 0 {
		o.Wait = 30 * time.Second
	}
	if o.Poll <= 0 {
		o.Poll = 50 * time.Millisecond
	}
	return o
}

// Bounds of one answer, in bytes: maxList is of a list that is looked through, maxText of what
// is shown of the other side's own words.
const (
	maxAnswer = 4 << 20
	maxList   = 16 << 20
	maxText   = 300
)

// list reads the elements of an answer's field one after the other: few of them are kept.
type list struct {
	field string
	each  func(json.RawMessage) error
}

// api is one HTTP API. Safe for concurrent use.
type api struct {
	name string
	rc   *resty.Client
	opts Options
	// token is sent as a bearer; user and password as basic authentication.
	token    config.Secret
	user     string
	password config.Secret
}

// newAPI: the certificate of an https url is checked as t says, nil = by this host's
// authorities.
func newAPI(name, url string, t *config.TLS, opts Options) (*api, error) {
	if url == "" {
		return nil, fmt.Errorf("%s: url is empty: %w", name, ErrConfig)
	}
	opts = opts.withDefaults()
	return &api{name: name, opts: opts, rc: resty.New().SetBaseURL(strings.TrimRight(url, "/")).
		SetLogger(silent{}).SetResponseBodyLimit(maxAnswer).SetRedirectPolicy(resty.NoRedirectPolicy()).
		SetTransport(secure.Web(t))}, nil
}

// silent keeps the client from writing to stderr; what it has to say comes as errors.
type silent struct{}

func (silent) Errorf(string, ...any) {}
func (silent) Warnf(string, ...any)  {}
func (silent) Debugf(string, ...any) {}

func (a *api) close() { a.rc.GetClient().CloseIdleConnections() }

// statusError is an answer that is not the one hoped for.
type statusError struct {
	Code int
	text string
}

func (e *statusError) Error() string { return fmt.Sprintf("HTTP %d: %s", e.Code, e.text) }

func isStatus(err error, codes ...int) bool {
	var se *statusError
	if errors.As(err, &se) {
		for _, c := range codes {
			if se.Code == c {
				return true
			}
		}
	}
	return false
}

// call sends body as JSON (none when nil) and decodes a 2xx answer into out (unless nil), or
// hands it to out when that is a list. Secrets are read for each call and kept out of errors.
func (a *api) call(ctx context.Context, method, path string, body, out any) error {
	return a.callWithin(ctx, a.opts.Timeout, method, path, body, out)
}

// callWithin is call with another bound: some answers take their time.
func (a *api) callWithin(ctx context.Context, bound time.Duration, method, path string, body, out any) error {
	ctx, cancel := context.WithTimeout(ctx, bound)
	defer cancel()
	r := a.rc.R().SetContext(ctx).SetHeader("Accept", "application/json")
	var secrets []string
	if a.token != "" {
		t, err := a.token.Resolve()
		if err != nil {
			return fmt.Errorf("%s: %w", a.name, err)
		}
		secrets = append(secrets, t)
		r.SetAuthToken(t)
	} else if a.user != "" {
		p, err := a.password.Resolve()
		if err != nil {
			return fmt.Errorf("%s: %w", a.name, err)
		}
		secrets = append(secrets, p)
		r.SetBasicAuth(a.user, p)
	}
	if body != nil {
		r.SetHeader("Content-Type", "application/json").SetBody(body)
	}
	l, isList := out.(list)
	if isList {
		r.SetResponseBodyLimit(maxList)
	}
	answer, err := r.Execute(method, path)
	if err != nil {
		if errors.Is(err, context.Canceled) {
			return fmt.Errorf("%s: %s %s: %w", a.name, method, path, err)
		}
		return fmt.Errorf("%s: %s %s: %w: %s", a.name, method, path, ErrUnreachable, fit(scrub(secure.Explain(nil, err).Error(), secrets)))
	}
	if !answer.IsSuccess() {
		se := &statusError{Code: answer.StatusCode(), text: brief(scrub(answer.String(), secrets))}
		if se.Code == 401 || se.Code == 403 {
			return fmt.Errorf("%s: %s %s: %w (check the token or password in the configuration): %w", a.name, method, path, ErrCredential, se)
		}
		return fmt.Errorf("%s: %s %s: %w", a.name, method, path, se)
	}
	if out == nil {
		return nil
	}
	if isList {
		_, err = guard.Each(answer.Body(), l.field, l.each)
	} else {
		err = guard.JSON(answer.Body(), out)
	}
	if errors.Is(err, guard.ErrTooMuch) {
		return fmt.Errorf("%s: %s %s: %w: %w", a.name, method, path, ErrUnreachable, err)
	}
	if err != nil {
		return fmt.Errorf("%s: %s %s: %w: the answer is not the JSON expected (%s)", a.name, method, path, ErrUnreachable, brief(scrub(answer.String(), secrets)))
	}
	return nil
}

func scrub(text string, secrets []string) string {
	for _, s := range secrets {
		if s != "" {
			text = strings.ReplaceAll(text, s, "***")
		}
	}
	return text
}

// brief is an answer in one line.
func brief(s string) string { return fit(strings.Join(strings.Fields(s), " ")) }

// fit is text from elsewhere as a person may read it: unable to move a cursor, to forge a line
// or to fill a screen.
func fit(s string) string { return guard.Text(s, maxText) }

// until calls look until it says done or fails, ctx ends, or Wait has passed when ctx
// has no deadline.
func (a *api) until(ctx context.Context, what string, look func(context.Context) (done bool, seen string, err error)) error {
	cancel := func() {}
	if _, ok := ctx.Deadline(); !ok {
		ctx, cancel = context.WithTimeout(ctx, a.opts.Wait)
	}
	defer cancel()
	tick := time.NewTicker(a.opts.Poll)
	defer tick.Stop()
	last := ""
	for {
		done, seen, err := look(ctx)
		if err != nil && errors.Is(ctx.Err(), context.DeadlineExceeded) && last != "" {
			return fmt.Errorf("%s: %s: %w; last seen: %s", a.name, what, ErrTimeout, last) // our own time was up, not its
		}
		if done || err != nil {
			return err
		}
		last = seen
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s: %s: %w; last seen: %s", a.name, what, ErrTimeout, last)
		case <-tick.C:
		}
	}
}
