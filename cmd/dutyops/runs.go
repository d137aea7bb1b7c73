package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/dutyops/dutyops/backend"
)

func (a *app) runsCmd() *cobra.Command {
	return group("runs", "The journal: what was done, by whom, when and why",
		a.runsList(), a.runsShow(), a.runsWatch(), a.runsResume(), a.runsRollback(), a.runsCommit(), a.runsReport(), a.runsVerify())
}

// withEngine opens the engine, runs f and closes it.
func (a *app) withEngine(f func(ctx context.Context, e *backend.Engine, args []string) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		e, err := a.engine(cmd.Context())
		if err != nil {
			return err
		}
		defer func() { _ = e.Close() }()
		return f(cmd.Context(), e, args)
	}
}

func (a *app) runsList() *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "All runs, newest first", Args: cobra.NoArgs,
		RunE: a.withEngine(func(ctx context.Context, e *backend.Engine, _ []string) error {
			rs, err := e.Runs(ctx)
			if err != nil {
				return err
			}
			if a.json() {
				for i := range rs {
					rs[i].Plan = nil
				}
				if rs == nil {
					rs = []backend.Run{}
				}
				return a.printJSON(map[string]any{"runs": rs})
			}
			if len(rs) == 0 {
				a.printf("no runs yet\n")
				return nil
			}
			w := tabwriter.NewWriter(a.out, 2, 4, 2, ' ', 0)
			for _, r := range rs {
				state := string(r.State)
				if !r.Committed.IsZero() {
					state += ", committed"
				}
				fmt.Fprintf(w, "%s\t%s\t%s\t%s -> %s\t%s\t%s\n", r.ID, r.Kind, state, r.From, r.To, r.Operator, r.Reason)
			}
			return w.Flush()
		}),
	}
}

func (a *app) runsShow() *cobra.Command {
	return &cobra.Command{
		Use: "show [ID]", Short: "One run (default: the newest) with its steps and evidence", Args: cobra.MaximumNArgs(1),
		RunE: a.withEngine(func(ctx context.Context, e *backend.Engine, args []string) error {
			r, err := pick(ctx, e, args)
			if err != nil {
				return err
			}
			if a.json() {
				return a.printJSON(r)
			}
			a.printRun(r)
			for _, s := range r.Steps {
				a.printf("\n  %s  %-8s %s\n", s.ID, s.State, s.Title)
				for _, ev := range s.Evidence {
					a.printf("      %s\n", ev)
				}
				if s.Error != "" {
					a.printf("      error: %s\n", s.Error)
				}
			}
			return nil
		}),
	}
}

// pick is the run named by the argument, or the newest.
func pick(ctx context.Context, e *backend.Engine, args []string) (backend.Run, error) {
	if len(args) == 1 {
		return e.Run(ctx, args[0])
	}
	rs, err := e.Runs(ctx)
	if err != nil {
		return backend.Run{}, err
	}
	if len(rs) == 0 {
		return backend.Run{}, fmt.Errorf("%w: there are no runs yet", backend.ErrUsage)
	}
	return rs[0], nil
}

func (a *app) runsWatch() *cobra.Command {
	return &cobra.Command{
		Use: "watch [ID]", Short: "Follow a run to its end, whoever runs it", Args: cobra.MaximumNArgs(1),
		RunE: a.withEngine(func(ctx context.Context, e *backend.Engine, args []string) error {
			r, err := pick(ctx, e, args)
			if err != nil {
				return err
			}
			r, err = e.Wait(ctx, r.ID)
			if errors.Is(err, context.Canceled) {
				return nil // the watcher leaves; the run goes on
			}
			if err != nil {
				return err
			}
			if a.json() {
				return a.printJSON(r)
			}
			a.printRun(r)
			return nil
		}),
	}
}

func (a *app) runsResume() *cobra.Command {
	var yes bool
	c := &cobra.Command{
		Use: "resume ID", Short: "Take up an interrupted or parked run: look at the world, then go on", Args: cobra.ExactArgs(1),
		RunE: a.withEngine(func(ctx context.Context, e *backend.Engine, args []string) error {
			if err := a.needYes(yes, "resume"); err != nil {
				return err
			}
			r, err := e.Resume(ctx, args[0], a.who())
			return a.finish(ctx, e, r, err)
		}),
	}
	c.Flags().BoolVar(&yes, "yes", false, "confirmed")
	return c
}

