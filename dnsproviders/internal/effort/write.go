package effort

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/dutyops/dutyops/dnsproviders"
)

// Hints of Write.
const (
	HintReplan = "make a new plan from the live records and look at who changed them"
	HintRead   = "nothing is lost: run the check (or resume) once the API answers; it reads what the zone holds"
)

// Key is a set's name and type.
type Key struct{ Name, Type string }

// Compare orders keys by name, then type.
func (k Key) Compare(o Key) int {
	return cmp.Or(strings.Compare(k.Name, o.Name), strings.Compare(k.Type, o.Type))
}

// Live is what a zone holds.
type Live map[Key]dnsproviders.RRset

// Get returns the live set of a key; without values when there is none.
func (l Live) Get(k Key) dnsproviders.RRset {
	if s, ok := l[k]; ok {
		return s
	}
	return dnsproviders.RRset{Name: k.Name, Type: k.Type}
}

// KeyOf is the key of a change.
func KeyOf(c dnsproviders.Change) Key { return Key{c.Before.Name, c.Before.Type} }

// Of returns the live sets of the names (in canonical form), ordered by name and type.
func (l Live) Of(names []string) []dnsproviders.RRset {
	var out []dnsproviders.RRset
	types := dnsproviders.Types()
	seen := make(map[string]bool, len(names))
	for _, n := range names {
		if n = dnsproviders.CanonicalName(n); seen[n] {
			continue
		}
		seen[n] = true
		for _, t := range types {
			if s, ok := l[Key{n, t}]; ok && len(s.Values) > 0 {
				out = append(out, s)
			}
		}
	}
	slices.SortFunc(out, func(a, b dnsproviders.RRset) int { return Key{a.Name, a.Type}.Compare(Key{b.Name, b.Type}) })
	return out
}

// Compare returns ErrConflict naming the sets whose Before does not hold, or nil.
func (o *Op) Compare(l Live, changes []dnsproviders.Change) error {
	var bad []string
	for _, c := range changes {
		if s := l.Get(KeyOf(c)); !s.SameValues(c.Before) {
			bad = append(bad, fmt.Sprintf("%s %s is %s, the plan expects %s", s.Name, s.Type, values(s), values(c.Before)))
		}
	}
	return o.conflict(bad, len(changes), nil)
}

func (o *Op) conflict(bad []string, of int, cause error) error {
	if len(bad) == 0 {
		return nil
	}
	detail := bad[0]
	if len(bad) > 1 {
		detail += fmt.Sprintf("; and %d more of %d sets", len(bad)-1, of)
	}
	return o.Fail(dnsproviders.ErrConflict, detail, HintReplan, cause)
}

func values(s dnsproviders.RRset) string {
	if len(s.Values) == 0 {
		return "absent"
	}
	return strings.Join(s.Values, " ")
}

// Todo leaves out the changes that the live zone already shows in values and TTL.
func Todo(l Live, changes []dnsproviders.Change) []dnsproviders.Change {
	return slices.DeleteFunc(slices.Clone(changes), func(c dnsproviders.Change) bool {
		s := l.Get(KeyOf(c))
		return s.SameValues(c.After) && (len(s.Values) == 0 || s.TTL == c.After.TTL)
	})
}

// stand is Change.Stand for a change that is not yet made: a TTL decides alone when the
// values stay.
func stand(c dnsproviders.Change, live dnsproviders.RRset) dnsproviders.Standing {
	if slices.Equal(c.Before.Values, c.After.Values) && slices.Equal(live.Values, c.After.Values) {
		if live.TTL == c.After.TTL {
			return dnsproviders.New
		}
		return dnsproviders.Old
	}
	return c.Stand(live)
}

// Batch is one request that the server carries out as a whole or not at all, and that
// does the same when it is sent twice (or is refused the second time).
type Batch struct {
	Changes []dnsproviders.Change
	// Send sends it once; nil = the server says that it is done.
	Send func(context.Context) error
	// Read reads the zone (the sets of Changes at least).
	Read func(context.Context) (Live, error)
	// Once: never send it a second time.
	Once bool
	// ReadBack: read even after the server said that it is done.
	ReadBack bool
}

