package route53

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/route53/types"

	"github.com/dutyops/dutyops/dnsproviders"
	"github.com/dutyops/dutyops/dnsproviders/dnstest"
	"github.com/dutyops/dutyops/dnsproviders/internal/suite"
)

const zoneName = suite.Zone

func random(t testing.TB) string {
	b := make([]byte, 20)
	if _, err := rand.Read(b); err != nil {
		t.Fatal(err)
	}
	return hex.EncodeToString(b)
}

func fake(t testing.TB, o suite.Options) (*suite.Rig, *dnstest.Route53, *Provider) {
	t.Helper()
	id, secret := "AKID"+random(t), random(t)
	z := dnstest.NewZone(zoneName)
	a := dnstest.NewRoute53(id, secret, z)
	t.Cleanup(a.Close)
	c := &suite.Clock{}
	opt := Options{
		BaseURL: a.URL, AccessKeyID: func() (string, error) { return id, nil }, SecretAccessKey: func() (string, error) { return secret, nil },
		Timeout: o.Timeout, Budget: o.Budget, OnRetry: c.OnRetry,
	}
	if o.Transport != nil {
		opt.HTTPClient = &http.Client{Transport: o.Transport}
	}
	p, err := New(opt)
	if err != nil {
		t.Fatal(err)
	}
	p.effort.Now, p.effort.Sleep = c.Now, c.Sleep
	return &suite.Rig{
		Clock: c, Zone: z, Gate: &a.Gate, Provider: p, Secret: id, Write: 3,
		IsWrite: func(r *http.Request) bool { return r.Method == http.MethodPost },
	}, a, p
}

func rig(t testing.TB, o suite.Options) *suite.Rig {
	r, _, _ := fake(t, o)
	return r
}

func TestBadDays(t *testing.T) { suite.BadDays(t, rig) }

func TestTransitions(t *testing.T) {
	suite.Table(t, func(t *testing.T, name string, from []suite.Set) suite.Bed {
		r := rig(t, suite.Options{})
		for _, s := range from {
			r.Zone.Set(name, s.Type, s.TTL, s.Values...)
		}
		return suite.BedOf(r.Provider, r.Zone)
	}, nil)
}

func TestReadIsOneRequestOfAKnownZone(t *testing.T) {
	r, a, p := fake(t, suite.Options{})
	r.Zone.Set("www."+zoneName, "A", 60, "192.0.2.11", "192.0.2.10")
	r.Zone.Set("www."+zoneName, "AAAA", 1, "2001:DB8:A:0::10")
	r.Zone.Set("www."+zoneName, "TXT", 60, `"hello"`)
	r.Zone.Set("*."+zoneName, "CNAME", 60, "Primary.Example.TEST.")
	a.Special = map[string]string{
		"alias." + zoneName: `<ResourceRecordSet><Name>alias.gss.example.test.</Name><Type>A</Type><AliasTarget><HostedZoneId>Z2</HostedZoneId><DNSName>lb.example.test.</DNSName><EvaluateTargetHealth>false</EvaluateTargetHealth></AliasTarget></ResourceRecordSet>`,
		"blue." + zoneName:  `<ResourceRecordSet><Name>blue.gss.example.test.</Name><Type>A</Type><SetIdentifier>blue</SetIdentifier><Weight>1</Weight><TTL>60</TTL><ResourceRecords><ResourceRecord><Value>192.0.2.10</Value></ResourceRecord></ResourceRecords></ResourceRecordSet>`,
	}
	names := []string{"WWW." + zoneName, "*." + zoneName, "alias." + zoneName, "blue." + zoneName, "none." + zoneName}
	got, err := p.Read(t.Context(), zoneName+".", names)
	want := []dnsproviders.RRset{
		{Name: "*." + zoneName, Type: "CNAME", TTL: 60, Values: []string{"primary.example.test"}},
		{Name: "alias." + zoneName, Type: "A", Values: []string{"(alias of lb.example.test)"}, Note: "alias of lb.example.test"},
		{Name: "blue." + zoneName, Type: "A", TTL: 60, Values: []string{"192.0.2.10 (set blue)"}, Note: "set blue"},
		{Name: "www." + zoneName, Type: "A", TTL: 60, Values: []string{"192.0.2.10", "192.0.2.11"}},
		{Name: "www." + zoneName, Type: "AAAA", TTL: 1, Values: []string{suite.OldV6}},
	}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%v\ngot  %+v\nwant %+v", err, got, want)
	}
	if log := a.Log(); len(log) != 2 {
		t.Errorf("first read: %q, want the zone and its sets", log)
	}
	if _, err := p.Read(t.Context(), zoneName, names); err != nil {
		t.Fatal(err)
	}
	if log := a.Log(); len(log) != 1 {
		t.Errorf("second read: %q", log)
	}
	for _, n := range []string{"alias." + zoneName, "blue." + zoneName} {
		c := suite.Change(n, "A", 60, []string{suite.OldV4}, []string{suite.NewV4})
		_, err := p.Apply(t.Context(), zoneName, []dnsproviders.Change{c})
		r.WellFormed(t, err, dnsproviders.ErrRejected)
		if !strings.Contains(err.Error(), "no plain set") {
			t.Error(err)
		}
	}
}

