package switching

import (
	"fmt"
	"maps"
	"slices"
	"time"
)

// memory is what earlier looks have seen: what the authoritative servers said before, what
// each resolver said last, and which resolvers do not keep to TTLs. It is immutable; next
// makes the one after a look. nil is an empty one.
type memory struct {
	names  map[key]nameMemory
	said   map[saidKey]saidMemory
	traits map[string]Trait // by resolver
}

// nameMemory is what the authoritative servers agreed on.
type nameMemory struct {
	values []string
	ttl    uint32
	// changed is when they first agreed on values in place of others; zero = never seen.
	changed   time.Time
	before    []string
	beforeTTL uint32
	// ttlChanged is when the TTL alone became lower than lastTTL.
	ttlChanged time.Time
	lastTTL    uint32
}

type saidKey struct {
	server string
	set    key
}

// saidMemory is a resolver's last answer that was not the authoritative one.
type saidMemory struct {
	values []string
	ttl    uint32
	since  time.Time // with this TTL
	// promise is when the first such answer said that it would end.
	promise time.Time
}

// Traits of resolvers that keep answers longer than their TTL.
const (
	// TraitStretches: it hands out higher TTLs than the authoritative servers.
	TraitStretches = "ttl-stretched"
	// TraitStale: it gives expired answers (RFC 8767), by its own word or by the pattern.
	TraitStale = "serve-stale"
	// TraitKeeps: an old answer came after the time that its TTL had told.
	TraitKeeps = "keeps-old"
)

// Trait is how a resolver was seen to keep answers longer than their TTL.
type Trait struct {
	Kind   string    `json:"kind"`
	At     time.Time `json:"at"` // last seen
	Name   string    `json:"name"`
	Type   string    `json:"type"`
	Detail string    `json:"detail"`

	say  saying
	data data
}

// grace covers whole-second TTLs and the way of an answer.
const grace = 2 * time.Second

// staleTTL is what RFC 8767 section 5 recommends for expired answers.
const staleTTL = 30

func seconds(n uint32) time.Duration { return time.Duration(n) * time.Second }

// before is the value that a set had before the present one; nil when not known.
func (m *memory) before(k key) []string {
	if m == nil {
		return nil
	}
	return m.names[k].before
}

// next remembers judged rows. What was not asked this time stays remembered.
func (m *memory) next(rows []Row, ts map[key]truth, now time.Time) *memory {
	if m == nil {
		m = &memory{}
	}
	n := &memory{names: maps.Clone(m.names), said: make(map[saidKey]saidMemory, len(m.said)), traits: m.traits}
	if n.names == nil {
		n.names = make(map[key]nameMemory, len(ts))
	}
	for k, t := range ts {
		if t.agreed && !t.split {
			n.names[k] = m.names[k].learn(t, now)
		}
	}
	for i := range rows {
		r := &rows[i]
		if r.Authoritative {
			continue
		}
		k := key{r.Name, r.Type}
		sk := saidKey{r.Server, k}
		was, seen := m.said[sk]
		if r.Err != nil {
			if seen {
				n.said[sk] = was
			}
			continue
		}
		var seenNow Trait
		if r.State == RowNew {
			seenNow = stretches(r, n.names[k], now)
		} else if t := ts[k]; t.agreed && !t.split {
			seenNow = overstays(r, n.names[k], was, seen)
			said := saidMemory{values: r.Got, ttl: r.TTL, since: r.At, promise: r.At.Add(seconds(r.TTL))}
			if seen && slices.Equal(was.values, r.Got) {
				said.promise = was.promise
				if was.ttl == r.TTL {
					said.since = was.since
				}
			}
			n.said[sk] = said
		}
		if seenNow.Kind != "" {
			seenNow.At, seenNow.Name, seenNow.Type = r.At, r.Name, r.Type
			n.traits = withTrait(n.traits, r.Server, seenNow)
		}
	}
	return n
}

// learn takes over what the authoritative servers agree on now.
func (x nameMemory) learn(t truth, now time.Time) nameMemory {
	switch {
	case x.values == nil && x.ttl == 0:
		x.values, x.ttl = t.values, t.ttl // first sight
	case !slices.Equal(x.values, t.values):
		x = nameMemory{values: t.values, ttl: t.ttl, changed: now, before: x.values, beforeTTL: max(x.ttl, x.allowed(now))}
	case t.ttl < x.ttl:
		x.lastTTL, x.ttlChanged, x.ttl = max(x.ttl, x.allowed(now)), now, t.ttl
	default:
		x.ttl = t.ttl
	}
	return x
}

// allowed is the highest TTL that a cache may hold at now: for a while after the TTL was
// lowered, that is still the old one.
func (x nameMemory) allowed(now time.Time) uint32 {
	if x.lastTTL > x.ttl && now.Before(x.ttlChanged.Add(seconds(x.lastTTL))) {
		return x.lastTTL
	}
	return x.ttl
}

// stretches: a right answer with a TTL that nobody has given it.
func stretches(r *Row, x nameMemory, now time.Time) Trait {
	switch most := x.allowed(now); {
	case r.Stale:
		return trait(TraitStale, sayStale, nil)
	case len(r.Got) > 0 && x.ttl > 0 && r.TTL > most+1:
		return trait(TraitStretches, sayStretch, data{"ttl": fmt.Sprint(r.TTL), "most": fmt.Sprint(most)})
	}
	return Trait{}
}

// overstays: an answer from before that should be gone, or that is given a longer life
// than any cache can have for it.
func overstays(r *Row, x nameMemory, was saidMemory, seen bool) Trait {
	if r.Stale {
		return trait(TraitStale, sayStale, nil)
	}
	var limit time.Time
	switch {
	case len(r.Got) == 0:
		return Trait{} // "no such name" has a life of its own
	case !x.changed.IsZero() && slices.Equal(r.Got, x.before):
		limit = x.changed.Add(seconds(x.beforeTTL))
		if end := r.At.Add(seconds(r.TTL)); !r.At.After(limit.Add(grace)) && end.After(limit.Add(grace)) {
			return trait(TraitStretches, sayKeeps, data{"end": clock(end), "limit": clock(limit)})
		}
	case seen && slices.Equal(was.values, r.Got):
		limit = was.promise
	default:
		return Trait{}
	}
	if !r.At.After(limit.Add(grace)) {
		return Trait{}
	}
	times := data{"time": clock(r.At), "limit": clock(limit)}
	still := seen && slices.Equal(was.values, r.Got) && was.ttl == r.TTL && r.At.Sub(was.since) >= 2*time.Second
	if r.TTL == staleTTL || r.TTL <= staleTTL && still {
		return trait(TraitStale, sayStanding, times)
	}
	return trait(TraitKeeps, sayOverdue, times)
}

func trait(kind string, say saying, d data) Trait {
	return Trait{Kind: kind, Detail: say.fill(d), say: say, data: d}
}

func withTrait(ts map[string]Trait, server string, t Trait) map[string]Trait {
	ts = maps.Clone(ts)
	if ts == nil {
		ts = map[string]Trait{}
	}
	// What it is said to do does not become weaker: an expired answer also has an odd TTL.
	if was, ok := ts[server]; ok && was.Kind == TraitStale && t.Kind != TraitStale {
		was.At = t.At
		t = was
	}
	ts[server] = t
	return ts
}

func clock(t time.Time) string { return t.Local().Format("15:04:05") }
