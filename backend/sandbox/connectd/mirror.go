package connectd

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

const (
	// pageLimit is how many records are on their way at most.
	pageLimit = 2000
	// fetchWait is how long a fetch stays with the broker while nothing comes.
	fetchWait = time.Second
	// setupTry bounds one look at a cluster's topics; tryAgain is the pause after a failed try.
	setupTry = 3 * time.Second
	tryAgain = 500 * time.Millisecond
	// holdStep bounds how exactly a lag is kept: records wait up to this much longer.
	holdStep = 100 * time.Millisecond
)

// watch turns what a client's connections meet into the task's signs of life.
type watch struct {
	t *task
	s *side
	// reads: every answer is a sign of life. A target's answers are not: it may answer
	// and refuse.
	reads bool
}

// OnBrokerConnect implements kgo.HookBrokerConnect.
func (w watch) OnBrokerConnect(_ kgo.BrokerMetadata, _ time.Duration, _ net.Conn, err error) {
	if err != nil {
		w.t.want(w.s, err)
	}
}

// OnBrokerRead implements kgo.HookBrokerRead.
func (w watch) OnBrokerRead(_ kgo.BrokerMetadata, _ int16, _ int, _, _ time.Duration, err error) {
	switch {
	case !w.reads: // idle connections end without that being trouble
	case err != nil:
		w.t.want(w.s, err)
	default:
		w.t.got(w.s)
	}
}

// mirror copies until ctx ends, and then until what is on its way has arrived.
func (c *connector) mirror(ctx context.Context, t *task) {
	c.mu.Lock()
	topics := c.topics
	c.mu.Unlock()
	for ctx.Err() == nil {
		if err := c.attempt(ctx, t, topics); err != nil {
			t.want(&t.target, err)
			pause(ctx, tryAgain)
		}
	}
}

// attempt copies until ctx ends or the target refuses records; then the next attempt
// goes on from the stored offsets.
func (c *connector) attempt(ctx context.Context, t *task, topics []string) error {
	common := func(brokers []string, w watch) []kgo.Opt {
		return []kgo.Opt{
			kgo.SeedBrokers(brokers...), kgo.ClientID(c.o.Name), kgo.DisableClientMetrics(), kgo.WithHooks(w), kgo.MetadataMinAge(tryAgain),
			kgo.RetryBackoffFn(func(int) time.Duration { return 250 * time.Millisecond }),
			kgo.RequestTimeoutOverhead(3 * time.Second),
		}
	}
	dial := c.o.SourceDial
	if dial == nil {
		dial = (&net.Dialer{Timeout: 2 * time.Second}).DialContext
	}
	target, err := kgo.NewClient(append(common(c.o.TargetBrokers, watch{t, &t.target, false}),
		kgo.DialTimeout(2*time.Second), kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.ProducerLinger(0),
		kgo.ProducerBatchCompression(kgo.GzipCompression()), kgo.UnknownTopicRetries(-1),
	)...)
	if err != nil {
		return fmt.Errorf("target: %w", err)
	}
	defer target.Close()
	source, err := kgo.NewClient(append(common(c.o.SourceBrokers, watch{t, &t.source, true}),
		kgo.Dialer(dial), kgo.FetchMaxWait(fetchWait), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
	)...)
	if err != nil {
		return fmt.Errorf("source: %w", err)
	}
	defer source.Close()

	parts, ok := c.partitions(ctx, t, source, topics)
	if ok && hasHeartbeats(ctx, t, source) {
		parts[heartbeats] = 1
	}
	if !ok || !c.ensure(ctx, t, target, parts, c.remote) {
		return nil
	}
	source.AddConsumePartitions(c.begin(parts))
	return c.pump(ctx, t, source, target)
}

// partitions asks the source how many partitions each topic has, until it knows all.
func (c *connector) partitions(ctx context.Context, t *task, cl *kgo.Client, topics []string) (map[string]int32, bool) {
	adm := kadm.NewClient(cl)
	t.want(&t.source, nil)
	for ctx.Err() == nil {
		try, cancel := context.WithTimeout(ctx, setupTry)
		found, err := adm.ListTopics(try, topics...)
		cancel()
		parts := map[string]int32{}
		for _, name := range topics {
			if d := found[name]; err == nil && d.Err == nil && len(d.Partitions) > 0 {
				parts[name] = int32(len(d.Partitions))
			} else if err == nil {
				err = fmt.Errorf("topic %s: %w", name, orMissing(d.Err))
			}
		}
		if err == nil {
			return parts, true
		}
		t.want(&t.source, err)
		pause(ctx, tryAgain)
	}
	return nil, false
}

