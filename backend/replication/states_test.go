package replication

import (
	"cmp"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/dutyops/dutyops/failoverplan"
	"github.com/dutyops/dutyops/probes"
)

func ptr[T any](v T) *T { return &v }

// world is a topology of two sites with one component of each synced kind.
func world() *failoverplan.Topology {
	site := func(name, other string) failoverplan.Site {
		return failoverplan.Site{Name: name, Platforms: []failoverplan.Platform{
			{Kind: failoverplan.Business, Components: []failoverplan.Component{
				{Name: "monitoring-mysql", Kind: failoverplan.MySQL, Sync: failoverplan.Sync},
				{Name: "scheduling-redis", Kind: failoverplan.Redis, Sync: failoverplan.SyncNone},
			}},
			{Kind: failoverplan.Data, Components: []failoverplan.Component{
				{Name: "kafka", Kind: failoverplan.Kafka, Sync: failoverplan.Sync},
				{Name: "connect", Kind: failoverplan.KafkaConnect, Mirrors: map[string][]string{other: {"mirror-from-" + other}}},
				{Name: "elasticsearch", Kind: failoverplan.Elasticsearch, Sync: failoverplan.Sync},
				{Name: "redis", Kind: failoverplan.Redis, Sync: failoverplan.Sync},
				{Name: "rabbitmq", Kind: failoverplan.RabbitMQ, Sync: failoverplan.SyncNone},
			}},
		}}
	}
	return &failoverplan.Topology{Home: "primary", Sites: []failoverplan.Site{site("primary", "standby"), site("standby", "primary")}}
}

// said is what probes found; State defaults to up.
type said struct {
	probes.Facts

	state  failoverplan.State
	silent bool
}

func (f said) seen() Seen {
	return Seen{Facts: f.Facts, State: cmp.Or(f.state, failoverplan.Up), Silent: f.silent}
}

// judged runs States with business at one site and data at another, and returns the
// relation of one component.
func judged(t *testing.T, component, from string, facts map[string]said) failoverplan.SyncState {
	t.Helper()
	all := States(world(), func(failoverplan.PlatformKind) string { return from }, func(target string) (Seen, bool) {
		f, ok := facts[target]
		return f.seen(), ok
	}, new(Lags))
	for _, s := range all {
		if s.Component == component {
			if s.From != from || s.To == from {
				t.Errorf("direction %s -> %s, want from %s", s.From, s.To, from)
			}
			return s
		}
	}
	t.Fatalf("no relation for %s in %v", component, all)
	return failoverplan.SyncState{}
}

func check(t *testing.T, got failoverplan.SyncState, state string, lag float64, detail string) {
	t.Helper()
	if got.State != state || math.Abs(got.Lag-lag) > 1e-9 || !strings.Contains(got.Detail, detail) {
		t.Errorf("%s, lag %v, %q; want %s, lag %v, %q", got.State, got.Lag, got.Detail, state, lag, detail)
	}
}

func TestStatesCoverWhatThePolicySyncsAndNothingElse(t *testing.T) {
	sources := map[failoverplan.PlatformKind]string{failoverplan.Business: "standby", failoverplan.Data: "primary"}
	all := States(world(), func(k failoverplan.PlatformKind) string { return sources[k] }, func(string) (Seen, bool) { return Seen{}, false }, new(Lags))
	var got []string
	for _, s := range all {
		got = append(got, s.Component+" "+s.From+">"+s.To)
		check(t, s, failoverplan.SyncUnknown, UnknownLag, "does not answer")
	}
	want := "monitoring-mysql standby>primary, kafka primary>standby, elasticsearch primary>standby, redis primary>standby"
	if strings.Join(got, ", ") != want {
		t.Errorf("relations %v\nwant %s", got, want)
	}
	if all := States(world(), func(failoverplan.PlatformKind) string { return "" }, nil, new(Lags)); len(all) != 0 {
		t.Errorf("without a source: %v", all)
	}
}

