package dnspod

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/dutyops/dutyops/dnsproviders"
	"github.com/dutyops/dutyops/dnsproviders/dnstest"
	"github.com/dutyops/dutyops/dnsproviders/internal/byrecord"
	bt "github.com/dutyops/dutyops/dnsproviders/internal/byrecordtest"
)

// The example of cloud.tencent.com/document/api/362/4208.
func TestSignatureIsTheOneInTheDocument(t *testing.T) {
	payload := `{"Limit": 1, "Filters": [{"Values": ["\u672a\u547d\u540d"], "Name": "instance-name"}]}`
	got, _ := sign("AKIDz8krbsJ5yKBZQpn74WFkmLPx3EXAMPLE", "Gu5t9xGARNpq86cd98joQYCN3EXAMPLE", "cvm", "cvm.tencentcloudapi.com",
		"application/json; charset=utf-8", []byte(payload), time.Unix(1551113065, 0))
	want := "TC3-HMAC-SHA256 Credential=AKIDz8krbsJ5yKBZQpn74WFkmLPx3EXAMPLE/2019-02-25/cvm/tc3_request, " +
		"SignedHeaders=content-type;host, Signature=72e494ea809ad7a8c8f7a4507b9bddcbaa8e581f516e8da2f66e2c5a96525168"
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestRePointIsOneJobPerAddress(t *testing.T) {
	r := suite(nil).Rig(t, bt.Config{})
	cs := r.Names(200, true)
	rc, err := r.P.Apply(t.Context(), bt.Zone, cs)
	r.Whole(cs, rc, err)
	log := r.API.Log()
	if slices.Contains(log, "ModifyRecord") || strings.Count(strings.Join(log, " "), "ModifyRecordBatch") != 2 || rc.APICalls != len(log) {
		t.Errorf("%v", log)
	}
}

func TestOneRecordNeedsNoJob(t *testing.T) {
	r := suite(nil).Rig(t, bt.Config{})
	if _, err := r.P.Apply(t.Context(), bt.Zone, r.Names(1, true)); err != nil {
		t.Fatal(err)
	}
	if log := r.API.Log(); !slices.Equal(log, []string{"DescribeRecordList", "ModifyRecord", "ModifyRecord", "DescribeRecordList"}) {
		t.Errorf("%v", log)
	}
}

func TestJobThatDoesNotEndIsUncertain(t *testing.T) {
	r := suite(func(d *dnstest.DNSPod) { d.JobAfter = 1 << 30 }).Rig(t, bt.Config{})
	cs := r.Names(5, true)
	_, err := r.P.Apply(t.Context(), bt.Zone, cs)
	r.WellFormed(err, dnsproviders.ErrUncertain)
	if !strings.Contains(err.Error(), "job 1") {
		t.Errorf("%v does not name the job", err)
	}
}

func TestCardAndOptions(t *testing.T) {
	sec := func() (string, error) { return "x", nil }
	for _, o := range []Options{
		{},
		{KeyID: sec},
		{Secret: sec},
		{KeyID: sec, Secret: sec, BaseURL: "ftp://x"},
		{KeyID: sec, Secret: sec, BaseURL: "http://u:p@x"},
		{KeyID: sec, Secret: sec, BaseURL: "https://x/path"},
	} {
		if _, err := New(o); err == nil {
			t.Errorf("%+v was accepted", o.BaseURL)
		}
	}
	p, err := New(Options{KeyID: sec, Secret: sec})
	if err != nil {
		t.Fatal(err)
	}
	if c := p.Capabilities(); c.Kind != "dnspod" || c.Atomic || c.CompareAndSet || c.MaxBatch != 5000 || c.MinTTL != 600 || !strings.Contains(c.Note, "asynchronous") {
		t.Errorf("card %+v", c)
	}
}

func FuzzAnswers(f *testing.F) {
	f.Add([]byte(`{"Response":{"RecordCountInfo":{"TotalCount":1},"RecordList":[{"RecordId":1,"Name":"@","Type":"A","Value":"192.0.2.1","TTL":600,"Line":"默认","LineId":"0","Status":"ENABLE"}],"RequestId":"x"}}`))
	f.Add([]byte(`{"Response":{"Error":{"Code":"AuthFailure","Message":"m"},"RequestId":"x"}}`))
	f.Add([]byte(`{"Response":{"TotalCount":1,"FailCount":1,"DetailList":[{"RecordList":[{"RecordId":1,"Status":"error","ErrMsg":"x"}]}]}}`))
	f.Add([]byte(`{"Response":null}`))
	f.Add([]byte(`[]`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		if recs, got, _, _, err := decodeList(raw, bt.Zone); err == nil {
			if len(recs) > got {
				t.Errorf("%d records of %d", len(recs), got)
			}
			for _, r := range recs {
				if r.ID == "" || r.Line == "" || !strings.HasSuffix(r.Name, bt.Zone) {
					t.Errorf("accepted %+v", r)
				}
			}
			_ = byrecord.Sets(recs, []string{bt.Zone}, defaultLine)
		}
		var task taskAnswer
		if _, err := decode(raw, &task); err == nil {
			if refused, ok := task.ended(); ok && refused == nil {
				t.Error("ended without a result")
			}
		}
	})
}

// One switch there per iteration (then back) at 100 ms latency of the API; jobs end at once.
func BenchmarkSwitch(b *testing.B) {
	for _, n := range []int{1, 100, 1000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			s := suite(nil)
			r := s.Rig(b, bt.Config{})
			cs := r.Names(n, false)
			r.API.Latency = 100 * time.Millisecond
			calls := 0
			back := bt.Invert(cs)
			for b.Loop() {
				rc, err := r.P.Apply(b.Context(), bt.Zone, cs)
				if err != nil {
					b.Fatal(err)
				}
				calls = rc.APICalls
				cs, back = back, cs
			}
			b.ReportMetric(float64(calls), "requests")
		})
	}
}
