package tui

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/dutyops/dutyops/backend"
	"github.com/dutyops/dutyops/failoverplan"
	"github.com/dutyops/dutyops/tui/demo"
)

// TestFailoverStartsExactlyTheReviewedPlan walks from the dashboard to a running
// failover and looks at what the engine was asked.
func TestFailoverStartsExactlyTheReviewedPlan(t *testing.T) {
	r := newRig(t, 120, 40, Options{Operator: "m.okafor"}, demo.Options{})
	r.down()
	r.want("Business platform down at primary", "press f to review the plan")
	r.press("f")
	r.want("Plan: failover", "198.51.100.20", "Write 6 record sets")
	plan, err := r.w.Plan(t.Context(), backend.PlanRequest{Kind: failoverplan.Failover, To: "standby"})
	if err != nil {
		t.Fatal(err)
	}
	r.press("enter", "text:standby", "enter", "text:storm", "enter")
	r.want("Starting in 5 s", "any key stops it")
	r.arm(4)
	if r.w.Starts() != 0 {
		t.Fatal("started before the countdown had ended")
	}
	r.arm(1)
	if r.w.Starts() != 1 {
		t.Fatalf("Start was called %d times, want once", r.w.Starts())
	}
	got := r.w.LastStart()
	if got.PlanHash != plan.Hash || got.To != "standby" || got.Reason != "storm" || got.Operator != "m.okafor" {
		t.Fatalf("asked the engine for %+v, want hash %s to standby", got, plan.Hash)
	}
	r.refresh()
	r.want("Run r-0041", "Recovery clock")
}

func TestCountdownStopsAtAnyKey(t *testing.T) {
	for _, k := range []string{"enter", "esc", "x", "space"} {
		r := newRig(t, 120, 40, Options{}, demo.Options{})
		r.press("f", "enter", "text:standby", "enter", "text:storm", "enter")
		d, _ := r.a.dialog().(*confirmDialog)
		old := armMsg{d, d.gen}
		r.arm(2)
		r.press(k)
		r.want("Stopped. Nothing was changed.")
		for range 9 {
			r.send(old) // ticks of the countdown that was stopped
		}
		if r.w.Starts() != 0 {
			t.Fatalf("key %s: the run started although it was stopped", k)
		}
	}
}

func TestConfirmationRefusesPasteHeldKeysAndWrongNames(t *testing.T) {
	r := newRig(t, 120, 40, Options{}, demo.Options{})
	r.press("f", "enter")
	r.send(tea.PasteMsg{Content: "standby"})
	r.want("Pasting is refused here.")
	r.press("enter")
	if d, _ := r.a.dialog().(*confirmDialog); d.stage != stageName || d.name.Text() != "" {
		t.Fatal("pasted text counted")
	}
	for _, c := range "standby" {
		r.send(tea.KeyPressMsg{Code: c, Text: string(c), IsRepeat: true})
	}
	r.want("A held key does not count.")
	r.press("text:primary", "enter")
	r.want("That is not the name of the target site.")
	if d, _ := r.a.dialog().(*confirmDialog); d.stage != stageName {
		t.Fatal("went on without the right name")
	}
	r.press("esc")
	r.want("Cancelled. Nothing was changed.")
	if r.w.Starts() != 0 {
		t.Fatal("something was started")
	}
}

func TestConfirmationAsksForAReason(t *testing.T) {
	r := newRig(t, 120, 40, Options{}, demo.Options{})
	r.press("f", "enter", "text:standby", "enter", "enter")
	r.want("A reason is needed")
	r.arm(9)
	if r.w.Starts() != 0 {
		t.Fatal("started without a reason")
	}
}

// TestConfirmAsksTheTerminalForRepeats: only then can a held key be told apart.
func TestConfirmAsksTheTerminalForRepeats(t *testing.T) {
	r := newRig(t, 120, 40, Options{}, demo.Options{})
	if r.a.View().KeyboardEnhancements.ReportEventTypes {
		t.Fatal("asked for repeats without need")
	}
	r.press("f", "enter")
	if !r.a.View().KeyboardEnhancements.ReportEventTypes {
		t.Fatal("the confirmation does not ask for repeats")
	}
}

func TestChangedWorldIsShownAndNothingOpens(t *testing.T) {
	r := newRig(t, 120, 40, Options{}, demo.Options{})
	r.press("f", "enter", "text:standby", "enter", "text:storm", "enter")
	r.w.PlanErr = fmt.Errorf("%w; review the plan again", backend.ErrWorldChanged)
	r.arm(5)
	r.want("the world changed since the plan was approved; review the plan again")
	if r.a.top().id() != "plan" {
		t.Fatalf("on %s, want the plan", r.a.top().id())
	}
}

