package tui

import (
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/dutyops/dutyops/tui/kit"
)

// grace is how long a question takes no for an answer only: keys already under way
// when it opened must not confirm it.
const grace = 425 * time.Millisecond

// askDialog is a yes-or-no question (tier R2). Cancel is the default and focused; yes
// needs its own key or a move to it, a fresh press, and the grace to be over.
type askDialog struct {
	title   string
	lines   []string
	yes, no string
	// reason asks for a line of text before yes counts.
	reason bool
	// quits marks the question about leaving: a second ctrl+c leaves.
	quits  bool
	danger bool
	run    func(a *app) tea.Cmd
	// runText is used instead of run when reason is set.
	runText func(a *app, reason string) tea.Cmd

	onYes  bool
	input  kit.Input
	opened time.Time
	note   string
}

func (d *askDialog) strict() bool { return true }

func (d *askDialog) msg(a *app, m tea.Msg) tea.Cmd {
	if p, ok := m.(tea.PasteMsg); ok && d.reason {
		d.input.Insert(kit.Clean(p.Content))
	}
	return nil
}

func (d *askDialog) key(a *app, k tea.KeyPressMsg) tea.Cmd {
	d.note = ""
	switch k.String() {
	case "esc":
		a.close(d)
		return nil
	case "tab", "left", "right", "shift+tab", "up", "down":
		d.onYes = !d.onYes
		return nil
	case "enter":
		if !d.onYes && !d.reason {
			a.close(d)
			return nil
		}
		return d.accept(a, k)
	}
	if d.reason {
		if !d.input.Key(k) {
			return nil
		}
		return nil
	}
	switch k.String() {
	case "y":
		return d.accept(a, k)
	case "n", "q":
		a.close(d)
	}
	return nil
}

func (d *askDialog) accept(a *app, k tea.KeyPressMsg) tea.Cmd {
	if k.Key().IsRepeat {
		return nil
	}
	if a.opt.Now().Sub(d.opened) < grace {
		d.note = a.tr.T("Read it first; then press again.")
		return nil
	}
	if d.reason {
		if d.input.Text() == "" {
			d.note = a.tr.T("A reason is needed; it goes into the journal.")
			return nil
		}
		a.close(d)
		return d.runText(a, d.input.Text())
	}
	a.close(d)
	return d.run(a)
}

func (d *askDialog) view(a *app, w, _ int) []string {
	th, t := a.th, a.tr
	bw := min(w-4, 76)
	iw := bw - 4
	lines := []string{""}
	for _, s := range d.lines {
		lines = append(lines, kit.Wrap(s, iw)...)
	}
	lines = append(lines, "")
	if d.reason {
		lines = append(lines, th.Dim.Render(t.T("Reason")), d.input.Draw(iw, th), "")
	}
	if d.note != "" {
		lines = append(lines, th.Warn.Render(d.note), "")
	}
	if d.reason {
		lines = append(lines, th.Key.Render("enter")+" "+th.Dim.Render(d.yes)+"   "+th.Key.Render("esc")+" "+th.Dim.Render(d.no))
	} else {
		no, yes := " "+d.no+" (n) ", " "+d.yes+" (y) "
		sel := th.Accent.Reverse(true).Bold(true)
		if d.onYes {
			yes = sel.Render(yes)
			no = th.Dim.Render(no)
		} else {
			no = sel.Render(no)
			yes = th.Dim.Render(yes)
		}
		lines = append(lines, no+"  "+yes)
	}
	lines = append(lines, "")
	title := th.Title.Render(d.title)
	if d.danger {
		title = th.Danger.Render(d.title)
	}
	p := kit.Panel{Theme: th, Title: title, Right: a.badge(), Boxed: true, Focused: true, Inset: true}
	return p.Draw(lines, bw, len(lines)+2)
}

// ask opens a question.
func (a *app) ask(d *askDialog) {
	d.opened = a.opt.Now()
	if d.no == "" {
		d.no = a.tr.T("cancel")
	}
	a.show(d)
}

// chooseDialog is a short list to pick from; it changes nothing by itself.
type chooseDialog struct {
	title string
	items []choice
	// many lets several be marked with space; done gets all of them.
	many   bool
	marked map[int]bool
	done   func(a *app, picked []int) tea.Cmd
	scroll kit.Scroll
}

type choice struct{ text, note string }

func (d *chooseDialog) strict() bool              { return false }
func (d *chooseDialog) msg(*app, tea.Msg) tea.Cmd { return nil }

func (d *chooseDialog) key(a *app, k tea.KeyPressMsg) tea.Cmd {
	switch k.String() {
	case "esc", "q":
		a.close(d)
	case "enter":
		picked := []int{d.scroll.Cursor}
		if d.many {
			picked = nil
			for i := range d.items {
				if d.marked[i] {
					picked = append(picked, i)
				}
			}
			if len(picked) == 0 {
				return nil
			}
		}
		if len(d.items) == 0 {
			return nil
		}
		a.close(d)
		return d.done(a, picked)
	case "space", "x":
		if d.many {
			d.marked[d.scroll.Cursor] = !d.marked[d.scroll.Cursor]
			return nil
		}
	}
	d.scroll.Nav(k.String(), len(d.items), 5)
	return nil
}

func (d *chooseDialog) view(a *app, w, h int) []string {
	th := a.th
	bw := min(w-4, 92)
	nameW := 0
	for _, c := range d.items {
		nameW = max(nameW, kit.Width(c.text))
	}
	from, to := d.scroll.Window(len(d.items), max(h-8, 3))
	lines := []string{""}
	lead := 2 + nameW + 3
	if d.many {
		lead += 4
	}
	room := h - 8
	for i := from; i < to; i++ {
		room -= len(kit.Wrap(d.items[i].note, bw-4-lead))
	}
	for i := from; i < to; i++ {
		var l kit.Line
		mark := " "
		if i == d.scroll.Cursor {
			mark = th.Glyphs.Cursor
		}
		l = l.Add(th.Accent, mark+" ")
		if d.many {
			box := "[ ] "
			if d.marked[i] {
				box = "[x] "
			}
			l = l.Add(th.Accent, box)
		}
		notes := kit.Wrap(d.items[i].note, bw-4-lead)
		if room < 0 || len(notes) == 0 {
			notes = []string{d.items[i].note} // no room for two lines each: cut
		}
		over := &th.Selected
		if i != d.scroll.Cursor {
			over = nil
		}
		l = l.Add(th.Text, kit.Pad(d.items[i].text, nameW)).Add(th.Dim, "   "+kit.Cut(notes[0], bw-4-lead))
		lines = append(lines, l.Draw(bw-4, over))
		for _, more := range notes[1:] {
			lines = append(lines, kit.Line{}.Add(th.Dim, strings.Repeat(" ", lead)+more).Draw(bw-4, over))
		}
	}
	keys := th.Key.Render("enter") + " " + th.Dim.Render(a.tr.T("choose")) + "   " + th.Key.Render("esc") + " " + th.Dim.Render(a.tr.T("back"))
	if d.many {
		keys = th.Key.Render("space") + " " + th.Dim.Render(a.tr.T("mark")) + "   " + keys
	}
	lines = append(lines, "", keys)
	p := kit.Panel{Theme: th, Title: th.Title.Render(d.title), Boxed: true, Focused: true, Inset: true}
	return p.Draw(lines, bw, len(lines)+2)
}
