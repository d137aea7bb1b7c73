package route53

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	api "github.com/aws/aws-sdk-go-v2/service/route53"
	"github.com/aws/aws-sdk-go-v2/service/route53/types"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/dutyops/dutyops/dnsproviders"
	"github.com/dutyops/dutyops/dnsproviders/internal/effort"
)

const (
	pageSize = 300  // the API's largest
	maxPages = 1000 // a server that never ends is garbage
)

// Codes by meaning: docs.aws.amazon.com/Route53/latest/APIReference/CommonErrors.html
// and the operations' own pages.
var (
	authCodes = []string{
		"InvalidClientTokenId", "SignatureDoesNotMatch", "MissingAuthenticationToken", "IncompleteSignature", "ExpiredToken",
		"ExpiredTokenException", "UnrecognizedClientException", "RequestExpired", "InvalidSignatureException", "AuthFailure",
	}
	deniedCodes = []string{"AccessDenied", "AccessDeniedException", "NotAuthorized", "OptInRequired"}
	slowCodes   = []string{"Throttling", "ThrottlingException", "ThrottledException", "RequestLimitExceeded", "TooManyRequestsException", "SlowDown", "PriorRequestNotComplete"}
	absentCodes = []string{"NoSuchHostedZone", "HostedZoneNotFound"}
)

// judge turns the SDK's error into a failure; a transport's error it gives back.
func (o *op) judge(err error) error {
	if err == nil {
		return nil
	}
	var resp *smithyhttp.ResponseError
	if !errors.As(err, &resp) || resp.Response == nil || resp.Response.Response == nil {
		return err
	}
	status := resp.HTTPStatusCode()
	if status == 0 { // the SDK's stand-in for an answer that never came
		return err
	}
	if status >= 200 && status < 300 {
		return o.Doubt(fmt.Errorf("unreadable answer: %w", resp.Err))
	}
	code, detail := "", strconv.Itoa(status)
	var ae smithy.APIError
	if errors.As(err, &ae) {
		code = ae.ErrorCode()
		detail += ": " + code + ": " + ae.ErrorMessage()
	}
	var icb *types.InvalidChangeBatch
	if errors.As(err, &icb) && len(icb.Messages) > 0 {
		detail += " " + strings.Join(icb.Messages, "; ")
	}
	f := &effort.Failure{Sent: true, Answered: status <= 500 || status == http.StatusServiceUnavailable}
	mk := func(kind error, hint string) { f.Err = o.Fail(kind, detail, hint, nil) }
	switch {
	case slices.Contains(slowCodes, code) || status == http.StatusTooManyRequests:
		hint := "an account has 5 requests a second for all its tools; wait and try again"
		if code == "PriorRequestNotComplete" {
			hint = "Route 53 still works on the change before; wait and try again"
		}
		mk(dnsproviders.ErrRateLimited, hint)
		f.Wait, f.Retry = effort.RetryAfter(resp.Response.Header, o.Now()), true
		if f.Wait <= 0 {
			f.Wait = effort.RateWait
		}
		f.Err.RetryAfter = f.Wait
	case slices.Contains(authCodes, code) || status == http.StatusUnauthorized:
		mk(dnsproviders.ErrAuth, "the access key is wrong, inactive or deleted, or this machine's clock is more than 5 minutes off")
	case slices.Contains(deniedCodes, code) || status == http.StatusForbidden:
		mk(dnsproviders.ErrForbidden, "give the key's user the policy of docs/providers/route53.md for "+o.Zone)
	case slices.Contains(absentCodes, code) || status == http.StatusNotFound:
		mk(dnsproviders.ErrNotFound, "check the zone's name, hosted_zone_id and the account of the key")
		f.Refused = true
	case status >= 500:
		mk(dnsproviders.ErrUnavailable, "the API has a problem of its own (its control plane is in us-east-1 only); see the AWS health page")
		f.Retry, f.Wait = true, effort.RetryAfter(resp.Response.Header, o.Now())
	case status >= 400:
		mk(dnsproviders.ErrRejected, "the text is the API's own reason; correct the record or the configuration")
		f.Refused = true
	default:
		mk(dnsproviders.ErrUnavailable, "base_url answers with a redirect; it should name the API itself")
		f.Answered = false
	}
	return f
}

