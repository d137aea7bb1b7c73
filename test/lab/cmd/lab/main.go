//go:build integration

// Command lab keeps a real lab up until Ctrl-C and says how to try it: the small one, or
// with -full two sites of the whole stack.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/dutyops/dutyops/test/lab"
)

func main() {
	full := flag.Bool("full", false, "two sites of the whole stack instead of the small lab")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	run := runSmall
	if *full {
		run = runFull
	}
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "lab:", err)
		os.Exit(1)
	}
}

func runSmall(ctx context.Context) error {
	fmt.Println("starting BIND, Unbound, and per site nginx, MariaDB and Redis ...")
	l, err := lab.Start(ctx, "")
	if err != nil {
		return err
	}
	defer l.Close()
	if err := l.Keep(); err != nil {
		return err
	}
	tellAccess(l, "")
	fmt.Printf(`  kill -9 $(cat %s/primary/mariadb/m.pid)    # the fault: the primary's MariaDB
%s`, l.Dir, homeward)
	return wait(ctx, l, nil, func(ctx context.Context) error {
		for _, site := range []*lab.Site{l.Primary, l.Standby} {
			if err := site.Maria.Restart(ctx); err != nil {
				return err
			}
		}
		return nil
	})
}

// tellAccess says where everything is; more is said at its beginning.
func tellAccess(l *lab.Lab, more string) {
	fmt.Printf(`
Ready in %s%s. Everything is below %s and goes with Ctrl-C or `+"`make integration-down`"+`.

  configuration   %s
  authority       %s (BIND)
  resolver        %s (Unbound)
  gateways        %s  %s (nginx)

In another terminal (root's folder: use the same account as here):

  export DUTYOPS_CONFIG=%s DUTYOPS_STATE=%s/state
  go run ./cmd/dutyops                       # the console
  go run ./cmd/dutyops status
`, l.Took.Round(100*time.Millisecond), more, l.Dir, l.Config, l.DNS.Authority, l.DNS.Resolver,
		l.Gateways["primary"].URL, l.Gateways["standby"].URL, l.Config, l.Dir)
}

// homeward is what comes after the fault.
var homeward = fmt.Sprintf(`  go run ./cmd/dutyops failover --to standby --yes --reason "try it"
  kill -USR1 %d                              # bring back what is down
  go run ./cmd/dutyops sync run --yes --reason "turn replication round"
  go run ./cmd/dutyops failback --yes --reason "home"

`, os.Getpid())

// wait tells who serves the users until ctx ends; SIGUSR2 breaks (where there is
// something to break), SIGUSR1 mends.
func wait(ctx context.Context, l *lab.Lab, damage, mend func(context.Context) error) error {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGUSR1, syscall.SIGUSR2)
	defer signal.Stop(signals)
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	last := ""
	for {
		select {
		case <-ctx.Done():
			s := l.Users.Seen()
			fmt.Printf("\nusers: %d calls, %d failed, longest outage %s. Stopping.\n", s.Requests, s.Failed, s.LongestOutage.Round(10*time.Millisecond))
			return nil
		case s := <-signals:
			do, what := mend, "mending"
			if s == syscall.SIGUSR2 {
				do, what = damage, "breaking"
			}
			if do == nil {
				continue
			}
			fmt.Println(now(), what, "...")
			if err := do(ctx); err != nil {
				fmt.Println(now(), what+":", err)
			} else {
				fmt.Println(now(), what, "is done")
			}
		case <-tick.C:
			if s := l.Users.Seen(); s.Now != last {
				last = s.Now
				fmt.Println(now(), "users are served by", s.Now)
			}
		}
	}
}

func now() string { return time.Now().Format("15:04:05") }
