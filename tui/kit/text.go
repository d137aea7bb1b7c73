package kit

import (
	"strings"
	"unicode"

	"github.com/charmbracelet/x/ansi"
)

// Width is the number of cells of s; escape sequences count nothing.
func Width(s string) int { return ansi.StringWidth(s) }

// Clean makes text from outside (server messages, reasons) safe to draw: no escape
// sequences, no control characters, one line.
func Clean(s string) string {
	s = ansi.Strip(s)
	return strings.Map(func(r rune) rune {
		if r == '\t' || r == '\n' || r == '\r' {
			return ' '
		}
		if unicode.IsControl(r) || r == '\u202e' || r == '\u2066' || r == '\u2067' || r == '\u202d' {
			return -1
		}
		return r
	}, s)
}

// Cut shortens s to at most w cells, with an ellipsis when something is lost.
func Cut(s string, w int) string {
	if w <= 0 {
		return ""
	}
	if Width(s) <= w {
		return s
	}
	if w == 1 {
		return ansi.Truncate(s, 1, "")
	}
	return ansi.Truncate(s, w, "…")
}

// Pad cuts or fills s to exactly w cells, text at the left.
func Pad(s string, w int) string {
	s = Cut(s, w)
	if n := w - Width(s); n > 0 {
		s += strings.Repeat(" ", n)
	}
	return s
}

// PadLeft cuts or fills s to exactly w cells, text at the right.
func PadLeft(s string, w int) string {
	s = Cut(s, w)
	if n := w - Width(s); n > 0 {
		s = strings.Repeat(" ", n) + s
	}
	return s
}

// Spread puts left and right at the ends of a line of exactly w cells; left gives way.
func Spread(left, right string, w int) string {
	rw := Width(right)
	if rw >= w {
		return Pad(right, w)
	}
	return Pad(left, w-rw-1) + " " + right
}

// Center puts s in the middle of w cells.
func Center(s string, w int) string {
	s = Cut(s, w)
	return Pad(strings.Repeat(" ", (w-Width(s))/2)+s, w)
}

// Wrap breaks s into lines of at most w cells at spaces, and inside words that are
// longer than a line.
func Wrap(s string, w int) []string {
	if w <= 0 || s == "" {
		return nil
	}
	lines := strings.Split(ansi.Wrap(s, w, ""), "\n")
	for i, l := range lines {
		lines[i] = strings.TrimRight(l, " ")
	}
	return lines
}

// Bullet wraps s with a mark before the first line and an indent before the others.
func Bullet(mark, s string, w int) []string {
	mw := Width(mark) + 1
	var out []string
	for i, l := range Wrap(s, w-mw) {
		if i == 0 {
			out = append(out, mark+" "+l)
		} else {
			out = append(out, strings.Repeat(" ", mw)+l)
		}
	}
	return out
}

// Fill makes lines exactly h lines of exactly w cells.
func Fill(lines []string, w, h int) []string {
	out := make([]string, 0, h)
	for i := range h {
		if i < len(lines) {
			out = append(out, Pad(lines[i], w))
		} else {
			out = append(out, strings.Repeat(" ", w))
		}
	}
	return out
}

// Beside joins blocks of equal height side by side with a gap.
func Beside(gap int, blocks ...[]string) []string {
	h := 0
	for _, b := range blocks {
		h = max(h, len(b))
	}
	out := make([]string, h)
	space := strings.Repeat(" ", gap)
	for i := range out {
		parts := make([]string, 0, len(blocks))
		for _, b := range blocks {
			switch {
			case i < len(b):
				parts = append(parts, b[i])
			case len(b) > 0:
				parts = append(parts, strings.Repeat(" ", Width(b[0])))
			}
		}
		out[i] = strings.Join(parts, space)
	}
	return out
}
