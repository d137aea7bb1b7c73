package dnstest

import (
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Route53 is the part of Amazon Route 53's API (2013-04-01, XML) that reads and changes
// a zone: ListHostedZonesByName, ListResourceRecordSets (sorted by reversed labels, 300
// a page), ChangeResourceRecordSets (one transaction, in order; DELETE wants the exact
// set, CREATE none; 1,000 values and 32,000 characters) and GetChange. Source:
// docs.aws.amazon.com/Route53/latest/APIReference/API_ChangeResourceRecordSets.html,
// API_ListResourceRecordSets.html, API_ListHostedZonesByName.html, API_GetChange.html.
type Route53 struct {
	Gate
	// URL is the base URL to configure.
	URL string
	// MaxPage is the largest page; 0 = 300.
	MaxPage int
	// Busy is the number of changes that are refused with PriorRequestNotComplete.
	Busy int
	// Pending is the number of GetChange that say PENDING before INSYNC.
	Pending int
	// Twin adds a private zone of the same name.
	Twin bool
	// Special are record sets in XML that stand beside those of the zone, by owner name.
	Special map[string]string
	// Batches keeps the size of every change that was carried out.
	Batches []int

	key     secret // id, a line end, secret
	zone    *Zone
	changes int
}

// Route53ZoneID is the id of the fake's zone.
const Route53ZoneID = "Z0123456789ABCDEFGHIJ"

// NewRoute53 starts the fake for one zone; the access key is the only one it accepts. Call
// Close when done.
func NewRoute53(accessKeyID, secretAccessKey string, z *Zone) *Route53 {
	r := &Route53{zone: z}
	r.Rotate(accessKeyID, secretAccessKey)
	r.URL = r.open(r)
	return r
}

const r53ns = ` xmlns="https://route53.amazonaws.com/doc/2013-04-01/"`

func xmlReply(format string, args ...any) reply {
	return reply{http.StatusOK, "text/xml", []byte(`<?xml version="1.0" encoding="UTF-8"?>` + "\n" + fmt.Sprintf(format, args...))}
}

func awsError(status int, code, format string, args ...any) reply {
	a := xmlReply(`<ErrorResponse%s><Error><Type>Sender</Type><Code>%s</Code><Message>%s</Message></Error><RequestId>b25f48e8-84fd-11e6-80d9-574e0c4664cb</RequestId></ErrorResponse>`,
		r53ns, code, escape(fmt.Sprintf(format, args...)))
	a.status = status
	return a
}

func escape(s string) string {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(s)) // a Builder does not fail
	return b.String()
}

// ServeHTTP answers one request.
func (a *Route53) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	w.Header().Set("X-Amzn-Requestid", "b25f48e8-84fd-11e6-80d9-574e0c4664cb")
	a.serve(w, r, r.Header.Get("Authorization"), func() reply { return a.do(r, body) }, map[string]reply{
		Unauthorized: awsError(403, "SignatureDoesNotMatch", "The request signature we calculated does not match the signature you provided."),
		Forbidden:    awsError(403, "AccessDenied", "User: arn:aws:iam::123456789012:user/x is not authorized to perform: route53:ChangeResourceRecordSets"),
		RateLimit:    awsError(400, "Throttling", "Rate exceeded"),
		ServerError:  awsError(500, "InternalFailure", "Internal failure"),
		Reject:       awsError(400, "InvalidInput", "Invalid resource type"),
	})
}

func (a *Route53) do(r *http.Request, body []byte) reply {
	id, key, _ := strings.Cut(a.key.get(), "\n")
	if !strings.HasPrefix(r.Header.Get("Authorization"), "AWS4-HMAC-SHA256 Credential="+id+"/") {
		return awsError(403, "InvalidClientTokenId", "The security token included in the request is invalid.")
	}
	if !signed(r, body, id, key) {
		return awsError(403, "SignatureDoesNotMatch", "The request signature we calculated does not match the signature you provided.")
	}
	path := strings.Trim(strings.TrimPrefix(r.URL.Path, "/2013-04-01"), "/")
	switch {
	case path == "hostedzonesbyname":
		return a.zonesByName(r.URL.Query().Get("dnsname"))
	case strings.HasPrefix(path, "change/"):
		a.mu.Lock()
		defer a.mu.Unlock()
		status := "INSYNC"
		if a.Pending > 0 {
			a.Pending--
			status = "PENDING"
		}
		return xmlReply(`<GetChangeResponse%s>%s</GetChangeResponse>`, r53ns, changeInfo(strings.TrimPrefix(path, "change/"), status))
	case path == "hostedzone/"+Route53ZoneID+"/rrset" && r.Method == http.MethodGet:
		return a.list(r)
	case path == "hostedzone/"+Route53ZoneID+"/rrset" && r.Method == http.MethodPost:
		return a.change(body)
	}
	return awsError(404, "NoSuchHostedZone", "No hosted zone found with ID: %s", path)
}

