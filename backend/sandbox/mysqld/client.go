package mysqld

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"strconv"
	"syscall"
	"time"
)

// dialTimeout bounds connecting to a source and logging in there.
const dialTimeout = 5 * time.Second

// connectSource logs in to another server of this package (or any MySQL) and
// returns the connection before its first command.
func connectSource(ctx context.Context, conf sourceConf) (*wire, error) {
	addr := net.JoinHostPort(conf.host, strconv.Itoa(conf.port))
	d := net.Dialer{Timeout: dialTimeout}
	conn, err := d.DialContext(ctx, "tcp", addr)
	if err != nil {
		var no syscall.Errno
		if errors.As(err, &no) {
			return nil, errorf(2003, "HY000", "Can't connect to server on '%s' (%d \"%s\")", conf.host, int(no), no.Error())
		}
		return nil, errorf(2003, "HY000", "Can't connect to server on '%s' (110 \"Connection timed out\")", conf.host)
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	_ = conn.SetDeadline(time.Now().Add(dialTimeout))
	w := newWire(conn)
	if err := w.login(conf); err != nil {
		_ = conn.Close()
		return nil, err
	}
	_ = conn.SetDeadline(time.Time{})
	return w, nil
}

// login answers the source's greeting.
func (w *wire) login(conf sourceConf) error {
	p, err := w.read()
	if err != nil {
		return errorf(2013, "HY000", "Lost connection to server at 'handshake: reading initial communication packet', system error: %s", firstWords(err.Error()))
	}
	r := &parser{b: p}
	if r.num(1) != 10 {
		return packetError(p)
	}
	r.nul()
	r.take(4)
	challenge := append([]byte(nil), r.take(8)...)
	r.take(1 + 2 + 1 + 2 + 2 + 1 + 10)
	challenge = append(challenge, r.take(12)...)
	if r.bad {
		return errorf(1043, "08S01", "Bad handshake")
	}
	b := binary.LittleEndian.AppendUint32(nil, capLongPassword|capLongFlag|capProtocol41|capTransactions|capSecureConn|capPluginAuth)
	b = binary.LittleEndian.AppendUint32(b, maxMessage)
	b = append(b, charsetUTF8)
	b = append(b, make([]byte, 23)...)
	b = append(b, conf.user...)
	b = append(b, 0)
	proof := scramble(conf.password, challenge)
	b = append(b, byte(len(proof)))
	b = append(b, proof...)
	b = append(b, nativePlugin...)
	if err := w.write(append(b, 0)); err != nil {
		return err
	}
	if err := w.flush(); err != nil {
		return err
	}
	if p, err = w.read(); err != nil {
		return errorf(2013, "HY000", "Lost connection to server at 'reading authorization packet'")
	}
	return packetError(p)
}

// packetError is nil for an OK packet, else the error that the packet carries.
func packetError(p []byte) error {
	if len(p) > 0 && p[0] == 0 {
		return nil
	}
	r := &parser{b: p}
	if r.num(1) != 0xff {
		return errorf(1043, "08S01", "Bad handshake: unexpected packet")
	}
	code := uint16(r.num(2)) //nolint:gosec // two bytes
	state := "HY000"
	if len(r.b) > 5 && r.b[0] == '#' {
		state = string(r.b[1:6])
		r.take(6)
	}
	return &sqlError{code: code, state: state, msg: string(r.b)}
}

// retryMessage words a failure to connect as SHOW SLAVE STATUS does.
func retryMessage(conf sourceConf, err *sqlError) string {
	return fmt.Sprintf("error connecting to master '%s@%s:%d' - retry-time: %d  maximum-retries: 100000  message: %s",
		conf.user, conf.host, conf.port, int(conf.retry/time.Second), err.msg)
}
