package amqpd

import "sync"

// outbox is what waits to be written to a connection. Its lock is taken last:
// whoever holds it takes no other.
type outbox struct {
	mu     sync.Mutex
	buf    []byte
	spare  []byte
	ending bool
	// wake tells the writer there is work, drained the reader that there is room.
	wake, drained chan struct{}
}

func newOutbox() *outbox {
	return &outbox{wake: make(chan struct{}, 1), drained: make(chan struct{}, 1)}
}

func ring(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// send queues a method.
func (o *outbox) send(channel uint16, method uint32, a ...any) {
	o.add(func(b []byte) []byte { return appendMethod(b, channel, method, a...) })
}

// sendContent queues a method and its message, with nothing in between.
func (o *outbox) sendContent(channel uint16, m *message, frameSize int, method uint32, a ...any) {
	o.add(func(b []byte) []byte {
		return appendContent(appendMethod(b, channel, method, a...), channel, m, frameSize)
	})
}

func (o *outbox) add(f func([]byte) []byte) {
	o.mu.Lock()
	if !o.ending {
		o.buf = f(o.buf)
	}
	o.mu.Unlock()
	ring(o.wake)
}

// full reports whether the peer should read before it gets more.
func (o *outbox) full() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return len(o.buf) > fullOutbox
}

// finish lets the writer end once everything is written; later sends are dropped.
func (o *outbox) finish() {
	o.mu.Lock()
	o.ending = true
	o.mu.Unlock()
	ring(o.wake)
}

// take returns what is to be written, and whether that is the last.
func (o *outbox) take() (b []byte, last bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	b, o.buf, o.spare = o.buf, o.spare, nil
	return b, o.ending
}

// giveBack returns a written buffer for reuse, unless it has grown large.
func (o *outbox) giveBack(b []byte) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.spare == nil && cap(b) <= 2*fullOutbox {
		o.spare = b[:0]
	}
}
