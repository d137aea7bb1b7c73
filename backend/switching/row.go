package switching

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/dutyops/dutyops/dnsproviders/propagation"
)

// RowState is where one server is with one set.
type RowState string

// Row states. Silent servers gave no usable answer; see Row.Err. Unknown: it answered,
// but nothing says what is right, because the authoritative servers do not tell.
const (
	RowNew     RowState = "new"
	RowOld     RowState = "old"
	RowOther   RowState = "other"
	RowSilent  RowState = "silent"
	RowUnknown RowState = "unknown"
)

// Row is one server's last answer for one set.
type Row struct {
	Zone, Station string
	Server        string
	Authoritative bool
	// Found: the configuration does not have the server; an NS set of the zone names it.
	Found      bool
	Name, Type string
	// Want is what it should say: the plan's value, or without a plan what the
	// authoritative servers say. Canonical and sorted, as Got.
	Want, Got   []string
	TTL, Serial uint32
	State       RowState
	At          time.Time
	// OldUntil is when a cache that gave an answer other than the wanted one may still
	// give it; zero when it gave the wanted one or none.
	OldUntil time.Time
	// Sig is the set's signature, nil when it has none.
	Sig *propagation.Signature
	// Stale is the server's own word that its answer has expired.
	Stale bool
	Err   error
}

// take takes an answer over; what it means is left to fill or judge.
func (r *Row) take(a propagation.Answer) {
	r.Got, r.TTL, r.Serial, r.At, r.Sig, r.Stale, r.Err = a.Values, a.TTL, a.Serial, a.At, a.Sig, a.Stale, a.Err
	if r.Want != nil && slices.Equal(r.Got, r.Want) {
		r.Got = r.Want // one copy for all servers
	}
}

// fill takes an answer over and compares it with the value wanted and the one before.
func (r *Row) fill(a propagation.Answer, before []string) {
	if !r.At.IsZero() && (errors.Is(a.Err, context.Canceled) || errors.Is(a.Err, context.DeadlineExceeded)) {
		return // our own end says nothing new about the server
	}
	r.take(a)
	r.OldUntil = propagation.OldUntil(a, r.Want)
	switch {
	case a.Err != nil:
		r.State = RowSilent
	case a.Same(r.Want):
		r.State = RowNew
	case a.Same(before):
		r.State = RowOld
	default:
		r.State = RowOther
	}
}

// truth is what the authoritative servers say of one set.
type truth struct {
	values []string
	ttl    uint32 // the highest that one of them gives
	serial uint32
	// heard: at least one answered. split: they differ and no serial says who is right.
	heard, split bool
	// agreed: all that answered say the same.
	agreed bool
}

func (t truth) known() bool { return t.heard && !t.split }

// truths finds out per set what is right: the answer of the server with the newest serial
// (RFC 1982) of each provider. Serials of two providers have nothing to do with one another:
// where the providers differ, nobody says who is right.
func truths(rows []Row, zones map[string]Zone) map[key]truth {
	type held struct {
		key
		provider string
	}
	by := map[held]truth{}
	for i := range rows {
		r := &rows[i]
		if !r.Authoritative || r.Err != nil {
			continue
		}
		k := held{key{r.Name, r.Type}, zones[r.Zone].holder(r.Server)}
		t := by[k]
		switch same := slices.Equal(t.values, r.Got); {
		case !t.heard:
			t = truth{values: r.Got, ttl: r.TTL, serial: r.Serial, heard: true, agreed: true}
		case same:
			t.ttl = max(t.ttl, r.TTL)
			if newer(r.Serial, t.serial) {
				t.serial = r.Serial
			}
		case r.Serial == t.serial:
			t.split, t.agreed = true, false
		case newer(r.Serial, t.serial):
			t = truth{values: r.Got, ttl: r.TTL, serial: r.Serial, heard: true}
		default:
			t.agreed = false
		}
		by[k] = t
	}
	out := make(map[key]truth, len(by))
	for k, t := range by {
		switch other, twin := out[k.key]; {
		case !twin:
		case slices.Equal(other.values, t.values):
			t.ttl, t.agreed, t.split = max(t.ttl, other.ttl), t.agreed && other.agreed, t.split || other.split
		default:
			t.split, t.agreed = true, false
		}
		out[k.key] = t
	}
	return out
}

// judge compares every row with the truth. A value from before is one that the memory
// knows as such, or that belongs to another site.
func judge(rows []Row, ts map[key]truth, m *memory, siteOf func([]string) string) {
	for i := range rows {
		r := &rows[i]
		r.OldUntil = time.Time{}
		if r.Err != nil {
			r.State = RowSilent
			continue
		}
		k := key{r.Name, r.Type}
		t := ts[k]
		if !t.known() {
			r.State = RowUnknown
			continue
		}
		r.Want = t.values
		switch {
		case slices.Equal(r.Got, r.Want):
			r.State, r.Got = RowNew, r.Want
			continue
		case slices.Equal(r.Got, m.before(k)) || siteOf(r.Got) != "":
			r.State = RowOld
		default:
			r.State = RowOther
		}
		if !r.Authoritative {
			r.OldUntil = r.At.Add(time.Duration(r.TTL) * time.Second)
		}
	}
}
