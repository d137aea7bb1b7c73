package cloudflare

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/dutyops/dutyops/dnsproviders"
	"github.com/dutyops/dutyops/dnsproviders/dnstest"
)

// wellFormed checks what every error of this package promises.
func wellFormed(t *testing.T, r *rig, err error, kind error) {
	t.Helper()
	if !errors.Is(err, kind) {
		t.Fatalf("got %v, want %v", err, kind)
	}
	var e *dnsproviders.Error
	if !errors.As(err, &e) {
		t.Fatalf("%T is not a *dnsproviders.Error", err)
	}
	if e.Detail == "" || e.Hint == "" || e.Zone != zoneName {
		t.Errorf("an error without detail, hint or zone: %+v", e)
	}
	for x := err; x != nil; x = errors.Unwrap(x) {
		if strings.Contains(fmt.Sprintf("%v", x), r.token) {
			t.Errorf("the token is in the error: %v", x)
		}
	}
	if strings.Contains(fmt.Sprintf("%v %v %v", e, e.Err, e.Detail), r.token) {
		t.Errorf("the token is in the error: %v", e)
	}
}

func TestReadOnBadDays(t *testing.T) {
	for _, tc := range []struct {
		kind  string
		want  error
		tries int
	}{
		{dnstest.Unauthorized, dnsproviders.ErrAuth, 1},
		{dnstest.Forbidden, dnsproviders.ErrForbidden, 1},
		{dnstest.RateLimit, dnsproviders.ErrRateLimited, 1},
		{dnstest.ServerError, dnsproviders.ErrUnavailable, 3},
		{dnstest.Garbage, dnsproviders.ErrUnavailable, 3},
		{dnstest.HTML, dnsproviders.ErrUnavailable, 3},
		{dnstest.HalfBody, dnsproviders.ErrUnavailable, 3},
		{dnstest.Hang, dnsproviders.ErrUnavailable, 3},
		{dnstest.Drop, dnsproviders.ErrUnavailable, 3},
	} {
		t.Run(tc.kind, func(t *testing.T) {
			r := newRig(t, Options{Timeout: 80 * time.Millisecond})
			if tc.kind != dnstest.Hang {
				r = newRig(t, Options{})
			}
			r.names(1, false)
			r.api.Break(&dnstest.Fault{Kind: tc.kind, Times: -1, RetryAfter: 300 * time.Second})
			_, err := r.p.Read(t.Context(), zoneName, []string{"h0000." + zoneName})
			wellFormed(t, r, err, tc.want)
			if log := r.api.Log(); len(log) != tc.tries && tc.kind != dnstest.Drop {
				t.Errorf("%d requests, want %d", len(log), tc.tries)
			}
			if len(r.notices) != tc.tries-1 {
				t.Errorf("%d retry notices, want %d", len(r.notices), tc.tries-1)
			}
			r.api.Break(nil)
			if got, err := r.p.Read(t.Context(), zoneName, []string{"h0000." + zoneName}); err != nil || len(got) != 1 {
				t.Errorf("after the bad day: %v, %v", got, err)
			}
		})
	}
}

func TestRateLimitIsWaitedForOnlyWithinTheBudget(t *testing.T) {
	r := newRig(t, Options{Budget: 10 * time.Second})
	changes := r.names(2, false)
	r.api.Break(&dnstest.Fault{Kind: dnstest.RateLimit, First: 3, RetryAfter: 4 * time.Second})
	if _, err := r.p.Apply(t.Context(), zoneName, changes); err != nil {
		t.Fatal(err)
	}
	if len(r.notices) != 1 || r.notices[0].Wait != 4*time.Second || r.notices[0].Left <= 0 || r.notices[0].Try != 2 {
		t.Errorf("notices %+v, want one of 4 s", r.notices)
	}
	back := invert(changes)
	r.api.Break(&dnstest.Fault{Kind: dnstest.RateLimit, First: 2, RetryAfter: 120 * time.Second})
	_, err := r.p.Apply(t.Context(), zoneName, back)
	wellFormed(t, r, err, dnsproviders.ErrRateLimited)
	var e *dnsproviders.Error
	if errors.As(err, &e); e.RetryAfter != 120*time.Second {
		t.Errorf("retry after %s, want 120s", e.RetryAfter)
	}
	if len(r.notices) != 1 || r.standing(changes) != "new" {
		t.Errorf("waited %+v, zone %s", r.notices, r.standing(changes))
	}
}

