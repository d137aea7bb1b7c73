package dnstest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// DNSPod is a small DNSPod API 2021-03-23: DescribeRecordList (3,000 a page),
// ModifyRecord, CreateRecord, DeleteRecord, ModifyRecordBatch (change=value, 5,000 ids,
// carried out later, record by record) and DescribeBatchTask. Errors come with status
// 200 as the API has them. Sources: cloud.tencent.com/document/api/1427/56166, /56157,
// /56174, cloud.tencent.com/document/product/1427/56156, tencentcloud.com/document/product/1157/49039
// and /53859; signature: cloud.tencent.com/document/api/362/4208.
type DNSPod struct {
	Vendor
	// JobAfter is how many further requests a job waits before it is carried out.
	JobAfter int

	jobs []*podJob
}

type podJob struct {
	zone   *Zone
	ids    []string
	value  string
	wait   int
	ended  bool
	failed map[string]string
}

// NewDNSPod starts the fake for the zones. Call Close when done.
func NewDNSPod(keyID, secret string, zones ...*Zone) *DNSPod {
	d := &DNSPod{}
	d.KeyID, d.Secret = keyID, secret
	d.start(d, zones)
	return d
}

type podRequest struct {
	Domain, SubDomain, RecordType, RecordLine, Value, Status, Remark, Change, ChangeTo string

	RecordID     int64   `json:"RecordId"`
	RecordIDList []int64 `json:"RecordIdList"`
	JobID        int     `json:"JobId"`
	MX           int
	TTL          uint32
	Weight       int
	Offset       int
	Limit        int
}

func podAnswer(m map[string]any) answer {
	m["RequestId"] = "ab4f1426-ea15-42ea-8183-dc1b44151166"
	return answer{200, map[string]any{"Response": m}}
}

func podFail(code, msg string) answer {
	return podAnswer(map[string]any{"Error": map[string]any{"Code": code, "Message": msg}})
}

// ServeHTTP answers one request.
func (d *DNSPod) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	raw := readBody(r)
	action := r.Header.Get("X-Tc-Action")
	d.work()
	d.serve(w, r, action, strings.HasPrefix(action, "Describe"), func() answer { return d.do(r, action, raw) }, map[string]answer{
		Unauthorized: podFail("AuthFailure.SecretIdNotFound", "The SecretId is not found."),
		Forbidden:    podFail("UnauthorizedOperation", "you are not authorized to perform operation"),
		RateLimit:    podFail("RequestLimitExceeded", "Your current request times exceed the limit."),
		ServerError:  podFail("InternalError", "An internal error has occurred."),
		Reject:       podFail("InvalidParameter.RecordValueInvalid", "The record value is invalid."),
	})
}

// authorised checks the TC3 signature over content-type and host.
func (d *DNSPod) authorised(r *http.Request, raw []byte) bool {
	ts := r.Header.Get("X-Tc-Timestamp")
	n, err := strconv.ParseInt(ts, 10, 64)
	if err != nil || r.Method != http.MethodPost || r.URL.Path != "/" {
		return false
	}
	date := time.Unix(n, 0).UTC().Format(time.DateOnly)
	scope := date + "/dnspod/tc3_request"
	canonical := "POST\n/\n\ncontent-type:" + r.Header.Get("Content-Type") + "\nhost:" + r.Host + "\n\ncontent-type;host\n" + sum(string(raw))
	key := keyed(keyed(keyed("TC3"+d.Secret, date), "dnspod"), "tc3_request")
	want := fmt.Sprintf("TC3-HMAC-SHA256 Credential=%s/%s, SignedHeaders=content-type;host, Signature=%x",
		d.KeyID, scope, keyed(key, "TC3-HMAC-SHA256\n"+ts+"\n"+scope+"\n"+sum(canonical)))
	return r.Header.Get("Authorization") == want
}

func podID(n int64) string { return fmt.Sprintf("id%06d", n) }

func podNumber(id string) int64 {
	n, err := strconv.ParseInt(strings.TrimPrefix(id, "id"), 10, 64)
	if err != nil {
		panic("dnstest: record id " + id)
	}
	return n
}

