package redisd

import (
	"context"
	"net"
	"strings"
	"time"

	"github.com/alicebob/miniredis/v2/server"
)

// source is the replica's end of replication.
type source struct {
	addr   string
	cancel context.CancelFunc
	done   chan struct{}
	up     bool
	seen   time.Time // last contact
	downAt time.Time
	got    int64 // received up to
}

func (s *Server) replicaOf(c *server.Peer, args []string) {
	if len(args) != 2 {
		c.WriteError("ERR wrong number of arguments for 'replicaof' command")
		return
	}
	if strings.EqualFold(args[0], "no") && strings.EqualFold(args[1], "one") {
		s.promote()
	} else {
		s.follow(net.JoinHostPort(args[0], args[1]))
	}
	c.WriteOK()
}

// noHistory is what INFO says where there is no former history.
var noHistory = strings.Repeat("0", 40)

// promote begins a history of its own, which goes on from that of the source.
func (s *Server) promote() {
	if s.unfollow() {
		s.wmu.Lock()
		s.goOn(newID())
		s.wmu.Unlock()
	}
}

// goOn continues what it has under another history. The caller holds wmu.
func (s *Server) goOn(replid string) {
	s.former, s.formerEnd, s.replid = s.replid, s.offset+1, replid
}

// unfollow ends the copying; it says whether there was a source.
func (s *Server) unfollow() bool {
	s.mu.Lock()
	old := s.source
	s.source = nil
	s.mu.Unlock()
	if old != nil {
		old.cancel()
		<-old.done
	}
	return old != nil
}

func (s *Server) follow(addr string) {
	s.mu.Lock()
	same := s.source != nil && s.source.addr == addr
	s.mu.Unlock()
	if same {
		return
	}
	s.unfollow()
	ctx, cancel := context.WithCancel(context.Background())
	src := &source{addr: addr, cancel: cancel, done: make(chan struct{}), downAt: time.Now()}
	s.mu.Lock()
	s.source = src
	s.mu.Unlock()
	go func() {
		defer close(src.done)
		s.replicate(ctx, src)
	}()
}
