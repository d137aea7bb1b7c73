package theme

import (
	"reflect"
	"testing"

	"github.com/charmbracelet/x/ansi"

	"github.com/dutyops/dutyops/failoverplan"
)

// TestShapesTellStatesApart: without colour the shape alone must do.
func TestShapesTellStatesApart(t *testing.T) {
	for name, g := range map[string]Glyphs{"unicode": Unicode(), "ascii": ASCII()} {
		seen := map[string]failoverplan.State{}
		for _, s := range []failoverplan.State{failoverplan.Up, failoverplan.Degraded, failoverplan.Down, failoverplan.Unknown, failoverplan.Stale} {
			shape := g.State(s)
			if other, ok := seen[shape]; ok {
				t.Errorf("%s: %s and %s share the shape %q", name, s, other, shape)
			}
			seen[shape] = s
			if ansi.StringWidth(shape) != 1 {
				t.Errorf("%s: the shape of %s is %d cells wide", name, s, ansi.StringWidth(shape))
			}
		}
		if g.MarkSandbox == g.MarkProduction || g.RuleSandbox == g.RuleProduction {
			t.Errorf("%s: sandbox and production look alike without colour", name)
		}
		if g.State("nonsense") != g.Unknown {
			t.Errorf("%s: an unknown word must be drawn as unknown", name)
		}
	}
}

// TestGlyphSetsAreComplete: no field of either set is empty.
func TestGlyphSetsAreComplete(t *testing.T) {
	for _, g := range []Glyphs{Unicode(), ASCII()} {
		v := reflect.ValueOf(g)
		for i := range v.NumField() {
			if v.Field(i).Kind() == reflect.String && v.Field(i).String() == "" {
				t.Errorf("%s is empty", v.Type().Field(i).Name)
			}
		}
		if len(g.Spark) != 8 {
			t.Errorf("%d spark levels", len(g.Spark))
		}
	}
}

func TestIdentityHasItsOwnColour(t *testing.T) {
	a, b := New(Options{Production: true}), New(Options{})
	if a.Badge.Render("x") == b.Badge.Render("x") || a.Rule.Render("x") == b.Rule.Render("x") {
		t.Error("production and sandbox are drawn alike")
	}
}