func changeInfo(id, status string) string {
	return fmt.Sprintf(`<ChangeInfo><Id>/change/%s</Id><Status>%s</Status><SubmittedAt>2026-11-22T10:00:00.000Z</SubmittedAt></ChangeInfo>`, id, status)
}

// zonesByName lists from the name on, whatever the zones after it are called.
func (a *Route53) zonesByName(name string) reply {
	one := func(id, name string, private bool) string {
		return fmt.Sprintf(`<HostedZone><Id>/hostedzone/%s</Id><Name>%s</Name><CallerReference>x</CallerReference><Config><PrivateZone>%t</PrivateZone></Config><ResourceRecordSetCount>2</ResourceRecordSetCount></HostedZone>`, id, name, private)
	}
	zs := ""
	if r53order(strings.TrimSuffix(name, ".")) <= r53order(a.zone.Name) {
		zs = one(Route53ZoneID, a.zone.Name+".", false)
		if a.Twin {
			zs += one("Z00000000000000000TWIN", a.zone.Name+".", true)
		}
	}
	return xmlReply(`<ListHostedZonesByNameResponse%s><HostedZones>%s</HostedZones><DNSName>%s</DNSName><IsTruncated>false</IsTruncated><MaxItems>10</MaxItems></ListHostedZonesByNameResponse>`,
		r53ns, zs, escape(name))
}

func r53order(name string) string {
	ls := strings.Split(name, ".")
	slices.Reverse(ls)
	return strings.Join(ls, ".") + "."
}

// r53name is how the API shows a name.
func r53name(n string) string { return strings.ReplaceAll(n, "*", `\052`) + "." }

type r53set struct {
	Name    string   `xml:"Name"`
	Type    string   `xml:"Type"`
	TTL     uint32   `xml:"TTL"`
	Records []string `xml:"ResourceRecords>ResourceRecord>Value"`

	raw string
}

func (s r53set) owner() string {
	return strings.ToLower(strings.ReplaceAll(strings.TrimSuffix(s.Name, "."), `\052`, "*"))
}

func (a *Route53) sets() []r53set {
	at := map[string]int{}
	var out []r53set
	for _, r := range a.zone.Records() {
		k := r.Name + " " + r.Type
		i, seen := at[k]
		if !seen {
			i = len(out)
			at[k] = i
			out = append(out, r53set{Name: r53name(r.Name), Type: r.Type, TTL: r.TTL})
		}
		out[i].Records = append(out[i].Records, r.Content)
	}
	for n, raw := range a.Special {
		out = append(out, r53set{Name: r53name(n), Type: "A", raw: raw})
	}
	slices.SortStableFunc(out, func(x, y r53set) int {
		if c := strings.Compare(r53order(x.owner()), r53order(y.owner())); c != 0 {
			return c
		}
		return strings.Compare(x.Type, y.Type)
	})
	return out
}

