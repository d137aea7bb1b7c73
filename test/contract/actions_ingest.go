package contract

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/dutyops/dutyops/backend/config"
	"github.com/dutyops/dutyops/backend/sandbox/feedd"
	"github.com/dutyops/dutyops/backend/upstream"
)

// IngestPair is the ingest job at two sites, "primary" and "standby", which reach one
// folder of savepoints; it runs at neither.
type IngestPair struct {
	A, B config.Component
	// Feed is what both read; it is attached to "primary" and has sent nothing.
	Feed *feedd.Feed
	// Brokers take what the job of a site writes, into a topic of its own.
	Brokers []string
	Topics  [2]string
}

// IngestActions stops the job with a savepoint at one site and starts it from there at the
// other: it goes on exactly where it was.
func IngestActions(t *testing.T, p IngestPair) {
	t.Helper()
	ctx := t.Context()
	a, b := job(t, p.A), job(t, p.B)
	p.Feed.Emit(200)
	first, err := a.Start(ctx, "")
	if err != nil {
		t.Fatal(err)
	}
	if again, err := a.Start(ctx, ""); err != nil || again != first {
		t.Fatalf("Start of a job that runs = %q, %v, want the same: %q", again, err, first)
	}
	p.holds(t, 0, 1, 200)
	path, err := a.StopWithSavepoint(ctx)
	if err != nil || path == "" {
		t.Fatalf("StopWithSavepoint = %q, %v", path, err)
	}
	runs(t, a, "")
	if none, err := a.StopWithSavepoint(ctx); err != nil || none != "" {
		t.Errorf("StopWithSavepoint of a job that does not run = %q, %v, want nothing", none, err)
	}

	p.Feed.Attach("standby")
	p.Feed.Emit(100)
	moved, err := b.Start(ctx, path)
	if err != nil {
		t.Fatal(err)
	}
	runs(t, b, moved)
	p.holds(t, 1, 201, 300) // what it had read before is in the savepoint
	p.holds(t, 0, 1, 200)

	done(t, "cancel")(b.Cancel(ctx))
	runs(t, b, "")
	if id, err := b.Start(ctx, path+"-gone"); err == nil {
		t.Errorf("a job was started from a savepoint that does not exist: %q", id)
	}
	runs(t, b, "")

	// Without a savepoint it goes on from what its site has, or reads all of it again.
	if _, err := b.Start(ctx, ""); err != nil {
		t.Fatal(err)
	}
	p.Feed.Emit(10)
	p.reaches(t, 1, 310)
	done(t, "cancel")(b.Cancel(ctx))
}

func job(t *testing.T, c config.Component) *upstream.Job {
	t.Helper()
	j, err := upstream.NewJob(c, upstream.Options{Wait: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = j.Close() })
	return j
}

// runs checks that exactly the job runs; "" is none.
func runs(t *testing.T, j *upstream.Job, want string) {
	t.Helper()
	if id, ok, err := j.Running(t.Context()); err != nil || id != want || ok != (want != "") {
		t.Fatalf("Running = %q, %v, %v, want %q", id, ok, err, want)
	}
}

// holds waits until a site's topic has the messages from one number to another, each once,
// and nothing else.
func (p IngestPair) holds(t *testing.T, site int, from, to int64) {
	t.Helper()
	eventually(t, fmt.Sprintf("%s holds the messages %d to %d", p.Topics[site], from, to), func() string {
		have, err := numbers(t.Context(), p.Brokers, p.Topics[site])
		if err != nil {
			return err.Error()
		}
		for n := from; n <= to; n++ {
			if have[n] != 1 {
				return fmt.Sprintf("message %d is there %d times", n, have[n])
			}
			delete(have, n)
		}
		if len(have) > 0 {
			return fmt.Sprintf("it has others too: %v", have)
		}
		return ""
	})
}

// reaches waits until a site's topic has a message.
func (p IngestPair) reaches(t *testing.T, site int, n int64) {
	t.Helper()
	eventually(t, fmt.Sprintf("message %d is in %s", n, p.Topics[site]), func() string {
		have, err := numbers(t.Context(), p.Brokers, p.Topics[site])
		if err != nil || have[n] == 0 {
			return fmt.Sprint(len(have), " messages, ", err)
		}
		return ""
	})
}

// numbers counts the messages of a topic by their number.
func numbers(ctx context.Context, brokers []string, topic string) (map[int64]int, error) {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	c, err := kgo.NewClient(kgo.SeedBrokers(brokers...), kgo.ConsumeTopics(topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.MetadataMinAge(100*time.Millisecond), kgo.DisableClientMetrics())
	if err != nil {
		return nil, err
	}
	defer c.Close()
	ends, err := kadm.NewClient(c).ListEndOffsets(ctx, topic)
	if err != nil {
		return nil, err
	}
	left := int64(0)
	ends.Each(func(o kadm.ListedOffset) { left += o.Offset })
	out := map[int64]int{}
	for left > 0 {
		got := c.PollFetches(ctx)
		if ctx.Err() != nil {
			return nil, fmt.Errorf("%d records of %s could not be read", left, topic)
		}
		var bad error
		got.EachRecord(func(r *kgo.Record) {
			left--
			var m struct{ Seq int64 }
			if err := json.Unmarshal(r.Value, &m); err != nil {
				bad = err
			}
			out[m.Seq]++
		})
		if bad != nil {
			return nil, bad
		}
	}
	return out, nil
}
