// Command dutyops is the console of a duty engineer: it sees which site is failing,
// says which case it is and why, moves users, feeds and stores to the healthy site,
// and brings them home. Verbs, exit codes and JSON are described in docs/cli.md.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/redis/go-redis/v9"
)

// Set by the release build.
var (
	version = "dev"
	commit  = ""
	date    = ""
)

func main() {
	os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// run is main without the process: arguments and streams in, exit code out.
func run(args []string, in io.Reader, out, errw io.Writer) int {
	redis.SetLogger(mute{}) // what its pool has to say is in the probes' transcripts
	a := &app{in: in, out: out, err: errw, getenv: os.Getenv}
	ctx, stop := a.signals(context.Background())
	defer stop()
	root := a.root()
	root.SetArgs(args)
	root.SetIn(in)
	root.SetOut(out)
	root.SetErr(errw)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return codeDone
	}
	var quiet *quietError
	if !errors.As(err, &quiet) {
		fmt.Fprintln(errw, "dutyops: "+err.Error())
	}
	return exitCode(err)
}

// signals makes the first SIGINT or SIGTERM end ctx, calmly; a second one ends the
// process at once, and what ran is found as interrupted. A terminal that goes away says
// so more than once (SIGHUP from the shell and from the system): that is never a second.
func (a *app) signals(parent context.Context) (context.Context, func()) {
	ctx, cancel := context.WithCancel(parent)
	ch := make(chan os.Signal, 2)
	signal.Notify(ch, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	done := make(chan struct{})
	go func() {
		select {
		case <-done:
			return
		case <-ch:
			cancel()
		}
		for sig := os.Signal(syscall.SIGHUP); sig == syscall.SIGHUP; {
			select {
			case <-done:
				return
			case sig = <-ch:
			}
		}
		fmt.Fprintln(a.err, "dutyops: stopped at once; `dutyops runs list` shows what was interrupted")
		os.Exit(codeParked)
	}()
	return ctx, func() { close(done); signal.Stop(ch); cancel() }
}

// mute drops what a library would print on its own.
type mute struct{}

func (mute) Printf(context.Context, string, ...any) {}
