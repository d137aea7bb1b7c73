package amqpd

import (
	"crypto/rand"
	"encoding/binary"
	"strings"
)

// channel is one channel of a connection.
type channel struct {
	c  *conn
	b  *broker
	id uint16

	// Only the connection's reader uses these.
	incoming *incoming
	closing  bool // we closed it, the peer does not know yet

	// Of the broker's lock.
	gone      bool
	confirms  bool
	sequence  uint64 // of publications with confirms
	tag       uint64 // of deliveries
	unacked   []delivery
	consuming int // unacked deliveries to consumers
	consumers map[string]*consumer
	prefetch  int // of the whole channel; 0: any number
	each      int // of every new consumer
	last      string
}

// incoming is a message that is being published.
type incoming struct {
	m                    message
	mandatory, immediate bool
	headed               bool
	size                 int
}

// delivery is a message somebody has and has not acknowledged.
type delivery struct {
	tag uint64
	q   *queue
	e   entry
	co  *consumer // nil after a get
}

// consumer is who takes messages of a queue.
type consumer struct {
	ch               *channel
	q                *queue
	tag              string
	noAck, exclusive bool
	prefetch         int
	unacked          int
}

// mayHave reports whether the consumer may have one more message. With mu.
func (co *consumer) mayHave() bool {
	ch := co.ch
	if ch.gone || ch.c.out.full() {
		return false
	}
	return co.noAck || (co.prefetch == 0 || co.unacked < co.prefetch) && (ch.prefetch == 0 || ch.consuming < ch.prefetch)
}

// hand notes that a message goes to the peer and returns its delivery tag. With mu.
func (ch *channel) hand(q *queue, e entry, co *consumer, noAck bool) uint64 {
	ch.tag++
	if noAck {
		ch.b.use(-e.m.size())
		return ch.tag
	}
	ch.unacked = append(ch.unacked, delivery{tag: ch.tag, q: q, e: e, co: co})
	q.unacked++
	if co != nil {
		co.unacked++
		ch.consuming++
	}
	return ch.tag
}

// settle is hand's opposite; the message goes on costing. With mu.
func (ch *channel) settle(d delivery) {
	d.q.unacked--
	if d.co != nil {
		d.co.unacked--
		ch.consuming--
	}
}

// dropPartial gives up an unfinished message and returns its size.
func (ch *channel) dropPartial() int {
	if ch.incoming == nil {
		return 0
	}
	n := ch.incoming.size
	ch.incoming = nil
	return n
}

// reply answers unless the peer does not want it.
func (ch *channel) reply(noWait bool, method uint32, a ...any) {
	if !noWait {
		ch.c.out.send(ch.id, method, a...)
	}
}

// method does what a method asks.
func (ch *channel) method(method uint32, a *args) error {
	if method == basicPublish {
		return ch.publish(a)
	}
	ch.b.mu.Lock()
	defer ch.b.mu.Unlock()
	switch method {
	case channelFlow:
		on := a.bit()
		ch.reply(false, channelFlowOk, on)
	case channelFlowOk:
	case exchangeDeclare:
		return ch.declareExchange(a)
	case exchangeDelete:
		return ch.deleteExchange(a)
	case queueDeclare:
		return ch.declareQueue(a)
	case queueBind, queueUnbind:
		return ch.bindQueue(a, method == queueBind)
	case queuePurge:
		return ch.purgeQueue(a)
	case queueDelete:
		return ch.deleteQueue(a)
	case basicQos:
		return ch.qos(a)
	case basicConsume:
		return ch.consume(a)
	case basicCancel:
		return ch.cancel(a)
	case basicCancelOk:
	case basicGet:
		return ch.get(a)
	case basicAck:
		return ch.ack(a.longlong(), a.bit(), true, false, a)
	case basicNack:
		return ch.ack(a.longlong(), a.bit(), false, a.bit(), a)
	case basicReject:
		return ch.ack(a.longlong(), false, false, a.bit(), a)
	case basicRecover, basicRecoverAsync:
		if !a.bit() {
			return hard(codeNotImplemented, "NOT_IMPLEMENTED - recover without requeue")
		}
		ch.b.giveBack(ch, func(delivery) bool { return true })
		ch.reply(method == basicRecoverAsync, basicRecoverOk)
	case confirmSelect:
		ch.confirms = true
		ch.reply(a.bit(), confirmSelectOk)
	default:
		return hard(codeNotImplemented, "NOT_IMPLEMENTED - method %d.%d", method>>16, method&0xffff)
	}
	return a.err
}

// named is the queue an empty name stands for: the one declared last.
func (ch *channel) named(name string) string {
	if name == "" {
		return ch.last
	}
	return name
}

