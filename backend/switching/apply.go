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

// Standing is where one set stands after an Apply.
type Standing string

// Standings of a set: as before, as planned, neither, or nobody told.
const (
	SetOld     Standing = "old"
	SetNew     Standing = "new"
	SetOther   Standing = "other"
	SetUnknown Standing = "unknown"
)

// Result is where one set of a change stands.
type Result struct {
	Name     string   `json:"name"`
	Type     string   `json:"type"`
	Standing Standing `json:"standing"`
}

// Outcome is what an Apply did and where every set stands; it is complete also when
// there is an error.
type Outcome struct {
	Zone     string
	Provider string
	// Changed counts sets that this Apply is known to have changed.
	Changed  int
	APICalls int
	Took     time.Duration
	// Serial is the zone's after the change, 0 when the provider does not tell.
	Serial uint32
	// Evidence is for people and the journal, in order; no secrets.
	Evidence []string
	// Results in the order of the changes.
	Results []Result
}

// Standing tells where a set stands; SetUnknown when the change does not hold it.
func (o Outcome) Standing(name, typ string) Standing {
	for _, r := range o.Results {
		if r.Name == name && r.Type == typ {
			return r.Standing
		}
	}
	return SetUnknown
}

func (o *Outcome) say(format string, args ...any) {
	o.Evidence = append(o.Evidence, fmt.Sprintf(format, args...))
}

// Apply makes a zone's change through its provider: guards first, then compare, set and
// confirm. Give it the whole change, also when part of it is already made: sets that
// are as planned are left alone, and the guards see the names whole.
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
	p := s.opt.Providers[zc.Provider]
	inspect := func(live []dnsproviders.RRset) error { return together(zc.Zone, cs, live) }

	todo := cs
	rc, err := write(ctx, p, zc.Zone, todo, inspect)
	out.add(rc)
	if errors.Is(err, dnsproviders.ErrConflict) && !isPartial(err) {
		// Perhaps part of it is made already (a resume): the rest can still be made.
		if left, rerr := leftOf(ctx, p, zc.Zone, cs); rerr == nil && len(left) < len(cs) {
			out.say("%d of %d record sets were as planned already", len(cs)-len(left), len(cs))
			todo, err, rc = left, nil, dnsproviders.Receipt{}
			if len(left) > 0 {
				rc, err = write(ctx, p, zc.Zone, left, inspect)
			}
			out.add(rc)
		}
	}
	if err != nil {
		s.tell(ctx, &out, zc, cs, err)
		return out, fmt.Errorf("switch %s through %s: %w", zc.Zone, zc.Provider, err)
	}
	for _, c := range cs {
		out.Results = append(out.Results, Result{c.After.Name, c.After.Type, SetNew})
	}
	out.say("%s: %d of %d record sets changed in %d requests, %s", zc.Provider, out.Changed, len(todo), out.APICalls, rc.Took.Round(time.Millisecond))
	if rc.RequestID != "" {
		out.say("request id %s", rc.RequestID)
	}
	if rc.Serial > 0 {
		out.say("zone serial %d", rc.Serial)
	}
	return out, nil
}

func (o *Outcome) add(rc dnsproviders.Receipt) {
	o.Changed += rc.Changed
	o.APICalls += rc.APICalls
	if rc.Serial > 0 {
		o.Serial = rc.Serial
	}
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

// tell fills Results after a failure, from what the failure proves and, for the rest,
// from the world. A failed provider is not asked first: its authoritative servers are.
func (s *Switch) tell(ctx context.Context, out *Outcome, zc failoverplan.ZoneChange, cs []dnsproviders.Change, err error) {
	out.say("%s: %s", zc.Provider, hinted(err))
	proven := map[key]Standing{}
	var pe *dnsproviders.PartialError
	if errors.As(err, &pe) {
		for _, c := range pe.Done {
			proven[key{c.After.Name, c.After.Type}] = SetNew
		}
		out.say("%d of %d record sets are changed, %d are not confirmed", len(pe.Done), len(cs), len(pe.Left))
	}
	// A cancelled caller still needs to know.
	ctx = context.WithoutCancel(ctx)
	z := s.zones[dnsproviders.CanonicalName(zc.Zone)]
	live, source, rerr := s.atAuthority(ctx, z, names(cs))
	if rerr != nil || errors.Is(err, dnsproviders.ErrConflict) {
		if sets, perr := s.opt.Providers[zc.Provider].Read(ctx, zc.Zone, names(cs)); perr == nil {
			live, source, rerr = sets, "provider "+zc.Provider, nil
		}
	}
	have := bySet(live)
	count := map[Standing]int{}
	for _, c := range cs {
		k := key{c.After.Name, c.After.Type}
		st, ok := proven[k]
		if !ok && rerr == nil {
			switch c.Stand(have[k]) {
			case dnsproviders.New:
				st = SetNew
			case dnsproviders.Old:
				st = SetOld
			case dnsproviders.Other:
				st = SetOther
			}
		} else if !ok {
			st = SetUnknown
		}
		count[st]++
		out.Results = append(out.Results, Result{c.After.Name, c.After.Type, st})
	}
	if rerr != nil {
		out.say("nobody tells where the names stand: %v", rerr)
		return
	}
	out.say("%s says: %d new, %d old, %d neither", source, count[SetNew], count[SetOld], count[SetOther])
}
