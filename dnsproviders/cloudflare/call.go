package cloudflare

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"slices"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/cloudflare/cloudflare-go/v6/dns"
	"github.com/cloudflare/cloudflare-go/v6/option"
	"github.com/cloudflare/cloudflare-go/v6/zones"

	"github.com/dutyops/dutyops/dnsproviders"
)

const (
	pageSize = 5000     // the API's largest
	maxPages = 200      // a million records; a server that never ends is garbage
	maxBody  = 64 << 20 // of one answer
	readTry  = 3        // tries of one read
	firstTry = 200 * time.Millisecond
	rateWait = 1 * time.Second // after a 429 without Retry-After
)

// failure is a request that brought no usable answer.
type failure struct {
	err *dnsproviders.Error
	// sent: the request may have reached the server.
	sent bool
	// answered: the server refused or failed with a status of its own; without it a
	// request may still be carried out later.
	answered bool
	// retry: another try can help, after wait (0 = the caller's own back-off).
	retry bool
	wait  time.Duration
	// refused: the server judged the request itself (4xx, success: false).
	refused bool
}

func (f *failure) limited() bool { return errors.Is(f.err, dnsproviders.ErrRateLimited) }

// call sends one request and returns the body of a 2xx answer.
func (o *op) call(ctx context.Context, send func(context.Context, ...option.RequestOption) error) ([]byte, *failure) {
	limit := min(o.p.opt.Timeout, o.left())
	if limit <= 0 {
		return nil, &failure{err: o.fail(dnsproviders.ErrUnavailable, fmt.Sprintf("the budget of %s is used up", o.p.opt.Budget),
			"try again, or raise the provider's budget", nil)}
	}
	var got, wrote atomic.Bool
	rctx, cancel := context.WithTimeout(httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GetConn:      func(string) { got.Store(true) },
		WroteHeaders: func() { wrote.Store(true) },
	}), limit)
	defer cancel()
	var raw []byte
	var resp *http.Response
	o.calls++
	err := send(rctx,
		option.WithBaseURL(o.p.opt.BaseURL), option.WithAPIToken(o.token), option.WithHTTPClient(o.p.opt.HTTPClient),
		option.WithMaxRetries(0), option.WithMiddleware(limitBody),
		option.WithResponseBodyInto(&raw), option.WithResponseInto(&resp))
	if resp != nil {
		o.ray = resp.Header.Get("Cf-Ray")
		if resp.StatusCode >= 300 {
			return nil, o.judge(resp)
		}
	}
	if err == nil && resp != nil {
		return raw, nil
	}
	f := &failure{sent: wrote.Load() || !got.Load(), retry: ctx.Err() == nil}
	detail := "no answer"
	switch {
	case resp != nil:
		detail = "the answer broke off"
	case errors.Is(err, context.DeadlineExceeded):
		detail = fmt.Sprintf("no answer within %s", limit)
	case errors.Is(err, context.Canceled):
		detail = "cancelled"
	case err != nil:
		detail = err.Error()
	}
	f.err = o.fail(dnsproviders.ErrUnavailable, detail, "check the path to the API (proxy, firewall, base_url) and its status page", err)
	return nil, f
}

func limitBody(r *http.Request, next option.MiddlewareNext) (*http.Response, error) {
	resp, err := next(r)
	if resp != nil && resp.Body != nil {
		resp.Body = struct {
			io.Reader
			io.Closer
		}{io.LimitReader(resp.Body, maxBody), resp.Body}
	}
	return resp, err
}

