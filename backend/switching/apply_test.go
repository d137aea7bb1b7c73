package switching

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/dutyops/dutyops/dnsproviders"
	"github.com/dutyops/dutyops/dnsproviders/dnstest"
	"github.com/dutyops/dutyops/dnsproviders/propagation"
	"github.com/dutyops/dutyops/failoverplan"
)

func TestApplyAndTakeBackExactly(t *testing.T) {
	for _, provider := range []string{"cloudflare", "rfc2136"} {
		t.Run(provider, func(t *testing.T) {
			r := newRig(t, rigOptions{})
			_, zc := r.site(provider, 3)
			// One name loses its AAAA at the target, one has two addresses.
			zc.Changes[1].After = failoverplan.RecordSet{Name: zc.Changes[1].After.Name, Type: "AAAA"}
			r.zone.Set("h0002."+zoneName, "A", 45, oldV4, "192.0.2.11")
			zc.Changes[4].Before = failoverplan.RecordSet{Name: "h0002." + zoneName, Type: "A", TTL: 45, Values: []string{"192.0.2.11", oldV4}}
			was := texts(r.zone, zc)
			out, err := r.s.Apply(t.Context(), zc)
			if err != nil {
				t.Fatal(err)
			}
			if out.Changed != 6 || count(out.Results, SetNew) != 6 || len(out.Evidence) == 0 || out.APICalls == 0 {
				t.Errorf("%+v", out)
			}
			if got := texts(r.zone, zc); !reflect.DeepEqual(got, []string{"30 " + newV4, "", "30 " + newV4, "30 " + newV6, "30 " + newV4, "30 " + newV6}) {
				t.Errorf("zone is %q", got)
			}
			done, conflict, err := r.s.Done(t.Context(), zc)
			if err != nil || len(done) != 6 || len(conflict) != 0 {
				t.Errorf("done %d, conflict %d, %v", len(done), len(conflict), err)
			}
			if _, err := r.s.Apply(t.Context(), r.s.Invert(zc)); err != nil {
				t.Fatal(err)
			}
			if got := texts(r.zone, zc); !reflect.DeepEqual(got, was) {
				t.Errorf("taken back: %q, was %q", got, was)
			}
			if !reflect.DeepEqual(Invert(Invert(zc)), zc) {
				t.Error("inverting twice is not the change itself")
			}
		})
	}
}

func texts(z *dnstest.Zone, zc failoverplan.ZoneChange) []string {
	var out []string
	for _, c := range zc.Changes {
		out = append(out, z.Text(c.After.Name, c.After.Type))
	}
	return out
}

// At Cloudflare a switch from a fresh reading is one request, and so is the way back: what
// the answer showed is held. Once that is old, the zone is read first.
func TestApplyIsOneRequestWhenArmedElseTwo(t *testing.T) {
	r := newRig(t, rigOptions{})
	ds, zc := r.site("cloudflare", 50)
	if _, problems := r.s.Live(t.Context(), ds); len(problems) > 0 {
		t.Fatal(problems)
	}
	r.api.Log()
	batch := "POST /zones/zone-" + zoneName + "/dns_records/batch"
	list := "GET /zones/zone-" + zoneName + "/dns_records"
	out, err := r.s.Apply(t.Context(), zc)
	if err != nil || out.APICalls != 1 || out.Changed != len(zc.Changes) {
		t.Fatalf("%+v, %v", out, err)
	}
	if log := r.api.Log(); !reflect.DeepEqual(log, []string{batch}) {
		t.Errorf("armed: %v, want one batch", log)
	}
	if n := count(r.truth(zc), SetNew); n != len(zc.Changes) {
		t.Errorf("%d of %d sets are new", n, len(zc.Changes))
	}
	if _, err := r.s.Apply(t.Context(), r.s.Invert(zc)); err != nil {
		t.Fatal(err)
	}
	if log := r.api.Log(); !reflect.DeepEqual(log, []string{batch}) {
		t.Errorf("way back: %v, want one batch", log)
	}
	if n := count(r.truth(zc), SetOld); n != len(zc.Changes) {
		t.Errorf("%d of %d sets are old", n, len(zc.Changes))
	}
	r.s.opt.MaxAge = time.Nanosecond
	if _, err := r.s.Apply(t.Context(), zc); err != nil {
		t.Fatal(err)
	}
	if log := r.api.Log(); !reflect.DeepEqual(log, []string{list, batch}) {
		t.Errorf("not armed: %v, want one list and one batch", log)
	}
}

