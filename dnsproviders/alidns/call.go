package alidns

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/dutyops/dutyops/dnsproviders"
	"github.com/dutyops/dutyops/dnsproviders/internal/byrecord"
)

const (
	version  = "2015-01-09"
	pageSize = 500
	maxPages = 2000
	rateWait = 1 * time.Second        // the limits are per second
	busyWait = 500 * time.Millisecond // another operation of the domain is under way
)

// api is the vendor's side of the engine.
type api struct{ p *Provider }

// call sends one request; parse reads a 200 answer and returns the request's id.
func (a api) call(ctx context.Context, o *byrecord.Op, action string, params map[string]string, parse func([]byte) (string, error)) *byrecord.Failure {
	ans, f := o.Send(ctx, func(ctx context.Context) (*http.Request, string, error) {
		nonce := make([]byte, 16)
		if _, err := rand.Read(nonce); err != nil {
			return nil, "", err
		}
		u := *a.p.base
		u.RawQuery = query(params)
		headers := map[string]string{
			"host": u.Host, "x-acs-action": action, "x-acs-version": version, "x-acs-content-sha256": hash(""),
			"x-acs-date": o.Now().UTC().Format("2006-01-02T15:04:05Z"), "x-acs-signature-nonce": hex.EncodeToString(nonce),
		}
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, u.String(), http.NoBody)
		if err != nil {
			return nil, "", err
		}
		header, hide := sign(o.KeyID, o.Secret, u.RawQuery, headers)
		for k, v := range headers {
			if k != "host" {
				req.Header.Set(k, v)
			}
		}
		req.Header.Set("Accept", "application/json")
		req.Header.Set("Authorization", header)
		return req, hide, nil
	})
	if f != nil {
		return f
	}
	if ans.Status != http.StatusOK {
		e, ok := decodeError(ans.Body)
		o.Note(e.RequestID)
		if !ok {
			e = apiError{Message: fmt.Sprintf("status %d: %s", ans.Status, ans.Body)}
		}
		return judge(o, ans, &e)
	}
	id, err := parse(ans.Body)
	o.Note(id)
	if err != nil {
		return o.Garbled(ans, err.Error(), err)
	}
	return nil
}

// family says whether the code is one of cs or of their sub-codes.
func (e *apiError) family(cs ...string) bool {
	for _, c := range cs {
		if e.Code == c || strings.HasPrefix(e.Code, c+".") {
			return true
		}
	}
	return false
}

// judge turns an error of the API into a failure. Codes: api.alibabacloud.com/document/Alidns/2015-01-09/errorCode.
func judge(o *byrecord.Op, ans byrecord.Answer, e *apiError) *byrecord.Failure {
	f := &byrecord.Failure{Answered: true, NotDone: true}
	mk := func(kind error, hint string) { f.Err = o.Fail(kind, e.Error(), hint, nil, ans.Hide) }
	switch {
	case e.family("Throttling") || e.Code == "" && ans.Status == http.StatusTooManyRequests:
		mk(dnsproviders.ErrRateLimited, "wait, or lower this provider's rate; the console and other tools share the account's limit")
		f.Retry, f.Wait = true, max(rateWait, byrecord.RetryAfter(ans.Header, o.Now()))
		f.Err.RetryAfter = f.Wait
	case e.family("LastOperationNotFinished"):
		mk(dnsproviders.ErrRateLimited, "another operation of this domain is under way; lower this provider's rate if it happens often")
		f.Retry, f.Wait = true, max(busyWait, byrecord.RetryAfter(ans.Header, o.Now()))
		f.Err.RetryAfter = f.Wait
	case e.family("InvalidTimeStamp"):
		mk(dnsproviders.ErrAuth, "this machine's clock is off by more than fifteen minutes: set it")
	case e.family("InvalidAccessKeyId", "InvalidAccessKeySecret", "SignatureDoesNotMatch", "IncompleteSignature", "Forbidden.AccessKeyDisabled", "MissingAccessKeyId"),
		e.Code == "" && ans.Status == http.StatusUnauthorized:
		mk(dnsproviders.ErrAuth, "the key is wrong, disabled or deleted: put a valid one where the configuration points")
	case e.family("Forbidden", "NoPermission", "IncorrectDomainUser", "IllegalUser", "UnauthorizedOperation"), e.Code == "" && ans.Status == http.StatusForbidden:
		mk(dnsproviders.ErrForbidden, "give the key's user the policy in docs/providers/alidns.md for "+o.Zone+", and check its IP conditions")
	case e.family("InvalidDomainName.NoExist", "DomainNotExists", "InvalidDomainName"):
		mk(dnsproviders.ErrNotFound, "check the zone's name, and that the key's account holds it")
	case e.family("DomainRecordDuplicate", "DomainRecordNotBelongToUser", "InvalidRecordId", "InvalidRR.NoExist"):
		mk(dnsproviders.ErrRejected, "a record that equals the wanted one is there already (perhaps paused), or the record is gone")
		f.Already = true
	case e.family("QuotaExceeded.TTL"):
		mk(dnsproviders.ErrRejected, "the zone's edition takes no TTL as low as this: write ttl: 600s (the free edition's lowest), or more, at its domains, switch_ttl alike, and plan anew")
	case ans.Status >= 500 || e.family("InternalError", "ServiceUnavailable", "UnknownError"):
		mk(dnsproviders.ErrUnavailable, "the API has a problem of its own; see its status page, or use the printed manual commands")
		f.NotDone, f.Retry, f.Wait = false, true, byrecord.RetryAfter(ans.Header, o.Now())
		// A gateway's status says nothing about what the server behind it does.
		f.Answered = e.Code != ""
	case e.Code == "SignatureNonceUsed":
		mk(dnsproviders.ErrUnavailable, "a proxy sends requests twice")
		f.NotDone, f.Answered, f.Retry = false, false, true
	case ans.Status < 400:
		return o.Garbled(ans, e.Error(), nil) // a redirect
	default:
		mk(dnsproviders.ErrRejected, "the text is the API's own reason; correct the record or the configuration")
	}
	return f
}

