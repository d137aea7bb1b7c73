package tui

import (
	"errors"
	"testing"
	"time"

	"github.com/dutyops/dutyops/tui/demo"
)

// TestReadyPage: what is held ready, a drift that is read away, and a write that is asked
// about first.
func TestReadyPage(t *testing.T) {
	r := newRig(t, 120, 40, Options{}, demo.Options{})
	r.press("d")
	r.want("z ready?")
	r.w.Drift = "pvg.gss.example.test A"
	r.press("z")
	r.want("Held ready", "gss.example.test at cloudflare", "its servers show otherwise: pvg.gss.example.test A", "no write was tried yet", "a failover to standby could be taken back: 6 record sets")
	r.press("r")
	r.want("a switch of now is made from the reading of", "3 names, 6 record sets", "Every zone was read.")
	r.wantNot("its servers show otherwise")
	r.press("p")
	r.want("Write one record set of each zone as it is?")
	r.press("esc")
	r.want("no write was tried yet")
	r.press("p")
	r.clock.add(2 * time.Second)
	r.press("y")
	r.want("a write went through", "pvg.gss.example.test A as it is")
	r.w.ReadyErr = errors.New("actions are paused: drill")
	r.press("r")
	r.want("actions are paused: drill", "gss.example.test at cloudflare")
}
