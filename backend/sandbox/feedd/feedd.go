package feedd

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net"
	"net/http"
	"sync"
	"time"
)

// tick is the shortest pause between two emissions; faster rates emit several
// messages per tick.
const tick = 200 * time.Millisecond

// Message is one flight message. Values are never changed after they were sent.
type Message struct {
	// ID is unique over all feeds: "airline-000000042".
	ID string `json:"id"`
	// Feed is the system it came from; Seq counts from 1 without holes within it.
	Feed string `json:"feed"`
	Seq  int64  `json:"seq"`
	// Kind is one of the feed's kinds.
	Kind string `json:"kind"`
	// Flight is the entity: "MU5101-20261122".
	Flight string `json:"flight"`
	// Version grows with every message of this feed about this flight, from 1.
	Version int64           `json:"version"`
	Payload json.RawMessage `json:"payload"`
	At      time.Time       `json:"at"`
}

// Options of Start.
type Options struct {
	// Name of the feed: "airline".
	Name string
	// Seed decides the content of every message; only their times differ between runs.
	Seed uint64
	// Kinds to emit; see KnownKinds. An unknown kind gets a plain payload.
	Kinds []string
	// Rate in messages per second; 0 emits nothing by itself (see Emit).
	Rate float64
	// Token is the bearer token PUT /switch asks for; "" asks for none.
	Token string
	// Attached is the site the feed serves at first; "" is nobody.
	Attached string
	// Listen is the address to serve on; "" is a free port of 127.0.0.1.
	Listen string
	// Now stamps messages; nil is time.Now.
	Now func() time.Time
}

// Feed is a running upstream system. All methods are safe for concurrent use.
type Feed struct {
	name  string
	token string
	now   func() time.Time
	url   string
	srv   *http.Server
	stop  context.CancelFunc
	wg    sync.WaitGroup
	once  sync.Once
	err   error

	mu       sync.Mutex
	gen      *generator
	sent     history
	attached string
}

// Start serves and emits until Close.
func Start(o Options) (*Feed, error) {
	if o.Name == "" || len(o.Kinds) == 0 || len(o.Kinds) > math.MaxUint8 {
		return nil, fmt.Errorf("feed %q: a name and from 1 to %d kinds are needed", o.Name, math.MaxUint8)
	}
	if o.Rate < 0 || math.IsInf(o.Rate, 0) || math.IsNaN(o.Rate) {
		return nil, fmt.Errorf("feed %s: rate %v is not a number of messages per second", o.Name, o.Rate)
	}
	if o.Listen == "" {
		o.Listen = "127.0.0.1:0"
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	ln, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", o.Listen)
	if err != nil {
		return nil, fmt.Errorf("feed %s: cannot listen on %s (is the port in use?): %w", o.Name, o.Listen, err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	f := &Feed{
		name: o.Name, token: o.Token, now: o.Now, attached: o.Attached,
		gen: newGenerator(o.Name, o.Seed, o.Kinds, o.Now()),
		url: "http://" + ln.Addr().String(), stop: cancel,
	}
	f.srv = &http.Server{Handler: f.handler(), ReadHeaderTimeout: 10 * time.Second}
	f.wg.Go(func() {
		if err := f.srv.Serve(ln); !errors.Is(err, http.ErrServerClosed) {
			f.err = fmt.Errorf("feed %s: %w", f.name, err)
		}
	})
	if o.Rate > 0 {
		f.wg.Go(func() { f.run(ctx, o.Rate) })
	}
	return f, nil
}

// run emits at the given rate. After a pause of the process (a suspended laptop)
// it does not catch up by more than a second's worth.
func (f *Feed) run(ctx context.Context, rate float64) {
	every := max(tick, time.Duration(float64(time.Second)/rate))
	t := time.NewTicker(every)
	defer t.Stop()
	last, due := time.Now(), 0.0
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
			now := time.Now()
			due += min(now.Sub(last).Seconds(), max(1, every.Seconds())) * rate
			last = now
			n := int(due + 1e-6)
			due -= float64(n)
			f.Emit(n)
		}
	}
}

// Emit sends n messages now, besides those of the steady rate.
func (f *Feed) Emit(n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	at := f.now().UTC().Truncate(time.Millisecond)
	for range n {
		m, e := f.gen.next(int64(len(f.sent.entries))+1, at)
		if err := f.sent.add(m, e); err != nil {
			panic(err) // cannot happen: messages are plain values, and memory takes every write
		}
	}
}

// Name of the feed.
func (f *Feed) Name() string { return f.name }

// URL is the feed's base URL.
func (f *Feed) URL() string { return f.url }

// Sent is everything ever sent, oldest first. It has to be unpacked; where the
// contents do not matter, Log is much cheaper.
func (f *Feed) Sent() []Message {
	f.mu.Lock()
	defer f.mu.Unlock()
	all, err := f.sent.slice(0, int64(len(f.sent.entries)))
	if err != nil {
		panic(err) // cannot happen: it was packed by this process
	}
	return all
}

// Log is everything ever sent without the contents.
func (f *Feed) Log() Log {
	f.mu.Lock()
	defer f.mu.Unlock()
	l := Log{Feed: f.name, Kinds: f.gen.kinds, Entries: f.sent.entries[:len(f.sent.entries):len(f.sent.entries)]}
	for i := range f.gen.flights {
		l.Flights = append(l.Flights, f.gen.flights[i].id)
	}
	return l
}

// Attached is the site the feed serves now; "" is nobody.
func (f *Feed) Attached() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.attached
}

// Attach makes site the one that is served; "" cuts the feed.
func (f *Feed) Attach(site string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.attached = site
}

// Close stops emitting and serving. It returns what had ended the server early,
// if anything. It may be called more than once.
func (f *Feed) Close() error {
	f.once.Do(func() {
		f.stop()
		if err := f.srv.Close(); err != nil && f.err == nil {
			f.err = err
		}
		f.wg.Wait()
	})
	return f.err
}
