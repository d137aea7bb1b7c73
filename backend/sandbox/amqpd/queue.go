package amqpd

import (
	"cmp"
	"slices"
)

// message is a published message. It does not change.
type message struct {
	exchange, key string
	props         []byte // flags and properties as they came
	body          []byte
}

// size is what the message costs, in bytes.
func (m *message) size() int { return len(m.exchange) + len(m.key) + len(m.props) + len(m.body) + 200 }

// entry is a message in a queue.
type entry struct {
	seq         uint64
	m           *message
	redelivered bool
}

// queue is a queue; the broker's lock guards it.
type queue struct {
	b                   *broker
	name                string
	durable, autoDelete bool
	owner               *conn // of an exclusive queue
	args                table
	maxLength, maxBytes int64 // -1: none
	reject              bool  // x-overflow: reject-publish

	seq       uint64
	ready     []entry // by seq
	bytes     int     // of ready
	unacked   int
	consumers []*consumer // whose turn it is, first
	published uint64
	deleted   bool
}

func newQueue(b *broker, name string, t table) (*queue, error) {
	q := &queue{b: b, name: name, args: t, maxLength: -1, maxBytes: -1}
	for key, into := range map[string]*int64{"x-max-length": &q.maxLength, "x-max-length-bytes": &q.maxBytes} {
		v, ok := t[key]
		if !ok {
			continue
		}
		n, ok := v.(int64)
		if !ok || n < 0 {
			return nil, soft(codePrecondition, "PRECONDITION_FAILED - invalid arg '%s' for queue '%s' in vhost '/': %v", key, name, v)
		}
		*into = n
	}
	switch v := t["x-overflow"]; v {
	case nil, "drop-head":
	case "reject-publish":
		q.reject = true
	default:
		return nil, soft(codePrecondition, "PRECONDITION_FAILED - invalid arg 'x-overflow' for queue '%s' in vhost '/': %v", name, v)
	}
	return q, nil
}

// push adds a message and reports whether the queue took it.
func (q *queue) push(m *message) bool {
	if q.reject && (q.maxLength >= 0 && int64(len(q.ready)) >= q.maxLength || q.maxBytes >= 0 && int64(q.bytes+len(m.body)) > q.maxBytes) {
		return false
	}
	q.seq++
	q.published++
	q.ready = append(q.ready, entry{seq: q.seq, m: m})
	q.bytes += len(m.body)
	q.b.use(m.size())
	q.b.pump(q) // a consumer may take it before the bound drops it
	q.trim()
	return true
}

// pop takes the oldest message out; it goes on costing until it is settled.
func (q *queue) pop() entry {
	e := q.ready[0]
	q.ready[0] = entry{}
	q.ready = q.ready[1:]
	if len(q.ready) == 0 {
		q.ready = nil
	}
	q.bytes -= len(e.m.body)
	return e
}

// trim drops the oldest beyond the bounds.
func (q *queue) trim() {
	if q.reject {
		return
	}
	for len(q.ready) > 0 && (q.maxLength >= 0 && int64(len(q.ready)) > q.maxLength || q.maxBytes >= 0 && int64(q.bytes) > q.maxBytes) {
		q.b.use(-q.pop().m.size())
	}
}

// purge drops all that is ready and returns how much it was.
func (q *queue) purge() uint32 {
	n := len(q.ready)
	for range n {
		q.b.use(-q.pop().m.size())
	}
	return uint32(n) //nolint:gosec // bounded by memoryHigh
}

// requeue puts messages back where they were.
func (q *queue) requeue(list []entry) {
	if q.deleted {
		for _, e := range list {
			q.b.use(-e.m.size())
		}
		return
	}
	for _, e := range list {
		q.bytes += len(e.m.body)
	}
	q.ready = append(list, q.ready...)
	slices.SortFunc(q.ready, func(x, y entry) int { return cmp.Compare(x.seq, y.seq) })
	q.trim()
}

// removeQueue deletes a queue and tells its consumers. With mu.
func (b *broker) removeQueue(q *queue) uint32 {
	delete(b.queues, q.name)
	n := q.purge()
	q.deleted = true
	for _, x := range b.exchanges {
		for key := range x.bound {
			b.unbind(x, key, q)
		}
	}
	for _, co := range q.consumers {
		delete(co.ch.consumers, co.tag)
		if co.ch.c.canCancel {
			co.ch.c.out.send(co.ch.id, basicCancel, co.tag, true)
		}
	}
	q.consumers = nil
	return n
}

// removeConsumer ends a consumer; the last one takes an auto-delete queue along.
// With mu.
func (b *broker) removeConsumer(co *consumer) {
	delete(co.ch.consumers, co.tag)
	q := co.q
	q.consumers = slices.DeleteFunc(q.consumers, func(o *consumer) bool { return o == co })
	if q.autoDelete && len(q.consumers) == 0 && !q.deleted {
		b.removeQueue(q)
	}
}

// find returns a queue that the connection may use. With mu.
func (b *broker) find(c *conn, name string) (*queue, error) {
	q := b.queues[name]
	switch {
	case q == nil:
		return nil, soft(codeNotFound, "NOT_FOUND - no queue '%s' in vhost '/'", name)
	case q.owner != nil && q.owner != c:
		return nil, soft(codeLocked, "RESOURCE_LOCKED - cannot obtain exclusive access to locked queue '%s' in vhost '/'. It could be originally declared on another connection or the exclusive property value does not match that of the original declaration.", name)
	}
	return q, nil
}
