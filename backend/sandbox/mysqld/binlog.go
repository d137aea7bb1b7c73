package mysqld

import (
	"sync"
	"time"
)

// ackTimeout is how long a commit waits for a replica (rpl_semi_sync_master_timeout), unless
// SetAckTimeout says otherwise.
const ackTimeout = time.Second

// binlog is the server's log of transactions and the semi-synchronous waiting on
// it. Events have absolute indexes that never change: first is that of events[0].
type binlog struct {
	changed signal

	mu     sync.Mutex
	events []event
	first  uint64
	bytes  int
	most   int // bytes that are kept
	// server is the own id; foreign are the bytes of what came from others.
	server  uint32
	foreign int
	// base is the position before events[0], last the one after the newest event.
	base, last position
	// used is the highest sequence number ever given or seen per domain. It does
	// not go back when transactions are taken back, so no name is used twice.
	used map[uint32]uint64
	// undone are the transactions that a crash took back.
	undone map[gtid]bool

	followers map[uint32]*follower // by server id
	holds     map[uint32]*hold     // by server id: what replicas need
	waiters   []*waiter            // in order of index
	semi      bool
	// ackTimeout is how long a commit waits for a replica.
	ackTimeout time.Duration
	// grace: until then commits wait although no replica is connected, because the
	// last one was lost without good-bye and we may be about to crash too.
	grace time.Time
}

// follower is a connected replica.
type follower struct {
	server uint32
	drop   func() // ends its connection
}

// waiter is a commit that waits to be acknowledged.
type waiter struct {
	index uint64
	done  chan error // gets one value
}

func newBinlog(server uint32, most int) *binlog {
	if most <= 0 {
		most = defaultLogBytes
	}
	return &binlog{
		server: server, most: most, holds: map[uint32]*hold{},
		base: position{}, last: position{}, used: map[uint32]uint64{}, undone: map[gtid]bool{},
		followers: map[uint32]*follower{}, ackTimeout: ackTimeout,
	}
}

// patience is how long a commit waits for a replica.
func (b *binlog) patience() time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.ackTimeout
}

// append adds a transaction. With a zero id.seq it gets the next number of its
// domain. The waiter is nil when the commit need not wait.
func (b *binlog) append(e event, wait bool) (event, *waiter, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if e.id.seq == 0 {
		e.id.seq = b.used[e.id.domain] + 1
	} else if last := b.last[e.id.domain]; e.id.seq <= last.seq {
		return e, nil, errorf(1950, "HY000", "An attempt was made to binlog GTID %s which would create an out-of-order sequence number with existing GTID %s, and gtid strict mode is enabled", e.id, last)
	}
	b.used[e.id.domain] = max(b.used[e.id.domain], e.id.seq)
	b.events = append(b.events, e)
	b.bytes += e.size()
	if e.id.server != b.server {
		b.foreign += e.size()
	}
	b.last[e.id.domain] = e.id
	var w *waiter
	if wait && b.mustWaitLocked() {
		w = &waiter{index: b.first + uint64(len(b.events)), done: make(chan error, 1)}
		b.waiters = append(b.waiters, w)
	}
	b.trimLocked()
	b.changed.notify()
	return e, w, nil
}

func (b *binlog) mustWaitLocked() bool {
	return len(b.waiters) > 0 || (b.semi && len(b.followers) > 0) || time.Now().Before(b.grace)
}

// position is the newest GTID per domain.
func (b *binlog) position() position {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.last.clone()
}

// size is the number of events ever written, and the bytes kept.
func (b *binlog) size() (events uint64, bytes int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.first + uint64(len(b.events)), b.bytes
}

// await blocks a commit until w is settled.
func (b *binlog) await(w *waiter) error {
	if w == nil {
		return nil
	}
	t := time.NewTimer(b.patience())
	defer t.Stop()
	select {
	case err := <-w.done:
		return err
	case <-t.C:
		b.giveUp()
		return <-w.done
	}
}

// giveUp stops waiting for acknowledgements until a replica has caught up.
func (b *binlog) giveUp() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.semi = false
	b.grace = time.Time{}
	b.releaseLocked(^uint64(0), nil)
}

// releaseLocked settles the waiters up to index.
func (b *binlog) releaseLocked(index uint64, err error) {
	n := 0
	for n < len(b.waiters) && b.waiters[n].index <= index {
		b.waiters[n].done <- err
		n++
	}
	b.waiters = b.waiters[n:]
}

// ack notes that a replica holds everything before index.
func (b *binlog) ack(f *follower, index uint64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if h := b.holds[f.server]; h != nil && b.followers[f.server] == f {
		h.index = max(h.index, index)
	}
	b.releaseLocked(index, nil)
	if index >= b.first+uint64(len(b.events)) {
		b.semi = true
	}
}

// join adds a replica that is at pos; an older connection of the same one is
// dropped.
func (b *binlog) join(f *follower, pos position) {
	b.mu.Lock()
	old := b.followers[f.server]
	b.followers[f.server] = f
	b.holdLocked(f.server, pos)
	if pos.covers(b.last) {
		b.semi = true
	}
	b.mu.Unlock()
	if old != nil {
		old.drop()
	}
}

