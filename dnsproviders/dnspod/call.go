package dnspod

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/dutyops/dutyops/dnsproviders"
	"github.com/dutyops/dutyops/dnsproviders/internal/byrecord"
)

const (
	version     = "2021-03-23"
	contentType = "application/json; charset=utf-8"
	defaultLine = "default"
	lineName    = "默认" // the API's name of the default line, whose id is "0" in every edition
	pageSize    = 3000
	maxPages    = 400
	batchSize   = 5000
	rateWait    = 1 * time.Second // the limits are per second
	firstPoll   = 200 * time.Millisecond
	lastPoll    = 1 * time.Second
)

// api is the vendor's side of the engine.
type api struct{ p *Provider }

var _ byrecord.Batcher = api{}

// call sends one request and reads its answer into result.
func (a api) call(ctx context.Context, o *byrecord.Op, action string, params, result any) *byrecord.Failure {
	return a.ask(ctx, o, action, params, func(raw []byte) (string, error) { return decode(raw, result) })
}

func (a api) ask(ctx context.Context, o *byrecord.Op, action string, params any, parse func([]byte) (string, error)) *byrecord.Failure {
	ans, f := o.Send(ctx, func(ctx context.Context) (*http.Request, string, error) {
		body, err := json.Marshal(params)
		if err != nil {
			return nil, "", err
		}
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, a.p.base.String(), bytes.NewReader(body))
		if err != nil {
			return nil, "", err
		}
		now := o.Now()
		header, hide := sign(o.KeyID, o.Secret, "dnspod", a.p.base.Host, contentType, body, now)
		req.Header.Set("Authorization", header)
		req.Header.Set("Content-Type", contentType)
		req.Header.Set("X-TC-Action", action)
		req.Header.Set("X-TC-Version", version)
		req.Header.Set("X-TC-Timestamp", strconv.FormatInt(now.Unix(), 10))
		req.Header.Set("X-TC-Language", "en-US")
		return req, hide, nil
	})
	if f != nil {
		return f
	}
	id, err := parse(ans.Body)
	o.Note(id)
	var e *apiError
	switch {
	case errors.As(err, &e):
		return judge(o, ans, e)
	case ans.Status == http.StatusTooManyRequests:
		return judge(o, ans, &apiError{Code: "RequestLimitExceeded", Message: "status 429"})
	case ans.Status == http.StatusUnauthorized:
		return judge(o, ans, &apiError{Code: "AuthFailure", Message: "status 401"})
	case ans.Status == http.StatusForbidden:
		return judge(o, ans, &apiError{Code: "UnauthorizedOperation", Message: "status 403"})
	case ans.Status != http.StatusOK:
		f := o.Garbled(ans, fmt.Sprintf("status %d: %s", ans.Status, ans.Body), nil)
		// A gateway's status says nothing about what the server behind it does.
		f.Answered = ans.Status == http.StatusInternalServerError || ans.Status == http.StatusServiceUnavailable
		f.Wait = byrecord.RetryAfter(ans.Header, o.Now())
		return f
	case err != nil:
		return o.Garbled(ans, err.Error(), err)
	}
	return nil
}

