package connectd

import (
	"context"
	"encoding/binary"
	"net"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

const (
	// heartbeats is the topic of MirrorMaker's heartbeats, in the cluster that they are
	// written to.
	heartbeats = "heartbeats"
	// beatEvery is emit.heartbeats.interval.seconds.
	beatEvery = time.Second
)

// remote is what a topic of the source is called at the target. IdentityReplicationPolicy
// keeps the names of all but the heartbeats.
func (c *connector) remote(topic string) string {
	if topic == heartbeats {
		return c.o.SourceAlias + "." + heartbeats
	}
	return topic
}

// hasHeartbeats asks the source until it has said whether somebody writes heartbeats there.
func hasHeartbeats(ctx context.Context, t *task, source *kgo.Client) bool {
	for ctx.Err() == nil {
		try, cancel := context.WithTimeout(ctx, setupTry)
		found, err := kadm.NewClient(source).ListTopics(try, heartbeats)
		cancel()
		if err == nil {
			return found.Has(heartbeats)
		}
		t.want(&t.source, err)
		pause(ctx, tryAgain)
	}
	return false
}

// beat writes a heartbeat from time to time until ctx ends.
func (c *connector) beat(ctx context.Context, t *task) {
	dial := c.o.TargetDial
	if dial == nil {
		dial = (&net.Dialer{Timeout: 2 * time.Second}).DialContext
	}
	cl, err := kgo.NewClient(
		kgo.SeedBrokers(c.o.TargetBrokers...), kgo.ClientID(c.o.Name), kgo.DisableClientMetrics(), kgo.WithHooks(watch{t, &t.target, false}),
		kgo.Dialer(dial), kgo.RequestTimeoutOverhead(3*time.Second), kgo.ProducerLinger(0), kgo.RecordDeliveryTimeout(setupTry),
		kgo.MetadataMinAge(tryAgain), kgo.UnknownTopicRetries(-1),
	)
	if err != nil {
		t.want(&t.target, err)
		return
	}
	defer cl.Close()
	if !c.ensure(ctx, t, cl, map[string]int32{heartbeats: 1}, func(name string) string { return name }) {
		return
	}
	for ctx.Err() == nil {
		now := time.Now()
		t.want(&t.target, nil)
		done := make(chan error, 1)
		cl.Produce(ctx, &kgo.Record{Topic: heartbeats, Key: beatKey(c.o.SourceAlias, c.o.TargetAlias), Value: beatValue(now), Timestamp: now},
			func(_ *kgo.Record, err error) { done <- err })
		select {
		case err = <-done:
		case <-ctx.Done(): // closing the client gives up what is on its way; the client itself would not
			return
		}
		t.took(err == nil)
		if err != nil {
			t.want(&t.target, err)
		}
		pause(ctx, beatEvery)
	}
}

// beatKey and beatValue are of MirrorMaker's schema of heartbeats, version 0: two strings with
// their lengths, and a time stamp in milliseconds after the version.
func beatKey(source, target string) []byte {
	var b []byte
	for _, s := range []string{source, target} {
		b = binary.BigEndian.AppendUint16(b, uint16(len(s))) //nolint:gosec // aliases are short
		b = append(b, s...)
	}
	return b
}

func beatValue(at time.Time) []byte {
	return binary.BigEndian.AppendUint64([]byte{0, 0}, uint64(at.UnixMilli())) //nolint:gosec // after 1970
}
