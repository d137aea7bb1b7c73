package mysqld

import (
	"encoding/binary"
	"sync/atomic"
	"time"
)

// The replication dialect between two servers of this package, after a replica
// has logged in as any client does and sent COM_BINLOG_DUMP. The first byte of
// each packet says what it is.
const (
	pktEvent     = 0x00 // source: index after the event (uvarint), event
	pktHeartbeat = 0x01 // source
	pktRewind    = 0x02 // source: domain, seq (uvarints): take back what is newer, ask again
	pktHello     = 0x03 // source: server id (uvarint); first of all
	pktError     = 0xff // source: as everywhere in the protocol
	pktAck       = 0x00 // replica: index (uvarint)
	pktBye       = 0x01 // replica: I leave on purpose
)

// dumpRequest is what a replica asks for.
type dumpRequest struct {
	server    uint32
	heartbeat time.Duration
	pos       position
}

func (r dumpRequest) encode() []byte {
	b := []byte{comBinlogDump}
	b = binary.AppendUvarint(b, uint64(r.server))
	b = binary.AppendUvarint(b, uint64(max(r.heartbeat, 0)))
	return append(b, r.pos.String()...)
}

func decodeDump(b []byte) (dumpRequest, error) {
	d := &decoder{b: b}
	r := dumpRequest{server: uint32(d.uvarint()), heartbeat: time.Duration(d.uvarint())} //nolint:gosec // encode wrote them
	if d.bad {
		return r, errorf(1835, "HY000", "Malformed communication packet")
	}
	var err error
	r.pos, err = parsePosition(string(d.b))
	return r, err
}

// dump serves a replica until one side leaves.
func (ss *session) dump(body []byte) error {
	req, err := decodeDump(body)
	if err != nil {
		return err
	}
	b := ss.srv.log
	index, back, err := b.from(req.pos)
	if err != nil {
		return err
	}
	for d, seq := range back {
		p := binary.AppendUvarint([]byte{pktRewind}, uint64(d))
		if err := ss.send(binary.AppendUvarint(p, seq)); err != nil {
			return errGone
		}
		_ = ss.flush() // a failure shows at the next read
		return errGone // it asks again, on a new connection
	}
	gone := make(chan struct{})
	var bye atomic.Bool
	f := &follower{server: req.server, drop: ss.close}
	b.join(f, req.pos)
	defer func() { b.leave(f, bye.Load()) }()
	ss.srv.wg.Go(func() {
		defer close(gone)
		ss.readAcks(f, &bye)
	})
	defer func() {
		ss.close()
		<-gone
	}()
	if err := ss.send(binary.AppendUvarint([]byte{pktHello}, uint64(ss.srv.opt.ServerID))); err != nil {
		return errGone
	}
	if err := ss.flush(); err != nil {
		return errGone
	}
	if err := ss.stream(req, index, gone); err != nil {
		return errGone
	}
	return errGone
}

// readAcks runs until the replica leaves.
func (ss *session) readAcks(f *follower, bye *atomic.Bool) {
	for {
		p, err := ss.wire.read()
		if err != nil || len(p) == 0 {
			return
		}
		switch p[0] {
		case pktBye:
			bye.Store(true)
			return
		case pktAck:
			if n, l := binary.Uvarint(p[1:]); l > 0 {
				ss.srv.log.ack(f, n)
			}
		}
	}
}

// stream sends events as they come, and heartbeats when none come.
func (ss *session) stream(req dumpRequest, index uint64, gone <-chan struct{}) error {
	b := ss.srv.log
	beat := req.heartbeat
	if beat <= 0 {
		beat = 30 * time.Second
	}
	timer := time.NewTimer(beat)
	defer timer.Stop()
	for {
		changed := b.changed.wait()
		events, next, ok := b.read(index, 256)
		if !ok {
			return errPurged()
		}
		for i, e := range events {
			if e.hidden || e.id.seq <= req.pos[e.id.domain].seq {
				continue
			}
			p := binary.AppendUvarint([]byte{pktEvent}, index+uint64(i)+1) //nolint:gosec // i is small
			if err := ss.send(e.encode(p)); err != nil {
				return err
			}
		}
		index = next
		if len(events) > 0 {
			if err := ss.flush(); err != nil {
				return err
			}
			timer.Reset(beat)
			continue
		}
		select {
		case <-changed:
		case <-gone:
			return nil
		case <-ss.ctx.Done():
			return nil
		case <-timer.C:
			if err := ss.send([]byte{pktHeartbeat}); err != nil {
				return err
			}
			if err := ss.flush(); err != nil {
				return err
			}
			timer.Reset(beat)
		}
	}
}
