package feedd

import (
	"context"
	"time"
)

// NewIdle is a feed without a server, for tests in a synctest bubble.
func NewIdle(o Options) *Feed {
	return &Feed{name: o.Name, now: time.Now, gen: newGenerator(o.Name, o.Seed, o.Kinds, time.Now())}
}

// Run is the feed's emitting loop.
func Run(ctx context.Context, f *Feed, rate float64) { f.run(ctx, rate) }