func orMissing(err error) error {
	if err == nil {
		return errors.New("it is not there")
	}
	return err
}

// ensure makes the topics at the target as they are at the source, under the names that they
// have there.
func (c *connector) ensure(ctx context.Context, t *task, cl *kgo.Client, parts map[string]int32, called func(string) string) bool {
	t.want(&t.target, nil)
	adm := kadm.NewClient(cl)
	for ctx.Err() == nil {
		var err error
		for name, n := range parts {
			try, cancel := context.WithTimeout(ctx, setupTry)
			_, e := adm.CreateTopic(try, n, -1, nil, called(name))
			cancel()
			if e != nil && !errors.Is(e, kerr.TopicAlreadyExists) {
				err = e
			}
		}
		if err == nil {
			t.got(&t.target)
			return true
		}
		t.want(&t.target, err)
		pause(ctx, tryAgain)
	}
	return false
}

// begin is where each partition goes on: after the stored offset, or at the start.
func (c *connector) begin(parts map[string]int32) map[string]map[int32]kgo.Offset {
	c.mu.Lock()
	defer c.mu.Unlock()
	at := map[string]map[int32]kgo.Offset{}
	for name, n := range parts {
		at[name] = map[int32]kgo.Offset{}
		for p := range n {
			at[name][p] = kgo.NewOffset().AtStart()
			if last, ok := c.offsets[topicPartition{name, p}]; ok && last >= 0 {
				at[name][p] = kgo.NewOffset().At(last + 1)
			}
		}
	}
	return at
}

// pump reads and writes until ctx ends; an error is a refusal of the target.
func (c *connector) pump(ctx context.Context, t *task, source, target *kgo.Client) error {
	var held []*kgo.Record
	for {
		if len(held) == 0 {
			fetches := source.PollRecords(ctx, pageLimit)
			select {
			case <-ctx.Done():
				return nil
			default:
			}
			fetches.EachError(func(_ string, _ int32, err error) { t.want(&t.source, err) })
			held = fetches.Records()
			continue
		}
		take, keep := split(held, time.Duration(c.s.lag.Load()), time.Now())
		if len(take) == 0 {
			select {
			case <-ctx.Done():
				return nil
			case <-c.wake:
			case <-time.After(holdStep):
			}
			continue
		}
		if err := c.write(ctx, t, target, take); err != nil || ctx.Err() != nil {
			return err
		}
		held = keep
	}
}

// split takes the records that are old enough, each partition up to its first that is not.
func split(held []*kgo.Record, lag time.Duration, now time.Time) (take, keep []*kgo.Record) {
	if lag == 0 {
		return held, nil
	}
	young := map[topicPartition]bool{}
	for _, r := range held {
		tp := topicPartition{r.Topic, r.Partition}
		if young[tp] || now.Sub(r.Timestamp) < lag {
			young[tp] = true
			keep = append(keep, r)
		} else {
			take = append(take, r)
		}
	}
	return take, keep
}

// write copies records and waits until all have arrived. When ctx ends it waits a
// little longer, since a record that arrived without our knowing would come twice.
func (c *connector) write(ctx context.Context, t *task, target *kgo.Client, recs []*kgo.Record) error {
	var (
		all   = make(chan struct{})
		left  sync.WaitGroup
		mu    sync.Mutex
		first error
		gap   = map[topicPartition]bool{} // nothing after a record that failed may count
	)
	t.want(&t.target, nil)
	left.Add(len(recs))
	for _, r := range recs {
		tp, offset := topicPartition{r.Topic, r.Partition}, r.Offset
		out := &kgo.Record{
			Topic: c.remote(r.Topic), Partition: r.Partition, Key: r.Key, Value: r.Value, Headers: r.Headers, Timestamp: r.Timestamp,
		}
		target.Produce(context.WithoutCancel(ctx), out, func(_ *kgo.Record, err error) {
			defer left.Done()
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err != nil:
				gap[tp], first = true, err
			case !gap[tp]:
				c.advance(tp, offset)
			}
		})
	}
	go func() { left.Wait(); close(all) }()
	select {
	case <-all:
	case <-ctx.Done():
		grace := time.NewTimer(c.s.o.Grace)
		defer grace.Stop()
		select {
		case <-all:
		case <-grace.C:
			target.Close() // gives up what is on its way
			<-all
		}
	}
	mu.Lock()
	defer mu.Unlock()
	t.took(first == nil)
	if first != nil {
		return fmt.Errorf("target: %w", first)
	}
	return nil
}

// pause waits for d or the end of ctx.
func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}
