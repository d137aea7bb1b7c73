package link

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"
)

// dialTimeout bounds how long a new connection waits for the target; loopback
// answers or refuses at once.
const dialTimeout = 5 * time.Second

// rebindEvery is the pause between attempts to take the port again.
const rebindEvery = 20 * time.Millisecond

// Link is one proxy: a listening address and the target behind it. Make it with
// New or NewOn. All methods are safe for concurrent use.
type Link struct {
	addr string
	// free gives the reserved port back; see Reserve.
	free func()
	// ctx ends when the Link is closed.
	ctx    context.Context
	cancel context.CancelFunc
	wg     sync.WaitGroup

	mu       sync.Mutex
	target   string
	mode     Mode
	changed  chan struct{} // closed and replaced whenever mode changes
	listener net.Listener  // nil while the mode does not listen
	pipes    map[*pipe]struct{}
	closed   bool
}

// New starts a Link in mode Pass on a free port of 127.0.0.1. Nothing is dialled
// until a client connects, so the target need not exist yet. The caller closes it.
func New(target string) (*Link, error) { return NewOn("127.0.0.1:0", target) }

// NewOn is New with a listening address of the caller's choice. It fails when the
// address cannot be bound.
func NewOn(listen, target string) (*Link, error) {
	addr, free, err := Reserve(listen)
	if err != nil {
		return nil, fmt.Errorf("link to %s: cannot take %s (is the port in use?): %w", target, listen, err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	l := &Link{
		addr: addr, free: free, ctx: ctx, cancel: cancel,
		target: target, changed: make(chan struct{}), pipes: map[*pipe]struct{}{},
	}
	if err := l.open(); err != nil {
		cancel()
		free()
		return nil, fmt.Errorf("link to %s: cannot listen on %s: %w", target, addr, err)
	}
	return l, nil
}

// Addr is the host:port clients connect to; it stays the same for life.
func (l *Link) Addr() string { return l.addr }

// Target is the host:port that new connections are forwarded to.
func (l *Link) Target() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.target
}

// SetTarget sends new connections to another host:port; existing ones stay.
func (l *Link) SetTarget(target string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.target = target
}

// Mode is the mode set last.
func (l *Link) Mode() Mode {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.mode
}

// Set changes the mode, at once and for existing connections too. When it
// returns, a mode that listens is listening again on the same port; should the
// port be taken by somebody else, the Link goes on trying in the background. On a
// closed Link it does nothing.
func (l *Link) Set(m Mode) {
	l.mu.Lock()
	if l.closed || m == l.mode {
		l.mu.Unlock()
		return
	}
	l.mode = m
	close(l.changed)
	l.changed = make(chan struct{})
	var victims []*pipe
	if m == Down {
		victims = l.drainLocked()
	}
	shut := l.listener
	if m.listens() {
		shut = nil
	} else {
		l.listener = nil
	}
	l.mu.Unlock()

	if shut != nil {
		_ = shut.Close() // nothing to be done about a failure, and the accept loop ends either way
	}
	for _, p := range victims {
		p.reset()
	}
	if m.listens() {
		if err := l.open(); err != nil {
			l.retry()
		}
	}
}

// Close stops listening, resets what is open and waits until every goroutine of
// the Link has ended. It is safe to call it more than once.
func (l *Link) Close() error {
	l.mu.Lock()
	if l.closed {
		l.mu.Unlock()
		l.wg.Wait()
		return nil
	}
	l.closed = true
	ln := l.listener
	l.listener = nil
	victims := l.drainLocked()
	l.mu.Unlock()

	l.cancel()
	var err error
	if ln != nil {
		err = ln.Close()
	}
	for _, p := range victims {
		p.reset()
	}
	l.wg.Wait()
	l.free()
	if err != nil {
		return fmt.Errorf("close link %s: %w", l.addr, err)
	}
	return nil
}

// drainLocked takes all open connections out of the books; the caller resets them.
func (l *Link) drainLocked() []*pipe {
	out := make([]*pipe, 0, len(l.pipes))
	for p := range l.pipes {
		out = append(out, p)
	}
	clear(l.pipes)
	return out
}

// open takes the port, unless the Link listens already or should not listen.
func (l *Link) open() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed || l.listener != nil || !l.mode.listens() {
		return nil
	}
	var lc net.ListenConfig
	ln, err := lc.Listen(l.ctx, "tcp", l.addr)
	if err != nil {
		return fmt.Errorf("listen on %s: %w", l.addr, err)
	}
	l.listener = ln
	l.wg.Go(func() { l.accept(ln) })
	return nil
}

// retry starts reopen, unless the Link is being closed.
func (l *Link) retry() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.closed {
		l.wg.Go(l.reopen)
	}
}

// reopen tries open until it works or is no longer wanted.
func (l *Link) reopen() {
	tick := time.NewTicker(rebindEvery)
	defer tick.Stop()
	for {
		select {
		case <-l.ctx.Done():
			return
		case <-tick.C:
			if l.open() == nil {
				return
			}
		}
	}
}

// accept serves one listener until it is closed.
func (l *Link) accept(ln net.Listener) {
	for {
		c, err := ln.Accept()
		if err != nil {
			if errors.Is(err, net.ErrClosed) {
				return
			}
			select { // out of file descriptors, most likely: let some come back
			case <-l.ctx.Done():
				return
			case <-time.After(rebindEvery):
			}
			continue
		}
		p := newPipe(l, c)
		l.mu.Lock()
		// The listener may have been closed between Accept and here.
		refused := l.closed || !l.mode.listens()
		if !refused {
			l.pipes[p] = struct{}{}
			l.wg.Go(p.run)
		}
		l.mu.Unlock()
		if refused {
			p.reset()
		}
	}
}

// forget takes p out of the books.
func (l *Link) forget(p *pipe) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.pipes, p)
}

// current is the mode, and a channel that is closed when it changes.
func (l *Link) current() (Mode, <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.mode, l.changed
}
