package dnstest

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// AliDNS is a small Alibaba Cloud DNS API 2015-01-09: DescribeDomainRecords (500 a page),
// UpdateDomainRecord, AddDomainRecord, DeleteDomainRecord. It has no OperateBatchDomain:
// nobody should call it. Sources:
// alibabacloud.com/help/en/dns/api-alidns-2015-01-09-describedomainrecords and
// -updatedomainrecord, -deletedomainrecord, help.aliyun.com/document_detail/29772.html; signature:
// alibabacloud.com/help/en/sdk/product-overview/v3-request-structure-and-signature.
type AliDNS struct {
	Vendor
	// Busy: a write that meets another one is refused with LastOperationNotFinished.
	Busy bool

	writing chan struct{}
}

// NewAliDNS starts the fake for the zones. Call Close when done.
func NewAliDNS(keyID, secret string, zones ...*Zone) *AliDNS {
	a := &AliDNS{writing: make(chan struct{}, 1)}
	a.KeyID, a.Secret = keyID, secret
	a.start(a, zones)
	return a
}

func aliFail(status int, code, msg string) answer {
	return answer{status, map[string]any{
		"Code": code, "Message": msg, "RequestId": "0F32959D-417B-4D66-8463-68606605E3E2",
		"HostId": "alidns.aliyuncs.com",
	}}
}

// ServeHTTP answers one request.
func (a *AliDNS) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	action := r.Header.Get("X-Acs-Action")
	a.serve(w, r, action, strings.HasPrefix(action, "Describe"), func() answer { return a.do(r, action) }, map[string]answer{
		Unauthorized: aliFail(404, "InvalidAccessKeyId.NotFound", "Specified access key is not found."),
		Forbidden:    aliFail(403, "Forbidden.RAM", "User not authorized to operate on the specified resource."),
		RateLimit:    aliFail(400, "Throttling.User", "Request was denied due to user flow control."),
		ServerError:  aliFail(500, "InternalError", "The request processing has failed due to some unknown error."),
		Reject:       aliFail(400, "InvalidValue", "The value is invalid."),
	})
}

// authorised checks the ACS3 signature over all x-acs headers and host.
func (a *AliDNS) authorised(r *http.Request) bool {
	signed := []string{"host"}
	for h := range r.Header {
		if h = strings.ToLower(h); strings.HasPrefix(h, "x-acs-") {
			signed = append(signed, h)
		}
	}
	slices.Sort(signed)
	canonical := ""
	for _, h := range signed {
		v := r.Header.Get(h)
		if h == "host" {
			v = r.Host
		}
		canonical += h + ":" + v + "\n"
	}
	names := strings.Join(signed, ";")
	request := r.Method + "\n" + r.URL.Path + "\n" + r.URL.RawQuery + "\n" + canonical + "\n" + names + "\n" + sum("")
	want := fmt.Sprintf("ACS3-HMAC-SHA256 Credential=%s,SignedHeaders=%s,Signature=%x",
		a.KeyID, names, keyed(a.Secret, "ACS3-HMAC-SHA256\n"+sum(request)))
	return r.Header.Get("Authorization") == want && len(signed) == 6
}

func (a *AliDNS) do(r *http.Request, action string) answer {
	if r.Header.Get("X-Acs-Version") != "2015-01-09" {
		return aliFail(404, "InvalidVersion", "Specified parameter Version is not valid.")
	}
	if !a.authorised(r) {
		return aliFail(400, "SignatureDoesNotMatch", "Specified signature is not matched with our calculation.")
	}
	q := r.URL.Query()
	switch action {
	case "DescribeDomainRecords":
		z, ok := a.zones[q.Get("DomainName")]
		if !ok {
			return aliFail(404, "InvalidDomainName.NoExist", "The specified domain name does not exist.")
		}
		return a.list(z, atoi(q.Get("PageNumber"), 1), atoi(q.Get("PageSize"), 20))
	case "UpdateDomainRecord", "AddDomainRecord", "DeleteDomainRecord":
		if a.Busy {
			select {
			case a.writing <- struct{}{}:
				defer func() { <-a.writing }()
			default:
				return aliFail(400, "LastOperationNotFinished", "The last operation is not finished.")
			}
		}
		return a.change(action, q)
	}
	return aliFail(404, "InvalidAction.NotFound", "Specified api is not found.")
}

