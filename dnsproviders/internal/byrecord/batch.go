package byrecord

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/dutyops/dutyops/dnsproviders"
)

const maxGroups = 4 // values that one change may set and still go in batches

// groups divides all steps by the value they set, or returns nil when not all of them are
// updates of the value alone, or batches would save nothing.
func (r *run) groups(size int) [][]ref {
	type kind struct{ typ, value string }
	by := map[kind][]ref{}
	var order []kind
	n := 0
	for _, u := range r.units {
		for i, s := range u.steps {
			if s.Verb != Update || s.From.Type != s.To.Type || s.From.TTL != s.To.TTL || s.To.Type == "HTTPS" {
				return nil
			}
			k := kind{s.To.Type, s.To.Value}
			if by[k] == nil {
				order = append(order, k)
			}
			by[k] = append(by[k], ref{u, i})
			n++
		}
	}
	if len(order) > maxGroups || n < 3*len(order) {
		return nil
	}
	var out [][]ref
	for _, k := range order {
		for c := range slices.Chunk(by[k], size) {
			out = append(out, c)
		}
	}
	return out
}

// ref is one step of a unit.
type ref struct {
	u *unit
	i int
}

func (x ref) step() Step { return x.u.steps[x.i] }

// batches carries out the groups one after another. What a batch left half-way of a name
// is put back record by record.
func (r *run) batches(ctx context.Context, b Batcher, groups [][]ref) {
	work := context.WithoutCancel(ctx)
	for _, g := range groups {
		if err := ctx.Err(); err != nil {
			r.failed(r.o.Fail(dnsproviders.ErrUnavailable, "cancelled between two batches", "resume when ready", err))
		}
		if r.stopped() {
			break
		}
		if err := r.batch(work, b, g); err != nil {
			r.failed(err)
		}
	}
	var back []*unit
	for _, u := range r.units {
		if !u.done() && !u.torn && u.touched() {
			back = append(back, u)
		}
	}
	if len(back) > 0 {
		r.seen = nil
	}
	queue := make(chan *unit)
	var wg sync.WaitGroup
	for range min(r.e.Parallel, len(back)) {
		wg.Go(func() {
			for u := range queue {
				r.putBack(work, u)
			}
		})
	}
	for _, u := range back {
		queue <- u
	}
	close(queue)
	wg.Wait()
}

// batch carries out one batch and learns from the zone which of its records changed.
func (r *run) batch(ctx context.Context, b Batcher, g []ref) *dnsproviders.Error {
	steps := make([]Step, len(g))
	for i, x := range g {
		steps[i] = x.step()
	}
	lost := false
	r.seen = nil
	for try := 1; ; try++ {
		if err := r.e.pace(ctx); err != nil {
			return r.o.Fail(dnsproviders.ErrUnavailable, "cancelled", "", err)
		}
		refused, f := b.Batch(ctx, r.o, steps)
		wait := firstTry << min(try-1, 4)
		if f != nil {
			wait = max(wait, f.Wait)
			if (f.Unsent || f.NotDone) && !lost {
				if f.Retry && (try < readTry || f.NotDone) && r.o.again(ctx, try+1, wait, f.Err) {
					continue
				}
				return f.Err
			}
			lost = lost || !f.Answered && !f.Unsent
		}
		open, other, err := r.watch(ctx, g, refused, f)
		switch {
		case err != nil:
			r.tear(g)
			return err
		case other != "":
			return r.o.Fail(dnsproviders.ErrUncertain, other+" holds something else now", hintReplan, nil)
		case len(open) == 0:
			return nil
		case len(refused) > 0 && f == nil:
			return r.o.Fail(dnsproviders.ErrRejected, fmt.Sprintf("%d of %d records were not changed; %s: %s",
				len(open), len(g), open[0].step().name(), refused[open[0].step().From.ID]), "the text is the API's own reason; correct the record", nil)
		case f != nil && f.Retry && try < readTry && r.o.again(ctx, try+1, wait, f.Err):
			continue // setting the same value again harms nobody
		}
		if f == nil {
			f = &Failure{Err: r.o.Fail(dnsproviders.ErrUnavailable, "the job ended", hintRead, nil)}
		} else if !lost {
			return f.Err
		}
		r.tear(open)
		return r.uncertain(f.Err, fmt.Sprintf("%d of %d records read as before, but the job may still change them", len(open), len(g)))
	}
}

// tear marks names that must not be put back, because a batch may still be at work.
func (r *run) tear(g []ref) {
	for _, x := range g {
		x.u.torn = true
	}
}

// watch reads until every record of the batch is changed or refused, a few times at most.
func (r *run) watch(ctx context.Context, g []ref, refused map[string]string, f *Failure) (open []ref, other string, err *dnsproviders.Error) {
	for try := 1; ; try++ {
		recs, lerr := r.reread(ctx)
		if lerr != nil {
			return nil, "", r.uncertain(lerr, "and the zone could not be read back")
		}
		r.seen = recs
		byID := make(map[string]Record, len(recs))
		for _, x := range recs {
			byID[x.ID] = x
		}
		open, other = nil, ""
		waiting := false
		for _, x := range g {
			s := x.step()
			rec, there := byID[s.From.ID]
			switch {
			case there && rec.Value == s.To.Value:
				x.u.made[x.i] = true
			case there && rec.Value == s.From.Value:
				x.u.made[x.i] = false
				open = append(open, x)
				waiting = waiting || refused[s.From.ID] == ""
			default:
				other = s.name()
				x.u.torn = true
			}
		}
		if len(open) == 0 || !waiting || try == readTry {
			return open, other, nil
		}
		cause := r.o.Fail(dnsproviders.ErrUnavailable, "the list does not show the batch yet", hintRead, nil)
		if f != nil {
			cause = f.Err
		}
		if !r.o.again(ctx, try+1, time.Duration(try)*firstTry, cause) {
			return open, other, nil
		}
	}
}
