package flinkd

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"sync"
	"time"

	"github.com/dutyops/dutyops/backend/sandbox/feedd"
)

// state of a job, in Flink's words.
type state string

const (
	stateCreated    state = "CREATED"
	stateRunning    state = "RUNNING"
	stateRestarting state = "RESTARTING"
	stateCancelling state = "CANCELLING"
	stateCanceled   state = "CANCELED"
	stateFailed     state = "FAILED"
	stateFinished   state = "FINISHED"
)

func (s state) terminal() bool {
	return s == stateCanceled || s == stateFailed || s == stateFinished
}

// Bounds of a job.
const (
	// checkpointEvery is the checkpoint interval.
	checkpointEvery = time.Second
	// writeTimeout bounds one write to one sink.
	writeTimeout = 3 * time.Second
	// waitDetached is the pause before a feed that is not attached here, or does not
	// answer, is asked again.
	waitDetached = 400 * time.Millisecond
	// keptExceptions is how many exceptions a job lists.
	keptExceptions = 20
)

// view is what the outside sees of a job. Its maps and slices are never written to
// once they are in a view.
type view struct {
	state      state
	began      time.Time
	ended      time.Time
	changed    time.Time
	positions  map[string]int64
	read       int64
	written    int64
	exceptions []exception // newest first
	check      checkpoints
}

// exception is one failure.
type exception struct {
	at   time.Time
	text string
	task string
}

// checkpoints counts and shows the latest ones.
type checkpoints struct {
	completed, failed int64
	restored          bool
	latest            checkpoint
	savepoint         *checkpoint
}

type checkpoint struct {
	id    int64
	at    time.Time
	path  string
	bytes int
}

// order is something the job does between two batches.
type order struct {
	stop bool
	dir  string
	t    *trigger
}

// job is one run of the ingest. run is its only writer of positions.
type job struct {
	id     string
	s      *Server
	from   map[string]int64 // nil: ask ResumePoint
	orders chan order
	ctx    context.Context
	cancel context.CancelFunc
	done   chan struct{}

	mu   sync.Mutex
	v    view
	goal state // state to end in when the context ends

	// Only run touches these.
	produced  map[string]int64     // what Kafka has taken
	nextPoll  map[string]time.Time // feeds that are waited for
	lastCheck time.Time
}

func newJob(s *Server, id string, from map[string]int64) *job {
	ctx, cancel := context.WithCancel(s.ctx)
	now := time.Now()
	return &job{
		id: id, s: s, from: from, orders: make(chan order, 1), ctx: ctx, cancel: cancel, done: make(chan struct{}),
		v:    view{state: stateCreated, began: now, changed: now, positions: map[string]int64{}, check: checkpoints{restored: from != nil}},
		goal: stateCanceled, produced: map[string]int64{}, nextPoll: map[string]time.Time{},
	}
}

// look gives what the outside may know.
func (j *job) look() view {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.v
}

func (j *job) set(st state) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.setLocked(st)
}

func (j *job) setLocked(st state) {
	if j.v.state == st || j.v.state.terminal() || (j.v.state == stateCancelling && !st.terminal()) {
		return
	}
	j.v.state, j.v.changed = st, time.Now()
	if st.terminal() {
		j.v.ended = j.v.changed
	}
}

// end makes the job end in the given state; cause may be nil. A failure is visible
// at once, a cancellation when the last write is through.
func (j *job) end(st state, cause error) {
	j.mu.Lock()
	if !j.v.state.terminal() {
		j.goal = st
		if cause != nil {
			j.noteLocked(cause.Error(), "")
		}
		if st == stateFailed {
			j.setLocked(stateFailed)
		} else {
			j.setLocked(stateCancelling)
		}
	}
	j.mu.Unlock()
	j.cancel()
}

// fail ends a job before it ran.
func (j *job) fail(text string) { j.end(stateFailed, errors.New(text)) }

func (j *job) noteLocked(text, task string) {
	list := append([]exception{{time.Now(), text, task}}, j.v.exceptions...)
	j.v.exceptions = list[:min(len(list), keptExceptions)]
}

// trouble sends the job to RESTARTING.
func (j *job) trouble(task string, err error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.ctx.Err() != nil {
		return // it is being ended: the write was cut, it did not fail
	}
	j.noteLocked(err.Error(), task)
	j.setLocked(stateRestarting)
}

// run is the job, until it ends.
func (j *job) run() {
	defer close(j.done)
	defer func() {
		j.cancel()
		j.mu.Lock()
		j.setLocked(j.goal)
		j.mu.Unlock()
		for { // nobody is left to do these
			select {
			case o := <-j.orders:
				o.t.fail("the job reached a terminal state before the savepoint was taken")
			default:
				return
			}
		}
	}()
	if !j.restore() {
		return
	}
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		pause := j.s.o.Poll
		select {
		case <-j.ctx.Done():
			return
		case o := <-j.orders:
			if j.obey(o) {
				return
			}
			continue
		case <-timer.C:
		}
		if task, err := j.batch(); err != nil {
			j.trouble(task, err)
			pause = j.s.o.Retry
		} else {
			j.set(stateRunning)
			j.checkpoint(time.Now())
		}
		timer.Reset(pause)
	}
}

