package flinkd

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/dutyops/dutyops/backend/sandbox/feedd"
)

// slots is how many jobs fit at once.
const slots = 2

// FeedRef is an upstream feed the job polls.
type FeedRef struct{ Name, URL string }

// Sink is a store the job writes to, besides Kafka. Write stores a batch, which is
// in order per feed; it may be given the same messages again and must then change
// nothing. A Sink that also has Required() bool returning false is best effort: its
// failures are counted and retried, and never hold the job up. A Sink that is an
// io.Closer is closed with the Server.
type Sink interface {
	Name() string
	Write(ctx context.Context, batch []feedd.Message) error
}

// Options of Start.
type Options struct {
	// Site is what the job tells the feeds it is.
	Site string
	// JobName is the job's name; "" means "ingest".
	JobName string
	Feeds   []FeedRef
	// KafkaBrokers and Topic get every message as JSON, keyed by flight.
	KafkaBrokers []string
	Topic        string
	// SavepointDir is where savepoints are written and read; nothing outside of it is touched.
	SavepointDir string
	Sinks        []Sink
	// ResumePoint gives the last sequence number per feed for a job that is started
	// without a savepoint. An error is retried; nil starts from the beginning.
	ResumePoint func(ctx context.Context) (map[string]int64, error)
	// Listen is the address to serve on; "" is a free port of 127.0.0.1.
	Listen string
	// Jar is the id of the jar that is there from the start; "" means "ingest.jar".
	Jar string
	// Autostart runs a job at once, without a savepoint.
	Autostart bool
	// Poll is the pause between two polls; 0 means 200 ms, which keeps the whole chain
	// behind it (Kafka, MySQL, mirrors) at five small batches a second. Retry is the pause after a
	// failed batch; 0 means 500 ms.
	Poll, Retry time.Duration
}

// Server is a running session cluster. All methods are safe for concurrent use.
type Server struct {
	o           Options
	url         string
	srv         *http.Server
	client      *http.Client
	kafka       *producer
	workers     []*worker
	ctx         context.Context
	cancel      context.CancelFunc
	wg          sync.WaitGroup
	once        sync.Once
	err         error
	checkpoints atomic.Int32 // what becomes of them: a Checkpoints

	mu       sync.Mutex
	jobs     []*job // oldest first
	triggers map[string]*trigger
	jars     []jar
}

// SinkCount is what became of the messages at one sink.
type SinkCount struct {
	Name     string
	Required bool
	// Written and Dropped count messages, Failed counts writes. Queued messages wait
	// for a best-effort sink.
	Written, Failed, Dropped, Queued int64
	LastError                        string
}

