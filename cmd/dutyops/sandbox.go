package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime/debug"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/dutyops/dutyops/backend"
	"github.com/dutyops/dutyops/backend/config"
	"github.com/dutyops/dutyops/backend/sandbox"
)

func (a *app) sandboxCmd() *cobra.Command {
	var headless, emergency bool
	var dir string
	var seed uint64
	c := &cobra.Command{
		Use: "sandbox", Short: "Two simulated sites to break, switch and bring home; nothing to install, no risk",
		Long: `Starts two sites in this process that speak the real wire protocols on loopback, and opens the console on them.
With --headless it only serves, until SIGINT or SIGTERM: it writes DIR/dutyops.yaml and DIR/sandbox.json and prints
one JSON line when it is ready. A second terminal then works on it:

  dutyops -c DIR/dutyops.yaml
  dutyops sandbox fault primary/business down --dir DIR`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			o := sandbox.Options{Dir: dir, Emergency: emergency, Seed: seed}
			if headless {
				return a.serveSandbox(cmd.Context(), o)
			}
			return a.playSandbox(cmd.Context(), o)
		},
	}
	c.PersistentFlags().StringVar(&dir, "dir", "", "folder of the sandbox (default: a temporary one)")
	c.Flags().BoolVar(&headless, "headless", false, "only serve, without the console")
	c.Flags().BoolVar(&emergency, "emergency", false, "add the cut-down third site")
	c.Flags().Uint64Var(&seed, "seed", 1, "seed of the synthetic messages")
	c.AddCommand(a.faultCmd(&dir), a.healCmd(&dir), a.faultsCmd(&dir))
	return c
}

// The sandbox's own bounds hold about 55 MB alive after hours; without a limit the
// collector would let its heap grow to three times that (docs/benchmarks.md).
const sandboxMemory = 110 << 20

// frugal bounds the memory of a process that a sandbox runs in, unless its environment
// does. The limit is soft: it makes the collector work more, never fail.
func (a *app) frugal() {
	if a.getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(sandboxMemory)
	}
	if a.getenv("GOGC") == "" {
		debug.SetGCPercent(60)
	}
}

func (a *app) serveSandbox(ctx context.Context, o sandbox.Options) error {
	if o.Dir == "" {
		return &usageError{errors.New("sandbox --headless needs --dir DIR: dutyops.yaml and sandbox.json are written there")}
	}
	a.frugal()
	begin := time.Now()
	s, err := sandbox.Start(ctx, o)
	if err != nil {
		return badStart(err)
	}
	path, err := filepath.Abs(filepath.Join(o.Dir, "dutyops.yaml"))
	if err != nil {
		path = filepath.Join(o.Dir, "dutyops.yaml")
	}
	if err := a.printLine(map[string]any{"ready": true, "config": path, "elapsed_ms": time.Since(begin).Milliseconds()}); err != nil {
		return errors.Join(err, s.Close())
	}
	<-ctx.Done()
	return s.Close()
}

// badStart is a start that did not succeed; a folder that is taken is the caller's mistake.
func badStart(err error) error {
	if errors.Is(err, sandbox.ErrRunning) {
		return &usageError{err}
	}
	return fmt.Errorf("start the sandbox: %w", err)
}

// playSandbox opens the console on a sandbox of this process.
func (a *app) playSandbox(ctx context.Context, o sandbox.Options) (err error) {
	if a.needTerminal() != nil {
		return &usageError{errors.New("the console needs a terminal; without one: `dutyops sandbox --headless --dir DIR`, then work on it with `dutyops -c DIR/dutyops.yaml status` and `dutyops sandbox fault TARGET KIND --dir DIR`")}
	}
	if o.Dir == "" {
		if o.Dir, err = os.MkdirTemp("", "dutyops-sandbox-"); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, os.RemoveAll(o.Dir)) }()
	}
	a.frugal()
	restore := a.splash("SANDBOX  starting two sites of simulated servers ...")
	defer func() {
		if err != nil {
			restore()
		}
	}()
	s, err := sandbox.Start(ctx, o)
	if err != nil {
		return badStart(err)
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	cfg, err := config.Load(filepath.Join(o.Dir, "dutyops.yaml"))
	if err != nil {
		return fmt.Errorf("the sandbox's own configuration: %w", err)
	}
	e, err := backend.Open(ctx, cfg, backend.Options{StateDir: filepath.Join(o.Dir, "state"), Logger: a.logger(), Sandbox: sandboxFace{s}})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, e.Close()) }()
	return a.show(ctx, e)
}

func (a *app) openSandbox(dir string) (*sandbox.Client, error) {
	if dir == "" {
		return nil, &usageError{errors.New("--dir DIR is needed: the folder that `dutyops sandbox --headless --dir DIR` was given")}
	}
	c, err := sandbox.Open(dir)
	if err != nil {
		return nil, &usageError{err}
	}
	return c, nil
}