func (a *app) runsRollback() *cobra.Command {
	var yes bool
	var reason string
	c := &cobra.Command{
		Use: "rollback ID", Short: "Take back, in reverse order, what a run changed", Args: cobra.ExactArgs(1),
		RunE: a.withEngine(func(ctx context.Context, e *backend.Engine, args []string) error {
			if err := a.needYes(yes, "rollback"); err != nil {
				return err
			}
			if st, err := e.Refresh(ctx); err != nil {
				return err
			} else if r, err := e.Run(ctx, args[0]); err == nil && st.GatewayDown(r.From) {
				a.notef("warning: the gateway of %s is down: users would reach nobody there\n", r.From)
			}
			r, err := e.Rollback(ctx, args[0], a.who(), reason)
			return a.finish(ctx, e, r, err)
		}),
	}
	c.Flags().BoolVar(&yes, "yes", false, "confirmed")
	c.Flags().StringVar(&reason, "reason", "", "why, for the journal")
	return c
}

func (a *app) runsCommit() *cobra.Command {
	var yes bool
	var reason string
	c := &cobra.Command{
		Use: "commit ID", Short: "Keep what a done run did: restore the TTLs; from then on it is not rolled back any more", Args: cobra.ExactArgs(1),
		RunE: a.withEngine(func(ctx context.Context, e *backend.Engine, args []string) error {
			if err := a.needYes(yes, "commit"); err != nil {
				return err
			}
			r, err := e.Commit(ctx, args[0], a.who(), reason)
			return a.finish(ctx, e, r, err)
		}),
	}
	c.Flags().BoolVar(&yes, "yes", false, "confirmed")
	c.Flags().StringVar(&reason, "reason", "", "why, for the journal")
	return c
}

// needYes asks a person, or insists on --yes.
func (a *app) needYes(yes bool, what string) error {
	if yes {
		return nil
	}
	if !a.interactive() {
		return fmt.Errorf("%w: without a terminal a %s needs --yes", backend.ErrCancelled, what)
	}
	answer, err := a.ask(newReader(a.in), fmt.Sprintf("%s? type yes: ", what))
	if err != nil || answer != "yes" {
		return fmt.Errorf("%w: not confirmed", backend.ErrCancelled)
	}
	return nil
}

func (a *app) runsReport() *cobra.Command {
	var format, file string
	c := &cobra.Command{
		Use: "report [ID]", Short: "The story of a run as Markdown, HTML or JSON (default: the newest run)", Args: cobra.MaximumNArgs(1),
		RunE: a.withEngine(func(ctx context.Context, e *backend.Engine, args []string) error {
			r, err := pick(ctx, e, args)
			if err != nil {
				return err
			}
			if a.json() {
				format = "json"
			}
			text, err := e.Report(ctx, r.ID, format)
			if err != nil {
				return err
			}
			if file == "" {
				a.printf("%s", text)
				return nil
			}
			if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
				return fmt.Errorf("write the report: %w", err)
			}
			a.notef("wrote %s\n", file)
			return nil
		}),
	}
	c.Flags().StringVar(&format, "format", "markdown", "markdown, html or json")
	c.Flags().StringVar(&file, "file", "", "write to this file instead of stdout")
	return c
}

func (a *app) runsVerify() *cobra.Command {
	return &cobra.Command{
		Use: "verify", Short: "Check the journal's hash chain", Args: cobra.NoArgs,
		RunE: a.withEngine(func(ctx context.Context, e *backend.Engine, _ []string) error {
			n, err := e.VerifyJournal(ctx)
			if a.json() {
				doc := map[string]any{"ok": err == nil, "entries": n}
				if err != nil {
					doc["problem"] = err.Error()
				}
				if perr := a.printJSON(doc); perr != nil {
					return perr
				}
				return err
			}
			if err != nil {
				return err
			}
			a.printf("%d entries, the hash chain is unbroken\n", n)
			return nil
		}),
	}
}
