package switching

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/dutyops/dutyops/dnsproviders"
	"github.com/dutyops/dutyops/failoverplan"
)

const (
	defaultRetryBudget = 30 * time.Second
	// maxTries bounds one Apply: the first, one after a lost answer or a zone that was half
	// done, and a few after being told to wait.
	maxTries = 5
	// minWait before a try again.
	minWait = time.Second
)

// Apply makes a zone's change through its provider: guards first, then compare, set and
// confirm. Give it the whole change, also when part of it is already made: sets that
// are as planned are left alone, and the guards see the names whole.
//
// From a fresh reading (Arm) it is one request where one batch holds the change. A
// reading that is old, has drifted, or is not what the plan expects is taken again first;
// the evidence says so. It tries again within RetryBudget where that is safe: when it was
// told to wait, and, once, what a reading shows not to be made after a lost answer.
//
// A write that is on its way is finished even when ctx ends. Errors: *GuardError
// (nothing was sent) or the provider's (dnsproviders.Error, PartialError); when one
// comes, Outcome.Results says of every set whether it is old or new, as read afterwards.
func (s *Switch) Apply(ctx context.Context, zc failoverplan.ZoneChange) (Outcome, error) {
	start := s.opt.Now()
	out := Outcome{Zone: zc.Zone, Provider: zc.Provider}
	defer func() { out.Took = s.opt.Now().Sub(start) }()
	cs, err := s.checked(zc)
	if err != nil {
		return out, err
	}
	w := &writer{
		s: s, place: place{dnsproviders.CanonicalName(zc.Zone), zc.Provider}, p: s.opt.Providers[zc.Provider],
		all: cs, todo: cs, out: &out, end: start.Add(s.opt.RetryBudget),
	}
	unlock, err := s.lock(ctx, w.place)
	if err == nil {
		err = w.run(ctx)
		unlock()
	}
	if err != nil {
		s.tell(ctx, &out, zc, cs, err)
		return out, fmt.Errorf("switch %s through %s: %w", zc.Zone, zc.Provider, err)
	}
	for _, c := range cs {
		out.Results = append(out.Results, Result{c.After.Name, c.After.Type, SetNew})
	}
	out.say("%s: %d of %d record sets changed in %d requests, %s", zc.Provider, out.Changed, len(cs), out.APICalls, s.opt.Now().Sub(start).Round(time.Millisecond))
	if out.requestID != "" {
		out.say("request id %s", out.requestID)
		s.mu.Lock()
		s.sent[w.place] = sentChange{out.requestID, s.opt.Now()}
		s.mu.Unlock()
	}
	if out.state != "" {
		out.say("%s says of it: %s", zc.Provider, out.state)
	}
	if out.Serial > 0 {
		out.say("zone serial %d", out.Serial)
	}
	return out, nil
}

// writer is one Apply on its way.
type writer struct {
	s     *Switch
	place place
	p     dnsproviders.Provider
	all   []dnsproviders.Change // everything, canonical
	todo  []dnsproviders.Change // what is not known to be made
	out   *Outcome
	end   time.Time // of the retry budget
	again bool      // the zone was read after a lost answer or a conflict: once is enough
}

// run tries until the change is made or the failure is final.
func (w *writer) run(ctx context.Context) error {
	err := w.armed(ctx)
	if errors.Is(err, errReadFirst) {
		err = w.read(ctx)
	}
	for try := 2; err != nil && try <= maxTries; try++ {
		wait, left, ok := w.next(ctx, err)
		if !ok {
			return err
		}
		if w.todo = left; len(left) == 0 {
			return nil
		}
		if wait > 0 && !w.wait(ctx, wait, try, err) {
			return err
		}
		err = w.read(ctx)
	}
	return err
}

// errReadFirst: nothing was sent, the zone has to be read first.
var errReadFirst = errors.New("to be read first")

// armed writes from what is held ready; errReadFirst when that does not do.
func (w *writer) armed(ctx context.Context) error {
	p, ok := w.p.(dnsproviders.Armer)
	if !ok {
		return errReadFirst
	}
	a, why := w.s.ready(w.place, names(w.all))
	if why != "" {
		w.out.say("%s: %s: read first", w.place.provider, why)
		return errReadFirst
	}
	have := bySet(a.Sets)
	for _, c := range w.all {
		if l := have[key{c.Before.Name, c.Before.Type}]; !slices.Equal(l.Values, c.Before.Values) {
			w.out.say("%s: armed with %s %s as %s, the plan expects %s: read first", w.place.provider, c.Before.Name, c.Before.Type, text(l.Values), text(c.Before.Values))
			return errReadFirst
		}
	}
	if err := w.inspect(of(a.Sets, w.all)); err != nil {
		return err
	}
	rc, err := p.ApplyArmed(ctx, a, w.all)
	w.out.add(rc)
	if err != nil {
		w.s.written(w.place, nil, rc, nil)
		if outdated(err) && !isPartial(err) {
			w.out.say("%s: the reading of %s no longer holds (%v): read first", w.place.provider, a.At.Local().Format("15:04:05"), err)
			return errReadFirst
		}
		return err
	}
	w.out.say("armed %s before", w.s.opt.Now().Sub(a.At).Round(time.Millisecond))
	w.s.written(w.place, &a, rc, w.all)
	return nil
}

