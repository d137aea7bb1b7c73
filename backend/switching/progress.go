package switching

import (
	"fmt"
	"sync"
	"time"
)

// Progress is how far servers are that are being waited for.
type Progress struct {
	New, Total int
	// OldUntil is the last end of an old answer among those seen; zero when none is known.
	OldUntil time.Time
}

// String says it in a line.
func (p Progress) String() string {
	s := fmt.Sprintf("%d of %d answers are new", p.New, p.Total)
	if !p.OldUntil.IsZero() {
		s += ", old ones until " + clock(p.OldUntil)
	}
	return s
}

// progress sums up servers that are pursued side by side.
type progress struct {
	total int
	tell  func(Progress)

	mu      sync.Mutex
	servers []openRows
	told    Progress
}

// openRows are the rows of one server that do not agree yet.
type openRows struct {
	count int
	until time.Time
}

// progressOf reports to tell; nil = nobody asks. What was not looked at yet is open.
func progressOf(all []*pursuit, total int, tell func(Progress)) *progress {
	x := &progress{total: total, tell: tell, servers: make([]openRows, len(all))}
	for i, p := range all {
		x.servers[i].count = len(p.open)
	}
	return x
}

// server takes over how far a server is after a look. Only its own rows are read, which
// nobody writes meanwhile.
func (x *progress) server(i int, p *pursuit, rows []Row) {
	if x.tell == nil {
		return
	}
	o := openRows{count: len(p.open)}
	for _, a := range p.open {
		if until := rows[a.row].OldUntil; until.After(o.until) {
			o.until = until
		}
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	x.servers[i] = o
	now := Progress{New: x.total, Total: x.total}
	for _, s := range x.servers {
		now.New -= s.count
		if until := s.until.Round(time.Second); until.After(now.OldUntil) {
			now.OldUntil = until
		}
	}
	if now != x.told {
		x.told = now
		x.tell(now)
	}
}
