package cloudflare

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/dutyops/dutyops/dnsproviders"
)

// record is one DNS record as the API shows it; Content is canonical where it can be.
type record struct {
	ID      string   `json:"id"`
	Name    string   `json:"name"`
	Type    string   `json:"type"`
	Content string   `json:"content"`
	TTL     uint32   `json:"ttl"`
	Proxied bool     `json:"proxied"`
	Comment string   `json:"comment"`
	Tags    []string `json:"tags"`
}

// envelope is the frame of every answer of API v4.
type envelope struct {
	Success bool       `json:"success"`
	Errors  []apiError `json:"errors"`
	Info    pageInfo   `json:"result_info"`

	Result json.RawMessage `json:"result"`
}

type apiError struct {
	Code    int    `json:"code"`
	Message string `json:"message"`
	// Chain are the reasons behind it: 1004 is "DNS Validation Error", whatever it is.
	Chain []apiError `json:"error_chain"`
}

type pageInfo struct {
	Page       int `json:"page"`
	PerPage    int `json:"per_page"`
	TotalCount int `json:"total_count"`
	TotalPages int `json:"total_pages"`
}

// errRefusedInBody is an answer with status 200 and "success": false.
var errRefusedInBody = errors.New("the answer says success: false")

func decode(raw []byte, result any) (pageInfo, error) {
	var e envelope
	if err := json.Unmarshal(raw, &e); err != nil {
		return pageInfo{}, fmt.Errorf("unreadable answer: %w", err)
	}
	if !e.Success {
		return pageInfo{}, fmt.Errorf("%w: %s", errRefusedInBody, apiText(e.Errors))
	}
	if len(e.Result) == 0 || string(e.Result) == "null" {
		return pageInfo{}, errors.New("unreadable answer: it has no result")
	}
	if err := json.Unmarshal(e.Result, result); err != nil {
		return pageInfo{}, fmt.Errorf("unreadable answer: %w", err)
	}
	return e.Info, nil
}

func apiText(es []apiError) string {
	var parts []string
	for _, e := range es {
		parts = append(parts, fmt.Sprintf("%s (code %d)", e.Message, e.Code))
		if why := apiText(e.Chain); why != "" {
			parts = append(parts, why)
		}
	}
	return strings.Join(parts, "; ")
}

// decodeError reads what it can of an error body; it never fails.
func decodeError(raw []byte) []apiError {
	var e envelope
	if json.Unmarshal(raw, &e) != nil {
		return nil
	}
	return e.Errors
}

func decodeList(raw []byte) ([]record, pageInfo, error) {
	var recs []record
	info, err := decode(raw, &recs)
	if err != nil {
		return nil, info, err
	}
	for i := range recs {
		if err := recs[i].normalise(); err != nil {
			return nil, info, err
		}
	}
	return recs, info, nil
}

// normalise checks what every record has and makes name and content canonical. Content
// that has no canonical form stays as it is: it equals nothing that we would write.
func (r *record) normalise() error {
	if r.ID == "" || r.Name == "" || r.Type == "" {
		return errors.New("unreadable answer: a record without id, name or type")
	}
	r.Name, r.Type = dnsproviders.CanonicalName(r.Name), strings.ToUpper(r.Type)
	set, err := dnsproviders.RRset{Name: r.Name, Type: r.Type, Values: []string{r.Content}}.Canonical()
	if err == nil {
		r.Content = set.Values[0]
	}
	return nil
}

type zoneInfo struct {
	ID   string `json:"id"`
	Name string `json:"name"`
	Plan struct {
		LegacyID string `json:"legacy_id"`
	} `json:"plan"`
}

// batchLimit is the number of operations in one batch on the zone's plan; a plan that
// is not known counts as the free one.
func (z zoneInfo) batchLimit() int {
	switch strings.ToLower(z.Plan.LegacyID) {
	case "pro", "pro_plus", "business", "enterprise":
		return paidBatch
	}
	return freeBatch
}

func decodeZones(raw []byte) ([]zoneInfo, error) {
	var zs []zoneInfo
	_, err := decode(raw, &zs)
	return zs, err
}

type batchResult struct {
	Deletes []record `json:"deletes"`
	Patches []record `json:"patches"`
	Posts   []record `json:"posts"`
}

func decodeBatch(raw []byte) (batchResult, error) {
	var b batchResult
	if _, err := decode(raw, &b); err != nil {
		return b, err
	}
	for _, rs := range [][]record{b.Patches, b.Posts} {
		for i := range rs {
			if err := rs[i].normalise(); err != nil {
				return b, err
			}
		}
	}
	return b, nil
}

type batchBody struct {
	Deletes []deleteOp `json:"deletes,omitempty"`
	Patches []patchOp  `json:"patches,omitempty"`
	Posts   []postOp   `json:"posts,omitempty"`
}

type deleteOp struct {
	ID string `json:"id"`
}

// patchOp changes what it names and leaves the rest of the record (proxied, comment,
// tags, settings) as it is.
type patchOp struct {
	ID      string     `json:"id"`
	Content string     `json:"content,omitempty"`
	Data    *httpsData `json:"data,omitempty"`
	TTL     uint32     `json:"ttl,omitempty"`

	of   key    // whose record it is; the answer must show it
	want string // the content that the answer must show; "" = unchanged
}

type postOp struct {
	Name    string     `json:"name"`
	Type    string     `json:"type"`
	Content string     `json:"content,omitempty"`
	Data    *httpsData `json:"data,omitempty"`
	TTL     uint32     `json:"ttl,omitempty"`
	Proxied bool       `json:"proxied"`
	Comment string     `json:"comment,omitempty"`

	want string
}

// httpsData is how the API takes HTTPS records; their content is read-only.
type httpsData struct {
	Priority int    `json:"priority"`
	Target   string `json:"target"`
	Value    string `json:"value"`
}

// payload splits a value into what a record's write carries.
func payload(typ, value string) (content string, data *httpsData) {
	if typ != "HTTPS" {
		return value, nil
	}
	prio, rest, _ := strings.Cut(value, " ")
	target, params, _ := strings.Cut(rest, " ")
	n, err := strconv.Atoi(prio)
	if err != nil {
		return value, nil
	}
	return "", &httpsData{Priority: n, Target: target, Value: params}
}

// rrsets groups the records of the names by name and type, ordered by both.
func rrsets(recs []record, names []string) []dnsproviders.RRset {
	want := make(map[string]bool, len(names))
	for _, n := range names {
		want[dnsproviders.CanonicalName(n)] = true
	}
	types := dnsproviders.Types()
	at := map[key]int{}
	var out []dnsproviders.RRset
	for _, r := range recs {
		if !want[r.Name] || !slices.Contains(types, r.Type) {
			continue
		}
		k := key{r.Name, r.Type}
		i, seen := at[k]
		if !seen {
			i = len(out)
			at[k] = i
			out = append(out, dnsproviders.RRset{Name: r.Name, Type: r.Type, TTL: r.TTL})
		}
		s := &out[i]
		s.Values = append(s.Values, r.Content)
		s.TTL = max(s.TTL, r.TTL)
		if r.Proxied {
			s.Note = "proxied"
		} else if r.TTL == 1 && s.Note == "" {
			s.Note = "ttl automatic"
		}
	}
	for i := range out {
		slices.Sort(out[i].Values)
	}
	slices.SortFunc(out, func(a, b dnsproviders.RRset) int {
		if c := strings.Compare(a.Name, b.Name); c != 0 {
			return c
		}
		return strings.Compare(a.Type, b.Type)
	})
	return out
}
