package plain

import (
	"testing"

	"github.com/dutyops/dutyops/tui/demo"
)

func TestReadyInLines(t *testing.T) {
	run(t, "en", func(t *testing.T, w *demo.World, c *console) {
		w.Drift = "pvg.gss.example.test A"
		c.typed(t, "10", "write")
		c.want(t, "gss.example.test at cloudflare", "its servers show otherwise: pvg.gss.example.test A", "no write was tried yet", "Every zone was read.")
		c.typed(t, "10", "")
		c.want(t, "a switch of now is made from the reading of", "a write went through")
	})
}