func (a *AliDNS) list(z *Zone, page, per int) answer {
	limit := 500
	if a.MaxPage > 0 {
		limit = a.MaxPage
	}
	per = min(per, limit)
	all := a.view(z).Records()
	from := min((page-1)*per, len(all))
	to := min(from+per, len(all))
	out := []map[string]any{}
	for _, r := range all[from:to] {
		m := map[string]any{
			"DomainName": z.Name, "RecordId": r.ID, "RR": label(r.Name, z.Name), "Type": r.Type, "Value": r.Content,
			"TTL": r.TTL, "Line": "default", "Status": "ENABLE", "Locked": r.Locked,
		}
		if r.Line != "" {
			m["Line"] = r.Line
		}
		if r.Disabled {
			m["Status"] = "DISABLE"
		}
		out = append(out, m)
	}
	return answer{200, map[string]any{
		"TotalCount": len(all), "PageNumber": page, "PageSize": per,
		"RequestId": "536E9CAD-DB30-4647-AC87-AA5CC38C5382", "DomainRecords": map[string]any{"Record": out},
	}}
}

func (a *AliDNS) change(action string, q map[string][]string) answer {
	get := func(k string) string {
		if len(q[k]) == 0 {
			return ""
		}
		return q[k][0]
	}
	id := get("RecordId")
	if why := a.RefuseIDs[id]; why != "" {
		return aliFail(400, "InvalidValue", why)
	}
	z := a.zones[get("DomainName")]
	if action != "AddDomainRecord" {
		for _, x := range a.zones {
			if x.Copy().byID(id) != nil {
				z = x
			}
		}
		if z == nil {
			return aliFail(400, "DomainRecordNotBelongToUser", "The domain record does not belong to this user.")
		}
	}
	err := a.write(z, func(t *Zone) error {
		if action == "DeleteDomainRecord" {
			if t.byID(id).Locked {
				return vendorError{"DomainRecordLocked", "The domain record is locked."}
			}
			t.remove(id)
			return nil
		}
		rec := Record{Name: owner(get("RR"), z.Name), Type: get("Type"), Content: get("Value"), TTL: 600}
		if get("Line") != "default" {
			rec.Line = get("Line")
		}
		if n, err := strconv.ParseUint(get("TTL"), 10, 32); err == nil {
			rec.TTL = uint32(n)
		}
		if rec.TTL < a.MinTTL {
			return vendorError{"QuotaExceeded.TTL", "The TTL has exceeded the limit of the domain edition."}
		}
		if action == "AddDomainRecord" {
			if t.clashes(rec) {
				return vendorError{"DomainRecordConflict", "The domain record is conflict with other records."}
			}
			if t.twin(rec) {
				return vendorError{"DomainRecordDuplicate", "The DNS record already exists."}
			}
			id = t.add(rec).ID
			return nil
		}
		r := t.byID(id)
		rec.ID, rec.Weight, rec.Comment, rec.Disabled, rec.Locked = r.ID, r.Weight, r.Comment, r.Disabled, r.Locked
		switch {
		case r.Locked:
			return vendorError{"DomainRecordLocked", "The domain record is locked."}
		case t.clashes(rec):
			return vendorError{"DomainRecordConflict", "The domain record is conflict with other records."}
		case rec == *r, t.twin(rec):
			return vendorError{"DomainRecordDuplicate", "The DNS record already exists."}
		}
		*r = rec
		return nil
	})
	if err != nil {
		e := codeOf(err)
		return aliFail(400, e.code, e.msg)
	}
	return answer{200, map[string]any{"RequestId": "536E9CAD-DB30-4647-AC87-AA5CC38C5382", "RecordId": id}}
}
