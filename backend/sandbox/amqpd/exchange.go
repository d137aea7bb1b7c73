package amqpd

import (
	"slices"
	"strings"
)

// Kinds of exchanges.
const (
	kindDirect = "direct"
	kindFanout = "fanout"
)

// exchange is an exchange; the broker's lock guards it.
type exchange struct {
	name, kind          string
	durable, autoDelete bool
	internal            bool
	bound               map[string][]*queue // by routing key
}

// route returns the queues a message goes to, each once. With mu.
func (b *broker) route(x *exchange, key string) []*queue {
	switch {
	case x.name == "":
		if q := b.queues[key]; q != nil {
			return []*queue{q}
		}
		return nil
	case x.kind == kindDirect:
		return x.bound[key]
	}
	var list []*queue
	for _, qs := range x.bound {
		for _, q := range qs {
			if !slices.Contains(list, q) {
				list = append(list, q)
			}
		}
	}
	return list
}

// bind binds a queue; a second time changes nothing. With mu.
func (b *broker) bind(x *exchange, key string, q *queue) error {
	switch {
	case slices.Contains(x.bound[key], q):
		return nil
	case b.bindings >= maxBindings:
		return soft(codePrecondition, "PRECONDITION_FAILED - binding limit (%d) is reached", maxBindings)
	case x.bound == nil:
		x.bound = map[string][]*queue{}
	}
	b.bindings++
	x.bound[key] = append(x.bound[key], q)
	return nil
}

// unbind takes a binding away if it is there; the last one takes an auto-delete
// exchange along. With mu.
func (b *broker) unbind(x *exchange, key string, q *queue) {
	i := slices.Index(x.bound[key], q)
	if i < 0 {
		return
	}
	b.bindings--
	x.bound[key] = slices.Delete(x.bound[key], i, i+1)
	if len(x.bound[key]) == 0 {
		delete(x.bound, key)
	}
	if x.autoDelete && len(x.bound) == 0 {
		delete(b.exchanges, x.name)
	}
}

// exchange returns an exchange. With mu.
func (b *broker) exchange(name string) (*exchange, error) {
	if x := b.exchanges[name]; x != nil {
		return x, nil
	}
	return nil, soft(codeNotFound, "NOT_FOUND - no exchange '%s' in vhost '/'", name)
}

func (ch *channel) declareExchange(a *args) error {
	a.short()
	want := exchange{name: a.shortstr(), kind: a.shortstr()}
	passive := a.bit()
	want.durable, want.autoDelete, want.internal = a.bit(), a.bit(), a.bit()
	noWait := a.bit()
	a.table()
	if a.err != nil {
		return a.err
	}
	b := ch.b
	x := b.exchanges[want.name]
	switch {
	case passive:
		if _, err := b.exchange(want.name); err != nil {
			return err
		}
	case x != nil:
		if x.kind != want.kind || x.durable != want.durable || x.autoDelete != want.autoDelete || x.internal != want.internal {
			return soft(codePrecondition, "PRECONDITION_FAILED - inequivalent declaration of exchange '%s' in vhost '/'", want.name)
		}
	case strings.HasPrefix(want.name, "amq."):
		return soft(codeRefused, "ACCESS_REFUSED - exchange name '%s' contains reserved prefix 'amq.*'", want.name)
	case want.kind != kindDirect && want.kind != kindFanout:
		return hard(codeNotImplemented, "NOT_IMPLEMENTED - exchange type '%s'", want.kind)
	case len(b.exchanges) >= maxExchanges:
		return soft(codePrecondition, "PRECONDITION_FAILED - exchange limit (%d) is reached", maxExchanges)
	default:
		b.exchanges[want.name] = &want
	}
	ch.reply(noWait, exchangeDeclareOk)
	return nil
}

func (ch *channel) deleteExchange(a *args) error {
	a.short()
	name, ifUnused, noWait := a.shortstr(), a.bit(), a.bit()
	if a.err != nil {
		return a.err
	}
	x := ch.b.exchanges[name]
	switch {
	case name == "" || strings.HasPrefix(name, "amq."):
		return soft(codeRefused, "ACCESS_REFUSED - operation not permitted on the exchange '%s'", name)
	case x == nil: // deleting what is not there is fine
	case ifUnused && len(x.bound) > 0:
		return soft(codePrecondition, "PRECONDITION_FAILED - exchange '%s' in vhost '/' in use", name)
	default:
		for _, qs := range x.bound {
			ch.b.bindings -= len(qs)
		}
		delete(ch.b.exchanges, name)
	}
	ch.reply(noWait, exchangeDeleteOk)
	return nil
}
