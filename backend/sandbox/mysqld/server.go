package mysqld

import (
	"context"
	"crypto/rsa"
	"errors"
	"fmt"
	"maps"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// Version is what @@version says.
const Version = "10.11.19-MariaDB"

// Options say what server to start.
type Options struct {
	// ServerID must differ between servers that replicate; Domain is the GTID domain
	// of what is written here, one per site.
	ServerID, Domain uint32
	// Users by name. Nobody else gets in.
	Users map[string]Account
	// Greets is the way of logging in that newcomers are offered first; "" is
	// mysql_native_password, MySQL 8 has Sha2Plugin. Accounts that have another are asked
	// for theirs.
	Greets string
	// ReadOnly starts the server with read_only=1.
	ReadOnly bool
	// Listen is the address to listen on; "" is a free port of 127.0.0.1.
	Listen string
	// Name is what @@hostname says; "" is "mysql".
	Name string
	// LogBytes is how much of the binary log is kept, twice as much while a replica
	// that was here in the last two hours still needs it, a quarter of what came from a
	// source; 0 is 5 MiB.
	LogBytes int
}

// Server is a running server. All methods are safe for concurrent use.
type Server struct {
	opt     Options
	ln      net.Listener
	eng     *engine
	log     *binlog
	replica *replica
	started time.Time

	ctx    context.Context
	cancel context.CancelFunc
	wg     sync.WaitGroup

	questions atomic.Uint64
	shown     atomic.Uint64 // passwords themselves
	tls       atomic.Pointer[offer]
	unlocked  signal // the global read lock was given back
	// rsa is the key pair that passwords are encrypted for, and its public half in PEM.
	rsa func() (*rsa.PrivateKey, []byte)

	mu       sync.Mutex
	users    map[string]Account // opt.Users with the passwords of now
	digests  map[string]digest  // of accounts of Sha2Plugin that showed their password
	sessions map[uint32]*session
	nextID   uint32
	readOnly bool     // the variable
	forced   bool     // the fault
	frozen   *session // holder of the global read lock
	settings map[string]any
	closed   bool
}

// Start opens the listener and serves until Close. It fails when the address
// cannot be bound or the options make no sense.
func Start(opt Options) (*Server, error) {
	if opt.ServerID == 0 {
		return nil, errors.New("mysqld: ServerID must not be 0: replicas are told apart by it")
	}
	if opt.Listen == "" {
		opt.Listen = "127.0.0.1:0"
	}
	if opt.Name == "" {
		opt.Name = "mysql"
	}
	eng, err := newEngine()
	if err != nil {
		return nil, fmt.Errorf("start mysqld %s: %w", opt.Name, err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var lc net.ListenConfig
	ln, err := lc.Listen(ctx, "tcp", opt.Listen)
	if err != nil {
		cancel()
		return nil, errors.Join(fmt.Errorf("start mysqld %s: cannot listen on %s (is the port in use?): %w", opt.Name, opt.Listen, err), eng.close())
	}
	s := &Server{
		opt: opt, ln: ln, eng: eng, log: newBinlog(opt.ServerID, opt.LogBytes), started: time.Now(), ctx: ctx, cancel: cancel,
		users: maps.Clone(opt.Users), digests: map[string]digest{}, rsa: newRSA(), sessions: map[uint32]*session{}, readOnly: opt.ReadOnly, settings: globalDefaults(),
	}
	s.replica = newReplica(s)
	s.wg.Go(s.accept)
	return s, nil
}

// Addr is the host:port the server listens on.
func (s *Server) Addr() string { return s.ln.Addr().String() }

// Close ends every connection and frees everything; the data is gone.
func (s *Server) Close() error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		s.wg.Wait()
		return nil
	}
	s.closed = true
	open := s.allLocked()
	s.mu.Unlock()
	s.cancel()
	err := s.ln.Close()
	for _, ss := range open {
		ss.close()
	}
	s.replica.shutdown()
	s.log.giveUp()
	s.wg.Wait()
	s.eng.mu.Lock()
	defer s.eng.mu.Unlock()
	if err := errors.Join(err, s.eng.close()); err != nil {
		return fmt.Errorf("close mysqld %s: %w", s.opt.Name, err)
	}
	return nil
}

// crowded is true when there are more connections than max_connections, this one
// counted. As with the real server an administrator is let in all the same.
func (s *Server) crowded() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	most, ok := s.settings["max_connections"].(int64)
	return ok && int64(len(s.sessions)) > most
}

