package dnsproviders

import (
	"context"
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
