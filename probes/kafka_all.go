package probes

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Bounds of looking at a cluster whose topics were not named: it may hold a million.
const (
	// kafkaSample is how many partitions a probe looks at; a broker may hold it to fewer
	// (max.request.partition.size.limit, 2,000 unless set).
	kafkaSample = 2000
	// kafkaAllPace is how often a broker that cannot give a part (before Kafka 3.7) is asked
	// for everything, once that proved to be much.
	kafkaAllPace = time.Minute
	// kafkaMaxAnswer bounds one answer of a broker; what announces more is not read.
	kafkaMaxAnswer = 4 << 20
)

// kafkaTopics is what was seen of topics that were not named.
type kafkaTopics struct {
	topics []kmsg.MetadataResponseTopic
	limit  string // "" when all were looked at just now, else what was not
	at     time.Time
}

// anyTopics looks at the topics of a cluster where none is named: the first partitions, or
// everything from a broker that knows no other way, at a slow pace where that is much.
// Its error is about the topics: the cluster has answered before.
func (a *kafkaAsker) anyTopics(ctx context.Context, c *conv, cl *kgo.Client) (*kafkaTopics, error) {
	if old := a.all.Load(); old != nil && c.start.Sub(old.at) < kafkaAllPace {
		return old, nil
	}
	a.all.Store(nil)
	seen, err := firstTopics(ctx, c, cl)
	if err == nil || ctx.Err() != nil {
		return seen, err
	}
	c.asked("metadata of all topics (%s)", c.raw(err))
	resp, err := metadataRequest(nil).RequestWith(ctx, cl)
	switch {
	case err != nil && strings.Contains(err.Error(), "BrokerMaxReadBytes"): // the library's error has no name
		seen = &kafkaTopics{at: c.start, limit: fmt.Sprintf("too many topics to look at (an answer of more than %d MB): name those that matter", kafkaMaxAnswer>>20)}
		a.all.Store(seen)
		return seen, nil
	case err != nil:
		return nil, err
	}
	c.got("%d topics", len(resp.Topics))
	seen = &kafkaTopics{topics: resp.Topics}
	if partitions(resp.Topics) > kafkaSample {
		seen.at, seen.limit = c.start, "looked at once a minute: name those that matter"
		a.all.Store(seen)
	}
	return seen, nil
}

// firstTopics asks for the first partitions of the cluster, which is bounded at the broker.
func firstTopics(ctx context.Context, c *conv, cl *kgo.Client) (*kafkaTopics, error) {
	req := kmsg.NewPtrDescribeTopicPartitionsRequest()
	req.ResponsePartitionLimit = kafkaSample
	c.asked("the first %d partitions of all topics", kafkaSample)
	resp, err := req.RequestWith(ctx, cl)
	if err != nil {
		return nil, err
	}
	seen := &kafkaTopics{}
	for _, t := range resp.Topics {
		if t.ErrorCode == kerr.UnsupportedVersion.Code {
			return nil, kerr.UnsupportedVersion
		}
		mt := kmsg.NewMetadataResponseTopic()
		mt.Topic, mt.TopicID, mt.ErrorCode = t.Topic, t.TopicID, t.ErrorCode
		for _, p := range t.Partitions {
			mp := kmsg.NewMetadataResponseTopicPartition()
			mp.Partition, mp.ErrorCode, mp.Leader, mp.Replicas, mp.ISR = p.Partition, p.ErrorCode, p.LeaderID, p.Replicas, p.ISR
			mt.Partitions = append(mt.Partitions, mp)
		}
		seen.topics = append(seen.topics, mt)
	}
	c.got("%d topics", len(seen.topics))
	if resp.NextCursor != nil {
		seen.limit = fmt.Sprintf("only the first %d partitions looked at, there are more: name the topics that matter", partitions(seen.topics))
	}
	return seen, nil
}

func partitions(topics []kmsg.MetadataResponseTopic) int {
	n := 0
	for _, t := range topics {
		n += len(t.Partitions)
	}
	return n
}
