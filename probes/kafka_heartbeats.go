package probes

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// HeartbeatsTopic is where MirrorMaker's heartbeat connector writes, in the cluster whose
// worker it runs at. A mirror copies it to ALIAS.heartbeats, whatever its replication policy
// (with the identity policy too), so that what arrives there has come through the mirror.
const HeartbeatsTopic = "heartbeats"

// HeartbeatsFrom is the topic that heartbeats of the cluster called alias arrive in.
func HeartbeatsFrom(alias string) string { return alias + "." + HeartbeatsTopic }

// heartbeats are the topics to look for heartbeats in, now.
func (t Target) heartbeats() []string {
	if t.Heartbeats == nil {
		return nil
	}
	return t.Heartbeats()
}

// heartbeats takes the topics of heartbeats out of what was seen of the topics, and returns
// those that are there; most clusters have none.
func (a *kafkaAsker) heartbeats(c *conv, v *clusterView, wanted []string) []string {
	var there []string
	v.Topics = slices.DeleteFunc(v.Topics, func(t kmsg.MetadataResponseTopic) bool {
		if t.Topic == nil || !slices.Contains(wanted, *t.Topic) {
			return false
		}
		switch err := kerr.ErrorForCode(t.ErrorCode); {
		case err == nil:
			there = append(there, *t.Topic)
		case errors.Is(err, kerr.TopicAuthorizationFailed):
			c.extra("topic "+*t.Topic, "not allowed to see it (grant DESCRIBE on the topic to "+nobody(a.t.User)+")")
		}
		return !slices.Contains(a.t.Topics, *t.Topic)
	})
	return there
}

// newestHeartbeats reads the time stamp of the newest record of each topic. No record is read.
func newestHeartbeats(ctx context.Context, c *conv, adm *kadm.Client, topics []string) map[string]time.Time {
	c.asked("newest time stamps of %s", strings.Join(topics, ", "))
	got, err := adm.ListMaxTimestampOffsets(ctx, topics...)
	if err != nil {
		c.note("  heartbeats: %s", clean(c.raw(err), 120))
	}
	out := map[string]time.Time{}
	got.Each(func(o kadm.ListedOffset) {
		if at, ok := stamp(o); ok && at.After(out[o.Topic]) {
			out[o.Topic] = at
		}
	})
	return out
}

// stamp is the time stamp of a listed record.
func stamp(o kadm.ListedOffset) (time.Time, bool) {
	if o.Err != nil || o.Timestamp <= 0 || o.Timestamp > 1e14 {
		return time.Time{}, false
	}
	return time.UnixMilli(o.Timestamp).UTC(), true
}