func (a *Route53) list(r *http.Request) reply {
	q := r.URL.Query()
	from := r53set{Name: q.Get("name")}.owner()
	all := slices.DeleteFunc(a.sets(), func(s r53set) bool {
		c := strings.Compare(r53order(s.owner()), r53order(from))
		return from != "" && (c < 0 || c == 0 && s.Type < q.Get("type"))
	})
	page := min(atoi(q.Get("maxitems"), 300), 300)
	if a.MaxPage > 0 {
		page = min(page, a.MaxPage)
	}
	var b strings.Builder
	for _, s := range all[:min(page, len(all))] {
		if s.raw != "" {
			b.WriteString(s.raw)
			continue
		}
		fmt.Fprintf(&b, "<ResourceRecordSet><Name>%s</Name><Type>%s</Type><TTL>%d</TTL><ResourceRecords>", s.Name, s.Type, s.TTL)
		for _, v := range s.Records {
			fmt.Fprintf(&b, "<ResourceRecord><Value>%s</Value></ResourceRecord>", escape(v))
		}
		b.WriteString("</ResourceRecords></ResourceRecordSet>")
	}
	next := ""
	if len(all) > page {
		next = fmt.Sprintf("<NextRecordName>%s</NextRecordName><NextRecordType>%s</NextRecordType>", all[page].Name, all[page].Type)
	}
	return xmlReply(`<ListResourceRecordSetsResponse%s><ResourceRecordSets>%s</ResourceRecordSets><IsTruncated>%t</IsTruncated>%s<MaxItems>%d</MaxItems></ListResourceRecordSetsResponse>`,
		r53ns, b.String(), len(all) > page, next, page)
}

func (a *Route53) change(body []byte) reply {
	var in struct {
		Changes []struct {
			Action string `xml:"Action"`
			Set    r53set `xml:"ResourceRecordSet"`
		} `xml:"ChangeBatch>Changes>Change"`
	}
	if xml.Unmarshal(body, &in) != nil || len(in.Changes) == 0 {
		return awsError(400, "InvalidInput", "Invalid XML ; javax.xml.stream.XMLStreamException")
	}
	a.mu.Lock()
	busy := a.Busy > 0
	a.Busy = max(0, a.Busy-1)
	a.mu.Unlock()
	if busy {
		return awsError(400, "PriorRequestNotComplete", "The request was rejected because Route 53 was still processing a prior request.")
	}
	records, chars := 0, 0
	for _, c := range in.Changes {
		times := 1
		if c.Action == "UPSERT" {
			times = 2
		}
		records += times * len(c.Set.Records)
		for _, v := range c.Set.Records {
			chars += times * utf8.RuneCountInString(v)
		}
	}
	if records > 1000 || chars > 32000 {
		return awsError(400, "InvalidChangeBatch", "Number of records limit of 1000 or of characters of 32000 exceeded.")
	}
	err := a.zone.transact(func(t *Zone) error {
		for _, c := range in.Changes {
			if err := r53apply(t, c.Action, c.Set); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return awsError(400, "InvalidChangeBatch", "[%s]", err)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.changes++
	a.Batches = append(a.Batches, records)
	return xmlReply(`<ChangeResourceRecordSetsResponse%s>%s</ChangeResourceRecordSetsResponse>`, r53ns, changeInfo("C"+strconv.Itoa(a.changes), "PENDING"))
}

// r53refusal is a refusal in the API's own words.
type r53refusal string

func (e r53refusal) Error() string { return string(e) }

func r53apply(t *Zone, action string, s r53set) error {
	n := s.owner()
	have, ttl := t.get(n, s.Type)
	what := fmt.Sprintf("resource record set [name='%s', type='%s']", s.Name, s.Type)
	switch {
	case n != t.Name && !strings.HasSuffix(n, "."+t.Name):
		return r53refusal(fmt.Sprintf("RRSet with DNS name %s is not permitted in zone %s.", s.Name, t.Name))
	case action == "DELETE":
		want := slices.Sorted(slices.Values(s.Records))
		if len(have) == 0 {
			return r53refusal(fmt.Sprintf("Tried to delete %s but it was not found", what))
		}
		if !slices.Equal(have, want) || ttl != s.TTL {
			return r53refusal(fmt.Sprintf("Tried to delete %s but the values provided do not match the current values", what))
		}
		t.set(n, s.Type, 0, nil)
		return nil
	case action == "CREATE" && len(have) > 0:
		return r53refusal(fmt.Sprintf("Tried to create %s but it already exists", what))
	case action != "CREATE":
		return r53refusal(fmt.Sprintf("Invalid action %s", action))
	}
	for _, r := range t.recs[n] {
		if r.Type != s.Type && (r.Type == "CNAME" || s.Type == "CNAME") {
			return r53refusal(fmt.Sprintf("RRSet of type %s with DNS name %s is not permitted because a conflicting RRSet of type %s with the same DNS name already exists in zone", s.Type, s.Name, r.Type))
		}
	}
	t.set(n, s.Type, s.TTL, s.Records)
	return nil
}