// judge turns a status that is not 2xx into a failure.
func (o *op) judge(resp *http.Response) *failure {
	var body []byte
	if resp.Body != nil {
		body, _ = io.ReadAll(io.LimitReader(resp.Body, 64<<10)) // what is there is enough for a detail
		_ = resp.Body.Close()
	}
	errs := decodeError(body)
	detail := strconv.Itoa(resp.StatusCode)
	if t := apiText(errs); t != "" {
		detail += ": " + t
	} else if t := o.clean(string(body)); t != "" {
		detail += ": " + t
	}
	// A gateway's status (502, 504, 52x) says nothing about what the server behind it does.
	f := &failure{sent: true, answered: resp.StatusCode <= 500 || resp.StatusCode == http.StatusServiceUnavailable}
	mk := func(kind error, hint string) { f.err = o.fail(kind, detail, hint, nil) }
	switch code := resp.StatusCode; {
	case code == http.StatusUnauthorized, code == http.StatusBadRequest && hasCode(errs, 6003, 6111):
		mk(dnsproviders.ErrAuth, "the token is wrong, expired or revoked: put a valid one where the configuration's token reference points")
	case code == http.StatusForbidden:
		mk(dnsproviders.ErrForbidden, "give the token Zone:Read and DNS:Edit on "+o.zone+", and check its client IP filter and expiry")
	case code == http.StatusTooManyRequests:
		mk(dnsproviders.ErrRateLimited, "wait as told; dashboard and other tools share the limit of 1200 requests in 5 minutes")
		f.wait = retryAfter(resp, o.p.now())
		if f.wait <= 0 {
			f.wait = rateWait
		}
		f.err.RetryAfter, f.retry = f.wait, true
	case code == http.StatusNotFound:
		mk(dnsproviders.ErrNotFound, "check the zone's name, and that the token may see it")
		f.refused = true
	case code >= 500:
		mk(dnsproviders.ErrUnavailable, "the API has a problem of its own; see its status page, or use the printed manual commands")
		f.retry, f.wait = true, retryAfter(resp, o.p.now())
	case code >= 400 && hasCode(errs, codeTTL):
		mk(dnsproviders.ErrRejected, "the zone takes no TTL as low as this: write ttl: 60s (Enterprise: 30s), or more, at its domains, and plan anew")
		f.refused = true
	case code >= 400:
		mk(dnsproviders.ErrRejected, "the text is the API's own reason; correct the record or the configuration")
		f.refused = true
	default:
		mk(dnsproviders.ErrUnavailable, "base_url answers with a redirect; it should name the API itself")
		f.answered = false
	}
	return f
}

// codeTTL: "TTL must be between 60 and 86400 seconds, or 1 for Automatic."
const codeTTL = 9021

func hasCode(es []apiError, codes ...int) bool {
	for _, e := range es {
		if slices.Contains(codes, e.Code) || hasCode(e.Chain, codes...) {
			return true
		}
	}
	return false
}

// retryAfter reads the header in both forms of RFC 9110 section 10.2.3; 0 when there is none.
func retryAfter(resp *http.Response, now time.Time) time.Duration {
	v := resp.Header.Get("Retry-After")
	if n, err := strconv.Atoi(v); err == nil && n >= 0 && n <= 1<<20 {
		return time.Duration(n) * time.Second
	}
	if t, err := http.ParseTime(v); err == nil {
		return max(0, t.Sub(now))
	}
	return 0
}

// read sends an idempotent request until parse accepts its answer, the tries or the
// budget are used up, or trying again cannot help.
func (o *op) read(ctx context.Context, send func(context.Context, ...option.RequestOption) error, parse func([]byte) error) *dnsproviders.Error {
	for try := 1; ; try++ {
		raw, f := o.call(ctx, send)
		if f == nil {
			err := parse(raw)
			if err == nil {
				return nil
			}
			f = &failure{retry: true, err: o.fail(dnsproviders.ErrUnavailable, err.Error(),
				"something between here and the API answers in its place, or the API is broken; check base_url", err)}
			if errors.Is(err, errRefusedInBody) {
				f.retry, f.err.Kind = false, dnsproviders.ErrRejected
			}
		}
		wait := f.wait
		if wait <= 0 {
			wait = firstTry << (try - 1)
		}
		if !f.retry || try == readTry || !o.again(ctx, try+1, wait, f.err) {
			return f.err
		}
	}
}

