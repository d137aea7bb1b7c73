package replication

import (
	"github.com/dutyops/dutyops/failoverplan"
	"github.com/dutyops/dutyops/probes"
)

// States judges every sync relation from probe facts alone.
func States(topo *failoverplan.Topology, source func(failoverplan.PlatformKind) string,
	facts func(target string) (probes.Facts, failoverplan.State, bool)) []failoverplan.SyncState {
	return nil
}
