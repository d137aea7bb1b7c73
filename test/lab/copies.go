//go:build integration

package lab

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"time"
)

// copyPair is one index that a search engine gets from another's.
type copyPair struct {
	index    string
	from, to *Search
}

// copies stands for the installation's cron: every second it lets each engine reindex
// from the one of the site that is fed (mission A6). One with a write block refuses by
// itself; what fails is tried again.
type copies struct {
	cancel context.CancelFunc
	wg     sync.WaitGroup
}

func startCopies(pairs []copyPair, fed func() string) *copies {
	ctx, cancel := context.WithCancel(context.Background())
	c := &copies{cancel: cancel}
	for _, p := range pairs {
		c.wg.Go(func() { p.run(ctx, fed) })
	}
	return c
}

func (c *copies) close() {
	c.cancel()
	c.wg.Wait()
}

// run copies as long as the source is fed: at first everything, then what was written
// since, by the source's own sequence.
func (p copyPair) run(ctx context.Context, fed func() string) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	done := int64(-1)
	for {
		if fed() != p.from.Site {
			done = -1
		} else if upTo, err := p.copy(ctx, done); err == nil {
			done = upTo
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// copy brings what comes after the sequence number done; it returns how far it came.
func (p copyPair) copy(ctx context.Context, done int64) (int64, error) {
	var stats struct {
		Indices map[string]struct {
			Shards map[string][]struct {
				SeqNo struct {
					Max int64 `json:"max_seq_no"`
				} `json:"seq_no"`
			} `json:"shards"`
		} `json:"indices"`
	}
	if err := sendJSON(ctx, http.MethodGet, p.from.URL+"/"+p.index+"/_stats?level=shards", nil, &stats); err != nil {
		return done, err
	}
	newest := int64(-1)
	for _, shard := range stats.Indices[p.index].Shards {
		for _, s := range shard {
			newest = max(newest, s.SeqNo.Max)
		}
	}
	if newest == done {
		return done, nil
	}
	// A search sees what was refreshed.
	if err := postJSON(ctx, p.from.URL+"/"+p.index+"/_refresh", nil, nil); err != nil {
		return done, err
	}
	var answer struct {
		Failures []any `json:"failures"`
	}
	if err := postJSON(ctx, p.to.URL+"/_reindex?refresh=true", map[string]any{
		"conflicts": "proceed",
		"source": map[string]any{
			"remote": map[string]any{"host": p.from.URL, "socket_timeout": "5s"}, "index": p.index,
			"query": map[string]any{"range": map[string]any{"_seq_no": map[string]any{"gt": done}}},
		},
		"dest": map[string]any{"index": p.index, "version_type": "external"},
	}, &answer); err != nil {
		return done, err
	}
	if len(answer.Failures) > 0 {
		return done, fmt.Errorf("reindex: %v", answer.Failures[0])
	}
	return newest, nil
}
