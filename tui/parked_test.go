package tui

import (
	"slices"
	"testing"
	"time"

	"github.com/dutyops/dutyops/failoverplan"
	"github.com/dutyops/dutyops/tui/demo"
)

func TestParkedRunOffersTheWayOut(t *testing.T) {
	r := newRig(t, 120, 40, Options{}, demo.Options{})
	r.down()
	r.w.FailStep = "s02"
	r.started(8)
	r.want("parked", "cloudflare answered 500 three times", "Next: resume when the provider answers again", "R resume", "B roll back")
	r.press("R")
	r.clock.add(time.Second)
	r.press("y")
	for range 16 {
		r.w.Step()
		r.refresh()
		r.send(beatMsg{})
	}
	r.want("done", "fail back when primary has been up")
}

func TestRollBackToADeadGatewayIsToldBefore(t *testing.T) {
	r := newRig(t, 120, 40, Options{}, demo.Options{})
	r.down()
	r.w.FailStep = "s02"
	r.started(8)
	const told = "The gateway of primary is down"
	r.press("B")
	r.want("users go back to primary")
	r.wantNot(told)
	r.press("esc")
	st := *r.a.data.shown
	st.Sites = slices.Clone(st.Sites)
	st.Sites[0].Gateway.State = failoverplan.Down
	r.a.data.shown = &st
	r.press("B")
	r.want("users go back to primary", told)
}
