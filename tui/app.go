package tui

import (
	"context"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/dutyops/dutyops/backend"
	"github.com/dutyops/dutyops/failoverplan"
	"github.com/dutyops/dutyops/tui/i18n"
	"github.com/dutyops/dutyops/tui/kit"
	"github.com/dutyops/dutyops/tui/theme"
)

// minWidth and minHeight are the smallest screen that is drawn.
const (
	minWidth  = 60
	minHeight = 15
)

// app is the one tea.Model: it owns the size, the clock, the newest data, the stack of
// screens and the stack of dialogs. Screens and dialogs reach everything through it.
type app struct {
	ctx  context.Context //nolint:containedctx // bubbletea's commands take no context
	face backend.Face
	opt  Options
	th   theme.Theme
	tr   i18n.Printer
	dark bool

	w, h int
	now  time.Time
	data data

	// timer is tea.Tick; tests take its place.
	timer func(time.Duration, func(time.Time) tea.Msg) tea.Cmd

	screens []screen
	dialogs []dialog
	toast   toast
}

type toast struct {
	text  string
	level string
	until time.Time
}

func newApp(ctx context.Context, face backend.Face, o Options) *app {
	a := &app{ctx: ctx, face: face, opt: o, tr: i18n.New(o.Language), dark: !o.Light, timer: tea.Tick}
	a.now = o.Now().In(o.Location)
	a.data.environment = o.Environment
	a.retheme()
	a.screens = []screen{newDashboard()}
	return a
}

func (a *app) retheme() {
	a.th = theme.New(theme.Options{
		Dark: a.dark, NoColor: a.opt.NoColor, ASCII: a.opt.ASCII,
		Production: a.data.environment != failoverplan.Sandbox,
	})
}

// Init implements tea.Model. The first frame does not wait for data.
func (a *app) Init() tea.Cmd {
	cmds := []tea.Cmd{a.load(), a.heartbeat(), a.loadRuns(), a.opt.askTerminal()}
	if !a.opt.Light && !a.opt.NoColor {
		cmds = append(cmds, tea.RequestBackgroundColor)
	}
	return tea.Batch(cmds...)
}

type beatMsg struct{}

// heartbeat moves the clock once a second, on the second.
func (a *app) heartbeat() tea.Cmd {
	now := a.opt.Now()
	return a.timer(now.Truncate(time.Second).Add(time.Second).Sub(now), func(time.Time) tea.Msg { return beatMsg{} })
}

// Update implements tea.Model.
func (a *app) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	switch m := msg.(type) {
	case tea.WindowSizeMsg:
		a.w, a.h = m.Width, m.Height
		return a, nil
	case tea.BackgroundColorMsg:
		a.dark = m.IsDark()
		a.retheme()
		return a, nil
	case beatMsg:
		a.now = a.opt.Now().In(a.opt.Location)
		if a.toast.text != "" && !a.now.Before(a.toast.until) {
			a.toast = toast{}
		}
		a.data.rotate()
		return a, tea.Batch(a.heartbeat(), a.broadcast(msg))
	case snapshotMsg:
		return a, tea.Batch(a.adopt(m), a.broadcast(msg))
	case runsMsg:
		if m.err == nil {
			a.data.runs = m.runs
		}
		return a, a.broadcast(msg)
	case openRunMsg:
		return a, tea.Batch(a.open(newRunScreen(m.id)), a.loadRuns())
	case toastMsg:
		a.say(m.level, m.text)
		return a, m.then
	case tea.KeyPressMsg:
		a.now = a.opt.Now().In(a.opt.Location)
		return a, a.key(m)
	case tea.KeyReleaseMsg:
		return a, nil
	case tea.PasteMsg:
		if d := a.dialog(); d != nil {
			return a, d.msg(a, msg)
		}
		return a, a.top().msg(a, msg)
	}
	return a, a.broadcast(msg)
}

// broadcast gives a message to every dialog and screen; each takes what it knows.
func (a *app) broadcast(msg tea.Msg) tea.Cmd {
	var cmds []tea.Cmd
	for _, d := range append([]dialog(nil), a.dialogs...) {
		cmds = append(cmds, d.msg(a, msg))
	}
	for _, s := range append([]screen(nil), a.screens...) {
		cmds = append(cmds, s.msg(a, msg))
	}
	return tea.Batch(cmds...)
}

// say shows a line in the footer for a few seconds.
func (a *app) say(level, text string) {
	a.toast = toast{text: a.told(text), level: level, until: a.now.Add(8 * time.Second)}
}

// toastMsg asks for a footer line; then is a follow-up command.
type toastMsg struct {
	level, text string
	then        tea.Cmd
}

// fail is a toast for an error.
func fail(err error) toastMsg { return toastMsg{level: "bad", text: err.Error()} }

// View implements tea.Model.
func (a *app) View() tea.View {
	v := tea.NewView("")
	v.AltScreen = true
	v.WindowTitle = a.windowTitle()
	if d := a.dialog(); d != nil && d.strict() {
		v.KeyboardEnhancements.ReportEventTypes = true
	}
	if a.w <= 0 || a.h <= 0 {
		return v
	}
	v.Content = strings.Join(a.lines(), "\n")
	return v
}

func (a *app) lines() []string {
	if a.w < minWidth || a.h < minHeight {
		return a.tooSmall()
	}
	head := a.header()
	foot := a.footer()
	body := a.top().view(a, a.w, a.h-len(head)-len(foot))
	body = kit.Fill(body, a.w, a.h-len(head)-len(foot))
	all := make([]string, 0, a.h)
	all = append(all, head...)
	all = append(all, body...)
	all = append(all, foot...)
	if d := a.dialog(); d != nil {
		box := d.view(a, a.w, a.h)
		if len(box) > a.h-2 {
			box = box[:a.h-2]
		}
		x := (a.w - kit.Width(box[0])) / 2
		y := max((a.h-len(box))/2, 1)
		over := kit.Overlay(all[1:], box, x, y-1, a.th.Faint)
		all = append(all[:1], over...)
	}
	return all
}

func (a *app) tooSmall() []string {
	t := a.tr
	lines := []string{
		a.badge(),
		"",
		t.T("This screen is %d x %d.", a.w, a.h),
		t.T("dutyops needs at least %d x %d.", minWidth, minHeight),
		t.T("Make the window larger, or run: dutyops --plain"),
	}
	out := make([]string, 0, a.h)
	pad := max((a.h-len(lines))/2, 0)
	for range pad {
		out = append(out, "")
	}
	for _, l := range lines {
		out = append(out, kit.Center(l, a.w))
	}
	return kit.Fill(out, a.w, a.h)
}