func (ch *channel) declareQueue(a *args) error {
	a.short()
	name, passive := a.shortstr(), a.bit()
	durable, exclusive, autoDelete, noWait := a.bit(), a.bit(), a.bit(), a.bit()
	t := a.table()
	if a.err != nil {
		return a.err
	}
	b := ch.b
	q := b.queues[name]
	switch {
	case passive || q != nil:
		var err error
		if q, err = b.find(ch.c, ch.named(name)); err != nil {
			return err
		}
		if !passive {
			if err = q.same(durable, exclusive, autoDelete, t); err != nil {
				return err
			}
		}
	case strings.HasPrefix(name, "amq."):
		return soft(codeRefused, "ACCESS_REFUSED - queue name '%s' contains reserved prefix 'amq.*'", name)
	case len(b.queues) >= maxQueues:
		return soft(codePrecondition, "PRECONDITION_FAILED - cannot declare queue '%s': queue limit in vhost '/' (%d) is reached", name, maxQueues)
	default:
		if name == "" {
			name = "amq.gen-" + rand.Text()
		}
		var err error
		if q, err = newQueue(b, name, t); err != nil {
			return err
		}
		q.durable, q.autoDelete = durable, autoDelete
		if exclusive {
			q.owner = ch.c
		}
		b.queues[name] = q
	}
	ch.last = q.name
	ch.reply(noWait, queueDeclareOk, q.name, uint32(len(q.ready)), uint32(len(q.consumers))) //nolint:gosec // bounded
	return nil
}

// same tells whether a second declaration means the same queue.
func (q *queue) same(durable, exclusive, autoDelete bool, t table) error {
	differ := func(arg string, got, is any) error {
		return soft(codePrecondition, "PRECONDITION_FAILED - inequivalent arg '%s' for queue '%s' in vhost '/': received '%v' but current is '%v'", arg, q.name, got, is)
	}
	switch {
	case q.durable != durable:
		return differ("durable", durable, q.durable)
	case q.owner != nil != exclusive:
		return differ("exclusive", exclusive, q.owner != nil)
	case q.autoDelete != autoDelete:
		return differ("auto_delete", autoDelete, q.autoDelete)
	}
	for _, k := range []string{"x-max-length", "x-max-length-bytes", "x-overflow"} {
		got, gotIt := t[k]
		is, isIt := q.args[k]
		if gotIt != isIt {
			return differ(k, got, is)
		}
		n, ok := got.(int64)
		m, mok := is.(int64)
		gs, _ := got.(string)
		is2, _ := is.(string)
		if ok != mok || n != m || gs != is2 {
			return differ(k, got, is)
		}
	}
	return nil
}

func (ch *channel) bindQueue(a *args, on bool) error {
	a.short()
	name, from, key := ch.named(a.shortstr()), a.shortstr(), a.shortstr()
	noWait := on && a.bit()
	a.table()
	if a.err != nil {
		return a.err
	}
	if from == "" {
		return soft(codeRefused, "ACCESS_REFUSED - operation not permitted on the default exchange")
	}
	q, err := ch.b.find(ch.c, name)
	if err != nil {
		return err
	}
	x, err := ch.b.exchange(from)
	if err != nil {
		return err
	}
	if !on {
		ch.b.unbind(x, key, q)
		ch.reply(noWait, queueUnbindOk)
		return nil
	}
	if err = ch.b.bind(x, key, q); err != nil {
		return err
	}
	ch.reply(noWait, queueBindOk)
	return nil
}

func (ch *channel) purgeQueue(a *args) error {
	a.short()
	name, noWait := ch.named(a.shortstr()), a.bit()
	if a.err != nil {
		return a.err
	}
	q, err := ch.b.find(ch.c, name)
	if err != nil {
		return err
	}
	ch.reply(noWait, queuePurgeOk, q.purge())
	return nil
}

func (ch *channel) deleteQueue(a *args) error {
	a.short()
	name, ifUnused, ifEmpty, noWait := ch.named(a.shortstr()), a.bit(), a.bit(), a.bit()
	if a.err != nil {
		return a.err
	}
	if ch.b.queues[name] == nil { // deleting what is not there is fine
		ch.reply(noWait, queueDeleteOk, uint32(0))
		return nil
	}
	q, err := ch.b.find(ch.c, name)
	switch {
	case err != nil:
		return err
	case ifUnused && len(q.consumers) > 0:
		return soft(codePrecondition, "PRECONDITION_FAILED - queue '%s' in vhost '/' in use", name)
	case ifEmpty && len(q.ready) > 0:
		return soft(codePrecondition, "PRECONDITION_FAILED - queue '%s' in vhost '/' is not empty", name)
	}
	ch.reply(noWait, queueDeleteOk, ch.b.removeQueue(q))
	return nil
}

// header starts the content of a message: its size and its properties.
func (ch *channel) header(b []byte) error {
	in := ch.incoming
	if in == nil || in.headed {
		return hard(codeUnexpected, "UNEXPECTED_FRAME - content header without a method")
	}
	if len(b) < 14 || binary.BigEndian.Uint16(b) != 60 {
		return hard(codeSyntax, "SYNTAX_ERROR - content header")
	}
	size := binary.BigEndian.Uint64(b[4:])
	if size > maxMessage || ch.c.partial+int(size) > maxMessage { //nolint:gosec // below maxMessage
		return soft(codePrecondition, "PRECONDITION_FAILED - message size %d is larger than max size %d", size, maxMessage)
	}
	in.headed, in.size = true, int(size) //nolint:gosec // below maxMessage
	ch.c.partial += in.size
	in.m.props = append([]byte(nil), b[12:]...)
	if in.size == 0 {
		return ch.published()
	}
	return nil
}
