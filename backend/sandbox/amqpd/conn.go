package amqpd

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"time"
)

// conn is one connection: a reader, which also does what is asked, and a writer.
type conn struct {
	s   *Server
	b   *broker
	nc  net.Conn
	r   *bufio.Reader
	buf []byte
	out *outbox
	// beat hands the writer its heartbeat interval.
	beat chan time.Duration
	// dead is closed by kill.
	dead    chan struct{}
	killing sync.Once

	// Only the reader uses these.
	frameSize int
	silence   time.Duration // after so long without a frame the peer is gone; 0: never
	partial   int           // bytes of unfinished messages
	closing   bool          // we sent connection.close

	// Of the broker's lock.
	channels    map[uint16]*channel
	canCancel   bool // understands basic.cancel
	canBlock    bool // understands connection.blocked
	publishes   bool // has published
	toldBlocked bool
}

// errDone ends a connection in order.
var errDone = errors.New("done")

func newConn(s *Server, nc net.Conn) *conn {
	return &conn{
		s: s, b: s.b, nc: nc, r: bufio.NewReader(nc), out: newOutbox(),
		beat: make(chan time.Duration, 1), dead: make(chan struct{}),
		channels: map[uint16]*channel{}, frameSize: frameMax,
	}
}

// kill ends the connection at once.
func (c *conn) kill() {
	c.killing.Do(func() {
		close(c.dead)
		_ = c.nc.Close()
	})
}

// serve runs the connection until it ends.
func (c *conn) serve() {
	var writer sync.WaitGroup
	writer.Go(c.write)
	err := c.handshake()
	for err == nil {
		err = c.step()
	}
	c.b.leave(c)
	if !errors.Is(err, errDone) {
		c.kill() // nothing more can reach the peer
	}
	c.out.finish()
	late := time.AfterFunc(goodbyeTime, c.kill)
	writer.Wait()
	late.Stop()
}

// write sends what the outbox holds, and heartbeats.
func (c *conn) write() {
	var ticks <-chan time.Time // of the newest ticker; one that nobody holds is collected
	for {
		select {
		case <-c.dead:
			return
		case every := <-c.beat:
			ticks = time.NewTicker(every).C
			continue
		case <-ticks:
			c.out.add(func(b []byte) []byte { return append(b, frameHeartbeat, 0, 0, 0, 0, 0, 0, frameEnd) })
			continue
		case <-c.out.wake:
		}
		b, last := c.out.take()
		if len(b) > 0 {
			_ = c.nc.SetWriteDeadline(time.Now().Add(writeTime))
			if _, err := c.nc.Write(b); err != nil {
				c.kill()
				return
			}
		}
		if last {
			c.kill()
			return
		}
		c.out.giveBack(b)
		ring(c.out.drained)
		if len(b) > fullOutbox {
			c.b.resume(c)
		}
	}
}

// handshake greets, checks the password and agrees on limits.
func (c *conn) handshake() error {
	_ = c.nc.SetReadDeadline(time.Now().Add(handshakeTime))
	var head [8]byte
	if _, err := io.ReadFull(c.r, head[:]); err != nil {
		return err
	}
	want := []byte("AMQP\x00\x00\x09\x01")
	if !bytes.Equal(head[:], want) {
		c.out.add(func(b []byte) []byte { return append(b, want...) })
		return errDone
	}
	c.out.send(0, connectionStart, uint8(0), uint8(9), table{
		"capabilities": table{
			"publisher_confirms": true, "basic.nack": true, "consumer_cancel_notify": true,
			"connection.blocked": true, "authentication_failure_close": true, "per_consumer_qos": true,
		},
		"cluster_name": c.s.o.Name, "product": "RabbitMQ", "version": productVersion,
		"platform": "dutyops sandbox",
	}, longstr("PLAIN"), longstr("en_US"))

	a, err := c.expect(connectionStartOk)
	if err != nil {
		return err
	}
	caps, _ := a.table()["capabilities"].(table)
	c.canCancel, _ = caps["consumer_cancel_notify"].(bool)
	c.canBlock, _ = caps["connection.blocked"].(bool)
	mechanism, response := a.shortstr(), a.longstr()
	parts := strings.Split(response, "\x00")
	if a.err != nil || mechanism != "PLAIN" || len(parts) != 3 || !c.s.allowed(parts[1], parts[2]) {
		c.out.send(0, connectionClose, uint16(codeRefused), "ACCESS_REFUSED - Login was refused using authentication mechanism PLAIN. For details see the broker logfile.", uint16(0), uint16(0))
		return errDone
	}

	c.out.send(0, connectionTune, uint16(channelMax), uint32(frameMax), uint16(heartbeat))
	if a, err = c.expect(connectionTuneOk); err != nil {
		return err
	}
	a.short() // channels
	size, beat := a.long(), time.Duration(a.short())*time.Second
	if a.err != nil {
		return a.err
	}
	if size != 0 {
		c.frameSize = int(min(max(size, 4096), frameMax))
	}
	if a, err = c.expect(connectionOpen); err != nil {
		return err
	}
	if vhost := a.shortstr(); vhost != "/" {
		c.out.send(0, connectionClose, uint16(codeNotAllowed), "NOT_ALLOWED - vhost "+vhost+" not found", uint16(10), uint16(40))
		return errDone
	}
	c.out.send(0, connectionOpenOk, "")
	_ = c.nc.SetReadDeadline(time.Time{})
	if beat > 0 {
		c.silence = 2 * beat
		c.beat <- beat / 2
	}
	return nil
}

