package backend

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// Many names that are not served are counted, the first few are spelled out, and those that
// answer late are waited for.
func TestFailingNamesAreCountedAndSpelledOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var names []string
		for i := range 100 {
			names = append(names, fmt.Sprintf("n%02d.example.test", i))
		}
		var late atomic.Int32
		ctx, cancel := context.WithTimeout(t.Context(), 15*time.Second)
		defer cancel()
		left := unanswered(ctx, names, func(ctx context.Context, name string) (bool, string) {
			switch {
			case name < "n40": // these hang until they are given up
				select {
				case <-ctx.Done():
					return false, "cut short"
				case <-time.After(3 * time.Second):
					return false, "no answer"
				}
			case name == "n99.example.test":
				return late.Add(1) > 1, "served by primary"
			}
			return true, ""
		})
		err := failing(names, left)
		for _, want := range []string{"40 of 100 names are not served as planned: n00.example.test: no answer; n01.example.test: no answer; ", "n04.example.test: no answer; and 35 more"} {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%v, want %q", err, want)
			}
		}
		if strings.Contains(err.Error(), "n05") || strings.Contains(err.Error(), "cut short") || late.Load() != 2 {
			t.Errorf("%v; asked %d times for the one that was late", err, late.Load())
		}
	})
}

// Where there was no time to ask, that is said, and not that they fail.
func TestNamesThatWereNotAskedAreTold(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	names := []string{"a", "b"}
	err := failing(names, unanswered(ctx, names, func(context.Context, string) (bool, string) { return true, "" }))
	if err.Error() != "2 of 2 names are not served as planned; for 2 there was no time to ask" {
		t.Error(err)
	}
	if left := unanswered(t.Context(), names, func(context.Context, string) (bool, string) { return true, "" }); len(left) != 0 {
		t.Errorf("all are served, and left are %v", left)
	}
}
