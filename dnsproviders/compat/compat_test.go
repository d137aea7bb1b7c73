package compat

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/libdns/libdns"

	"github.com/dutyops/dutyops/dnsproviders"
	"github.com/dutyops/dutyops/dnsproviders/internal/suite"
)

func TestOneCallAndOneReadingPerSet(t *testing.T) {
	r, m, p := rig(t, nil)
	changes := r.Names(3, true)
	rc, err := p.Apply(t.Context(), suite.Zone, changes)
	log := m.log()
	if err != nil || rc.Changed != 6 || rc.APICalls != 13 || r.Standing(t, changes) != "new" {
		t.Errorf("%+v, %v, %s", rc, err, r.Standing(t, changes))
	}
	for i, c := range log {
		if c != "get" && (i%2 == 0 || !strings.HasPrefix(c, "set ")) {
			t.Errorf("calls %q", log)
		}
	}
	if rc, err = p.Apply(t.Context(), suite.Zone, suite.Invert(changes)); err != nil || rc.Changed != 6 || r.Standing(t, changes) != "old" {
		t.Errorf("back: %+v, %v", rc, err)
	}
}

// What a module cannot do, or was not seen to do right, is refused with nothing sent.
func TestWhatIsRefused(t *testing.T) {
	n := "www." + suite.Zone
	one := func(o *Options) { o.Module.MultiValue = false }
	keep := func(o *Options) {
		open := o.Module.Open
		o.Module.Open = func(s Settings) Backend { return setOnly{open(s)} }
	}
	floor := func(o *Options) { o.Module.MinTTL = 3600 }
	for name, tc := range map[string]struct {
		tune    func(*Options)
		changes []dnsproviders.Change
		want    string
	}{
		"several now":    {one, []dnsproviders.Change{suite.Change(n, "A", 60, []string{suite.OldV4, "192.0.2.11"}, []string{suite.NewV4})}, "several values"},
		"several after":  {one, []dnsproviders.Change{suite.Change(n, "A", 60, []string{suite.OldV4}, []string{suite.NewV4, "198.51.100.21"})}, "several values"},
		"removal":        {keep, []dnsproviders.Change{suite.Change(n, "AAAA", 60, []string{suite.OldV6}, nil)}, "cannot remove"},
		"no way back":    {keep, []dnsproviders.Change{suite.Change(n, "AAAA", 60, nil, []string{suite.NewV6})}, "cannot remove"},
		"below a floor":  {floor, []dnsproviders.Change{suite.Change(n, "A", 60, []string{suite.OldV4}, []string{suite.NewV4})}, "TTL 60 s, and memory has none below 3600 s: write ttl: 3600s"},
		"type change":    {nil, []dnsproviders.Change{suite.Change(n, "A", 60, []string{suite.OldV4}, nil), suite.Change(n, "CNAME", 60, nil, []string{"standby.example.test"})}, "hole"},
		"foreign zone":   {nil, []dnsproviders.Change{suite.Change("www.elsewhere.test", "A", 60, []string{suite.OldV4}, []string{suite.NewV4})}, "not in zone"},
		"https":          {nil, []dnsproviders.Change{suite.Change(n, "HTTPS", 60, []string{`1 . alpn="h2"`}, []string{`1 . alpn="h3"`})}, "does not keep all parameters"},
		"type change II": {nil, []dnsproviders.Change{suite.Change(n, "CNAME", 60, []string{"primary.example.test"}, nil), suite.Change(n, "A", 60, nil, []string{suite.NewV4})}, "hole"},
	} {
		t.Run(name, func(t *testing.T) {
			r, m, p := rig(t, tc.tune)
			good := r.Names(1, false)
			if name == "below a floor" {
				r.Zone.Set(n, "A", 3600, suite.OldV4)
				r.Zone.Set(good[0].Before.Name, "A", 60, suite.OldV4)
			} else {
				for _, c := range tc.changes {
					r.Zone.Set(c.Before.Name, c.Before.Type, c.Before.TTL, c.Before.Values...)
				}
			}
			_, err := p.Apply(t.Context(), suite.Zone, append(good, tc.changes...))
			r.WellFormed(t, err, dnsproviders.ErrRejected)
			if !strings.Contains(err.Error(), tc.want) {
				t.Errorf("%v does not say %q", err, tc.want)
			}
			if log := m.log(); slices.ContainsFunc(log, func(s string) bool { return s != "get" }) {
				t.Errorf("calls %q", log)
			}
		})
	}
}

