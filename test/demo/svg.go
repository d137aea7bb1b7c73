package main

import (
	"fmt"
	"html"
	"strconv"
	"strings"

	"github.com/charmbracelet/x/ansi"
)

// pen is the style that SGR sequences have set so far.
type pen struct {
	fg, bg                           string
	bold, faint, italic, under, swap bool
}

const (
	cellW, cellH = 9, 19
	paper, ink   = "#0f1216", "#d5d9de"
)

var basic = [16]string{
	"#20242a", "#d76a6a", "#85b96b", "#d2b063", "#6f9bd3", "#b288c4", "#66b2b6", "#c3c8ce",
	"#69717b", "#f08080", "#a2d886", "#f2d072", "#92bdf2", "#d2aae2", "#8ad8dc", "#f7f9fb",
}

// drawSVG lays a captured screen out cell by cell.
func drawSVG(screen string, cols, rows int) string {
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d"><rect width="100%%" height="100%%" fill="%s"/>`, cols*cellW+24, rows*cellH+24, paper)
	b.WriteString(`<g font-family="DejaVu Sans Mono, Noto Sans Mono CJK SC" font-size="15" xml:space="preserve">`)
	var p pen
	for y, line := range strings.Split(strings.TrimRight(screen, "\n"), "\n") {
		if y >= rows {
			break
		}
		drawLine(&b, line, y, &p)
	}
	b.WriteString("</g></svg>")
	return b.String()
}

func drawLine(b *strings.Builder, line string, y int, p *pen) {
	x, state := 0, byte(0)
	for len(line) > 0 {
		seq, width, n, next := ansi.DecodeSequence(line, state, nil)
		if width == 0 {
			if strings.HasPrefix(seq, "\x1b[") && strings.HasSuffix(seq, "m") {
				p.sgr(seq[2 : len(seq)-1])
			}
		} else {
			p.cell(b, seq, x, y, width)
			x += width
		}
		line, state = line[n:], next
	}
}

func (p *pen) cell(b *strings.Builder, text string, x, y, width int) {
	fg, bg := p.fg, p.bg
	if fg == "" {
		fg = ink
	}
	if p.swap {
		if bg == "" {
			bg = paper
		}
		fg, bg = bg, fg
	}
	px, py := 12+x*cellW, 12+y*cellH
	if bg != "" {
		fmt.Fprintf(b, `<rect x="%d" y="%d" width="%d" height="%d" fill="%s"/>`, px, py, width*cellW, cellH, bg)
	}
	if strings.TrimSpace(text) == "" {
		return
	}
	style := ""
	for _, s := range []struct {
		on   bool
		attr string
	}{{p.bold, ` font-weight="bold"`}, {p.faint, ` opacity=".65"`}, {p.italic, ` font-style="italic"`}, {p.under, ` text-decoration="underline"`}} {
		if s.on {
			style += s.attr
		}
	}
	fmt.Fprintf(b, `<text x="%d" y="%d" fill="%s"%s>%s</text>`, px, py+15, fg, style, html.EscapeString(text))
}

// sgr applies one "select graphic rendition" sequence (ECMA-48).
func (p *pen) sgr(params string) {
	var n []int
	for _, s := range strings.FieldsFunc(params, func(r rune) bool { return r == ';' || r == ':' }) {
		v, err := strconv.Atoi(s)
		if err != nil {
			return
		}
		n = append(n, v)
	}
	if len(n) == 0 {
		n = []int{0}
	}
	for i := 0; i < len(n); i++ {
		switch c := n[i]; {
		case c == 0:
			*p = pen{}
		case c == 1:
			p.bold = true
		case c == 2:
			p.faint = true
		case c == 3:
			p.italic = true
		case c == 4:
			p.under = true
		case c == 7:
			p.swap = true
		case c == 22:
			p.bold, p.faint = false, false
		case c == 23:
			p.italic = false
		case c == 24:
			p.under = false
		case c == 27:
			p.swap = false
		case c >= 30 && c <= 37:
			p.fg = basic[c-30]
		case c >= 90 && c <= 97:
			p.fg = basic[c-82]
		case c >= 40 && c <= 47:
			p.bg = basic[c-40]
		case c >= 100 && c <= 107:
			p.bg = basic[c-92]
		case c == 39:
			p.fg = ""
		case c == 49:
			p.bg = ""
		case (c == 38 || c == 48) && i+2 < len(n):
			col, used := extended(n[i+1:])
			i += used
			if c == 38 {
				p.fg = col
			} else {
				p.bg = col
			}
		}
	}
}

// extended reads the colour after a 38 or 48: 5;N or 2;R;G;B.
func extended(n []int) (colour string, used int) {
	switch {
	case n[0] == 5:
		return palette(n[1]), 2
	case n[0] == 2 && len(n) >= 4:
		return fmt.Sprintf("#%02x%02x%02x", n[1], n[2], n[3]), 4
	}
	return "", len(n)
}

func palette(n int) string {
	switch {
	case n < 16:
		return basic[n]
	case n < 232:
		n -= 16
		level := func(v int) int {
			if v == 0 {
				return 0
			}
			return 55 + 40*v
		}
		return fmt.Sprintf("#%02x%02x%02x", level(n/36), level(n/6%6), level(n%6))
	}
	g := 8 + 10*(n-232)
	return fmt.Sprintf("#%02x%02x%02x", g, g, g)
}
