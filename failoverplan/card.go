package failoverplan

import "strings"

// Card is what a provider that the plan writes at can be relied on for; a plan of many
// names behaves very differently at one that is atomic and at one that is not.
type Card struct {
	Provider string `json:"provider"`
	Kind     string `json:"kind"`
	// Atomic: all changes of one request happen or none does.
	Atomic bool `json:"atomic"`
	// CompareAndSet: the server itself refuses when a record is not what the plan expects.
	CompareAndSet bool `json:"compare_and_set"`
	// MaxBatch is the number of record sets in one request; 0 = bounded by size only.
	MaxBatch int `json:"max_batch"`
	// MinTTL is the lowest TTL that the provider keeps, in seconds.
	MinTTL uint32 `json:"min_ttl_s"`
	// Rate is the requests a second that the account may make; 0 = no limit known.
	Rate float64 `json:"rate_per_s,omitempty"`
	// Note is what a person should know before relying on it.
	Note string `json:"note,omitempty"`
}

// Terms is the card in one line, without its note; say words a phrase (fmt.Sprintf, or a
// translation with the same verbs).
func (c Card) Terms(say func(format string, args ...any) string) string {
	parts := []string{say("not atomic"), say("read before the write"), say("requests of any size")}
	if c.Atomic {
		parts[0] = say("all or nothing")
	}
	if c.CompareAndSet {
		parts[1] = say("the server compares")
	}
	switch {
	case c.MaxBatch == 1:
		parts[2] = say("one set a request")
	case c.MaxBatch > 1:
		parts[2] = say("%d sets a request", c.MaxBatch)
	}
	if c.Rate > 0 {
		parts = append(parts, say("%g requests a second", c.Rate))
	}
	if c.MinTTL > 0 {
		parts = append(parts, say("TTL from %d s", c.MinTTL))
	}
	return strings.Join(parts, ", ")
}