// expect reads the next frame, which must be the given method.
func (c *conn) expect(method uint32) (*args, error) {
	f, err := readFrame(c.r, &c.buf)
	if err != nil {
		return nil, err
	}
	if f.typ != frameMethod || f.channel != 0 || len(f.payload) < 4 || binary.BigEndian.Uint32(f.payload) != method {
		return nil, hard(codeUnexpected, "UNEXPECTED_FRAME during the handshake")
	}
	return &args{b: f.payload[4:]}, nil
}

// step reads one frame and does what it asks.
func (c *conn) step() error {
	if c.silence > 0 && !c.closing {
		_ = c.nc.SetReadDeadline(time.Now().Add(c.silence))
	}
	f, err := readFrame(c.r, &c.buf)
	if err == nil {
		err = c.frame(f)
	}
	var pe *protocolError
	if errors.As(err, &pe) {
		if c.closing {
			return errDone
		}
		err = c.refuse(f.channel, pe)
	}
	for err == nil && c.out.full() {
		select {
		case <-c.out.drained:
		case <-c.dead:
			return net.ErrClosed
		}
	}
	return err
}

// refuse tells the peer that its channel or its connection is closed, and why.
func (c *conn) refuse(id uint16, pe *protocolError) error {
	class, method := uint16(pe.method>>16), uint16(pe.method) //nolint:gosec // halves
	if pe.hard {
		c.closing = true
		c.b.leave(c)
		_ = c.nc.SetReadDeadline(time.Now().Add(goodbyeTime))
		c.out.send(0, connectionClose, pe.code, pe.text, class, method)
		return nil
	}
	c.b.mu.Lock()
	defer c.b.mu.Unlock()
	if ch := c.channels[id]; ch != nil {
		c.partial -= ch.dropPartial()
		c.b.closeChannel(ch)
		ch.closing = true
		c.channels[id] = ch // until the peer has said close-ok
	}
	c.out.send(id, channelClose, pe.code, pe.text, class, method)
	return nil
}

// frame does what a frame asks.
func (c *conn) frame(f frame) error {
	var method uint32
	if f.typ == frameMethod {
		if len(f.payload) < 4 {
			return hard(codeSyntax, "SYNTAX_ERROR - method frame of %d bytes", len(f.payload))
		}
		method = binary.BigEndian.Uint32(f.payload)
	}
	err := c.dispatch(f, method)
	var pe *protocolError
	if errors.As(err, &pe) && pe.method == 0 {
		pe.method = method
	}
	return err
}

func (c *conn) dispatch(f frame, method uint32) error {
	switch {
	case f.typ == frameHeartbeat:
		return nil
	case f.typ > frameBody || f.typ == 0:
		return hard(codeFrame, "FRAME_ERROR - type %d", f.typ)
	case f.typ == frameMethod && method == connectionCloseOk:
		return errDone
	case f.typ == frameMethod && method == connectionClose:
		c.b.leave(c)
		c.out.send(0, connectionCloseOk)
		return errDone
	case c.closing:
		return nil
	case f.channel == 0 || f.typ == frameMethod && method>>16 == 10:
		return hard(codeCommandInvalid, "COMMAND_INVALID - method %d.%d on channel %d", method>>16, method&0xffff, f.channel)
	}
	c.b.mu.Lock()
	ch := c.channels[f.channel]
	c.b.mu.Unlock()
	switch {
	case ch == nil && f.typ == frameMethod && method == channelOpen:
		return c.open(f.channel)
	case ch == nil && f.typ == frameMethod && method == channelCloseOk:
		return nil
	case ch == nil:
		return hard(codeChannel, "CHANNEL_ERROR - expected 'channel.open'")
	case f.typ == frameMethod && method == channelOpen:
		return hard(codeChannel, "CHANNEL_ERROR - second 'channel.open' seen")
	case f.typ == frameMethod && (method == channelClose || method == channelCloseOk):
		c.partial -= ch.dropPartial()
		c.b.mu.Lock()
		c.b.closeChannel(ch)
		c.b.mu.Unlock()
		if method == channelClose {
			c.out.send(f.channel, channelCloseOk)
		}
		return nil
	case ch.closing:
		return nil // sent before the peer knew
	case f.typ == frameHeader:
		return ch.header(f.payload)
	case f.typ == frameBody:
		return ch.content(f.payload)
	case ch.incoming != nil:
		return hard(codeUnexpected, "UNEXPECTED_FRAME - expected content of a message, got method %d.%d", method>>16, method&0xffff)
	}
	return ch.method(method, &args{b: f.payload[4:]})
}

// open opens a channel.
func (c *conn) open(id uint16) error {
	c.b.mu.Lock()
	defer c.b.mu.Unlock()
	if id > channelMax {
		return hard(codeNotAllowed, "NOT_ALLOWED - number of channels opened has reached the negotiated channel_max (%d)", channelMax)
	}
	c.channels[id] = &channel{c: c, b: c.b, id: id, consumers: map[string]*consumer{}}
	c.out.send(id, channelOpenOk, longstr(""))
	return nil
}

// hold waits while an alarm keeps publishers from publishing.
func (c *conn) hold() error {
	for {
		c.b.mu.Lock()
		c.publishes = true
		cleared := c.b.cleared
		c.b.tell(c)
		c.b.mu.Unlock()
		if cleared == nil {
			return nil
		}
		select {
		case <-cleared:
		case <-c.dead:
			return net.ErrClosed
		}
	}
}
