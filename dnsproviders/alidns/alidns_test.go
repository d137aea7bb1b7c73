package alidns

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/dutyops/dutyops/dnsproviders/dnstest"
	"github.com/dutyops/dutyops/dnsproviders/internal/byrecord"
	bt "github.com/dutyops/dutyops/dnsproviders/internal/byrecordtest"
)

// The fixed example of alibabacloud.com/help/en/sdk/product-overview/v3-request-structure-and-signature.
func TestSignatureIsTheOneInTheDocument(t *testing.T) {
	q := query(map[string]string{"RegionId": "cn-shanghai", "ImageId": "win2019_1809_x64_dtc_zh-cn_40G_alibase_20230811.vhd"})
	got, _ := sign("YourAccessKeyId", "YourAccessKeySecret", q, map[string]string{
		"host": "ecs.cn-shanghai.aliyuncs.com", "x-acs-action": "RunInstances", "x-acs-version": "2014-05-26",
		"x-acs-date": "2023-10-26T10:22:32Z", "x-acs-signature-nonce": "3156853299f313e23d1673dc12e1703d", "x-acs-content-sha256": hash(""),
	})
	want := "ACS3-HMAC-SHA256 Credential=YourAccessKeyId,SignedHeaders=host;x-acs-action;x-acs-content-sha256;x-acs-date;x-acs-signature-nonce;x-acs-version," +
		"Signature=06563a9e1b43f5dfe96b81484da74bceab24a1d853912eee15083a6f0f3283c0"
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if q := query(map[string]string{"V": "a b*c~d/e=", "RR": "@"}); q != "RR=%40&V=a%20b%2Ac~d%2Fe%3D" {
		t.Errorf("query %s", q)
	}
}

func TestOneRequestPerRecord(t *testing.T) {
	r := suite(nil).Rig(t, bt.Config{})
	cs := r.Names(40, true)
	rc, err := r.P.Apply(t.Context(), bt.Zone, cs)
	r.Whole(cs, rc, err)
	log := r.API.Log()
	slices.Sort(log)
	if len(log) != 82 || !slices.Equal(slices.Compact(log), []string{"DescribeDomainRecords", "UpdateDomainRecord"}) || r.API.Most() > 4 {
		t.Errorf("%d requests, %d at a time: %v", len(log), r.API.Most(), log)
	}
}

// The waits for the rate add up to what the rate allows, and do not use up the budget.
func TestRateIsKept(t *testing.T) {
	r := suite(nil).Rig(t, bt.Config{Budget: time.Second})
	e := r.P.(*Provider).e
	e.Rate, e.Parallel = 10, 1
	clock := time.Unix(1_700_000_000, 0)
	var mu sync.Mutex
	e.Now = func() time.Time {
		mu.Lock()
		defer mu.Unlock()
		return clock
	}
	e.Sleep = func(_ context.Context, d time.Duration) error {
		mu.Lock()
		defer mu.Unlock()
		clock = clock.Add(d)
		return nil
	}
	begin := e.Now()
	cs := r.Names(101, false)
	rc, err := r.P.Apply(t.Context(), bt.Zone, cs)
	r.Whole(cs, rc, err)
	if got := e.Now().Sub(begin); got != 10*time.Second || r.Waits() != 0 {
		t.Errorf("101 writes at 10 a second took %s, %d retries", got, r.Waits())
	}
}

// The API refuses a second write of a domain while one is under way.
func TestBusyDomain(t *testing.T) {
	r := suite(func(a *dnstest.AliDNS) { a.Busy = true }).Rig(t, bt.Config{Budget: time.Hour})
	cs := r.Mixed()
	r.Watch(cs)
	rc, err := r.P.Apply(t.Context(), bt.Zone, cs)
	r.Whole(cs, rc, err)
	if err != nil {
		t.Error(err)
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
	if c := p.Capabilities(); c.Kind != "alidns" || c.Atomic || c.CompareAndSet || c.MaxBatch != 1 || c.MinTTL != 600 || !strings.Contains(c.Note, "1,000 records take 20 s") {
		t.Errorf("card %+v", c)
	}
}

func FuzzAnswers(f *testing.F) {
	f.Add([]byte(`{"TotalCount":1,"RequestId":"x","DomainRecords":{"Record":[{"RecordId":"1","RR":"@","Type":"A","Value":"192.0.2.1","TTL":600,"Line":"default","Status":"ENABLE"}]}}`))
	f.Add([]byte(`{"Code":"Throttling.User","Message":"m","RequestId":"x"}`))
	f.Add([]byte(`{"RecordId":"1","RequestId":"x"}`))
	f.Add([]byte(`{"TotalCount":0,"DomainRecords":null}`))
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
		if id, _, err := decodeID(raw); err == nil && id == "" {
			t.Error("an answer without an id was accepted")
		}
		if e, ok := decodeError(raw); ok && e.Code == "" {
			t.Error("an error without a code")
		}
	})
}

// One switch there per iteration (then back) at 100 ms latency of the API, at the
// default rate.
func BenchmarkSwitch(b *testing.B) {
	for _, n := range []int{1, 100} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			r := suite(nil).Rig(b, bt.Config{})
			e := r.P.(*Provider).e
			e.Now, e.Sleep = time.Now, (&byrecord.Engine{}).Sleep
			e.Defaults()
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
