package probes

import (
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
)

// The newest heartbeats are facts; topics of them that are not there are no fault, and no
// topic of heartbeats counts among those that matter.
func TestKafkaHeartbeats(t *testing.T) {
	_, brokers := kafkaCluster(t, kfake.SeedTopics(1, "primary.heartbeats", "empty.heartbeats"))
	at := time.Now().Add(-42 * time.Second).Truncate(time.Millisecond).UTC()
	cl, err := kgo.NewClient(kgo.SeedBrokers(brokers...))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cl.Close)
	for _, back := range []time.Duration{time.Minute, 0, time.Second} {
		rec := &kgo.Record{Topic: "primary.heartbeats", Key: []byte("k"), Timestamp: at.Add(-back)}
		if err := cl.ProduceSync(t.Context(), rec).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	asked := []string{HeartbeatsTopic, HeartbeatsFrom("primary"), HeartbeatsFrom("empty")}
	for _, topics := range [][]string{{"flight.messages"}, nil} {
		r := once(t, Target{Kind: "kafka", Brokers: brokers, Topics: topics, Heartbeats: func() []string { return asked }})
		if topics != nil {
			wantAnswer(t, r, StatusUp, "3 brokers, 2 partitions")
		} else {
			wantAnswer(t, r, StatusUp, "3 brokers, 4 partitions")
		}
		if got := r.Facts.Heartbeats; len(got) != 1 || !got["primary.heartbeats"].Equal(at) {
			t.Errorf("topics %v: heartbeats %v, want one of %s", topics, got, at)
		}
		if len(r.Facts.Offsets) > 2 || r.Facts.Offsets["primary.heartbeats/0"] != 0 {
			t.Errorf("topics %v: offsets %v", topics, r.Facts.Offsets)
		}
	}
	r := once(t, Target{Kind: "kafka", Brokers: brokers, Topics: []string{"primary.heartbeats"}, Heartbeats: func() []string { return asked }})
	if r.Facts.Offsets["primary.heartbeats/0"] != 3 || r.Facts.Heartbeats["primary.heartbeats"].IsZero() {
		t.Errorf("a topic that is both: %+v", r.Facts)
	}
}
