package kit

import (
	"strings"

	"charm.land/bubbles/v2/key"
	"charm.land/bubbles/v2/textinput"
	tea "charm.land/bubbletea/v2"

	"github.com/dutyops/dutyops/tui/theme"
)

// maxInput bounds a typed line, in characters.
const maxInput = 200

// Input is one line of typed text, with the editing keys of a shell. The zero value is
// empty. It never reads the clipboard: whoever takes pastes calls Insert. Not safe for
// concurrent use.
type Input struct{ model *textinput.Model }

func (i *Input) line() *textinput.Model {
	if i.model == nil {
		m := textinput.New()
		m.CharLimit = maxInput
		m.KeyMap.Paste = key.NewBinding(key.WithDisabled())
		m.KeyMap.AcceptSuggestion = key.NewBinding(key.WithDisabled())
		m.KeyMap.NextSuggestion = key.NewBinding(key.WithDisabled())
		m.KeyMap.PrevSuggestion = key.NewBinding(key.WithDisabled())
		m.Focus()
		i.model = &m
	}
	return i.model
}

// Text is what was typed, without spaces at the ends.
func (i *Input) Text() string { return strings.TrimSpace(i.line().Value()) }

// Set replaces the text and puts the cursor behind it.
func (i *Input) Set(s string) {
	i.line().SetValue(s)
	i.line().CursorEnd()
}

// Insert adds text at the cursor, as far as there is room.
func (i *Input) Insert(s string) {
	m := i.line()
	text, at := []rune(m.Value()), m.Position()
	add := []rune(s)
	add = add[:min(len(add), max(0, maxInput-len(text)))]
	m.SetValue(string(text[:at]) + string(add) + string(text[at:]))
	m.SetCursor(at + len(add))
}

// Key takes an editing key; it is false for keys that edit nothing.
func (i *Input) Key(k tea.KeyPressMsg) bool {
	m := i.line()
	if k.Text != "" && !k.Mod.Contains(tea.ModCtrl) && !k.Mod.Contains(tea.ModAlt) {
		i.Insert(Clean(k.Text))
		return true
	}
	keys := m.KeyMap
	if !key.Matches(k, keys.CharacterForward, keys.CharacterBackward, keys.WordForward, keys.WordBackward, keys.DeleteWordBackward,
		keys.DeleteWordForward, keys.DeleteAfterCursor, keys.DeleteBeforeCursor, keys.DeleteCharacterBackward, keys.DeleteCharacterForward,
		keys.LineStart, keys.LineEnd) {
		return false
	}
	*m, _ = m.Update(k)
	return true
}

// Draw renders the line in w cells with a block where the next character goes; the
// cursor stays in sight when the text is longer.
func (i *Input) Draw(w int, th theme.Theme) string {
	text, at := []rune(i.line().Value()), i.line().Position()
	before, under, after := string(text[:at]), " ", ""
	if at < len(text) {
		under, after = string(text[at]), string(text[at+1:])
	}
	for Width(before)+Width(under) > w-2 && before != "" {
		before = string([]rune(before)[1:])
	}
	line := th.Accent.Render("> ") + th.Strong.Render(before) + th.Accent.Reverse(true).Render(under) + th.Strong.Render(after)
	return Pad(line, w)
}
