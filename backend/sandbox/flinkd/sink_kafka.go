package flinkd

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/dutyops/dutyops/backend/sandbox/feedd"
)

// producer writes messages to Kafka. It is not idempotent in Kafka's sense: a write
// that timed out is given up at once and repeated by the job. As a restarted Flink job
// does, it begins with a new client after a failure.
type producer struct {
	brokers []string
	topic   string
	cl      *kgo.Client // nil after a failed write; used by the one worker only

	mu    sync.Mutex
	count SinkCount
}

func newProducer(brokers []string, topic string) (*producer, error) {
	p := &producer{brokers: brokers, topic: topic, count: SinkCount{Name: "kafka", Required: true}}
	return p, p.open()
}

func (p *producer) open() (err error) {
	p.cl, err = kgo.NewClient(
		kgo.SeedBrokers(p.brokers...), kgo.ClientID("ingest"), kgo.DisableClientMetrics(), kgo.DefaultProduceTopic(p.topic),
		kgo.DisableIdempotentWrite(), kgo.ProducerLinger(0), kgo.ProducerBatchCompression(kgo.GzipCompression()),
		kgo.DialTimeout(time.Second), kgo.RequestTimeoutOverhead(time.Second), kgo.ProduceRequestTimeout(time.Second),
		// no RecordDeliveryTimeout: it counts from the record's own time stamp, which may be old
		kgo.RetryTimeout(writeTimeout), kgo.MetadataMinAge(250*time.Millisecond),
		kgo.RetryBackoffFn(func(int) time.Duration { return 250 * time.Millisecond }),
	)
	return err
}

// write produces a batch and waits for all of it.
func (p *producer) write(ctx context.Context, batch []feedd.Message) error {
	if len(batch) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, writeTimeout)
	defer cancel()
	recs := make([]*kgo.Record, len(batch))
	for i, m := range batch {
		b, err := json.Marshal(m)
		if err != nil {
			return fmt.Errorf("message %s: %w", m.ID, err)
		}
		recs[i] = &kgo.Record{Topic: p.topic, Key: []byte(m.Flight), Value: b, Timestamp: m.At}
	}
	if p.cl == nil {
		if err := p.open(); err != nil {
			return fmt.Errorf("kafka: %w", err)
		}
	}
	err := p.cl.ProduceSync(ctx, recs...).FirstErr()
	if err != nil {
		p.close()
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if err != nil {
		p.count.Failed++
		p.count.LastError = err.Error()
		return fmt.Errorf("produce to %s: %w", p.topic, err)
	}
	p.count.Written += int64(len(batch))
	p.count.LastError = ""
	return nil
}

func (p *producer) counts() SinkCount {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.count
}

func (p *producer) close() {
	if p.cl != nil {
		p.cl.Close()
		p.cl = nil
	}
}