func (s *Server) allLocked() []*session {
	out := make([]*session, 0, len(s.sessions))
	for _, ss := range s.sessions {
		out = append(out, ss)
	}
	return out
}

func (s *Server) accept() {
	for {
		c, err := s.ln.Accept()
		if err != nil {
			if s.ctx.Err() != nil || errors.Is(err, net.ErrClosed) {
				return
			}
			select { // out of file descriptors, most likely: let some come back
			case <-s.ctx.Done():
				return
			case <-time.After(20 * time.Millisecond):
			}
			continue
		}
		s.mu.Lock()
		if s.closed {
			s.mu.Unlock()
			_ = c.Close()
			return
		}
		s.nextID++
		ss := newSession(s, s.nextID, c)
		s.sessions[ss.id] = ss
		s.wg.Go(ss.serve)
		s.mu.Unlock()
	}
}

// SetReadOnly is the fault "read-only": while set, the server behaves as with
// read_only=1 whatever the variable says. Healing it brings the variable's own
// value back.
func (s *Server) SetReadOnly(on bool) {
	s.eng.mu.Lock() // running writes end first
	defer s.eng.mu.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.forced = on
}

// isReadOnly is the effective @@read_only.
func (s *Server) isReadOnly() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.readOnly || s.forced
}

// setReadOnly is SET GLOBAL read_only; it waits for the statement that runs.
func (s *Server) setReadOnly(on bool) {
	s.eng.mu.Lock()
	defer s.eng.mu.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.readOnly = on
}

// SetLag is the fault "lagging": as a replica, the server applies every
// transaction that much after its commit at the source, and
// Seconds_Behind_Master grows accordingly. 0 heals; what waits is applied at once.
func (s *Server) SetLag(d time.Duration) { s.replica.setLag(d) }

// SetAckTimeout is how long commits wait for a replica from now on; at first it is a second.
func (s *Server) SetAckTimeout(d time.Duration) {
	s.log.mu.Lock()
	defer s.log.mu.Unlock()
	s.log.ackTimeout = d
}

// Crash is what a crash or a cut does to transactions in flight: those that wait
// for a replica's acknowledgement are taken out of the log and the data, as a
// recovery with init_rpl_role=SLAVE does, and every client loses its connection
// (by RST) without an answer. Transactions that were answered stay. Call it when a
// network or crash fault hits, before or after the links are cut.
func (s *Server) Crash() error {
	s.eng.mu.Lock()
	defer s.eng.mu.Unlock()
	s.mu.Lock()
	victims := s.allLocked()
	s.frozen = nil
	s.mu.Unlock()
	for _, ss := range victims {
		ss.killed.Store(true)
	}
	err := s.eng.enter(nil)
	if gone := s.log.crash(); err == nil && len(gone) > 0 {
		err = s.eng.undoEvents(gone)
	}
	for _, ss := range victims {
		ss.reset()
	}
	s.unlocked.notify()
	if err != nil {
		return fmt.Errorf("crash mysqld %s: %w", s.opt.Name, err)
	}
	return nil
}

// Diverge writes one transaction that no replica gets, in the server's own
// domain and whatever read_only says: a copy of a row with another key, in the
// first table that has rows, or a row of the new table stray.notes.
func (s *Server) Diverge() error {
	s.eng.mu.Lock()
	defer s.eng.mu.Unlock()
	if err := s.eng.enter(nil); err != nil {
		return fmt.Errorf("diverge mysqld %s: %w", s.opt.Name, err)
	}
	cs, err := s.eng.stray()
	if err != nil {
		return fmt.Errorf("diverge mysqld %s: %w", s.opt.Name, err)
	}
	_, _, err = s.log.append(event{
		id: gtid{domain: s.opt.Domain, server: s.opt.ServerID}, at: time.Now(), body: s.eng.pack.body(cs), hidden: true,
	}, false)
	return err
}