// Write carries out a batch. Nil: it is made. On ErrUncertain only a later Read can
// tell. On every other error nothing was changed. A request on its way is not cut off
// by ctx; waits are.
func (o *Op) Write(ctx context.Context, b Batch) error {
	lost := false // an earlier try may still be carried out
	for try := 1; ; try++ {
		f := o.Call(context.WithoutCancel(ctx), b.Send)
		if f == nil {
			if !b.ReadBack {
				return nil
			}
			return o.readBack(ctx, b)
		}
		// Not carried out: no connection, 429, 401, 403.
		idle := !f.Sent || f.limited() || f.Answered && !f.Refused && !f.Retry
		if !lost && idle {
			if f.Retry && !b.Once && try < Tries && o.Again(ctx, try+1, f.wait(try), f.Err) {
				continue
			}
			return f.Err
		}
		st, err := o.settle(ctx, b)
		switch {
		case err != nil && f.Refused && !lost:
			return f.Err
		case err != nil:
			return err
		case f.Refused && !lost:
			return o.refused(f, st, len(b.Changes))
		case st.made == len(b.Changes):
			return nil
		case len(st.bad) > 0:
			return o.uncertain(f.Err, st.bad[0])
		case st.made > 0:
			return o.uncertain(f.Err, fmt.Sprintf("%d of %d sets are new, the others are as before", st.made, len(b.Changes)))
		}
		again := try == 1 && !f.Refused && !b.Once
		lost = lost || !f.Answered
		if again && o.Again(ctx, 2, f.wait(1), f.Err) {
			continue
		}
		if !lost {
			return f.Err // a failure of the server's own, and the zone shows that nothing was changed
		}
		return o.uncertain(f.Err, "a re-read shows nothing changed, but the request may still be carried out")
	}
}

func (o *Op) readBack(ctx context.Context, b Batch) error {
	st, err := o.settle(ctx, b)
	said := o.Fail(dnsproviders.ErrUncertain, "the server says that the change is made", HintRead, nil)
	switch {
	case err != nil:
		return err
	case len(st.bad) > 0:
		return o.uncertain(said, st.bad[0])
	case st.made < len(b.Changes):
		return o.uncertain(said, fmt.Sprintf("%d of %d sets are not", len(b.Changes)-st.made, len(b.Changes)))
	}
	return nil
}

// refused explains a refusal: when the zone is no longer as it was compared, that is why.
func (o *Op) refused(f *Failure, st standings, of int) error {
	if bad := slices.Concat(st.bad, st.already); len(bad) > 0 {
		return o.conflict(bad, of, f.Err)
	}
	if errors.Is(f.Err, dnsproviders.ErrNotFound) {
		f.Err.Kind = dnsproviders.ErrRejected // the zone was read a moment ago
	}
	return f.Err
}

func (o *Op) uncertain(cause *dnsproviders.Error, detail string) error {
	// The cause goes in as text only: its kind may promise that nothing was changed.
	return o.Fail(dnsproviders.ErrUncertain, cause.Detail+"; "+detail, HintRead, errors.New(cause.Error()))
}

type standings struct {
	made         int
	bad, already []string
}

// settle reads the zone and says where the changes stand. It may exceed the budget by
// one Timeout: the truth is worth it. The error is ErrUncertain.
func (o *Op) settle(ctx context.Context, b Batch) (standings, error) {
	restore := o.extend()
	defer restore()
	l, err := b.Read(context.WithoutCancel(ctx))
	var st standings
	if err != nil {
		var e *dnsproviders.Error
		if !errors.As(err, &e) {
			e = o.Fail(dnsproviders.ErrUnavailable, err.Error(), "", err)
		}
		return st, o.uncertain(e, "and the zone could not be read back")
	}
	for _, c := range b.Changes {
		s := l.Get(KeyOf(c))
		switch stand(c, s) {
		case dnsproviders.New:
			st.made++
			st.already = append(st.already, fmt.Sprintf("%s %s is already %s", s.Name, s.Type, values(s)))
		case dnsproviders.Other:
			st.bad = append(st.bad, fmt.Sprintf("%s %s is %s, neither before nor after", s.Name, s.Type, values(s)))
		case dnsproviders.Old:
		}
	}
	return st, nil
}

// extend lends the operation one Timeout; the returned function takes it back.
func (o *Op) extend() (restore func()) {
	was := o.end
	if end := o.opt.Now().Add(o.opt.Timeout); end.After(o.end) {
		o.end = end
	}
	return func() { o.end = was }
}
