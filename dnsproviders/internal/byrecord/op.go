package byrecord

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/dutyops/dutyops/dnsproviders"
)

const (
	maxBody  = 64 << 20 // of one answer
	readTry  = 3        // tries of one request that brings no usable answer
	firstTry = 200 * time.Millisecond
)

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

// Failure is a request that brought no usable answer.
type Failure struct {
	Err *dnsproviders.Error
	// Unsent: the request cannot have reached the server.
	Unsent bool
	// Answered: the server refused or failed with an answer of its own; without it a
	// request may still be carried out later.
	Answered bool
	// NotDone: the server says that it did not carry the request out (throttled, busy,
	// not allowed, wrong).
	NotDone bool
	// Retry: another try can help, after Wait (0 = the engine's own back-off).
	Retry bool
	Wait  time.Duration
	// Already: the server says that the record is as asked, or gone; reading tells.
	Already bool
}

// Op is one operation: its key, its budget and its count of requests. Safe for
// concurrent use.
type Op struct {
	e      *Engine
	Name   string
	Zone   string
	KeyID  string
	Secret string

	mu      sync.Mutex
	spent   time.Duration // on failed tries and waits
	calls   int
	request string
}

// Fail builds the error of an operation; the secret is cut from every text.
func (o *Op) Fail(kind error, detail, hint string, cause error, hide ...string) *dnsproviders.Error {
	e := &dnsproviders.Error{Op: o.Name, Zone: o.Zone, Kind: kind, Detail: o.clean(detail, hide), Hint: hint}
	if cause != nil {
		e.Err = &cleanError{text: o.clean(cause.Error(), hide), err: cause}
	}
	return e
}

func (o *Op) clean(s string, hide []string) string {
	for _, h := range append(hide, o.Secret) {
		if h != "" {
			s = strings.ReplaceAll(s, h, "[secret]")
		}
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

func (o *Op) left() time.Duration {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.e.Budget - o.spent
}

func (o *Op) spend(d time.Duration) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.spent += d
}

// Note keeps the vendor's id of the last request for the receipt.
func (o *Op) Note(requestID string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if requestID != "" {
		o.request = o.clean(requestID, nil)
	}
}

// again waits before another try, if the wait fits the budget; it says so first.
func (o *Op) again(ctx context.Context, try int, wait time.Duration, cause error) bool {
	left := o.left() - wait
	if left <= 0 || ctx.Err() != nil {
		return false
	}
	o.spend(wait)
	o.e.OnRetry(RetryNotice{Op: o.Name, Zone: o.Zone, Try: try, Wait: wait, Left: left, Cause: cause})
	return o.e.Sleep(ctx, wait) == nil
}

// Answer is an HTTP answer that was read to its end.
type Answer struct {
	Status int
	Header http.Header
	Body   []byte
	// Hide is what must not show in an error made of this answer.
	Hide string
}

// Send sends one request. build signs it and returns what must never show in an error
// (its signature). The failure means that no whole answer came.
func (o *Op) Send(ctx context.Context, build func(context.Context) (req *http.Request, hide string, err error)) (a Answer, f *Failure) {
	limit := o.e.Timeout
	start := o.e.Now()
	defer func() {
		if f != nil {
			o.spend(o.e.Now().Sub(start))
		}
	}()
	var got, wrote atomic.Bool
	rctx, cancel := context.WithTimeout(httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GotConn:      func(httptrace.GotConnInfo) { got.Store(true) },
		WroteHeaders: func() { wrote.Store(true) },
	}), limit)
	defer cancel()
	req, hide, err := build(rctx)
	if err != nil {
		return a, &Failure{Unsent: true, Err: o.Fail(dnsproviders.ErrRejected, err.Error(), "check base_url", err, hide)}
	}
	o.mu.Lock()
	o.calls++
	o.mu.Unlock()
	resp, err := o.e.HTTP.Do(req)
	detail := ""
	if err == nil {
		a.Status, a.Header, a.Hide = resp.StatusCode, resp.Header, hide
		a.Body, err = io.ReadAll(io.LimitReader(resp.Body, maxBody))
		_ = resp.Body.Close()
		if err == nil {
			return a, nil
		}
		detail = "the answer broke off"
	}
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		detail = fmt.Sprintf("no answer within %s", limit)
	case errors.Is(err, context.Canceled):
		detail = "cancelled"
	case detail == "":
		detail = err.Error()
	}
	return a, &Failure{
		Unsent: !got.Load() && !wrote.Load(), Retry: ctx.Err() == nil,
		Err: o.Fail(dnsproviders.ErrUnavailable, detail, "check the path to the API (proxy, firewall, base_url) and its status page", err, hide),
	}
}

// Garbled is the failure of an answer that does not say what it should.
func (o *Op) Garbled(a Answer, detail string, cause error) *Failure {
	return &Failure{Retry: true, Err: o.Fail(dnsproviders.ErrUnavailable, detail,
		"something between here and the API answers in its place, or the API is broken; check base_url", cause, a.Hide)}
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

// Read repeats an idempotent request until it succeeds, the tries or the budget are used
// up, or trying again cannot help.
func (o *Op) Read(ctx context.Context, ask func() *Failure) *dnsproviders.Error {
	for try := 1; ; try++ {
		f := ask()
		if f == nil {
			return nil
		}
		wait := f.Wait
		if wait <= 0 {
			wait = firstTry << (try - 1)
		}
		if !f.Retry || try == readTry || !o.again(ctx, try+1, wait, f.Err) {
			return f.Err
		}
	}
}

// Now is the engine's clock.
func (o *Op) Now() time.Time { return o.e.Now() }

// Sleep waits, but not longer than ctx.
func (o *Op) Sleep(ctx context.Context, d time.Duration) error { return o.e.Sleep(ctx, d) }
