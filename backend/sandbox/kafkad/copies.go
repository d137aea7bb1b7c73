package kafkad

import (
	"context"
	"fmt"
	"slices"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Copies is how the copies of partitions look in metadata.
type Copies int

// The first one is as they are.
const (
	CopiesWhole  Copies = iota
	CopiesBehind        // a copy on a broker that is away is not in sync
	CopiesGone          // the only copies are on a broker that is away: no leader
)

// awayBroker is the id of a broker that no answer lists.
const awayBroker = 99

// SetCopies makes every partition of every topic look so in answers to metadata requests:
// what clients learn of a cluster that has lost a broker. The data itself stays.
func (c *Cluster) SetCopies(ctx context.Context, as Copies) error {
	if as == CopiesWhole {
		c.copies.Store(nil)
		return nil
	}
	cl, err := kgo.NewClient(kgo.SeedBrokers(c.given...), kgo.DisableClientMetrics())
	if err != nil {
		return fmt.Errorf("kafka: %w", err)
	}
	defer cl.Close()
	req := kmsg.NewPtrMetadataRequest()
	c.copies.Store(nil)
	resp, err := req.RequestWith(ctx, cl)
	if err != nil {
		return fmt.Errorf("kafka: read the metadata: %w", err)
	}
	for i := range resp.Topics {
		for k := range resp.Topics[i].Partitions {
			p := &resp.Topics[i].Partitions[k]
			switch as {
			case CopiesBehind:
				p.Replicas, p.ISR, p.OfflineReplicas = []int32{p.Leader, awayBroker}, []int32{p.Leader}, []int32{awayBroker}
			case CopiesGone:
				p.Replicas, p.ISR, p.OfflineReplicas = []int32{awayBroker}, []int32{awayBroker}, []int32{awayBroker}
				p.Leader, p.ErrorCode = -1, 5 // LEADER_NOT_AVAILABLE
			case CopiesWhole:
			}
		}
	}
	c.copies.Store(resp)
	c.watchCopies.Do(func() {
		c.fake.ControlKey(int16(kmsg.Metadata), c.answerCopies)
		c.fake.ControlKey(int16(kmsg.DescribeCluster), c.answerCluster)
	})
	return nil
}

// answerCopies answers metadata requests while copies look otherwise than they are.
func (c *Cluster) answerCopies(kreq kmsg.Request) (kmsg.Response, error, bool) { //nolint:revive // the order is kfake's
	c.fake.KeepControl()
	known := c.copies.Load()
	req, ok := kreq.(*kmsg.MetadataRequest)
	if known == nil || !ok {
		return nil, nil, false
	}
	resp := *known
	resp.SetVersion(req.GetVersion())
	if req.Topics != nil {
		resp.Topics = slices.DeleteFunc(slices.Clone(known.Topics), func(t kmsg.MetadataResponseTopic) bool {
			return !slices.ContainsFunc(req.Topics, func(q kmsg.MetadataRequestTopic) bool {
				return q.Topic != nil && t.Topic != nil && *q.Topic == *t.Topic
			})
		})
	}
	return &resp, nil, true
}
