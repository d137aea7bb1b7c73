package main

import (
	"context"
	"errors"
	"os"

	"github.com/spf13/cobra"

	"github.com/dutyops/dutyops/backend"
	"github.com/dutyops/dutyops/tui"
)

// uiFlags choose how the console looks.
type uiFlags struct {
	lang    string
	plain   bool
	ascii   bool
	noColor bool
	light   bool
	sync    string
}

func (u *uiFlags) register(c *cobra.Command) {
	f := c.PersistentFlags()
	f.StringVar(&u.lang, "lang", "", "language of the console: en or zh (default: from LANG)")
	f.BoolVar(&u.plain, "plain", false, "plain line mode: no full screen, numbered menus")
	f.BoolVar(&u.ascii, "ascii", false, "draw with ASCII characters only")
	f.BoolVar(&u.noColor, "no-color", false, "no colour (also NO_COLOR)")
	f.BoolVar(&u.light, "light", false, "colours for a light background")
	f.StringVar(&u.sync, "sync", "auto", "synchronized output: auto or off")
}

// console opens the TUI on the configured world.
func (a *app) console(ctx context.Context) error {
	cfg, err := a.load()
	if err != nil {
		return err
	}
	if err := a.needTerminal(); err != nil {
		return err
	}
	e, err := a.open(ctx, cfg, nil)
	if err != nil {
		return err
	}
	return errors.Join(a.show(ctx, e), e.Close()) // a run that leaving has parked is an outcome
}

func (a *app) needTerminal() error {
	if isTerminal(a.in) && isTerminal(a.out) {
		return nil
	}
	return &usageError{errors.New("the console needs a terminal; without one use `dutyops status -o json`, `dutyops plan failover`, `dutyops failover --yes --reason TEXT` (see `dutyops --help`)")}
}

// show runs the TUI while the engine watches.
func (a *app) show(ctx context.Context, e *backend.Engine) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	watched := make(chan error, 1)
	go func() { watched <- e.Watch(ctx) }()
	cwd, err := os.Getwd()
	if err != nil {
		cwd = ""
	}
	err = tui.Run(ctx, e, tui.Options{
		Environment: e.Topology().Environment, Language: a.ui.lang, Operator: a.who(), Plain: a.ui.plain, ASCII: a.ui.ascii,
		NoColor: a.ui.noColor, Light: a.ui.light, Sync: a.ui.sync, Arming: e.Config().Rules.Arming.D(), ReportDir: cwd, Input: a.in, Output: a.out,
	})
	cancel()
	return errors.Join(err, <-watched)
}
