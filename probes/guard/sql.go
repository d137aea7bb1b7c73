package guard

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
)

// ErrBroke: the answer was so malformed that the client library's reader panicked.
var ErrBroke = errors.New("unreadable answer: it broke the reader")

// Connector makes a database driver survive what a server sends: a panic in it becomes
// ErrBroke and a connection of no more use. Nothing above the driver could catch it in
// time: database/sql opens connections on a goroutine of its own, and holds locks while
// it asks.
//
// Only statements without arguments are passed on to the driver directly.
func Connector(c driver.Connector) driver.Connector { return connector{c} }

type connector struct{ driver.Connector }

func (c connector) Connect(ctx context.Context) (dc driver.Conn, err error) {
	defer func() { caught(recover(), &err) }()
	dc, err = c.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	return &sqlConn{Conn: dc}, nil
}

// caught turns a panic r, if there was one, into the error of the function that recovers it.
func caught(r any, err *error) {
	if r != nil {
		*err = fmt.Errorf("%w: %v", ErrBroke, r)
	}
}

type sqlConn struct {
	driver.Conn
	broken bool
}

// note remembers that the conversation is out of step, so that the pool drops the
// connection.
func (c *sqlConn) note(r any, err *error) {
	if r != nil {
		c.broken = true
		*err = fmt.Errorf("%w: %v", ErrBroke, r)
	}
}

func (c *sqlConn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (rows driver.Rows, err error) {
	defer func() { c.note(recover(), &err) }()
	q, ok := c.Conn.(driver.QueryerContext)
	if !ok {
		return nil, driver.ErrSkip
	}
	rows, err = q.QueryContext(ctx, query, args)
	if err != nil {
		return nil, err
	}
	return &sqlRows{Rows: rows, c: c}, nil
}

func (c *sqlConn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (res driver.Result, err error) {
	defer func() { c.note(recover(), &err) }()
	e, ok := c.Conn.(driver.ExecerContext)
	if !ok {
		return nil, driver.ErrSkip
	}
	return e.ExecContext(ctx, query, args)
}

func (c *sqlConn) Ping(ctx context.Context) (err error) {
	defer func() { c.note(recover(), &err) }()
	if p, ok := c.Conn.(driver.Pinger); ok {
		return p.Ping(ctx)
	}
	return nil
}

func (c *sqlConn) ResetSession(ctx context.Context) (err error) {
	defer func() { c.note(recover(), &err) }()
	if r, ok := c.Conn.(driver.SessionResetter); ok {
		return r.ResetSession(ctx)
	}
	return nil
}

func (c *sqlConn) IsValid() bool {
	v, ok := c.Conn.(driver.Validator)
	return !c.broken && (!ok || v.IsValid())
}

func (c *sqlConn) Close() (err error) {
	defer func() { c.note(recover(), &err) }()
	return c.Conn.Close()
}

type sqlRows struct {
	driver.Rows
	c *sqlConn
}

func (r *sqlRows) Next(dest []driver.Value) (err error) {
	defer func() { r.c.note(recover(), &err) }()
	return r.Rows.Next(dest)
}

func (r *sqlRows) Close() (err error) {
	defer func() { r.c.note(recover(), &err) }()
	if r.c.broken {
		return nil // what is left cannot be read
	}
	return r.Rows.Close()
}
