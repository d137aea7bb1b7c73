package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"runtime/debug"
	"sync/atomic"
	"time"

	"github.com/dutyops/dutyops/backend/monitor"
	"github.com/dutyops/dutyops/probes"
)

// counted is a prober that tells how late it is asked. The time at which a probe is due is
// the monitor's: an interval, 10 % early or late, after the last one began. So what is
// beyond 110 % of the interval is lateness.
type counted struct {
	probes.Prober
	c     *counts
	began atomic.Int64 // unix nanoseconds of the last probe's start
}

type counts struct {
	on       atomic.Bool
	interval time.Duration

	probes, late, notUp atomic.Int64
	worst               atomic.Int64
}

func (p *counted) Probe(ctx context.Context) probes.Result {
	now := time.Now().UnixNano()
	before := p.began.Swap(now)
	if p.c.on.Load() {
		over := time.Duration(0) // a first probe is due at no known time
		if before != 0 {
			over = time.Duration(now-before) - p.c.interval - p.c.interval/10
		}
		p.c.start(over)
	}
	r := p.Prober.Probe(ctx)
	if p.c.on.Load() && r.Status != probes.StatusUp {
		p.c.notUp.Add(1)
	}
	return r
}

// start counts a probe that began over after its time.
func (c *counts) start(over time.Duration) {
	c.probes.Add(1)
	if over > c.interval/20 {
		c.late.Add(1)
	}
	for {
		w := c.worst.Load()
		if int64(over) <= w || c.worst.CompareAndSwap(w, int64(over)) {
			return
		}
	}
}

// watch probes simulated targets as the console does and prints what that cost.
func watch(ctx context.Context, s spec, at addresses) error {
	pid := os.Getpid()
	_, idle, err := usage(pid)
	if err != nil {
		return err
	}
	c := &counts{interval: s.Interval}
	var ts []monitor.Target
	for i := range s.Targets {
		t := probes.Target{
			Name: fmt.Sprintf("site-%03d/data/%s-%05d", i/100, s.Kind, i), Kind: s.Kind, Address: at[s.Kind], URL: at[s.Kind],
			User: account, Password: func() (string, error) { return account, nil }, YellowOK: true,
		}
		switch s.Kind {
		case "http", "tcp", "redis", "elasticsearch":
			t.User, t.Password = "", nil
		}
		p, err := probes.New(t)
		if err != nil {
			return err
		}
		ts = append(ts, monitor.Target{ID: t.Name, Prober: &counted{Prober: p, c: c}})
	}
	m := monitor.New(ts, monitor.Options{Interval: s.Interval})
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- m.Run(ctx) }()

	if err := rest(ctx, s.Warm); err != nil {
		return err
	}
	before, _, err := usage(pid)
	if err != nil {
		return err
	}
	began := time.Now()
	c.on.Store(true)
	if err := rest(ctx, s.For); err != nil {
		return err
	}
	c.on.Store(false)
	after, rss, err := usage(pid)
	if err != nil {
		return err
	}
	r := report{
		What: "dutyops, " + s.Kind, Targets: s.Targets, Interval: s.Interval, Took: time.Since(began), CPU: after - before,
		Probes: c.probes.Load(), Late: c.late.Load(), Worst: time.Duration(c.worst.Load()), NotUp: c.notUp.Load(), Memory: rss, Idle: idle,
	}
	cancel()
	if err := <-done; err != nil {
		return err
	}
	debug.FreeOSMemory()
	return json.NewEncoder(os.Stdout).Encode(r)
}

// rest waits for a measurement's time to pass.
func rest(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}
