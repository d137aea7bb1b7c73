package tui

import (
	"sort"
	"strings"

	tea "charm.land/bubbletea/v2"

	"github.com/dutyops/dutyops/tui/kit"
)

// palette finds any command, site or component by a few letters.
type palette struct {
	cmds   []command
	input  kit.Input
	scroll kit.Scroll
}

func newPalette(a *app) *palette {
	var cmds []command
	for _, c := range a.commands() {
		if c.run != nil && c.id != "palette" {
			cmds = append(cmds, c)
		}
	}
	return &palette{cmds: append(cmds, a.componentCommands()...)}
}

func (p *palette) strict() bool { return false }

func (p *palette) msg(_ *app, m tea.Msg) tea.Cmd {
	if x, ok := m.(tea.PasteMsg); ok {
		p.input.Insert(kit.Clean(x.Content))
		p.scroll = kit.Scroll{}
	}
	return nil
}

// found lists the matching commands, best first.
func (p *palette) found() []command {
	type hit struct {
		c     command
		score int
	}
	var hits []hit
	for _, c := range p.cmds {
		best, ok := kit.Fuzzy(p.input.Text(), c.title)
		if s, ok2 := kit.Fuzzy(p.input.Text(), c.id); ok2 && (!ok || s > best) {
			best, ok = s, true
		}
		if ok {
			hits = append(hits, hit{c, best})
		}
	}
	sort.SliceStable(hits, func(i, j int) bool { return hits[i].score > hits[j].score })
	out := make([]command, len(hits))
	for i, h := range hits {
		out[i] = h.c
	}
	return out
}

func (p *palette) key(a *app, k tea.KeyPressMsg) tea.Cmd {
	found := p.found()
	switch k.String() {
	case "esc", "ctrl+p":
		a.close(p)
	case "up", "ctrl+k":
		p.scroll.Move(-1, len(found))
	case "down", "ctrl+j", "ctrl+n", "tab":
		p.scroll.Move(1, len(found))
	case "pgdown", "pgup":
		p.scroll.Nav(k.String(), len(found), 8)
	case "enter":
		if p.scroll.Cursor >= len(found) {
			return nil
		}
		a.close(p)
		return a.invoke(found[p.scroll.Cursor])
	default:
		if p.input.Key(k) {
			p.scroll = kit.Scroll{}
		}
	}
	return nil
}

func (p *palette) view(a *app, w, h int) []string {
	th, t := a.th, a.tr
	bw := min(w-4, 92)
	iw := bw - 4
	rows := min(h-8, 16)
	found := p.found()
	lines := []string{p.input.Draw(iw, th), ""}
	from, to := p.scroll.Window(len(found), rows)
	for i := from; i < to; i++ {
		c := found[i]
		var l kit.Line
		mark := " "
		if i == p.scroll.Cursor {
			mark = th.Glyphs.Cursor
		}
		name, help, hs := th.Text, c.help, th.Dim
		if c.disabled != "" {
			name, help, hs = th.Faint, t.T("not now: %s", c.disabled), th.Note
		}
		tw := min(34, iw/2)
		keys := keyNames(c.keys)
		l = l.Add(th.Accent, mark+" ").Add(name, kit.Pad(c.title, tw)+" ").Add(hs, kit.Pad(kit.Clean(help), max(iw-tw-3-10, 0))).Add(th.Key, kit.PadLeft(keys, 9))
		if i == p.scroll.Cursor {
			lines = append(lines, l.Draw(iw, &th.Selected))
		} else {
			lines = append(lines, l.Draw(iw, nil))
		}
	}
	for len(lines) < rows+2 {
		lines = append(lines, "")
	}
	shell := ""
	if p.scroll.Cursor < len(found) && found[p.scroll.Cursor].shell != "" {
		shell = "$ " + strings.TrimSpace(found[p.scroll.Cursor].shell)
	}
	lines = append(lines, th.Faint.Render(kit.Cut(shell, iw)))
	panel := kit.Panel{Theme: th, Title: th.Title.Render(t.T("Command palette")), Right: th.Dim.Render(t.T("%d found", len(found))), Boxed: true, Focused: true, Inset: true}
	return panel.Draw(lines, bw, len(lines)+2)
}