// restore finds where to begin; false means the job was ended meanwhile.
func (j *job) restore() bool {
	from := j.from
	for from == nil && j.ctx.Err() == nil {
		var err error
		from, err = j.resume()
		if err == nil {
			break
		}
		j.trouble("restore", fmt.Errorf("resume point: %w", err))
		select {
		case <-j.ctx.Done():
		case o := <-j.orders:
			o.t.fail("not all required tasks are currently running")
		case <-time.After(j.s.o.Retry):
		}
	}
	if j.ctx.Err() != nil {
		return false
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.v.positions = maps.Clone(from)
	if j.v.positions == nil {
		j.v.positions = map[string]int64{}
	}
	maps.Copy(j.produced, j.v.positions)
	j.setLocked(stateRunning)
	return true
}

func (j *job) resume() (map[string]int64, error) {
	if j.s.o.ResumePoint == nil {
		return map[string]int64{}, nil
	}
	ctx, cancel := context.WithTimeout(j.ctx, writeTimeout)
	defer cancel()
	from, err := j.s.o.ResumePoint(ctx)
	if err == nil && from == nil {
		from = map[string]int64{}
	}
	return from, err
}

// batch polls the feeds once and stores what came. It gives the task that failed.
func (j *job) batch() (task string, err error) {
	positions := j.look().positions
	var all, fresh []feedd.Message
	for _, f := range j.s.o.Feeds {
		now := time.Now()
		if now.Before(j.nextPoll[f.Name]) {
			continue
		}
		msgs, err := j.s.poll(j.ctx, f, positions[f.Name])
		if err != nil || msgs == nil { // not attached here: wait, that is no failure
			j.nextPoll[f.Name] = now.Add(waitDetached)
			continue
		}
		for _, m := range msgs {
			all = append(all, m)
			if m.Seq > j.produced[f.Name] {
				fresh = append(fresh, m)
			}
		}
	}
	if len(all) == 0 {
		return "", nil
	}
	if err := j.s.kafka.write(j.ctx, fresh); err != nil {
		return "Sink: kafka", err
	}
	for _, m := range fresh {
		j.produced[m.Feed] = max(j.produced[m.Feed], m.Seq)
	}
	for _, w := range j.s.workers {
		if w.required {
			if err := w.now(j.ctx, all); err != nil {
				return "Sink: " + w.sink.Name(), err
			}
		}
	}
	for _, w := range j.s.workers {
		if !w.required {
			w.later(all)
		}
	}
	next := maps.Clone(positions)
	for _, m := range all {
		next[m.Feed] = max(next[m.Feed], m.Seq)
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.v.positions = next
	j.v.read += int64(len(all))
	j.v.written += int64(len(fresh))
	return "", nil
}

// checkpoint remembers the position once per interval.
func (j *job) checkpoint(now time.Time) {
	if now.Sub(j.lastCheck) < checkpointEvery {
		return
	}
	j.lastCheck = now
	j.mu.Lock()
	defer j.mu.Unlock()
	switch Checkpoints(j.s.checkpoints.Load()) {
	case CheckpointsFail:
		j.v.check.failed++
		return
	case CheckpointsWait:
		return
	case CheckpointsDone:
	}
	j.v.check.completed++
	j.v.check.latest = checkpoint{
		id: j.v.check.latest.id + 1, at: now, bytes: len(encodePositions(j.v.positions)),
		path: "<checkpoint-not-externally-addressable>",
	}
}

// obey takes a savepoint; true means the job is done with it.
func (j *job) obey(o order) bool {
	v := j.look()
	if v.state != stateRunning {
		o.t.fail("java.util.concurrent.CompletionException: org.apache.flink.runtime.checkpoint.CheckpointException: " +
			"checkpoint triggering task is not being executed at the moment: job is " + string(v.state))
		j.mu.Lock()
		j.v.check.failed++
		j.mu.Unlock()
		return false
	}
	path, n, err := j.s.writeSavepoint(o.dir, j.id, v.positions)
	j.mu.Lock()
	defer j.mu.Unlock()
	if err != nil {
		j.v.check.failed++
		o.t.fail("java.io.IOException: could not write the savepoint: " + err.Error())
		return false
	}
	j.v.check.completed++
	id := j.v.check.latest.id + 1
	j.v.check.latest.id = id
	j.v.check.savepoint = &checkpoint{id: id, at: time.Now(), path: path, bytes: n}
	if o.stop {
		j.goal = stateFinished
		j.setLocked(stateFinished)
	}
	o.t.complete(path)
	return o.stop
}
