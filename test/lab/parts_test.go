//go:build integration

package lab

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
)

func TestPartsStartInOrderAndNotAllAtOnce(t *testing.T) {
	var mu sync.Mutex
	running, most := 0, 0
	var order []string
	gate := make(chan struct{}) // both slots are taken before either part ends
	var once sync.Once
	do := func(name string) func(context.Context) error {
		return func(ctx context.Context) error {
			mu.Lock()
			running++
			most = max(most, running)
			if running == 2 {
				once.Do(func() { close(gate) })
			}
			mu.Unlock()
			select {
			case <-gate:
			case <-ctx.Done():
				return ctx.Err()
			}
			mu.Lock()
			defer mu.Unlock()
			running--
			order = append(order, name)
			return nil
		}
	}
	var told []Started
	err := startParts(t.Context(), []part{
		{name: "a", start: do("a")},
		{name: "b", start: do("b")},
		{name: "c", start: do("c")},
		{name: "after", needs: []string{"a", "b", "c"}, start: do("after")},
	}, 2, func(s Started) { told = append(told, s) })
	if err != nil {
		t.Fatal(err)
	}
	if most != 2 || len(order) != 4 || order[3] != "after" {
		t.Errorf("at most %d ran at once, in the order %v; want 2, and after at the end", most, order)
	}
	if n := len(told); n != 4 || told[n-1].Name != "after" || told[n-1].Done != 4 || told[n-1].All != 4 {
		t.Errorf("progress: %+v", told)
	}
}

func TestAPartThatFailsIsNamedAndEndsTheRest(t *testing.T) {
	why := errors.New("port in use")
	var told []Started
	err := startParts(t.Context(), []part{
		{name: "Kafka of primary", start: func(context.Context) error { return why }},
		{name: "slow", start: func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }},
		{name: "mirror", needs: []string{"Kafka of primary"}, start: func(context.Context) error {
			t.Error("it was started without what it needs")
			return nil
		}},
	}, 3, func(s Started) { told = append(told, s) })
	if !errors.Is(err, why) || !strings.Contains(err.Error(), "Kafka of primary does not start") {
		t.Errorf("error %v", err)
	}
	if len(told) != 1 || !errors.Is(told[0].Err, why) || told[0].Done != 0 {
		t.Errorf("progress: %+v", told)
	}
}

func TestPartsThatWaitForNobodyAreRefused(t *testing.T) {
	nothing := func(context.Context) error { return nil }
	for want, parts := range map[string][]part{
		"x needs y":           {{name: "x", needs: []string{"y"}, start: nothing}},
		"two parts":           {{name: "x", start: nothing}, {name: "x", start: nothing}},
		"x needs later":       {{name: "x", needs: []string{"later"}, start: nothing}, {name: "later", start: nothing}},
		"itself needs itself": {{name: "itself", needs: []string{"itself"}, start: nothing}},
	} {
		err := startParts(t.Context(), parts, 1, func(Started) {})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v", want, err)
		}
	}
}
