package replication

import (
	"fmt"
	"testing"
	"time"

	"github.com/dutyops/dutyops/failoverplan"
	"github.com/dutyops/dutyops/probes"
)

// round is what both ends said in one round of probes, and what follows from it.
type round struct {
	src, dst     said
	srcAt, dstAt float64 // seconds since the beginning
	lag          float64
	detail       string
}

func rounds(t *testing.T, component, path string, more map[string]said, all []round) {
	t.Helper()
	begin := time.Date(2026, 1, 2, 3, 4, 5, 0, time.Local)
	at := func(s float64) time.Time { return begin.Add(time.Duration(s * float64(time.Second))) }
	lags := new(Lags)
	for i, r := range all {
		states := States(world(), func(failoverplan.PlatformKind) string { return "primary" }, func(target string) (Seen, bool) {
			switch target {
			case "primary/" + path:
				s := r.src.seen()
				s.At = at(r.srcAt)
				return s, true
			case "standby/" + path:
				s := r.dst.seen()
				s.At = at(r.dstAt)
				return s, true
			}
			f, ok := more[target]
			s := f.seen()
			s.At = at(r.dstAt)
			return s, ok
		}, lags)
		for _, s := range states {
			if s.Component == component {
				t.Run(fmt.Sprintf("round %d", i), func(t *testing.T) { check(t, s, s.State, r.lag, r.detail) })
			}
		}
	}
}

// A replica that goes on saying "0 seconds behind" is measured by our own watch.
func TestLagOfAReplicaThatThinksItIsLevel(t *testing.T) {
	src := func(pos string) said { return said{Facts: probes.Facts{Position: pos}} }
	dst := func(pos string) said {
		return said{Facts: probes.Facts{Position: pos, SourcePosition: pos, ReplicaState: "streaming", ReplicaOf: "a:3306", LagSeconds: ptr(0.0)}}
	}
	gone := said{state: failoverplan.Down}
	rounds(t, "monitoring-mysql", "business/monitoring-mysql", nil, []round{
		{src("1-1-10"), dst("1-1-10"), 0, 0.1, 0, "every transaction"},
		{src("1-1-12"), dst("1-1-10"), 1, 0.9, someLag, "2 transactions"}, // the look at the replica is the older one
		{src("1-1-12"), dst("1-1-12"), 2, 1.9, 0, "every transaction"},
		{src("1-1-20"), dst("1-1-12"), 3, 3.2, 0.2, "8 transactions"},
		{src("1-1-20"), dst("1-1-12"), 4, 4.2, 1.2, "8 transactions"}, // nothing new at the source: it waits all the same
		{src("1-1-30"), dst("1-1-12"), 60, 63, 60, "18 transactions"},
		{src("1-1-40"), dst("1-1-20"), 64, 64.5, 4.5, "20 transactions"}, // what was there at 60 is missing
		{gone, dst("1-1-30"), 65, 65, UnknownLag, "it had everything of 03:05:05"},
		{src("1-1-40"), dst("1-1-40"), 66, 66, 0, "every transaction"},
		{gone, dst("1-1-40"), 67, 67, UnknownLag, "it had everything of 03:05:11"},
		{src("1-1-45"), dst("1-1-40"), 70, 71, 1, "5 transactions"},
	})
}

// What the replica claims counts when it is more: a delayed replica knows better.
func TestLagThatTheReplicaClaims(t *testing.T) {
	rounds(t, "monitoring-mysql", "business/monitoring-mysql", nil, []round{{
		src:   said{Facts: probes.Facts{Position: "1-1-12"}},
		dst:   said{Facts: probes.Facts{Position: "1-1-10", ReplicaState: "streaming", ReplicaOf: "a:3306", LagSeconds: ptr(42.0)}},
		srcAt: 1, dstAt: 2, lag: 42, detail: "2 transactions",
	}})
}

func TestLagOfRedisByOffsets(t *testing.T) {
	one := map[string]string{probes.RedisHistory: "a"}
	src := func(pos string) said { return said{Facts: probes.Facts{Position: pos, Extra: one}} }
	dst := func(pos string) said {
		return said{Facts: probes.Facts{Position: pos, ReplicaState: "streaming", ReplicaOf: "a:6379", Extra: one}}
	}
	rounds(t, "redis", "data/redis", nil, []round{
		{src("100"), dst("100"), 0, 0, 0, "level"},
		{src("200"), dst("100"), 1, 1.5, 0.5, "100 bytes"},
		{src("300"), dst("150"), 2, 9, 8, "150 bytes"},
		{src("50"), dst("20"), 10, 11, 1, "30 bytes"}, // the source began anew: what was seen of it before counts no more
	})
}

func TestLagOfAMirrorByOffsets(t *testing.T) {
	const conn = "mirror-from-primary"
	src := func(end int64) said { return said{Facts: probes.Facts{Offsets: map[string]int64{"t/0": end}}} }
	mirror := map[string]said{"standby/data/connect": {Facts: probes.Facts{Parts: map[string]string{conn: connRunning}, Offsets: map[string]int64{conn + ":t/0": 99}}}}
	rounds(t, "kafka", "data/kafka", mirror, []round{
		{src(100), said{}, 0, 0, 0, "every record"},
		{src(101), said{}, 1, 4, 3, "1 record to copy"},
		{src(150), said{}, 5, 31, 30, "50 records to copy"},
	})
}