func TestReadPagesOnlyWhatItNeeds(t *testing.T) {
	r, a, p := fake(t, suite.Options{})
	r.Names(25, false)
	a.MaxPage = 10
	names := []string{"h0003." + zoneName, "h0018." + zoneName}
	got, err := p.Read(t.Context(), zoneName, names)
	if err != nil || len(got) != 2 {
		t.Fatalf("got %v, %v", got, err)
	}
	if log := a.Log(); len(log) != 3 {
		t.Errorf("%d requests, want the zone and two pages: %q", len(log), log)
	}
}

func TestApplyComparesOnTheServer(t *testing.T) {
	for name, spoil := range map[string]func(r *suite.Rig){
		"changed": func(r *suite.Rig) { r.Zone.Set("h0001."+zoneName, "A", 60, "203.0.113.99") },
		"grown":   func(r *suite.Rig) { r.Zone.Set("h0001."+zoneName, "A", 60, suite.OldV4, "203.0.113.99") },
		"gone":    func(r *suite.Rig) { r.Zone.Set("h0001."+zoneName, "A", 60) },
		"done":    func(r *suite.Rig) { r.Zone.Set("h0001."+zoneName, "A", 60, suite.NewV4) },
	} {
		t.Run(name, func(t *testing.T) {
			r, _, p := fake(t, suite.Options{})
			changes := r.Names(3, false)
			// Somebody else writes between our list and our change.
			_, err := p.ApplyInspected(t.Context(), zoneName, changes, func([]dnsproviders.RRset) error { spoil(r); return nil })
			r.WellFormed(t, err, dnsproviders.ErrConflict)
			if !strings.Contains(err.Error(), "h0001."+zoneName) {
				t.Errorf("%v does not name h0001", err)
			}
			for _, n := range []string{"h0000.", "h0002."} {
				if vs, _ := r.Zone.Get(n+zoneName, "A"); !slices.Equal(vs, []string{suite.OldV4}) {
					t.Errorf("%s is %v", n, vs)
				}
			}
			if vs, _ := r.Zone.Get("h0001."+zoneName, "A"); slices.Equal(vs, []string{suite.OldV4}) {
				t.Errorf("h0001 is %v", vs)
			}
		})
	}
	r, _, p := fake(t, suite.Options{})
	changes := append(r.Names(1, false), suite.Change("new."+zoneName, "A", 60, nil, []string{suite.NewV4}))
	_, err := p.ApplyInspected(t.Context(), zoneName, changes, func([]dnsproviders.RRset) error {
		r.Zone.Set("new."+zoneName, "A", 60, "203.0.113.99")
		return nil
	})
	r.WellFormed(t, err, dnsproviders.ErrConflict)
}

