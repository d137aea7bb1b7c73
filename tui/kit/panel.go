package kit

import (
	"strings"

	"charm.land/lipgloss/v2"

	"github.com/dutyops/dutyops/tui/theme"
)

// Panel is a titled block. Boxed panels have a border; flat ones, for small screens,
// only a title line with a rule.
type Panel struct {
	Theme   theme.Theme
	Title   string // styled by the caller
	Right   string // styled, at the right end of the title line
	Focused bool
	Boxed   bool
	// Inset leaves a cell free at the left; lists whose rows begin with a cursor need none.
	Inset bool
}

// Inner returns the size left for content in a panel of w x h.
func (p Panel) Inner(w, h int) (int, int) {
	if p.Boxed {
		return max(w-3-p.inset(), 0), max(h-2, 0)
	}
	return max(w-1, 0), max(h-1, 0)
}

func (p Panel) inset() int {
	if p.Inset {
		return 1
	}
	return 0
}

// Chrome is the number of lines that the panel itself takes.
func (p Panel) Chrome() int {
	if p.Boxed {
		return 2
	}
	return 1
}

// Draw returns exactly h lines of exactly w cells.
func (p Panel) Draw(lines []string, w, h int) []string {
	if w <= 0 || h <= 0 {
		return nil
	}
	b := p.Theme.Border
	if p.Focused {
		b = p.Theme.Focus
	}
	g := p.Theme.Glyphs
	iw, ih := p.Inner(w, h)
	body := Fill(lines, iw, ih)
	if !p.Boxed {
		out := []string{p.head(w, b, "", "")}
		for _, l := range body {
			out = append(out, " "+l)
		}
		return out[:min(len(out), h)]
	}
	out := make([]string, 0, h)
	out = append(out, p.head(w, b, g.TL+g.H, g.H+g.TR))
	v := b.Render(g.V)
	for _, l := range body {
		out = append(out, v+strings.Repeat(" ", p.inset())+l+" "+v)
	}
	out = append(out, b.Render(g.BL+strings.Repeat(g.H, max(w-2, 0))+g.BR))
	return out[:min(len(out), h)]
}

// head draws the title line: left corner, title, rule, right text, right corner.
func (p Panel) head(w int, b lipgloss.Style, left, right string) string {
	g := p.Theme.Glyphs
	title, tail := p.Title, p.Right
	room := w - Width(left) - Width(right)
	if tail != "" {
		tail = " " + tail + " "
	}
	if Width(tail) > room/2+2 {
		tail = Cut(tail, room/2+2)
	}
	if title != "" {
		title = " " + title + " "
		if left == "" {
			title = strings.TrimPrefix(title, " ")
			title = " " + title
		}
	}
	title = Cut(title, max(room-Width(tail)-1, 0))
	fill := max(room-Width(title)-Width(tail), 0)
	return b.Render(left) + title + b.Render(strings.Repeat(g.H, fill)) + tail + b.Render(right)
}