// judge turns an error of the API into a failure. The codes are those that the pages of
// the calls list, and errors.go of the vendor's library.
func judge(o *byrecord.Op, ans byrecord.Answer, e *apiError) *byrecord.Failure {
	f := &byrecord.Failure{Answered: true}
	mk := func(kind error, hint string) { f.Err = o.Fail(kind, e.Error(), hint, nil, ans.Hide) }
	switch {
	case e.family("AuthFailure.UnauthorizedOperation"), e.family("UnauthorizedOperation"), e.family("OperationDenied"),
		e.family("FailedOperation.NotDomainOwner"), e.family("InvalidParameter.RequestIpLimited"):
		mk(dnsproviders.ErrForbidden, "give the key's user the policy in docs/providers/dnspod.md for "+o.Zone+", and check its IP conditions")
		f.NotDone = true
	case e.Code == "AuthFailure.SignatureExpire":
		mk(dnsproviders.ErrAuth, "this machine's clock is off by more than five minutes: set it")
		f.NotDone = true
	case e.family("AuthFailure"), e.family("FailedOperation.LoginFailed"), e.family("InvalidParameter.LoginTokenIdError"):
		mk(dnsproviders.ErrAuth, "the key is wrong, disabled or deleted: put a valid one where the configuration points")
		f.NotDone = true
	case e.family("RequestLimitExceeded"):
		mk(dnsproviders.ErrRateLimited, "wait; the console and other tools share the account's limits per second")
		f.NotDone, f.Retry, f.Wait = true, true, max(rateWait, byrecord.RetryAfter(ans.Header, o.Now()))
		f.Err.RetryAfter = f.Wait
	case e.family("InvalidParameterValue.DomainNotExists"), e.family("InvalidParameter.DomainInvalid"),
		e.family("ResourceNotFound") && e.Code != "ResourceNotFound.NoDataOfRecord":
		mk(dnsproviders.ErrNotFound, "check the zone's name, and that the key's account holds it")
		f.NotDone = true
	case e.family("InvalidParameter.DomainRecordExist"), e.family("InvalidParameter.RecordIdInvalid"):
		mk(dnsproviders.ErrRejected, "a record that equals the wanted one is there already (perhaps paused), or the record is gone")
		f.NotDone, f.Already = true, true
	case e.family("LimitExceeded.RecordTtlLimit"):
		mk(dnsproviders.ErrRejected, "the zone's edition takes no TTL as low as this: write ttl: 600s (the free edition's lowest), or more, at its domains, switch_ttl alike, and plan anew")
		f.NotDone = true
	case e.family("InternalError"), e.family("FailedOperation.UnknowError"), e.family("InvalidParameter.OperateFailed"),
		strings.HasPrefix(e.Code, "InvalidParameter.BatchRecord") && strings.HasSuffix(e.Code, "ActionError"):
		mk(dnsproviders.ErrUnavailable, "the API has a problem of its own; see its status page, or use the printed manual commands")
		f.Retry, f.Wait = true, byrecord.RetryAfter(ans.Header, o.Now())
	default:
		mk(dnsproviders.ErrRejected, "the text is the API's own reason; correct the record or the configuration")
		f.NotDone = true
	}
	return f
}