func TestTTLOfThePlanIsNoCondition(t *testing.T) {
	r := rig(t, suite.Options{})
	changes := r.Names(1, false)
	r.Zone.Set("h0000."+zoneName, "A", 300, suite.OldV4) // the DELETE must say 300, not the plan's 60
	if _, err := r.Provider.Apply(t.Context(), zoneName, changes); err != nil || r.Zone.Text("h0000."+zoneName, "A") != "60 "+suite.NewV4 {
		t.Errorf("%v, %s", err, r.Zone.Text("h0000."+zoneName, "A"))
	}
}

func TestBatchesKeepBothLimits(t *testing.T) {
	r, a, p := fake(t, suite.Options{})
	changes := r.Names(600, true) // 2,400 values
	rc, err := p.Apply(t.Context(), zoneName, changes)
	if err != nil || rc.Changed != 1200 || r.Standing(t, changes) != "new" {
		t.Fatalf("%+v, %v", rc, err)
	}
	if want := []int{1000, 1000, 400}; !slices.Equal(a.Batches, want) || rc.RequestID != "C3" {
		t.Errorf("batches of %v values, want %v; change %s", a.Batches, want, rc.RequestID)
	}
	if rc.APICalls != 1+4+3 {
		t.Errorf("%d requests", rc.APICalls)
	}

	// Characters: 2 x 200 each, 80 names fill one request; and they are characters, not bytes.
	long := func(n int) item {
		set := func(c string) *types.ResourceRecordSet {
			return &types.ResourceRecordSet{ResourceRecords: []types.ResourceRecord{{Value: aws.String(strings.Repeat(c, 200))}}}
		}
		return item{change: suite.Change(fmt.Sprintf("h%d.%s", n, zoneName), "HTTPS", 60, nil, nil), gone: set("x"), fresh: set("ü")}
	}
	var items []item
	for i := range 161 {
		items = append(items, long(i))
	}
	batches, err := pack(items)
	if err != nil || len(batches) != 3 || len(batches[0]) != 80 || len(batches[1]) != 80 || len(batches[2]) != 1 {
		t.Errorf("%d batches, %v", len(batches), err)
	}
	// All sets of a name stay together; a name that does not fit is refused.
	var same []item
	for range 81 {
		same = append(same, long(1))
	}
	if _, err := pack(same); !errors.Is(err, errTooLarge) {
		t.Errorf("%v", err)
	}
}

func TestLaterBatchFailsIsPartial(t *testing.T) {
	r, _, p := fake(t, suite.Options{})
	changes := r.Names(1200, false)
	r.Gate.Break(&dnstest.Fault{Kind: dnstest.Forbidden, First: 1 + 4 + 2}) // zone, 4 pages, batch, batch
	rc, err := p.Apply(t.Context(), zoneName, changes)
	var pe *dnsproviders.PartialError
	if !errors.As(err, &pe) || !errors.Is(err, dnsproviders.ErrForbidden) {
		t.Fatalf("got %v", err)
	}
	if len(pe.Done) != 500 || len(pe.Left) != 700 || rc.Changed != 500 || r.Standing(t, pe.Done) != "new" || r.Standing(t, pe.Left) != "old" {
		t.Errorf("done %d %s, left %d %s", len(pe.Done), r.Standing(t, pe.Done), len(pe.Left), r.Standing(t, pe.Left))
	}
	if _, err := p.Apply(t.Context(), zoneName, pe.Left); err != nil || r.Standing(t, changes) != "new" {
		t.Errorf("resume: %v", err)
	}
}

func TestPriorRequestIsWaitedFor(t *testing.T) {
	r, a, p := fake(t, suite.Options{})
	changes := r.Names(2, false)
	a.Busy = 2
	if _, err := p.Apply(t.Context(), zoneName, changes); err != nil || len(r.Notices()) != 2 || r.Standing(t, changes) != "new" {
		t.Fatalf("%v, %+v", err, r.Notices())
	}
	a.Busy = 100
	_, err := p.Apply(t.Context(), zoneName, suite.Invert(changes))
	r.WellFormed(t, err, dnsproviders.ErrRateLimited)
	if !strings.Contains(err.Error(), "PriorRequestNotComplete") || r.Standing(t, changes) != "new" {
		t.Error(err)
	}
}

