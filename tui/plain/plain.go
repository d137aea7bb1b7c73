package plain

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/dutyops/dutyops/backend"
	"github.com/dutyops/dutyops/failoverplan"
	"github.com/dutyops/dutyops/tui/i18n"
	"github.com/dutyops/dutyops/tui/kit"
)

// Options are what the line mode needs of the face's options; zero values work.
type Options struct {
	Language, Operator string
	Environment        failoverplan.Environment
	// Arming is the pause between confirmation and start; any line stops it. 0 = 5 s.
	Arming    time.Duration
	Now       func() time.Time
	Location  *time.Location
	ReportDir string
}

// errLeave ends the menu loop: the person quit, or input ended.
var errLeave = errors.New("leave")

// session is one person at one console.
type session struct {
	face  backend.Face
	out   io.Writer
	lines <-chan string
	opt   Options
	tr    i18n.Printer
	seen  backend.Event // newest event announced
	state string        // last announced verdict
}

// Run shows the menus until the person quits, input ends (both nil), or ctx is done
// (also nil: leaving is no failure). A run in progress is not stopped by leaving.
func Run(ctx context.Context, face backend.Face, in io.Reader, out io.Writer, o Options) error {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Location == nil {
		o.Location = time.Local
	}
	if o.Arming <= 0 {
		o.Arming = 5 * time.Second
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	s := &session{face: face, out: out, lines: readLines(ctx, in), opt: o, tr: i18n.New(o.Language)}
	s.unseen()
	s.say("dutyops. %s.", s.environment())
	s.status()
	for {
		if err := s.menu(ctx); err != nil {
			if errors.Is(err, errLeave) || ctx.Err() != nil {
				return nil
			}
			return err
		}
	}
}

// readLines reads lines until end of input or ctx.
func readLines(ctx context.Context, in io.Reader) <-chan string {
	ch := make(chan string)
	go func() {
		defer close(ch)
		sc := bufio.NewScanner(in)
		for sc.Scan() {
			select {
			case ch <- strings.TrimSpace(kit.Clean(sc.Text())):
			case <-ctx.Done():
				return
			}
		}
	}()
	return ch
}

func (s *session) say(key string, args ...any) {
	_, _ = fmt.Fprintln(s.out, s.tr.T(key, args...)) // a console that is gone ends by its input
}

func (s *session) print(text string) { _, _ = fmt.Fprintln(s.out, text) }

func (s *session) environment() string {
	if s.opt.Environment == failoverplan.Sandbox {
		return s.tr.T("SANDBOX")
	}
	return s.tr.T("PRODUCTION")
}

// ask prints a prompt and waits for a line, announcing what changes meanwhile.
func (s *session) ask(ctx context.Context, prompt string) (string, error) {
	_, _ = fmt.Fprintf(s.out, "%s> ", prompt)
	for {
		changed := s.face.Changed()
		if s.announce() {
			_, _ = fmt.Fprintf(s.out, "%s> ", prompt)
		}
		select {
		case line, ok := <-s.lines:
			if !ok {
				return "", errLeave
			}
			return line, nil
		case <-changed:
		case <-ctx.Done():
			return "", errLeave
		}
	}
}

// announce prints what has happened since the last look; false when nothing has.
func (s *session) announce() bool {
	said := false
	for i, e := range s.unseen() {
		if i == 0 {
			s.print("")
		}
		said = true
		s.print(fmt.Sprintf("%s %s: %s", e.At.In(s.opt.Location).Format("15:04:05"), s.word("level", e.Level), s.told(e.Text)))
	}
	st := s.face.Status()
	if st == nil || st.Warming {
		return said
	}
	if v := string(st.Case) + st.Advice.Action + st.Advice.To; v != s.state {
		if s.state != "" {
			s.verdict(st)
			said = true
		}
		s.state = v
	}
	return said
}

// unseen returns the events since the last call, and remembers the newest.
func (s *session) unseen() []backend.Event {
	ev := s.face.Events(100)
	if len(ev) == 0 {
		return nil
	}
	from := 0
	for i, e := range ev {
		if e == s.seen {
			from = i + 1
		}
	}
	s.seen = ev[len(ev)-1]
	return ev[from:]
}

// told words what the engine says, safe to print.
func (s *session) told(text string) string { return s.tr.Tell(kit.Clean(text)) }

func (s *session) word(context, v string) string {
	if key := context + "|" + v; s.tr.Lang() != "en" && s.tr.Has(key) {
		return s.tr.T(key)
	}
	return v
}

// choose asks for one of a numbered list; -1 is "back".
func (s *session) choose(ctx context.Context, title string, items []string) (int, error) {
	s.print(title)
	for i, it := range items {
		s.print(fmt.Sprintf("  %d  %s", i+1, it))
	}
	s.print("  0  " + s.tr.T("back"))
	for {
		line, err := s.ask(ctx, "")
		if err != nil {
			return -1, err
		}
		if line == "" || line == "0" {
			return -1, nil
		}
		if n, ok := numbered(line, len(items)); ok {
			return n - 1, nil
		}
		s.say("Type a number from 0 to %d.", len(items))
	}
}

type entry struct {
	title string
	run   func(context.Context) error
}

// menu shows what can be done and does one thing.
func (s *session) menu(ctx context.Context) error {
	t := s.tr
	entries := []entry{
		{t.T("Status"), func(context.Context) error { s.status(); return nil }},
		{t.T("Why is it so?"), s.why},
		{t.T("Plan a failover"), func(ctx context.Context) error { return s.plan(ctx, failoverplan.Failover) }},
		{t.T("Plan a failback"), func(ctx context.Context) error { return s.plan(ctx, failoverplan.Failback) }},
		{t.T("Journal"), s.journal},
		{t.T("DNS board"), s.dns},
		{t.T("Events"), func(context.Context) error { s.events(); return nil }},
		{t.T("Could I fail over now?"), s.checks},
		{t.T("Probe everything now"), s.refresh},
		{t.T("Held ready"), s.ready},
	}
	if s.face.Sandbox() != nil {
		entries = append(entries, entry{t.T("Break something"), s.fault}, entry{t.T("Heal everything"), s.heal})
	}
	s.print("")
	s.say("What now?")
	for i, e := range entries {
		s.print(fmt.Sprintf("  %d  %s%s", i+1, e.title, s.disabled(i)))
	}
	s.print("  0  " + t.T("Quit"))
	line, err := s.ask(ctx, "")
	if err != nil {
		return err
	}
	switch line {
	case "0", "q", "quit", "exit":
		return errLeave
	case "":
		return nil
	}
	n, ok := numbered(line, len(entries))
	if !ok {
		s.say("Type a number from 0 to %d.", len(entries))
		return nil
	}
	if err := entries[n-1].run(ctx); err != nil {
		if errors.Is(err, errLeave) {
			return err
		}
		s.print(s.tr.T("Not done: %s", s.told(err.Error())))
	}
	return nil
}

// numbered reads a number from 1 to most.
func numbered(line string, most int) (int, bool) {
	n, err := strconv.Atoi(line)
	return n, err == nil && n >= 1 && n <= most
}

// disabled says after a menu line why it cannot be done now.
func (s *session) disabled(i int) string {
	id := map[int]string{2: "failover", 3: "failback"}[i]
	for _, a := range s.face.Actions() {
		if id != "" && a.ID == id && a.Disabled != "" {
			return "  (" + s.tr.T("not now: %s", a.Disabled) + ")"
		}
	}
	return ""
}
