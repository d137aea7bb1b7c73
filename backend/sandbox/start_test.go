package sandbox

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
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

// A second sandbox does not write over the addresses of the first; the folder is free
// again when that has ended.
func TestOneSandboxAFolder(t *testing.T) {
	dir := t.TempDir()
	first, err := Start(t.Context(), Options{Dir: dir})
	must(t, err)
	before, err := os.ReadFile(filepath.Join(dir, FileName))
	must(t, err)
	if s, err := Start(t.Context(), Options{Dir: dir}); !errors.Is(err, ErrRunning) {
		if err == nil {
			must(t, s.Close())
		}
		t.Fatalf("a second sandbox in the folder: %v", err)
	}
	if after, err := os.ReadFile(filepath.Join(dir, FileName)); err != nil || !bytes.Equal(before, after) {
		t.Fatalf("the refused one has changed %s (%v)", FileName, err)
	}
	must(t, first.Close())
	again, err := Start(t.Context(), Options{Dir: dir})
	must(t, err)
	must(t, again.Close())
}
