package alidns

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/dutyops/dutyops/dnsproviders/internal/byrecord"
)

const defaultLine = "default"

// apiError is the body of every answer that is not 200.
type apiError struct {
	Code      string `json:"Code"`
	Message   string `json:"Message"`
	RequestID string `json:"RequestId"`
}

func (e *apiError) Error() string { return e.Message + " (" + e.Code + ")" }

// listAnswer: alibabacloud.com/help/en/dns/api-alidns-2015-01-09-describedomainrecords.
type listAnswer struct {
	Total   *int   `json:"TotalCount"`
	Request string `json:"RequestId"`
	Domain  *struct {
		Records []listed `json:"Record"`
	} `json:"DomainRecords"`
}

type listed struct {
	ID     string `json:"RecordId"`
	RR     string `json:"RR"`
	Type   string `json:"Type"`
	Value  string `json:"Value"`
	TTL    uint32 `json:"TTL"`
	Line   string `json:"Line"`
	Status string `json:"Status"`
	Locked bool   `json:"Locked"`
}

// decodeList returns the enabled records of a page, how many the page has in all, and how
// many the zone has.
func decodeList(raw []byte, zone string) (recs []byrecord.Record, got, total int, requestID string, err error) {
	var a listAnswer
	if err := json.Unmarshal(raw, &a); err != nil {
		return nil, 0, 0, "", fmt.Errorf("unreadable answer: %w", err)
	}
	if a.Total == nil || a.Domain == nil {
		return nil, 0, 0, a.Request, errors.New("unreadable answer: it has no list of records")
	}
	for _, l := range a.Domain.Records {
		if l.ID == "" || l.RR == "" || l.Type == "" {
			return nil, 0, 0, a.Request, errors.New("unreadable answer: a record without id, name or type")
		}
		name := l.RR + "." + zone
		if l.RR == "@" {
			name = zone
		}
		if l.Line == "" {
			l.Line = defaultLine
		}
		if !strings.EqualFold(l.Status, "disable") { // not answered to anybody
			recs = append(recs, byrecord.Record{
				ID: l.ID, Name: name, Type: l.Type, Value: l.Value, TTL: l.TTL,
				Line: l.Line, Locked: l.Locked,
			}.Canonical())
		}
	}
	return recs, len(a.Domain.Records), *a.Total, a.Request, nil
}

// decodeID reads the answer to a write.
func decodeID(raw []byte) (id, requestID string, err error) {
	var a struct {
		ID      string `json:"RecordId"`
		Request string `json:"RequestId"`
	}
	if err := json.Unmarshal(raw, &a); err != nil {
		return "", "", fmt.Errorf("unreadable answer: %w", err)
	}
	if a.ID == "" {
		return "", a.Request, errors.New("unreadable answer: it has no RecordId")
	}
	return a.ID, a.Request, nil
}

// decodeError reads what it can of an error body; it never fails.
func decodeError(raw []byte) (apiError, bool) {
	var e apiError
	return e, json.Unmarshal(raw, &e) == nil && e.Code != ""
}
