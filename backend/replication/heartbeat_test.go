package replication

import (
	"slices"
	"testing"
	"time"

	"github.com/dutyops/dutyops/failoverplan"
	"github.com/dutyops/dutyops/probes"
)

// A mirror that is level by the offsets that Connect tells is believed as long as its
// heartbeats come through.
func TestHeartbeatsOfAMirror(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	ago := func(s float64) time.Time { return now.Add(-time.Duration(s * float64(time.Second))) }
	const conn = "mirror-from-primary"
	kafka := func(topic string, at time.Time, offset int64) probes.Facts {
		f := probes.Facts{Offsets: map[string]int64{"t/0": offset}, Heartbeats: map[string]time.Time{"centre.heartbeats": now}} // nothing of this mirror
		if !at.IsZero() {
			f.Heartbeats[topic] = at
		}
		return f
	}
	for _, c := range []struct {
		name             string
		written, through time.Time
		srcAt, dstAt     time.Time
		alias            string
		copied           int64
		connector        string
		down             bool
		state            string
		lag              float64
		detail           string
	}{
		{name: "they come through", written: ago(1), through: ago(3), copied: 99, state: failoverplan.Streaming, lag: 0, detail: "every record of primary is here"},
		{
			name: "they do not, and all is level", written: ago(1), through: ago(31), copied: 99, state: failoverplan.Streaming, lag: UnknownLag,
			detail: "every record of primary is here by the offsets, but not the heartbeats: the newest that came through is 30 s older than the newest there",
		},
		{name: "they do not, and some is missing", written: ago(1), through: ago(31), copied: 89, state: failoverplan.Streaming, lag: 30, detail: "10 records to copy; the newest heartbeat that came through is 30 s older"},
		{name: "the target was looked at 20 s earlier", written: ago(1), through: ago(25), dstAt: ago(20), copied: 99, state: failoverplan.Streaming, lag: 0, detail: "every record"},
		{name: "the source was looked at 20 s earlier", written: ago(21), through: ago(1), srcAt: ago(20), copied: 99, state: failoverplan.Streaming, lag: 0, detail: "every record"},
		{name: "none are written any more", written: ago(600), through: ago(600), copied: 99, state: failoverplan.Streaming, lag: 0, detail: "every record of primary is here; no heartbeat was written there since " + ago(600).Local().Format("15:04:05")},
		{name: "none are written any more, and the last did not come", written: ago(600), through: ago(660), copied: 99, state: failoverplan.Streaming, lag: UnknownLag, detail: "60 s older"},
		{name: "there are none at the source", through: ago(600), copied: 99, state: failoverplan.Streaming, lag: 0, detail: "every record"},
		{name: "none ever came through", written: ago(1), copied: 99, state: failoverplan.Streaming, lag: 0, detail: "every record"},
		{name: "the mirror has another name for the source", alias: "dc1", written: ago(1), through: ago(31), copied: 99, state: failoverplan.Streaming, lag: UnknownLag, detail: "30 s older"},
		{name: "the source does not answer", down: true, written: ago(1), through: ago(31), copied: 99, state: failoverplan.Streaming, lag: UnknownLag, detail: "primary does not answer; the last heartbeat that came through is of " + ago(31).Local().Format("15:04:05")},
		{name: "the connector is stopped", connector: "STOPPED", written: ago(1), through: ago(31), copied: 99, state: failoverplan.Stopped, lag: UnknownLag, detail: "is STOPPED"},
	} {
		t.Run(c.name, func(t *testing.T) {
			connect := probes.Facts{Parts: map[string]string{conn: "RUNNING"}, Offsets: map[string]int64{conn + ":t/0": c.copied}}
			topic := "primary.heartbeats"
			if c.alias != "" {
				topic, connect.Extra = c.alias+".heartbeats", map[string]string{probes.MirrorSource + conn: c.alias}
			}
			if c.connector != "" {
				connect.Parts[conn] = c.connector
			}
			when := func(at time.Time) time.Time {
				if at.IsZero() {
					return now
				}
				return at
			}
			facts := map[string]Seen{
				"primary/data/kafka":   {Facts: kafka("heartbeats", c.written, 100), State: failoverplan.Up, At: when(c.srcAt), Silent: c.down},
				"standby/data/kafka":   {Facts: kafka(topic, c.through, 100), State: failoverplan.Up, At: when(c.dstAt)},
				"standby/data/connect": {Facts: connect, State: failoverplan.Up, At: now},
			}
			all := States(world(), func(failoverplan.PlatformKind) string { return "primary" }, func(target string) (Seen, bool) {
				f, ok := facts[target]
				return f, ok
			}, new(Lags))
			i := slices.IndexFunc(all, func(s failoverplan.SyncState) bool { return s.Component == "kafka" })
			if i < 0 {
				t.Fatal("no relation")
			}
			check(t, all[i], c.state, c.lag, c.detail)
		})
	}
}

func TestHeartbeatTopics(t *testing.T) {
	names := []string{"a", "b"}
	for _, c := range []struct {
		known map[string]string
		want  []string
	}{
		{nil, []string{"primary.heartbeats"}},
		{map[string]string{probes.MirrorSource + "a": "x", probes.MirrorSource + "b": "x"}, []string{"x.heartbeats"}},
		{map[string]string{probes.MirrorSource + "a": "x", probes.MirrorSource + "b": "w"}, []string{"w.heartbeats", "x.heartbeats"}},
		{map[string]string{probes.MirrorSource + "c": "x"}, []string{"primary.heartbeats"}},
	} {
		if got := HeartbeatTopics(probes.Facts{Extra: c.known}, "primary", names); !slices.Equal(got, c.want) {
			t.Errorf("with %v: %v, want %v", c.known, got, c.want)
		}
	}
}
