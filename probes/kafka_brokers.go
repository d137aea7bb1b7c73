package probes

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

const (
	// kafkaDiskPace is how often brokers are asked for their disks: each goes through all
	// of its partitions to answer.
	kafkaDiskPace = 30 * time.Second
	// kafkaDiskBrokers bounds how many are asked.
	kafkaDiskBrokers = 32
	// kafkaDiskLow is the part of a disk, in percent, below which a broker is degraded: a
	// full one shuts the broker down.
	kafkaDiskLow = 5
)

// kafkaBrokers is what a cluster says of its brokers beyond metadata.
type kafkaBrokers struct {
	fenced []string // registered and not alive (KRaft)
	disks  *kafkaDisks
}

// kafkaDisks is what the brokers last said of their log directories.
type kafkaDisks struct {
	at     time.Time
	of     []kafkaDisk
	denied bool
}

// kafkaDisk is the fullest log directory of a broker; free is -1 where it does not tell.
type kafkaDisk struct {
	broker      int32
	free, total int64
	offline     string // a directory that the broker can no longer use
}

// brokers asks for the registered brokers, and now and then for their disks. It may take
// half of the time that is left, and knows less where that does not suffice.
func (a *kafkaAsker) brokers(ctx context.Context, c *conv, cl *kgo.Client, v *clusterView) {
	if dl, ok := ctx.Deadline(); ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, time.Until(dl)/2)
		defer cancel()
	}
	parallel(
		func() error { v.fenced = fencedBrokers(ctx, c, cl); return nil },
		func() error { v.disks = a.readDisks(ctx, c, cl, v); return nil },
	)
}

// fencedBrokers are those that DescribeCluster calls so (KIP-1073, Kafka 4.0).
func fencedBrokers(ctx context.Context, c *conv, cl *kgo.Client) []string {
	req := kmsg.NewPtrDescribeClusterRequest()
	req.IncludeFencedBrokers = true
	c.asked("the cluster's registered brokers")
	resp, err := req.RequestWith(ctx, cl)
	if err == nil {
		err = kerr.ErrorForCode(resp.ErrorCode)
	}
	if err != nil {
		c.note("! %s", c.raw(err))
		return nil
	}
	var fenced []string
	for _, b := range resp.Brokers {
		if b.IsFenced {
			fenced = append(fenced, fmt.Sprint(b.NodeID))
		}
	}
	c.got("%d registered, %d of them fenced", len(resp.Brokers), len(fenced))
	return fenced
}

// readDisks asks every broker for its log directories, and for none of the partitions.
func (a *kafkaAsker) readDisks(ctx context.Context, c *conv, cl *kgo.Client, v *clusterView) *kafkaDisks {
	if old := a.disks.Load(); old != nil && c.start.Sub(old.at) < kafkaDiskPace {
		return old
	}
	brokers := v.Brokers[:min(len(v.Brokers), kafkaDiskBrokers)]
	c.asked("the log directories of %d brokers", len(brokers))
	all := make([]error, len(brokers))
	found := make([]kafkaDisk, len(brokers))
	ask := make([]func() error, 0, len(brokers))
	for i, b := range brokers {
		ask = append(ask, func() error {
			found[i], all[i] = logDirs(ctx, cl, b.NodeID)
			return nil
		})
	}
	parallel(ask...)
	d := &kafkaDisks{at: c.start}
	for i, err := range all {
		switch {
		case err == nil:
			d.of = append(d.of, found[i])
		case errors.Is(err, kerr.ClusterAuthorizationFailed):
			d.denied = true
		default:
			c.note("! broker %d: %s", brokers[i].NodeID, c.raw(err))
		}
	}
	c.got("%d brokers told", len(d.of))
	a.disks.Store(d)
	return d
}

func logDirs(ctx context.Context, cl *kgo.Client, broker int32) (kafkaDisk, error) {
	req := kmsg.NewPtrDescribeLogDirsRequest()
	req.Topics = []kmsg.DescribeLogDirsRequestTopic{} // nil would be all
	resp, err := cl.Broker(int(broker)).Request(ctx, req)
	if err != nil {
		return kafkaDisk{}, err
	}
	r, ok := resp.(*kmsg.DescribeLogDirsResponse)
	if !ok {
		return kafkaDisk{}, fmt.Errorf("%w: no log directories in the answer", errGarbage)
	}
	if err := kerr.ErrorForCode(r.ErrorCode); err != nil {
		return kafkaDisk{}, err
	}
	d := kafkaDisk{broker: broker, free: -1, total: -1}
	for _, dir := range r.Dirs {
		if dir.ErrorCode != 0 {
			d.offline = dir.Dir
			continue
		}
		// Before Kafka 3.3 the bytes are not told.
		if dir.TotalBytes <= 0 || dir.UsableBytes < 0 || dir.UsableBytes > dir.TotalBytes {
			continue
		}
		if d.total < 0 || percent(dir.UsableBytes, dir.TotalBytes) < percent(d.free, d.total) {
			d.free, d.total = dir.UsableBytes, dir.TotalBytes
		}
	}
	return d, nil
}

func percent(part, whole int64) int { return int(100 * float64(part) / float64(whole)) }

func (a *kafkaAsker) judgeBrokers(c *conv, f *findings, v *clusterView) {
	if n := len(v.fenced); n > 0 {
		slices.Sort(v.fenced)
		c.expected("every registered broker alive")
		f.add(degraded("%s", fencedText(v.fenced)))
	}
	if v.disks == nil {
		return
	}
	if v.disks.denied {
		c.extra("disks", "not visible (grant DESCRIBE on the cluster to "+nobody(a.t.User)+")")
	}
	for _, d := range v.disks.of {
		if d.total > 0 {
			c.extra(fmt.Sprintf("disk of broker %d", d.broker), fmt.Sprintf("%d %% free of %.1f GB", percent(d.free, d.total), float64(d.total)/1e9))
			if percent(d.free, d.total) < kafkaDiskLow {
				c.expected("%d %% of each disk free", kafkaDiskLow)
				f.add(degraded("the disk of broker %d is nearly full: %d %% free", d.broker, percent(d.free, d.total)))
			}
		}
		if d.offline != "" {
			c.expected("every log directory in use")
			f.add(degraded("broker %d has lost its log directory %s", d.broker, clean(d.offline, 80)))
		}
	}
}

// fencedText names brokers that are registered and not alive.
func fencedText(ids []string) string {
	if len(ids) == 1 {
		return fmt.Sprintf("broker %s is registered and not alive (fenced)", ids[0])
	}
	return fmt.Sprintf("%d brokers (%s) are registered and not alive (fenced)", len(ids), strings.Join(ids[:min(len(ids), 5)], ", "))
}