// outdated says whether a refusal, after which nothing was changed, may come from ids or
// values that are no longer there.
func outdated(err error) bool {
	return errors.Is(err, dnsproviders.ErrConflict) || errors.Is(err, dnsproviders.ErrRejected) || errors.Is(err, dnsproviders.ErrNotFound)
}

// of picks the sets of the changed names.
func of(sets []dnsproviders.RRset, cs []dnsproviders.Change) []dnsproviders.RRset {
	ns := names(cs)
	var out []dnsproviders.RRset
	for _, r := range sets {
		if _, ok := slices.BinarySearch(ns, r.Name); ok {
			out = append(out, r)
		}
	}
	return out
}

func (w *writer) inspect(live []dnsproviders.RRset) error { return together(w.place.zone, w.all, live) }

// read compares with the live sets as part of the write.
func (w *writer) read(ctx context.Context) error {
	rc, err := write(ctx, w.p, w.place.zone, w.todo, w.inspect)
	w.out.add(rc)
	w.s.written(w.place, nil, rc, nil)
	return err
}

// next judges a failure: what is left to be made, and after which wait. ok is false when
// another try is no use, or not safe.
func (w *writer) next(ctx context.Context, err error) (wait time.Duration, left []dnsproviders.Change, ok bool) {
	limited := errors.Is(err, dnsproviders.ErrRateLimited)
	switch {
	case limited && !isPartial(err): // refused before anything was done
		left = w.todo
	case limited, !w.again && (errors.Is(err, dnsproviders.ErrUncertain) || errors.Is(err, dnsproviders.ErrConflict) && !isPartial(err)):
		w.again = w.again || !limited
		var rerr error
		if left, rerr = leftOf(context.WithoutCancel(ctx), w.p, w.place.zone, w.all); rerr != nil {
			return 0, nil, false
		}
		if errors.Is(err, dnsproviders.ErrConflict) && len(left) == len(w.all) {
			return 0, nil, false // nothing of ours: somebody else's
		}
		if made := len(w.all) - len(left); errors.Is(err, dnsproviders.ErrUncertain) {
			w.out.say("%s: an answer was lost; a reading shows %d of %d record sets as planned", w.place.provider, made, len(w.all))
			w.out.Changed = max(w.out.Changed, made)
		} else if made > 0 && !limited {
			w.out.say("%d of %d record sets were as planned already", made, len(w.all))
		}
	default:
		return 0, nil, false
	}
	if limited {
		var e *dnsproviders.Error
		if errors.As(err, &e) {
			wait = e.RetryAfter
		}
		wait = max(wait, minWait)
		if w.s.opt.Now().Add(wait).After(w.end) {
			w.out.say("%s: told to wait %s, which is more than is left of the retry budget of %s", w.place.provider, wait, w.s.opt.RetryBudget)
			return 0, nil, false
		}
	}
	return wait, left, ctx.Err() == nil || len(left) == 0
}

// wait counts down where everybody sees it; false when ctx ended.
func (w *writer) wait(ctx context.Context, d time.Duration, try int, cause error) bool {
	w.out.say("%s: try %d after %s: %v", w.place.provider, try, d.Round(time.Millisecond), cause)
	for left := d; left > 0; left -= time.Second {
		w.s.opt.OnNotice(Notice{Zone: w.place.zone, Provider: w.place.provider, Begins: left == d, Text: fmt.Sprintf(
			"try %d in %s, %s of the retry budget left: %v", try, left.Round(time.Second), w.end.Sub(w.s.opt.Now()).Round(time.Second), cause)})
		if !pause(ctx, min(left, time.Second)) {
			return false
		}
	}
	return true
}

func isPartial(err error) bool {
	var pe *dnsproviders.PartialError
	return errors.As(err, &pe)
}

// write applies changes with a look at the live sets before the first write: inside the
// provider's own comparison where it can, by a reading before it where it cannot.
func write(ctx context.Context, p dnsproviders.Provider, zone string, cs []dnsproviders.Change, inspect func([]dnsproviders.RRset) error) (dnsproviders.Receipt, error) {
	if ip, ok := p.(dnsproviders.Inspector); ok {
		return ip.ApplyInspected(ctx, zone, cs, inspect)
	}
	live, err := p.Read(ctx, zone, names(cs))
	if err != nil {
		return dnsproviders.Receipt{}, err
	}
	if err := inspect(live); err != nil {
		return dnsproviders.Receipt{}, err
	}
	return p.Apply(ctx, zone, cs)
}

func names(cs []dnsproviders.Change) []string {
	out := make([]string, 0, len(cs))
	for _, c := range cs {
		out = append(out, c.Before.Name)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// leftOf reads the zone and returns the changes that are not made yet; the error is set
// when it cannot be read or a set is neither before nor after.
func leftOf(ctx context.Context, p dnsproviders.Provider, zone string, cs []dnsproviders.Change) ([]dnsproviders.Change, error) {
	sets, err := p.Read(ctx, zone, names(cs))
	if err != nil {
		return nil, err
	}
	live := bySet(sets)
	var left []dnsproviders.Change
	for _, c := range cs {
		switch c.Stand(live[key{c.After.Name, c.After.Type}]) {
		case dnsproviders.New:
		case dnsproviders.Old:
			left = append(left, c)
		case dnsproviders.Other:
			return nil, fmt.Errorf("%s %s is neither before nor after", c.After.Name, c.After.Type)
		}
	}
	return left, nil
}
