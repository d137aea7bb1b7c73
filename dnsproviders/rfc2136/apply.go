package rfc2136

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/miekg/dns"

	"github.com/dutyops/dutyops/dnsproviders"
)

const (
	hintReplan = "make a new plan from the live records and look at who changed them"
	hintRead   = "nothing is lost: run the check (or resume) once the server answers; it reads what the zone holds"
)

// item is one change; n is its place in the caller's list.
type item struct {
	n      int
	change dnsproviders.Change
}

// Apply implements dnsproviders.Provider: one signed message with a prerequisite for
// every Before (several messages when they do not fit in one). A message that is on its
// way is not cut off by ctx; between messages ctx ends the work.
//
// Errors are *dnsproviders.Error, or *dnsproviders.PartialError when some messages were
// carried out. After ErrConflict, ErrAuth, ErrForbidden, ErrNotFound and ErrRejected
// nothing was changed; after ErrUnavailable nothing was changed when last read; after
// ErrUncertain only a later Read can tell. Receipt.APICalls counts update messages and
// the question for the new serial.
func (p *Provider) Apply(ctx context.Context, zone string, changes []dnsproviders.Change) (rc dnsproviders.Receipt, err error) {
	start := p.now()
	o, err := p.begin(ctx, "apply", zone)
	if err != nil {
		return rc, err
	}
	defer func() { rc.APICalls, rc.Took = o.calls, p.now().Sub(start) }()
	canon, err := dnsproviders.CanonicalChanges(o.zone, changes)
	if err != nil {
		return rc, o.fail(dnsproviders.ErrRejected, err.Error(), "correct the change; nothing was sent", err)
	}
	if rc, err = o.write(ctx, changes, canon); err != nil {
		return rc, err
	}
	rc.Serial = o.serial(ctx)
	return rc, nil
}

// write sends the changes in as few messages as they fit in.
func (o *op) write(ctx context.Context, changes, canon []dnsproviders.Change) (rc dnsproviders.Receipt, err error) {
	items := make([]item, len(canon))
	for i, c := range canon {
		items[i] = item{i, c}
	}
	queue, err := o.pack(items)
	if err != nil {
		return rc, err
	}
	for len(queue) > 0 {
		if cerr := ctx.Err(); cerr != nil {
			err = o.fail(dnsproviders.ErrUnavailable, "cancelled before a message was sent", "", cerr)
			break
		}
		if err = o.send(ctx, queue[0]); err != nil {
			break
		}
		rc.Changed += count(queue[0])
		queue = queue[1:]
	}
	left := slices.Concat(queue...)
	if err != nil {
		if len(left) == len(items) {
			return rc, err
		}
		pe := &dnsproviders.PartialError{Err: err}
		waiting := map[int]bool{}
		for _, it := range left {
			waiting[it.n] = true
		}
		for i, c := range changes {
			if waiting[i] {
				pe.Left = append(pe.Left, c)
			} else {
				pe.Done = append(pe.Done, c)
			}
		}
		return rc, pe
	}
	return rc, nil
}

// count is the number of changes that change something.
func count(items []item) int {
	n := 0
	for _, it := range items {
		if it.change.Stand(it.change.Before) != dnsproviders.New {
			n++
		}
	}
	return n
}

// failure is an update that was not confirmed.
type failure struct {
	err *dnsproviders.Error
	// unsure: it may have been carried out, only reading tells.
	unsure bool
	// late: it may even be carried out after we have read.
	late bool
}

// send carries out one message. A lost answer is settled by reading. The message is
// sent once more when it was not carried out: its prerequisites make that safe even if
// the first one arrives late.
func (o *op) send(ctx context.Context, items []item) error {
	late := false
	for try := 1; ; try++ {
		f := o.update(context.WithoutCancel(ctx), items)
		if f == nil {
			return nil
		}
		again := try == 1 && o.left() > 0 && ctx.Err() == nil
		switch {
		case errors.Is(f.err, dnsproviders.ErrConflict) && !late:
			return o.explain(ctx, items, f.err)
		case !f.unsure && !late: // not sent, or refused
			if again && errors.Is(f.err, dnsproviders.ErrUnavailable) {
				o.p.opt.OnRetry(o.zone, 2, f.err)
				continue
			}
			return f.err
		}
		made, left, bad, err := o.settle(ctx, items)
		switch {
		case err != nil:
			return o.uncertain(f.err, "and the zone could not be read back")
		case len(bad) > 0:
			return o.uncertain(f.err, bad[0]+", neither before nor after")
		case left == 0:
			return nil
		case made > 0:
			return o.uncertain(f.err, fmt.Sprintf("%d of %d sets are new, the others are as before", made, len(items)))
		}
		late = late || f.late
		switch {
		case again && o.left() > 0:
			o.p.opt.OnRetry(o.zone, 2, f.err)
		case late:
			return o.uncertain(f.err, "a re-read shows nothing changed, but the message may still be carried out")
		default:
			return f.err // answered, and not carried out
		}
	}
}

// update sends the items' message once; nil = carried out.
func (o *op) update(ctx context.Context, items []item) *failure {
	m, err := message(o.zone, items)
	if err != nil {
		return &failure{err: o.fail(dnsproviders.ErrRejected, err.Error(), "correct the change; nothing was sent", err)}
	}
	return o.sendOnce(ctx, m)
}

// sendOnce sends one message; nil = carried out.
func (o *op) sendOnce(ctx context.Context, m *dns.Msg) *failure {
	c, err := o.dial(ctx)
	if err != nil {
		return &failure{err: o.asError(err)}
	}
	defer c.close()
	o.calls++
	r, sent, err := c.exchange(ctx, m)
	switch {
	case r != nil && r.Rcode != dns.RcodeSuccess:
		// A refusal is believed without a signature: servers do not sign to a key they do not know.
		return &failure{err: o.judge(r), unsure: r.Rcode == dns.RcodeServerFailure}
	case err != nil:
		return &failure{err: o.asError(err), unsure: sent, late: sent}
	}
	return nil
}

func (o *op) asError(err error) *dnsproviders.Error {
	var e *dnsproviders.Error
	if errors.As(err, &e) {
		return e
	}
	return o.fail(dnsproviders.ErrUnavailable, "no usable answer: "+err.Error(), hintPath, err)
}

// serial asks for the zone's serial; 0 when that fails, which is no failure of the change.
func (o *op) serial(ctx context.Context) uint32 {
	c, err := o.dial(ctx)
	if err != nil {
		return 0
	}
	defer c.close()
	m := new(dns.Msg)
	m.SetQuestion(dns.Fqdn(o.zone), dns.TypeSOA)
	m.RecursionDesired = false
	o.calls++
	r, _, err := c.exchange(ctx, m)
	if r == nil || err != nil && !errors.Is(err, errUnsigned) {
		return 0
	}
	for _, x := range r.Answer {
		if s, ok := x.(*dns.SOA); ok {
			return s.Serial
		}
	}
	return 0
}
