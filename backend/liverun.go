package backend

import (
	"fmt"
	"sync"
	"time"
)

// liveRun is a run of this process.
type liveRun struct {
	done chan struct{}
	stop chan struct{}
	once sync.Once
	mu   sync.Mutex
	run  Run
	err  error
}

func (l *liveRun) set(r Run) {
	l.mu.Lock()
	l.run = r
	l.mu.Unlock()
}

// end asks the run to stop and waits for it, until limit. nil when it had ended before.
func (l *liveRun) end(limit <-chan time.Time) error {
	select {
	case <-l.done:
		return nil
	default:
	}
	l.once.Do(func() { close(l.stop) })
	select {
	case <-l.done:
		l.mu.Lock()
		defer l.mu.Unlock()
		return l.err
	case <-limit:
		return fmt.Errorf("%w: run %s did not reach a step boundary in time; `dutyops runs resume %s --yes` takes it up", ErrParked, l.get().ID, l.get().ID)
	}
}

func (l *liveRun) get() Run {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.run
}
