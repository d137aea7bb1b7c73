package cloudflare

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/dutyops/dutyops/dnsproviders"
)

const (
	hintReplan = "make a new plan from the live records and look at who changed them"
	hintAlone  = "nothing was sent; an alias stands alone: remove the other records, or keep addresses"
	hintRead   = "nothing is lost: run the check (or resume) once the API answers; it reads what the zone holds"
)

// ApplyInspected implements dnsproviders.Inspector: one list request to compare, one
// batch (several when the plan's limit demands it) to change. A batch that is on its way
// is not cut off by ctx; between batches ctx ends the work.
//
// Errors are *dnsproviders.Error, or *dnsproviders.PartialError when some batches were
// carried out. After ErrConflict, ErrAuth, ErrForbidden, ErrNotFound, ErrRateLimited and
// ErrRejected nothing was changed; after ErrUnavailable nothing was changed when last
// read; after ErrUncertain only a later Read can tell.
func (p *Provider) ApplyInspected(ctx context.Context, zone string, changes []dnsproviders.Change,
	inspect func(live []dnsproviders.RRset) error,
) (rc dnsproviders.Receipt, err error) {
	start := p.now()
	o, err := p.begin(ctx, "apply", zone)
	if err != nil {
		return rc, err
	}
	defer func() {
		rc.APICalls, rc.Took, rc.RequestID = o.calls, p.now().Sub(start), o.ray
	}()
	canon, err := dnsproviders.CanonicalChanges(o.zone, changes)
	if err != nil {
		return rc, o.fail(dnsproviders.ErrRejected, err.Error(), "correct the change; nothing was sent", err)
	}
	recs, err := o.list(ctx)
	if err != nil {
		return rc, err
	}
	m := index(recs)
	if bad := compare(m, canon); len(bad) > 0 {
		return rc, o.conflict(bad, len(canon))
	}
	if bad := crowded(m, o.zone, canon); bad != "" {
		return rc, o.fail(dnsproviders.ErrRejected, bad, hintAlone, nil)
	}
	names := make([]string, len(canon))
	for i, c := range canon {
		names[i] = c.Before.Name
	}
	if err := inspect(rrsets(recs, names)); err != nil {
		return rc, err
	}
	return o.write(ctx, changes, items(m, canon))
}

// items are the changes that need an operation.
func items(m map[key][]record, canon []dnsproviders.Change) []item {
	var out []item
	for i, c := range canon {
		if it := (item{n: i, change: c, ops: plan(m, c)}); it.size() > 0 {
			out = append(out, it)
		}
	}
	return out
}

func (o *op) conflict(bad []string, of int) error {
	detail := bad[0]
	if len(bad) > 1 {
		detail += fmt.Sprintf("; and %d more of %d sets", len(bad)-1, of)
	}
	return o.fail(dnsproviders.ErrConflict, detail, hintReplan, nil)
}

// write sends the items in as few batches as the plan allows.
func (o *op) write(ctx context.Context, changes []dnsproviders.Change, items []item) (rc dnsproviders.Receipt, err error) {
	id, limit, _ := o.p.zone(o.zone)
	queue, err := pack(items, limit)
	for err == nil && len(queue) > 0 {
		if cerr := ctx.Err(); cerr != nil {
			err = o.fail(dnsproviders.ErrUnavailable, "cancelled before a batch was sent", "", cerr)
			break
		}
		var made []item
		made, err = o.send(ctx, id, queue[0])
		rc.Changed += len(made)
		switch {
		case err == nil:
			queue = queue[1:]
		case len(made) > 0:
			queue[0] = without(queue[0], made)
		case errors.Is(err, dnsproviders.ErrRejected) && limit > freeBatch && merge(queue[0]).size() > freeBatch:
			// The plan's limit may be smaller than its name says; nothing was changed.
			o.p.shrinkBatch(o.zone)
			limit = freeBatch
			queue, err = pack(slices.Concat(queue...), limit)
		}
	}
	if err == nil {
		return rc, nil
	}
	if rc.Changed == 0 {
		return rc, o.fit(err)
	}
	left := map[int]bool{}
	for _, it := range slices.Concat(queue...) {
		left[it.n] = true
	}
	pe := &dnsproviders.PartialError{Err: o.fit(err)}
	for i, c := range changes {
		if left[i] {
			pe.Left = append(pe.Left, c)
		} else {
			pe.Done = append(pe.Done, c)
		}
	}
	return rc, pe
}

// fit gives errors of pack the form of the others.
func (o *op) fit(err error) error {
	if errors.Is(err, errTooLarge) {
		return o.fail(dnsproviders.ErrRejected, err.Error(), "a name's sets switch in one batch; this name has too many values", err)
	}
	return err
}

func without(items, made []item) []item {
	return slices.DeleteFunc(slices.Clone(items), func(it item) bool {
		return slices.ContainsFunc(made, func(m item) bool { return m.n == it.n })
	})
}

// saw keeps what the answer to a batch shows.
func (o *op) saw(res batchResult) {
	o.seen.Deletes = append(o.seen.Deletes, res.Deletes...)
	o.seen.Patches = append(o.seen.Patches, res.Patches...)
	o.seen.Posts = append(o.seen.Posts, res.Posts...)
}

func (b batchBody) size() int { return len(b.Deletes) + len(b.Patches) + len(b.Posts) }

