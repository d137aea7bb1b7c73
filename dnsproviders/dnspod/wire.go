package dnspod

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/dutyops/dutyops/dnsproviders/internal/byrecord"
)

// apiError is an answer that says what is wrong; the API sends it with status 200.
type apiError struct {
	Code    string `json:"Code"`
	Message string `json:"Message"`
}

func (e *apiError) Error() string { return e.Message + " (" + e.Code + ")" }

// family says whether the code is c or one of its sub-codes.
func (e *apiError) family(c string) bool { return e.Code == c || strings.HasPrefix(e.Code, c+".") }

// decode reads the frame of every answer into result; the error is an *apiError when the
// answer is one.
func decode(raw []byte, result any) (requestID string, err error) {
	var frame struct {
		Response json.RawMessage `json:"Response"`
	}
	if err := json.Unmarshal(raw, &frame); err != nil {
		return "", fmt.Errorf("unreadable answer: %w", err)
	}
	if b := bytes.TrimSpace(frame.Response); len(b) == 0 || b[0] != '{' {
		return "", errors.New("unreadable answer: it has no Response")
	}
	var head struct {
		RequestID string    `json:"RequestId"`
		Error     *apiError `json:"Error"`
	}
	if err := json.Unmarshal(frame.Response, &head); err != nil {
		return "", fmt.Errorf("unreadable answer: %w", err)
	}
	if head.Error != nil {
		return head.RequestID, head.Error
	}
	if err := json.Unmarshal(frame.Response, result); err != nil {
		return head.RequestID, fmt.Errorf("unreadable answer: %w", err)
	}
	return head.RequestID, nil
}

// listAnswer: cloud.tencent.com/document/api/1427/56166.
type listAnswer struct {
	Count struct {
		Total int `json:"TotalCount"`
	} `json:"RecordCountInfo"`
	Records []listed `json:"RecordList"`
}

type listed struct {
	ID     int64  `json:"RecordId"`
	Name   string `json:"Name"`
	Type   string `json:"Type"`
	Value  string `json:"Value"`
	TTL    uint32 `json:"TTL"`
	Line   string `json:"Line"`
	LineID string `json:"LineId"`
	MX     int    `json:"MX"`
	Weight *int   `json:"Weight"`
	Remark string `json:"Remark"`
	Status string `json:"Status"`
}

// kept is what ModifyRecord resets when it is not told: the line's id, the weight and
// the remark; Split says that an HTTPS value comes in two parts, its priority in MX.
type kept struct {
	LineID string `json:"line_id,omitempty"`
	Weight *int   `json:"weight,omitempty"`
	Remark string `json:"remark,omitempty"`
	Split  bool   `json:"split,omitempty"`
}

func (l listed) record(zone string) (byrecord.Record, error) {
	if l.ID == 0 || l.Name == "" || l.Type == "" {
		return byrecord.Record{}, errors.New("unreadable answer: a record without id, name or type")
	}
	name := l.Name + "." + zone
	if l.Name == "@" {
		name = zone
	}
	line := l.Line
	if l.LineID == "0" || line == lineName || line == "" {
		line = defaultLine
	}
	k := kept{LineID: l.LineID, Weight: l.Weight, Remark: l.Remark}
	value := l.Value
	if l.Type == "HTTPS" {
		if first, _, _ := strings.Cut(value, " "); !digits(first) {
			k.Split, value = true, strconv.Itoa(l.MX)+" "+value
		}
	}
	return byrecord.Record{
		ID: strconv.FormatInt(l.ID, 10), Name: name, Type: l.Type, Value: value, TTL: l.TTL,
		Line: line, Keep: k,
	}.Canonical(), nil
}

// DecodeKeep implements byrecord.KeepCodec.
func (api) DecodeKeep(raw json.RawMessage) (any, error) {
	var k kept
	if err := json.Unmarshal(raw, &k); err != nil {
		return nil, err
	}
	return k, nil
}

func digits(s string) bool {
	return s != "" && strings.Trim(s, "0123456789") == ""
}

// decodeList returns the enabled records of a page, how many the page has in all, and how
// many the zone has.
func decodeList(raw []byte, zone string) (recs []byrecord.Record, got, total int, requestID string, err error) {
	var a listAnswer
	if requestID, err = decode(raw, &a); err != nil {
		return nil, 0, 0, requestID, err
	}
	for _, l := range a.Records {
		r, err := l.record(zone)
		if err != nil {
			return nil, 0, 0, requestID, err
		}
		if !strings.EqualFold(l.Status, "DISABLE") { // not answered to anybody
			recs = append(recs, r)
		}
	}
	return recs, len(a.Records), a.Count.Total, requestID, nil
}

type idAnswer struct {
	RecordID int64 `json:"RecordId"`
}

type jobAnswer struct {
	JobID int64 `json:"JobId"`
}

// taskAnswer: cloud.tencent.com/document/api/1427/56174.
type taskAnswer struct {
	Details []struct {
		Status  string `json:"Status"`
		ErrMsg  string `json:"ErrMsg"`
		Records []struct {
			ID     int64  `json:"RecordId"`
			Status string `json:"Status"`
			ErrMsg string `json:"ErrMsg"`
		} `json:"RecordList"`
	} `json:"DetailList"`
	Total   int `json:"TotalCount"`
	Success int `json:"SuccessCount"`
	Failed  int `json:"FailCount"`
}

// ended says whether the job has come to its end, and what it says of records that it
// did not change.
func (a taskAnswer) ended() (refused map[string]string, ok bool) {
	if a.Total <= 0 || a.Success+a.Failed < a.Total {
		return nil, false
	}
	refused = map[string]string{}
	for _, d := range a.Details {
		for _, r := range d.Records {
			if r.ErrMsg != "" || strings.EqualFold(r.Status, "error") || strings.EqualFold(r.Status, "fail") {
				text := r.ErrMsg
				if text == "" {
					text = "no reason given"
				}
				refused[strconv.FormatInt(r.ID, 10)] = text
			}
		}
	}
	return refused, true
}
