package sandbox

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net"
	"sync"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/dutyops/dutyops/backend/sandbox/feedd"
)

// Names of what the data platform writes.
const (
	topicMessages = "flight.messages"
	indexMessages = "messages"
)

// ledger reads what one site has, past every fault link: its Kafka from where it
// stopped the last time, its data MySQL as it is. It costs next to nothing between
// calls, and keeps a byte per message.
type ledger struct {
	topic   string
	brokers map[string]string // advertised address -> real address
	ends    func() []int64    // of the topic's partitions
	db      *sql.DB

	mu     sync.Mutex
	next   []int64
	copies map[string][]uint8 // feed -> copies in Kafka, by sequence number - 1; 255 is many
}

func newLedger(brokers map[string]string, ends func() []int64, cfg *mysql.Config) (*ledger, error) {
	c, err := mysql.NewConnector(cfg)
	if err != nil {
		return nil, fmt.Errorf("truth: %w", err)
	}
	db := sql.OpenDB(c)
	db.SetMaxIdleConns(0) // asked now and then
	return &ledger{topic: topicMessages, brokers: brokers, ends: ends, db: db, copies: map[string][]uint8{}}, nil
}

func (l *ledger) close() error { return l.db.Close() }

// catchUp reads the topic to its present end. The copies it returns must not be
// changed, and are right until the next call.
func (l *ledger) catchUp(ctx context.Context) (map[string][]uint8, error) {
	ends := l.ends()
	for len(l.next) < len(ends) {
		l.next = append(l.next, 0)
	}
	offsets := map[int32]kgo.Offset{}
	for p, end := range ends {
		if l.next[p] > end { // the topic was made anew
			l.next[p] = 0
		}
		if l.next[p] < end {
			offsets[int32(p)] = kgo.NewOffset().At(l.next[p])
		}
	}
	if len(offsets) == 0 {
		return l.copies, nil
	}
	var seeds []string
	for _, r := range l.brokers {
		seeds = append(seeds, r)
	}
	var d net.Dialer
	k, err := kgo.NewClient(
		kgo.SeedBrokers(seeds...), kgo.ClientID("truth"), kgo.DisableClientMetrics(),
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{l.topic: offsets}),
		kgo.FetchMaxWait(100*time.Millisecond),
		kgo.Dialer(func(ctx context.Context, network, host string) (net.Conn, error) {
			if r, ok := l.brokers[host]; ok {
				host = r
			}
			return d.DialContext(ctx, network, host)
		}),
	)
	if err != nil {
		return nil, fmt.Errorf("kafka: %w", err)
	}
	defer k.Close()
	for !l.reached(ends) {
		fetches := k.PollFetches(ctx)
		if err := ctx.Err(); err != nil {
			return nil, fmt.Errorf("kafka: %w", err)
		}
		fetches.EachRecord(func(r *kgo.Record) {
			if r.Offset < l.next[r.Partition] {
				return
			}
			l.book(r.Value)
			l.next[r.Partition] = r.Offset + 1
		})
	}
	return l.copies, nil
}

func (l *ledger) reached(ends []int64) bool {
	for p, end := range ends {
		if l.next[p] < end {
			return false
		}
	}
	return true
}

// mostMessages of one feed can be booked; a number beyond it is none of a feed's.
const mostMessages = 1 << 26

// book counts one record.
func (l *ledger) book(record []byte) {
	var m struct {
		Feed string `json:"feed"`
		Seq  int64  `json:"seq"`
	}
	if json.Unmarshal(record, &m) != nil || m.Feed == "" || m.Seq < 1 || m.Seq > mostMessages {
		return
	}
	c := l.copies[m.Feed]
	if need := int(m.Seq) - len(c); need > 0 {
		c = append(c, make([]uint8, need)...)
	}
	if c[m.Seq-1] < math.MaxUint8 {
		c[m.Seq-1]++
	}
	l.copies[m.Feed] = c
}

