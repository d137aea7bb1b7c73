package switching

import (
	"context"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/dutyops/dutyops/dnsproviders"
	"github.com/dutyops/dutyops/failoverplan"
)

// armer lets a plain provider be armed, and counts what it is asked.
type armer struct {
	dnsproviders.Provider
	now                  func() time.Time
	reads, applies, arms atomic.Int32
	limited              atomic.Int32 // the next applies are told to wait
}

func (a *armer) Read(ctx context.Context, zone string, names []string) ([]dnsproviders.RRset, error) {
	a.reads.Add(1)
	return a.Provider.Read(ctx, zone, names)
}

func (a *armer) Apply(ctx context.Context, zone string, cs []dnsproviders.Change) (dnsproviders.Receipt, error) {
	a.applies.Add(1)
	if a.limited.Add(-1) >= 0 {
		return dnsproviders.Receipt{}, &dnsproviders.Error{Op: "apply", Zone: zone, Kind: dnsproviders.ErrRateLimited, RetryAfter: time.Millisecond}
	}
	return a.Provider.Apply(ctx, zone, cs)
}

func (a *armer) Arm(ctx context.Context, zone string, names []string) (dnsproviders.Arming, error) {
	a.arms.Add(1)
	sets, err := a.Provider.Read(ctx, zone, names)
	return dnsproviders.Arming{Zone: zone, Names: names, Sets: sets, At: a.now()}, err
}

func (a *armer) ApplyArmed(ctx context.Context, _ dnsproviders.Arming, cs []dnsproviders.Change) (dnsproviders.Receipt, error) {
	return a.Apply(ctx, zoneName, cs)
}