func TestRequestsArePaced(t *testing.T) {
	r, _, p := fake(t, suite.Options{Budget: time.Hour})
	r.Names(1, false)
	began := r.Now()
	for range 20 { // and one for the zone
		if _, err := p.Read(t.Context(), zoneName, []string{"h0000." + zoneName}); err != nil {
			t.Fatal(err)
		}
	}
	if d := r.Now().Sub(began); d < 4*time.Second {
		t.Errorf("21 requests in %s: more than 5 a second", d)
	}
}

func TestInSync(t *testing.T) {
	r, a, p := fake(t, suite.Options{})
	rc, err := p.Apply(t.Context(), zoneName, r.Names(1, false))
	if err != nil || rc.RequestID != "C1" {
		t.Fatalf("%+v, %v", rc, err)
	}
	a.Pending = 3
	if ok, err := p.InSync(t.Context(), zoneName, rc.RequestID); ok || err != nil {
		t.Errorf("%v, %v; want pending", ok, err)
	}
	a.Pending = 0
	if ok, err := p.InSync(t.Context(), zoneName, rc.RequestID); !ok || err != nil {
		t.Errorf("%v, %v; want in sync", ok, err)
	}
}

func TestZoneLookup(t *testing.T) {
	r, a, p := fake(t, suite.Options{})
	if _, err := p.Read(t.Context(), "zz.test", []string{"a.zz.test"}); !errors.Is(err, dnsproviders.ErrNotFound) {
		t.Errorf("got %v", err)
	}
	a.Twin = true
	_, err := p.Read(t.Context(), zoneName, nil)
	r.WellFormed(t, err, dnsproviders.ErrRejected)
	if !strings.Contains(err.Error(), dnstest.Route53ZoneID) {
		t.Errorf("%v does not name the zones", err)
	}
	p.opt.HostedZoneID = "/hostedzone/" + dnstest.Route53ZoneID
	a.Log()
	if _, err := p.Read(t.Context(), zoneName, nil); err != nil || len(a.Log()) != 1 {
		t.Errorf("with its id: %v", err)
	}
	p.opt.HostedZoneID = "ZNONE"
	if _, err := p.Read(t.Context(), zoneName, nil); !errors.Is(err, dnsproviders.ErrNotFound) {
		t.Errorf("got %v", err)
	}
}

func TestCredentialProblems(t *testing.T) {
	r, a, p := fake(t, suite.Options{})
	good := p.opt.AccessKeyID
	for _, f := range []func() (string, error){
		func() (string, error) { return "", errors.New("secret env:X: not set") },
		func() (string, error) { return "  ", nil },
		func() (string, error) { return "a\nb", nil },
	} {
		p.opt.AccessKeyID = f
		_, err := p.Read(t.Context(), zoneName, nil)
		r.WellFormed(t, err, dnsproviders.ErrAuth)
		p.opt.AccessKeyID = good
		was := p.opt.SecretAccessKey
		p.opt.SecretAccessKey = f
		_, err = p.Read(t.Context(), zoneName, nil)
		r.WellFormed(t, err, dnsproviders.ErrAuth)
		p.opt.SecretAccessKey = was
	}
	if len(a.Log()) != 0 {
		t.Error("a request was sent without a key")
	}
	p.opt.AccessKeyID = func() (string, error) { return "AKIDOTHER", nil }
	_, err := p.Read(t.Context(), zoneName, nil)
	r.WellFormed(t, err, dnsproviders.ErrAuth)
}