func TestBlockedPlanSaysWhatClearsIt(t *testing.T) {
	r := newRig(t, 120, 40, Options{}, demo.Options{})
	r.w.Blocked = true
	r.press("f")
	r.want("Gates that refuse: 1.", "clears when standby/data/mysql is up")
	r.press("enter")
	r.want("not now. Gate target-healthy refuses")
	if r.a.dialog() != nil {
		t.Fatal("a blocked plan can be confirmed")
	}
}

// The links' passwords are renewed from the palette, after a question with a reason.
func TestLinksAreRenewedFromThePalette(t *testing.T) {
	r := newRig(t, 120, 40, Options{}, demo.Options{})
	r.press(":")
	r.press("text:renew")
	r.press("enter")
	r.want("Renew the links' passwords?", "Change the password at the source first")
	r.clock.add(time.Second)
	r.press("text:rotated")
	r.press("enter")
	if r.a.dialog() != nil || r.a.top().id() != "run" {
		t.Fatalf("on %s, want the run", r.a.top().id())
	}
}

func TestEscNeverQuits(t *testing.T) {
	keys := []string{"", "f", "a", "d", "e", "c", "x", "?", "1", "enter", ":", "P", "S"}
	for _, k := range keys {
		r := newRig(t, 120, 40, Options{}, demo.Options{})
		if k != "" {
			r.press(k)
		}
		for range 6 {
			r.press("esc")
		}
		if r.quit || len(r.a.screens) != 1 || r.a.dialog() != nil {
			t.Fatalf("after %q and esc: quit %v, %d screens", k, r.quit, len(r.a.screens))
		}
	}
}

func TestQuitAsksWhileARunIsOn(t *testing.T) {
	r := newRig(t, 120, 40, Options{}, demo.Options{})
	r.started(2)
	r.press("q")
	r.want("Leave while a run is in progress?")
	r.clock.add(time.Second)
	r.press("enter") // stay is the default
	if r.quit {
		t.Fatal("enter left although stay is the default")
	}
	r.press("q")
	r.clock.add(time.Second)
	r.press("y")
	if !r.quit {
		t.Fatal("y did not leave")
	}
	calm := newRig(t, 120, 40, Options{}, demo.Options{})
	calm.press("q")
	if !calm.quit {
		t.Fatal("q must leave at once when nothing runs")
	}
}

func TestSecondCtrlCLeaves(t *testing.T) {
	r := newRig(t, 120, 40, Options{}, demo.Options{})
	r.started(2)
	r.press("ctrl+c")
	if r.quit {
		t.Fatal("the first ctrl+c left without asking")
	}
	r.press("ctrl+c")
	if !r.quit {
		t.Fatal("the second ctrl+c did not leave")
	}
}

// TestQuestionsIgnoreKeysUnderWay: a key typed before the question could be read
// must not answer it with yes.
func TestQuestionsIgnoreKeysUnderWay(t *testing.T) {
	r := newRig(t, 120, 40, Options{}, demo.Options{})
	r.started(2)
	r.press("C", "y")
	r.want("Read it first")
	r.clock.add(time.Second)
	r.send(tea.KeyPressMsg{Code: 'y', Text: "y", IsRepeat: true})
	if r.a.dialog() == nil {
		t.Fatal("a held key confirmed")
	}
	r.press("y")
	r.want("It stops after the step in progress.")
}

func TestDisabledActionSaysWhy(t *testing.T) {
	r := newRig(t, 120, 40, Options{}, demo.Options{})
	r.press("b")
	r.want("Fail back: not now. primary serves already")
	r.press("?")
	r.want("not now: primary serves already")
}

func TestEveryActionIsInPaletteAndHelp(t *testing.T) {
	r := newRig(t, 120, 40, Options{}, demo.Options{})
	have := map[string]bool{}
	for _, c := range newPalette(r.a).cmds {
		have[c.id] = true
	}
	for _, a := range r.w.Actions() {
		if !have[a.ID] {
			t.Errorf("action %s is not in the palette", a.ID)
		}
	}
	for _, id := range []string{"site-primary", "site-standby", "why-primary/data/kafka", "why-standby/gateway", "doctor", "runs", "dns-check", "fault"} {
		if !have[id] {
			t.Errorf("%s is not in the palette", id)
		}
	}
	h := newHelpScreen()
	r.run(r.a.open(h))
	help := map[string]bool{}
	for _, c := range h.cmds {
		help[c.id] = true
	}
	for _, a := range r.w.Actions() {
		if !help[a.ID] {
			t.Errorf("action %s is not in the help", a.ID)
		}
	}
}

// TestNoKeyStartsAFailover presses every printable key on every page.
func TestNoKeyStartsAFailover(t *testing.T) {
	for _, page := range []string{"", "f", "a", "d", "e", "x", "1", "enter"} {
		for c := ' ' + 1; c < 127; c++ {
			r := newRig(t, 120, 40, Options{}, demo.Options{})
			if page != "" {
				r.press(page)
			}
			r.press(string(c))
			if r.w.Starts() != 0 {
				t.Fatalf("key %q on page %q started a run", c, page)
			}
		}
	}
}

