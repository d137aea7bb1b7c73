package compat

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/libdns/libdns"

	"github.com/dutyops/dutyops/dnsproviders"
	"github.com/dutyops/dutyops/dnsproviders/internal/effort"
)

// Apply implements dnsproviders.Provider.
func (p *Provider) Apply(ctx context.Context, zone string, changes []dnsproviders.Change) (dnsproviders.Receipt, error) {
	return p.ApplyInspected(ctx, zone, changes, func([]dnsproviders.RRset) error { return nil })
}

// ApplyInspected implements dnsproviders.Inspector: the zone is read and compared, then
// each set is written by a call of its own and the zone read again. The first failure ends
// it; of the name under way, what was already written is put back.
//
// Errors are *dnsproviders.Error, or *dnsproviders.PartialError when some sets were
// written; its Left is as it was unless its Err is ErrUncertain.
func (p *Provider) ApplyInspected(ctx context.Context, zone string, changes []dnsproviders.Change,
	inspect func(live []dnsproviders.RRset) error,
) (rc dnsproviders.Receipt, err error) {
	start := p.effort.Now()
	o, err := p.begin(ctx, "apply", zone)
	if err != nil {
		return rc, err
	}
	defer func() { rc.APICalls, rc.Took = o.Calls, p.effort.Now().Sub(start) }()
	canon, err := dnsproviders.CanonicalChanges(o.Zone, changes)
	if err != nil {
		return rc, o.Fail(dnsproviders.ErrRejected, err.Error(), "correct the change; nothing was sent", err)
	}
	live, err := o.list(ctx)
	if err != nil {
		return rc, err
	}
	steps, err := o.plan(live, canon)
	if err != nil {
		return rc, o.Fail(dnsproviders.ErrRejected, err.Error(), "nothing was sent; make this change at the vendor, or leave the name out", err)
	}
	if err := o.Compare(live, canon); err != nil {
		return rc, err
	}
	names := make([]string, len(canon))
	for i, c := range canon {
		names[i] = c.Before.Name
	}
	if err := inspect(live.Of(names)); err != nil {
		return rc, err
	}
	r := &run{op: o, live: live}
	err = r.carry(ctx, steps)
	rc.Changed = len(r.made)
	if err == nil {
		return rc, nil
	}
	if len(r.made) == 0 {
		return rc, err
	}
	return rc, r.partial(changes, steps, err)
}

// step is one change that the zone does not show yet, in the module's form.
type step struct {
	n           int // its place in the caller's list
	change      dnsproviders.Change
	gone, fresh []libdns.Record
}

// back is the step that undoes it.
func (s step) back() step {
	return step{n: s.n, change: dnsproviders.Change{Before: s.change.After, After: s.change.Before}, gone: s.fresh, fresh: s.gone}
}

// plan makes the steps, name by name, removals last; the error is the first reason not to
// begin at all.
func (o *op) plan(live effort.Live, canon []dnsproviders.Change) ([]step, error) {
	var out []step
	rank := map[string]int{}
	for i, c := range canon {
		if _, known := rank[c.Before.Name]; !known {
			rank[c.Before.Name] = i
		}
		now := live.Get(effort.KeyOf(c))
		if !now.SameValues(c.Before) || len(effort.Todo(live, canon[i:i+1])) == 0 {
			continue // Compare will say so, or there is nothing to do
		}
		if err := o.writable(now, c, canon); err != nil {
			return nil, err
		}
		s := step{n: i, change: dnsproviders.Change{Before: now, After: c.After}}
		var err error
		if s.gone, err = records(o.Zone, now); err != nil {
			return nil, err
		}
		if s.fresh, err = records(o.Zone, c.After); err != nil {
			return nil, err
		}
		out = append(out, s)
	}
	removal := func(s step) int {
		if len(s.fresh) == 0 {
			return 1
		}
		return 0
	}
	slices.SortStableFunc(out, func(a, b step) int {
		return cmp.Or(cmp.Compare(rank[a.change.Before.Name], rank[b.change.Before.Name]), cmp.Compare(removal(a), removal(b)))
	})
	return out, nil
}

