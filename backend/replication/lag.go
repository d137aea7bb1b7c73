package replication

import (
	"time"

	"github.com/dutyops/dutyops/failoverplan"
	"github.com/dutyops/dutyops/probes"
)

// Seen is what the newest question to one component found.
type Seen struct {
	Facts probes.Facts
	// State is the verdict over several answers.
	State failoverplan.State
	// At is when the question was asked.
	At time.Time
	// Silent: the newest question was not answered, although one failure has not changed
	// State yet. Nothing is known of now.
	Silent bool
}

// Lags measures how long a copy lacks what its source has, by this console's own watch:
// it remembers when the source was first seen at each position, and which of those the
// copy has reached. No clock of a server is in it, nothing is written anywhere, and a
// replica that claims to be level behind a source that it cannot reach does not deceive
// it. It is exact to one interval of the probes. The zero value is ready. It is used by
// one caller of States at a time.
type Lags struct {
	of map[relation]*watched
}

// relation is one direction of one synced component.
type relation struct {
	platform  failoverplan.PlatformKind
	component string
	from, to  string
}

// watched is what is remembered of a relation.
type watched struct {
	marks []mark
	// whole is the newest moment up to which the copy is known to have everything.
	whole  time.Time
	used   bool // by the round of States under way
	writes *writes
}

// writes is where an index was when its copy was last seen to take a write.
type writes struct {
	src, dst int64 // the number of all writes that each had taken
	docs     int64 // documents at the source
	// more is when the source was first seen to have taken more than deletions; zero while it
	// has not.
	more time.Time
}

// sinceCopied tells what was written at the source since the copy last took anything: how
// many writes, how many of them can only be deletions, and for how long it is known that
// some are not. Updates and deletions are among it, which numbers of documents and newest times
// hide; some of it may be there already.
func (w *watched) sinceCopied(src, dst, docs int64, srcAt, dstAt time.Time) (n, deleted int64, waits time.Duration) {
	if w.writes == nil || dst != w.writes.dst || src < w.writes.src {
		w.writes = &writes{src: src, dst: dst, docs: docs}
	}
	n = src - w.writes.src
	if n == 0 {
		return 0, 0, 0
	}
	deleted = min(n, max(0, w.writes.docs-docs))
	if n == deleted {
		return n, deleted, 0
	}
	if w.writes.more.IsZero() {
		w.writes.more = srcAt
	}
	return n, deleted, max(0, dstAt.Sub(w.writes.more))
}

// mark is a position of the source and when it was first seen there.
type mark struct {
	at  time.Time
	pos position
}

// position is how far a source is, in the notation of its kind.
type position interface {
	// within is true when other, of the same kind, has everything of this one.
	within(other position) bool
}

// maxMarks bounds what is remembered of a relation.
const maxMarks = 64

func (l *Lags) begin() {
	for _, w := range l.of {
		w.used = false
	}
}

// end forgets relations that are no more, such as the direction before a failover.
func (l *Lags) end() {
	for k, w := range l.of {
		if !w.used {
			delete(l.of, k)
		}
	}
}

func (l *Lags) watched(r relation) *watched {
	if l.of == nil {
		l.of = map[relation]*watched{}
	}
	w, ok := l.of[r]
	if !ok {
		w = &watched{}
		l.of[r] = w
	}
	w.used = true
	return w
}

// look compares one look at the source with one at its copy. It returns for how many
// seconds the copy has lacked something; 0 when it is level, or when what it lacks is
// newer than the look at it.
func (w *watched) look(src position, srcAt time.Time, dst position, dstAt time.Time) float64 {
	if n := len(w.marks); n > 0 && !w.marks[n-1].pos.within(src) {
		w.marks, w.whole = nil, time.Time{} // the source itself lacks it: another history
	}
	if src.within(dst) {
		w.marks, w.whole = nil, later(w.whole, srcAt)
		return 0
	}
	w.reach(dst)
	if n := len(w.marks); n == 0 || !src.within(w.marks[n-1].pos) {
		w.add(mark{srcAt, src})
	}
	return max(0, dstAt.Sub(w.marks[0].at).Seconds())
}

// reach notes what the copy has by now. It goes on getting there without its source.
func (w *watched) reach(dst position) {
	for len(w.marks) > 0 && w.marks[0].pos.within(dst) {
		w.whole = later(w.whole, w.marks[0].at)
		w.marks = w.marks[1:]
	}
}

// add thins out by joining pairs: the later position with the earlier time, so that a
// lag is never shown shorter than it is.
func (w *watched) add(m mark) {
	if len(w.marks) >= maxMarks {
		thin := make([]mark, 0, maxMarks)
		for i := 0; i+1 < len(w.marks); i += 2 {
			thin = append(thin, mark{w.marks[i].at, w.marks[i+1].pos})
		}
		w.marks = thin
	}
	w.marks = append(w.marks, m)
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// The positions of each kind.

type gtidPosition struct{ gtids }

func (p gtidPosition) within(other position) bool {
	o, ok := other.(gtidPosition)
	return ok && behind(o.gtids, p.gtids).empty()
}

// bytePosition is Redis's replication offset.
type bytePosition int64

func (p bytePosition) within(other position) bool {
	o, ok := other.(bytePosition)
	return ok && p <= o
}

// offsetPosition is "topic/partition" -> offset of the next record.
type offsetPosition map[string]int64

func (p offsetPosition) within(other position) bool {
	o, ok := other.(offsetPosition)
	if !ok {
		return false
	}
	for partition, end := range p {
		if o[partition] < end {
			return false
		}
	}
	return true
}

// docPosition is how many documents there are and how new the newest is.
type docPosition struct {
	count  int64
	newest time.Time
}

func (p docPosition) within(other position) bool {
	o, ok := other.(docPosition)
	return ok && p.count <= o.count && !p.newest.After(o.newest)
}
