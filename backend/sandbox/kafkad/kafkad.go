package kafkad

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Defaults of Options.
const (
	// DefaultRetentionBytes bounds one partition; records live in memory.
	DefaultRetentionBytes = 64 << 20
	// DefaultRetention bounds the age of a record.
	DefaultRetention = 6 * time.Hour
	// DefaultSweep is how often the bounds are applied.
	DefaultSweep = 30 * time.Second
)

// Options of Start. The zero value is one broker without topics.
type Options struct {
	// Brokers is how many brokers the cluster has; 0 means 1.
	Brokers int
	// ClusterID is what metadata answers carry; "" means "sandbox".
	ClusterID string
	// User asks clients for a login by SCRAM-SHA-256 as this one, with Password; "" lets
	// everybody in.
	User, Password string
	// Topics to make when they do not exist, with their number of partitions.
	Topics map[string]int32
	// Ports to listen on, one per broker, so that a restarted cluster is found where
	// its proxies look for it. nil means free ports.
	Ports []int
	// Advertise is asked once per broker, when its listener is open, which address
	// clients shall be told (a proxy's). nil or an empty answer advertises the real one.
	Advertise func(realAddr string) (advertisedAddr string, err error)
	// DataDir keeps the cluster over a Close and Start; "" keeps it in memory only.
	DataDir string
	// RetentionBytes per partition, and Retention of a record; 0 means the default,
	// negative no bound.
	RetentionBytes int64
	Retention      time.Duration
	// Sweep is how often the bounds are applied; 0 means DefaultSweep.
	Sweep time.Duration
}

// Cluster is a running Kafka cluster. All methods are safe for concurrent use.
type Cluster struct {
	fake  *kfake.Cluster
	real  []string
	given []string

	stop chan struct{}
	done chan struct{}
	once sync.Once

	mu    sync.Mutex
	fence *kfake.FaultHandle

	copies      atomic.Pointer[kmsg.MetadataResponse] // nil: as they are
	watchCopies sync.Once
	disk        atomic.Pointer[Disk]
}

// Start opens the listeners, makes the topics and serves until Close.
func Start(o Options) (*Cluster, error) {
	if o.Brokers == 0 {
		o.Brokers = max(1, len(o.Ports))
	}
	if o.Ports != nil && len(o.Ports) != o.Brokers {
		return nil, fmt.Errorf("kafka: %d ports for %d brokers: give one port per broker, or none", len(o.Ports), o.Brokers)
	}
	if o.ClusterID == "" {
		o.ClusterID = "sandbox"
	}
	if o.Sweep == 0 {
		o.Sweep = DefaultSweep
	}

	front := &front{advertise: o.Advertise}
	opts := []kfake.Opt{
		kfake.NumBrokers(o.Brokers),
		kfake.ClusterID(o.ClusterID),
		kfake.ListenFn(front.listen),
		kfake.DefaultNumPartitions(1),
		kfake.BrokerConfigs(map[string]string{
			"log.retention.bytes": bound(o.RetentionBytes, DefaultRetentionBytes),
			"log.retention.ms":    bound(o.Retention.Milliseconds(), DefaultRetention.Milliseconds()),
			"log.segment.bytes":   segment(o.RetentionBytes),
		}),
	}
	if o.User != "" {
		opts = append(opts, kfake.EnableSASL(), kfake.Superuser("SCRAM-SHA-256", o.User, o.Password))
	}
	if o.Ports != nil {
		opts = append(opts, kfake.Ports(o.Ports...))
	}
	if o.DataDir != "" {
		opts = append(opts, kfake.DataDir(o.DataDir))
	}
	fake, err := kfake.NewCluster(opts...)
	if err != nil {
		return nil, fmt.Errorf("kafka: cannot start the cluster (are the ports in use?): %w", err)
	}
	for _, topic := range slices.Sorted(maps.Keys(o.Topics)) {
		err := fake.CreateTopic(topic, o.Topics[topic], nil)
		if err != nil && !errors.Is(err, kerr.TopicAlreadyExists) {
			fake.Close()
			return nil, fmt.Errorf("kafka: cannot create topic %q with %d partitions: %w", topic, o.Topics[topic], err)
		}
	}
	c := &Cluster{
		fake: fake, real: front.real, given: front.given,
		stop: make(chan struct{}), done: make(chan struct{}),
	}
	c.SetDisk(DefaultDisk)
	fake.ControlKey(int16(kmsg.DescribeLogDirs), c.answerDisk)
	go c.sweep(o.Sweep)
	return c, nil
}

// bound is a Kafka setting: the default for 0, "-1" (none) for a negative value.
func bound(v, byDefault int64) string {
	if v == 0 {
		v = byDefault
	}
	return strconv.FormatInt(max(v, -1), 10)
}

// segment is the size of a segment: memory is given back by whole segments only.
func segment(retention int64) string {
	if retention == 0 {
		retention = DefaultRetentionBytes
	}
	const least, most = 64 << 10, 100 << 20
	if retention < 0 {
		return strconv.Itoa(most)
	}
	return strconv.FormatInt(min(max(retention/16, least), most), 10)
}

// sweep applies the retention until Close.
func (c *Cluster) sweep(every time.Duration) {
	defer close(c.done)
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-c.stop:
			return
		case <-tick.C:
			c.fake.ApplyRetention()
		}
	}
}

// Brokers are the advertised addresses, in order of broker id.
func (c *Cluster) Brokers() []string { return slices.Clone(c.given) }

// RealAddrs are the addresses the brokers listen on, in order of broker id.
func (c *Cluster) RealAddrs() []string { return slices.Clone(c.real) }

// SetReadOnly fences every producer: from now on a write is answered with
// TOPIC_AUTHORIZATION_FAILED and nothing of it is stored, as if an ACL denied
// WRITE on every topic to everybody. Reading goes on. SetReadOnly(false) lifts it.
func (c *Cluster) SetReadOnly(on bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case on && c.fence == nil:
		c.fence = c.fake.Fault(kfake.Fault{
			Keys: []kmsg.Key{kmsg.Produce}, Err: kerr.TopicAuthorizationFailed, Count: -1,
		})
	case !on && c.fence != nil:
		c.fence.Remove()
		c.fence = nil
	}
}

// ReadOnly says whether producers are fenced.
func (c *Cluster) ReadOnly() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.fence != nil
}

// EndOffsets are the next offsets of a topic's partitions, in order, read past the
// network: the sandbox's own truth. nil when there is no such topic.
func (c *Cluster) EndOffsets(topic string) []int64 {
	var ends []int64
	for _, p := range c.fake.PartitionInfos(topic) {
		ends = append(ends, p.HighWatermark)
	}
	return ends
}

// Close stops the brokers and cuts their connections. With a DataDir the state is
// written first. It may be called more than once.
func (c *Cluster) Close() error {
	c.once.Do(func() {
		close(c.stop)
		<-c.done
		c.fake.Close()
	})
	return nil
}
