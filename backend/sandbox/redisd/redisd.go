package redisd

import (
	"cmp"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/alicebob/miniredis/v2/server"
	"github.com/redis/go-redis/v9"
)

// Options of a server. The zero value is an open server on a free port.
type Options struct {
	// Name is for people; it is told by INFO.
	Name string
	// Password is requirepass; "" asks for none.
	Password string
	// Listen is the address to serve on; "" is a free port of 127.0.0.1.
	Listen string
	// TLS: it is built with it, and knows tls-replication, but speaks it never.
	TLS bool
	// ReplicaOf is the source's host:port; "" starts as a primary.
	ReplicaOf string
	// MasterAuth is the password for the source.
	MasterAuth string
}

// keepLog is how many bytes of commands are kept for replicas, as repl-backlog-size;
// one that is further behind gets a snapshot.
const keepLog = 1 << 20

// Server is one Redis. Safe for concurrent use.
type Server struct {
	m *miniredis.Miniredis
	// srv and addr are m's, which forgets them while it closes and still answers.
	srv  *server.Server
	addr string
	// runID is of this process, as it were: it changes at every start.
	runID string
	opts  Options

	mu       sync.Mutex
	config   map[string]string
	password string // requirepass as it is now
	authed   map[*server.Peer]bool
	multi    map[*server.Peer][][]string
	replayer map[*server.Peer]bool
	inside   *server.Peer // the peer whose command is being dispatched under wmu
	readOnly bool
	lag      time.Duration
	replicas int
	source   *source // nil while a primary

	wmu sync.Mutex // one write at a time: log order is execution order
	log []entry
	// logStart is the offset before the first entry kept, offset that of the newest.
	logStart, offset int64
	replid           string
	// former is the history that was gone on from when it was promoted (master_replid2),
	// formerEnd the first offset that is not of it any more; -1 without one.
	former    string
	formerEnd int64
	grew      chan struct{} // closed when the log grows

	token   string
	self    *redis.Client
	closing chan struct{}
}

// entry is one replicated command with the offset it ends at.
type entry struct {
	end  int64
	at   time.Time
	args []string
}

// Start runs a server.
func Start(o Options) (*Server, error) {
	if o.Listen == "" {
		o.Listen = "127.0.0.1:0"
	}
	s := &Server{
		m: miniredis.NewMiniRedis(), opts: o, password: o.Password, authed: map[*server.Peer]bool{}, replayer: map[*server.Peer]bool{}, token: newID(), multi: map[*server.Peer][][]string{},
		config: map[string]string{"masterauth": o.MasterAuth, "masteruser": "", "replica-read-only": "yes", "min-replicas-to-write": "0", "min-replicas-max-lag": "10", "maxmemory": "0", "maxclients": "10000"},
		replid: newID(), former: noHistory, formerEnd: -1, grew: make(chan struct{}), closing: make(chan struct{}),
	}
	if o.TLS {
		s.config["tls-replication"] = "no"
	}
	if o.Password != "" {
		s.m.RequireAuth(o.Password)
	}
	if err := s.m.StartAddr(o.Listen); err != nil {
		return nil, fmt.Errorf("redis %s: %w", o.Name, err)
	}
	s.m.ClockTTL(true)
	s.srv, s.addr, s.runID = s.m.Server(), s.m.Addr(), newID()
	s.srv.SetPreHook(s.hook)
	s.self = s.openSelf()
	if o.ReplicaOf != "" {
		s.follow(o.ReplicaOf)
	}
	return s, nil
}

func newID() string {
	var b [20]byte
	_, _ = rand.Read(b[:])
	return hex.EncodeToString(b[:])
}

// Addr is where it listens.
func (s *Server) Addr() string { return s.addr }

// readOnlyWants is how many replicas a primary wants under SetReadOnly: more than
// there are.
const readOnlyWants = 100

