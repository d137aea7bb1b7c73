package backend

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
)

// asksAtOnce bounds how many names are asked for at the same time.
const asksAtOnce = 16

// unanswered asks for every name, and for those that were not served again, until each was
// or ctx ends. It returns what was wrong with each of the others; "" is one that there was no
// time to ask for. Those that answer, though not as planned, are asked again before those that
// keep everybody waiting.
func unanswered(ctx context.Context, names []string, ask func(ctx context.Context, name string) (ok bool, why string)) map[string]string {
	left := make(map[string]string, len(names))
	for _, n := range names {
		left[n] = ""
	}
	took := map[string]time.Duration{}
	var mu sync.Mutex
	for round := names; len(round) > 0; {
		var g errgroup.Group
		g.SetLimit(asksAtOnce)
		for _, name := range round {
			g.Go(func() error {
				if ctx.Err() != nil {
					return nil
				}
				began := time.Now()
				ok, why := ask(ctx, name)
				mu.Lock()
				defer mu.Unlock()
				took[name] = time.Since(began)
				switch {
				case ok:
					delete(left, name)
				case ctx.Err() == nil || left[name] == "": // cut short by ourselves, it says less than before
					left[name] = why
				}
				return nil
			})
		}
		_ = g.Wait() // nobody returns one
		round = slices.DeleteFunc(slices.Clone(round), func(n string) bool { _, still := left[n]; return !still })
		slices.SortStableFunc(round, func(a, b string) int { return cmp.Compare(took[a].Truncate(slowAsk), took[b].Truncate(slowAsk)) })
		select {
		case <-ctx.Done():
			return left
		case <-time.After(50 * time.Millisecond):
		}
	}
	return left
}

// slowAsk is by how much the times of two names differ that are worth an order.
const slowAsk = 500 * time.Millisecond

// fewNames is how many failing names an error spells out.
const fewNames = 5

// failing counts the names that were not served and spells out the first few, in the order
// of the plan.
func failing(names []string, left map[string]string) error {
	var lines []string
	asked := 0
	for _, n := range names {
		why, bad := left[n]
		if !bad || why == "" {
			continue
		}
		if asked++; asked <= fewNames {
			lines = append(lines, n+": "+why)
		}
	}
	text := fmt.Sprintf("%d of %d names are not served as planned", len(left), len(names))
	if len(lines) > 0 {
		text += ": " + strings.Join(lines, "; ")
	}
	if more := asked - len(lines); more > 0 {
		text += fmt.Sprintf("; and %d more", more)
	}
	if rest := len(left) - asked; rest > 0 {
		text += fmt.Sprintf("; for %d there was no time to ask", rest)
	}
	return errors.New(text)
}
