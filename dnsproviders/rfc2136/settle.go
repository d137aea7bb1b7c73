package rfc2136

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/dutyops/dutyops/dnsproviders"
)

func (o *op) uncertain(cause *dnsproviders.Error, detail string) error {
	// The cause goes in as text only: its kind (a conflict at a second try, say) promises
	// that nothing was changed, and that is not so here.
	return o.fail(dnsproviders.ErrUncertain, cause.Detail+"; "+detail, hintRead, errors.New(cause.Error()))
}

// explain reads which Before does not hold; the server only says that one does not.
func (o *op) explain(ctx context.Context, items []item, cause *dnsproviders.Error) error {
	live, err := o.live(ctx, items)
	if err != nil {
		return cause
	}
	var bad []string
	for _, it := range items {
		l := live[question{it.change.Before.Name, it.change.Before.Type}]
		if !slices.Equal(l.Values, it.change.Before.Values) {
			bad = append(bad, fmt.Sprintf("%s %s is %s, the plan expects %s", it.change.Before.Name, it.change.Before.Type,
				text(l.Values), text(it.change.Before.Values)))
		}
	}
	if n := aliased(items); n != "" && len(bad) == 0 {
		cause.Detail += ": " + n + " has records of another type (TXT, MX, ...), and an alias stands alone"
		if turning(items) != "" {
			cause.Detail += "; or the zone is signed and this server (Knot DNS) would drop the alias"
			cause.Hint = "keep the name's type: point its addresses at the other gateway, or keep an alias on both sites"
		}
		return cause
	}
	if n := turning(items); n != "" && len(bad) == 0 {
		cause.Detail += ": " + n + " is an alias in a signed zone, and this server (Knot DNS) could not put it back after the switch"
		cause.Hint = "keep the name's type: an alias on both sites"
		return cause
	}
	if len(bad) == 0 {
		cause.Detail += "; but a re-read shows what the plan expects: somebody is changing the zone now"
		return cause
	}
	cause.Detail += ": " + bad[0]
	if len(bad) > 1 {
		cause.Detail += fmt.Sprintf("; and %d more of %d sets", len(bad)-1, len(items))
	}
	return cause
}

func text(vs []string) string {
	if len(vs) == 0 {
		return "absent"
	}
	return strings.Join(vs, " ")
}

// settle reads the zone and counts the items that are made and left; bad lists those
// that are neither. It may exceed the budget by one Timeout.
func (o *op) settle(ctx context.Context, items []item) (made, left int, bad []string, err error) {
	live, err := o.live(ctx, items)
	if err != nil {
		return 0, len(items), nil, err
	}
	for _, it := range items {
		l := live[question{it.change.Before.Name, it.change.Before.Type}]
		switch it.change.Stand(l) {
		case dnsproviders.New:
			made++
		case dnsproviders.Old:
			left++
		case dnsproviders.Other:
			bad = append(bad, fmt.Sprintf("%s %s is %s", it.change.Before.Name, it.change.Before.Type, text(l.Values)))
		}
	}
	return made, left, bad, nil
}

func (o *op) live(ctx context.Context, items []item) (map[question]dnsproviders.RRset, error) {
	was := o.end
	defer func() { o.end = was }()
	if end := o.p.now().Add(o.p.opt.Timeout); end.After(o.end) {
		o.end = end
	}
	qs := make([]question, len(items))
	for i, it := range items {
		qs[i] = question{it.change.Before.Name, it.change.Before.Type}
	}
	sets, err := o.ask(context.WithoutCancel(ctx), qs)
	if err != nil {
		return nil, err
	}
	m := make(map[question]dnsproviders.RRset, len(sets))
	for _, s := range sets {
		m[question{s.Name, s.Type}] = s
	}
	return m, nil
}
