package switching

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
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

	requestID, state string // of the last request, where the provider has them
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

// All says whether every set is known to stand so.
func (o Outcome) All(st Standing) bool {
	return len(o.Results) > 0 && !slices.ContainsFunc(o.Results, func(r Result) bool { return r.Standing != st })
}

// Lists names the sets of each standing, exactly, when they do not all stand alike.
func (o Outcome) Lists() []string {
	by := map[Standing][]string{}
	for _, r := range o.Results {
		by[r.Standing] = append(by[r.Standing], r.Name+" "+r.Type)
	}
	if len(by) < 2 && len(by[SetUnknown]) == 0 {
		return nil
	}
	var out []string
	for _, st := range []Standing{SetNew, SetOld, SetOther, SetUnknown} {
		if len(by[st]) > 0 {
			out = append(out, fmt.Sprintf("%s (%d): %s", st, len(by[st]), strings.Join(by[st], ", ")))
		}
	}
	return out
}

func (o *Outcome) say(format string, args ...any) {
	o.Evidence = append(o.Evidence, fmt.Sprintf(format, args...))
}

func (o *Outcome) add(rc dnsproviders.Receipt) {
	o.Changed += rc.Changed
	o.APICalls += rc.APICalls
	if rc.Serial > 0 {
		o.Serial = rc.Serial
	}
	if rc.RequestID != "" {
		o.requestID, o.state = rc.RequestID, rc.State
	}
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
	live, source, rerr := s.atAuthority(ctx, z, zc.Provider, names(cs))
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
