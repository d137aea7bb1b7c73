package connectd

import (
	"context"
	"fmt"
	"maps"
	"sync"
	"time"
)

// topicPartition names one partition.
type topicPartition struct {
	topic     string
	partition int32
}

// connector is one connector and its one task.
type connector struct {
	s    *Server
	o    Connector
	wake chan struct{} // the lag changed

	mu      sync.Mutex
	state   State // what was asked for last
	topics  []string
	config  map[string]string // what PUT config gave
	offsets map[topicPartition]int64
	flushed map[topicPartition]int64 // offsets as they were written down last
	// Offsets that were altered are told a moment later; before that the old ones are.
	old      map[topicPartition]int64
	oldUntil time.Time
	task     *task // the present one, or the last
}

// task is one run of the mirror loop.
type task struct {
	stop context.CancelFunc
	done chan struct{}

	mu             sync.Mutex
	source, target side
	// refused: the target answers, but did not take the last records.
	refused bool
}

// side is one of the two clusters as the task meets it.
type side struct {
	since time.Time // waited for since; zero while it answers
	err   error     // why the last try failed
}

func newConnector(s *Server, o Connector) *connector {
	return &connector{
		s: s, o: o, wake: make(chan struct{}, 1), state: Stopped, topics: o.Topics,
		config: map[string]string{}, offsets: map[topicPartition]int64{},
	}
}

// to moves the connector to a state. It returns at once; the task follows.
func (c *connector) to(st State) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.toLocked(st, false)
}

func (c *connector) toLocked(st State, again bool) {
	old := c.task
	running := c.state == Running && old != nil
	c.state = st
	if running && (st != Running || again) {
		old.stop()
	}
	if st == Running && (!running || again) {
		ctx, cancel := context.WithCancel(context.Background())
		t := &task{stop: cancel, done: make(chan struct{})}
		c.task = t
		c.flushed, c.oldUntil = maps.Clone(c.offsets), time.Time{}
		go func() {
			defer close(t.done)
			defer cancel()
			if old != nil {
				<-old.done // never two loops at once
			}
			if c.o.Heartbeat {
				c.beat(ctx, t)
			} else {
				c.mirror(ctx, t)
			}
		}()
	}
}

// restart stops the task and starts another, if the connector runs.
func (c *connector) restart() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.state == Running {
		c.toLocked(Running, true)
	}
}

// wait blocks until the last task has ended.
func (c *connector) wait() {
	c.mu.Lock()
	t := c.task
	c.mu.Unlock()
	if t != nil {
		<-t.done
	}
}

// status is the state of connector and task; task "" means there is none.
func (c *connector) status() (state, task State, trace string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case !c.endedLocked():
		if trace = c.task.trouble(c.s.o.FailAfter); trace != "" && c.state == Running {
			return c.state, Failed, trace
		}
		return c.state, Running, "" // also while it is being paused or stopped
	case c.state == Stopped:
		return Stopped, "", ""
	default:
		return c.state, c.state, ""
	}
}

// want notes that an answer is waited for, if it is not already.
func (t *task) want(s *side, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if s.since.IsZero() {
		s.since = time.Now()
	}
	if err != nil {
		s.err = err
	}
}

// got notes a sign of life.
func (t *task) got(s *side) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if s != &t.target || !t.refused {
		*s = side{}
	}
}

// took notes whether the target took the last records.
func (t *task) took(ok bool) {
	t.mu.Lock()
	t.refused = !ok
	t.mu.Unlock()
	if ok {
		t.got(&t.target)
	}
}

// trouble is the trace of a task that has waited for too long, "" while all is well.
func (t *task) trouble(after time.Duration) string {
	t.mu.Lock()
	defer t.mu.Unlock()
	for i, s := range []side{t.source, t.target} {
		if s.since.IsZero() || time.Since(s.since) < after {
			continue
		}
		text := fmt.Sprintf("org.apache.kafka.connect.errors.ConnectException: nothing gets through to the %s cluster for %s",
			[]string{"source", "target"}[i], time.Since(s.since).Round(100*time.Millisecond))
		if s.err != nil {
			text += "\nCaused by: " + s.err.Error()
		}
		return text
	}
	return ""
}

// positions is a copy of the offsets: as they are, or as they were written down last. A
// task that ends writes them down.
func (c *connector) positions(real bool) map[topicPartition]int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case real || c.s.o.FlushEvery == 0:
		return maps.Clone(c.offsets)
	case !c.endedLocked():
		return maps.Clone(c.flushed)
	case time.Now().Before(c.oldUntil):
		return maps.Clone(c.old)
	}
	return maps.Clone(c.offsets)
}

// flush writes the offsets down.
func (c *connector) flush() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.flushed = maps.Clone(c.offsets)
}

// endedLocked says that no task runs.
func (c *connector) endedLocked() bool {
	if c.task == nil {
		return true
	}
	select {
	case <-c.task.done:
		return true
	default:
		return false
	}
}

// advance notes that a record was copied.
func (c *connector) advance(tp topicPartition, offset int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if old, ok := c.offsets[tp]; !ok || offset > old {
		c.offsets[tp] = offset
	}
}
