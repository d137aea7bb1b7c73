package mysqld

import (
	"context"
	"encoding/binary"
	"errors"
	"net"
	"time"
)

// errFatal marks errors after which the I/O thread stops instead of retrying.
type errFatal struct{ *sqlError }

// errAgain: the source asked for another start position; connect again at once.
var errAgain = errors.New("mysqld: ask again")

// runIO keeps a connection to the source and fills the relay.
func (r *replica) runIO(ctx context.Context) {
	for {
		r.mu.Lock()
		conf := r.conf
		r.io.state = "Connecting"
		r.mu.Unlock()
		err := r.follow(ctx, conf)
		if ctx.Err() != nil {
			return
		}
		var fatal errFatal
		switch {
		case errors.Is(err, errAgain):
			continue
		case errors.As(err, &fatal):
			r.fail(&r.io, fatal.code, fatal.msg)
			return
		}
		se := asSQL(err)
		msg := se.msg
		if se.code != 2013 {
			msg = retryMessage(conf, se)
		}
		r.fail(&r.io, se.code, msg)
		r.mu.Lock()
		r.io.state = "Connecting"
		r.mu.Unlock()
		t := time.NewTimer(max(conf.retry, 10*time.Millisecond))
		select {
		case <-t.C:
		case <-ctx.Done():
			t.Stop()
			return
		}
	}
}

// follow does one connection from login to its end.
func (r *replica) follow(ctx context.Context, conf sourceConf) error {
	w, err := connectSource(ctx, conf)
	if err != nil {
		return err
	}
	// Stopping says good-bye, so that the source does not wait for us; a server
	// that closes just goes.
	stop := context.AfterFunc(ctx, func() {
		if r.srv.ctx.Err() == nil {
			_ = w.conn.SetWriteDeadline(time.Now().Add(100 * time.Millisecond))
			if w.write([]byte{pktBye}) == nil {
				_ = w.flush() // good-bye is a courtesy
			}
		}
		_ = w.conn.Close()
	})
	defer func() {
		if stop() {
			_ = w.conn.Close()
		}
	}()
	r.mu.Lock()
	req := dumpRequest{server: r.srv.opt.ServerID, heartbeat: conf.heartbeat, pos: r.received.clone()}
	r.mu.Unlock()
	w.restart()
	if err := w.write(req.encode()); err != nil {
		return errLost()
	}
	if err := w.flush(); err != nil {
		return errLost()
	}
	for {
		_ = w.conn.SetReadDeadline(time.Now().Add(r.netTimeout()))
		p, err := w.read()
		if err != nil || len(p) == 0 {
			return errLost()
		}
		if err := r.packet(ctx, w, p); err != nil {
			return err
		}
	}
}

func errLost() error {
	return errorf(2013, "HY000", "error reconnecting to master - message: Lost connection to server during query")
}

// netTimeout is slave_net_timeout.
func (r *replica) netTimeout() time.Duration {
	r.srv.mu.Lock()
	defer r.srv.mu.Unlock()
	return max(time.Duration(toFloat(r.srv.settings["slave_net_timeout"])*float64(time.Second)), time.Second)
}

// packet handles what the source sent.
func (r *replica) packet(ctx context.Context, w *wire, p []byte) error {
	switch p[0] {
	case pktHello:
		id, _ := binary.Uvarint(p[1:])
		if id == uint64(r.srv.opt.ServerID) {
			return errFatal{errorf(1593, "HY000", "Fatal error: The slave I/O thread stops because master and slave have equal MySQL server ids; these ids must be different for replication to work (or the --replicate-same-server-id option must be used on slave but this does not always make sense; please check the manual before using it).")}
		}
		r.mu.Lock()
		r.io.state, r.io.errno, r.io.msg = "Yes", 0, ""
		r.mu.Unlock()
		r.changed.notify()
		return nil
	case pktHeartbeat:
		return nil
	case pktRewind:
		domain, l := binary.Uvarint(p[1:])
		seq, _ := binary.Uvarint(p[1+max(l, 0):])
		if err := r.rewind(uint32(domain), seq); err != nil { //nolint:gosec // the source sent 32 bits
			return err
		}
		return errAgain
	case pktEvent:
		index, l := binary.Uvarint(p[1:])
		if l <= 0 {
			return errEvent
		}
		e, err := decodeEvent(p[1+l:])
		if err != nil {
			return err
		}
		if err := r.receive(ctx, e); err != nil {
			return err
		}
		if err := w.write(binary.AppendUvarint([]byte{pktAck}, index)); err != nil {
			return errLost()
		}
		if w.r.Buffered() > 0 { // more is here already: one answer for all
			return nil
		}
		if err := w.flush(); err != nil {
			return errLost()
		}
		return nil
	case pktError:
		var se *sqlError
		if err := packetError(p); errors.As(err, &se) && se.code == 1236 {
			return errFatal{errorf(1236, "HY000", "Got fatal error 1236 from master when reading data from binary log: '%s'", se.msg)}
		} else if err != nil {
			return err
		}
	}
	return errEvent
}

// receive puts e into the relay.
func (r *replica) receive(ctx context.Context, e event) error {
	for {
		moved := r.changed.wait()
		r.mu.Lock()
		if len(r.relay) < maxRelay {
			r.relay = append(r.relay, e)
			r.received[e.id.domain] = e.id
			r.mu.Unlock()
			r.changed.notify()
			return nil
		}
		r.mu.Unlock()
		select {
		case <-moved:
		case <-ctx.Done():
			return net.ErrClosed
		}
	}
}

// rewind takes back what the source has taken back after a crash: its clients
// were told that these transactions failed. They must be the newest ones here.
func (r *replica) rewind(domain uint32, seq uint64) error {
	s := r.srv
	s.eng.mu.Lock()
	defer s.eng.mu.Unlock()
	r.mu.Lock()
	defer r.mu.Unlock()
	kept := r.relay[:0:0]
	for _, e := range r.relay {
		if e.id.domain != domain || e.id.seq <= seq {
			kept = append(kept, e)
		}
	}
	r.relay = kept
	if at := r.pos[domain]; at.seq > seq {
		gone, ok := s.log.rewind(domain, seq)
		if !ok {
			return errFatal{errorf(1236, "HY000", "Got fatal error 1236 from master when reading data from binary log: '%s'", asSQL(errPosition(at, "")).msg)}
		}
		if err := s.eng.undoEvents(gone); err != nil {
			return err
		}
		at.seq = seq
		if g, ok := s.log.position()[domain]; ok {
			at = g
		}
		r.pos[domain] = at
		if seq == 0 {
			delete(r.pos, domain)
		}
	}
	r.received = r.pos.clone()
	for _, e := range r.relay {
		r.received[e.id.domain] = e.id
	}
	r.changed.notify()
	return nil
}
