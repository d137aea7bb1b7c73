package kit

import (
	"strings"

	"charm.land/lipgloss/v2"
	"github.com/charmbracelet/x/ansi"
)

// Overlay puts box over base at (x, y); what stays visible of base is drawn in the
// style back, so that the eye goes to the box. Lines keep their width.
func Overlay(base, box []string, x, y int, back lipgloss.Style) []string {
	out := make([]string, len(base))
	for i, line := range base {
		plain := ansi.Strip(line)
		w := Width(plain)
		k := i - y
		if k < 0 || k >= len(box) {
			out[i] = back.Render(plain)
			continue
		}
		bw := Width(box[k])
		left := Pad(cutCells(plain, 0, x), x)
		right := cutCells(plain, x+bw, w)
		right = strings.Repeat(" ", max(w-x-bw-Width(right), 0)) + right
		out[i] = back.Render(left) + box[k] + back.Render(right)
	}
	return out
}

// cutCells returns the cells from..to of plain text; a wide character across an edge is dropped.
func cutCells(s string, from, to int) string {
	var b strings.Builder
	pos := 0
	for s != "" {
		cl, w := ansi.FirstGraphemeCluster(s, ansi.GraphemeWidth)
		if cl == "" {
			break
		}
		if pos >= from && pos+w <= to {
			b.WriteString(cl)
		}
		pos += w
		s = s[len(cl):]
	}
	return b.String()
}