func TestConflictAndInspection(t *testing.T) {
	r, m, p := rig(t, nil)
	changes := r.Names(2, false)
	stop := errors.New("no")
	if _, err := p.ApplyInspected(t.Context(), suite.Zone, changes, func(live []dnsproviders.RRset) error {
		if len(live) != 2 {
			t.Errorf("saw %v", live)
		}
		return stop
	}); !errors.Is(err, stop) {
		t.Error(err)
	}
	r.Zone.Set("h0001."+suite.Zone, "A", 60, "203.0.113.99")
	_, err := p.Apply(t.Context(), suite.Zone, changes)
	r.WellFormed(t, err, dnsproviders.ErrConflict)
	if r.Zone.Text("h0000."+suite.Zone, "A") != "60 "+suite.OldV4 {
		t.Error("something was written")
	}
	m.log()
}

// Somebody writes while we do: the reading after the set before shows it.
func TestConflictHalfWayIsPartial(t *testing.T) {
	r, m, p := rig(t, nil)
	changes := r.Names(3, false)
	sets := 0
	p.opt.Module.Open = func(Settings) Backend {
		return hooked{m, func() {
			if sets++; sets == 1 {
				r.Zone.Set("h0001."+suite.Zone, "A", 60, "203.0.113.99")
			}
		}}
	}
	rc, err := p.Apply(t.Context(), suite.Zone, changes)
	var pe *dnsproviders.PartialError
	if !errors.As(err, &pe) || !errors.Is(err, dnsproviders.ErrConflict) || rc.Changed != 1 || len(pe.Done) != 1 || len(pe.Left) != 2 {
		t.Fatalf("%+v, %v", rc, err)
	}
	if v := r.Zone.Text("h0001."+suite.Zone, "A"); v != "60 203.0.113.99" {
		t.Errorf("h0001 is %s", v)
	}
}

// hooked calls after every SetRecords.
type hooked struct {
	*memory
	after func()
}

func (h hooked) SetRecords(ctx context.Context, zone string, recs []libdns.Record) ([]libdns.Record, error) {
	out, err := h.memory.SetRecords(ctx, zone, recs)
	h.after()
	return out, err
}

// One fault of every kind at every call, the write carried out or not: every name is old
// or new and the report says which, and no write is sent twice.
func TestAnySingleFault(t *testing.T) {
	fill := func(r *suite.Rig) []dnsproviders.Change {
		changes := r.Names(2, true)
		n := "goes." + suite.Zone
		r.Zone.Set(n, "A", 60, suite.OldV4)
		r.Zone.Set(n, "AAAA", 60, suite.OldV6)
		return append(changes, suite.Change(n, "A", 60, []string{suite.OldV4}, []string{suite.NewV4}), suite.Change(n, "AAAA", 60, []string{suite.OldV6}, nil))
	}
	r, m, p := rig(t, nil)
	if _, err := p.Apply(t.Context(), suite.Zone, fill(r)); err != nil {
		t.Fatal(err)
	}
	clean := m.log()
	for at := 1; at <= len(clean); at++ {
		for _, kind := range []string{lost, refused, denied, slow, panics, echo} {
			for _, applied := range []bool{false, true} {
				if applied && (clean[at-1] == "get" || kind == panics || kind == refused || kind == denied) {
					continue
				}
				t.Run(fmt.Sprintf("%s at %d applied %v", kind, at, applied), func(t *testing.T) {
					r, m, p := rig(t, nil)
					changes := fill(r)
					m.fault = &fault{at, kind, applied}
					rc, err := p.Apply(t.Context(), suite.Zone, changes)
					suite.Whole(t, r, changes, rc, err)
					log := m.log()
					for i, c := range log {
						if c != "get" && slices.Contains(log[:i], c) {
							t.Errorf("%q was sent twice", c)
						}
					}
					if err != nil && strings.Contains(err.Error(), m.secret) {
						t.Errorf("the secret is in %v", err)
					}
					m.fault = nil
					if _, err := p.Apply(t.Context(), suite.Zone, suite.Left(r.Zone, changes)); err != nil || r.Standing(t, changes) != "new" {
						t.Errorf("resume: %v, %s", err, r.Standing(t, changes))
					}
				})
			}
		}
	}
}

// A module whose SetRecords adds: the reading afterwards shows it, and the report says so.
func TestModuleThatAddsIsFoundOut(t *testing.T) {
	r, m, p := rig(t, nil)
	changes := r.Names(2, false)
	m.appends = true
	_, err := p.Apply(t.Context(), suite.Zone, changes)
	r.WellFormed(t, err, dnsproviders.ErrUncertain)
	if !strings.Contains(err.Error(), "neither before nor after") || r.Zone.Text("h0001."+suite.Zone, "A") != "60 "+suite.OldV4 {
		t.Error(err)
	}
}

func TestStaleReadingIsUncertain(t *testing.T) {
	r, m, p := rig(t, nil)
	changes := r.Names(1, false)
	m.stale = 1
	_, err := p.Apply(t.Context(), suite.Zone, changes)
	r.WellFormed(t, err, dnsproviders.ErrUncertain)
	if got, err := p.Read(t.Context(), suite.Zone, []string{changes[0].Before.Name}); err != nil || len(got) != 1 || got[0].Values[0] != suite.NewV4 {
		t.Errorf("%v, %v", got, err)
	}
}

