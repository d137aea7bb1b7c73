package theme

import "github.com/dutyops/dutyops/failoverplan"

// Glyphs is one set of shapes. Every glyph is one cell wide by Unicode; terminals
// that draw ambiguous ones two cells wide need the ASCII set.
type Glyphs struct {
	Up, Degraded, Down, Unknown, Stale string

	Arrow, Back, Bullet, Cursor, Dot string
	Done, Failed, Running, Pending   string
	Skipped, Already, Undone         string
	Full, Empty, Bar, Track          string
	// Border pieces: horizontal, vertical, corners.
	H, V, TL, TR, BL, BR string
	// RuleSandbox and RuleProduction are the identity line under the top bar.
	RuleSandbox, RuleProduction string
	// MarkSandbox and MarkProduction are the shapes of the identity badge.
	MarkSandbox, MarkProduction string
	// Spark are the levels of a sparkline, low to high.
	Spark []string
}

// Unicode is the default set.
func Unicode() Glyphs {
	return Glyphs{
		Up: "●", Degraded: "▲", Down: "✖", Unknown: "?", Stale: "◌",
		Arrow: "→", Back: "←", Bullet: "•", Cursor: "▌", Dot: "·",
		Done: "✔", Failed: "✖", Running: "▶", Pending: "○",
		Skipped: "–", Already: "=", Undone: "↺",
		Full: "█", Empty: "░", Bar: "━", Track: "─",
		H: "─", V: "│", TL: "╭", TR: "╮", BL: "╰", BR: "╯",
		RuleSandbox: "╌", RuleProduction: "━",
		MarkSandbox: "◇", MarkProduction: "◆",
		Spark: []string{"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"},
	}
}

// ASCII is the set for terminals and fonts that have nothing else.
func ASCII() Glyphs {
	return Glyphs{
		Up: "o", Degraded: "!", Down: "X", Unknown: "?", Stale: "~",
		Arrow: "->", Back: "<-", Bullet: "*", Cursor: ">", Dot: "-",
		Done: "+", Failed: "X", Running: ">", Pending: ".",
		Skipped: "-", Already: "=", Undone: "<",
		Full: "#", Empty: ".", Bar: "#", Track: ".",
		H: "-", V: "|", TL: "+", TR: "+", BL: "+", BR: "+",
		RuleSandbox: "-", RuleProduction: "=",
		MarkSandbox: "<>", MarkProduction: "##",
		Spark: []string{"_", ".", ":", "-", "=", "+", "*", "#"},
	}
}

// State returns the shape of a health state; anything else is drawn as unknown.
func (g Glyphs) State(s failoverplan.State) string {
	switch s {
	case failoverplan.Up:
		return g.Up
	case failoverplan.Degraded:
		return g.Degraded
	case failoverplan.Down:
		return g.Down
	case failoverplan.Stale:
		return g.Stale
	case failoverplan.Unknown:
		return g.Unknown
	default:
		return g.Unknown
	}
}

// Step returns the shape of a step's state (backend.RunStep).
func (g Glyphs) Step(state string) string {
	switch state {
	case "done":
		return g.Done
	case "already":
		return g.Already
	case "running":
		return g.Running
	case "failed":
		return g.Failed
	case "skipped":
		return g.Skipped
	case "undone":
		return g.Undone
	default:
		return g.Pending
	}
}
