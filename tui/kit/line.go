package kit

import (
	"strings"

	"charm.land/lipgloss/v2"
)

// Seg is a run of text in one style.
type Seg struct {
	Text  string
	Style lipgloss.Style
}

// Line is a row made of styled runs; it can be drawn selected as a whole.
type Line []Seg

// Add appends a run and returns the longer line.
func (l Line) Add(style lipgloss.Style, text string) Line {
	return append(l, Seg{text, style})
}

// Width is the number of cells of the line.
func (l Line) Width() int {
	n := 0
	for _, s := range l {
		n += Width(s.Text)
	}
	return n
}

// Draw renders exactly w cells. over, when not nil, is laid under every run: the
// background of a selected row.
func (l Line) Draw(w int, over *lipgloss.Style) string {
	var b strings.Builder
	room := w
	put := func(style lipgloss.Style, text string) {
		if text == "" {
			return
		}
		if over != nil {
			style = style.Inherit(*over)
		}
		b.WriteString(style.Render(text))
	}
	for _, s := range l {
		if room <= 0 {
			break
		}
		t := s.Text
		if Width(t) > room {
			t = Pad(t, room)
		}
		room -= Width(t)
		put(s.Style, t)
	}
	if room > 0 {
		put(lipgloss.NewStyle(), strings.Repeat(" ", room))
	}
	return b.String()
}
