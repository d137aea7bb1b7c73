//go:build integration

package lab

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// alone is a folder and a time limit for launchers that are used by themselves.
func alone(t *testing.T) (context.Context, string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	t.Cleanup(cancel)
	dir, err := NewDir("")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return ctx, dir
}

// Whatever keeps a server from starting, the error names the part and says why, in the
// words of the server where it has some.
func TestAPartThatDoesNotStartSaysWhichAndWhy(t *testing.T) {
	ctx, dir := alone(t)
	never := func(context.Context) error { return errors.New("nothing answers") }
	for _, c := range []struct {
		name   string
		args   []string
		within time.Duration
		want   string
	}{
		{"not-installed", []string{"no-such-server"}, 0, "test/lab/install.sh installs what is missing"},
		{"dies", []string{"sh", "-c", "echo the disk is full; exit 1"}, 0, "it ended while starting; end of its log:\nthe disk is full"},
		{"hangs", []string{"sleep", "600"}, 300 * time.Millisecond, "not ready in time: nothing answers"},
	} {
		d, err := serverDir(dir, c.name)
		if err != nil {
			t.Fatal(err)
		}
		p := &proc{name: c.name, args: c.args, dir: d, ready: never, within: c.within}
		refusedByName(ctx, t, p.start, c.want)
		if p.group() != 0 {
			t.Errorf("%s is taken for running", c.name)
		}
	}
	t.Run("PortTaken", func(t *testing.T) {
		r, err := newRedis(dir, "taken", freeLoopbackPort(ctx, t), "secret", nil)
		if err != nil {
			t.Fatal(err)
		}
		var lc net.ListenConfig
		l, err := lc.Listen(ctx, "tcp4", r.Address)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = l.Close() }()
		refusedByName(ctx, t, r.Start, "Address already in use")
	})
	t.Run("JarsMissing", func(t *testing.T) {
		part, err := Build(ctx, Elasticsearch7)
		if err != nil {
			t.Fatal(err)
		}
		s, err := NewSearch(ctx, dir, "primary", Elasticsearch7)
		if err != nil {
			t.Fatal(err)
		}
		for i, a := range s.proc.args {
			s.proc.args[i] = strings.ReplaceAll(a, part.Dir, filepath.Join(dir, "nothing"))
		}
		refusedByName(ctx, t, s.Start, "Could not find or load main class ElasticsearchNode")
	})
	t.Run("NoSuchPart", func(t *testing.T) {
		refusedByName(ctx, t, func(ctx context.Context) error {
			_, err := Build(ctx, "kafka9")
			return err
		}, "there is no part kafka9")
	})
}

func refusedByName(ctx context.Context, t *testing.T, start func(context.Context) error, want string) {
	t.Helper()
	err := startParts(ctx, []part{{name: "X of primary", start: start}}, 1, func(Started) {})
	if err == nil || !strings.HasPrefix(err.Error(), "X of primary does not start: ") || !strings.Contains(err.Error(), want) {
		t.Errorf("error %v\nwant X of primary, and %q", err, want)
	}
}

func freeLoopbackPort(ctx context.Context, t *testing.T) int {
	t.Helper()
	ports, err := loopbackPorts(ctx, 1)
	if err != nil {
		t.Fatal(err)
	}
	return ports[0]
}

func TestPercentFree(t *testing.T) {
	for _, c := range []struct{ available, blocks, want uint64 }{{0, 0, 0}, {49, 1000, 4}, {50, 1000, 5}, {1000, 1000, 100}} {
		if got := percentFree(c.available, c.blocks); got != c.want {
			t.Errorf("%d of %d: %d %%, want %d", c.available, c.blocks, got, c.want)
		}
	}
}