// List reads all records, page by page. A list that is shorter than the API says is no
// answer: a name that it leaves out must not look absent.
func (a api) List(ctx context.Context, o *byrecord.Op) ([]byrecord.Record, *dnsproviders.Error) {
	var all []byrecord.Record
	seen := map[string]bool{}
	for page, read := 1, 0; page <= maxPages; page++ {
		var recs []byrecord.Record
		var got, total int
		err := o.Read(ctx, func() *byrecord.Failure {
			return a.call(ctx, o, "DescribeDomainRecords", map[string]string{
				"DomainName": o.Zone, "Lang": "en",
				"PageNumber": strconv.Itoa(page), "PageSize": strconv.Itoa(pageSize), "Direction": "ASC",
			},
				func(raw []byte) (id string, err error) {
					recs, got, total, id, err = decodeList(raw, o.Zone)
					return id, err
				})
		})
		if err != nil {
			return nil, err
		}
		for _, r := range recs {
			if !seen[r.ID] {
				seen[r.ID] = true
				all = append(all, r)
			}
		}
		read += got
		if read >= total {
			return all, nil
		}
		if got == 0 {
			return nil, o.Fail(dnsproviders.ErrUnavailable, fmt.Sprintf("the list has %d of %d records", read, total),
				"the zone changes while it is read, or the API is broken; try again", nil)
		}
	}
	return nil, o.Fail(dnsproviders.ErrUnavailable, fmt.Sprintf("the list has no end after %d pages", maxPages), "check base_url", nil)
}

// Do makes one step: UpdateDomainRecord, AddDomainRecord or DeleteDomainRecord
// (alibabacloud.com/help/en/dns/api-alidns-2015-01-09-updatedomainrecord,
// .../api-adding-a-dns-record, .../api-alidns-2015-01-09-deletedomainrecord).
func (a api) Do(ctx context.Context, o *byrecord.Op, s byrecord.Step) (id string, f *byrecord.Failure) {
	action, params := request(o.Zone, s)
	f = a.call(ctx, o, action, params, func(raw []byte) (requestID string, err error) {
		id, requestID, err = decodeID(raw)
		if err == nil && s.Verb != byrecord.Create && id != s.From.ID {
			err = fmt.Errorf("the answer is about record %s, not %s", id, s.From.ID)
		}
		return requestID, err
	})
	return id, f
}

func request(zone string, s byrecord.Step) (action string, params map[string]string) {
	if s.Verb == byrecord.Delete {
		return "DeleteDomainRecord", map[string]string{"RecordId": s.From.ID, "Lang": "en"}
	}
	rr := "@"
	if s.To.Name != zone {
		rr = strings.TrimSuffix(s.To.Name, "."+zone)
	}
	params = map[string]string{"RR": rr, "Type": s.To.Type, "Value": s.To.Value, "Line": s.To.Line, "Lang": "en"}
	if s.To.TTL > 0 {
		params["TTL"] = strconv.FormatUint(uint64(s.To.TTL), 10)
	}
	if s.Verb == byrecord.Create {
		params["DomainName"] = zone
		return "AddDomainRecord", params
	}
	params["RecordId"] = s.From.ID
	return "UpdateDomainRecord", params
}
