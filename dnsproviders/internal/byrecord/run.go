package byrecord

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/dutyops/dutyops/dnsproviders"
)

// run is the writing part of one Apply.
type run struct {
	e       *Engine
	o       *Op
	changes []dnsproviders.Change // the caller's
	canon   []dnsproviders.Change
	units   []*unit

	// seen is the zone as read after the last write, when that was read anyway.
	seen []Record
	// last is the zone as the last reading showed it, once that was up with the writes.
	last []Record

	mu  sync.Mutex
	err *dnsproviders.Error // the first failure
}

func (r *run) failed(err *dnsproviders.Error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.err == nil {
		r.err = err
	}
}

func (r *run) stopped() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.err != nil
}

// carry makes the steps: in batches where all of them fit, else record by record.
func (r *run) carry(ctx context.Context) {
	if b, ok := r.e.API.(Batcher); ok {
		if groups := r.groups(b.BatchSize()); groups != nil {
			r.batches(ctx, b, groups)
			return
		}
	}
	queue := make(chan *unit)
	var wg sync.WaitGroup
	for range min(r.e.Parallel, len(r.units)) {
		wg.Go(func() {
			for u := range queue {
				r.unit(ctx, u)
			}
		})
	}
	for _, u := range r.units {
		if r.stopped() {
			break
		}
		if err := ctx.Err(); err != nil {
			r.failed(r.o.Fail(dnsproviders.ErrUnavailable, "cancelled between two names", "resume when ready", err))
			break
		}
		queue <- u
	}
	close(queue)
	wg.Wait()
}

// unit makes the steps of one name; when one fails, those made are put back.
func (r *run) unit(ctx context.Context, u *unit) {
	for i, s := range u.steps {
		if err := ctx.Err(); err != nil && i == 0 {
			r.failed(r.o.Fail(dnsproviders.ErrUnavailable, "cancelled between two names", "resume when ready", err))
			return
		}
		id, err := r.step(context.WithoutCancel(ctx), s)
		if err != nil {
			r.failed(err)
			u.torn = errors.Is(err, dnsproviders.ErrUncertain)
			if !u.torn {
				r.putBack(context.WithoutCancel(ctx), u)
			}
			return
		}
		u.made[i], u.ids[i] = true, id
	}
}

// putBack undoes the steps that were made of a name.
func (r *run) putBack(ctx context.Context, u *unit) {
	for i := len(u.steps) - 1; i >= 0; i-- {
		if !u.made[i] {
			continue
		}
		if _, err := r.step(ctx, u.steps[i].Inverse(u.ids[i])); err != nil {
			u.torn = true
			r.o.e.OnRetry(RetryNotice{Op: r.o.Name, Zone: r.o.Zone, Try: 1, Left: r.o.left(), Cause: err})
			return
		}
		u.made[i] = false
	}
}

// step makes one step. All steps are idempotent (updates and deletions go by id, both
// vendors refuse a second equal record), so that a lost answer is settled by reading and
// the request repeated when it was not carried out. After ErrUncertain it may have been
// carried out, after any other error it was not.
func (r *run) step(ctx context.Context, s Step) (string, *dnsproviders.Error) {
	lost := false // an earlier try may still be carried out
	for try := 1; ; try++ {
		if err := r.e.pace(ctx); err != nil {
			return "", r.o.Fail(dnsproviders.ErrUnavailable, "cancelled", "", err)
		}
		id, f := r.e.API.Do(ctx, r.o, s)
		if f == nil {
			return id, nil
		}
		wait := f.Wait
		if wait <= 0 {
			wait = firstTry << min(try-1, 4)
		}
		if (f.Unsent || f.NotDone) && !f.Already && !lost {
			if f.Retry && (try < readTry || f.NotDone) && r.o.again(ctx, try+1, wait, f.Err) {
				continue
			}
			return "", f.Err
		}
		// What does the zone hold?
		id, st, serr := r.settle(ctx, s)
		switch {
		case serr != nil:
			return "", serr
		case st == dnsproviders.New:
			return id, nil
		case st == dnsproviders.Other:
			return "", r.uncertain(f.Err, s.name()+" holds something else now")
		}
		lost = lost || !f.Answered && !f.Unsent
		if f.Retry && try < readTry && r.o.again(ctx, try+1, wait, f.Err) {
			continue
		}
		if lost {
			return "", r.uncertain(f.Err, "a re-read shows nothing changed, but the request may still be carried out")
		}
		return "", f.Err
	}
}

func (r *run) uncertain(cause *dnsproviders.Error, detail string) *dnsproviders.Error {
	// The cause goes in as text only: its kind may promise that nothing was changed.
	return r.o.Fail(dnsproviders.ErrUncertain, cause.Detail+"; "+detail, hintRead, errors.New(cause.Error()))
}

// settle reads the zone and says whether a step is made (New) or not (Old).
func (r *run) settle(ctx context.Context, s Step) (string, dnsproviders.Standing, *dnsproviders.Error) {
	recs, err := r.reread(ctx)
	if err != nil {
		return "", dnsproviders.Other, r.uncertain(err, "and the zone could not be read back")
	}
	id, st := standing(recs, s)
	return id, st, nil
}

