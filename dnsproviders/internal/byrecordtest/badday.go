package byrecordtest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/dutyops/dutyops/dnsproviders"
	"github.com/dutyops/dutyops/dnsproviders/dnstest"
)

var (
	answeredFaults = []string{dnstest.Unauthorized, dnstest.Forbidden, dnstest.RateLimit, dnstest.Reject, dnstest.ServerError}
	lostFaults     = []string{dnstest.ServerError, dnstest.Garbage, dnstest.HTML, dnstest.HalfBody, dnstest.Drop, dnstest.Hang}
)

// One fault of every kind at every request, the write carried out or not: every name is
// old or new, no set is ever empty, and the report says which.
func (s Suite) singleFault(t *testing.T) {
	for _, shape := range []string{"mixed", "uniform", "armed"} {
		fill := func(r *Rig) []dnsproviders.Change {
			if shape == "mixed" {
				return r.Mixed()
			}
			return r.Names(4, true)
		}
		clean := s.Rig(t, Config{})
		cs := fill(clean)
		apply := func(r *Rig, cs []dnsproviders.Change) (dnsproviders.Receipt, error) {
			if shape != "armed" {
				return r.P.Apply(t.Context(), Zone, cs)
			}
			return r.Armed(cs)
		}
		if rc, err := apply(clean, cs); err != nil || rc.Changed != len(cs) {
			t.Fatal(rc, err)
		}
		requests := len(clean.API.Log())
		try := func(kind string, first int, applied bool) {
			t.Run(fmt.Sprintf("%s/%s at %d applied %v", shape, kind, first, applied), func(t *testing.T) {
				c := Config{}
				if kind == dnstest.Hang {
					c.Timeout = 60 * time.Millisecond
				}
				r := s.Rig(t, c)
				cs := fill(r)
				r.Watch(cs)
				r.API.Break(&dnstest.Fault{Kind: kind, First: first, Applied: applied})
				rc, err := apply(r, cs)
				r.Whole(cs, rc, err)
				if shape == "armed" && first == 1 && err != nil {
					return // the reading failed
				}
				if errors.Is(err, dnsproviders.ErrUncertain) {
					t.Errorf("a single fault left doubt: %v", err)
				}
				// What is left can be applied as it is.
				r.API.Break(nil)
				var pe *dnsproviders.PartialError
				left := cs
				if errors.As(err, &pe) {
					left = pe.Left
				} else if err == nil {
					return
				}
				if _, err := r.P.Apply(t.Context(), Zone, left); err != nil || r.Standing(cs) != "new" {
					t.Errorf("resume: %v, %s", err, r.Standing(cs))
				}
			})
		}
		for first := 1; first <= requests; first++ {
			for _, kind := range answeredFaults {
				try(kind, first, false)
			}
			for _, kind := range lostFaults {
				if kind == dnstest.Hang && first > 4 {
					continue // each costs a timeout
				}
				try(kind, first, false)
				try(kind, first, true)
			}
		}
	}
}

func (s Suite) badDays(t *testing.T) {
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
		{dnstest.Drop, dnsproviders.ErrUnavailable, 3},
		{dnstest.Hang, dnsproviders.ErrUnavailable, 3},
	} {
		t.Run(tc.kind, func(t *testing.T) {
			c := Config{}
			if tc.kind == dnstest.Hang {
				c.Timeout = 60 * time.Millisecond
			}
			r := s.Rig(t, c)
			cs := r.Names(1, false)
			f := &dnstest.Fault{Kind: tc.kind, Times: -1}
			if tc.kind == dnstest.RateLimit {
				f.RetryAfter = 300 * time.Second
			}
			r.API.Break(f)
			_, err := r.P.Read(t.Context(), Zone, nil)
			r.WellFormed(err, tc.want)
			_, err = r.P.Apply(t.Context(), Zone, cs)
			r.WellFormed(err, tc.want)
			if r.Standing(cs) != "old" || r.Waits() != 2*(tc.tries-1) {
				t.Errorf("%s after %d waits", r.Standing(cs), r.Waits())
			}
			var e *dnsproviders.Error
			if errors.As(err, &e); tc.kind == dnstest.RateLimit && e.RetryAfter != 300*time.Second {
				t.Errorf("retry after %s", e.RetryAfter)
			}
		})
	}
}