// usedMemory is what the server says it uses, whatever it holds.
const usedMemory = 1 << 20

// SetReadOnly makes a primary refuse every write in the only way that Redis has for
// it: min-replicas-to-write is more than there are, and writes get NOREPLICAS.
func (s *Server) SetReadOnly(on bool) {
	s.mu.Lock()
	s.readOnly = on
	s.mu.Unlock()
}

// SetPassword changes requirepass; connections that stand are not asked again. The server
// must have had a password.
func (s *Server) SetPassword(password string) {
	s.mu.Lock()
	s.password = password
	s.mu.Unlock()
	s.m.RequireAuth(password)
}

// SetLag makes this replica apply what it receives that much later.
func (s *Server) SetLag(d time.Duration) {
	s.mu.Lock()
	s.lag = d
	s.mu.Unlock()
}

// Close stops everything.
func (s *Server) Close() error {
	close(s.closing)
	s.unfollow()
	err := s.self.Close()
	s.m.Close()
	return err
}

// hook sees every command before miniredis does; true means it was answered here.
func (s *Server) hook(c *server.Peer, cmd string, args ...string) bool {
	cmd = strings.ToUpper(cmd)
	s.mu.Lock()
	if s.inside == c || s.replayer[c] { // dispatched by ourselves, see write and replay
		s.mu.Unlock()
		return false
	}
	if _, known := s.authed[c]; !known {
		if len(s.authed) >= atoi(s.config["maxclients"]) {
			s.mu.Unlock()
			c.WriteError("ERR max number of clients reached")
			c.Flush()
			c.Close()
			return true
		}
		s.authed[c] = s.password == ""
		c.OnDisconnect(func() {
			s.mu.Lock()
			delete(s.authed, c)
			delete(s.multi, c)
			delete(s.replayer, c)
			s.mu.Unlock()
		})
	}
	s.noteAuth(c, cmd, args)
	authed := s.authed[c]
	s.mu.Unlock()
	if !authed {
		return false // miniredis refuses it in Redis's own words
	}
	switch cmd {
	case "INFO":
		c.WriteBulk(sections(s.info(), args))
	case "ROLE":
		s.role(c)
	case "REPLICAOF", "SLAVEOF":
		s.replicaOf(c, args)
	case "CONFIG":
		s.configure(c, args)
	case "COMMAND":
		// redis-cli asks for DOCS first, and gives up on miniredis's answer.
		if len(args) == 0 || !strings.EqualFold(args[0], "DOCS") {
			return false
		}
		c.WriteMapLen(0)
	case "DUTYOPS.REPLAY":
		s.admit(c, args)
	case "DUTYOPS.PULL":
		s.pull(c, args)
	case "PSYNC":
		s.psync(c, args)
	case "MULTI", "EXEC", "DISCARD":
		return s.transaction(c, cmd)
	default:
		if s.srv.IsReadOnlyCommand(cmd) || control[cmd] {
			return false
		}
		return s.write(c, cmd, args)
	}
	return true
}

// admit marks our own replaying connection.
func (s *Server) admit(c *server.Peer, args []string) {
	if len(args) != 1 || args[0] != s.token {
		c.WriteError("ERR unknown command")
		return
	}
	s.mu.Lock()
	s.replayer[c] = true
	s.mu.Unlock()
	c.WriteOK()
}

// control commands change no data, or block: they are neither refused nor replicated.
var control = map[string]bool{
	"AUTH": true, "HELLO": true, "PING": true, "ECHO": true, "QUIT": true, "SELECT": true, "CLIENT": true, "COMMAND": true,
	"SUBSCRIBE": true, "PSUBSCRIBE": true, "UNSUBSCRIBE": true, "PUNSUBSCRIBE": true, "WATCH": true, "UNWATCH": true, "TIME": true, "WAIT": true,
	"BLPOP": true, "BRPOP": true, "BRPOPLPUSH": true, "BLMOVE": true, "XREAD": true, "XREADGROUP": true, "CLUSTER": true, "MEMORY": true, "OBJECT": true,
}

