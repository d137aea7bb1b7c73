package cloudflare

import (
	"strings"
	"testing"
	"time"

	"github.com/dutyops/dutyops/dnsproviders/internal/effort"
	"github.com/dutyops/dutyops/dnsproviders/internal/suite"
)

// The table of faults, on the smallest plan: 200 records a batch.
func TestFaults(t *testing.T) {
	suite.Faults(t, func(t *testing.T) *suite.FaultRig {
		r, c := newRig(t, Options{}), &suite.Clock{}
		r.api.Plan = "free"
		r.p.now, r.p.sleep = c.Now, c.Sleep
		r.p.opt.OnRetry = func(n RetryNotice) { c.OnRetry(effort.Notice(n)) }
		return &suite.FaultRig{
			Rig: &suite.Rig{Clock: c, Zone: r.zone, Provider: r.p, Secret: r.token}, Fake: r.api, Limit: freeBatch,
			Writes: func(s string) bool { return strings.HasSuffix(s, "/batch") },
			Slow:   func(d time.Duration) { r.api.Latency = d },
			Pages:  func(n int) { r.api.MaxPage = n },
			Stale:  func(n int) { r.api.Stale = n },
		}
	})
}