// TestKeysOfAScreenAreUnique: one key, one meaning.
func TestKeysOfAScreenAreUnique(t *testing.T) {
	r := newRig(t, 120, 40, Options{}, demo.Options{})
	r.w.Journal()
	for _, s := range []screen{newDashboard(), newPlanScreen(backend.PlanRequest{}), newRunScreen("r-0038"), newJournalScreen(), newDNSScreen(), newEventsScreen(), newChecksScreen(), &faultScreen{}, newDetailScreen("primary/gateway"), newSiteScreen("primary")} {
		r.a.screens = []screen{s}
		seen := map[string]string{}
		for _, c := range r.a.commands() {
			for _, k := range c.keys {
				if other, ok := seen[k]; ok && c.screen == "" && k != "r" {
					t.Errorf("%s: key %s is both %s and %s", s.id(), k, other, c.id)
				}
				seen[k] = c.id
			}
		}
	}
}

func TestPlatformIsExplainedByItsParts(t *testing.T) {
	r := newRig(t, 120, 40, Options{}, demo.Options{})
	r.down()
	r.run(r.a.open(newDetailScreen("primary/business")))
	r.want("The worst of its critical parts decides.", "monitoring: connection refused")
}

func TestReportIsWrittenAndItsPathShown(t *testing.T) {
	dir := t.TempDir()
	r := newRig(t, 160, 40, Options{ReportDir: dir}, demo.Options{})
	r.w.Journal()
	r.run(r.a.loadRuns())
	r.press("a", "o", "enter")
	r.want("Report written: " + dir)
	b, err := os.ReadFile(dir + "/dutyops-r-0040.md")
	if err != nil || !strings.Contains(string(b), "r-0040") {
		t.Fatalf("report: %v, %q", err, b)
	}
}

func TestInterruptedRunStaysInTheBanner(t *testing.T) {
	r := newRig(t, 120, 40, Options{}, demo.Options{})
	r.w.Journal()
	r.run(r.a.loadRuns())
	r.want("Failover to standby is interrupted: resume or roll back r-0040")
}

func TestPauseStaysInTheBanner(t *testing.T) {
	r := newRig(t, 120, 40, Options{}, demo.Options{})
	r.press("P")
	r.clock.add(time.Second)
	r.press("enter")
	r.want("A reason is needed")
	r.press("text:maintenance", "enter")
	r.refresh()
	r.want("all actions paused by m.okafor until 15:05:01: maintenance")
	r.press("f", "enter")
	r.want("not now", "Gate not-paused refuses")
}

func TestFaultsAreInjectedAndHealed(t *testing.T) {
	r := newRig(t, 120, 40, Options{}, demo.Options{})
	r.press("x", "enter")
	r.want("How does primary break?")
	r.press("enter")
	r.refresh()
	f, err := r.w.Sandbox().Active(t.Context())
	if err != nil || len(f) != 1 || f[0] != (backend.Fault{Target: "primary", Kind: "down"}) {
		t.Fatalf("faults %v, %v", f, err)
	}
	r.press("h")
	if f, _ := r.w.Sandbox().Active(t.Context()); len(f) != 0 {
		t.Fatalf("still broken: %v", f)
	}
}

func TestProductionHasNoFaults(t *testing.T) {
	r := newRig(t, 120, 40, Options{}, demo.Options{Environment: failoverplan.Production})
	r.want("◆ PRODUCTION", "━━━━")
	r.wantNot("SANDBOX", "break")
	r.press("x")
	if r.a.top().id() != "dashboard" {
		t.Fatal("x opened something in production")
	}
	if got := r.a.View().WindowTitle; !strings.Contains(got, "PRODUCTION") {
		t.Fatalf("window title %q", got)
	}
}

func TestEngineErrorsAreShown(t *testing.T) {
	r := newRig(t, 120, 40, Options{}, demo.Options{})
	r.w.PlanErr = errors.New("cloudflare answered 401: the token is not valid; put a new one into env:CF_TOKEN")
	r.press("f")
	r.want("No plan can be made or started.", "put a new one into env:CF_TOKEN")
}

// TestForeignTextCannotDraw: escape sequences in what servers say never reach the screen.
func TestForeignTextCannotDraw(t *testing.T) {
	r := newRig(t, 200, 60, Options{}, demo.Options{})
	r.w.Break("primary/data/kafka", failoverplan.Down, "bad\x1b[2J\x1b]0;owned\x07 \u202etxt\nline")
	r.refresh()
	v := r.a.View().Content
	for _, bad := range []string{"\x1b[2J", "owned", "\u202e", "\x07"} {
		if strings.Contains(v, bad) {
			t.Fatalf("the screen holds %q", bad)
		}
	}
	r.fits()
}
