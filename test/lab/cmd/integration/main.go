//go:build integration

// Command integration runs the suites on real servers: every test whose file has the
// build tag integration. It says what it is at while it is at it, names what failed with
// all that it printed, and leaves nothing behind, however it ends. Arguments are handed
// to go test, after those that it gives itself: -run TestStory, -v.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/dutyops/dutyops/test/lab"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	code := 0
	if err := run(ctx, os.Stdout, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "integration:", err)
		code = 1
	}
	stop()
	os.Exit(code)
}

// run runs the suites in a temporary folder of their own, which is a lab that is kept up:
// `make integration-down` ends it.
func run(ctx context.Context, to io.Writer, args []string) (err error) {
	suites, err := findSuites(".")
	if err != nil {
		return err
	}
	dir, err := lab.NewDir("")
	if err != nil {
		return err
	}
	defer func() {
		lab.Release(dir)
		err = errors.Join(err, cleanUp(to, dir))
	}()
	if err := lab.Keep(dir); err != nil {
		return err
	}
	return goTest(ctx, to, dir, suites, args)
}

// goTest runs the suites one after the other and prints how it goes.
func goTest(ctx context.Context, to io.Writer, dir string, s suites, args []string) error {
	all := []string{"test", "-json", "-p", "1", "-tags", "integration", "-count=1", "-timeout", "40m"}
	if !slices.ContainsFunc(args, func(a string) bool { return strings.HasPrefix(a, "-run") }) {
		all = append(all, "-run", "^("+strings.Join(s.tests, "|")+")$")
	}
	all = append(append(all, args...), s.packages...)
	// It is killed with all that it has started; the servers die with the tests.
	cmd := exec.Command("go", all...) //nolint:gosec,noctx // ended below, as a group
	cmd.Env = append(os.Environ(), "TMPDIR="+dir, lab.Tell+"=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		return err
	}
	ended := make(chan struct{})
	go func() {
		select {
		case <-ctx.Done():
			_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		case <-ended:
		}
	}()
	r := newReport(to)
	readErr := r.read(out)
	err = cmd.Wait()
	close(ended)
	if ctx.Err() != nil {
		r.unfinished()
		return errors.New("stopped")
	}
	r.summary()
	if err == nil && r.passed == 0 {
		err = errors.New("no test has run")
	}
	return errors.Join(err, readErr)
}

// cleanUp ends what is left of a folder's servers, and removes it.
func cleanUp(to io.Writer, dir string) error {
	cmd := exec.Command(filepath.Join("test", "lab", "down.sh"), dir) //nolint:noctx // a moment, and it has to end
	cmd.Stdout, cmd.Stderr = to, os.Stderr
	return cmd.Run()
}