// List reads all records, page by page. A list that is shorter than the API says is no
// answer: a name that it leaves out must not look absent.
func (a api) List(ctx context.Context, o *byrecord.Op) ([]byrecord.Record, *dnsproviders.Error) {
	var all []byrecord.Record
	seen := map[string]bool{}
	for offset, page := 0, 1; page <= maxPages; page++ {
		var recs []byrecord.Record
		var got, total int
		err := o.Read(ctx, func() *byrecord.Failure {
			return a.ask(ctx, o, "DescribeRecordList", map[string]any{"Domain": o.Zone, "Offset": offset, "Limit": pageSize},
				func(raw []byte) (id string, err error) {
					recs, got, total, id, err = decodeList(raw, o.Zone)
					var e *apiError
					if errors.As(err, &e) && e.Code == "ResourceNotFound.NoDataOfRecord" {
						recs, got, total, err = nil, 0, 0, nil
					}
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
		offset += got
		if offset >= total {
			return all, nil
		}
		if got == 0 {
			return nil, o.Fail(dnsproviders.ErrUnavailable, fmt.Sprintf("the list has %d of %d records", offset, total),
				"the zone changes while it is read, or the API is broken; try again", nil)
		}
	}
	return nil, o.Fail(dnsproviders.ErrUnavailable, fmt.Sprintf("the list has no end after %d pages", maxPages), "check base_url", nil)
}

func host(name, zone string) string {
	if name == zone {
		return "@"
	}
	return strings.TrimSuffix(name, "."+zone)
}

// Do makes one step: ModifyRecord (cloud.tencent.com/document/api/1427/56157),
// CreateRecord, or DeleteRecord (tencentcloud.com/document/product/1157/49039).
func (a api) Do(ctx context.Context, o *byrecord.Op, s byrecord.Step) (string, *byrecord.Failure) {
	action, params := request(o.Zone, s)
	var res idAnswer
	f := a.call(ctx, o, action, params, &res)
	if f != nil {
		return "", f
	}
	switch {
	case s.Verb == byrecord.Delete:
		return s.From.ID, nil
	case res.RecordID == 0, s.Verb == byrecord.Update && strconv.FormatInt(res.RecordID, 10) != s.From.ID:
		return "", &byrecord.Failure{Retry: true, Err: o.Fail(dnsproviders.ErrUnavailable, "the answer does not name the record that was asked for",
			"the API is broken, or something answers in its place; check base_url", nil)}
	}
	return strconv.FormatInt(res.RecordID, 10), nil
}

func request(zone string, s byrecord.Step) (action string, params map[string]any) {
	if s.Verb == byrecord.Delete {
		return "DeleteRecord", map[string]any{"Domain": zone, "RecordId": number(s.From.ID)}
	}
	params = map[string]any{
		"Domain": zone, "SubDomain": host(s.To.Name, zone), "RecordType": s.To.Type,
		"RecordLine": s.To.Line, "Value": s.To.Value, "Status": "ENABLE",
	}
	if s.To.TTL > 0 {
		params["TTL"] = s.To.TTL
	}
	k, known := s.To.Keep.(kept)
	if k.LineID != "" {
		params["RecordLineId"] = k.LineID
	}
	if s.To.Line == defaultLine {
		params["RecordLine"], params["RecordLineId"] = lineName, "0"
	}
	if k.Weight != nil {
		params["Weight"] = *k.Weight
	}
	if k.Remark != "" {
		params["Remark"] = k.Remark
	}
	if prio, rest, ok := strings.Cut(s.To.Value, " "); ok && s.To.Type == "HTTPS" && (k.Split || !known || s.From.Type != "HTTPS") {
		params["MX"], params["Value"] = number(prio), rest
	}
	if s.Verb == byrecord.Create {
		return "CreateRecord", params
	}
	params["RecordId"] = number(s.From.ID)
	return "ModifyRecord", params
}

func number(id string) int64 {
	n, err := strconv.ParseInt(id, 10, 64)
	if err != nil {
		return 0 // ids are made from numbers
	}
	return n
}

// BatchSize implements byrecord.Batcher.
func (api) BatchSize() int { return batchSize }

// Batch implements byrecord.Batcher: ModifyRecordBatch with change=value
// (cloud.tencent.com/document/product/1427/56156), then DescribeBatchTask until the job ends.
func (a api) Batch(ctx context.Context, o *byrecord.Op, steps []byrecord.Step) (map[string]string, *byrecord.Failure) {
	ids := make([]int64, len(steps))
	for i, s := range steps {
		ids[i] = number(s.From.ID)
	}
	var job jobAnswer
	f := a.call(ctx, o, "ModifyRecordBatch", map[string]any{"RecordIdList": ids, "Change": "value", "ChangeTo": steps[0].To.Value}, &job)
	if f == nil && job.JobID == 0 {
		f = &byrecord.Failure{Retry: true, Err: o.Fail(dnsproviders.ErrUnavailable, "the answer has no JobId", "check base_url", nil)}
	}
	if f != nil {
		return nil, f
	}
	end := o.Now().Add(a.p.opt.JobWait)
	for wait := firstPoll; ; wait = min(2*wait, lastPoll) {
		var task taskAnswer
		err := o.Read(ctx, func() *byrecord.Failure {
			return a.call(ctx, o, "DescribeBatchTask", map[string]any{"JobId": job.JobID}, &task)
		})
		if err != nil {
			return nil, &byrecord.Failure{Err: err}
		}
		if refused, ok := task.ended(); ok {
			return refused, nil
		}
		if o.Now().Add(wait).After(end) || o.Sleep(ctx, wait) != nil {
			return nil, &byrecord.Failure{Err: o.Fail(dnsproviders.ErrUnavailable, fmt.Sprintf("job %d has not ended within %s (%d of %d records)",
				job.JobID, a.p.opt.JobWait, task.Success+task.Failed, task.Total), "look at the job in DNSPod's console", nil)}
		}
	}
}
