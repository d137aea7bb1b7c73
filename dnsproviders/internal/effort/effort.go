package effort

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptrace"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/dutyops/dutyops/dnsproviders"
)

const (
	// Tries of one read, and of a write that was certainly not carried out.
	Tries = 3
	// FirstWait is the wait before the second try; it doubles.
	FirstWait = 200 * time.Millisecond
	// RateWait is the wait after a refusal for rate that names no time.
	RateWait = time.Second
)

// HintSecret is for a credential that cannot be read.
const HintSecret = "check the secret references of this provider in the configuration"

// Notice says that an operation tries again, so that no waiting is hidden.
type Notice struct {
	Op   string // "read zone", "apply"
	Zone string
	// Try is the number of the try that follows (2 = second).
	Try int
	// Wait before it, and what is left of the budget after the wait.
	Wait, Left time.Duration
	Cause      error
}

// Options of all operations of a provider. Zero values get defaults from Defaults.
type Options struct {
	// Timeout of one request; Budget of all requests and waits of one operation.
	Timeout, Budget time.Duration
	// OnRetry is told before every wait; it must not block.
	OnRetry func(Notice)
	// Now and Sleep are the clock.
	Now   func() time.Time
	Sleep func(context.Context, time.Duration) error
}

// Defaults fills in 5 s, 10 s, a silent OnRetry and the real clock.
func (o Options) Defaults() Options {
	if o.Timeout <= 0 {
		o.Timeout = 5 * time.Second
	}
	if o.Budget <= 0 {
		o.Budget = 10 * time.Second
	}
	if o.OnRetry == nil {
		o.OnRetry = func(Notice) {}
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Sleep == nil {
		o.Sleep = sleep
	}
	return o
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

// Op is one operation. Not safe for concurrent use.
type Op struct {
	Name, Zone string
	// Calls counts the requests so far.
	Calls int
	// RequestID is the provider's own, where it has one.
	RequestID string

	opt     Options
	secrets []string
	end     time.Time
}

// Begin starts an operation; its budget runs from now.
func Begin(o Options, name, zone string) *Op {
	return &Op{Name: name, Zone: dnsproviders.CanonicalName(zone), opt: o, end: o.Now().Add(o.Budget)}
}

// Secret reads one credential, checks that it can be one, and keeps it out of all
// texts from now on. What names it for people ("the api key").
func (o *Op) Secret(what string, get func() (string, error)) (string, error) {
	s, err := get()
	s = strings.TrimSpace(s)
	switch {
	case err != nil:
		return "", o.Fail(dnsproviders.ErrAuth, what+" could not be read", HintSecret, err)
	case s == "":
		return "", o.Fail(dnsproviders.ErrAuth, what+" is empty", HintSecret, nil)
	case strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' }):
		return "", o.Fail(dnsproviders.ErrAuth, what+" holds characters that none has", "check that the reference names the secret alone", nil)
	}
	o.secrets = append(o.secrets, s)
	return s, nil
}

// Fail builds the error of the operation; secrets are cut from every text.
func (o *Op) Fail(kind error, detail, hint string, cause error) *dnsproviders.Error {
	e := &dnsproviders.Error{Op: o.Name, Zone: o.Zone, Kind: kind, Detail: o.Clean(detail), Hint: hint}
	if cause != nil {
		e.Err = &cleanError{text: o.Clean(cause.Error()), err: cause}
	}
	return e
}

// Clean shortens foreign text, makes it printable and cuts the secrets out of it.
func (o *Op) Clean(s string) string {
	for _, x := range o.secrets {
		s = strings.ReplaceAll(s, x, "[secret]")
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

// Left is what remains of the budget.
func (o *Op) Left() time.Duration { return o.end.Sub(o.opt.Now()) }

// Again waits before another try, if the wait fits the budget; it says so first.
func (o *Op) Again(ctx context.Context, try int, wait time.Duration, cause error) bool {
	left := o.Left() - wait
	if left <= 0 || ctx.Err() != nil {
		return false
	}
	o.opt.OnRetry(Notice{Op: o.Name, Zone: o.Zone, Try: try, Wait: wait, Left: left, Cause: cause})
	return o.opt.Sleep(ctx, wait) == nil
}

// Renew gives an operation of many writes its whole budget again, for the next of them.
func (o *Op) Renew() { o.end = o.opt.Now().Add(o.opt.Budget) }

// Failure is a request that brought no usable answer.
type Failure struct {
	Err *dnsproviders.Error
	// Sent: the request may have reached the server.
	Sent bool
	// Answered: the server refused or failed with a status of its own; without it the
	// request may still be carried out later.
	Answered bool
	// Refused: the server judged the request itself and did nothing.
	Refused bool
	// Retry: another try can help, after Wait (0 = a back-off of our own).
	Retry bool
	Wait  time.Duration
}

func (f *Failure) Error() string { return f.Err.Error() }

// Unwrap returns the error for people.
func (f *Failure) Unwrap() error { return f.Err }

func (f *Failure) limited() bool { return errors.Is(f.Err, dnsproviders.ErrRateLimited) }

func (f *Failure) wait(try int) time.Duration {
	if f.Wait > 0 {
		return f.Wait
	}
	return FirstWait << (try - 1)
}

// ErrBroken is to be returned by a send whose answer began and broke off.
var ErrBroken = errors.New("the answer broke off")

// Call runs one request under its timeout and counts it. Send returns nil, a *Failure
// of its own judgement, or the transport's error.
func (o *Op) Call(ctx context.Context, send func(context.Context) error) *Failure {
	limit := min(o.opt.Timeout, o.Left())
	if limit <= 0 {
		return &Failure{Err: o.Fail(dnsproviders.ErrUnavailable, fmt.Sprintf("the budget of %s is used up", o.opt.Budget),
			"try again, or raise the provider's budget", nil)}
	}
	var got, wrote atomic.Bool
	rctx, cancel := context.WithTimeout(httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GetConn:      func(string) { got.Store(true) },
		WroteHeaders: func() { wrote.Store(true) },
	}), limit)
	defer cancel()
	o.Calls++
	err := send(rctx)
	var judged *Failure
	switch {
	case err == nil:
		return nil
	case errors.As(err, &judged):
		return judged
	}
	detail := "no answer: " + err.Error()
	switch {
	case errors.Is(err, ErrBroken):
		detail = err.Error()
	case errors.Is(err, context.DeadlineExceeded):
		detail = fmt.Sprintf("no answer within %s", limit)
	case errors.Is(err, context.Canceled):
		detail = "cancelled"
	}
	return &Failure{
		Sent: wrote.Load() || !got.Load(), Retry: ctx.Err() == nil,
		Err: o.Fail(dnsproviders.ErrUnavailable, detail, "check the path to the API (proxy, firewall, base_url) and its health", err),
	}
}

// Doubt is the failure of a 2xx answer that cannot be what was asked for.
func (o *Op) Doubt(err error) *Failure {
	return &Failure{Sent: true, Retry: true, Err: o.Fail(dnsproviders.ErrUnavailable, err.Error(),
		"something between here and the API answers in its place, or the API is broken; check base_url", err)}
}

// Read repeats an idempotent request until it succeeds, the tries or the budget are
// used up, or trying again cannot help.
func (o *Op) Read(ctx context.Context, send func(context.Context) error) *dnsproviders.Error {
	for try := 1; ; try++ {
		f := o.Call(ctx, send)
		if f == nil {
			return nil
		}
		if !f.Retry || try == Tries || !o.Again(ctx, try+1, f.wait(try), f.Err) {
			return f.Err
		}
	}
}

// RetryAfter reads the header in both forms of RFC 9110 section 10.2.3; 0 when there is none.
func RetryAfter(h http.Header, now time.Time) time.Duration {
	v := h.Get("Retry-After")
	if n, err := strconv.Atoi(v); err == nil && n >= 0 && n <= 1<<20 {
		return time.Duration(n) * time.Second
	}
	if t, err := http.ParseTime(v); err == nil {
		return max(0, t.Sub(now))
	}
	return 0
}

// Now is the operation's clock.
func (o *Op) Now() time.Time { return o.opt.Now() }

// NoRedirect is a client that follows no redirect: a redirect could carry a write
// elsewhere. It is answered like garbage.
func NoRedirect() *http.Client {
	return &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}
