package flinkd

import (
	"context"
	"sync"
	"time"

	"github.com/dutyops/dutyops/backend/sandbox/feedd"
)

// Bounds of a best-effort sink.
const (
	// queueLimit is how many messages wait; the oldest are dropped beyond it.
	queueLimit = 10_000
	// gather is how long messages are collected before a write, gatherFirst before the first.
	gather      = 500 * time.Millisecond
	gatherFirst = 20 * time.Millisecond
	// pageLimit is how many messages one write holds.
	pageLimit = 500
)

// worker feeds one sink.
type worker struct {
	sink     Sink
	required bool
	retry    time.Duration
	wake     chan struct{}

	mu    sync.Mutex
	queue []feedd.Message
	count SinkCount
}

func newWorker(sink Sink, retry time.Duration) *worker {
	w := &worker{sink: sink, required: true, retry: retry, wake: make(chan struct{}, 1)}
	if r, ok := sink.(interface{ Required() bool }); ok {
		w.required = r.Required()
	}
	w.count = SinkCount{Name: sink.Name(), Required: w.required}
	return w
}

// now writes a batch and counts.
func (w *worker) now(ctx context.Context, batch []feedd.Message) error {
	ctx, cancel := context.WithTimeout(ctx, writeTimeout)
	defer cancel()
	err := w.sink.Write(ctx, batch)
	w.mu.Lock()
	defer w.mu.Unlock()
	if err != nil {
		w.count.Failed++
		w.count.LastError = err.Error()
		return err
	}
	w.count.Written += int64(len(batch))
	w.count.LastError = ""
	return nil
}

// later queues a batch; it never blocks.
func (w *worker) later(batch []feedd.Message) {
	w.mu.Lock()
	w.queue = append(w.queue, batch...)
	if over := len(w.queue) - queueLimit; over > 0 {
		w.queue = append([]feedd.Message(nil), w.queue[over:]...)
		w.count.Dropped += int64(over)
	}
	w.mu.Unlock()
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// run writes what is queued, until ctx ends; it sleeps while nothing is.
func (w *worker) run(ctx context.Context) {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	first := gatherFirst
	for {
		select {
		case <-ctx.Done():
			return
		case <-w.wake:
		}
		for pause := first; ; {
			timer.Reset(pause)
			select {
			case <-ctx.Done():
				return
			case <-timer.C:
			}
			page := w.take()
			if len(page) == 0 {
				break
			}
			pause, first = 0, gather
			if err := w.now(ctx, page); err != nil {
				w.putBack(page)
				pause = w.retry
			}
		}
	}
}

func (w *worker) take() []feedd.Message {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := min(len(w.queue), pageLimit)
	page := w.queue[:n:n]
	w.queue = w.queue[n:]
	return page
}

func (w *worker) putBack(page []feedd.Message) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.queue = append(page[:len(page):len(page)], w.queue...)
}

func (w *worker) counts() SinkCount {
	w.mu.Lock()
	defer w.mu.Unlock()
	c := w.count
	c.Queued = int64(len(w.queue))
	return c
}
