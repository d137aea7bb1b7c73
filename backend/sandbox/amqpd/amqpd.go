package amqpd

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"
)

// Limits of a broker: what a client can make it keep is bounded.
const (
	frameMax       = 131072
	channelMax     = 2047
	maxMessage     = 16 << 20 // bytes of one message, and of a connection's unfinished ones
	maxConnections = 512
	maxQueues      = 1024
	maxExchanges   = 256
	maxBindings    = 4096
	maxConsumers   = 256 // of a channel
	// memoryHigh raises the memory alarm, memoryLow clears it, in bytes of messages.
	memoryHigh = 64 << 20
	memoryLow  = 48 << 20
	// fullOutbox stops deliveries to a connection that reads slowly, and the
	// reading of its requests.
	fullOutbox = 64 << 10
)

const (
	handshakeTime = 10 * time.Second
	goodbyeTime   = 500 * time.Millisecond
	writeTime     = 30 * time.Second
	// suggested heartbeat in seconds; the client may choose another.
	heartbeat = 60
)

// productVersion is the release whose answers this broker copies.
const productVersion = "3.10.8"

// Options say what a broker is.
type Options struct {
	// Name is the node's name, "rabbit@sandbox" when empty.
	Name string
	// Users maps a user's name to its password. Without users nobody gets in.
	Users map[string]string
	// Listen is the address of AMQP, "127.0.0.1:0" when empty.
	Listen string
	// ManagementListen is the address of the management API, "127.0.0.1:0"
	// when empty.
	ManagementListen string
}

// Server is a running broker. All methods may be used concurrently.
type Server struct {
	o       Options
	b       *broker
	started time.Time
	amqp    net.Listener
	mgmt    net.Listener
	web     *http.Server
	wg      sync.WaitGroup
	once    sync.Once
	err     error

	// passwords that were changed since the start, by user; the broker's lock guards them.
	passwords map[string]string
}

// Start starts a broker; it is ready when Start returns. The error says which
// address could not be used.
func Start(o Options) (*Server, error) {
	if o.Name == "" {
		o.Name = "rabbit@sandbox"
	}
	s := &Server{o: o, b: newBroker(), started: time.Now()}
	var err error
	if s.amqp, err = listen(o.Listen); err != nil {
		return nil, fmt.Errorf("amqp listener: %w", err)
	}
	if s.mgmt, err = listen(o.ManagementListen); err != nil {
		_ = s.amqp.Close()
		return nil, fmt.Errorf("management listener: %w", err)
	}
	s.web = &http.Server{Handler: s.management(), ReadHeaderTimeout: 5 * time.Second, IdleTimeout: time.Minute, MaxHeaderBytes: 16 << 10}
	s.wg.Go(s.accept)
	s.wg.Go(func() { _ = s.web.Serve(s.mgmt) }) // ends with ErrServerClosed
	return s, nil
}

func listen(addr string) (net.Listener, error) {
	if addr == "" {
		addr = "127.0.0.1:0"
	}
	var lc net.ListenConfig
	return lc.Listen(context.Background(), "tcp", addr)
}

// Addr is the address AMQP listens on, host:port.
func (s *Server) Addr() string { return s.amqp.Addr().String() }

// ManagementURL is the address of the management API, without a slash at the end.
func (s *Server) ManagementURL() string { return "http://" + s.mgmt.Addr().String() }

// SetDiskAlarm raises or clears the disk alarm. While it is raised health checks
// fail with 503 and connections that publish are told so and held.
func (s *Server) SetDiskAlarm(on bool) {
	s.b.mu.Lock()
	defer s.b.mu.Unlock()
	s.b.diskAlarm = on
	s.b.alarmsChanged()
}

// SetMemoryAlarm makes the broker use more memory than it may, or frees that again: the
// alarm follows as it does when messages pile up. Call it in pairs.
func (s *Server) SetMemoryAlarm(on bool) {
	s.b.mu.Lock()
	defer s.b.mu.Unlock()
	if on {
		s.b.use(memoryHigh + 1)
	} else {
		s.b.use(-memoryHigh - 1)
	}
}

// Close says goodbye to every connection, stops the broker and waits for all it
// started. Messages are gone. Later calls return the first one's result.
func (s *Server) Close() error {
	s.once.Do(func() {
		s.err = errors.Join(s.amqp.Close(), s.web.Close())
		conns := s.b.shut()
		for _, c := range conns {
			c.out.send(0, connectionClose, uint16(codeForced), "CONNECTION_FORCED - broker forced connection closure with reason 'shutdown'", uint16(0), uint16(0))
			c.out.finish()
		}
		late := time.AfterFunc(goodbyeTime, func() {
			for _, c := range conns {
				c.kill()
			}
		})
		s.wg.Wait()
		late.Stop()
	})
	return s.err
}

// accept takes connections until the listener closes.
func (s *Server) accept() {
	for {
		nc, err := s.amqp.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil { // no file left, for example: try again, but not at once
			time.Sleep(50 * time.Millisecond)
			continue
		}
		if c := s.admit(nc); c != nil {
			s.wg.Go(c.serve)
		}
	}
}

// admit registers a connection, or closes it and returns nil.
func (s *Server) admit(nc net.Conn) *conn {
	c := newConn(s, nc)
	s.b.mu.Lock()
	ok := !s.b.closed && len(s.b.conns) < maxConnections
	if ok {
		s.b.conns[c] = struct{}{}
	}
	s.b.mu.Unlock()
	if !ok {
		_ = nc.Close()
		return nil
	}
	return c
}

// SetPassword changes the password of a user that is there; connections that stand are not
// asked again.
func (s *Server) SetPassword(user, password string) {
	s.b.mu.Lock()
	defer s.b.mu.Unlock()
	if s.passwords == nil {
		s.passwords = map[string]string{}
	}
	s.passwords[user] = password
}

// allowed reports whether the password is the user's.
func (s *Server) allowed(user, password string) bool {
	s.b.mu.Lock()
	want, ok := s.o.Users[user]
	if now, changed := s.passwords[user]; changed && ok {
		want = now
	}
	s.b.mu.Unlock()
	return subtle.ConstantTimeCompare([]byte(want), []byte(password)) == 1 && ok
}
