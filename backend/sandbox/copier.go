package sandbox

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// endpoint is an Elasticsearch as somebody reaches it.
type endpoint struct{ url, user, password string }

// copyPair is one index that one site's Elasticsearch gets from another's.
type copyPair struct {
	index          string
	from, to       string   // sites
	source, target endpoint // the source as the target's site reaches it
}

// copier stands for cron: every second it lets each site's Elasticsearch reindex
// from the site that has the data (mission A6). A target with a write block refuses
// by itself; one that cannot be reached is tried again.
type copier struct {
	pairs []copyPair
	// leads says whether the site is the source for the index now.
	leads  func(index, site string) bool
	log    *slog.Logger
	http   *http.Client
	cancel context.CancelFunc
	wg     sync.WaitGroup
	// begun counts the pairs that have copied something or have nothing to copy.
	begun atomic.Int32
}

func newCopier(pairs []copyPair, leads func(index, site string) bool, every time.Duration, log *slog.Logger) *copier {
	ctx, cancel := context.WithCancel(context.Background())
	c := &copier{pairs: pairs, leads: leads, log: log, cancel: cancel, http: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 2, IdleConnTimeout: 5 * time.Second}}}
	for _, p := range pairs {
		c.wg.Go(func() { c.run(ctx, p, every) })
	}
	return c
}

func (c *copier) close() {
	c.cancel()
	c.wg.Wait()
	c.http.CloseIdleConnections()
}

// hasBegun says that no pair is without its first copy.
func (c *copier) hasBegun() bool { return int(c.begun.Load()) == len(c.pairs) }

// eager is the pace at which a pair looks for what is to be copied first.
const eager = 10 * time.Millisecond

// run copies one pair for as long as its source leads. It begins with everything,
// and goes on with what was written after that, by the source's own sequence: a late
// message has an old time stamp, so time would miss it.
func (c *copier) run(ctx context.Context, p copyPair, every time.Duration) {
	next := time.NewTimer(0)
	defer next.Stop()
	done := int64(-1)
	begun := sync.OnceFunc(func() { c.begun.Add(1) })
	pace := min(eager, every)
	for {
		select {
		case <-ctx.Done():
			return
		case <-next.C:
		}
		leads := c.leads(p.index, p.from)
		if !leads {
			done = -1
		} else if upTo, err := c.copy(ctx, p, done); err == nil {
			done = upTo
		} else if ctx.Err() == nil {
			c.log.DebugContext(ctx, "copy", "index", p.index, "from", p.from, "to", p.to, "err", err)
		}
		if !leads || done >= 0 {
			begun()
			pace = every
		}
		next.Reset(pace)
	}
}

// copy lets the target have everything after the sequence number done; it returns
// the number up to which it has it now.
func (c *copier) copy(ctx context.Context, p copyPair, done int64) (int64, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	newest, err := c.newest(ctx, p)
	if err != nil || newest == done {
		return done, err
	}
	if newest < done { // another index of the same name
		done = -1
	}
	remote := map[string]string{"host": p.source.url, "socket_timeout": "2s"}
	if p.source.user != "" {
		remote["username"], remote["password"] = p.source.user, p.source.password
	}
	var answer struct {
		Failures []json.RawMessage `json:"failures"`
	}
	err = c.call(ctx, p.target, http.MethodPost, "/_reindex", map[string]any{
		"conflicts": "proceed",
		"source": map[string]any{
			"remote": remote, "index": p.index,
			"query": map[string]any{"range": map[string]any{"_seq_no": map[string]any{"gt": done}}},
		},
		"dest": map[string]string{"index": p.index, "version_type": "external"},
	}, &answer)
	if err == nil && len(answer.Failures) > 0 {
		err = fmt.Errorf("reindex: %s", answer.Failures[0])
	}
	if err != nil {
		return done, err
	}
	return newest, nil
}

// newest is the source's highest sequence number; -1 while it has no such index.
func (c *copier) newest(ctx context.Context, p copyPair) (int64, error) {
	var stats struct {
		Indices map[string]struct {
			Shards map[string][]struct {
				SeqNo struct {
					Max int64 `json:"max_seq_no"`
				} `json:"seq_no"`
			} `json:"shards"`
		} `json:"indices"`
	}
	if err := c.call(ctx, p.source, http.MethodGet, "/"+p.index+"/_stats?level=shards", nil, &stats); err != nil {
		return 0, err
	}
	highest := int64(-1)
	for _, copies := range stats.Indices[p.index].Shards {
		for _, s := range copies {
			highest = max(highest, s.SeqNo.Max)
		}
	}
	return highest, nil
}

func (c *copier) call(ctx context.Context, at endpoint, method, path string, in, out any) error {
	res, err := exchange(ctx, c.http, method, at.url+path, at.user, at.password, in)
	if err != nil {
		return fmt.Errorf("elasticsearch: %w", err)
	}
	if res.code != http.StatusOK {
		return fmt.Errorf("elasticsearch: %s: %.200s", res.status, res.body)
	}
	if err := json.Unmarshal(res.body, out); err != nil {
		return fmt.Errorf("elasticsearch: %w", err)
	}
	return nil
}