func (a *app) faultCmd(dir *string) *cobra.Command {
	var d time.Duration
	c := &cobra.Command{
		Use: "fault TARGET KIND", Short: "Break something in a running sandbox", Args: cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			s, err := a.openSandbox(*dir)
			if err != nil {
				return err
			}
			f := sandbox.Fault{Target: args[0], Kind: args[1]}
			if d > 0 {
				f.For = d.String()
			}
			if err := s.Inject(cmd.Context(), f); err != nil {
				return refusedFault(err)
			}
			return a.activeFaults(cmd.Context(), s)
		},
	}
	c.Flags().DurationVar(&d, "for", 0, "heal by itself after this long (default: until healed)")
	return c
}

func refusedFault(err error) error {
	var r *sandbox.RefusedError
	if errors.As(err, &r) {
		return &usageError{err}
	}
	return err
}

func (a *app) healCmd(dir *string) *cobra.Command {
	return &cobra.Command{
		Use: "heal [TARGET]", Short: "Mend a target of a running sandbox, or everything", Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			s, err := a.openSandbox(*dir)
			if err != nil {
				return err
			}
			target := ""
			if len(args) == 1 {
				target = args[0]
			}
			if err := s.Heal(cmd.Context(), target); err != nil {
				return refusedFault(err)
			}
			return a.activeFaults(cmd.Context(), s)
		},
	}
}

func (a *app) activeFaults(ctx context.Context, s *sandbox.Client) error {
	fs, err := s.Active(ctx)
	if err != nil {
		return err
	}
	if a.json() {
		if fs == nil {
			fs = []sandbox.Fault{}
		}
		return a.printJSON(map[string]any{"active": fs})
	}
	if len(fs) == 0 {
		a.printf("nothing is broken\n")
	}
	for _, f := range fs {
		a.printf("%s %s %s\n", f.Target, f.Kind, f.For)
	}
	return nil
}

func (a *app) faultsCmd(dir *string) *cobra.Command {
	return &cobra.Command{
		Use: "faults", Short: "Kinds of faults and what takes them", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			kinds, err := a.kinds(cmd.Context(), *dir)
			if err != nil {
				return err
			}
			if a.json() {
				return a.printJSON(map[string]any{"faults": kinds})
			}
			return printKinds(a.out, kinds)
		},
	}
}

// kinds asks the running sandbox; without one it starts one for the question, so that
// the list is what really takes faults.
func (a *app) kinds(ctx context.Context, dir string) ([]sandbox.FaultKind, error) {
	if dir != "" {
		s, err := a.openSandbox(dir)
		if err != nil {
			return nil, err
		}
		return s.Kinds(), nil
	}
	s, err := sandbox.Start(ctx, sandbox.Options{})
	if err != nil {
		return nil, fmt.Errorf("start a sandbox to ask it: %w", err)
	}
	return s.Kinds(), s.Close()
}

func printKinds(out io.Writer, kinds []sandbox.FaultKind) error {
	w := tabwriter.NewWriter(out, 2, 4, 2, ' ', 0)
	for _, k := range kinds {
		fmt.Fprintf(w, "%s\t%s\n", k.Kind, k.WhatUsersSee)
		for i, t := range k.AppliesTo {
			if i == 8 {
				fmt.Fprintf(w, "\t  and %d more targets (-o json lists them)\n", len(k.AppliesTo)-i)
				break
			}
			fmt.Fprintf(w, "\t  %s\n", t)
		}
	}
	return w.Flush()
}

// sandboxFace hands the sandbox's controls to the faces.
type sandboxFace struct{ s sandbox.Control }

func (f sandboxFace) Kinds() []backend.FaultKind {
	var out []backend.FaultKind
	for _, k := range f.s.Kinds() {
		out = append(out, backend.FaultKind(k))
	}
	return out
}

func (f sandboxFace) Inject(ctx context.Context, x backend.Fault) error {
	return f.s.Inject(ctx, sandbox.Fault(x))
}

func (f sandboxFace) Heal(ctx context.Context, target string) error { return f.s.Heal(ctx, target) }

func (f sandboxFace) Active(ctx context.Context) ([]backend.Fault, error) {
	fs, err := f.s.Active(ctx)
	var out []backend.Fault
	for _, x := range fs {
		out = append(out, backend.Fault(x))
	}
	return out, err
}

func (f sandboxFace) Users(ctx context.Context) (backend.Users, error) {
	u, err := f.s.Users(ctx)
	return backend.Users{Requests: u.Requests, Failed: u.Failed, ServedBy: u.ServedBy, OutageMS: u.OutageMS, LongestOutageMS: u.LongestOutageMS, Now: u.Now}, err
}
