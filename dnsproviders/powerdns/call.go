package powerdns

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"

	"github.com/dutyops/dutyops/dnsproviders"
	"github.com/dutyops/dutyops/dnsproviders/internal/effort"
)

const maxBody = 256 << 20 // of one answer: a zone of a million sets

// do sends one request and returns the body of a 2xx answer. Errors are a
// *effort.Failure or the transport's.
func (o *op) do(ctx context.Context, method, path string, body []byte) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, method, o.p.base+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("X-Api-Key", o.key)
	req.Header.Set("Accept", "application/json")
	if len(body) > 0 {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := o.p.opt.HTTPClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		return nil, o.judge(resp)
	}
	raw, err := io.ReadAll(io.LimitReader(resp.Body, maxBody))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", effort.ErrBroken, err)
	}
	if resp.StatusCode == http.StatusNoContent {
		return nil, nil
	}
	return raw, nil
}

// judge turns a status that is not 2xx into a failure.
func (o *op) judge(resp *http.Response) *effort.Failure {
	body, _ := io.ReadAll(io.LimitReader(resp.Body, 64<<10)) // what is there is enough for a detail
	detail := strconv.Itoa(resp.StatusCode)
	if t := errorText(body); t != "" {
		detail += ": " + t
	}
	// A gateway's status (502, 504) says nothing about what the server behind it does.
	f := &effort.Failure{Sent: true, Answered: resp.StatusCode <= 500 || resp.StatusCode == http.StatusServiceUnavailable}
	mk := func(kind error, hint string) { f.Err = o.Fail(kind, detail, hint, nil) }
	switch code := resp.StatusCode; {
	case code == http.StatusUnauthorized:
		mk(dnsproviders.ErrAuth, "the key is not the api-key of this server's pdns.conf")
	case code == http.StatusForbidden:
		mk(dnsproviders.ErrForbidden, "add this machine's address to webserver-allow-from; a proxy in front may refuse the path or method")
	case code == http.StatusTooManyRequests:
		mk(dnsproviders.ErrRateLimited, "PowerDNS has no limit of its own: a proxy in front of it has")
		f.Wait, f.Retry = effort.RetryAfter(resp.Header, o.Now()), true
		if f.Wait <= 0 {
			f.Wait = effort.RateWait
		}
		f.Err.RetryAfter = f.Wait
	case code == http.StatusNotFound:
		mk(dnsproviders.ErrNotFound, "check the zone's name, server_id, base_url, and that api=yes is in pdns.conf")
		f.Refused = true
	case code >= 500:
		mk(dnsproviders.ErrUnavailable, "the server has a problem of its own, often its database: see its log")
		f.Retry, f.Wait = true, effort.RetryAfter(resp.Header, o.Now())
	case code >= 400:
		mk(dnsproviders.ErrRejected, "the text is the server's own reason; correct the record or the configuration")
		f.Refused = true
	default:
		mk(dnsproviders.ErrUnavailable, "base_url answers with a redirect; it should name the API itself")
		f.Answered = false
	}
	return f
}

// get reads the zone: its facts, and its sets or those of one name.
func (o *op) get(ctx context.Context, only string) (*zone, error) {
	path := zoneID(o.Zone)
	if only != "" {
		// Servers before 4.6 do not know the filter and send the whole zone: as good.
		path += "?" + url.Values{"rrset_name": {only + "."}}.Encode()
	}
	var z *zone
	err := o.Read(ctx, func(ctx context.Context) error {
		raw, err := o.do(ctx, http.MethodGet, path, nil)
		if err != nil {
			return err
		}
		if z, err = decodeZone(raw, o.Zone); err != nil {
			return o.Doubt(err)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return z, nil
}

// patch sends a change of sets. The server answers 204 when it is committed.
func (o *op) patch(ctx context.Context, body []byte) error {
	raw, err := o.do(ctx, http.MethodPatch, zoneID(o.Zone), body)
	if err == nil && raw != nil && !json.Valid(raw) {
		return o.Doubt(errors.New("the answer to the change is not the server's"))
	}
	return err
}

// notify asks the server to send NOTIFY to the zone's secondaries now.
func (o *op) notify(ctx context.Context) error {
	_, err := o.do(ctx, http.MethodPut, zoneID(o.Zone)+"/notify", nil)
	return err
}
