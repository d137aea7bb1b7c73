package tui

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/dutyops/dutyops/backend"
	"github.com/dutyops/dutyops/tui/demo"
)

func TestPhasesThatTakeTurnsShareAHeading(t *testing.T) {
	a := newRig(t, 120, 40, Options{}, demo.Options{}).a
	for phases, want := range map[string]string{
		"":                                  "",
		"switch switch verify":              "Switch||Verify",
		"switch propagate verify propagate": "Switch|Propagate and verify||",
		"propagate verify propagate verify re-protect":    "Propagate and verify||||Re-protect",
		"re-protect fence switch propagate re-protect":    "Re-protect|Fence|Switch|Propagate|Re-protect",
		"fence fence propagate verify verify propagate x": "Fence||Propagate and verify||||X",
	} {
		if got := a.sectionTitles(strings.Fields(phases)); !slices.Equal(got, split(want, len(strings.Fields(phases)))) {
			t.Errorf("%s: %q, want %q", phases, got, want)
		}
	}
}

func split(s string, n int) []string {
	if n == 0 {
		return []string{}
	}
	return strings.Split(s, "|")
}

func TestAPlatformThatFailsIsOneLine(t *testing.T) {
	a := newRig(t, 120, 40, Options{}, demo.Options{}).a
	at := time.Date(2026, 3, 1, 14, 0, 0, 0, time.UTC)
	health := func(sec int, target, text string) backend.Event {
		return backend.Event{At: at.Add(time.Duration(sec) * time.Second), Kind: "health", Target: target, Text: target + " is " + text}
	}
	verdict := backend.Event{At: at, Kind: "advice", Text: "the case is business-down"}
	late := health(60, "primary/business/scheduling", "down: refused")
	other := health(1, "standby/business/monitoring", "down: refused")
	got := a.foldEvents([]backend.Event{
		health(0, "primary/business/monitoring", "down: refused"), verdict,
		health(1, "primary/business/monitoring-mysql", "down: refused"), other,
		health(1, "primary/gateway", "down: refused"), late,
	})
	var texts []string
	for _, e := range got {
		texts = append(texts, e.Text)
	}
	want := []string{"primary/business: 2 parts down: monitoring, monitoring-mysql", verdict.Text, other.Text, "primary/gateway is down: refused", late.Text}
	if !slices.Equal(texts, want) {
		t.Errorf("got  %q\nwant %q", texts, want)
	}
}

func TestATitleIsCutBeforeItsBrackets(t *testing.T) {
	if got := cutBefore("Final sync: standby takes the last of primary (data/mysql)", " (", 40); !strings.HasSuffix(got, "… (data/mysql)") || len([]rune(got)) != 40 {
		t.Errorf("%q", got)
	}
	if got := cutBefore("no brackets in this title", " (", 10); got != "no bracke…" {
		t.Errorf("%q", got)
	}
}
