package tui

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/colorprofile"
	"github.com/charmbracelet/x/ansi"

	"github.com/dutyops/dutyops/backend"
	"github.com/dutyops/dutyops/failoverplan"
	"github.com/dutyops/dutyops/tui/i18n"
	"github.com/dutyops/dutyops/tui/plain"
)

// Options say how the face looks and behaves. The zero value works.
type Options struct {
	// Environment is the identity until the first status says it.
	Environment failoverplan.Environment
	// Language is "en" or "zh"; empty = from LC_ALL, LC_MESSAGES, LANG.
	Language string
	// Operator is written into every run.
	Operator string
	// NoColor drops colour; any non-empty NO_COLOR does the same.
	NoColor bool
	// ASCII draws with plain characters, for fonts and terminals that need it.
	ASCII bool
	// Plain selects the line mode; so do TERM=dumb and a non-empty ACCESSIBLE.
	Plain bool
	// Light picks colours for a light background (otherwise the terminal is asked).
	Light bool
	// Sync is "auto" (ask the terminal for synchronized output) or "off".
	Sync string
	// Arming is the countdown before a confirmed R3 or R4 plan starts; 0 = 5 s.
	Arming time.Duration
	// ReportDir receives exported reports; empty = the working directory.
	ReportDir string
	// Input and Output default to the process's own.
	Input  io.Reader
	Output io.Writer
	// Environ replaces the process's environment ("KEY=value"), for remote sessions and tests.
	Environ []string
	// Now is the clock; nil = time.Now. Location is the zone of every time shown; nil = local.
	Now      func() time.Time
	Location *time.Location
}

func (o Options) getenv(key string) string {
	if o.Environ == nil {
		return os.Getenv(key)
	}
	v := ""
	for _, kv := range o.Environ {
		if len(kv) > len(key) && kv[len(key)] == '=' && kv[:len(key)] == key {
			v = kv[len(key)+1:]
		}
	}
	return v
}

func (o Options) withDefaults() Options {
	if o.Language == "" {
		o.Language = i18n.Detect(o.getenv)
	}
	if o.getenv("NO_COLOR") != "" {
		o.NoColor = true
	}
	if o.getenv("TERM") == "dumb" || o.getenv("ACCESSIBLE") != "" {
		o.Plain = true
	}
	if o.Arming <= 0 {
		o.Arming = 5 * time.Second
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Location == nil {
		o.Location = time.Local
	}
	if o.Operator == "" {
		o.Operator = o.getenv("USER")
	}
	if o.Environment == "" {
		o.Environment = failoverplan.Production
	}
	if o.Input == nil {
		o.Input = os.Stdin
	}
	if o.Output == nil {
		o.Output = os.Stdout
	}
	return o
}

// Run shows the face until the person quits or ctx ends. It expects a terminal at
// Options.Input and Output; the caller refuses anything else. With Options.Plain (or
// TERM=dumb, ACCESSIBLE) it runs the line mode instead. A run that is in progress is
// not stopped by leaving.
func Run(ctx context.Context, face backend.Face, o Options) error {
	o = o.withDefaults()
	if o.Plain {
		return plain.Run(ctx, face, o.Input, o.Output, plain.Options{
			Language: o.Language, Operator: o.Operator, Environment: o.Environment, Arming: o.Arming, Now: o.Now, Location: o.Location, ReportDir: o.ReportDir,
		})
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if f, ok := o.Input.(*os.File); ok {
		restore, err := noHardTabs(f.Fd())
		if err != nil {
			return fmt.Errorf("terminal face: %w; `dutyops --plain` works without screen control", err)
		}
		defer restore()
	}
	p := tea.NewProgram(newApp(ctx, face, o), programOptions(o)...)
	// The end of ctx is a request to quit, not a kill: a killed program closes its input
	// while it still reads from it.
	forget := context.AfterFunc(ctx, p.Quit)
	defer forget()
	_, err := p.Run()
	switch {
	case err == nil, errors.Is(err, tea.ErrInterrupted):
		return nil
	default:
		return fmt.Errorf("terminal face: %w; `dutyops --plain` works without screen control", err)
	}
}

// Plain runs the line mode: numbered menus, changes announced as lines, no screen
// control. It ends at end of input, at "quit", or when ctx is done.
func Plain(ctx context.Context, face backend.Face, in io.Reader, out io.Writer) error {
	o := Options{Input: in, Output: out, Plain: true}
	return Run(ctx, face, o)
}

// programOptions leaves signals to the caller, who ends ctx: the library's own handler
// sends to a program that has ended already, and then waits for itself for ever.
func programOptions(o Options) []tea.ProgramOption {
	opts := []tea.ProgramOption{
		tea.WithoutSignalHandler(), tea.WithFPS(30), tea.WithInput(o.Input), tea.WithOutput(o.Output),
	}
	if o.Environ != nil {
		opts = append(opts, tea.WithEnvironment(o.Environ))
	}
	if o.NoColor {
		opts = append(opts, tea.WithColorProfile(colorprofile.Ascii))
	}
	return opts
}

// askTerminal asks for what the library does not ask over SSH: synchronized output.
// A terminal that does not know it stays silent.
func (o Options) askTerminal() tea.Cmd {
	if o.Sync == "off" {
		return nil
	}
	return tea.Raw(ansi.RequestModeSynchronizedOutput)
}