func TestApplyFinishesWhatIsHalfDone(t *testing.T) {
	for _, provider := range []string{"cloudflare", "rfc2136"} {
		t.Run(provider, func(t *testing.T) {
			r := newRig(t, rigOptions{})
			_, zc := r.site(provider, 3)
			r.zone.Set("h0001."+zoneName, "A", 30, newV4) // only its AAAA is left
			out, err := r.s.Apply(t.Context(), zc)
			if err != nil || out.Changed != 5 || count(r.truth(zc), SetNew) != 6 || count(out.Results, SetNew) != 6 {
				t.Fatalf("%+v, %v", out, err)
			}
			out, err = r.s.Apply(t.Context(), zc)
			if err != nil || out.Changed != 0 || count(out.Results, SetNew) != 6 {
				t.Errorf("again: %+v, %v", out, err)
			}
		})
	}
}

func TestForeignValueStopsTheZone(t *testing.T) {
	for _, provider := range []string{"cloudflare", "rfc2136"} {
		t.Run(provider, func(t *testing.T) {
			r := newRig(t, rigOptions{})
			_, zc := r.site(provider, 3)
			r.zone.Set("h0001."+zoneName, "A", 60, "203.0.113.99")
			serial := r.zone.Serial()
			out, err := r.s.Apply(t.Context(), zc)
			if !errors.Is(err, dnsproviders.ErrConflict) || !strings.Contains(err.Error(), "h0001") {
				t.Fatalf("%v", err)
			}
			if r.zone.Serial() != serial || out.Standing("h0001."+zoneName, "A") != SetOther || count(out.Results, SetOld) != 5 {
				t.Errorf("%+v", out.Results)
			}
			done, conflict, err := r.s.Done(t.Context(), zc)
			if err != nil || len(done) != 0 || len(conflict) != 1 || conflict[0].After.Name != "h0001."+zoneName {
				t.Errorf("done %v, conflict %v, %v", done, conflict, err)
			}
		})
	}
}

// The authoritative servers may lag: what the provider has proven stands above them.
func TestReportWithLaggingAuthorities(t *testing.T) {
	r := newRig(t, rigOptions{})
	r.api.Plan = "free"
	_, zc := r.site("cloudflare", 105)
	r.ns1.Freeze()
	r.ns2.Freeze()
	r.api.Break(&dnstest.Fault{Kind: dnstest.Forbidden, First: 4}) // zone, list, batch, batch
	out, err := r.s.Apply(t.Context(), zc)
	if !isPartial(err) || !reflect.DeepEqual(out.Results, r.truth(zc)) || count(out.Results, SetNew) != 200 {
		t.Errorf("%d new of 200: %v", count(out.Results, SetNew), err)
	}
	r.api.Break(nil)
	r.zone.Set("h0104."+zoneName, "A", 60, "203.0.113.99")
	out, err = r.s.Apply(t.Context(), zc)
	if !errors.Is(err, dnsproviders.ErrConflict) || out.Standing("h0104."+zoneName, "A") != SetOther || !reflect.DeepEqual(out.Results, r.truth(zc)) {
		t.Errorf("%v: %v", out.Standing("h0104."+zoneName, "A"), err)
	}
}