// noteAuth follows a successful AUTH or HELLO … AUTH. The caller holds mu.
func (s *Server) noteAuth(c *server.Peer, cmd string, args []string) {
	given := ""
	switch {
	case cmd == "AUTH" && len(args) > 0:
		given = args[len(args)-1]
	case cmd == "HELLO":
		for i, a := range args {
			if strings.EqualFold(a, "AUTH") && i+2 < len(args) {
				given = args[i+2]
			}
		}
	}
	if given != "" && given == s.password {
		s.authed[c] = true
	}
}

// refusal is the error that a write meets now, "" when it may pass.
func (s *Server) refusal() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.source != nil && s.config["replica-read-only"] != "no":
		return "READONLY You can't write against a read only replica."
	case s.source == nil && atoi(s.config["maxmemory"]) > 0 && atoi(s.config["maxmemory"]) < usedMemory:
		return "OOM command not allowed when used memory > 'maxmemory'."
	case s.source == nil && s.minReplicas() > s.replicas && s.config["min-replicas-max-lag"] != "0":
		return "NOREPLICAS Not enough good replicas to write."
	}
	return ""
}

// minReplicas is min-replicas-to-write as it is in effect. The caller holds mu.
func (s *Server) minReplicas() int {
	n := atoi(s.config["min-replicas-to-write"])
	if s.readOnly {
		n = max(n, readOnlyWants)
	}
	return n
}

func atoi(v string) int {
	n := 0
	for _, r := range v {
		if r < '0' || r > '9' {
			return 0
		}
		n = n*10 + int(r-'0')
	}
	return n
}

// write runs a writing command under the write lock, and logs it for replicas.
func (s *Server) write(c *server.Peer, cmd string, args []string) bool {
	if why := s.refusal(); why != "" {
		c.WriteError(why)
		return true
	}
	line := append([]string{cmd}, args...)
	s.mu.Lock()
	if _, in := s.multi[c]; in {
		s.multi[c] = append(s.multi[c], line)
		s.mu.Unlock()
		return false // queued; it is logged with EXEC
	}
	s.mu.Unlock()
	s.wmu.Lock()
	defer s.wmu.Unlock()
	s.dispatch(c, line)
	s.append(line)
	return true
}

// dispatch hands a command to miniredis past our own hook. The caller holds wmu.
func (s *Server) dispatch(c *server.Peer, line []string) {
	s.mu.Lock()
	s.inside = c
	s.mu.Unlock()
	s.srv.Dispatch(c, line)
	s.mu.Lock()
	s.inside = nil
	s.mu.Unlock()
}

func (s *Server) transaction(c *server.Peer, cmd string) bool {
	s.mu.Lock()
	queued := s.multi[c]
	switch cmd {
	case "MULTI":
		s.multi[c] = [][]string{}
	default:
		delete(s.multi, c)
	}
	s.mu.Unlock()
	if cmd != "EXEC" || len(queued) == 0 {
		return false
	}
	s.wmu.Lock()
	defer s.wmu.Unlock()
	s.dispatch(c, []string{"EXEC"})
	for _, line := range queued {
		s.append(line)
	}
	return true
}

// append logs one command. The caller holds wmu.
func (s *Server) append(line []string) {
	s.offset += int64(len(encode(line)))
	s.log = append(s.log, entry{end: s.offset, at: time.Now(), args: line})
	if s.offset-s.logStart > keepLog {
		cut, _ := slices.BinarySearchFunc(s.log, s.offset-keepLog/2, func(e entry, at int64) int { return cmp.Compare(e.end, at) })
		cut = max(cut, 1)
		s.logStart = s.log[cut-1].end
		s.log = append([]entry{}, s.log[cut:]...)
	}
	close(s.grew)
	s.grew = make(chan struct{})
}
