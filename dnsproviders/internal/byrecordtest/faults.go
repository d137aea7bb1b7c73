package byrecordtest

import (
	"crypto/rand"
	"encoding/hex"
	"slices"
	"testing"
	"time"

	"github.com/dutyops/dutyops/dnsproviders/dnstest"
	"github.com/dutyops/dutyops/dnsproviders/internal/byrecord"
	"github.com/dutyops/dutyops/dnsproviders/internal/effort"
	"github.com/dutyops/dutyops/dnsproviders/internal/suite"
)

// Faulty opens the provider for the table of faults. reads are the actions that change
// nothing; limit is how many sets of one record go in one write, 0 = all.
func (s Suite) Faulty(t *testing.T, limit int, reads ...string) *suite.FaultRig {
	t.Helper()
	b := make([]byte, 20)
	if _, err := rand.Read(b); err != nil {
		t.Fatal(err)
	}
	secret, z, c := hex.EncodeToString(b), dnstest.NewZone(Zone), &suite.Clock{}
	api := s.Serve("key-id", secret, z)
	t.Cleanup(api.Close)
	p := s.Open(t, api, Config{
		Now: c.Now, Sleep: c.Sleep, OnRetry: func(n byrecord.RetryNotice) { c.OnRetry(effort.Notice(n)) },
		KeyID:  func() (string, error) { return "key-id", nil },
		Secret: func() (string, error) { return secret, nil },
	})
	return &suite.FaultRig{
		Rig: &suite.Rig{Clock: c, Zone: z, Provider: p, Secret: secret}, Fake: api, Limit: limit,
		Writes: func(action string) bool { return !slices.Contains(reads, action) },
		Slow:   func(d time.Duration) { api.Latency = d },
		Pages:  func(n int) { api.MaxPage = n },
		Stale:  func(n int) { api.Stale = n },
	}
}
