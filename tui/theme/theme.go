package theme

import (
	"charm.land/lipgloss/v2"

	"github.com/dutyops/dutyops/failoverplan"
)

// Options select a theme.
type Options struct {
	// Dark is the terminal's background; most consoles are dark.
	Dark bool
	// NoColor marks selection by reverse video, for terminals without colour.
	NoColor bool
	// ASCII selects the plain glyphs.
	ASCII bool
	// Production selects the identity colour.
	Production bool
}

// Theme is every style the face uses. Values are immutable; safe to share.
type Theme struct {
	Options
	Glyphs Glyphs

	Text, Strong, Dim, Faint, Accent, Title lipgloss.Style
	Border, Focus, Selected, Key            lipgloss.Style
	Good, Warn, Bad, Odd                    lipgloss.Style
	// Badge is the identity block; Rule the identity line; Bar the rest of the top bar.
	Badge, Rule, Bar lipgloss.Style
	// Added and Removed colour a record diff.
	Added, Removed lipgloss.Style
	// Danger is the title of a dialog that changes the world.
	Danger lipgloss.Style
}

// New builds the theme. The colours are chosen once here: one accent, three state
// colours, four greys; everything else is weight and space.
func New(o Options) Theme {
	pick := lipgloss.LightDark(o.Dark)
	c := func(light, dark string) lipgloss.Style {
		return lipgloss.NewStyle().Foreground(pick(lipgloss.Color(light), lipgloss.Color(dark)))
	}
	t := Theme{Options: o, Glyphs: Unicode()}
	if o.ASCII {
		t.Glyphs = ASCII()
	}
	t.Text = lipgloss.NewStyle()
	t.Strong = lipgloss.NewStyle().Bold(true)
	t.Dim = c("#5b6470", "#9aa4af")
	t.Faint = c("#8d96a0", "#68727e")
	t.Accent = c("#1f5fa8", "#7fb4f0")
	t.Title = c("#1b2733", "#e3e8ee").Bold(true)
	t.Border = c("#c3cad1", "#3d4650")
	t.Focus = c("#1f5fa8", "#5d8fc7")
	t.Key = c("#1f5fa8", "#7fb4f0")
	t.Good = c("#1a7f37", "#7cc47f")
	t.Warn = c("#9a6700", "#e3b341").Bold(true)
	t.Bad = c("#b42318", "#ff7b72").Bold(true)
	t.Odd = c("#6b5b95", "#b8a5e3")
	t.Added = c("#1a7f37", "#7cc47f")
	t.Removed = c("#8d96a0", "#8a939d")
	t.Danger = c("#b42318", "#ff7b72").Bold(true)
	t.Selected = lipgloss.NewStyle().Background(pick(lipgloss.Color("#dde8f5"), lipgloss.Color("#27313d")))
	t.Bar = c("#3a444f", "#b9c2cc")
	badge, rule := "#2c8f88", "#2c8f88"
	if o.Production {
		badge, rule = "#b3261e", "#b3261e"
	}
	t.Badge = lipgloss.NewStyle().Bold(true).Foreground(lipgloss.Color("#ffffff")).Background(lipgloss.Color(badge))
	t.Rule = lipgloss.NewStyle().Foreground(lipgloss.Color(rule))
	if o.NoColor {
		t.Badge = lipgloss.NewStyle().Bold(true).Reverse(true)
		t.Selected = lipgloss.NewStyle().Reverse(true)
	}
	return t
}

// State returns the style of a health state.
func (t Theme) State(s failoverplan.State) lipgloss.Style {
	switch s {
	case failoverplan.Up:
		return t.Good
	case failoverplan.Degraded:
		return t.Warn
	case failoverplan.Down:
		return t.Bad
	case failoverplan.Unknown:
		return t.Odd
	case failoverplan.Stale:
		return t.Faint
	default:
		return t.Odd
	}
}

// Level returns the style of an event's level (backend.Event).
func (t Theme) Level(level string) lipgloss.Style {
	switch level {
	case "good":
		return t.Good
	case "warn":
		return t.Warn
	case "bad":
		return t.Bad
	default:
		return t.Dim
	}
}

// Step returns the style of a step's state (backend.RunStep).
func (t Theme) Step(state string) lipgloss.Style {
	switch state {
	case "done", "already":
		return t.Good
	case "running":
		return t.Accent
	case "failed":
		return t.Bad
	case "skipped", "undone":
		return t.Warn
	default:
		return t.Faint
	}
}
