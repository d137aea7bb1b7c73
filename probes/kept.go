package probes

import (
	"context"
	"sync"
	"time"
)

// renewAfter is how old a kept connection may get before the probe also checks
// that newcomers are let in: a server that lost its listener still answers those
// it has, and nobody else.
const renewAfter = 5 * time.Second

// kept holds one connection between probes. Probes that run at the same time get
// connections of their own.
type kept[T any] struct {
	open  func(context.Context, *conv) (T, error)
	shut  func(T)
	renew time.Duration

	mu     sync.Mutex
	idle   *keptConn[T]
	closed bool
}

type keptConn[T any] struct {
	v    T
	born time.Time
}

// with runs ask on a connection. ask's error means that the connection is of no
// more use; a kept one that fails is replaced once, as it may have died since the
// last probe. newcomer is the error that a new connection got while the kept one
// still answered.
func (k *kept[T]) with(ctx context.Context, c *conv, ask func(T) error) (newcomer, err error) {
	kc := k.take()
	if kc != nil {
		c.note("  on the connection kept from %s ago", Human(time.Since(kc.born)))
		err = ask(kc.v)
		if err == nil {
			return k.keepOrRenew(ctx, c, kc), nil
		}
		k.shut(kc.v)
		if Classify(err) == ClassTimeout || ctx.Err() != nil {
			return nil, err
		}
		c.note("  the kept connection failed (%s), trying a new one", clean(c.raw(err), 120))
	}
	v, err := k.open(ctx, c)
	if err != nil {
		return nil, err
	}
	if err := ask(v); err != nil {
		k.shut(v)
		return nil, err
	}
	k.put(&keptConn[T]{v: v, born: time.Now()})
	return nil, nil
}

func (k *kept[T]) keepOrRenew(ctx context.Context, c *conv, kc *keptConn[T]) error {
	if time.Since(kc.born) < k.renew {
		k.put(kc)
		return nil
	}
	v, err := k.open(ctx, c)
	if err != nil {
		k.put(kc)
		return err
	}
	k.shut(kc.v)
	k.put(&keptConn[T]{v: v, born: time.Now()})
	return nil
}

func (k *kept[T]) take() *keptConn[T] {
	k.mu.Lock()
	defer k.mu.Unlock()
	kc := k.idle
	k.idle = nil
	return kc
}

func (k *kept[T]) put(kc *keptConn[T]) {
	k.mu.Lock()
	spare := kc
	if k.idle == nil && !k.closed {
		k.idle, spare = kc, nil
	}
	k.mu.Unlock()
	if spare != nil {
		k.shut(spare.v)
	}
}

func (k *kept[T]) close() {
	k.mu.Lock()
	k.closed = true
	kc := k.idle
	k.idle = nil
	k.mu.Unlock()
	if kc != nil {
		k.shut(kc.v)
	}
}

// password caches a secret between logins, so that a rotated one is read again
// when the old one is refused, and a command behind it is not run every second.
type password struct {
	read Secret

	mu    sync.Mutex
	value string
	have  bool
}

// get returns the cached value, reading it the first time. ctx bounds the read,
// which may run a command.
func (p *password) get(ctx context.Context, c *conv) (string, error) {
	p.mu.Lock()
	v, have := p.value, p.have
	p.mu.Unlock()
	if have || p.read == nil {
		c.hide(v)
		return v, nil
	}
	v, _, err := p.reread(ctx, c, "")
	return v, err
}

// reread reads the secret again and tells whether it is another than the one that was
// refused: of several questions at the same time, each has to learn of the new one.
func (p *password) reread(ctx context.Context, c *conv, refused string) (value string, changed bool, err error) {
	if p.read == nil {
		return "", false, nil
	}
	type outcome struct {
		v   string
		err error
	}
	ch := make(chan outcome, 1)
	go func() {
		v, err := p.read()
		ch <- outcome{v, err}
	}()
	select {
	case o := <-ch:
		if o.err != nil {
			return "", false, joinErr(errSecret, o.err)
		}
		c.hide(o.v)
		p.mu.Lock()
		defer p.mu.Unlock()
		p.value, p.have = o.v, true
		return o.v, o.v != refused, nil
	case <-ctx.Done():
		return "", false, joinErr(errSecret, ctx.Err())
	}
}