func TestStatesMySQL(t *testing.T) {
	replica := func(pos, received, state string, lag *float64) said {
		return said{Facts: probes.Facts{Position: pos, SourcePosition: received, ReplicaState: state, ReplicaOf: "a:3306", LagSeconds: lag, ReadOnly: ptr(true)}}
	}
	src := func(pos string, state failoverplan.State) said {
		return said{Facts: probes.Facts{Position: pos}, state: state}
	}
	for _, c := range []struct {
		name     string
		src, dst said
		state    string
		lag      float64
		detail   string
	}{
		{"level", src("1-1-100", ""), replica("1-1-100", "1-1-100", "streaming", ptr(0.0)), failoverplan.Streaming, 0, "every transaction"},
		{"level, whatever it says of itself", src("1-1-100", ""), replica("1-1-100", "1-1-100", "streaming", ptr(30.0)), failoverplan.Streaming, 0, ""},
		{"behind and says 0", src("1-1-100", ""), replica("1-1-97", "1-1-97", "streaming", ptr(0.0)), failoverplan.Streaming, someLag, "3 transactions"},
		{"behind and says 12", src("1-1-100", ""), replica("1-1-97", "1-1-100", "streaming", ptr(12.0)), failoverplan.Streaming, 12, "3 transactions"},
		{"our look at the source is older", src("1-1-100", ""), replica("1-1-102", "1-1-102", "streaming", ptr(0.0)), failoverplan.Streaming, 0, ""},
		{"the source is frozen", src("1-1-100", failoverplan.Down), replica("1-1-100", "1-1-100", "streaming", ptr(0.0)), failoverplan.Streaming, UnknownLag, "primary does not answer; received and not applied: 0"},
		{"the source has just missed an answer", said{silent: true}, replica("1-1-100", "1-1-100", "streaming", ptr(0.0)), failoverplan.Streaming, UnknownLag, "primary does not answer"},
		{"the replica has just missed an answer", src("1-1-100", ""), said{silent: true}, failoverplan.SyncUnknown, UnknownLag, "standby does not answer"},
		{"the source is stale", src("1-1-100", failoverplan.Stale), replica("1-1-98", "1-1-100", "connecting", nil), failoverplan.Broken, UnknownLag, "not applied: 2"},
		{"paused", src("1-1-100", ""), replica("1-1-97", "1-1-97", "stopped", nil), failoverplan.Stopped, UnknownLag, "3 transactions behind, and not moving"},
		{"broken", src("1-1-100", ""), replica("1-1-97", "1-1-97", "broken", nil), failoverplan.Broken, UnknownLag, "not moving"},
		{"errant write", src("1-1-100", ""), replica("1-1-100,2-2-1", "1-1-100", "streaming", ptr(0.0)), failoverplan.Diverged, UnknownLag, "2-2-1"},
		{"came back with more", src("1-1-103,2-2-7", ""), said{Facts: probes.Facts{Position: "1-1-105"}}, failoverplan.Diverged, UnknownLag, "1-1-104..105"},
		{"follows nobody", src("1-1-100", ""), said{Facts: probes.Facts{Position: "1-1-90"}}, failoverplan.Stopped, UnknownLag, "follows nobody, 10 transactions behind"},
		{"the replica is down", src("1-1-100", ""), said{state: failoverplan.Down}, failoverplan.SyncUnknown, UnknownLag, "standby does not answer"},
		{"a fenced source still counts", said{Facts: probes.Facts{Position: "1-1-100", ReadOnly: ptr(true)}, state: failoverplan.Down}, replica("1-1-100", "1-1-100", "streaming", nil), failoverplan.Streaming, 0, ""},
		{"no positions", src("", ""), replica("", "", "streaming", ptr(0.0)), failoverplan.Streaming, UnknownLag, "no GTID position"},
		{"following is hidden", src("1-1-100", ""), said{Facts: probes.Facts{Position: "1-1-100", Extra: map[string]string{probes.ReplicationHidden: "cannot see it: not allowed"}}}, failoverplan.SyncUnknown, UnknownLag, "whether standby follows anybody is not known: cannot see it"},
		{"no position of the replica", src("1-1-100", ""), replica("", "", "streaming", ptr(0.0)), failoverplan.Streaming, UnknownLag, "no GTID position"},
		{"garbage", src("what", ""), replica("1-1-1", "", "streaming", ptr(0.0)), failoverplan.Streaming, UnknownLag, "cannot be read"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := judged(t, "monitoring-mysql", "primary", map[string]said{"primary/business/monitoring-mysql": c.src, "standby/business/monitoring-mysql": c.dst})
			check(t, got, c.state, c.lag, c.detail)
		})
	}
}