func (s Suite) rateLimit(t *testing.T) {
	r := s.Rig(t, Config{})
	cs := r.Names(2, false)
	r.API.Break(&dnstest.Fault{Kind: dnstest.RateLimit, First: 2, Times: 5})
	rc, err := r.P.Apply(t.Context(), Zone, cs)
	r.Whole(cs, rc, err)
	if err != nil || r.Waits() != 5 {
		t.Errorf("%v after %d waits, want 5", err, r.Waits())
	}
	for _, n := range r.Notices {
		if n.Wait <= 0 || n.Left <= 0 || n.Cause == nil || n.Zone != Zone {
			t.Errorf("notice %+v", n)
		}
	}
	r.API.Break(&dnstest.Fault{Kind: dnstest.RateLimit, First: 2, Times: -1})
	_, err = r.P.Apply(t.Context(), Zone, Invert(cs))
	r.WellFormed(err, dnsproviders.ErrRateLimited)
	if r.Standing(cs) != "new" {
		t.Error(r.Standing(cs))
	}
}

// The vendor refuses one record of many: its name is as before, those done are done.
func (s Suite) refusedRecord(t *testing.T) {
	r := s.Rig(t, Config{})
	cs := r.Names(9, true)
	r.API.RefuseIDs = map[string]string{}
	for _, rec := range r.Zone.Records() {
		if rec.Name == "h0005."+Zone && rec.Type == "AAAA" {
			r.API.RefuseIDs[rec.ID] = "this record is special"
		}
	}
	rc, err := r.P.Apply(t.Context(), Zone, cs)
	r.Whole(cs, rc, err)
	r.WellFormed(err, dnsproviders.ErrRejected)
	var pe *dnsproviders.PartialError
	if !errors.As(err, &pe) || !slices.ContainsFunc(pe.Left, func(c dnsproviders.Change) bool { return c.Before.Name == "h0005."+Zone }) ||
		!strings.Contains(err.Error(), "special") {
		t.Fatalf("%v", err)
	}
	r.API.RefuseIDs = nil
	if _, err := r.P.Apply(t.Context(), Zone, pe.Left); err != nil || r.Standing(cs) != "new" {
		t.Errorf("resume: %v, %s", err, r.Standing(cs))
	}
}

// The zone's edition takes no TTL below 600: nothing is changed, and the reason is told.
func (s Suite) lowTTL(t *testing.T) {
	r := s.Rig(t, Config{})
	cs := r.Names(2, true)
	r.API.MinTTL = 600
	low := slices.Clone(cs)
	for i := range low {
		low[i].After.TTL = 60
	}
	rc, err := r.P.Apply(t.Context(), Zone, low)
	r.Whole(low, rc, err)
	r.WellFormed(err, dnsproviders.ErrRejected)
	var e *dnsproviders.Error
	if !errors.As(err, &e) || !strings.Contains(e.Hint, "no TTL as low") || r.Standing(low) != "old" {
		t.Errorf("%v, %s", err, r.Standing(low))
	}
	if rc, err := r.P.Apply(t.Context(), Zone, cs); err != nil || rc.Changed != len(cs) {
		t.Errorf("with the TTL as it is: %+v, %v", rc, err)
	}
}

func (s Suite) staleList(t *testing.T) {
	r := s.Rig(t, Config{})
	cs := r.Names(4, true)
	r.API.Stale = 2
	rc, err := r.P.Apply(t.Context(), Zone, cs)
	r.Whole(cs, rc, err)
	if err != nil || r.Waits() == 0 {
		t.Errorf("%v, %d waits", err, r.Waits())
	}
}

// Every request from the first write on is lost: nobody can tell, and the report says so.
func (s Suite) lostForGood(t *testing.T) {
	for _, applied := range []bool{false, true} {
		r := s.Rig(t, Config{})
		cs := r.Names(4, true)
		r.API.Break(&dnstest.Fault{Kind: dnstest.Drop, First: 2, Times: -1, Applied: applied})
		_, err := r.P.Apply(t.Context(), Zone, cs)
		r.WellFormed(err, dnsproviders.ErrUncertain)
	}
}

func (s Suite) cancelled(t *testing.T) {
	r := s.Rig(t, Config{})
	cs := r.Names(2, false)
	ctx, cancel := context.WithCancel(t.Context())
	rc, err := r.P.ApplyInspected(ctx, Zone, cs, func([]dnsproviders.RRset) error { cancel(); return nil })
	r.Whole(cs, rc, err)
	if !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	cs = r.Names(30, true)
	ctx, cancel = context.WithCancel(t.Context())
	defer cancel()
	r.API.AfterWrite = cancel // in the middle of a name
	rc, err = r.P.Apply(ctx, Zone, cs)
	r.Whole(cs, rc, err)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}
