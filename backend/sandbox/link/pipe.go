package link

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// Buffers grow from minChunk to maxChunk with the traffic, so that hundreds of
// idle connections cost little. maxHeld bounds the chunks that wait per direction;
// beyond it the sender feels back-pressure, as it does from a full window.
const (
	minChunk = 2 << 10
	maxChunk = 64 << 10
	maxHeld  = 64
)

// chunk is what one Read brought, or the end of the stream.
type chunk struct {
	data []byte
	at   time.Time
	err  error // io.EOF: the sender closed its side; other: the connection broke
}

// pipe is one client connection and its counterpart at the target.
type pipe struct {
	link   *Link
	ctx    context.Context // ends when the pipe is torn down
	cancel context.CancelFunc

	// broke says, per direction (1: answers), that the sender reset its side.
	broke [2]atomic.Bool

	mu     sync.Mutex
	client net.Conn
	server net.Conn // nil until dialled
	down   bool
}

func newPipe(l *Link, client net.Conn) *pipe {
	ctx, cancel := context.WithCancel(l.ctx)
	return &pipe{link: l, ctx: ctx, cancel: cancel, client: client}
}

// run lives as long as the connection does.
func (p *pipe) run() {
	defer p.link.forget(p)
	defer p.shut(false)

	var wg sync.WaitGroup
	defer wg.Wait()
	defer p.cancel()

	questions := make(chan chunk, maxHeld)
	gone := make(chan struct{})
	wg.Go(func() { p.read(p.client, questions, gone, &p.broke[0]) })

	// While bytes to the server are held, the server must not see the connection:
	// real packets would not have arrived. A client that gives up meanwhile leaves
	// no trace at the server.
	if !p.waitOpen(gone) {
		p.shut(false)
		return
	}
	d := net.Dialer{Timeout: dialTimeout}
	server, err := d.DialContext(p.ctx, "tcp", p.link.Target())
	if err != nil || !p.attach(server) {
		p.shut(true)
		return
	}
	answers := make(chan chunk, maxHeld)
	wg.Go(func() { p.read(server, answers, make(chan struct{}), &p.broke[1]) })
	var both sync.WaitGroup
	both.Go(func() { p.write(server, questions, false) })
	both.Go(func() { p.write(p.client, answers, true) })
	both.Wait()
	p.shut(false) // lets the readers go
}

// waitOpen blocks while the Link holds client bytes. False: the client or the
// Link went away first.
func (p *pipe) waitOpen(gone <-chan struct{}) bool {
	for {
		mode, changed := p.link.current()
		if !mode.holds(false) {
			return true
		}
		select {
		case <-changed:
		case <-gone:
			return false
		case <-p.ctx.Done():
			return false
		}
	}
}

// attach remembers the server side; false when the pipe was torn down meanwhile.
func (p *pipe) attach(server net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.down {
		_ = server.Close()
		return false
	}
	p.server = server
	return true
}

// read turns what src sends into chunks. gone is closed when src has ended, broke
// is set when it ended by a reset.
func (p *pipe) read(src net.Conn, out chan<- chunk, gone chan<- struct{}, broke *atomic.Bool) {
	defer close(gone)
	buf := make([]byte, minChunk)
	for {
		n, err := src.Read(buf)
		if n > 0 {
			data := make([]byte, n)
			copy(data, buf)
			select {
			case out <- chunk{data: data, at: time.Now()}:
			case <-p.ctx.Done():
				return
			}
			if n == len(buf) && n < maxChunk {
				buf = make([]byte, 2*n)
			}
		}
		if err != nil {
			broke.Store(!errors.Is(err, io.EOF))
			select {
			case out <- chunk{at: time.Now(), err: err}:
			case <-p.ctx.Done():
			}
			return
		}
	}
}

// write delivers chunks to dst when the mode lets them through. It ends with the
// stream, half-closing dst, or tears the pipe down when a side broke.
func (p *pipe) write(dst net.Conn, in <-chan chunk, answers bool) {
	for {
		var c chunk
		select {
		case c = <-in:
		case <-p.ctx.Done():
			return
		}
		held, ok := p.waitTurn(c.at, answers)
		if !ok {
			return
		}
		if held && p.broke[side(answers)].Load() {
			// A sender that is gone repeats nothing: what was held is lost for good.
			p.shut(true)
			return
		}
		if c.err != nil {
			if !errors.Is(c.err, io.EOF) {
				p.shut(true)
				return
			}
			if t, ok := dst.(*net.TCPConn); ok {
				_ = t.CloseWrite() // the other side may be gone already
			}
			return
		}
		if _, err := dst.Write(c.data); err != nil {
			p.shut(true)
			return
		}
	}
}

// side is the index of a direction in broke.
func side(answers bool) int {
	if answers {
		return 1
	}
	return 0
}

// waitTurn blocks until a chunk read at the given time may be delivered. held
// tells that it was stopped on the way and not only delayed; ok is false when the
// pipe was torn down.
func (p *pipe) waitTurn(at time.Time, answers bool) (held, ok bool) {
	for {
		mode, changed := p.link.current()
		var due <-chan time.Time
		if mode.holds(answers) {
			held = true
		} else {
			wait := time.Until(at.Add(mode.Latency()))
			if mode.Latency() == 0 || wait <= 0 {
				return held, true
			}
			due = time.After(wait)
		}
		select {
		case <-due:
			return held, true
		case <-changed:
		case <-p.ctx.Done():
			return held, false
		}
	}
}

// reset tears the pipe down with RST on both sides.
func (p *pipe) reset() { p.shut(true) }

// shut closes both sides, with RST when hard. Only the first call counts.
func (p *pipe) shut(hard bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.down {
		return
	}
	p.down = true
	p.cancel()
	for _, c := range []net.Conn{p.client, p.server} {
		if c == nil {
			continue
		}
		if t, ok := c.(*net.TCPConn); ok && hard {
			_ = t.SetLinger(0) // makes Close send RST
		}
		_ = c.Close()
	}
}
