//go:build integration

package lab

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"syscall"
)

// server is what the launchers of the whole stack have in common: one process that can
// be killed, frozen and started again on the same port with the same data.
type server struct {
	// Site is whose it is: "primary", "standby".
	Site string
	proc *proc
}

// Start brings the server up, for the first time or after Kill or Stop, and waits until
// it is ready.
func (s *server) Start(ctx context.Context) error { return s.proc.start(ctx) }

// Stop ends the server as an administrator would (SIGTERM).
func (s *server) Stop() { s.proc.stop(syscall.SIGTERM) }

// Kill ends the server at once (SIGKILL).
func (s *server) Kill() { s.proc.stop(syscall.SIGKILL) }

// Freeze holds the server: connections stay, nothing is answered. Thaw lets it go on.
func (s *server) Freeze() error { return s.proc.freeze() }

// Thaw ends Freeze.
func (s *server) Thaw() error { return s.proc.thaw() }

// Log is the end of what the server has printed.
func (s *server) Log() string { return s.proc.tail() }

// NewDir makes a folder for a lab, or for launchers that are used alone, below base ("" =
// the system's). Remove it when the last server in it has been stopped. Until Release, and
// at most while this process lives, an abstract Unix socket named after the folder says
// that it is in use; `make integration-down` removes those that are not.
func NewDir(base string) (string, error) {
	dir, err := filepath.Abs(filepath.Join(cmp.Or(base, os.TempDir()), "dutyops-lab-"+secret()[:12]))
	if err != nil {
		return "", err
	}
	if err := roomAt(filepath.Dir(dir)); err != nil {
		return "", err
	}
	var lc net.ListenConfig
	lock, err := lc.Listen(context.Background(), "unix", dirLock(dir))
	if err != nil {
		return "", fmt.Errorf("mark %s as in use: %w", dir, err)
	}
	reserved.mu.Lock()
	reserved.locks = append(reserved.locks, lock)
	reserved.mu.Unlock()
	return dir, os.Mkdir(dir, 0o755) //nolint:gosec // servers of another account live below
}

// leastFree is the part of a disk, in percent, below which a probe rightly says that a
// broker's is nearly full: nothing in the lab would be well.
const leastFree = 5

// roomAt refuses a disk that is nearly full; the servers' own words for it come much later.
func roomAt(dir string) error {
	var s syscall.Statfs_t
	if err := syscall.Statfs(dir, &s); err != nil {
		return fmt.Errorf("look at the disk of %s: %w", dir, err)
	}
	if free := percentFree(s.Bavail, s.Blocks); free < leastFree {
		return fmt.Errorf("the disk of %s is nearly full: %d %% free, the lab needs %d %% (free some, or set TMPDIR)", dir, free, leastFree)
	}
	return nil
}

func percentFree(available, blocks uint64) uint64 { return 100 * available / max(blocks, 1) }

func dirLock(dir string) string { return "@dutyops-lab/dir" + dir }

// Release says that a folder of NewDir is no longer in use.
func Release(dir string) {
	reserved.mu.Lock()
	defer reserved.mu.Unlock()
	reserved.locks = slices.DeleteFunc(reserved.locks, func(l net.Listener) bool {
		return l.Addr().String() == dirLock(dir) && l.Close() == nil
	})
}

// pidFile in a lab's folder names the process that `make integration-down` may end.
const pidFile = "lab.pid"

// Keep says that what is in a folder of NewDir was started by somebody who may end it with
// `make integration-down`; others, which tests run, are left alone.
func Keep(dir string) error {
	return os.WriteFile(filepath.Join(dir, pidFile), fmt.Appendln(nil, os.Getpid()), 0o600)
}

// Keep says that the lab is kept up for somebody to try.
func (s *Stores) Keep() error { return Keep(s.Dir) }