// writable says why a change must not be made through this module.
func (o *op) writable(now dnsproviders.RRset, c dnsproviders.Change, canon []dnsproviders.Change) error {
	what, m := c.Before.Name+" "+c.Before.Type, o.p.opt.Module
	_, deletes := o.b.(libdns.RecordDeleter)
	switch {
	case c.Before.Type == "HTTPS":
		// v1.1.1 drops parameters without a value (no-default-alpn) and unescapes others, so
		// that neither the comparison nor the way back could be relied on.
		return fmt.Errorf("%s: libdns does not keep all parameters of an HTTPS record", what)
	case max(len(now.Values), len(c.After.Values)) > 1 && !m.MultiValue:
		return fmt.Errorf("%s has several values, and module %s was not seen to set those right", what, m.Name)
	case (len(now.Values) == 0 || len(c.After.Values) == 0) && !deletes:
		return fmt.Errorf("%s would be created or removed, and module %s cannot remove", what, m.Name)
	case len(c.After.Values) > 0 && c.After.TTL < m.MinTTL && c.After.TTL != now.TTL:
		return fmt.Errorf("%s would get TTL %d s, and %s has none below %d s: write ttl: %ds, or more, at its domains", what, c.After.TTL, m.Name, m.MinTTL, m.MinTTL)
	}
	for _, other := range canon {
		if other.Before.Name == c.Before.Name && (other.Before.Type == "CNAME") != (c.Before.Type == "CNAME") {
			return fmt.Errorf("%s changes its type: with module %s that is two calls with a hole between them", c.Before.Name, m.Name)
		}
	}
	return nil
}

// run is the writing part of one Apply.
type run struct {
	*op
	live effort.Live  // as read after the last write
	made map[int]bool // by place in the caller's list
}

// carry makes the steps one after another.
func (r *run) carry(ctx context.Context, steps []step) error {
	r.made = map[int]bool{}
	for i, s := range steps {
		if err := ctx.Err(); err != nil && (i == 0 || steps[i-1].change.Before.Name != s.change.Before.Name) {
			return r.Fail(dnsproviders.ErrUnavailable, "cancelled between two names", "resume when ready", err)
		}
		err := r.step(ctx, s)
		if err == nil {
			r.made[s.n] = true
			continue
		}
		if !errors.Is(err, dnsproviders.ErrUncertain) {
			err = r.putBack(ctx, steps[:i], s.change.Before.Name, err)
		}
		return err
	}
	return nil
}

// putBack undoes what was made of a name whose next set failed with cause.
func (r *run) putBack(ctx context.Context, made []step, name string, cause error) error {
	for i := len(made) - 1; i >= 0 && made[i].change.Before.Name == name; i-- {
		if err := r.step(ctx, made[i].back()); err != nil {
			return r.Fail(dnsproviders.ErrUncertain, fmt.Sprintf("%v; and %s %s, which was new already, could not be put back: %v",
				cause, name, made[i].change.Before.Type, err), effort.HintRead, nil)
		}
		delete(r.made, made[i].n)
	}
	return cause
}

// step writes one set with one call, then reads the zone. It compares with the reading
// after the call before it, which is the last one that there is.
func (r *run) step(ctx context.Context, s step) error {
	r.Renew()
	if err := r.Compare(r.live, []dnsproviders.Change{s.change}); err != nil {
		return err
	}
	return r.Write(ctx, effort.Batch{
		Changes: []dnsproviders.Change{s.change}, ReadBack: true, Once: true,
		Send: func(ctx context.Context) error {
			_, err := isolated(ctx, func(ctx context.Context) ([]libdns.Record, error) {
				if len(s.fresh) > 0 {
					return r.b.SetRecords(ctx, r.Zone+".", s.fresh)
				}
				return r.b.(libdns.RecordDeleter).DeleteRecords(ctx, r.Zone+".", s.gone) //nolint:forcetypeassert,errcheck // plan saw that it is one
			})
			if err != nil {
				return r.judge(ctx, err)
			}
			return nil
		},
		Read: func(ctx context.Context) (effort.Live, error) {
			live, err := r.list(ctx)
			if err == nil {
				r.live = live
			}
			return live, err
		},
	})
}

// partial says what is made and what is left, in the caller's own changes. A change that
// the zone showed already is made.
func (r *run) partial(changes []dnsproviders.Change, steps []step, err error) error {
	left := map[int]bool{}
	for _, s := range steps {
		left[s.n] = !r.made[s.n]
	}
	pe := &dnsproviders.PartialError{Err: err}
	for i, c := range changes {
		if left[i] {
			pe.Left = append(pe.Left, c)
		} else {
			pe.Done = append(pe.Done, c)
		}
	}
	return pe
}
