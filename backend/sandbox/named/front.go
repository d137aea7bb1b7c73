package named

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/miekg/dns"

	"github.com/dutyops/dutyops/backend/sandbox/link"
)

// Mode is how a DNS server treats who asks it: the fault switch at its door.
type Mode int32

// Modes of a DNS server. Down closes its sockets, so that UDP and TCP are refused;
// Slow answers after SlowDelay; Blackhole never answers.
const (
	Pass Mode = iota
	Down
	Slow
	Blackhole
)

// SlowDelay is what Slow adds to every answer.
const SlowDelay = 600 * time.Millisecond

// front is one server address: UDP and TCP on the same port, with its fault switch.
type front struct {
	addr    string
	handler dns.Handler
	keys    map[string]string // TSIG: name with dot -> base64
	mode    atomic.Int32
	quit    chan struct{}

	mu       sync.Mutex
	udp, tcp *dns.Server
	free     func()   // gives the TCP port back, which is kept from the first opening on
	held     net.Conn // keeps the UDP port while the server is down
	closed   bool
}

// listenFront opens both sockets (port 0 = a free one) and serves.
func listenFront(addr string, h dns.Handler, keys map[string]string) (*front, error) {
	f := &front{addr: addr, handler: h, keys: keys, quit: make(chan struct{})}
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.open(); err != nil {
		return nil, err
	}
	return f, nil
}

// hold keeps the UDP port from being handed out to somebody's query while the server is
// down. A connected socket hears its peer alone, and nobody is there: to others the port
// stays closed. It is worth trying, no more.
func (f *front) hold() {
	at, err := net.ResolveUDPAddr("udp", f.addr)
	if err != nil {
		return
	}
	if c, err := net.DialUDP("udp", at, &net.UDPAddr{IP: at.IP, Port: 9}); err == nil {
		f.held = c
	}
}

// release gives the port back.
func (f *front) release() error {
	if f.held == nil {
		return nil
	}
	err := f.held.Close()
	f.held = nil
	return err
}

// open is called with mu held. With port 0 it looks for a port that is free for both.
func (f *front) open() error {
	if err := f.release(); err != nil {
		return fmt.Errorf("dns server on %s: %w", f.addr, err)
	}
	var lc net.ListenConfig
	ctx := context.Background()
	var last error
	for range 20 {
		addr, free := f.addr, f.free
		if free == nil {
			var err error
			if addr, free, err = link.Reserve(f.addr); err != nil {
				return fmt.Errorf("dns server on %s: %w", f.addr, err)
			}
		}
		l, err := lc.Listen(ctx, "tcp", addr)
		if err == nil {
			var p net.PacketConn
			if p, err = lc.ListenPacket(ctx, "udp", addr); err == nil {
				f.addr, f.free = addr, free
				f.serve(l, p)
				return nil
			}
			_ = l.Close()
		}
		last = err
		if f.free != nil { // the address is known: it is this one or none
			break
		}
		free()
		if addr == f.addr {
			break
		}
	}
	return fmt.Errorf("dns server on %s: %w", f.addr, last)
}

func (f *front) serve(l net.Listener, p net.PacketConn) {
	var up sync.WaitGroup
	up.Add(2)
	accept := func(h dns.Header) dns.MsgAcceptAction {
		if op := int(h.Bits>>11) & 0xF; op == dns.OpcodeUpdate && h.Bits&(1<<15) == 0 {
			return dns.MsgAccept // the library's default answers NOTIMP
		}
		return dns.DefaultMsgAcceptFunc(h)
	}
	common := dns.Server{Handler: dns.HandlerFunc(f.answer), TsigSecret: f.keys, UDPSize: 4096}
	start := func(s *dns.Server) *dns.Server {
		s.Handler, s.TsigSecret, s.UDPSize = common.Handler, common.TsigSecret, common.UDPSize
		s.MsgAcceptFunc, s.NotifyStartedFunc = accept, up.Done
		s.ReadTimeout = 30 * time.Second // UDP only wakes up as often as this; Shutdown interrupts it
		go func() { _ = s.ActivateAndServe() }()
		return s
	}
	f.tcp, f.udp = start(&dns.Server{Listener: l}), start(&dns.Server{PacketConn: p})
	up.Wait() // Shutdown before the start would be lost
}

func (f *front) answer(w dns.ResponseWriter, req *dns.Msg) {
	switch Mode(f.mode.Load()) {
	case Slow:
		t := time.NewTimer(SlowDelay)
		defer t.Stop()
		select {
		case <-t.C:
		case <-f.quit:
			return
		}
	case Blackhole, Down:
		return
	case Pass:
	}
	f.handler.ServeDNS(w, req)
}

// setMode switches the fault. Healing after Down listens on the same port again.
func (f *front) setMode(m Mode) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return errors.New("dns server is closed")
	}
	was := f.mode.Swap(int32(m))
	if m != Down && f.udp == nil {
		if err := f.open(); err != nil {
			f.mode.Store(was) // as down as before
			f.hold()
			return err
		}
	}
	if m != Down || f.udp == nil {
		return nil
	}
	err := f.shut()
	f.hold()
	return err
}

// shut is called with mu held.
func (f *front) shut() error {
	if f.udp == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	err := errors.Join(f.udp.ShutdownContext(ctx), f.tcp.ShutdownContext(ctx))
	f.udp, f.tcp = nil, nil
	return err
}

func (f *front) close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return nil
	}
	f.closed = true
	close(f.quit)
	err := errors.Join(f.release(), f.shut())
	if f.free != nil {
		f.free()
	}
	return err
}
