package tui

import (
	"fmt"
	"testing"
	"time"

	"github.com/dutyops/dutyops/failoverplan"
	"github.com/dutyops/dutyops/tui/demo"
)

// TestGoldenDashboard holds the dashboard of a failing site against pictures of all
// sizes, languages and glyph sets, coloured ones with their escapes.
func TestGoldenDashboard(t *testing.T) {
	for _, size := range [][2]int{{80, 24}, {120, 40}, {200, 60}} {
		for _, lang := range []string{"en", "zh"} {
			for _, look := range []string{"colour", "ascii"} {
				name := fmt.Sprintf("dashboard-%dx%d-%s-%s", size[0], size[1], lang, look)
				t.Run(name, func(t *testing.T) {
					r := newRig(t, size[0], size[1], Options{Language: lang, ASCII: look == "ascii"}, demo.Options{Chinese: lang == "zh"})
					r.w.BusinessDown()
					r.clock.add(4 * time.Minute)
					r.refresh()
					r.send(beatMsg{})
					r.fits()
					if look == "colour" {
						golden(t, name, r.a.View().Content)
						return
					}
					golden(t, name, r.screenText())
				})
			}
		}
	}
}

// TestGoldenScreens holds every other page, in both languages, at two sizes.
func TestGoldenScreens(t *testing.T) {
	pages := []struct {
		name  string
		setup func(r *rig)
		keys  []string
	}{
		{"calm", nil, nil},
		{"detail", (*rig).down, []string{"enter"}},
		{"site", (*rig).down, []string{"1"}},
		{"plan", (*rig).down, []string{"f"}},
		{"plan-site-down", func(r *rig) { r.w.Break("primary", failoverplan.Down, "no answer"); r.refresh() }, []string{"f"}},
		{"blocked", func(r *rig) { r.w.Blocked = true; r.down() }, []string{"f"}},
		{"stopped", func(r *rig) { r.w.BadName = true; r.down() }, []string{"f"}},
		{"manual", func(r *rig) { r.w.APIDown = true; r.down() }, []string{"f", "p"}},
		{"planned", nil, []string{"f", "l"}},
		{"confirm", (*rig).down, []string{"f", "enter"}},
		{"arming", (*rig).down, []string{"f", "enter", "text:standby", "enter", "text:storm", "enter"}},
		{"journal", func(r *rig) { r.w.Journal() }, []string{"a"}},
		{"dns", func(r *rig) { r.w.Lag("sha.gss.example.test", 1) }, []string{"d"}},
		{"board", func(r *rig) {
			r.down()
			r.w.Break("primary", failoverplan.Down, "")
			r.w.Lag("sha.gss.example.test", 1)
			r.refresh()
		}, []string{"v"}},
		{"ready", nil, []string{"z"}},
		{"events", (*rig).down, []string{"e"}},
		{"checks", nil, []string{"c"}},
		{"faults", nil, []string{"x"}},
		{"help", nil, []string{"?"}},
		{"palette", nil, []string{":", "text:pri"}},
		{"parked", func(r *rig) { r.down(); r.w.FailStep = "s02"; r.started(20) }, nil},
		{"done", func(r *rig) { r.down(); r.started(20) }, nil},
		{"running", func(r *rig) { r.down(); r.started(4) }, nil},
	}
	for _, p := range pages {
		for _, lang := range []string{"en", "zh"} {
			for _, size := range [][2]int{{80, 24}, {120, 40}} {
				name := fmt.Sprintf("%s-%dx%d-%s", p.name, size[0], size[1], lang)
				t.Run(name, func(t *testing.T) {
					r := newRig(t, size[0], size[1], Options{Language: lang, ReportDir: t.TempDir()}, demo.Options{Chinese: lang == "zh"})
					if p.setup != nil {
						p.setup(r)
					}
					r.press(p.keys...)
					r.fits()
					golden(t, name, r.screenText())
				})
			}
		}
	}
}

// TestGoldenBoard holds the verification board on a large screen, where it has two columns.
func TestGoldenBoard(t *testing.T) {
	for _, lang := range []string{"en", "zh"} {
		r := newRig(t, 200, 60, Options{Language: lang}, demo.Options{Chinese: lang == "zh"})
		r.w.Lag("sha.gss.example.test", 2)
		r.press("v")
		r.fits()
		golden(t, "board-200x60-"+lang, r.screenText())
	}
}

// down breaks the business platform of the primary.
func (r *rig) down() {
	r.w.BusinessDown()
	r.clock.add(90 * time.Second)
	r.refresh()
	r.send(beatMsg{})
}

// started confirms a failover and lets the run make n half-steps.
func (r *rig) started(n int) {
	r.press("f", "enter", "text:standby", "enter", "text:storm", "enter")
	r.arm(5)
	for range n {
		r.clock.add(300 * time.Millisecond)
		r.w.Step()
		r.refresh()
		r.send(beatMsg{})
	}
}

// arm lets n seconds of the countdown pass.
func (r *rig) arm(n int) {
	for range n {
		if d, ok := r.a.dialog().(*confirmDialog); ok {
			r.send(armMsg{d, d.gen})
		}
	}
}
