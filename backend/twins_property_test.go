package backend

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/dutyops/dutyops/dnsproviders/dnstest"
)

// hold says where every set is, and fails when one is neither old nor new.
func (w *twinWorld) hold() (differ int) {
	w.t.Helper()
	for _, name := range twinNames {
		for typ, want := range map[string][2]string{"A": {siteA4, siteB4}, "AAAA": {siteA6, siteB6}} {
			at := [2]string{}
			for i, z := range []*dnstest.Zone{w.main, w.second} {
				vs, _ := z.Get(name, typ)
				at[i] = strings.Join(vs, " ")
				if !slices.Contains(want[:], at[i]) {
					w.t.Errorf("%s %s is %q at provider %d: neither old nor new", name, typ, at[i], i)
				}
			}
			if at[0] != at[1] {
				differ++
			}
		}
	}
	return differ
}

// After any single fault of one provider's API, at any of its requests, every record set of
// both is old or new, the run and the check say which, and both ways lead to an end: with
// and without a canary, there and back, from armed zones.
func TestAfterAnySingleFaultOfOneProvider(t *testing.T) {
	type fault struct {
		kind    string
		applied bool
		times   int
	}
	for _, f := range []fault{
		{dnstest.Unauthorized, false, -1},
		{dnstest.Forbidden, false, 1},
		{dnstest.Reject, false, 1},
		{dnstest.ServerError, false, 1},
		{dnstest.Drop, false, 1},
		{dnstest.Drop, true, 1},
		{dnstest.Garbage, true, 1},
		{dnstest.HalfBody, true, 1},
	} {
		for k := 1; k <= 3; k++ {
			canary := k%2 == 0
			t.Run(fmt.Sprintf("%s applied=%v at %d canary=%v", f.kind, f.applied, k, canary), func(t *testing.T) {
				rules := ""
				if canary {
					rules = "rules: {canary: [" + twinNames[1] + "]}\n"
				}
				w := newTwinWorld(t, rules)
				p := w.plan("standby") // arms both
				w.api.Break(&dnstest.Fault{Kind: f.kind, Applied: f.applied, First: k, Times: f.times})
				r, err := w.failover(p)
				differ := w.hold()
				switch {
				case err == nil && r.State == RunDone:
					w.is("done", [2]int{4, 4})
				case errors.Is(err, ErrParked) && r.State == RunParked:
					if !strings.Contains(r.Problem, "second") {
						t.Errorf("the run does not say who is behind: %q", r.Problem)
					}
				default:
					t.Fatalf("%v: %s %q", err, r.State, r.Problem)
				}
				if n, _ := w.differs(); n != differ {
					t.Errorf("a check says that %d sets differ, and %d do", n, differ)
				}
				w.api.Break(nil)
				if r.State == RunParked {
					if r, err = w.ended(w.e.Resume(t.Context(), r.ID, "test")); err != nil || r.State != RunDone {
						t.Fatalf("resumed: %v: %s %q", err, r.State, r.Problem)
					}
				}
				w.is("at the end", [2]int{4, 4})
				w.api.Break(&dnstest.Fault{Kind: f.kind, Applied: f.applied, First: k, Times: f.times})
				r, _ = w.ended(w.e.Rollback(t.Context(), r.ID, "test", "test"))
				w.hold()
				w.api.Break(nil)
				if r.State != RunRolledBack {
					if r, err = w.ended(w.e.Rollback(t.Context(), r.ID, "test", "test")); err != nil || r.State != RunRolledBack {
						t.Fatalf("taken back again: %v: %s %q", err, r.State, r.Problem)
					}
				}
				w.is("taken back", [2]int{})
			})
		}
	}
}
