package amqpd

import (
	"crypto/rand"
	"slices"
)

// publish starts a message; while an alarm is on it waits instead.
func (ch *channel) publish(a *args) error {
	a.short()
	in := &incoming{m: message{exchange: a.shortstr(), key: a.shortstr()}, mandatory: a.bit(), immediate: a.bit()}
	if a.err != nil {
		return a.err
	}
	ch.incoming = in
	return ch.c.hold()
}

// content adds a part of the message's body.
func (ch *channel) content(b []byte) error {
	in := ch.incoming
	if in == nil || !in.headed || len(in.m.body)+len(b) > in.size {
		return hard(codeUnexpected, "UNEXPECTED_FRAME - content body that was not announced")
	}
	in.m.body = append(in.m.body, b...)
	if len(in.m.body) < in.size {
		return nil
	}
	return ch.published()
}

// published routes a message that is complete.
func (ch *channel) published() error {
	in := ch.incoming
	ch.c.partial -= ch.dropPartial()
	b := ch.b
	b.mu.Lock()
	defer b.mu.Unlock()
	x, err := b.exchange(in.m.exchange)
	switch {
	case err == nil && in.immediate:
		err = hard(codeNotImplemented, "NOT_IMPLEMENTED - immediate=true")
	case err == nil && x.internal:
		err = soft(codeRefused, "ACCESS_REFUSED - cannot publish to internal exchange '%s' in vhost '/'", x.name)
	}
	if err != nil {
		if pe, ok := err.(*protocolError); ok { //nolint:errorlint // made above
			pe.method = basicPublish
		}
		return err
	}
	b.published++
	queues := b.route(x, in.m.key)
	if len(queues) == 0 && in.mandatory {
		ch.c.out.sendContent(ch.id, &in.m, ch.c.frameSize, basicReturn, uint16(codeNoRoute), "NO_ROUTE", in.m.exchange, in.m.key)
	}
	taken := true
	for _, q := range queues {
		taken = q.push(&in.m) && taken
	}
	if !ch.confirms {
		return nil
	}
	ch.sequence++
	if taken {
		ch.reply(false, basicAck, ch.sequence, false)
	} else {
		ch.reply(false, basicNack, ch.sequence, false)
	}
	return nil
}

func (ch *channel) qos(a *args) error {
	size, count, global := a.long(), int(a.short()), a.bit()
	switch {
	case a.err != nil:
		return a.err
	case size != 0:
		return hard(codeNotImplemented, "NOT_IMPLEMENTED - prefetch_size!=0 (%d)", size)
	case global:
		ch.prefetch = count
	default:
		ch.each = count
	}
	ch.reply(false, basicQosOk)
	ch.b.pumpChannel(ch)
	return nil
}

func (ch *channel) consume(a *args) error {
	a.short()
	name, tag := ch.named(a.shortstr()), a.shortstr()
	a.bit() // no-local, which the real one ignores too
	noAck, exclusive, noWait := a.bit(), a.bit(), a.bit()
	a.table()
	if a.err != nil {
		return a.err
	}
	q, err := ch.b.find(ch.c, name)
	if err != nil {
		return err
	}
	if tag == "" {
		tag = "amq.ctag-" + rand.Text()
	}
	switch {
	case ch.consumers[tag] != nil:
		return hard(codeNotAllowed, "NOT_ALLOWED - attempt to reuse consumer tag '%s'", tag)
	case len(ch.consumers) >= maxConsumers:
		return hard(codeNotAllowed, "NOT_ALLOWED - reached maximum (%d) of consumers per channel", maxConsumers)
	case len(q.consumers) > 0 && (exclusive || q.consumers[0].exclusive):
		return soft(codeRefused, "ACCESS_REFUSED - queue '%s' in vhost '/' in exclusive use", name)
	}
	co := &consumer{ch: ch, q: q, tag: tag, noAck: noAck, exclusive: exclusive, prefetch: ch.each}
	ch.consumers[tag] = co
	q.consumers = append(q.consumers, co)
	ch.reply(noWait, basicConsumeOk, tag)
	ch.b.pump(q)
	return nil
}

func (ch *channel) cancel(a *args) error {
	tag, noWait := a.shortstr(), a.bit()
	if a.err != nil {
		return a.err
	}
	if co := ch.consumers[tag]; co != nil {
		ch.b.removeConsumer(co)
	}
	ch.reply(noWait, basicCancelOk, tag)
	return nil
}

func (ch *channel) get(a *args) error {
	a.short()
	name, noAck := ch.named(a.shortstr()), a.bit()
	if a.err != nil {
		return a.err
	}
	q, err := ch.b.find(ch.c, name)
	if err != nil {
		return err
	}
	if len(q.ready) == 0 {
		ch.reply(false, basicGetEmpty, "")
		return nil
	}
	e := q.pop()
	ch.b.delivered++
	tag := ch.hand(q, e, nil, noAck)
	ch.c.out.sendContent(ch.id, e.m, ch.c.frameSize, basicGetOk, tag, e.redelivered, e.m.exchange, e.m.key, uint32(len(q.ready))) //nolint:gosec // bounded
	return nil
}

// ack settles one delivery, or all up to the tag: done with, or given back, or
// thrown away.
func (ch *channel) ack(tag uint64, multiple, done, requeue bool, a *args) error {
	if a.err != nil {
		return a.err
	}
	match := func(d delivery) bool { return d.tag == tag || multiple && (d.tag < tag || tag == 0) }
	if !slices.ContainsFunc(ch.unacked, func(d delivery) bool { return d.tag == tag }) && (!multiple || tag != 0) {
		return soft(codePrecondition, "PRECONDITION_FAILED - unknown delivery tag %d", tag)
	}
	if done || !requeue {
		ch.unacked = slices.DeleteFunc(ch.unacked, func(d delivery) bool {
			if !match(d) {
				return false
			}
			ch.settle(d)
			ch.b.use(-d.e.m.size())
			return true
		})
	} else {
		ch.b.giveBack(ch, match)
	}
	ch.b.pumpChannel(ch)
	return nil
}
