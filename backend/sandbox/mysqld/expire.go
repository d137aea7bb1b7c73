package mysqld

import "time"

// The log is bounded: what is older is purged, and a replica that needs it gets error
// 1236. As long as a known replica needs more, up to maxHeldBytes are kept.
const (
	defaultLogBytes = 5 << 20
	maxLogEvents    = 100_000
	// foreignPart is the part of it for what came from a source: who needs that, the
	// source has it too.
	foreignPart = 4
	// heldTimes is how many times the usual size is kept for replicas that need it.
	heldTimes = 2
	// heldFor is how long a replica that went away counts as one that comes back.
	heldFor = 2 * time.Hour
)

// hold is what a replica still needs: the events from index on.
type hold struct {
	index uint64
	left  time.Time // zero while it is connected
}

// holdLocked notes what a replica at pos needs.
func (b *binlog) holdLocked(server uint32, pos position) {
	i := 0
	for i < len(b.events) && b.events[i].id.seq <= pos[b.events[i].id.domain].seq {
		i++
	}
	b.holds[server] = &hold{index: b.first + uint64(i)} //nolint:gosec // a slice index
}

// neededLocked is the index of the first event that a known replica needs.
func (b *binlog) neededLocked() uint64 {
	first := b.first + uint64(len(b.events))
	for server, h := range b.holds {
		if !h.left.IsZero() && time.Since(h.left) > heldFor {
			delete(b.holds, server)
			continue
		}
		first = min(first, h.index)
	}
	return first
}

// trimLocked keeps the log within its bounds. It frees a sixteenth at a time.
func (b *binlog) trimLocked() {
	foreign := b.most / foreignPart
	if b.bytes <= b.most && b.foreign <= foreign && len(b.events) <= maxLogEvents {
		return
	}
	needed := b.neededLocked()
	n, bytes := 0, b.bytes
	over := func() bool {
		return bytes > b.most-b.most/16 || len(b.events)-n > maxLogEvents-maxLogEvents/16 ||
			(b.events[n].id.server != b.server && b.foreign > foreign-foreign/16)
	}
	for n < len(b.events)-1 && over() {
		if b.first+uint64(n) >= needed && bytes <= heldTimes*b.most && len(b.events)-n <= heldTimes*maxLogEvents { //nolint:gosec // a slice index
			break
		}
		b.base[b.events[n].id.domain] = b.events[n].id
		bytes -= b.events[n].size()
		if b.events[n].id.server != b.server {
			b.foreign -= b.events[n].size()
		}
		n++
	}
	clear(b.events[:n])
	b.events, b.first, b.bytes = b.events[n:], b.first+uint64(n), bytes //nolint:gosec // a slice index
}

// size is what an event takes.
func (e event) size() int { return len(e.body) + eventOverhead }

// eventOverhead is an event without its body.
const eventOverhead = 96
