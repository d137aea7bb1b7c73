package route53

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/dutyops/dutyops/dnsproviders/internal/suite"
)

func TestFaults(t *testing.T) {
	suite.Faults(t, func(t *testing.T) *suite.FaultRig {
		r, api, _ := fake(t, suite.Options{})
		return &suite.FaultRig{
			Rig: r, Fake: api, Limit: 500,
			Writes: func(s string) bool { return strings.HasPrefix(s, http.MethodPost) },
			Slow:   func(d time.Duration) { api.Latency = d },
			Pages:  func(n int) { api.MaxPage = n },
		}
	})
}
