package replication_test

import (
	"context"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/dutyops/dutyops/backend/config"
	"github.com/dutyops/dutyops/backend/replication"
	"github.com/dutyops/dutyops/backend/sandbox/connectd"
	"github.com/dutyops/dutyops/backend/sandbox/kafkad"
	"github.com/dutyops/dutyops/failoverplan"
)

const topic = "flight.messages"

func kafka(t *testing.T) *kafkad.Cluster {
	t.Helper()
	k, err := kafkad.Start(kafkad.Options{Topics: map[string]int32{topic: 1}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = k.Close() })
	return k
}

func produce(t *testing.T, k *kafkad.Cluster, n int) {
	t.Helper()
	c, err := kgo.NewClient(kgo.SeedBrokers(k.Brokers()...), kgo.DefaultProduceTopic(topic))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for range n {
		if err := c.ProduceSync(t.Context(), kgo.StringRecord("x")).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
}

// TestSandboxMirrorBeginsAtTheCut: what is in the source before the cut is not copied,
// what comes after it is.
func TestSandboxMirrorBeginsAtTheCut(t *testing.T) {
	a, b := kafka(t), kafka(t)
	s, err := connectd.Start(connectd.Options{Connectors: []connectd.Connector{{
		Name: "mirror-from-primary", SourceAlias: "primary", TargetAlias: "standby",
		SourceBrokers: a.Brokers(), TargetBrokers: b.Brokers(), Topics: []string{topic}, State: connectd.Stopped,
	}}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	m, err := replication.OpenMirror(replication.Endpoint{
		Site: "standby", Platform: failoverplan.Data, Name: "connect", Kind: failoverplan.KafkaConnect,
		Config: config.Component{URL: s.URL()},
	}, replication.Options{Poll: 5 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = m.Close() })
	names := []string{"mirror-from-primary"}
	ends := func(context.Context) (map[string]int64, error) {
		return map[string]int64{topic + "/0": a.EndOffsets(topic)[0]}, nil
	}

	produce(t, a, 10)
	if lag, err := m.Lag(t.Context(), names, ends); err != nil || lag["mirror-from-primary:"+topic+"/0"] != 10 {
		t.Fatalf("Lag = %v, %v; want 10", lag, err)
	}
	ev, err := m.Anchor(t.Context(), names, ends)
	did(t, "anchor", ev, err)
	ev, err = m.Resume(t.Context(), names)
	did(t, "resume", ev, err)
	produce(t, a, 3)
	ctx, cancel := context.WithTimeout(t.Context(), 15*time.Second)
	defer cancel()
	for {
		lag, err := m.Lag(ctx, names, ends)
		if err != nil {
			t.Fatal(err)
		}
		if lag["mirror-from-primary:"+topic+"/0"] == 0 {
			break
		}
		select {
		case <-ctx.Done():
			t.Fatalf("lag %v", lag)
		case <-time.After(5 * time.Millisecond):
		}
	}
	if n := b.EndOffsets(topic)[0]; n != 3 {
		t.Errorf("%d records were copied, want the 3 after the cut", n)
	}
	ev, err = m.Stop(t.Context(), names)
	did(t, "stop", ev, err)
	if st, err := m.States(t.Context(), names); err != nil || st["mirror-from-primary"] != "STOPPED" {
		t.Errorf("States = %v, %v", st, err)
	}
}
