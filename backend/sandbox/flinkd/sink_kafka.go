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
// that timed out is given up at once and repeated by the job.
type producer struct {
	cl    *kgo.Client
	topic string

	mu    sync.Mutex
	count SinkCount
}

func newProducer(brokers []string, topic string) (*producer, error) {
	cl, err := kgo.NewClient(
		kgo.SeedBrokers(brokers...), kgo.ClientID("ingest"), kgo.DefaultProduceTopic(topic),
		kgo.DisableIdempotentWrite(), kgo.ProducerLinger(0), kgo.ProducerBatchCompression(kgo.NoCompression()),
		kgo.DialTimeout(time.Second), kgo.RequestTimeoutOverhead(time.Second), kgo.ProduceRequestTimeout(time.Second),
		kgo.RecordDeliveryTimeout(writeTimeout), kgo.RetryTimeout(writeTimeout), kgo.MetadataMinAge(250*time.Millisecond),
		kgo.RetryBackoffFn(func(int) time.Duration { return 250 * time.Millisecond }),
	)
	if err != nil {
		return nil, err
	}
	return &producer{cl: cl, topic: topic, count: SinkCount{Name: "kafka", Required: true}}, nil
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
	err := p.cl.ProduceSync(ctx, recs...).FirstErr()
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

func (p *producer) close() { p.cl.Close() }