// Start serves until Close.
func Start(o Options) (*Server, error) {
	if o.Site == "" || o.Topic == "" || len(o.Feeds) == 0 || len(o.KafkaBrokers) == 0 || o.SavepointDir == "" {
		return nil, errors.New("flink: site, topic, feeds, Kafka brokers and savepoint folder are all needed")
	}
	if o.JobName == "" {
		o.JobName = "ingest"
	}
	if o.Jar == "" {
		o.Jar = "ingest.jar"
	}
	if o.Listen == "" {
		o.Listen = "127.0.0.1:0"
	}
	if o.Poll == 0 {
		o.Poll = 200 * time.Millisecond
	}
	if o.Retry == 0 {
		o.Retry = 500 * time.Millisecond
	}
	kafka, err := newProducer(o.KafkaBrokers, o.Topic)
	if err != nil {
		return nil, fmt.Errorf("flink %s: kafka: %w", o.Site, err)
	}
	ln, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", o.Listen)
	if err != nil {
		kafka.close()
		return nil, fmt.Errorf("flink %s: cannot listen on %s (is the port in use?): %w", o.Site, o.Listen, err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	s := &Server{
		o: o, url: "http://" + ln.Addr().String(), kafka: kafka, ctx: ctx, cancel: cancel,
		client:   &http.Client{Timeout: 2 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: 2}},
		triggers: map[string]*trigger{},
		jars:     []jar{{id: o.Jar, name: "ingest.jar", at: time.Now()}},
	}
	for _, sink := range o.Sinks {
		s.workers = append(s.workers, newWorker(sink, o.Retry))
	}
	for _, w := range s.workers {
		if !w.required {
			s.wg.Go(func() { w.run(ctx) })
		}
	}
	s.srv = &http.Server{Handler: s.handler(), ReadHeaderTimeout: 10 * time.Second}
	s.wg.Go(func() {
		if err := s.srv.Serve(ln); !errors.Is(err, http.ErrServerClosed) {
			s.err = fmt.Errorf("flink %s: %w", o.Site, err)
		}
	})
	if o.Autostart {
		s.submit(nil, "")
	}
	return s, nil
}

// URL is the base URL of the REST interface.
func (s *Server) URL() string { return s.url }

// JobState is the state of the newest job in Flink's word, "" when there was none.
func (s *Server) JobState() string {
	if j := s.newest(); j != nil {
		return string(j.look().state)
	}
	return ""
}

// Positions are the last sequence numbers per feed that the newest job has stored.
func (s *Server) Positions() map[string]int64 {
	if j := s.newest(); j != nil {
		return j.look().positions
	}
	return nil
}

// FailJob makes every job that is not at its end FAILED, and keeps it so.
func (s *Server) FailJob() {
	for _, j := range s.alive() {
		j.end(stateFailed, errors.New("org.apache.flink.runtime.JobException: recovery is suppressed: fault injected by the sandbox"))
	}
}

// Checkpoints is what becomes of a job's checkpoints.
type Checkpoints int32

// The first one is as it should be.
const (
	CheckpointsDone Checkpoints = iota
	CheckpointsFail             // as those of a job whose storage cannot be written
	CheckpointsWait             // they neither fail nor end
)

// SetCheckpoints says what becomes of the checkpoints from now on.
func (s *Server) SetCheckpoints(as Checkpoints) { s.checkpoints.Store(int32(as)) }

// HealJob runs a failed newest job again from its last position; it does nothing
// when the newest job is in any other state.
func (s *Server) HealJob() {
	j := s.newest()
	if j == nil || j.look().state != stateFailed {
		return
	}
	<-j.done
	s.submit(j.look().positions, "")
}

// Counts are Kafka's and every sink's counters, Kafka first.
func (s *Server) Counts() []SinkCount {
	counts := []SinkCount{s.kafka.counts()}
	for _, w := range s.workers {
		counts = append(counts, w.counts())
	}
	return counts
}

// Close ends the jobs, the server and the sinks. It may be called more than once.
func (s *Server) Close() error {
	s.once.Do(func() {
		s.cancel()
		if err := s.srv.Close(); err != nil && s.err == nil {
			s.err = err
		}
		s.wg.Wait()
		s.kafka.close()
		s.client.CloseIdleConnections()
		for _, sink := range s.o.Sinks {
			if c, ok := sink.(io.Closer); ok {
				if err := c.Close(); err != nil && s.err == nil {
					s.err = fmt.Errorf("flink %s: sink %s: %w", s.o.Site, sink.Name(), err)
				}
			}
		}
	})
	return s.err
}

func (s *Server) newest() *job {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.jobs) == 0 {
		return nil
	}
	return s.jobs[len(s.jobs)-1]
}

// alive are the jobs that have not ended.
func (s *Server) alive() []*job {
	s.mu.Lock()
	defer s.mu.Unlock()
	var list []*job
	for _, j := range s.jobs {
		if !j.look().state.terminal() {
			list = append(list, j)
		}
	}
	return list
}

// submit starts a job from the given positions; nil asks ResumePoint. An empty id
// gets a new one.
func (s *Server) submit(from map[string]int64, id string) *job {
	return s.submitFailing(from, id, nil)
}

// submitFailing is submit for a job that fails at once when err is not nil.
func (s *Server) submitFailing(from map[string]int64, id string, err error) *job {
	if id == "" {
		id = newID(16)
	}
	j := newJob(s, id, from)
	switch {
	case err != nil:
		j.fail(err.Error())
	case len(s.alive()) >= slots:
		j.fail("org.apache.flink.runtime.jobmanager.scheduler.NoResourceAvailableException: could not acquire the minimum required resources")
	}
	s.mu.Lock()
	s.jobs = append(s.jobs, j)
	if len(s.jobs) > 50 { // like jobstore.max-capacity
		s.jobs = s.jobs[1:]
	}
	s.mu.Unlock()
	s.wg.Go(j.run)
	return j
}

// newID is n random bytes as hex digits.
func newID(n int) string {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails
	return hex.EncodeToString(b)
}
