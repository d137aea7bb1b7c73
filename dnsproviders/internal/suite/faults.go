package suite

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

// Fake is what every HTTP fake can do.
type Fake interface {
	Break(f *dnstest.Fault)
	Log() []string
}

// FaultRig is a provider on a fake, on a clock that waits advance at once.
type FaultRig struct {
	*Rig
	Fake Fake
	// Writes says whether a request of the log may change something.
	Writes func(request string) bool
	// Slow makes every answer late.
	Slow func(time.Duration)
	// Pages bounds the pages of a list; nil: the API has none.
	Pages func(n int)
	// Limit is how many sets of one record go in one write; 0 = all. OneValue: and only
	// those that get the same value.
	Limit    int
	OneValue bool
	// Stale lets so many lists after a write show the state before it; nil: the API reads
	// what it writes.
	Stale func(n int)
}

// sets fills the zone with n sets and returns the change of all. The TTL is one that
// every vendor takes.
func (r *FaultRig) sets(n int) (names []string, changes []dnsproviders.Change) {
	for i := range n {
		name, typ, was, next := fmt.Sprintf("h%04d.%s", i/2, Zone), "A", OldV4, NewV4
		if i%2 == 1 {
			typ, was, next = "AAAA", OldV6, NewV6
		}
		r.Rig.Zone.Set(name, typ, 600, was)
		changes = append(changes, Change(name, typ, 600, []string{was}, []string{next}))
		names = append(names, name)
	}
	return slices.Compact(names), changes
}

// ways are the two ways to make a change: reading first, and from a reading that was made.
var ways = map[string]func(t *testing.T, r *FaultRig, names []string) func([]dnsproviders.Change) (dnsproviders.Receipt, error){
	"live": func(t *testing.T, r *FaultRig, _ []string) func([]dnsproviders.Change) (dnsproviders.Receipt, error) {
		return func(cs []dnsproviders.Change) (dnsproviders.Receipt, error) {
			return r.Provider.Apply(t.Context(), Zone, cs)
		}
	},
	"armed": func(t *testing.T, r *FaultRig, names []string) func([]dnsproviders.Change) (dnsproviders.Receipt, error) {
		p, ok := r.Provider.(dnsproviders.Armer)
		if !ok {
			t.Fatalf("%T cannot be armed", r.Provider)
		}
		a, err := p.Arm(t.Context(), Zone, names)
		if err != nil {
			t.Fatal(err)
		}
		return func(cs []dnsproviders.Change) (dnsproviders.Receipt, error) { return p.ApplyArmed(t.Context(), a, cs) }
	},
}

// Faults is the table of what an API may do to a switch, for every fake alike: each answer
// refused, asked to wait, broken or lost, at each write in turn, carried out or not; slow
// answers, pages, limits and stale lists. After each of them every set is old or new, the
// result says which, and what is left can be finished.
func Faults(t *testing.T, begin func(t *testing.T) *FaultRig) {
	for way, open := range ways {
		t.Run(way, func(t *testing.T) {
			const n = 6
			r := begin(t)
			names, changes := r.sets(n)
			apply := open(t, r, names)
			r.Fake.Log()
			rc, err := apply(changes)
			log := r.Fake.Log()
			Whole(t, r.Rig, changes, rc, err)
			if err != nil || rc.Changed != n {
				t.Fatalf("on a good day: %+v, %v", rc, err)
			}
			var writes []int
			for i, request := range log {
				if r.Writes(request) {
					writes = append(writes, i+1)
				}
			}
			if len(writes) == 0 {
				t.Fatalf("no write in %q", log)
			}
			for k, at := range writes {
				for _, kind := range []string{
					dnstest.Unauthorized, dnstest.Forbidden, dnstest.Reject, dnstest.ServerError, dnstest.Garbage, dnstest.HTML, dnstest.HalfBody, dnstest.Drop,
				} {
					for _, applied := range []bool{false, true} {
						if applied && refuses(kind) != nil {
							continue
						}
						t.Run(fmt.Sprintf("%s at write %d applied %v", kind, k+1, applied), func(t *testing.T) {
							oneFault(t, begin(t), open, &dnstest.Fault{Kind: kind, First: at, Applied: applied})
						})
					}
				}
				t.Run(fmt.Sprintf("429 at write %d", k+1), func(t *testing.T) {
					comeBackLater(t, begin(t), open, at)
					tooLate(t, begin(t), open, at)
				})
			}
			t.Run("slow", func(t *testing.T) {
				r := begin(t)
				names, changes := r.sets(n)
				r.Slow(20 * time.Millisecond)
				rc, err := open(t, r, names)(changes)
				Whole(t, r.Rig, changes, rc, err)
				if err != nil || len(r.Notices()) != 0 {
					t.Errorf("%v, %d retries", err, len(r.Notices()))
				}
			})
			t.Run("pages", func(t *testing.T) {
				if r := begin(t); r.Pages != nil {
					names, changes := r.sets(n)
					r.Pages(2)
					rc, err := open(t, r, names)(changes)
					Whole(t, r.Rig, changes, rc, err)
					if err != nil {
						t.Error(err)
					}
				}
			})
			t.Run("stale lists", func(t *testing.T) {
				if r := begin(t); r.Stale != nil {
					names, changes := r.sets(n)
					apply := open(t, r, names)
					r.Stale(1)
					rc, err := apply(changes)
					Whole(t, r.Rig, changes, rc, err)
					if err != nil {
						t.Error(err)
					}
				}
			})
			t.Run("limit of a write", func(t *testing.T) { limit(t, begin(t), open) })
		})
	}
}

