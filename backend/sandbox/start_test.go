package sandbox

import (
	"context"
	"os"
	"testing"
	"time"
)

// However early a start is broken off, nothing of it is left: no folder, and no
// goroutine (see TestMain).
func TestABrokenOffStartLeavesNothing(t *testing.T) {
	temp := t.TempDir()
	t.Setenv("TMPDIR", temp)
	for _, after := range []time.Duration{0, time.Millisecond, 5 * time.Millisecond, 10 * time.Millisecond, 20 * time.Millisecond, 40 * time.Millisecond} {
		ctx, cancel := context.WithTimeout(t.Context(), after)
		s, err := Start(ctx, Options{})
		cancel()
		if err == nil { // it was faster
			err = s.Close()
			if err != nil {
				t.Error(err)
			}
		}
		left, err := os.ReadDir(temp)
		must(t, err)
		if len(left) > 0 {
			t.Fatalf("broken off after %s: %v is left", after, left)
		}
	}
}