func TestLagOfAnIndexByCountAndNewest(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	docs := func(n int64) said { return said{Facts: probes.Facts{Count: &n, NewestAt: at}} }
	rounds(t, "elasticsearch", "data/elasticsearch", nil, []round{
		{docs(100), docs(100), 0, 0, 0, "100 documents here"},
		{docs(101), docs(100), 1, 3, 2, "100 documents here, 101 at primary"}, // an older one is missing, and has been for two seconds
		{docs(101), docs(101), 4, 4, 0, "101 documents here"},
	})
}

// An update changes neither the count nor, maybe, the newest time.
func TestWritesThatNoCountShows(t *testing.T) {
	docs := func(writes string) said {
		return said{Facts: probes.Facts{Count: ptr(int64(100)), Position: writes}}
	}
	rounds(t, "elasticsearch", "data/elasticsearch", nil, []round{
		{docs("100"), docs("80"), 0, 0, 0, "100 documents here, 100 at primary"},
		{docs("107"), docs("80"), 1, 1, someLag, "7 writes there since anything was copied"},
		{docs("109"), docs("80"), 5, 6, 5, "9 writes there since anything was copied"}, // since the first of them is known
		{docs("109"), docs("85"), 7, 7, 0, "100 documents here, 100 at primary"},
		{docs("110"), docs("85"), 9, 9, someLag, "1 write there since anything was copied"},
		{docs("110"), docs("85"), 12, 12, 3, "1 write there since anything was copied"},
		{docs("3"), docs("85"), 14, 14, 0, "100 documents here, 100 at primary"}, // made anew
	})
}

// A copy does not take deletions over, whenever it is made: they are told, and are no lag
// that could ever go away.
func TestDeletionsAreNoLag(t *testing.T) {
	docs := func(n int64, writes string) said {
		return said{Facts: probes.Facts{Count: &n, Position: writes}}
	}
	rounds(t, "elasticsearch", "data/elasticsearch", nil, []round{
		{docs(100, "100"), docs(100, "100"), 0, 0, 0, "100 documents here, 100 at primary"},
		{docs(99, "101"), docs(100, "100"), 1, 1, 0, "100 documents here, 99 at primary, 1 deletion there, which copies do not take over"},
		{docs(97, "103"), docs(100, "100"), 60, 60, 0, "3 deletions there"},
		{docs(97, "104"), docs(100, "100"), 61, 61, someLag, "4 writes there since anything was copied"}, // and an update
		{docs(97, "104"), docs(100, "100"), 64, 64, 3, "4 writes there since anything was copied"},
	})
}

// An index that has taken fewer writes than before was made anew: nothing of it is known yet.
func TestWritesOfAnIndexMadeAnew(t *testing.T) {
	var w watched
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	w.sinceCopied(110, 85, 100, at, at)
	if n, deleted, waits := w.sinceCopied(3, 85, 100, at, at); n != 0 || deleted != 0 || waits != 0 {
		t.Errorf("%d writes, %d deletions, waiting %s", n, deleted, waits)
	}
}

// Documents that were not counted are not deleted ones, and equal newest times say nothing then.
func TestUncountedDocumentsAreUnknown(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	docs := func(n *int64, writes string) said {
		return said{Facts: probes.Facts{Count: n, NewestAt: at, Position: writes}}
	}
	hundred := ptr(int64(100))
	rounds(t, "elasticsearch", "data/elasticsearch", nil, []round{
		{docs(hundred, "100"), docs(hundred, "100"), 0, 0, 0, "100 documents here, 100 at primary"},
		{docs(nil, "105"), docs(hundred, "100"), 1, 1, UnknownLag, "? at primary; the newest may be here while older ones are missing"},
		{docs(hundred, "105"), docs(nil, "100"), 2, 2, UnknownLag, "? documents here"},
		{docs(hundred, "105"), docs(hundred, "100"), 4, 5, 3, "5 writes there since anything was copied"},
	})
}

// However long a copy stands still, little is remembered, and what is shown is never less
// than the truth.
func TestLagIsNeverShownShorterThanItIs(t *testing.T) {
	begin := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	w := new(watched)
	sec := func(n int) time.Time { return begin.Add(time.Duration(n) * time.Second) }
	const n = 10_000
	for i := range n {
		w.look(bytePosition(i+1), sec(i), bytePosition(0), sec(i))
		if len(w.marks) > maxMarks {
			t.Fatalf("%d marks are kept", len(w.marks))
		}
	}
	before := float64(n)
	for at := 0; at < n; at += 97 {
		got := w.look(bytePosition(n), sec(n), bytePosition(at), sec(n))
		if truth := float64(n - at); got < truth || got > before {
			t.Fatalf("at position %d it is %v s behind, it was %v s before; the truth is %v s", at, got, before, truth)
		}
		before = got
	}
}

func TestLagOfAnOldDirectionIsForgotten(t *testing.T) {
	lags := new(Lags)
	for _, from := range []string{"primary", "standby"} {
		States(world(), func(failoverplan.PlatformKind) string { return from }, func(string) (Seen, bool) { return Seen{}, false }, lags)
		if len(lags.of) == 0 {
			t.Fatal("nothing is remembered")
		}
		for r := range lags.of {
			if r.from != from {
				t.Errorf("%+v is remembered although the source is %s", r, from)
			}
		}
	}
}
