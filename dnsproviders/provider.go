package dnsproviders

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// RRset is all values of one name and type, the unit of every change. Name is
// lower case without a trailing dot; Values are in presentation form, sorted.
type RRset struct {
	Name   string
	Type   string
	TTL    uint32
	Values []string
	// Note tells what else the provider keeps with the set ("proxied"); a change keeps it.
	Note string
}

// Change is one set's exact before and after. Before is what must be there for the
// change to be made (compare-and-set). After with no Values removes the set.
// Before with no Values creates it.
type Change struct {
	Before RRset
	After  RRset
}

// Receipt says what an Apply cost and what came back.
type Receipt struct {
	Changed  int
	APICalls int
	Took     time.Duration
	// RequestID is the provider's own, where it has one.
	RequestID string
	// State is what the provider says of the change's way to its name servers, where it
	// does ("PENDING"); see Tracker.
	State string
	// Serial is the zone's SOA serial after the change, where the provider tells.
	Serial uint32
	// Held is, after ApplyArmed, the Arming that holds from now on: what the answer showed,
	// so that the way back needs no reading. nil where the answer does not tell.
	Held *Arming
}

// Capabilities is the provider's card, shown in every plan.
type Capabilities struct {
	Kind string `json:"kind"`
	// Atomic: all changes of one Apply happen or none does.
	Atomic bool `json:"atomic"`
	// CompareAndSet: the server itself refuses when Before does not hold.
	CompareAndSet bool `json:"compare_and_set"`
	// MaxBatch is the number of changes in one request; 0 = bounded by message size only.
	MaxBatch int `json:"max_batch"`
	// MinTTL in seconds.
	MinTTL uint32 `json:"min_ttl_s"`
	// Rate is how many requests a second the vendor takes from the account, all tools
	// together; 0 = no limit of its own, or none that is published.
	Rate float64 `json:"rate_per_s,omitempty"`
	// Note is one sentence a person should know before relying on it.
	Note string `json:"note,omitempty"`
}

// Provider reads and changes zones at one provider. Implementations are safe for
// concurrent use on different zones; one writer per zone is the caller's duty.
type Provider interface {
	Capabilities() Capabilities
	// Read returns the live sets (A, AAAA, CNAME, HTTPS) of the names asked for;
	// a name without records is simply absent. One request where the provider can.
	Read(ctx context.Context, zone string, names []string) ([]RRset, error)
	// Apply makes all changes of the zone: compare, set, read back. On ErrConflict,
	// ErrAuth, ErrRejected nothing was changed. On ErrUncertain the answer was lost:
	// Read tells. On *PartialError some changes were made: it lists them.
	Apply(ctx context.Context, zone string, changes []Change) (Receipt, error)
}

// Inspector is a Provider whose Apply reads the live sets of the changed names anyway
// and can show them to the caller before it writes. It saves a request.
type Inspector interface {
	Provider
	// ApplyInspected is Apply; after the comparison and before the first write it calls
	// inspect with all live sets (of every type it reads) of the changed names. When
	// inspect returns an error, nothing is changed and that error is returned as it is.
	ApplyInspected(ctx context.Context, zone string, changes []Change, inspect func(live []RRset) error) (Receipt, error)
}

// What a provider's failure means for the caller. Test with errors.Is.
var (
	// ErrConflict: a Before did not hold; nothing was changed.
	ErrConflict = errors.New("the zone changed since the plan was made")
	// ErrAuth: the credential was refused (401, NOTAUTH).
	ErrAuth = errors.New("the credential was refused")
	// ErrForbidden: the credential is known but may not do this (403, REFUSED).
	ErrForbidden = errors.New("the credential may not do this")
	// ErrRateLimited: asked to come back later; see *Error.RetryAfter.
	ErrRateLimited = errors.New("rate limited")
	// ErrRejected: the provider found the request wrong (4xx); nothing was changed.
	ErrRejected = errors.New("the provider rejected the change")
	// ErrUnavailable: no answer, a 5xx or an unreadable answer to a read.
	ErrUnavailable = errors.New("the provider is not available")
	// ErrUncertain: a write was sent and its answer was lost or unreadable.
	ErrUncertain = errors.New("the answer to a write was lost")
	// ErrNotFound: no such zone with this credential.
	ErrNotFound = errors.New("no such zone")
)

// Error is a provider's failure with what a person needs next.
type Error struct {
	Op   string // "read zone", "apply"
	Zone string
	Kind error // one of the sentinels above
	// RetryAfter is set with ErrRateLimited.
	RetryAfter time.Duration
	// Detail is the provider's own words, shortened, without secrets.
	Detail string
	// Hint is the next step for a person.
	Hint string
	Err  error
}

func (e *Error) Error() string {
	s := fmt.Sprintf("%s %s: %v", e.Op, e.Zone, e.Kind)
	if e.Detail != "" {
		s += ": " + e.Detail
	}
	if e.RetryAfter > 0 {
		s += fmt.Sprintf(" (retry after %s)", e.RetryAfter)
	}
	return s
}

// Unwrap gives errors.Is both the kind and the cause.
func (e *Error) Unwrap() []error {
	if e.Err == nil {
		return []error{e.Kind}
	}
	return []error{e.Kind, e.Err}
}

// PartialError says which changes of a non-atomic Apply were made.
type PartialError struct {
	Done, Left []Change
	Err        error
}

func (e *PartialError) Error() string {
	return fmt.Sprintf("%d of %d changes were made: %v", len(e.Done), len(e.Done)+len(e.Left), e.Err)
}

// Unwrap returns the cause.
func (e *PartialError) Unwrap() error { return e.Err }
