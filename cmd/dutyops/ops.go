package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/dutyops/dutyops/backend"
)

func newReader(r io.Reader) *bufio.Reader { return bufio.NewReader(r) }

func (a *app) dnsCmd() *cobra.Command {
	var watch bool
	check := &cobra.Command{
		Use: "check", Short: "What every authoritative server and resolver answers now, and what is wrong with it; exit 3 when users are hit", Args: cobra.NoArgs,
		RunE: a.withEngine(func(ctx context.Context, e *backend.Engine, _ []string) error {
			if watch {
				return a.watchDNS(ctx, e)
			}
			b, ds, err := e.CheckBoard(ctx)
			if err != nil {
				return err
			}
			if a.json() {
				err = a.printJSON(boardDocument(b, ds))
			} else {
				a.printDomains(ds)
				a.printBoard(b)
			}
			if err == nil && b.Bad() {
				return &quietError{code: codeNotWell}
			}
			return err
		}),
	}
	check.Flags().BoolVarP(&watch, "watch", "w", false, "ask every second until interrupted; with -o json one document per line")
	return group("dns", "Look at DNS, and hold a switch ready", check, a.armCmd())
}

// watchDNS asks every second until ctx ends.
func (a *app) watchDNS(ctx context.Context, e *backend.Engine) error {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		b, ds, err := e.CheckBoard(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		if a.json() {
			if err := a.printLine(boardDocument(b, ds)); err != nil {
				return err
			}
		} else {
			a.printf("%s\n", time.Now().Format("15:04:05"))
			a.printDomains(ds)
			a.printBoard(b)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// boardDocument is the JSON of `dns check`.
func boardDocument(b backend.DNSBoard, ds []backend.DomainStatus) map[string]any {
	return map[string]any{"at": b.At, "domains": ds, "board": b}
}

// printBoard prints the findings, the shares and the tail.
func (a *app) printBoard(b backend.DNSBoard) {
	for _, f := range b.Findings {
		a.printf("%s\n      %s\n", f, f.Do)
	}
	a.printf("new answers: authoritative %d of %d (%d %%), resolvers %d of %d (%d %%)\n",
		b.Authoritative.New, b.Authoritative.Total, b.Authoritative.Percent(), b.Resolvers.New, b.Resolvers.Total, b.Resolvers.Percent())
	if tail := b.Tail(); tail != "" {
		a.printf("%s\n", tail)
	}
	a.printServices(b.Services)
}

// printServices prints what users find at each name, by family.
func (a *app) printServices(x *backend.DNSServices) {
	if x == nil {
		return
	}
	w := tabwriter.NewWriter(a.out, 2, 4, 2, ' ', 0)
	for _, l := range x.Lines {
		what := l.Error
		if what == "" {
			what = fmt.Sprintf("answers %d", l.Status)
		}
		through := "no resolver yet"
		if len(l.Through) > 0 {
			through = "through " + strings.Join(l.Through, ", ")
		}
		fmt.Fprintf(w, "  %s\t%s\t%s\t%s\t%s\t%s\t%s\n", l.Name, l.Family, l.Address, l.Site, l.State, what, through)
	}
	_ = w.Flush()
	if sum := x.Summary(); sum != "" {
		a.printf("the service answers at the names: %s\n", sum)
	}
	if x.NotAsked > 0 {
		a.printf("%d calls are left for the next look\n", x.NotAsked)
	}
}

func (a *app) syncCmd() *cobra.Command {
	status := &cobra.Command{
		Use: "status", Short: "Policy, direction, state and lag of every synced component", Args: cobra.NoArgs,
		RunE: a.withEngine(func(ctx context.Context, e *backend.Engine, _ []string) error {
			st, err := e.Refresh(ctx)
			if err != nil {
				return err
			}
			rows := syncRows(st)
			if a.json() {
				return a.printJSON(map[string]any{"at": st.At, "business_source": st.ServingSite, "data_source": st.DataSite, "components": rows})
			}
			w := tabwriter.NewWriter(a.out, 2, 4, 2, ' ', 0)
			for _, r := range rows {
				fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", r.Target, r.Kind, syncText(&r.SyncStatus), r.Note)
			}
			return w.Flush()
		}),
	}
	var yes, renew bool
	var reason string
	run := &cobra.Command{
		Use: "run", Short: "Make every synced store of the other sites follow the one that writes", Args: cobra.NoArgs,
		Long: "Make every synced store of the other sites follow the one that writes.\n\n" +
			"A link that stands keeps the password it was made with until it is made again, and its server does not tell\n" +
			"which one that is. After a replication password was changed at the source and in the configuration's file,\n" +
			"--renew-passwords gives every standing link of MySQL and Redis the one of now.",
		RunE: a.withEngine(func(ctx context.Context, e *backend.Engine, _ []string) error {
			if reason == "" {
				reason = "sync run"
			}
			if err := a.needYes(yes, "sync run"); err != nil {
				return err
			}
			start := e.SyncRun
			if renew {
				start = e.RenewLinks
			}
			r, err := start(ctx, a.who(), reason)
			return a.finish(ctx, e, r, err)
		}),
	}
	run.Flags().BoolVar(&yes, "yes", false, "confirmed; required without a terminal")
	run.Flags().StringVar(&reason, "reason", "", "why, for the journal")
	run.Flags().BoolVar(&renew, "renew-passwords", false, "give the links that stand the replication passwords that are configured now")
	return group("sync", "Replication between sites: policy, positions, direction", status, run)
}

// syncRow is one component's sync state, flat for scripts.
type syncRow struct {
	Target string `json:"target"`
	Kind   string `json:"kind"`
	backend.SyncStatus
}

func syncRows(st *backend.Status) []syncRow {
	out := []syncRow{}
	for _, s := range st.Sites {
		for _, p := range s.Platforms {
			for _, c := range p.Components {
				if c.Sync != nil {
					out = append(out, syncRow{Target: c.Target, Kind: c.Kind, SyncStatus: *c.Sync})
				}
			}
		}
	}
	return out
}

func (a *app) doctorCmd() *cobra.Command {
	return &cobra.Command{
		Use: "doctor", Short: "Could I fail over right now? exit 0 yes, 3 no", Args: cobra.NoArgs,
		RunE: a.withEngine(func(ctx context.Context, e *backend.Engine, _ []string) error {
			cs, err := e.Doctor(ctx)
			if err != nil {
				return err
			}
			ready := true
			for _, c := range cs {
				ready = ready && c.State != backend.CheckFail
			}
			if a.json() {
				err = a.printJSON(map[string]any{"at": time.Now(), "ready": ready, "checks": cs})
			} else {
				for _, c := range cs {
					a.printf("%-4s  %-22s %s\n", c.State, c.Name, c.Detail)
					if c.Fix != "" {
						a.printf("      fix: %s\n", c.Fix)
					}
				}
				a.printf("\n%s\n", map[bool]string{true: "ready: a failover could run now", false: "not ready: a failover would not succeed now"}[ready])
			}
			if err == nil && !ready {
				return &quietError{code: codeNotWell}
			}
			return err
		}),
	}
}

func (a *app) pauseCmd() *cobra.Command {
	var reason string
	var d time.Duration
	c := &cobra.Command{
		Use: "pause", Short: "Refuse every action of every console for a while", Args: cobra.NoArgs,
		RunE: a.withEngine(func(ctx context.Context, e *backend.Engine, _ []string) error {
			if reason == "" {
				return &usageError{fmt.Errorf("pause needs --reason TEXT: whoever meets it at 3 a.m. must know why")}
			}
			if d <= 0 {
				return &usageError{fmt.Errorf("--for %s: expected a duration above zero, such as 30m", d)}
			}
			now := time.Now()
			o := backend.Override{Owner: a.who(), Reason: reason, Since: now, Expires: now.Add(d)}
			if err := e.Pause(ctx, o); err != nil {
				return err
			}
			if a.json() {
				o.Kind = "pause"
				return a.printJSON(o)
			}
			a.printf("paused until %s; `dutyops unpause --reason …` ends it\n", o.Expires.Format("15:04:05"))
			return nil
		}),
	}
	c.Flags().StringVar(&reason, "reason", "", "why (required)")
	c.Flags().DurationVar(&d, "for", time.Hour, "how long; it ends by itself")
	return c
}

func (a *app) unpauseCmd() *cobra.Command {
	var reason string
	c := &cobra.Command{
		Use: "unpause", Short: "Allow actions again", Args: cobra.NoArgs,
		RunE: a.withEngine(func(ctx context.Context, e *backend.Engine, _ []string) error {
			if reason == "" {
				return &usageError{fmt.Errorf("unpause needs --reason TEXT")}
			}
			if err := e.Unpause(ctx, a.who(), reason); err != nil {
				return err
			}
			if a.json() {
				return a.printJSON(map[string]any{"paused": false})
			}
			a.printf("actions are allowed again\n")
			return nil
		}),
	}
	c.Flags().StringVar(&reason, "reason", "", "why (required)")
	return c
}
