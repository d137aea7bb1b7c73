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
	Good, Warn, Bad, Odd, Note              lipgloss.Style
	// Badge is the identity block; Rule the identity line; Bar the rest of the top bar.
	Badge, Rule, Bar lipgloss.Style
	// Added and Removed colour a record diff.
	Added, Removed lipgloss.Style
	// Danger is the title of a dialog that changes the world.
	Danger lipgloss.Style
}

// New builds the theme. The colours are chosen once here: one accent, three state
// colours, four greys; everything else is weight and space. All are colours of the
// 256-colour palette, so a terminal without true colour shows the same picture.
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
	t.Dim = c("#585858", "#a8a8a8")
	t.Faint = c("#8a8a8a", "#767676")
	t.Accent = c("#005faf", "#87afd7")
	t.Title = c("#1c1c1c", "#eeeeee").Bold(true)
	t.Border = c("#bcbcbc", "#444444")
	t.Focus = c("#005faf", "#5f87af")
	t.Key = c("#005faf", "#87afd7")
	t.Good = c("#008700", "#87af5f")
	t.Warn = c("#af5f00", "#d7af5f").Bold(true)
	t.Note = c("#af5f00", "#d7af5f")
	t.Bad = c("#d70000", "#ff5f5f").Bold(true)
	t.Odd = c("#5f5faf", "#af87d7")
	t.Added = c("#008700", "#87af5f")
	t.Removed = c("#8a8a8a", "#8a8a8a")
	t.Danger = c("#d70000", "#ff5f5f").Bold(true)
	t.Selected = lipgloss.NewStyle().Background(pick(lipgloss.Color("#d7d7ff"), lipgloss.Color("#303030")))
	t.Bar = c("#3a3a3a", "#bcbcbc")
	badge, rule := "#008787", "#008787"
	if o.Production {
		badge, rule = "#af0000", "#d70000"
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
