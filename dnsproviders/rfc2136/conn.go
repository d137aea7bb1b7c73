package rfc2136

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/miekg/dns"

	"github.com/dutyops/dutyops/dnsproviders"
)

// tsigFudge is the clock difference that RFC 8945 section 10 recommends to allow, in seconds.
const tsigFudge = 300

const hintPath = "check server, its firewall and that it listens on TCP"

// conn is one TCP connection for signed messages, used by one goroutine.
type conn struct {
	o *op
	c net.Conn
}

func (o *op) dial(ctx context.Context) (*conn, error) {
	limit := min(o.p.opt.Timeout, o.left())
	if limit <= 0 {
		return nil, o.budgetError()
	}
	d := net.Dialer{Timeout: limit}
	c, err := d.DialContext(ctx, "tcp", o.p.opt.Server)
	if err != nil {
		return nil, o.fail(dnsproviders.ErrUnavailable, "no connection: "+err.Error(), hintPath, err)
	}
	return &conn{o: o, c: c}, nil
}

func (o *op) budgetError() *dnsproviders.Error {
	return o.fail(dnsproviders.ErrUnavailable, fmt.Sprintf("the budget of %s is used up", o.p.opt.Budget), "try again, or raise the provider's budget", nil)
}

func (c *conn) close() { _ = c.c.Close() }

// errUnsigned: an answer without a valid signature says nothing.
var errUnsigned = errors.New("the answer is not signed with our key")

// exchange sends a message, signed, and returns the answer. An answer may come with an
// error: then only its response code can be of use. sent is false when nothing left.
func (c *conn) exchange(ctx context.Context, m *dns.Msg) (answer *dns.Msg, sent bool, err error) {
	limit := min(c.o.p.opt.Timeout, c.o.left())
	if limit <= 0 {
		return nil, false, c.o.budgetError()
	}
	if err := c.c.SetDeadline(time.Now().Add(limit)); err != nil {
		return nil, false, err
	}
	stop := context.AfterFunc(ctx, func() { _ = c.c.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	m.SetTsig(c.o.p.key, c.o.p.algo, tsigFudge, c.o.p.now().Unix())
	// A wire of its own for every message: the library would chain the signatures of one
	// connection, as if they were parts of a transfer.
	w := &dns.Conn{Conn: c.c, TsigSecret: c.o.secret}
	if err := w.WriteMsg(m); err != nil {
		return nil, true, fmt.Errorf("send: %w", err) // part of it may have left
	}
	r, err := w.ReadMsg()
	switch {
	case r == nil:
		return nil, true, fmt.Errorf("receive: %w", err)
	case r.Id != m.Id || !r.Response || r.Opcode != m.Opcode:
		return nil, true, errors.New("receive: the answer is to another question")
	case err != nil:
		return r, true, fmt.Errorf("receive: %w", err)
	case r.IsTsig() == nil:
		return r, true, errUnsigned
	}
	return r, true, nil
}