// stored reads which messages the data MySQL has, by feed and sequence number - 1:
// those in the table, and those that the retention has taken out of it.
func (l *ledger) stored(ctx context.Context, sent []feedd.Log) (map[string][]bool, error) {
	have := map[string][]bool{}
	for _, log := range sent {
		have[log.Feed] = make([]bool, len(log.Entries))
	}
	err := l.spans(ctx, "SELECT feed, seq, seq FROM ops.messages", have)
	if err == nil {
		err = l.spans(ctx, "SELECT feed, seq_from, seq_to FROM ops.expired", have)
	}
	return have, err
}

// spans marks what a query of feed, first and last sequence number gives.
func (l *ledger) spans(ctx context.Context, q string, have map[string][]bool) (err error) {
	rows, err := l.db.QueryContext(ctx, q)
	if err != nil {
		return fmt.Errorf("mysql: %w", err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var feed string
		var from, to int64
		if err := rows.Scan(&feed, &from, &to); err != nil {
			return fmt.Errorf("mysql: %w", err)
		}
		for seq := max(from, 1); seq <= min(to, int64(len(have[feed]))); seq++ {
			have[feed][seq-1] = true
		}
	}
	return rows.Err()
}

// ledgerEvery is how often the books are kept while nobody asks: well within the
// time for which Kafka keeps a record.
const ledgerEvery = time.Minute

// keep reads the topic now and then, so that no record is gone before it was counted.
func (l *ledger) keep(ctx context.Context, every time.Duration) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		l.mu.Lock()
		try, cancel := context.WithTimeout(ctx, judgeTime)
		_, _ = l.catchUp(try) // what it could not read, the next one does
		cancel()
		l.mu.Unlock()
	}
}

// judgeTime bounds the reading of one site.
const judgeTime = 5 * time.Second

// judge holds what was sent against what the site has.
func (l *ledger) judge(ctx context.Context, sent []feedd.Log) SiteTruth {
	l.mu.Lock()
	defer l.mu.Unlock()
	t := SiteTruth{ByKind: map[string]int64{}, MissingByKind: map[string]int64{}}
	ctx, cancel := context.WithTimeout(ctx, judgeTime)
	defer cancel()
	copies, err := l.catchUp(ctx)
	rows, err2 := l.stored(ctx, sent)
	if err = errors.Join(err, err2); err != nil {
		t.Problem = err.Error()
	}
	for _, log := range sent {
		inKafka, inMySQL := copies[log.Feed], rows[log.Feed]
		newest := make([]int, len(log.Flights)) // entry + 1
		for i, e := range log.Entries {
			newest[e.Flight] = i + 1
			n := int64(0)
			if i < len(inKafka) {
				n = int64(inKafka[i])
			}
			if n > 0 {
				t.Kafka++
				t.Duplicated += n - 1
			}
			if inMySQL[i] {
				t.MySQL++
			}
			if n > 0 && inMySQL[i] {
				t.Present++
				t.ByKind[log.Kinds[e.Kind]]++
			} else {
				t.Missing++
				t.MissingByKind[log.Kinds[e.Kind]]++
			}
		}
		for _, i := range newest {
			if i > 0 && !inMySQL[i-1] {
				t.Stale++
			}
		}
	}
	return t
}

// judgeAll is GET /truth: the sites at the same time, against one list of what was sent.
func judgeAll(ctx context.Context, sent []feedd.Log, ledgers map[string]*ledger) Truth {
	t := Truth{ByKind: map[string]int64{}, Sites: map[string]SiteTruth{}}
	for _, log := range sent {
		t.Sent += int64(len(log.Entries))
		for _, e := range log.Entries {
			t.ByKind[log.Kinds[e.Kind]]++
		}
	}
	var mu sync.Mutex
	var wg sync.WaitGroup
	for site, l := range ledgers {
		wg.Go(func() {
			v := l.judge(ctx, sent)
			mu.Lock()
			defer mu.Unlock()
			t.Sites[site] = v
		})
	}
	wg.Wait()
	return t
}
