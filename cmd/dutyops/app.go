package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/user"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/dutyops/dutyops/backend"
	"github.com/dutyops/dutyops/backend/config"
	"github.com/dutyops/dutyops/backend/sandbox"
)

// app is what every verb shares: streams, flags, environment.
type app struct {
	in     io.Reader
	out    io.Writer
	err    io.Writer
	getenv func(string) string

	config   string
	output   string
	operator string
	verbose  bool
	ui       uiFlags
}

func (a *app) json() bool { return a.output == "json" }

func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "dutyops",
		Short: "See a site fail, move its users to a healthy one, and bring them home",
		Long: `dutyops watches two or more sites, says which of them is failing, which case it is and why,
re-points the users' domain names through the DNS providers' APIs, moves upstream feeds and stores
where the case asks for it, and later brings everything home.

Without a verb it opens the console on the configured sites. To try it without any site:

  dutyops sandbox`,
		Args:          cobra.NoArgs,
		SilenceErrors: true,
		SilenceUsage:  true,
		RunE:          func(cmd *cobra.Command, _ []string) error { return a.console(cmd.Context()) },
	}
	root.CompletionOptions.DisableDefaultCmd = true
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return &usageError{fmt.Errorf("%w; see `%s --help`", err, c.CommandPath())}
	})
	f := root.PersistentFlags()
	f.StringVarP(&a.config, "config", "c", "", "configuration file (default: $DUTYOPS_CONFIG, ./dutyops.yaml, ~/.config/dutyops/dutyops.yaml, /etc/dutyops/dutyops.yaml)")
	f.StringVarP(&a.output, "output", "o", "text", "output format: text or json")
	f.StringVar(&a.operator, "operator", "", "who acts, for the journal (default: $DUTYOPS_OPERATOR, else the user)")
	f.BoolVarP(&a.verbose, "verbose", "v", false, "log what is done to stderr")
	a.ui.register(root)
	root.PersistentPreRunE = func(*cobra.Command, []string) error {
		if a.output != "text" && a.output != "json" {
			return &usageError{fmt.Errorf("-o %s: expected text or json", a.output)}
		}
		return nil
	}
	root.AddCommand(a.sandboxCmd(), a.statusCmd(), a.planCmd(), a.failoverCmd(), a.failbackCmd(), a.runsCmd(), a.dnsCmd(), a.syncCmd(),
		a.doctorCmd(), a.pauseCmd(), a.unpauseCmd(), a.initCmd(), a.configCmd(), a.versionCmd(), a.completionCmd(), a.manCmd())
	checkArgs(root)
	return root
}

// checkArgs makes wrong arguments of any verb, and a verb that is none, a usage error
// with a pointer to help and to the verb that was perhaps meant.
func checkArgs(c *cobra.Command) {
	c.SuggestionsMinimumDistance = 2 // slips of the finger that are forgiven
	if check := c.Args; check != nil {
		c.Args = func(cmd *cobra.Command, args []string) error {
			err := check(cmd, args)
			if err == nil {
				return nil
			}
			if cmd.HasSubCommands() && len(args) > 0 {
				if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
					return &usageError{fmt.Errorf("%w; perhaps `%s %s`; see `%s --help`", err, cmd.CommandPath(), near[0], cmd.CommandPath())}
				}
			}
			return &usageError{fmt.Errorf("%w; see `%s --help`", err, cmd.CommandPath())}
		}
	}
	for _, s := range c.Commands() {
		checkArgs(s)
	}
}

// group is a verb that only holds others.
func group(use, short string, subs ...*cobra.Command) *cobra.Command {
	c := &cobra.Command{Use: use, Short: short, Args: cobra.NoArgs, RunE: func(cmd *cobra.Command, _ []string) error {
		var names []string
		for _, s := range cmd.Commands() {
			names = append(names, s.Name())
		}
		return &usageError{fmt.Errorf("%s needs a verb: %s", cmd.CommandPath(), strings.Join(names, ", "))}
	}}
	c.AddCommand(subs...)
	return c
}

func (a *app) load() (*config.Config, error) {
	path, _, err := config.Search(a.config, a.getenv)
	if err != nil {
		return nil, &usageError{err}
	}
	cfg, err := config.Load(path)
	var ps config.Problems
	if errors.As(err, &ps) {
		return nil, ps
	}
	if err != nil {
		return nil, &usageError{err}
	}
	return cfg, nil
}

// engine opens the configured world.
func (a *app) engine(ctx context.Context) (*backend.Engine, error) {
	cfg, err := a.load()
	if err != nil {
		return nil, err
	}
	return a.open(ctx, cfg, nil)
}

func (a *app) open(ctx context.Context, cfg *config.Config, sb sandbox.Control) (*backend.Engine, error) {
	root, err := config.StateDir(a.getenv, os.Geteuid() == 0)
	if err != nil {
		return nil, &usageError{err}
	}
	o := backend.Options{StateDir: backend.StateDirFor(cfg, root), Logger: a.logger()}
	if sb == nil && cfg.Environment == "sandbox" {
		if c, err := sandbox.Open(dirOf(cfg.Path)); err == nil {
			sb = c
		}
	}
	if sb != nil {
		o.Sandbox = sandboxFace{sb}
	}
	return backend.Open(ctx, cfg, o)
}

func (a *app) logger() *slog.Logger {
	if !a.verbose {
		return slog.New(slog.DiscardHandler)
	}
	return slog.New(slog.NewTextHandler(a.err, nil))
}

// who is the operator written into the journal.
func (a *app) who() string {
	if a.operator != "" {
		return a.operator
	}
	if v := a.getenv("DUTYOPS_OPERATOR"); v != "" {
		return v
	}
	if v := a.getenv("SUDO_USER"); v != "" {
		return v
	}
	if u, err := user.Current(); err == nil && u.Username != "" {
		return u.Username
	}
	return "unknown"
}

// printJSON writes one document.
func (a *app) printJSON(v any) error {
	enc := json.NewEncoder(a.out)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}

// printLine writes one document on one line, for streams.
func (a *app) printLine(v any) error { return json.NewEncoder(a.out).Encode(v) }

func (a *app) printf(format string, args ...any) { fmt.Fprintf(a.out, format, args...) }

func (a *app) notef(format string, args ...any) { fmt.Fprintf(a.err, format, args...) }

// interactive tells whether a person can be asked.
func (a *app) interactive() bool { return isTerminal(a.in) && isTerminal(a.err) }

func isTerminal(v any) bool {
	f, ok := v.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}
