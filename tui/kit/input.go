package kit

import (
	"strings"

	tea "charm.land/bubbletea/v2"

	"github.com/dutyops/dutyops/tui/theme"
)

// maxInput bounds a typed line, in characters.
const maxInput = 200

// Input is one line of typed text. The zero value is empty. Not safe for concurrent use.
type Input struct{ runes []rune }

// Text is what was typed, without spaces at the ends.
func (i *Input) Text() string { return strings.TrimSpace(string(i.runes)) }

// Set replaces the text.
func (i *Input) Set(s string) { i.runes = []rune(s) }

// Insert adds text at the end.
func (i *Input) Insert(s string) {
	for _, r := range s {
		if len(i.runes) < maxInput {
			i.runes = append(i.runes, r)
		}
	}
}

// Key takes an editing key; it is false for keys that edit nothing.
func (i *Input) Key(k tea.KeyPressMsg) bool {
	switch k.String() {
	case "backspace", "ctrl+h":
		if n := len(i.runes); n > 0 {
			i.runes = i.runes[:n-1]
		}
	case "ctrl+u":
		i.runes = nil
	case "ctrl+w":
		s := strings.TrimRight(string(i.runes), " ")
		i.runes = []rune(s[:strings.LastIndexByte(s, ' ')+1])
	default:
		if k.Text == "" || k.Mod.Contains(tea.ModCtrl) || k.Mod.Contains(tea.ModAlt) {
			return false
		}
		i.Insert(Clean(k.Text))
	}
	return true
}

// Draw renders the line in w cells with a block where the next character goes; the
// end stays in sight when the text is longer.
func (i *Input) Draw(w int, th theme.Theme) string {
	s := string(i.runes)
	for Width(s) > w-3 && s != "" {
		r := []rune(s)
		s = string(r[1:])
	}
	cur := th.Accent.Reverse(true).Render(" ")
	line := th.Accent.Render("> ") + th.Strong.Render(s) + cur
	return Pad(line, w)
}
