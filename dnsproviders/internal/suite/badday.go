package suite

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/dutyops/dutyops/dnsproviders"
	"github.com/dutyops/dutyops/dnsproviders/dnstest"
)

// BadDays runs everything that can go wrong between a provider and its API.
func BadDays(t *testing.T, make func(testing.TB, Options) *Rig) {
	t.Run("read", func(t *testing.T) { reads(t, make) })
	t.Run("write", func(t *testing.T) { writes(t, make) })
	t.Run("rate limit within the budget", func(t *testing.T) { rate(t, make) })
	t.Run("lost and no read back", func(t *testing.T) {
		r := make(t, Options{})
		changes := r.Names(2, false)
		r.Gate.Break(&dnstest.Fault{Kind: dnstest.Drop, First: r.Write, Times: -1, Applied: true})
		_, err := r.Provider.Apply(t.Context(), Zone, changes)
		r.WellFormed(t, err, dnsproviders.ErrUncertain)
		if s := r.Standing(t, changes); s != "new" {
			t.Error(s)
		}
	})
	t.Run("lost twice", func(t *testing.T) {
		var r *Rig
		r = make(t, Options{Transport: RoundTripper(func(req *http.Request) (*http.Response, error) {
			if r.IsWrite(req) {
				return nil, errors.New("connection reset by peer")
			}
			return http.DefaultTransport.RoundTrip(req)
		})})
		changes := r.Names(2, false)
		_, err := r.Provider.Apply(t.Context(), Zone, changes)
		r.WellFormed(t, err, dnsproviders.ErrUncertain)
		if n := r.Notices(); len(n) != 1 || r.Standing(t, changes) != "old" {
			t.Errorf("%d retries, want one", len(n))
		}
	})
	t.Run("lost, and somebody else writes", func(t *testing.T) {
		r := losing(t, make, func(r *Rig) { r.Zone.Set("h0001."+Zone, "A", 60, "203.0.113.99") })
		_, err := r.Provider.Apply(t.Context(), Zone, r.Names(2, false))
		r.WellFormed(t, err, dnsproviders.ErrUncertain)
	})
	t.Run("lost, and the caller has gone", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		r := losing(t, make, func(*Rig) { cancel() })
		changes := r.Names(2, false)
		if rc, err := r.Provider.Apply(ctx, Zone, changes); err != nil || rc.Changed != 2 || r.Standing(t, changes) != "new" {
			t.Errorf("%+v, %v", rc, err)
		}
	})
	t.Run("lost, and the budget is gone", func(t *testing.T) {
		r := losing(t, make, func(r *Rig) { r.Skip(time.Minute) })
		changes := r.Names(2, false)
		if rc, err := r.Provider.Apply(t.Context(), Zone, changes); err != nil || rc.Changed != 2 || r.Standing(t, changes) != "new" {
			t.Errorf("%+v, %v", rc, err)
		}
	})
	t.Run("cancelled before the write", func(t *testing.T) {
		r := make(t, Options{})
		changes := r.Names(2, false)
		ctx, cancel := context.WithCancel(t.Context())
		_, err := r.Provider.ApplyInspected(ctx, Zone, changes, func([]dnsproviders.RRset) error { cancel(); return nil })
		if !errors.Is(err, context.Canceled) || r.Standing(t, changes) != "old" {
			t.Errorf("%v, %s", err, r.Standing(t, changes))
		}
	})
	t.Run("inspect says no", func(t *testing.T) {
		r := make(t, Options{})
		changes := r.Names(1, false)
		r.Zone.Set("h0000."+Zone, "AAAA", 60, OldV6)
		stop := errors.New("an AAAA stays behind")
		saw := ""
		_, err := r.Provider.ApplyInspected(t.Context(), Zone, changes, func(live []dnsproviders.RRset) error {
			for _, s := range live {
				saw += s.Type + " "
			}
			return stop
		})
		if !errors.Is(err, stop) || saw != "A AAAA " || r.Standing(t, changes) != "old" {
			t.Errorf("err %v, saw %v", err, saw)
		}
	})
}

// losing makes a rig whose writes are carried out and whose answers are lost.
func losing(t *testing.T, make func(testing.TB, Options) *Rig, after func(*Rig)) *Rig {
	var r *Rig
	r = make(t, Options{Transport: RoundTripper(func(req *http.Request) (*http.Response, error) {
		resp, err := http.DefaultTransport.RoundTrip(req)
		if err == nil && r.IsWrite(req) {
			_ = resp.Body.Close()
			after(r)
			return nil, errors.New("connection reset by peer")
		}
		return resp, err
	})})
	return r
}

