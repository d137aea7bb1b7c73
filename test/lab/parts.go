//go:build integration

package lab

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"
)

// part is one thing that has to be brought up, after the parts that it needs.
type part struct {
	name  string
	needs []string
	start func(ctx context.Context) error
}

// Started says that a part is up, or why it is not.
type Started struct {
	Name string
	// Took is how long the part itself took, without what it waited for.
	Took time.Duration
	Err  error
	// Done parts of All are up, this one included.
	Done, All int
}

// startParts brings parts up, at most workers at a time and each when what it needs is up,
// and tells progress of each as it ends (one call at a time). The first that fails ends
// the rest; its name is in the error.
func startParts(ctx context.Context, parts []part, workers int, progress func(Started)) error {
	done := map[string]chan struct{}{}
	for _, p := range parts {
		for _, n := range p.needs {
			if done[n] == nil { // in this order nothing can wait for itself
				return fmt.Errorf("%s needs %s, which does not come before it", p.name, n)
			}
		}
		if done[p.name] != nil {
			return fmt.Errorf("there are two parts %s", p.name)
		}
		done[p.name] = make(chan struct{})
	}
	slots, told, up := make(chan struct{}, workers), make(chan struct{}, 1), 0
	tell := func(s Started) {
		told <- struct{}{}
		defer func() { <-told }()
		if s.Err == nil {
			up++
		}
		s.Done, s.All = up, len(parts)
		progress(s)
	}
	g, gctx := errgroup.WithContext(ctx)
	for _, p := range parts {
		g.Go(func() error {
			for _, n := range p.needs {
				select {
				case <-done[n]:
				case <-gctx.Done():
					return gctx.Err()
				}
			}
			select {
			case slots <- struct{}{}:
				defer func() { <-slots }()
			case <-gctx.Done():
				return gctx.Err()
			}
			began := time.Now()
			err := p.start(context.WithValue(gctx, toldKey{}, true))
			if err != nil {
				err = fmt.Errorf("%s does not start: %w", p.name, err)
			}
			if gctx.Err() == nil { // what is ended because another failed is not told
				tell(Started{Name: p.name, Took: time.Since(began), Err: err})
			}
			if err == nil {
				close(done[p.name])
			}
			return err
		})
	}
	return g.Wait()
}

func (s Started) String() string {
	if s.Err != nil {
		return fmt.Sprintf("FAILED    %5.1f s  %s", s.Took.Seconds(), s.Name)
	}
	return fmt.Sprintf("%2d of %d  %5.1f s  %s", s.Done, s.All, s.Took.Seconds(), s.Name)
}
