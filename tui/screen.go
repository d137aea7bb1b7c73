package tui

import (
	tea "charm.land/bubbletea/v2"
)

// screen is one full page below the top bar. Screens are told apart by id; keys they
// do not take go to the commands.
type screen interface {
	id() string
	title(a *app) string
	// init is called when the screen comes to the top for the first time.
	init(a *app) tea.Cmd
	// key takes navigation keys; handled is false for others.
	key(a *app, k tea.KeyPressMsg) (handled bool, cmd tea.Cmd)
	// typing says that letters are text now, not commands.
	typing() bool
	msg(a *app, m tea.Msg) tea.Cmd
	view(a *app, w, h int) []string
}

// dialog is a box over the screen; it takes every key.
type dialog interface {
	key(a *app, k tea.KeyPressMsg) tea.Cmd
	msg(a *app, m tea.Msg) tea.Cmd
	view(a *app, w, h int) []string
	// strict asks the terminal to tell a held key from a pressed one.
	strict() bool
}

func (a *app) top() screen { return a.screens[len(a.screens)-1] }

func (a *app) dialog() dialog {
	if len(a.dialogs) == 0 {
		return nil
	}
	return a.dialogs[len(a.dialogs)-1]
}

// open puts a screen on top; one of the same id is raised instead of doubled.
func (a *app) open(s screen) tea.Cmd {
	for i, old := range a.screens {
		if old.id() == s.id() {
			a.screens = append(a.screens[:i], a.screens[i+1:]...)
			break
		}
	}
	a.screens = append(a.screens, s)
	a.toast = toast{} // it was about the page before
	return s.init(a)
}

// back closes the top screen; the first one stays.
func (a *app) back() {
	a.toast = toast{}
	if len(a.screens) > 1 {
		a.screens = a.screens[:len(a.screens)-1]
	}
}

// home closes all screens but the dashboard.
func (a *app) home() { a.screens = a.screens[:1] }

func (a *app) show(d dialog) { a.dialogs = append(a.dialogs, d) }

// close removes a dialog wherever it is in the stack.
func (a *app) close(d dialog) {
	for i, x := range a.dialogs {
		if x == d {
			a.dialogs = append(a.dialogs[:i], a.dialogs[i+1:]...)
			return
		}
	}
}

// key sends a key press where it belongs: dialog, then the screen's own keys, then
// the commands. Esc only ever goes back.
func (a *app) key(k tea.KeyPressMsg) tea.Cmd {
	if k.String() == "ctrl+c" {
		return a.interrupt()
	}
	if a.w < minWidth || a.h < minHeight {
		if k.String() == "q" {
			return a.quit()
		}
		return nil
	}
	if d := a.dialog(); d != nil {
		return d.key(a, k)
	}
	s := a.top()
	if handled, cmd := s.key(a, k); handled {
		return cmd
	}
	if s.typing() {
		return nil
	}
	if k.String() == "esc" {
		a.back()
		return nil
	}
	for _, c := range a.commands() {
		if c.screen != "" && c.screen != s.id() || !c.hasKey(k.String()) {
			continue
		}
		return a.invoke(c)
	}
	return nil
}

// invoke runs a command, or says why it cannot be done now.
func (a *app) invoke(c command) tea.Cmd {
	if c.disabled != "" {
		a.say("warn", a.tr.T("%s: not now. %s", c.title, c.disabled))
		return nil
	}
	if c.run == nil {
		return nil
	}
	return c.run(a)
}

// interrupt is ctrl+c: it leaves, asking first while something runs; a second one in
// the question leaves at once.
func (a *app) interrupt() tea.Cmd {
	if d, ok := a.dialog().(*askDialog); ok && d.quits {
		return tea.Quit
	}
	if d := a.dialog(); d != nil {
		if c, ok := d.(*confirmDialog); ok {
			a.close(c)
			a.say("info", a.tr.T("Cancelled. Nothing was changed."))
			return nil
		}
	}
	return a.quit()
}

// quit leaves, asking first while a run is in progress.
func (a *app) quit() tea.Cmd {
	st := a.data.shown
	if st == nil || st.Run == nil {
		return tea.Quit
	}
	t := a.tr
	a.show(&askDialog{
		title: t.T("Leave while a run is in progress?"),
		lines: []string{
			t.T("Run %s (%s) goes on in the engine when this console is only attached to it,", st.Run.ID, a.kindWord(st.Run.Kind)),
			t.T("and is recorded as interrupted when the engine lives in this console."),
			t.T("Either way the journal keeps it: `dutyops runs resume %s`.", st.Run.ID),
		},
		yes: t.T("leave"), no: t.T("stay"), quits: true,
		run: func(*app) tea.Cmd { return tea.Quit },
	})
	return nil
}
