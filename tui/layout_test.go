package tui

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/dutyops/dutyops/backend"
	"github.com/dutyops/dutyops/failoverplan"
	"github.com/dutyops/dutyops/tui/demo"
)

// TestEverySizeFits resizes through all sizes, with two and three sites, in trouble
// and in peace: never a line too wide, never a line too many.
func TestEverySizeFits(t *testing.T) {
	for _, lang := range []string{"en", "zh"} {
		for _, three := range []bool{false, true} {
			r := newRig(t, 120, 40, Options{Language: lang}, demo.Options{Emergency: three, Chinese: lang == "zh"})
			r.w.Journal()
			r.down()
			for _, page := range []string{"", "f", "a", "d", "e", "x", "1", "?", ":", "c", "v", "z"} {
				r.a.home()
				r.a.dialogs = nil
				if page != "" {
					r.press(page)
				}
				for w := minWidth; w <= 230; w += 24 {
					for h := minHeight; h <= 70; h += 9 {
						r.a.w, r.a.h = w, h
						r.fits()
					}
				}
				r.a.w, r.a.h = 120, 40
			}
		}
	}
}

// TestSmallScreensKeepWhatMatters: at the smallest size the headline, both sites and
// everything that is down can still be read.
func TestSmallScreensKeepWhatMatters(t *testing.T) {
	for _, size := range [][2]int{{60, 15}, {80, 24}, {60, 40}, {100, 20}} {
		r := newRig(t, size[0], size[1], Options{}, demo.Options{})
		r.w.Break("primary", failoverplan.Down, "no answer")
		r.refresh()
		r.want("SANDBOX", "Site primary is down", "Fail over to standby", "primary", "standby", "down", "more")
		r.fits()
	}
}

func TestFoldingCountsWhatItHides(t *testing.T) {
	r := newRig(t, 80, 24, Options{}, demo.Options{})
	site := r.a.data.shown.Sites[0]
	all := siteRows(r.a, site)
	for h := 2; h <= len(all); h++ {
		rows := fold(all, h)
		shown, hidden := 0, 0
		for _, x := range rows {
			if !x.blank {
				shown++
			}
			hidden += x.hidden
		}
		if len(rows) > h {
			t.Fatalf("fold(%d) gives %d rows", h, len(rows))
		}
		gateway := 0
		if rows[0].platform != "gateway" {
			gateway = 1
		}
		if shown+hidden+gateway != len(all) {
			t.Fatalf("h=%d: %d shown, %d counted as hidden, of %d", h, shown, hidden, len(all))
		}
	}
}

func TestWhatIsDownIsNeverFoldedFirst(t *testing.T) {
	r := newRig(t, 80, 24, Options{}, demo.Options{})
	r.w.Break("primary/data/redis", failoverplan.Down, "no answer")
	r.refresh()
	rows := fold(siteRows(r.a, r.a.data.shown.Sites[0]), 3)
	found := false
	for _, x := range rows {
		found = found || x.target == "primary/data/redis"
	}
	if !found {
		t.Fatal("the only row that is down was folded away")
	}
}

func TestTooSmallSaysWhatIsNeeded(t *testing.T) {
	for _, size := range [][2]int{{59, 30}, {100, 14}, {20, 5}, {1, 1}} {
		r := newRig(t, size[0], size[1], Options{}, demo.Options{})
		r.fits()
		if size[0] >= 40 && size[1] >= 6 {
			r.want(fmt.Sprintf("%d x %d", size[0], size[1]), "at least 60 x 15", "dutyops --plain")
		}
		r.press("f", "enter", "x")
		if len(r.a.screens) != 1 {
			t.Fatal("keys act on a screen that cannot be seen")
		}
		r.press("q")
		if !r.quit {
			t.Fatal("q must leave")
		}
	}
}

func TestWarmingIsShownBeforeAnyProbe(t *testing.T) {
	r := newRig(t, 120, 40, Options{}, demo.Options{Cold: true})
	r.want("Warming up: 0 of 28 targets have answered", "? gateway", "No advice before")
	r.wantNot("Fail over to")
	blind := newApp(t.Context(), r.w, Options{Now: r.clock.now, Language: "en"}.withDefaults())
	blind.w, blind.h = 120, 40
	if text := strings.Join(blind.lines(), "\n"); !strings.Contains(text, "Warming up") {
		t.Fatalf("the first frame, before any data:\n%s", text)
	}
}

