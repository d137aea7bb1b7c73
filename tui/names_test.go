package tui

import (
	"testing"
	"time"

	"github.com/dutyops/dutyops/tui/demo"
)

func TestAStoppedNameIsLeftOutWithAReason(t *testing.T) {
	r := newRig(t, 120, 40, Options{}, demo.Options{})
	r.press("f", "n")
	if r.a.dialog() != nil {
		t.Fatal("there is no stopped name to leave out")
	}
	r.press("esc")
	r.w.BadName = true
	r.press("f")
	r.want("Names that stop it: 1", "pvg.gss.example.test", "203.0.113.9", "Gates that refuse: 1.")
	r.press("n", "enter")
	r.want("Leave pvg.gss.example.test out?")
	r.clock.add(time.Second)
	r.press("enter")
	r.want("A reason is needed")
	r.press("text:ticket 7", "enter")
	r.want("Left out: 1", "ticket 7")
	r.wantNot("Names that stop it", "Gates that refuse")
	r.press("enter")
	r.want("1 names are left out and stay where they are.")
	r.press("esc", "n", "enter")
	r.want("Names that stop it: 1")
	r.wantNot("Left out")
}

func TestPlannedSwitchShowsTheWaitAndIsCommitted(t *testing.T) {
	r := newRig(t, 120, 40, Options{}, demo.Options{})
	r.press("f", "l")
	r.want("first a wait of 1:30, while users stay", "TTLs stay short until the run is committed", "not before the commit")
	r.press("enter", "text:standby", "enter", "text:work", "enter")
	r.arm(5)
	for range 5 {
		r.clock.add(300 * time.Millisecond)
		r.w.Step()
		r.refresh()
		r.send(beatMsg{})
	}
	r.want("1:30 left")
	for range 20 {
		r.clock.add(300 * time.Millisecond)
		r.w.Step()
		r.refresh()
		r.send(beatMsg{})
	}
	r.want("K commit", "B roll back")
	r.press("K")
	r.want("Commit run r-0041?", "Restore the TTL of 6 record sets")
	r.clock.add(time.Second)
	r.press("text:it holds", "enter")
	r.want("Committed by")
	r.wantNot("K commit")
	r.press("B")
	r.want("not now. Committed by")
	if r.a.dialog() != nil {
		t.Fatal("a committed run can be rolled back")
	}
}

func TestAForcedPlanOffersNoWait(t *testing.T) {
	r := newRig(t, 120, 40, Options{}, demo.Options{})
	r.press("f", "m", "l")
	r.want("This is no planned switch: nobody waits.")
	r.wantNot("first a wait")
}
