package contract

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/dutyops/dutyops/backend/replication"
	"github.com/dutyops/dutyops/failoverplan"
	"github.com/dutyops/dutyops/probes"
)

// HeartbeatPair is a mirror from "primary" to "standby", which has copied all that there is;
// heartbeats are written at primary.
type HeartbeatPair struct {
	// Source and Target are the brokers of both, Topics what is copied.
	Source, Target, Topics []string
	// Connect is the URL of the worker, Connector the mirror's name.
	Connect, Connector string
	// Stop stops the mirror, Stall makes it copy nothing though it runs, Freeze holds the
	// source, so that it answers nobody. All are undone with false.
	Stop, Stall, Freeze func(on bool) error
}

// Heartbeats looks what a mirror's heartbeats tell in each state of it.
func Heartbeats(t *testing.T, p HeartbeatPair) {
	t.Helper()
	w := &heartbeatWatch{probes: map[string]probes.Prober{}}
	topics := func() []string {
		return append([]string{probes.HeartbeatsTopic}, replication.HeartbeatTopics(w.connect, "primary", []string{p.Connector})...)
	}
	for target, tg := range map[string]probes.Target{
		"primary/data/kafka":   {Kind: "kafka", Brokers: p.Source, Topics: p.Topics, Heartbeats: topics},
		"standby/data/kafka":   {Kind: "kafka", Brokers: p.Target, Topics: p.Topics, Heartbeats: topics},
		"standby/data/connect": {Kind: "kafka-connect", URL: p.Connect, Connectors: []string{p.Connector}},
	} {
		tg.Name = target
		w.probes[target] = open(t, tg)
	}
	site := func(name string, components ...failoverplan.Component) failoverplan.Site {
		components = append(components, failoverplan.Component{Name: "kafka", Kind: failoverplan.Kafka, Sync: failoverplan.Sync})
		return failoverplan.Site{Name: name, Platforms: []failoverplan.Platform{{Kind: failoverplan.Data, Components: components}}}
	}
	w.topo = &failoverplan.Topology{Home: "primary", Sites: []failoverplan.Site{site("primary"), site("standby", failoverplan.Component{
		Name: "connect", Kind: failoverplan.KafkaConnect, Mirrors: map[string][]string{"primary": {p.Connector}},
	})}}

	fresh := func(l heartbeatLook) error {
		if l.state.State != failoverplan.Streaming || l.state.Lag != 0 || l.through.IsZero() || l.written.Sub(l.through) > 5*time.Second {
			return errors.New("not level, or no heartbeat comes through")
		}
		return nil
	}
	w.until(t, "all is well", fresh)
	for _, c := range []struct {
		name  string
		fault func(on bool) error
		want  func(heartbeatLook) error
	}{
		{"stopped", p.Stop, func(l heartbeatLook) error {
			if l.state.State != failoverplan.Stopped || l.written.Sub(l.through) < 3*time.Second {
				return errors.New("not stopped, or heartbeats come through")
			}
			return nil
		}},
		{"stalled", p.Stall, func(l heartbeatLook) error {
			if l.word != "RUNNING" || l.state.Lag != replication.UnknownLag || !strings.Contains(l.state.Detail, "by the offsets, but not the heartbeats") {
				return errors.New("not running, level and disbelieved")
			}
			return nil
		}},
		{"source frozen", p.Freeze, func(l heartbeatLook) error {
			if l.word != "RUNNING" || l.state.Lag != replication.UnknownLag || time.Since(l.through) < 3*time.Second ||
				!strings.Contains(l.state.Detail, "primary does not answer; the last heartbeat that came through is of "+l.through.Local().Format("15:04:05")) {
				return errors.New("a frozen source, and the last heartbeat is not told")
			}
			return nil
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			healed := false
			defer func() {
				if !healed {
					_ = c.fault(false)
				}
			}()
			if err := c.fault(true); err != nil {
				t.Fatal(err)
			}
			w.until(t, "while it is so", c.want)
			healed = true
			if err := c.fault(false); err != nil {
				t.Fatal(err)
			}
			w.until(t, "afterwards", fresh)
		})
	}
}

// heartbeatWatch looks at a mirror as the console does.
type heartbeatWatch struct {
	probes  map[string]probes.Prober
	topo    *failoverplan.Topology
	lags    replication.Lags
	connect probes.Facts // as seen last
}

// heartbeatLook is one look: the relation, Connect's word for the mirror, and the newest
// heartbeats written at the source and come through.
type heartbeatLook struct {
	state            failoverplan.SyncState
	word             string
	written, through time.Time
}

func (w *heartbeatWatch) look(t *testing.T) heartbeatLook {
	t.Helper()
	seen := map[string]replication.Seen{}
	for target, p := range w.probes {
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		r := p.Probe(ctx)
		cancel()
		seen[target] = replication.Seen{
			Facts: r.Facts, State: failoverplan.State(r.Status), At: r.At, Silent: r.Status != probes.StatusUp && r.Status != probes.StatusDegraded,
		}
	}
	var l heartbeatLook
	for _, s := range replication.States(w.topo, func(failoverplan.PlatformKind) string { return "primary" },
		func(target string) (replication.Seen, bool) { s, ok := seen[target]; return s, ok }, &w.lags) {
		l.state = s
	}
	w.connect = seen["standby/data/connect"].Facts
	for name, word := range w.connect.Parts {
		if !strings.Contains(name, "/") { // no task
			l.word = word
		}
	}
	l.written, l.through = seen["primary/data/kafka"].Facts.Heartbeats[probes.HeartbeatsTopic], seen["standby/data/kafka"].Facts.Heartbeats[probes.HeartbeatsFrom("primary")]
	return l
}

// until looks until it is right, at most a minute and a half.
func (w *heartbeatWatch) until(t *testing.T, what string, right func(heartbeatLook) error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 90*time.Second)
	defer cancel()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		l := w.look(t)
		err := right(l)
		if err == nil {
			return
		}
		select {
		case <-ctx.Done():
			t.Fatal(fmt.Errorf("%s: %w: %s, lag %v, %q, connector %s; heartbeats written until %s, through until %s", what, err,
				l.state.State, l.state.Lag, l.state.Detail, l.word, l.written, l.through))
		case <-tick.C:
		}
	}
}