func TestOldDataIsSaidToBeOld(t *testing.T) {
	r := newRig(t, 120, 40, Options{}, demo.Options{})
	r.wantNot("data of")
	r.clock.add(staleAfter + 1e9)
	r.send(beatMsg{})
	r.want("data of 14:05:00")
}

func TestWarningsAndClocksAreShown(t *testing.T) {
	for _, size := range [][2]int{{200, 60}, {120, 40}} {
		r := newRig(t, size[0], size[1], Options{}, demo.Options{})
		r.wantNot("clock", "▲ the clock")
		st := *r.a.data.shown
		st.Sites = slices.Clone(st.Sites)
		st.Sites[0].Clock = &backend.ClockStatus{AheadMS: 1500.25, ErrorMS: 0.4, Target: "primary/data/mysql"}
		st.Warnings = []backend.Warning{{Kind: backend.WarnClock, Target: "primary, standby", Text: "the clock of standby is off"}}
		r.a.data.shown = &st
		r.want("▲ the clock of standby is off", "All well.") // no fault
		r.press("1")
		r.want("clock +1500 ms (within 0 ms)")
		st.Sites[0].Clock = &backend.ClockStatus{AheadMS: -9, ErrorMS: 0.4}
		r.want("clock level")
		r.wantNot("-9")
	}
}

// TestStateIsShapeAndWord: nothing is told by colour alone.
func TestStateIsShapeAndWord(t *testing.T) {
	for st, want := range map[failoverplan.State][2]string{
		failoverplan.Down: {"✖ kafka", "X kafka"}, failoverplan.Degraded: {"▲ kafka", "! kafka"},
		failoverplan.Unknown: {"? kafka", "? kafka"}, failoverplan.Stale: {"◌ kafka", "~ kafka"},
	} {
		for i, ascii := range []bool{false, true} {
			r := newRig(t, 200, 60, Options{ASCII: ascii}, demo.Options{})
			r.w.Break("primary/data/kafka", st, "so it is")
			r.refresh()
			r.want(want[i], string(st), "so it is")
		}
	}
}

func TestASCIISetIsASCII(t *testing.T) {
	r := newRig(t, 120, 40, Options{ASCII: true}, demo.Options{})
	r.down()
	for _, page := range []string{"", "f", "x", "?", "enter", "d"} {
		r.a.home()
		if page != "" {
			r.press(page)
		}
		for _, c := range r.screenText() {
			if c > 126 && c != '…' {
				t.Fatalf("page %q draws %q", page, c)
			}
		}
	}
}

// TestManyComponentsLeaveTheAdvice: with a thousand components at each site the advice
// keeps its first lines and what is down is seen, in peace and in trouble.
func TestManyComponentsLeaveTheAdvice(t *testing.T) {
	for _, size := range [][2]int{{120, 40}, {200, 60}, {100, 30}, {120, 30}} {
		for _, trouble := range []bool{false, true} {
			r := newRig(t, size[0], size[1], Options{}, demo.Options{})
			if trouble {
				r.down()
			}
			st := *r.a.data.shown
			st.Sites = slices.Clone(st.Sites)
			for i := range st.Sites {
				ps := slices.Clone(st.Sites[i].Platforms)
				last := &ps[len(ps)-1]
				last.Components = slices.Clone(last.Components)
				for c := range 1000 {
					name := fmt.Sprintf("c%05d", c)
					last.Components = append(last.Components, backend.ComponentStatus{
						Name: name, Target: failoverplan.Target(st.Sites[i].Name, last.Name, name), State: failoverplan.Up, Kind: "http",
					})
				}
				st.Sites[i].Platforms = ps
			}
			st.Advice.Because = []string{"first reason", "second reason", "third reason", "fourth reason", "fifth reason", "sixth reason"}
			r.a.data.shown = &st
			r.fits()
			r.want("Advice", "first reason", "second reason", "third reason", "primary", "standby")
			if trouble {
				r.want("scheduling", "down")
			}
		}
	}
}