// A write whose answer is spoiled once: whatever happened, the zone is all old or all
// new and the error says which.
func TestWriteAnsweredBadlyOnce(t *testing.T) {
	for _, kind := range []string{
		dnstest.Unauthorized, dnstest.Forbidden, dnstest.RateLimit, dnstest.ServerError, dnstest.Garbage,
		dnstest.HTML, dnstest.HalfBody, dnstest.Hang, dnstest.Drop, dnstest.Reject,
	} {
		for _, applied := range []bool{false, true} {
			if applied && (kind == dnstest.Unauthorized || kind == dnstest.Forbidden || kind == dnstest.RateLimit || kind == dnstest.Reject) {
				continue // these are answers of a server that has not acted
			}
			for _, create := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s applied=%v create=%v", kind, applied, create), func(t *testing.T) {
					opt := Options{}
					if kind == dnstest.Hang {
						opt.Timeout = 100 * time.Millisecond
					}
					r := newRig(t, opt)
					changes := r.names(3, true)
					if create {
						changes = append(changes, change("new."+zoneName, "AAAA", 60, nil, []string{newV6}))
					}
					r.api.Break(&dnstest.Fault{Kind: kind, First: 3, Applied: applied, RetryAfter: time.Hour})
					rc, err := r.p.Apply(t.Context(), zoneName, changes)
					s := r.standing(changes)
					switch {
					case err == nil:
						if s != "new" || rc.Changed != len(changes) {
							t.Errorf("no error, zone %s, changed %d", s, rc.Changed)
						}
					case s != "old":
						t.Errorf("error %v, zone %s", err, s)
					}
					retried := len(r.notices) > 0
					switch kind {
					case dnstest.Unauthorized:
						wellFormed(t, r, err, dnsproviders.ErrAuth)
					case dnstest.Forbidden:
						wellFormed(t, r, err, dnsproviders.ErrForbidden)
					case dnstest.RateLimit:
						wellFormed(t, r, err, dnsproviders.ErrRateLimited)
					case dnstest.Reject:
						wellFormed(t, r, err, dnsproviders.ErrRejected)
					case dnstest.ServerError:
						if create && !applied { // posts are not repeated
							wellFormed(t, r, err, dnsproviders.ErrUnavailable)
							break
						}
						if err != nil || retried == applied {
							t.Errorf("err %v, retried %v", err, retried)
						}
					default:
						if create && !applied {
							wellFormed(t, r, err, dnsproviders.ErrUncertain)
							break
						}
						if err != nil || retried == applied {
							t.Errorf("err %v, retried %v", err, retried)
						}
					}
				})
			}
		}
	}
}

func TestLostAnswerAndNoReadBackIsUncertain(t *testing.T) {
	r := newRig(t, Options{})
	changes := r.names(2, false)
	r.api.Break(&dnstest.Fault{Kind: dnstest.Drop, First: 3, Times: -1, Applied: true})
	_, err := r.p.Apply(t.Context(), zoneName, changes)
	wellFormed(t, r, err, dnsproviders.ErrUncertain)
	r.api.Break(nil)
	if s := r.standing(changes); s != "new" {
		t.Error(s)
	}
}