// reread lists the zone after a write. It tries once more whatever the failure was: a
// zone in doubt is worth a request that may be refused again.
func (r *run) reread(ctx context.Context) ([]Record, *dnsproviders.Error) {
	recs, err := r.e.API.List(ctx, r.o)
	if err != nil && r.o.again(ctx, 2, firstTry, err) {
		recs, err = r.e.API.List(ctx, r.o)
	}
	return recs, err
}

func standing(recs []Record, s Step) (string, dnsproviders.Standing) {
	for _, x := range recs {
		switch {
		case s.Verb == Create:
			if x.Name == s.To.Name && x.Type == s.To.Type && x.Line == s.To.Line && x.Value == s.To.Value {
				return x.ID, dnsproviders.New
			}
		case x.ID != s.From.ID:
		case s.Verb == Delete:
			return x.ID, dnsproviders.Old
		case x.Type == s.To.Type && x.Value == s.To.Value && x.TTL == s.To.TTL:
			return x.ID, dnsproviders.New
		case x.Type == s.From.Type && x.Value == s.From.Value:
			return x.ID, dnsproviders.Old
		default:
			return x.ID, dnsproviders.Other
		}
	}
	switch s.Verb {
	case Create:
		return "", dnsproviders.Old
	case Delete:
		return s.From.ID, dnsproviders.New
	case Update:
	}
	return "", dnsproviders.Other
}

// report reads back and makes the receipt and the error of the whole.
func (r *run) report(ctx context.Context) (rc dnsproviders.Receipt, err error) {
	if !slices.ContainsFunc(r.units, (*unit).touched) {
		return rc, orNil(r.err)
	}
	ctx = context.WithoutCancel(ctx)
	for try := 1; ; try++ {
		recs, lerr := r.seen, (*dnsproviders.Error)(nil)
		if recs == nil || try > 1 {
			recs, lerr = r.reread(ctx)
		}
		if lerr != nil {
			return r.unread(lerr)
		}
		left, detail, stale := r.look(recs)
		if !stale {
			r.last = recs
			return r.divide(left, detail)
		}
		if try == readTry || !r.o.again(ctx, try+1, firstTry<<try, r.o.Fail(dnsproviders.ErrUnavailable, "the list does not show yet what was confirmed", hintRead, nil)) {
			return r.divide(left, detail)
		}
	}
}

// look compares the zone with the changes: those left (by index), what is wrong with the
// first of them, and whether the list may be behind the writes.
func (r *run) look(recs []Record) (left map[int]bool, detail string, stale bool) {
	m := index(recs)
	left = map[int]bool{}
	for _, u := range r.units {
		olds, others, first := 0, 0, ""
		for _, i := range u.items {
			c := r.canon[i]
			l := live(m, key{c.Before.Name, c.Before.Type}, r.e.Standard)
			switch c.Stand(l) {
			case dnsproviders.New:
				continue
			case dnsproviders.Old:
				olds++
			case dnsproviders.Other:
				others++
			}
			if first == "" {
				first = fmt.Sprintf("%s %s reads as %s", l.Name, l.Type, values(l))
			}
		}
		if olds+others == 0 {
			continue
		}
		for _, i := range u.items {
			left[i] = true
		}
		if others == 0 && olds == len(u.items) && !u.done() && !u.torn {
			continue // as before, as it should be
		}
		stale = stale || !u.torn
		if detail == "" {
			detail = first
		}
	}
	return left, detail, stale
}

// unread is the report when the zone cannot be read back: what was confirmed is done.
func (r *run) unread(lerr *dnsproviders.Error) (rc dnsproviders.Receipt, err error) {
	left := map[int]bool{}
	for _, u := range r.units {
		if !u.done() {
			for _, i := range u.items {
				left[i] = true
			}
		}
	}
	if len(left) == 0 {
		return dnsproviders.Receipt{Changed: r.changed(nil)}, r.uncertain(lerr, "every write was confirmed, but the zone could not be read back")
	}
	return r.divide(left, "the zone could not be read back: "+lerr.Detail)
}

func (r *run) changed(left map[int]bool) int {
	n := 0
	for _, u := range r.units {
		for _, i := range u.items {
			if !left[i] {
				n++
			}
		}
	}
	return n
}

// divide makes the error: none, the failure itself when nothing was changed, or a
// PartialError. detail, if any, makes it uncertain.
func (r *run) divide(left map[int]bool, detail string) (rc dnsproviders.Receipt, err error) {
	rc.Changed = r.changed(left)
	cause := r.err
	if detail != "" {
		if cause == nil {
			cause = r.o.Fail(dnsproviders.ErrUnavailable, "every write was confirmed", hintRead, nil)
		}
		cause = r.uncertain(cause, detail)
	}
	switch {
	case cause == nil && len(left) == 0, len(left) == 0 && detail == "":
		// Even when a request failed: the zone shows that all is made.
		return rc, nil
	case rc.Changed == 0:
		return rc, orNil(cause)
	}
	pe := &dnsproviders.PartialError{Err: cause}
	for i, c := range r.changes {
		if left[i] {
			pe.Left = append(pe.Left, c)
		} else {
			pe.Done = append(pe.Done, c)
		}
	}
	return rc, pe
}

func orNil(e *dnsproviders.Error) error {
	if e == nil {
		return nil
	}
	return e
}