func (d *DNSPod) do(r *http.Request, action string, raw []byte) answer {
	if r.Header.Get("X-Tc-Version") != "2021-03-23" {
		return podFail("NoSuchVersion", "The version does not exist.")
	}
	if !d.authorised(r, raw) {
		return podFail("AuthFailure.SignatureFailure", "The provided credentials could not be validated.")
	}
	var q podRequest
	if err := json.Unmarshal(raw, &q); err != nil {
		return podFail("InvalidParameter", "The request is not JSON.")
	}
	switch action {
	case "ModifyRecordBatch":
		return d.modifyBatch(q)
	case "DescribeBatchTask":
		return d.task(q.JobID)
	}
	z, ok := d.zones[q.Domain]
	if !ok {
		return podFail("InvalidParameterValue.DomainNotExists", "The domain does not exist.")
	}
	switch action {
	case "DescribeRecordList":
		return d.list(z, q)
	case "ModifyRecord", "CreateRecord", "DeleteRecord":
		return d.change(z, action, q)
	}
	return podFail("InvalidAction", "The action does not exist.")
}

func (d *DNSPod) list(z *Zone, q podRequest) answer {
	limit := 3000
	if d.MaxPage > 0 {
		limit = d.MaxPage
	}
	all := d.view(z).Records()
	if len(all) == 0 {
		return podFail("ResourceNotFound.NoDataOfRecord", "The record list is empty.")
	}
	if q.Limit < 1 {
		q.Limit = 100
	}
	from := min(q.Offset, len(all))
	to := min(from+min(q.Limit, limit), len(all))
	out := []map[string]any{}
	for _, r := range all[from:to] {
		m := map[string]any{
			"RecordId": podNumber(r.ID), "Name": label(r.Name, z.Name), "Type": r.Type, "Value": r.Content, "TTL": r.TTL,
			"Line": "默认", "LineId": "0", "MX": 0, "Remark": r.Comment, "Status": "ENABLE", "Weight": nil,
		}
		if r.Line != "" {
			m["Line"], m["LineId"] = r.Line, "10="+strconv.Itoa(len(r.Line))
		}
		if r.Disabled {
			m["Status"] = "DISABLE"
		}
		if r.Weight > 0 {
			m["Weight"] = r.Weight
		}
		if r.Type == "CNAME" {
			m["Value"] = r.Content + "."
		}
		if prio, rest, ok := strings.Cut(r.Content, " "); ok && r.Type == "HTTPS" {
			m["MX"], m["Value"] = atoi(prio, 1), rest
		}
		out = append(out, m)
	}
	return podAnswer(map[string]any{
		"RecordList":      out,
		"RecordCountInfo": map[string]any{"ListCount": len(out), "SubdomainCount": len(all), "TotalCount": len(all)},
	})
}

func (d *DNSPod) change(z *Zone, action string, q podRequest) answer {
	id := podID(q.RecordID)
	if why := d.RefuseIDs[id]; why != "" {
		return podFail("InvalidParameter.CustomMessage", why)
	}
	err := d.write(z, func(t *Zone) error {
		rec := Record{Name: owner(q.SubDomain, z.Name), Type: q.RecordType, TTL: 600}
		if action != "CreateRecord" {
			r := t.byID(id)
			if r == nil {
				return vendorError{"InvalidParameter.RecordIdInvalid", "The record ID is invalid."}
			}
			rec.ID = r.ID
		}
		if action == "DeleteRecord" {
			t.remove(id)
			return nil
		}
		if q.RecordLine == "" || q.RecordType == "" || q.Value == "" {
			return vendorError{"MissingParameter", "RecordLine, RecordType and Value are needed."}
		}
		// What the request leaves out is reset, as the API's page says of weight and status.
		rec.Content, rec.Weight, rec.Comment, rec.Disabled = strings.TrimSuffix(q.Value, "."), q.Weight, q.Remark, q.Status == "DISABLE"
		if q.RecordType == "HTTPS" {
			rec.Content = fmt.Sprintf("%d %s", q.MX, q.Value)
		}
		if q.RecordLine != "默认" {
			rec.Line = q.RecordLine
		}
		if q.TTL > 0 {
			rec.TTL = q.TTL
		}
		if rec.TTL < d.MinTTL {
			return vendorError{"LimitExceeded.RecordTtlLimit", "The TTL value of the record exceeds the limit."}
		}
		if t.clashes(rec) { // the API's catch-all: its list of codes has none for this
			return vendorError{"InvalidParameter.CustomMessage", "CNAME conflicts with the other records of this host."}
		}
		if t.twin(rec) {
			return vendorError{"InvalidParameter.DomainRecordExist", "The record already exists."}
		}
		if action == "CreateRecord" {
			id = t.add(rec).ID
			return nil
		}
		*t.byID(id) = rec
		return nil
	})
	if err != nil {
		e := codeOf(err)
		return podFail(e.code, e.msg)
	}
	return podAnswer(map[string]any{"RecordId": podNumber(id)})
}