// zoneID returns the zone's id, asking for it once.
func (o *op) zoneID(ctx context.Context) (string, error) {
	if id, _, ok := o.p.zone(o.zone); ok {
		return id, nil
	}
	var params zones.ZoneListParams
	params.Name.Value, params.Name.Present = o.zone, true
	var found []zoneInfo
	err := o.read(ctx, func(ctx context.Context, opts ...option.RequestOption) error {
		_, err := zones.NewZoneService().List(ctx, params, opts...)
		return err
	}, func(raw []byte) (err error) {
		found, err = decodeZones(raw)
		return err
	})
	if err != nil {
		return "", err
	}
	for _, z := range found {
		if dnsproviders.CanonicalName(z.Name) == o.zone && z.ID != "" {
			o.p.learnZone(o.zone, z.ID, z.batchLimit())
			return z.ID, nil
		}
	}
	return "", o.fail(dnsproviders.ErrNotFound, fmt.Sprintf("the token sees %d zones, none of this name", len(found)),
		"check the zone's name, and that the token's zone resources include it", nil)
}

// list reads all records of the zone, page by page (the library's pager asks for one
// page too many and forgets the context).
func (o *op) list(ctx context.Context) ([]record, error) {
	id, err := o.zoneID(ctx)
	if err != nil {
		return nil, err
	}
	var all []record
	seen := map[string]bool{}
	for page := 1; page <= maxPages; page++ {
		var params dns.RecordListParams
		params.ZoneID.Value, params.ZoneID.Present = id, true
		params.PerPage.Value, params.PerPage.Present = pageSize, true
		params.Page.Value, params.Page.Present = float64(page), true
		var recs []record
		var info pageInfo
		rerr := o.read(ctx, func(ctx context.Context, opts ...option.RequestOption) error {
			_, err := dns.NewRecordService().List(ctx, params, opts...)
			return err
		}, func(raw []byte) (err error) {
			recs, info, err = decodeList(raw)
			return err
		})
		if rerr != nil {
			if errors.Is(rerr, dnsproviders.ErrNotFound) {
				o.p.forgetZone(o.zone) // re-created under another id, perhaps
			}
			return nil, rerr
		}
		for _, r := range recs {
			if !seen[r.ID] {
				seen[r.ID] = true
				all = append(all, r)
			}
		}
		if !info.more(page, len(recs), len(all)) {
			if len(all) < info.TotalCount {
				// A name that a broken list leaves out must not look absent.
				return nil, o.fail(dnsproviders.ErrUnavailable, fmt.Sprintf("the list has %d of %d records", len(all), info.TotalCount),
					"the zone changes while it is read, or the API is broken; try again", nil)
			}
			o.p.learnRecords(o.zone, all)
			return all, nil
		}
	}
	return nil, o.fail(dnsproviders.ErrUnavailable, fmt.Sprintf("the list has no end after %d pages", maxPages), "check base_url", nil)
}

// more says whether another page follows.
func (i pageInfo) more(page, got, all int) bool {
	switch {
	case got == 0:
		return false
	case i.TotalPages > 0:
		return page < i.TotalPages
	case i.TotalCount > 0:
		return all < i.TotalCount
	}
	return got >= pageSize
}

// batch sends one batch. Its body is coded here: the library's codec takes 783 MB for 3,499 records.
func (o *op) batch(ctx context.Context, id string, b batchBody) ([]byte, *failure) {
	body, err := json.Marshal(b)
	if err != nil {
		return nil, &failure{err: o.fail(dnsproviders.ErrRejected, err.Error(), "", err)}
	}
	var params dns.RecordBatchParams
	params.ZoneID.Value, params.ZoneID.Present = id, true
	return o.call(ctx, func(ctx context.Context, opts ...option.RequestOption) error {
		opts = append(opts, option.WithRequestBody("application/json", bytes.NewBuffer(body)))
		_, err := dns.NewRecordService().Batch(ctx, params, opts...)
		return err
	})
}
