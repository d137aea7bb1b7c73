package connectd

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// State is a connector's or task's state in Connect's words.
type State string

// States. A connector never is Failed here; its task may be.
const (
	Running State = "RUNNING"
	Paused  State = "PAUSED"
	Stopped State = "STOPPED"
	Failed  State = "FAILED"
)

// Defaults of Options.
const (
	// DefaultFailAfter is how long a cluster is out of reach before the task says FAILED.
	DefaultFailAfter = 15 * time.Second
	// DefaultGrace is how long a stop waits for records that are on their way.
	DefaultGrace = 3 * time.Second
)

// DialFunc opens a connection, for a link of its own between two sites.
type DialFunc func(ctx context.Context, network, addr string) (net.Conn, error)

// Connector is one MirrorSourceConnector, or one MirrorHeartbeatConnector.
type Connector struct {
	// Heartbeat makes it the latter: it writes a heartbeat to the target's topic "heartbeats"
	// every second, and needs neither topics nor the source's brokers.
	Heartbeat bool

	Name                     string
	SourceAlias, TargetAlias string
	SourceBrokers            []string
	TargetBrokers            []string
	// Topics to copy, by their exact names. The source's heartbeats are copied beside them,
	// to ALIAS.heartbeats, where the source has any when the task starts.
	Topics []string
	// State to begin in; "" is Running.
	State State
	// SourceDial opens connections to the source cluster; nil dials directly. Brokers
	// other than the seeds are asked for by the addresses they advertise.
	SourceDial DialFunc
	// TargetDial is the same for the target, of a heartbeat connector.
	TargetDial DialFunc
}

// Options of Start.
type Options struct {
	// Listen is the address to serve on; "" is a free port of 127.0.0.1.
	Listen string
	// ClusterID is the Kafka cluster the workers belong to, for GET /.
	ClusterID  string
	Connectors []Connector
	// FailAfter and Grace: 0 means the defaults.
	FailAfter, Grace time.Duration
	// FlushEvery is how often the offsets of a running connector are written down, and so
	// told (offset.flush.interval.ms), and how late altered ones are; 0 is at once.
	FlushEvery time.Duration
}

// Server is a running Connect worker. All methods are safe for concurrent use.
type Server struct {
	o          Options
	url        string
	worker     string
	stop       context.CancelFunc
	srv        *http.Server
	connectors map[string]*connector
	names      []string
	lag        atomic.Int64
	wg         sync.WaitGroup
	once       sync.Once
	err        error
}

// Start runs the connectors and serves until Close.
func Start(o Options) (*Server, error) {
	if o.Listen == "" {
		o.Listen = "127.0.0.1:0"
	}
	if o.ClusterID == "" {
		o.ClusterID = "sandbox"
	}
	if o.FailAfter == 0 {
		o.FailAfter = DefaultFailAfter
	}
	if o.Grace == 0 {
		o.Grace = DefaultGrace
	}
	s := &Server{o: o, connectors: map[string]*connector{}}
	for _, c := range o.Connectors {
		if c.State == "" {
			c.State = Running
		}
		known := slices.Contains([]State{Running, Paused, Stopped}, c.State)
		reads := len(c.Topics) > 0 && len(c.SourceBrokers) > 0
		if c.Name == "" || !known || !reads && !c.Heartbeat || len(c.TargetBrokers) == 0 || s.connectors[c.Name] != nil {
			return nil, fmt.Errorf("connect: connector %q: a unique name, topics, brokers at both ends and a state of RUNNING, PAUSED or STOPPED are needed", c.Name)
		}
		s.connectors[c.Name] = newConnector(s, c)
		s.names = append(s.names, c.Name)
	}
	ln, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", o.Listen)
	if err != nil {
		return nil, fmt.Errorf("connect: cannot listen on %s (is the port in use?): %w", o.Listen, err)
	}
	s.worker, s.url = ln.Addr().String(), "http://"+ln.Addr().String()
	s.srv = &http.Server{Handler: s.handler(), ReadHeaderTimeout: 10 * time.Second}
	s.wg.Go(func() {
		if err := s.srv.Serve(ln); !errors.Is(err, http.ErrServerClosed) {
			s.err = fmt.Errorf("connect: %w", err)
		}
	})
	for _, c := range s.connectors {
		c.to(c.o.State)
	}
	ctx, cancel := context.WithCancel(context.Background())
	s.stop = cancel
	if o.FlushEvery > 0 {
		s.wg.Go(func() { s.flush(ctx, o.FlushEvery) })
	}
	return s, nil
}

// flush writes the offsets of all connectors down from time to time.
func (s *Server) flush(ctx context.Context, every time.Duration) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			s.Flush()
		}
	}
}

// Flush writes the offsets of all connectors down now, so that they are told.
func (s *Server) Flush() {
	for _, c := range s.connectors {
		c.flush()
	}
}

// URL is the base URL of the REST interface.
func (s *Server) URL() string { return s.url }

// SetLag makes every connector hold each record back until it is that old by its
// time stamp; 0 copies at once.
func (s *Server) SetLag(d time.Duration) {
	s.lag.Store(int64(max(0, d)))
	for _, c := range s.connectors {
		select {
		case c.wake <- struct{}{}:
		default:
		}
	}
}

// Offsets are a connector's source offsets, per topic and partition: the last
// record copied. nil for a connector that is not there.
func (s *Server) Offsets(name string) map[string]map[int32]int64 {
	c := s.connectors[name]
	if c == nil {
		return nil
	}
	out := map[string]map[int32]int64{}
	for tp, n := range c.positions(true) {
		if out[tp.topic] == nil {
			out[tp.topic] = map[int32]int64{}
		}
		out[tp.topic][tp.partition] = n
	}
	return out
}

// Close stops the connectors and the server. It may be called more than once.
func (s *Server) Close() error {
	s.once.Do(func() {
		s.stop()
		if err := s.srv.Close(); err != nil && s.err == nil {
			s.err = err
		}
		for _, c := range s.connectors {
			c.to(Stopped)
		}
		for _, c := range s.connectors {
			c.wait()
		}
		s.wg.Wait()
	})
	return s.err
}
