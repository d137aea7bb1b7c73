package monitor

import (
	"context"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/dutyops/dutyops/probes"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fake is a prober that answers as told. stuck ignores its context until released.
type fake struct {
	mu      sync.Mutex
	status  probes.Status
	detail  string
	takes   time.Duration
	stuck   chan struct{}
	calls   int
	running int
	most    int // at the same time
	at      []time.Time
	closed  bool
	closeOK error
	script  []probes.Status // used up first
}

func (f *fake) Probe(ctx context.Context) probes.Result {
	f.mu.Lock()
	f.calls++
	f.running++
	f.most = max(f.most, f.running)
	r := probes.Result{At: time.Now(), Status: f.status, Detail: f.detail, Latency: time.Millisecond}
	f.at = append(f.at, r.At)
	if len(f.script) > 0 {
		r.Status, f.script = f.script[0], f.script[1:]
	}
	takes, stuck := f.takes, f.stuck
	f.mu.Unlock()
	if r.Status != probes.StatusUp {
		r.Transcript = []string{"asked", "no good answer"}
	}
	switch {
	case stuck != nil:
		<-stuck
	case takes > 0:
		select {
		case <-time.After(takes):
		case <-ctx.Done():
			r.Status, r.Detail = probes.StatusDown, "no answer"
		}
	}
	f.mu.Lock()
	f.running--
	f.mu.Unlock()
	return r
}

func (f *fake) Close() error {
	f.closed = true
	return f.closeOK
}

func (f *fake) set(s probes.Status) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.status = s
}

// asked returns when the n-th probe was made.
func (f *fake) asked(n int) time.Time {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.at[n]
}

func (f *fake) count() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.calls
}

func good() *fake { return &fake{status: probes.StatusUp, detail: "fine"} }
func bad() *fake  { return &fake{status: probes.StatusDown, detail: "refused"} }

func half() float64 { return 0.5 }

// run starts Run and returns a function that stops it and waits.
func run(t *testing.T, m *Monitor) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- m.Run(ctx) }()
	var once sync.Once
	stop = func() {
		once.Do(func() {
			cancel()
			if err := <-done; err != nil {
				t.Errorf("Run: %v", err)
			}
		})
	}
	t.Cleanup(stop)
	return stop
}

func state(m *Monitor, id string) TargetState { return at(m.Snapshot(), id) }

func at(s *Snapshot, id string) TargetState {
	ts, _ := s.Target(id)
	return ts
}

type panics struct{}

func (panics) Probe(context.Context) probes.Result { panic("boom") }
func (panics) Close() error                        { return nil }
