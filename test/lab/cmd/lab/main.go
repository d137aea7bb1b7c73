//go:build integration

// Command lab keeps the small real lab up until Ctrl-C and says how to try it.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/dutyops/dutyops/test/lab"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "lab:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	fmt.Println("starting BIND, Unbound, and per site nginx, MariaDB and Redis ...")
	l, err := lab.Start(ctx, "")
	if err != nil {
		return err
	}
	defer l.Close()
	name := l.Domains[0].Name
	fmt.Printf(`
Ready in %s. Everything is below %s and goes with Ctrl-C.

  configuration   %s
  authority       %s (BIND)
  resolver        %s (Unbound)
  gateways        %s  %s (nginx)

In another terminal (root's folder: use the same account as here):

  export DUTYOPS_CONFIG=%s DUTYOPS_STATE=%s/state
  go run ./cmd/dutyops                       # the console
  go run ./cmd/dutyops status
  kill -9 $(cat %s/primary/mariadb/m.pid)    # the fault: the primary's MariaDB
  go run ./cmd/dutyops failover --to standby --yes --reason "try it"
  dig +short @127.0.0.1 -p %s %s
  kill -USR1 %d                              # bring the primary's MariaDB back
  go run ./cmd/dutyops sync run --yes --reason "turn replication round"
  go run ./cmd/dutyops failback --yes --reason "home"

`, l.Took.Round(time.Millisecond), l.Dir, l.Config, l.DNS.Authority, l.DNS.Resolver,
		l.Gateways["primary"].URL, l.Gateways["standby"].URL, l.Config, l.Dir, l.Dir, portOf(l.DNS.Resolver), name, os.Getpid())

	back := make(chan os.Signal, 1)
	signal.Notify(back, syscall.SIGUSR1)
	defer signal.Stop(back)
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	last := ""
	for {
		select {
		case <-ctx.Done():
			s := l.Users.Seen()
			fmt.Printf("\nusers: %d calls, %d failed, longest outage %s. Stopping.\n", s.Requests, s.Failed, s.LongestOutage.Round(10*time.Millisecond))
			return nil
		case <-back:
			for _, site := range []*lab.Site{l.Primary, l.Standby} {
				if err := site.Maria.Restart(ctx); err != nil {
					fmt.Println("MariaDB of", site.Name+":", err)
				}
			}
		case <-tick.C:
			if s := l.Users.Seen(); s.Now != last {
				last = s.Now
				fmt.Println(time.Now().Format("15:04:05"), "users are served by", s.Now)
			}
		}
	}
}

func portOf(address string) string {
	for i := len(address) - 1; i >= 0; i-- {
		if address[i] == ':' {
			return address[i+1:]
		}
	}
	return ""
}