// send carries out one batch and returns the items that are known to be made. A lost
// answer is settled by reading; a batch of patches alone is idempotent and is sent
// once more when the reading shows that it was not carried out.
func (o *op) send(ctx context.Context, id string, items []item) ([]item, error) {
	b := merge(items)
	idempotent := len(b.Deletes)+len(b.Posts) == 0
	lost := false // an earlier try may still be carried out
	for try := 1; ; try++ {
		raw, f := o.batch(context.WithoutCancel(ctx), id, b)
		if f == nil {
			res, err := decodeBatch(raw)
			if err == nil && b.confirms(res) {
				o.saw(res)
				return items, nil
			}
			f = o.doubt(err)
		}
		if f.refused {
			return o.afterRefusal(ctx, items, f, lost)
		}
		if !f.sent || f.limited() {
			// This try was not carried out. Wait if that fits the budget.
			if !lost && f.retry && try < readTry && o.again(ctx, try+1, max(f.wait, firstTry), f.err) {
				continue
			}
		}
		if !lost && (!f.sent || f.limited() || !f.retry) {
			return nil, f.err // not carried out: no connection, 429, 401, 403
		}
		// The answer is lost: what does the zone hold?
		made, left, err := o.settle(ctx, items)
		switch {
		case err != nil:
			return made, err
		case len(left) == 0:
			return made, nil
		case len(made) > 0:
			return made, o.uncertain(f.err, fmt.Sprintf("%d of %d sets are new, the others are as before", len(made), len(items)))
		}
		lost = lost || !f.answered
		if idempotent && try == 1 && o.again(ctx, 2, max(f.wait, firstTry), f.err) {
			continue
		}
		if !lost {
			return nil, f.err // a 5xx, and the zone shows that nothing was changed
		}
		return nil, o.uncertain(f.err, "a re-read shows nothing changed, but the request may still be carried out")
	}
}

// doubt is the failure of a 2xx answer that does not say what it should.
func (o *op) doubt(err error) *failure {
	detail := "the answer does not show every record that was asked for"
	if err != nil {
		detail = err.Error()
	}
	if errors.Is(err, errRefusedInBody) {
		return &failure{sent: true, answered: true, refused: true, err: o.fail(dnsproviders.ErrRejected, detail, "the text is the API's own reason", err)}
	}
	return &failure{sent: true, retry: true, err: o.fail(dnsproviders.ErrUnavailable, detail,
		"something between here and the API answers in its place, or the API is broken; check base_url", err)}
}

// afterRefusal explains a 4xx: a record that is gone is a conflict, an earlier try whose
// answer was lost may have been carried out after all.
func (o *op) afterRefusal(ctx context.Context, items []item, f *failure, lost bool) ([]item, error) {
	made, left, err := o.settle(ctx, items)
	switch {
	case lost && err == nil && len(left) == 0:
		return made, nil
	case lost:
		return made, o.uncertain(f.err, "an earlier request may have been carried out in part")
	case errors.Is(err, errNeither):
		// Someone changed the zone between our read and our write; the batch was refused whole.
		var e *dnsproviders.Error
		if errors.As(err, &e) {
			return nil, o.fail(dnsproviders.ErrConflict, e.Detail, hintReplan, f.err)
		}
	}
	if errors.Is(f.err, dnsproviders.ErrNotFound) {
		f.err.Kind = dnsproviders.ErrRejected // the zone was read a moment ago: a record is missing
	}
	return nil, f.err
}

func (o *op) uncertain(cause *dnsproviders.Error, detail string) error {
	// The cause goes in as text only: its kind (a 401 to a second try, say) promises that
	// nothing was changed, and that is not so here.
	return o.fail(dnsproviders.ErrUncertain, cause.Detail+"; "+detail, hintRead, errors.New(cause.Error()))
}

// errNeither: somebody else wrote to a set of ours while our own write was on its way.
// It is not ErrConflict, which promises that nothing was changed.
var errNeither = errors.New("a set is neither before nor after")

// settle reads the zone and divides the items into made and left. It may exceed the
// budget by one Timeout: the truth is worth it. The error is ErrUncertain, with
// errNeither when a set is neither before nor after.
func (o *op) settle(ctx context.Context, items []item) (made, left []item, err error) {
	defer func(was time.Time) { o.end = was }(o.end)
	o.unseen = true
	if end := o.p.now().Add(o.p.opt.Timeout); end.After(o.end) {
		o.end = end
	}
	recs, rerr := o.list(context.WithoutCancel(ctx))
	if rerr != nil {
		var e *dnsproviders.Error
		if !errors.As(rerr, &e) {
			e = o.fail(dnsproviders.ErrUnavailable, rerr.Error(), "", rerr)
		}
		return nil, items, o.uncertain(e, "and the zone could not be read back")
	}
	m := index(recs)
	var bad []string
	for _, it := range items {
		l := live(m, key{it.change.Before.Name, it.change.Before.Type})
		switch it.change.Stand(l) {
		case dnsproviders.New:
			made = append(made, it)
		case dnsproviders.Old:
			left = append(left, it)
		case dnsproviders.Other:
			left = append(left, it)
			bad = append(bad, fmt.Sprintf("%s %s is %s, neither before nor after", l.Name, l.Type, values(l)))
		}
	}
	if len(bad) > 0 {
		return made, left, o.fail(dnsproviders.ErrUncertain, bad[0], hintReplan, errNeither)
	}
	return made, left, nil
}