// A module that ignores its context is left behind.
func TestHangingModuleIsLeftBehind(t *testing.T) {
	release := make(chan struct{})
	defer close(release)
	r, _, p := rig(t, func(o *Options) {
		o.Timeout, o.Budget = 20*time.Millisecond, 200*time.Millisecond
		o.Module.Open = func(Settings) Backend { return deaf{release} }
	})
	_, err := p.Read(t.Context(), suite.Zone, nil)
	r.WellFormed(t, err, dnsproviders.ErrUnavailable)
}

type deaf struct{ release chan struct{} }

func (d deaf) GetRecords(context.Context, string) ([]libdns.Record, error) {
	<-d.release
	return nil, nil
}

func (d deaf) SetRecords(context.Context, string, []libdns.Record) ([]libdns.Record, error) {
	return nil, nil
}

func TestCancelledBetweenNames(t *testing.T) {
	r, m, p := rig(t, nil)
	changes := r.Names(3, true)
	ctx, cancel := context.WithCancel(t.Context())
	p.opt.Module.Open = func(Settings) Backend { return hooked{m, cancel} }
	rc, err := p.Apply(ctx, suite.Zone, changes)
	var pe *dnsproviders.PartialError
	if !errors.Is(err, context.Canceled) || !errors.As(err, &pe) || rc.Changed != 2 {
		t.Fatalf("%+v, %v", rc, err)
	}
	suite.Whole(t, r, changes, rc, err)
}

func TestCardSecretsAndOptions(t *testing.T) {
	_, m, p := rig(t, func(o *Options) { o.Module.MultiValue = false })
	if c := p.Capabilities(); c.Kind != "libdns" || c.Atomic || c.CompareAndSet || c.MaxBatch != 1 || !strings.Contains(c.Note, "Not atomic") || !strings.Contains(c.Note, "several values are refused") {
		t.Errorf("card %+v", c)
	}
	for _, s := range []string{"", " ", "a\nb"} {
		m.secret = s
		if _, err := p.Read(t.Context(), suite.Zone, nil); !errors.Is(err, dnsproviders.ErrAuth) {
			t.Errorf("%q: %v", s, err)
		}
	}
	if log := m.log(); len(log) != 0 {
		t.Errorf("%q without a secret", log)
	}
	for _, o := range []Options{{}, {Module: Module{Name: "x"}}, {Module: p.opt.Module}} {
		if _, err := New(o); err == nil {
			t.Errorf("%+v was accepted", o)
		}
	}
	if got := Names(); !slices.Equal(got, []string{"desec", "rfc2136"}) {
		t.Errorf("modules %v", got)
	}
	if _, ok := Named("gandi"); ok {
		t.Error("a module that adds instead of setting is compiled in")
	}
}

func TestWhatErrorsOfModulesMean(t *testing.T) {
	for text, want := range map[string]struct {
		kind     error
		answered bool
	}{
		`dns response error code "REFUSED" (5)`:                   {dnsproviders.ErrForbidden, true},
		`dns response error code "NOTAUTH" (9)`:                   {dnsproviders.ErrAuth, true},
		`dns response error code "SERVFAIL" (2)`:                  {dnsproviders.ErrUnavailable, true},
		`dns response error code "NOTZONE" (10)`:                  {dnsproviders.ErrNotFound, true},
		`dns response error code "YXRRSET" (7)`:                   {dnsproviders.ErrRejected, true},
		`zone transfer: dns: bad xfr rcode: 5`:                    {dnsproviders.ErrForbidden, true},
		`read tcp 127.0.0.1:1: i/o timeout`:                       {nil, false},
		`writing RRSets: unexpected status code 401: {}`:          {dnsproviders.ErrAuth, true},
		`writing RRSets: unexpected status code 403: {}`:          {dnsproviders.ErrForbidden, true},
		`unexpected status code 404: {}`:                          {dnsproviders.ErrNotFound, true},
		`unexpected status code 400: {"records":["bad"]}`:         {dnsproviders.ErrRejected, true},
		`unexpected status code 500: oh`:                          {dnsproviders.ErrUnavailable, true},
		`unexpected status code 502: <html>`:                      {nil, false},
		`sending request: Put "https://x": connection reset`:      {nil, false},
		`unexpected status code 429: {"detail":"throttled"}`:      {dnsproviders.ErrRateLimited, true},
		`reading response body: unexpected EOF`:                   {nil, false},
		`waiting for cooldown to end: context deadline exceeded.`: {nil, false},
	} {
		classify := classifyStatus
		if strings.Contains(text, "dns") || strings.Contains(text, "tcp") {
			classify = classifyRcode
		}
		if kind, answered := classify(errors.New(text)); !errors.Is(kind, want.kind) || answered != want.answered {
			t.Errorf("%s: %v, answered %v", text, kind, answered)
		}
	}
}