func TestNewRefusesWrongOptions(t *testing.T) {
	s := func() (string, error) { return "x", nil }
	for _, o := range []Options{
		{},
		{AccessKeyID: s},
		{SecretAccessKey: s},
		{AccessKeyID: s, SecretAccessKey: s, BaseURL: "ftp://x"},
		{AccessKeyID: s, SecretAccessKey: s, BaseURL: "http://u:p@x"},
	} {
		if _, err := New(o); err == nil {
			t.Errorf("%q was accepted", o.BaseURL)
		}
	}
	p, err := New(Options{AccessKeyID: s, SecretAccessKey: s})
	if err != nil || p.opt.Region != DefaultRegion {
		t.Errorf("%+v, %v", p, err)
	}
	if c := p.Capabilities(); !c.Atomic || !c.CompareAndSet || c.MaxBatch != 500 || c.Note == "" {
		t.Errorf("card %+v", c)
	}
}

func TestOrderAndNames(t *testing.T) {
	if got := ownerName(`\052.Example.TEST.`); got != "*.example.test" {
		t.Error(got)
	}
	if order("a-b.example.test") >= order("a.b.example.test") && order("www.example.test") <= order("example.test") {
		t.Error("order")
	}
	if f, l := span([]string{"b.x.test", "a.x.test", "x.test"}); f != "x.test" || l != "b.x.test" {
		t.Errorf("%s to %s", f, l)
	}
	if f, l := span([]string{"b.x.test", "*.x.test"}); f != "" || l != "" {
		t.Errorf("%s to %s, want the whole zone", f, l)
	}
}

func FuzzOwnerName(f *testing.F) {
	f.Add(`\052.example.test.`)
	f.Add(`\377\`)
	f.Fuzz(func(t *testing.T, s string) {
		if n := ownerName(s); strings.Contains(s, `\052`) && !strings.Contains(s, `\\`) && !strings.Contains(n, "*") {
			t.Errorf("%q: %q", s, n)
		}
	})
}

func FuzzAnswers(f *testing.F) {
	f.Add([]byte(`<?xml version="1.0"?><ListResourceRecordSetsResponse><ResourceRecordSets><ResourceRecordSet><Name>h.gss.example.test.</Name><Type>A</Type><TTL>60</TTL><ResourceRecords><ResourceRecord><Value>192.0.2.10</Value></ResourceRecord></ResourceRecords></ResourceRecordSet></ResourceRecordSets><IsTruncated>false</IsTruncated></ListResourceRecordSetsResponse>`))
	f.Add([]byte(`<html>`))
	f.Add([]byte(``))
	f.Fuzz(func(t *testing.T, raw []byte) {
		s := func() (string, error) { return "AKIDX", nil }
		c := &suite.Clock{}
		p, err := New(Options{
			AccessKeyID: s, SecretAccessKey: s, HostedZoneID: "Z1",
			HTTPClient: &http.Client{Transport: suite.RoundTripper(func(req *http.Request) (*http.Response, error) { return answer(req, raw), nil })},
		})
		if err != nil {
			t.Fatal(err)
		}
		p.effort.Now, p.effort.Sleep = c.Now, c.Sleep
		sets, err := p.Read(t.Context(), zoneName, []string{"h." + zoneName})
		if err != nil && !errors.Is(err, dnsproviders.ErrUnavailable) {
			t.Errorf("%v", err)
		}
		if err == nil && !strings.Contains(string(raw), "ResourceRecordSets") {
			t.Errorf("%q was taken for %v", raw, sets)
		}
	})
}

func BenchmarkSwitch1000(b *testing.B) {
	r, _, p := fake(b, suite.Options{Budget: time.Hour})
	changes := r.Names(1000, false)
	if _, err := p.Read(b.Context(), zoneName, nil); err != nil {
		b.Fatal(err)
	}
	calls := 0
	for b.Loop() {
		rc, err := p.Apply(b.Context(), zoneName, changes)
		if err != nil {
			b.Fatal(err)
		}
		calls = rc.APICalls
		changes = suite.Invert(changes)
	}
	b.ReportMetric(float64(calls), "requests")
}

func answer(req *http.Request, raw []byte) *http.Response {
	return &http.Response{
		StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {"text/xml"}}, Request: req,
		Body: io.NopCloser(strings.NewReader(string(raw))), ContentLength: int64(len(raw)),
	}
}
