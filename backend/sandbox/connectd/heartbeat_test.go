package connectd_test

import (
	"context"
	"encoding/binary"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/dutyops/dutyops/backend/sandbox/connectd"
)

// A heartbeat is what MirrorMaker writes, and a mirror copies it under the name of its source.
func TestHeartbeats(t *testing.T) {
	r := newRig(t, nil)
	back, err := connectd.Start(connectd.Options{Connectors: []connectd.Connector{{
		Heartbeat: true, Name: "heartbeats", SourceAlias: "standby", TargetAlias: "primary", TargetBrokers: r.a.Brokers(),
	}}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = back.Close() })
	eventually(t, "a heartbeat at the source", func() bool { n := r.a.EndOffsets("heartbeats"); return len(n) == 1 && n[0] > 0 })
	r.want(t, 204, "POST", "/connectors/"+name+"/restart", "") // a mirror looks for new topics from time to time, this one when it starts
	cl := r.b.client(t, kgo.ConsumeTopics("primary.heartbeats"), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	defer cl.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	var got *kgo.Record
	for got == nil && ctx.Err() == nil {
		cl.PollFetches(ctx).EachRecord(func(rec *kgo.Record) { got = rec })
	}
	if got == nil {
		t.Fatal("no heartbeat came through")
	}
	if want := "\x00\x07standby\x00\x07primary"; string(got.Key) != want {
		t.Errorf("key %q, want %q", got.Key, want)
	}
	if len(got.Value) != 10 || binary.BigEndian.Uint16(got.Value) != 0 || int64(binary.BigEndian.Uint64(got.Value[2:])) != got.Timestamp.UnixMilli() {
		t.Errorf("value % x of a record of %d", got.Value, got.Timestamp.UnixMilli())
	}
}
