package dnsproviders

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Arming is what a provider told of some names of one zone, together with what it needs
// to change them without reading again: record ids, a zone id, the sets as they were.
// Immutable; safe to share.
type Arming struct {
	Zone string
	// Names that were asked for, canonical and sorted. A name without records is in
	// Names and not in Sets.
	Names []string
	// Sets are the live sets of the names when they were read.
	Sets []RRset
	// At is when the provider answered.
	At time.Time
	// Handle is the provider's own and means nothing to others.
	Handle any
}

// Check returns the changes in canonical form when every one of their names was read and
// every Before is what was read then. Else it returns an *Error: ErrConflict, or
// ErrRejected for a change that is none.
func (a Arming) Check(changes []Change) ([]Change, error) {
	no := func(kind error, detail, hint string, cause error) error {
		return &Error{Op: "apply", Zone: a.Zone, Kind: kind, Detail: detail, Hint: hint, Err: cause}
	}
	for _, c := range changes {
		if _, ok := slices.BinarySearch(a.Names, CanonicalName(c.Before.Name)); !ok {
			return nil, no(ErrConflict, fmt.Sprintf("%q was not read when zone %s was armed", c.Before.Name, a.Zone), "arm the zone again; nothing was sent", nil)
		}
	}
	canon, err := CanonicalChanges(a.Zone, changes)
	if err != nil {
		return nil, no(ErrRejected, err.Error(), "correct the change; nothing was sent", err)
	}
	type key struct{ name, typ string }
	live := make(map[key]RRset, len(a.Sets))
	for _, s := range a.Sets {
		live[key{s.Name, s.Type}] = s
	}
	text := func(vs []string) string {
		if len(vs) == 0 {
			return "absent"
		}
		return strings.Join(vs, " ")
	}
	for _, c := range canon {
		if l := live[key{c.Before.Name, c.Before.Type}]; !slices.Equal(l.Values, c.Before.Values) {
			return nil, no(ErrConflict, fmt.Sprintf("%s %s was read as %s, the plan expects %s", c.Before.Name, c.Before.Type, text(l.Values), text(c.Before.Values)),
				"make a new plan from the live records and look at who changed them", nil)
		}
	}
	return canon, nil
}

// With returns what is held once the changes are made: the same names, with the sets of the
// changes in the place of what was there, read at a time. It has no handle. The changes are
// canonical, as Check returns them.
func (a Arming) With(changes []Change, at time.Time) Arming {
	type key struct{ name, typ string }
	after := make(map[key]RRset, len(changes))
	for _, c := range changes {
		after[key{c.After.Name, c.After.Type}] = c.After
	}
	next := Arming{Zone: a.Zone, Names: a.Names, At: at, Sets: make([]RRset, 0, len(a.Sets))}
	put := func(s RRset, note string) {
		if len(s.Values) > 0 {
			s.Note = note
			next.Sets = append(next.Sets, s)
		}
	}
	for _, s := range a.Sets {
		k := key{s.Name, s.Type}
		if c, ok := after[k]; ok {
			put(c, s.Note)
			delete(after, k)
		} else {
			put(s, s.Note)
		}
	}
	for _, c := range after {
		put(c, "")
	}
	slices.SortFunc(next.Sets, func(a, b RRset) int {
		return cmp.Or(strings.Compare(a.Name, b.Name), strings.Compare(a.Type, b.Type))
	})
	return next
}

// NewArming returns an Arming without handle: the names in canonical form, sorted.
func NewArming(zone string, names []string, sets []RRset, at time.Time) Arming {
	a := Arming{Zone: CanonicalName(zone), Names: make([]string, len(names)), Sets: sets, At: at}
	for i, n := range names {
		a.Names[i] = CanonicalName(n)
	}
	slices.Sort(a.Names)
	a.Names = slices.Compact(a.Names)
	return a
}

// Armer is a Provider that can do its reading beforehand, so that a switch is one
// request per zone.
type Armer interface {
	Provider
	// Arm reads the names of a zone. It changes nothing.
	Arm(ctx context.Context, zone string, names []string) (Arming, error)
	// ApplyArmed is Apply on the ground of an Arming instead of a reading: changes are
	// compared with a.Sets (ErrConflict, nothing sent), and then written. How old an
	// Arming may be is the caller's to judge. Where the server compares by itself it
	// still does. An Arming of another zone, or one that lacks a changed name, is refused
	// with ErrConflict. What is written is confirmed from the answer, or read back where
	// the answer does not tell.
	ApplyArmed(ctx context.Context, a Arming, changes []Change) (Receipt, error)
}