// armedRig is a rig whose updates can be armed, with a clock that the test moves.
func armedRig(t *testing.T, n int) (r *rig, a *armer, s *Switch, ds []failoverplan.Domain, zc failoverplan.ZoneChange, skip *atomic.Int64) {
	t.Helper()
	r = newRig(t, rigOptions{})
	skip = &atomic.Int64{}
	now := func() time.Time { return time.Now().Add(time.Duration(skip.Load())) }
	a = &armer{Provider: r.patient.opt.Providers["rfc2136"], now: now}
	s, err := New(Options{
		Providers: map[string]dnsproviders.Provider{"rfc2136": a}, Now: now, Fingerprints: map[string]string{"rfc2136": "one"},
		Zones: []Zone{{Name: zoneName, Provider: "rfc2136", Authoritative: []string{r.ns1.Addr}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	ds, zc = r.site("rfc2136", n)
	return r, a, s, ds, zc, skip
}

func said(out Outcome, text string) bool {
	return slices.ContainsFunc(out.Evidence, func(l string) bool { return strings.Contains(l, text) })
}

func TestArmedSwitchReadsNothing(t *testing.T) {
	r, a, s, ds, zc, _ := armedRig(t, 5)
	for _, z := range s.Arm(t.Context(), ds) {
		if !z.Fresh || z.Sets != 10 || z.Names != 5 {
			t.Fatalf("%+v", z)
		}
	}
	if live, problems := s.Live(t.Context(), ds); len(live[zoneName]) != 10 || len(problems) > 0 {
		t.Fatal(live, problems)
	}
	was := texts(r.zone, zc)
	for _, c := range []failoverplan.ZoneChange{zc, Invert(zc)} { // there and back from what is held
		if out, err := s.Apply(t.Context(), c); err != nil || out.Changed != 10 || !said(out, "armed ") {
			t.Fatalf("%+v, %v", out, err)
		}
	}
	if a.arms.Load() != 1 || a.reads.Load() != 0 || a.applies.Load() != 2 {
		t.Errorf("%d armed, %d read, %d applied", a.arms.Load(), a.reads.Load(), a.applies.Load())
	}
	if got := texts(r.zone, zc); !reflect.DeepEqual(got, was) {
		t.Errorf("not as it was: %q", got)
	}
}

// A reading that is old, drifted, or not what the plan expects is taken again first, and
// the evidence says so.
func TestUnfitReadingIsTakenAgain(t *testing.T) {
	for name, spoil := range map[string]func(r *rig, s *Switch, skip *atomic.Int64, zc failoverplan.ZoneChange) string{
		"old": func(_ *rig, _ *Switch, skip *atomic.Int64, _ failoverplan.ZoneChange) string {
			skip.Store(int64(61 * time.Second))
			return "more than 1m0s"
		},
		"drifted": func(_ *rig, s *Switch, skip *atomic.Int64, zc failoverplan.ZoneChange) string {
			skip.Store(int64(time.Second))
			s.Noticed([]Observation{{
				Name: zc.Changes[0].After.Name, Type: "A", Zone: zoneName, Authoritative: true, Server: "ns1",
				Values: []string{"203.0.113.9"}, At: s.opt.Now(),
			}})
			return "drifted"
		},
		"half done": func(r *rig, _ *Switch, _ *atomic.Int64, zc failoverplan.ZoneChange) string {
			r.zone.Set(zc.Changes[0].After.Name, "A", 30, newV4)
			return "no longer holds"
		},
	} {
		t.Run(name, func(t *testing.T) {
			r, a, s, ds, zc, skip := armedRig(t, 3)
			s.Arm(t.Context(), ds)
			want := spoil(r, s, skip, zc)
			out, err := s.Apply(t.Context(), zc)
			if err != nil || count(r.truth(zc), SetNew) != 6 || !said(out, want) || !said(out, "read first") {
				t.Errorf("%v, %v, want %q", out.Evidence, err, want)
			}
			if a.reads.Load() == 0 {
				t.Error("nothing was read")
			}
		})
	}
}

// Told to wait, it waits where everybody sees it, and tries again.
func TestRateLimitIsWaitedOut(t *testing.T) {
	r, a, s, ds, zc, _ := armedRig(t, 2)
	var notices []Notice
	s.opt.OnNotice = func(n Notice) { notices = append(notices, n) }
	s.Arm(t.Context(), ds)
	a.limited.Store(1)
	out, err := s.Apply(t.Context(), zc)
	if err != nil || count(r.truth(zc), SetNew) != 4 || !said(out, "try 2 after 1s") {
		t.Errorf("%+v, %v", out, err)
	}
	if len(notices) != 1 || !notices[0].Begins || !strings.Contains(notices[0].Text, "try 2 in 1s") {
		t.Errorf("%+v", notices)
	}
	a.limited.Store(1)
	s.opt.RetryBudget = time.Millisecond
	back := Invert(zc)
	if out, err = s.Apply(t.Context(), back); err == nil || count(r.truth(back), SetOld) != 4 || !said(out, "more than is left") {
		t.Errorf("%+v, %v", out, err)
	}
}

func TestKeptReadingServesAnotherProcess(t *testing.T) {
	_, _, s, ds, zc, _ := armedRig(t, 3)
	path := filepath.Join(t.TempDir(), "armed.json")
	s.Arm(t.Context(), ds)
	if err := s.Keep(path); err != nil {
		t.Fatal(err)
	}
	if st, err := os.Stat(path); err != nil || st.Mode().Perm() != 0o600 {
		t.Fatal(st, err)
	}
	another := func(fingerprint string) (*Switch, *armer) {
		a := &armer{Provider: s.opt.Providers["rfc2136"].(*armer).Provider, now: time.Now}
		o := s.opt
		o.Providers, o.Fingerprints = map[string]dnsproviders.Provider{"rfc2136": a}, map[string]string{"rfc2136": fingerprint}
		n, err := New(o)
		if err != nil {
			t.Fatal(err)
		}
		return n, a
	}
	changed, _ := another("two")
	if why := changed.Recall(path); len(why) != 1 || !strings.Contains(why[0], "configuration has changed") {
		t.Error(why)
	}
	if changed.Readiness(ds)[0].Fresh {
		t.Error("what another configuration read is used")
	}
	n, a := another("one")
	if why := n.Recall(path); len(why) != 0 {
		t.Fatal(why)
	}
	if out, err := n.Apply(t.Context(), zc); err != nil || out.Changed != 6 || a.arms.Load()+a.reads.Load() != 0 {
		t.Errorf("%+v, %v", out, err)
	}
	for text, want := range map[string]string{"{": "cannot be read", `{"format":9}`: "format 9"} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if why := n.Recall(path); len(why) != 1 || !strings.Contains(why[0], want) {
			t.Errorf("%q: %v", text, why)
		}
	}
	if why := n.Recall(path + ".none"); why != nil {
		t.Error(why)
	}
}

func TestOneWriterAtATime(t *testing.T) {
	_, _, s, _, _, _ := armedRig(t, 1)
	p := place{zoneName, "rfc2136"}
	unlock, err := s.lock(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.lock(ctx, p); err == nil {
		t.Error("two writers")
	}
	unlock()
	if unlock, err = s.lock(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	unlock()
}

// In the background a zone is read when it is due, and later after failures.
func TestWatchKeepsFresh(t *testing.T) {
	_, a, s, ds, _, skip := armedRig(t, 1)
	changed := make(chan struct{}, 100)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		s.Watch(ctx, ds, WatchOptions{
			Every: time.Second, Busy: func() bool { return false }, Jitter: func() float64 { return 0 },
			Changed: func() { changed <- struct{}{} },
		})
	}()
	<-changed
	if !s.Readiness(ds)[0].Fresh {
		t.Error("not fresh")
	}
	skip.Store(int64(time.Hour))
	<-changed
	if !s.Readiness(ds)[0].Fresh {
		t.Error("not fresh after an hour")
	}
	cancel()
	<-ended
	if n := a.arms.Load(); n < 2 {
		t.Errorf("read %d times", n)
	}
	if due, _ := s.due(place{zoneName, "rfc2136"}, time.Second); due {
		t.Error("due at once")
	}
	s.hold(place{zoneName, "rfc2136"}).failed = 3
	s.hold(place{zoneName, "rfc2136"}).tried = s.opt.Now()
	if _, left := s.due(place{zoneName, "rfc2136"}, time.Second); left < 7*time.Second {
		t.Errorf("after three failures it is read again in %s", left)
	}
}

// FuzzKept: whatever is in the file, nothing falls over and nothing outside the zone is held.
func FuzzKept(f *testing.F) {
	f.Add([]byte(`{"format":1,"places":[{"zone":"gss.example.test","provider":"p","fingerprint":"","at":"2026-11-26T00:00:00Z","names":["a.gss.example.test"],"sets":[{"Name":"a.gss.example.test","Type":"A","TTL":60,"Values":["192.0.2.1"]}]}]}`))
	f.Add([]byte(`{"format":1,"places":[{}]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		k, err := parseKept(b)
		if err != nil {
			return
		}
		s, err := New(Options{Providers: map[string]dnsproviders.Provider{"p": &armer{now: time.Now}}, Zones: []Zone{{Name: zoneName, Provider: "p"}}})
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range k.Places {
			_ = s.recall(p)
		}
		for p, h := range s.holds {
			for _, r := range h.arming.Sets {
				if !dnsproviders.InZone(r.Name, p.zone) {
					t.Errorf("%s is held for zone %s", r.Name, p.zone)
				}
			}
		}
	})
}
