package route53

import (
	"context"
	"time"

	"github.com/dutyops/dutyops/dnsproviders"
	"github.com/dutyops/dutyops/dnsproviders/internal/effort"
)

// Apply implements dnsproviders.Provider.
func (p *Provider) Apply(ctx context.Context, zone string, changes []dnsproviders.Change) (dnsproviders.Receipt, error) {
	return p.ApplyInspected(ctx, zone, changes, func([]dnsproviders.RRset) error { return nil })
}

// ApplyInspected implements dnsproviders.Inspector: the names are listed and compared,
// then changed in as few requests as the limits allow; the server compares once more.
// A request that is on its way is not cut off by ctx; between two ctx ends the work.
// Receipt.RequestID is the id of the last change, for InSync.
//
// Errors are *dnsproviders.Error, or *dnsproviders.PartialError when some requests were
// carried out. After ErrUncertain only a later Read can tell; after every other kind
// nothing was changed.
func (p *Provider) ApplyInspected(ctx context.Context, zone string, changes []dnsproviders.Change,
	inspect func(live []dnsproviders.RRset) error,
) (rc dnsproviders.Receipt, err error) {
	start := p.effort.Now()
	o, err := p.begin(ctx, "apply", zone)
	if err != nil {
		return rc, err
	}
	defer func() { o.receipt(&rc, start) }()
	canon, err := dnsproviders.CanonicalChanges(o.Zone, changes)
	if err != nil {
		return rc, o.Fail(dnsproviders.ErrRejected, err.Error(), "correct the change; nothing was sent", err)
	}
	names := make([]string, len(canon))
	for i, c := range canon {
		names[i] = c.Before.Name
	}
	all, err := o.list(ctx, names)
	if err != nil {
		return rc, err
	}
	if err := o.check(all, canon); err != nil {
		return rc, err
	}
	if err := inspect(all.live().Of(names)); err != nil {
		return rc, err
	}
	rc.Changed, err = o.carry(ctx, all, changes, canon)
	return rc, err
}

func (o *op) receipt(rc *dnsproviders.Receipt, start time.Time) {
	rc.APICalls, rc.Took, rc.RequestID, rc.State = o.Calls, o.p.effort.Now().Sub(start), o.RequestID, o.state
}

// check refuses what must not be written, and what is no longer as the changes expect.
func (o *op) check(all sets, canon []dnsproviders.Change) error {
	if why := all.unwritable(canon); why != "" {
		return o.Fail(dnsproviders.ErrRejected, why, "switch what it refers to, or replace it by a simple record set first", nil)
	}
	return o.Compare(all.live(), canon)
}

// carry writes the changes of a zone that holds all, in as few requests as the limits
// allow.
func (o *op) carry(ctx context.Context, all sets, changes, canon []dnsproviders.Change) (made int, err error) {
	batches, err := pack(all.build(all.live(), canon))
	if err != nil {
		return 0, o.Fail(dnsproviders.ErrRejected, err.Error(), "a name's sets switch in one request; this name has too many values", err)
	}
	for i, b := range batches {
		if err := o.write(ctx, b); err != nil {
			return made, partial(changes, batches[i:], made, err)
		}
		made += len(b)
	}
	return made, nil
}

// write carries out one batch.
func (o *op) write(ctx context.Context, b []item) error {
	if err := ctx.Err(); err != nil {
		return o.Fail(dnsproviders.ErrUnavailable, "cancelled before a request was sent", "", err)
	}
	id, err := o.zoneID(ctx)
	if err != nil {
		return err
	}
	changes := make([]dnsproviders.Change, len(b))
	names := make([]string, len(b))
	for i, it := range b {
		changes[i], names[i] = it.change, it.change.Before.Name
	}
	body := elements(b)
	return o.Write(ctx, effort.Batch{
		Changes: changes,
		Send:    func(ctx context.Context) error { return o.send(ctx, id, body) },
		Read: func(ctx context.Context) (effort.Live, error) {
			m, err := o.list(ctx, names)
			if err != nil {
				return nil, err
			}
			return m.live(), nil
		},
	})
}

// partial says what is made and what is left, in the caller's own changes.
func partial(changes []dnsproviders.Change, rest [][]item, made int, err error) error {
	if made == 0 {
		return err
	}
	left := map[int]bool{}
	for _, b := range rest {
		for _, it := range b {
			left[it.n] = true
		}
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