func TestStatesKafka(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	const conn = "mirror-from-primary"
	mirror := func(state string, offsets map[string]int64) said {
		return said{Facts: probes.Facts{Parts: map[string]string{conn: state}, Offsets: offsets}}
	}
	src := said{Facts: probes.Facts{Offsets: map[string]int64{"t/0": 100, "t/1": 0}, NewestAt: at}}
	dst := said{Facts: probes.Facts{NewestAt: at.Add(-4 * time.Second)}}
	down := src
	down.state = failoverplan.Down
	for _, c := range []struct {
		name     string
		src, dst said
		conn     said
		state    string
		lag      float64
		detail   string
	}{
		{"level: the last offset copied is one less than the end", src, dst, mirror("RUNNING", map[string]int64{conn + ":t/0": 99}), failoverplan.Streaming, 0, "every record"},
		{"level, as far as its ends are known", said{Facts: probes.Facts{Offsets: map[string]int64{"t/0": 100}, Extra: map[string]string{probes.OffsetsLack: "1 of 2 partitions did not tell their end"}}}, dst, mirror("RUNNING", map[string]int64{conn + ":t/0": 99}), failoverplan.Streaming, UnknownLag, "1 of 2 partitions did not tell"},
		{"a task that nobody has", src, dst, mirror("UNASSIGNED", map[string]int64{conn + ":t/0": 99}), failoverplan.Broken, UnknownLag, "UNASSIGNED"},
		{"behind", src, dst, mirror("RUNNING", map[string]int64{conn + ":t/0": 89}), failoverplan.Streaming, 4, "10 records to copy"},
		{"the source was replaced by an empty one", said{Facts: probes.Facts{Offsets: map[string]int64{"t/0": 0}}}, dst, mirror("RUNNING", map[string]int64{conn + ":t/0": 99}), failoverplan.SyncUnknown, UnknownLag, "read t/0 up to offset 100, but it ends at 0 at primary"},
		{"the source was replaced by a smaller one", src, dst, mirror("RUNNING", map[string]int64{conn + ":t/0": 1 << 20}), failoverplan.SyncUnknown, UnknownLag, "was replaced"},
		{"our look at the source is older", src, dst, mirror("RUNNING", map[string]int64{conn + ":t/0": 120}), failoverplan.Streaming, 0, "every record"},
		{"nothing told yet", src, dst, mirror("RUNNING", nil), failoverplan.Streaming, UnknownLag, "not told"},
		{"the source is down", down, dst, mirror("RUNNING", map[string]int64{conn + ":t/0": 99}), failoverplan.Streaming, UnknownLag, "primary does not answer"},
		{"stopped", src, dst, mirror("STOPPED", nil), failoverplan.Stopped, UnknownLag, "STOPPED"},
		{"failed", src, dst, mirror("FAILED", nil), failoverplan.Broken, UnknownLag, "FAILED"},
		{"absent", src, dst, said{}, failoverplan.Broken, UnknownLag, "does not exist"},
		{"connect has just missed an answer", src, dst, said{silent: true}, failoverplan.SyncUnknown, UnknownLag, "standby/data/connect does not answer"},
		{"connect is down", src, dst, said{state: failoverplan.Down}, failoverplan.SyncUnknown, UnknownLag, "standby/data/connect does not answer"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := judged(t, "kafka", "primary", map[string]said{"primary/data/kafka": c.src, "standby/data/kafka": c.dst, "standby/data/connect": c.conn})
			check(t, got, c.state, c.lag, c.detail)
		})
	}
	topo := world()
	topo.Sites[1].Platforms[1].Components[1].Mirrors = nil
	all := States(topo, func(failoverplan.PlatformKind) string { return "primary" }, func(string) (Seen, bool) { return Seen{State: failoverplan.Up}, true }, new(Lags))
	for _, s := range all {
		if s.Component == "kafka" {
			check(t, s, failoverplan.Stopped, UnknownLag, "no mirror from primary to standby")
		}
	}
}

