package contract

import (
	"cmp"
	"context"
	"testing"
	"time"

	"github.com/dutyops/dutyops/backend/replication"
	"github.com/dutyops/dutyops/failoverplan"
	"github.com/dutyops/dutyops/probes"
)

// updates: a document that is written over at the source changes neither the number of
// documents nor, here, any time stamp that is looked at. Only the numbers of writes tell that
// the copy lacks it, and for how long.
func (p SearchPair) updates(t *testing.T, again func(*testing.T)) {
	t.Helper()
	asks := map[string]probes.Prober{}
	for i, e := range []replication.Endpoint{p.A, p.B} {
		site := []string{"primary", "standby"}[i]
		tg := probes.Target{
			Name: site + "/data/elasticsearch", Kind: "elasticsearch", URL: cmp.Or(p.Direct[i], e.Config.URL), Index: e.Config.Index, YellowOK: true,
		}
		if p.User[i] != "" {
			tg.User, tg.Password = p.User[i], func() (string, error) { return p.Password[i], nil }
		}
		asks[tg.Name] = open(t, tg)
	}
	topo := &failoverplan.Topology{Home: "primary"}
	for _, name := range []string{"primary", "standby"} {
		topo.Sites = append(topo.Sites, failoverplan.Site{Name: name, Platforms: []failoverplan.Platform{{
			Kind: failoverplan.Data, Components: []failoverplan.Component{{Name: "elasticsearch", Kind: failoverplan.Elasticsearch, Sync: failoverplan.Sync}},
		}}})
	}
	var lags replication.Lags
	look := func() failoverplan.SyncState {
		seen := map[string]replication.Seen{}
		for name, ask := range asks {
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			r := ask.Probe(ctx)
			cancel()
			seen[name] = replication.Seen{Facts: r.Facts, State: failoverplan.State(r.Status), At: r.At}
		}
		var state failoverplan.SyncState
		for _, s := range replication.States(topo, func(failoverplan.PlatformKind) string { return "primary" },
			func(target string) (replication.Seen, bool) { s, ok := seen[target]; return s, ok }, &lags) {
			state = s
		}
		return state
	}
	until := func(what string, right func(failoverplan.SyncState) bool) {
		t.Helper()
		eventually(t, what, func() string {
			if s := look(); !right(s) {
				return s.State + ", " + s.Detail + ", lag " + time.Duration(s.Lag*float64(time.Second)).String()
			}
			return ""
		})
	}
	until("level before the update", func(s failoverplan.SyncState) bool {
		return s.State == failoverplan.Streaming && s.Lag == 0 && s.Detail == "1500 documents here, 1500 at primary"
	})
	if n := p.bulk(t, 0, 20, 21, 2); n != 1 {
		t.Fatal("the update was not taken")
	}
	until("an update is lag, and a growing one", func(s failoverplan.SyncState) bool {
		return s.Lag >= 1 && s.Detail == "1500 documents here, 1500 at primary, 1 write there since anything was copied"
	})
	again(t)
	until("level after the next copy", func(s failoverplan.SyncState) bool {
		return s.Lag == 0 && s.Detail == "1500 documents here, 1500 at primary"
	})
}