func (d *DNSPod) modifyBatch(q podRequest) answer {
	if q.Change != "value" || q.ChangeTo == "" || len(q.RecordIDList) == 0 {
		return podFail("InvalidParameter.ParamsMissing", "A parameter is missing.")
	}
	if len(q.RecordIDList) > 5000 {
		return podFail("InvalidParameter.JobGreaterThanLimit", "Too many records in one job.")
	}
	j := &podJob{value: q.ChangeTo, wait: d.JobAfter, failed: map[string]string{}}
	for _, n := range q.RecordIDList {
		j.ids = append(j.ids, podID(n))
	}
	for _, z := range d.zones {
		if z.Copy().byID(j.ids[0]) != nil {
			j.zone = z
		}
	}
	if j.zone == nil {
		return podFail("InvalidParameter.RecordIdInvalid", "The record ID is invalid.")
	}
	d.mu.Lock()
	d.jobs = append(d.jobs, j)
	n := len(d.jobs)
	d.mu.Unlock()
	if j.wait == 0 {
		d.carry(j)
	}
	return podAnswer(map[string]any{"JobId": n, "DetailList": []any{map[string]any{"Status": "waiting"}}})
}

// work lets the jobs age by one request.
func (d *DNSPod) work() {
	d.mu.Lock()
	var due []*podJob
	for _, j := range d.jobs {
		if j.wait > 0 {
			if j.wait--; j.wait == 0 {
				due = append(due, j)
			}
		}
	}
	d.mu.Unlock()
	for _, j := range due {
		d.carry(j)
	}
}

func (d *DNSPod) carry(j *podJob) {
	for _, id := range j.ids {
		if why := d.RefuseIDs[id]; why != "" {
			j.failed[id] = why
			continue
		}
		if err := d.write(j.zone, func(t *Zone) error {
			r := t.byID(id)
			if r == nil {
				return vendorError{"InvalidParameter.RecordIdInvalid", "The record ID is invalid."}
			}
			r.Content = j.value
			return nil
		}); err != nil {
			j.failed[id] = err.Error()
		}
	}
	d.mu.Lock()
	j.ended = true
	d.mu.Unlock()
}

func (d *DNSPod) task(n int) answer {
	d.mu.Lock()
	defer d.mu.Unlock()
	if n < 1 || n > len(d.jobs) {
		return podFail("InvalidParameter.BatchTaskNotExist", "The task does not exist.")
	}
	j := d.jobs[n-1]
	recs, status, good := []map[string]any{}, "waiting", 0
	for _, id := range j.ids {
		m := map[string]any{"RecordId": podNumber(id), "Status": "waiting", "ErrMsg": nil}
		if j.ended {
			status, m["Status"] = "ok", "ok"
			if why := j.failed[id]; why != "" {
				m["Status"], m["ErrMsg"] = "error", why
			} else {
				good++
			}
		}
		recs = append(recs, m)
	}
	failed := 0
	if j.ended {
		failed = len(j.ids) - good
	}
	return podAnswer(map[string]any{
		"TotalCount": len(j.ids), "SuccessCount": good, "FailCount": failed, "JobType": "record_modify",
		"DetailList": []any{map[string]any{"Status": status, "RecordList": recs}},
	})
}
