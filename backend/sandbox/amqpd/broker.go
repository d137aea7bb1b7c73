package amqpd

import (
	"slices"
	"sync"
)

// broker is what all connections share.
type broker struct {
	mu        sync.Mutex
	closed    bool
	conns     map[*conn]struct{}
	queues    map[string]*queue
	exchanges map[string]*exchange
	bindings  int
	memory    int // bytes of messages
	published uint64
	delivered uint64

	diskAlarm, memoryAlarm bool
	// cleared is closed when the last alarm goes; nil without alarm.
	cleared chan struct{}
}

func newBroker() *broker {
	b := &broker{conns: map[*conn]struct{}{}, queues: map[string]*queue{}, exchanges: map[string]*exchange{}}
	for name, kind := range map[string]string{"": kindDirect, "amq.direct": kindDirect, "amq.fanout": kindFanout} {
		b.exchanges[name] = &exchange{name: name, kind: kind, durable: true}
	}
	return b
}

// shut keeps new connections out and returns the present ones.
func (b *broker) shut() []*conn {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed = true
	var list []*conn
	for c := range b.conns {
		list = append(list, c)
	}
	return list
}

// leave forgets a connection: what it had not acknowledged goes back to the
// queues, its exclusive queues go.
func (b *broker) leave(c *conn) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if _, ok := b.conns[c]; !ok {
		return
	}
	delete(b.conns, c)
	for _, ch := range c.channels {
		b.closeChannel(ch)
	}
	for _, q := range b.queues {
		if q.owner == c {
			b.removeQueue(q)
		}
	}
}

// closeChannel ends a channel's consumers and gives back what it holds. With mu.
func (b *broker) closeChannel(ch *channel) {
	delete(ch.c.channels, ch.id)
	ch.gone = true
	for _, co := range ch.consumers {
		b.removeConsumer(co)
	}
	b.giveBack(ch, func(delivery) bool { return true })
}

// giveBack requeues the deliveries that match. With mu.
func (b *broker) giveBack(ch *channel, match func(delivery) bool) {
	back := map[*queue][]entry{}
	ch.unacked = slices.DeleteFunc(ch.unacked, func(d delivery) bool {
		if !match(d) {
			return false
		}
		ch.settle(d)
		d.e.redelivered = true
		back[d.q] = append(back[d.q], d.e)
		return true
	})
	for q, list := range back {
		q.requeue(list)
		b.pump(q)
	}
}

// resume delivers to a connection that has room again.
func (b *broker) resume(c *conn) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, ch := range c.channels {
		b.pumpChannel(ch)
	}
}

// pumpChannel delivers what the channel's consumers may have now. With mu.
func (b *broker) pumpChannel(ch *channel) {
	for _, co := range ch.consumers {
		b.pump(co.q)
	}
}

// pump delivers what is ready to the consumers that may have it, in turns. With mu.
func (b *broker) pump(q *queue) {
	for len(q.ready) > 0 {
		i := slices.IndexFunc(q.consumers, (*consumer).mayHave)
		if i < 0 {
			return
		}
		co := q.consumers[i]
		// The next turn is the next consumer's.
		q.consumers = append(slices.Delete(q.consumers, i, i+1), co)
		e := q.pop()
		b.delivered++
		tag := co.ch.hand(q, e, co, co.noAck)
		co.ch.c.out.sendContent(co.ch.id, e.m, co.ch.c.frameSize, basicDeliver, co.tag, tag, e.redelivered, e.m.exchange, e.m.key)
	}
}

// use changes the bytes in use. With mu.
func (b *broker) use(bytes int) {
	b.memory += bytes
	switch {
	case !b.memoryAlarm && b.memory > memoryHigh:
		b.memoryAlarm = true
		b.alarmsChanged()
	case b.memoryAlarm && b.memory < memoryLow:
		b.memoryAlarm = false
		b.alarmsChanged()
	}
}

// alarmsChanged holds or lets go those who publish. With mu.
func (b *broker) alarmsChanged() {
	on := b.diskAlarm || b.memoryAlarm
	switch {
	case on && b.cleared == nil:
		b.cleared = make(chan struct{})
	case !on && b.cleared != nil:
		close(b.cleared)
		b.cleared = nil
	}
	for c := range b.conns {
		b.tell(c)
	}
}

// tell sends a publishing connection word when it is blocked and when it is not
// any more. With mu.
func (b *broker) tell(c *conn) {
	blocked := b.cleared != nil
	if !c.publishes || c.toldBlocked == blocked {
		return
	}
	c.toldBlocked = blocked
	switch {
	case !c.canBlock:
	case blocked:
		c.out.send(0, connectionBlocked, "low on "+b.alarms()[0])
	default:
		c.out.send(0, connectionUnblocked)
	}
}

// alarms are the resources that are short: "disk", "memory". With mu.
func (b *broker) alarms() []string {
	list := []string{}
	if b.diskAlarm {
		list = append(list, "disk")
	}
	if b.memoryAlarm {
		list = append(list, "memory")
	}
	return list
}
