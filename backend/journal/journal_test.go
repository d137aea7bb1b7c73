package journal

import (
	"context"
	"database/sql"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

func open(t *testing.T, dir string) *Journal {
	t.Helper()
	j, err := Open(t.Context(), dir, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = j.Close() })
	return j
}

func TestAppendAndVerify(t *testing.T) {
	dir := t.TempDir()
	j := open(t, dir)
	for i := range 5 {
		if _, err := j.Append(t.Context(), "r1", StepIntent, map[string]int{"n": i}); err != nil {
			t.Fatal(err)
		}
	}
	if n, err := j.Verify(t.Context()); n != 5 || err != nil {
		t.Fatalf("%d entries, %v", n, err)
	}
	if es, err := j.Entries(t.Context(), "other"); err != nil || len(es) != 0 {
		t.Fatalf("entries of another run: %v, %v", es, err)
	}
}

func TestTheChainShowsTampering(t *testing.T) {
	for name, change := range map[string]string{
		"edited":  `UPDATE entries SET body='{"n":99}' WHERE seq=2`,
		"removed": `DELETE FROM entries WHERE seq=2`,
		"moved":   `UPDATE entries SET at='2001-01-01T00:00:00Z' WHERE seq=3`,
	} {
		dir := t.TempDir()
		j := open(t, dir)
		for i := range 4 {
			if _, err := j.Append(t.Context(), "r1", StepIntent, map[string]int{"n": i}); err != nil {
				t.Fatal(err)
			}
		}
		db, err := sql.Open("sqlite", "file:"+filepath.Join(dir, "journal.db"))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := db.ExecContext(t.Context(), change); err == nil {
			t.Errorf("%s: the append-only guard let it through", name)
		}
		if _, err := db.ExecContext(t.Context(), `DROP TRIGGER entries_no_update; DROP TRIGGER entries_no_delete; `+change); err != nil {
			t.Fatal(err)
		}
		_ = db.Close()
		var broken *ChainError
		if n, err := j.Verify(t.Context()); !errors.As(err, &broken) || n >= 4 {
			t.Errorf("%s: %d entries hold, %v", name, n, err)
		}
	}
}

func TestMemory(t *testing.T) {
	j := open(t, t.TempDir())
	var v map[string]string
	if ok, err := j.Recall(t.Context(), "k", &v); ok || err != nil {
		t.Fatalf("%v %v", ok, err)
	}
	for _, x := range []string{"one", "two"} {
		if err := j.Remember(t.Context(), "k", map[string]string{"v": x}); err != nil {
			t.Fatal(err)
		}
	}
	if ok, err := j.Recall(t.Context(), "k", &v); !ok || err != nil || v["v"] != "two" {
		t.Fatalf("%v %v %v", ok, v, err)
	}
	if err := j.Forget(t.Context(), "k"); err != nil {
		t.Fatal(err)
	}
	if ok, _ := j.Recall(t.Context(), "k", &v); ok {
		t.Fatal("not forgotten")
	}
}

func TestLeaseHasOneHolder(t *testing.T) {
	dir := t.TempDir()
	a, b := open(t, dir), open(t, dir)
	if _, held := a.LeaseHolder(); held {
		t.Fatal("held by nobody")
	}
	l, err := a.Acquire(Holder{Operator: "first", Run: "r1"})
	if err != nil {
		t.Fatal(err)
	}
	var held *HeldError
	if _, err := b.Acquire(Holder{Operator: "second"}); !errors.As(err, &held) || held.Holder.Operator != "first" {
		t.Fatalf("second holder: %v", err)
	}
	if h, ok := b.LeaseHolder(); !ok || h.Run != "r1" {
		t.Fatalf("%v %v", h, ok)
	}
	l.Release()
	l2, err := b.Acquire(Holder{Operator: "second"})
	if err != nil {
		t.Fatal(err)
	}
	l2.Release()
}

// The lease must end with its process, however that ends.
func TestLeaseEndsWithAKilledProcess(t *testing.T) {
	if dir := os.Getenv("LEASE_CHILD_DIR"); dir != "" {
		j, err := Open(context.Background(), dir, time.Now)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := j.Acquire(Holder{Operator: "child", Run: "r9"}); err != nil {
			t.Fatal(err)
		}
		_, _ = os.Stdout.WriteString("held\n")
		select {} // until killed
	}
	dir := t.TempDir()
	j := open(t, dir)
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run", "TestLeaseEndsWithAKilledProcess")
	cmd.Env = append(os.Environ(), "LEASE_CHILD_DIR="+dir)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := out.Read(make([]byte, 5)); err != nil {
		t.Fatal(err)
	}
	if h, ok := j.LeaseHolder(); !ok || h.Operator != "child" {
		t.Fatalf("while it lives: %v %v", h, ok)
	}
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	if h, ok := j.LeaseHolder(); ok {
		t.Fatalf("still held by %v", h)
	}
}

func TestOpenSaysWhatIsWrongWithTheDirectory(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := Open(t.Context(), filepath.Join(file, "below"), time.Now)
	if err == nil || !strings.Contains(err.Error(), file) || !strings.Contains(err.Error(), "DUTYOPS_STATE") {
		t.Fatalf("%v", err)
	}
}

// Consoles that open a new journal at the same moment all get it.
func TestManyOpenANewJournal(t *testing.T) {
	for range 5 {
		dir := t.TempDir()
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				j, err := Open(t.Context(), dir, time.Now)
				if err != nil {
					t.Error(err)
					return
				}
				if _, err := j.Append(t.Context(), "", Operator, "here"); err != nil {
					t.Error(err)
				}
				if err := j.Close(); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
	}
}