func TestLostTwiceIsUncertain(t *testing.T) {
	r := newRig(t, Options{Timeout: 60 * time.Millisecond})
	changes := r.names(2, false)
	hang := &dnstest.Fault{Kind: dnstest.Hang, Times: -1}
	// The API hangs on writes only.
	rt := http.DefaultTransport.(*http.Transport).Clone()
	r.p.opt.HTTPClient = &http.Client{Transport: roundTripper(func(req *http.Request) (*http.Response, error) {
		if req.Method == http.MethodPost {
			r.api.Break(hang)
		} else {
			r.api.Break(nil)
		}
		return rt.RoundTrip(req)
	})}
	_, err := r.p.Apply(t.Context(), zoneName, changes)
	wellFormed(t, r, err, dnsproviders.ErrUncertain)
	if len(r.notices) != 1 {
		t.Errorf("%d retries, want one", len(r.notices))
	}
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestSomebodyElseWritesWhileOurAnswerIsLost(t *testing.T) {
	r := newRig(t, Options{})
	changes := r.names(2, false)
	rt := http.DefaultTransport.(*http.Transport).Clone()
	r.p.opt.HTTPClient = &http.Client{Transport: roundTripper(func(req *http.Request) (*http.Response, error) {
		if req.Method == http.MethodPost {
			r.zone.Set("h0001."+zoneName, "A", 60, "203.0.113.99")
		}
		return rt.RoundTrip(req)
	})}
	// Our batch patches an id that is gone: refused whole, and it is a conflict.
	_, err := r.p.Apply(t.Context(), zoneName, changes)
	wellFormed(t, r, err, dnsproviders.ErrConflict)
	if !strings.Contains(err.Error(), "h0001."+zoneName) {
		t.Errorf("%v does not name h0001", err)
	}
	if vs, _ := r.zone.Get("h0000."+zoneName, "A"); vs[0] != oldV4 {
		t.Errorf("h0000 is %v", vs)
	}
}

func TestNobodyListens(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	r := newRig(t, Options{})
	changes := r.names(1, false)
	if _, err := r.p.Read(t.Context(), zoneName, nil); err != nil {
		t.Fatal(err)
	}
	r.p.opt.BaseURL = "http://" + addr + "/client/v4/"
	_, err = r.p.Apply(t.Context(), zoneName, changes)
	wellFormed(t, r, err, dnsproviders.ErrUnavailable)
	if len(r.notices) != 2 {
		t.Errorf("%d notices, want 2", len(r.notices))
	}
}

func TestTokenProblems(t *testing.T) {
	r := newRig(t, Options{})
	for _, f := range []func() (string, error){
		func() (string, error) { return "", errors.New("secret env:X: not set") },
		func() (string, error) { return "  ", nil },
		func() (string, error) { return "a\nb", nil },
	} {
		r.p.opt.Token = f
		_, err := r.p.Read(t.Context(), zoneName, nil)
		wellFormed(t, r, err, dnsproviders.ErrAuth)
	}
	if len(r.api.Log()) != 0 {
		t.Error("a request was sent without a token")
	}
}

func FuzzAnswers(f *testing.F) {
	f.Add([]byte(`{"success":true,"result":[{"id":"a","name":"X.test","type":"A","content":"192.0.2.1","ttl":60}],"result_info":{"total_count":1}}`))
	f.Add([]byte(`{"success":true,"result":{"patches":[{"id":"a","name":"x","type":"A","content":"1"}]}}`))
	f.Add([]byte(`{"success":false,"errors":[{"code":1,"message":"m"}]}`))
	f.Add([]byte(`{"success":true,"result":null}`))
	f.Add([]byte(`[]`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		if recs, info, err := decodeList(raw); err == nil {
			for _, r := range recs {
				if r.ID == "" || r.Name == "" && r.Type == "" {
					t.Errorf("accepted %+v", r)
				}
			}
			_ = rrsets(recs, []string{"x.test"})
			_ = info.more(1, len(recs), len(recs))
			_ = index(recs)
		}
		if b, err := decodeBatch(raw); err == nil {
			if (batchBody{Patches: []patchOp{{ID: "never-there", want: "192.0.2.1"}}}).confirms(b) && len(b.Patches) == 0 {
				t.Error("an empty answer confirms a patch")
			}
		}
		_, _ = decodeZones(raw)
		_ = decodeError(raw)
	})
}

// Somebody else's value beside our lost answer must not read as "nothing was changed".
func TestForeignValueAfterALostAnswerIsUncertain(t *testing.T) {
	r := newRig(t, Options{})
	changes := r.names(2, false)
	rt := http.DefaultTransport.(*http.Transport).Clone()
	r.p.opt.HTTPClient = &http.Client{Transport: roundTripper(func(req *http.Request) (*http.Response, error) {
		resp, err := rt.RoundTrip(req)
		if req.Method == http.MethodPost && err == nil {
			_ = resp.Body.Close()
			r.zone.Set("h0001."+zoneName, "A", 60, "203.0.113.99")
			return nil, errors.New("connection reset by peer")
		}
		return resp, err
	})}
	_, err := r.p.Apply(t.Context(), zoneName, changes)
	wellFormed(t, r, err, dnsproviders.ErrUncertain)
	if errors.Is(err, dnsproviders.ErrConflict) {
		t.Errorf("%v claims that nothing was changed", err)
	}
}

// loseAnswers carries writes out, then calls after and loses the answer.
func (r *rig) loseAnswers(after func()) {
	rt := http.DefaultTransport.(*http.Transport).Clone()
	r.p.opt.HTTPClient = &http.Client{Transport: roundTripper(func(req *http.Request) (*http.Response, error) {
		resp, err := rt.RoundTrip(req)
		if req.Method == http.MethodPost && err == nil {
			_ = resp.Body.Close()
			after()
			return nil, errors.New("connection reset by peer")
		}
		return resp, err
	})}
}

func TestLostAnswerIsSettledAlthoughTheCallerHasGone(t *testing.T) {
	r := newRig(t, Options{})
	changes := r.names(2, false)
	ctx, cancel := context.WithCancel(t.Context())
	r.loseAnswers(cancel)
	if rc, err := r.p.Apply(ctx, zoneName, changes); err != nil || rc.Changed != 2 || r.standing(changes) != "new" {
		t.Errorf("%+v, %v", rc, err)
	}
}

func TestLostAnswerIsSettledAlthoughTheBudgetIsGone(t *testing.T) {
	r := newRig(t, Options{Budget: 10 * time.Second})
	changes := r.names(2, false)
	r.loseAnswers(func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.skipped += time.Minute
	})
	if rc, err := r.p.Apply(t.Context(), zoneName, changes); err != nil || rc.Changed != 2 || r.standing(changes) != "new" {
		t.Errorf("%+v, %v", rc, err)
	}
}

func TestAnswerThatShowsSomethingElseIsNotBelieved(t *testing.T) {
	r := newRig(t, Options{})
	changes := r.names(2, false)
	rt := http.DefaultTransport.(*http.Transport).Clone()
	r.p.opt.HTTPClient = &http.Client{Transport: roundTripper(func(req *http.Request) (*http.Response, error) {
		if req.Method != http.MethodPost {
			return rt.RoundTrip(req)
		}
		return &http.Response{
			StatusCode: 200, Header: http.Header{"Content-Type": {"application/json"}}, Request: req,
			Body: io.NopCloser(strings.NewReader(`{"success":true,"result":{"patches":[]}}`)),
		}, nil
	})}
	_, err := r.p.Apply(t.Context(), zoneName, changes)
	wellFormed(t, r, err, dnsproviders.ErrUncertain)
	if s := r.standing(changes); s != "old" {
		t.Error(s)
	}
}
