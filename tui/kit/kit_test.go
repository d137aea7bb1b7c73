package kit

import (
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
	"charm.land/lipgloss/v2"

	"github.com/dutyops/dutyops/tui/theme"
)

func TestPadAndCutCountCells(t *testing.T) {
	for _, s := range []string{"", "abc", "主用机房", "a主b用c", strings.Repeat("长", 40)} {
		for w := range 30 {
			for _, got := range []string{Pad(s, w), PadLeft(s, w), Center(s, w), Spread(s, "右", w)} {
				if Width(got) != w {
					t.Fatalf("%q in %d cells gave %d: %q", s, w, Width(got), got)
				}
			}
		}
	}
	if got := Cut("abcdef", 4); got != "abc…" {
		t.Fatalf("Cut gave %q", got)
	}
}

func TestCleanRemovesWhatDraws(t *testing.T) {
	got := Clean("a\x1b[31mred\x1b[0m\x07b\tc\nd\u202ee")
	if got != "aredb c de" {
		t.Fatalf("got %q", got)
	}
}

func TestNumbersAreCoarse(t *testing.T) {
	for in, want := range map[float64]string{0: "", 0.4: "<1 ms", 3.2: "3 ms", 87.4: "87 ms", 123: "120 ms", 1240: "1.2 s", 12400: "12 s"} {
		if got := Latency(in); got != want {
			t.Errorf("Latency(%v) = %q, want %q", in, got, want)
		}
	}
	for in, want := range map[float64]string{-1: "", 0.3: "<1 s", 3.4: "3 s", 27: "25 s", 130: "2 min", 8000: "2 h"} {
		if got := Lag(in); got != want {
			t.Errorf("Lag(%v) = %q, want %q", in, got, want)
		}
	}
	for in, want := range map[time.Duration]string{5 * time.Second: "<1 min", 90 * time.Second: "1 min", 3 * time.Hour: "3 h", 72 * time.Hour: "3 d"} {
		if got := Age(in); got != want {
			t.Errorf("Age(%v) = %q, want %q", in, got, want)
		}
	}
	for in, want := range map[int64]string{0: "0 s", 340: "340 ms", 4200: "4.2 s", 125000: "2:05"} {
		if got := Millis(in); got != want {
			t.Errorf("Millis(%v) = %q, want %q", in, got, want)
		}
	}
}

func TestSteadyHoldsWhatTrembles(t *testing.T) {
	if got := Steady(10, 12); got != 10 {
		t.Errorf("10 -> 12 shows %v", got)
	}
	if got := Steady(10, 20); got != 20 {
		t.Errorf("10 -> 20 shows %v", got)
	}
	if got := Steady(10, -1); got != -1 {
		t.Errorf("unknown must be shown at once, got %v", got)
	}
}

func TestPanelsAreExact(t *testing.T) {
	th := theme.New(theme.Options{})
	for _, boxed := range []bool{true, false} {
		for w := 8; w < 60; w += 3 {
			for h := 2; h < 9; h++ {
				p := Panel{Theme: th, Title: "标题 title", Right: "● up", Boxed: boxed}
				lines := p.Draw([]string{"一行内容 one line", "two"}, w, h)
				if len(lines) != h {
					t.Fatalf("%d lines, want %d", len(lines), h)
				}
				for _, l := range lines {
					if Width(l) != w {
						t.Fatalf("boxed %v, %dx%d: line of %d cells %q", boxed, w, h, Width(l), l)
					}
				}
			}
		}
	}
}

func TestOverlayKeepsWidths(t *testing.T) {
	base := []string{strings.Repeat("主", 20), strings.Repeat("ab", 20), strings.Repeat("a主", 13) + "b"}
	for x := range 30 {
		for _, l := range Overlay(base, []string{"[box]", "[框x]"}, x, 0, lipgloss.NewStyle())[:2] {
			if Width(l) != 40 {
				t.Fatalf("x=%d: %d cells %q", x, Width(l), l)
			}
		}
	}
}

func TestFuzzyFindsWordStartsFirst(t *testing.T) {
	best := func(p string, items ...string) string {
		top, name := -1<<30, ""
		for _, it := range items {
			if s, ok := Fuzzy(p, it); ok && s > top {
				top, name = s, it
			}
		}
		return name
	}
	if got := best("fo", "Info", "Fail over"); got != "Fail over" {
		t.Errorf("fo found %q", got)
	}
	if got := best("kafka", "primary/data/kafka", "Break all kinds of a key"); got != "primary/data/kafka" {
		t.Errorf("kafka found %q", got)
	}
	if _, ok := Fuzzy("xyz", "Fail over"); ok {
		t.Error("xyz matched")
	}
}

func TestScrollKeepsTheCursorInSight(t *testing.T) {
	var s Scroll
	for i, k := range strings.Fields("j j j j j G k k g pgdown pgdown G pgup") {
		s.Nav(k, 30, 7)
		from, to := s.Window(30, 6)
		if s.Cursor < from || s.Cursor >= to || to-from != 6 {
			t.Fatalf("key %d %s: cursor %d outside %d..%d", i, k, s.Cursor, from, to)
		}
	}
	if s.Nav("x", 30, 7) {
		t.Error("x is no list key")
	}
}

func TestInputEdits(t *testing.T) {
	var in Input
	for _, r := range "ab主c" {
		in.Key(tea.KeyPressMsg{Code: r, Text: string(r)})
	}
	in.Key(tea.KeyPressMsg{Code: tea.KeyBackspace})
	if in.Text() != "ab主" {
		t.Fatalf("text %q", in.Text())
	}
	in.Key(tea.KeyPressMsg{Code: tea.KeyLeft})
	in.Key(tea.KeyPressMsg{Code: 'z', Text: "z"})
	if in.Text() != "abz主" {
		t.Fatalf("typed before the last character: %q", in.Text())
	}
	in.Key(tea.KeyPressMsg{Code: 'u', Mod: tea.ModCtrl})
	if in.Text() != "主" {
		t.Fatalf("cleared up to the cursor: %q", in.Text())
	}
	in.Set("one two")
	in.Key(tea.KeyPressMsg{Code: 'w', Mod: tea.ModCtrl})
	if in.Text() != "one" {
		t.Fatalf("cleared a word: %q", in.Text())
	}
	if in.Key(tea.KeyPressMsg{Code: 'v', Mod: tea.ModCtrl}) {
		t.Error("ctrl+v must not read a clipboard")
	}
	for _, k := range []rune{tea.KeyEnter, tea.KeyEscape, tea.KeyUp, tea.KeyTab} {
		if in.Key(tea.KeyPressMsg{Code: k}) {
			t.Errorf("key %d is the page's, not the line's", k)
		}
	}
	in.Set("ab主")
	if in.Key(tea.KeyPressMsg{Code: tea.KeyF1}) {
		t.Error("F1 edits nothing")
	}
	in.Insert(strings.Repeat("x", 500))
	if n := len([]rune(in.Text())); n != maxInput {
		t.Errorf("%d characters, the bound is %d", n, maxInput)
	}
	if w := Width(in.Draw(20, theme.New(theme.Options{}))); w != 20 {
		t.Errorf("drawn in %d cells, want 20", w)
	}
}

func TestSparkAndBar(t *testing.T) {
	if got := Spark([]float64{1, -1, 4, 8}, 10, []string{"_", "-", "#"}); got != "_ -#" {
		t.Errorf("spark %q", got)
	}
	if got := Bar(1, 4, 8, "#", "."); got != "##......" {
		t.Errorf("bar %q", got)
	}
}