// After any single fault every set is old or new, the report says which, and the same
// change can be finished and taken back exactly.
func TestAfterAnySingleFaultEverySetIsOldOrNew(t *testing.T) {
	kinds := []string{
		dnstest.Unauthorized, dnstest.Forbidden, dnstest.RateLimit, dnstest.ServerError, dnstest.Garbage,
		dnstest.HTML, dnstest.HalfBody, dnstest.Hang, dnstest.Drop, dnstest.Reject,
	}
	sawPartial, sawUncertain, sawDone := false, false, false
	for _, kind := range kinds {
		for first := 1; first <= 5; first++ { // zone, list, batch, batch, read back
			for _, times := range []int{1, -1} {
				for _, applied := range []bool{false, true} {
					if applied && (kind == dnstest.Unauthorized || kind == dnstest.Forbidden || kind == dnstest.RateLimit || kind == dnstest.Reject) {
						continue // a server that refuses has not acted
					}
					name := fmt.Sprintf("%s from request %d, times %d, applied %v", kind, first, times, applied)
					r := newRig(t, rigOptions{timeout: 60 * time.Millisecond, budget: 190 * time.Millisecond})
					r.api.Plan = "free"
					_, zc := r.site("cloudflare", 105) // 210 operations: two batches
					was := texts(r.zone, zc)
					r.api.Break(&dnstest.Fault{Kind: kind, First: first, Times: times, Applied: applied, RetryAfter: time.Hour})
					out, err := r.s.Apply(t.Context(), zc)
					truth := r.truth(zc)
					if count(truth, SetOther) > 0 {
						t.Fatalf("%s: a set is neither old nor new", name)
					}
					if !reflect.DeepEqual(out.Results, truth) {
						t.Errorf("%s: report has %d new and %d unknown, the truth %d new (error %v)", name,
							count(out.Results, SetNew), count(out.Results, SetUnknown), count(truth, SetNew), err)
					}
					if err == nil && count(truth, SetNew) != len(truth) {
						t.Errorf("%s: no error and %d new", name, count(truth, SetNew))
					}
					halves := map[string]int{}
					for _, x := range truth {
						if x.Standing == SetNew {
							halves[x.Name]++
						}
					}
					for n, k := range halves {
						if k != 2 {
							t.Errorf("%s: %s has only one of A and AAAA switched", name, n)
						}
					}
					if err != nil && count(truth, SetNew) > 0 && count(truth, SetOld) > 0 && !isPartial(err) && !errors.Is(err, dnsproviders.ErrUncertain) {
						t.Errorf("%s: half done without saying so: %v", name, err)
					}
					for _, k := range []error{dnsproviders.ErrAuth, dnsproviders.ErrForbidden, dnsproviders.ErrRejected, dnsproviders.ErrRateLimited, dnsproviders.ErrConflict} {
						if errors.Is(err, k) && !isPartial(err) && count(truth, SetNew) > 0 {
							t.Errorf("%s: %v promises that nothing was changed", name, k)
						}
					}
					sawPartial = sawPartial || isPartial(err)
					sawUncertain = sawUncertain || errors.Is(err, dnsproviders.ErrUncertain)
					sawDone = sawDone || err == nil
					r.api.Break(nil)
					if _, err := r.patient.Apply(t.Context(), zc); err != nil {
						t.Errorf("%s: resume: %v", name, err)
					}
					if _, err := r.patient.Apply(t.Context(), Invert(zc)); err != nil {
						t.Errorf("%s: take back: %v", name, err)
					}
					if got := texts(r.zone, zc); !reflect.DeepEqual(got, was) {
						t.Errorf("%s: the zone is not as it was", name)
					}
					r.api.Close()
					r.ns1.Close()
					r.ns2.Close()
				}
			}
		}
	}
	if !sawPartial || !sawUncertain || !sawDone {
		t.Errorf("the faults do not reach far enough: partial %v, uncertain %v, done %v", sawPartial, sawUncertain, sawDone)
	}
}

// mute lets a server act and keeps its answer.
type mute struct{ dns.ResponseWriter }

func (mute) WriteMsg(*dns.Msg) error { return nil }