func reads(t *testing.T, make func(testing.TB, Options) *Rig) {
	for kind, tc := range map[string]struct {
		want  error
		tries int
	}{
		dnstest.Unauthorized: {dnsproviders.ErrAuth, 1},
		dnstest.Forbidden:    {dnsproviders.ErrForbidden, 1},
		dnstest.RateLimit:    {dnsproviders.ErrRateLimited, 3},
		dnstest.Reject:       {dnsproviders.ErrRejected, 1},
		dnstest.ServerError:  {dnsproviders.ErrUnavailable, 3},
		dnstest.Garbage:      {dnsproviders.ErrUnavailable, 3},
		dnstest.HTML:         {dnsproviders.ErrUnavailable, 3},
		dnstest.HalfBody:     {dnsproviders.ErrUnavailable, 3},
		dnstest.Hang:         {dnsproviders.ErrUnavailable, 3},
		dnstest.Drop:         {dnsproviders.ErrUnavailable, 3},
	} {
		t.Run(kind, func(t *testing.T) {
			opt := Options{}
			if kind == dnstest.Hang {
				opt.Timeout = 80 * time.Millisecond
			}
			r := make(t, opt)
			r.Names(2, false)
			r.Gate.Break(&dnstest.Fault{Kind: kind, Times: -1, RetryAfter: time.Second})
			_, err := r.Provider.Read(t.Context(), Zone, []string{"h0000." + Zone})
			r.WellFormed(t, err, tc.want)
			if log := r.Gate.Log(); len(log) != tc.tries && kind != dnstest.Drop {
				t.Errorf("%d requests, want %d", len(log), tc.tries)
			}
			if n := r.Notices(); len(n) != tc.tries-1 {
				t.Errorf("%d retry notices, want %d", len(n), tc.tries-1)
			}
			r.Gate.Break(nil)
			if got, err := r.Provider.Read(t.Context(), Zone, []string{"h0000." + Zone}); err != nil || len(got) != 1 {
				t.Errorf("after the bad day: %v, %v", got, err)
			}
		})
	}
}

// writes spoils the answer to one write: whatever happened, the zone is all old or all
// new and the error says which.
func writes(t *testing.T, make func(testing.TB, Options) *Rig) {
	refusals := map[string]error{
		dnstest.Unauthorized: dnsproviders.ErrAuth, dnstest.Forbidden: dnsproviders.ErrForbidden,
		dnstest.RateLimit: dnsproviders.ErrRateLimited, dnstest.Reject: dnsproviders.ErrRejected,
	}
	for kind, want := range refusals {
		t.Run(kind, func(t *testing.T) {
			r := make(t, Options{})
			changes := r.Names(3, true)
			r.Gate.Break(&dnstest.Fault{Kind: kind, First: r.Write, Times: -1, RetryAfter: time.Hour})
			if kind == dnstest.Reject {
				r.Gate.Break(&dnstest.Fault{Kind: kind, First: r.Write})
			}
			rc, err := r.Provider.Apply(t.Context(), Zone, changes)
			r.WellFormed(t, err, want)
			if s := r.Standing(t, changes); s != "old" || rc.Changed != 0 {
				t.Errorf("zone %s, receipt %+v", s, rc)
			}
		})
	}
	for _, kind := range []string{dnstest.ServerError, dnstest.Garbage, dnstest.HTML, dnstest.HalfBody, dnstest.Hang, dnstest.Drop} {
		for _, applied := range []bool{false, true} {
			for _, create := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s applied=%v create=%v", kind, applied, create), func(t *testing.T) {
					opt := Options{}
					if kind == dnstest.Hang {
						opt.Timeout = 100 * time.Millisecond
					}
					r := make(t, opt)
					changes := r.Names(3, true)
					if create {
						changes = append(changes, Change("new."+Zone, "AAAA", 60, nil, []string{NewV6}))
					}
					r.Gate.Break(&dnstest.Fault{Kind: kind, First: r.Write, Applied: applied})
					rc, err := r.Provider.Apply(t.Context(), Zone, changes)
					if err != nil || rc.Changed != len(changes) || r.Standing(t, changes) != "new" {
						t.Errorf("%+v, %v, zone %s", rc, err, r.Standing(t, changes))
					}
					if retried := len(r.Notices()) > 0; retried == applied {
						t.Errorf("retried %v although applied is %v", retried, applied)
					}
				})
			}
		}
	}
}

func rate(t *testing.T, make func(testing.TB, Options) *Rig) {
	r := make(t, Options{Budget: 10 * time.Second})
	changes := r.Names(2, false)
	r.Gate.Break(&dnstest.Fault{Kind: dnstest.RateLimit, First: r.Write})
	if _, err := r.Provider.Apply(t.Context(), Zone, changes); err != nil {
		t.Fatal(err)
	}
	n := r.Notices()
	if len(n) != 1 || n[0].Wait != time.Second || n[0].Left <= 0 || n[0].Try != 2 || !errors.Is(n[0].Cause, dnsproviders.ErrRateLimited) {
		t.Errorf("notices %+v, want one of 1 s", n)
	}
	r.Gate.Break(&dnstest.Fault{Kind: dnstest.RateLimit, Times: -1, RetryAfter: 120 * time.Second})
	_, err := r.Provider.Apply(t.Context(), Zone, Invert(changes))
	r.WellFormed(t, err, dnsproviders.ErrRateLimited)
	if len(r.Notices()) > 3 || r.Standing(t, changes) != "new" {
		t.Errorf("waited %+v, zone %s", r.Notices(), r.Standing(t, changes))
	}
}
