package sandbox

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
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
// stopped the last time, its data MySQL as it is. It costs next to nothing between calls.
type ledger struct {
	topic   string
	brokers map[string]string // advertised address -> real address
	ends    func() []int64    // of the topic's partitions
	db      *sql.DB

	mu     sync.Mutex
	next   []int64
	copies map[string]int64 // message id -> copies in Kafka
}

func newLedger(brokers map[string]string, ends func() []int64, cfg *mysql.Config) (*ledger, error) {
	c, err := mysql.NewConnector(cfg)
	if err != nil {
		return nil, fmt.Errorf("truth: %w", err)
	}
	db := sql.OpenDB(c)
	db.SetMaxIdleConns(0) // asked now and then
	return &ledger{topic: topicMessages, brokers: brokers, ends: ends, db: db, copies: map[string]int64{}}, nil
}

func (l *ledger) close() error { return l.db.Close() }

// catchUp reads the topic to its present end. The copies it returns must not be
// changed, and are right until the next call.
func (l *ledger) catchUp(ctx context.Context) (map[string]int64, error) {
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
			var m feedd.Message
			if r.Offset < l.next[r.Partition] {
				return
			}
			if json.Unmarshal(r.Value, &m) == nil && m.ID != "" {
				l.copies[m.ID]++
			}
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

// rows reads the ids that the data MySQL has, and the newest version per flight.
func (l *ledger) rows(ctx context.Context) (ids map[string]bool, newest map[string]int64, err error) {
	rows, err := l.db.QueryContext(ctx, "SELECT id, flight, version FROM ops.messages")
	if err != nil {
		return nil, nil, fmt.Errorf("mysql: %w", err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	ids, newest = map[string]bool{}, map[string]int64{}
	for rows.Next() {
		var id, flight string
		var version int64
		if err := rows.Scan(&id, &flight, &version); err != nil {
			return nil, nil, fmt.Errorf("mysql: %w", err)
		}
		ids[id] = true
		newest[flight] = max(newest[flight], version)
	}
	return ids, newest, rows.Err()
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
func (l *ledger) judge(ctx context.Context, sent []feedd.Message) SiteTruth {
	l.mu.Lock()
	defer l.mu.Unlock()
	t := SiteTruth{ByKind: map[string]int64{}, MissingByKind: map[string]int64{}}
	ctx, cancel := context.WithTimeout(ctx, judgeTime)
	defer cancel()
	copies, err := l.catchUp(ctx)
	ids, newest, err2 := l.rows(ctx)
	if err = errors.Join(err, err2); err != nil {
		t.Problem = err.Error()
	}
	want := map[string]int64{}
	for _, m := range sent {
		n := copies[m.ID]
		if n > 0 {
			t.Kafka++
			t.Duplicated += n - 1
		}
		if ids[m.ID] {
			t.MySQL++
		}
		if n > 0 && ids[m.ID] {
			t.Present++
			t.ByKind[m.Kind]++
		} else {
			t.Missing++
			t.MissingByKind[m.Kind]++
		}
		want[m.Flight] = max(want[m.Flight], m.Version)
	}
	for flight, v := range want {
		if newest[flight] < v {
			t.Stale++
		}
	}
	return t
}

// judgeAll is GET /truth: the sites at the same time, against one list of what was sent.
func judgeAll(ctx context.Context, sent []feedd.Message, ledgers map[string]*ledger) Truth {
	t := Truth{Sent: int64(len(sent)), ByKind: map[string]int64{}, Sites: map[string]SiteTruth{}}
	for _, m := range sent {
		t.ByKind[m.Kind]++
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
