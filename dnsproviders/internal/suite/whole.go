package suite

import (
	"errors"
	"testing"

	"github.com/dutyops/dutyops/dnsproviders"
	"github.com/dutyops/dutyops/dnsproviders/dnstest"
)

// Whole fails the test unless every set is old or new and the result of Apply says which:
// no error means new, a *PartialError lists both, ErrUncertain says that a reading has to
// tell (it may concern one name only), any other error means old.
func Whole(t testing.TB, r *Rig, changes []dnsproviders.Change, rc dnsproviders.Receipt, err error) {
	t.Helper()
	var pe *dnsproviders.PartialError
	doubt := errors.Is(err, dnsproviders.ErrUncertain)
	standing := r.Standing(t, changes) // neither old nor new is an error already
	switch {
	case err == nil:
		if standing != "new" || rc.Changed != len(changes) {
			t.Errorf("no error, zone %s, changed %d of %d", standing, rc.Changed, len(changes))
		}
	case errors.As(err, &pe):
		if len(pe.Done)+len(pe.Left) != len(changes) || len(pe.Done) == 0 || len(pe.Left) == 0 {
			t.Errorf("%d done, %d left of %d: %v", len(pe.Done), len(pe.Left), len(changes), err)
		}
		if s := r.Standing(t, pe.Done); s != "new" && !doubt {
			t.Errorf("done is %s: %v", s, err)
		}
		if s := r.Standing(t, pe.Left); s != "old" && !doubt {
			t.Errorf("left is %s: %v", s, err)
		}
	case doubt:
	case standing != "old":
		t.Errorf("zone %s: %v", standing, err)
	}
	if doubt {
		return
	}
	// All sets of one name stand alike.
	at := map[string]string{}
	for _, c := range changes {
		s := r.Standing(t, []dnsproviders.Change{c})
		if was := at[c.Before.Name]; was != "" && was != s {
			t.Errorf("%s is half old and half new: %v", c.Before.Name, err)
		}
		at[c.Before.Name] = s
	}
}

// Left are the changes that the zone does not show yet.
func Left(z *dnstest.Zone, changes []dnsproviders.Change) []dnsproviders.Change {
	var out []dnsproviders.Change
	for _, c := range changes {
		vs, ttl := z.Get(c.Before.Name, c.Before.Type)
		if c.Stand(dnsproviders.RRset{Values: vs, TTL: ttl}) != dnsproviders.New {
			out = append(out, c)
		}
	}
	return out
}