type opener = func(t *testing.T, r *FaultRig, names []string) func([]dnsproviders.Change) (dnsproviders.Receipt, error)

// refuses is what an answer that refuses means; nil for a fault after which nobody knows.
func refuses(kind string) error {
	return map[string]error{
		dnstest.Unauthorized: dnsproviders.ErrAuth, dnstest.Forbidden: dnsproviders.ErrForbidden, dnstest.Reject: dnsproviders.ErrRejected,
	}[kind]
}

func oneFault(t *testing.T, r *FaultRig, open opener, f *dnstest.Fault) {
	names, changes := r.sets(6)
	apply := open(t, r, names)
	r.Fake.Break(f)
	rc, err := apply(changes)
	r.Fake.Break(nil)
	Whole(t, r.Rig, changes, rc, err)
	if want := refuses(f.Kind); want != nil && err != nil && !errors.Is(err, want) {
		t.Errorf("%v, want %v", err, want)
	}
	if want := refuses(f.Kind); err == nil && (want == dnsproviders.ErrAuth || want == dnsproviders.ErrForbidden) { //nolint:errorlint // from the table above
		t.Error("refused, and no error")
	}
	if errors.Is(err, dnsproviders.ErrUncertain) {
		t.Errorf("one fault left doubt: %v", err)
	}
	if err == nil {
		return
	}
	if strings.Contains(err.Error(), r.Secret) {
		t.Errorf("the secret is in %v", err)
	}
	left := changes
	var pe *dnsproviders.PartialError
	if errors.As(err, &pe) {
		left = pe.Left
	}
	if _, err := r.Provider.Apply(context.WithoutCancel(t.Context()), Zone, left); err != nil || r.Standing(t, changes) != "new" {
		t.Errorf("what was left could not be finished: %v, %s", err, r.Standing(t, changes))
	}
}

// comeBackLater: a wait that the vendor asks for is kept when there is time for it.
func comeBackLater(t *testing.T, r *FaultRig, open opener, at int) {
	names, changes := r.sets(6)
	apply := open(t, r, names)
	r.Fake.Break(&dnstest.Fault{Kind: dnstest.RateLimit, First: at, RetryAfter: 3 * time.Second})
	rc, err := apply(changes)
	Whole(t, r.Rig, changes, rc, err)
	waits := r.Notices()
	if err != nil || len(waits) != 1 || waits[0].Wait < 3*time.Second || !errors.Is(waits[0].Cause, dnsproviders.ErrRateLimited) {
		t.Errorf("%v, waited %+v", err, waits)
	}
}

// tooLate: a wait that is longer than there is time for ends the change and is told.
func tooLate(t *testing.T, r *FaultRig, open opener, at int) {
	names, changes := r.sets(6)
	apply := open(t, r, names)
	r.Fake.Break(&dnstest.Fault{Kind: dnstest.RateLimit, First: at, RetryAfter: time.Hour})
	rc, err := apply(changes)
	Whole(t, r.Rig, changes, rc, err)
	var e *dnsproviders.Error
	if !errors.Is(err, dnsproviders.ErrRateLimited) || !errors.As(err, &e) || e.RetryAfter != time.Hour || len(r.Notices()) != 0 {
		t.Errorf("asked to wait an hour: %v, waited %+v", err, r.Notices())
	}
}

// limit: a change of one more set than a write takes needs one more write.
func limit(t *testing.T, r *FaultRig, open opener) {
	n, want := r.Limit+1, 2
	if r.Limit == 0 {
		n, want = 1000, 1
	}
	if r.OneValue {
		want = 2 // one for each family
	}
	if r.Limit == 1 {
		n, want = 4, 4
	}
	names, changes := r.sets(n)
	apply := open(t, r, names)
	r.Fake.Log()
	rc, err := apply(changes)
	Whole(t, r.Rig, changes, rc, err)
	got := len(slices.DeleteFunc(r.Fake.Log(), func(s string) bool { return !r.Writes(s) }))
	if err != nil || got != want {
		t.Errorf("%v, %d writes for %d sets, want %d", err, got, n, want)
	}
}