func TestStatesRedis(t *testing.T) {
	of := func(s said, history string) said {
		s.Extra = map[string]string{probes.RedisHistory: history}
		return s
	}
	src := said{Facts: probes.Facts{Position: "1000"}}
	down := said{Facts: probes.Facts{Position: "1000"}, state: failoverplan.Unknown}
	replica := func(pos, state string) said {
		return said{Facts: probes.Facts{Position: pos, ReplicaState: state, ReplicaOf: "a:6379"}}
	}
	for _, c := range []struct {
		src, dst said
		state    string
		lag      float64
		detail   string
	}{
		{src, replica("1000", "streaming"), failoverplan.Streaming, UnknownLag, "no replication id"},
		{of(src, "a"), replica("1000", "streaming"), failoverplan.Streaming, UnknownLag, "no replication id"},
		{src, of(replica("1000", "streaming"), "a"), failoverplan.Streaming, UnknownLag, "no replication id"},
		{of(src, "a"), of(replica("900", "streaming"), "a"), failoverplan.Streaming, someLag, "100 bytes"},
		{src, replica("1000", "connecting"), failoverplan.Broken, UnknownLag, "connecting"},
		{src, said{Facts: probes.Facts{Position: "5", Role: "primary"}}, failoverplan.Stopped, UnknownLag, "follows nobody"},
		{down, replica("1000", "streaming"), failoverplan.Streaming, UnknownLag, "does not answer"},
		{of(src, "a"), of(replica("1000", "streaming"), "a"), failoverplan.Streaming, 0, "level"},
		{of(src, "b"), of(replica("5000", "streaming"), "a"), failoverplan.SyncUnknown, UnknownLag, "primary has another history than standby"},
		{of(src, "b"), of(replica("900", "connecting"), "a"), failoverplan.Broken, UnknownLag, "connecting"},
	} {
		check(t, judged(t, "redis", "primary", map[string]said{"primary/data/redis": c.src, "standby/data/redis": c.dst}), c.state, c.lag, c.detail)
	}
}

func TestStatesElasticsearch(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	es := func(count int64, newest time.Time) said {
		return said{Facts: probes.Facts{Count: &count, NewestAt: newest}}
	}
	blocked := es(90, at)
	blocked.ReadOnly = ptr(true)
	for _, c := range []struct {
		src, dst said
		state    string
		lag      float64
		detail   string
	}{
		{es(100, at), es(100, at), failoverplan.Streaming, 0, "100 documents here, 100 at primary"},
		{es(100, at), es(97, at.Add(-3*time.Second)), failoverplan.Streaming, 3, "97"},
		{es(100, at), es(97, at), failoverplan.Streaming, someLag, "97"},
		{es(100, time.Time{}), es(100, time.Time{}), failoverplan.Streaming, 0, ""},
		{es(100, time.Time{}), es(97, time.Time{}), failoverplan.Streaming, UnknownLag, "no time stamps"},
		{es(100, at), blocked, failoverplan.Stopped, UnknownLag, "write block"},
		{said{state: failoverplan.Down}, es(97, at), failoverplan.SyncUnknown, UnknownLag, "primary does not answer"},
	} {
		check(t, judged(t, "elasticsearch", "primary", map[string]said{"primary/data/elasticsearch": c.src, "standby/data/elasticsearch": c.dst}), c.state, c.lag, c.detail)
	}
}
