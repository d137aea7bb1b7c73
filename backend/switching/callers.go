package switching

import (
	"sync"
	"time"
)

const (
	// maxCalls bounds the calls of one look; the next look makes the next ones.
	maxCalls = 256
	// A look asks few services every time. Of more, those that were well a moment ago are
	// not asked again: a gateway has users to serve.
	fewCalls = 32
	wellFor  = 5 * time.Second
	// callsWithin bounds the calls in a run.
	callsWithin = 3 * time.Second
	// callsAtAddress bounds the calls to one address at a time.
	callsAtAddress = 8
)

// callers keeps the place where the next look goes on, and what was well a moment ago.
type callers struct {
	mu   sync.Mutex
	next int
	well map[calledAt]wellCall
}

type calledAt struct{ name, address string }

type wellCall struct {
	at   time.Time
	line ServiceLine
}

// recall takes over what was well a moment ago, and marks it as asked.
func (c *callers) recall(lines []ServiceLine, asked []bool, now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := range lines {
		l := &lines[i]
		if w, ok := c.well[calledAt{l.Name, l.Address}]; ok && len(lines) > fewCalls && now.Sub(w.at) < wellFor {
			through, zone := l.Through, l.zone
			*l, asked[i] = w.line, true
			l.Through, l.zone = through, zone
		}
	}
}

// remember keeps what was asked now and is well; recalled are those that were not asked.
func (c *callers) remember(lines []ServiceLine, asked, recalled []bool, now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	kept := make(map[calledAt]wellCall, len(lines))
	for k, w := range c.well {
		if now.Sub(w.at) < wellFor {
			kept[k] = w
		}
	}
	for i, l := range lines {
		if k := (calledAt{l.Name, l.Address}); asked[i] && !recalled[i] {
			delete(kept, k)
			if l.State == ServiceOK {
				kept[k] = wellCall{now, l}
			}
		}
	}
	c.well = kept
}

// turn is the part of n calls whose turn it is.
func (c *callers) turn(n int) (from, count int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if n <= maxCalls {
		c.next = 0
		return 0, n
	}
	from = c.next % n
	c.next = (from + maxCalls) % n
	return from, maxCalls
}