func TestAfterAnySingleFaultOnUpdates(t *testing.T) {
	type hook func(w dns.ResponseWriter, r *dns.Msg, serve func(dns.ResponseWriter))
	code := func(c int) hook {
		return func(w dns.ResponseWriter, r *dns.Msg, _ func(dns.ResponseWriter)) {
			m := new(dns.Msg)
			m.SetRcode(r, c)
			_ = w.WriteMsg(m)
		}
	}
	hooks := map[string]hook{
		"servfail": code(dns.RcodeServerFailure), "refused": code(dns.RcodeRefused), "notauth": code(dns.RcodeNotAuth), "nxrrset": code(dns.RcodeNXRrset),
		"drop":         func(w dns.ResponseWriter, _ *dns.Msg, _ func(dns.ResponseWriter)) { _ = w.Close() },
		"drop after":   func(w dns.ResponseWriter, _ *dns.Msg, serve func(dns.ResponseWriter)) { serve(mute{w}); _ = w.Close() },
		"silent":       func(dns.ResponseWriter, *dns.Msg, func(dns.ResponseWriter)) {},
		"silent after": func(w dns.ResponseWriter, _ *dns.Msg, serve func(dns.ResponseWriter)) { serve(mute{w}) },
		"unsigned answer": func(w dns.ResponseWriter, r *dns.Msg, serve func(dns.ResponseWriter)) {
			serve(mute{w})
			code(0)(w, r, nil)
		},
	}
	sawPartial := false
	for name, h := range hooks {
		for first := int32(1); first <= 2; first++ {
			for _, always := range []bool{false, true} {
				name := fmt.Sprintf("%s from message %d, always %v", name, first, always)
				r := newRig(t, rigOptions{timeout: 250 * time.Millisecond, budget: 2 * time.Second, message: 1000})
				_, zc := r.site("rfc2136", 10) // 20 sets: two messages
				was := texts(r.zone, zc)
				var seen atomic.Int32
				r.ns1.Hook(func(w dns.ResponseWriter, m *dns.Msg, serve func(dns.ResponseWriter)) {
					if m.Opcode == dns.OpcodeUpdate {
						if n := seen.Add(1); n == first || always && n > first {
							h(w, m, serve)
							return
						}
					}
					serve(w)
				})
				out, err := r.s.Apply(t.Context(), zc)
				truth := r.truth(zc)
				if !reflect.DeepEqual(out.Results, truth) || count(truth, SetOther) > 0 {
					t.Errorf("%s: report %d new %d unknown, truth %d new (%v)", name, count(out.Results, SetNew), count(out.Results, SetUnknown), count(truth, SetNew), err)
				}
				if err == nil && count(truth, SetNew) != len(truth) {
					t.Errorf("%s: no error and %d new", name, count(truth, SetNew))
				}
				sawPartial = sawPartial || isPartial(err)
				r.ns1.Hook(nil)
				if _, err := r.patient.Apply(t.Context(), zc); err != nil {
					t.Errorf("%s: resume: %v", name, err)
				}
				if _, err := r.patient.Apply(t.Context(), Invert(zc)); err != nil {
					t.Errorf("%s: take back: %v", name, err)
				}
				if got := texts(r.zone, zc); !reflect.DeepEqual(got, was) {
					t.Errorf("%s: the zone is not as it was", name)
				}
			}
		}
	}
	if !sawPartial {
		t.Error("no change took two messages")
	}
}

// poll asks a server for every set of the change until stop says so, and returns the
// number of passes and what was neither the old nor the new set.
func poll(t *testing.T, server string, zc failoverplan.ZoneChange, stop func() bool) (passes int, holes []string) {
	var qs []propagation.Question
	for _, c := range zc.Changes {
		qs = append(qs, propagation.Question{Name: c.After.Name, Type: c.After.Type})
	}
	for {
		last := stop()
		for i, a := range propagation.Check(t.Context(), asServers([]string{server}), qs, propagation.Options{}) {
			if !a.Same(zc.Changes[i].Before.Values) && !a.Same(zc.Changes[i].After.Values) {
				holes = append(holes, fmt.Sprintf("%s %s: %v %v", a.Name, a.Type, a.Values, a.Err))
			}
		}
		passes++
		if last {
			return passes, holes
		}
	}
}

func TestNoNameIsEverMissing(t *testing.T) {
	for _, provider := range []string{"cloudflare", "rfc2136"} {
		t.Run(provider, func(t *testing.T) {
			r := newRig(t, rigOptions{})
			r.api.Plan = "free"
			r.api.Latency = 20 * time.Millisecond
			_, zc := r.site(provider, 300) // three batches
			var done atomic.Bool
			started := make(chan struct{})
			res := make(chan error, 1)
			go func() {
				<-started
				for range 3 { // there, back, there
					if _, err := r.s.Apply(t.Context(), zc); err != nil {
						res <- err
						return
					}
					if _, err := r.s.Apply(t.Context(), Invert(zc)); err != nil {
						res <- err
						return
					}
				}
				res <- nil
			}()
			once := false
			passes, holes := poll(t, r.ns1.Addr, zc, func() bool {
				if !once {
					once = true
					close(started)
				}
				select {
				case err := <-res:
					if err != nil {
						t.Error(err)
					}
					done.Store(true)
				default:
				}
				return done.Load()
			})
			if len(holes) > 0 {
				t.Errorf("%d holes in %d passes, first: %s", len(holes), passes, holes[0])
			}
			if passes < 2 {
				t.Errorf("only %d passes: the poller saw nothing", passes)
			}
		})
	}
	t.Run("the poller sees a hole", func(t *testing.T) {
		r := newRig(t, rigOptions{})
		_, zc := r.site("cloudflare", 3)
		n := 0
		_, holes := poll(t, r.ns1.Addr, zc, func() bool {
			n++
			if n == 2 {
				r.zone.Set("h0001."+zoneName, "A", 60) // delete, then add: what must not happen
			}
			return n == 3
		})
		if len(holes) == 0 {
			t.Error("a deleted name was not noticed")
		}
	})
}