// zoneID returns the id of the zone, asking for it once.
func (o *op) zoneID(ctx context.Context) (string, error) {
	if o.known != "" {
		return o.known, nil
	}
	if o.p.opt.HostedZoneID != "" {
		return strings.TrimPrefix(o.p.opt.HostedZoneID, "/hostedzone/"), nil
	}
	o.p.mu.Lock()
	id := o.p.zones[o.Zone]
	o.p.mu.Unlock()
	if id != "" {
		return id, nil
	}
	var out *api.ListHostedZonesByNameOutput
	if err := o.Read(ctx, func(ctx context.Context) error {
		if err := o.pace(ctx); err != nil {
			return err
		}
		var err error
		out, err = o.c.ListHostedZonesByName(ctx, &api.ListHostedZonesByNameInput{DNSName: aws.String(o.Zone + "."), MaxItems: aws.Int32(10)})
		if err != nil {
			return o.judge(err)
		}
		if out.HostedZones == nil {
			return o.Doubt(errors.New("unreadable answer: it has no list of zones"))
		}
		return nil
	}); err != nil {
		return "", err
	}
	var ids []string
	for _, z := range out.HostedZones {
		if ownerName(aws.ToString(z.Name)) == o.Zone {
			ids = append(ids, strings.TrimPrefix(aws.ToString(z.Id), "/hostedzone/"))
		}
	}
	switch len(ids) {
	case 0:
		return "", o.Fail(dnsproviders.ErrNotFound, "the account has no hosted zone of this name", "check the zone's name and the account of the key", nil)
	case 1:
		o.p.mu.Lock()
		o.p.zones[o.Zone] = ids[0]
		o.p.mu.Unlock()
		return ids[0], nil
	}
	return "", o.Fail(dnsproviders.ErrRejected, "the account has several hosted zones of this name: "+strings.Join(ids, " "),
		"set hosted_zone_id; a private zone beside the public one needs a provider of its own", nil)
}

// list reads the sets between the first and the last of the names, in the API's order.
func (o *op) list(ctx context.Context, names []string) (sets, error) {
	id, err := o.zoneID(ctx)
	if err != nil {
		return nil, err
	}
	first, last := span(names)
	in := &api.ListResourceRecordSetsInput{HostedZoneId: &id, MaxItems: aws.Int32(pageSize)}
	if first != "" {
		in.StartRecordName = aws.String(first + ".")
	}
	all := sets{}
	for range maxPages {
		var out *api.ListResourceRecordSetsOutput
		if err := o.Read(ctx, func(ctx context.Context) error {
			if err := o.pace(ctx); err != nil {
				return err
			}
			var err error
			out, err = o.c.ListResourceRecordSets(ctx, in)
			switch {
			case err != nil:
				return o.judge(err)
			case out.ResourceRecordSets == nil || out.IsTruncated && out.NextRecordName == nil:
				return o.Doubt(errors.New("unreadable answer: it has no list of record sets"))
			}
			return nil
		}); err != nil {
			if errors.Is(err, dnsproviders.ErrNotFound) {
				o.p.mu.Lock()
				delete(o.p.zones, o.Zone) // re-created under another id, perhaps
				o.p.mu.Unlock()
			}
			return nil, err
		}
		for _, s := range out.ResourceRecordSets {
			all.add(s)
		}
		if !out.IsTruncated || last != "" && order(ownerName(*out.NextRecordName)) > order(last) {
			return all, nil
		}
		in.StartRecordName, in.StartRecordType, in.StartRecordIdentifier = out.NextRecordName, out.NextRecordType, out.NextRecordIdentifier
	}
	return nil, o.Fail(dnsproviders.ErrUnavailable, fmt.Sprintf("the list has no end after %d pages", maxPages), "check base_url", nil)
}

// send sends one batch; on success it keeps the change's id as the operation's.
func (o *op) send(ctx context.Context, id string, b []types.Change) error {
	if err := o.pace(ctx); err != nil {
		return err
	}
	out, err := o.c.ChangeResourceRecordSets(ctx, &api.ChangeResourceRecordSetsInput{
		HostedZoneId: &id, ChangeBatch: &types.ChangeBatch{Changes: b, Comment: aws.String("dutyops")},
	})
	if err != nil {
		return o.judge(err)
	}
	if out.ChangeInfo == nil || aws.ToString(out.ChangeInfo.Id) == "" {
		return o.Doubt(errors.New("unreadable answer: it names no change"))
	}
	o.RequestID, o.state = strings.TrimPrefix(*out.ChangeInfo.Id, "/change/"), string(out.ChangeInfo.Status)
	return nil
}

func (o *op) change(ctx context.Context, id string) (inSync bool, err error) {
	rerr := o.Read(ctx, func(ctx context.Context) error {
		if err := o.pace(ctx); err != nil {
			return err
		}
		out, err := o.c.GetChange(ctx, &api.GetChangeInput{Id: &id})
		if err != nil {
			return o.judge(err)
		}
		if out.ChangeInfo == nil {
			return o.Doubt(errors.New("unreadable answer: it names no change"))
		}
		inSync = out.ChangeInfo.Status == types.ChangeStatusInsync
		return nil
	})
	if rerr != nil {
		return false, rerr
	}
	return inSync, nil
}