// leave removes a replica; clean tells that it said good-bye.
func (b *binlog) leave(f *follower, clean bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.followers[f.server] != f {
		return
	}
	delete(b.followers, f.server)
	if h := b.holds[f.server]; h != nil {
		h.left = time.Now()
	}
	if len(b.followers) > 0 {
		return
	}
	if clean {
		b.releaseLocked(^uint64(0), nil)
	} else if b.semi {
		b.grace = time.Now().Add(b.ackTimeout)
	}
}

// connected is the number of replicas, and whether commits wait for them.
func (b *binlog) connected() (replicas int, semi bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.followers), b.semi && len(b.followers) > 0
}

// crash takes the unacknowledged transactions out of the log and returns them for
// the engine to undo; their clients get an error. A statement that cannot be
// undone (DDL) ends the search: it and what is before it stay.
func (b *binlog) crash() []event {
	b.mu.Lock()
	defer b.mu.Unlock()
	defer b.releaseLocked(^uint64(0), errKilled())
	if len(b.waiters) == 0 {
		return nil
	}
	from := max(b.waiters[0].index-1, b.first) - b.first
	for i := len(b.events) - 1; i >= int(from); i-- { //nolint:gosec // a slice index
		if b.events[i].ddl {
			from = uint64(i + 1) //nolint:gosec // a slice index
			break
		}
	}
	gone := b.cutLocked(int(from)) //nolint:gosec // a slice index
	for _, e := range gone {
		b.undone[e.id] = true
	}
	return gone
}

// cutLocked removes events[n:] and returns them.
func (b *binlog) cutLocked(n int) []event {
	gone := append([]event(nil), b.events[n:]...)
	b.events = b.events[:n:n]
	b.last = b.base.clone()
	for _, e := range b.events {
		b.last[e.id.domain] = e.id
	}
	for _, e := range gone {
		b.bytes -= e.size()
		if e.id.server != b.server {
			b.foreign -= e.size()
		}
	}
	return gone
}

// rewind removes the events after to in its domain. They must be the newest ones
// of the whole log, else nothing is removed and ok is false.
func (b *binlog) rewind(domain uint32, seq uint64) (gone []event, ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	n := len(b.events)
	for n > 0 && b.events[n-1].id.domain == domain && b.events[n-1].id.seq > seq {
		if b.events[n-1].ddl {
			return nil, false
		}
		n--
	}
	for _, e := range b.events[:n] {
		if e.id.domain == domain && e.id.seq > seq {
			return nil, false
		}
	}
	return b.cutLocked(n), true
}

// adopted notes that a transaction which a crash had taken back has come in again
// from a replica that had it.
func (b *binlog) adopted(id gtid) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.undone, id)
}

// from finds what a replica at position want needs: the index to begin with, or,
// when it holds transactions that a crash took back here, the sequence number per
// domain that it must go back to. An error is what a real source says (1236).
func (b *binlog) from(want position) (index uint64, back map[uint32]uint64, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for d, g := range want {
		last, known := b.last[d]
		switch {
		case b.undone[g]:
			if back == nil {
				back = map[uint32]uint64{}
			}
			back[d] = b.beforeLocked(g)
		case !known || g.seq > last.seq:
			return 0, nil, errPosition(g, "")
		case g == b.base[d] || b.hasLocked(g):
		case g.seq < b.base[d].seq:
			return 0, nil, errPurged()
		default:
			return 0, nil, errPosition(g, ". Since the master's binlog contains GTIDs with higher sequence numbers, it probably means that the slave has diverged due to executing extra erroneous transactions")
		}
	}
	for d := range b.base {
		if want[d].seq < b.base[d].seq {
			return 0, nil, errPurged()
		}
	}
	return b.first, back, nil
}

// beforeLocked is the newest sequence number here before g.
func (b *binlog) beforeLocked(g gtid) uint64 {
	seq := b.base[g.domain].seq
	for _, e := range b.events {
		if e.id.domain == g.domain && e.id.seq < g.seq {
			seq = e.id.seq
		}
	}
	return seq
}

func (b *binlog) hasLocked(g gtid) bool {
	for i := len(b.events) - 1; i >= 0; i-- {
		if b.events[i].id == g {
			return !b.events[i].hidden
		}
	}
	return false
}

func errPosition(g gtid, more string) error {
	return errorf(1236, "HY000", "Error: connecting slave requested to start from GTID %s, which is not in the master's binlog%s", g, more)
}

func errPurged() error {
	return errorf(1236, "HY000", "Could not find GTID state requested by slave in any binlog files. Probably the slave state is too old and required binlog files have been purged.")
}

// read gives the events from index on, at most n, and the index after them. ok is
// false when they are no longer there.
func (b *binlog) read(index uint64, n int) (out []event, next uint64, ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	end := b.first + uint64(len(b.events))
	if index < b.first || index > end {
		return nil, index, false
	}
	begin := index - b.first
	stop := min(begin+uint64(n), uint64(len(b.events))) //nolint:gosec // n is small and positive
	return append(out, b.events[begin:stop]...), b.first + stop, true
}
